//! A tiny network with every kind of layer and two waves, its keys, and what forgers need.

#![allow(dead_code)]

pub(crate) mod layout;
pub(crate) mod parts;

use std::sync::{Arc, LazyLock};

use convince::circuit::{Bits, Range, Witness};
use convince::container::{Kind, open, seal};
use convince::lower::Strategies;
use convince::model::{
    Conv2d, Gemm, Graph, Linear, MaxPool, Model, Node, Op, Preprocessing, QuantizationReport, Requant, ValueId,
};
use convince::protocol::Row;
use convince::{ProvingKey, SetupOptions, TestSeed, VerifyingKey, setup_with};
use convince_field::Ints;
use convince_pcs::{CommitmentScheme, Hyrax};
use serde::{Deserialize, Serialize};

/// Seeds every blind of these tests.
pub(crate) const SEED: TestSeed = TestSeed([7; 32]);

pub(crate) struct Fixture {
    pub(crate) model: Model,
    pub(crate) proving: ProvingKey,
    pub(crate) verifying: VerifyingKey,
    pub(crate) input: Vec<i32>,
}

/// Shared by the tests of one binary.
pub(crate) static TINY: LazyLock<Fixture> = LazyLock::new(|| fixture(1));

/// The tiny network with weights drawn from `seed`.
pub(crate) fn fixture(seed: i64) -> Fixture {
    fixture_with(seed, Range::LogUp)
}

/// The same with ranges proven as told.
pub(crate) fn fixture_with(seed: i64, range: Range) -> Fixture {
    let model = tiny_model(seed);
    let strategies = Strategies { range, ..Strategies::default() };
    let options = SetupOptions { strategies, seed: Some(SEED), ..SetupOptions::default() };
    let (proving, verifying) = setup_with(&model, &options).unwrap();
    Fixture { model, proving, verifying, input: sample_input(3) }
}

impl Fixture {
    /// The commitments to the weights' rows, out of the key's file.
    pub(crate) fn rows(&self) -> Vec<Row> {
        KeyFile::of(&self.verifying).rows()
    }

    pub(crate) fn witness(&self) -> Witness {
        self.proving.lowered().witness(&self.input).unwrap()
    }
}

pub(crate) fn sample_input(seed: i64) -> Vec<i32> {
    (0..36).map(|i| ((i * 37 + seed * 91) % 256) as i32).collect()
}

fn weights(len: usize, seed: i64, bits: Bits) -> Arc<Ints> {
    let span = bits.high() - bits.low() + 1;
    let values: Vec<i64> =
        (0..len as i64).map(|i| bits.low() + (i * i * 31 + i * 7919 + seed * 104_729).rem_euclid(span)).collect();
    Arc::new(Ints::pack(bits, &values).unwrap())
}

fn conv(shape: [usize; 4], padding: usize, seed: i64) -> Op {
    let op = Conv2d::new(weights(shape.iter().product(), seed, Bits::I8), shape, Bits::I8);
    Op::Conv2d(op.with_bias(weights(shape[0], seed + 1, Bits::signed(10)), Bits::signed(10)).with_window(1, padding))
}

/// conv (padded) → pooled ReLU → conv → linear → activation table → fully connected, on a 6x6 input.
pub(crate) fn tiny_model(seed: i64) -> Model {
    let node = |name: &str, op, input: u32| Node { name: name.into(), op, inputs: vec![ValueId(input)] };
    let dense = Gemm {
        weight: weights(24, seed + 5, Bits::I8),
        weight_shape: [3, 8],
        weight_bits: Bits::I8,
        bias: Some(weights(3, seed + 6, Bits::signed(10))),
        bias_bits: Bits::signed(10),
    };
    // Not monotone, and constant on runs, so that a clamped value can be moved without moving the activation.
    let table = (-20..=60).map(|v: i32| (v / 8) * (v / 8)).collect();
    let nodes = vec![
        node("conv1", conv([2, 1, 3, 3], 1, seed), 0),
        node("relu1", Op::Requant(Requant::plain(8, 0, 255)), 1),
        node("pool1", Op::MaxPool(MaxPool::square(2)), 2),
        node("conv2", conv([2, 2, 2, 2], 0, seed + 3), 3),
        node("scale", Op::Linear(Linear::sum(&[-2], 77)), 4),
        node("act", Op::Requant(Requant { table: Some(table), ..Requant::plain(10, -20, 60) }), 5),
        node("dense", Op::Gemm(dense), 6),
    ];
    Model {
        graph: Graph { input_shape: [1, 1, 6, 6], input_bits: Bits::U8, nodes },
        preprocessing: Preprocessing::pixels([1, 6, 6]),
        output_scale: 0.5,
        labels: vec!["zero".into(), "one".into(), "two".into()],
        report: QuantizationReport { top1_agreement: 1.0, max_logit_error: 0.0, mean_logit_error: 0.0 },
    }
}

/// A verifying key's file, taken apart as the crate puts it together.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeyFile {
    pub(crate) circuit: Vec<u8>,
    pub(crate) width: u64,
    pub(crate) weights: StoredWeights,
    /// Output scale, labels, preprocessing.
    pub(crate) presentation: (f64, Vec<String>, Vec<u8>),
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum StoredWeights {
    Committed { rows: Vec<u8>, proofs: Vec<Vec<u8>> },
    Public(Vec<Arc<Ints>>),
}

impl KeyFile {
    pub(crate) fn of(key: &VerifyingKey) -> Self {
        postcard::from_bytes(open(Kind::VerifierKey, &key.to_bytes()).unwrap()).unwrap()
    }

    /// With its checksum.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::VerifierKey, &postcard::to_allocvec(self).unwrap())
    }

    /// Commitments to rows of weights, and the range proofs of their slices.
    pub(crate) fn committed(&mut self) -> (&mut Vec<u8>, &mut Vec<Vec<u8>>) {
        match &mut self.weights {
            StoredWeights::Committed { rows, proofs } => (rows, proofs),
            StoredWeights::Public(_) => panic!("the key's weights are public"),
        }
    }

    pub(crate) fn rows(mut self) -> Vec<Row> {
        let (rows, _) = self.committed();
        Hyrax::rows_from_bytes(rows.len() / Hyrax::ROW_BYTES, rows).unwrap()
    }
}
