//! What both sides make of the claims before the column sumcheck.

use convince_field::ProofField;
use convince_poly::{Axis, Functional, log2_ceil};

use crate::{OpeningClaim, Split};

/// A rank-one group of claims on one wire: row weights with the batching weights inside, and one column functional.
pub(super) struct Group<F> {
    pub(super) wire: usize,
    pub(super) rows: Vec<F>,
    pub(super) columns: Vec<F>,
}

/// Groups claims by wire and by all axes but the leading one: their row functionals add up, weighted by lambda^t.
///
/// Most claims on a wire of columns differ in the column only, so that some ten claims become one term.
pub(super) fn group<F: ProofField, S>(splits: &[&Split], claims: &[OpeningClaim<F, S>], lambda: F) -> Vec<Group<F>> {
    let mut merged: Vec<(usize, Functional<F>, F)> = Vec::new();
    let mut of_wire: Vec<Vec<usize>> = vec![Vec::new(); splits.len()];
    let mut weight = F::one();
    for claim in claims {
        let tail = claim.functional.0.get(1..);
        match of_wire[claim.wire].iter().find(|&&k| merged[k].1.0.get(1..) == tail) {
            Some(&k) => {
                let (_, functional, scale) = &mut merged[k];
                add_leading(functional, scale, &claim.functional, weight);
            }
            None => {
                of_wire[claim.wire].push(merged.len());
                merged.push((claim.wire, claim.functional.clone(), weight));
            }
        }
        weight *= lambda;
    }
    let mut groups = Vec::new();
    for (wire, functional, scale) in merged {
        for term in splits[wire].terms(&functional) {
            let rows = term.rows.into_iter().map(|w| w * scale).collect();
            groups.push(Group { wire, rows, columns: term.columns });
        }
    }
    groups
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

/// Rounds of the column sumcheck, and largest degree of the batching of this many claims: what error accounting needs.
pub fn opening_error_terms(width: usize, claims: usize) -> (usize, usize) {
    (log2_ceil(width), claims.saturating_sub(1))
}
