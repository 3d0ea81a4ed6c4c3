//! Sums of fixed generators times rows of small integers, without tables of multiples.
//!
//! An entry's digit puts its generator into a bucket, and a row's buckets are added up by [`bit_sums`]: one addition a
//! digit, and about two a bucket. At thousands of entries a row the buckets cost some per cent, and what is read are the
//! generators alone, 96 bytes a column, where tables of multiples take 12 KB a column and digit.

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;
use convince_field::chords::Term;
use convince_field::{Fr, IntSlice};

use super::digits::{for_each_digit, num_digits};
use super::fixed_base::{BLIND_WINDOWS, FixedBase};
use super::jobs;
use super::msm::bit_sums;
use super::sum::{JOB, sum_terms};

/// `sum_j rows[i][j] G_j + blinds[i] H` for every `i`. Rows of one layout are worked on together.
pub(super) fn commit_rows(base: &FixedBase, rows: &[IntSlice<'_>], blinds: &[Fr]) -> Vec<G1Affine> {
    let layouts = jobs::map(rows.len(), |i| Layout::of(rows[i]));
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|&i| layouts[i].0);
    let sizes: Vec<usize> = order.iter().map(|&i| layouts[i].1 + BLIND_WINDOWS).collect();
    let runs = jobs::cut_for_threads(&sizes, JOB);
    let sums = jobs::map(runs.len(), |i| {
        let run = &order[runs[i].clone()];
        let blinds = base.blind_points(run.iter().map(|&row| &blinds[row]));
        let same_layout = run.chunk_by(|&a, &b| layouts[a].0 == layouts[b].0);
        let sums = same_layout.flat_map(|same| {
            let rows: Vec<IntSlice<'_>> = same.iter().map(|&row| rows[row]).collect();
            sum_rows(base.generators(), &rows, layouts[same[0]].0)
        });
        G1Projective::normalize_batch(&sums.zip(blinds).map(|(sum, blind)| sum + blind).collect::<Vec<_>>())
    });
    let mut commitments = vec![G1Affine::zero(); rows.len()];
    order.into_iter().zip(sums.concat()).for_each(|(row, commitment)| commitments[row] = commitment);
    commitments
}

/// How a row's integers are cut into digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Layout {
    /// Bits of a digit.
    width: usize,
    /// Digits of an integer.
    digits: usize,
}

impl Layout {
    /// The layout of fewest additions for a row, and about how many they are.
    fn of(row: IntSlice<'_>) -> (Self, usize) {
        let (mut low, mut high, mut entries) = (0, 0, 0);
        row.for_each(|_, x| {
            (low, high) = (x.min(low), x.max(high));
            entries += usize::from(x != 0);
        });
        let layout = |width| Self { width, digits: num_digits(low, high, width) };
        let cost = |layout: &Self| layout.digits * entries + 2 * layout.num_buckets();
        let best = (2..=13).map(layout).min_by_key(cost).unwrap_or(Self { width: 8, digits: 4 });
        (best, cost(&best))
    }

    /// Buckets of one digit: the absolute values of what is not zero.
    fn buckets(self) -> usize {
        1 << (self.width - 1)
    }

    /// Buckets of a row.
    fn num_buckets(self) -> usize {
        self.digits * self.buckets()
    }
}

/// `sum_j row[j] generators[j]` for rows of one layout, on one thread.
///
/// Cost: [`Layout::of`]'s additions, and a doubling and an addition for every bit of the integers.
fn sum_rows(generators: &[G1Affine], rows: &[IntSlice<'_>], layout: Layout) -> Vec<G1Projective> {
    let mut lens = vec![0; rows.len() * layout.num_buckets()];
    for_each_digit_of_rows(rows, layout, |bucket, _, _| lens[bucket] += 1);
    let mut places = jobs::starts(lens.iter().copied());
    let mut terms = vec![Term::new(0); lens.iter().sum()];
    for_each_digit_of_rows(rows, layout, |bucket, column, negative| {
        terms[places[bucket]] = Term::signed(column, negative);
        places[bucket] += 1;
    });
    let bits = bit_sums(&sum_terms(generators, &terms, &lens), layout.width);
    let row = |bits: &[G1Affine]| bits.iter().rev().fold(G1Projective::ZERO, |sum, bit| sum.double() + bit);
    // A row of zeros has no digits and no bits.
    match layout.digits * layout.width {
        0 => vec![G1Projective::ZERO; rows.len()],
        num_bits => bits.chunks_exact(num_bits).map(row).collect(),
    }
}

/// Calls `each(bucket, column, negative)` for every non-zero digit of the rows, their buckets numbered through.
fn for_each_digit_of_rows(rows: &[IntSlice<'_>], layout: Layout, mut each: impl FnMut(usize, usize, bool)) {
    for (i, row) in rows.iter().enumerate() {
        row.for_each(|column, value| {
            for_each_digit(value, layout.width, |k, digit| {
                let bucket = layout.num_buckets() * i + layout.buckets() * k + digit.unsigned_abs() as usize - 1;
                each(bucket, column, digit < 0);
            });
        });
    }
}
