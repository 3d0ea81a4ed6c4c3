//! What both sides make of the claims before the column sumcheck.

use convince_field::{ProofField, jobs};
use convince_poly::{Axis, Functional, log2_ceil};

use crate::{OpeningClaim, Split, Term};

/// A rank-one part of merged claims on one wire: row weights with the batching weights inside, and one column functional.
pub(super) struct Group<F> {
    pub(super) wire: usize,
    pub(super) rows: Vec<F>,
    pub(super) columns: Vec<F>,
}

/// Claims on one wire that share all axes but the leading one: their functionals' sum, divided by `scale`.
pub(super) struct Merged<F> {
    pub(super) wire: usize,
    pub(super) functional: Functional<F>,
    pub(super) scale: F,
}

/// Merges claims by wire and by all axes but the leading one: their leading functionals add up, weighted by lambda^t.
///
/// Most claims on a wire of columns differ in the column only, so that some ten claims become one.
pub(super) fn merge<F: ProofField, S>(wires: usize, claims: &[OpeningClaim<F, S>], lambda: F) -> Vec<Merged<F>> {
    let mut merged: Vec<Merged<F>> = Vec::new();
    let mut of_wire: Vec<Vec<usize>> = vec![Vec::new(); wires];
    let mut weight = F::one();
    for claim in claims {
        let tail = claim.functional.0.get(1..);
        match of_wire[claim.wire].iter().find(|&&k| merged[k].functional.0.get(1..) == tail) {
            Some(&k) => {
                let Merged { functional, scale, .. } = &mut merged[k];
                add_leading(functional, scale, &claim.functional, weight);
            }
            None => {
                of_wire[claim.wire].push(merged.len());
                merged.push(Merged { wire: claim.wire, functional: claim.functional.clone(), scale: weight });
            }
        }
        weight *= lambda;
    }
    merged
}

/// Merged claims as rank-one groups.
pub(super) fn group<F: ProofField, S>(splits: &[&Split], claims: &[OpeningClaim<F, S>], lambda: F) -> Vec<Group<F>> {
    let merged = merge(splits.len(), claims, lambda);
    let groups = jobs::map(merged.len(), |k| {
        let Merged { wire, functional, scale } = &merged[k];
        let group = |Term { mut rows, columns }| {
            rows.iter_mut().for_each(|weight| *weight *= *scale);
            Group { wire: *wire, rows, columns }
        };
        splits[*wire].terms(functional).into_iter().map(group).collect::<Vec<_>>()
    });
    groups.into_iter().flatten().collect()
}

/// `functional := scale * functional + weight * other`, where the two differ in the leading axis only.
fn add_leading<F: ProofField>(functional: &mut Functional<F>, scale: &mut F, other: &Functional<F>, weight: F) {
    let (Some(axis), Some(added)) = (functional.0.first_mut(), other.0.first()) else {
        *scale += weight;
        return;
    };
    let mut table = axis.table();
    if *scale != F::one() {
        table.iter_mut().for_each(|w| *w *= *scale);
    }
    match added {
        Axis::Index { index, .. } => table[*index] += weight,
        _ => table.iter_mut().zip(added.table()).for_each(|(w, a)| *w += weight * a),
    }
    *axis = Axis::Dense(table);
    *scale = F::one();
}

/// What error accounting needs of an opening of this many claims: `(count, degree)` of its batching, of the rounds of its
/// column sumcheck and of those of its inner-product argument. A round fails with probability `degree / 2^128`.
pub fn opening_error_terms(width: usize, claims: usize) -> [(usize, usize); 3] {
    [(1, claims.saturating_sub(1)), (log2_ceil(width), 2), (super::argument_rounds(width), 3)]
}
