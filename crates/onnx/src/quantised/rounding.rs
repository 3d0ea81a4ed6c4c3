//! The multipliers and the shift with which a requantisation gives ONNX Runtime's integers.
//!
//! ```text
//! ONNX Runtime:  y = clamp(round_half_even(fl(acc) * scale)),  scale = s_x s_w / s_y in single precision
//! here:          y = clamp(floor((m acc + 2^(s-1)) / 2^s))
//! ```
//! Both are steps, non-decreasing in `acc`, so they are equal if they rise at the same places. Let `a_k` be the least
//! accumulator at which the former is `k` or more. The latter rises there if
//!
//! ```text
//! m a_k >= (2k - 1) 2^(s-1) > m (a_k - 1)
//! ```
//! for every `k` of the clamp's range: bounds on `m / 2^(s-1)`, kept as fractions. With an `m` between them for each
//! channel, the integers are ONNX Runtime's for every accumulator, what its arithmetic rounds included. Bounds cross
//! where a product with the scale is a half exactly and rounds down to an even number; then the accumulators that
//! differ, by one, are counted.

use convince_model::Requant;
use rayon::prelude::*;

/// One channel's accumulators, `weight * i + offset` for whole numbers `i` of an interval, and what they become.
pub(super) struct Channel<'a> {
    pub(super) weight: i64,
    pub(super) offset: i64,
    /// What an accumulator is multiplied by, nearly.
    pub(super) ratio: f64,
    /// ONNX Runtime's result for `i`; does not decrease.
    pub(super) result: Box<dyn Fn(i64) -> i32 + Send + Sync + 'a>,
}

/// A requantisation's multipliers and shift.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fit {
    pub(super) multipliers: Vec<i32>,
    pub(super) shift: u32,
    /// Accumulators, of all channels together, whose result differs.
    pub(super) differing: u64,
}

