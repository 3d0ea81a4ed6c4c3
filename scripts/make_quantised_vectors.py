#!/usr/bin/env python3
"""Write quantised networks and the integers that ONNX Runtime computes, for `crates/onnx/tests/taken.rs`.

    python scripts/make_quantised_vectors.py            # into vectors/onnx/quantised

Needs PyPI `onnx` (1.23.2 made the committed files), `onnxruntime` (1.32.0) and `numpy`; seeded, so repeated runs give
the same files. `onnxruntime.quantization` quantises the trained LeNet-5 of `vectors/mnist` and small networks of seeded
weights; ONNX Runtime with its default optimisations, on a CPU, computes the integers.

NAME.onnx is the network. NAME.txt has a line for each quantised tensor: the node that computes it, its number of
elements, its zero point and its type; the first is the network's input, or the pixels that it normalises. NAME.npy, of bytes, has a row for each input:
all these tensors' elements, one after the other, in two's complement where they are signed. dense-mixed.onnx, which has
a product of floats in its middle, is alone.

Weights are of 7 bits where activations are unsigned and weights signed: without VNNI, x86 kernels of ONNX Runtime
saturate sums of two products at 16 bits otherwise, so that their integers depend on the machine.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
except ImportError as missing:
    sys.exit(f"make_quantised_vectors: {missing}. In a venv: pip install onnx onnxruntime numpy")

ROOT = Path(__file__).resolve().parent.parent
OPSET = 17


class Reader(CalibrationDataReader):
    """Calibration inputs, one at a time."""

    def __init__(self, name, inputs):
        self.feeds = iter([{name: image[None]} for image in inputs])

    def get_next(self):
        return next(self.feeds, None)


class Net:
    """A float network as it grows; every call adds a node and gives its output's name."""

    def __init__(self, seed, shape):
        self.random = np.random.default_rng(seed)
        self.nodes, self.tensors = [], []
        self.shape = shape

    def constant(self, name, values, kind=np.float32):
        self.tensors.append(numpy_helper.from_array(np.asarray(values, dtype=kind), name))
        return name

    def add(self, operator, inputs, **attributes):
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def weights(self, *shape):
        scale = np.sqrt(2 / np.prod(shape[1:]))
        # Channels of unlike sizes: their steps differ.
        sizes = np.exp(self.random.normal(0, 0.5, (shape[0],) + (1,) * (len(shape) - 1)))
        return self.random.normal(0, scale, shape) * sizes

    def conv(self, x, outputs, inputs, kernel, **attributes):
        place = len(self.nodes)
        weight = self.constant(f"w{place}", self.weights(outputs, inputs, *kernel))
        bias = self.constant(f"b{place}", self.random.normal(0, 0.3, outputs))
        return self.add("Conv", [x, weight, bias], **attributes)

    def gemm(self, x, outputs, inputs):
        place = len(self.nodes)
        weight = self.constant(f"w{place}", self.weights(outputs, inputs))
        bias = self.constant(f"b{place}", self.random.normal(0, 0.3, outputs))
        return self.add("Gemm", [x, weight, bias], transB=1)

    def model(self, output, outputs):
        info = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes, "net", [info("input", TensorProto.FLOAT, [1, *self.shape])],
            [info(output, TensorProto.FLOAT, [1, outputs])], self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="convince")
        model.ir_version = 8
        onnx.checker.check_model(model, full_check=True)
        return model


