//! [`super::add_chords`] four at a time.
//!
//! A vector of four coordinates is 14 limbs of 28 bits, one lane a coordinate, so that products of limbs have room for sums in
//! 64 bits: additions and subtractions move no carries, and a Montgomery multiplication by `R = 2^392` moves one a step. A
//! multiplication costs about 20 ns a lane, where `ark-ff` takes 55 ns.
//!
//! A *plain* vector holds `ark-ff`'s own representation `x 2^384` and a *scaled* one `x R`, eight bits further. The product of
//! two scaled vectors is scaled and that of a plain and a scaled one plain. The products of the runs lose eight bits a run, and
//! their inverses have as many more: together they are scaled.
//!
//! Bounds, with `p < 2^380.71`: a product of factors below `c p` and `d p` is below `(c d 2^-11.29 + 1) p`. Limbs of a
//! product are below `2^28 + 2^9`; factors may have limbs of up to `2^30`.

use std::arch::x86_64::*;
use std::hint::black_box;

use ark_bls12_381::{Fq, FqConfig, G1Affine};
use ark_ff::{BigInt, MontConfig};

use super::vectors::{MULTIPLES, P, filled, inverses, limbs_of, summands, unrolled};
use super::{BATCH, Chord, Term, Way};

/// Limbs of a vector.
const LIMBS: usize = 14;
/// Bits of a limb.
const BITS: usize = 28;
/// The low bits that make a limb.
const MASK: u64 = (1 << BITS) - 1;
/// `-1 / p mod 2^28`.
const MINUS_INVERSE: u64 = FqConfig::INV & MASK;

/// Four coordinates.
type Lanes = [__m256i; LIMBS];

/// `factor p` with every limb but the last at least `(spare - 1) 2^28`.
const fn multiple_to_subtract_from(factor: u64, spare: u64) -> [u64; LIMBS] {
    let p: [u64; LIMBS] = limbs_of::<BITS, LIMBS>(P);
    let mut limbs = [0; LIMBS];
    let (mut carry, mut j) = (0, 0);
    while j < LIMBS {
        let limb = p[j] * factor + carry;
        (limbs[j], carry) = if j + 1 < LIMBS { (limb & MASK, limb >> BITS) } else { (limb, 0) };
        j += 1;
    }
    let mut j = 0;
    while j + 1 < LIMBS {
        limbs[j] += spare << BITS;
        limbs[j + 1] -= spare;
        j += 1;
    }
    limbs
}

static P_LIMBS: [u64; LIMBS] = limbs_of::<BITS, LIMBS>(P);
/// For subtracting a canonical coordinate or the negative of one, which is this less a coordinate: limbs below `2^30.4`.
static P_2: [u64; LIMBS] = multiple_to_subtract_from(2, 4);
/// For subtracting two canonical coordinates and a difference of two.
static P_6: [u64; LIMBS] = multiple_to_subtract_from(6, 16);
/// For subtracting a carried vector below `6 p`.
static P_8: [u64; LIMBS] = multiple_to_subtract_from(8, 2);
/// [`add_chords`], if the processor has AVX2.
pub(super) fn way() -> Option<Way> {
    let detected = is_x86_feature_detected!("avx2");
    // SAFETY: nobody gets this unless the processor has all that the function asks for.
    #[allow(unsafe_code)]
    let way: Way = |from, chords, to| unsafe { add_chords(from, chords, to) };
    detected.then_some(way)
}

#[target_feature(enable = "avx2")]
fn add_chords(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine]) {
    // For every four: the products of the runs before it, lane by lane, and its own runs, plain.
    let mut kept: Vec<[Lanes; 2]> = Vec::with_capacity(BATCH.min(chords.len()).div_ceil(4));
    for chords in chords.chunks(BATCH) {
        add_batch(from, chords, to, &mut kept);
    }
}

