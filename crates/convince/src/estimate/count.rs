use convince_circuit::{Circuit, WireKind};
use convince_field::Ints;
use convince_pcs::CommitmentScheme;
use convince_transcript::Counter;

use crate::protocol::{Field, Scheme, num_rows, splits};

/// What the messages of a proof come to, whoever makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    /// Bytes of all messages.
    pub(super) bytes: usize,
    /// Times that the verifier answers a message with challenges.
    pub(super) rounds: usize,
}

/// Counts the messages of a proof.
pub(super) fn messages(circuit: &Circuit, width: usize) -> Messages {
    let counter = reductions(circuit);
    let advice = num_rows(&splits(circuit, WireKind::Advice, width)) * Scheme::ROW_BYTES;
    let (bytes, rounds) = Scheme::opening_size(width);
    Messages { bytes: counter.bytes + advice + bytes, rounds: counter.rounds + rounds }
}
