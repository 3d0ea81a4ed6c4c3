//! Convolutions and matrix products: the scales of their weights.
//!
//! A layer's accumulators `a_c` have scale `input * weight_c`; rounding takes `m_c a_c / 2^shift` to the scale of its
//! own. All weight scales of a layer are therefore multiples `m_c * unit` of one `unit = rounding / (input *
//! 2^shift)`, exactly: what a small integer `m_c` misses of a wished scale is made up for by rounding the weights to
//! the scale that it gives. With all `m_c = 1` the layer has one scale and its rounding is a plain shift; each bit of
//! `m_c` costs a bit of shift, which a proof range-checks.

use std::sync::Arc;

use convince_field::{Bits, Ints};
use convince_model::{Conv2d, Gemm, Op, dot_bound};
use rayon::prelude::*;

use super::rounding::Rounding;
use super::statistics::ValueStatistics;
use crate::float::FloatOp;

/// Largest absolute weight: symmetric, so -128 is not used.
const MAX_WEIGHT: f64 = 127.0;
/// Most bits of a multiplier.
const MAX_MULTIPLIER_BITS: u32 = 8;
/// Largest shift.
const MAX_SHIFT: u32 = 30;
/// Weight scales tried, in steps of `2^(1/8)` from the narrowest that holds the largest weight: below it the largest
/// weights saturate.
const GROWTH_STEPS: std::ops::RangeInclusive<i32> = -5..=8;
/// The same for a channel with a multiplier of its own.
const CHANNEL_STEPS: std::ops::RangeInclusive<i32> = -5..=2;
/// Roundings' scales tried for a layer of one scale, as multiples of the best one.
const RANGE: std::ops::RangeInclusive<f64> = 0.5..=2.0;

/// A convolution or matrix product to be quantised.
pub(super) struct Dot<'a> {
    op: &'a FloatOp,
    weight: &'a [f32],
    bias: Option<&'a [f32]>,
    rows: usize,
    taps: usize,
    groups: usize,
    /// Neighbouring taps of one input channel.
    run: usize,
    /// What a squared error of a weight counts for, by input channel.
    importance: Vec<f64>,
    input_scale: f64,
    bias_bits: Bits,
}

/// What is chosen for a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scales {
    /// Scale of the weights of a channel of multiplier 1.
    unit: f64,
    /// None for a layer of one scale.
    pub(super) multipliers: Option<Vec<i32>>,
    pub(super) shift: u32,
    /// The rounding's scale.
    pub(super) rounding: f64,
}

impl Scales {
    fn weight(&self, row: usize) -> f64 {
        self.unit * self.multipliers.as_ref().map_or(1.0, |m| f64::from(m[row]))
    }

    /// Bits of the largest multiplier less one: 0 for a plain shift.
    fn level(&self) -> u32 {
        let largest = self.multipliers.iter().flatten().max().copied().unwrap_or(1);
        i32::BITS - (largest - 1).leading_zeros()
    }
}

impl<'a> Dot<'a> {
    /// `None` for other operators.
    pub(super) fn new(op: &'a FloatOp, input_scale: f64, is_signed: bool, input: &ValueStatistics) -> Option<Self> {
        let plane: usize = input.shape[2..].iter().product();
        let (weight, bias, rows, taps, groups, run) = match op {
            FloatOp::Conv2d(op) => {
                let [rows, channels, kernel @ ..] = op.weight_shape;
                let run = kernel.iter().product::<usize>();
                (&op.weight, &op.bias, rows, channels * run, op.groups, run)
            }
            FloatOp::Gemm(op) => (&op.weight, &op.bias, op.weight_shape[0], op.weight_shape[1], 1, plane),
            _ => return None,
        };
        let bias = bias.as_ref().map(|bias| bias.as_slice());
        // Mean errors are corrected by the bias where there is one.
        let mut importance = if bias.is_some() { input.variances() } else { input.squares.clone() };
        let mean = importance.iter().sum::<f64>() / importance.len().max(1) as f64;
        let least = if mean > 0.0 { 1e-3 * mean } else { 1.0 };
        importance.iter_mut().for_each(|v| *v = v.max(least));
        let bits = if is_signed { Bits::I8 } else { Bits::U8 };
        let bias_bits = bias_bits(taps, Bits::I8, (bits.low(), bits.high()));
        Some(Self { op, weight, bias, rows, taps, groups, run, importance, input_scale, bias_bits })
    }

