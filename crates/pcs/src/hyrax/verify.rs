use ark_bls12_381::{G1Affine, G1Projective};
use convince_field::{Fr, ProofField};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::{SumcheckClaim, product};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, VerifierChannel};

use super::argument::Folded;
use super::claims::{self, Merged};
use super::{Hyrax, HyraxParams, LAMBDA, VECTOR, argument, argument_rounds};
use crate::group::msm;
use crate::{OpeningClaim, PcsError, Split, WireCommitment};

/// What the column sumcheck leaves: `<F, eq(sigma)> = value` for `F = sum over wires and rows of weight * row`.
pub(super) struct Reduced<S> {
    sigma: Vec<Fr>,
    value: S,
    /// One weight a row, wire by wire.
    weights: Vec<Vec<Fr>>,
}

#[cfg(test)]
impl<S> Reduced<S> {
    /// sigma and the value, for forgers.
    pub(super) fn claim(&self) -> (&[Fr], &S) {
        (&self.sigma, &self.value)
    }
}

/// The column sumcheck.
pub(super) fn reduce<C: VerifierChannel<Fr>>(
    width: usize,
    splits: &[&Split],
    claims: &[OpeningClaim<Fr, C::Scalar>],
    channel: &mut C,
) -> Result<Reduced<C::Scalar>, ChannelError> {
    let lambda: Fr = channel.challenge(LAMBDA);
    let zero = C::Scalar::constant(Fr::from(0u64));
    let total = claims.iter().rev().fold(zero, |sum, claim| sum * lambda + claim.value.clone());
    let SumcheckClaim { value, point: sigma } = product::verify(channel, &[(log2_ceil(width), total)])?;
    let weights = row_weights(splits, claims, lambda, &eq_truncated(&sigma, width));
    Ok(Reduced { sigma, value, weights })
}

/// What every row weighs in F, wire by wire, where claim t has the weight `lambda^t`; `eq` is the table of the columns' point.
pub(super) fn row_weights<S>(splits: &[&Split], claims: &[OpeningClaim<Fr, S>], lambda: Fr, eq: &[Fr]) -> Vec<Vec<Fr>> {
    let mut weights: Vec<Vec<Fr>> = splits.iter().map(|split| vec![Fr::from(0u64); split.num_rows()]).collect();
    for Merged { wire, functional, scale } in claims::merge(splits.len(), claims, lambda) {
        let rows = splits[wire].row_weights(&functional, eq);
        weights[wire].iter_mut().zip(rows).for_each(|(out, row)| *out += scale * row);
    }
    weights
}

/// A vector that the prover opened, and what the argument made of the claim on it.
pub(super) struct Opened {
    folded: Folded<Fr>,
    vector: Vec<Fr>,
    blind: Fr,
}

impl Opened {
    /// Receives a vector a with its blind, or what an argument leaves of them, and asserts `<a, eq(sigma)> = value`.
    ///
    /// # Errors
    /// [`PcsError::Channel`], [`PcsError::Point`].
    pub(super) fn receive<C: VerifierChannel<Fr, Scalar = Fr>>(
        params: &HyraxParams,
        value: Fr,
        sigma: &[Fr],
        label: Label,
        channel: &mut C,
    ) -> Result<Self, PcsError> {
        let rounds = argument_rounds(params.width);
        let folded = argument::verify(value, sigma, rounds, channel)?;
        let len = params.generators.width() >> rounds;
        let mut vector = channel.receive(label, len + 1)?;
        let blind = vector.pop().unwrap_or_default();
        let evaluation = Fr::inner_product(&vector, &eq_truncated(&sigma[..sigma.len() - rounds], len));
        channel.assert_eq(evaluation, folded.value, Check::OpeningEvaluation)?;
        Ok(Self { folded, vector, blind })
    }

    /// Checks that the vector is what `committed` points add up to, together with another equation that says
    /// `sum of aside + sum_j generators_j G_j + blind H = 0`. One multi-scalar multiplication over all points and generators.
    ///
    /// # Errors
    /// [`PcsError::Commitment`].
    pub(super) fn check(
        &self,
        params: &HyraxParams,
        committed: impl IntoIterator<Item = (G1Affine, Fr)>,
        aside: &[(G1Affine, Fr)],
        (generators, blind): (&[Fr], Fr),
    ) -> Result<(), PcsError> {
        let Self { folded, vector, .. } = self;
        let mut points = params.generators.columns().to_vec();
        let mut scalars: Vec<Fr> = vector.iter().flat_map(|f| folded.weights.iter().map(move |w| -*f * w)).collect();
        scalars.iter_mut().zip(generators).for_each(|(s, other)| *s += other);
        points.push(params.generators.blind());
        scalars.push(blind - self.blind);
        for (point, weight) in committed {
            points.push(point);
            scalars.push(weight * folded.scale);
        }
        // Zero is no danger: commitments that were added up may be it.
        for (point, weight) in folded.terms.iter().chain(aside) {
            points.push(*point);
            scalars.push(*weight);
        }
        let sum = msm(&points, &scalars);
        if sum == G1Projective::default() { Ok(()) } else { Err(PcsError::Commitment) }
    }
}

/// The end in the clear: F and its blind, or what an argument leaves of them, are messages.
pub(super) fn finish_plain<C: VerifierChannel<Fr, Scalar = Fr>>(
    params: &HyraxParams,
    wires: &[WireCommitment<'_, Hyrax>],
    reduced: Reduced<Fr>,
    channel: &mut C,
) -> Result<(), PcsError> {
    let Reduced { sigma, value, weights } = reduced;
    let opened = Opened::receive(params, value, &sigma, VECTOR, channel)?;
    let rows = wires.iter().zip(weights).flat_map(|(wire, weights)| wire.rows.iter().copied().zip(weights));
    opened.check(params, rows, &[], (&[], Fr::from(0u64)))
}
