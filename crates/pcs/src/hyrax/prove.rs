use convince_field::{Fr, ProofField};
use convince_poly::log2_ceil;
use convince_sumcheck::{parallel, product};
use convince_transcript::{ProverChannel, profile};
use tracing::debug_span;

use super::claims::{self, Group};
use super::{Hyrax, HyraxParams, LAMBDA, VECTOR, argument};
use crate::group::for_each_chunk;
use crate::{CommittedWire, OpeningClaim, Split};

/// Columns that one thread combines at a time.
const COLUMNS: usize = 256;

/// Claims on wires, weighted by powers of a challenge: groups that share their column functional, and their row folds.
pub(super) struct Folded {
    groups: Vec<Group<Fr>>,
    folds: Vec<Vec<Fr>>,
}

/// Folds the wires' rows. One pass of small multiply-accumulates over the rows that claims weigh.
pub(super) fn fold<S>(wires: &[CommittedWire<'_, Hyrax>], claims: &[OpeningClaim<Fr, S>], lambda: Fr) -> Folded {
    let splits: Vec<&Split> = wires.iter().map(|w| w.split).collect();
    let groups = claims::group(&splits, claims, lambda);
    let step = debug_span!("combine rows");
    let fold = |k: usize| {
        let _span = debug_span!(parent: &step, profile::LAYER, committed = groups[k].wire).entered();
        let wire = &wires[groups[k].wire];
        wire.split.fold(wire.values, &groups[k].rows)
    };
    let folds = step.in_scope(|| parallel::map(groups.len(), fold));
    Folded { groups, folds }
}

impl Folded {
    /// Pairs of tables over columns whose products add up to the weighted claims, the folds and the columns' functionals.
    pub(super) fn pairs(&mut self) -> Vec<[Vec<Fr>; 2]> {
        let pair = |(f, group): (&Vec<Fr>, &mut Group<Fr>)| [f.clone(), std::mem::take(&mut group.columns)];
        self.folds.iter().zip(&mut self.groups).map(pair).collect()
    }

    /// F, of `width` entries, and its blind: the rows' combination that is left of the claims at the columns' point, where the
    /// pairs' tables have the values `finals`.
    pub(super) fn combine(
        &self,
        wires: &[CommittedWire<'_, Hyrax>],
        width: usize,
        finals: &[[Fr; 2]],
    ) -> (Vec<Fr>, Fr) {
        let mut vector = vec![Fr::from(0u64); width];
        for_each_chunk(&mut vector, COLUMNS, |i, out| {
            for (fold, [_, weight]) in self.folds.iter().zip(finals) {
                let fold = fold.get(COLUMNS * i..).unwrap_or(&[]);
                out.iter_mut().zip(fold).for_each(|(out, f)| *out += *weight * f);
            }
        });
        let mut blind = Fr::from(0u64);
        for (group, [_, weight]) in self.groups.iter().zip(finals) {
            blind += *weight * Fr::inner_product(&group.rows, wires[group.wire].blinds);
        }
        (vector, blind)
    }
}

/// Opens all claims in the clear. No group operation but those of the argument for a wide vector.
pub(super) fn open<C: ProverChannel<Fr>>(
    params: &HyraxParams,
    wires: &[CommittedWire<'_, Hyrax>],
    claims: &[OpeningClaim<Fr, Fr>],
    channel: &mut C,
) {
    let width = params.width;
    let lambda: Fr = channel.challenge(LAMBDA);
    let mut folded = fold(wires, claims, lambda);
    let total = claims.iter().rev().fold(Fr::from(0u64), |sum, claim| sum * lambda + claim.value);
    let (sigma, finals) = debug_span!("column sumcheck").in_scope(|| {
        let instance = product::Instance::new(log2_ceil(width), Fr::from(1u64), total, folded.pairs());
        product::prove(channel, vec![instance])
    });
    debug_assert_eq!(sigma.len(), log2_ceil(width));
    let _span = debug_span!("inner-product argument").entered();
    let (vector, blind) = folded.combine(wires, params.generators.width(), &finals[0]);
    let rounds = argument::argument_rounds(width);
    let (mut message, blind) = argument::prove(params.generators.columns(), vector, blind, &sigma, rounds, channel);
    message.push(blind);
    channel.send(VECTOR, &message);
}
