use convince_circuit::{Circuit, WireKind};
use convince_pcs::CommitmentScheme;
use convince_pcs::hyrax::hiding::Counts;

use crate::protocol::{Scheme, count, num_rows, splits};

/// What the messages of a proof come to, whoever makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Messages {
    /// Bytes of all messages.
    pub(super) bytes: usize,
    /// Times that the verifier answers a message with challenges.
    pub(super) rounds: usize,
    /// How many scalars and products of hidden scalars there are.
    pub(super) hidden: Counts,
}

/// Counts the messages of a hiding proof.
pub(super) fn messages(circuit: &Circuit, width: usize) -> Messages {
    let counter = count(circuit);
    let advice = num_rows(&splits(circuit, WireKind::Advice, width)) * Scheme::ROW_BYTES;
    let counts = Counts { messages: counter.scalars, products: counter.products };
    let (bytes, rounds) = counts.closing_size(width);
    Messages { bytes: counter.bytes + advice + bytes, rounds: counter.rounds + rounds, hidden: counts }
}