def residual():
    """Unequal padding, a residual sum, a maximum, means over windows and over the image, a concatenation, a product."""
    net = Net(7, (3, 16, 16))
    stem = net.add("Relu", [net.conv("input", 8, 3, (3, 3), pads=[0, 1, 2, 1])])
    pooled = net.add("MaxPool", [stem], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inner = net.add("Relu", [net.conv(pooled, 8, 8, (3, 3), pads=[1, 1, 1, 1])])
    inner = net.conv(inner, 8, 8, (3, 3), pads=[1, 1, 1, 1])
    total = net.add("Relu", [net.add("Add", [inner, pooled])])
    deep = net.conv(total, 8, 1, (3, 3), pads=[1, 1, 1, 1], group=8)
    deep = net.add("Clip", [deep, net.constant("zero", 0.0), net.constant("six", 1.5)])
    means = net.add("AveragePool", [total], kernel_shape=[2, 2], strides=[2, 2])
    strided = net.conv(deep, 6, 8, (1, 1), strides=[2, 2])
    both = net.add("Concat", [means, strided], axis=1)
    gated = net.add("Mul", [net.add("Sigmoid", [both]), both])
    image = net.add("GlobalAveragePool", [gated])
    flat = net.add("Flatten", [image])
    return net.model(net.gemm(flat, 5, 14), 5)


def dense():
    """Matrix products with sums behind them, as exporters from TensorFlow write dense layers; a leaky activation."""
    net = Net(11, (40,))
    x = "input"
    for (inputs, outputs) in [(40, 24), (24, 16), (16, 6)]:
        place = len(net.nodes)
        weight = net.constant(f"w{place}", net.weights(outputs, inputs).T)
        x = net.add("MatMul", [x, weight])
        x = net.add("Add", [x, net.constant(f"b{place}", net.random.normal(0, 0.3, outputs))])
        if outputs > 6:
            x = net.add("LeakyRelu", [x], alpha=0.1)
    return net.model(x, 6)


def normalised():
    """A convolution of pixels that the network itself normalises, before the first rounding."""
    net = Net(13, (3, 16, 16))
    apart = (3, 1, 1)
    mean = net.constant("mean", np.reshape([0.485, 0.456, 0.406], apart))
    deviation = net.constant("deviation", np.reshape([0.229, 0.224, 0.225], apart))
    x = net.add("Div", [net.add("Sub", ["input", mean]), deviation])
    x = net.add("Relu", [net.conv(x, 4, 3, (3, 3), strides=[2, 2], pads=[1, 1, 1, 1])])
    return net.model(net.gemm(net.add("Flatten", [x]), 4, 256), 4)


def ties():
    """A convolution from bytes to bytes whose scales' ratio is a quarter: every byte in, a tie at each fourth."""
    tensors = {
        "half": np.float32(0.5), "one": np.float32(1), "zero": np.uint8(0), "three": np.uint8(3),
        "w": np.ones((1, 1, 1, 1), np.uint8),
    }
    node = helper.make_node(
        "QLinearConv", ["input", "half", "three", "w", "half", "zero", "one", "zero"], ["output"], name="conv")
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node], "net", [info("input", TensorProto.UINT8, [1, 1, 16, 16])],
        [info("output", TensorProto.UINT8, [1, 1, 16, 16])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="convince")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "vectors/onnx/quantised")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    random = np.random.default_rng(3)
    images = np.load(ROOT / "vectors/mnist/heldout-images.npy")[:64].astype(np.float32) / np.float32(255)
    colours = random.random((64, 3, 16, 16), dtype=np.float32)
    lines = random.normal(0, 1, (64, 40)).astype(np.float32)
    lenet, net, mlp = onnx.load(ROOT / "vectors/mnist/lenet5.onnx"), residual(), dense()
    qdq, operators = QuantFormat.QDQ, QuantFormat.QOperator
    u8, s8 = QuantType.QUInt8, QuantType.QInt8
    write(out, "lenet5-qdq", lenet, images, 3, qdq, (u8, s8), per_channel=True, reduce_range=True)
    write(out, "residual-qdq", net, colours, 6, qdq, (u8, s8), per_channel=True, reduce_range=True)
    write(out, "residual-qdq-signed", net, colours, 4, qdq, (s8, s8), reduce_range=True, symmetric=True)
    write(out, "residual-qoperator", net, colours, 6, operators, (u8, u8))
    write(out, "dense-qdq", mlp, lines, 32, qdq, (u8, s8), per_channel=True, reduce_range=True)
    write(out, "dense-qoperator", mlp, lines, 32, operators, (u8, u8))
    write_as_it_is(out, "ties-bytes", ties(), np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16))
    pixels = random.integers(0, 256, (64, 3, 16, 16), dtype=np.uint8)
    made = quantised(normalised(), pixels / np.float32(255), qdq, (u8, s8), per_channel=True, reduce_range=True)
    write_as_it_is(out, "normalised-qdq", made, pixels[:6])
    mixed = quantised(mlp, lines, qdq, (u8, s8), reduce_range=True, nodes_to_exclude=["matmul3"])
    (out / "dense-mixed.onnx").write_bytes(mixed.SerializeToString(deterministic=True))
    files = sorted(file for file in out.iterdir())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (out / "SHA256SUMS").write_text("".join(sums))
    print(f"{sum(file.stat().st_size for file in files):,} bytes in {out}")


