//! Quantised networks are taken with ONNX Runtime's integers; `scripts/make_quantised_vectors.py` made the files.
//!
//! Every node is compared on ONNX Runtime's own values of the nodes before it, so that a difference is the node's own.

mod common;

use common::vectors;
use convince_model::{Model, ValueId, ValueInfo, run};
use convince_onnx::proto::{ModelProto, NodeProto};
use convince_onnx::{NodeProblem, OnnxError, QuantizeOptions, Taken, take};
use prost::Message;

fn read(file: &str) -> Vec<u8> {
    std::fs::read(vectors().join("onnx/quantised").join(file)).expect("committed file")
}

fn taken(name: &str) -> Taken {
    take(&read(&format!("{name}.onnx")), &QuantizeOptions::default()).expect("supported").expect("quantised")
}

/// A quantised tensor of a file.
struct Tensor {
    node: String,
    len: usize,
    zero: i32,
    is_signed: bool,
}

fn tensors(name: &str) -> Vec<Tensor> {
    let text = String::from_utf8(read(&format!("{name}.txt"))).expect("text");
    let tensor = |line: &str| {
        let [node, len, zero, kind] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (len, zero) = (len.parse().expect("a length"), zero.parse().expect("a zero point"));
        Tensor { node: node.into(), len, zero, is_signed: kind == "i8" }
    };
    text.lines().map(tensor).collect()
}

/// For each input the integers of each tensor, less its zero point.
fn expected(name: &str, tensors: &[Tensor]) -> Vec<Vec<Vec<i32>>> {
    let bytes = read(&format!("{name}.npy"));
    let all: Vec<u8> = npyz::NpyFile::new(&bytes[..]).expect("an array").into_vec().expect("bytes");
    let total: usize = tensors.iter().map(|tensor| tensor.len).sum();
    let row = |mut row: &[u8]| {
        let mut split = |tensor: &Tensor| {
            let (values, rest) = row.split_at(tensor.len);
            row = rest;
            let integer = |&byte: &u8| if tensor.is_signed { i32::from(byte as i8) } else { i32::from(byte) };
            values.iter().map(|byte| integer(byte) - tensor.zero).collect()
        };
        tensors.iter().map(&mut split).collect()
    };
    all.chunks(total).map(row).collect()
}

/// A difference: the node, the element, what was found and what was expected.
type Difference = (String, usize, i32, i32);

/// The model's values on one input, each replaced by ONNX Runtime's after it has been compared; how many were.
fn step_by_step(
    model: &Model,
    tensors: &[Tensor],
    expected: &[Vec<i32>],
    differences: &mut Vec<Difference>,
) -> (Vec<Vec<i32>>, usize) {
    let infos: Vec<ValueInfo> = model.graph.infer().expect("valid");
    let (mut values, mut compared) = (vec![expected[0].clone()], 0);
    for (index, node) in model.graph.nodes.iter().enumerate() {
        let inputs: Vec<_> =
            node.inputs.iter().map(|id: &ValueId| (&infos[id.index()], values[id.index()].as_slice())).collect();
        let found = node.op.apply(&inputs).expect("runs");
        let is_last = model.graph.nodes[index + 1..].iter().all(|other| other.name != node.name);
        let known = tensors.iter().position(|tensor| tensor.node == node.name).filter(|_| is_last);
        let Some(known) = known.filter(|&known| known > 0) else {
            values.push(found);
            continue;
        };
        assert_eq!(found.len(), expected[known].len(), "{}", node.name);
        let pairs = found.iter().zip(&expected[known]).enumerate().filter(|(_, (a, b))| a != b);
        differences.extend(pairs.map(|(place, (&a, &b))| (node.name.clone(), place, a, b)));
        compared += found.len();
        values.push(expected[known].clone());
    }
    (values, compared)
}

/// Integers compared over all inputs of a file, and the differences.
fn compare(name: &str) -> (usize, Vec<Difference>) {
    let (model, tensors) = (taken(name).model, tensors(name));
    let mut differences = Vec::new();
    let each = expected(name, &tensors);
    let compared = each.iter().map(|expected| step_by_step(&model, &tensors, expected, &mut differences).1).sum();
    println!("{name}: {compared} integers, {} differ", differences.len());
    (compared, differences)
}

/// Inputs of a file on which the whole network's outputs are not ONNX Runtime's, by any number.
fn wrong_outputs(name: &str) -> usize {
    let (model, tensors) = (taken(name).model, tensors(name));
    let is_wrong = |expected: &&Vec<Vec<i32>>| {
        let trace = run(&model.graph, &expected[0]).expect("runs");
        Some(trace.output()) != expected.last().map(Vec::as_slice)
    };
    expected(name, &tensors).iter().filter(is_wrong).count()
}

#[test]
fn every_integer_is_onnx_runtimes() {
    for (name, least) in [("lenet5-qdq", 18_000), ("residual-qoperator", 30_000), ("dense-qdq", 4000)] {
        let (compared, differences) = compare(name);
        assert!(compared > least, "{name}: {compared}");
        assert_eq!((differences, wrong_outputs(name)), (vec![], 0), "{name}");
    }
    assert_eq!((compare("normalised-qdq").1, wrong_outputs("normalised-qdq")), (vec![], 0));
    assert_eq!((compare("dense-qoperator").1, wrong_outputs("dense-qoperator")), (vec![], 0));
}

