//! Linear layers: a claim on the output is one claim a term, the functionals transposed through the terms' maps.
//!
//! ```text
//! Claim in:   out~ = v under E_b, E_c, E_y, E_x
//! Messages:   v_i for every term i but the last, v_i = map_i(in_i)~ under the same functionals
//! Claim out:  in_i~ = v_i under E_a M_ia on axis order_i[a]; v_last = (v - constant 1(E) - sum of m_i v_i) / m_last
//! ```

use convince_circuit::{Circuit, LinearLayer, LinearTerm, Witness};
use convince_field::{AxisMap, ProofField};
use convince_poly::{Axis, Functional};
use convince_transcript::{ChannelError, ChannelScalar, Label, ProverChannel, VerifierChannel};

use super::Pending;
use crate::Claim;

const TERMS: Label = "gkr/wave/linear";

pub(super) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    layer: &LinearLayer,
) {
    for claim in pending.take(layer.output) {
        let functionals = transposed(circuit, layer, &claim.functional);
        let sent = &layer.terms[..layer.terms.len() - 1];
        let value =
            |(term, functional): (&LinearTerm, &Functional<F>)| functional.apply(witness.tensor(circuit, term.tensor));
        let values: Vec<F> = sent.iter().zip(&functionals).map(value).collect();
        if !values.is_empty() {
            channel.send(TERMS, &values);
        }
        settle(circuit, pending, layer, claim, functionals, values);
    }
}

pub(super) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    layer: &LinearLayer,
) -> Result<(), ChannelError> {
    for claim in pending.take(layer.output) {
        let functionals = transposed(circuit, layer, &claim.functional);
        let values = match layer.terms.len() - 1 {
            0 => vec![],
            sent => channel.receive(TERMS, sent)?,
        };
        settle(circuit, pending, layer, claim, functionals, values);
    }
    Ok(())
}

/// Adds the claims on all terms; `values` are those of all but the last.
fn settle<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    pending: &mut Pending<F, S>,
    layer: &LinearLayer,
    claim: Claim<F, S>,
    functionals: Vec<Functional<F>>,
    mut values: Vec<S>,
) {
    let constant = S::constant(F::from_i64(layer.constant) * claim.functional.sum());
    let rest = layer
        .terms
        .iter()
        .zip(&values)
        .fold(claim.value - constant, |rest, (term, value)| rest - value.clone() * F::from_i64(term.multiplier));
    let last = layer.terms.last().map_or(F::zero(), |term| F::from_i64(term.multiplier));
    // A multiplier is not zero, and far below the field's size.
    values.push(rest * last.inverse().unwrap_or(F::zero()));
    for ((term, functional), value) in layer.terms.iter().zip(functionals).zip(values) {
        pending.add(circuit, Claim::on(circuit, term.tensor, functional, value));
    }
}

/// The functional that every term sees.
fn transposed<F: ProofField>(circuit: &Circuit, layer: &LinearLayer, functional: &Functional<F>) -> Vec<Functional<F>> {
    let of_term = |term: &LinearTerm| {
        let shape = circuit.shape(term.tensor);
        let mut axes = functional.0.clone();
        for ((axis, map), &target) in functional.0.iter().zip(&term.map.axes).zip(&term.map.order) {
            axes[target] = transpose(map, axis, shape[target]);
        }
        Functional(axes)
    };
    layer.terms.iter().map(of_term).collect()
}

/// `E M`: what a functional on a map's output weighs the input's entries with.
fn transpose<F: ProofField>(map: &AxisMap, axis: &Axis<F>, input: usize) -> Axis<F> {
    if map.is_identity(input) {
        return axis.clone();
    }
    let mut out = vec![F::zero(); input];
    for (row, e) in map.rows(input).zip(axis.table()) {
        let weight = if row.factor == 1 { e } else { e * F::from_i64(row.factor.into()) };
        out[row.sources].iter_mut().for_each(|sum| *sum += weight);
    }
    Axis::Dense(out)
}
