//! Makes the integer network unit by unit, and runs it on the calibration inputs as it grows.
//!
//! Each unit is chosen on the integers that the units before it give, so that later units correct what earlier ones
//! lose.

use convince_model::{Graph, Linear, LinearTerm, MaxPool, ModelError, Node, NodeError, Op, Preprocessing, Requant};
use convince_model::{ValueId, ValueInfo};
use rayon::prelude::*;

use super::bounds::{best_scale, lower_bounds};
use super::dot::{Dot, Parameters, Scales};
use super::ratios::{Gains, Ratio};
use super::report::LayerAccuracy;
use super::rounding::Rounding;
use super::statistics::{ValueStatistics, uses};
use super::units::{Tail, Unit, cut, keeps_integers, scale_groups};
use crate::float::{FloatLinear, FloatOp};
use crate::{FloatGraph, OnnxError};

/// Multiply-accumulates that the choice among a layer's candidates may take.
const SEARCH_BUDGET: usize = 1_000_000_000;
/// A share of the mean square that a layer may lose, 36 dB: no wider multipliers are sought below it.
const GOOD_ERROR: f64 = 2.5e-4;
/// Wider multipliers are taken where they bring the mean square error below this share, 1 dB.
const WORTHWHILE_MULTIPLIERS: f64 = 0.8;

/// An integer value.
struct Value {
    id: ValueId,
    info: ValueInfo,
    /// Float value of the integer 1.
    scale: f64,
    /// The integers, by calibration input.
    data: Vec<Vec<i32>>,
}

/// The quantised network.
pub(super) struct Walked {
    pub(super) graph: Graph,
    pub(super) output_scale: f64,
    /// Integers of the output, by calibration input.
    pub(super) outputs: Vec<Vec<i32>>,
    pub(super) layers: Vec<LayerAccuracy>,
}

struct Walk<'a> {
    graph: &'a FloatGraph,
    statistics: &'a [ValueStatistics],
    lower: Vec<f64>,
    groups: Vec<usize>,
    /// Values whose scale is chosen by rounding, by place of the float value.
    is_rounded: Vec<bool>,
    nodes: Vec<Node>,
    /// By place of the float value; dropped after the last use.
    values: Vec<Option<Value>>,
    layers: Vec<LayerAccuracy>,
}

/// Quantises `graph`, whose values have `statistics` over `inputs`.
///
/// # Errors
/// [`OnnxError::NoLayers`]; [`OnnxError::Model`] where accumulators leave 32 bits.
pub(super) fn quantize(
    graph: &FloatGraph,
    inputs: &[&[f32]],
    statistics: &[ValueStatistics],
    preprocessing: &Preprocessing,
) -> Result<Walked, OnnxError> {
    let bits = preprocessing.bits;
    let units = cut(graph);
    let lower = lower_bounds(graph, if bits.low() < 0 { f64::NEG_INFINITY } else { 0.0 });
    let mut is_rounded = vec![false; graph.nodes.len() + 1];
    units.iter().for_each(|unit| is_rounded[unit.last + 1] = is_rounding(graph, unit));
    let input = Value {
        id: ValueId::INPUT,
        info: ValueInfo { shape: graph.input_shape, low: bits.low(), high: bits.high() },
        scale: preprocessing.input_scale,
        data: inputs.par_iter().map(|input| preprocessing.quantize(input)).collect(),
    };
    let mut walk = Walk {
        graph,
        statistics,
        lower,
        groups: scale_groups(graph),
        is_rounded,
        nodes: Vec::new(),
        values: std::iter::once(Some(input)).chain(graph.nodes.iter().map(|_| None)).collect(),
        layers: Vec::new(),
    };
    let mut uses = uses(graph);
    for unit in &units {
        let first = walk.nodes.len();
        let value = walk.unit(unit)?;
        walk.record(unit, first, &value);
        walk.values[unit.last + 1] = Some(value);
        for &input in &unit.node.inputs {
            uses[input] -= 1;
            if uses[input] == 0 {
                walk.values[input] = None;
            }
        }
    }
    let output = walk.values.pop().flatten().ok_or(OnnxError::NoLayers)?;
    let integers = Graph { input_shape: graph.input_shape, input_bits: bits, nodes: walk.nodes };
    Ok(Walked { graph: integers, output_scale: output.scale, outputs: output.data, layers: walk.layers })
}

