//! Multi-scalar multiplication.
//!
//! Pippenger's buckets with everything in affine batches. The endomorphism halves the scalars ([`split`]), signed digits halve
//! the buckets, and the lists of a window's buckets are what [`sum_terms`] adds up. The sum of `m B_m` over the
//! buckets, usually a running sum of projective additions, is two more calls: with `m = 2^l h + l'` the buckets are added
//! along `h` and along `l'` (two additions a bucket), and those few sums by the bits of `h` and `l'`. What is left is one point
//! for every bit position of a half scalar.

use std::ops::Range;

use ark_bls12_381::{G1Affine, G1Projective, g1};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::AdditiveGroup;
use convince_field::Fr;
use convince_field::chords::Term;

use super::digits::{for_each_wide_digit, split};
use super::jobs;
use super::sum::{JOB, sum_terms};

/// Bits of a half scalar, the sign included.
const HALF_BITS: usize = 128;

/// `sum_i scalars[i] points[i]`, for points of the subgroup.
///
/// About 5 us a point for 600 full-size scalars on one core with AVX2 (arkworks: 24 us); scalars below `2^128` take half of
/// that.
///
/// # Panics
/// If the lengths differ.
pub fn msm(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    assert_eq!(points.len(), scalars.len());
    if points.is_empty() {
        return G1Projective::ZERO;
    }
    let width = window_width(points.len());
    let num_windows = HALF_BITS.div_ceil(width);
    let table = with_images(points);
    let digits = Digits::new(points, scalars, width);
    let sizes = vec![additions(points.len(), width) / num_windows; num_windows];
    let windows = jobs::cut_for_threads(&sizes, JOB);
    let bits = jobs::map(windows.len(), |i| {
        let (terms, lens) = digits.buckets(windows[i].clone());
        bit_sums(&sum_terms(&table, &terms, &lens), width)
    });
    bits.concat().iter().rev().fold(G1Projective::ZERO, |sum, bit| sum.double() + bit)
}

/// Every point and minus its endomorphic image.
fn with_images(points: &[G1Affine]) -> Vec<G1Affine> {
    points.iter().flat_map(|point| [*point, -g1::Config::endomorphism_affine(point)]).collect()
}

/// The signed digits of half scalars.
struct Digits {
    width: usize,
    num_halves: usize,
    /// `digits[num_halves window + half]`.
    digits: Vec<i16>,
}

impl Digits {
    /// The halves of all scalars; those of zero points have no digits.
    fn new(points: &[G1Affine], scalars: &[Fr], width: usize) -> Self {
        let num_halves = 2 * scalars.len();
        let mut digits = vec![0; num_halves * HALF_BITS.div_ceil(width)];
        for (i, scalar) in scalars.iter().enumerate().filter(|(i, _)| !points[*i].is_zero()) {
            let (first, second) = split(scalar);
            for (half, (negative, magnitude)) in [(2 * i, first), (2 * i + 1, second)] {
                for_each_wide_digit([magnitude as u64, (magnitude >> 64) as u64], width, |window, digit| {
                    digits[num_halves * window + half] = (if negative { -digit } else { digit }) as i16;
                });
            }
        }
        Self { width, num_halves, digits }
    }

    /// The terms of every bucket of some windows, a counting sort.
    fn buckets(&self, windows: Range<usize>) -> (Vec<Term>, Vec<usize>) {
        let num_buckets = 1usize << (self.width - 1);
        let mut lens = vec![0usize; windows.len() * num_buckets];
        let digits = || {
            let windows = self.digits[windows.start * self.num_halves..windows.end * self.num_halves]
                .chunks_exact(self.num_halves)
                .enumerate();
            windows.flat_map(move |(window, digits)| {
                let digits = digits.iter().enumerate().filter(|(_, digit)| **digit != 0);
                digits
                    .map(move |(half, &digit)| (window * num_buckets + digit.unsigned_abs() as usize - 1, half, digit))
            })
        };
        digits().for_each(|(bucket, ..)| lens[bucket] += 1);
        let mut places = jobs::starts(lens.iter().copied());
        let mut terms = vec![Term::new(0); lens.iter().sum()];
        digits().for_each(|(bucket, half, digit)| {
            terms[places[bucket]] = Term::signed(half, digit < 0);
            places[bucket] += 1;
        });
        (terms, lens)
    }
}

/// For every bit position of the windows, the point that it multiplies: the sum of the `m B_m` of a window of width `w`
/// divides into `w` points of weights `1, 2, .., 2^(w - 1)`. `buckets` holds the `2^(w - 1)` of every window.
pub(super) fn bit_sums(buckets: &[G1Affine], width: usize) -> Vec<G1Affine> {
    let num_buckets = 1usize << (width - 1);
    let low_bits = width / 2;
    let (num_low, num_high) = (1usize << low_bits, (num_buckets >> low_bits) + 1);

    // Buckets of one window added up by the low and by the high part of their multiplier.
    let mut lists = Lists::new(buckets);
    for first in (0..buckets.len()).step_by(num_buckets) {
        let bucket = |m: usize| (1..=num_buckets).contains(&m).then(|| first + m - 1);
        for low in 0..num_low {
            lists.push((0..num_high).filter_map(|high| bucket(high << low_bits | low)));
        }
        for high in 0..num_high {
            lists.push((0..num_low).filter_map(|low| bucket(high << low_bits | low)));
        }
    }
    let parts = lists.sums();

    let mut lists = Lists::new(&parts);
    for first in (0..parts.len()).step_by(num_low + num_high) {
        for bit in 0..width {
            let (first, num, bit) =
                if bit < low_bits { (first, num_low, bit) } else { (first + num_low, num_high, bit - low_bits) };
            lists.push((0..num).filter(|m| m >> bit & 1 == 1).map(|m| first + m));
        }
    }
    lists.sums()
}

/// Lists to add up, of points of a table without its zeros.
struct Lists<'a> {
    table: &'a [G1Affine],
    terms: Vec<Term>,
    lens: Vec<usize>,
}

impl<'a> Lists<'a> {
    fn new(table: &'a [G1Affine]) -> Self {
        Self { table, terms: Vec::with_capacity(2 * table.len()), lens: Vec::new() }
    }

    fn push(&mut self, list: impl Iterator<Item = usize>) {
        let before = self.terms.len();
        self.terms.extend(list.filter(|&i| !self.table[i].is_zero()).map(Term::new));
        self.lens.push(self.terms.len() - before);
    }

    fn sums(&self) -> Vec<G1Affine> {
        sum_terms(self.table, &self.terms, &self.lens)
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
