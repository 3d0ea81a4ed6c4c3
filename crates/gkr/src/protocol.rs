use convince_circuit::{Circuit, Witness};
use convince_field::{Ints, ProofField};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{ChannelError, ChannelScalar, Label, ProverChannel, VerifierChannel};

use crate::{Claim, arg_max, lookup, range, requant, wave, zero_check};

const OUTPUT_POINT: Label = "gkr/output/point";
const TAU: Label = "gkr/requant/tau";

/// Proves all relations of the circuit on a witness whose advice has been committed through the channel.
///
/// Takes any well-shaped witness; a false one gives a proof that does not verify. Cost: the lookups dominate, about 10
/// multiplications a leaf; convolutions cost one pass of small multiply-accumulates over weights and inputs.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, channel: &mut C) -> Vec<Claim<F, F>>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let columns = lookup::prove(circuit, witness, channel);
    let products = zero_check::prove(circuit, witness, channel);
    let tau = requant::draw_tau(circuit, || channel.challenge(TAU));
    let mut claims = requant::input_claims(circuit, &columns, &products, &tau);
    claims.extend(range::claims(circuit, &columns));
    let margin = circuit.arg_max().map(|layer| (layer, arg_max::margin(circuit, layer, &columns, &products)));
    claims.extend(columns.into_claims(circuit));
    claims.extend(products.into_claims());
    claims.push(match margin {
        Some((layer, margin)) => arg_max::prove(circuit, witness, channel, layer, margin),
        None => {
            let functional = output_functional(circuit, || channel.challenge(OUTPUT_POINT));
            let value = functional.apply(witness.tensor(circuit, circuit.output()));
            Claim::on(circuit, circuit.output(), functional, value)
        }
    });
    wave::prove(circuit, witness, channel, claims)
}

/// Verifies what [`prove`] sent; `output` is the public output, already absorbed, of the output tensor's size.
///
/// # Soundness
/// The claims returned must hold for wires committed (or public) before the channel's first challenge, of values within the
/// ranges that the circuit declares for inputs and weights.
///
/// # Errors
/// The channel's, among them [`ChannelError::CheckFailed`].
pub fn verify<F, C>(circuit: &Circuit, output: &Ints, channel: &mut C) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let columns = lookup::verify(circuit, channel)?;
    let products = zero_check::verify(circuit, channel)?;
    let tau = requant::draw_tau(circuit, || channel.challenge(TAU));
    let mut claims = requant::input_claims(circuit, &columns, &products, &tau);
    claims.extend(range::claims(circuit, &columns));
    let margin = circuit.arg_max().map(|layer| (layer, arg_max::margin(circuit, layer, &columns, &products)));
    claims.extend(columns.into_claims(circuit));
    claims.extend(products.into_claims());
    claims.push(match margin {
        Some((layer, margin)) => arg_max::verify(circuit, output, channel, layer, margin)?,
        None => {
            let functional = output_functional(circuit, || channel.challenge(OUTPUT_POINT));
            let value = C::Scalar::constant(functional.apply(output.as_slice()));
            Claim::on(circuit, circuit.output(), functional, value)
        }
    });
    wave::verify(circuit, channel, claims)
}

/// The point at which the output is compared.
fn output_functional<F: ProofField>(circuit: &Circuit, mut draw: impl FnMut() -> F) -> Functional<F> {
    let shape = circuit.shape(circuit.output());
    let point: Vec<F> = (0..shape.iter().map(|&n| log2_ceil(n)).sum()).map(|_| draw()).collect();
    Functional::at_flat(&point, shape)
}
