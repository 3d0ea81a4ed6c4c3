//! Many sums of points at once, in affine coordinates.
//!
//! Neighbours are added pairwise, level by level, until one point a list is left. The additions of a level are one batch of
//! [`add_chords`], so they share an inversion: 0.18 us an addition with AVX2 and 0.32 us without, where a mixed addition costs
//! 0.47 us (`benches/group.rs`, one core).

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;
use convince_field::chords::{Chord, add_chords};

use super::jobs;

/// Points that one job works on: together enough to share an inversion (9 us), and 1.5 MB stay near the core.
const JOB: usize = 1 << 14;
/// A level of fewer additions is left to mixed additions, which need no inversion.
const MIN_ADDITIONS: usize = 24;

/// [`sum_groups`] or the same on one thread.
pub(super) type Sum = fn(&[G1Affine], &[usize]) -> Vec<G1Affine>;

/// The sum of every list: `lens[0]` points, then `lens[1]` points, and so on. An empty list has the sum zero.
///
/// Any points of the curve are allowed: equal, opposite or zero, which take 1.5 us each and not 0.2.
///
/// # Panics
/// Unless `lens` adds up to the number of points.
pub fn sum_groups(points: &[G1Affine], lens: &[usize]) -> Vec<G1Affine> {
    assert_eq!(points.len(), lens.iter().sum::<usize>());
    let per_thread = points.len().div_ceil(jobs::num_threads());
    let runs = jobs::cut(lens.iter().copied(), JOB.min(per_thread));
    let starts = jobs::starts(runs.iter().map(|run| lens[run.clone()].iter().sum()));
    jobs::map(runs.len(), |i| {
        let lens = lens[runs[i].clone()].to_vec();
        let len = lens.iter().sum::<usize>();
        sum_lists(points[starts[i]..][..len].to_vec(), lens)
    })
    .concat()
}

/// [`sum_groups`] on one thread.
pub(super) fn sum_lists(mut points: Vec<G1Affine>, mut lens: Vec<usize>) -> Vec<G1Affine> {
    let mut chords = Vec::with_capacity(points.len() / 2);
    while lens.iter().map(|len| len / 2).sum::<usize>() >= MIN_ADDITIONS {
        add_neighbours(&mut points, &mut lens, &mut chords);
    }
    let mut rest = points.as_slice();
    let sums: Vec<G1Projective> = lens
        .iter()
        .map(|&len| {
            let (list, after) = rest.split_at(len);
            rest = after;
            list.iter().fold(G1Projective::ZERO, |sum, p| sum + p)
        })
        .collect();
    G1Projective::normalize_batch(&sums)
}

/// Replaces every list by the sums of its first and second point, its third and fourth, and so on. `chords` is a buffer.
fn add_neighbours(points: &mut Vec<G1Affine>, lens: &mut [usize], chords: &mut Vec<Chord>) {
    chords.clear();
    // Pairs without a chord: equal or opposite points, or a zero.
    let mut others = Vec::new();
    let mut start = 0;
    for &len in &*lens {
        for a in (start..(start + len).saturating_sub(1)).step_by(2) {
            let (p, q) = (&points[a], &points[a + 1]);
            if p.x == q.x || p.is_zero() || q.is_zero() {
                others.push((a, *p + q));
            } else {
                chords.push(Chord { sum: a as u32, a: a as u32, b: a as u32 + 1 });
            }
        }
        start += len;
    }
    if !chords.is_empty() {
        add_chords(points, chords);
    }
    let (places, sums): (Vec<usize>, Vec<G1Projective>) = others.into_iter().unzip();
    for (place, sum) in places.into_iter().zip(G1Projective::normalize_batch(&sums)) {
        points[place] = sum;
    }

    // Every pair's sum, or a last point without a partner, is in an even place of its list.
    let (mut start, mut kept) = (0, 0);
    for len in lens {
        for place in (start..start + *len).step_by(2) {
            points[kept] = points[place];
            kept += 1;
        }
        start += *len;
        *len = len.div_ceil(2);
    }
    points.truncate(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Generators;
    use proptest::prelude::*;

    fn reference(points: &[G1Affine], lens: &[usize]) -> Vec<G1Affine> {
        let mut rest = points;
        lens.iter()
            .map(|&len| {
                let (list, after) = rest.split_at(len);
                rest = after;
                list.iter().sum::<G1Projective>().into_affine()
            })
            .collect()
    }

    /// Points of which many are equal, opposite or zero.
    fn points() -> Vec<G1Affine> {
        let generators = Generators::new(3).unwrap();
        let [a, b, c] = [0, 1, 2].map(|i| generators.columns()[i]);
        let sum = (a + b).into_affine();
        vec![a, b, c, -a, -b, G1Affine::zero(), sum, -sum, (a + a).into_affine(), a, a]
    }

    #[test]
    fn long_lists_of_one_point_add_up() {
        let a = points()[0];
        let lens = [JOB + 1, 0, 1, 2, JOB - 3];
        let list = vec![a; lens.iter().sum()];
        assert_eq!(sum_groups(&list, &lens), lens.map(|len| (a * ark_bls12_381::Fr::from(len as u64)).into_affine()));
    }

    #[test]
    fn no_lists_have_no_sums() {
        assert!(sum_groups(&[], &[]).is_empty());
        assert_eq!(sum_groups(&[], &[0, 0]), [G1Affine::zero(); 2]);
    }

    #[test]
    #[cfg(feature = "parallel")]
    fn threads_do_not_change_sums() {
        let points = points().repeat(3000);
        let lens: Vec<usize> = (0..600).map(|i| i % 97).collect();
        let points = &points[..lens.iter().sum()];
        let sums = [1, 2, 5].map(|num_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            pool.install(|| sum_groups(points, &lens))
        });
        assert_eq!(sums[0], sums[1]);
        assert_eq!(sums[0], sums[2]);
        assert_eq!(sums[0], reference(points, &lens));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sums_agree(lists in prop::collection::vec(prop::collection::vec(0usize..11, 0..40), 0..30)) {
            let points = points();
            let lens: Vec<usize> = lists.iter().map(Vec::len).collect();
            let list: Vec<G1Affine> = lists.into_iter().flatten().map(|i| points[i]).collect();
            let expected = reference(&list, &lens);
            prop_assert_eq!(&sum_groups(&list, &lens), &expected);
            prop_assert_eq!(sum_lists(list, lens), expected);
        }
    }
}
