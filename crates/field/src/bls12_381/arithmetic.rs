//! Additions and multiplications of stored elements, all limbs below `p`.
//!
//! The code that the processor runs best is chosen by every call: instructions of [`adx`], or portable code.

use super::config::Fr;
use super::wide::{P, accumulate, adc, mac, product, reduce_9, sbb, sub_p_once};

#[cfg(target_arch = "x86_64")]
use super::adx;

/// `a + b mod p`, without a branch: 2.2 ns, where one that is not predicted costs 6 ns.
///
/// Limb by limb, as [`sub`]: an array that a closure makes is copied by vectors, which wait for its limbs to reach the cache.
#[inline(always)]
pub(super) fn add(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut carry = false;
    let s0 = adc(a[0], b[0], &mut carry);
    let s1 = adc(a[1], b[1], &mut carry);
    let s2 = adc(a[2], b[2], &mut carry);
    let s3 = adc(a[3], b[3], &mut carry);
    sub_p_once([s0, s1, s2, s3])
}

/// `a - b mod p`, without a branch.
#[inline(always)]
pub(super) fn sub(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let (mut borrow, mut carry) = (false, false);
    let d0 = sbb(a[0], b[0], &mut borrow);
    let d1 = sbb(a[1], b[1], &mut borrow);
    let d2 = sbb(a[2], b[2], &mut borrow);
    let d3 = sbb(a[3], b[3], &mut borrow);
    let mask = u64::from(borrow).wrapping_neg();
    let r0 = adc(d0, P[0] & mask, &mut carry);
    let r1 = adc(d1, P[1] & mask, &mut carry);
    let r2 = adc(d2, P[2] & mask, &mut carry);
    let r3 = adc(d3, P[3] & mask, &mut carry);
    [r0, r1, r2, r3]
}

/// `a = a b / R mod p`, the storage of the product.
///
/// Limb by limb: an array that the portable code and the other both return is copied by vectors, which wait for the limbs to
/// reach the cache. That costs a chain of products 8 ns each.
#[inline(always)]
pub(super) fn mul_assign(a: &mut [u64; 4], b: &[u64; 4]) {
    let (mut x, y) = (by_limbs(a), b);
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = adx::Adx::detect() {
        *a = adx::mul(present, &x, y);
        return;
    }
    mul_assign_portable(&mut x, y);
    *a = by_limbs(&x);
}

/// A copy that the compiler sees the limbs of.
#[inline(always)]
fn by_limbs(a: &[u64; 4]) -> [u64; 4] {
    [a[0], a[1], a[2], a[3]]
}

/// `(a_0 b_0 + a_1 b_1) / R mod p`, with one reduction.
#[inline(always)]
pub(super) fn sum_of_two(a: [&[u64; 4]; 2], b: [&[u64; 4]; 2]) -> [u64; 4] {
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = adx::Adx::detect() {
        let (x, y) = (adx::product(present, a[0], b[0]), adx::product(present, a[1], b[1]));
        let mut carry = false;
        let s0 = adc(x[0], y[0], &mut carry);
        let s1 = adc(x[1], y[1], &mut carry);
        let s2 = adc(x[2], y[2], &mut carry);
        let s3 = adc(x[3], y[3], &mut carry);
        let s4 = adc(x[4], y[4], &mut carry);
        let s5 = adc(x[5], y[5], &mut carry);
        let s6 = adc(x[6], y[6], &mut carry);
        let s7 = adc(x[7], y[7], &mut carry);
        let sum = [s0, s1, s2, s3, s4, s5, s6, s7];
        return adx::reduce_8(present, &sum);
    }
    let [mut first, mut second] = [*a[0], *a[1]];
    mul_assign_portable(&mut first, b[0]);
    mul_assign_portable(&mut second, b[1]);
    add(&first, &second)
}

/// `sum_i a_i b_i`, reduced once, term by term.
pub(super) fn inner_product(a: &[Fr], b: &[Fr]) -> Fr {
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = adx::Adx::detect() {
        return reduce_9(sum_of_products(a, b, |a, b| adx::product(present, a, b)));
    }
    reduce_9(sum_of_products(a, b, product))
}

/// The sum of all products, unreduced.
#[inline(always)]
fn sum_of_products(a: &[Fr], b: &[Fr], product: impl Fn(&[u64; 4], &[u64; 4]) -> [u64; 8]) -> [u64; 9] {
    assert_eq!(a.len(), b.len());
    let mut sum = [0; 9];
    a.iter().zip(b).for_each(|(a, b)| accumulate(&mut sum, product(&a.0.0, &b.0.0)));
    sum
}

/// [`mul_assign`] on any processor. As `-1 / p = -(1 + 2^32) mod 2^64`, the quotient's digits need no multiplication.
#[cold]
#[inline(never)]
fn mul_assign_portable(a: &mut [u64; 4], b: &[u64; 4]) {
    let mut t = [0u64; 5];
    for &b in b {
        let mut carry = 0;
        for j in 0..4 {
            t[j] = mac(t[j], a[j], b, &mut carry);
        }
        t[4] = carry;
        let m = t[0].wrapping_add(t[0] << 32).wrapping_neg();
        let mut carry = 0;
        mac(t[0], m, P[0], &mut carry);
        for j in 1..4 {
            t[j - 1] = mac(t[j], m, P[j], &mut carry);
        }
        // The sum of a row is below 2 p 2^64: no carry is lost.
        t[3] = t[4] + carry;
    }
    *a = sub_p_once([t[0], t[1], t[2], t[3]]);
}

