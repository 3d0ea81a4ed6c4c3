//! Many sums of points at once, in affine coordinates.
//!
//! Neighbours are added pairwise, level by level, until one point a list is left. The additions of a level are batches of
//! [`add_chords`], which share an inversion. What is added up are [`Term`]s, places in a table and signs, so that the lists
//! of a multi-scalar multiplication are 4 bytes an entry; every level below reads the one before it in order. An addition takes
//! some 0.04 us with AVX-512, 0.13 us with AVX2 and 0.32 us without, where a mixed addition costs 0.47 us (`benches/group.rs`,
//! one core).

use std::cell::RefCell;

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::AdditiveGroup;
use convince_field::chords::{Chord, Term, add_chords};

use super::jobs;

/// Terms that one job works on: together enough to share inversions (3 us), and their sums stay near the core.
pub(super) const JOB: usize = 1 << 16;
/// A level of fewer additions is left to mixed additions, which need no inversion.
const MIN_ADDITIONS: usize = 12;

/// The sum of every list: `lens[0]` points, then `lens[1]` points, and so on. An empty list has the sum zero.
///
/// Any points of the curve are allowed: equal, opposite or zero, which take 1.5 us each and not 0.13.
///
/// # Panics
/// Unless `lens` adds up to the number of points.
pub fn sum_groups(points: &[G1Affine], lens: &[usize]) -> Vec<G1Affine> {
    assert_eq!(points.len(), lens.iter().sum::<usize>());
    let runs = jobs::cut_for_threads(lens, JOB);
    let starts = jobs::starts(runs.iter().map(|run| lens[run.clone()].iter().sum()));
    jobs::map(runs.len(), |i| {
        let lens = &lens[runs[i].clone()];
        let len = lens.iter().sum::<usize>();
        sum_lists(&points[starts[i]..][..len], lens)
    })
    .concat()
}

/// [`sum_groups`] on one thread.
pub(super) fn sum_lists(points: &[G1Affine], lens: &[usize]) -> Vec<G1Affine> {
    sum_terms(points, &(0..points.len()).map(Term::new).collect::<Vec<_>>(), lens)
}

/// The sum of every list of terms in a table, as [`sum_groups`] has them, on one thread.
pub(super) fn sum_terms(table: &[G1Affine], terms: &[Term], lens: &[usize]) -> Vec<G1Affine> {
    if lens.iter().all(|&len| len < 2) {
        let mut terms = terms.iter();
        let mut next = || terms.next().map_or(G1Affine::zero(), |term| term.of(table));
        return lens.iter().map(|&len| if len == 0 { G1Affine::zero() } else { next() }).collect();
    }
    BUFFERS.with_borrow_mut(|Buffers { chords, points, before }| {
        let mut lens = lens.to_vec();
        add_neighbours(table, |place| terms[place], &mut lens, chords, points);
        while lens.iter().map(|len| len / 2).sum::<usize>() >= MIN_ADDITIONS {
            std::mem::swap(points, before);
            add_neighbours(before, Term::new, &mut lens, chords, points);
        }
        finish(points, &lens)
    })
}

/// What [`sum_terms`] works in. A thread keeps it: fresh megabytes from the system take as long as adding up what they hold.
#[derive(Default)]
struct Buffers {
    chords: Vec<Chord>,
    points: Vec<G1Affine>,
    before: Vec<G1Affine>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// The sums of lists of which few have two points or more.
fn finish(mut points: &[G1Affine], lens: &[usize]) -> Vec<G1Affine> {
    let mut sums = vec![G1Affine::zero(); lens.len()];
    let (mut places, mut long) = (Vec::new(), Vec::new());
    for (place, &len) in lens.iter().enumerate() {
        let (list, after) = points.split_at(len);
        points = after;
        match list {
            [] => {}
            [point] => sums[place] = *point,
            list => {
                places.push(place);
                long.push(list.iter().fold(G1Projective::ZERO, |sum, p| sum + p));
            }
        }
    }
    places.into_iter().zip(G1Projective::normalize_batch(&long)).for_each(|(place, sum)| sums[place] = sum);
    sums
}

/// Replaces every list, its entries from `term`, by the sums of its first and second point, its third and fourth, and so on; a
/// last point without a partner stays. `chords` is a buffer.
fn add_neighbours(
    table: &[G1Affine],
    term: impl Fn(usize) -> Term,
    lens: &mut [usize],
    chords: &mut Vec<Chord>,
    sums: &mut Vec<G1Affine>,
) {
    sums.resize(lens.iter().map(|len| len.div_ceil(2)).sum(), G1Affine::zero());
    chords.clear();
    // Pairs without a chord: equal or opposite points, or a zero.
    let mut others = Vec::new();
    let (mut place, mut sum) = (0, 0);
    for len in lens {
        for _ in 0..*len / 2 {
            let (a, b) = (term(place), term(place + 1));
            let (p, q) = (&table[a.index()], &table[b.index()]);
            // One word tells most abscissas apart, and from zero's.
            let equal = p.x.0.0[0] == q.x.0.0[0] && p.x == q.x;
            let is_zero = |point: &G1Affine| point.x.0.0[0] == 0 && point.is_zero();
            if equal || is_zero(p) || is_zero(q) {
                others.push((sum, a.of(table) + b.of(table)));
            } else {
                chords.push(Chord { sum: sum as u32, a, b });
            }
            (place, sum) = (place + 2, sum + 1);
        }
        if *len % 2 == 1 {
            sums[sum] = term(place).of(table);
            (place, sum) = (place + 1, sum + 1);
        }
        *len = len.div_ceil(2);
    }
    if !chords.is_empty() {
        add_chords(table, chords, sums);
    }
    let (places, others): (Vec<usize>, Vec<G1Projective>) = others.into_iter().unzip();
    places.into_iter().zip(G1Projective::normalize_batch(&others)).for_each(|(place, sum)| sums[place] = sum);
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
        }

        #[test]
        fn sums_of_terms_agree(lists in prop::collection::vec(prop::collection::vec((0usize..11, any::<bool>()), 0..40), 0..30)) {
            let points = points();
            let lens: Vec<usize> = lists.iter().map(Vec::len).collect();
            let terms: Vec<Term> = lists.into_iter().flatten().map(|(i, negative)| Term::signed(i, negative)).collect();
            let list: Vec<G1Affine> = terms.iter().map(|term| term.of(&points)).collect();
            prop_assert_eq!(sum_terms(&points, &terms, &lens), reference(&list, &lens));
        }
    }
}
