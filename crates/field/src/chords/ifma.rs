//! [`super::add_chords`] eight at a time, with the multiplications of 52 bits that AVX-512 has.
//!
//! A vector of eight coordinates is 8 limbs of 52 bits, one lane a coordinate. Montgomery products are by `R = 2^416`, which
//! leaves 35 bits of room above the modulus. An instruction adds the low or the high 52 bits of a product of limbs to 64 bits,
//! so that sums of products move no carries; what it multiplies are the low 52 bits of its factors, whatever is above.
//!
//! Limbs come in three forms: *loose* ones are signed or have up to 58 bits, and are for sums and differences; *factors* are
//! right modulo `2^52`; *exact* ones, which are both, have 52 bits.
//!
//! `ark-ff` represents `x` by `x 2^384`. The product of the representations `x 2^s` and `y 2^t` is `x y 2^(s + t - 416)`, so
//! that a product of a batch's runs is for 32 bits less with every run. Its inverse is for as many more, and the two together are
//! for `x 2^432`; slopes then are for `x 2^400` and their squares for `x 2^384` again. The one factor that is multiplied by a
//! slope is shifted by 16 bits.
//!
//! Bounds, with `p < 2^380.71`: a product of factors below `c p` and `d p` is below `(c d 2^-35.29 + 1.25) p`. The runs and the
//! rises are below `2 p`, products below `1.3 p`, and the shifted factor below `2^18.4 p`.

use std::arch::x86_64::*;

use ark_bls12_381::{Fq, FqConfig, G1Affine};
use ark_ff::{BigInt, MontConfig};

use super::vectors::{MULTIPLES, P, filled, inverses, limbs_of, multiple, summands, unrolled};
use super::{BATCH, Chord, Term, Way};

/// Limbs of a vector.
const LIMBS: usize = 8;
/// Bits of a limb.
const BITS: usize = 52;
/// The low bits that make a limb.
const MASK: u64 = (1 << BITS) - 1;
/// `-1 / p mod 2^52`.
const MINUS_INVERSE: u64 = FqConfig::INV & MASK;

/// Eight coordinates.
type Lanes = [__m512i; LIMBS];
/// Sums of the limbs' products.
type Columns = [__m512i; 2 * LIMBS];

static P_1: [u64; LIMBS] = limbs_of::<BITS, LIMBS>(P);
static P_3: [u64; LIMBS] = limbs_of::<BITS, LIMBS>(multiple(3));
static P_4: [u64; LIMBS] = limbs_of::<BITS, LIMBS>(multiple(4));
/// `(k p + 1) / 2^52` for the `k < 2^50` that makes this an integer: a limb `m` times this is `m / 2^52` modulo `p`.
static SHIFTED_ONE: [u64; LIMBS] = {
    let mut words = [0; 6];
    let (mut carry, mut below, mut i) = (1, 0, 0);
    while i <= 6 {
        let word = if i < 6 { P[i] } else { 0 };
        let t = word as u128 * MINUS_INVERSE as u128 + carry;
        if i > 0 {
            words[i - 1] = (t as u64) << (64 - BITS) | below >> BITS;
        }
        (below, carry) = (t as u64, t >> 64);
        i += 1;
    }
    limbs_of::<BITS, LIMBS>(words)
};
const _: () = assert!(MINUS_INVERSE < 1 << 50);
/// Every limb of `0, p, 2 p, ..`.
static LIMBS_OF_MULTIPLES: [[u64; 8]; LIMBS] = {
    let mut limbs = [[0; 8]; LIMBS];
    let mut m = 0;
    while m < 8 {
        let multiple = limbs_of::<BITS, LIMBS>(MULTIPLES[m]);
        let mut j = 0;
        while j < LIMBS {
            limbs[j][m] = multiple[j];
            j += 1;
        }
        m += 1;
    }
    limbs
};

macro_rules! for_each_limb {
    ($J:ident => $body:expr) => {
        unrolled!($J in 0 1 2 3 4 5 6 7 => $body)
    };
}

