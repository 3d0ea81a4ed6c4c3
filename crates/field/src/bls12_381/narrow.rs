//! Small integers times field elements.
//!
//! A stored element is eight 32-bit limbs, and every limb has a 64-bit accumulator of its own: no carry moves until the
//! end, so the loops are plain vector code. Multipliers are 16-bit digits, two for `i32`, which leaves room for [`BLOCK`]
//! terms. The multiplication is the signed 32-bit one, so limbs go in less `2^31`, and `2^31` times the sum of the integers
//! comes back at the end: cheaper than making the integers unsigned, which needs the sum of the weights.
//!
//! On one Zen 3 core (`cargo bench -p convince-benches --bench field`) a term of [`dot`] costs 0.85 ns (`i32` 2.1 ns) and of
//! [`fold_rows`] 1.0 ns (`i16` 1.2, `i32` 1.7), where five-limb carry chains cost 3.3 ns and the reference 40 ns.

use ark_ff::{AdditiveGroup, Zero};

use super::config::Fr;
use super::wide::reduce_signed;
use crate::SmallInt;

/// Terms that a 64-bit accumulator holds: `BLOCK (2^16 - 1) 2^31 < 2^63`.
const BLOCK: usize = 1 << 16;
/// Columns whose accumulators [`fold_rows`] keeps in use: 64 bytes each and digit, so half of a level-1 cache.
const COLUMNS: usize = 256;
/// Rows that are read between two visits of a tile's accumulators to memory.
const ROWS: usize = 16;

/// `sum_i ints[i] weights[i]`.
pub(super) fn dot<I: SmallInt>(ints: &[I], weights: &[Fr]) -> Fr {
    assert_eq!(ints.len(), weights.len());
    let blocks = ints.chunks(BLOCK).zip(weights.chunks(BLOCK));
    if is_wide::<I>() {
        blocks.map(|(x, w)| dispatch::dot::<I, 2>(x, w)).sum()
    } else {
        blocks.map(|(x, w)| dispatch::dot::<I, 1>(x, w)).sum()
    }
}

/// `out[c] = sum_r weights[r] ints[r width + c]`.
pub(super) fn fold_rows<I: SmallInt>(ints: &[I], width: usize, weights: &[Fr]) -> Vec<Fr> {
    assert_eq!(ints.len(), width * weights.len());
    let mut out = vec![Fr::ZERO; width];
    for (block, weights) in weights.chunks(BLOCK).enumerate() {
        let ints = &ints[block * BLOCK * width..][..weights.len() * width];
        for (i, out) in out.chunks_mut(COLUMNS).enumerate() {
            let ints = &ints[i * COLUMNS..];
            if is_wide::<I>() {
                dispatch::fold::<I, 2>(ints, width, weights, out);
            } else {
                dispatch::fold::<I, 1>(ints, width, weights, out);
            }
        }
    }
    out
}

/// Whether the type takes two digits.
const fn is_wide<I>() -> bool {
    size_of::<I>() > 2
}

/// The digit of weight `2^(16 d)`, of which only the last is signed.
#[inline(always)]
fn digit<I: SmallInt, const DIGITS: usize>(x: I, d: usize) -> i32 {
    let x: i64 = x.into();
    (if d + 1 < DIGITS { x & 0xffff } else { x >> (16 * d) }) as i32
}

/// The low half of `limb`, less `2^31`.
#[inline(always)]
fn signed_limb(limb: u64) -> i64 {
    i64::from(limb as u32 as i32 ^ i32::MIN)
}

/// The sums of products of every limb less `2^31`, and the sum of the integers themselves.
type Sums = ([i64; 8], i64);

/// `sum_(d, k) (sums[d].0[k] + 2^31 sums[d].1) 2^(16 d + 32 k)` as a stored element.
fn carry<const DIGITS: usize>(sums: [Sums; DIGITS]) -> Fr {
    let mut carry = 0i128;
    let mut next = |k: usize| {
        for (d, (limbs, ints)) in sums.iter().enumerate() {
            carry += (i128::from(limbs[k]) + (i128::from(*ints) << 31)) << (16 * d);
        }
        let low = carry as u32;
        carry >>= 32;
        u64::from(low)
    };
    let low = std::array::from_fn(|i| next(2 * i) | next(2 * i + 1) << 32);
    reduce_signed(low, carry as i64)
}

