use convince_field::ProofField;

use super::{Hidden, Tape};
use crate::{ChannelError, Check, Label, VerifierChannel};

/// A verifier's channel over hidden scalars: reads what [`super::HidingProver`] wrote to the clear channel beneath, and keeps
/// the tape of what is still to be shown.
pub struct HidingVerifier<F, C> {
    clear: C,
    tape: Tape<F>,
}

impl<F: ProofField, C: VerifierChannel<F, Scalar = F>> HidingVerifier<F, C> {
    /// Over a channel in the clear that has received the pads' commitments.
    pub fn new(clear: C) -> Self {
        Self { clear, tape: Tape::default() }
    }

    /// The channel beneath, for the closing argument, and what that has to show.
    pub fn into_parts(self) -> (C, Tape<F>) {
        (self.clear, self.tape)
    }
}

impl<F: ProofField, C: VerifierChannel<F, Scalar = F>> VerifierChannel<F> for HidingVerifier<F, C> {
    type Scalar = Hidden<F>;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Hidden<F>>, ChannelError> {
        let masked = self.clear.receive(label, len)?;
        Ok(masked.into_iter().map(|m| self.tape.receive(m)).collect())
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.clear.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> F {
        self.clear.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        self.clear.full_challenge(label)
    }

    fn mul(&mut self, a: &Hidden<F>, b: &Hidden<F>) -> Hidden<F> {
        self.tape.mul(a, b)
    }

    fn assert_eq(&mut self, a: Hidden<F>, b: Hidden<F>, check: Check) -> Result<(), ChannelError> {
        record(&mut self.tape, a - b, check)
    }
}

/// Decides an equation of public scalars at once, and puts any other on the tape.
pub(super) fn record<F: ProofField>(tape: &mut Tape<F>, form: Hidden<F>, check: Check) -> Result<(), ChannelError> {
    match form.public() {
        Some(value) if value.is_zero() => Ok(()),
        Some(_) => Err(ChannelError::CheckFailed(check)),
        None => {
            tape.assert_zero(form, check);
            Ok(())
        }
    }
}
