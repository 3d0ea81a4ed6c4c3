//! File containers: what stands around the payload of a model, a key or a proof.
//!
//! ```text
//! magic "CNVC" (4) | kind (1) | version (2, little-endian)                      proof: the payload follows to the end
//!                  | length (8) | payload (length) | SHA-256 of all before (32)  model and keys
//! ```
//!
//! The checksum tells a damaged file from a whole one; it is no authentication, and a proof needs none.

use sha2::{Digest, Sha256};

/// First bytes of every file.
pub const MAGIC: [u8; 4] = *b"CNVC";
/// Version of all formats; it changes whenever a byte of any of them, or of the protocol, changes its meaning.
pub const VERSION: u16 = 5;

const HEADER_LEN: usize = 7;
const CHECKSUM_LEN: usize = 32;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A quantised model.
    Model,
    /// A proving key, which holds the model and the commitment's secrets.
    ProverKey,
    /// A verifying key.
    VerifierKey,
    /// A proof.
    Proof,
    /// A commitment to a model's weights, with the proof that they are in range.
    ModelCommitment,
    /// The secret of a commitment to a model's weights.
    ModelSecret,
    /// A commitment to an input or an output.
    TensorCommitment,
    /// What such a commitment is to, and its secret.
    TensorOpening,
    /// A proof of accuracy.
    AccuracyProof,
    /// A commitment to a data set.
    DataSetCommitment,
    /// The secret of such a commitment.
    DataSetOpening,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Model,
        Self::ProverKey,
        Self::VerifierKey,
        Self::Proof,
        Self::ModelCommitment,
        Self::ModelSecret,
        Self::TensorCommitment,
        Self::TensorOpening,
        Self::AccuracyProof,
        Self::DataSetCommitment,
        Self::DataSetOpening,
    ];

    const fn byte(self) -> u8 {
        match self {
            Self::Model => 1,
            Self::ProverKey => 2,
            Self::VerifierKey => 3,
            Self::Proof => 4,
            Self::ModelCommitment => 5,
            Self::ModelSecret => 6,
            Self::TensorCommitment => 7,
            Self::TensorOpening => 8,
            Self::AccuracyProof => 9,
            Self::DataSetCommitment => 10,
            Self::DataSetOpening => 11,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Model => "model",
            Self::ProverKey => "prover key",
            Self::VerifierKey => "verifier key",
            Self::Proof => "proof",
            Self::ModelCommitment => "model commitment",
            Self::ModelSecret => "model secret",
            Self::TensorCommitment => "commitment",
            Self::TensorOpening => "commitment's opening",
            Self::AccuracyProof => "accuracy proof",
            Self::DataSetCommitment => "data set commitment",
            Self::DataSetOpening => "data set's opening",
        })
    }
}

/// Why bytes are not the file they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The magic is missing: some other program's file, or an empty one.
    #[error("not a convince file")]
    Magic,
    /// The kind byte is none that this version knows.
    #[error("a convince file of unknown kind {0}")]
    UnknownKind(u8),
    /// The file is of another kind.
    #[error("a {found} file where a {expected} file is needed")]
    WrongKind {
        /// The kind asked for.
        expected: Kind,
        /// The kind found.
        found: Kind,
    },
    /// Another format version.
    #[error("file version {found}, but this program reads version {VERSION}")]
    Version {
        /// The version found.
        found: u16,
    },
    /// The length in the header is not the length of what follows.
    #[error("the file is cut short or extended: its header says {expected} bytes, {found} are there")]
    Length {
        /// Bytes that the header implies.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
    /// The checksum does not match.
    #[error("the file is damaged: its checksum does not match")]
    Checksum,
}

/// The header of a file of this kind; a proof is this and its payload.
pub fn header(kind: Kind) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.push(kind.byte());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out
}

/// What a file says it is, whatever its version.
///
/// # Errors
/// [`ContainerError::Magic`], [`ContainerError::UnknownKind`].
pub fn kind_of(bytes: &[u8]) -> Result<Kind, ContainerError> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(ContainerError::Magic)?;
    let byte = *rest.first().ok_or(ContainerError::Magic)?;
    Kind::ALL.into_iter().find(|k| k.byte() == byte).ok_or(ContainerError::UnknownKind(byte))
}

