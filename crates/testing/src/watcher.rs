use convince_field::ProofField;
use convince_transcript::{ChannelError, Check, Label, VerifierChannel};

use crate::Known;

/// A check as a verifier met it.
#[derive(Clone, Copy, Debug)]
pub struct Met<S> {
    /// Its name.
    pub check: Check,
    /// The difference of its two sides: zero for honest provers.
    pub difference: S,
    /// Scalars received before it.
    pub received: usize,
}

/// A verifier's channel that keeps a record of all checks and can ignore one.
pub struct Watcher<F: ProofField, C: VerifierChannel<F>> {
    inner: C,
    ignored: Option<usize>,
    known: Known<F>,
    len: usize,
    offsets: Vec<usize>,
    met: Vec<Met<C::Scalar>>,
}

impl<F: ProofField, C: VerifierChannel<F>> Watcher<F, C> {
    /// Ignores the check of this index, counted in the order in which the verifier makes them.
    pub fn new(inner: C, ignored: Option<usize>) -> Self {
        Self { inner, ignored, known: Known::new(), len: 0, offsets: Vec::new(), met: Vec::new() }
    }

    /// Answers these full challenges in place of the drawn ones.
    #[must_use]
    pub fn knowing(self, known: &Known<F>) -> Self {
        Self { known: known.clone(), ..self }
    }

    /// The channel underneath, the checks that were met, and where each scalar that was received starts in the proof.
    pub fn finish(self) -> (C, Vec<Met<C::Scalar>>, Vec<usize>) {
        (self.inner, self.met, self.offsets)
    }
}

impl<F: ProofField, C: VerifierChannel<F>> VerifierChannel<F> for Watcher<F, C> {
    type Scalar = C::Scalar;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<C::Scalar>, ChannelError> {
        let scalars = self.inner.receive(label, len)?;
        self.offsets.extend((0..len).map(|i| self.len + i * F::BYTES));
        self.len += len * F::BYTES;
        Ok(scalars)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        let bytes = self.inner.receive_bytes(label, len)?;
        self.len += len;
        Ok(bytes)
    }

    fn challenge(&mut self, label: Label) -> F {
        self.inner.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        let drawn = self.inner.full_challenge(label);
        self.known.get(label).copied().unwrap_or(drawn)
    }

    fn mul(&mut self, a: &C::Scalar, b: &C::Scalar) -> C::Scalar {
        self.inner.mul(a, b)
    }

    fn assert_eq(&mut self, a: C::Scalar, b: C::Scalar, check: Check) -> Result<(), ChannelError> {
        let index = self.met.len();
        self.met.push(Met { check, difference: a.clone() - b.clone(), received: self.offsets.len() });
        if self.ignored == Some(index) { Ok(()) } else { self.inner.assert_eq(a, b, check) }
    }
}