    /// Multiply-accumulates of one run.
    pub(super) fn macs(&self, outputs: usize) -> usize {
        outputs.saturating_mul(self.taps)
    }

    /// Candidates for a layer whose accumulators are rounded, the one with the smallest multipliers first: the best of
    /// each width of multipliers by an estimate of its mean square error, as far as wider ones lower it.
    pub(super) fn candidates(&self, rounding: &Rounding<'_>) -> Vec<Scales> {
        let gain = rounding.gain();
        let plain = self
            .plain(rounding)
            .into_iter()
            .map(|(scales, noise)| (rounding.cost(scales.rounding) + gain * noise, scales));
        let mut best: Vec<(f64, Scales)> = plain.reduce(|a, b| if b.0 < a.0 { b } else { a }).into_iter().collect();
        let base = rounding.cost(rounding.nominal());
        for scales in self.by_channel(rounding.nominal()) {
            let noise = self.noise(|row| scales.weight(row));
            let cost = base + gain * noise;
            if best.last().is_none_or(|(least, last)| scales.level() > last.level() && cost < 0.98 * least) {
                best.push((cost, scales));
            }
        }
        if best.is_empty() {
            // An imposed scale out of reach: the finest that a shift of 0 gives.
            let unit = rounding.nominal() / self.input_scale;
            return vec![Scales { unit, multipliers: None, shift: 0, rounding: rounding.nominal() }];
        }
        best.into_iter().map(|(_, scales)| scales).collect()
    }

    /// The best scales of a layer whose accumulators are the network's output: one for all rows, so that outputs
    /// compare.
    pub(super) fn output(&self) -> Scales {
        let units = self.growths().filter(|&(step, _)| step <= 0);
        let costs = units.map(|(_, unit)| (self.noise(|_| unit), unit));
        let best = costs.reduce(|best, next| if next.0 <= best.0 { next } else { best });
        let unit = best.map_or(1.0, |(_, unit)| unit);
        Scales { unit, multipliers: None, shift: 0, rounding: unit * self.input_scale }
    }

    /// Layers of one scale, with the weights' part of the error.
    fn plain(&self, rounding: &Rounding<'_>) -> Vec<(Scales, f64)> {
        let scales = |unit: f64, shift: u32| {
            let rounding = self.input_scale * unit * f64::from(shift).exp2();
            Scales { unit, multipliers: None, shift, rounding }
        };
        let nominal = rounding.nominal();
        if rounding.is_fixed() {
            let narrowest = self.growths().map(|(_, unit)| unit).fold(f64::INFINITY, f64::min);
            let unit = |shift: u32| nominal / self.input_scale * (-f64::from(shift)).exp2();
            let shifts = (0..=MAX_SHIFT).filter(|&shift| unit(shift) >= narrowest);
            let fixed = |shift| Scales { rounding: nominal, ..scales(unit(shift), shift) };
            return shifts.rev().take(2).map(fixed).map(|s| (self.noise(|_| s.unit), s)).map(|(n, s)| (s, n)).collect();
        }
        let shifts = |(_, unit): (i32, f64)| (0..=MAX_SHIFT).map(move |shift| scales(unit, shift));
        let all: Vec<Scales> = self.growths().flat_map(shifts).collect();
        let ratio = |scales: &Scales| {
            if rounding.is_idle() {
                scales.rounding / self.input_scale / scales.unit
            } else {
                scales.rounding / nominal
            }
        };
        let near: Vec<Scales> = all.iter().filter(|scales| RANGE.contains(&ratio(scales))).cloned().collect();
        let nearest = || all.iter().min_by(|a, b| ratio(a).ln().abs().total_cmp(&ratio(b).ln().abs())).cloned();
        let chosen = if near.is_empty() { nearest().into_iter().collect() } else { near };
        let noises: Vec<(f64, f64)> = self.growths().map(|(_, unit)| (unit, self.noise(|_| unit))).collect();
        let noise = |unit: f64| noises.iter().find(|(u, _)| *u == unit).map_or(0.0, |(_, noise)| *noise);
        chosen.into_iter().map(|scales| (noise(scales.unit), scales)).map(|(noise, scales)| (scales, noise)).collect()
    }