/// [`add_chords`], if the processor has AVX-512's multiplications of 52 bits and shifts of pairs.
pub(super) fn way() -> Option<Way> {
    let detected = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512ifma")
        && is_x86_feature_detected!("avx512vbmi2");
    // SAFETY: nobody gets this unless the processor has all that the function asks for.
    #[allow(unsafe_code)]
    let way: Way = |from, chords, to| unsafe { add_chords(from, chords, to) };
    detected.then_some(way)
}

#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn add_chords(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine]) {
    let eights = 2 * BATCH.min(chords.len()).div_ceil(16);
    let [products, runs, first] = [(); 3].map(|()| Vec::with_capacity(eights));
    let mut kept = Kept { products, runs, first };
    for chords in chords.chunks(BATCH) {
        add_batch(from, chords, to, &mut kept);
    }
}

/// What the second pass needs of every eight additions of a batch.
struct Kept {
    /// The products of the runs before them, lane by lane: factors, for `x 2^(384 - 32 i)` after `i` runs.
    products: Vec<Lanes>,
    /// Their own runs, with `p` added: exact, for `x 2^384`.
    runs: Vec<Lanes>,
    /// The abscissas of their first summands: exact, for `x 2^384`.
    first: Vec<Lanes>,
}

impl Kept {
    /// Keeps eight additions' runs, which are returned, and their first abscissas.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
    fn push_runs(&mut self, from: &[G1Affine], chords: &[Chord; 8]) -> Lanes {
        let [a, b] = summands(chords);
        let px = load(abscissas(from, a));
        let run = masked(&factor(&sub(&load(abscissas(from, b)), &px, &P_1)));
        self.first.push(px);
        self.runs.push(run);
        run
    }
}

/// Additions that share an inversion; `kept` is a buffer.
///
/// Two vectors go side by side, and what a multiplication needs is there well before it: the processor sees fewer instructions
/// ahead than a multiplication has, so that it would wait for what stands right before or behind.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn add_batch(from: &[G1Affine], chords: &[Chord], to: &mut [G1Affine], kept: &mut Kept) {
    [&mut kept.products, &mut kept.runs, &mut kept.first].into_iter().for_each(Vec::clear);
    let (sixteens, rest) = chords.as_chunks::<16>();
    let rest = rest.first().map(|_| filled(rest));
    let sixteens = sixteens.iter().chain(&rest);
    let one = Fq::from(1);
    let mut products = [load([&one; 8]); 2];
    // The second ones are for the sixteen before: at first, a one.
    let mut runs = [load([&Fq::from(1u64 << 32); 8]); 2];
    for chords in sixteens.clone() {
        runs[0] = kept.push_runs(from, eight(chords, 0));
        products[1] = product::<true>(&products[1], &runs[1]);
        kept.products.push(products[0]);
        kept.products.push(products[1]);
        runs[1] = kept.push_runs(from, eight(chords, 1));
        products[0] = product::<true>(&products[0], &runs[0]);
    }
    products[1] = product::<true>(&products[1], &runs[1]);

    let mut inverses = inverted(&products);
    let [mut slopes, mut py, mut rises, mut squares, mut falls, mut x, mut y] = [[[splat(0); LIMBS]; 2]; 7];
    // Sums are put where they go while those after them are computed.
    let mut pending: Option<&[Chord; 16]> = None;
    let mut two = kept.runs.len()..kept.runs.len() + 2;
    for chords in sixteens.rev() {
        two = two.start - 2..two.start;
        let (before, kept_runs, px) = (&kept.products[two.clone()], &kept.runs[two.clone()], &kept.first[two.clone()]);
        for h in 0..2 {
            let [a, b] = summands(eight(chords, h));
            py[h] = ordinates(from, a);
            rises[h] = factor(&sub(&ordinates(from, b), &py[h], &P_1));
            // The inverse of the run.
            slopes[h] = product::<true>(&inverses[h], &before[h]);
        }
        for h in 0..2 {
            inverses[h] = product::<true>(&inverses[h], &kept_runs[h]);
            x[h] = canonical(&x[h]);
        }
        for h in 0..2 {
            // For x 2^400, so that its square is for x 2^384.
            slopes[h] = product::<true>(&slopes[h], &rises[h]);
            y[h] = canonical(&y[h]);
        }
        for h in 0..2 {
            squares[h] = square(&slopes[h]);
            if let Some(chords) = pending {
                put_points(to, eight(chords, h), &x[h], &y[h]);
            }
        }
        for h in 0..2 {
            // Below 3.3 p. The abscissas' sum is the run, which has p added, and twice the first one.
            x[h] = sub_abscissas(&squares[h], &kept_runs[h], &px[h]);
            falls[h] = shifted(&factor(&sub(&px[h], &x[h], &P_4)));
        }
        for h in 0..2 {
            // Below 2.3 p.
            y[h] = sub(&product::<false>(&slopes[h], &falls[h]), &py[h], &P_1);
        }
        pending = Some(chords);
    }
    if let Some(chords) = pending {
        for h in 0..2 {
            put_points(to, eight(chords, h), &canonical(&x[h]), &canonical(&y[h]));
        }
    }
}

