//! What is left of a network when operators that are part of others are merged into them.
//!
//! - Factors and constants per channel (batch normalisations, added constants) become part of the convolution or matrix
//!   product before them, if nothing else reads that.
//! - Zeros around an image become a convolution's padding.
//! - Sums and factors whose only reader is a sum become part of it.
//! - Values that the output does not need are left out.

use std::sync::Arc;

use convince_field::{AxisMap, TensorMap};

use crate::float::{FloatConv2d, FloatGraph, FloatLinear, FloatNode, FloatOp, Floats};

/// Most terms that merging may give a sum.
const MAX_TERMS: usize = 64;
/// Most factors that are merged into one operator: each takes time that is linear in its parameters.
const MAX_MERGED: usize = 8;

/// The network that computes value `output` of `graph`.
pub(super) fn simplify(graph: FloatGraph, output: usize) -> FloatGraph {
    let mut pass =
        Pass { readers: readers(&graph, output), merged: vec![0], input_shape: graph.input_shape, nodes: Vec::new() };
    // The new id of every old value.
    let mut ids = vec![0; graph.nodes.len() + 1];
    for (index, mut node) in graph.nodes.into_iter().enumerate() {
        let count = pass.readers.old[index + 1];
        if count > 0 {
            node.inputs.iter_mut().for_each(|id| *id = ids[*id]);
            ids[index + 1] = pass.add(node, count);
        }
    }
    let graph = FloatGraph { input_shape: pass.input_shape, nodes: pass.nodes };
    let live = readers(&graph, ids[output]).old;
    without(graph, &live)
}

/// The nodes that value `output` of `graph` depends on, as they are.
pub(super) fn needed(graph: FloatGraph, output: usize) -> FloatGraph {
    let live = readers(&graph, output).old;
    without(graph, &live)
}

struct Readers {
    old: Vec<usize>,
    new: Vec<usize>,
}

/// How many inputs each value is, counting those of values that the output needs, and the output itself.
fn readers(graph: &FloatGraph, output: usize) -> Readers {
    let mut old = vec![0; graph.nodes.len() + 1];
    old[output] = 1;
    for (index, node) in graph.nodes.iter().enumerate().rev() {
        if old[index + 1] > 0 {
            node.inputs.iter().for_each(|&id| old[id] += 1);
        }
    }
    Readers { old, new: vec![2] }
}

/// Leaves out nodes without readers.
fn without(graph: FloatGraph, readers: &[usize]) -> FloatGraph {
    let mut ids = vec![0; graph.nodes.len() + 1];
    let mut nodes = Vec::new();
    for (index, mut node) in graph.nodes.into_iter().enumerate() {
        if readers[index + 1] > 0 {
            node.inputs.iter_mut().for_each(|id| *id = ids[*id]);
            nodes.push(node);
            ids[index + 1] = nodes.len();
        }
    }
    FloatGraph { nodes, ..graph }
}

struct Pass {
    readers: Readers,
    /// Factors that each value's operator has taken in.
    merged: Vec<usize>,
    input_shape: [usize; 4],
    nodes: Vec<FloatNode>,
}

impl Pass {
    /// Appends a node that `count` others read, or merges it into one that is there; its value's id.
    fn add(&mut self, mut node: FloatNode, count: usize) -> usize {
        if let FloatOp::Linear(op) = &node.op
            && is_identity(op)
        {
            // Its readers are the input's, in its place.
            let id = node.inputs[0];
            self.readers.new[id] += count - 1;
            return id;
        }
        if let Some(scale) = Scale::of(&node.op)
            && self.merged[node.inputs[0]] < MAX_MERGED
            && let Some(producer) = self.only_reader(node.inputs[0])
            && let Some(op) = scale.after(&producer.op)
        {
            producer.op = op;
            self.readers.new[node.inputs[0]] = count;
            self.merged[node.inputs[0]] += 1;
            return node.inputs[0];
        }
        self.take_padding(&mut node);
        self.take_terms(&mut node);
        self.nodes.push(node);
        self.readers.new.push(count);
        self.merged.push(0);
        self.nodes.len()
    }

    /// The node of a value that has one reader.
    fn only_reader(&mut self, id: usize) -> Option<&mut FloatNode> {
        if self.readers.new.get(id) != Some(&1) {
            return None;
        }
        self.nodes.get_mut(id.checked_sub(1)?)
    }

    /// Replaces an input of zeros around an image by padding; the node in between is left without readers.
    fn take_padding(&mut self, node: &mut FloatNode) {
        let FloatOp::Conv2d(conv) = &mut node.op else { return };
        let Some(producer) = node.inputs[0].checked_sub(1).and_then(|index| self.nodes.get(index)) else { return };
        let FloatOp::Linear(FloatLinear { terms, constant: 0.0 }) = &producer.op else { return };
        let [term] = &terms[..] else { return };
        let image = producer.inputs[0].checked_sub(1).map_or(self.input_shape, |index| self.nodes[index].shape);
        let is_plain = term.factor == 1.0 && term.map.order == TensorMap::IDENTITY.order;
        let sides = [2, 3].map(|axis| zeros(&term.map.axes[axis], image[axis]));
        let ([Some(rows), Some(columns)], true) = (sides, is_plain && term.map.axes[1] == AxisMap::Identity) else {
            return;
        };
        let more = [rows[0], columns[0], rows[1], columns[1]];
        conv.padding.iter_mut().zip(more).for_each(|(padding, more)| *padding += more);
        let id = producer.inputs[0];
        self.replace_input(node, 0, id);
    }

