use convince_field::ProofField;

/// Name of a message or a challenge; a constant beside its protocol.
pub type Label = &'static str;

/// A merlin transcript with typed challenges.
///
/// Both sides absorb the same statement, then every message before the challenge that depends on it.
#[derive(Clone)]
pub struct Transcript(merlin::Transcript);

impl Transcript {
    /// A transcript of this protocol.
    pub fn new(protocol: &'static str) -> Self {
        Self(merlin::Transcript::new(protocol.as_bytes()))
    }

    /// Absorbs bytes; merlin frames them with the label and their length.
    pub fn absorb(&mut self, label: Label, bytes: &[u8]) {
        self.0.append_message(label.as_bytes(), bytes);
    }

    /// Absorbs an integer as 8 little-endian bytes.
    pub fn absorb_u64(&mut self, label: Label, value: u64) {
        self.0.append_u64(label.as_bytes(), value);
    }

    /// A 128-bit challenge: sumcheck, batching and closing arguments.
    pub fn challenge<F: ProofField>(&mut self, label: Label) -> F {
        F::short_challenge(&self.bytes(label))
    }

    /// A challenge from the whole field: the lookups' alpha and beta.
    pub fn full_challenge<F: ProofField>(&mut self, label: Label) -> F {
        F::full_challenge(&self.bytes(label))
    }

    fn bytes<const N: usize>(&mut self, label: Label) -> [u8; N] {
        let mut out = [0; N];
        self.0.challenge_bytes(label.as_bytes(), &mut out);
        out
    }
}
