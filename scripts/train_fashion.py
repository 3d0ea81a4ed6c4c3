#!/usr/bin/python3
"""Train a small convolutional network on Fashion-MNIST and write `vectors/fashion`.

    /usr/bin/python3 scripts/train_fashion.py --data /usr/share/datasets/fashion-mnist --out vectors/fashion
    /usr/bin/python3 scripts/train_fashion.py --data /usr/share/datasets/fashion-mnist --arrays /tmp/fashion

The second form trains nothing: it writes all 10,000 test images and labels as arrays, for `convince eval` and the bench
`accuracy`. `scripts/make_fashion_vectors.sh` fetches the data, checks it and calls the first.

The network sees pixel/255, as the one of `train_lenet.py` does, whose training loop and exporter are used here.
"""

import argparse
import gzip
import sys
from pathlib import Path

# First, because it fixes the instruction set before torch is loaded.
from train_lenet import CLASSES, NUM_CALIBRATION, export, fit, infer, one_of_each_class_in_turn, write_pngs

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SEED = 20240602
SIDE = 28
NUM_TEST = 1_000
NUM_PARAMETERS = 33_194
# Each convolution's output channels, and whether a 2x2 max-pool follows.
CONVOLUTIONS = [(16, True), (32, False), (32, True), (64, False)]


class FashionNet(nn.Module):
    """Four 3x3 convolutions with batch norms, global average, one dense layer; 33,194 parameters once the norms are folded."""

    def __init__(self):
        super().__init__()
        channels = [1] + [channels for channels, _ in CONVOLUTIONS]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(channels, channels[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels, _ in CONVOLUTIONS)
        self.dense = nn.Linear(channels[-1], CLASSES)

    def forward(self, x):
        for convolution, norm, (_, pooled) in zip(self.convolutions, self.norms, CONVOLUTIONS):
            x = F.relu(norm(convolution(x)))
            x = F.max_pool2d(x, 2) if pooled else x
        return self.dense(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def main():
    args = parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    test_images, test_labels = load(args.data, "t10k", 10_000)
    if args.arrays:
        write_arrays(args.arrays, test_images, test_labels)
        return

    images, labels = load(args.data, "train", 60_000)
    model = FashionNet()
    fit(model, images, labels, args.epochs, distort)
    logits = infer(model, test_images)
    correct = logits.argmax(1) == test_labels
    print(f"test: {int(correct.sum())} of {len(correct)} correct, {int(correct[:NUM_TEST].sum())} of the first {NUM_TEST}")

    write_arrays(args.out, test_images[:NUM_TEST], test_labels[:NUM_TEST])
    np.save(args.out / "test-float-logits.npy", logits[:NUM_TEST])
    # The exporter folds the norms into the convolutions.
    export(model, args.out / "fashion.onnx")
    shown = one_of_each_class_in_turn(test_labels, CLASSES)
    write_pngs(args.out / "clothes", test_images[shown], test_labels[shown])
    calibration = one_of_each_class_in_turn(labels, NUM_CALIBRATION)
    write_pngs(args.out / "calibration", images[calibration], labels[calibration])


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of Debian's dataset-fashion-mnist")
    written = parser.add_mutually_exclusive_group(required=True)
    written.add_argument("--out", type=Path, help="train; usually vectors/fashion")
    written.add_argument("--arrays", type=Path, help="write the whole test set as arrays")
    parser.add_argument("--epochs", type=int, default=8)
    return parser.parse_args()


def load(folder, part, count):
    """Images as u8 [count,1,28,28] and labels as u8 [count], in the data set's order."""
    pixels = idx(folder / f"{part}-images-idx3-ubyte.gz", [count, SIDE, SIDE])
    return pixels.reshape(count, 1, SIDE, SIDE), idx(folder / f"{part}-labels-idx1-ubyte.gz", [count])


def idx(path, shape):
    """The bytes of an IDX file, whose header must say `shape`."""
    content = gzip.decompress(path.read_bytes())
    header = bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    if not content.startswith(header) or len(content) != len(header) + int(np.prod(shape)):
        sys.exit(f"train_fashion: {path} does not hold bytes of shape {shape}")
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


def write_arrays(folder, images, labels):
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "test-images.npy", images)
    np.save(folder / "test-labels.npy", labels)


def distort(x, pixels=2):
    """Half of the images mirrored, each shifted by up to `pixels` rows and columns."""
    n = len(x)
    x = torch.where(torch.rand(n, 1, 1, 1) < 0.5, x.flip(3), x)
    down, right = torch.randint(0, 2 * pixels + 1, (2, n))
    rows = down[:, None] + torch.arange(SIDE)
    columns = right[:, None] + torch.arange(SIDE)
    padded = F.pad(x, [pixels] * 4)
    return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


if __name__ == "__main__":
    main()