#[cfg(test)]
mod tests {
    use super::super::config::{curve_scalar, from_curve_scalar};
    use super::*;
    use ark_ff::{AdditiveGroup, BigInt, FftField, Field, PrimeField};
    use proptest::prelude::*;

    type Reference = ark_bls12_381::Fr;

    /// Limbs below p: random, or with limbs at the extremes.
    fn limbs() -> impl Strategy<Value = [u64; 4]> {
        let limb = prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX), prop::sample::select(P.to_vec())];
        let near_p = (0u64..4).prop_map(|d| [P[0] - d, P[1], P[2], P[3]]);
        prop_oneof![4 => prop::array::uniform4(limb), 1 => near_p].prop_map(|a| sub_p_once(sub_p_once(a)))
    }

    fn reference(limbs: [u64; 4]) -> Reference {
        Reference::new_unchecked(BigInt(limbs))
    }

    fn check_products(a: [u64; 4], b: [u64; 4]) {
        let product = (reference(a) * reference(b)).0.0;
        for multiply in [mul_assign, mul_assign_portable] {
            let mut found = a;
            multiply(&mut found, &b);
            assert_eq!(found, product, "{a:x?} {b:x?}");
        }
    }

    #[test]
    fn products_of_extreme_limbs_are_arkworks() {
        let values = [0, 1, 1 << 32, (1 << 32) - 1, u64::MAX << 32, u64::MAX - 1, u64::MAX];
        let top = [0, 1, P[3] - 1, P[3]];
        let mut elements = Vec::new();
        for l0 in values {
            for l1 in [0, 1, u64::MAX] {
                for l3 in top {
                    elements.push(sub_p_once([l0, l1, l0 ^ l1, l3]));
                }
            }
        }
        for d in 0..3 {
            elements.push(sub_p_once([P[0] - d, P[1], P[2], P[3]]));
        }
        elements.iter().for_each(|a| elements.iter().for_each(|b| check_products(*a, *b)));
    }

    #[test]
    fn constants_are_the_curves() {
        assert_eq!(curve_scalar(Fr::GENERATOR), Reference::GENERATOR);
        assert_eq!(curve_scalar(Fr::TWO_ADIC_ROOT_OF_UNITY), Reference::TWO_ADIC_ROOT_OF_UNITY);
        assert_eq!((Fr::TWO_ADICITY, Fr::MODULUS), (Reference::TWO_ADICITY, Reference::MODULUS));
        for log_len in 0..=32 {
            let (ours, theirs) = (Fr::get_root_of_unity(1 << log_len), Reference::get_root_of_unity(1 << log_len));
            assert_eq!(ours.map(curve_scalar), theirs);
        }
    }

    proptest! {
        #[test]
        fn operations_are_arkworks(a in limbs(), b in limbs()) {
            let (x, y) = (reference(a), reference(b));
            let (ours, other) = (from_curve_scalar(x), from_curve_scalar(y));
            check_products(a, b);
            check_products(a, a);
            prop_assert_eq!(add(&a, &b), (x + y).0.0);
            prop_assert_eq!(sub(&a, &b), (x - y).0.0);
            prop_assert_eq!(curve_scalar(ours.double()), x.double());
            prop_assert_eq!(curve_scalar(ours.square()), x.square());
            prop_assert_eq!(curve_scalar(-ours), -x);
            prop_assert_eq!(ours.inverse().map(curve_scalar), x.inverse());
            prop_assert_eq!(curve_scalar(Fr::sum_of_products(&[ours, other], &[other, other])), x * y + y * y);
        }

        #[test]
        fn sums_of_products_agree(a in limbs(), b in limbs(), c in limbs(), d in limbs()) {
            let [x, y, z, w] = [a, b, c, d].map(reference);
            prop_assert_eq!(sum_of_two([&a, &b], [&c, &d]), (x * z + y * w).0.0);
            let [x, y, z, w] = [x, y, z, w].map(from_curve_scalar);
            let (left, right) = ([x, y, x], [z, w, w]);
            let expected = x * z + y * w + x * w;
            prop_assert_eq!(reduce_9(sum_of_products(&left, &right, product)), expected);
            prop_assert_eq!(inner_product(&left, &right), expected);
            prop_assert_eq!(Fr::sum_of_products(&left, &right), expected);
        }

        #[test]
        fn conversions_keep_the_value(a in limbs()) {
            let (ours, theirs) = (Fr::new_unchecked(BigInt(a)), reference(a));
            prop_assert_eq!(from_curve_scalar(curve_scalar(ours)), ours);
            prop_assert_eq!(curve_scalar(ours), theirs);
            prop_assert_eq!(ours.into_bigint(), theirs.into_bigint());
            prop_assert_eq!(Fr::from_bigint(theirs.into_bigint()), Some(ours));
        }

        #[test]
        fn field_laws_hold(a in limbs(), b in limbs(), c in limbs()) {
            let [a, b, c] = [a, b, c].map(|limbs| Fr::new_unchecked(BigInt(limbs)));
            prop_assert_eq!(a * b, b * a);
            prop_assert_eq!((a * b) * c, a * (b * c));
            prop_assert_eq!((a + b) + c, a + (b + c));
            prop_assert_eq!(a * (b + c), a * b + a * c);
            prop_assert_eq!(a - b + b, a);
            prop_assert_eq!(a + (-a), Fr::ZERO);
            prop_assert!(a == Fr::ZERO || a * a.inverse().unwrap() == Fr::ONE);
        }
    }
}
