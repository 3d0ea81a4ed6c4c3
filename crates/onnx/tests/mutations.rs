//! Hostile ONNX files: errors or networks, never a panic, a hang or an allocation beyond the file's size.

mod common;

use common::{branched_model, encode, model, node, small_model, wave};
use convince_onnx::proto::ModelProto;
use convince_onnx::{Calibration, FloatGraph, OnnxError, QuantizeOptions, Taken, import, quantize_graph, take};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use prost::Message;

/// Imports a file and runs the network if it is small.
fn run_it(file: &[u8]) -> Result<Option<(FloatGraph, Vec<f32>)>, OnnxError> {
    let graph = import(file)?;
    let len: usize = graph.input_shape().iter().product();
    if len > 1 << 12 || graph.parameters() > 1 << 16 || graph.num_values() > 1 << 20 {
        return Ok(None);
    }
    let input = wave(len, 1);
    let output = graph.run(&input)?;
    assert_eq!(output.len(), graph.output_len());
    Ok(Some((graph, input)))
}

/// Takes a file with its integers, and runs the network that it gives.
fn take_it(file: &[u8]) -> Result<Option<Taken>, OnnxError> {
    let taken = take(file, &QuantizeOptions::default())?;
    if let Some(Taken { model, .. }) = &taken
        && model.graph.infer()?.iter().map(|info| info.num_elements()).sum::<usize>() < 1 << 20
    {
        let len = model.graph.infer()?[0].num_elements();
        convince_model::run(&model.graph, &vec![0; len])?;
        assert_eq!(convince_model::Model::from_bytes(&model.to_bytes()).as_ref(), Ok(model));
    }
    Ok(taken)
}

/// A committed network that is quantised.
fn quantised_file(name: &str) -> Vec<u8> {
    std::fs::read(common::vectors().join("onnx/quantised").join(name)).expect("committed file")
}

/// What a program does with a file that imports.
fn use_it(file: &[u8]) -> Result<(), OnnxError> {
    let Some((graph, input)) = run_it(file)? else { return Ok(()) };
    let model = quantize_graph(&graph, &Calibration { inputs: vec![input] }, &QuantizeOptions::default())?;
    assert_eq!(convince_model::Model::from_bytes(&model.to_bytes()), Ok(model));
    Ok(())
}

/// Sizes, counts and positions that are off by one, negative, or overflow.
fn number() -> impl Strategy<Value = i64> {
    let extremes = [i64::MIN, i64::MAX, 1 << 62, 1 << 40, 1 << 32, 1 << 31, -1];
    prop_oneof![-2i64..8, any::<i64>(), prop::sample::select(extremes.to_vec())]
}

/// Every operator with a way of its own into a network.
const OPERATORS: [&str; 50] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "CastLike",
    "Clip",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "DequantizeLinear",
    "Div",
    "Erf",
    "Expand",
    "Flatten",
    "Gather",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "MatMul",
    "Max",
    "MaxPool",
    "Mul",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "Range",
    "ReduceMean",
    "ReduceProd",
    "Relu",
    "Reshape",
    "Resize",
    "Selu",
    "Shape",
    "Slice",
    "Softmax",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Sub",
    "Sum",
    "Transpose",
    "Unsqueeze",
    "Upsample",
];

/// Changes one thing that still encodes.
fn change(model: &mut ModelProto, kind: u8, a: &Index, b: &Index, value: i64) {
    let Some(graph) = &mut model.graph else { return };
    let names: Vec<String> = graph.node.iter().flat_map(|node| node.input.clone()).collect();
    let (nodes, tensors) = (graph.node.len(), graph.initializer.len());
    let node = &mut graph.node[a.index(nodes)];
    let tensor = &mut graph.initializer[a.index(tensors)];
    let at = |list: &mut Vec<i64>| match list.len() {
        0 => list.push(value),
        len => list[b.index(len)] = value,
    };
    match kind {
        0 => at(&mut tensor.dims),
        1 => tensor.dims.push(value),
        2 => tensor.float_data.truncate(b.index(tensor.float_data.len().max(1))),
        3 => tensor.float_data.iter_mut().for_each(|v| *v *= value as f32),
        4 => node.attribute.iter_mut().for_each(|attribute| {
            attribute.i = value;
            at(&mut attribute.ints);
        }),
        5 => node.attribute.clear(),
        6 => node.input[..].iter_mut().for_each(|input| *input = b.get(&names).clone()),
        7 => node.output.iter_mut().for_each(|output| *output = b.get(&names).clone()),
        8 => (*b.get(&OPERATORS)).clone_into(&mut node.op_type),
        9 => at(&mut tensor.int64_data),
        10 => node.attribute.iter_mut().for_each(|attribute| attribute.f = value as f32),
        _ => graph.input[0] = common::value("input", &[1, value, 6, 6]),
    }
}

/// Changes, inserts and removes bytes.
fn change_bytes(bytes: &mut Vec<u8>, changes: Vec<(Index, u8, u8)>) {
    for (place, byte, kind) in changes {
        let at = place.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes[at] ^= 1 << (byte % 8),
            2 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
    }
}

