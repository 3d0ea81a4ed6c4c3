use convince_field::ProofField;
use zeroize::Zeroizing;

use super::verifier::record;
use super::{Hidden, Tape};
use crate::{ChannelError, Check, Label, ProverChannel, VerifierChannel};

/// A prover's channel that pads every scalar before it writes it to the clear channel beneath.
pub struct HidingProver<F: ProofField, C> {
    clear: C,
    pads: Zeroizing<Vec<F>>,
    masked: Vec<F>,
    challenges: Vec<F>,
}

impl<F: ProofField, C: ProverChannel<F>> HidingProver<F, C> {
    /// Over a channel in the clear that has sent the commitments to these pads, which are used once each.
    pub fn new(clear: C, pads: Zeroizing<Vec<F>>) -> Self {
        Self { clear, pads, masked: Vec::new(), challenges: Vec::new() }
    }

    /// A verifier's channel that hears what has been sent until now: running the verifier on it gives the tape.
    pub fn recorder(&self) -> Recorder<F> {
        Recorder { tape: Tape::default(), masked: self.masked.clone(), challenges: self.challenges.clone().into_iter() }
    }

    /// The channel beneath, for the closing argument, and the pads.
    pub fn into_parts(self) -> (C, Zeroizing<Vec<F>>) {
        (self.clear, self.pads)
    }
}

impl<F: ProofField, C: ProverChannel<F>> ProverChannel<F> for HidingProver<F, C> {
    /// Panics if more scalars are sent than there are pads, since a pad must not serve twice.
    fn send(&mut self, label: Label, scalars: &[F]) {
        let start = self.masked.len();
        let pads = &self.pads[start..start + scalars.len()];
        self.masked.extend(scalars.iter().zip(pads).map(|(m, pad)| *m + pad));
        self.clear.send(label, &self.masked[start..]);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.clear.send_bytes(label, bytes);
    }

    fn challenge(&mut self, label: Label) -> F {
        self.challenges.push(self.clear.challenge(label));
        self.challenges[self.challenges.len() - 1]
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.challenges.push(self.clear.full_challenge(label));
        self.challenges[self.challenges.len() - 1]
    }
}

/// A verifier's channel over a prover's own messages, so that it learns the tape.
///
/// It hears no bytes: what a verifier does with commitments it does apart.
pub struct Recorder<F> {
    tape: Tape<F>,
    masked: Vec<F>,
    challenges: std::vec::IntoIter<F>,
}

impl<F: ProofField> Recorder<F> {
    /// What the verifier did.
    pub fn into_tape(self) -> Tape<F> {
        self.tape
    }
}

impl<F: ProofField> VerifierChannel<F> for Recorder<F> {
    type Scalar = Hidden<F>;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Hidden<F>>, ChannelError> {
        let offset = self.tape.num_messages();
        let left = self.masked.len() - offset;
        let message = self.masked.get(offset..).and_then(|rest| rest.get(..len));
        let message = message.ok_or(ChannelError::Truncated { label, offset, needed: len, left })?;
        Ok(message.iter().map(|m| self.tape.receive(*m)).collect())
    }

    fn receive_bytes(&mut self, _: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        Ok(vec![0; len])
    }

    /// Panics if the verifier asks for more challenges than the prover did.
    fn challenge(&mut self, _: Label) -> F {
        self.challenges.next().expect("both sides draw the same challenges")
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.challenge(label)
    }

    fn mul(&mut self, a: &Hidden<F>, b: &Hidden<F>) -> Hidden<F> {
        self.tape.mul(a, b)
    }

    fn assert_eq(&mut self, a: Hidden<F>, b: Hidden<F>, check: Check) -> Result<(), ChannelError> {
        record(&mut self.tape, a - b, check)
    }
}
