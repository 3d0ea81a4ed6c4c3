//! Makes the integer network node by node, holding what lies between two roundings back until the second.

mod affine;
mod sum;

use convince_field::{AxisMap, Bits, TensorMap};
use convince_model::{Linear, LinearTerm, Node, Op, Requant, ValueId, ValueInfo};

use super::TakenLayer;
use super::dot::dot;
use super::kernel::Units;
use super::requant::{self, Rounded};
use crate::float::{Activation, FloatLinear, FloatNode, FloatOp, FloatTerm, Quantizer};
use crate::quantize::{input_shapes, keeps_integers};
use crate::{FloatGraph, NodeProblem, OnnxError};

/// The integer network and what surrounds it.
pub(super) struct Walked {
    pub(super) nodes: Vec<Node>,
    pub(super) input: Quantizer,
    pub(super) input_bits: Bits,
    pub(super) output_scale: f64,
    pub(super) layers: Vec<TakenLayer>,
}

/// Integers that stand for multiples of a scale.
#[derive(Clone, Copy)]
struct Integers {
    id: ValueId,
    quantizer: Quantizer,
}

/// What a value of the float network is.
enum Held {
    /// The network's input before it is quantised.
    Float,
    Integers(Integers),
    /// Exact sums, clamped as floats.
    Sums {
        id: ValueId,
        units: Units,
        ends: (f32, f32),
    },
    /// Functions of quantised values, one after the other.
    Functions(Integers, Vec<Activation>),
    /// Factors of integers and constants, which are floats, clamped.
    Affine {
        of: Integers,
        channels: Vec<affine::Scaling>,
        ends: (f32, f32),
    },
    /// A sum of mapped quantised values that are not of one scale, clamped.
    Terms {
        terms: Vec<(Integers, FloatTerm)>,
        ends: (f32, f32),
    },
}

/// The ends of what is not clamped.
const UNBOUNDED: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

const NOT_QUANTISED: &str = "its input is not quantised";
const OUT_OF_REACH: &str = "the ratio of its scales has no multiplier";

pub(super) struct Walk<'a> {
    graph: &'a FloatGraph,
    nodes: Vec<Node>,
    /// What is known of the integer network's values; the input's until it is known is a placeholder.
    infos: Vec<ValueInfo>,
    /// By place of the float value.
    held: Vec<Held>,
    /// What pixels are multiplied by, if that is all that makes the network's input of them.
    pixels: Option<f32>,
    /// How the network's input is quantised, and its integers.
    input: Option<(Quantizer, Bits, Integers)>,
    layers: Vec<TakenLayer>,
}

type Step<T> = Result<T, NodeProblem>;

fn not_taken<T>(why: &'static str) -> Step<T> {
    Err(NodeProblem::NotTaken(why))
}

impl<'a> Walk<'a> {
    /// `pixels` is what pixels are multiplied by, if that is all that makes the network's input of them.
    pub(super) fn new(graph: &'a FloatGraph, pixels: Option<f32>) -> Self {
        let input = ValueInfo { shape: graph.input_shape, low: 0, high: 0 };
        let (nodes, held, layers) = (Vec::new(), vec![Held::Float], Vec::new());
        Self { graph, nodes, infos: vec![input], held, pixels, input: None, layers }
    }

    /// The integer network.
    pub(super) fn run(mut self) -> Result<Walked, OnnxError> {
        for node in &self.graph.nodes {
            let held = self.node(node).map_err(|problem| in_node(node, problem))?;
            self.held.push(held);
        }
        let last = self.graph.nodes.last().ok_or(OnnxError::NoLayers)?;
        let (id, output_scale) = match self.held.last() {
            Some(Held::Integers(integers)) => (integers.id, f64::from(integers.quantizer.scale)),
            Some(Held::Sums { id, units, ends: UNBOUNDED }) => match units {
                Units::Factors(factors) if factors.len() == 1 => (*id, f64::from(factors[0])),
                _ => return Err(in_node(last, NodeProblem::NotTaken("the outputs are not of one scale"))),
            },
            _ => return Err(in_node(last, NodeProblem::NotTaken("the output is not quantised"))),
        };
        let Some((input, input_bits, _)) = self.input else { return Err(OnnxError::NoLayers) };
        if id.index() != self.nodes.len() {
            let copy = Op::Linear(Linear::sum(&[1], 0));
            self.push(&last.name, copy, vec![id]).map_err(|problem| in_node(last, problem))?;
        }
        let Self { nodes, layers, .. } = self;
        Ok(Walked { nodes, input, input_bits, output_scale, layers })
    }