    /// Layers with multipliers, the narrowest first, for a rounding of scale `rounding`.
    fn by_channel(&self, rounding: f64) -> Vec<Scales> {
        let wished: Vec<f64> = (0..self.rows).map(|row| self.wished(row).max(self.least(row))).collect();
        let largest = wished.iter().copied().fold(0.0, f64::max);
        let units = (0..=MAX_SHIFT).map(|shift| (shift, rounding / self.input_scale * (-f64::from(shift)).exp2()));
        let reach = f64::from(1 << MAX_MULTIPLIER_BITS);
        let near = units.filter(|&(_, unit)| largest > unit && largest <= reach * unit);
        let scales = |(shift, unit): (u32, f64)| {
            let multipliers = (0..self.rows).into_par_iter().map(|row| self.multiplier(row, unit)).collect();
            Scales { unit, multipliers: Some(multipliers), shift, rounding }
        };
        near.map(scales).collect()
    }

    /// The multiplier at which a row's weights lose least.
    fn multiplier(&self, row: usize, unit: f64) -> i32 {
        let least = (self.least(row) / unit).ceil().max(1.0);
        let last = if self.taps == 1 { *GROWTH_STEPS.end() } else { *CHANNEL_STEPS.end() };
        let steps = *CHANNEL_STEPS.start()..=last;
        let mut tried: Vec<f64> =
            steps.map(|step| (self.wished(row) / unit * (f64::from(step) / 8.0).exp2()).ceil().max(least)).collect();
        tried.dedup();
        let costs = tried.into_iter().map(|m| (self.row_error(row, m * unit), m));
        let best = costs.reduce(|best, next| if next.0 < best.0 { next } else { best });
        best.map_or(1, |(_, m)| m.min(f64::from(1 << (MAX_MULTIPLIER_BITS + 2))) as i32)
    }

    /// Scales of a layer of one scale at which every bias fits its format, with their place in [`GROWTH_STEPS`]; step
    /// 0 is always among them.
    fn growths(&self) -> impl Iterator<Item = (i32, f64)> {
        let largest = |of: &dyn Fn(usize) -> f64| (0..self.rows).map(of).fold(0.0, f64::max);
        let for_bias = largest(&|row| self.least(row));
        let narrowest = largest(&|row| self.wished(row)).max(for_bias);
        let base = if narrowest > 0.0 { narrowest } else { 1.0 };
        let scale = move |step: i32| (step, base * (f64::from(step) / 8.0).exp2());
        GROWTH_STEPS.map(scale).filter(move |&(step, scale)| step >= 0 || scale >= for_bias)
    }

