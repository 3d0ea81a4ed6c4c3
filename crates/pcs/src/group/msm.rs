//! Multi-scalar multiplication.
//!
//! Pippenger's buckets with everything in affine batches. The endomorphism halves the scalars ([`split`]), signed digits halve
//! the buckets, and the lists of all buckets of all windows are one call of [`sum_groups`]. The sum of `m B_m` over the
//! buckets, usually a running sum of projective additions, is two more calls: with `m = 2^l h + l'` the buckets are added
//! along `h` and along `l'` (two additions a bucket), and those few sums by the bits of `h` and `l'`. What is left is one point
//! for every bit position of a half scalar.

use ark_bls12_381::{G1Affine, G1Projective, g1};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::AdditiveGroup;
use convince_field::Fr;

use super::digits::{for_each_wide_digit, split};
use super::{jobs, sum::Sum, sum_groups};

/// Bits of a half scalar, the sign included.
const HALF_BITS: usize = 128;

/// `sum_i scalars[i] points[i]`, for points of the subgroup.
///
/// About 9 us a point for 600 full-size scalars on one core with AVX2 (arkworks: 24 us); scalars below `2^128` take half of
/// that.
///
/// # Panics
/// If the lengths differ.
pub fn msm(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    assert_eq!(points.len(), scalars.len());
    let width = window_width(points.len());
    let (num_windows, num_buckets) = (HALF_BITS.div_ceil(width), 1usize << (width - 1));

    // Every digit that is not zero: its bucket, and twice its half scalar's index with the sign below.
    let mut digits: Vec<(u32, u32)> = Vec::with_capacity(2 * points.len() * num_windows);
    let mut lens = vec![0usize; num_windows * num_buckets];
    for (i, scalar) in scalars.iter().enumerate().filter(|(i, _)| !points[*i].is_zero()) {
        let (first, second) = split(scalar);
        for (half, (negative, magnitude)) in [(0, first), (1, second)] {
            for_each_wide_digit([magnitude as u64, (magnitude >> 64) as u64], width, |window, digit| {
                let bucket = window * num_buckets + digit.unsigned_abs() as usize - 1;
                lens[bucket] += 1;
                digits.push((bucket as u32, (2 * i as u32 + half) << 1 | u32::from((digit < 0) != negative)));
            });
        }
    }

    // Counting sort by bucket, then the buckets' sums.
    let mut places = jobs::starts(lens.iter().copied());
    let mut lists = vec![G1Affine::zero(); digits.len()];
    for (bucket, source) in digits {
        let place = &mut places[bucket as usize];
        lists[*place] = source_point(points, source);
        *place += 1;
    }
    let buckets = sum_groups(&lists, &lens);
    let bits = bit_sums(&buckets, width, sum_groups);
    bits.iter().rev().fold(G1Projective::ZERO, |sum, bit| sum.double() + bit)
}

/// The point that a digit multiplies: one of `points` or minus its endomorphic image, perhaps negated.
fn source_point(points: &[G1Affine], source: u32) -> G1Affine {
    let point = points[(source >> 2) as usize];
    let negate = source & 1 == 1;
    if source >> 1 & 1 == 0 {
        if negate { -point } else { point }
    } else {
        let image = g1::Config::endomorphism_affine(&point);
        if negate { image } else { -image }
    }
}

/// For every bit position of the windows, the point that it multiplies: the sum of the `m B_m` of a window of width `w`
/// divides into `w` points of weights `1, 2, .., 2^(w - 1)`. `buckets` holds the `2^(w - 1)` of every window.
pub(super) fn bit_sums(buckets: &[G1Affine], width: usize, sum: Sum) -> Vec<G1Affine> {
    let num_buckets = 1usize << (width - 1);
    let low_bits = width / 2;
    let (num_low, num_high) = (1usize << low_bits, (num_buckets >> low_bits) + 1);

    // Buckets of one window added up by the low and by the high part of their multiplier.
    let mut lists = Lists::default();
    for window in buckets.chunks_exact(num_buckets) {
        let bucket = |m: usize| m.checked_sub(1).and_then(|i| window.get(i)).copied();
        for low in 0..num_low {
            lists.push((0..num_high).filter_map(|high| bucket(high << low_bits | low)));
        }
        for high in 0..num_high {
            lists.push((0..num_low).filter_map(|low| bucket(high << low_bits | low)));
        }
    }
    let parts = sum(&lists.points, &lists.lens);

    let mut lists = Lists::default();
    for parts in parts.chunks_exact(num_low + num_high) {
        let (lows, highs) = parts.split_at(num_low);
        let with_bit = |parts: &[G1Affine], bit: usize| {
            parts.iter().enumerate().filter(move |(m, _)| m >> bit & 1 == 1).map(|(_, p)| *p).collect::<Vec<_>>()
        };
        for bit in 0..width {
            lists.push(if bit < low_bits { with_bit(lows, bit) } else { with_bit(highs, bit - low_bits) });
        }
    }
    sum(&lists.points, &lists.lens)
}