    fn node(&mut self, node: &FloatNode) -> Step<Held> {
        match &node.op {
            FloatOp::Quantize(quantizer) => self.quantize(node, *quantizer),
            FloatOp::Conv2d(op) if affine::is_affine(op) => self.affine(node, affine::factors(op)),
            FloatOp::Conv2d(_) | FloatOp::Gemm(_) => {
                let input = self.integers(node, 0)?;
                let info = &self.infos[input.id.index()];
                let found = dot(&node.op, input.quantizer.scale, (info.low, info.high));
                let found = found.map_err(NodeProblem::NotTaken)?;
                let id = self.push(&node.name, found.op, vec![input.id])?;
                Ok(Held::Sums { id, units: Units::Factors(found.units), ends: UNBOUNDED })
            }
            FloatOp::Activation(function) => self.activation(node, function),
            FloatOp::MaxPool(pool) => match &self.held[node.inputs[0]] {
                &Held::Integers(Integers { id, quantizer }) => {
                    let id = self.push(&node.name, Op::MaxPool(*pool), vec![id])?;
                    Ok(Held::Integers(Integers { id, quantizer }))
                }
                // Factors are positive, so the largest sum is the largest number.
                Held::Sums { id, units, ends } => {
                    let (id, units, ends) = (*id, units.clone(), *ends);
                    let id = self.push(&node.name, Op::MaxPool(*pool), vec![id])?;
                    Ok(Held::Sums { id, units, ends })
                }
                _ => not_taken(NOT_QUANTISED),
            },
            FloatOp::Linear(linear) => self.linear(node, linear),
            FloatOp::Product => {
                let (a, b) = (self.integers(node, 0)?, self.integers(node, 1)?);
                let id = self.push(&node.name, Op::Product, vec![a.id, b.id])?;
                let unit = a.quantizer.scale * b.quantizer.scale;
                Ok(Held::Sums { id, units: Units::Factors(vec![unit]), ends: UNBOUNDED })
            }
            FloatOp::ArgMax | FloatOp::Softmax => Err(NodeProblem::NotLast),
        }
    }

    /// An input that is quantised.
    fn integers(&self, node: &FloatNode, index: usize) -> Step<Integers> {
        match &self.held[node.inputs[index]] {
            Held::Integers(integers) => Ok(*integers),
            _ => not_taken(NOT_QUANTISED),
        }
    }

    fn activation(&mut self, node: &FloatNode, function: &Activation) -> Step<Held> {
        let clamp = match *function {
            Activation::Relu => Some((0.0, f32::INFINITY)),
            Activation::Clip { min, max } => Some((
                if min == f32::MIN { f32::NEG_INFINITY } else { min },
                if max == f32::MAX { f32::INFINITY } else { max },
            )),
            _ => None,
        };
        let narrowed = |ends: (f32, f32)| match clamp {
            // A clamp of an interval is its ends, clamped.
            Some((min, max)) => Ok((ends.0.max(min).min(max), ends.1.max(min).min(max))),
            None => not_taken("its input is not rounded to integers before"),
        };
        match &self.held[node.inputs[0]] {
            Held::Integers(integers) => Ok(Held::Functions(*integers, vec![function.clone()])),
            Held::Functions(integers, functions) => {
                let mut functions = functions.clone();
                functions.push(function.clone());
                Ok(Held::Functions(*integers, functions))
            }
            Held::Sums { id, units, ends } => Ok(Held::Sums { id: *id, units: units.clone(), ends: narrowed(*ends)? }),
            Held::Terms { terms, ends } => Ok(Held::Terms { terms: terms.clone(), ends: narrowed(*ends)? }),
            Held::Affine { of, channels, ends } => {
                Ok(Held::Affine { of: *of, channels: channels.clone(), ends: narrowed(*ends)? })
            }
            Held::Float => not_taken(NOT_QUANTISED),
        }
    }

