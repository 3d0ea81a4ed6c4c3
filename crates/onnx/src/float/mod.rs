//! The float network: what a file means, and how it is executed.

mod activation;
mod conv2d;
mod gemm;
mod head;
mod linear;
mod max_pool;
mod quantizer;

use std::sync::Arc;

use convince_model::{MaxPool, Shape};

pub(crate) use self::activation::{Activation, Binary, Expr, Unary, erf};
pub(crate) use self::conv2d::FloatConv2d;
pub(crate) use self::gemm::FloatGemm;
pub(crate) use self::linear::{FloatLinear, FloatTerm};
pub(crate) use self::quantizer::{Quantizer, Steps};
use crate::OnnxError;

/// A float network: operators on earlier values, each value `[1, C, H, W]`, row-major.
///
/// Flattening and operators without effect in inference are gone; batch normalisations and added constants are part of
/// the convolution or matrix product before them where there is one. The last node is the output.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatGraph {
    pub(crate) input_shape: Shape,
    /// In an order in which each only takes earlier values.
    pub(crate) nodes: Vec<FloatNode>,
}

/// One operator application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatNode {
    pub(crate) name: String,
    pub(crate) op: FloatOp,
    /// The values it takes: 0 is the network's input, `i + 1` the value of node `i`.
    pub(crate) inputs: Vec<usize>,
    /// Shape of the node's value.
    pub(crate) shape: Shape,
}

/// An operator on floats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FloatOp {
    /// Convolution with bias.
    Conv2d(FloatConv2d),
    /// Matrix times the input, flattened, with bias; gives `[1, N, 1, 1]`.
    Gemm(FloatGemm),
    /// Maximum over windows; places of the padding never win.
    MaxPool(MaxPool),
    /// A function of every element.
    Activation(Activation),
    /// Sum of multiples of mapped values, and a constant: one input a term.
    Linear(FloatLinear),
    /// Pointwise product of two values of equal shape.
    Product,
    /// Channel of the largest value at each place, the first of equal ones, as a number: `[1, C, H, W]` gives
    /// `[1, 1, H, W]`. Only as the last node.
    ArgMax,
    /// Softmax over the channels at each place. Only as the last node.
    Softmax,
    /// Rounding to integers of 8 bits and back, in a network whose file is quantised and that is taken as it is.
    Quantize(Quantizer),
}

/// Parameters as they are in the file, shared with it where their order is the same.
pub(crate) type Floats = Arc<Vec<f32>>;

impl FloatGraph {
    /// Shape of the input: `[1, C, H, W]`, or `[1, N, 1, 1]` for a network that takes `[1, N]`.
    ///
    /// Of a network that transposes its input `[1, H, W, C]` before anything else it is `[1, C, H, W]` too.
    pub fn input_shape(&self) -> Shape {
        self.input_shape
    }

    /// Number of outputs.
    pub fn output_len(&self) -> usize {
        self.shape(self.nodes.len()).iter().product()
    }

    /// Number of elements of all values together, the input's too.
    pub fn num_values(&self) -> usize {
        (0..=self.nodes.len()).map(|id| self.shape(id).iter().product::<usize>()).sum()
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.nodes.iter().map(|node| node.op.parameters()).sum()
    }

    /// Name and operator of every node, in the order in which they are executed.
    pub fn operators(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.nodes.iter().map(|node| (node.name.as_str(), node.op.name()))
    }

    /// Executes the network on one input, row-major, in single precision. Keeps no value longer than it is needed.
    ///
    /// # Errors
    /// [`OnnxError::InputLength`]; [`OnnxError::ValueNotFinite`] if a value overflows or the input holds no numbers.
    pub fn run(&self, input: &[f32]) -> Result<Vec<f32>, OnnxError> {
        self.check_len(input)?;
        let mut last_use = vec![self.nodes.len(); self.nodes.len() + 1];
        for (index, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().for_each(|&id| last_use[id] = index);
        }
        let mut values = vec![input.to_vec()];
        for (index, node) in self.nodes.iter().enumerate() {
            let value = self.run_node(node, &values)?;
            values.push(value);
            node.inputs.iter().filter(|&&id| last_use[id] == index).for_each(|&id| values[id] = Vec::new());
        }
        Ok(values.pop().unwrap_or_default())
    }

    /// All values of one run: the input, then those of the nodes, in the order of [`Self::operators`].
    ///
    /// # Errors
    /// As [`FloatGraph::run`].
    pub fn trace(&self, input: &[f32]) -> Result<Vec<Vec<f32>>, OnnxError> {
        self.check_len(input)?;
        let mut values = vec![input.to_vec()];
        for node in &self.nodes {
            let value = self.run_node(node, &values)?;
            values.push(value);
        }
        Ok(values)
    }

