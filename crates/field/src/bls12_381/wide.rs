//! Reductions of wide integers to Montgomery form.
//!
//! `p` is the modulus and `R = 2^256`. An element of value `v` is stored as `v R mod p`, so a sum of small integers times
//! stored elements is the storage of the sum: only its size has to come down, in [`reduce_signed`]. Products of two stored
//! elements carry one `R` too many, which [`reduce_9`] takes out.

use ark_ff::{BigInt, MontConfig};

use super::config::{Fr, FrConfig};

pub(super) const P: [u64; 4] = FrConfig::MODULUS.0;
/// `R mod p`: the storage of 1.
const ONE: [u64; 4] = FrConfig::R.0;
/// `floor(2^64 (R mod p) / p)`, Shoup's companion of `ONE`.
const ONE_SHOUP: u64 = 0x3550_94ed_fede_377c;

/// The element whose storage is `limbs`, which must be below `p`.
pub(super) fn stored(limbs: [u64; 4]) -> Fr {
    Fr::new_unchecked(BigInt(limbs))
}

/// `a + b c + carry` as low word, and the high word in `carry`. Cannot overflow 128 bits.
#[inline(always)]
pub(super) fn mac(a: u64, b: u64, c: u64, carry: &mut u64) -> u64 {
    let t = u128::from(a) + u128::from(b) * u128::from(c) + u128::from(*carry);
    *carry = (t >> 64) as u64;
    t as u64
}

/// `a + b + carry` and the new carry.
#[inline(always)]
pub(super) fn adc(a: u64, b: u64, carry: &mut bool) -> u64 {
    let (s, c1) = a.overflowing_add(b);
    let (s, c2) = s.overflowing_add(u64::from(*carry));
    *carry = c1 | c2;
    s
}

/// `a - b - borrow` and the new borrow.
#[inline(always)]
pub(super) fn sbb(a: u64, b: u64, borrow: &mut bool) -> u64 {
    let (d, b1) = a.overflowing_sub(b);
    let (d, b2) = d.overflowing_sub(u64::from(*borrow));
    *borrow = b1 | b2;
    d
}

/// `a - p` if that is not negative, else `a`.
#[inline(always)]
pub(super) fn sub_p_once(a: [u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    let d0 = sbb(a[0], P[0], &mut borrow);
    let d1 = sbb(a[1], P[1], &mut borrow);
    let d2 = sbb(a[2], P[2], &mut borrow);
    let d3 = sbb(a[3], P[3], &mut borrow);
    let either = |a, d| if borrow { a } else { d };
    [either(a[0], d0), either(a[1], d1), either(a[2], d2), either(a[3], d3)]
}

/// `a mod p` for any 256-bit `a`: `2^256 < 3 p`, so two subtractions suffice.
#[inline(always)]
pub(super) fn below_p(a: [u64; 4]) -> Fr {
    stored(sub_p_once(sub_p_once(a)))
}

/// The storage of the integer `v`, `v R mod p`. About 9 ns, against 25 ns by arkworks' Montgomery
/// multiplication by `R^2`; a table of the small values would take half of the level-1 cache.
///
/// Shoup's multiplication by a constant (Harvey, "Faster arithmetic for number-theoretic transforms", 2014, section 3): with
/// `q = floor(v floor(2^64 ONE / p) / 2^64)` the remainder `v ONE - q p` is in `0..2p`, so its low 256 bits are enough.
#[inline(always)]
pub(super) fn from_u64(v: u64) -> Fr {
    let q = ((u128::from(v) * u128::from(ONE_SHOUP)) >> 64) as u64;
    let (mut c1, mut c2, mut borrow) = (0, 0, false);
    let r = std::array::from_fn(|i| {
        let product = mac(0, v, ONE[i], &mut c1);
        sbb(product, mac(0, q, P[i], &mut c2), &mut borrow)
    });
    stored(sub_p_once(r))
}

/// The element whose storage is congruent to `low + 2^256 high`.
#[inline(always)]
pub(super) fn reduce_signed(low: [u64; 4], high: i64) -> Fr {
    let magnitude = from_u64(high.unsigned_abs());
    if high < 0 { below_p(low) - magnitude } else { below_p(low) + magnitude }
}

/// The element whose storage is congruent to `t / R`: a sum of products of two stored elements.
#[inline(always)]
pub(super) fn reduce_9(t: [u64; 9]) -> Fr {
    // t / R = low / R + middle + high R, where Montgomery multiplication by the bare integer 1 is the division.
    let low = below_p([t[0], t[1], t[2], t[3]]) * stored([1, 0, 0, 0]);
    low + below_p([t[4], t[5], t[6], t[7]]) + from_u64(t[8])
}

/// The element congruent to the integer `low + 2^256 high`: two Montgomery multiplications.
pub(super) fn from_u512(low: [u64; 4], high: [u64; 4]) -> Fr {
    // (low + high R) R: multiplying storages a and b gives a b / R, and R^2 / R = R.
    let r2 = stored(FrConfig::R2.0);
    (below_p(low) + below_p(high) * r2) * r2
}

/// The eight limbs of `a b`.
#[inline(always)]
pub(super) fn product(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let mut product = [0u64; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            product[i + j] = mac(product[i + j], a[i], b[j], &mut carry);
        }
        product[i + 4] = carry;
    }
    product
}

