//! Signed digits and the endomorphism's splitting of scalars.

use ark_ff::{BigInt, PrimeField};
use convince_field::Fr;

/// Bits of a digit in the tables of fixed generators.
pub(super) const WIDTH: usize = 8;
/// Largest absolute value of such a digit.
pub(super) const HALF: usize = 1 << (WIDTH - 1);

/// Calls `each(position, digit)` for the non-zero digits of `value = sum_k digit_k 2^(width k)`, all in
/// `-2^(width - 1)..=2^(width - 1)`.
///
/// A value of `b` bits, the sign included, has at most `ceil(b / width)` digits; an unsigned value of `width k` bits one
/// more, which is 1. `width` is at least 2 and at most 31.
#[inline(always)]
pub(super) fn for_each_digit(mut value: i64, width: usize, mut each: impl FnMut(usize, i32)) {
    let mut position = 0;
    while value != 0 {
        let unused = 64 - width;
        let digit = if value.unsigned_abs() <= 1 << (width - 1) { value } else { value << unused >> unused };
        if digit != 0 {
            each(position, digit as i32);
        }
        value = (value - digit) >> width;
        position += 1;
    }
}

/// Number of digits of the values between two bounds that are not on the same side of zero.
///
/// A value's digits are at most those of the bound on its side: the step from a value to its higher digits is monotone.
pub(super) fn num_digits(low: i64, high: i64, width: usize) -> usize {
    let of = |value| {
        let mut digits = 0;
        for_each_digit(value, width, |k, _| digits = k + 1);
        digits
    };
    of(low).max(of(high))
}

/// Calls `each(position, digit)` for the non-zero digits, in `-2^(width - 1)..=2^(width - 1)`, of a little-endian integer
/// below `2^(64 N - 1)`. `width` is at most 16.
pub(super) fn for_each_wide_digit<const N: usize>(limbs: [u64; N], width: usize, mut each: impl FnMut(usize, i32)) {
    let (mask, half) = ((1u64 << width) - 1, 1i64 << (width - 1));
    let mut carry = 0;
    for position in 0..(64 * N).div_ceil(width) {
        let (limb, shift) = (position * width / 64, position * width % 64);
        let above = if shift + width > 64 && limb + 1 < N { limbs[limb + 1] << (64 - shift) } else { 0 };
        let bits = ((limbs[limb] >> shift | above) & mask) as i64 + carry;
        carry = i64::from(bits > half);
        let digit = bits - (carry << width);
        if digit != 0 {
            each(position, digit as i32);
        }
    }
    debug_assert_eq!(carry, 0);
}

/// `x^2` for the curve's parameter `x`, just above `2^127`: the endomorphism `phi(X, Y) = (beta X, Y)` of G1 is
/// multiplication by `-x^2`.
const X_SQUARED: u128 = 0xac45_a401_0001_a402_0000_0001_0000_0000;
/// `floor(2^255 / x^2)`.
const X_SQUARED_INVERSE: u128 = 0xbe35_f678_f00f_d56e_b1fb_7291_7b67_f717;

/// A scalar's half: its sign (true is negative) and absolute value.
pub(super) type SignedHalf = (bool, u128);

/// `(a, b)` with `scalar = a - b phi`, both below `2^126.5` in absolute value. About 30 ns.
///
/// The remainder and quotient of the scalar, taken in `-r/2..r/2`, by `x^2`: `r = x^4 - x^2 + 1`, so no lattice is needed. A
/// 128-bit scalar has a quotient of 0 to 2, so it costs half as much as a full one.
pub(super) fn split(scalar: &Fr) -> (SignedHalf, SignedHalf) {
    let value = scalar.into_bigint();
    let negative = value > Fr::MODULUS_MINUS_ONE_DIV_TWO;
    let BigInt([a, b, c, d]) = if negative { (-*scalar).into_bigint() } else { value };
    let (high, low) = (u128::from(d) << 64 | u128::from(c), u128::from(b) << 64 | u128::from(a));

    // Barrett: the top 128 of 255 bits times the inverse fall short of the quotient by at most 2.
    let (mut quotient, _) = mul_128(high << 1 | low >> 127, X_SQUARED_INVERSE);
    let (product_high, product_low) = mul_128(quotient, X_SQUARED);
    let (mut rest, borrow) = low.overflowing_sub(product_low);
    let mut rest_high = high - product_high - u128::from(borrow);
    while rest_high > 0 || rest >= X_SQUARED {
        let (less, borrow) = rest.overflowing_sub(X_SQUARED);
        (rest, rest_high, quotient) = (less, rest_high - u128::from(borrow), quotient + 1);
    }
    if rest > X_SQUARED / 2 {
        ((!negative, X_SQUARED - rest), (negative, quotient + 1))
    } else {
        ((negative, rest), (negative, quotient))
    }
}

