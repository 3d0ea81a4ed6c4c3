//! The output as a claim on the tensor that produces it.
//!
//! ```text
//! Claim in:   none; a public output is absorbed, a private one is a committed wire
//! Challenge:  the point r, one variable for each of the output's
//! Message:    y~(r) of a private output y
//! Claim out:  out~(r) = y~(r) on the tensor that produces it, the verifier evaluating a public y itself; y~(r) on
//!             a private y
//! Error:      (variables of y) / 2^128
//! ```
//!
//! One scalar stands in both claims of a private output, so that no equation is left to check. Labels are
//! [`arg_max`]'s, given ones [`correct`]'s.

use convince_circuit::{Circuit, Witness};
use convince_field::{Ints, ProofField};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use crate::lookup::ColumnClaims;
use crate::zero_check::ProductClaims;
use crate::{Claim, arg_max, correct};

const POINT: Label = "gkr/output/point";
const VALUE: Label = "gkr/output/value";

pub(crate) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    columns: &ColumnClaims<F, F>,
    products: &ProductClaims<F, F>,
) -> Vec<Claim<F, F>> {
    if let Some(layer) = circuit.arg_max() {
        let margin = arg_max::margin(circuit, layer, columns, products);
        return vec![arg_max::prove(circuit, witness, channel, layer, margin)];
    }
    if let Some(layer) = circuit.correct_layer() {
        let margin = arg_max::margin(circuit, &layer.margins, columns, products);
        return correct::prove(circuit, witness, channel, layer, margin);
    }
    let functional = at_point(circuit, || channel.challenge(POINT));
    let value = functional.apply(witness.tensor(circuit, circuit.output()));
    if circuit.output_is_private() {
        channel.send(VALUE, &[value]);
    }
    claims(circuit, functional, value)
}

/// `output` is what is public of it.
pub(crate) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    output: Option<&Ints>,
    channel: &mut C,
    columns: &ColumnClaims<F, C::Scalar>,
    products: &ProductClaims<F, C::Scalar>,
) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError> {
    if circuit.output_is_private() {
        let functional = at_point(circuit, || channel.challenge(POINT));
        let value = channel.receive_one(VALUE)?;
        return Ok(claims(circuit, functional, value));
    }
    // No integers have the evaluation that a public output must have.
    let none = || ChannelError::CheckFailed(Check::PublicWire { wire: circuit.output().wire.index() });
    let output = output.ok_or_else(none)?;
    if let Some(layer) = circuit.arg_max() {
        let margin = arg_max::margin(circuit, layer, columns, products);
        return Ok(vec![arg_max::verify(circuit, output, channel, layer, margin)?]);
    }
    if let Some(layer) = circuit.correct_layer() {
        let margin = arg_max::margin(circuit, &layer.margins, columns, products);
        return correct::verify(circuit, output, channel, layer, margin);
    }
    let functional = at_point(circuit, || channel.challenge(POINT));
    let value = C::Scalar::constant(functional.apply(output.as_slice()));
    Ok(claims(circuit, functional, value))
}

/// The point at which the output is compared.
fn at_point<F: ProofField>(circuit: &Circuit, mut draw: impl FnMut() -> F) -> Functional<F> {
    let shape = circuit.shape(circuit.output());
    let point: Vec<F> = (0..shape.iter().map(|&n| log2_ceil(n)).sum()).map(|_| draw()).collect();
    Functional::at_flat(&point, shape)
}

/// The claim on the tensor that produces the output, and that on the output's own wire if it is committed.
fn claims<F: ProofField, S: Clone>(circuit: &Circuit, functional: Functional<F>, value: S) -> Vec<Claim<F, S>> {
    let committed = circuit.output_is_private().then_some(circuit.output());
    let tensors = [circuit.claimed_output()].into_iter().chain(committed);
    tensors.map(|tensor| Claim::on(circuit, tensor, functional.clone(), value.clone())).collect()
}
