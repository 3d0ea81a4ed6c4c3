//! Cross-layer equalisation: channels of unequal ranges between two layers are scaled alike before they are rounded.
//!
//! A convolution's output channel may be divided by any `e_c > 0` if the next convolution's weights for it are
//! multiplied by `e_c`: what stands between them, maxima, sums over places and clamps at zero, commutes with that. A
//! channel that uses a tenth of its value's range would otherwise be rounded to a tenth of the integers. The idea is
//! that of Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019); ranges here
//! are those of the activations.
//!
//! An upper clamp (ReLU6) stays where it is, which moves it to `e_c` times its place for the channel: no lower than
//! the largest value seen in calibration, where rounding to 8 bits saturates anyway.

use std::sync::Arc;

use convince_field::AxisMap;

use super::statistics::{ValueStatistics, uses};
use crate::FloatGraph;
use crate::float::{Activation, FloatNode, FloatOp, Floats};

/// The least factor of a channel, as a share of the largest: dead channels stay within bounds.
const LEAST: f64 = 1.0 / 64.0;

/// Two layers and the value between them.
struct Pair {
    producer: usize,
    consumer: usize,
    /// The value whose ranges count: the last one before the consumer.
    value: usize,
}

/// The network with equalised channels, or `None` if no layers can be. Its output is the same up to rounding in single
/// precision and the moved upper clamps.
pub(super) fn equalize(graph: &FloatGraph, statistics: &[ValueStatistics]) -> Option<FloatGraph> {
    let pairs = pairs(graph);
    let mut equalized = graph.clone();
    for pair in &pairs {
        let channels = statistics[pair.value].shape[1];
        let Some(columns) = Columns::of(&graph.nodes[pair.consumer], &statistics[pair.value]) else { continue };
        let factors = factors(&columns, &statistics[pair.value]);
        if channels == graph.nodes[pair.producer].shape[1] {
            divide_rows(&mut equalized.nodes[pair.producer].op, &factors);
            columns.multiply(&mut equalized.nodes[pair.consumer].op, &factors);
        }
    }
    (!pairs.is_empty()).then_some(equalized)
}

/// Layers that are one another's only neighbours, but for operators that commute with positive factors of channels.
fn pairs(graph: &FloatGraph) -> Vec<Pair> {
    let uses = uses(graph);
    let mut consumer = vec![None; graph.nodes.len() + 1];
    for (index, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&input| consumer[input] = Some(index));
    }
    let is_layer = |node: &FloatNode| matches!(node.op, FloatOp::Conv2d(_) | FloatOp::Gemm(_));
    let pair = |producer: usize| {
        let mut value = producer + 1;
        loop {
            let next = consumer[value].filter(|_| uses[value] == 1)?;
            match &graph.nodes[next] {
                node if is_layer(node) => return Some(Pair { producer, consumer: next, value }),
                node if commutes(node) => value = next + 1,
                _ => return None,
            }
        }
    };
    (0..graph.nodes.len()).filter(|&index| is_layer(&graph.nodes[index])).filter_map(pair).collect()
}

fn commutes(node: &FloatNode) -> bool {
    match &node.op {
        FloatOp::MaxPool(_) => true,
        FloatOp::Activation(function) => match function {
            Activation::Relu | Activation::LeakyRelu { .. } => true,
            Activation::Clip { min, max } => *min == 0.0 && *max > 0.0,
            _ => false,
        },
        FloatOp::Linear(linear) => match &linear.terms[..] {
            [term] => linear.constant == 0.0 && term.map.order[1] == 1 && term.map.axes[1] == AxisMap::Identity,
            _ => false,
        },
        _ => false,
    }
}

/// How a layer's weights belong to its input channels.
struct Columns<'a> {
    weight: &'a [f32],
    taps: usize,
    /// Neighbouring taps of one channel.
    run: usize,
    /// Rows of one group, and their input channels.
    group: (usize, usize),
}

impl<'a> Columns<'a> {
    fn of(node: &'a FloatNode, input: &ValueStatistics) -> Option<Self> {
        match &node.op {
            FloatOp::Conv2d(op) => {
                let [rows, channels, kernel @ ..] = op.weight_shape;
                let run: usize = kernel.iter().product();
                let group = (rows / op.groups.max(1), channels);
                Some(Self { weight: &op.weight, taps: channels * run, run, group })
            }
            FloatOp::Gemm(op) => {
                let [rows, taps] = op.weight_shape;
                let run = input.shape[2..].iter().product();
                Some(Self { weight: &op.weight, taps, run, group: (rows, taps / run) })
            }
            _ => None,
        }
    }

