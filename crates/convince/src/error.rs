use convince_circuit::CircuitError;
use convince_pcs::PcsError;
use convince_transcript::ChannelError;
use convince_transcript::container::ContainerError;

use crate::RangeProofError;

/// Why bytes are not a usable key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file around the key.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The payload does not decode.
    #[error("the key is malformed: {0}")]
    Encoding(String),
    /// The circuit in the key cannot be built.
    #[error("the key's circuit is refused: {0}")]
    Circuit(#[from] CircuitError),
    /// The commitments in the key are not valid, or the width is out of range.
    #[error("the key's commitments are refused: {0}")]
    Commitment(#[from] PcsError),
    /// The weights are not shown to be of their formats.
    #[error("the range proof of the weights' slice {slice} is refused: {reason}")]
    RangeProof {
        /// Index of the slice.
        slice: usize,
        /// Why.
        reason: RangeProofError,
    },
    /// What stands in the key beside circuit and commitments does not fit them.
    #[error("the key is inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// Why a proof is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The file's magic, kind or version: it is no proof for this program.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The proof's head does not have the layout that the circuit calls for.
    #[error("the proof is malformed: {0}")]
    Head(&'static str),
    /// The proof leaves its input out and none was given.
    #[error("the proof does not carry its input; give it separately")]
    MissingInput,
    /// The key's circuit compares with given labels: its proofs are parts of accuracy proofs.
    #[error("this key is for proofs of accuracy, which are verified with the images and their labels")]
    AccuracyKey,
    /// The input given is not the one in the proof.
    #[error("the given input is not the one that the proof is about")]
    InputDiffers,
    /// The input given has the wrong length or values outside the network's input format.
    #[error("input: {0}")]
    Input(String),
    /// An output is outside the range that the network can produce.
    #[error("output {index} is {value}, which this network cannot produce")]
    Output {
        /// Index of the output.
        index: usize,
        /// Its value.
        value: i64,
    },
    /// The proof's messages, or one of the protocol's equations.
    #[error(transparent)]
    Protocol(#[from] PcsError),
}

impl From<ChannelError> for VerifyError {
    fn from(error: ChannelError) -> Self {
        Self::Protocol(error.into())
    }
}
