//! Naive counterparts of the kernels of [`ProofField`]: what each of them computes, one reduction a term.

use crate::{ProofField, SmallInt};

/// Counterpart of [`ProofField::dot`].
pub fn dot<F: ProofField, I: SmallInt>(ints: &[I], weights: &[F]) -> F {
    assert_eq!(ints.len(), weights.len());
    ints.iter().zip(weights).map(|(&x, w)| from_i64::<F>(x.into()) * w).sum()
}

/// Counterpart of [`ProofField::fold_rows`].
pub fn fold_rows<F: ProofField, I: SmallInt>(ints: &[I], width: usize, weights: &[F]) -> Vec<F> {
    assert_eq!(ints.len(), width * weights.len());
    (0..width)
        .map(|c| weights.iter().enumerate().map(|(r, w)| from_i64::<F>(ints[r * width + c].into()) * w).sum())
        .collect()
}

/// Counterpart of [`ProofField::inner_product`].
pub fn inner_product<F: ProofField>(a: &[F], b: &[F]) -> F {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| *x * y).sum()
}

/// Counterpart of [`ProofField::sums`].
pub fn sums<F: ProofField>(out: &mut [F], a: &[F], b: &[F]) {
    elementwise(out, a, b, |a, b| a + b);
}

/// Counterpart of [`ProofField::differences`].
pub fn differences<F: ProofField>(out: &mut [F], a: &[F], b: &[F]) {
    elementwise(out, a, b, |a, b| a - b);
}

/// Counterpart of [`ProofField::extrapolations`].
pub fn extrapolations<F: ProofField>(out: &mut [F], low: &[F], high: &[F]) {
    elementwise(out, low, high, |low, high| high.double() - low);
}

#[inline(always)]
fn elementwise<F: ProofField>(out: &mut [F], a: &[F], b: &[F], f: impl Fn(F, F) -> F) {
    assert!(out.len() == a.len() && a.len() == b.len());
    out.iter_mut().zip(a).zip(b).for_each(|((out, a), b)| *out = f(*a, *b));
}

/// Counterpart of [`ProofField::products`].
pub fn products<F: ProofField>(out: &mut [F], a: &[F], b: &[F]) {
    elementwise(out, a, b, |a, b| a * b);
}

/// Counterpart of [`ProofField::add_scaled`].
pub fn add_scaled<F: ProofField>(out: &mut [F], x: &[F], factor: F) {
    assert_eq!(out.len(), x.len());
    out.iter_mut().zip(x).for_each(|(out, x)| *out += factor * x);
}

/// Counterpart of [`ProofField::weighted_products`].
pub fn weighted_products<F: ProofField, const K: usize>(weights: &[F], pairs: [[&[F]; 2]; K]) -> F {
    assert!(pairs.as_flattened().iter().all(|table| table.len() == weights.len()));
    let term = |i: usize| pairs.iter().map(|[a, b]| a[i] * b[i]).sum::<F>();
    weights.iter().enumerate().map(|(i, weight)| *weight * term(i)).sum()
}

/// Counterpart of [`ProofField::add_fractions`].
pub fn add_fractions<F: ProofField>([p, q]: [&[F]; 2], [sums_p, sums_q]: [&mut [F]; 2]) {
    assert!(p.len() == q.len() && q.len() == 2 * sums_p.len() && sums_p.len() == sums_q.len());
    for (i, (sum_p, sum_q)) in sums_p.iter_mut().zip(sums_q).enumerate() {
        let ([p0, p1], [q0, q1]) = ([p[2 * i], p[2 * i + 1]], [q[2 * i], q[2 * i + 1]]);
        (*sum_p, *sum_q) = (p0 * q1 + p1 * q0, q0 * q1);
    }
}

/// Counterpart of [`ProofField::bind`].
pub fn bind<F: ProofField>(low: &mut [F], high: &[F], r: F) {
    low.iter_mut().zip(high).for_each(|(a, b)| *a += r * (*b - *a));
}

/// Counterpart of [`ProofField::short_challenge`].
pub fn short_challenge<F: ProofField>(bytes: &[u8; 16]) -> F {
    let two_to_128 = F::from(2u64).pow([128]);
    from_bytes::<F>(bytes) * two_to_128.inverse().expect("a power of two")
}

/// Counterpart of [`ProofField::from_i64`].
pub fn from_i64<F: ProofField>(value: i64) -> F {
    F::from(value)
}

/// Counterpart of [`ProofField::full_challenge`]: the integer with these little-endian bytes, by Horner's rule.
pub fn from_bytes<F: ProofField>(bytes: &[u8]) -> F {
    bytes.iter().rev().fold(F::ZERO, |sum, &byte| sum * F::from(256u64) + F::from(u64::from(byte)))
}

/// Counterpart of [`ProofField::dft`]: even and odd places apart, `omega` a primitive root of unity of the vector's length.
pub fn dft<F: ProofField>(values: &[F], omega: F) -> Vec<F> {
    if values.len() <= 1 {
        return values.to_vec();
    }
    let half = |first: usize| -> Vec<F> { values.iter().skip(first).step_by(2).copied().collect() };
    let [even, odd] = [0, 1].map(|first| dft(&half(first), omega.square()));
    let twiddles = std::iter::successors(Some(F::ONE), |power| Some(*power * omega));
    let (low, high) = even.iter().zip(&odd).zip(twiddles).map(|((e, o), t)| (*e + t * o, *e - t * o)).unzip();
    let (mut low, high): (Vec<F>, Vec<F>) = (low, high);
    low.extend(high);
    low
}

/// Counterpart of [`ProofField::inverse_dft`].
pub fn inverse_dft<F: ProofField>(values: &[F], omega: F) -> Vec<F> {
    let scale = F::from(values.len() as u64).inverse().expect("a power of two below the field's size");
    let transform = dft(values, omega.inverse().expect("a root of unity"));
    transform.into_iter().map(|v| v * scale).collect()
}

/// The root of unity of a vector's length. Panics where there is none.
pub(crate) fn root_for<F: ProofField>(values: &[F]) -> F {
    let log_len = values.len().checked_ilog2().filter(|log| values.len() == 1 << log);
    let root = log_len.and_then(|log| F::root_of_unity(log as usize));
    root.unwrap_or_else(|| panic!("no transform of {} places", values.len()))
}