/// The payload behind the header of a file without checksum.
///
/// # Errors
/// Any [`ContainerError`] but length and checksum.
pub fn strip_header(kind: Kind, bytes: &[u8]) -> Result<&[u8], ContainerError> {
    let found = kind_of(bytes)?;
    if found != kind {
        return Err(ContainerError::WrongKind { expected: kind, found });
    }
    let version = bytes.get(5..HEADER_LEN).ok_or(ContainerError::Magic)?;
    match u16::from_le_bytes([version[0], version[1]]) {
        VERSION => Ok(&bytes[HEADER_LEN..]),
        found => Err(ContainerError::Version { found }),
    }
}

/// A file of this kind with length and checksum around `payload`.
pub fn seal(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = header(kind);
    out.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    out.extend_from_slice(payload);
    let checksum = Sha256::digest(&out);
    out.extend_from_slice(&checksum);
    out
}

/// The payload of a sealed file.
///
/// # Errors
/// Any [`ContainerError`].
pub fn open(kind: Kind, bytes: &[u8]) -> Result<&[u8], ContainerError> {
    let sealed = Sealed::of(kind, bytes)?;
    sealed.check().map(|()| sealed.payload)
}

/// A sealed file whose checksum is still to be compared: for long ones, that is a good part of the time that reading takes, and another
/// thread can do it meanwhile.
#[derive(Clone, Copy, Debug)]
#[must_use = "the checksum is still to be checked"]
pub struct Sealed<'a> {
    /// What the file holds, unless [`Self::check`] says that it is damaged.
    pub payload: &'a [u8],
    covered: &'a [u8],
    checksum: &'a [u8],
}

impl<'a> Sealed<'a> {
    /// Checks everything but the checksum.
    ///
    /// # Errors
    /// Any [`ContainerError`] but [`ContainerError::Checksum`].
    pub fn of(kind: Kind, bytes: &'a [u8]) -> Result<Self, ContainerError> {
        let rest = strip_header(kind, bytes)?;
        let found = bytes.len() as u64;
        let (length, rest) = rest.split_first_chunk::<8>().ok_or(ContainerError::Length { expected: 0, found })?;
        let expected = u64::from_le_bytes(*length).saturating_add((HEADER_LEN + 8 + CHECKSUM_LEN) as u64);
        if expected != found {
            return Err(ContainerError::Length { expected, found });
        }
        let (covered, checksum) = bytes.split_at(bytes.len() - CHECKSUM_LEN);
        Ok(Self { payload: &rest[..rest.len() - CHECKSUM_LEN], covered, checksum })
    }

    /// Compares the checksum. Some 0.5 ns a byte.
    ///
    /// # Errors
    /// [`ContainerError::Checksum`].
    pub fn check(&self) -> Result<(), ContainerError> {
        match Sha256::digest(self.covered).as_slice() == self.checksum {
            true => Ok(()),
            false => Err(ContainerError::Checksum),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_files_open_as_what_they_are() {
        let file = seal(Kind::Model, b"payload");
        assert_eq!(open(Kind::Model, &file), Ok(&b"payload"[..]));
        assert_eq!(kind_of(&file), Ok(Kind::Model));
        let wrong = ContainerError::WrongKind { expected: Kind::Proof, found: Kind::Model };
        assert_eq!(strip_header(Kind::Proof, &file), Err(wrong));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_an_error() {
        let file = seal(Kind::VerifierKey, &[7; 20]);
        for i in 0..file.len() {
            let mut bad = file.clone();
            bad[i] ^= 1;
            assert!(open(Kind::VerifierKey, &bad).is_err(), "byte {i}");
            assert!(open(Kind::VerifierKey, &file[..i]).is_err(), "cut at {i}");
        }
        assert!(open(Kind::VerifierKey, &[&file[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_length_of_two_to_the_64_is_an_error() {
        let mut file = seal(Kind::Model, &[]);
        file[7..15].fill(0xff);
        assert!(matches!(open(Kind::Model, &file), Err(ContainerError::Length { .. })));
    }
}
