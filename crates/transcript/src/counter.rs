use convince_field::ProofField;

use crate::{ChannelError, Check, Label, VerifierChannel};

/// A verifier's channel that only counts: it takes every message and asserts nothing.
///
/// What a verifier does depends on the circuit alone, so running it on this channel gives the numbers of every proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// Scalars received.
    pub scalars: usize,
    /// Bytes received, those of scalars included.
    pub bytes: usize,
    /// Products of two scalars.
    pub products: usize,
    /// Equations asserted.
    pub assertions: usize,
    /// Times that challenges answer a message.
    pub rounds: usize,
    /// Whether something came since the last challenge.
    heard: bool,
    challenges: u64,
}

impl<F: ProofField> VerifierChannel<F> for Counter {
    type Scalar = F;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<F>, ChannelError> {
        self.scalars += len;
        VerifierChannel::<F>::receive_bytes(self, label, len * F::BYTES)?;
        Ok(vec![F::one(); len])
    }

    fn receive_bytes(&mut self, _: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.bytes += len;
        self.heard = true;
        Ok(vec![0; len])
    }

    fn challenge(&mut self, _: Label) -> F {
        self.rounds += usize::from(std::mem::take(&mut self.heard));
        // Neither 0 nor 1, which protocols may have to refuse.
        self.challenges += 1;
        F::from(self.challenges + 1)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.challenge(label)
    }

    fn mul(&mut self, a: &F, b: &F) -> F {
        self.products += 1;
        *a * b
    }

    fn assert_eq(&mut self, _: F, _: F, _: Check) -> Result<(), ChannelError> {
        self.assertions += 1;
        Ok(())
    }
}
