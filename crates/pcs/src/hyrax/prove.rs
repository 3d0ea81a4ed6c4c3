use convince_field::{Fr, ProofField, jobs};
use convince_poly::log2_ceil;
use convince_sumcheck::product;
use convince_transcript::{ProverChannel, profile};
use tracing::debug_span;

use super::claims::{self, Group};
use super::{Hyrax, HyraxParams, LAMBDA, VECTOR, argument};
use crate::group::for_each_chunk;
use crate::{CommittedWire, OpeningClaim, Split};

/// Columns that one thread combines at a time.
const COLUMNS: usize = 256;

/// Claims on wires, weighted by powers of a challenge: groups, and what their rows fold to under each column functional.
///
/// Groups of different wires may share a functional, as layers of one shape do: their folds add up to one table, which leaves a
/// third of VGG-16's pairs to the column sumcheck.
pub(super) struct Folded {
    groups: Vec<Group<Fr>>,
    /// Of every group, its functional's place in `columns`.
    places: Vec<usize>,
    columns: Vec<Vec<Fr>>,
    folds: Vec<Vec<Fr>>,
}

/// Folds the wires' rows. One pass of small multiply-accumulates over the rows that claims weigh.
pub(super) fn fold<S>(wires: &[CommittedWire<'_, Hyrax>], claims: &[OpeningClaim<Fr, S>], lambda: Fr) -> Folded {
    let splits: Vec<&Split> = wires.iter().map(|w| w.split).collect();
    let mut groups = debug_span!("functionals").in_scope(|| claims::group(&splits, claims, lambda));
    let mut columns: Vec<Vec<Fr>> = Vec::new();
    let mut place = |group: &mut Group<Fr>| {
        let own = std::mem::take(&mut group.columns);
        columns.iter().position(|known| *known == own).unwrap_or_else(|| {
            columns.push(own);
            columns.len() - 1
        })
    };
    let places: Vec<usize> = groups.iter_mut().map(&mut place).collect();
    let step = debug_span!("combine rows");
    let fold = |k: usize| {
        let _span = debug_span!(parent: &step, profile::LAYER, committed = groups[k].wire).entered();
        let wire = &wires[groups[k].wire];
        wire.split.fold(wire.values, &groups[k].rows)
    };
    let folds = step.in_scope(|| {
        let mut of_columns: Vec<Vec<Vec<Fr>>> = columns.iter().map(|_| Vec::new()).collect();
        jobs::map(groups.len(), fold).into_iter().zip(&places).for_each(|(fold, &place)| of_columns[place].push(fold));
        jobs::map_items(of_columns, sum)
    });
    Folded { groups, places, columns, folds }
}

/// The sum of tables of one length.
fn sum(tables: Vec<Vec<Fr>>) -> Vec<Fr> {
    let mut tables = tables.into_iter();
    let mut total = tables.next().unwrap_or_default();
    for table in tables {
        total.iter_mut().zip(table).for_each(|(sum, value)| *sum += value);
    }
    total
}

impl Folded {
    /// Pairs of tables over columns whose products add up to the weighted claims, the folds and the columns' functionals.
    pub(super) fn pairs(&mut self) -> Vec<[Vec<Fr>; 2]> {
        let columns = std::mem::take(&mut self.columns);
        let folds = jobs::map(self.folds.len(), |k| self.folds[k].clone());
        folds.into_iter().zip(columns).map(|(fold, columns)| [fold, columns]).collect()
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
                let len = out.len().min(fold.len());
                Fr::add_scaled(&mut out[..len], &fold[..len], *weight);
            }
        });
        let mut blind = Fr::from(0u64);
        for (group, &place) in self.groups.iter().zip(&self.places) {
            blind += finals[place][1] * Fr::inner_product(&group.rows, wires[group.wire].blinds);
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