    fn run_node(&self, node: &FloatNode, values: &[Vec<f32>]) -> Result<Vec<f32>, OnnxError> {
        let inputs: Vec<_> = node.inputs.iter().map(|&id| (values[id].as_slice(), self.shape(id))).collect();
        node.run(&inputs)
    }

    /// Shape of value `id`: 0 is the input, `i + 1` the value of node `i`.
    pub(crate) fn shape(&self, id: usize) -> Shape {
        id.checked_sub(1).map_or(self.input_shape, |index| self.nodes[index].shape)
    }

    pub(crate) fn check_len(&self, input: &[f32]) -> Result<(), OnnxError> {
        match (self.input_shape.iter().product(), input.len()) {
            (expected, found) if expected != found => Err(OnnxError::InputLength { expected, found }),
            _ => Ok(()),
        }
    }
}

impl FloatNode {
    /// The node's value for inputs of these shapes, all of it finite. Panics if there are too few.
    pub(crate) fn run(&self, inputs: &[(&[f32], Shape)]) -> Result<Vec<f32>, OnnxError> {
        let (input, shape) = inputs[0];
        let value: Vec<f32> = match &self.op {
            FloatOp::Conv2d(op) => op.run(input, shape, self.shape),
            FloatOp::Gemm(op) => op.run(input),
            FloatOp::MaxPool(op) => max_pool::run(op, input, shape, self.shape),
            FloatOp::Activation(function) => input.iter().map(|&v| function.apply(v)).collect(),
            FloatOp::Linear(op) => op.run(inputs, self.shape),
            FloatOp::Product => input.iter().zip(inputs[1].0).map(|(a, b)| a * b).collect(),
            FloatOp::ArgMax => head::arg_max(input, shape),
            FloatOp::Softmax => head::softmax(input, shape),
            FloatOp::Quantize(op) => input.iter().map(|&v| op.apply(v)).collect(),
        };
        match value.iter().all(|v| v.is_finite()) {
            true => Ok(value),
            false => Err(OnnxError::ValueNotFinite { node: self.name.clone() }),
        }
    }
}

impl FloatOp {
    /// The operator's name in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "Conv",
            Self::Gemm(_) => "Gemm",
            Self::MaxPool(_) => "MaxPool",
            Self::Activation(function) => function.name(),
            Self::Linear(_) => "Linear",
            Self::Product => "Product",
            Self::ArgMax => "ArgMax",
            Self::Softmax => "Softmax",
            Self::Quantize(_) => "QuantizeLinear",
        }
    }

    /// Number of weights and biases.
    pub(crate) fn parameters(&self) -> usize {
        let (weight, bias) = match self {
            Self::Conv2d(op) => (&op.weight, &op.bias),
            Self::Gemm(op) => (&op.weight, &op.bias),
            _ => return 0,
        };
        weight.len() + bias.as_ref().map_or(0, |bias| bias.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_overflow_are_errors() {
        let op = FloatGemm { weight: Arc::new(vec![f32::MAX; 2]), weight_shape: [1, 2], bias: None, steps: None };
        let node = FloatNode { name: "fc".into(), op: FloatOp::Gemm(op), inputs: vec![0], shape: [1, 1, 1, 1] };
        let graph = FloatGraph { input_shape: [1, 2, 1, 1], nodes: vec![node] };
        assert_eq!(graph.run(&[1.0, 1.0]), Err(OnnxError::ValueNotFinite { node: "fc".into() }));
        assert_eq!(graph.run(&[1.0]), Err(OnnxError::InputLength { expected: 2, found: 1 }));
        assert_eq!(graph.run(&[0.5, -0.5]), Ok(vec![0.0]));
    }

    #[test]
    fn values_are_kept_until_their_last_use() {
        let relu = |inputs| FloatNode {
            name: "relu".into(),
            op: FloatOp::Activation(Activation::Relu),
            inputs,
            shape: [1, 3, 1, 1],
        };
        let product = |inputs| FloatNode { name: "mul".into(), op: FloatOp::Product, inputs, shape: [1, 3, 1, 1] };
        let nodes = vec![relu(vec![0]), product(vec![1, 0]), product(vec![2, 0]), product(vec![3, 3])];
        let graph = FloatGraph { input_shape: [1, 3, 1, 1], nodes };
        assert_eq!(graph.run(&[-1.0, 2.0, 1.0]), Ok(vec![0.0, 64.0, 1.0]));
    }
}
