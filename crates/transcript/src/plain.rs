use std::marker::PhantomData;

use convince_field::ProofField;

use crate::{ChannelError, Check, Label, ProverChannel, Transcript, VerifierChannel, profile};

/// Writes messages in the clear: a proof is their concatenation, without lengths, since the circuit gives all lengths.
pub struct PlainProver<F> {
    transcript: Transcript,
    bytes: Vec<u8>,
    field: PhantomData<F>,
}

impl<F: ProofField> PlainProver<F> {
    /// Starts from a transcript that has absorbed the statement.
    pub fn new(transcript: Transcript) -> Self {
        Self { transcript, bytes: Vec::new(), field: PhantomData }
    }

    /// The proof.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

impl<F: ProofField> ProverChannel<F> for PlainProver<F> {
    fn send(&mut self, label: Label, scalars: &[F]) {
        let start = self.bytes.len();
        for scalar in scalars {
            scalar.write_to(&mut self.bytes);
        }
        self.transcript.absorb(label, &self.bytes[start..]);
        profile::sent(label, self.bytes.len() - start);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.transcript.absorb(label, bytes);
        profile::sent(label, bytes.len());
    }

    fn challenge(&mut self, label: Label) -> F {
        self.transcript.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.transcript.full_challenge(label)
    }
}

/// Reads what [`PlainProver`] wrote. Scalars are field elements; every assertion is decided at once.
pub struct PlainVerifier<'a, F> {
    transcript: Transcript,
    proof: &'a [u8],
    offset: usize,
    field: PhantomData<F>,
}

impl<'a, F: ProofField> PlainVerifier<'a, F> {
    /// Starts from a transcript that has absorbed the statement.
    pub fn new(transcript: Transcript, proof: &'a [u8]) -> Self {
        Self { transcript, proof, offset: 0, field: PhantomData }
    }

    /// Ends the proof.
    ///
    /// # Errors
    /// [`ChannelError::Trailing`] if bytes are left.
    pub fn finish(self) -> Result<(), ChannelError> {
        match self.proof.len() - self.offset {
            0 => Ok(()),
            count => Err(ChannelError::Trailing { count }),
        }
    }

    fn take(&mut self, label: Label, needed: usize) -> Result<&'a [u8], ChannelError> {
        let (offset, left) = (self.offset, self.proof.len() - self.offset);
        let bytes =
            self.proof[offset..].get(..needed).ok_or(ChannelError::Truncated { label, offset, needed, left })?;
        self.offset += needed;
        self.transcript.absorb(label, bytes);
        Ok(bytes)
    }
}

impl<F: ProofField> VerifierChannel<F> for PlainVerifier<'_, F> {
    type Scalar = F;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<F>, ChannelError> {
        let start = self.offset;
        let bytes = self.take(label, len.saturating_mul(F::BYTES))?;
        let scalar =
            |(i, chunk)| F::read_from(chunk).ok_or(ChannelError::NonCanonical { label, offset: start + i * F::BYTES });
        bytes.chunks_exact(F::BYTES).enumerate().map(scalar).collect()
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        Ok(self.take(label, len)?.to_vec())
    }

    fn challenge(&mut self, label: Label) -> F {
        self.transcript.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.transcript.full_challenge(label)
    }

    fn mul(&mut self, a: &F, b: &F) -> F {
        *a * b
    }

    fn assert_eq(&mut self, a: F, b: F, check: Check) -> Result<(), ChannelError> {
        if a == b { Ok(()) } else { Err(ChannelError::CheckFailed(check)) }
    }
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;

    use super::*;

    const LABEL: Label = "test/message";

    fn proof() -> (Vec<u8>, Fr) {
        let mut prover = PlainProver::<Fr>::new(Transcript::new("test"));
        prover.send(LABEL, &[Fr::from_i64(5), Fr::from_i64(-1)]);
        prover.send_bytes(LABEL, &[1, 2, 3]);
        let challenge = prover.challenge(LABEL);
        (prover.finish(), challenge)
    }

    fn verifier(proof: &[u8]) -> PlainVerifier<'_, Fr> {
        PlainVerifier::new(Transcript::new("test"), proof)
    }

    #[test]
    fn both_ends_see_the_same_messages_and_challenges() {
        let (proof, challenge) = proof();
        let mut v = verifier(&proof);
        assert_eq!(v.receive_array(LABEL), Ok([Fr::from_i64(5), Fr::from_i64(-1)]));
        assert_eq!(v.receive_bytes(LABEL, 3), Ok(vec![1, 2, 3]));
        assert_eq!(v.challenge(LABEL), challenge);
        assert_eq!(v.finish(), Ok(()));
    }

    #[test]
    fn a_challenge_depends_on_every_byte_before_it() {
        let (proof, challenge) = proof();
        for i in (0..proof.len()).filter(|i| i % 32 != 31) {
            let mut bad = proof.clone();
            bad[i] ^= 1;
            let mut v = verifier(&bad);
            if v.receive(LABEL, 2).is_ok() && v.receive_bytes(LABEL, 3).is_ok() {
                assert_ne!(v.challenge(LABEL), challenge, "byte {i}");
            }
        }
    }

    #[test]
    fn short_long_and_non_canonical_proofs_are_errors() {
        let (mut proof, _) = proof();
        assert!(matches!(verifier(&proof[..63]).receive(LABEL, 2), Err(ChannelError::Truncated { left: 63, .. })));
        assert!(matches!(verifier(&proof).receive(LABEL, usize::MAX), Err(ChannelError::Truncated { .. })));
        assert!(matches!(verifier(&proof).finish(), Err(ChannelError::Trailing { count: 67 })));
        proof[32..64].fill(0xff);
        assert!(matches!(verifier(&proof).receive(LABEL, 2), Err(ChannelError::NonCanonical { offset: 32, .. })));
    }
}
