//! Kernels over eight elements at a time, by AVX-512's products of 52-bit integers (IFMA).
//!
//! A vector of eight elements is five limbs of 52 bits, one lane an element. An instruction adds the low or the high 52 bits of
//! a product to a sum of 64 bits, so that carries wait until the end: a Montgomery product by rows (Gueron and Krasnov, "Software
//! implementation of modular exponentiation, using advanced vector instructions architectures", 2012) is 125 instructions for
//! eight elements. It divides by `2^260` where stored elements have the radix `2^256`, so one factor is taken sixteenfold, which
//! costs nothing as limbs are cut from words by shifts.
//!
//! The quotient's digit of a lowest limb t is `-(t + 2^32 t)`, as `1 / p = 1 + 2^32 mod 2^52`, and `t + m p_0` ends in 52 zeros, so
//! that what it carries is `ceil(t / 2^52)`: neither takes a product, and the chain from one row to the next is short.
//!
//! The instructions read the low 52 bits of their factors: factors need no mask, but must be carried. Bounds stand with the functions.
#![allow(unsafe_code)]
// Limbs are indexed as the formulas have them; closures would stay calls, for they do not have the processor's features.
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use super::config::Fr;
use super::processor::proof_of;
use super::wide::{P, reduce_9};

/// Elements of a vector.
pub(super) const LANES: usize = 8;
/// Limbs of an element.
const LIMBS: usize = 5;
const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;

/// Eight elements, a limb a vector.
type Limbs = [__m512i; LIMBS];
/// Sums of products of two elements, unreduced.
type Columns = [__m512i; 2 * LIMBS];

/// `p`.
const MODULUS: [u64; LIMBS] = limbs_of(P);

const fn limbs_of(w: [u64; 4]) -> [u64; LIMBS] {
    [
        w[0] & MASK,
        (w[0] >> 52 | w[1] << 12) & MASK,
        (w[1] >> 40 | w[2] << 24) & MASK,
        (w[2] >> 28 | w[3] << 36) & MASK,
        w[3] >> 16,
    ]
}

proof_of! {
    /// Proof that the processor has the instructions.
    Ifma: "avx512f" "avx512ifma" "avx512vbmi2"
}

/// `out = a b`, elementwise, on as many whole vectors as there are; returns the number of elements done.
pub(super) fn products(_: Ifma, out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    // SAFETY: the processor has the instructions, of which the argument is proof.
    unsafe { products_by_vectors(out, a, b) }
}

/// `out = a + b`, elementwise, as [`products`].
pub(super) fn sums(_: Ifma, out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    // SAFETY: as for `products`.
    unsafe { combined_by_vectors::<0, 1>(out, a, b) }
}

/// `out = a - b`, elementwise, as [`products`].
pub(super) fn differences(_: Ifma, out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    // SAFETY: as for `products`.
    unsafe { combined_by_vectors::<0, -1>(out, a, b) }
}

/// `out = 2 a - b`, elementwise, as [`products`].
pub(super) fn extrapolations(_: Ifma, out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    // SAFETY: as for `products`.
    unsafe { combined_by_vectors::<1, -1>(out, a, b) }
}

/// `out += factor x`, elementwise, as [`products`].
pub(super) fn add_scaled(_: Ifma, out: &mut [Fr], x: &[Fr], factor: &Fr) -> usize {
    // SAFETY: as for `products`.
    unsafe { add_scaled_by_vectors(out, x, factor) }
}

/// `low += c 2^-128 (high - low)`, elementwise, as [`products`].
pub(super) fn bind_short(_: Ifma, low: &mut [Fr], high: &[Fr], c: [u64; 2]) -> usize {
    // SAFETY: as for `products`.
    unsafe { bind_short_by_vectors(low, high, c) }
}

/// `low += r (high - low)`, elementwise, as [`products`].
pub(super) fn bind(_: Ifma, low: &mut [Fr], high: &[Fr], r: &Fr) -> usize {
    // SAFETY: as for `products`.
    unsafe { bind_by_vectors(low, high, r) }
}

