use ark_bls12_381::{Fr, G1Projective};
use ark_ec::AffineRepr;
use convince_field::ProofField;
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::{SumcheckClaim, product};
use convince_transcript::{ChannelError, ChannelScalar, Check, VerifierChannel};

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

/// The part that is the same for every channel.
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
    let eq = eq_truncated(&sigma, width);
    let mut weights: Vec<Vec<Fr>> = splits.iter().map(|split| vec![Fr::from(0u64); split.num_rows()]).collect();
    for Merged { wire, functional, scale } in claims::merge(splits.len(), claims, lambda) {
        let rows = splits[wire].row_weights(&functional, &eq);
        weights[wire].iter_mut().zip(rows).for_each(|(out, row)| *out += scale * row);
    }
    Ok(Reduced { sigma, value, weights })
}

/// The end in the clear: F and its blind, or what an argument leaves of them, are messages. One multi-scalar multiplication
/// over all rows, generators and points of the argument.
pub(super) fn finish_plain<C: VerifierChannel<Fr, Scalar = Fr>>(
    params: &HyraxParams,
    wires: &[WireCommitment<'_, Hyrax>],
    reduced: Reduced<Fr>,
    channel: &mut C,
) -> Result<(), PcsError> {
    let Reduced { sigma, value, weights } = reduced;
    let rounds = argument_rounds(params.width);
    let folded = argument::verify(value, &sigma, rounds, channel)?;
    let len = params.generators.width() >> rounds;
    let message = channel.receive(VECTOR, len + 1)?;
    let (vector, blind) = message.split_at(len);
    let evaluation = Fr::inner_product(vector, &eq_truncated(&sigma[..sigma.len() - rounds], len));
    channel.assert_eq(evaluation, folded.value, Check::OpeningEvaluation)?;
    let mut points = params.generators.columns().to_vec();
    let mut scalars: Vec<Fr> = vector.iter().flat_map(|f| folded.weights.iter().map(move |w| -*f * w)).collect();
    points.push(params.generators.blind());
    scalars.push(-blind[0]);
    for (wire, weights) in wires.iter().zip(&weights) {
        points.extend_from_slice(wire.rows);
        scalars.extend(weights.iter().map(|w| *w * folded.scale));
    }
    debug_assert!(points.iter().all(|p| !p.is_zero()));
    points.extend(folded.terms.iter().map(|(point, _)| *point));
    scalars.extend(folded.terms.iter().map(|(_, weight)| *weight));
    let sum = msm(&points, &scalars);
    if sum == G1Projective::default() { Ok(()) } else { Err(PcsError::Commitment) }
}
