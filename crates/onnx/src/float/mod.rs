//! The float network: what a file means, and how it is executed.

mod conv2d;
mod gemm;

use std::sync::Arc;

use convince_model::{MaxPool, Shape};

pub(crate) use self::conv2d::FloatConv2d;
pub(crate) use self::gemm::FloatGemm;
use crate::OnnxError;

/// A float network: a chain of operators, each on the value before it.
///
/// Values are `[1, C, H, W]`, row-major. Flattening and operators without effect in inference are gone, biases are part
/// of their convolution or matrix product.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    pub(crate) input_shape: Shape,
    pub(crate) nodes: Vec<FloatNode>,
}

/// One operator of a chain.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatNode {
    pub(crate) name: String,
    pub(crate) op: FloatOp,
    /// Shape of the node's value.
    pub(crate) shape: Shape,
}

/// An operator on floats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FloatOp {
    Conv2d(FloatConv2d),
    Gemm(FloatGemm),
    Relu,
    MaxPool(MaxPool),
}

/// Parameters as they are in the file, shared with it where their order is the same.
pub(crate) type Floats = Arc<Vec<f32>>;

impl FloatGraph {
    /// Shape of the input: `[1, C, H, W]`, or `[1, N, 1, 1]` for a network that takes `[1, N]`.
    pub fn input_shape(&self) -> Shape {
        self.input_shape
    }

    /// Number of outputs.
    pub fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.op.parameters()).sum()
    }

    /// Executes the network on one input, row-major, in single precision.
    ///
    /// # Errors
    /// [`OnnxError::InputLength`]; [`OnnxError::ValueNotFinite`] if a value overflows or the input holds no numbers.
    pub fn run(&self, input: &[f32]) -> Result<Vec<f32>, OnnxError> {
        self.check_len(input)?;
        let mut shape = self.input_shape;
        self.nodes.iter().try_fold(input.to_vec(), |value, node| {
            let value = node.run(&value, shape)?;
            shape = node.shape;
            Ok(value)
        })
    }

    pub(crate) fn check_len(&self, input: &[f32]) -> Result<(), OnnxError> {
        match (self.input_shape.iter().product(), input.len()) {
            (expected, found) if expected != found => Err(OnnxError::InputLength { expected, found }),
            _ => Ok(()),
        }
    }

    fn output_shape(&self) -> Shape {
        self.nodes.last().map_or(self.input_shape, |node| node.shape)
    }
}

impl FloatNode {
    /// The node's value for an input of shape `shape`, all of it finite.
    pub(crate) fn run(&self, input: &[f32], shape: Shape) -> Result<Vec<f32>, OnnxError> {
        let value = match &self.op {
            FloatOp::Conv2d(op) => op.run(input, shape, self.shape),
            FloatOp::Gemm(op) => op.run(input),
            FloatOp::Relu => input.iter().map(|&v| v.max(0.0)).collect(),
            FloatOp::MaxPool(op) => max_pool(op, input, shape, self.shape),
        };
        match value.iter().all(|v| v.is_finite()) {
            true => Ok(value),
            false => Err(OnnxError::ValueNotFinite { node: self.name.clone() }),
        }
    }
}

impl FloatOp {
    pub(crate) fn parameters(&self) -> usize {
        let (weight, bias) = match self {
            Self::Conv2d(op) => (&op.weight, &op.bias),
            Self::Gemm(op) => (&op.weight, &op.bias),
            Self::Relu | Self::MaxPool(_) => return 0,
        };
        weight.len() + bias.as_ref().map_or(0, |b| b.len())
    }
}

fn max_pool(
    op: &MaxPool,
    input: &[f32],
    [_, _, rows, columns]: Shape,
    [_, channels, out_rows, out_columns]: Shape,
) -> Vec<f32> {
    let mut out = Vec::with_capacity(channels * out_rows * out_columns);
    for row in 0..channels * out_rows {
        let first = row / out_rows * rows + row % out_rows * op.stride;
        for x in 0..out_columns {
            let lines = (first..first + op.window).map(|y| &input[y * columns + x * op.stride..][..op.window]);
            out.push(lines.flatten().fold(f32::NEG_INFINITY, |a, &b| a.max(b)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_pooling_crops_and_takes_the_largest() {
        let input: Vec<f32> = (0..18).map(|i| if i % 2 == 0 { i as f32 } else { -(i as f32) }).collect();
        let out = max_pool(&MaxPool { window: 2, stride: 2 }, &input, [1, 2, 3, 3], [1, 2, 1, 1]);
        assert_eq!(out, [4.0, 12.0]);
    }

    #[test]
    fn values_that_overflow_are_errors() {
        let op = FloatGemm { weight: Arc::new(vec![f32::MAX; 2]), weight_shape: [1, 2], bias: None };
        let node = FloatNode { name: "fc".into(), op: FloatOp::Gemm(op), shape: [1, 1, 1, 1] };
        let graph = FloatGraph { input_shape: [1, 2, 1, 1], nodes: vec![node] };
        assert_eq!(graph.run(&[1.0, 1.0]), Err(OnnxError::ValueNotFinite { node: "fc".into() }));
        assert_eq!(graph.run(&[1.0]), Err(OnnxError::InputLength { expected: 2, found: 1 }));
        assert_eq!(graph.run(&[0.5, -0.5]), Ok(vec![0.0]));
    }
}
