//! What one float run over the calibration inputs leaves behind: a sample of every value, and moments of its channels.

use convince_model::Shape;
use rayon::prelude::*;

use crate::{FloatGraph, OnnxError};

/// Elements of one value that are kept, over all calibration inputs together.
const SAMPLED_ELEMENTS: usize = 1 << 16;

/// What is kept of one value.
#[derive(Clone, Debug, Default)]
pub(super) struct ValueStatistics {
    /// The value's shape.
    pub(super) shape: Shape,
    /// Places `0, stride, 2 stride, ...` are sampled.
    pub(super) stride: usize,
    /// The sampled elements of each calibration input.
    pub(super) samples: Vec<Vec<f32>>,
    /// Mean of each channel, by calibration input.
    pub(super) means: Vec<Vec<f32>>,
    /// Mean square of each channel, over all calibration inputs.
    pub(super) squares: Vec<f64>,
    /// Least and largest element seen, sampled or not, and 0.
    pub(super) range: (f32, f32),
}

impl ValueStatistics {
    /// At most `limit` of the sampled elements, spread evenly.
    pub(super) fn some(&self, limit: usize) -> Vec<f32> {
        let count: usize = self.samples.iter().map(Vec::len).sum();
        self.samples.iter().flatten().copied().step_by(count.div_ceil(limit).max(1)).collect()
    }

    /// Mean square of an element.
    pub(super) fn square(&self) -> f64 {
        self.squares.iter().sum::<f64>() / self.squares.len().max(1) as f64
    }

    /// Variance of each channel.
    pub(super) fn variances(&self) -> Vec<f64> {
        let mean = |c: usize| self.means.iter().map(|m| f64::from(m[c])).sum::<f64>() / self.means.len().max(1) as f64;
        self.squares.iter().enumerate().map(|(c, square)| (square - mean(c).powi(2)).max(0.0)).collect()
    }

    /// Sum of squared differences between the sampled elements of input `index` and `integers * scale`.
    pub(super) fn squared_error(&self, index: usize, integers: &[i32], scale: f64) -> f64 {
        let sampled = integers.iter().step_by(self.stride).zip(&self.samples[index]);
        sampled.map(|(&q, &f)| (f64::from(q) * scale - f64::from(f)).powi(2)).sum()
    }

    /// Sum of squares of the sampled elements of input `index`.
    pub(super) fn squared_signal(&self, index: usize) -> f64 {
        self.samples[index].iter().map(|&f| f64::from(f).powi(2)).sum()
    }

    fn empty(shape: Shape, inputs: usize) -> Self {
        let len: usize = shape.iter().product();
        let mut stride = len.div_ceil((SAMPLED_ELEMENTS / inputs.max(1)).max(64)).max(1);
        // Steps that share a factor with an axis would visit some rows, columns or channels only.
        while stride > 1 && gcd(stride, len) > 1 {
            stride += 1;
        }
        Self { shape, stride, squares: vec![0.0; shape[1]], ..Self::default() }
    }

    fn one(&self, value: &[f32]) -> One {
        let channels = value.chunks_exact((value.len() / self.shape[1]).max(1));
        let mean = |of: &dyn Fn(f64) -> f64, channel: &[f32]| {
            channel.iter().map(|&v| of(f64::from(v))).sum::<f64>() / channel.len() as f64
        };
        One {
            samples: value.iter().copied().step_by(self.stride).collect(),
            means: channels.clone().map(|channel| mean(&|v| v, channel) as f32).collect(),
            squares: channels.map(|channel| mean(&|v| v * v, channel)).collect(),
            range: value.iter().fold((0.0, 0.0), |(low, high): (f32, f32), &v| (low.min(v), high.max(v))),
        }
    }

    fn add(&mut self, one: One, inputs: usize) {
        self.samples.push(one.samples);
        self.means.push(one.means);
        self.squares.iter_mut().zip(one.squares).for_each(|(sum, square)| *sum += square / inputs as f64);
        self.range = (self.range.0.min(one.range.0), self.range.1.max(one.range.1));
    }
}

/// One value of one input.
struct One {
    samples: Vec<f32>,
    means: Vec<f32>,
    squares: Vec<f64>,
    range: (f32, f32),
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Statistics of every value, the input first. One float run per input; the values of a run are dropped after their
/// last use.
///
/// # Errors
/// Those of [`FloatGraph::run`].
pub(super) fn collect(graph: &FloatGraph, inputs: &[&[f32]]) -> Result<Vec<ValueStatistics>, OnnxError> {
    let shapes = std::iter::once(graph.input_shape).chain(graph.nodes.iter().map(|node| node.shape));
    let mut all: Vec<_> = shapes.map(|shape| ValueStatistics::empty(shape, inputs.len())).collect();
    let runs: Result<Vec<Vec<One>>, _> = inputs.par_iter().map(|input| run(graph, input, &all)).collect();
    for run in runs? {
        all.iter_mut().zip(run).for_each(|(value, one)| value.add(one, inputs.len()));
    }
    Ok(all)
}

fn run(graph: &FloatGraph, input: &[f32], all: &[ValueStatistics]) -> Result<Vec<One>, OnnxError> {
    let mut uses = uses(graph);
    let mut values = vec![input.to_vec()];
    let mut ones = vec![all[0].one(input)];
    for (node, statistics) in graph.nodes.iter().zip(&all[1..]) {
        let inputs: Vec<_> = node.inputs.iter().map(|&i| (values[i].as_slice(), all[i].shape)).collect();
        let value = node.run(&inputs)?;
        for &input in &node.inputs {
            uses[input] -= 1;
            if uses[input] == 0 {
                values[input] = Vec::new();
            }
        }
        ones.push(statistics.one(&value));
        values.push(value);
    }
    Ok(ones)
}

/// How often each value is taken by a node, the input first.
pub(super) fn uses(graph: &FloatGraph) -> Vec<usize> {
    let mut uses = vec![0; graph.nodes.len() + 1];
    graph.nodes.iter().flat_map(|node| &node.inputs).for_each(|&input| uses[input] += 1);
    uses
}
