//! Small integers that stand for the ratios of given scales.

use super::rounding::{Rounding, WORTHWHILE};

/// Multipliers `m_t`, a scale and a shift with `gains[t] ~ m_t * scale / 2^shift`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ratio {
    pub(super) multipliers: Vec<i64>,
    pub(super) shift: u32,
    /// The rounding's scale.
    pub(super) scale: f64,
}

impl Ratio {
    /// Scale of the sum before the rounding.
    pub(super) fn unit(&self) -> f64 {
        self.scale * (-f64::from(self.shift)).exp2()
    }
}

/// Scales that are added, and how large what they scale is.
pub(super) struct Gains<'a> {
    /// Float value of the integer 1 of each term, signed.
    pub(super) scales: &'a [f64],
    /// Mean square of each term's float value.
    pub(super) squares: &'a [f64],
    pub(super) constant: f64,
}

/// Largest multiplier of the largest term.
const MAX_MULTIPLIER: f64 = 4096.0;
/// Largest shift that is tried: multipliers of 12 bits need no more.
const MAX_SHIFT: i32 = 30;
/// Roundings' scales tried, as multiples of the best one.
const RANGE: std::ops::RangeInclusive<f64> = 0.5..=2.0;

impl Gains<'_> {
    /// The smallest multipliers that cost little more than the best ones.
    ///
    /// With a free rounding the largest term's multiplier counts up from 1, so that a single term's ratio is exact; an
    /// imposed scale needs a ratio as fine as its accuracy asks for. `fits` says which multipliers and constants keep
    /// sums within their bounds.
    pub(super) fn ratio(&self, rounding: &Rounding<'_>, fits: impl Fn(&[i64], i64) -> bool) -> Option<Ratio> {
        let units: Vec<f64> = match rounding.is_fixed() {
            true => (0..=MAX_SHIFT).map(|shift| rounding.nominal() * (-f64::from(shift)).exp2()).collect(),
            false => ladder().map(|m| self.largest() / m).collect(),
        };
        let fitting = units.into_iter().filter(|&unit| {
            let multipliers = self.multipliers(unit);
            let (most, constant) = (multipliers.iter().map(|m| m.abs()).max(), self.constant / unit);
            most.is_some_and(|m| (1..=MAX_MULTIPLIER as i64).contains(&m))
                && fits(&multipliers, constant.round() as i64)
        });
        let costs: Vec<(f64, Ratio)> = fitting.filter_map(|unit| self.best_shift(unit, rounding)).collect();
        let least = costs.iter().fold(f64::INFINITY, |least, (cost, _)| least.min(*cost));
        costs.into_iter().find(|(cost, _)| WORTHWHILE * cost <= least).map(|(_, ratio)| ratio)
    }

    /// The smallest multipliers of a sum that is not rounded, of a relative error below a thousandth.
    pub(super) fn exact(&self, fits: impl Fn(&[i64], i64) -> bool) -> Option<Ratio> {
        let ratio = |unit: f64| Ratio { multipliers: self.multipliers(unit), shift: 0, scale: unit };
        let fits = |unit: &f64| fits(&self.multipliers(*unit), (self.constant / unit).round() as i64);
        let units: Vec<f64> = ladder().map(|m| self.largest() / m).filter(fits).collect();
        let signal: f64 = self.squares.iter().sum();
        let good = units.iter().find(|&&unit| self.error(unit) <= 1e-6 * signal);
        good.or(units.last()).map(|&unit| ratio(unit))
    }

    fn best_shift(&self, unit: f64, rounding: &Rounding<'_>) -> Option<(f64, Ratio)> {
        let nominal = rounding.nominal();
        let shifts = 0..=MAX_SHIFT;
        let near = |scale: f64| match rounding.is_fixed() {
            true => (scale / nominal - 1.0).abs() < 1e-6,
            false => RANGE.contains(&(scale / nominal)),
        };
        let scales =
            shifts.clone().map(|shift| (shift, unit * f64::from(shift).exp2())).filter(|(_, scale)| near(*scale));
        let mut options: Vec<_> = scales.map(|(shift, scale)| (rounding.cost(scale), shift, scale)).collect();
        if options.is_empty() && (rounding.is_idle() || !rounding.is_fixed()) {
            // Out of reach: what comes closest.
            let shift = (nominal / unit).log2().round().clamp(0.0, f64::from(MAX_SHIFT)) as i32;
            let scale = unit * f64::from(shift).exp2();
            options.push((rounding.cost(scale), shift, scale));
        }
        let best = options.into_iter().reduce(|best, next| if next.0 < best.0 { next } else { best });
        best.map(|(cost, shift, scale)| {
            let ratio = Ratio { multipliers: self.multipliers(unit), shift: shift.unsigned_abs(), scale };
            (cost + self.error(unit), ratio)
        })
    }

    fn multipliers(&self, unit: f64) -> Vec<i64> {
        self.scales.iter().map(|scale| (scale / unit).round() as i64).collect()
    }

    /// Mean square of what rounded multipliers and a rounded constant lose.
    fn error(&self, unit: f64) -> f64 {
        let relative = |scale: f64| if scale == 0.0 { 0.0 } else { (scale / unit).round() * unit / scale - 1.0 };
        let terms: f64 = self.scales.iter().zip(self.squares).map(|(&s, square)| relative(s).powi(2) * square).sum();
        terms + ((self.constant / unit).round() * unit - self.constant).powi(2)
    }

    fn largest(&self) -> f64 {
        let largest = self.scales.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        if largest > 0.0 { largest } else { 1.0 }
    }
}

/// 1 to 64, then eight steps an octave.
fn ladder() -> impl Iterator<Item = f64> {
    (1..=64).map(f64::from).chain((49..=96).map(|step| (f64::from(step) / 8.0).exp2().round()))
}