/// Additions that share an inversion; `kept` is a buffer.
#[target_feature(enable = "avx2")]
fn add_batch(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine], kept: &mut Vec<[Lanes; 2]>) {
    let p_lanes = lanes(&P_LIMBS);
    kept.clear();
    let one = Fq::from(1);
    let mut product = load([&one; 4]);
    for chords in chords.chunks(4) {
        let [a, b] = summands::<4>(&filled(chords));
        let run = sub(&load(abscissas(from, b)), &load(abscissas(from, a)), &P_2);
        kept.push([product, run]);
        product = mul(&product, &run, &p_lanes);
    }

    let [i0, i1, i2, i3] = &inverses(store(&carried(&product)).map(canonical), 1 << 8);
    let mut inverse = load([i0, i1, i2, i3]);
    for (chords, [product, run]) in chords.chunks(4).zip(kept.iter()).rev() {
        let [a, b] = summands::<4>(&filled(chords));
        let px = load(abscissas(from, a));
        let (py, qy) = (ordinates(from, a), ordinates(from, b));
        let inverse_run = mul(&inverse, product, &p_lanes);
        inverse = mul(&inverse, run, &p_lanes);
        // Below 1.1 p.
        let slope = mul(&inverse_run, &sub(&qy, &py, &P_2), &p_lanes);
        let scaled_slope = scaled(&slope);
        // Below 5.2 p, then 4.2 p. The abscissas' sum is the run, which has 2 p added, and twice the first one.
        let x = carried(&sub_abscissas(&mul(&scaled_slope, &slope, &p_lanes), run, &px));
        let y = carried(&sub(&mul(&scaled_slope, &sub(&px, &x, &P_8), &p_lanes), &py, &P_2));
        let (x, y) = (store(&x), store(&y));
        for (lane, chord) in chords.iter().enumerate() {
            to[chord.sum as usize] = G1Affine::new_unchecked(canonical(x[lane]), canonical(y[lane]));
        }
    }
}

#[inline(always)]
fn abscissas(from: &[G1Affine], [a, b, c, d]: [Term; 4]) -> [&Fq; 4] {
    [&from[a.index()].x, &from[b.index()].x, &from[c.index()].x, &from[d.index()].x]
}

macro_rules! for_each_limb {
    ($J:ident => $body:expr) => {
        unrolled!($J in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 => $body)
    };
}

/// `square - run - 2 px + 6 p`, without carries.
#[inline]
#[target_feature(enable = "avx2")]
fn sub_abscissas(square: &Lanes, run: &Lanes, px: &Lanes) -> Lanes {
    let mut x = *square;
    for_each_limb!(J => {
        let subtracted = _mm256_add_epi64(run[J], _mm256_add_epi64(px[J], px[J]));
        x[J] = _mm256_sub_epi64(_mm256_add_epi64(square[J], splat(P_6[J])), subtracted);
    });
    x
}

/// All ones for a negative.
#[inline(always)]
fn sign(term: Term) -> i64 {
    -i64::from(term.is_negative())
}

/// The ordinates of four points, below `2 p`.
#[inline]
#[target_feature(enable = "avx2")]
fn ordinates(from: &[G1Affine], terms: [Term; 4]) -> Lanes {
    let [a, b, c, d] = terms;
    let mut y = load([&from[a.index()].y, &from[b.index()].y, &from[c.index()].y, &from[d.index()].y]);
    if a.is_negative() | b.is_negative() | c.is_negative() | d.is_negative() {
        let signs = _mm256_set_epi64x(sign(d), sign(c), sign(b), sign(a));
        for_each_limb!(J => {
            let negated = _mm256_sub_epi64(splat(P_2[J]), y[J]);
            y[J] = _mm256_blendv_epi8(y[J], negated, signs);
        });
    }
    y
}

/// Words `2 i` and `2 i + 1`.
#[inline]
#[target_feature(enable = "avx2")]
fn pair(x: &Fq, i: usize) -> __m128i {
    _mm_set_epi64x(x.0.0[2 * i + 1] as i64, x.0.0[2 * i] as i64)
}

