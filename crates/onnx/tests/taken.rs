//! Quantised networks are taken with ONNX Runtime's integers; `scripts/make_quantised_vectors.py` made the files.

use std::path::PathBuf;

use convince_model::{Model, Trace, ValueId, run};
use convince_onnx::{QuantizeOptions, Taken, take};
use npyz::NpyFile;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../vectors/onnx/quantised"].iter().collect()
}

fn taken(name: &str) -> Taken {
    let bytes = std::fs::read(folder().join(format!("{name}.onnx"))).expect("committed file");
    take(&bytes, &QuantizeOptions::default()).expect("supported").expect("quantised")
}

/// A quantised tensor of the file.
struct Tensor {
    node: String,
    len: usize,
    zero: i32,
    is_signed: bool,
}

fn tensors(name: &str) -> Vec<Tensor> {
    let text = std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect("committed file");
    let tensor = |line: &str| {
        let [node, len, zero, kind] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (len, zero) = (len.parse().expect("a length"), zero.parse().expect("a zero point"));
        Tensor { node: node.into(), len, zero, is_signed: kind == "i8" }
    };
    text.lines().map(tensor).collect()
}

/// For each input the integers of each tensor, less its zero point.
fn expected(name: &str, tensors: &[Tensor]) -> Vec<Vec<Vec<i32>>> {
    let bytes = std::fs::read(folder().join(format!("{name}.npy"))).expect("committed file");
    let all: Vec<u8> = NpyFile::new(&bytes[..]).expect("an array").into_vec().expect("bytes");
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

/// The last value that a node of that name gives.
fn value<'a>(model: &Model, trace: &'a Trace, name: &str) -> Option<&'a [i32]> {
    let index = model.graph.nodes.iter().rposition(|node| node.name == name)?;
    Some(trace.value(ValueId(index as u32 + 1)))
}

/// Runs a file's network; the integers that were compared, and those that differ.
fn compare(name: &str) -> (usize, usize) {
    let taken = taken(name);
    for layer in &taken.layers {
        println!("{layer:?}");
    }
    let tensors = tensors(name);
    let (mut compared, mut differing) = (0, 0);
    for tensors_of_input in expected(name, &tensors) {
        let trace = run(&taken.model.graph, &tensors_of_input[0]).expect("runs");
        for (tensor, expected) in tensors.iter().zip(&tensors_of_input).skip(1) {
            let Some(found) = value(&taken.model, &trace, &tensor.node) else {
                println!("no {}", tensor.node);
                continue;
            };
            assert_eq!(found.len(), expected.len(), "{}", tensor.node);
            let differences = found.iter().zip(expected).filter(|(a, b)| a != b).count();
            let most = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).max();
            println!("{} {differences} {most:?}", tensor.node);
            compared += found.len();
            differing += differences;
        }
    }
    (compared, differing)
}

#[test]
fn all() {
    for name in
        ["lenet5-qdq", "residual-qdq", "residual-qdq-signed", "residual-qoperator", "dense-qdq", "dense-qoperator"]
    {
        println!("{name}");
        println!("{:?}", compare(name));
    }
}
