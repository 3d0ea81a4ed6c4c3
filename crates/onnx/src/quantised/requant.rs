//! The requantisation that ends an operator of a quantised network.

use std::sync::Arc;

use convince_model::{Requant, ValueInfo};

use super::kernel::Units;
use super::rounding::{Channel, fit};
use crate::float::{Activation, Quantizer};

/// A requantisation, and what is known of the integers that it gives: how many of how many differ from ONNX Runtime's, or
/// may.
pub(super) struct Rounded {
    pub(super) requant: Requant,
    pub(super) differing: u64,
    pub(super) possible: u64,
}

/// The clamp of a rounding whose results are clamped as floats before: rounding moves no value past a rounded end.
pub(super) fn clamp(out: Quantizer, ends: (f32, f32)) -> (i32, i32) {
    let (low, high) = (out.round(ends.0 / out.scale), out.round(ends.1 / out.scale));
    (low.min(high), high)
}

/// Most entries of a table in place of multipliers.
const MAX_TABLE: i64 = 1 << 14;

/// Whether an error of `uncertainty` can take a quotient to the other side of a half where `clamp` does not hide it.
fn is_near_half(quotient: f64, uncertainty: f64, (low, high): (i32, i32)) -> bool {
    let half = quotient.floor() + 0.5;
    (quotient - half).abs() <= uncertainty && half > f64::from(low) && half < f64::from(high)
}

/// Integers of an interval whose quotient ONNX Runtime may take to the other side of a half; of long intervals, no fewer
/// than there are.
fn near_halves(units: &Units, c: usize, interval: (i64, i64), clamp: (i32, i32), out: Quantizer) -> u64 {
    let (uncertainty, len) = (units.uncertainty(), interval.1.abs_diff(interval.0) + 1);
    match (uncertainty > 0.0, len <= MAX_COUNTED) {
        (false, _) => 0,
        (true, true) => {
            let is_near = |&i: &i64| is_near_half(units.quotient(c, i, out).into(), uncertainty, clamp);
            (interval.0..=interval.1).filter(is_near).count() as u64
        }
        (true, false) => {
            let each = 2.0 * (uncertainty / units.ratio(c, out)).ceil() + 1.0;
            ((f64::from(clamp.1) - f64::from(clamp.0)) * each).min(len as f64) as u64
        }
    }
}

/// Longest interval whose integers are looked at one by one.
const MAX_COUNTED: u64 = 1 << 20;

/// Rounds accumulators of `info` to integers of `out`; `interval` is that of the index that [`Units`] are a function of.
/// `None` if a scale is out of reach.
pub(super) fn of_accumulators(
    units: &Units,
    info: &ValueInfo,
    interval: (i64, i64),
    ends: (f32, f32),
    out: Quantizer,
) -> Option<Rounded> {
    let (low, high) = clamp(out, ends);
    let channel = |c: usize| {
        let (weight, offset) = match units {
            Units::Affine { channels, shift, .. } => (1 << shift, channels[c].offset),
            _ => (1, 0),
        };
        let result = move |i: i64| (units.quotient(c, i, out).round_ties_even() as i32).clamp(low, high);
        Channel { weight, offset, ratio: units.ratio(c, out), result: Box::new(result) }
    };
    let channels: Vec<_> = (0..units.len()).map(channel).collect();
    let uncertain = (0..units.len()).map(|c| near_halves(units, c, interval, (low, high), out)).sum();
    let found = fit(&channels, interval, (low, high), info.low.abs().max(info.high.abs()).max(1))?;
    let count = info.shape[1];
    let possible = (interval.1 - interval.0 + 1).unsigned_abs() * count as u64;
    let is_table = info.high - info.low < MAX_TABLE && (units.len(), interval) == (1, (info.low, info.high));
    if found.differing > 0 && is_table {
        // An entry for each accumulator, whichever way its ties go: means over small windows of equal scale have many.
        let table = (info.low..=info.high).map(|i| (channels[0].result)(i)).collect();
        let requant = Requant { table: Some(table), ..Requant::plain(0, info.low as i32, info.high as i32) };
        return Some(Rounded { requant, differing: uncertain * count as u64, possible });
    }
    let multipliers = match &found.multipliers[..] {
        [1] => None,
        [one] => Some(Arc::new(vec![*one; count])),
        many => Some(Arc::new(many.to_vec())),
    };
    // One channel stands for all where they are alike.
    let repeats = (count / units.len().max(1)) as u64;
    let requant = Requant { multipliers, ..Requant::plain(found.shift, low, high) };
    Some(Rounded { requant, differing: found.differing.max(uncertain) * repeats, possible })
}

/// Rounds functions of quantised values to integers of `out`: a table with an entry for each, or a clamp where that is what
/// the table comes to. `None` if a function is not defined somewhere.
pub(super) fn of_values(
    from: Quantizer,
    functions: &[Activation],
    info: &ValueInfo,
    out: Quantizer,
) -> Option<Rounded> {
    let (low, high) = (info.low as i32, info.high as i32);
    let quotient = |v: i32| {
        let value = functions.iter().fold(from.scale * v as f32, |x, function| function.apply(x));
        value.is_finite().then(|| value / out.scale)
    };
    let quotients: Vec<f32> = (low..=high).map(quotient).collect::<Option<_>>()?;
    let table: Vec<i32> = quotients.iter().map(|&quotient| out.round(quotient)).collect();
    let (least, most) = (*table.iter().min()?, *table.iter().max()?);
    let is_clamp = least <= most && (low..=high).zip(&table).all(|(v, &entry)| entry == v.clamp(least, most));
    let requant = match is_clamp {
        true => Requant::plain(0, least, most),
        false => Requant { table: Some(table), ..Requant::plain(0, low, high) },
    };
    let is_near = |&&q: &&f32| is_near_half(q.into(), APPROXIMATE * f64::from(q.abs()), out.range());
    let differing = if functions.iter().all(is_exact) { 0 } else { quotients.iter().filter(is_near).count() as u64 };
    Some(Rounded { requant, differing, possible: info.high.abs_diff(info.low) + 1 })
}

/// Relative error of a function that ONNX Runtime approximates.
const APPROXIMATE: f64 = 1.0 / (1 << 20) as f64;

/// Whether a function is a comparison and a product, the same in every implementation.
fn is_exact(function: &Activation) -> bool {
    matches!(function, Activation::Relu | Activation::Clip { .. } | Activation::LeakyRelu { .. })
}
