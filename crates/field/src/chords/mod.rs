//! Additions of points of BLS12-381's G1 in affine coordinates, many at a time.
//!
//! The sum of two points of different abscissas lies on the chord through them, whose slope takes a division. All divisions
//! of a batch share one inversion (Montgomery's trick), which leaves six multiplications an addition. They are done four at a
//! time where the processor has AVX2; a batch should have hundreds of additions, for the inversion costs about 9 us.

use ark_bls12_381::{Fq, G1Affine};
use ark_ff::Field;

#[cfg(target_arch = "x86_64")]
mod avx2;

/// One addition, by indices into a slice of points: `points[sum] = points[a] + points[b]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord {
    /// Where the sum goes.
    pub sum: u32,
    /// The first summand.
    pub a: u32,
    /// The second summand.
    pub b: u32,
}

/// Does all additions, of the points as they are at the start.
///
/// # Panics
/// If an index is out of range or the summands of a chord have the same abscissa.
///
/// The summands must not be zero, and a chord's sum must not be a summand of another chord; else the results mean nothing.
pub fn add_chords(points: &mut [G1Affine], chords: &[Chord]) {
    #[cfg(target_arch = "x86_64")]
    if chords.len() >= 8 && std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, which is all that the function asks for.
        #[allow(unsafe_code)]
        return unsafe { avx2::add_chords(points, chords) };
    }
    add_one_by_one(points, chords);
}

/// [`add_chords`] with the field's own operations: 0.32 us an addition.
fn add_one_by_one(points: &mut [G1Affine], chords: &[Chord]) {
    let mut product = Fq::ONE;
    // Before addition i: the product of the run of all earlier ones.
    let mut products = Vec::with_capacity(chords.len());
    for &Chord { a, b, .. } in chords {
        products.push(product);
        product *= points[b as usize].x - points[a as usize].x;
    }
    let mut inverse = product.inverse().expect(DIFFERENT);
    for (&Chord { sum, a, b }, product) in chords.iter().zip(products).rev() {
        let (p, q) = (points[a as usize], points[b as usize]);
        let run = q.x - p.x;
        let slope = (q.y - p.y) * (inverse * product);
        inverse *= run;
        let x = slope.square() - p.x - q.x;
        points[sum as usize] = G1Affine::new_unchecked(x, slope * (p.x - x) - p.y);
    }
}

/// The precondition without which there is no inverse.
const DIFFERENT: &str = "the summands of a chord have different abscissas";

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::{Fr, G1Projective};
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
            expected[c.sum as usize] = (points[c.a as usize] + points[c.b as usize]).into();
        }
        let mut found = points.to_vec();
        add_one_by_one(&mut found, chords);
        assert_eq!(found, expected);
        let mut found = points.to_vec();
        add_chords(&mut found, chords);
        assert_eq!(found, expected);
    }

    #[test]
    fn every_length_agrees() {
        let points = multiples(100);
        for len in 0..=50 {
            let in_place = |i: u32| Chord { sum: 2 * i, a: 2 * i, b: 2 * i + 1 };
            agrees(&points, &(0..len).map(in_place).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "different abscissas")]
    fn equal_abscissas_are_refused() {
        let mut points = multiples(1).repeat(20);
        add_chords(&mut points, &[Chord { sum: 0, a: 0, b: 1 }; 10]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn sums_agree(pairs in prop::collection::vec((0u32..60, 0u32..60, any::<[bool; 2]>()), 0..60)) {
            let mut points = multiples(60);
            let len = pairs.len() as u32;
            let mut chords = Vec::new();
            for (i, &(a, b, signs)) in pairs.iter().enumerate().filter(|(_, (a, b, _))| a != b) {
                let mut push = |p: u32, negate: bool| {
                    let point = points[p as usize];
                    points.push(if negate { -point } else { point });
                    points.len() as u32 - 1
                };
                let (a, b) = (push(a, signs[0]), push(b, signs[1]));
                chords.push(Chord { sum: (i as u32).min(len), a, b });
            }
            agrees(&points, &chords);
        }
    }
}