    /// Input channel of a weight.
    fn channel(&self, index: usize) -> usize {
        let (rows, channels) = self.group;
        index / self.taps / rows * channels + index % self.taps / self.run
    }

    /// Whether each row has weights of one channel only, whose scale it can follow.
    fn is_depthwise(&self) -> bool {
        self.group.1 == 1
    }

    fn largest(&self, channels: usize) -> Vec<f64> {
        let mut largest = vec![0.0f64; channels];
        for (index, &w) in self.weight.iter().enumerate() {
            let slot = &mut largest[self.channel(index)];
            *slot = slot.max(f64::from(w.abs()));
        }
        largest
    }

    fn multiply(&self, op: &mut FloatOp, factors: &[f32]) {
        let weight = match op {
            FloatOp::Conv2d(op) => &mut op.weight,
            FloatOp::Gemm(op) => &mut op.weight,
            _ => return,
        };
        let scaled = weight.iter().enumerate().map(|(index, &w)| w * factors[self.channel(index)]).collect();
        *weight = Arc::new(scaled);
    }
}

/// Factors of channels, the largest of them 1: their ranges, as far as the consumer's weights can follow.
fn factors(columns: &Columns<'_>, value: &ValueStatistics) -> Vec<f32> {
    let weights = columns.largest(value.shape[1]);
    let wish = |(&peak, &weight): (&f32, &f64)| match columns.is_depthwise() {
        true => f64::from(peak),
        false if weight > 0.0 => (f64::from(peak) / weight).sqrt(),
        false => 0.0,
    };
    let wishes: Vec<f64> = value.peaks.iter().zip(&weights).map(wish).collect();
    let largest = wishes.iter().copied().fold(0.0, f64::max);
    if !(largest > 0.0 && largest.is_finite()) {
        return vec![1.0; wishes.len()];
    }
    wishes.iter().map(|wish| (wish / largest).max(LEAST) as f32).collect()
}

fn divide_rows(op: &mut FloatOp, factors: &[f32]) {
    let divided = |values: &Floats| {
        let row = values.len() / factors.len();
        Arc::new(values.iter().enumerate().map(|(index, &v)| v / factors[index / row]).collect())
    };
    let (weight, bias) = match op {
        FloatOp::Conv2d(op) => (&mut op.weight, &mut op.bias),
        FloatOp::Gemm(op) => (&mut op.weight, &mut op.bias),
        _ => return,
    };
    *weight = divided(weight);
    if let Some(bias) = bias {
        *bias = divided(bias);
    }
}

#[cfg(test)]
mod tests {
    use super::super::statistics::collect;
    use super::*;
    use crate::float::{FloatConv2d, FloatGemm};

    #[test]
    fn equalised_networks_compute_the_same_with_even_channels() {
        let node = |op, input, shape| FloatNode { name: "n".into(), op, inputs: vec![input], shape };
        let first = FloatConv2d::plain(Arc::new(vec![4.0, 0.25]), [2, 1, 1, 1], Some(Arc::new(vec![0.5, -0.125])), 1);
        let depthwise = FloatConv2d::plain(Arc::new(vec![0.5, 3.0]), [2, 1, 1, 1], None, 2);
        let last = FloatGemm {
            weight: Arc::new(vec![1.0, 2.0, 3.0, 4.0, -5.0, -6.0, -7.0, -8.0]),
            weight_shape: [1, 8],
            bias: None,
            steps: None,
        };
        let nodes = vec![
            node(FloatOp::Conv2d(first), 0, [1, 2, 2, 2]),
            node(FloatOp::Activation(Activation::Relu), 1, [1, 2, 2, 2]),
            node(FloatOp::Conv2d(depthwise), 2, [1, 2, 2, 2]),
            node(FloatOp::Gemm(last), 3, [1, 1, 1, 1]),
        ];
        let graph = FloatGraph { input_shape: [1, 1, 2, 2], nodes };
        let input = [1.0, 0.5, 0.25, 0.0];
        let statistics = collect(&graph, &[&input]).expect("finite");
        let equalized = equalize(&graph, &statistics).expect("two pairs");
        let (a, b) = (graph.run(&input).expect("finite"), equalized.run(&input).expect("finite"));
        assert!((a[0] - b[0]).abs() < 1e-5, "{a:?} {b:?}");
        // The depthwise layer's scales follow its channels: both of them then have the larger one's range.
        let peaks = &collect(&equalized, &[&input]).expect("finite")[2].peaks;
        assert!((peaks[0] - 4.5).abs() < 1e-5 && (peaks[1] - 4.5).abs() < 1e-5, "{peaks:?}");
    }
}
