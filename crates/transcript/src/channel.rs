use std::ops::{Add, Mul, Sub};

use convince_field::ProofField;

use crate::{ChannelError, Check, Label};

/// What a verifier computes with: added, subtracted and scaled by public field elements.
///
/// A plain channel's scalars are field elements. A hiding channel's are affine forms in committed pads.
pub trait ChannelScalar<F>: Clone + Add<Output = Self> + Sub<Output = Self> + Mul<F, Output = Self> {
    /// A public constant.
    fn constant(value: F) -> Self;
}

impl<F: ProofField> ChannelScalar<F> for F {
    fn constant(value: F) -> Self {
        value
    }
}

/// The prover's end: messages out, challenges in.
pub trait ProverChannel<F: ProofField> {
    /// Sends scalars as one message.
    fn send(&mut self, label: Label, scalars: &[F]);

    /// Sends the bytes of a commitment.
    fn send_bytes(&mut self, label: Label, bytes: &[u8]);

    /// A 128-bit challenge that depends on everything sent so far.
    fn challenge(&mut self, label: Label) -> F;

    /// A challenge from the whole field that depends on everything sent so far.
    fn full_challenge(&mut self, label: Label) -> F;
}

/// The verifier's end. The same protocol code runs over every channel.
pub trait VerifierChannel<F: ProofField> {
    /// What messages are to the verifier.
    type Scalar: ChannelScalar<F>;

    /// Receives `len` scalars as one message. `len` comes from the circuit, never from the proof.
    ///
    /// # Errors
    /// The proof is too short, or an encoding is not canonical.
    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Self::Scalar>, ChannelError>;

    /// Receives `len` bytes of a commitment.
    ///
    /// # Errors
    /// The proof is too short.
    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError>;

    /// A 128-bit challenge that depends on everything received so far.
    fn challenge(&mut self, label: Label) -> F;

    /// A challenge from the whole field that depends on everything received so far.
    fn full_challenge(&mut self, label: Label) -> F;

    /// The product of two scalars.
    fn mul(&mut self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar;

    /// Asserts an equation of the protocol.
    ///
    /// # Errors
    /// [`ChannelError::CheckFailed`], at once or when a hiding channel closes.
    fn assert_eq(&mut self, a: Self::Scalar, b: Self::Scalar, check: Check) -> Result<(), ChannelError>;

    /// Receives one scalar.
    ///
    /// # Errors
    /// As [`Self::receive`].
    fn receive_one(&mut self, label: Label) -> Result<Self::Scalar, ChannelError> {
        let [scalar] = self.receive_array(label)?;
        Ok(scalar)
    }

    /// Receives a message whose length is known at compile time.
    ///
    /// # Errors
    /// As [`Self::receive`].
    fn receive_array<const N: usize>(&mut self, label: Label) -> Result<[Self::Scalar; N], ChannelError> {
        let scalars = self.receive(label, N)?;
        let left = scalars.len();
        scalars.try_into().map_err(|_| ChannelError::Truncated { label, offset: 0, needed: N, left })
    }
}

impl<F: ProofField, C: ProverChannel<F>> ProverChannel<F> for &mut C {
    fn send(&mut self, label: Label, scalars: &[F]) {
        (**self).send(label, scalars);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        (**self).send_bytes(label, bytes);
    }

    fn challenge(&mut self, label: Label) -> F {
        (**self).challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        (**self).full_challenge(label)
    }
}

impl<F: ProofField, C: VerifierChannel<F>> VerifierChannel<F> for &mut C {
    type Scalar = C::Scalar;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Self::Scalar>, ChannelError> {
        (**self).receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        (**self).receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> F {
        (**self).challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        (**self).full_challenge(label)
    }

    fn mul(&mut self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar {
        (**self).mul(a, b)
    }

    fn assert_eq(&mut self, a: Self::Scalar, b: Self::Scalar, check: Check) -> Result<(), ChannelError> {
        (**self).assert_eq(a, b, check)
    }
}