fn is_rounding(graph: &FloatGraph, unit: &Unit<'_>) -> bool {
    match &unit.node.op {
        FloatOp::Linear(linear) => !keeps_integers(linear, &super::units::input_shapes(graph, unit.node)),
        op => !matches!(op, FloatOp::MaxPool(_)),
    }
}

impl<'a> Walk<'a> {
    fn unit(&mut self, unit: &Unit<'a>) -> Result<Value, OnnxError> {
        let is_output = unit.last + 1 == self.graph.nodes.len() && unit.tail.is_empty();
        match &unit.node.op {
            FloatOp::Conv2d(_) | FloatOp::Gemm(_) => self.dot(unit, is_output),
            FloatOp::Linear(linear) => self.linear(unit, linear, is_output),
            FloatOp::Product => self.product(unit, is_output),
            FloatOp::Activation(_) => self.activation(unit),
            FloatOp::MaxPool(pool) => {
                let scale = self.input(unit, 0).scale;
                self.push(&unit.node.name, Op::MaxPool(*pool), &unit.node.inputs, scale)
            }
            // The first two end a network and are cut off before, the third is in no network that comes here.
            FloatOp::ArgMax | FloatOp::Softmax | FloatOp::Quantize(_) => Err(OnnxError::NoLayers),
        }
    }

    fn dot(&mut self, unit: &Unit<'a>, is_output: bool) -> Result<Value, OnnxError> {
        let place = unit.node.inputs[0];
        let input = self.input(unit, 0);
        let is_signed = self.lower[place] < 0.0;
        let Some(dot) = Dot::new(&unit.node.op, input.scale, is_signed, &self.statistics[place]) else {
            return Err(OnnxError::NoLayers);
        };
        let means = &self.statistics[unit.head + 1].means;
        if is_output {
            let scales = dot.output();
            let trial = self.accumulate(unit, &dot, &scales, means)?;
            let op = dot.operator(&trial.parameters);
            return self.push_data(&unit.node.name, op, &unit.node.inputs, scales.rounding, trial.accumulators);
        }
        let rounding = self.rounding(unit);
        let macs = dot.macs(unit.node.shape.iter().product());
        let candidates = dot.candidates(&rounding);
        let (scales, trial) = self.best(unit, &dot, &rounding, candidates, macs)?;
        let (scale, stored) = (scales.rounding, rounding.stored_scale(scales.rounding));
        let requant = rounding.requant(scale, scales.shift, scales.multipliers);
        let op = dot.operator(&trial.parameters);
        let accumulators = self.push_data(&unit.node.name, op, &unit.node.inputs, scale, trial.accumulators)?;
        self.finish(unit, accumulators, requant, stored)
    }

    /// Of candidates in the order of their multipliers' widths, the first that is good, or than which none is much
    /// better.
    fn best(
        &self,
        unit: &Unit<'a>,
        dot: &Dot<'_>,
        rounding: &Rounding<'_>,
        candidates: Vec<Scales>,
        macs: usize,
    ) -> Result<(Scales, Trial), OnnxError> {
        let inputs = self.input(unit, 0).data.len();
        let few = (SEARCH_BUDGET / macs.saturating_mul(candidates.len()).max(1)).clamp(1, inputs);
        let mut trials: Vec<(f64, Scales, Trial)> = Vec::new();
        let is_choice = candidates.len() > 1;
        for scales in candidates {
            let means = &self.statistics[unit.head + 1].means[..few];
            let trial = self.accumulate(unit, dot, &scales, means)?;
            let error = if is_choice { self.error(unit, rounding, &scales, &trial) } else { 0.0 };
            trials.push((error, scales, trial));
        }
        let least = trials.iter().fold(f64::INFINITY, |least, (error, ..)| least.min(*error));
        let statistics = &self.statistics[unit.last + 1];
        let good = (0..few).map(|input| statistics.squared_signal(input)).sum::<f64>() * GOOD_ERROR;
        let chosen = trials.into_iter().find(|(error, ..)| *error <= good || WORTHWHILE_MULTIPLIERS * error <= least);
        let (_, scales, trial) = chosen.ok_or(OnnxError::NoLayers)?;
        if few == inputs {
            return Ok((scales, trial));
        }
        let trial = self.accumulate(unit, dot, &scales, &self.statistics[unit.head + 1].means)?;
        Ok((scales, trial))
    }

