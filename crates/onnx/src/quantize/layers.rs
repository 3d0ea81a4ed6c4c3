//! A chain of float operators as layers: a convolution or matrix product with what follows it.

use std::sync::Arc;

use convince_field::{Bits, Ints};
use convince_model::{Conv2d, Gemm, MaxPool, Op, Requant, Shape, dot_bound};

use super::scales::{Input, Scales};
use crate::float::{FloatConv2d, FloatGemm, FloatNode, FloatOp};
use crate::{FloatGraph, NodeProblem, OnnxError};

/// A convolution or matrix product, with the ReLU and the max-pooling up to the next one.
///
/// Rounding, ReLU and maximum are all non-decreasing, so they commute: whatever their order in the float network, the
/// integer one rounds and clamps first and pools then.
pub(super) struct Layer<'a> {
    pub(super) input_shape: Shape,
    linear: Linear<'a>,
    /// The layer's nodes, the first of them the convolution or matrix product.
    nodes: &'a [FloatNode],
}

enum Linear<'a> {
    Conv2d(&'a FloatConv2d),
    Gemm(&'a FloatGemm),
}

impl<'a> Linear<'a> {
    fn of(node: &'a FloatNode) -> Option<Self> {
        match &node.op {
            FloatOp::Conv2d(op) => Some(Self::Conv2d(op)),
            FloatOp::Gemm(op) => Some(Self::Gemm(op)),
            FloatOp::Relu | FloatOp::MaxPool(_) => None,
        }
    }

    fn weight(&self) -> &'a [f32] {
        match self {
            Self::Conv2d(op) => &op.weight,
            Self::Gemm(op) => &op.weight,
        }
    }

    fn bias(&self) -> Option<&'a [f32]> {
        let bias = match self {
            Self::Conv2d(op) => &op.bias,
            Self::Gemm(op) => &op.bias,
        };
        bias.as_ref().map(|bias| bias.as_slice())
    }

    /// Products in one accumulator.
    fn taps(&self) -> usize {
        match self {
            Self::Conv2d(op) => op.weight_shape[1..].iter().product(),
            Self::Gemm(op) => op.weight_shape[1],
        }
    }
}

/// Cuts a network into layers.
pub(super) fn group(graph: &FloatGraph) -> Result<Vec<Layer<'_>>, OnnxError> {
    let (mut layers, mut rest, mut input_shape) = (Vec::new(), graph.nodes.as_slice(), graph.input_shape);
    while let Some(first) = rest.first() {
        let Some(linear) = Linear::of(first) else {
            let operator = if matches!(first.op, FloatOp::Relu) { "Relu" } else { "MaxPool" };
            let (operator, node) = (operator.to_owned(), first.name.clone());
            return Err(OnnxError::Node { operator, node, problem: NodeProblem::StandAlone });
        };
        let len = 1 + rest[1..].iter().take_while(|node| Linear::of(node).is_none()).count();
        let (nodes, others) = rest.split_at(len);
        layers.push(Layer { input_shape, linear, nodes });
        input_shape = nodes[len - 1].shape;
        rest = others;
    }
    if layers.is_empty() { Err(OnnxError::NoLayers) } else { Ok(layers) }
}

impl Layer<'_> {
    pub(super) fn name(&self) -> &str {
        &self.nodes[0].name
    }

    /// The ReLU's name; an invented one if there is none.
    pub(super) fn activation_name(&self) -> String {
        self.relu().map_or_else(|| format!("{}/requant", self.name()), |node| node.name.clone())
    }

    fn relu(&self) -> Option<&FloatNode> {
        self.nodes.iter().find(|node| node.op == FloatOp::Relu)
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = (&str, MaxPool)> {
        self.nodes.iter().filter_map(|node| match node.op {
            FloatOp::MaxPool(pool) => Some((node.name.as_str(), pool)),
            _ => None,
        })
    }

    /// Whether nothing follows the convolution or matrix product.
    pub(super) fn is_linear(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Multiply-accumulates of one run.
    pub(super) fn macs(&self) -> usize {
        self.nodes[0].shape.iter().product::<usize>().saturating_mul(self.linear.taps())
    }

    pub(super) fn run_float(&self, input: &[f32]) -> Result<Vec<f32>, OnnxError> {
        let mut shape = self.input_shape;
        self.nodes.iter().try_fold(input.to_vec(), |value, node| {
            let value = node.run(&value, shape)?;
            shape = node.shape;
            Ok(value)
        })
    }

    /// Format of the layer's output.
    pub(super) fn activation_bits(&self) -> Bits {
        if self.relu().is_some() { Bits::U8 } else { Bits::I8 }
    }

    pub(super) fn requant(&self, shift: u32) -> Requant {
        let bits = self.activation_bits();
        Requant { shift, low: bits.low() as i32, high: bits.high() as i32, table: None }
    }

    /// Largest absolute weight and bias.
    pub(super) fn largest(&self) -> (f64, f64) {
        let largest = |values: &[f32]| values.iter().fold(0.0f32, |a, b| a.max(b.abs())).into();
        (largest(self.linear.weight()), self.linear.bias().map_or(0.0, largest))
    }

    /// The widest signed format within a quarter of the bound of the layer's dot product: it depends on the architecture alone,
    /// holds any bias of a trained network, and widens the accumulators, whose range the proof's tables follow, by a quarter at most.
    pub(super) fn bias_bits(&self, input: Bits) -> Bits {
        let (low, high) = dot_bound(self.linear.taps(), Bits::I8, input.low(), input.high());
        let within = |bits: &Bits| low / 4 <= bits.low().into() && i128::from(bits.high()) <= high / 4;
        (1..=Bits::MAX_WIDTH).rev().map(Bits::signed).find(within).unwrap_or(Bits::signed(1))
    }

    /// The integer operator of given scales.
    pub(super) fn linear(&self, input: Input, scales: &Scales) -> Op {
        let round =
            |v: f32, scale: f64, bits: Bits| ((f64::from(v) / scale).round() as i64).clamp(bits.low(), bits.high());
        let limit = i64::from(MAX_WEIGHT);
        let weight = |&w: &f32| round(w, scales.weight, Bits::I8).clamp(-limit, limit) as i8;
        let weight = Arc::new(Ints::I8(self.linear.weight().iter().map(weight).collect()));
        let bias_bits = self.bias_bits(input.bits);
        let biases = self
            .linear
            .bias()
            .map(|bias| bias.iter().map(|&b| round(b, input.scale * scales.weight, bias_bits)).collect::<Vec<i64>>());
        let bias = biases.and_then(|values| Ints::pack(bias_bits, &values)).map(Arc::new);
        let weight_bits = Bits::I8;
        match self.linear {
            Linear::Conv2d(op) => {
                let (weight_shape, stride, padding) = (op.weight_shape, op.stride, op.padding);
                Op::Conv2d(Conv2d { weight, weight_shape, weight_bits, bias, bias_bits, stride, padding })
            }
            Linear::Gemm(op) => Op::Gemm(Gemm { weight, weight_shape: op.weight_shape, weight_bits, bias, bias_bits }),
        }
    }
}

/// Largest absolute weight: symmetric, so -128 is not used.
pub(super) const MAX_WEIGHT: i8 = 127;