/// `sum_i a_i b_i` over the elements of whole vectors, and their number.
pub(super) fn inner_product(_: Ifma, a: &[Fr], b: &[Fr]) -> (Fr, usize) {
    // SAFETY: as for `products`.
    unsafe { inner_product_by_vectors(a, b) }
}

/// `sum_i w_i sum_k a_ki b_ki` over the elements of whole vectors, and their number. At most two k.
pub(super) fn weighted_products(_: Ifma, weights: &[Fr], pairs: &[[&[Fr]; 2]]) -> (Fr, usize) {
    // SAFETY: as for `products`.
    unsafe { weighted_products_by_vectors(weights, pairs) }
}

/// Sums of neighbouring fractions `(p0 q1 + p1 q0, q0 q1)`, and how many; as [`products`].
pub(super) fn add_fractions(_: Ifma, [p, q]: [&[Fr]; 2], [out_p, out_q]: [&mut [Fr]; 2]) -> usize {
    // SAFETY: as for `products`.
    unsafe { add_fractions_by_vectors([p, q], [out_p, out_q]) }
}

/// Words of eight consecutive elements, a word a vector. The lanes' order is that of [`store`].
#[inline]
#[target_feature(enable = "avx512f")]
fn load(elements: &[Fr; LANES]) -> [__m512i; 4] {
    let start: *const __m512i = elements.as_ptr().cast();
    // SAFETY: eight elements are four vectors of two, and the loads ask for no alignment.
    let z = unsafe {
        [
            _mm512_loadu_si512(start),
            _mm512_loadu_si512(start.add(1)),
            _mm512_loadu_si512(start.add(2)),
            _mm512_loadu_si512(start.add(3)),
        ]
    };
    words(z)
}

/// Words of the elements with even places and of those with odd ones among sixteen consecutive elements.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_pairs(elements: &[Fr; 2 * LANES]) -> [[__m512i; 4]; 2] {
    let start: *const __m512i = elements.as_ptr().cast();
    let (mut even, mut odd) = ([_mm512_setzero_si512(); 4], [_mm512_setzero_si512(); 4]);
    for k in 0..4 {
        // SAFETY: sixteen elements are eight vectors of two, and the loads ask for no alignment.
        let (a, b) = unsafe { (_mm512_loadu_si512(start.add(2 * k)), _mm512_loadu_si512(start.add(2 * k + 1))) };
        even[k] = _mm512_shuffle_i64x2::<0x44>(a, b);
        odd[k] = _mm512_shuffle_i64x2::<0xee>(a, b);
    }
    [words(even), words(odd)]
}

/// From vectors of two elements each to vectors of one word each.
#[inline]
#[target_feature(enable = "avx512f")]
fn words(z: [__m512i; 4]) -> [__m512i; 4] {
    let (low, high) = (_mm512_unpacklo_epi64(z[0], z[1]), _mm512_unpackhi_epi64(z[0], z[1]));
    let (low_2, high_2) = (_mm512_unpacklo_epi64(z[2], z[3]), _mm512_unpackhi_epi64(z[2], z[3]));
    [
        _mm512_shuffle_i64x2::<0x88>(low, low_2),
        _mm512_shuffle_i64x2::<0x88>(high, high_2),
        _mm512_shuffle_i64x2::<0xdd>(low, low_2),
        _mm512_shuffle_i64x2::<0xdd>(high, high_2),
    ]
}