/// [`dot`] of at most [`BLOCK`] terms. Vectors run along the limbs.
#[inline(always)]
fn dot_block<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
    let mut sums = [[[0i64; 4]; 2]; DIGITS];
    let mut ints_sums = [0i64; DIGITS];
    for (&x, w) in ints.iter().zip(weights) {
        for (d, [even, odd]) in sums.iter_mut().enumerate() {
            let x = i64::from(digit::<I, DIGITS>(x, d));
            ints_sums[d] += x;
            for (k, limb) in w.0.0.into_iter().enumerate() {
                even[k] += signed_limb(limb) * x;
                odd[k] += signed_limb(limb >> 32) * x;
            }
        }
    }
    carry::<DIGITS>(std::array::from_fn(|d| (std::array::from_fn(|k| sums[d][k % 2][k / 2]), ints_sums[d])))
}

/// Sums of `LANES` columns: of the products by every limb, and of the integers.
type Tile<const LANES: usize> = [[i64; LANES]; 9];

/// Adds the fold of the columns `0..out.len()` of a matrix of rows of `width`, at most [`BLOCK`] of them, to `out`.
///
/// `add_rows` adds rows of `LANES` digits, each times the limbs of its weight less `2^31`, to a tile.
#[inline(always)]
fn fold_columns<I: SmallInt, const DIGITS: usize, const LANES: usize>(
    ints: &[I],
    width: usize,
    weights: &[Fr],
    out: &mut [Fr],
    add_rows: impl Fn(&mut Tile<LANES>, &[[i64; 8]], &[[i32; LANES]]),
) {
    let mut tiles = vec![[[[0; LANES]; 9]; DIGITS]; out.len().div_ceil(LANES)];
    for (i, weights) in weights.chunks(ROWS).enumerate() {
        let ints = &ints[i * ROWS * width..];
        // Limbs and offsets of the rows whose weight is not zero.
        let (mut limbs, mut starts, mut num_rows) = ([[0; 8]; ROWS], [0; ROWS], 0);
        for (r, w) in weights.iter().enumerate().filter(|(_, w)| !w.is_zero()) {
            limbs[num_rows] = std::array::from_fn(|k| signed_limb(w.0.0[k / 2] >> (32 * (k % 2))));
            starts[num_rows] = r * width;
            num_rows += 1;
        }
        for (t, tile) in tiles.iter_mut().enumerate() {
            let first = t * LANES;
            let lanes = LANES.min(out.len() - first);
            for (d, tile) in tile.iter_mut().enumerate() {
                let mut digits = [[0; LANES]; ROWS];
                for (digits, start) in digits.iter_mut().zip(&starts[..num_rows]) {
                    let row = &ints[start + first..][..lanes];
                    // Loops, for a closure stays a call in a function that has the processor's features.
                    if let Ok(row) = <&[I; LANES]>::try_from(row) {
                        for l in 0..LANES {
                            digits[l] = digit::<I, DIGITS>(row[l], d);
                        }
                    } else {
                        for (digit_of, &x) in digits.iter_mut().zip(row) {
                            *digit_of = digit::<I, DIGITS>(x, d);
                        }
                    }
                }
                add_rows(tile, &limbs[..num_rows], &digits[..num_rows]);
            }
        }
    }
    for (tile, out) in tiles.iter().zip(out.chunks_mut(LANES)) {
        for (l, out) in out.iter_mut().enumerate() {
            *out += carry::<DIGITS>(std::array::from_fn(|d| (std::array::from_fn(|k| tile[d][k][l]), tile[d][8][l])));
        }
    }
}

