use convince_circuit::{Circuit, Witness};
use convince_field::{Ints, ProofField};
use convince_transcript::{ChannelError, Label, ProverChannel, VerifierChannel};
use tracing::debug_span;

use crate::{Claim, lookup, output, range, requant, wave, zero_check};

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
    let columns = debug_span!("lookups").in_scope(|| lookup::prove(circuit, witness, channel));
    let products = debug_span!("zero-checks").in_scope(|| zero_check::prove(circuit, witness, channel));
    let challenges = requant::Challenges::draw(circuit, || channel.challenge(TAU));
    let mut claims = requant::input_claims(circuit, &columns, &products, &challenges);
    claims.extend(range::claims(circuit, &columns));
    claims.extend(columns.claims(circuit));
    claims.extend_from_slice(products.claims());
    claims.extend(debug_span!("output").in_scope(|| output::prove(circuit, witness, channel, &columns, &products)));
    wave::prove(circuit, witness, channel, claims)
}

/// Verifies what [`prove`] sent; `output` is the public output, already absorbed, of the output tensor's size. It is
/// ignored if the output is private, and nothing verifies without one if it is public.
///
/// # Soundness
/// The claims returned must hold for wires committed (or public) before the channel's first challenge, a private input
/// and a private output among them, of values within the ranges that the circuit declares for inputs and weights,
/// unless the circuit has a [`RangeLayer`](convince_circuit::RangeLayer) for them.
///
/// # Errors
/// The channel's, among them [`ChannelError::CheckFailed`].
pub fn verify<'a, F, C>(
    circuit: &Circuit,
    output: impl Into<Option<&'a Ints>>,
    channel: &mut C,
) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let columns = lookup::verify(circuit, channel)?;
    let products = zero_check::verify(circuit, channel)?;
    let challenges = requant::Challenges::draw(circuit, || channel.challenge(TAU));
    let mut claims = requant::input_claims(circuit, &columns, &products, &challenges);
    claims.extend(range::claims(circuit, &columns));
    claims.extend(columns.claims(circuit));
    claims.extend_from_slice(products.claims());
    claims.extend(output::verify(circuit, output.into(), channel, &columns, &products)?);
    wave::verify(circuit, channel, claims)
}