/// Four plain coordinates.
#[inline]
#[target_feature(enable = "avx2")]
fn load(coordinates: [&Fq; 4]) -> Lanes {
    let [a, b, c, d] = coordinates;
    let mut words = [_mm256_setzero_si256(); 6];
    for i in 0..3 {
        let ac = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(pair(a, i)), pair(c, i));
        let bd = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(pair(b, i)), pair(d, i));
        (words[2 * i], words[2 * i + 1]) = (_mm256_unpacklo_epi64(ac, bd), _mm256_unpackhi_epi64(ac, bd));
    }
    let mut limbs = [_mm256_setzero_si256(); LIMBS];
    for_each_limb!(J => {
        const WORD: usize = J * BITS / 64;
        const SHIFT: usize = J * BITS % 64;
        limbs[J] = _mm256_srli_epi64::<{ SHIFT as i32 }>(words[WORD]);
        if SHIFT + BITS > 64 && WORD + 1 < 6 {
            let above = _mm256_slli_epi64::<{ 64 - SHIFT as i32 }>(words[(WORD + 1) % 6]);
            limbs[J] = _mm256_or_si256(limbs[J], above);
        }
        limbs[J] = _mm256_and_si256(limbs[J], splat(MASK));
    });
    limbs
}

/// The words of four [`carried`] coordinates below `2^384`.
#[inline]
#[target_feature(enable = "avx2")]
fn store(x: &Lanes) -> [[u64; 6]; 4] {
    let mut words = [_mm256_setzero_si256(); 6];
    for_each_limb!(J => {
        const WORD: usize = J * BITS / 64;
        const SHIFT: usize = J * BITS % 64;
        words[WORD] = _mm256_or_si256(words[WORD], _mm256_slli_epi64::<{ SHIFT as i32 }>(x[J]));
        if SHIFT + BITS > 64 && WORD + 1 < 6 {
            let above = &mut words[(WORD + 1) % 6];
            *above = _mm256_or_si256(*above, _mm256_srli_epi64::<{ 64 - SHIFT as i32 }>(x[J]));
        }
    });
    let mut lanes = [[0; 6]; 4];
    for (i, word) in words.into_iter().enumerate() {
        let (low, high) = (_mm256_castsi256_si128(word), _mm256_extracti128_si256::<1>(word));
        lanes[0][i] = _mm_cvtsi128_si64(low) as u64;
        lanes[1][i] = _mm_cvtsi128_si64(_mm_unpackhi_epi64(low, low)) as u64;
        lanes[2][i] = _mm_cvtsi128_si64(high) as u64;
        lanes[3][i] = _mm_cvtsi128_si64(_mm_unpackhi_epi64(high, high)) as u64;
    }
    lanes
}

/// `x mod p` for `x < 7 p`.
#[inline(always)]
fn canonical(x: [u64; 6]) -> Fq {
    // The top 24 bits of the quotient's numerator and denominator: the estimate is right or one too small.
    const RECIPROCAL: u64 = (1 << 40) / ((P[5] >> 40) + 1);
    let quotient = ((x[5] >> 40) * RECIPROCAL) >> 40;
    let (x, _) = sub_words(x, &MULTIPLES[quotient as usize & 7]);
    let (less, borrow) = sub_words(x, &P);
    Fq::new_unchecked(BigInt(if borrow { x } else { less }))
}