/// ONNX Runtime's means over windows add floats, so that sums which are a half after the division go either way.
#[test]
fn means_differ_at_halves_alone() {
    for (name, differing) in [("residual-qdq", 12), ("residual-qdq-signed", 5)] {
        let (model, tensors) = (taken(name).model, tensors(name));
        let pool = "averagepool10_QuantizeLinear";
        let sums = model.graph.nodes.iter().position(|node| node.name == "averagepool10").expect("a pool") + 1;
        let (mut halves, mut count, mut all) = (0, 0, 0);
        for expected in expected(name, &tensors) {
            let mut differences = Vec::new();
            let (values, compared) = step_by_step(&model, &tensors, &expected, &mut differences);
            all += compared;
            halves += values[sums].iter().filter(|sum| sum.rem_euclid(4) == 2).count();
            count += differences.len();
            for (node, place, found, expected) in differences {
                assert_eq!((node.as_str(), (found - expected).abs()), (pool, 1), "{name}");
                assert_eq!(values[sums][place].rem_euclid(4), 2, "{name}");
            }
        }
        println!("{name}: {all} integers, {count} differ, all of {halves} sums that end in a half");
        assert!(count == differing && 4 * count < halves, "{name}: {count} of {halves}");
    }
}

#[test]
fn what_may_differ_is_said() {
    let layers = |name: &str| taken(name).layers;
    let layer = |name: &str, node: &str| {
        let found = layers(name).into_iter().find(|layer| layer.name == node).expect("a layer");
        (found.differing, found.possible)
    };
    // A sum of 2 modulo 4, of 1021 a channel; the half below the least integer and that above the largest are clamped.
    assert_eq!(layer("residual-qdq", "averagepool10_QuantizeLinear"), (Some(8 * 255), 8 * 1021));
    assert_eq!(layer("residual-qdq", "relu7_QuantizeLinear"), (Some(0), 1 << 16));
    assert_eq!(layer("residual-qoperator", "averagepool10_quant").0, Some(0));
    // Dot products: less than one accumulator in ten million, even of those that no input reaches.
    for name in ["lenet5-qdq", "residual-qdq", "residual-qdq-signed", "residual-qoperator", "dense-qdq"] {
        for layer in layers(name).iter().filter(|layer| matches!(layer.operator, "Conv" | "Gemm")) {
            let differing = layer.differing.expect("counted");
            assert!(differing * 5_000_000 < layer.possible.max(5_000_001), "{layer:?}");
        }
    }
}

/// All bytes through a scale of a quarter: a half at each fourth, which ONNX Runtime rounds to even.
#[test]
fn ties_of_dot_products_are_counted() {
    let (compared, differences) = compare("ties-bytes");
    assert_eq!((compared, differences.len()), (256, 32));
    for (_, place, found, expected) in differences {
        let accumulator = place as i32 - 3;
        assert_eq!((accumulator.rem_euclid(8), found), (2, expected + 1));
    }
    // The accumulators that weights of 8 bits can give: all from 0 to the clamp at 255 are among them.
    assert_eq!(taken("ties-bytes").layers[0].differing, Some(128));
}

#[test]
fn bytes_are_the_input_of_a_network_that_takes_bytes() {
    let preprocessing = taken("ties-bytes").model.preprocessing;
    let pixels: Vec<u8> = (0..=255).collect();
    let integers = preprocessing.bytes_to_integers(&[1, 16, 16], &pixels);
    assert_eq!(integers, Ok((-3..=252).collect()));
}

#[test]
fn the_input_is_the_files() {
    let model = taken("lenet5-qdq").model;
    assert_eq!((model.preprocessing.bits.low(), model.preprocessing.bits.high()), (0, 255));
    // Zero points apart from the ends of 8 bits take nine, and a clamp.
    let dense = taken("dense-qdq").model;
    assert_eq!(dense.preprocessing.bits, convince_field::Bits::signed(9));
    let trace = run(&dense.graph, &[[-256; 20], [255; 20]].concat()).expect("runs");
    assert_eq!(trace.value(ValueId(1)), [[-118; 20], [137; 20]].concat());
}

#[test]
fn float_networks_are_not_taken_and_mixed_ones_say_why() {
    let float = std::fs::read(vectors().join("mnist/lenet5.onnx")).expect("committed file");
    assert_eq!(take(&float, &QuantizeOptions::default()), Ok(None));
    match take(&read("dense-mixed.onnx"), &QuantizeOptions::default()) {
        Err(OnnxError::Node { node, problem: NodeProblem::NotTaken(why), .. }) => {
            assert!(node == "matmul3" && why.contains("weights"), "{node} {why}");
        }
        other => panic!("{:?}", other.map(|taken| taken.map(|taken| taken.layers.len()))),
    }
    // Without the first rounding the input is floats.
    let mut file = ModelProto::decode(&read("lenet5-qdq.onnx")[..]).expect("a file");
    let graph = file.graph.as_mut().expect("a graph");
    let is_input = |node: &NodeProto| node.name.starts_with("input_");
    graph.node.retain(|node| !is_input(node));
    for node in &mut graph.node {
        for input in node.input.iter_mut().filter(|input| input.starts_with("input_Dequantize")) {
            *input = "input".into();
        }
    }
    match take(&file.encode_to_vec(), &QuantizeOptions::default()) {
        Err(OnnxError::Node { operator, problem: NodeProblem::NotTaken(_), .. }) => assert_eq!(operator, "Conv"),
        other => panic!("{:?}", other.map(|taken| taken.map(|taken| taken.layers.len()))),
    }
}