/// Writes eight elements whose words are those of [`load`].
#[inline]
#[target_feature(enable = "avx512f")]
fn store(w: [__m512i; 4], out: &mut [Fr; LANES]) {
    let (low, low_2) = (_mm512_unpacklo_epi64(w[0], w[1]), _mm512_unpacklo_epi64(w[2], w[3]));
    let (high, high_2) = (_mm512_unpackhi_epi64(w[0], w[1]), _mm512_unpackhi_epi64(w[2], w[3]));
    let first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    let second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    let z = [
        _mm512_permutex2var_epi64(low, first, low_2),
        _mm512_permutex2var_epi64(high, first, high_2),
        _mm512_permutex2var_epi64(low, second, low_2),
        _mm512_permutex2var_epi64(high, second, high_2),
    ];
    let start: *mut __m512i = out.as_mut_ptr().cast();
    for (k, z) in z.into_iter().enumerate() {
        // SAFETY: eight elements are four vectors of two, and the stores ask for no alignment. What is written are words of
        // elements below p, as the callers have them from `reduced`.
        unsafe { _mm512_storeu_si512(start.add(k), z) };
    }
}

/// The limbs as factors: what lies above their 52 bits is not cleared.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn plain(w: [__m512i; 4]) -> Limbs {
    [
        w[0],
        _mm512_shrdi_epi64::<52>(w[0], w[1]),
        _mm512_shrdi_epi64::<40>(w[1], w[2]),
        _mm512_shrdi_epi64::<28>(w[2], w[3]),
        _mm512_srli_epi64::<16>(w[3]),
    ]
}

/// [`plain`] of `16 x`.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn sixteenfold(w: [__m512i; 4]) -> Limbs {
    [
        _mm512_slli_epi64::<4>(w[0]),
        _mm512_shrdi_epi64::<48>(w[0], w[1]),
        _mm512_shrdi_epi64::<36>(w[1], w[2]),
        _mm512_shrdi_epi64::<24>(w[2], w[3]),
        _mm512_srli_epi64::<12>(w[3]),
    ]
}

/// One element's words in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn splat(x: &Fr) -> [__m512i; 4] {
    let w = x.0.0;
    [word(w[0]), word(w[1]), word(w[2]), word(w[3])]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn word(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

/// Adds the multiple of p that clears the lowest limb of a Montgomery product's sums, and drops that limb.
///
/// Every sum takes four terms below `2^52` a row.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn reduce_row(t: &mut Limbs, p: &Limbs) {
    let zero = _mm512_setzero_si512();
    let m = _mm512_sub_epi64(_mm512_sub_epi64(zero, t[0]), _mm512_slli_epi64::<32>(t[0]));
    let carry = _mm512_srli_epi64::<BITS>(_mm512_add_epi64(t[0], word(MASK)));
    for j in 1..LIMBS {
        t[j] = _mm512_madd52lo_epu64(t[j], m, p[j]);
    }
    t[0] = _mm512_madd52hi_epu64(_mm512_add_epi64(t[1], carry), m, p[0]);
    for j in 1..LIMBS - 1 {
        t[j] = _mm512_madd52hi_epu64(t[j + 1], m, p[j]);
    }
    t[LIMBS - 1] = _mm512_madd52hi_epu64(zero, m, p[LIMBS - 1]);
}

/// The sums of `sum_k a_k b_k / 2^260`, uncarried: below p more than `sum_k a_k b_k / 2^260`. K is at most 4.
///
/// The high halves of a row belong to the row's own lowest limb once it is dropped.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn montgomery<const K: usize>(a: [&Limbs; K], b: [&Limbs; K], rows: usize, p: &Limbs) -> Limbs {
    let mut t = [_mm512_setzero_si512(); LIMBS];
    for i in 0..rows {
        for k in 0..K {
            for j in 0..LIMBS {
                t[j] = _mm512_madd52lo_epu64(t[j], a[k][i], b[k][j]);
            }
        }
        reduce_row(&mut t, p);
        for k in 0..K {
            for j in 0..LIMBS {
                t[j] = _mm512_madd52hi_epu64(t[j], a[k][i], b[k][j]);
            }
        }
    }
    t
}

/// The same values with limbs of 52 bits.
#[inline]
#[target_feature(enable = "avx512f")]
fn carried(mut t: Limbs) -> Limbs {
    for j in 0..LIMBS - 1 {
        t[j + 1] = _mm512_add_epi64(t[j + 1], _mm512_srli_epi64::<BITS>(t[j]));
        t[j] = _mm512_and_si512(t[j], word(MASK));
    }
    t
}