/// The first or the second eight of sixteen.
#[inline(always)]
fn eight(chords: &[Chord; 16], h: usize) -> &[Chord; 8] {
    &chords.as_chunks().0[h]
}

/// From factors for `x 2^s`, those for `2^(816 - s) / x`, which with the product one run shorter make `2^(848 - 416)`.
///
/// # Panics
/// If an `x` is zero.
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn inverted(products: &[Lanes; 2]) -> [Lanes; 2] {
    let mut x = [Fq::from(0); 16];
    for (h, product) in products.iter().enumerate() {
        let (low, high) = rows(&canonical(&masked(product)));
        for lane in 0..8 {
            x[8 * h + lane] = coordinate(low[lane], high[lane]);
        }
    }
    let inverses = &inverses(x, 1 << 48);
    let [i0, i1, i2, i3, i4, i5, i6, i7, j0, j1, j2, j3, j4, j5, j6, j7] = inverses;
    [load([i0, i1, i2, i3, i4, i5, i6, i7]), load([j0, j1, j2, j3, j4, j5, j6, j7])]
}

#[inline(always)]
fn abscissas(from: &[G1Affine], terms: [Term; 8]) -> [&Fq; 8] {
    let mut abscissas = [&from[terms[0].index()].x; 8];
    for lane in 1..8 {
        abscissas[lane] = &from[terms[lane].index()].x;
    }
    abscissas
}

/// The ordinates of eight points, up to `p`, loose.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn ordinates(from: &[G1Affine], terms: [Term; 8]) -> Lanes {
    let mut ordinates = [&from[terms[0].index()].y; 8];
    let mut negatives = u8::from(terms[0].is_negative());
    for lane in 1..8 {
        ordinates[lane] = &from[terms[lane].index()].y;
        negatives |= u8::from(terms[lane].is_negative()) << lane;
    }
    let mut y = load(ordinates);
    if negatives != 0 {
        for_each_limb!(J => y[J] = _mm512_mask_sub_epi64(y[J], negatives, splat(P_1[J]), y[J]));
    }
    y
}

/// `square - run - 2 px + 3 p`, loose.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn sub_abscissas(square: &Lanes, run: &Lanes, px: &Lanes) -> Lanes {
    let mut x = *square;
    for_each_limb!(J => {
        let subtracted = _mm512_add_epi64(run[J], _mm512_add_epi64(px[J], px[J]));
        x[J] = _mm512_sub_epi64(_mm512_add_epi64(square[J], splat(P_3[J])), subtracted);
    });
    x
}

/// Eight coordinates, exact.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn load(coordinates: [&Fq; 8]) -> Lanes {
    let [a, b, c, d, e, f, g, h] = coordinates;
    let (ac, bd, eg, fh) = (low_words(a, c), low_words(b, d), low_words(e, g), low_words(f, h));
    let (even, odd) = (high_words([a, c, e, g]), high_words([b, d, f, h]));
    let (w02, w13) = (_mm512_unpacklo_epi64(ac, bd), _mm512_unpackhi_epi64(ac, bd));
    let (v02, v13) = (_mm512_unpacklo_epi64(eg, fh), _mm512_unpackhi_epi64(eg, fh));
    let words = [
        _mm512_shuffle_i64x2::<0b10_00_10_00>(w02, v02),
        _mm512_shuffle_i64x2::<0b10_00_10_00>(w13, v13),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(w02, v02),
        _mm512_shuffle_i64x2::<0b11_01_11_01>(w13, v13),
        _mm512_unpacklo_epi64(even, odd),
        _mm512_unpackhi_epi64(even, odd),
    ];
    let mut limbs = [_mm512_setzero_si512(); LIMBS];
    for_each_limb!(J => {
        const WORD: usize = J * BITS / 64;
        const SHIFT: usize = J * BITS % 64;
        limbs[J] = _mm512_shrdi_epi64::<{ SHIFT as i32 }>(words[WORD], words[(WORD + 1) % 6]);
        limbs[J] = if J + 1 < LIMBS {
            _mm512_and_si512(limbs[J], splat(MASK))
        } else {
            _mm512_srli_epi64::<{ SHIFT as u32 }>(words[WORD])
        };
    });
    limbs
}

