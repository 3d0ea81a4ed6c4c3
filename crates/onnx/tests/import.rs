//! Every supported operator against its definition, and every refusal.

mod common;

use common::{
    constant, encode, float, int, int_tensor, ints, model, node, noise, small_model, string, tensor, value, wave,
};
use convince_onnx::proto::{AttributeProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto};
use convince_onnx::{FloatGraph, NodeProblem, OnnxError, TensorProblem, import};

fn load(model: &ModelProto) -> Result<FloatGraph, OnnxError> {
    import(&encode(model))
}

fn outputs(model: &ModelProto, input: &[f32]) -> Vec<f32> {
    load(model).expect("supported").run(input).expect("runs")
}

/// A model of one node after the input.
fn one(input: &[i64], node: NodeProto, initializers: Vec<TensorProto>) -> ModelProto {
    model(input, vec![node], initializers)
}

fn problem(model: &ModelProto) -> NodeProblem {
    match load(model) {
        Err(OnnxError::Node { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

const IMAGE: [i64; 4] = [1, 2, 4, 5];

fn conv(attributes: Vec<AttributeProto>) -> ModelProto {
    one(&IMAGE, node("Conv", "c", &["input", "w", "b"], attributes), vec![noise("w", &[3, 2, 3, 3]), noise("b", &[3])])
}

fn pool(attributes: Vec<AttributeProto>) -> ModelProto {
    one(&IMAGE, node("MaxPool", "p", &["input"], attributes), vec![])
}

fn gemm(attributes: Vec<AttributeProto>, weight: &[i64]) -> ModelProto {
    let initializers = vec![noise("w", weight), noise("b", &[3])];
    one(&[1, 4], node("Gemm", "g", &["input", "w", "b"], attributes), initializers)
}

#[test]
fn gemm_folds_its_factors() {
    let (x, w, b) = (wave(4, 7), wave(12, 1), wave(3, 1));
    let at = |transposed: bool, alpha: f32, beta: f32| -> Vec<f32> {
        let weight = |o: usize, i: usize| if transposed { w[o * 4 + i] } else { w[i * 3 + o] };
        (0..3).map(|o| alpha * (0..4).map(|i| weight(o, i) * x[i]).sum::<f32>() + beta * b[o]).collect()
    };
    assert!(close(&outputs(&gemm(vec![], &[4, 3]), &x), &at(false, 1.0, 1.0)));
    let attributes = vec![int("transB", 1), float("alpha", 0.5), float("beta", -2.0)];
    assert!(close(&outputs(&gemm(attributes, &[3, 4]), &x), &at(true, 0.5, -2.0)));
    assert_eq!(outputs(&gemm(vec![int("transA", 0)], &[4, 3]), &x), outputs(&gemm(vec![], &[4, 3]), &x));
}

#[test]
fn matmul_and_add_are_gemm() {
    let x = wave(4, 3);
    let expected = outputs(&gemm(vec![], &[4, 3]), &x);
    for inputs in [["m", "b"], ["b", "m"]] {
        let nodes = vec![node("MatMul", "m", &["input", "w"], vec![]), node("Add", "a", &inputs, vec![])];
        let found = outputs(&model(&[-1, 4], nodes, vec![noise("w", &[4, 3]), noise("b", &[3])]), &x);
        assert!(close(&found, &expected));
    }
}

#[test]
fn biases_added_after_a_convolution_are_its_own() {
    let x = wave(40, 2);
    let expected = outputs(&conv(vec![]), &x);
    for dims in [&[3, 1, 1][..], &[1, 3, 1, 1]] {
        let nodes = vec![node("Conv", "c", &["input", "w"], vec![]), node("Add", "a", &["c", "b"], vec![])];
        assert_eq!(outputs(&model(&IMAGE, nodes, vec![noise("w", &[3, 2, 3, 3]), noise("b", dims)]), &x), expected);
    }
    let twice = vec![node("Conv", "c", &["input", "w", "b"], vec![]), node("Add", "a", &["c", "one"], vec![])];
    let initializers = vec![noise("w", &[3, 2, 3, 3]), noise("b", &[3]), tensor("one", &[], vec![1.0])];
    let shifted: Vec<f32> = expected.iter().map(|v| v + 1.0).collect();
    assert!(close(&outputs(&model(&IMAGE, twice, initializers), &x), &shifted));
}

#[test]
fn paddings_that_mean_the_same_are_the_same() {
    let padded = load(&conv(vec![ints("pads", &[1; 4])])).expect("supported");
    for way in ["SAME_UPPER", "SAME_LOWER"] {
        assert_eq!(load(&conv(vec![string("auto_pad", way)])), Ok(padded.clone()));
    }
    let plain = load(&conv(vec![]));
    assert_eq!(load(&conv(vec![string("auto_pad", "VALID"), ints("pads", &[0; 4])])), plain);
    assert_eq!(load(&conv(vec![string("auto_pad", "NOTSET"), ints("dilations", &[1, 1]), int("group", 1)])), plain);
    assert!(plain.is_ok());
}

#[test]
fn strides_and_pooling_have_the_specified_sizes() {
    assert_eq!(load(&conv(vec![ints("strides", &[2, 2]), ints("pads", &[1; 4])])).expect("supported").output_len(), 18);
    let pooled = pool(vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 0)]);
    let input: Vec<f32> = (0..40).map(|i| i as f32).collect();
    assert_eq!(outputs(&pooled, &input), [6.0, 8.0, 16.0, 18.0, 26.0, 28.0, 36.0, 38.0]);
}

#[test]
fn operators_without_effect_leave_nothing() {
    let nodes = vec![
        node("Identity", "i", &["input"], vec![]),
        NodeProto {
            output: vec!["d".into(), "mask".into()],
            ..node("Dropout", "d", &["i", "ratio", "training"], vec![int("seed", 3)])
        },
        node("Flatten", "f", &["d"], vec![int("axis", -3)]),
        constant("target", int_tensor("", &[1, 40])),
        node("Identity", "t", &["target"], vec![]),
        node("Reshape", "r", &["f", "t"], vec![int("allowzero", 1)]),
        node("Relu", "relu", &["r"], vec![]),
    ];
    let training = TensorProto { data_type: 9, dims: vec![], raw_data: vec![0], ..int_tensor("training", &[]) };
    let made = model(&IMAGE, nodes, vec![tensor("ratio", &[], vec![0.5]), training]);
    let relu: Vec<f32> = wave(40, 0).into_iter().map(|v| v.max(0.0)).collect();
    assert_eq!(outputs(&made, &wave(40, 0)), relu);
}

#[test]
fn constants_may_be_attributes_of_every_kind() {
    let floats = AttributeProto {
        name: "value_floats".into(),
        r#type: 6,
        floats: vec![1.0, 2.0, 3.0],
        ..AttributeProto::default()
    };
    let nodes = vec![
        node("Constant", "b", &[], vec![floats]),
        node("Constant", "s", &[], vec![float("value_float", 4.0)]),
        node("Constant", "t", &[], vec![ints("value_ints", &[0, -1])]),
        node("Reshape", "r", &["input", "t"], vec![]),
        node("Gemm", "g", &["r", "w", "b"], vec![]),
        node("Add", "a", &["g", "s"], vec![]),
    ];
    assert_eq!(outputs(&model(&[1, 4], nodes, vec![noise("w", &[4, 3])]), &[0.0; 4]), [5.0, 6.0, 7.0]);
}

#[test]
fn nodes_that_the_output_does_not_need_are_left_out() {
    let mut made = small_model();
    let graph = made.graph.as_mut().expect("there");
    graph.node.insert(1, node("Relu", "dead", &["conv"], vec![]));
    assert_eq!(load(&made), load(&small_model()));
    assert!(load(&made).is_ok());
}

#[test]
fn initialisers_may_be_listed_as_inputs() {
    let mut made = small_model();
    let graph = made.graph.as_mut().expect("there");
    graph.input.insert(0, value("w1", &[2, 1, 3, 3]));
    assert_eq!(load(&made), load(&small_model()));
    graph_of(&mut made).input.push(value("other", &[1, 3]));
    assert_eq!(load(&made), Err(OnnxError::InputCount(2)));
}

fn graph_of(model: &mut ModelProto) -> &mut convince_onnx::proto::GraphProto {
    model.graph.as_mut().expect("there")
}

#[test]
fn unsupported_operators_are_named_with_their_node() {
    let error =
        load(&one(&IMAGE, node("LayerNormalization", "norm1", &["input"], vec![]), vec![])).expect_err("unsupported");
    assert_eq!(error.to_string(), "unsupported operator \"LayerNormalization\" at node \"norm1\"");
    let unnamed = NodeProto { name: String::new(), domain: "com.acme".into(), ..node("Relu", "r", &["input"], vec![]) };
    let error = load(&one(&IMAGE, unnamed, vec![])).expect_err("unsupported");
    assert_eq!(error.to_string(), "unsupported operator \"com.acme.Relu\" at node \"r\"");
}

#[test]
fn unsupported_attributes_are_named_with_their_value() {
    let pooling = |more: AttributeProto| pool(vec![ints("kernel_shape", &[2, 2]), more]);
    let average = |more: AttributeProto| {
        let attributes = vec![ints("kernel_shape", &[2, 2]), more];
        one(&IMAGE, node("AveragePool", "p", &["input"], attributes), vec![])
    };
    let cases = [
        (conv(vec![int("group", 0)]), "group = 0"),
        (conv(vec![ints("dilations", &[0, 1])]), "dilations = [0, 1]"),
        (conv(vec![ints("strides", &[0, 0])]), "strides = [0, 0]"),
        (conv(vec![ints("strides", &[-1, -1])]), "strides = [-1, -1]"),
        (conv(vec![ints("strides", &[1])]), "strides = [1]"),
        (conv(vec![ints("pads", &[-1; 4])]), "pads = [-1, -1, -1, -1]"),
        (conv(vec![ints("pads", &[1, 1])]), "pads = [1, 1]"),
        (conv(vec![ints("pads", &[i64::MAX; 4])]), "pads = "),
        (conv(vec![ints("pads", &[0; 100])]), "pads = a list of 100 values"),
        (conv(vec![ints("kernel_shape", &[5, 5])]), "kernel_shape = [5, 5]"),
        (conv(vec![string("auto_pad", "SAME_UPPER"), ints("pads", &[1; 4])]), "pads = [1, 1, 1, 1]"),
        (conv(vec![string("auto_pad", "SOME")]), "auto_pad = \"SOME\""),
        (conv(vec![int("unknown", 7)]), "unknown = 7"),
        (pool(vec![ints("kernel_shape", &[0, 3])]), "kernel_shape = [0, 3]"),
        (pooling(ints("dilations", &[2, 2])), "dilations = [2, 2]"),
        (average(ints("dilations", &[2, 2])), "dilations = [2, 2]"),
        (one(&IMAGE, node("Resize", "r", &["input"], vec![string("mode", "cubic")]), vec![]), "mode = \"cubic\""),
        (one(&IMAGE, node("LeakyRelu", "l", &["input"], vec![float("alpha", f32::NAN)]), vec![]), "alpha = NaN"),
        (one(&IMAGE, node("Elu", "l", &["input"], vec![float("alpha", f32::INFINITY)]), vec![]), "alpha = inf"),
        (one(&IMAGE, node("Cast", "c", &["input"], vec![int("to", 7)]), vec![]), "to = 7"),
        (
            one(&IMAGE, node("ArgMax", "a", &["input"], vec![int("select_last_index", 1)]), vec![]),
            "select_last_index = 1",
        ),
        (gemm(vec![int("transA", 2)], &[4, 3]), "transA = 2"),
        (gemm(vec![int("transB", 2)], &[4, 3]), "transB = 2"),
        (gemm(vec![float("alpha", f32::INFINITY)], &[4, 3]), "alpha = "),
        (gemm(vec![float("beta", f32::NAN)], &[4, 3]), "beta = "),
    ];
    for (model, expected) in cases {
        let error = load(&model).expect_err(expected).to_string();
        assert!(error.contains(" at node ") && error.contains(&format!("attribute {expected}")), "{error}");
    }
}

#[test]
fn malformed_attributes_are_errors() {
    let malformed = |attributes| match problem(&conv(attributes)) {
        NodeProblem::MalformedAttribute(name) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(malformed(vec![ints("group", &[1])]), "group");
    assert_eq!(malformed(vec![int("group", 1), int("group", 1)]), "group");
    assert_eq!(malformed((0..200).map(|i| int(&format!("a{i}"), 1)).collect()), "a63");
    let empty = AttributeProto { name: "value".into(), r#type: 4, ..AttributeProto::default() };
    let empty = one(&IMAGE, node("Constant", "c", &[], vec![empty]), vec![]);
    assert_eq!(problem(&empty), NodeProblem::MalformedAttribute("value".into()));
    let nothing = one(&IMAGE, node("Constant", "c", &[], vec![]), vec![]);
    assert_eq!(problem(&nothing), NodeProblem::MissingAttribute("value"));
    assert_eq!(problem(&pool(vec![])), NodeProblem::MissingAttribute("kernel_shape"));
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let weighted = |operator: &str, input: &[i64], weight: &[i64]| {
        one(input, node(operator, "n", &["input", "w"], vec![]), vec![noise("w", weight)])
    };
    let cases = [
        weighted("Conv", &[1, 4], &[3, 2, 3, 3]),
        weighted("Conv", &IMAGE, &[3, 2, 3]),
        weighted("Conv", &IMAGE, &[3, 1, 3, 3]),
        weighted("Gemm", &IMAGE, &[40, 3]),
        weighted("Gemm", &[1, 4], &[3, 4]),
        weighted("MatMul", &[1, 4], &[4]),
        weighted("MatMul", &IMAGE, &[4, 3]),
        weighted("Conv", &[1, 2, 5], &[3, 2, 3, 3]),
        weighted("PRelu", &IMAGE, &[2, 4, 1]),
        weighted("Add", &IMAGE, &[2, 4, 5]),
        weighted("Mul", &IMAGE, &[3]),
        weighted("ConvTranspose", &IMAGE, &[3, 2, 3, 3]),
        weighted("MatMul", &[1, 4], &[5, 3]),
        one(&[1, 4], node("MaxPool", "p", &["input"], vec![ints("kernel_shape", &[2, 2])]), vec![]),
    ];
    for case in cases {
        assert!(matches!(problem(&case), NodeProblem::Shape { .. }), "{case:?}");
    }
    for bias in [&[2][..], &[4], &[3, 1], &[1, 1, 3]] {
        let initializers = vec![noise("w", &[4, 3]), noise("b", bias)];
        let gemm = one(&[1, 4], node("Gemm", "g", &["input", "w", "b"], vec![]), initializers);
        assert!(matches!(problem(&gemm), NodeProblem::Shape { what: "bias", .. }), "{bias:?}");
    }
    for bias in [&[2][..], &[3, 2, 3], &[1, 3, 1, 1, 1], &[2, 1, 1]] {
        let nodes = vec![node("Conv", "c", &["input", "w"], vec![]), node("Add", "a", &["c", "b"], vec![])];
        let added = model(&IMAGE, nodes, vec![noise("w", &[3, 2, 3, 3]), noise("b", bias)]);
        assert!(matches!(problem(&added), NodeProblem::Shape { what: "constant", .. }), "{bias:?}");
    }
    let large = one(&[1, 2, 2, 2], node("Conv", "c", &["input", "w"], vec![]), vec![noise("w", &[1, 2, 3, 3])]);
    assert!(matches!(problem(&large), NodeProblem::Window { kernel: [3, 3], .. }));
    let flat = one(
        &[1, 1, 1, 5],
        pool(vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]).graph.expect("there").node.remove(0),
        vec![],
    );
    assert!(matches!(problem(&flat), NodeProblem::Window { kernel: [2, 2], .. }));
}

#[test]
fn reshapes_that_do_not_fit_are_errors() {
    let reshape = |target: TensorProto| one(&IMAGE, node("Reshape", "r", &["input", "t"], vec![]), vec![target]);
    for target in [&[1, 2, 4, 5][..], &[2, 20], &[40], &[-1, 0], &[0, 0, -1]] {
        assert_eq!(outputs(&reshape(int_tensor("t", target)), &wave(40, 1)), wave(40, 1), "{target:?}");
    }
    assert!(matches!(problem(&reshape(int_tensor("t", &[1, 41]))), NodeProblem::Attribute { .. }));
    assert_eq!(problem(&reshape(tensor("t", &[2], vec![1.0, 40.0]))), NodeProblem::ElementType(1));
    // Rows of four and five elements share no digits with rows of three and eight.
    let nodes = vec![
        node("Transpose", "t", &["input"], vec![ints("perm", &[0, 1, 3, 2])]),
        node("Reshape", "r", &["t", "target"], vec![]),
    ];
    let crossed = model(&[1, 1, 9, 4], nodes, vec![int_tensor("target", &[1, 1, 6, 6])]);
    assert!(matches!(problem(&crossed), NodeProblem::Shape { .. }));
}

#[test]
fn inputs_of_the_wrong_kind_are_errors() {
    let weights = || vec![noise("w", &[4, 3]), noise("b", &[3])];
    let with = |operator: &str, inputs: &[&str]| problem(&one(&[1, 4], node(operator, "n", inputs, vec![]), weights()));
    assert_eq!(with("MatMul", &["input"]), NodeProblem::MissingInput(1));
    assert_eq!(with("MatMul", &["", "w"]), NodeProblem::MissingInput(0));
    assert_eq!(with("MatMul", &["w", "w"]), NodeProblem::Constant(1));
    assert!(matches!(with("MatMul", &["w", "input"]), NodeProblem::Shape { what: "weight", .. }));
    assert_eq!(with("MatMul", &["input", "input"]), NodeProblem::NotConstant(1));
    assert_eq!(with("MatMul", &["input", "w", "b"]), NodeProblem::Arity { inputs: 3, outputs: 1 });
    assert!(matches!(with("Add", &["input", "b"]), NodeProblem::Shape { what: "constant", .. }));
    assert_eq!(with("Range", &["input"]), NodeProblem::NotConstant(0));
    assert_eq!(with("BatchNormalization", &["input", "b"]), NodeProblem::Shape { what: "bias", shape: vec![3] });
    assert_eq!(with("Relu", &["w"]), NodeProblem::Constant(0));
    assert_eq!(with("Relu", &["nowhere"]), NodeProblem::UndefinedInput("nowhere".into()));
    let powers = vec![node("Relu", "r", &["input"], vec![]), node("Gemm", "g", &["input", "w"], vec![])];
    let powers = [powers, vec![node("Div", "d", &["g", "r2"], vec![]), node("Relu", "r2", &["g"], vec![])]].concat();
    assert_eq!(problem(&model(&[1, 4], powers, weights())), NodeProblem::UndefinedInput("r2".into()));
    let quotient = vec![
        node("Gemm", "g", &["input", "w"], vec![]),
        node("Gemm", "h", &["input", "w"], vec![]),
        node("Div", "d", &["g", "h"], vec![]),
    ];
    assert_eq!(problem(&model(&[1, 4], quotient, weights())), NodeProblem::NotConstant(1));
    let two = NodeProto { output: vec!["a".into(), "b2".into()], ..node("Relu", "r", &["input"], vec![]) };
    assert_eq!(problem(&one(&[1, 4], two, vec![])), NodeProblem::Arity { inputs: 1, outputs: 2 });
    let training = TensorProto { data_type: 9, dims: vec![], raw_data: vec![1], ..int_tensor("t", &[]) };
    let trained = one(&[1, 4], node("Dropout", "d", &["input", "", "t"], vec![]), vec![training]);
    assert_eq!(problem(&trained), NodeProblem::ElementType(2));
}

#[test]
fn cycles_and_wrong_orders_are_errors() {
    let relu = |name: &str, input: &str| node("Relu", name, &[input], vec![]);
    for nodes in [vec![relu("a", "b"), relu("b", "a")], vec![relu("b", "a"), relu("a", "input")], vec![relu("a", "a")]]
    {
        assert!(matches!(problem(&model(&[1, 4], nodes, vec![])), NodeProblem::UndefinedInput(_)));
    }
    for again in ["a", "input"] {
        let twice = model(&[1, 4], vec![relu("a", "input"), relu(again, "a")], vec![]);
        assert_eq!(load(&twice), Err(OnnxError::DuplicateName(again.into())));
    }
    let tensors = model(&[1, 4], vec![relu("a", "input")], vec![noise("w", &[2]), noise("w", &[2])]);
    assert_eq!(load(&tensors), Err(OnnxError::DuplicateName("w".into())));
}

#[test]
fn inputs_and_outputs_of_the_graph_are_checked() {
    let relu = || node("Relu", "r", &["input"], vec![]);
    for dims in [&[2, 3, 4, 4][..], &[1, 0, 4, 4], &[1, 3, -1, 4], &[], &[1], &[1, 1, 1, 1, 1]] {
        let error = load(&one(dims, relu(), vec![])).expect_err("unsupported");
        assert!(matches!(error, OnnxError::Input { .. }), "{dims:?}: {error}");
    }
    for dims in [&[-1, 3][..], &[1, 3], &[0, 3], &[1, 3, 4], &[-1, 3, 4, 4]] {
        assert!(load(&one(dims, relu(), vec![])).is_ok(), "{dims:?}");
    }
    assert!(matches!(load(&one(&[1, 1 << 20, 1 << 20, 1], relu(), vec![])), Err(OnnxError::TooLarge { .. })));
    assert!(matches!(load(&one(&[1, 1 << 62, 4, 1], relu(), vec![])), Err(OnnxError::TooLarge { .. })));
    let mut made = one(&[1, 3], relu(), vec![noise("w", &[1])]);
    graph_of(&mut made).output[0].name = "w".into();
    assert_eq!(load(&made), Err(OnnxError::Output("w".into())));
    graph_of(&mut made).output.clear();
    assert_eq!(load(&made), Err(OnnxError::OutputCount(0)));
    graph_of(&mut made).input.clear();
    assert_eq!(load(&made), Err(OnnxError::InputCount(0)));
}

#[test]
fn operator_sets_are_checked() {
    let mut made = small_model();
    for version in [9, 13, 21] {
        made.opset_import[0].version = version;
        assert!(load(&made).is_ok(), "{version}");
    }
    for version in [-1, 0, 8, 22, i64::MAX] {
        made.opset_import[0].version = version;
        assert_eq!(load(&made), Err(OnnxError::Opset { found: Some(version) }));
    }
    made.opset_import.clear();
    assert_eq!(load(&made), Err(OnnxError::Opset { found: None }));
}

#[test]
fn bad_tensors_are_named() {
    let with = |bad: TensorProto| match load(&one(&[1, 4], node("Relu", "r", &["input"], vec![]), vec![bad])) {
        Err(OnnxError::Tensor { name, problem }) if name == "w" => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(with(tensor("w", &[0, 3], vec![])), TensorProblem::Dimensions(vec![0, 3]));
    assert_eq!(with(tensor("w", &[1; 9], vec![1.0])), TensorProblem::Dimensions(vec![1; 8]));
    let location = StringStringEntryProto { key: "location".into(), value: "../../etc/passwd".into() };
    let external = TensorProto { external_data: vec![location], ..tensor("w", &[1], vec![1.0]) };
    assert_eq!(with(external), TensorProblem::External);
    assert!(matches!(with(tensor("w", &[2], vec![0.0, f32::NAN])), TensorProblem::NotFinite { index: 1, .. }));
    let unnamed = one(&[1, 4], constant("k", tensor("", &[2], vec![1.0])), vec![]);
    assert!(load(&unnamed).expect_err("one element is missing").to_string().starts_with("tensor \"k\": "));
}