/// x less p where x is not below p, for carried x below `2^259`.
#[inline]
#[target_feature(enable = "avx512f")]
fn less_p(x: Limbs, p: &Limbs) -> Limbs {
    let mut less = x;
    let mut borrow = _mm512_setzero_si512();
    for j in 0..LIMBS {
        let difference = _mm512_sub_epi64(_mm512_sub_epi64(x[j], p[j]), borrow);
        borrow = _mm512_srli_epi64::<63>(difference);
        less[j] = if j + 1 < LIMBS { _mm512_and_si512(difference, word(MASK)) } else { difference };
    }
    let is_less = _mm512_test_epi64_mask(borrow, borrow);
    for j in 0..LIMBS {
        less[j] = _mm512_mask_mov_epi64(less[j], is_less, x[j]);
    }
    less
}

/// The words of elements given as uncarried sums below `2 p`.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn reduced(t: Limbs, p: &Limbs) -> [__m512i; 4] {
    packed(less_p(carried(t), p))
}

/// The words of carried limbs below `2^256`.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn packed(l: Limbs) -> [__m512i; 4] {
    [
        _mm512_or_si512(l[0], _mm512_slli_epi64::<52>(l[1])),
        _mm512_shrdi_epi64::<24>(_mm512_slli_epi64::<12>(l[1]), l[2]),
        _mm512_shrdi_epi64::<36>(_mm512_slli_epi64::<12>(l[2]), l[3]),
        _mm512_shrdi_epi64::<48>(_mm512_slli_epi64::<12>(l[3]), l[4]),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn modulus() -> Limbs {
    let mut p = [_mm512_setzero_si512(); LIMBS];
    for j in 0..LIMBS {
        p[j] = word(MODULUS[j]);
    }
    p
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn products_by_vectors(out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    let p = modulus();
    let ((out, _), (a, _), (b, _)) = (out.as_chunks_mut(), a.as_chunks(), b.as_chunks());
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        // Below 1.5 p.
        let t = montgomery([&sixteenfold(load(a))], [&plain(load(b))], LIMBS, &p);
        store(reduced(t, &p), out);
    }
    LANES * out.len().min(a.len()).min(b.len())
}

/// `out = 2^LOG_A a + B b`, elementwise, for a sign B: below 3 p.
#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn combined_by_vectors<const LOG_A: u32, const B: i32>(out: &mut [Fr], a: &[Fr], b: &[Fr]) -> usize {
    let p = modulus();
    let ((out, _), (a, _), (b, _)) = (out.as_chunks_mut(), a.as_chunks(), b.as_chunks());
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        let (a, b) = (plain(load(a)), plain(load(b)));
        let mut t = [_mm512_setzero_si512(); LIMBS];
        for j in 0..LIMBS {
            let (a, b) = (_mm512_and_si512(a[j], word(MASK)), _mm512_and_si512(b[j], word(MASK)));
            let a = _mm512_slli_epi64::<LOG_A>(a);
            t[j] = if B > 0 { _mm512_add_epi64(a, b) } else { _mm512_sub_epi64(_mm512_add_epi64(a, p[j]), b) };
        }
        // Limbs are signed here.
        for j in 0..LIMBS - 1 {
            t[j + 1] = _mm512_add_epi64(t[j + 1], _mm512_srai_epi64::<BITS>(t[j]));
            t[j] = _mm512_and_si512(t[j], word(MASK));
        }
        t = less_p(t, &p);
        if LOG_A > 0 {
            t = less_p(t, &p);
        }
        store(packed(t), out);
    }
    LANES * out.len().min(a.len()).min(b.len())
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn add_scaled_by_vectors(out: &mut [Fr], x: &[Fr], factor: &Fr) -> usize {
    let (p, factor) = (modulus(), sixteenfold(splat(factor)));
    let ((out, _), (x, _)) = (out.as_chunks_mut(), x.as_chunks());
    for (out, x) in out.iter_mut().zip(x) {
        let mut t = montgomery([&factor], [&plain(load(x))], LIMBS, &p);
        let y = plain(load(out));
        for j in 0..LIMBS {
            t[j] = _mm512_add_epi64(t[j], _mm512_and_si512(y[j], word(MASK)));
        }
        // Below 2.5 p.
        store(packed(less_p(less_p(carried(t), &p), &p)), out);
    }
    LANES * out.len().min(x.len())
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn bind_short_by_vectors(low: &mut [Fr], high: &[Fr], c: [u64; 2]) -> usize {
    if c == [0; 2] {
        return low.len().min(high.len());
    }
    // Three rows divide by 2^156, so c takes the factor 2^28: `(2^156 - c) low + c high` is below `2^156 p`, and the quotient, with
    // a multiple of p below that of it, below 2 p.
    let zero = _mm512_setzero_si512();
    let of_high = [(c[0] << 28) & MASK, (c[0] >> 24 | c[1] << 40) & MASK, c[1] >> 12];
    let mut of_low = [0u64; 3];
    let mut borrow = 0;
    for j in 0..3 {
        let difference = 0u64.wrapping_sub(of_high[j]).wrapping_sub(borrow);
        (of_low[j], borrow) = (difference & MASK, difference >> 63);
    }
    let of_high = [word(of_high[0]), word(of_high[1]), word(of_high[2]), zero, zero];
    let of_low = [word(of_low[0]), word(of_low[1]), word(of_low[2]), zero, zero];
    let p = modulus();
    let ((low, _), (high, _)) = (low.as_chunks_mut(), high.as_chunks());
    for (low, high) in low.iter_mut().zip(high) {
        let t = montgomery([&of_low, &of_high], [&plain(load(low)), &plain(load(high))], 3, &p);
        store(reduced(t, &p), low);
    }
    LANES * low.len().min(high.len())
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn bind_by_vectors(low: &mut [Fr], high: &[Fr], r: &Fr) -> usize {
    let p = modulus();
    let (of_high, of_low) = (sixteenfold(splat(r)), sixteenfold(splat(&(Fr::from(1u64) - r))));
    let ((low, _), (high, _)) = (low.as_chunks_mut(), high.as_chunks());
    for (low, high) in low.iter_mut().zip(high) {
        // Below 1.9 p.
        let t = montgomery([&of_low, &of_high], [&plain(load(low)), &plain(load(high))], LIMBS, &p);
        store(reduced(t, &p), low);
    }
    LANES * low.len().min(high.len())
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn add_fractions_by_vectors([p, q]: [&[Fr]; 2], [out_p, out_q]: [&mut [Fr]; 2]) -> usize {
    let modulus = modulus();
    let ((p, _), (q, _)) = (p.as_chunks(), q.as_chunks());
    let ((out_p, _), (out_q, _)) = (out_p.as_chunks_mut(), out_q.as_chunks_mut());
    let done = p.len().min(q.len()).min(out_p.len()).min(out_q.len());
    for (((p, q), out_p), out_q) in p.iter().zip(q).zip(out_p).zip(out_q) {
        let ([p0, p1], [q0, q1]) = (load_pairs(p), load_pairs(q));
        let (q0, q1) = (plain(q0), sixteenfold(q1));
        // Below 1.9 p.
        let t = montgomery([&q1, &sixteenfold(p1)], [&plain(p0), &q0], LIMBS, &modulus);
        store(reduced(t, &modulus), out_p);
        let t = montgomery([&q1], [&q0], LIMBS, &modulus);
        store(reduced(t, &modulus), out_q);
    }
    LANES * done
}

/// Adds the products of carried limbs, unreduced: ten terms below `2^52` a column and product.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn accumulate(sums: &mut Columns, a: &Limbs, b: &Limbs) {
    for i in 0..LIMBS {
        for j in 0..LIMBS {
            sums[i + j] = _mm512_madd52lo_epu64(sums[i + j], a[i], b[j]);
            sums[i + j + 1] = _mm512_madd52hi_epu64(sums[i + j + 1], a[i], b[j]);
        }
    }
}

/// Products that columns take before they are carried.
const UNCARRIED: usize = 256;

#[inline]
#[target_feature(enable = "avx512f")]
fn carry(sums: &mut Columns) {
    for j in 0..2 * LIMBS - 1 {
        sums[j + 1] = _mm512_add_epi64(sums[j + 1], _mm512_srli_epi64::<BITS>(sums[j]));
        sums[j] = _mm512_and_si512(sums[j], word(MASK));
    }
}

/// The sum of the lanes of carried columns, as an element. Below `2^54` products of factors below `2 p`.
#[inline]
#[target_feature(enable = "avx512f")]
fn total(mut sums: Columns) -> Fr {
    carry(&mut sums);
    let mut words = [0u64; 9];
    let mut carry = 0u128;
    let (mut pending, mut bits, mut next) = (0u128, 0, 0);
    for column in sums {
        // Lanes of 52 bits, but for the highest, whose own is far shorter.
        carry += _mm512_reduce_add_epi64(column) as u64 as u128;
        pending |= (carry & u128::from(MASK)) << bits;
        carry >>= BITS;
        bits += BITS;
        if bits >= 64 {
            words[next] = pending as u64;
            pending >>= 64;
            bits -= 64;
            next += 1;
        }
    }
    // 520 bits are eight words and eight bits.
    words[next] = (pending | carry << bits) as u64;
    reduce_9(words)
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn inner_product_by_vectors(a: &[Fr], b: &[Fr]) -> (Fr, usize) {
    let ((a, _), (b, _)) = (a.as_chunks(), b.as_chunks());
    let mut sums = [_mm512_setzero_si512(); 2 * LIMBS];
    for (a, b) in a.chunks(UNCARRIED).zip(b.chunks(UNCARRIED)) {
        for (a, b) in a.iter().zip(b) {
            accumulate(&mut sums, &plain(load(a)), &plain(load(b)));
        }
        carry(&mut sums);
    }
    (total(sums), LANES * a.len().min(b.len()))
}

#[target_feature(enable = "avx512f,avx512ifma,avx512vbmi2")]
fn weighted_products_by_vectors(weights: &[Fr], pairs: &[[&[Fr]; 2]]) -> (Fr, usize) {
    let p = modulus();
    let (weights, _) = weights.as_chunks();
    let mut sums = [_mm512_setzero_si512(); 2 * LIMBS];
    match pairs {
        [[a, b]] => {
            let ((a, _), (b, _)) = (a.as_chunks(), b.as_chunks());
            for (i, ((w, a), b)) in weights.iter().zip(a).zip(b).enumerate() {
                let t = montgomery([&sixteenfold(load(a))], [&plain(load(b))], LIMBS, &p);
                accumulate(&mut sums, &plain(load(w)), &carried(t));
                if i % UNCARRIED == UNCARRIED - 1 {
                    carry(&mut sums);
                }
            }
        }
        [[a, b], [c, d]] => {
            let ((a, _), (b, _), (c, _), (d, _)) = (a.as_chunks(), b.as_chunks(), c.as_chunks(), d.as_chunks());
            for (i, ((((w, a), b), c), d)) in weights.iter().zip(a).zip(b).zip(c).zip(d).enumerate() {
                let left = [&sixteenfold(load(a)), &sixteenfold(load(c))];
                let t = montgomery(left, [&plain(load(b)), &plain(load(d))], LIMBS, &p);
                accumulate(&mut sums, &plain(load(w)), &carried(t));
                if i % UNCARRIED == UNCARRIED - 1 {
                    carry(&mut sums);
                }
            }
        }
        _ => return (Fr::from(0u64), 0),
    }
    (total(sums), LANES * weights.len())
}