/// Words 0 to 3 of two coordinates.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn low_words(a: &Fq, b: &Fq) -> __m512i {
    let four = |x: &Fq| {
        // SAFETY: a coordinate has six words.
        #[allow(unsafe_code)]
        unsafe {
            _mm256_loadu_si256(x.0.0.as_ptr().cast())
        }
    };
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(four(a)), four(b))
}

/// Words 4 and 5 of four coordinates.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn high_words([a, b, c, d]: [&Fq; 4]) -> __m512i {
    let two = |x: &Fq| {
        let words: &[u64] = &x.0.0[4..];
        // SAFETY: these are two words.
        #[allow(unsafe_code)]
        unsafe {
            _mm_loadu_si128(words.as_ptr().cast())
        }
    };
    let ab = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(two(a)), two(b));
    let cd = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(two(c)), two(d));
    _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd)
}

/// Words 0 to 3 and words 4 and 5 of eight coordinates below `2^384`, from factors.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn rows(x: &Lanes) -> ([__m256i; 8], [__m128i; 8]) {
    // A limb's 52 bits at the top of 64, so that what is above them is gone.
    let mut upper = *x;
    for_each_limb!(J => upper[J] = _mm512_slli_epi64::<{ 64 - BITS as u32 }>(x[J]));
    let words = [
        _mm512_shrdi_epi64::<12>(upper[0], x[1]),
        _mm512_shrdi_epi64::<24>(upper[1], x[2]),
        _mm512_shrdi_epi64::<36>(upper[2], x[3]),
        _mm512_shrdi_epi64::<48>(upper[3], x[4]),
        _mm512_or_si512(_mm512_srli_epi64::<60>(upper[4]), _mm512_shldi_epi64::<56>(x[6], upper[5])),
        _mm512_shrdi_epi64::<20>(upper[6], x[7]),
    ];
    let (first, second) = (_mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4));
    let (w01, v01) = (_mm512_unpacklo_epi64(words[0], words[1]), _mm512_unpackhi_epi64(words[0], words[1]));
    let (w23, v23) = (_mm512_unpacklo_epi64(words[2], words[3]), _mm512_unpackhi_epi64(words[2], words[3]));
    let (even, odd) = (_mm512_unpacklo_epi64(words[4], words[5]), _mm512_unpackhi_epi64(words[4], words[5]));
    let (ac, eg) = (_mm512_permutex2var_epi64(w01, first, w23), _mm512_permutex2var_epi64(w01, second, w23));
    let (bd, fh) = (_mm512_permutex2var_epi64(v01, first, v23), _mm512_permutex2var_epi64(v01, second, v23));
    let low = [
        _mm512_castsi512_si256(ac),
        _mm512_castsi512_si256(bd),
        _mm512_extracti64x4_epi64::<1>(ac),
        _mm512_extracti64x4_epi64::<1>(bd),
        _mm512_castsi512_si256(eg),
        _mm512_castsi512_si256(fh),
        _mm512_extracti64x4_epi64::<1>(eg),
        _mm512_extracti64x4_epi64::<1>(fh),
    ];
    let high = [
        _mm512_castsi512_si128(even),
        _mm512_castsi512_si128(odd),
        _mm512_extracti64x2_epi64::<1>(even),
        _mm512_extracti64x2_epi64::<1>(odd),
        _mm512_extracti64x2_epi64::<2>(even),
        _mm512_extracti64x2_epi64::<2>(odd),
        _mm512_extracti64x2_epi64::<3>(even),
        _mm512_extracti64x2_epi64::<3>(odd),
    ];
    (low, high)
}

