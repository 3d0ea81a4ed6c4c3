//! Fiat–Shamir transcripts, the channels between prover and verifier, and file containers.
//!
//! A protocol is written once against [`ProverChannel`] and once against [`VerifierChannel`]; it never sees a transcript.
//! Everything that passes through a channel is absorbed before the next challenge is drawn, claimed evaluations
//! included. Only the entry points of the `convince` crate make a [`Transcript`].
//!
//! Key types: [`Transcript`] (merlin underneath), [`ProverChannel`], [`VerifierChannel`] whose scalars are opaque so
//! that a hiding channel can carry padded values, [`PlainProver`] and [`PlainVerifier`] (field elements in the clear), [`hiding`]
//! (padded scalars over any channel in the clear), [`Counter`] (how many messages a verifier takes),
//! [`Check`] (every algebraic check there is), [`container`] (what stands around a payload in a file), [`profile`] (where time and
//! bytes go).

#![forbid(unsafe_code)]

mod channel;
mod check;
pub mod container;
mod counter;
pub mod hiding;
mod plain;
pub mod profile;
mod transcript;

pub use channel::{ChannelScalar, ProverChannel, VerifierChannel};
pub use check::Check;
pub use counter::Counter;
pub use plain::{PlainProver, PlainVerifier};
pub use transcript::{Label, Transcript};

/// Why a verifier's channel refuses a proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The proof ends before the message that the circuit calls for.
    #[error("the proof is cut short: message \"{label}\" at byte {offset} needs {needed} bytes, {left} are left")]
    Truncated {
        /// The message's label.
        label: &'static str,
        /// Where it would start.
        offset: usize,
        /// Its length in bytes.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A scalar is not below the field's modulus.
    #[error("message \"{label}\" at byte {offset} is not a canonical field element")]
    NonCanonical {
        /// The message's label.
        label: &'static str,
        /// Where it starts.
        offset: usize,
    },
    /// Bytes are left over after the last message.
    #[error("{count} bytes are left over behind the proof")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// An equation of the protocol does not hold.
    #[error("check failed: {0}")]
    CheckFailed(Check),
    /// A challenge is zero where the protocol divides by it; an honest proof meets this with probability 2^-128.
    #[error("a challenge of zero")]
    ZeroChallenge,
    /// The circuit asks for Fourier transforms that the field does not have.
    #[error("the field has no transform of 2^{log_len} places")]
    NoTransform {
        /// log2 of the number of places.
        log_len: usize,
    },
}