/// The smallest shift with which nothing differs, or as little as with any.
///
/// `interval` is that of `i`, `clamp` the ends of the results, `bound` the largest magnitude of an accumulator. `None` if
/// a channel's ratio is out of reach.
pub(super) fn fit(channels: &[Channel<'_>], interval: (i64, i64), clamp: (i32, i32), bound: i64) -> Option<Fit> {
    let steps: Vec<Steps<'_>> = channels.par_iter().map(|channel| Steps::new(channel, interval, clamp)).collect();
    let fits = |m: i128| m < 1 << 31 && m * i128::from(bound) < 1 << 62;
    let at = |shift: u32| {
        let one = |steps: &Steps<'_>| steps.multiplier(shift).filter(|&m| fits(m));
        steps.iter().map(one).collect::<Option<Vec<i128>>>()
    };
    // The finest multipliers say how little can differ where bounds cross.
    let last = (1..=Requant::MAX_SHIFT).rev().find(|&shift| at(shift).is_some())?;
    let finest = at(last)?;
    let least: Vec<u64> = steps.par_iter().zip(&finest).map(|(steps, &m)| steps.differing(m, last)).collect();
    for shift in 1..=last {
        let multipliers = at(shift)?;
        let count = |((steps, &m), &least): ((&Steps<'_>, &i128), &u64)| steps.differing_at_most(m, shift, least);
        let counts: Option<u64> = steps.iter().zip(&multipliers).zip(&least).map(count).sum();
        if let Some(differing) = counts {
            return Some(Fit { multipliers: multipliers.iter().map(|&m| m as i32).collect(), shift, differing });
        }
    }
    None
}

/// Where one channel's results rise.
struct Steps<'a> {
    channel: &'a Channel<'a>,
    interval: (i64, i64),
    /// `2k - 1` and the least `i` whose result is `k` or more, one behind the interval if there is none.
    rises: Vec<(i64, i64)>,
    /// Ends of `m / 2^(s-1)`; crossed if no multiplier is right.
    ends: [Fraction; 2],
}

/// `numerator / denominator`, itself allowed or not.
#[derive(Clone, Copy)]
struct Fraction {
    numerator: i128,
    denominator: i128,
    is_open: bool,
}

impl Fraction {
    fn exceeds(&self, other: &Self) -> bool {
        let (left, right) = (self.numerator * other.denominator, other.numerator * self.denominator);
        left > right || (left == right && self.is_open && !other.is_open)
    }

    fn is_below(&self, other: &Self) -> bool {
        let (left, right) = (self.numerator * other.denominator, other.numerator * self.denominator);
        left < right || (left == right && self.is_open && !other.is_open)
    }
}

impl<'a> Steps<'a> {
    fn new(channel: &'a Channel<'a>, interval: (i64, i64), (low, high): (i32, i32)) -> Self {
        let mut steps = Self { channel, interval, rises: Vec::new(), ends: Self::open_ends() };
        let mut from = interval.0;
        for k in low + 1..=high {
            from = steps.rise(k, from);
            let doubled = 2 * i64::from(k) - 1;
            steps.rises.push((doubled, from));
            if from <= interval.1 {
                steps.bound(doubled, from, false);
            }
            if from > interval.0 {
                steps.bound(doubled, from - 1, true);
            }
        }
        steps
    }

    fn open_ends() -> [Fraction; 2] {
        let at = |numerator| Fraction { numerator, denominator: 1, is_open: false };
        [at(0), at(1 << 40)]
    }

    fn accumulator(&self, i: i64) -> i128 {
        i128::from(self.channel.weight) * i128::from(i) + i128::from(self.channel.offset)
    }

    /// The least `i` from `from` on whose result is `k` or more.
    fn rise(&self, k: i32, from: i64) -> i64 {
        let (mut low, mut high) = (from, self.interval.1 + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if (self.channel.result)(middle) >= k { high = middle } else { low = middle + 1 }
        }
        low
    }

    /// Takes in that the result for `i` is below, or not below, `k`.
    fn bound(&mut self, doubled: i64, i: i64, is_below: bool) {
        let accumulator = self.accumulator(i);
        let bound = Fraction {
            numerator: i128::from(doubled) * accumulator.signum(),
            denominator: accumulator.abs(),
            is_open: is_below,
        };
        let [least, most] = &mut self.ends;
        match (accumulator.signum(), is_below) {
            // Nothing that multiplies 0 changes on which side of a half it is.
            (0, is_below) if is_below == (doubled > 0) => {}
            (0, _) => *most = Fraction { numerator: -1, ..*most },
            (1, false) | (-1, true) => *least = if bound.exceeds(least) { bound } else { *least },
            _ => *most = if bound.is_below(most) { bound } else { *most },
        }
    }

    /// The multiplier nearest to the ratio, between the bounds if there is one there.
    fn multiplier(&self, shift: u32) -> Option<i128> {
        let power = 1i128 << (shift - 1);
        let [least, most] = &self.ends;
        let whole = |bound: &Fraction| (bound.numerator * power).div_euclid(bound.denominator);
        let is_whole = |bound: &Fraction| (bound.numerator * power).rem_euclid(bound.denominator) == 0;
        let first = whole(least) + i128::from(least.is_open || !is_whole(least));
        let last = whole(most) - i128::from(most.is_open && is_whole(most));
        let exact = (self.channel.ratio * (f64::from(shift)).exp2()).round();
        let nearest = Some(exact).filter(|m| (0.0..1e18).contains(m))? as i128;
        Some(if first <= last { nearest.clamp(first, last) } else { nearest })
    }

    /// Where the results with this multiplier rise to what they are at `rise`, within the interval or one behind it.
    fn found(&self, doubled: i64, multiplier: i128, shift: u32) -> i64 {
        let needed = i128::from(doubled) << (shift - 1);
        let (low, high) = self.interval;
        if multiplier == 0 {
            return if needed <= 0 { low } else { high + 1 };
        }
        let accumulator = -(-needed).div_euclid(multiplier);
        let i = -(i128::from(self.channel.offset) - accumulator).div_euclid(self.channel.weight.into());
        i.clamp(low.into(), i128::from(high) + 1) as i64
    }

    fn differing(&self, multiplier: i128, shift: u32) -> u64 {
        self.differing_each(multiplier, shift).sum()
    }

    /// `None` if there are more than `most`.
    fn differing_at_most(&self, multiplier: i128, shift: u32, most: u64) -> Option<u64> {
        let mut each = self.differing_each(multiplier, shift);
        each.try_fold(0, |sum, count| Some(sum + count).filter(|&sum| sum <= most))
    }

    fn differing_each(&self, multiplier: i128, shift: u32) -> impl Iterator<Item = u64> {
        self.rises.iter().map(move |&(doubled, rise)| self.found(doubled, multiplier, shift).abs_diff(rise))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel(scale: f32, (low, high): (i32, i32)) -> Channel<'static> {
        let result = move |acc: i64| ((acc as f32 * scale).round_ties_even() as i32).clamp(low, high);
        Channel { weight: 1, offset: 0, ratio: scale.into(), result: Box::new(result) }
    }

    /// Accumulators whose results differ, one by one.
    fn count(fit: &Fit, channels: &[Channel<'_>], interval: (i64, i64), (low, high): (i32, i32)) -> u64 {
        let mut differing = 0;
        for (channel, &m) in channels.iter().zip(&fit.multipliers) {
            let requant = Requant { multipliers: Some(vec![m].into()), ..Requant::plain(fit.shift, low, high) };
            for i in interval.0..=interval.1 {
                let found = requant.apply(0, (channel.weight * i + channel.offset) as i32);
                let expected = (channel.result)(i);
                assert!((found - expected).abs() <= 1, "{i} {found} {expected}");
                differing += u64::from(found != expected);
            }
        }
        differing
    }

    proptest! {
        #[test]
        fn all_that_differs_is_counted(
            scales in prop::collection::vec(1e-4f32..0.3, 1..4),
            low in -20_000i64..100,
            len in 1i64..30_000,
            (least, span) in (-255i32..20, 0i32..256),
        ) {
            let (interval, clamp) = ((low, low + len), (least, least + span));
            let channels: Vec<_> = scales.iter().map(|&scale| channel(scale, clamp)).collect();
            let fit = fit(&channels, interval, clamp, 1 << 20).expect("in reach");
            prop_assert_eq!(count(&fit, &channels, interval, clamp), fit.differing);
        }
    }

    #[test]
    fn scales_without_ties_give_equal_integers() {
        for scale in [0.010_273_81f32, 0.003_172_513, 1.0 / 3.0, 0.000_913_77] {
            let (interval, clamp) = ((-300_000, 300_000), (-128, 127));
            let channels = [channel(scale, clamp)];
            let fit = fit(&channels, interval, clamp, 300_000).expect("in reach");
            assert_eq!((fit.differing, count(&fit, &channels, interval, clamp)), (0, 0), "{scale}");
        }
    }

    #[test]
    fn powers_of_two_are_shifts_and_differ_at_even_ties() {
        let (interval, clamp) = ((-4096, 4095), (-128, 127));
        let channels = [channel(1.0 / 16.0, clamp)];
        let found = fit(&channels, interval, clamp, 4096).expect("in reach");
        // Of the halves between neighbours in the clamp's range, 128 round down to an even number.
        assert_eq!(found, Fit { multipliers: vec![1], shift: 4, differing: 128 });
        assert_eq!(count(&found, &channels, interval, clamp), 128);
    }

    #[test]
    fn accumulators_may_lie_apart() {
        let result = |i: i64| ((i as f32 * 0.37 + 11.25).round_ties_even() as i32).clamp(-100, 100);
        let channel = Channel { weight: 4096, offset: 124_541, ratio: 0.37 / 4096.0, result: Box::new(result) };
        let (channels, interval, clamp) = ([channel], (-255, 255), (-100, 100));
        let fit = fit(&channels, interval, clamp, 1 << 22).expect("in reach");
        assert_eq!(count(&fit, &channels, interval, clamp), fit.differing);
    }

    #[test]
    fn ratios_out_of_reach_are_none() {
        let clamp = (0, 255);
        assert_eq!(fit(&[channel(1e12, clamp)], (0, 1 << 30), clamp, 1 << 30), None);
    }
}
