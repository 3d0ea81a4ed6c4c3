//! What exporters write in several nodes and means one operator.

mod common;

use common::{constant, encode, float, int, int_tensor, ints, model, node, noise, string, tensor, wave};
use convince_onnx::proto::{ModelProto, NodeProto, TensorProto};
use convince_onnx::{FloatGraph, import};

fn load(model: &ModelProto) -> FloatGraph {
    import(&encode(model)).expect("supported")
}

fn operators(graph: &FloatGraph) -> Vec<&'static str> {
    graph.operators().map(|(_, operator)| operator).collect()
}

/// The operators that nodes come to, and the outputs for a wave.
fn made(input: &[i64], nodes: Vec<NodeProto>, tensors: Vec<TensorProto>) -> (Vec<&'static str>, Vec<f32>) {
    let graph = load(&model(input, nodes, tensors));
    let len = graph.input_shape().iter().product();
    (operators(&graph), graph.run(&wave(len, 3)).expect("runs"))
}

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() < 1e-5, "{place}: {a} {b}");
    }
}

const IMAGE: [i64; 4] = [1, 4, 6, 6];

fn scalar(name: &str, value: f32) -> TensorProto {
    tensor(name, &[], vec![value])
}

fn plain(operator: &str, name: &str, inputs: &[&str]) -> NodeProto {
    node(operator, name, inputs, vec![])
}

fn conv(name: &str, input: &str, weight: &str) -> NodeProto {
    node("Conv", name, &[input, weight], vec![ints("pads", &[1; 4])])
}

#[test]
fn spelled_out_activations_are_recognised() {
    let silu = vec![plain("Sigmoid", "s", &["input"]), plain("Mul", "y", &["input", "s"])];
    assert_eq!(made(&IMAGE, silu, vec![]).0, ["Silu"]);
    let gelu = |order: bool| {
        let halves = if order { ["half", "input"] } else { ["input", "half"] };
        vec![
            plain("Div", "d", &["input", "root2"]),
            plain("Erf", "e", &["d"]),
            plain("Add", "a", &["e", "one"]),
            plain("Mul", "h", &halves),
            plain("Mul", "y", &["h", "a"]),
        ]
    };
    let last = vec![
        plain("Div", "d", &["input", "root2"]),
        plain("Erf", "e", &["d"]),
        plain("Add", "a", &["one", "e"]),
        plain("Mul", "m", &["input", "a"]),
        plain("Mul", "y", &["m", "half"]),
    ];
    let constants = || vec![scalar("root2", std::f32::consts::SQRT_2), scalar("one", 1.0), scalar("half", 0.5)];
    let expected = made(&IMAGE, vec![plain("Gelu", "y", &["input"])], vec![]);
    for nodes in [gelu(false), gelu(true), last] {
        let found = made(&IMAGE, nodes, constants());
        assert_eq!(found.0, ["Gelu"]);
        assert_close(&found.1, &expected.1);
    }
    let swish = vec![
        plain("Add", "a", &["input", "three"]),
        plain("Clip", "c", &["a", "zero", "six"]),
        plain("Mul", "m", &["input", "c"]),
        plain("Div", "y", &["m", "six"]),
    ];
    let constants = vec![scalar("three", 3.0), scalar("zero", 0.0), scalar("six", 6.0)];
    assert_eq!(made(&IMAGE, swish[..3].to_vec(), constants.clone()).0, ["a composed function"]);
    assert_eq!(made(&IMAGE, swish, constants.clone()).0, ["HardSwish"]);
    let sigmoid = vec![
        plain("Add", "a", &["input", "three"]),
        plain("Clip", "c", &["a", "zero", "six"]),
        plain("Div", "y", &["c", "six"]),
    ];
    assert_eq!(made(&IMAGE, sigmoid, constants).0, ["HardSigmoid"]);
    let softplus = vec![plain("Exp", "e", &["input"]), plain("Add", "a", &["e", "one"]), plain("Log", "y", &["a"])];
    assert_eq!(made(&IMAGE, softplus, vec![scalar("one", 1.0)]).0, ["Softplus"]);
}

