use ark_bls12_381::{Fr, G1Projective};
use ark_ec::AffineRepr;
use convince_field::ProofField;
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::{SumcheckClaim, product};
use convince_transcript::{ChannelError, ChannelScalar, Check, VerifierChannel};

use super::{Hyrax, LAMBDA, VECTOR, claims};
use crate::group::{Generators, msm};
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
    let groups = claims::group(splits, claims, lambda);
    let zero = C::Scalar::constant(Fr::from(0u64));
    let total = claims.iter().rev().fold(zero, |sum, claim| sum * lambda + claim.value.clone());
    let SumcheckClaim { value, point: sigma } = product::verify(channel, &[(log2_ceil(width), total)])?;
    let eq = eq_truncated(&sigma, width);
    let mut weights: Vec<Vec<Fr>> = splits.iter().map(|split| vec![Fr::from(0u64); split.num_rows()]).collect();
    for group in groups {
        let scale = Fr::inner_product(&group.columns, &eq[..group.columns.len()]);
        weights[group.wire].iter_mut().zip(group.rows).for_each(|(out, row)| *out += scale * row);
    }
    Ok(Reduced { sigma, value, weights })
}

/// The end in the clear: F and its blind are messages. One multi-scalar multiplication over all rows and generators.
pub(super) fn finish_plain<C: VerifierChannel<Fr, Scalar = Fr>>(
    generators: &Generators,
    wires: &[WireCommitment<'_, Hyrax>],
    reduced: Reduced<Fr>,
    channel: &mut C,
) -> Result<(), PcsError> {
    let width = generators.width();
    let message = channel.receive(VECTOR, width + 1)?;
    let (vector, blind) = message.split_at(width);
    let evaluation = Fr::inner_product(vector, &eq_truncated(&reduced.sigma, width));
    channel.assert_eq(evaluation, reduced.value, Check::OpeningEvaluation)?;
    let mut points = generators.columns().to_vec();
    let mut scalars: Vec<Fr> = vector.iter().map(|f| -*f).collect();
    points.push(generators.blind());
    scalars.push(-blind[0]);
    for (wire, weights) in wires.iter().zip(&reduced.weights) {
        points.extend_from_slice(wire.rows);
        scalars.extend_from_slice(weights);
    }
    debug_assert!(points.iter().all(|p| !p.is_zero()));
    let sum = msm(&points, &scalars);
    if sum == G1Projective::default() { Ok(()) } else { Err(PcsError::Commitment) }
}
