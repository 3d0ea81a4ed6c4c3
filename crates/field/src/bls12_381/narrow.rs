//! Small integers times field elements.
//!
//! A stored element is eight 32-bit limbs, an integer `x` is replaced by `x - I::LOW >= 0`, and every limb has a 64-bit
//! accumulator of its own: no carry moves until the end, so the loops are plain vector code. What the shift by `LOW` added is
//! taken out again as `LOW` times the sum of the weights. Digits of 16 bits leave room for [`BLOCK`] terms; `i32` is two
//! digits.

use ark_bls12_381::Fr;
use ark_ff::{AdditiveGroup, Zero};

use super::wide::{from_u64, reduce_5};
use crate::SmallInt;

/// Terms that a 64-bit accumulator holds: `BLOCK (2^16 - 1) (2^32 - 1) < 2^64`.
const BLOCK: usize = 1 << 16;
/// Columns whose accumulators [`fold_rows`] keeps in use: 64 bytes each and digit, so half of a level-1 cache.
const COLUMNS: usize = 256;
/// Rows that are read between two visits of a tile's accumulators to memory.
const ROWS: usize = 16;

/// One accumulator for every 32-bit limb of a field element.
type Limbs<T> = [T; 8];

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
        let shift = shift::<I>(weights.iter().sum());
        for (i, out) in out.chunks_mut(COLUMNS).enumerate() {
            let ints = &ints[i * COLUMNS..];
            out.iter_mut().for_each(|o| *o += shift);
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

/// What the replacement of `x` by `x - LOW` took away: `LOW` times the sum of the weights.
fn shift<I: SmallInt>(sum: Fr) -> Fr {
    if I::LOW == 0 { Fr::ZERO } else { -(sum * from_u64(I::LOW.unsigned_abs())) }
}

/// The digit of weight `2^(16 digit)` of `x - LOW`.
#[inline(always)]
fn digit<I: SmallInt>(x: I, digit: usize) -> u64 {
    let x = (x.into() - I::LOW) as u64;
    (x >> (16 * digit)) & 0xffff
}

/// `sum_(d, k) limbs[d][k] 2^(16 d + 32 k)` as a stored element.
fn carry<const DIGITS: usize>(limbs: [Limbs<u64>; DIGITS]) -> Fr {
    let mut carry = 0u128;
    let mut next = |k: usize| {
        carry += limbs.iter().enumerate().map(|(d, limbs)| u128::from(limbs[k]) << (16 * d)).sum::<u128>();
        let low = carry as u32;
        carry >>= 32;
        u64::from(low)
    };
    let [a, b, c, d] = std::array::from_fn(|i| next(2 * i) | next(2 * i + 1) << 32);
    reduce_5([a, b, c, d, carry as u64])
}

/// [`dot`] of at most [`BLOCK`] terms. Vectors run along the limbs.
#[inline(always)]
fn dot_block<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
    let (mut even, mut odd) = ([[0u64; 4]; DIGITS], [[0u64; 4]; DIGITS]);
    let (mut even_sum, mut odd_sum) = ([0u64; 4], [0u64; 4]);
    for (&x, w) in ints.iter().zip(weights) {
        let w = w.0.0;
        for d in 0..DIGITS {
            let x = digit(x, d);
            for k in 0..4 {
                even[d][k] += (w[k] & 0xffff_ffff) * x;
                odd[d][k] += (w[k] >> 32) * x;
            }
        }
        if I::LOW != 0 {
            for k in 0..4 {
                even_sum[k] += w[k] & 0xffff_ffff;
                odd_sum[k] += w[k] >> 32;
            }
        }
    }
    let interleave =
        |even: [u64; 4], odd: [u64; 4]| std::array::from_fn(|k| if k % 2 == 0 { even[k / 2] } else { odd[k / 2] });
    carry::<DIGITS>(std::array::from_fn(|d| interleave(even[d], odd[d])))
        + shift::<I>(carry([interleave(even_sum, odd_sum)]))
}

/// Adds the fold of the columns `0..out.len()` of a matrix of rows of `width`, at most [`BLOCK`] of them, to `out`, all
/// integers less `LOW`. Vectors of `LANES` run along the columns.
#[inline(always)]
fn fold_columns<I: SmallInt, const DIGITS: usize, const LANES: usize>(
    ints: &[I],
    width: usize,
    weights: &[Fr],
    out: &mut [Fr],
) {
    let mut tiles = vec![[[[0u64; LANES]; 8]; DIGITS]; out.len().div_ceil(LANES)];
    for (i, weights) in weights.chunks(ROWS).enumerate() {
        let rows = &ints[i * ROWS * width..];
        // Limbs and offsets of the rows whose weight is not zero.
        let (mut limbs, mut starts, mut num_rows) = ([[0u64; 8]; ROWS], [0; ROWS], 0);
        for (r, w) in weights.iter().enumerate().filter(|(_, w)| !w.is_zero()) {
            limbs[num_rows] = std::array::from_fn(|k| (w.0.0[k / 2] >> (32 * (k % 2))) & 0xffff_ffff);
            starts[num_rows] = r * width;
            num_rows += 1;
        }
        for (t, tile) in tiles.iter_mut().enumerate() {
            let first = t * LANES;
            let lanes = LANES.min(out.len() - first);
            let mut sums = *tile;
            for (limbs, &start) in limbs.iter().zip(&starts).take(num_rows) {
                let row = &rows[start + first..][..lanes];
                for (d, sums) in sums.iter_mut().enumerate() {
                    let x: [u64; LANES] = if let Ok(row) = <&[I; LANES]>::try_from(row) {
                        std::array::from_fn(|l| digit(row[l], d))
                    } else {
                        std::array::from_fn(|l| row.get(l).map_or(0, |&x| digit(x, d)))
                    };
                    for k in 0..8 {
                        for l in 0..LANES {
                            sums[k][l] += (limbs[k] & 0xffff_ffff) * x[l];
                        }
                    }
                }
            }
            *tile = sums;
        }
    }
    for (tile, out) in tiles.iter().zip(out.chunks_mut(LANES)) {
        for (l, out) in out.iter_mut().enumerate() {
            *out += carry::<DIGITS>(std::array::from_fn(|d| std::array::from_fn(|k| tile[d][k][l])));
        }
    }
}

/// The same code compiled twice: for the target's baseline, and for AVX2 where the processor has it.
mod dispatch {
    use super::{dot_block, fold_columns};
    use crate::SmallInt;
    use ark_bls12_381::Fr;

    pub(super) fn dot<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn avx2<I: SmallInt, const DIGITS: usize>(ints: &[I], weights: &[Fr]) -> Fr {
                dot_block::<I, DIGITS>(ints, weights)
            }
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, which is all that `avx2` asks for.
                #[allow(unsafe_code)]
                return unsafe { avx2::<I, DIGITS>(ints, weights) };
            }
        }
        dot_block::<I, DIGITS>(ints, weights)
    }

    pub(super) fn fold<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr], out: &mut [Fr]) {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn avx2<I: SmallInt, const DIGITS: usize>(ints: &[I], width: usize, weights: &[Fr], out: &mut [Fr]) {
                fold_columns::<I, DIGITS, 4>(ints, width, weights, out);
            }
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, which is all that `avx2` asks for.
                #[allow(unsafe_code)]
                return unsafe { avx2::<I, DIGITS>(ints, width, weights, out) };
            }
        }
        fold_columns::<I, DIGITS, 2>(ints, width, weights, out);
    }
}
