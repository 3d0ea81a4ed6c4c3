use convince_model::{Model, QuantizationReport, Requant, argmax, run};
use rayon::prelude::*;

use crate::float::{FloatNode, FloatOp};
use crate::{FloatGraph, OnnxError};

/// What quantisation costs at one layer: an operator with the activation and pooling that its rounding takes in.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerAccuracy {
    /// The operator's name in the file.
    pub name: String,
    /// The operator.
    pub operator: &'static str,
    /// Signal to quantisation noise, in decibels: the float values' mean square over that of the difference, which
    /// holds what the layers before have lost too. Infinite where nothing is lost.
    pub sqnr_db: f64,
    /// Float value of the integer 1.
    pub scale: f64,
    /// Least and largest integer that the value can be.
    pub bound: (i64, i64),
    /// Bits that rounding drops; `None` if the value is not rounded.
    pub shift: Option<u32>,
    /// Largest multiplier of a channel before that; 1 for a plain shift.
    pub multiplier: i32,
    /// Entries of the activation's table; 0 if there is none.
    pub table_len: usize,
}

impl LayerAccuracy {
    pub(super) fn new(
        node: &FloatNode,
        (scale, bound): (f64, (i64, i64)),
        requant: Option<&Requant>,
        (signal, noise): (f64, f64),
    ) -> Self {
        let multipliers = requant.and_then(|requant| requant.multipliers.as_ref());
        Self {
            name: node.name.clone(),
            operator: node.op.name(),
            sqnr_db: if noise > 0.0 { 10.0 * (signal / noise).log10() } else { f64::INFINITY },
            scale,
            bound,
            shift: requant.map(|requant| requant.shift),
            multiplier: multipliers.and_then(|m| m.iter().copied().max()).unwrap_or(1),
            table_len: requant.and_then(|requant| requant.table.as_ref()).map_or(0, Vec::len),
        }
    }
}

/// The network up to its logits: without an arg-max or a softmax at its end, which the integer network leaves out.
pub(crate) fn logits_graph(graph: &FloatGraph) -> FloatGraph {
    let mut graph = graph.clone();
    while graph.nodes.last().is_some_and(|node| matches!(node.op, FloatOp::ArgMax | FloatOp::Softmax)) {
        graph.nodes.pop();
    }
    graph
}

/// Accuracy of `model` against the float network that it was made from, over inputs of the network's input space.
///
/// Where the network ends in an arg-max or a softmax, what is compared are the logits before it. One run of each
/// network per input, several at a time.
///
/// # Errors
/// [`OnnxError::NoInputs`] if there are none; those of [`FloatGraph::run`] and of [`run`].
pub fn evaluate<'a>(
    model: &Model,
    graph: &FloatGraph,
    inputs: impl IntoIterator<Item = &'a [f32]>,
) -> Result<QuantizationReport, OnnxError> {
    let (graph, inputs) = (logits_graph(graph), inputs.into_iter().collect::<Vec<_>>());
    let compare = |input: &&[f32]| {
        let float = graph.run(input)?;
        let trace = run(&model.graph, &model.preprocessing.quantize(input))?;
        Ok(Comparison::new(model, trace.output(), &float))
    };
    let comparisons: Result<Vec<Comparison>, OnnxError> = inputs.par_iter().map(compare).collect();
    summary(&comparisons?)
}

/// Both networks' logits for one input, compared.
pub(super) struct Comparison {
    agrees: bool,
    largest: f64,
    sum: f64,
    logits: usize,
}

impl Comparison {
    pub(super) fn new(model: &Model, integers: &[i32], float: &[f32]) -> Self {
        let pairs = model.logits(integers).into_iter().zip(float);
        let errors: Vec<f64> = pairs.map(|(integer, &float)| (integer - f64::from(float)).abs()).collect();
        Self {
            agrees: argmax(integers) == argmax_float(float),
            largest: errors.iter().copied().fold(0.0, f64::max),
            sum: errors.iter().sum(),
            logits: errors.len(),
        }
    }
}

pub(super) fn summary(comparisons: &[Comparison]) -> Result<QuantizationReport, OnnxError> {
    if comparisons.is_empty() {
        return Err(OnnxError::NoInputs);
    }
    let agreed = comparisons.iter().filter(|comparison| comparison.agrees).count();
    let logits: usize = comparisons.iter().map(|comparison| comparison.logits).sum();
    Ok(QuantizationReport {
        top1_agreement: agreed as f64 / comparisons.len() as f64,
        max_logit_error: comparisons.iter().map(|comparison| comparison.largest).fold(0.0, f64::max),
        mean_logit_error: comparisons.iter().map(|comparison| comparison.sum).sum::<f64>() / logits.max(1) as f64,
    })
}

/// Index of the largest value, the lowest of several.
fn argmax_float(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
