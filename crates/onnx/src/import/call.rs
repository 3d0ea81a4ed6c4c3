//! One node as an operator's import sees it.

use super::attributes::Attributes;
use super::view::View;
use crate::NodeProblem;
use crate::float::{Floats, Quantizer};
use crate::tensor::{Data, Tensor};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Constant(Tensor),
    Computed(Computed),
    /// 8-bit integers, as the numbers that they stand for.
    Quantised(Computed, Quantizer),
}

/// A tensor that depends on the network's input.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    /// The value that holds its elements: 0 for the network's input, `i + 1` for the value of node `i`.
    pub(super) id: usize,
    pub(super) view: View,
}

/// What a node's outputs stand for; most operators have one.
pub(super) type Outcome = Result<Vec<Value>, NodeProblem>;

impl From<Computed> for Vec<Value> {
    fn from(computed: Computed) -> Self {
        vec![Value::Computed(computed)]
    }
}

impl From<Tensor> for Vec<Value> {
    fn from(tensor: Tensor) -> Self {
        vec![Value::Constant(tensor)]
    }
}

/// A node's inputs and attributes.
pub(super) struct Call<'a> {
    pub(super) operator: &'a str,
    pub(super) opset: i64,
    /// Left-out inputs are `None`.
    pub(super) inputs: Vec<Option<&'a Value>>,
    pub(super) attributes: Attributes<'a>,
    /// Attribute `value`, decoded.
    pub(super) constant: Option<Tensor>,
    pub(super) outputs: usize,
}

impl<'a> Call<'a> {
    /// Refuses more inputs than `max` and attributes that are none of `attributes`.
    pub(super) fn expect(&self, max: usize, attributes: &[&str]) -> Result<(), NodeProblem> {
        if self.inputs.len() > max {
            return Err(self.arity());
        }
        self.attributes.only(attributes)
    }

    /// The error that says that there are too many inputs or outputs.
    pub(super) fn arity(&self) -> NodeProblem {
        NodeProblem::Arity { inputs: self.inputs.len(), outputs: self.outputs }
    }

    pub(super) fn input(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    pub(super) fn value(&self, index: usize) -> Result<&'a Value, NodeProblem> {
        self.input(index).ok_or(NodeProblem::MissingInput(index))
    }

    pub(super) fn computed(&self, index: usize) -> Result<&'a Computed, NodeProblem> {
        match self.value(index)? {
            Value::Computed(computed) => Ok(computed),
            Value::Constant(_) => Err(NodeProblem::Constant(index)),
            Value::Quantised(..) => Err(NodeProblem::Quantised(index)),
        }
    }

    /// A constant input, if it is there.
    pub(super) fn tensor(&self, index: usize) -> Result<Option<&'a Tensor>, NodeProblem> {
        match self.input(index) {
            None => Ok(None),
            Some(Value::Constant(tensor)) => Ok(Some(tensor)),
            Some(Value::Computed(_) | Value::Quantised(..)) => Err(NodeProblem::NotConstant(index)),
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

    /// A constant input of floats that the operator needs.
    pub(super) fn weights(&self, index: usize) -> Result<(&'a [usize], &'a Floats), NodeProblem> {
        self.floats(index)?.ok_or(NodeProblem::MissingInput(index))
    }

    /// A constant input of one float, if it is there.
    pub(super) fn scalar(&self, index: usize) -> Result<Option<f32>, NodeProblem> {
        match self.floats(index)? {
            None => Ok(None),
            Some((_, values)) if values.len() == 1 => Ok(Some(values[0])),
            Some((dims, _)) => Err(shape("input", dims)),
        }
    }

    /// A constant input of floats with one axis of `len` elements, if it is there.
    pub(super) fn per_channel(&self, index: usize, len: usize) -> Result<Option<&'a Floats>, NodeProblem> {
        match self.floats(index)? {
            None => Ok(None),
            Some((dims, values)) if *dims == [len] => Ok(Some(values)),
            Some((dims, _)) => Err(shape("bias", dims)),
        }
    }

    /// The elements of a constant input of integers, if it is there.
    pub(super) fn ints(&self, index: usize) -> Result<Option<&'a [i64]>, NodeProblem> {
        match self.tensor(index)? {
            None => Ok(None),
            Some(Tensor { data: Data::Ints(values), .. }) => Ok(Some(values)),
            Some(_) => Err(NodeProblem::ElementType(index)),
        }
    }

    /// Integers that are an attribute in older operator sets and an input in newer ones, if they are there.
    pub(super) fn ints_either(&self, name: &str, index: usize) -> Result<Option<&'a [i64]>, NodeProblem> {
        match self.attributes.ints(name)? {
            Some(values) => Ok(Some(values)),
            None => self.ints(index),
        }
    }

    /// An axis of a tensor of `rank` axes; negative ones count from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, NodeProblem> {
        let from_end = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        let axis_in = from_end.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
        axis_in.ok_or(NodeProblem::Axis { axis, rank })
    }

    /// Axes of a tensor of `rank` axes, none of them twice.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, NodeProblem> {
        let mut found = Vec::new();
        for &given in axes.iter().take(rank + 1) {
            let axis = self.axis(given, rank)?;
            if found.contains(&axis) {
                return Err(NodeProblem::Axis { axis: given, rank });
            }
            found.push(axis);
        }
        Ok(found)
    }
}

pub(super) fn shape(what: &'static str, shape: &[usize]) -> NodeProblem {
    NodeProblem::Shape { what, shape: shape.iter().copied().take(8).collect() }
}
