//! What is proven: a chain of integer layers with weights, and an input.
//!
//! A [`Workload`] is made from the integer network that `convince` itself proves ([`Workload::new`]), so that every system meets
//! the same integers. [`Workload::trace`] is a reference of its own, written for reading; tests hold it against the interpreter of
//! `convince::model`, and the harness holds every system's output against it before anything is timed.
//!
//! The statement of every system: *there are weights and biases with which this network maps this public input to this public
//! output*. Architecture, shifts and clamps are public, weights and biases are the witness.
//!
//! [`Value::range`] holds bounds that follow from the formats alone (weights of [`WEIGHT_BITS`] bits, whatever they are), which is
//! what a circuit may use; nothing in it depends on the weights or on the input.

mod catalogue;
mod layer;
mod trace;

use anyhow::{Context, Result, bail, ensure};
use convince::model::{self, Graph, Op};
use convince_field::Ints;

pub use catalogue::{CATALOGUE, Entry, Series, Suite, mlp, tiny_cnn, tiny_mlp};
pub use layer::{Kind, Layer, Linear, MaxPool, Requant, Term};
pub use trace::{Lie, Trace};

/// Weights are signed and have this many bits.
pub const WEIGHT_BITS: u32 = 8;

/// `[channels, rows, columns]`; a vector has one row and one column.
pub type Shape = [usize; 3];

/// The integers from `low` to `high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub low: i64,
    /// The largest.
    pub high: i64,
}

impl Range {
    /// Whether `value` is in it.
    pub fn contains(self, value: i64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Number of integers.
    pub fn size(self) -> u64 {
        self.high.abs_diff(self.low) + 1
    }

    /// The least `b` with `size <= 2^b`: bits of `value - low`.
    pub fn bits(self) -> u32 {
        (self.high.abs_diff(self.low) + 1).next_power_of_two().trailing_zeros()
    }

    /// The least `b` such that all are in `-2^(b-1) .. 2^(b-1)`.
    pub fn signed_bits(self) -> u32 {
        let magnitude = |v: i64| 64 - (if v < 0 { !v } else { v }).leading_zeros();
        1 + magnitude(self.low).max(magnitude(self.high))
    }
}

/// Shape and bounds of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The shape.
    pub shape: Shape,
    /// Where every element is, whatever the weights and the input of the declared formats are.
    pub range: Range,
}

impl Value {
    /// Number of elements.
    #[allow(clippy::len_without_is_empty)] // No tensor is empty.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// One layer in its place.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, for messages.
    pub name: String,
    /// What it does.
    pub layer: Layer,
    /// What it takes.
    pub input: Value,
    /// What it gives.
    pub output: Value,
}

/// What the verifier knows beside the circuit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Public {
    /// The input's integers.
    pub input: Vec<i32>,
    /// The claimed output.
    pub output: Vec<i32>,
}

/// A network and an input.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name in the tables.
    pub name: String,
    /// The layers; each takes what the one before gives, the first the input.
    pub steps: Vec<Step>,
    /// The input.
    pub input: Vec<i32>,
    /// The same network as `convince` has it.
    pub model: model::Model,
}

impl Workload {
    /// Of a model and an input of it.
    ///
    /// # Errors
    /// The model is not a chain, or has an operator that the general systems' circuits do not have: groups, dilation, padding of
    /// unequal sides, multipliers, tables, overlapping windows.
    pub fn new(name: &str, model: model::Model, input: Vec<i32>) -> Result<Self> {
        let graph = &model.graph;
        let infos = graph.infer()?;
        ensure!(input.len() == infos[0].num_elements(), "{name}: {} input values", input.len());
        let values = infos.iter().map(value).collect::<Result<Vec<_>>>()?;
        ensure!(input.iter().all(|&v| values[0].range.contains(v.into())), "{name}: an input value is out of range");
        let steps = (0..graph.nodes.len()).map(|index| step(graph, index, &values)).collect::<Result<_>>();
        Ok(Self { name: name.into(), steps: steps.with_context(|| name.to_owned())?, input, model })
    }

