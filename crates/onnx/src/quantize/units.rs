//! Cuts a float network into units that become a few integer nodes each, and finds values that must share a scale.

use convince_field::{AxisMap, TensorMap};
use convince_model::{MaxPool, Shape};

use super::statistics::uses;
use crate::FloatGraph;
use crate::float::{Activation, FloatLinear, FloatNode, FloatOp};

/// An operator, its head, with the activations and poolings that its rounding takes in.
///
/// Rounding, non-decreasing functions and maxima commute: whatever their order in the float network, the integer one
/// rounds first, applies the function and pools then.
pub(super) struct Unit<'a> {
    /// Place of the head in the graph.
    pub(super) head: usize,
    /// Place of the last node; the head's own if nothing is taken in.
    pub(super) last: usize,
    pub(super) node: &'a FloatNode,
    pub(super) tail: Tail<'a>,
}

/// What follows a unit's head.
#[derive(Default)]
pub(super) struct Tail<'a> {
    activations: Vec<(&'a str, &'a Activation)>,
    /// Poolings with their names.
    pub(super) pools: Vec<(&'a str, MaxPool)>,
}

impl<'a> Tail<'a> {
    /// A tail of one function.
    pub(super) fn of(node: &'a FloatNode) -> Self {
        let mut tail = Self::default();
        tail.push(node);
        tail
    }

    pub(super) fn is_empty(&self) -> bool {
        self.activations.is_empty() && self.pools.is_empty()
    }

    /// Name of the last activation.
    pub(super) fn name(&self) -> Option<&'a str> {
        self.activations.last().map(|(name, _)| *name)
    }

    /// The functions, one after the other.
    pub(super) fn apply(&self, x: f64) -> f64 {
        // The least and largest float stand for the infinities, which not every function takes.
        let x = x.clamp(f32::MIN.into(), f32::MAX.into()) as f32;
        self.activations.iter().fold(x, |x, (_, function)| function.apply(x)).into()
    }

    /// The ends of the clamp that the functions are together; infinite where there is none. `None` if they are no
    /// clamp.
    pub(super) fn clamp(&self) -> Option<(f64, f64)> {
        let clamps = |function: &Activation| matches!(function, Activation::Relu | Activation::Clip { .. });
        let end = |end: f64| if end.abs() >= f32::MAX.into() { end * f64::INFINITY } else { end };
        let ends = || (end(self.apply(f64::NEG_INFINITY)), end(self.apply(f64::INFINITY)));
        self.activations.iter().all(|(_, function)| clamps(function)).then(ends)
    }

    /// Takes `node` in, if it may stand behind what is there.
    fn push(&mut self, node: &'a FloatNode) -> bool {
        match &node.op {
            FloatOp::MaxPool(pool) => self.pools.push((&node.name, *pool)),
            FloatOp::Activation(function) if self.pools.is_empty() || function.is_monotone() => {
                self.activations.push((&node.name, function));
            }
            _ => return false,
        }
        true
    }
}

/// Cuts a network into units, in the network's order.
pub(super) fn cut(graph: &FloatGraph) -> Vec<Unit<'_>> {
    let uses = uses(graph);
    let mut consumer = vec![None; graph.nodes.len() + 1];
    for (index, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|&input| consumer[input] = Some(index));
    }
    let (mut units, mut taken) = (Vec::new(), vec![false; graph.nodes.len()]);
    for (head, node) in graph.nodes.iter().enumerate() {
        if taken[head] {
            continue;
        }
        let (mut tail, mut last) = (Tail::default(), head);
        while let Some(next) = consumer[last + 1].filter(|_| takes_tail(graph, node) && uses[last + 1] == 1) {
            if !tail.push(&graph.nodes[next]) {
                break;
            }
            (taken[next], last) = (true, next);
        }
        units.push(Unit { head, last, node, tail });
    }
    units
}

/// Whether rounding follows a node, which may then take activations and poolings in.
fn takes_tail(graph: &FloatGraph, node: &FloatNode) -> bool {
    match &node.op {
        FloatOp::Conv2d(_) | FloatOp::Gemm(_) | FloatOp::Product => true,
        FloatOp::Linear(linear) => !keeps_integers(linear, &input_shapes(graph, node)),
        // A function's table is made for the function alone; it would have to be made for all of them together.
        FloatOp::Activation(_) | FloatOp::MaxPool(_) | FloatOp::ArgMax | FloatOp::Softmax | FloatOp::Quantize(_) => {
            false
        }
    }
}

pub(crate) fn input_shapes(graph: &FloatGraph, node: &FloatNode) -> Vec<Shape> {
    node.inputs.iter().map(|&input| graph.shape(input)).collect()
}

/// Whether the integers of inputs of equal scales are those of the output: every element is one element of an input,
/// or 0.
pub(crate) fn keeps_integers(linear: &FloatLinear, shapes: &[Shape]) -> bool {
    let terms = || linear.terms.iter().zip(shapes);
    linear.constant == 0.0
        && terms().all(|(term, &shape)| selects(&term.map, shape))
        && (linear.terms.len() == 1 || linear.terms.iter().all(|term| term.factor == 1.0))
        && terms().enumerate().all(|(i, a)| terms().skip(i + 1).all(|b| disjoint((&a.0.map, *a.1), (&b.0.map, *b.1))))
}

/// Whether every element of the output is an element of the input, or 0.
fn selects(map: &TensorMap, shape: Shape) -> bool {
    let axis = |(map, from): (&AxisMap, usize)| match map {
        AxisMap::Identity | AxisMap::Gather(_) => true,
        AxisMap::Scale(factors) => factors.iter().all(|&factor| factor == 1),
        AxisMap::Window { .. } => map.rows(from).all(|row| row.sources.len() <= 1),
    };
    map.permuted(shape).is_some_and(|from| map.axes.iter().zip(from).all(axis))
}

/// Whether two maps fill different parts of the output: on some axis no place takes something of both.
fn disjoint((a, a_shape): (&TensorMap, Shape), (b, b_shape): (&TensorMap, Shape)) -> bool {
    let (Some(a_from), Some(b_from)) = (a.permuted(a_shape), b.permuted(b_shape)) else { return false };
    (0..4).any(|axis| {
        let mut pairs = a.axes[axis].rows(a_from[axis]).zip(b.axes[axis].rows(b_from[axis]));
        pairs.all(|(a, b)| a.sources.is_empty() || b.sources.is_empty())
    })
}

/// Which values share a scale because one is made of the others' integers: concatenations, slices, pooling.
///
/// A value's entry is the least value of its group.
pub(super) fn scale_groups(graph: &FloatGraph) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..=graph.nodes.len()).collect();
    for (index, node) in graph.nodes.iter().enumerate() {
        let keeps = match &node.op {
            FloatOp::MaxPool(_) => true,
            FloatOp::Linear(linear) => {
                keeps_integers(linear, &input_shapes(graph, node)) && linear.terms.iter().all(|term| term.factor == 1.0)
            }
            _ => false,
        };
        // The network's input has a scale of its own, which others need not bear.
        for &input in node.inputs.iter().filter(|&&input| keeps && (input > 0 || node.inputs.len() == 1)) {
            let (a, b) = (groups[input], groups[index + 1]);
            groups.iter_mut().filter(|group| **group == a.max(b)).for_each(|group| *group = a.min(b));
        }
    }
    groups
}
