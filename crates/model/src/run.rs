//! The reference interpreter.

use convince_field::Bits;

use crate::{Graph, ModelError, Op, ValueId, ValueInfo, product};

/// Every integer that a run of a graph computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    values: Vec<Vec<i32>>,
}

impl Trace {
    /// The integers of one value, row-major. Panics if the graph has no such value.
    pub fn value(&self, id: ValueId) -> &[i32] {
        &self.values[id.index()]
    }

    /// The integers of every value, the input first.
    pub fn values(&self) -> &[Vec<i32>] {
        &self.values
    }

    /// The last value's integers.
    pub fn output(&self) -> &[i32] {
        self.values.last().map_or(&[], Vec::as_slice)
    }
}

/// Why a graph does not run on an input.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// The graph is invalid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Another number of integers than the graph takes.
    #[error("the input has {found} values, the model takes {expected}")]
    InputLength {
        /// Number of integers that the graph takes.
        expected: usize,
        /// Number of integers given.
        found: usize,
    },
    /// An integer outside the input's format.
    #[error("input value {index} is {value}, which is not of the model's input format {bits:?}")]
    InputRange {
        /// The integer's place.
        index: usize,
        /// The integer.
        value: i32,
        /// The format.
        bits: Bits,
    },
}

/// Interprets `graph` on `input`, row-major integers of its input shape.
///
/// Time is one multiply-accumulate per weight and place; memory is the trace and one row of convolution windows.
///
/// # Errors
/// [`RunError`]: the graph is checked first, then the input.
pub fn run(graph: &Graph, input: &[i32]) -> Result<Trace, RunError> {
    let infos = graph.infer()?;
    let expected = infos[0].num_elements();
    if input.len() != expected {
        return Err(RunError::InputLength { expected, found: input.len() });
    }
    let bits = graph.input_bits;
    if let Some((index, &value)) = input.iter().enumerate().find(|&(_, &v)| !bits.contains(v.into())) {
        return Err(RunError::InputRange { index, value, bits });
    }
    let mut values = vec![input.to_vec()];
    for node in &graph.nodes {
        values.push(node.op.run(&node.inputs, &values, &infos));
    }
    Ok(Trace { values })
}

impl Op {
    /// The operator's value on earlier values of a graph that [`Graph::infer`] accepts, which gave `infos`.
    pub(crate) fn run(&self, inputs: &[ValueId], values: &[Vec<i32>], infos: &[ValueInfo]) -> Vec<i32> {
        let first = inputs[0].index();
        let (input, info) = (&values[first], &infos[first]);
        match self {
            Self::Conv2d(op) => op.run(input, info),
            Self::Gemm(op) => op.run(input, info),
            Self::Requant(op) => op.run(input, info.shape),
            Self::MaxPool(op) => op.run(input, info.shape),
            Self::Linear(op) => {
                let inputs = inputs.iter().map(|id| (values[id.index()].as_slice(), infos[id.index()].shape));
                op.run(&inputs.collect::<Vec<_>>())
            }
            Self::Product => product::run(input, &values[inputs[1].index()]),
        }
    }
}

/// Index of the largest value, the lowest of several; 0 if there are none.
pub fn argmax(values: &[i32]) -> usize {
    let better = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (1..values.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use convince_field::Ints;

    use super::*;
    use crate::{Conv2d, Gemm, Linear, MaxPool, Node, Requant};

    /// Every operator once, on a 4x4 plane.
    fn graph() -> Graph {
        let conv = Conv2d::new(Arc::new(Ints::I8(vec![1, 2, -1, -2])), [4, 1, 1, 1], Bits::I8);
        let gemm = Gemm {
            weight: Arc::new(Ints::I8(vec![1; 16])),
            weight_shape: [1, 16],
            weight_bits: Bits::I8,
            bias: Some(Arc::new(Ints::I8(vec![-3]))),
            bias_bits: Bits::I8,
        };
        let node = |name: &str, op, inputs: &[u32]| Node {
            name: name.into(),
            op,
            inputs: inputs.iter().copied().map(ValueId).collect(),
        };
        Graph {
            input_shape: [1, 1, 4, 4],
            input_bits: Bits::U8,
            nodes: vec![
                node("conv", Op::Conv2d(conv), &[0]),
                node("relu", Op::Requant(Requant::plain(1, 0, 255)), &[1]),
                node("pool", Op::MaxPool(MaxPool::square(2)), &[2]),
                node("twice", Op::Linear(Linear::sum(&[1, 1], 1)), &[3, 3]),
                node("out", Op::Gemm(gemm), &[4]),
            ],
        }
    }

    #[test]
    fn every_value_of_a_run_is_kept() {
        let input: Vec<i32> = (0..16).collect();
        let trace = run(&graph(), &input).expect("valid");
        assert_eq!(trace.value(ValueId::INPUT), input);
        assert_eq!(trace.value(ValueId(3)), [3, 4, 7, 8, 5, 7, 13, 15, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(trace.output(), [2 * (22 + 40) + 16 - 3]);
        assert_eq!(trace.values().len(), graph().nodes.len() + 1);
        assert_eq!(graph().parameters(), 4 + 16 + 1);
    }

    #[test]
    fn wrong_inputs_are_named() {
        let short = run(&graph(), &[0; 15]);
        assert_eq!(short, Err(RunError::InputLength { expected: 16, found: 15 }));
        let mut input = [0; 16];
        for value in [-1, 256] {
            input[9] = value;
            let error = RunError::InputRange { index: 9, value, bits: Bits::U8 };
            assert_eq!(run(&graph(), &input), Err(error));
        }
        let message =
            run(&Graph { input_bits: Bits::signed(31), ..graph() }, &[0; 16]).expect_err("overflows").to_string();
        assert!(message.starts_with("node 0 \"conv\": "), "{message}");
    }

    #[test]
    fn ties_go_to_the_lowest_index() {
        assert_eq!(argmax(&[1, 3, 3, 2]), 1);
        assert_eq!(argmax(&[i32::MIN; 3]), 0);
        assert_eq!(argmax(&[-2, -1]), 1);
        assert_eq!(argmax(&[]), 0);
    }
}