/// The coordinate with these words.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn coordinate(low: __m256i, high: __m128i) -> Fq {
    let mut words = [0u64; 6];
    // SAFETY: words 0 to 3, then words 4 and 5 of six.
    #[allow(unsafe_code)]
    unsafe {
        _mm256_storeu_si256(words.as_mut_ptr().cast(), low);
        _mm_storeu_si128(words.as_mut_ptr().add(4).cast(), high);
    }
    Fq::new_unchecked(BigInt(words))
}

/// Puts eight sums, canonical, where they go.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn put_points(to: &mut [G1Affine], chords: &[Chord; 8], x: &Lanes, y: &Lanes) {
    let ((x_low, x_high), (y_low, y_high)) = (rows(x), rows(y));
    for_each_limb!(J => {
        let (x, y) = (coordinate(x_low[J], x_high[J]), coordinate(y_low[J], y_high[J]));
        to[chords[J].sum as usize] = G1Affine::new_unchecked(x, y);
    });
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn splat(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

/// `a - b` plus the multiple of `p` that `room` is, loose.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn sub(a: &Lanes, b: &Lanes, room: &[u64; LIMBS]) -> Lanes {
    let mut difference = *a;
    for_each_limb!(J => difference[J] = _mm512_sub_epi64(_mm512_add_epi64(a[J], splat(room[J])), b[J]));
    difference
}

/// The same value as factors.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn factor(x: &Lanes) -> Lanes {
    let mut limbs = *x;
    for_each_limb!(J => if J + 1 < LIMBS {
        let carry = _mm512_srai_epi64::<{ BITS as u32 }>(limbs[J]);
        limbs[(J + 1) % LIMBS] = _mm512_add_epi64(limbs[(J + 1) % LIMBS], carry);
    });
    limbs
}

/// Factors without what is above their 52 bits, but for the highest.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn masked(x: &Lanes) -> Lanes {
    let mut limbs = *x;
    for_each_limb!(J => if J + 1 < LIMBS {
        limbs[J] = _mm512_and_si512(limbs[J], splat(MASK));
    });
    limbs
}

/// From factors for `x 2^s`, those for `x 2^(s + 16)`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn shifted(x: &Lanes) -> Lanes {
    let mut shifted = *x;
    shifted[0] = _mm512_slli_epi64::<16>(x[0]);
    for_each_limb!(J => if J + 1 < LIMBS {
        let below = _mm512_slli_epi64::<{ 64 - BITS as u32 }>(x[J]);
        shifted[(J + 1) % LIMBS] = _mm512_shldi_epi64::<16>(x[(J + 1) % LIMBS], below);
    });
    shifted
}

/// `x mod p`, as factors, for loose limbs of `x < 7 p`.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn canonical(x: &Lanes) -> Lanes {
    // The top limb without the carries from below is at most one more or less than with them. One more than this, divided by
    // the modulus' top limb and 3, is at most the quotient, and it is the quotient or one less.
    const RECIPROCAL: u64 = (1 << BITS) / (P_1[LIMBS - 1] + 3);
    let top = _mm512_add_epi64(x[7], _mm512_srai_epi64::<{ BITS as u32 }>(x[6]));
    let quotient = _mm512_madd52hi_epu64(splat(0), _mm512_add_epi64(top, splat(1)), splat(RECIPROCAL));
    let mut rest = *x;
    for_each_limb!(J => {
        // SAFETY: eight words.
        #[allow(unsafe_code)]
        let multiples = unsafe { _mm512_loadu_si512(LIMBS_OF_MULTIPLES[J].as_ptr().cast()) };
        rest[J] = _mm512_sub_epi64(x[J], _mm512_permutexvar_epi64(quotient, multiples));
    });
    let rest = factor(&rest);
    // One coordinate in some thousands.
    if _mm512_cmpge_epi64_mask(rest[7], splat(P_1[LIMBS - 1])) != 0 { less_modulus(&rest) } else { rest }
}

