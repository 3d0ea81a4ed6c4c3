"""Runs one phase of EZKL on a network that `src/systems/ezkl.rs` has written to a folder.

    drive.py FOLDER setup | witness [recompile] | prove | verify

network.json  layers, weights, input                                            (read by setup and witness)
public.json   input and output of the statement                                 (read by verify)
net.onnx, net.ezkl, settings.json, k.srs, pk, vk                                (made by setup)
witness.json, output.json                                                       (made by witness)
proof.bin     the proof without its public values                               (made by prove, read by verify)

The scale of all quantisations is 0, so that EZKL's fixed-point numbers are the network's integers: a multiply-accumulate is exact and a
division by a power of two is an integer division that rounds.
"""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import ezkl

# The order of BN254's scalar field.
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def export(folder):
    """The network as an ONNX file whose constants are integers."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    network = json.loads((folder / "network.json").read_text())
    nodes, constants = [], []

    def constant(values, shape):
        exact = np.array(values, dtype=np.int64).reshape(shape)
        name = f"c{len(constants)}"
        array = exact.astype(np.float32)
        if not (array.astype(np.int64) == exact).all():
            sys.exit(f"{name}: an integer that a float of 32 bits does not hold")
        constants.append(numpy_helper.from_array(array, name))
        return name

    def node(operator, *inputs, **attributes):
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    value, flat = "input", False
    for layer in network["layers"]:
        kind, channels = layer["kind"], layer.get("outputs")
        if kind == "dense":
            if not flat:
                value, flat = node("Flatten", value), True
            weights = np.array(layer["weights"], dtype=np.int64).reshape(channels, -1).T
            value = node("MatMul", value, constant(weights, weights.shape))
            value = node("Add", value, constant(layer["biases"], (1, channels)))
        elif kind == "conv":
            rows, columns = layer["kernel"]
            weights = constant(layer["weights"], (channels, -1, rows, columns))
            stride, padding = layer["stride"], layer["padding"]
            biases = constant(layer["biases"], (channels,))
            attributes = {"kernel_shape": [rows, columns], "strides": [stride] * 2, "pads": [padding] * 4}
            value = node("Conv", value, weights, biases, **attributes)
        elif kind == "requant":
            value = node("Div", value, constant(1 << layer["shift"], ()))
            value = node("Clip", value, constant(layer["low"], ()), constant(layer["high"], ()))
        elif kind == "max-pool":
            value = node("MaxPool", value, kernel_shape=[layer["size"]] * 2, strides=[layer["size"]] * 2)
        else:
            sys.exit(f"a layer of an unknown kind: {kind}")
    shape = [1, *network["input_shape"]]
    tensor = helper.make_tensor_value_info
    nodes[-1].output[0] = "output"
    ends = [tensor("input", TensorProto.FLOAT, shape)], [tensor("output", TensorProto.FLOAT, [1, network["num_outputs"]])]
    graph = helper.make_graph(nodes, "network", *ends, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / "net.onnx"))
    (folder / "input.json").write_text(json.dumps({"input_data": [network["input"]]}))


def arguments(bits, base_bits, log_rows):
    """Weights private, input and output public, all scales 0, numbers of `bits` bits cut into digits of `base_bits`."""
    run = ezkl.PyRunArgs()
    run.input_scale = run.param_scale = 0
    run.param_visibility = "private"
    run.input_visibility = run.output_visibility = "public"
    run.decomp_base = 1 << base_bits
    run.decomp_legs = math.ceil(bits / base_bits)
    run.logrows = log_rows
    run.check_mode = "unsafe"
    return run


def settings(folder, bits):
    """Settings with the digits for which one block of columns has the fewest rows, as users tune by hand."""
    path = folder / "settings.json"

    def made(base_bits, log_rows):
        ezkl.gen_settings(str(folder / "net.onnx"), str(path), py_run_args=arguments(bits, base_bits, log_rows))
        rows = json.loads(path.read_text())["num_rows"]
        # Rows of randomness at the end, and digits have to fit a column.
        return (max(rows, 1 << base_bits) + 16).bit_length(), rows, base_bits

    log_rows, _, base_bits = min(made(base_bits, 20) for base_bits in (8, 10, 12, 14))
    made(base_bits, log_rows)
    return log_rows


def setup(folder):
    export(folder)
    network = json.loads((folder / "network.json").read_text())
    log_rows = settings(folder, network["bits"])
    compile_circuit(folder)
    ezkl.gen_srs(str(folder / "k.srs"), log_rows)
    ok(ezkl.setup(*paths(folder, "net.ezkl", "vk", "pk", "k.srs")), "setup")
    made = json.loads((folder / "settings.json").read_text())
    (folder / "sizes.json").write_text(json.dumps({"log_rows": log_rows, "num_rows": made["num_rows"]}))


def compile_circuit(folder):
    ok(ezkl.compile_circuit(*paths(folder, "net.onnx", "net.ezkl", "settings.json")), "compiling the circuit")


def witness(folder):
    """With other weights, if network.json has changed since setup: the circuit is compiled again, keys stay."""
    if "recompile" in sys.argv[3:]:
        export(folder)
        compile_circuit(folder)
    made = ezkl.gen_witness(*paths(folder, "input.json", "net.ezkl", "witness.json", "vk", "k.srs"))
    outputs = [signed(felt) for felt in made["outputs"][0]]
    (folder / "output.json").write_text(json.dumps(outputs))


def prove(folder):
    ezkl.prove(*paths(folder, "witness.json", "net.ezkl", "pk", "proof.json", "k.srs"))
    proof = json.loads((folder / "proof.json").read_text())
    (folder / "proof.bin").write_bytes(bytes.fromhex(proof["hex_proof"].removeprefix("0x")))


def verify(folder):
    public = json.loads((folder / "public.json").read_text())
    proof = (folder / "proof.bin").read_bytes()
    instances = [[felt(value) for value in public["input"] + public["output"]]]
    claim = {
        "protocol": None,
        "instances": instances,
        "proof": list(proof),
        "hex_proof": "0x" + proof.hex(),
        "split": None,
        "pretty_public_inputs": None,
        "timestamp": None,
        "version": version("ezkl"),
    }
    (folder / "claim.json").write_text(json.dumps(claim))
    ok(ezkl.verify(*paths(folder, "claim.json", "settings.json", "vk", "k.srs")), "verify")


def felt(value):
    return (value % ORDER).to_bytes(32, "little").hex()


def signed(felt):
    value = int.from_bytes(bytes.fromhex(felt), "little")
    return value - ORDER if value > ORDER // 2 else value


def paths(folder, *names):
    return [str(folder / name) for name in names]


def ok(answer, what):
    if not answer:
        sys.exit(f"EZKL: {what} failed")


PHASES = {"setup": setup, "witness": witness, "prove": prove, "verify": verify}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[2] not in PHASES:
        sys.exit(__doc__)
    PHASES[sys.argv[2]](Path(sys.argv[1]))