#[test]
fn gelu_by_tanh_is_recognised() {
    let nodes = vec![
        plain("Pow", "cube", &["input", "three"]),
        plain("Mul", "m", &["cube", "k"]),
        plain("Add", "a", &["input", "m"]),
        plain("Mul", "s", &["a", "root"]),
        plain("Tanh", "t", &["s"]),
        plain("Add", "p", &["t", "one"]),
        plain("Mul", "x", &["input", "p"]),
        plain("Mul", "y", &["x", "half"]),
    ];
    let constants = vec![
        scalar("three", 3.0),
        scalar("k", 0.044715),
        scalar("root", (2.0 / std::f32::consts::PI).sqrt()),
        scalar("one", 1.0),
        scalar("half", 0.5),
    ];
    let gelu = vec![node("Gelu", "y", &["input"], vec![string("approximate", "tanh")])];
    let (found, expected) = (made(&IMAGE, nodes, constants), made(&IMAGE, gelu, vec![]));
    assert_eq!(found.0, ["Gelu"]);
    assert_close(&found.1, &expected.1);
}

fn norm(name: &str, input: &str) -> NodeProto {
    node("BatchNormalization", name, &[input, "scale", "offset", "mean", "var"], vec![float("epsilon", 0.1)])
}

fn norm_tensors(channels: i64) -> Vec<TensorProto> {
    let positive = wave(channels as usize, 5).iter().map(|v| v.abs()).collect();
    let others = ["scale", "offset", "mean"].map(|name| noise(name, &[channels]));
    [others.to_vec(), vec![tensor("var", &[channels], positive)]].concat()
}

#[test]
fn batch_normalisations_are_folded_where_nothing_else_reads_the_convolution() {
    let tensors = [norm_tensors(3), vec![noise("w", &[3, 4, 3, 3])]].concat();
    let alone = made(&IMAGE, vec![conv("c", "input", "w"), norm("n", "c")], tensors.clone());
    assert_eq!(alone.0, ["Conv"]);
    let shared = vec![conv("c", "input", "w"), norm("n", "c"), plain("Add", "y", &["c", "n"])];
    let shared = made(&IMAGE, shared, tensors.clone());
    assert_eq!(shared.0, ["Conv", "Conv", "Linear"]);
    let convolved = made(&IMAGE, vec![conv("c", "input", "w")], tensors.clone()).1;
    let sums: Vec<f32> = convolved.iter().zip(&alone.1).map(|(a, b)| a + b).collect();
    assert_close(&shared.1, &sums);
    let at = |name: usize, c: usize| tensors[name].float_data[c];
    let expected: Vec<f32> = convolved
        .iter()
        .enumerate()
        .map(|(i, x)| (i / 36, x))
        .map(|(c, x)| at(0, c) * (x - at(2, c)) / (at(3, c) + 0.1).sqrt() + at(1, c))
        .collect();
    assert_close(&alone.1, &expected);
    assert_eq!(made(&IMAGE, vec![norm("n", "input")], norm_tensors(4)).0, ["Conv"]);
}

#[test]
fn zeros_around_an_image_are_padding() {
    let pad = node("Pad", "p", &["input", "pads"], vec![]);
    let valid = plain("Conv", "y", &["p", "w"]);
    let tensors = || vec![int_tensor("pads", &[0, 0, 1, 0, 0, 0, 2, 1]), noise("w", &[3, 4, 3, 3])];
    let found = made(&IMAGE, vec![pad, valid], tensors());
    let given = node("Conv", "y", &["input", "w"], vec![ints("pads", &[1, 0, 2, 1])]);
    let expected = made(&IMAGE, vec![given], tensors());
    assert_eq!(found, expected);
    assert_eq!(found.0, ["Conv"]);
}

