//! From a unit's exact result to stored integers: rounding, clamp or table.

use convince_model::Requant;

use super::bounds::{best_scale, integers, rounding_error};
use super::statistics::ValueStatistics;
use super::units::Tail;

/// Elements that costs are measured on.
const ELEMENTS: usize = 1 << 13;
/// Widths of tables tried, in bits.
const TABLE_BITS: std::ops::RangeInclusive<u32> = 8..=12;
/// Most entries of a table.
const MAX_TABLE: f64 = 6000.0;
/// Entries of a table where no scale is in reach.
const LONGEST_TABLE: i32 = 1 << 16;
/// A wider table, or a finer multiplier, is taken where it brings the mean square error below this share of the cheaper
/// one's.
pub(super) const WORTHWHILE: f64 = 0.9;

/// What a unit's exact result becomes: `f(clamp(round(result / scale)))`, `scale` being the rounding's.
///
/// For a clamp the stored integers have the rounding's scale; for any other function a table maps integers of a finer
/// rounding to 8-bit ones.
pub(super) struct Rounding<'a> {
    tail: &'a Tail<'a>,
    /// Lower bound of the stored value.
    lower: f64,
    /// The stored value's scale: a wish where `is_fixed` is not set and there is no table.
    scale: f64,
    is_fixed: bool,
    /// Sampled elements of the stored value.
    values: Vec<f32>,
    /// Sampled elements of the head's value.
    results: Vec<f32>,
    table: Option<TablePlan>,
    /// Integers that the result may be, where it is a stored value's.
    reach: (i32, i32),
}

/// Where a table's entries lie.
struct TablePlan {
    domain: (f64, f64),
    /// Scale of the rounding, without regard to multipliers.
    nominal: f64,
}

impl<'a> Rounding<'a> {
    /// `fixed` is a scale that other values impose.
    pub(super) fn new(
        tail: &'a Tail<'a>,
        lower: f64,
        fixed: Option<f64>,
        value: &ValueStatistics,
        head: &ValueStatistics,
    ) -> Self {
        let (values, results) = (value.some(ELEMENTS), head.some(ELEMENTS));
        let scale = fixed.unwrap_or_else(|| best_scale(&values, value.range, lower));
        let reach = (i32::MIN, i32::MAX);
        let mut rounding = Self { tail, lower, scale, is_fixed: fixed.is_some(), values, results, table: None, reach };
        if tail.clamp().is_none() {
            rounding.table = Some(rounding.plan_table(head.range));
        }
        rounding
    }

    /// For a function of stored integers of a scale and an interval, which are not rounded: a clamp keeps their scale
    /// unless another one is imposed; any other function gets a table with an entry for each integer.
    pub(super) fn of_integers(
        tail: &'a Tail<'a>,
        lower: f64,
        fixed: Option<f64>,
        (value, input): (&ValueStatistics, &ValueStatistics),
        (scale, reach): (f64, (i32, i32)),
    ) -> Self {
        let (values, results) = (value.some(ELEMENTS), input.some(ELEMENTS));
        let keeps_scale = tail.clamp().is_some() && fixed.is_none_or(|fixed| (fixed / scale - 1.0).abs() < 1e-9);
        let domain = (f64::from(reach.0) * scale, f64::from(reach.1) * scale);
        let table = (!keeps_scale).then_some(TablePlan { domain, nominal: scale });
        let stored = fixed.unwrap_or_else(|| best_scale(&values, value.range, lower));
        let scale = if keeps_scale { scale } else { stored };
        Self { tail, lower, scale, is_fixed: true, values, results, table, reach }
    }

    /// The rounding's scale that would be best.
    pub(super) fn nominal(&self) -> f64 {
        self.table.as_ref().map_or(self.scale, |table| table.nominal)
    }

    /// Whether the rounding's scale must be the nominal one.
    pub(super) fn is_fixed(&self) -> bool {
        self.is_fixed && self.table.is_none()
    }

    /// Whether the stored value is zero on every calibration input, so that its scale does not matter.
    pub(super) fn is_idle(&self) -> bool {
        !self.is_fixed && self.values.iter().all(|&v| v == 0.0)
    }

    /// Scale of the stored integers.
    pub(super) fn stored_scale(&self, scale: f64) -> f64 {
        if self.table.is_some() { self.scale } else { scale }
    }

