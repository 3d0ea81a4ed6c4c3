//! The requantisation that ends an operator of a quantised network.

use std::sync::Arc;

use convince_model::{Requant, ValueInfo};

use super::kernel::Units;
use super::rounding::{Channel, fit};
use crate::float::{Activation, Quantizer};

/// A requantisation, and what is known of the integers that it gives: those that differ from ONNX Runtime's, of how many.
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
    let found = fit(&channels, interval, (low, high), info.low.abs().max(info.high.abs()).max(1))?;
    let count = info.shape[1];
    let possible = (interval.1 - interval.0 + 1).unsigned_abs() * count as u64;
    let is_table = info.high - info.low < MAX_TABLE && (units.len(), interval) == (1, (info.low, info.high));
    if found.differing > 0 && is_table {
        // An entry for each accumulator, whichever way its ties go: means over small windows of equal scale have many.
        let table = (info.low..=info.high).map(|i| (channels[0].result)(i)).collect();
        let requant = Requant { table: Some(table), ..Requant::plain(0, info.low as i32, info.high as i32) };
        return Some(Rounded { requant, differing: 0, possible });
    }
    let multipliers = match &found.multipliers[..] {
        [1] => None,
        [one] => Some(Arc::new(vec![*one; count])),
        many => Some(Arc::new(many.to_vec())),
    };
    // One channel stands for all where they are alike.
    let repeats = (count / units.len().max(1)) as u64;
    let requant = Requant { multipliers, ..Requant::plain(found.shift, low, high) };
    Some(Rounded { requant, differing: found.differing * repeats, possible })
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
    let entry = |v: i32| {
        let value = functions.iter().fold(from.scale * v as f32, |x, function| function.apply(x));
        value.is_finite().then(|| out.round(value / out.scale))
    };
    let table: Vec<i32> = (low..=high).map(entry).collect::<Option<_>>()?;
    let (least, most) = (*table.iter().min()?, *table.iter().max()?);
    let is_clamp = least <= most && (low..=high).zip(&table).all(|(v, &entry)| entry == v.clamp(least, most));
    let requant = match is_clamp {
        true => Requant::plain(0, least, most),
        false => Requant { table: Some(table), ..Requant::plain(0, low, high) },
    };
    Some(Rounded { requant, differing: 0, possible: info.high.abs_diff(info.low) + 1 })
}
