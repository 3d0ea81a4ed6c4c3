//! Additions of points of BLS12-381's G1 in affine coordinates, many at a time.
//!
//! The sum of two points of different abscissas lies on the chord through them, whose slope takes a division. The divisions
//! of a batch share one inversion (Montgomery's trick), which leaves six multiplications an addition. They are done eight at a
//! time where the processor has AVX-512's multiplications of 52 bits (36 ns an addition) and four at a time where it has AVX2
//! (130 ns, on the same processor). A batch should have hundreds of additions, for what they share costs up to 3 us.

use ark_bls12_381::{Fq, G1Affine};
use ark_ff::Field;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod inverse;
#[cfg(target_arch = "x86_64")]
mod vectors;

/// Additions that share an inversion: some ns each are left of it, and what is kept for all of them stays in a level-2 cache.
const BATCH: usize = 2048;

/// A point of a table, or its negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(u32);

impl Term {
    /// The point at an index below `2^31`.
    #[inline(always)]
    pub fn new(index: usize) -> Self {
        debug_assert!(index < 1 << 31);
        Self((index as u32) << 1)
    }

    /// The point at an index, or its negative.
    #[inline(always)]
    pub fn signed(index: usize, negative: bool) -> Self {
        Self(Self::new(index).0 | u32::from(negative))
    }

    /// The point's index.
    #[inline(always)]
    pub fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// Whether it is the negative.
    #[inline(always)]
    pub fn is_negative(self) -> bool {
        self.0 & 1 == 1
    }

    /// The point.
    #[inline(always)]
    pub fn of(self, table: &[G1Affine]) -> G1Affine {
        let point = table[self.index()];
        if self.is_negative() { -point } else { point }
    }
}

/// One addition, from a table of points to another: `to[sum] = a + b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Where the sum goes.
    pub sum: u32,
    /// The first summand.
    pub a: Term,
    /// The second summand.
    pub b: Term,
}

/// Does all additions.
///
/// # Panics
/// If an index is out of range or the summands of a chord have the same abscissa.
///
/// The summands must not be zero; else the results mean nothing.
pub fn add_chords(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine]) {
    let add = if chords.len() < 8 { add_one_by_one } else { ways().next().expect("there is one for all processors") };
    add(from, chords, to);
}

/// A way to do [`add_chords`].
type Way = fn(&[G1Affine], &[Chord], &mut [G1Affine]);

/// The ways that the processor has, the fastest first.
fn ways() -> impl Iterator<Item = Way> {
    #[cfg(target_arch = "x86_64")]
    let vectors = [ifma::way(), avx2::way()];
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = [None; 0];
    vectors.into_iter().flatten().chain([add_one_by_one as Way])
}

/// [`add_chords`] with the field's own operations: 0.32 us an addition.
fn add_one_by_one(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine]) {
    let mut product = Fq::ONE;
    // Before addition i: the product of the run of all earlier ones.
    let mut products = Vec::with_capacity(chords.len());
    for &Chord { a, b, .. } in chords {
        products.push(product);
        product *= from[b.index()].x - from[a.index()].x;
    }
    let mut inverse = inverse::inverse(&product).expect(DIFFERENT);
    for (&Chord { sum, a, b }, product) in chords.iter().zip(products).rev() {
        let (p, q) = (a.of(from), b.of(from));
        let run = q.x - p.x;
        let slope = (q.y - p.y) * (inverse * product);
        inverse *= run;
        let x = slope.square() - p.x - q.x;
        to[sum as usize] = G1Affine::new_unchecked(x, slope * (p.x - x) - p.y);
    }
}

