//! The claims on a layer's output, combined with powers of lambda: the step that products and gates begin with.

use convince_field::ProofField;
use convince_poly::{Functional, outer};
use convince_transcript::ChannelScalar;

use super::powers;
use crate::Claim;

/// `sum_x (sum_t lambda^t f_t(x)) out(x) = sum_t lambda^t v_t`.
pub(super) struct Combined<F, S> {
    claims: Vec<Claim<F, S>>,
    weights: Vec<F>,
}

impl<F: ProofField, S: ChannelScalar<F>> Combined<F, S> {
    pub(super) fn new(claims: Vec<Claim<F, S>>, lambda: F) -> Self {
        let weights = powers(lambda, claims.len());
        Self { claims, weights }
    }

    fn weighted(&self) -> impl Iterator<Item = (&Claim<F, S>, F)> {
        self.claims.iter().zip(self.weights.iter().copied())
    }

    /// `sum_t lambda^t v_t`.
    pub(super) fn total(&self) -> S {
        let zero = S::constant(F::zero());
        self.weighted().fold(zero, |sum, (claim, weight)| sum + claim.value.clone() * weight)
    }

    /// `sum_t lambda^t f_t` at every entry of an output of this shape.
    pub(super) fn table(&self, shape: &[usize]) -> Vec<F> {
        let mut table = vec![F::zero(); shape.iter().product()];
        for (claim, weight) in self.weighted() {
            table.iter_mut().zip(outer(&claim.functional.0)).for_each(|(sum, f)| *sum += weight * f);
        }
        table
    }

    /// The extension of [`Self::table`] at a point, axis by axis.
    pub(super) fn evaluate(&self, point: &Functional<F>) -> F {
        let along = |functional: &Functional<F>| -> F {
            let axes = functional.0.iter().zip(&point.0);
            axes.map(|(axis, point)| F::inner_product(&axis.table(), &point.table())).product()
        };
        self.weighted().map(|(claim, weight)| weight * along(&claim.functional)).sum()
    }
}
