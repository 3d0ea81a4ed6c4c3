//! Networks that are quantised already are the float networks that they stand for.

mod common;

use common::{encode, int, ints, model, node, tensor, wave};
use convince_onnx::proto::{ModelProto, NodeProto, TensorProto, data_type};
use convince_onnx::{FloatGraph, NodeProblem, OnnxError, import};

const IMAGE: [i64; 4] = [1, 2, 4, 4];

fn load(nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> Result<FloatGraph, OnnxError> {
    import(&encode(&quantised(nodes, tensors)))
}

fn quantised(nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> ModelProto {
    model(&IMAGE, nodes, tensors)
}

fn bytes(name: &str, dims: &[i64], data_type: i32, values: &[i32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type,
        raw_data: values.iter().map(|&v| v as u8).collect(),
        ..TensorProto::default()
    }
}

fn plain(operator: &str, name: &str, inputs: &[&str]) -> NodeProto {
    node(operator, name, inputs, vec![])
}

/// Scales and zero points of the input, the weights and the output; the weights, one scale a channel; a bias.
fn parameters() -> Vec<TensorProto> {
    let weight: Vec<i32> = (0..54).map(|i| (i * 29) % 255 - 127).collect();
    vec![
        tensor("xs", &[], vec![1.0 / 64.0]),
        bytes("xz", &[], data_type::UINT8, &[128]),
        bytes("w", &[3, 2, 3, 3], data_type::INT8, &weight),
        tensor("ws", &[3], vec![0.01, 0.02, 0.005]),
        bytes("wz", &[3], data_type::INT8, &[0; 3]),
        tensor("ys", &[], vec![0.125]),
        bytes("yz", &[], data_type::UINT8, &[0]),
        TensorProto {
            name: "b".into(),
            dims: vec![3],
            data_type: data_type::INT32,
            int32_data: vec![640, -320, 64],
            ..TensorProto::default()
        },
        tensor("floats", &[3, 2, 3, 3], weight.iter().enumerate().map(|(i, &q)| q as f32 * SCALES[i / 18]).collect()),
        tensor("bias", &[3], vec![0.1, -0.1, 0.005]),
    ]
}

const SCALES: [f32; 3] = [0.01, 0.02, 0.005];

/// The same network in floats, with the output's clamp.
fn reference() -> FloatGraph {
    let nodes = vec![
        plain("Clip", "x", &["input", "low", "high"]),
        plain("Conv", "conv", &["x", "floats", "bias"]),
        plain("Clip", "y", &["conv", "zero", "most"]),
    ];
    let ends = [("low", -2.0), ("high", 127.0 / 64.0), ("zero", 0.0), ("most", 255.0 * 0.125)];
    let ends = ends.map(|(name, value)| tensor(name, &[], vec![value]));
    load(nodes, [parameters(), ends.to_vec()].concat()).expect("supported")
}

fn assert_same(found: &FloatGraph) {
    let input = wave(32, 7);
    let (found, expected) = (found.run(&input).expect("runs"), reference().run(&input).expect("runs"));
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    assert!(expected.iter().any(|&v| v > 0.0));
}

#[test]
fn pairs_of_quantisers_are_clamps() {
    let nodes = vec![
        plain("QuantizeLinear", "xq", &["input", "xs", "xz"]),
        plain("DequantizeLinear", "x", &["xq", "xs", "xz"]),
        node("DequantizeLinear", "wf", &["w", "ws", "wz"], vec![int("axis", 0)]),
        plain("Conv", "conv", &["x", "wf", "bias"]),
        plain("QuantizeLinear", "yq", &["conv", "ys", "yz"]),
        plain("DequantizeLinear", "y", &["yq", "ys", "yz"]),
    ];
    let found = load(nodes, parameters()).expect("supported");
    assert_eq!(found.operators().map(|(_, op)| op).collect::<Vec<_>>(), ["Clip", "Conv", "Clip"]);
    assert_same(&found);
}

#[test]
fn operators_on_integers_are_those_on_numbers() {
    let inputs = ["xt", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"];
    let nodes = vec![
        plain("QuantizeLinear", "xq", &["input", "xs", "xz"]),
        node("Transpose", "there", &["xq"], vec![ints("perm", &[0, 2, 3, 1])]),
        node("Transpose", "xt", &["there"], vec![ints("perm", &[0, 3, 1, 2])]),
        plain("QLinearConv", "yq", &inputs),
        plain("DequantizeLinear", "y", &["yq", "ys", "yz"]),
    ];
    assert_same(&load(nodes, parameters()).expect("supported"));
}

#[test]
fn products_of_integers_are_those_of_numbers() {
    let nodes = vec![
        plain("QuantizeLinear", "xq", &["input", "xs", "xz"]),
        plain("Flatten", "flat", &["xq"]),
        plain("QLinearMatMul", "yq", &["flat", "xs", "xz", "m", "ms", "mz", "zs", "zz"]),
        plain("DequantizeLinear", "y", &["yq", "zs", "zz"]),
    ];
    let matrix: Vec<i32> = (0..64).map(|i| i % 7).collect();
    let more = vec![
        bytes("m", &[32, 2], data_type::UINT8, &matrix),
        tensor("ms", &[], vec![0.5]),
        bytes("mz", &[], data_type::UINT8, &[3]),
        tensor("zs", &[], vec![1.0]),
        bytes("zz", &[], data_type::INT8, &[-5]),
    ];
    let found = load(nodes, [parameters(), more].concat()).expect("supported").run(&wave(32, 7)).expect("runs");
    let at = |o: usize| -> f32 {
        wave(32, 7).iter().enumerate().map(|(i, x)| x * 0.5 * (matrix[2 * i + o] - 3) as f32).sum()
    };
    for (o, &value) in found.iter().enumerate() {
        assert!((value - at(o).clamp(-123.0, 132.0)).abs() < 1e-4);
    }
}

#[test]
fn constants_are_rounded_where_a_file_quantises_them() {
    let nodes = vec![
        node("QuantizeLinear", "q", &["floats", "ws", "wz"], vec![int("axis", 0)]),
        node("DequantizeLinear", "wf", &["q", "ws", "wz"], vec![int("axis", 0)]),
        plain("Clip", "x", &["input", "low", "high"]),
        plain("Conv", "conv", &["x", "wf", "bias"]),
        plain("Clip", "y", &["conv", "zero", "most"]),
    ];
    let ends = [("low", -2.0), ("high", 127.0 / 64.0), ("zero", 0.0), ("most", 255.0 * 0.125)];
    let ends = ends.map(|(name, value)| tensor(name, &[], vec![value]));
    assert_same(&load(nodes, [parameters(), ends.to_vec()].concat()).expect("supported"));
}

#[test]
fn integers_are_not_taken_for_numbers() {
    let quantise = || plain("QuantizeLinear", "xq", &["input", "xs", "xz"]);
    let problem = |rest: NodeProto| match load(vec![quantise(), rest], parameters()) {
        Err(OnnxError::Node { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(plain("Relu", "y", &["xq"])), NodeProblem::Quantised(0));
    assert_eq!(problem(plain("Add", "y", &["bias", "xq"])), NodeProblem::Quantised(1));
    assert_eq!(problem(plain("MatMul", "y", &["xq", "floats"])), NodeProblem::Quantised(0));
    assert_eq!(problem(node("Cast", "y", &["xq"], vec![int("to", 1)])), NodeProblem::Quantised(0));
    assert_eq!(problem(plain("DequantizeLinear", "y", &["xq", "ys", "yz"])), NodeProblem::Rescaled(0));
    assert_eq!(problem(plain("DequantizeLinear", "y", &["input", "xs", "xz"])), NodeProblem::ElementType(0));
    assert_eq!(
        problem(plain("QuantizeLinear", "y", &["input", "bias", "xz"])),
        NodeProblem::Shape { what: "input", shape: vec![3] }
    );
}