/// The precondition without which there is no inverse.
const DIFFERENT: &str = "the summands of a chord have different abscissas";

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::{Fr, G1Projective};
    use ark_ff::{BigInt, PrimeField};
    use proptest::prelude::*;

    /// `1 G, 2 G, .., n G`.
    fn multiples(n: usize) -> Vec<G1Affine> {
        let generator: G1Projective =
            G1Affine::new(ark_bls12_381::g1::G1_GENERATOR_X, ark_bls12_381::g1::G1_GENERATOR_Y).into();
        (1..=n as u64).map(|m| (generator * Fr::from(m)).into()).collect()
    }

    fn agrees(points: &[G1Affine], chords: &[Chord]) {
        let mut expected = points.to_vec();
        for c in chords {
            expected[c.sum as usize] = (c.a.of(points) + c.b.of(points)).into();
        }
        for add in ways() {
            let mut found = points.to_vec();
            add(points, chords, &mut found);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn every_length_agrees() {
        let points = multiples(100);
        for len in 0..=50 {
            let neighbours = |i: usize| Chord { sum: 2 * i as u32, a: Term::new(2 * i), b: Term::new(2 * i + 1) };
            agrees(&points, &(0..len).map(neighbours).collect::<Vec<_>>());
        }
    }

    #[test]
    fn several_batches_agree() {
        let points = multiples(100).repeat(2 * BATCH / 50 + 1);
        for len in [BATCH - 1, BATCH, BATCH + 3, 2 * BATCH + 1] {
            let chord = |i: usize| {
                let sign = i * i / 3;
                Chord {
                    sum: i as u32,
                    a: Term::signed(2 * i, sign & 1 == 1),
                    b: Term::signed(2 * i + 1, sign & 2 == 2),
                }
            };
            agrees(&points, &(0..len).map(chord).collect::<Vec<_>>());
        }
    }

    /// Coordinates, as `ark-ff` represents them, around what makes a limb, a word or the modulus.
    fn extreme_coordinates() -> Vec<Fq> {
        let power = |bit: usize| {
            Fq::new_unchecked(BigInt(std::array::from_fn(|i| if i == bit / 64 { 1 << (bit % 64) } else { 0 })))
        };
        let one = power(0);
        let top = Fq::new_unchecked(BigInt([0, 0, 0, 0, 0, Fq::MODULUS.0[5] >> 44 << 44]));
        let small = [Fq::from(0), Fq::from(1), one, top, top - one, power(52) - one, power(64), power(364), power(380)];
        small.into_iter().flat_map(|x| [x, -x]).collect()
    }

    /// The points need not be on the curve, so that any sum can be had.
    #[test]
    fn extreme_sums_agree() {
        let extremes = extreme_coordinates();
        let (mut points, mut chords, mut expected) = (Vec::new(), Vec::new(), Vec::new());
        for slope in [Fq::from(0), Fq::from(1), -Fq::from(1), Fq::from(3)] {
            for &px in &extremes {
                for &x in &extremes {
                    let qx = slope.square() - px - x;
                    if px == qx {
                        continue;
                    }
                    for &y in &extremes {
                        let py = slope * (px - x) - y;
                        let qy = py + slope * (qx - px);
                        let signs = [chords.len() % 3 == 1, chords.len() % 5 == 2];
                        let [a, b] = [0, 1].map(|i| Term::signed(points.len() + i, signs[i]));
                        let signed = |y: Fq, negative| if negative { -y } else { y };
                        points.push(G1Affine::new_unchecked(px, signed(py, signs[0])));
                        points.push(G1Affine::new_unchecked(qx, signed(qy, signs[1])));
                        chords.push(Chord { sum: expected.len() as u32, a, b });
                        expected.push(G1Affine::new_unchecked(x, y));
                    }
                }
            }
        }
        for add in ways() {
            let mut found = vec![points[0]; expected.len()];
            add(&points, &chords, &mut found);
            assert!(found == expected);
        }
    }

    #[test]
    fn equal_abscissas_are_refused() {
        let mut points = multiples(60);
        points[33] = points[32];
        points[43] = -points[42];
        let chord = |i: usize| Chord { sum: i as u32, a: Term::new(2 * i), b: Term::new(2 * i + 1) };
        for (way, add) in ways().enumerate() {
            for chords in [0..30, 0..17, 21..22, 0..22].map(|range| range.map(chord).collect::<Vec<_>>()) {
                let sums = std::panic::catch_unwind(|| add(&points, &chords, &mut points.clone()));
                let refusal = sums.expect_err("two have no chord");
                let message = refusal.downcast_ref::<String>().map(String::as_str);
                let message = message.or(refusal.downcast_ref::<&str>().copied());
                assert!(message.is_some_and(|message| message.contains(DIFFERENT)), "way {way}: {message:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sums_agree(pairs in prop::collection::vec((0usize..60, 0usize..60, any::<[bool; 2]>()), 0..60)) {
            let points = multiples(60);
            let different = pairs.into_iter().filter(|(a, b, _)| a != b).enumerate();
            let chord = |(i, (a, b, signs)): (usize, (usize, usize, [bool; 2]))| {
                Chord { sum: i as u32, a: Term::signed(a, signs[0]), b: Term::signed(b, signs[1]) }
            };
            agrees(&points, &different.map(chord).collect::<Vec<_>>());
        }
    }
}
