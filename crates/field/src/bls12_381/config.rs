//! The field's type: arkworks' prime field of BLS12-381's scalars, with arithmetic of our own.
//!
//! Modulus, Montgomery radix and so the stored limbs of every element are those of [`ark_bls12_381::Fr`]; traits, encodings and
//! the rarer operations come from arkworks. Its multiplication is made for every modulus and processor, and its additions and
//! subtractions branch on a comparison that nothing predicts, which costs more than the operation. [`curve_scalar`] and
//! [`from_curve_scalar`] cross over to the type that the curve's group operations take.

use ark_bls12_381::FrConfig as Curve;
use ark_ff::{BigInt, Fp, Fp256, MontBackend, MontConfig};

use super::arithmetic;

/// BLS12-381's scalar field, with the arithmetic of this crate.
pub type Fr = Fp256<MontBackend<FrConfig, 4>>;

/// The constants of [`ark_bls12_381::FrConfig`] and this crate's arithmetic.
#[derive(Debug)]
pub struct FrConfig;

impl MontConfig<4> for FrConfig {
    const MODULUS: BigInt<4> = Curve::MODULUS;
    const GENERATOR: Fr = from_curve_scalar(Curve::GENERATOR);
    const TWO_ADIC_ROOT_OF_UNITY: Fr = from_curve_scalar(Curve::TWO_ADIC_ROOT_OF_UNITY);

    #[inline(always)]
    fn add_assign(a: &mut Fr, b: &Fr) {
        a.0.0 = arithmetic::add(&a.0.0, &b.0.0);
    }

    #[inline(always)]
    fn sub_assign(a: &mut Fr, b: &Fr) {
        a.0.0 = arithmetic::sub(&a.0.0, &b.0.0);
    }

    #[inline(always)]
    fn double_in_place(a: &mut Fr) {
        a.0.0 = arithmetic::add(&a.0.0, &a.0.0);
    }

    #[inline(always)]
    fn neg_in_place(a: &mut Fr) {
        a.0.0 = arithmetic::sub(&[0; 4], &a.0.0);
    }

    #[inline(always)]
    fn mul_assign(a: &mut Fr, b: &Fr) {
        arithmetic::mul_assign(&mut a.0.0, &b.0.0);
    }

    #[inline(always)]
    fn square_in_place(a: &mut Fr) {
        let b = a.0.0;
        arithmetic::mul_assign(&mut a.0.0, &b);
    }

    #[inline(always)]
    fn sum_of_products<const M: usize>(a: &[Fr; M], b: &[Fr; M]) -> Fr {
        if M == 2 {
            let [a, b] = [a, b].map(|x| [&x[0].0.0, &x[1].0.0]);
            return Fp::new_unchecked(BigInt(arithmetic::sum_of_two(a, b)));
        }
        let (a_pairs, a_last) = a.as_chunks::<2>();
        let (b_pairs, b_last) = b.as_chunks::<2>();
        let pair = |([a, c], [b, d]): (&[Fr; 2], &[Fr; 2])| {
            Fp::new_unchecked(BigInt(arithmetic::sum_of_two([&a.0.0, &c.0.0], [&b.0.0, &d.0.0])))
        };
        let last = a_last.iter().zip(b_last).map(|(a, b)| *a * b);
        a_pairs.iter().zip(b_pairs).map(pair).chain(last).sum()
    }
}

/// The same element as a scalar of the curve's groups. Free: both types store the same limbs.
pub const fn curve_scalar(x: Fr) -> ark_bls12_381::Fr {
    Fp::new_unchecked(x.0)
}

/// The element that a scalar of the curve's groups is. Free, as [`curve_scalar`] is.
pub const fn from_curve_scalar(x: ark_bls12_381::Fr) -> Fr {
    Fp::new_unchecked(x.0)
}
