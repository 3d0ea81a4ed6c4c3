//! BLS12-381's scalar field.

use ark_ff::{BigInt, FftField, PrimeField};
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};

use crate::{ProofField, SmallInt};

#[cfg(target_arch = "x86_64")]
mod adx;
mod arithmetic;
mod bind;
mod config;
#[cfg(target_arch = "x86_64")]
mod ifma;
mod narrow;
#[cfg(test)]
mod paths;
#[cfg(target_arch = "x86_64")]
mod processor;
mod tables;
mod wide;
mod zeros;

pub use config::{Fr, curve_scalar, from_curve_scalar};

impl ProofField for Fr {
    const ID: &'static str = "BLS12-381 Fr";
    const BYTES: usize = 32;
    const SECURITY_BITS: u32 = 254;

    fn from_i64(value: i64) -> Self {
        let magnitude = wide::from_u64(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    fn short_challenge(bytes: &[u8; 16]) -> Self {
        bind::short_challenge(limbs(bytes))
    }

    fn full_challenge(bytes: &[u8; 64]) -> Self {
        let [a, b, c, d, e, f, g, h] = limbs(bytes);
        wide::from_u512([a, b, c, d], [e, f, g, h])
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        for limb in self.into_bigint().0 {
            out.extend_from_slice(&limb.to_le_bytes());
        }
    }

    fn read_from(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 32] = bytes.try_into().ok()?;
        Fr::from_bigint(BigInt(limbs(bytes)))
    }

    fn dot<I: SmallInt>(ints: &[I], weights: &[Self]) -> Self {
        narrow::dot(ints, weights)
    }

    fn fold_rows<I: SmallInt>(ints: &[I], width: usize, weights: &[Self]) -> Vec<Self> {
        narrow::fold_rows(ints, width, weights)
    }

    fn inner_product(a: &[Self], b: &[Self]) -> Self {
        tables::inner_product(a, b)
    }

    fn sums(out: &mut [Self], a: &[Self], b: &[Self]) {
        tables::sums(out, a, b);
    }

    fn differences(out: &mut [Self], a: &[Self], b: &[Self]) {
        tables::differences(out, a, b);
    }

    fn extrapolations(out: &mut [Self], low: &[Self], high: &[Self]) {
        tables::extrapolations(out, low, high);
    }

    fn products(out: &mut [Self], a: &[Self], b: &[Self]) {
        tables::products(out, a, b);
    }

    fn add_scaled(out: &mut [Self], x: &[Self], factor: Self) {
        tables::add_scaled(out, x, factor);
    }

    fn weighted_products<const K: usize>(weights: &[Self], pairs: [[&[Self]; 2]; K]) -> Self {
        tables::weighted_products(weights, pairs)
    }

    fn add_fractions(fractions: [&[Self]; 2], sums: [&mut [Self]; 2]) {
        tables::add_fractions(fractions, sums);
    }

    fn bind(low: &mut [Self], high: &[Self], r: Self) {
        bind::bind(low, high, r);
    }

    fn zeros(len: usize) -> Vec<Self> {
        zeros::zeros(len)
    }

    fn root_of_unity(log_len: usize) -> Option<Self> {
        Fr::get_root_of_unity(1u64.checked_shl(u32::try_from(log_len).ok()?)?)
    }

    fn dft(values: &mut Vec<Self>) {
        domain(values).fft_in_place(values);
    }

    fn inverse_dft(values: &mut Vec<Self>) {
        domain(values).ifft_in_place(values);
    }
}

/// The roots of unity of a vector's length. Panics where there are none.
fn domain(values: &[Fr]) -> Radix2EvaluationDomain<Fr> {
    assert!(values.len().is_power_of_two(), "no transform of {} places", values.len());
    Radix2EvaluationDomain::new(values.len()).expect("2^32 places at most")
}

/// Little-endian limbs of little-endian bytes.
fn limbs<const N: usize>(bytes: &[u8]) -> [u64; N] {
    let (limbs, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(limbs[i]))
}

#[cfg(test)]
mod tests {
    use super::paths::paths;
    use super::*;
    use crate::reference;
    use ark_ff::{AdditiveGroup, Field};
    use proptest::prelude::*;
    use rand::{Rng, RngCore, SeedableRng, distributions::Standard, prelude::Distribution};
    use rand_chacha::ChaCha20Rng;

    /// The element whose stored limbs are `p - 1`, the largest there are.
    fn largest() -> Fr {
        -Fr::new_unchecked(BigInt([1, 0, 0, 0]))
    }

