#!/usr/bin/env python3
"""Write the ONNX project's own operator tests as files for `crates/onnx/tests/conformance.rs`.

    python scripts/make_onnx_conformance.py                    # the committed selection
    python scripts/make_onnx_conformance.py --all --out DIR    # every test of an operator that is imported

Needs PyPI `onnx` (1.23.2 made the committed files) and `numpy`. The cases are those of
`onnx.backend.test`: its node tests, and the PyTorch exports and light architectures in its data.

A network here has one input of floats with batch 1, and constant parameters. So each case keeps
its first input and turns the others into initialisers, and is fed one sample of its batch at a
time; a first input that has no batch axis becomes a row or an image that is reshaped in the graph.
NAME.onnx is the network; NAME.npy has a row for each sample: the input, then the expected output.
"""

import argparse
import hashlib
import sys
import warnings
from pathlib import Path

try:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnx.backend.test.case.node import collect_testcases
except ImportError as missing:
    sys.exit(f"make_onnx_conformance: {missing}. In a venv: pip install onnx numpy")

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(onnx.__file__).parent / "backend/test/data"
OPSET = 21

# Operators whose first axis is a batch: one sample at a time.
BATCHED = {
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool",
    "GlobalMaxPool", "LRN", "MaxPool", "PRelu", "SpaceToDepth",
}
# Node tests of these operators.
OPERATORS = BATCHED | {
    "Abs", "Add", "ArgMax", "Clip", "Concat", "Div", "Dropout", "Elu", "Erf", "Exp", "Expand", "Flatten",
    "Gather", "Gelu", "Gemm", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "MatMul", "Max",
    "Mean", "Min", "Mish", "Mul", "Neg", "Pad", "Pow", "Reciprocal", "ReduceMean", "ReduceSum", "Relu",
    "Reshape", "Resize", "Selu", "Sigmoid", "Slice", "Softmax", "Softplus", "Softsign", "Split", "Sqrt",
    "Squeeze", "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze", "Upsample",
}
# The committed selection: each operator in the forms that differ most.
SELECTION = """
averagepool_2d_ceil averagepool_2d_pads averagepool_2d_pads_count_include_pad averagepool_2d_same_lower
averagepool_2d_same_upper averagepool_1d_default basic_conv_with_padding basic_conv_without_padding
conv_with_autopad_same conv_with_strides_and_asymmetric_padding batchnorm_epsilon clip_default_min convtranspose
convtranspose_autopad_same convtranspose_dilations convtranspose_output_shape convtranspose_pads
convtranspose_1d convtranspose_group_2 depthtospace_crd_mode_example elu gelu_default_2 gelu_tanh_2 gemm_all_attributes
gelu_default_2_expanded hardswish_expanded globalaveragepool globalmaxpool
hardsigmoid hardswish leakyrelu lrn_default lrn matmul_2d maxpool_2d_ceil maxpool_2d_pads maxpool_2d_same_lower
maxpool_2d_precomputed_pads constant_pad prelu_broadcast reduce_mean_keepdims_random
resize_upsample_scales_nearest resize_upsample_sizes_nearest_ceil_half_pixel
resize_downsample_scales_nearest resize_upsample_sizes_nearest_floor_align_corners
selu sigmoid slice_neg_steps softplus_expanded_ver18 softplus spacetodepth_example split_variable_parts_2d_opset18
squeeze sum_example tanh transpose_all_permutations_3 unsqueeze_axis_1 argmax_keepdims_random mul_bcast
pytorch_Conv2d_depthwise_with_multiplier pytorch_Conv2d_groups_thnn pytorch_Conv2d_dilated pytorch_Conv1d_pad2size1
pytorch_PReLU_2d pytorch_PixelShuffle pytorch_MaxPool2d pytorch_operator_chunk
""".split()
# Left out of the selection's size limit on purpose: none may be larger than this.
MAX_FILE = 64 << 10


class Skip(Exception):
    """Why a case is not one of a network with one float input."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every case, not the committed selection")
    parser.add_argument("--out", type=Path, default=ROOT / "vectors/onnx/conformance")
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    args.out.mkdir(parents=True, exist_ok=True)
    for old in [*args.out.glob("*.onnx"), *args.out.glob("*.npy")]:
        old.unlink()
    written, skipped = [], {}
    for name, load in cases(args.all):
        if not args.all and name not in SELECTION:
            continue
        try:
            model, rows = convert(*load())
            write(args.out, name, model, rows, limited=not args.all)
            written.append(name)
        except Skip as why:
            skipped.setdefault(str(why), []).append(name)
    missing = set(SELECTION) - set(written)
    if not args.all:
        if missing:
            sys.exit(f"make_onnx_conformance: not made: {sorted(missing)}: {skipped}")
        write_sums(args.out)
    for why, names in sorted(skipped.items()):
        print(f"skipped, {why}: {' '.join(names)}")
    print(f"{len(written)} cases in {args.out}")


def cases(with_light):
    """Names, and functions that give a model and its data sets."""
    for case in collect_testcases(None):
        first = case.model.graph.node[0].op_type if case.model.graph.node else None
        base = case.name.removeprefix("test_").removesuffix("_expanded")
        if first in OPERATORS or (case.name.endswith("_expanded") and base in EXPANDED):
            yield case.name.removeprefix("test_"), lambda case=case: (case.model, case.data_sets)
    for kind, prefix in [("pytorch-converted", "pytorch_"), ("pytorch-operator", "pytorch_")]:
        for folder in sorted((DATA / kind).iterdir()):
            yield prefix + folder.name.removeprefix("test_"), lambda folder=folder: load_folder(folder)
    if with_light:
        for file in sorted((DATA / "light").glob("light_*.onnx")):
            yield file.stem, lambda file=file: load_light(file)


# Function bodies of these are written with operators that are imported.
EXPANDED = {
    "gelu_default_1", "gelu_default_2", "gelu_tanh_1", "gelu_tanh_2", "hardswish", "mish", "softplus", "softsign",
    "elu", "selu", "leakyrelu", "hardsigmoid", "relu", "prelu_example", "prelu_broadcast",
}


def load_folder(folder):
    model = onnx.load(folder / "model.onnx")
    sets = []
    for data in sorted(folder.glob("test_data_set_*")):
        read = lambda kind: [load_tensor(file) for file in
                             sorted(data.glob(f"{kind}_*.pb"), key=lambda f: int(f.stem.split("_")[1]))]
        sets.append((read("input"), read("output")))
    return model, sets


def load_light(file):
    """The input is that of ONNX's own runner, a ramp from 0 to 1; the output is committed with the model."""
    model = onnx.load(file)
    parameters = {tensor.name for tensor in model.graph.initializer}
    (value,) = [value for value in model.graph.input if value.name not in parameters]
    shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
    ramp = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
    output = file.with_name(f"{file.stem}_output_0.pb")
    if not output.is_file():
        raise Skip("no expected output")
    return model, [([ramp], [load_tensor(output)])]