/// `sum += product`. The sum of `2^64` products fits.
#[inline(always)]
pub(super) fn accumulate(sum: &mut [u64; 9], product: [u64; 8]) {
    let mut carry = false;
    for i in 0..8 {
        sum[i] = adc(sum[i], product[i], &mut carry);
    }
    sum[8] += u64::from(carry);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field, PrimeField};
    use proptest::prelude::*;

    /// The integer with these little-endian limbs, by arkworks' own reduction.
    fn reference(limbs: &[u64]) -> Fr {
        let bytes: Vec<u8> = limbs.iter().flat_map(|l| l.to_le_bytes()).collect();
        Fr::from_le_bytes_mod_order(&bytes)
    }

    /// 2^256 as an element.
    fn r() -> Fr {
        reference(&[0, 0, 0, 0, 1])
    }

    /// A limb: random, or one of the extremes.
    fn limb() -> impl Strategy<Value = u64> {
        prop_oneof![any::<u64>(), Just(0), Just(1), Just(u64::MAX), prop::sample::select(P.to_vec())]
    }

    #[test]
    fn shoup_companion_is_the_floor() {
        // ONE 2^64 = ONE_SHOUP p + remainder with a remainder below p: its top limb must vanish.
        let (mut carry, mut borrow) = (0, false);
        let ours: [u64; 5] = std::array::from_fn(|i| if i < 4 { mac(0, ONE_SHOUP, P[i], &mut carry) } else { carry });
        let scaled = [0, ONE[0], ONE[1], ONE[2], ONE[3]];
        let rest: [u64; 5] = std::array::from_fn(|i| sbb(scaled[i], ours[i], &mut borrow));
        let low = [rest[0], rest[1], rest[2], rest[3]];
        assert!(!borrow && rest[4] == 0 && sub_p_once(low) == low);
    }

    #[test]
    fn multiples_of_the_modulus_vanish() {
        let twice = {
            let mut carry = 0;
            std::array::from_fn(|i| mac(0, P[i], 2, &mut carry))
        };
        for limbs in [[0; 4], P, twice] {
            assert_eq!(below_p(limbs), Fr::from(0));
        }
        assert_eq!(from_u64(u64::MAX), Fr::from(u64::MAX));
    }

    proptest! {
        #[test]
        fn reductions_agree_with_arkworks(t in prop::array::uniform9(limb())) {
            let [low, high] = [[t[0], t[1], t[2], t[3]], [t[4], t[5], t[6], t[7]]];
            prop_assert_eq!(from_u64(t[0]), Fr::from(t[0]));
            prop_assert_eq!(from_u512(low, high), reference(&t[..8]));
            let top = t[4] as i64;
            let signed_top = Fr::from(top) * r();
            prop_assert_eq!(reduce_signed(low, top) * r(), reference(&low) + signed_top);
            prop_assert_eq!(reduce_9(t) * r() * r(), reference(&t));
            prop_assert!(r().inverse().is_some());
        }
    }
}