    /// Parameters of given scales and the accumulators that they give, for as many inputs as there are means.
    fn accumulate(
        &self,
        unit: &Unit<'a>,
        dot: &Dot<'_>,
        scales: &Scales,
        means: &[Vec<f32>],
    ) -> Result<Trial, OnnxError> {
        let input = self.input(unit, 0);
        let mut parameters = dot.integers(scales);
        let op = dot.operator(&parameters);
        let run = |data: &Vec<i32>| op.apply(&[(&input.info, data)]);
        let accumulators: Result<Vec<_>, _> = input.data[..means.len()].par_iter().map(run).collect();
        let mut accumulators = accumulators.map_err(|problem| self.in_node(&unit.node.name, problem))?;
        dot.correct(&mut parameters, &mut accumulators, scales, means);
        Ok(Trial { parameters, accumulators })
    }

    /// Sum of squared errors of a layer's stored values.
    fn error(&self, unit: &Unit<'a>, rounding: &Rounding<'_>, scales: &Scales, trial: &Trial) -> f64 {
        let requant = rounding.requant(scales.rounding, scales.shift, scales.multipliers.clone());
        let (statistics, stored) = (&self.statistics[unit.last + 1], rounding.stored_scale(scales.rounding));
        let error = |(index, values): (usize, &Vec<i32>)| {
            let mut info = ValueInfo { shape: unit.node.shape, low: i32::MIN.into(), high: i32::MAX.into() };
            let mut value = values.clone();
            let ops = std::iter::once(Op::Requant(requant.clone()));
            for op in ops.chain(unit.tail.pools.iter().map(|(_, pool)| Op::MaxPool(*pool))) {
                value = op.apply(&[(&info, &value)]).unwrap_or_default();
                info = op.output_info(&[&info]).unwrap_or(info);
            }
            statistics.squared_error(index, &value, stored)
        };
        trial.accumulators.par_iter().enumerate().map(error).sum()
    }

    fn linear(&mut self, unit: &Unit<'a>, linear: &FloatLinear, is_output: bool) -> Result<Value, OnnxError> {
        let inputs: Vec<&Value> = (0..unit.node.inputs.len()).map(|t| self.input(unit, t)).collect();
        let scales: Vec<f64> =
            linear.terms.iter().zip(&inputs).map(|(term, input)| f64::from(term.factor) * input.scale).collect();
        let is_equal = scales.iter().all(|scale| (scale / scales[0]).abs().ln().abs() < 1e-9);
        if !self.is_rounded[unit.last + 1] && is_equal {
            let signs: Vec<i64> = scales.iter().map(|scale| if *scale < 0.0 { -1 } else { 1 }).collect();
            let op = integer_linear(linear, &signs, 0);
            return self.push(&unit.node.name, op, &unit.node.inputs, scales[0].abs());
        }
        let squares = |t: usize| {
            let (input, term) = (unit.node.inputs[t], &linear.terms[t]);
            let norm = term.map.row_sums(inputs[t].info.shape).map_or(1.0, |sums| sums.norm() as f64);
            self.statistics[input].square() * (norm * f64::from(term.factor)).powi(2)
        };
        let squares: Vec<f64> = (0..inputs.len()).map(squares).collect();
        let gains = Gains { scales: &scales, squares: &squares, constant: linear.constant.into() };
        let infos: Vec<&ValueInfo> = inputs.iter().map(|input| &input.info).collect();
        let fits = |multipliers: &[i64], constant: i64| {
            integer_linear(linear, multipliers, constant).output_info(&infos).is_ok()
        };
        let rounding = self.rounding(unit);
        let found = if is_output { gains.exact(fits) } else { gains.ratio(&rounding, fits) };
        // Without any that fits, the operator with the smallest multipliers says in its error what does not.
        let ratio =
            found.unwrap_or_else(|| Ratio { multipliers: vec![1; scales.len()], shift: 0, scale: scales[0].abs() });
        let constant = (f64::from(linear.constant) / ratio.unit()).round() as i64;
        let op = integer_linear(linear, &ratio.multipliers, constant);
        let sums = self.push(&unit.node.name, op, &unit.node.inputs, ratio.unit())?;
        if is_output {
            return Ok(sums);
        }
        let requant = rounding.requant(ratio.scale, ratio.shift, None);
        self.finish(unit, sums, requant, rounding.stored_scale(ratio.scale))
    }