#[test]
fn transposes_that_meet_their_opposites_are_nothing() {
    let order = |name: &str, input: &str, order: &[i64]| node("Transpose", name, &[input], vec![ints("perm", order)]);
    let nodes = vec![
        order("a", "input", &[0, 3, 1, 2]),
        conv("c", "a", "w"),
        order("b", "c", &[0, 2, 3, 1]),
        plain("Relu", "r", &["b"]),
        plain("Add", "bias", &["r", "v"]),
        order("d", "bias", &[0, 3, 1, 2]),
        node("MaxPool", "p", &["d"], vec![ints("kernel_shape", &[2, 2])]),
        order("e", "p", &[0, 2, 3, 1]),
        node("ReduceMean", "m", &["e"], vec![ints("axes", &[1, 2]), int("keepdims", 0)]),
        plain("MatMul", "y", &["m", "dense"]),
    ];
    let tensors = || vec![noise("w", &[3, 4, 3, 3]), noise("v", &[3]), noise("dense", &[3, 2])];
    let graph = load(&model(&[-1, 6, 6, 4], nodes, tensors()));
    assert_eq!(graph.input_shape(), [1, 4, 6, 6]);
    assert_eq!(operators(&graph), ["Conv", "Relu", "Conv", "MaxPool", "Linear", "Gemm"]);
    let direct = vec![
        conv("c", "input", "w"),
        plain("Relu", "r", &["c"]),
        plain("Add", "bias", &["r", "v1"]),
        node("MaxPool", "p", &["bias"], vec![ints("kernel_shape", &[2, 2])]),
        plain("GlobalAveragePool", "g", &["p"]),
        plain("Flatten", "f", &["g"]),
        plain("MatMul", "y", &["f", "dense"]),
    ];
    let vector = TensorProto { name: "v1".into(), dims: vec![3, 1, 1], ..noise("v", &[3]) };
    let expected = made(&IMAGE, direct, [tensors(), vec![vector]].concat()).1;
    assert_close(&graph.run(&wave(144, 3)).expect("runs"), &expected);
}

#[test]
fn flattening_in_another_order_permutes_the_matrix() {
    let nodes = vec![
        conv("c", "input", "w"),
        node("Transpose", "t", &["c"], vec![ints("perm", &[0, 2, 3, 1])]),
        plain("Flatten", "f", &["t"]),
        plain("MatMul", "y", &["f", "dense"]),
    ];
    let tensors = vec![noise("w", &[3, 4, 3, 3]), noise("dense", &[108, 2])];
    let found = made(&IMAGE, nodes, tensors.clone());
    assert_eq!(found.0, ["Conv", "Gemm"]);
    let convolved = made(&IMAGE, vec![conv("c", "input", "w")], tensors.clone()).1;
    let dense = &tensors[1].float_data;
    let at = |o: usize| -> f32 { (0..108).map(|i| convolved[i % 3 * 36 + i / 3] * dense[i * 2 + o]).sum() };
    assert_close(&found.1, &[at(0), at(1)]);
}

#[test]
fn a_channel_shuffle_is_one_map() {
    let nodes = vec![
        plain("Reshape", "a", &["input", "apart"]),
        node("Transpose", "t", &["a"], vec![ints("perm", &[0, 2, 1, 3, 4])]),
        plain("Reshape", "y", &["t", "together"]),
    ];
    let tensors = vec![int_tensor("apart", &[0, 2, 2, 6, 6]), int_tensor("together", &[0, -1, 6, 6])];
    let (found, values) = made(&IMAGE, nodes, tensors);
    assert_eq!(found, ["Linear"]);
    let input = wave(144, 3);
    let expected = [0, 2, 1, 3].map(|c| &input[c * 36..][..36]).concat();
    assert_eq!(values, expected);
}