    /// Mean square of what a rounding of scale `scale` loses; infinite if that is out of reach.
    pub(super) fn cost(&self, scale: f64) -> f64 {
        let Some(table) = &self.table else {
            return rounding_error(&self.values, scale, integers(self.lower, scale));
        };
        if (table.domain.1 - table.domain.0) / scale > MAX_TABLE {
            return f64::INFINITY;
        }
        let requant = self.requant(scale, 0, None);
        let error = |&v: &f32| {
            let entry = requant.apply(0, (f64::from(v) / scale).round() as i32);
            (f64::from(entry) * self.scale - self.tail.apply(v.into())).powi(2)
        };
        self.results.iter().map(error).sum::<f64>() / self.results.len().max(1) as f64
    }

    /// Mean square of the functions' slope: what an error of the result counts for in the stored value.
    pub(super) fn gain(&self) -> f64 {
        let step = self.nominal();
        let slope = |&v: &f32| {
            let v = f64::from(v);
            ((self.tail.apply(v + step) - self.tail.apply(v - step)) / (2.0 * step)).powi(2)
        };
        let mean = self.results.iter().map(slope).sum::<f64>() / self.results.len().max(1) as f64;
        if mean.is_finite() && mean > 0.0 { mean } else { 1.0 }
    }

    /// The integer operator for results of scale `scale / 2^shift`, divided by the multipliers.
    pub(super) fn requant(&self, scale: f64, shift: u32, multipliers: Option<Vec<i32>>) -> Requant {
        let multipliers = multipliers.map(std::sync::Arc::new);
        let (low, high) = integers(self.lower, self.stored_scale(scale));
        let stored = |v: f64, scale: f64| ((v / scale).round() as i64).clamp(low.into(), high.into()) as i32;
        match (&self.table, self.tail.clamp()) {
            (None, Some(ends)) => {
                let (low, high) = (stored(ends.0, scale).max(self.reach.0), stored(ends.1, scale).min(self.reach.1));
                Requant { multipliers, shift, low, high: high.max(low), table: None }
            }
            (table, _) => {
                let domain = table.as_ref().map_or((0.0, 0.0), |table| table.domain);
                let (first, last) = ((domain.0 / scale).round() as i32, (domain.1 / scale).round() as i32);
                // Where no scale is in reach, what lies beyond is clamped: a file must not ask for billions of entries.
                let last = last.clamp(first, first.saturating_add(LONGEST_TABLE));
                let entry = |v: i32| stored(self.tail.apply(f64::from(v) * scale), self.scale);
                let table = (first..=last).map(entry).collect();
                Requant { multipliers, shift, low: first, high: last, table: Some(table) }
            }
        }
    }

    /// Cuts the range seen, and a tenth more at each end, to where the stored value changes; then takes the narrowest
    /// table that does not lose much.
    fn plan_table(&self, range: (f32, f32)) -> TablePlan {
        const PLACES: i32 = 1024;
        let (low, high) = (f64::from(range.0), f64::from(range.1));
        let slack = 0.1 * (high - low).max(f64::MIN_POSITIVE);
        let place = |i: i32| low - slack + (high - low + 2.0 * slack) * f64::from(i) / f64::from(PLACES);
        let (least, most) = integers(self.lower, self.scale);
        let stored = |i: i32| (self.tail.apply(place(i)) / self.scale).clamp(least.into(), most.into());
        let near = |a: f64, b: f64| (a - b).abs() < 0.25;
        let first = (0..PLACES).take_while(|&i| near(stored(i), stored(0))).last().unwrap_or(0);
        let last = (first + 1..=PLACES).rev().take_while(|&i| near(stored(i), stored(PLACES))).last();
        let domain = (place(first), place(last.unwrap_or(PLACES)));
        let plan = |bits: u32| TablePlan { domain, nominal: (domain.1 - domain.0) / (f64::from(1 << bits) - 1.0) };
        let cost = |bits: u32| {
            let table = Some(plan(bits));
            let (values, results) = (Vec::new(), self.results.clone());
            Rounding { tail: self.tail, values, results, table, ..*self }.cost(plan(bits).nominal)
        };
        let narrowest = *TABLE_BITS.start();
        let (_, bits) = TABLE_BITS.fold((f64::INFINITY, narrowest), |best, bits| match cost(bits) {
            cost if cost < WORTHWHILE * best.0 => (cost, bits),
            _ => best,
        });
        plan(bits)
    }
}
