use ark_bls12_381::Fr;
use convince_field::ProofField;
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::{parallel, product};
use convince_transcript::ProverChannel;

use super::{Hyrax, HyraxParams, LAMBDA, VECTOR, argument, claims};
use crate::{CommittedWire, OpeningClaim, Split};

/// Opens all claims. One pass of small multiply-accumulates over the rows that claims weigh; no group operation but those of
/// the argument for a wide vector.
pub(super) fn open<C: ProverChannel<Fr>>(
    params: &HyraxParams,
    wires: &[CommittedWire<'_, Hyrax>],
    claims: &[OpeningClaim<Fr, Fr>],
    channel: &mut C,
) {
    let width = params.width;
    let lambda: Fr = channel.challenge(LAMBDA);
    let splits: Vec<&Split> = wires.iter().map(|w| w.split).collect();
    let groups = claims::group(&splits, claims, lambda);
    let folds = parallel::map(groups.len(), |k| {
        let wire = &wires[groups[k].wire];
        wire.split.fold(wire.values, &groups[k].rows)
    });
    let total = claims.iter().rev().fold(Fr::from(0u64), |sum, claim| sum * lambda + claim.value);
    let pairs = folds.iter().zip(&groups).map(|(f, group)| [f.clone(), group.columns.clone()]).collect();
    let instance = product::Instance::new(log2_ceil(width), Fr::from(1u64), total, pairs);
    let (sigma, finals) = product::prove(channel, vec![instance]);
    debug_assert_eq!(sigma.len(), log2_ceil(width));
    let mut vector = vec![Fr::from(0u64); params.generators.width()];
    let mut blind = Fr::from(0u64);
    for ((group, fold), [_, weight]) in groups.iter().zip(&folds).zip(&finals[0]) {
        debug_assert_eq!(*weight, Fr::inner_product(&group.columns, &eq_truncated(&sigma, group.columns.len())));
        vector.iter_mut().zip(fold).for_each(|(out, f)| *out += *weight * f);
        blind += *weight * Fr::inner_product(&group.rows, wires[group.wire].blinds);
    }
    let (mut message, blind) =
        argument::prove(params.generators.columns(), vector, blind, &sigma, argument::argument_rounds(width), channel);
    message.push(blind);
    channel.send(VECTOR, &message);
}