/// The portable way to add rows to a tile.
#[inline(always)]
fn add_rows<const LANES: usize>(tile: &mut Tile<LANES>, limbs: &[[i64; 8]], digits: &[[i32; LANES]]) {
    for (limbs, digits) in limbs.iter().zip(digits) {
        for l in 0..LANES {
            let x = i64::from(digits[l]);
            for k in 0..8 {
                tile[k][l] += limbs[k] * x;
            }
            tile[8][l] += x;
        }
    }
}

/// The code that the processor runs best: the portable one, or the same with AVX2 or AVX-512.
mod dispatch {
    use super::{add_rows, dot_block, fold_columns};
    use crate::{Fr, SmallInt};

    pub(super) fn dot<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512's foundation, which is all that the function asks for.
            #[allow(unsafe_code)]
            return unsafe { avx512::dot::<I, DIGITS>(ints, weights) };
        }
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which is all that the function asks for.
            #[allow(unsafe_code)]
            return unsafe { avx2::dot::<I, DIGITS>(ints, weights) };
        }
        dot_block::<I, DIGITS>(ints, weights)
    }

    pub(super) fn fold<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr], out: &mut [Fr]) {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512's foundation, which is all that the function asks for.
            #[allow(unsafe_code)]
            return unsafe { avx512::fold::<I, DIGITS>(ints, width, weights, out) };
        }
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, which is all that the function asks for.
            #[allow(unsafe_code)]
            return unsafe { avx2::fold::<I, DIGITS>(ints, width, weights, out) };
        }
        fold_columns::<I, DIGITS, 2>(ints, width, weights, out, add_rows::<2>);
    }

    #[cfg(target_arch = "x86_64")]
    mod avx2 {
        use std::arch::x86_64::*;

        use super::super::Tile;
        use super::*;

        /// [`dot_block`] with vectors of four limbs, which the compiler finds by itself.
        #[target_feature(enable = "avx2")]
        pub(super) fn dot<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
            dot_block::<I, DIGITS>(ints, weights)
        }

        #[target_feature(enable = "avx2")]
        pub(super) fn fold<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr], out: &mut [Fr]) {
            fold_columns::<I, DIGITS, 4>(ints, width, weights, out, |tile, limbs, digits| {
                add_rows(tile, limbs, digits);
            });
        }

        /// [`super::add_rows`] with vectors of four columns. Intrinsics, because the compiler vectorises the plain loops for
        /// one integer type and not for the next: 1 against 1 to 2.5 ns a term.
        #[target_feature(enable = "avx2")]
        fn add_rows(tile: &mut Tile<4>, limbs: &[[i64; 8]], digits: &[[i32; 4]]) {
            let mut sums = [_mm256_setzero_si256(); 9];
            for k in 0..9 {
                let [a, b, c, d] = tile[k];
                sums[k] = _mm256_setr_epi64x(a, b, c, d);
            }
            for (limbs, &[a, b, c, d]) in limbs.iter().zip(digits) {
                let x = _mm256_cvtepi32_epi64(_mm_setr_epi32(a, b, c, d));
                for k in 0..8 {
                    sums[k] = _mm256_add_epi64(sums[k], _mm256_mul_epi32(_mm256_set1_epi64x(limbs[k]), x));
                }
                sums[8] = _mm256_add_epi64(sums[8], x);
            }
            for k in 0..9 {
                let (low, high) = (_mm256_castsi256_si128(sums[k]), _mm256_extracti128_si256::<1>(sums[k]));
                tile[k] = [
                    _mm_cvtsi128_si64(low),
                    _mm_extract_epi64::<1>(low),
                    _mm_cvtsi128_si64(high),
                    _mm_extract_epi64::<1>(high),
                ];
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    mod avx512 {
        use std::arch::x86_64::*;

        use super::super::{Tile, carry, digit};
        use super::*;

        /// [`dot_block`] with all limbs of a weight in one vector.
        #[target_feature(enable = "avx512f")]
        pub(super) fn dot<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
            let (mut sums, mut ints_sums) = ([_mm512_setzero_si512(); DIGITS], [0i64; DIGITS]);
            for (&x, w) in ints.iter().zip(weights) {
                let [a, b, c, d] = w.0.0;
                let words = _mm256_setr_epi64x(a as i64, b as i64, c as i64, d as i64);
                let limbs = _mm512_cvtepu32_epi64(_mm256_xor_si256(words, _mm256_set1_epi32(i32::MIN)));
                for d in 0..DIGITS {
                    let x = i64::from(digit::<I, DIGITS>(x, d));
                    ints_sums[d] += x;
                    sums[d] = _mm512_add_epi64(sums[d], _mm512_mul_epi32(limbs, _mm512_set1_epi64(x)));
                }
            }
            let mut limbs = [([0; 8], 0); DIGITS];
            for d in 0..DIGITS {
                limbs[d] = (lanes(sums[d]), ints_sums[d]);
            }
            carry::<DIGITS>(limbs)
        }

        #[target_feature(enable = "avx512f")]
        pub(super) fn fold<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr], out: &mut [Fr]) {
            fold_columns::<I, DIGITS, 8>(ints, width, weights, out, |tile, limbs, digits| {
                add_rows(tile, limbs, digits);
            });
        }

        /// [`super::add_rows`] with vectors of eight columns.
        #[target_feature(enable = "avx512f")]
        fn add_rows(tile: &mut Tile<8>, limbs: &[[i64; 8]], digits: &[[i32; 8]]) {
            let mut sums = [_mm512_setzero_si512(); 9];
            for k in 0..9 {
                let [a, b, c, d, e, f, g, h] = tile[k];
                sums[k] = _mm512_setr_epi64(a, b, c, d, e, f, g, h);
            }
            for (limbs, &[a, b, c, d, e, f, g, h]) in limbs.iter().zip(digits) {
                let x = _mm512_cvtepi32_epi64(_mm256_setr_epi32(a, b, c, d, e, f, g, h));
                for k in 0..8 {
                    sums[k] = _mm512_add_epi64(sums[k], _mm512_mul_epi32(_mm512_set1_epi64(limbs[k]), x));
                }
                sums[8] = _mm512_add_epi64(sums[8], x);
            }
            for k in 0..9 {
                tile[k] = lanes(sums[k]);
            }
        }

        #[inline]
        #[target_feature(enable = "avx512f")]
        fn lanes(x: __m512i) -> [i64; 8] {
            let mut lanes = [0; 8];
            // SAFETY: eight lanes are the vector's size, and the store asks for no alignment.
            #[allow(unsafe_code)]
            unsafe {
                _mm512_storeu_si512(lanes.as_mut_ptr().cast(), x);
            }
            lanes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wide::from_u64;
    use super::*;
    use crate::ProofField;
    use proptest::prelude::*;

    fn portable_agrees<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr]) {
        let rows = ints.len() / width;
        let ints = &ints[..rows * width];
        let mut out = vec![Fr::ZERO; width];
        fold_columns::<I, DIGITS, 2>(ints, width, &weights[..rows], &mut out, add_rows::<2>);
        assert_eq!(out, fold_rows(ints, width, &weights[..rows]));
        assert_eq!(dot_block::<I, DIGITS>(&ints[..rows], &weights[..rows]), dot(&ints[..rows], &weights[..rows]));
    }

    proptest! {
        /// Whatever the processor has, the portable code gives the same.
        #[test]
        fn portable_code_agrees(ints: Vec<i32>, width in 1usize..9, seed: [u8; 64]) {
            let seed = Fr::full_challenge(&seed);
            let weights: Vec<Fr> = (0..ints.len()).map(|i| seed * from_u64(i as u64 / 2)).collect();
            portable_agrees::<i32, 2>(&ints, width, &weights);
            portable_agrees::<i16, 1>(&ints.iter().map(|&x| x as i16).collect::<Vec<_>>(), width, &weights);
            portable_agrees::<u8, 1>(&ints.iter().map(|&x| x as u8).collect::<Vec<_>>(), width, &weights);
        }
    }
}