proptest! {
    // Quantising this one takes longer.
    #![proptest_config(ProptestConfig { cases: 1500, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn changed_branched_graphs_are_errors_or_networks(
        changes in prop::collection::vec((0u8..12, any::<Index>(), any::<Index>(), number()), 1..5),
    ) {
        let mut made = branched_model();
        for (kind, a, b, value) in changes {
            change(&mut made, kind, &a, &b, value);
        }
        let _ = use_it(&encode(&made));
    }

    #[test]
    fn changed_branched_files_are_errors_or_networks(
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0u8..4), 1..4),
    ) {
        let mut bytes = encode(&branched_model());
        change_bytes(&mut bytes, changes);
        let _ = use_it(&bytes);
    }
}

proptest! {
    // Scales are fitted to every channel.
    #![proptest_config(ProptestConfig { cases: 500, rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn changed_quantised_graphs_are_errors_or_networks(
        is_qdq in any::<bool>(),
        changes in prop::collection::vec((0u8..12, any::<Index>(), any::<Index>(), number()), 1..4),
    ) {
        let name = if is_qdq { "residual-qdq.onnx" } else { "residual-qoperator.onnx" };
        let mut made = ModelProto::decode(&quantised_file(name)[..]).expect("a file");
        for (kind, a, b, value) in changes {
            change(&mut made, kind, &a, &b, value);
        }
        let _ = take_it(&encode(&made));
    }

    #[test]
    fn changed_quantised_files_are_errors_or_networks(
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0u8..4), 1..4),
    ) {
        let mut bytes = quantised_file("dense-qdq.onnx");
        change_bytes(&mut bytes, changes);
        let _ = take_it(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6000, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn changed_files_are_errors_or_networks(
        changes in prop::collection::vec((any::<Index>(), any::<u8>(), 0u8..4), 1..4),
        extension in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bytes = encode(&small_model());
        change_bytes(&mut bytes, changes);
        bytes.extend(extension);
        let _ = use_it(&bytes);
    }

    #[test]
    fn changed_graphs_are_errors_or_networks(
        changes in prop::collection::vec((0u8..12, any::<Index>(), any::<Index>(), number()), 1..4),
    ) {
        let mut made = small_model();
        for (kind, a, b, value) in changes {
            change(&mut made, kind, &a, &b, value);
        }
        let _ = use_it(&encode(&made));
    }

    #[test]
    fn noise_is_an_error_or_a_network(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = use_it(&bytes);
    }
}

#[test]
fn truncated_files_do_not_import() {
    let bytes = encode(&small_model());
    assert_eq!(use_it(&bytes), Ok(()));
    // The operator set comes last: without it no prefix is a whole file.
    for len in 0..bytes.len() {
        assert!(import(&bytes[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn files_of_other_kinds_are_no_onnx_files() {
    for other in [&b""[..], b"\x89PNG\r\n\x1a\n", b"#!/bin/sh\n", b"{\"json\": 1}", &[0xff; 100], &[0; 100]] {
        let error = import(other).expect_err("no ONNX file").to_string();
        assert!(error.starts_with("not an ONNX file"), "{error}");
    }
}

/// A field of wire type 2 around `content`, claiming `len` bytes.
fn field(tag: u8, mut len: u64, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(content);
    out
}

#[test]
fn lengths_of_two_to_the_40_are_errors() {
    // graph; graph's initialiser; its raw data, its packed floats, its name.
    let claims = |tag: u8| field(tag, 1 << 40, &[0; 16]);
    let nested = |inner: Vec<u8>, tag: u8| field(tag, inner.len() as u64, &inner);
    for tag in [9, 4, 8] {
        assert!(matches!(import(&nested(nested(claims(tag), 5), 7)), Err(OnnxError::Decode(_))), "{tag}");
    }
    assert!(matches!(import(&claims(7)), Err(OnnxError::Decode(_))));
    assert!(matches!(import(&nested(claims(5), 7)), Err(OnnxError::Decode(_))));
}

#[test]
fn deep_nesting_is_an_error() {
    // Groups of an unknown field, a hundred thousand deep; and graphs in attributes in nodes in graphs.
    assert!(matches!(import(&vec![0x9b; 200_000]), Err(OnnxError::Decode(_))));
    let mut graph = Vec::new();
    for _ in 0..10_000 {
        let attribute = field(6, graph.len() as u64, &graph);
        let node = field(5, attribute.len() as u64, &attribute);
        graph = field(1, node.len() as u64, &node);
        if graph.len() > 1 << 20 {
            break;
        }
    }
    let file = field(7, graph.len() as u64, &graph);
    assert!(import(&file).is_err());
}

#[test]
fn the_branched_network_runs() {
    let (graph, input) = run_it(&encode(&branched_model())).expect("supported").expect("small");
    let shares = graph.run(&input).expect("runs");
    assert_eq!(shares.len(), 3);
    assert!((shares.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    assert_eq!(graph.operators().last(), Some(("shares", "Softmax")));
}

#[test]
fn many_nodes_take_linear_time() {
    let names: Vec<String> = (0..20_000).map(|i| format!("n{i}")).collect();
    let input = |i: usize| if i == 0 { "input" } else { names[i - 1].as_str() };
    let relus = (0..names.len()).map(|i| node("Relu", &names[i], &[input(i)], vec![])).collect();
    assert!(import(&encode(&model(&[1, 4], relus, vec![]))).is_ok());
}