    fn linear(&mut self, node: &FloatNode, linear: &FloatLinear) -> Step<Held> {
        if let ([term], Held::Sums { id, units, ends: UNBOUNDED }) = (&linear.terms[..], &self.held[node.inputs[0]]) {
            let unit = match units {
                Units::Factors(units) if units.len() == 1 => units[0],
                Units::Mean { scale, count, .. } => scale / count,
                _ => return not_taken(NOT_QUANTISED),
            };
            if linear.constant != 0.0 {
                return not_taken(NOT_QUANTISED);
            }
            let id = *id;
            return self.window(node, term, id, |factor| Units::Factors(vec![unit * factor]));
        }
        if let [term] = &linear.terms[..]
            && term.map == TensorMap::IDENTITY
            && (linear.constant != 0.0 || matches!(self.held[node.inputs[0]], Held::Float | Held::Affine { .. }))
        {
            let count = self.graph.shape(node.inputs[0])[1];
            return self.affine(node, vec![(term.factor.into(), linear.constant.into()); count]);
        }
        let inputs: Vec<Integers> =
            (0..node.inputs.len()).map(|index| self.integers(node, index)).collect::<Step<_>>()?;
        let Some(first) = inputs.first() else { return not_taken(NOT_QUANTISED) };
        let is_one_scale = inputs.iter().all(|input| input.quantizer.scale == first.quantizer.scale);
        let is_plain = linear.terms.iter().all(|term| term.factor == 1.0);
        let (ids, scale) = (inputs.iter().map(|input| input.id).collect(), first.quantizer.scale);
        if is_plain && is_one_scale && keeps_integers(linear, &input_shapes(self.graph, node)) {
            let terms = linear.terms.iter().map(|term| LinearTerm::mapped(term.map.clone())).collect();
            let id = self.push(&node.name, Op::Linear(Linear { terms, constant: 0 }), ids)?;
            return Ok(Held::Integers(Integers { id, quantizer: first.quantizer }));
        }
        match &linear.terms[..] {
            [term] if linear.constant == 0.0 => {
                let shape = self.graph.shape(node.inputs[0]);
                let id = first.id;
                self.window(node, term, id, |factor| match window(&term.map, shape) {
                    Some((count, is_global)) if (factor * count as f32 - 1.0).abs() < 1e-6 => {
                        Units::Mean { scale, count: count as f32, is_global }
                    }
                    _ => Units::Factors(vec![scale * factor]),
                })
            }
            terms if linear.constant == 0.0 => {
                Ok(Held::Terms { terms: inputs.into_iter().zip(terms.iter().cloned()).collect(), ends: UNBOUNDED })
            }
            _ => not_taken("it adds a constant to a sum"),
        }
    }

    /// One mapped value, times a factor that its units take in.
    fn window(
        &mut self,
        node: &FloatNode,
        term: &FloatTerm,
        id: ValueId,
        units: impl FnOnce(f32) -> Units,
    ) -> Step<Held> {
        let multiplier = if term.factor < 0.0 { -1 } else { 1 };
        let terms = vec![LinearTerm { multiplier, map: term.map.clone() }];
        let id = self.push(&node.name, Op::Linear(Linear { terms, constant: 0 }), vec![id])?;
        Ok(Held::Sums { id, units: units(term.factor.abs()), ends: UNBOUNDED })
    }

    fn quantize(&mut self, node: &FloatNode, out: Quantizer) -> Step<Held> {
        let source = node.inputs[0];
        let operator = source.checked_sub(1).map_or("input", |index| self.graph.nodes[index].op.name());
        match &self.held[source] {
            Held::Float => self.quantize_input(node, out),
            Held::Integers(from) => self.requantize(node, operator, (*from, &[]), out),
            Held::Functions(from, functions) => {
                let (from, functions) = (*from, functions.clone());
                self.requantize(node, operator, (from, &functions), out)
            }
            Held::Sums { id, units, ends } => {
                let (id, info) = (*id, &self.infos[id.index()]);
                let rounded = requant::of_accumulators(units, info, (info.low, info.high), *ends, out);
                let Some(rounded) = rounded else { return not_taken(OUT_OF_REACH) };
                self.finish((node, operator), id, rounded, out)
            }
            Held::Affine { of, channels, ends } => {
                let (value, ends) = ((*of, channels.clone()), *ends);
                self.round_affine((node, operator), value, ends, out)
            }
            Held::Terms { terms, ends } => {
                let (terms, ends) = (terms.clone(), *ends);
                self.sum((node, operator), terms, ends, out)
            }
        }
    }

