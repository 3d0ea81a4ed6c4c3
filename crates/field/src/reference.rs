//! Naive counterparts of the kernels of [`ProofField`]: what each of them computes, one reduction a term.

use crate::{ProofField, SmallInt};

/// Counterpart of [`ProofField::dot`].
pub fn dot<F: ProofField, I: SmallInt>(ints: &[I], weights: &[F]) -> F {
    assert_eq!(ints.len(), weights.len());
    ints.iter().zip(weights).map(|(&x, w)| F::from_i64(x.into()) * w).sum()
}

/// Counterpart of [`ProofField::fold_rows`].
pub fn fold_rows<F: ProofField, I: SmallInt>(ints: &[I], width: usize, weights: &[F]) -> Vec<F> {
    assert_eq!(ints.len(), width * weights.len());
    (0..width)
        .map(|c| weights.iter().enumerate().map(|(r, w)| F::from_i64(ints[r * width + c].into()) * w).sum())
        .collect()
}

/// Counterpart of [`ProofField::inner_product`].
pub fn inner_product<F: ProofField>(a: &[F], b: &[F]) -> F {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| *x * y).sum()
}