#[test]
fn shapes_that_exporters_compute_are_constants() {
    // x.view(x.size(0), -1), as PyTorch and TensorFlow write it.
    let index = |name: &str, value: i64| constant(name, int_tensor("", &[value]));
    let pytorch = vec![
        plain("Shape", "shape", &["input"]),
        constant("zero", TensorProto { dims: vec![], ..int_tensor("", &[0]) }),
        node("Gather", "batch", &["shape", "zero"], vec![int("axis", 0)]),
        node("Unsqueeze", "b", &["batch"], vec![ints("axes", &[0])]),
        index("rest", -1),
        node("Concat", "target", &["b", "rest"], vec![int("axis", 0)]),
        plain("Reshape", "flat", &["input", "target"]),
        plain("MatMul", "y", &["flat", "w"]),
    ];
    let tensorflow = vec![
        plain("Shape", "shape", &["input"]),
        node("Cast", "floats", &["shape"], vec![int("to", 1)]),
        node("Cast", "ints", &["floats"], vec![int("to", 7)]),
        index("from", 1),
        index("to", 4),
        plain("Slice", "rest", &["ints", "from", "to"]),
        node("ReduceProd", "product", &["rest"], vec![int("keepdims", 1)]),
        index("batch", 1),
        node("Concat", "target", &["batch", "product"], vec![int("axis", 0)]),
        plain("Reshape", "flat", &["input", "target"]),
        plain("MatMul", "y", &["flat", "w"]),
    ];
    for nodes in [pytorch, tensorflow] {
        assert_eq!(made(&IMAGE, nodes, vec![noise("w", &[144, 2])]).0, ["Gemm"]);
    }
    // F.interpolate(scale_factor=2), whose sizes are computed from the input's.
    let upsample = vec![
        plain("Shape", "shape", &["input"]),
        plain("Slice", "space", &["shape", "two", "four"]),
        node("Cast", "floats", &["space"], vec![int("to", 1)]),
        plain("Mul", "scaled", &["floats", "twice"]),
        plain("Floor", "floor", &["scaled"]),
        node("Cast", "ints", &["floor"], vec![int("to", 7)]),
        plain("Slice", "front", &["shape", "none", "two"]),
        node("Concat", "sizes", &["front", "ints"], vec![int("axis", 0)]),
        node(
            "Resize",
            "y",
            &["input", "empty", "empty", "sizes"],
            vec![string("coordinate_transformation_mode", "asymmetric"), string("nearest_mode", "floor")],
        ),
    ];
    let tensors = vec![
        int_tensor("two", &[2]),
        int_tensor("four", &[4]),
        int_tensor("none", &[0]),
        tensor("twice", &[], vec![2.0]),
        tensor("empty", &[0], vec![]),
    ];
    let (found, values) = made(&IMAGE, upsample, tensors);
    assert_eq!(found, ["Linear"]);
    let input = wave(144, 3);
    let expected: Vec<f32> = (0..576).map(|i| input[i / 144 * 36 + i / 12 % 12 / 2 * 6 + i % 12 / 2]).collect();
    assert_eq!(values, expected);
}

#[test]
fn gates_are_broadcast() {
    // Squeeze and excite.
    let nodes = vec![
        plain("GlobalAveragePool", "g", &["input"]),
        plain("Conv", "c", &["g", "w"]),
        plain("Sigmoid", "s", &["c"]),
        plain("Mul", "y", &["s", "input"]),
    ];
    let (found, values) = made(&IMAGE, nodes.clone(), vec![noise("w", &[4, 4, 1, 1])]);
    assert_eq!(found, ["Linear", "Conv", "Sigmoid", "Linear", "Product"]);
    let gates = made(&IMAGE, nodes[..3].to_vec(), vec![noise("w", &[4, 4, 1, 1])]).1;
    let expected: Vec<f32> = wave(144, 3).iter().enumerate().map(|(i, v)| v * gates[i / 36]).collect();
    assert_close(&values, &expected);
}

#[test]
fn sums_and_factors_are_one_sum() {
    let nodes = vec![
        plain("Relu", "a", &["input"]),
        conv("c", "a", "w"),
        plain("Mul", "m", &["a", "half"]),
        plain("Add", "s", &["m", "c"]),
        plain("Sub", "y", &["input", "s"]),
    ];
    let tensors = vec![noise("w", &[4, 4, 3, 3]), scalar("half", 0.5)];
    let (found, values) = made(&IMAGE, nodes, tensors.clone());
    assert_eq!(found, ["Relu", "Conv", "Linear"]);
    let convolved = made(&IMAGE, vec![plain("Relu", "a", &["input"]), conv("c", "a", "w")], tensors).1;
    let expected: Vec<f32> = wave(144, 3).iter().zip(&convolved).map(|(x, c)| x - (0.5 * x.max(0.0) + c)).collect();
    assert_close(&values, &expected);
}