    /// The first rounding: that of the network's input, which the preprocessing does.
    fn quantize_input(&mut self, node: &FloatNode, out: Quantizer) -> Step<Held> {
        if let Some((known, _, integers)) = self.input {
            return match known == out {
                true => Ok(Held::Integers(integers)),
                false => not_taken("the network's input is quantised in two ways"),
            };
        }
        let (low, high) = out.range();
        let bits = Bits::holding(low.into(), high.into());
        self.infos[0] = ValueInfo { low: bits.low(), high: bits.high(), ..self.infos[0].clone() };
        let mut id = ValueId::INPUT;
        if (bits.low(), bits.high()) != (low.into(), high.into()) {
            // The format holds more than the 256 integers that there are.
            id = self.push(&node.name, Op::Requant(Requant::plain(0, low, high)), vec![id])?;
        }
        let integers = Integers { id, quantizer: out };
        self.input = Some((out, bits, integers));
        Ok(Held::Integers(integers))
    }

    /// Quantised values, or functions of them, at another scale.
    fn requantize(
        &mut self,
        node: &FloatNode,
        operator: &'static str,
        (from, functions): (Integers, &[Activation]),
        out: Quantizer,
    ) -> Step<Held> {
        let info = &self.infos[from.id.index()];
        let (low, high) = out.range();
        let fits = i64::from(low) <= info.low && info.high <= i64::from(high);
        if functions.is_empty() && from.quantizer.scale == out.scale && fits {
            return Ok(Held::Integers(Integers { quantizer: out, ..from }));
        }
        match requant::of_values(from.quantizer, functions, info, out) {
            Some(rounded) => self.finish((node, operator), from.id, rounded, out),
            None => not_taken("it is not defined on all integers of its input"),
        }
    }

    /// Appends a requantisation.
    fn finish(
        &mut self,
        (node, operator): (&FloatNode, &'static str),
        id: ValueId,
        Rounded { requant, differing, possible }: Rounded,
        out: Quantizer,
    ) -> Step<Held> {
        let id = self.push(&node.name, Op::Requant(requant.clone()), vec![id])?;
        let counts = (Some(differing), possible);
        self.layers.push(TakenLayer::new((&node.name, operator), out, &self.infos[id.index()], &requant, counts));
        Ok(Held::Integers(Integers { id, quantizer: out }))
    }

    fn push(&mut self, name: &str, op: Op, inputs: Vec<ValueId>) -> Step<ValueId> {
        let infos: Vec<&ValueInfo> = inputs.iter().map(|id| &self.infos[id.index()]).collect();
        let info = op.output_info(&infos).map_err(NodeProblem::Integers)?;
        self.infos.push(info);
        self.nodes.push(Node { name: name.to_owned(), op, inputs });
        Ok(ValueId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)))
    }
}

fn in_node(node: &FloatNode, problem: NodeProblem) -> OnnxError {
    OnnxError::Node { operator: node.op.name().to_owned(), node: node.name.clone(), problem }
}

/// Places of the windows that a map sums over, all alike, and whether they are of whole images.
fn window(map: &TensorMap, shape: [usize; 4]) -> Option<(usize, bool)> {
    let (mut count, mut is_global) = (1usize, true);
    for axis in 0..4 {
        match &map.axes[axis] {
            AxisMap::Identity => is_global &= axis < 2 || shape[map.order[axis]] == 1,
            AxisMap::Window { kernel, .. } => {
                count = count.checked_mul(*kernel)?;
                is_global &= axis >= 2 && *kernel == shape[map.order[axis]];
            }
            AxisMap::Scale(_) | AxisMap::Gather(_) => return None,
        }
    }
    Some((count, is_global))
}