    /// Shape and bounds of the input.
    pub fn input_value(&self) -> Value {
        self.steps[0].input
    }

    /// Shape and bounds of the output.
    pub fn output_value(&self) -> Value {
        self.steps[self.steps.len() - 1].output
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.linear().map(|linear| linear.weights.len() + linear.biases.len()).sum()
    }

    /// Multiply-accumulates of one inference; those on padding are not counted.
    pub fn macs(&self) -> u64 {
        self.linear().map(Linear::macs).sum()
    }

    /// Number of layers with weights.
    pub fn depth(&self) -> usize {
        self.linear().count()
    }

    /// Values that are requantised.
    pub fn requantised(&self) -> usize {
        let requants = self.steps.iter().filter(|step| matches!(step.layer, Layer::Requant(_)));
        requants.map(|step| step.output.len()).sum()
    }

    /// The layers with weights.
    pub fn linear(&self) -> impl Iterator<Item = &Linear> {
        self.steps.iter().filter_map(|step| match &step.layer {
            Layer::Linear(linear) => Some(linear),
            _ => None,
        })
    }
}

fn value(info: &model::ValueInfo) -> Result<Value> {
    let [batch, shape @ ..] = info.shape;
    ensure!(batch == 1, "a batch of {batch}");
    Ok(Value { shape, range: Range { low: info.low, high: info.high } })
}

fn step(graph: &Graph, index: usize, values: &[Value]) -> Result<Step> {
    let node = &graph.nodes[index];
    let at = || format!("{}: {}", node.name, node.op.name());
    ensure!(node.inputs.len() == 1 && node.inputs[0].index() == index, "{}: not a chain", at());
    let (input, output) = (values[index], values[index + 1]);
    let layer = match &node.op {
        Op::Gemm(op) => Layer::Linear(Linear {
            kind: Kind::Dense,
            input: input.shape,
            output: output.shape,
            weights: weights(&op.weight).with_context(at)?,
            biases: biases(op.bias.as_deref(), output.shape[0]),
            bias_range: Range { low: op.bias_bits.low(), high: op.bias_bits.high() },
        }),
        Op::Conv2d(op) => {
            let [_, _, rows, columns] = op.weight_shape;
            let (stride, padding) = (op.stride[0], op.padding[0]);
            ensure!(op.groups == 1 && op.dilation == [1; 2], "{}: groups or dilation", at());
            ensure!(op.stride == [stride; 2] && op.padding == [padding; 4], "{}: sides differ", at());
            Layer::Linear(Linear {
                kind: Kind::Conv { kernel: [rows, columns], stride, padding },
                input: input.shape,
                output: output.shape,
                weights: weights(&op.weight).with_context(at)?,
                biases: biases(op.bias.as_deref(), output.shape[0]),
                bias_range: Range { low: op.bias_bits.low(), high: op.bias_bits.high() },
            })
        }
        Op::Requant(op) => {
            ensure!(op.multipliers.is_none() && op.table.is_none(), "{}: multipliers or a table", at());
            Layer::Requant(Requant { shift: op.shift, low: op.low, high: op.high })
        }
        Op::MaxPool(op) => {
            let size = op.kernel[0];
            ensure!(op.padding == [0; 4] && op.kernel == [size; 2] && op.stride == op.kernel, "{}: windows", at());
            Layer::MaxPool(MaxPool { size, input: input.shape, output: output.shape })
        }
        _ => bail!("{}: no general circuit here has it", at()),
    };
    Ok(Step { name: node.name.clone(), layer, input, output })
}

fn weights(weights: &Ints) -> Result<Vec<i8>> {
    weights.to_i64().into_iter().map(|w| i8::try_from(w).context("a weight of more than 8 bits")).collect()
}

/// Biases are of 32 bits in every model.
fn biases(biases: Option<&Ints>, channels: usize) -> Vec<i32> {
    biases.map_or_else(|| vec![0; channels], |biases| biases.as_slice().map(|v| v as i32))
}

#[cfg(test)]
mod tests;