    /// Puts sums that only this one reads in place of their terms.
    fn take_terms(&mut self, node: &mut FloatNode) {
        let mut index = 0;
        while index < node.inputs.len() {
            let id = node.inputs[index];
            let FloatOp::Linear(sum) = &mut node.op else { return };
            let is_plain = sum.terms[index].map == TensorMap::IDENTITY;
            let count = sum.terms.len();
            let inner = match self.only_reader(id).map(|producer| (&producer.op, &producer.inputs)) {
                Some((FloatOp::Linear(inner), inputs)) if count + inner.terms.len() <= MAX_TERMS => {
                    // A term that is mapped takes in a factor; others any sum.
                    let is_factor =
                        inner.constant == 0.0 && matches!(&inner.terms[..], [term] if term.map == TensorMap::IDENTITY);
                    (is_plain || is_factor).then(|| (inner.clone(), inputs.clone()))
                }
                _ => None,
            };
            let Some((inner, inputs)) = inner else {
                index += 1;
                continue;
            };
            let outer = sum.terms.remove(index);
            sum.constant += outer.factor * inner.constant;
            for (place, mut term) in inner.terms.into_iter().enumerate() {
                term.factor *= outer.factor;
                if !is_plain {
                    term.map = outer.map.clone();
                }
                sum.terms.insert(index + place, term);
            }
            node.inputs.splice(index..=index, inputs);
            // The sum in between has no readers any more, so its inputs have as many as before.
            self.readers.new[id] = 0;
            index += 1;
        }
    }

    fn replace_input(&mut self, node: &mut FloatNode, index: usize, id: usize) {
        self.readers.new[node.inputs[index]] -= 1;
        self.readers.new[id] += 1;
        node.inputs[index] = id;
    }
}

/// Zeros before and after an axis of `len` places, if that is what the map adds.
fn zeros(map: &AxisMap, len: usize) -> Option<[usize; 2]> {
    let sources = match map {
        AxisMap::Identity => return Some([0; 2]),
        AxisMap::Gather(sources) => sources,
        _ => return None,
    };
    let before = sources.iter().take_while(|source| source.is_none()).count();
    let after = sources.len().checked_sub(before + len)?;
    let (middle, rest) = sources[before..].split_at(len);
    let is_whole = middle.iter().enumerate().all(|(i, source)| source.map(|s| s as usize) == Some(i));
    (is_whole && rest.iter().all(Option::is_none)).then_some([before, after])
}

fn is_identity(op: &FloatLinear) -> bool {
    op.constant == 0.0 && matches!(&op.terms[..], [term] if term.factor == 1.0 && term.map == TensorMap::IDENTITY)
}

/// A factor and a constant per channel; one of each for all.
struct Scale {
    factors: Floats,
    constants: Option<Floats>,
}

impl Scale {
    /// What a linear node or a pointwise convolution of each channel alone is.
    fn of(op: &FloatOp) -> Option<Self> {
        match op {
            FloatOp::Linear(FloatLinear { terms, constant }) => match &terms[..] {
                [term] if term.map == TensorMap::IDENTITY => {
                    let constants = (*constant != 0.0).then(|| Arc::new(vec![*constant]));
                    Some(Self { factors: Arc::new(vec![term.factor]), constants })
                }
                _ => None,
            },
            FloatOp::Conv2d(conv) => {
                let plain =
                    FloatConv2d::plain(conv.weight.clone(), [conv.groups, 1, 1, 1], conv.bias.clone(), conv.groups);
                (*conv == plain).then(|| Self { factors: conv.weight.clone(), constants: conv.bias.clone() })
            }
            _ => None,
        }
    }

    /// The convolution or matrix product with this after it, if that does not overflow.
    fn after(&self, op: &FloatOp) -> Option<FloatOp> {
        let mut op = op.clone();
        let (weight, bias, channels) = match &mut op {
            FloatOp::Conv2d(conv) => (&mut conv.weight, &mut conv.bias, conv.weight_shape[0]),
            FloatOp::Gemm(gemm) => (&mut gemm.weight, &mut gemm.bias, gemm.weight_shape[0]),
            _ => return None,
        };
        let factor = |c: usize| *self.factors.get(c).or(self.factors.first()).unwrap_or(&1.0);
        let constant = |c: usize| self.constants.as_ref().map_or(0.0, |list| *list.get(c).unwrap_or(&list[0]));
        let taps = weight.len() / channels;
        if (0..channels).any(|c| factor(c) != 1.0) {
            *weight = Arc::new(weight.iter().enumerate().map(|(i, w)| w * factor(i / taps)).collect());
        }
        if bias.is_some() || self.constants.is_some() {
            let old = |c: usize| bias.as_ref().map_or(0.0, |bias| bias[c]);
            let sums: Vec<f32> = (0..channels).map(|c| old(c) * factor(c) + constant(c)).collect();
            *bias = Some(Arc::new(sums));
        }
        let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
        (finite(weight) && bias.as_ref().is_none_or(|bias| finite(bias))).then_some(op)
    }
}