/// The high and low halves of a product.
fn mul_128(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let other = a0 * b1 + (middle & LOW);
    (a1 * b1 + (middle >> 64) + (other >> 64), other << 64 | low & LOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::g1;
    use ark_ec::scalar_mul::glv::GLVConfig;
    use convince_field::{ProofField, curve_scalar};
    use proptest::prelude::*;

    fn value(half: SignedHalf) -> Fr {
        let magnitude = Fr::from(half.1);
        if half.0 { -magnitude } else { magnitude }
    }

    fn splits_well(scalar: Fr) {
        let (a, b) = split(&scalar);
        assert_eq!(value(a) + value(b) * Fr::from(X_SQUARED), scalar);
        assert!(a.1 < 1 << 127 && b.1 < 1 << 127);
    }

    #[test]
    fn constants_are_those_of_the_curve() {
        assert_eq!(curve_scalar(-Fr::from(X_SQUARED)), g1::Config::LAMBDA);
        let (high, low) = mul_128(X_SQUARED_INVERSE, X_SQUARED);
        // 2^255 - inverse x^2 is in 0..x^2.
        let (rest, borrow) = 0u128.overflowing_sub(low);
        assert!((1u128 << 127) - high == u128::from(borrow) && rest < X_SQUARED);
    }

    #[test]
    fn extreme_scalars_split() {
        let half = Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap();
        for scalar in [Fr::from(0), Fr::from(1), -Fr::from(1), half, half + Fr::from(1), -Fr::from(X_SQUARED)] {
            splits_well(scalar);
        }
        for offset in -2..=2 {
            splits_well(Fr::from(X_SQUARED) + Fr::from(offset));
            splits_well(Fr::from(X_SQUARED / 2) + Fr::from(offset));
        }
    }

    #[test]
    fn numbers_of_digits_are_as_stated() {
        let digits = |value: i64| {
            let (mut last, mut sum) = (None, 0);
            for_each_digit(value, WIDTH, |k, d| {
                assert!(d.unsigned_abs() as usize <= HALF);
                last = Some((k, d));
                sum += i64::from(d) << (8 * k);
            });
            assert_eq!(sum, value);
            last
        };
        assert_eq!(digits(0), None);
        (-128..=128).filter(|&v| v != 0).for_each(|v| assert_eq!(digits(v), Some((0, v as i32))));
        (129..=255).for_each(|v| assert_eq!(digits(v), Some((1, 1))));
        (-32768..=32767).filter(|&v| v != 0).for_each(|v| assert!(digits(v).is_some_and(|(k, _)| k < 2)));
        [i32::MIN, i32::MAX].into_iter().for_each(|v| assert!(digits(v.into()).is_some_and(|(k, _)| k < 4)));
    }

    #[test]
    fn wider_bounds_have_no_fewer_digits() {
        for width in 2..=9 {
            let digits: Vec<usize> = (0..3000).map(|v| num_digits(-v, v, width)).collect();
            assert!(digits.is_sorted());
        }
    }

    proptest! {
        #[test]
        fn digits_add_up(value: i32, limbs: [u64; 2], width in 2usize..=16) {
            let mut sum = 0;
            for_each_digit(value.into(), width, |k, d| {
                assert!(d.unsigned_abs() <= 1 << (width - 1) && k < num_digits(value.min(0).into(), value.max(0).into(), width));
                sum += i64::from(d) << (width * k);
            });
            prop_assert_eq!(sum, i64::from(value));

            let wide = (u128::from(limbs[1] >> 1) << 64) | u128::from(limbs[0]);
            let mut sum = 0i128;
            for_each_wide_digit([limbs[0], limbs[1] >> 1], width, |k, d| {
                assert!(d.unsigned_abs() <= 1 << (width - 1));
                sum = sum.wrapping_add(i128::from(d).wrapping_shl((width * k) as u32));
            });
            prop_assert_eq!(sum as u128, wide);
        }

        #[test]
        fn scalars_split(full: [[u8; 32]; 2], short: [u8; 16]) {
            splits_well(Fr::full_challenge(full.as_flattened().try_into().unwrap()));
            splits_well(Fr::short_challenge(&short));
        }
    }
}
