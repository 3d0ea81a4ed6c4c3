use convince_field::ProofField;
use convince_transcript::{Label, ProverChannel};

use crate::{Known, Replaced};

type ChangeScalars<'a, F> = Box<dyn Fn(Label, &mut [F]) + 'a>;
type ChangeBytes<'a> = Box<dyn Fn(Label, &[u8]) -> Vec<u8> + 'a>;

/// A prover's channel that changes what an honest prover sends. The prover goes on under the challenges that follow.
///
/// A message's scalars are changed by the function of [`Self::with_scalars`] first, then replaced by index.
pub struct Forger<'a, F, C> {
    inner: C,
    sent: usize,
    replaced: Replaced<F>,
    known: Known<F>,
    scalars: ChangeScalars<'a, F>,
    bytes: ChangeBytes<'a>,
}

impl<'a, F: ProofField, C: ProverChannel<F>> Forger<'a, F, C> {
    /// A channel that changes nothing yet.
    pub fn new(inner: C) -> Self {
        Self {
            inner,
            sent: 0,
            replaced: Replaced::new(),
            known: Known::new(),
            scalars: Box::new(|_, _| {}),
            bytes: Box::new(|_, bytes| bytes.to_vec()),
        }
    }

    /// Sends these scalars in place of the prover's.
    #[must_use]
    pub fn replacing(self, replaced: &Replaced<F>) -> Self {
        Self { replaced: replaced.clone(), ..self }
    }

    /// Answers these full challenges in place of the drawn ones.
    #[must_use]
    pub fn knowing(self, known: &Known<F>) -> Self {
        Self { known: known.clone(), ..self }
    }

    /// Changes every message of scalars.
    #[must_use]
    pub fn with_scalars(self, change: impl Fn(Label, &mut [F]) + 'a) -> Self {
        Self { scalars: Box::new(change), ..self }
    }

    /// Changes every commitment.
    #[must_use]
    pub fn with_bytes(self, change: impl Fn(Label, &[u8]) -> Vec<u8> + 'a) -> Self {
        Self { bytes: Box::new(change), ..self }
    }

    /// The channel underneath, which holds the proof.
    pub fn into_inner(self) -> C {
        self.inner
    }
}

impl<F: ProofField, C: ProverChannel<F>> ProverChannel<F> for Forger<'_, F, C> {
    fn send(&mut self, label: Label, scalars: &[F]) {
        let mut scalars = scalars.to_vec();
        (self.scalars)(label, &mut scalars);
        for (i, scalar) in scalars.iter_mut().enumerate() {
            *scalar = self.replaced.get(&(self.sent + i)).copied().unwrap_or(*scalar);
        }
        self.sent += scalars.len();
        self.inner.send(label, &scalars);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.inner.send_bytes(label, &(self.bytes)(label, bytes));
    }

    fn challenge(&mut self, label: Label) -> F {
        self.inner.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> F {
        let drawn = self.inner.full_challenge(label);
        self.known.get(label).copied().unwrap_or(drawn)
    }
}
