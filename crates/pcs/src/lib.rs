//! Commitments to integer tensors, and one opening for all claims on them.
//!
//! [`CommitmentScheme`] is what the rest of the project sees: associated types only, no group and no curve. [`Hyrax`] is its
//! transparent implementation over BLS12-381 G1. A wire is cut into rows by a [`Split`], which depends on its shape and on
//! the scheme's width alone; [`choose_width`] is the cost model that picks the width for a circuit.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod group;
pub mod hyrax;
mod split;
mod width;

use convince_field::{IntSlice, ProofField};
use convince_poly::Functional;
use convince_transcript::{ChannelError, ProverChannel, VerifierChannel};
use rand::{CryptoRng, RngCore};

pub use hyrax::Hyrax;
pub use split::{Split, Term};
pub use width::{WidthCost, WireShape, choose_width};

/// Why an opening or a commitment is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PcsError {
    /// The proof's stream.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// A commitment is not a canonical encoding of a point of the right group, or is the identity.
    #[error("commitment row {row} is not a point of the group")]
    Point {
        /// Index of the row in its list.
        row: usize,
    },
    /// A list of commitments has the wrong length.
    #[error("{found} bytes of commitments where the shapes call for {expected}")]
    Length {
        /// Bytes that the shapes call for.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The opened vector is not what the commitments hold.
    #[error("check failed: the opened vector is not the committed rows' combination")]
    Commitment,
    /// A matrix is too narrow for a hiding proof.
    #[error("width {width} is less than {min}, which a hiding proof needs")]
    TooNarrow {
        /// Width, in columns.
        width: usize,
        /// Smallest width.
        min: usize,
    },
    /// A verifier's algorithm has other numbers of messages or products than were announced.
    #[error("the numbers of hidden scalars are not those of the verifier's algorithm")]
    Counts,
    /// The scheme has no parameters for this width.
    #[error("width {width} is not between 1 and {max}")]
    Width {
        /// Width asked for, in columns.
        width: usize,
        /// Largest width.
        max: usize,
    },
}

/// A claim on the `wire`-th committed wire: `<functional, wire> = value`.
#[derive(Clone, Debug)]
pub struct OpeningClaim<F, S> {
    /// Index into the list of committed wires.
    pub wire: usize,
    /// One functional an axis, of the wire's true lengths.
    pub functional: Functional<F>,
    /// The value.
    pub value: S,
}

/// A commitment to integer tensors that opens linear claims.
pub trait CommitmentScheme {
    /// Name, absorbed at the start of every transcript.
    const ID: &'static str;
    /// The field of claims.
    type Field: ProofField;
    /// What committing and opening needs, for one width.
    type Params: Send + Sync;
    /// The public commitment to one row.
    type Row: Clone + Send + Sync;
    /// The secret of one row.
    type Blind: Clone + Send + Sync;

    /// Parameters for rows of at most `width` columns.
    ///
    /// # Errors
    /// [`PcsError::Width`].
    fn params(width: usize) -> Result<Self::Params, PcsError>;

    /// Secrets for `rows` rows.
    fn blinds(rows: usize, rng: &mut (impl RngCore + CryptoRng)) -> Vec<Self::Blind>;

    /// Commits to rows of small integers.
    fn commit(params: &Self::Params, rows: &[IntSlice<'_>], blinds: &[Self::Blind]) -> Vec<Self::Row>;

    /// What [`Self::commit`] hands to threads: lists of rows, each of which is in one of them, for [`Self::commit_job`].
    fn commit_jobs(params: &Self::Params, rows: &[IntSlice<'_>]) -> Vec<Vec<usize>>;

    /// [`Self::commit`] of some rows alone, in their order in the list, on one thread.
    fn commit_job(
        params: &Self::Params,
        rows: &[IntSlice<'_>],
        blinds: &[Self::Blind],
        job: &[usize],
    ) -> Vec<Self::Row>;

    /// Canonical bytes of commitments.
    fn rows_to_bytes(rows: &[Self::Row]) -> Vec<u8>;

    /// Reads `count` commitments, each fully checked.
    ///
    /// # Errors
    /// [`PcsError::Length`], [`PcsError::Point`].
    fn rows_from_bytes(count: usize, bytes: &[u8]) -> Result<Vec<Self::Row>, PcsError>;

    /// Bytes of one commitment.
    const ROW_BYTES: usize;

    /// Bytes of an opening's messages under parameters of this width, and the number of its rounds.
    fn opening_size(width: usize) -> (usize, usize);

    /// Opens all claims at once.
    fn open<C: ProverChannel<Self::Field>>(
        params: &Self::Params,
        wires: &[CommittedWire<'_, Self>],
        claims: &[OpeningClaim<Self::Field, Self::Field>],
        channel: &mut C,
    );

    /// Verifies the opening of all claims in the clear.
    ///
    /// # Errors
    /// [`PcsError::Channel`], [`PcsError::Commitment`].
    fn verify<C: VerifierChannel<Self::Field, Scalar = Self::Field>>(
        params: &Self::Params,
        wires: &[WireCommitment<'_, Self>],
        claims: &[OpeningClaim<Self::Field, Self::Field>],
        channel: &mut C,
    ) -> Result<(), PcsError>;
}

/// A prover's view of a committed wire.
pub struct CommittedWire<'a, S: CommitmentScheme + ?Sized> {
    /// How the wire is cut into rows.
    pub split: &'a Split,
    /// Its integers.
    pub values: IntSlice<'a>,
    /// Its rows' secrets.
    pub blinds: &'a [S::Blind],
}

/// A verifier's view of a committed wire.
pub struct WireCommitment<'a, S: CommitmentScheme + ?Sized> {
    /// How the wire is cut into rows.
    pub split: &'a Split,
    /// Its rows' commitments.
    pub rows: &'a [S::Row],
}
