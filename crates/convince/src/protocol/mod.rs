//! The protocol between the statement and the bytes: what [`crate::prove`] and [`crate::verify`] run, over any channel.
//!
//! Researchers and tests use it to run the prover on any witness and the verifier on any channel; everybody else uses the
//! two functions above.
//!
//! ```text
//! statement   protocol, version, mode, field, commitment scheme, width, circuit digest, model digest, presentation digest,
//!             input and output or the commitments to them, nonce
//! 0. pads     in a hiding proof, commitments to the pads
//! 1. advice   commitments to all advice wires, one message
//! 2. gkr      lookups, zero-checks, output, waves: claims on input, weight, advice and private output wires
//! 3. public   the verifier evaluates its claims on public wires and asserts the claimed values
//! 4. opening  one opening for all other claims; in a hiding proof, the closing argument
//! ```

mod both;
#[cfg(feature = "prover")]
mod prover;
mod verifier;

use convince_circuit::{Circuit, WireKind};
use convince_field::{Fr, IntSlice, Ints, ProofField};
use convince_pcs::{CommitmentScheme, Hyrax, Split};
use convince_transcript::Transcript;
use convince_transcript::container::VERSION;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::VerifyingKey;

use both::committed_order;
pub(crate) use both::{Frame, Setting, count};
#[cfg(feature = "prover")]
pub(crate) use prover::{Committed, Committing, Prover, ints, with_blinds};
#[cfg(feature = "prover")]
pub use prover::{run_hiding_prover, run_prover};
pub(crate) use verifier::{Verifier, with_rows};
pub use verifier::{run_hiding_verifier, run_verifier};

/// The field of every proof: the one place above the back ends where it is chosen.
pub type Field = Fr;
/// The commitment scheme of every proof.
pub type Scheme = Hyrax;
/// A commitment to one row of a wire.
pub type Row = <Scheme as CommitmentScheme>::Row;
/// The secret of one row.
pub(crate) type Blind = <Scheme as CommitmentScheme>::Blind;
/// What committing and opening needs.
pub(crate) type Params = <Scheme as CommitmentScheme>::Params;

// What the circuit builder's bounds ask of the field.
const _: () = assert!(Field::SECURITY_BITS > 81);

const PROTOCOL: &str = "convince";

/// How messages are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Zero knowledge: every scalar is padded, and the proof says nothing but its statement.
    #[default]
    Hiding,
    /// In the clear: for measurements, and where nothing is private. **It leaks** linear combinations of whatever is committed.
    Plain,
}

impl Mode {
    /// A lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hiding => "hiding",
            Self::Plain => "plain",
        }
    }
}

/// An input or an output in a statement.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// Its integers.
    Public(&'a Ints),
    /// The commitments to its rows.
    Private(&'a [Row]),
}

impl Part<'_> {
    /// What the transcript absorbs: every value as 4 little-endian bytes, whatever width it is stored at, or the commitments.
    fn canonical(&self) -> Vec<u8> {
        match self {
            Self::Public(values) => canonical(values),
            Self::Private(rows) => Scheme::rows_to_bytes(rows),
        }
    }
}

/// What a proof is about, beside the key.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The input.
    pub input: Part<'a>,
    /// The output: the network's, or labels if nothing else is revealed.
    pub output: Part<'a>,
    /// Chosen by the verifier, so that an old proof is not accepted for a new request.
    pub nonce: &'a [u8],
}

/// What binds a statement to a model, on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    pub(crate) circuit: &'a Circuit,
    pub(crate) width: usize,
    pub(crate) model_digest: &'a [u8; 32],
    pub(crate) presentation_digest: &'a [u8; 32],
}

impl Binding<'_> {
    /// A transcript that has absorbed the whole statement.
    pub(crate) fn transcript(&self, statement: &Statement<'_>, mode: Mode) -> Transcript {
        let mut transcript = started(mode, self.width);
        transcript.absorb("convince/circuit", &self.circuit.digest());
        transcript.absorb("convince/model", self.model_digest);
        transcript.absorb("convince/presentation", self.presentation_digest);
        transcript.absorb("convince/input", &statement.input.canonical());
        transcript.absorb("convince/output", &statement.output.canonical());
        transcript.absorb("convince/nonce", statement.nonce);
        transcript
    }
}

/// A transcript that has absorbed what all proofs of this version have in common.
pub(crate) fn started(mode: Mode, width: usize) -> Transcript {
    let mut transcript = Transcript::new(PROTOCOL);
    transcript.absorb_u64("convince/version", VERSION.into());
    transcript.absorb("convince/mode", mode.name().as_bytes());
    transcript.absorb("convince/field", Field::ID.as_bytes());
    transcript.absorb("convince/commitment", Scheme::ID.as_bytes());
    transcript.absorb_u64("convince/width", width as u64);
    transcript
}

/// Bytes of a value as it is hashed, whatever width it is stored at.
pub(crate) const CANONICAL_BYTES: usize = 4;

/// Every value as 4 little-endian bytes, whatever width it is stored at.
pub(crate) fn canonical(values: &Ints) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(CANONICAL_BYTES * values.len());
    push_canonical(values.as_slice(), &mut bytes);
    bytes
}

/// [`canonical`], appended.
pub(crate) fn push_canonical(values: IntSlice<'_>, bytes: &mut Vec<u8>) {
    values.for_each(|_, v| bytes.extend_from_slice(&(v as i32).to_le_bytes()));
}

/// The splits of the wires of one kind, in the order of their ids.
pub(crate) fn splits(circuit: &Circuit, kind: WireKind, width: usize) -> Vec<Split> {
    circuit.wires_of(kind).map(|id| Split::choose(&circuit.wire(id).shape, width)).collect()
}

/// Rows of all these splits.
pub(crate) fn num_rows(splits: &[Split]) -> usize {
    splits.iter().map(Split::num_rows).sum()
}

/// SHA-256 of a domain and parts, each framed by its length.
pub(crate) fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = PartsDigest::new(domain);
    parts.iter().for_each(|part| digest.part(part));
    digest.finish()
}

/// [`digest`] as its parts come.
pub(crate) struct PartsDigest(Sha256);

impl PartsDigest {
    pub(crate) fn new(domain: &str) -> Self {
        Self(Sha256::new().chain_update(domain.as_bytes()))
    }

    /// A whole part.
    pub(crate) fn part(&mut self, part: &[u8]) {
        self.begin_part(part.len());
        self.update(part);
    }

    /// A part whose bytes, so many, follow by [`Self::update`].
    pub(crate) fn begin_part(&mut self, len: usize) {
        self.0.update((len as u64).to_le_bytes());
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// The transcript of a statement under a key, for channels of one's own.
pub fn transcript(key: &VerifyingKey, statement: &Statement<'_>, mode: Mode) -> Transcript {
    key.binding().transcript(statement, mode)
}