def write(folder, name, model, inputs, count, style, types, **options):
    """Quantises a network and runs it on the first `count` inputs."""
    write_as_it_is(folder, name, quantised(model, inputs, style, types, **options), inputs[:count])


def quantised(model, inputs, style, types, symmetric=False, **options):
    """The network, quantised on inputs."""
    extra = {"ActivationSymmetric": symmetric}
    value = model.graph.input[0].name
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "float.onnx", Path(scratch) / "quantised.onnx"
        onnx.save(model, source)
        quantize_static(source, target, Reader(value, inputs), quant_format=style, activation_type=types[0],
                        weight_type=types[1], extra_options=extra, **options)
        made = onnx.load(target)
    for entry in made.graph.value_info[:]:
        made.graph.value_info.remove(entry)
    return made


def write_as_it_is(folder, name, made, inputs):
    """Runs a quantised network, and writes it and its integers."""
    tensors = quantised_tensors(made)
    (folder / f"{name}.onnx").write_bytes(made.SerializeToString(deterministic=True))
    value = made.graph.input[0].name
    shown = onnx.ModelProto()
    shown.CopyFrom(made)
    del shown.graph.output[:]
    computed = [tensor for tensor in tensors if tensor[0] != value]
    for tensor, kind, *_ in computed:
        shown.graph.output.append(helper.make_tensor_value_info(tensor, kind, None))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(shown.SerializeToString(), options)
    is_float = made.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT
    if is_float and inputs.dtype == np.uint8:
        # What the network takes are floats, what the integer network takes are the pixels.
        tensors.insert(0, (value, TensorProto.UINT8, value, 0))
        results = [session.run(None, {value: image[None] / np.float32(255)}) for image in inputs]
    else:
        results = [session.run(None, {value: image[None]}) for image in inputs]
    if len(computed) < len(tensors):
        results = [[image, *arrays] for image, arrays in zip(inputs, results)]
    rows = [np.concatenate([np.asarray(array).reshape(-1).view(np.uint8) for array in arrays]) for arrays in results]
    np.save(folder / f"{name}.npy", np.stack(rows))
    text = ""
    for (_, kind, node, zero), array in zip(tensors, results[0]):
        text += f"{node} {array.size} {zero} {'i8' if kind == TensorProto.INT8 else 'u8'}\n"
    (folder / f"{name}.txt").write_text(text)
    print(f"{name}: {len(tensors)} tensors, {len(rows)} inputs")


def quantised_tensors(model):
    """Name, type, node and zero point of every tensor of 8 bits that is computed."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    zeros, found = {}, []
    first = model.graph.node[0]
    if first.op_type == "QLinearConv":
        # The network takes bytes.
        zeros[first.input[0]] = first.input[2]
        found.append((first.input[0], TensorProto.UINT8, first.input[0], int(constants[first.input[2]])))
    for node in model.graph.node:
        operator = node.op_type
        if node.input[0] in constants and operator != "QLinearConcat":
            continue
        if operator == "QuantizeLinear":
            zero = node.input[2]
        elif operator in ("QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul"):
            zero = node.input[7]
        elif operator == "QGemm":
            zero = node.input[8]
        elif operator == "QLinearConcat":
            zero = node.input[1]
        elif operator.startswith("QLinear"):
            zero = node.input[4]
        elif node.input[0] in zeros and operator != "DequantizeLinear":
            zero = zeros[node.input[0]]
        else:
            continue
        zeros[node.output[0]] = zero
        kind = TensorProto.INT8 if constants[zero].dtype == np.int8 else TensorProto.UINT8
        found.append((node.output[0], kind, node.name, int(constants[zero])))
    return found


if __name__ == "__main__":
    main()