    fn row(&self, row: usize) -> &'a [f32] {
        &self.weight[row * self.taps..][..self.taps]
    }

    /// The narrowest scale that holds a row's largest weight.
    fn wished(&self, row: usize) -> f64 {
        f64::from(self.row(row).iter().fold(0.0f32, |a, b| a.max(b.abs()))) / MAX_WEIGHT
    }

    /// The narrowest scale at which a row's bias fits its format.
    fn least(&self, row: usize) -> f64 {
        let high = self.bias_bits.high().max(1) as f64;
        self.bias.map_or(0.0, |bias| f64::from(bias[row].abs()) / (self.input_scale * high))
    }

    /// Estimate of the mean square error that rounded weights make in the results, by the rows' scales.
    fn noise(&self, scale: impl Fn(usize) -> f64 + Sync) -> f64 {
        let errors: Vec<f64> = (0..self.rows).into_par_iter().map(|row| self.row_error(row, scale(row))).collect();
        errors.iter().sum::<f64>() / self.rows as f64
    }

    fn row_error(&self, row: usize, scale: f64) -> f64 {
        // Adding and taking away this number rounds to integers.
        const ROUNDING: f64 = 1.5 * (1u64 << 52) as f64;
        let first = row / (self.rows / self.groups).max(1) * (self.taps / self.run);
        let inverse = scale.recip();
        let error = |weights: &[f32]| {
            let squared = |&w: &f32| {
                let w = f64::from(w) * inverse;
                let rounded = (w.clamp(-MAX_WEIGHT, MAX_WEIGHT) + ROUNDING) - ROUNDING;
                (rounded - w).powi(2)
            };
            weights.iter().map(squared).sum::<f64>()
        };
        let runs = self.row(row).chunks(self.run).zip(&self.importance[first..]);
        scale.powi(2) * runs.map(|(weights, importance)| error(weights) * importance).sum::<f64>()
    }

    /// Integer weights and biases.
    pub(super) fn integers(&self, scales: &Scales) -> Parameters {
        let row = |o: usize| {
            let scale = scales.weight(o);
            self.row(o).iter().map(move |&w| (f64::from(w) / scale).round().clamp(-MAX_WEIGHT, MAX_WEIGHT) as i8)
        };
        let weight = Arc::new(Ints::I8((0..self.rows).flat_map(row).collect()));
        let bias = self.bias.map(|bias| {
            let each = bias.iter().enumerate();
            each.map(|(o, &b)| self.fit_bias((f64::from(b) / (self.input_scale * scales.weight(o))).round() as i64))
                .collect()
        });
        Parameters { weight, bias }
    }

    fn fit_bias(&self, bias: i64) -> i64 {
        bias.clamp(self.bias_bits.low(), self.bias_bits.high())
    }

    /// Moves each channel's mean over some inputs to the float network's, in the bias and the accumulators.
    ///
    /// Does nothing for layers without bias, or where a mean over so few elements says little about other inputs.
    pub(super) fn correct(
        &self,
        parameters: &mut Parameters,
        accumulators: &mut [Vec<i32>],
        scales: &Scales,
        means: &[Vec<f32>],
    ) {
        let plane = accumulators.first().map_or(1, |values| values.len() / self.rows);
        let Some(biases) = &mut parameters.bias else { return };
        if plane * accumulators.len() < MIN_CORRECTED {
            return;
        }
        for (o, bias) in biases.iter_mut().enumerate() {
            let channel = |values: &Vec<i32>| values[o * plane..][..plane].iter().map(|&v| f64::from(v)).sum::<f64>();
            let integer = accumulators.iter().map(channel).sum::<f64>() / (accumulators.len() * plane) as f64;
            let float = means.iter().map(|means| f64::from(means[o])).sum::<f64>() / means.len() as f64;
            let corrected = *bias as f64 + float / (self.input_scale * scales.weight(o)) - integer;
            let corrected = self.fit_bias(corrected.round() as i64);
            let change = (corrected - *bias) as i32;
            *bias = corrected;
            for values in accumulators.iter_mut() {
                values[o * plane..][..plane].iter_mut().for_each(|value| *value = value.saturating_add(change));
            }
        }
    }

    /// The integer operator.
    pub(super) fn operator(&self, parameters: &Parameters) -> Op {
        let (weight, weight_bits, bias_bits) = (Arc::clone(&parameters.weight), Bits::I8, self.bias_bits);
        let bias = parameters.bias.as_ref().and_then(|values| Ints::pack(bias_bits, values)).map(Arc::new);
        match self.op {
            FloatOp::Conv2d(op) => {
                let (weight_shape, stride, padding) = (op.weight_shape, op.stride, op.padding);
                let (dilation, groups) = (op.dilation, op.groups);
                Op::Conv2d(Conv2d {
                    weight,
                    weight_shape,
                    weight_bits,
                    bias,
                    bias_bits,
                    stride,
                    padding,
                    dilation,
                    groups,
                })
            }
            _ => {
                let weight_shape = [self.rows, self.taps];
                Op::Gemm(Gemm { weight, weight_shape, weight_bits, bias, bias_bits })
            }
        }
    }
}

/// Elements of a channel, over all inputs, from which its mean is corrected.
const MIN_CORRECTED: usize = 32;

/// A layer's integers.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    weight: Arc<Ints>,
    bias: Option<Vec<i64>>,
}

/// The widest signed format within a quarter of the bound of the layer's dot product: it depends on the architecture
/// alone, holds any bias of a trained network, and widens the accumulators, whose range the proof's tables follow, by
/// a quarter at most.
pub(crate) fn bias_bits(taps: usize, weight: Bits, input: (i64, i64)) -> Bits {
    let (low, high) = dot_bound(taps, weight, input.0, input.1);
    let within = |bits: &Bits| low / 4 <= bits.low().into() && i128::from(bits.high()) <= high / 4;
    (1..=Bits::MAX_WIDTH).rev().map(Bits::signed).find(within).unwrap_or(Bits::signed(1))
}