    /// An element: random, or an extreme one.
    fn element(rng: &mut impl RngCore) -> Fr {
        match rng.gen_range(0..8) {
            0 => Fr::ZERO,
            1 => Fr::ONE,
            2 => -Fr::ONE,
            3 => largest(),
            _ => reference::from_bytes(&rng.r#gen::<[u8; 32]>()),
        }
    }

    /// Checks both integer kernels on a `rows` by `width` matrix of random and extreme values.
    fn integer_kernels_agree<I: SmallInt>(extremes: &[I], rows: usize, width: usize, seed: u64)
    where
        Standard: Distribution<I>,
    {
        let rng = &mut ChaCha20Rng::seed_from_u64(seed);
        let mut value = || if rng.gen_bool(0.5) { extremes[rng.gen_range(0..extremes.len())] } else { rng.r#gen() };
        let ints: Vec<I> = (0..rows * width).map(|_| value()).collect();
        let weights: Vec<Fr> = (0..rows).map(|_| element(rng)).collect();
        assert_eq!(Fr::fold_rows(&ints, width, &weights), reference::fold_rows(&ints, width, &weights));
        let column: Vec<I> = (0..rows).map(|r| if width > 0 { ints[r * width] } else { extremes[0] }).collect();
        assert_eq!(Fr::dot(&column, &weights), reference::dot(&column, &weights));
    }

    fn every_type(rows: usize, width: usize, seed: u64) {
        integer_kernels_agree::<i8>(&[i8::MIN, i8::MAX, -1, 0], rows, width, seed);
        integer_kernels_agree::<u8>(&[0, 1, 255], rows, width, seed);
        integer_kernels_agree::<i16>(&[i16::MIN, i16::MAX, -1, 0], rows, width, seed);
        integer_kernels_agree::<i32>(&[i32::MIN, i32::MAX, -1, 0], rows, width, seed);
    }

    #[test]
    fn kernels_agree_on_edge_shapes() {
        for (rows, width) in [(0, 0), (0, 3), (3, 0), (1, 1), (1, 5), (5, 1), (16, 4), (17, 255), (3, 257), (33, 513)] {
            every_type(rows, width, (rows * 1000 + width) as u64);
        }
    }

    #[test]
    fn accumulators_hold_the_largest_terms_across_blocks() {
        fn check<I: SmallInt>(value: I) {
            for len in [1 << 16, (1 << 17) + 3] {
                let expected = Fr::from(value.into()) * Fr::from(len as u64) * largest();
                assert_eq!(Fr::dot(&vec![value; len], &vec![largest(); len]), expected);
                assert_eq!(Fr::fold_rows(&vec![value; 3 * len], 3, &vec![largest(); len]), [expected; 3]);
            }
        }
        check(i8::MIN);
        check(u8::MAX);
        check(i16::MIN);
        check(i16::MAX);
        check(i32::MIN);
        check(i32::MAX);
    }

    #[test]
    fn inner_product_of_the_largest_elements_agrees() {
        for len in [0, 1, 2, 1000, 20_000] {
            let largest = vec![largest(); len];
            let pairs = [[largest.as_slice(); 2]; 2];
            for _path in paths() {
                assert_eq!(Fr::inner_product(&largest, &largest), reference::inner_product(&largest, &largest));
                assert_eq!(Fr::weighted_products(&largest, pairs), reference::weighted_products(&largest, pairs));
            }
        }
    }

    #[test]
    fn challenges_and_integers_agree_at_the_extremes() {
        for byte in [0, 1, 0xff] {
            assert_eq!(Fr::short_challenge(&[byte; 16]), reference::short_challenge(&[byte; 16]));
            assert_eq!(Fr::full_challenge(&[byte; 64]), reference::from_bytes(&[byte; 64]));
        }
        for value in [0, 1, -1, i64::MIN, i64::MAX, i32::MIN.into()] {
            assert_eq!(Fr::from_i64(value), reference::from_i64(value));
        }
    }

    #[test]
    fn encodings_are_canonical() {
        let mut modulus = Fr::MODULUS.0.map(u64::to_le_bytes).concat();
        assert_eq!(Fr::read_from(&modulus), None);
        modulus[0] -= 1;
        assert_eq!(Fr::read_from(&modulus), Some(-Fr::ONE));
        assert_eq!(Fr::read_from(&modulus[1..]), None);
        assert_eq!(Fr::read_from(&[]), None);
    }

    #[test]
    fn a_transform_is_its_definition_and_roots_end_at_the_two_adicity() {
        let root = Fr::root_of_unity(3).unwrap();
        let values: Vec<Fr> = (0..8).map(|i| Fr::from_i64(i * i - 5)).collect();
        let place = |f: u64| values.iter().enumerate().map(|(x, v)| *v * root.pow([f * x as u64])).sum();
        assert_eq!(reference::dft(&values, root), (0..8).map(place).collect::<Vec<Fr>>());
        assert!(Fr::root_of_unity(32).is_some());
        assert!([33, 63, 64, usize::MAX].iter().all(|&log| Fr::root_of_unity(log).is_none()));
    }

    #[test]
    #[should_panic]
    fn dot_refuses_lengths_that_differ() {
        Fr::dot(&[1u8], &[]);
    }

    #[test]
    #[should_panic]
    fn fold_rows_refuses_lengths_that_differ() {
        Fr::fold_rows(&[1u8; 5], 2, &[Fr::ONE; 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn kernels_agree(rows in 0usize..70, width in 0usize..40, seed: u64) {
            for _path in paths() {
                every_type(rows, width, seed);
            }
        }

        #[test]
        fn inner_products_agree(len in 0usize..70, seed: u64) {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let (a, b): (Vec<Fr>, Vec<Fr>) = (0..len).map(|_| (element(rng), element(rng))).unzip();
            for _path in paths() {
                prop_assert_eq!(Fr::inner_product(&a, &b), reference::inner_product(&a, &b));
            }
        }

        #[test]
        fn products_of_tables_agree(len in 0usize..70, seed: u64) {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let [w, a, b, c, d]: [Vec<Fr>; 5] = std::array::from_fn(|_| (0..len).map(|_| element(rng)).collect());
            type Elementwise = fn(&mut [Fr], &[Fr], &[Fr]);
            let kernels: [[Elementwise; 2]; 4] = [
                [Fr::sums, reference::sums],
                [Fr::differences, reference::differences],
                [Fr::extrapolations, reference::extrapolations],
                [Fr::products, reference::products],
            ];
            let factors = [element(rng), Fr::short_challenge(&rng.r#gen())];
            for _path in paths() {
                let (mut fast, mut slow) = (a.clone(), a.clone());
                for [kernel, reference] in kernels {
                    kernel(&mut fast, &c, &d);
                    reference(&mut slow, &c, &d);
                    prop_assert_eq!(&fast, &slow);
                }
                for factor in factors {
                    Fr::add_scaled(&mut fast, &b, factor);
                    reference::add_scaled(&mut slow, &b, factor);
                    prop_assert_eq!(&fast, &slow);
                }
                let pairs: [[&[Fr]; 2]; 2] = [[&a, &b], [&c, &d]];
                prop_assert_eq!(Fr::weighted_products(&w, pairs), reference::weighted_products(&w, pairs));
                prop_assert_eq!(Fr::weighted_products(&w, [pairs[0]]), reference::weighted_products(&w, [pairs[0]]));
                prop_assert_eq!(Fr::weighted_products(&w, []), Fr::ZERO);
                let (even, half) = (len / 2 * 2, len / 2);
                let [mut p, mut q, mut slow_p, mut slow_q] = [(); 4].map(|()| vec![Fr::ZERO; half]);
                Fr::add_fractions([&a[..even], &b[..even]], [&mut p, &mut q]);
                reference::add_fractions([&a[..even], &b[..even]], [&mut slow_p, &mut slow_q]);
                prop_assert_eq!([p, q], [slow_p, slow_q]);
            }
        }

        #[test]
        fn bound_tables_agree(len in 0usize..20, challenge: [u8; 16], full: [u8; 64], seed: u64) {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let (a, b): (Vec<Fr>, Vec<Fr>) = (0..len).map(|_| (element(rng), element(rng))).unzip();
            for r in [Fr::short_challenge(&challenge), Fr::full_challenge(&full), Fr::ZERO, Fr::ONE] {
                for _path in paths() {
                    let (mut fast, mut slow) = (a.clone(), a.clone());
                    Fr::bind(&mut fast, &b, r);
                    reference::bind(&mut slow, &b, r);
                    prop_assert_eq!(fast, slow);
                }
            }
        }

        #[test]
        fn transforms_agree(log_len in 0usize..9, seed: u64) {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let values: Vec<Fr> = (0..1 << log_len).map(|_| element(rng)).collect();
            let root = Fr::root_of_unity(log_len).unwrap();
            prop_assert_eq!(root.pow([1 << log_len]), Fr::ONE);
            prop_assert!(log_len == 0 || root.pow([1 << (log_len - 1)]) == -Fr::ONE);
            let mut transform = values.clone();
            Fr::dft(&mut transform);
            prop_assert_eq!(&transform, &reference::dft(&values, root));
            prop_assert_eq!(&reference::inverse_dft(&transform, root), &values);
            Fr::inverse_dft(&mut transform);
            prop_assert_eq!(transform, values);
        }

        #[test]
        fn conversions_agree(value: i64, short: [u8; 16], full: [[u8; 32]; 2]) {
            let full: [u8; 64] = std::array::from_fn(|i| full[i / 32][i % 32]);
            prop_assert_eq!(Fr::from_i64(value), reference::from_i64(value));
            prop_assert_eq!(Fr::short_challenge(&short), reference::short_challenge(&short));
            prop_assert_eq!(Fr::full_challenge(&full), reference::from_bytes(&full));
        }

        #[test]
        fn encodings_round_trip(full: [u8; 32]) {
            let x = reference::from_bytes::<Fr>(&full);
            let mut bytes = Vec::new();
            x.write_to(&mut bytes);
            prop_assert_eq!(bytes.len(), Fr::BYTES);
            prop_assert_eq!(Fr::read_from(&bytes), Some(x));
        }
    }
}
