//! The multipliers with which a sum of quantised values gives ONNX Runtime's integers.

use crate::float::Quantizer;

/// Integer multipliers and the shift of the sum's rounding.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SumFit {
    pub(super) multipliers: Vec<i64>,
    pub(super) shift: u32,
    /// Pairs of integers whose sum differs, by one; `None` if the sum is not of two values.
    pub(super) differing: Option<u64>,
}

/// Largest shift: multipliers of more bits leave 32-bit sums for any ratio that is not tiny.
const MAX_SHIFT: u32 = 24;

/// A term's scale and the largest magnitude of what it scales.
pub(super) struct Term {
    pub(super) scale: f64,
    pub(super) bound: i64,
}

/// The finest multipliers whose sums and roundings stay within 32 bits.
pub(super) fn finest(terms: &[Term], out: Quantizer) -> Option<SumFit> {
    let shift = (0..=MAX_SHIFT).rev().find(|&shift| multipliers(terms, out, shift).is_some())?;
    Some(SumFit { multipliers: multipliers(terms, out, shift)?, shift, differing: None })
}

fn multipliers(terms: &[Term], out: Quantizer, shift: u32) -> Option<Vec<i64>> {
    let one = |term: &Term| (term.scale / f64::from(out.scale) * f64::from(shift).exp2()).round();
    let all: Vec<f64> = terms.iter().map(one).collect();
    let most: f64 = all.iter().zip(terms).map(|(m, term)| m.abs() * term.bound as f64).sum();
    (most + f64::from(shift).exp2() < f64::from(i32::MAX)).then(|| all.iter().map(|&m| m as i64).collect())
}

/// A quantised value of a sum: its scale and zero point, and the interval of its integers.
#[derive(Clone, Copy)]
pub(super) struct Addend {
    pub(super) quantizer: Quantizer,
    pub(super) interval: (i64, i64),
}

impl Addend {
    fn term(&self) -> Term {
        let bound = self.interval.0.abs().max(self.interval.1.abs());
        Term { scale: self.quantizer.scale.into(), bound }
    }
}

/// The smallest shift of those with which the fewest pairs differ from ONNX Runtime's sum, clamped to `clamp`. Tries every
/// pair for every shift.
pub(super) fn pair(addends: [Addend; 2], out: Quantizer, clamp: (i32, i32)) -> Option<SumFit> {
    let terms = addends.map(|addend| addend.term());
    let kernel = Kernel::new(addends, out, clamp);
    let mut best: Option<SumFit> = None;
    for shift in 0..=MAX_SHIFT {
        let Some(multipliers) = multipliers(&terms, out, shift) else { break };
        let most = best.as_ref().and_then(|best| best.differing).unwrap_or(u64::MAX);
        let differing = kernel.differing([multipliers[0], multipliers[1]], shift, most);
        if differing < most {
            best = Some(SumFit { multipliers, shift, differing: Some(differing) });
        }
        if differing == 0 {
            break;
        }
    }
    best
}

/// ONNX Runtime's sum: `fixed + r_a a + r_b b` of the integers with their zero points, in single precision.
struct Kernel {
    addends: [Addend; 2],
    ratios: [f32; 2],
    fixed: f32,
    zero: i32,
    clamp: (i32, i32),
}

impl Kernel {
    fn new(addends: [Addend; 2], out: Quantizer, clamp: (i32, i32)) -> Self {
        let ratios = addends.map(|addend| addend.quantizer.scale / out.scale);
        let [a, b] = addends.map(|addend| addend.quantizer.zero as f32);
        let fixed = out.zero as f32 - (ratios[0] * a + ratios[1] * b);
        Self { addends, ratios, fixed, zero: out.zero, clamp }
    }

    fn apply(&self, a: i64, b: i64) -> i64 {
        let [a, b] = [(a, 0), (b, 1)].map(|(v, i)| (v as i32 + self.addends[i].quantizer.zero) as f32);
        let sum = a.mul_add(self.ratios[0], b.mul_add(self.ratios[1], self.fixed));
        let (low, high) = self.clamp;
        (sum.round_ties_even() as i32).saturating_sub(self.zero).clamp(low, high).into()
    }

    /// Pairs whose sums differ; some number above `most` if there are more.
    fn differing(&self, multipliers: [i64; 2], shift: u32, most: u64) -> u64 {
        let half = (1i64 << shift) >> 1;
        let (low, high) = (i64::from(self.clamp.0), i64::from(self.clamp.1));
        let mut count = 0;
        for a in self.addends[0].interval.0..=self.addends[0].interval.1 {
            let (bs, term) = (self.addends[1].interval, multipliers[0] * a + half);
            let differs = |&b: &i64| ((term + multipliers[1] * b) >> shift).clamp(low, high) != self.apply(a, b);
            count += (bs.0..=bs.1).filter(differs).count() as u64;
            if count > most {
                break;
            }
        }
        count
    }
}