    fn product(&mut self, unit: &Unit<'a>, is_output: bool) -> Result<Value, OnnxError> {
        let scale = self.input(unit, 0).scale * self.input(unit, 1).scale;
        let products = self.push(&unit.node.name, Op::Product, &unit.node.inputs, scale)?;
        if is_output {
            return Ok(products);
        }
        let rounding = self.rounding(unit);
        let squares = [self.statistics[unit.head + 1].square()];
        let gains = Gains { scales: &[scale], squares: &squares, constant: 0.0 };
        let ratio = gains.ratio(&rounding, |_, _| true);
        let ratio = ratio.unwrap_or_else(|| Ratio { multipliers: vec![1], shift: 0, scale });
        let multiplier = ratio.multipliers[0] as i32;
        let multipliers = (multiplier != 1).then(|| vec![multiplier; unit.node.shape[1]]);
        let requant = rounding.requant(ratio.scale, ratio.shift, multipliers);
        self.finish(unit, products, requant, rounding.stored_scale(ratio.scale))
    }

    /// An activation of a stored value: a clamp of its integers, or a table with an entry for each.
    fn activation(&mut self, unit: &Unit<'a>) -> Result<Value, OnnxError> {
        let tail = Tail::of(unit.node);
        let (place, input) = (unit.node.inputs[0], self.input(unit, 0));
        let (scale, range) = (input.scale, (input.info.low as i32, input.info.high as i32));
        let value = &self.statistics[unit.last + 1];
        let fixed = self.imposed_scale(unit.last + 1);
        let (lower, samples) = (self.lower[unit.last + 1], (value, &self.statistics[place]));
        let rounding = Rounding::of_integers(&tail, lower, fixed, samples, (scale, range));
        let (requant, stored) = (rounding.requant(scale, 0, None), rounding.stored_scale(scale));
        self.push(&unit.node.name, Op::Requant(requant), &unit.node.inputs, stored)
    }

    /// The unit's rounding and poolings, behind its exact result.
    fn finish(&mut self, unit: &Unit<'a>, result: Value, requant: Requant, scale: f64) -> Result<Value, OnnxError> {
        let name = unit.tail.name().map_or_else(|| format!("{}/requant", unit.node.name), str::to_owned);
        let mut value = self.push_on(&name, Op::Requant(requant), result, scale)?;
        for &(name, pool) in &unit.tail.pools {
            value = self.push_pool(name, pool, value)?;
        }
        Ok(value)
    }

    fn push_pool(&mut self, name: &str, pool: MaxPool, value: Value) -> Result<Value, OnnxError> {
        let scale = value.scale;
        self.push_on(name, Op::MaxPool(pool), value, scale)
    }

    /// Appends an operator on float values' integers.
    fn push(&mut self, name: &str, op: Op, inputs: &[usize], scale: f64) -> Result<Value, OnnxError> {
        let values: Vec<&Value> = inputs.iter().filter_map(|&input| self.values[input].as_ref()).collect();
        let count = values.first().map_or(0, |value| value.data.len());
        let run = |index: usize| {
            let inputs: Vec<_> = values.iter().map(|value| (&value.info, value.data[index].as_slice())).collect();
            op.apply(&inputs)
        };
        let data: Result<Vec<_>, NodeError> = (0..count).into_par_iter().map(run).collect();
        let data = data.map_err(|problem| self.in_node(name, problem))?;
        self.push_data(name, op, inputs, scale, data)
    }

