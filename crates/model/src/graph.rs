use convince_field::Bits;
use serde::{Deserialize, Serialize};

use crate::{Conv2d, Gemm, Linear, MaxPool, ModelError, NodeError, Requant, product};

/// Axes `[batch, channel, row, column]` of a tensor.
pub type Shape = [usize; 4];

/// Most elements that all values of a graph may have together: what a [`Trace`](crate::Trace) holds, 1 GiB.
pub const MAX_TOTAL_LEN: usize = 1 << 28;

/// A value of a graph: 0 is the input, `i + 1` is defined by node `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueId(pub u32);

impl ValueId {
    /// The graph's input.
    pub const INPUT: Self = Self(0);

    /// The value as an index into a list with one entry per value.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operator application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Name for messages; from the ONNX file where there is one.
    pub name: String,
    /// The operator and its parameters.
    pub op: Op,
    /// The values it takes, all defined earlier.
    pub inputs: Vec<ValueId>,
}

/// An operator on integer tensors. The operator's own file is its definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// Two-dimensional convolution with bias; gives accumulators.
    Conv2d(Conv2d),
    /// Matrix times flattened input, with bias; gives accumulators.
    Gemm(Gemm),
    /// Multiplication, rounding shift, clamp and activation.
    Requant(Requant),
    /// Maximum over windows.
    MaxPool(MaxPool),
    /// Sum of mapped inputs times public integers, plus a constant.
    Linear(Linear),
    /// Product of two inputs, element by element.
    Product,
}

impl Op {
    /// The operator's name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "Conv2d",
            Self::Gemm(_) => "Gemm",
            Self::Requant(_) => "Requant",
            Self::MaxPool(_) => "MaxPool",
            Self::Linear(_) => "Linear",
            Self::Product => "Product",
        }
    }

    fn num_inputs(&self) -> usize {
        match self {
            Self::Linear(linear) => linear.terms.len(),
            Self::Product => 2,
            _ => 1,
        }
    }

    pub(crate) fn infer(&self, inputs: &[&ValueInfo]) -> Result<ValueInfo, NodeError> {
        let expected = self.num_inputs();
        let first = match inputs {
            [first, ..] if inputs.len() == expected => first,
            _ => return Err(NodeError::InputCount { expected: expected.max(1), found: inputs.len() }),
        };
        match self {
            Self::Conv2d(op) => op.infer(first),
            Self::Gemm(op) => op.infer(first),
            Self::Requant(op) => op.infer(first),
            Self::MaxPool(op) => op.infer(first),
            Self::Linear(op) => op.infer(inputs),
            Self::Product => product::infer(first, inputs[1]),
        }
    }
}

/// An integer network: nodes in an order in which each only takes values defined before it.
///
/// The last node's value is the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// Shape of the input.
    pub input_shape: Shape,
    /// Declared format of the input.
    pub input_bits: Bits,
    /// The nodes; node `i` defines value `i + 1`.
    pub nodes: Vec<Node>,
}

/// What is known of a value without running the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// The value's shape.
    pub shape: Shape,
    /// No element is below this, whatever the input and the weights of the declared formats.
    pub low: i64,
    /// No element is above this.
    pub high: i64,
}

impl ValueInfo {
    /// Number of elements.
    pub fn num_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The narrowest format that holds the interval.
    pub fn bits(&self) -> Bits {
        Bits::holding(self.low, self.high)
    }

    /// A value of this shape and interval, if the interval is within `i32`.
    pub(crate) fn bounded(shape: Shape, low: i128, high: i128) -> Result<Self, NodeError> {
        match (i32::try_from(low), i32::try_from(high)) {
            (Ok(low), Ok(high)) => Ok(Self { shape, low: low.into(), high: high.into() }),
            _ => {
                let saturate = |v: i128| v.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                Err(NodeError::Bound { low: saturate(low), high: saturate(high) })
            }
        }
    }
}

/// Number of elements of `shape`, unless it is 0 or overflows.
pub(crate) fn checked_len(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).filter(|&len| len > 0)
}

impl Graph {
    /// Shape and interval of every value, the input first.
    ///
    /// Checks everything there is to check, the range of every parameter included: one pass over the parameters that
    /// are stored wider than their declared format.
    ///
    /// # Errors
    /// Any [`ModelError`] about graphs; those about a node name it.
    pub fn infer(&self) -> Result<Vec<ValueInfo>, ModelError> {
        let mut values = vec![self.infer_input()?];
        let mut total = values[0].num_elements();
        for (index, node) in self.nodes.iter().enumerate() {
            let in_node = |problem| ModelError::Node { index, name: node.name.clone(), problem };
            let inputs: Result<Vec<_>, _> =
                node.inputs.iter().map(|&id| values.get(id.index()).ok_or(NodeError::UndefinedInput(id))).collect();
            let value = node.op.infer(&inputs.map_err(in_node)?).map_err(in_node)?;
            total = checked_len(&value.shape)
                .and_then(|len| total.checked_add(len))
                .filter(|&total| total <= MAX_TOTAL_LEN)
                .ok_or(ModelError::TooLarge { limit: MAX_TOTAL_LEN })?;
            values.push(value);
        }
        match self.nodes.is_empty() {
            true => Err(ModelError::NoNodes),
            false => Ok(values),
        }
    }