/// From factors for `x < 2 p`, those for `x mod p`.
#[cold]
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn less_modulus(x: &Lanes) -> Lanes {
    let mut x = masked(x);
    let mut less = x;
    for_each_limb!(J => less[J] = _mm512_sub_epi64(x[J], splat(P_1[J])));
    let less = factor(&less);
    let not_negative = _mm512_cmpge_epi64_mask(less[7], splat(0));
    for_each_limb!(J => x[J] = _mm512_mask_mov_epi64(x[J], not_negative, less[J]));
    x
}

/// The Montgomery product `a b / 2^416` of factors, as factors or loose.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn product<const FACTORS: bool>(a: &Lanes, b: &Lanes) -> Lanes {
    let mut sums = [splat(0); 2 * LIMBS];
    for_each_limb!(I => {
        for_each_limb!(J => sums[I + J] = _mm512_madd52lo_epu64(sums[I + J], a[I], b[J]));
        for_each_limb!(J => sums[I + J + 1] = _mm512_madd52hi_epu64(sums[I + J + 1], a[I], b[J]));
        sums = reduced::<I>(sums);
    });
    if FACTORS { factor(&upper(&sums)) } else { upper(&sums) }
}

/// The Montgomery square `a^2 / 2^416` of factors, loose.
#[inline(never)]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn square(a: &Lanes) -> Lanes {
    let mut sums = [_mm512_setzero_si512(); 2 * LIMBS];
    for_each_limb!(I => {
        for_each_limb!(J => if (I + 1..LIMBS).contains(&J) { sums[I + J] = _mm512_madd52lo_epu64(sums[I + J], a[I], a[J]) });
        for_each_limb!(J => if (I + 1..LIMBS).contains(&J) { sums[I + J + 1] = _mm512_madd52hi_epu64(sums[I + J + 1], a[I], a[J]) });
    });
    for_each_limb!(I => {
        for sums in &mut sums[2 * I..][..2] {
            *sums = _mm512_add_epi64(*sums, *sums);
        }
        sums[2 * I] = _mm512_madd52lo_epu64(sums[2 * I], a[I], a[I]);
        sums[2 * I + 1] = _mm512_madd52hi_epu64(sums[2 * I + 1], a[I], a[I]);
    });
    for_each_limb!(I => sums = reduced::<I>(sums));
    upper(&sums)
}

/// A step of a reduction: clears column `I`, those below being clear, by adding a multiple of `p`.
///
/// All but the last add `k p` times the column, which clears it because `k p = -1 mod 2^52`: what is above it is
/// [`SHIFTED_ONE`]. The last one adds less than `2^52 p`, that the result be small.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn reduced<const I: usize>(mut sums: Columns) -> Columns {
    if I + 1 < LIMBS {
        let m = sums[I];
        sums[I + 1] = _mm512_add_epi64(sums[I + 1], _mm512_srli_epi64::<{ BITS as u32 }>(m));
        for_each_limb!(J => sums[I + J + 1] = _mm512_madd52lo_epu64(sums[I + J + 1], m, splat(SHIFTED_ONE[J])));
        for_each_limb!(J => sums[(I + J + 2) % (2 * LIMBS)] =
            _mm512_madd52hi_epu64(sums[(I + J + 2) % (2 * LIMBS)], m, splat(SHIFTED_ONE[J])));
    } else {
        let m = _mm512_madd52lo_epu64(splat(0), sums[I], splat(MINUS_INVERSE));
        for_each_limb!(J => sums[I + J] = _mm512_madd52lo_epu64(sums[I + J], m, splat(P_1[J])));
        for_each_limb!(J => sums[I + J + 1] = _mm512_madd52hi_epu64(sums[I + J + 1], m, splat(P_1[J])));
        sums[I + 1] = _mm512_add_epi64(sums[I + 1], _mm512_srli_epi64::<{ BITS as u32 }>(sums[I]));
    }
    sums
}

/// What is left of columns whose lower half is clear.
#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,avx512vbmi2")]
fn upper(sums: &Columns) -> Lanes {
    let mut upper = [_mm512_setzero_si512(); LIMBS];
    upper.copy_from_slice(&sums[LIMBS..]);
    upper
}