    /// Appends an operator whose value is known.
    fn push_data(
        &mut self,
        name: &str,
        op: Op,
        inputs: &[usize],
        scale: f64,
        data: Vec<Vec<i32>>,
    ) -> Result<Value, OnnxError> {
        let values: Vec<&Value> = inputs.iter().filter_map(|&input| self.values[input].as_ref()).collect();
        let infos: Vec<&ValueInfo> = values.iter().map(|value| &value.info).collect();
        let info = op.output_info(&infos).map_err(|problem| self.in_node(name, problem))?;
        let inputs = values.iter().map(|value| value.id).collect();
        Ok(self.append(Node { name: name.to_owned(), op, inputs }, info, scale, data))
    }

    /// Appends an operator on a value that no other takes.
    fn push_on(&mut self, name: &str, op: Op, input: Value, scale: f64) -> Result<Value, OnnxError> {
        let info = op.output_info(&[&input.info]).map_err(|problem| self.in_node(name, problem))?;
        let data: Result<Vec<_>, NodeError> =
            input.data.par_iter().map(|data| op.apply(&[(&input.info, data)])).collect();
        let data = data.map_err(|problem| self.in_node(name, problem))?;
        Ok(self.append(Node { name: name.to_owned(), op, inputs: vec![input.id] }, info, scale, data))
    }

    fn append(&mut self, node: Node, info: ValueInfo, scale: f64, data: Vec<Vec<i32>>) -> Value {
        self.nodes.push(node);
        let id = ValueId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        Value { id, info, scale, data }
    }

    fn in_node(&self, name: &str, problem: NodeError) -> OnnxError {
        ModelError::Node { index: self.nodes.len(), name: name.to_owned(), problem }.into()
    }

    /// A unit's input. Units are in order, and values are kept until their last use.
    fn input(&self, unit: &Unit<'_>, index: usize) -> &Value {
        self.values[unit.node.inputs[index]].as_ref().expect("values are kept until their last use")
    }

    fn rounding<'t>(&self, unit: &'t Unit<'a>) -> Rounding<'t>
    where
        'a: 't,
    {
        let last = unit.last + 1;
        let (value, head) = (&self.statistics[last], &self.statistics[unit.head + 1]);
        Rounding::new(&unit.tail, self.lower[last], self.imposed_scale(last), value, head)
    }

    /// The scale that a value shares with others whose scale is chosen too: the best one for all of them together.
    fn imposed_scale(&self, place: usize) -> Option<f64> {
        let members = (0..self.groups.len()).filter(|&other| self.groups[other] == self.groups[place]);
        let rounded: Vec<usize> = members.filter(|&member| self.is_rounded[member]).collect();
        if rounded.len() < 2 {
            return None;
        }
        let values: Vec<f32> = rounded.iter().flat_map(|&member| self.statistics[member].some(1 << 12)).collect();
        let lower = rounded.iter().map(|&member| self.lower[member]).fold(0.0, f64::min);
        let ends = rounded.iter().map(|&member| self.statistics[member].range);
        let range = ends.fold((0.0f32, 0.0f32), |(low, high), end| (low.min(end.0), high.max(end.1)));
        Some(best_scale(&values, range, lower))
    }

    /// Compares a unit's value, whose nodes start at `first`, with the float network's.
    fn record(&mut self, unit: &Unit<'_>, first: usize, value: &Value) {
        let statistics = &self.statistics[unit.last + 1];
        let error = |(i, data): (usize, &Vec<i32>)| statistics.squared_error(i, data, value.scale);
        let error: f64 = value.data.iter().enumerate().map(error).sum();
        let signal: f64 = (0..value.data.len()).map(|i| statistics.squared_signal(i)).sum();
        let requant = self.nodes[first..].iter().find_map(|node| match &node.op {
            Op::Requant(requant) => Some(requant),
            _ => None,
        });
        let bound = (value.info.low, value.info.high);
        self.layers.push(LayerAccuracy::new(unit.node, (value.scale, bound), requant, (signal, error)));
    }
}

/// A layer's parameters and what they give.
struct Trial {
    parameters: Parameters,
    /// By calibration input, as far as they were run.
    accumulators: Vec<Vec<i32>>,
}

fn integer_linear(linear: &FloatLinear, multipliers: &[i64], constant: i64) -> Op {
    let terms = linear.terms.iter().zip(multipliers);
    let terms = terms.map(|(term, &multiplier)| LinearTerm { multiplier, map: term.map.clone() }).collect();
    Op::Linear(Linear { terms, constant })
}
