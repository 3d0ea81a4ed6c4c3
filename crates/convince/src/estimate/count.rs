use convince_circuit::{Circuit, WireKind};
use convince_field::{Ints, ProofField};
use convince_pcs::CommitmentScheme;
use convince_transcript::{ChannelError, Check, Label, VerifierChannel};

use crate::protocol::{Field, Scheme, num_rows, splits};

/// What the messages of a proof come to, whoever makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Messages {
    /// Bytes of all messages.
    pub(super) bytes: usize,
    /// Times that the verifier answers a message with challenges.
    pub(super) rounds: usize,
}

/// Counts the messages of a proof, by running the verifier's side of the reductions on messages that say nothing.
///
/// What a verifier does depends on the circuit alone, so this is exact.
pub(super) fn messages(circuit: &Circuit, width: usize) -> Messages {
    let mut counter = Counter::default();
    counter.hear(num_rows(&splits(circuit, WireKind::Advice, width)) * Scheme::ROW_BYTES);
    let output = Ints::I8(vec![0; circuit.shape(circuit.output()).iter().product()]);
    // A counter takes every message and asserts nothing.
    let claims = convince_gkr::verify(circuit, &output, &mut counter);
    debug_assert!(claims.is_ok(), "{:?}", claims.err());
    let (bytes, rounds) = Scheme::opening_size(width);
    counter.messages.bytes += bytes;
    counter.messages.rounds += rounds;
    counter.messages
}

/// A verifier's channel that only counts.
#[derive(Default)]
struct Counter {
    messages: Messages,
    /// Whether something came since the last challenge.
    heard: bool,
    challenges: u64,
}

impl Counter {
    fn hear(&mut self, bytes: usize) {
        self.messages.bytes += bytes;
        self.heard = true;
    }
}

impl VerifierChannel<Field> for Counter {
    type Scalar = Field;

    fn receive(&mut self, _: Label, len: usize) -> Result<Vec<Field>, ChannelError> {
        self.hear(len * Field::BYTES);
        Ok(vec![Field::from(1u64); len])
    }

    fn receive_bytes(&mut self, _: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.hear(len);
        Ok(vec![0; len])
    }

    fn challenge(&mut self, _: Label) -> Field {
        self.messages.rounds += usize::from(std::mem::take(&mut self.heard));
        // Neither 0 nor 1, which protocols may have to refuse.
        self.challenges += 1;
        Field::from(self.challenges + 1)
    }

    fn full_challenge(&mut self, label: Label) -> Field {
        self.challenge(label)
    }

    fn mul(&mut self, a: &Field, b: &Field) -> Field {
        *a * b
    }

    fn assert_eq(&mut self, _: Field, _: Field, _: Check) -> Result<(), ChannelError> {
        Ok(())
    }
}
