//! Batched sumchecks.
//!
//! Two protocols, each with its prover beside its verifier:
//! - [`product`]: sums of products of two multilinear polynomials, instances of unequal sizes starting late;
//! - [`eq_product`]: eq-weighted sums of a product of any degree, with the eq factor split off every round.
//!
//! Both end in a [`SumcheckClaim`], which the caller must discharge. [`parallel`] holds what the provers share: loops that
//! run on rayon's threads when the feature `parallel` is on, with the same results.

#![forbid(unsafe_code)]

pub mod eq_product;
pub mod parallel;
pub mod product;

/// What a sumcheck leaves: the summand's value at a point, to be discharged by the caller.
#[must_use = "a sumcheck proves nothing until its claim is discharged"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SumcheckClaim<F, S> {
    /// The value that the summand must have at the point.
    pub value: S,
    /// The challenges in the order drawn, most significant variable first. An instance of n variables lives at the last n.
    pub point: Vec<F>,
}

/// The last `n` challenges: where an instance of `n` variables ends.
pub fn suffix<F>(point: &[F], n: usize) -> &[F] {
    &point[point.len() - n..]
}