    fn infer_input(&self) -> Result<ValueInfo, ModelError> {
        let (shape, bits) = (self.input_shape, self.input_bits);
        let len = checked_len(&shape).ok_or(ModelError::Input { shape, bits })?;
        if len > MAX_TOTAL_LEN {
            return Err(ModelError::TooLarge { limit: MAX_TOTAL_LEN });
        }
        if !bits.is_valid() {
            return Err(ModelError::Input { shape, bits });
        }
        Ok(ValueInfo { shape, low: bits.low(), high: bits.high() })
    }

    /// Whether [`Self::infer`] finds no error.
    ///
    /// # Errors
    /// Those of [`Self::infer`].
    pub fn validate(&self) -> Result<(), ModelError> {
        self.infer().map(drop)
    }

    /// The last node's value.
    pub fn output(&self) -> ValueId {
        ValueId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX))
    }

    /// The graph for `batch` inputs at once, which are independent of each other. Parameters are shared, not copied.
    #[must_use]
    pub fn with_batch(&self, batch: usize) -> Self {
        let [_, channels, rows, columns] = self.input_shape;
        Self { input_shape: [batch, channels, rows, columns], ..self.clone() }
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        let count = |weight: &convince_field::Ints, bias: &Option<_>| {
            weight.len() + bias.as_ref().map_or(0, |b: &std::sync::Arc<convince_field::Ints>| b.len())
        };
        let each = self.nodes.iter().map(|node| match &node.op {
            Op::Conv2d(op) => count(&op.weight, &op.bias),
            Op::Gemm(op) => count(&op.weight, &op.bias),
            Op::Requant(_) | Op::MaxPool(_) | Op::Linear(_) | Op::Product => 0,
        });
        each.sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requant;

    fn requant(low: i32, high: i32) -> Op {
        Op::Requant(Requant::plain(1, low, high))
    }

    fn graph(nodes: Vec<(Op, Vec<u32>)>) -> Graph {
        let nodes = nodes.into_iter().map(|(op, inputs)| Node {
            name: "n".into(),
            op,
            inputs: inputs.into_iter().map(ValueId).collect(),
        });
        Graph { input_shape: [1, 2, 4, 4], input_bits: Bits::I8, nodes: nodes.collect() }
    }

    fn problem(graph: &Graph) -> NodeError {
        match graph.infer() {
            Err(ModelError::Node { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_may_only_be_used_after_they_are_defined() {
        assert!(graph(vec![(requant(0, 5), vec![0]), (requant(0, 3), vec![1])]).validate().is_ok());
        for id in [1, 2, u32::MAX] {
            let later = graph(vec![(requant(0, 5), vec![id])]);
            assert_eq!(problem(&later), NodeError::UndefinedInput(ValueId(id)));
        }
    }

    #[test]
    fn wrong_numbers_of_inputs_are_errors() {
        let add = |count| Op::Linear(Linear::sum(&vec![1; count], 0));
        let cases = [(requant(0, 1), vec![]), (requant(0, 1), vec![0, 0]), (add(0), vec![]), (add(2), vec![0])];
        for (op, inputs) in cases.into_iter().chain([(Op::Product, vec![0]), (Op::Product, vec![0; 3])]) {
            assert!(matches!(problem(&graph(vec![(op, inputs)])), NodeError::InputCount { .. }));
        }
    }

    #[test]
    fn empty_graphs_and_unsupported_inputs_are_errors() {
        assert_eq!(graph(vec![]).infer(), Err(ModelError::NoNodes));
        let good = graph(vec![(requant(0, 1), vec![0])]);
        for shape in [[1, 0, 4, 4], [0, 1, 4, 4], [1, usize::MAX, 2, 2]] {
            assert!(matches!(Graph { input_shape: shape, ..good.clone() }.infer(), Err(ModelError::Input { .. })));
        }
        for bits in [Bits::unsigned(0), Bits::signed(32), Bits::signed(255)] {
            assert!(matches!(Graph { input_bits: bits, ..good.clone() }.infer(), Err(ModelError::Input { .. })));
        }
        let large = Graph { input_shape: [1, 1, 1 << 20, 1 << 20], ..good };
        assert!(matches!(large.infer(), Err(ModelError::TooLarge { .. })));
    }
}