/// `a - b` and whether it is negative.
#[inline(always)]
fn sub_words(a: [u64; 6], b: &[u64; 6]) -> ([u64; 6], bool) {
    let (mut difference, mut borrow) = ([0; 6], 0);
    for i in 0..6 {
        borrow = _subborrow_u64(borrow, a[i], b[i], &mut difference[i]);
    }
    (difference, borrow != 0)
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(x: u64) -> __m256i {
    _mm256_set1_epi64x(x as i64)
}

/// The same limbs in every lane.
#[inline]
#[target_feature(enable = "avx2")]
fn lanes(limbs: &[u64; LIMBS]) -> Lanes {
    let mut lanes = [_mm256_setzero_si256(); LIMBS];
    for (lane, &limb) in lanes.iter_mut().zip(limbs) {
        *lane = splat(limb);
    }
    lanes
}

/// `a - b` plus the multiple of `p` that `room` is, without carries.
#[inline]
#[target_feature(enable = "avx2")]
fn sub(a: &Lanes, b: &Lanes, room: &[u64; LIMBS]) -> Lanes {
    let mut difference = *a;
    for_each_limb!(J => difference[J] = _mm256_sub_epi64(_mm256_add_epi64(a[J], splat(room[J])), b[J]));
    difference
}

/// From plain to scaled: `2^8 x`, for limbs below `2^32` and `x < 9 p`.
#[inline]
#[target_feature(enable = "avx2")]
fn scaled(x: &Lanes) -> Lanes {
    let mut scaled = *x;
    for_each_limb!(J => {
        let low = if J + 1 < LIMBS { _mm256_and_si256(x[J], splat(MASK >> 8)) } else { x[J] };
        scaled[J] = _mm256_slli_epi64::<8>(low);
    });
    for_each_limb!(J => if J + 1 < LIMBS {
        let above = _mm256_srli_epi64::<{ BITS as i32 - 8 }>(x[J]);
        scaled[(J + 1) % LIMBS] = _mm256_add_epi64(scaled[(J + 1) % LIMBS], above);
    });
    scaled
}

/// The same value with limbs of 28 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn carried(x: &Lanes) -> Lanes {
    let mut limbs = *x;
    for_each_limb!(J => if J + 1 < LIMBS {
        let carry = _mm256_srli_epi64::<{ BITS as i32 }>(limbs[J]);
        limbs[(J + 1) % LIMBS] = _mm256_add_epi64(limbs[(J + 1) % LIMBS], carry);
        limbs[J] = _mm256_and_si256(limbs[J], splat(MASK));
    });
    limbs
}

/// The Montgomery product `a b / 2^392`; `p` is the modulus, as a vector so that its limbs are memory operands.
///
/// Step `i` adds `a_i b` and the multiple of `p` that clears the lowest limb, and drops that limb. The sums have names so that
/// they stay in registers, which as an array they do not: 20 against 50 ns a lane.
#[inline(never)]
#[target_feature(enable = "avx2")]
fn mul(a: &Lanes, b: &Lanes, p: &Lanes) -> Lanes {
    macro_rules! accumulate {
        ($a:ident $b:ident, $m:ident $p:ident: $($sum:ident = $next:expr, $j:literal;)*) => {
            $($sum = _mm256_add_epi64(
                _mm256_add_epi64($next, _mm256_mul_epu32($a, $b[$j])),
                _mm256_mul_epu32($m, $p[$j]),
            );)*
        };
    }
    let (mask, zero) = (splat(MASK), _mm256_setzero_si256());
    let [mut s0, mut s1, mut s2, mut s3, mut s4, mut s5, mut s6] = [zero; 7];
    let [mut s7, mut s8, mut s9, mut s10, mut s11, mut s12] = [zero; 6];
    for &a in a {
        // Else the compiler copies both operands to the stack before the loop, unaligned.
        let (b, p) = black_box((b, p));
        let lowest = _mm256_add_epi64(s0, _mm256_mul_epu32(a, b[0]));
        let m = _mm256_and_si256(_mm256_mul_epu32(lowest, splat(MINUS_INVERSE)), mask);
        let cleared = _mm256_add_epi64(lowest, _mm256_mul_epu32(m, p[0]));
        let carry = _mm256_srli_epi64::<{ BITS as i32 }>(cleared);
        accumulate! { a b, m p:
            s0 = _mm256_add_epi64(s1, carry), 1;
            s1 = s2, 2;
            s2 = s3, 3;
            s3 = s4, 4;
            s4 = s5, 5;
            s5 = s6, 6;
            s6 = s7, 7;
            s7 = s8, 8;
            s8 = s9, 9;
            s9 = s10, 10;
            s10 = s11, 11;
            s11 = s12, 12;
            s12 = zero, 13;
        }
    }
    let mut sums = [s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, zero];
    // Two rounds of carries, all limbs at once: sums are below 2^62, so the second moves at most 7 bits.
    for _ in 0..2 {
        let before = sums;
        for j in 0..LIMBS {
            if j + 1 < LIMBS {
                sums[j] = _mm256_and_si256(before[j], mask);
            }
            if j > 0 {
                sums[j] = _mm256_add_epi64(sums[j], _mm256_srli_epi64::<{ BITS as i32 }>(before[j - 1]));
            }
        }
    }
    sums
}
