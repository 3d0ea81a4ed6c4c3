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
