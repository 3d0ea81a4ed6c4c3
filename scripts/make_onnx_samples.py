#!/usr/bin/env python3
"""Write small ONNX models for the importer's tests to `vectors/onnx`.

    python scripts/make_onnx_samples.py

Needs PyPI `onnx` and `onnxruntime`; `scripts/make_mnist_vectors.sh` runs this in
a venv with the versions that made the committed files.

Each NAME comes as NAME.onnx, NAME.input.npy and NAME.output.npy. The weights are
random but seeded: these models test the way a graph is written, not accuracy.
The inputs are held-out digits as pixel/255, which an integer model represents exactly.
"""

import argparse
import sys
from pathlib import Path

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    sys.exit(f"make_onnx_samples: {missing}. In a venv: pip install onnx onnxruntime")

ROOT = Path(__file__).resolve().parent.parent
SEED = 20240502
OPSET = 13
IR_VERSION = 7
BATCH = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, default=ROOT / "vectors/mnist")
    parser.add_argument("--out", type=Path, default=ROOT / "vectors/onnx")
    args = parser.parse_args()

    pixels_file = args.mnist / "heldout-images.npy"
    if not pixels_file.is_file():
        sys.exit(f"make_onnx_samples: {pixels_file} is missing; scripts/train_lenet.py writes it")
    images = np.load(pixels_file)[:BATCH].astype(np.float32) / np.float32(255)

    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out, "mlp-matmul-add", mlp_matmul_add(), images.reshape(BATCH, 784))
    write(args.out, "keras-style-cnn", keras_style_cnn(), images)


def mlp_matmul_add():
    """784-32-10 with MatMul and Add in place of Gemm; weights are initialisers."""
    rng = np.random.RandomState(SEED)
    tensors = {
        "dense1.kernel": weights(rng, (784, 32), fan_in=784),
        "dense1.bias": biases(rng, 32),
        "dense2.kernel": weights(rng, (32, 10), fan_in=32),
        "dense2.bias": biases(rng, 10),
    }
    nodes = [
        node("MatMul", "dense1/matmul", ["input", "dense1.kernel"]),
        node("Add", "dense1/add", ["dense1/matmul", "dense1.bias"]),
        node("Relu", "dense1/relu", ["dense1/add"]),
        node("MatMul", "dense2/matmul", ["dense1/relu", "dense2.kernel"]),
        # The bias comes first: Add is commutative and exporters use both orders.
        node("Add", "output", ["dense2.bias", "dense2/matmul"]),
    ]
    initializers = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    return model("mlp-matmul-add", nodes, [784], initializers)


def keras_style_cnn():
    """Two convolutions and two dense layers, the way Keras converters write them.

    Weights and the Reshape's shape come from Constant nodes, Reshape takes the
    place of Flatten, and Dropout and Identity are left in the graph.
    """
    rng = np.random.RandomState(SEED + 1)
    nodes = [
        constant("conv2d/kernel", weights(rng, (4, 1, 3, 3), fan_in=9)),
        constant("conv2d/bias", biases(rng, 4)),
        node("Conv", "conv2d", ["input", "conv2d/kernel", "conv2d/bias"],
             kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        node("Relu", "activation", ["conv2d"]),
        node("MaxPool", "max_pooling2d", ["activation"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Identity", "max_pooling2d/identity", ["max_pooling2d"]),
        constant("conv2d_1/kernel", weights(rng, (8, 4, 3, 3), fan_in=36)),
        constant("conv2d_1/bias", biases(rng, 8)),
        node("Conv", "conv2d_1", ["max_pooling2d/identity", "conv2d_1/kernel", "conv2d_1/bias"],
             kernel_shape=[3, 3], strides=[1, 1]),
        node("Relu", "activation_1", ["conv2d_1"]),
        node("MaxPool", "max_pooling2d_1", ["activation_1"], kernel_shape=[2, 2], strides=[2, 2]),
        constant("dropout/ratio", np.float32(0.25)),
        node("Dropout", "dropout", ["max_pooling2d_1", "dropout/ratio"]),
        constant("flatten/shape", np.array([-1, 288], dtype=np.int64)),
        node("Reshape", "flatten", ["dropout", "flatten/shape"]),
        constant("dense/kernel", weights(rng, (288, 16), fan_in=288)),
        constant("dense/bias", biases(rng, 16)),
        node("MatMul", "dense/matmul", ["flatten", "dense/kernel"]),
        node("Add", "dense/add", ["dense/matmul", "dense/bias"]),
        node("Relu", "activation_2", ["dense/add"]),
        constant("dense_1/kernel", weights(rng, (16, 10), fan_in=16)),
        constant("dense_1/bias", biases(rng, 10)),
        node("MatMul", "dense_1/matmul", ["activation_2", "dense_1/kernel"]),
        node("Add", "dense_1/add", ["dense_1/matmul", "dense_1/bias"]),
        node("Identity", "output", ["dense_1/add"]),
    ]
    return model("keras-style-cnn", nodes, [1, 28, 28], [])


def weights(rng, shape, fan_in):
    bound = np.sqrt(6.0 / fan_in)
    return rng.uniform(-bound, bound, shape).astype(np.float32)


def biases(rng, size):
    return rng.uniform(-0.1, 0.1, size).astype(np.float32)


def node(op_type, name, inputs, **attributes):
    """A node with one output, which bears the node's name."""
    return helper.make_node(op_type, inputs, [name], name=name, **attributes)


def constant(name, value):
    return helper.make_node("Constant", [], [name], name=name,
                            value=numpy_helper.from_array(np.asarray(value), name))


def model(name, nodes, input_shape, initializers):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", *input_shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 10])],
        initializers,
    )
    made = helper.make_model(graph, producer_name="convince-samples",
                             opset_imports=[helper.make_opsetid("", OPSET)])
    made.ir_version = IR_VERSION
    onnx.checker.check_model(made, full_check=True)
    return made


def write(folder, name, made, sample):
    """Save the model, the sample and the output on which two evaluators agree."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    (output,) = session.run(None, {"input": sample})
    (expected,) = ReferenceEvaluator(made).run(None, {"input": sample})
    difference = float(np.abs(output - expected).max())
    if difference > 1e-5:
        sys.exit(f"make_onnx_samples: {name}: onnxruntime and onnx.reference differ by {difference}")

    (folder / f"{name}.onnx").write_bytes(made.SerializeToString(deterministic=True))
    np.save(folder / f"{name}.input.npy", np.ascontiguousarray(sample))
    np.save(folder / f"{name}.output.npy", output)
    print(f"{name}: output {output.shape}, onnx.reference differs by at most {difference:.1e}")


if __name__ == "__main__":
    main()
