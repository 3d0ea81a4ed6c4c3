//! Pointwise products.
//!
//! ```text
//! Claim in:   out~ = v_t under functionals f_t
//! Challenge:  lambda
//! Rounds:     sum_x (sum_t lambda^t f_t(x)) out(x) = sum_t lambda^t v_t; out~ at its point r is sent
//! Rounds:     sum_x eq(r,x) a(x) b(x) = out~(r); a~ and b~ at its point s are sent
//! Claim out:  a~(s) and b~(s)
//! Error:      (number of claims - 1 + 4 n) / 2^128 for n variables
//! ```

use convince_circuit::{Circuit, ProductLayer, Witness};
use convince_field::ProofField;
use convince_poly::{Functional, pad};
use convince_sumcheck::{SumcheckClaim, eq_product, product};
use convince_transcript::{ChannelError, Check, Label, ProverChannel, VerifierChannel};

use super::combined::Combined;
use super::{Pending, variables};
use crate::Claim;

const LAMBDA: Label = "gkr/wave/product/lambda";
const VALUE: Label = "gkr/wave/product/value";
const FACTORS: Label = "gkr/wave/product/factors";

pub(super) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    layer: &ProductLayer,
) {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return;
    }
    let vars = variables(&layer.shape);
    let combined = Combined::new(claims, channel.challenge(LAMBDA));
    let tables = [combined.table(&layer.shape), witness.wire(layer.output).to_field()];
    let pair = tables.map(|table| pad(&table, &layer.shape));
    let instance = product::Instance::new(vars, F::one(), combined.total(), vec![pair]);
    let (point, finals) = product::prove(channel, vec![instance]);
    channel.send(VALUE, &[finals[0][0][1]]);
    let tables = layer.factors.map(|tensor| pad(&witness.tensor(circuit, tensor).to_field(), &layer.shape));
    let summand = eq_product::Factors::new(vars, tables.to_vec());
    let mut instances = [eq_product::Instance { summand, claim: F::zero(), weight: F::one() }];
    let s = eq_product::prove(channel, &point, 2, &mut instances);
    let functional = Functional::at_flat(&s, &layer.shape);
    let values = layer.factors.map(|tensor| functional.apply(witness.tensor(circuit, tensor)));
    channel.send(FACTORS, &values);
    for (tensor, value) in layer.factors.iter().zip(values) {
        pending.add(circuit, Claim::on(circuit, *tensor, functional.clone(), value));
    }
}

pub(super) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    index: usize,
    layer: &ProductLayer,
) -> Result<(), ChannelError> {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return Ok(());
    }
    let vars = variables(&layer.shape);
    let combined = Combined::new(claims, channel.challenge(LAMBDA));
    let SumcheckClaim { value, point } = product::verify(channel, &[(vars, combined.total())])?;
    let out = channel.receive_one(VALUE)?;
    let at_point = Functional::at_flat(&point, &layer.shape);
    channel.assert_eq(out.clone() * combined.evaluate(&at_point), value, Check::ProductPoint { layer: index })?;
    let SumcheckClaim { value, point } = eq_product::verify(channel, &point, 2, out)?;
    let [a, b] = channel.receive_array(FACTORS)?;
    let product = channel.mul(&a, &b);
    channel.assert_eq(product, value, Check::Product { layer: index })?;
    let functional = Functional::at_flat(&point, &layer.shape);
    for (tensor, value) in layer.factors.iter().zip([a, b]) {
        pending.add(circuit, Claim::on(circuit, *tensor, functional.clone(), value));
    }
    Ok(())
}