#[test]
fn paddings_other_than_zero_are_maps() {
    let pad = |mode: &str, operands: &[&str]| {
        let pad = node("Pad", "y", operands, vec![string("mode", mode)]);
        made(&[1, 1, 1, 4], vec![pad], vec![int_tensor("pads", &[0, 0, 0, 2, 0, 0, 0, 3]), scalar("v", 9.0)]).1
    };
    let [a, b, c, d] = wave(4, 3)[..] else { panic!("four values") };
    assert_eq!(pad("edge", &["input", "pads"]), [a, a, a, b, c, d, d, d, d]);
    assert_eq!(pad("reflect", &["input", "pads"]), [c, b, a, b, c, d, c, b, a]);
    assert_eq!(pad("wrap", &["input", "pads"]), [c, d, a, b, c, d, a, b, c]);
    assert_close(&pad("constant", &["input", "pads", "v"]), &[9.0, 9.0, a, b, c, d, 9.0, 9.0, 9.0]);
}

#[test]
fn heads_are_the_last_operators() {
    let soft = |axis: i64| node("Softmax", "s", &["input"], vec![int("axis", axis)]);
    let (found, shares) = made(&[1, 5], vec![soft(-1)], vec![]);
    assert_eq!(found, ["Softmax"]);
    assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert_eq!(made(&IMAGE, vec![soft(1)], vec![]).0, ["Softmax"]);
    let label = vec![
        node("ArgMax", "a", &["input"], vec![int("axis", 1), int("keepdims", 0)]),
        node("Cast", "label", &["a"], vec![int("to", 6)]),
    ];
    assert_eq!(made(&[1, 5], label, vec![]).1.len(), 1);
    for rest in [plain("Relu", "r", &["s"]), plain("Add", "r", &["s", "input"])] {
        let error = import(&encode(&model(&[1, 5], vec![soft(1), rest], vec![]))).expect_err("not last");
        assert_eq!(error.to_string(), "operator \"Softmax\" at node \"s\": supported only as the last operator");
    }
}

#[test]
fn slopes_of_each_channel_are_a_sum() {
    let slope = tensor("slope", &[4, 1, 1], vec![0.1, 0.2, -0.3, 4.0]);
    let (found, values) = made(&IMAGE, vec![plain("PRelu", "y", &["input", "slope"])], vec![slope]);
    assert_eq!(found, ["Relu", "Clip", "Conv", "Linear"]);
    let slopes = [0.1, 0.2, -0.3, 4.0];
    let expected: Vec<f32> =
        wave(144, 3).iter().enumerate().map(|(i, &v)| if v < 0.0 { slopes[i / 36] * v } else { v }).collect();
    assert_close(&values, &expected);
    let uniform = tensor("slope", &[4, 1, 1], vec![0.1; 4]);
    assert_eq!(made(&IMAGE, vec![plain("PRelu", "y", &["input", "slope"])], vec![uniform]).0, ["LeakyRelu"]);
}

#[test]
fn constants_of_a_repeated_element_are_weights() {
    let value = convince_onnx::proto::AttributeProto {
        name: "value".into(),
        r#type: 4,
        t: Some(Box::new(tensor("", &[1], vec![0.5]))),
        ..Default::default()
    };
    let nodes = vec![node("ConstantOfShape", "w", &["shape"], vec![value]), plain("Conv", "y", &["input", "w"])];
    let (_, values) = made(&IMAGE, nodes, vec![int_tensor("shape", &[1, 4, 6, 6])]);
    assert_close(&values, &[wave(144, 3).iter().sum::<f32>() * 0.5]);
    let huge = vec![plain("ConstantOfShape", "w", &["shape"]), plain("Relu", "y", &["input"])];
    let huge = model(&IMAGE, huge, vec![int_tensor("shape", &[1 << 20, 1 << 20])]);
    let error = import(&encode(&huge)).expect_err("too large").to_string();
    assert!(
        error.starts_with("operator \"ConstantOfShape\" at node \"w\": the network would have more than"),
        "{error}"
    );
}
