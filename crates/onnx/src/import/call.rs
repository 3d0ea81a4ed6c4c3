//! One node as an operator's import sees it.

use super::attributes::Attributes;
use crate::NodeProblem;
use crate::float::{FloatNode, FloatOp, Floats};
use crate::tensor::{Data, Tensor};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(Tensor),
    Computed(Computed),
}

/// A value that depends on the network's input.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    /// 0 for the network's input, `i + 1` for the value of node `i`.
    pub(super) id: usize,
    /// `[1, C, H, W]` or `[1, N]`.
    pub(super) dims: Vec<usize>,
}

/// A node with the value that it is applied to.
pub(super) struct Placed {
    pub(super) node: FloatNode,
    pub(super) input: usize,
}

/// What a node comes to: another name for a value, or an operator.
pub(super) enum Outcome {
    Value(Value),
    Node { op: FloatOp, input: usize, dims: Vec<usize> },
}

/// A node's inputs and attributes.
pub(super) struct Call<'a> {
    /// Left-out inputs are `None`.
    pub(super) inputs: Vec<Option<&'a Value>>,
    pub(super) attributes: Attributes<'a>,
    /// Attribute `value`, decoded.
    pub(super) constant: Option<Tensor>,
    pub(super) outputs: usize,
    /// The nodes so far.
    pub(super) nodes: &'a [Placed],
}

impl<'a> Call<'a> {
    /// Refuses more inputs than `max` and attributes that are none of `attributes`.
    pub(super) fn expect(&self, max: usize, attributes: &[&str]) -> Result<(), NodeProblem> {
        if self.inputs.len() > max {
            return Err(NodeProblem::Arity { inputs: self.inputs.len(), outputs: self.outputs });
        }
        self.attributes.only(attributes)
    }

    fn input(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    pub(super) fn value(&self, index: usize) -> Result<&'a Value, NodeProblem> {
        self.input(index).ok_or(NodeProblem::MissingInput(index))
    }

    pub(super) fn computed(&self, index: usize) -> Result<&'a Computed, NodeProblem> {
        match self.value(index)? {
            Value::Computed(computed) => Ok(computed),
            Value::Constant(_) => Err(NodeProblem::Constant(index)),
        }
    }

    /// A computed input with its four axes.
    pub(super) fn image(&self, index: usize) -> Result<(usize, [usize; 4]), NodeProblem> {
        let computed = self.computed(index)?;
        let dims = <[usize; 4]>::try_from(computed.dims.as_slice());
        dims.map(|dims| (computed.id, dims)).map_err(|_| shape("input", &computed.dims))
    }

    /// A computed input `[1, N]`, as its id and `N`.
    pub(super) fn row(&self, index: usize) -> Result<(usize, usize), NodeProblem> {
        let computed = self.computed(index)?;
        match computed.dims[..] {
            [1, n] => Ok((computed.id, n)),
            _ => Err(shape("input", &computed.dims)),
        }
    }

    fn tensor(&self, index: usize) -> Result<Option<&'a Tensor>, NodeProblem> {
        match self.input(index) {
            None => Ok(None),
            Some(Value::Constant(tensor)) => Ok(Some(tensor)),
            Some(Value::Computed(_)) => Err(NodeProblem::NotConstant(index)),
        }
    }

    /// A constant input of floats, if it is there: shape and elements.
    pub(super) fn floats(&self, index: usize) -> Result<Option<(&'a [usize], &'a Floats)>, NodeProblem> {
        match self.tensor(index)? {
            None => Ok(None),
            Some(Tensor { shape, data: Data::Floats(values) }) => Ok(Some((shape, values))),
            Some(_) => Err(NodeProblem::ElementType(index)),
        }
    }

    /// A constant input of floats with `N` axes, the operator's weights.
    pub(super) fn weights<const N: usize>(&self, index: usize) -> Result<([usize; N], &'a Floats), NodeProblem> {
        let (dims, values) = self.floats(index)?.ok_or(NodeProblem::MissingInput(index))?;
        let dims = <[usize; N]>::try_from(dims).map_err(|_| shape("weight", dims))?;
        Ok((dims, values))
    }

    /// The elements of a constant input of integers, if it is there.
    pub(super) fn ints(&self, index: usize) -> Result<Option<&'a [i64]>, NodeProblem> {
        match self.tensor(index)? {
            None => Ok(None),
            Some(Tensor { data: Data::Ints(values), .. }) => Ok(Some(values)),
            Some(_) => Err(NodeProblem::ElementType(index)),
        }
    }
}

pub(super) fn shape(what: &'static str, shape: &[usize]) -> NodeProblem {
    NodeProblem::Shape { what, shape: shape.to_vec() }
}
