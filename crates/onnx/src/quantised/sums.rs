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

/// The smallest shift with which no more pairs differ from ONNX Runtime's sum, clamped to `clamp`, than with the finest
/// multipliers. Tries every pair, for most shifts until one differs.
pub(super) fn pair(addends: [Addend; 2], out: Quantizer, clamp: (i32, i32)) -> Option<SumFit> {
    let terms = addends.map(|addend| addend.term());
    let kernel = Kernel::new(addends, out, clamp);
    let finest = finest(&terms, out)?;
    let differing = |multipliers: &[i64], shift, most| kernel.differing([multipliers[0], multipliers[1]], shift, most);
    let least = differing(&finest.multipliers, finest.shift, u64::MAX);
    for shift in 0..finest.shift {
        let multipliers = multipliers(&terms, out, shift)?;
        let count = differing(&multipliers, shift, least);
        if count <= least {
            return Some(SumFit { multipliers, shift, differing: Some(count) });
        }
    }
    Some(SumFit { differing: Some(least), ..finest })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(scale: f32, zero: i32) -> Quantizer {
        Quantizer { scale, zero, is_signed: false }
    }

    /// Pairs that differ, one by one.
    fn count(fit: &SumFit, kernel: &Kernel) -> u64 {
        kernel.differing([fit.multipliers[0], fit.multipliers[1]], fit.shift, u64::MAX)
    }

    #[test]
    fn sums_of_unlike_scales_are_right_for_all_pairs_but_few() {
        let cases = [
            (0.031_273, 0.017_211_9, 0.039_871_3),
            (0.512_37, 0.001_137_9, 0.317_73),
            (0.010_317, 0.912_377, 0.371_319),
        ];
        for (a, b, out) in cases {
            let addend = |scale, zero: i32| Addend {
                quantizer: unsigned(scale, zero),
                interval: (-i64::from(zero), 255 - i64::from(zero)),
            };
            let (addends, out) = ([addend(a, 128), addend(b, 3)], unsigned(out, 117));
            let fit = pair(addends, out, out.range()).expect("in reach");
            let found = count(&fit, &Kernel::new(addends, out, out.range()));
            assert!(fit.differing == Some(found) && found <= 1, "{fit:?} {found}");
            // What it computes is the real sum, rounded.
            let half = (1i64 << fit.shift) >> 1;
            for (x, y) in [(-128, -3), (17, 252), (127, 0), (-1, 1)] {
                let found = (fit.multipliers[0] * x + fit.multipliers[1] * y + half) >> fit.shift;
                let real = (f64::from(a) * x as f64 + f64::from(b) * y as f64) / f64::from(out.scale);
                assert!((found as f64 - real).abs() < 0.51, "{found} {real}");
            }
        }
    }

    #[test]
    fn sums_at_half_the_scale_differ_at_even_ties() {
        let addend = Addend { quantizer: unsigned(1.0, 0), interval: (0, 255) };
        let out = unsigned(2.0, 0);
        let fit = pair([addend; 2], out, out.range()).expect("in reach");
        // a + b = 1 modulo 4: a quarter of all pairs, up to the largest sum.
        assert_eq!((fit.multipliers, fit.shift, fit.differing), (vec![1, 1], 1, Some(1 << 14)));
    }

    #[test]
    fn multipliers_leave_room_for_the_sum() {
        let term = |scale, bound| Term { scale, bound };
        let out = unsigned(0.25, 0);
        let fit = finest(&[term(0.5, 255), term(-0.125, 1 << 20), term(0.25, 255)], out).expect("in reach");
        assert_eq!(fit.multipliers, [2, -1, 1].map(|m: i64| m << fit.shift).map(|m| if m < 0 { m / 2 } else { m }));
        assert_eq!(fit.differing, None);
        assert_eq!(finest(&[term(1e9, 255)], out), None);
    }
}