/// Lists to add up, without their zeros.
#[derive(Default)]
struct Lists {
    points: Vec<G1Affine>,
    lens: Vec<usize>,
}

impl Lists {
    fn push(&mut self, list: impl IntoIterator<Item = G1Affine>) {
        let before = self.points.len();
        self.points.extend(list.into_iter().filter(|p| !p.is_zero()));
        self.lens.push(self.points.len() - before);
    }
}

/// The window width of least additions for this number of points.
fn window_width(num_points: usize) -> usize {
    (2..=13).min_by_key(|&width| additions(num_points, width)).unwrap_or(8)
}

fn additions(num_points: usize, width: usize) -> usize {
    HALF_BITS.div_ceil(width) * (2 * num_points + (2 << (width - 1)))
}

/// Additions of points that [`msm`] takes for full-size scalars, about.
pub fn msm_additions(num_points: usize) -> usize {
    additions(num_points, window_width(num_points))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Generators;
    use ark_ff::Field;
    use convince_field::{ProofField, curve_scalar};
    use proptest::prelude::*;

    fn reference(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
        points.iter().zip(scalars).map(|(p, s)| *p * curve_scalar(*s)).sum()
    }

    #[test]
    fn widths_grow_with_the_number_of_points() {
        assert!((0..5000).is_sorted_by_key(window_width));
        assert_eq!(window_width(600), 8);
    }

    #[test]
    fn equal_opposite_and_zero_points_are_allowed() {
        let generators = Generators::new(2).unwrap();
        let [a, b] = [generators.columns()[0], generators.columns()[1]];
        let points = [a, a, -a, G1Affine::zero(), b, -b, a];
        for scalars in [
            [Fr::ONE; 7],
            [-Fr::ONE; 7],
            [Fr::ZERO; 7],
            [3, 5, 8, 7, 1, 1, 128].map(Fr::from),
            [Fr::full_challenge(&[7; 64]); 7],
        ] {
            assert_eq!(msm(&points, &scalars), reference(&points, &scalars));
        }
        assert_eq!(msm(&[], &[]), G1Projective::ZERO);
    }

    #[test]
    fn every_window_width_agrees() {
        let generators = Generators::new(1000).unwrap();
        let scalar = |i: usize| Fr::full_challenge(&std::array::from_fn(|j| (i * 31 + j * 17 + i * j) as u8));
        let scalars: Vec<Fr> = (0..1000).map(scalar).collect();
        for n in [1, 2, 3, 10, 33, 100, 256, 1000] {
            let points = &generators.columns()[..n];
            assert_eq!(msm(points, &scalars[..n]), reference(points, &scalars[..n]), "{n}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn sums_agree(terms in prop::collection::vec((0usize..6, any::<[u8; 16]>(), 0..4), 0..30)) {
            let generators = Generators::new(3).unwrap();
            let (points, scalars): (Vec<_>, Vec<_>) = terms
                .iter()
                .map(|(i, bytes, kind)| {
                    let point = generators.columns()[i % 3];
                    let scalar = match kind {
                        0 => Fr::from(u64::from(bytes[0])),
                        1 => Fr::short_challenge(bytes),
                        2 => -Fr::short_challenge(bytes),
                        _ => Fr::full_challenge(&std::array::from_fn(|j| bytes[j % 16].wrapping_add(j as u8))),
                    };
                    (if *i < 3 { point } else { -point }, scalar)
                })
                .unzip();
            prop_assert_eq!(msm(&points, &scalars), reference(&points, &scalars));
        }
    }
}