def load_tensor(file):
    tensor = TensorProto()
    tensor.ParseFromString(file.read_bytes())
    return numpy_helper.to_array(tensor)


def convert(model, data_sets):
    """A model of one input of batch 1, and rows of inputs and outputs."""
    inputs, outputs = data_sets[0]
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    parameters = {tensor.name for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in parameters]
    if not inputs or not hasattr(inputs[0], "dtype") or inputs[0].dtype != np.float32:
        raise Skip("the first input is no tensor of floats")
    if not all(hasattr(array, "dtype") for array in [*inputs, *outputs]):
        raise Skip("sequences")
    if len(values) > len(inputs):
        raise Skip("inputs that are left out")
    if inputs[0].size == 0 or outputs[0].size == 0:
        raise Skip("empty tensors")
    for value, array in list(zip(values, inputs))[1:]:
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), value.name))
        graph.input.remove(value)
    pick_output(graph, outputs)
    for entry in made.opset_import:
        if entry.domain in ("", "ai.onnx"):
            entry.version = min(max(entry.version, 9), OPSET)
    first, array = graph.input[0] if len(graph.input) == 1 else values[0], inputs[0]
    expected = np.asarray(outputs[0])
    del graph.value_info[:]

    batched = graph.node[0].op_type in BATCHED and array.ndim <= 4 and len(graph.node) == 1
    if array.ndim >= 2 and array.ndim <= 4 and array.shape[0] == 1:
        samples, results = array, expected.reshape(1, -1)
    elif batched and array.ndim >= 2 and expected.shape[:1] == array.shape[:1]:
        samples, results = array, expected.reshape(len(array), -1)
        set_shape(first, [1, *array.shape[1:]])
    elif array.ndim <= 3:
        samples, results = array[None], expected.reshape(1, -1)
        if array.ndim == 0:
            samples = array.reshape(1, 1)
        prepend(graph, first, samples.shape, array.shape)
    else:
        samples, results = array.reshape(1, -1), expected.reshape(1, -1)
        prepend(graph, first, samples.shape, array.shape)
    rows = np.concatenate([samples.reshape(len(samples), -1), results.astype(np.float32)], axis=1)
    if not np.isfinite(rows).all():
        raise Skip("values that are not finite")
    return made, rows


def pick_output(graph, outputs):
    """The first output alone; of several that are floats, all of them in one row."""
    if len(graph.output) > 1:
        dropped = {value.name for value in list(graph.output)[1:]}
        producer = graph.node[0]
        if producer.op_type == "Split":
            shapes = [output.reshape(-1) for output in outputs]
            names = []
            for value in graph.output:
                graph.node.append(helper.make_node("Reshape", [value.name, "flat"], [f"{value.name}.flat"]))
                names.append(f"{value.name}.flat")
            graph.initializer.append(numpy_helper.from_array(np.array([1, -1], dtype=np.int64), "flat"))
            graph.node.append(helper.make_node("Concat", names, ["all"], axis=1))
            del graph.output[:]
            graph.output.append(helper.make_tensor_value_info("all", TensorProto.FLOAT, None))
            outputs[:] = [np.concatenate(shapes)]
            return
        for node in graph.node:
            for place, name in enumerate(node.output):
                if name in dropped:
                    node.output[place] = ""
        for value in list(graph.output)[1:]:
            graph.output.remove(value)


def set_shape(value, shape):
    value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, list(shape)))


def prepend(graph, value, shape, target):
    """The input as `shape`, reshaped to `target` in the graph."""
    name = value.name
    value.CopyFrom(helper.make_tensor_value_info(f"{name}.in", TensorProto.FLOAT, list(shape)))
    graph.initializer.append(numpy_helper.from_array(np.array(target, dtype=np.int64), f"{name}.shape"))
    graph.node.insert(0, helper.make_node("Reshape", [f"{name}.in", f"{name}.shape"], [name]))


def write(folder, name, model, rows, limited):
    content = model.SerializeToString(deterministic=True)
    if limited and len(content) + rows.nbytes > MAX_FILE:
        raise Skip(f"{len(content) + rows.nbytes} bytes")
    (folder / f"{name}.onnx").write_bytes(content)
    np.save(folder / f"{name}.npy", np.ascontiguousarray(rows, dtype=np.float32))


def write_sums(folder):
    files = sorted([*folder.glob("*.onnx"), *folder.glob("*.npy")])
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
