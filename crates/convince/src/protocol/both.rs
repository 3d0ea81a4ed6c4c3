//! What prover and verifier do alike.

use convince_circuit::{Circuit, WireId, WireKind};
use convince_field::Ints;
use convince_gkr::Claim;
use convince_pcs::hyrax::hiding::Counts;
use convince_pcs::{OpeningClaim, Split};
use convince_transcript::{ChannelError, ChannelScalar, Check, Counter, Label, VerifierChannel};

use super::{Field, Params, num_rows, splits};

pub(super) const ADVICE: Label = "convince/advice";

/// A circuit with what its proofs need besides statement and messages.
pub(crate) struct Frame {
    pub(crate) advice_splits: Vec<Split>,
    /// The cut of a private input.
    pub(crate) input_split: Split,
    /// The cut of a private output.
    pub(crate) output_split: Split,
    pub(crate) counts: Counts,
}

impl Frame {
    /// Runs the verifier's side of the reductions once, on messages that say nothing.
    pub(crate) fn new(circuit: &Circuit, width: usize) -> Self {
        let counter = count(circuit);
        let counts = Counts { messages: counter.scalars, products: counter.products };
        let split = |id: WireId| Split::choose(&circuit.wire(id).shape, width);
        Self {
            advice_splits: splits(circuit, WireKind::Advice, width),
            input_split: split(circuit.input()),
            output_split: split(circuit.output().wire),
            counts,
        }
    }

    pub(crate) fn num_advice_rows(&self) -> usize {
        num_rows(&self.advice_splits)
    }
}

/// What the verifier of a circuit receives and does, whoever makes the proof.
pub(crate) fn count(circuit: &Circuit) -> Counter {
    let mut counter = Counter::default();
    let output = Ints::I8(vec![0; circuit.shape(circuit.output()).iter().product()]);
    let claims: Result<Vec<Claim<Field, Field>>, _> = convince_gkr::verify(circuit, Some(&output), &mut counter);
    debug_assert!(claims.is_ok(), "a counter takes every message: {:?}", claims.err());
    counter
}

/// A circuit and the parameters of its commitments.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) circuit: &'a Circuit,
    pub(crate) params: &'a Params,
    pub(crate) frame: &'a Frame,
}

/// The committed wires of a proof, in the order of [`OpeningClaim::wire`]: those committed before it, then advice.
pub(crate) fn committed_order(circuit: &Circuit, before: impl Iterator<Item = WireId>) -> Vec<WireId> {
    before.chain(circuit.wires_of(WireKind::Advice)).collect()
}

/// Every wire's place in a list of wires.
pub(super) fn places(circuit: &Circuit, list: &[WireId]) -> Vec<Option<usize>> {
    let mut places = vec![None; circuit.wires().len()];
    list.iter().enumerate().for_each(|(k, id)| places[id.index()] = Some(k));
    places
}

/// Reduces the circuit to claims on committed wires, with each wire's place in `committed`; all others are public, and
/// `evaluate` gives the values of the claims on them.
///
/// # Errors
/// The channel's; [`Check::PublicWire`] is asserted here.
pub(super) fn claims<C: VerifierChannel<Field>>(
    circuit: &Circuit,
    output: Option<&Ints>,
    committed: &[WireId],
    evaluate: impl FnOnce(&[Claim<Field, C::Scalar>]) -> Vec<Field>,
    channel: &mut C,
) -> Result<Vec<OpeningClaim<Field, C::Scalar>>, ChannelError> {
    let claims = convince_gkr::verify(circuit, output, channel)?;
    let places = places(circuit, committed);
    let (committed, public): (Vec<_>, Vec<_>) = claims.into_iter().partition(|c| places[c.wire.index()].is_some());
    for (evaluation, claim) in evaluate(&public).into_iter().zip(public) {
        let check = Check::PublicWire { wire: claim.wire.index() };
        channel.assert_eq(claim.value, C::Scalar::constant(evaluation), check)?;
    }
    let opening = |claim: Claim<Field, C::Scalar>| {
        let Claim { wire, functional, value } = claim;
        places[wire.index()].map(|wire| OpeningClaim { wire, functional, value })
    };
    Ok(committed.into_iter().filter_map(opening).collect())
}
