//! Commitments to models and inputs, and what opens them.

use std::path::PathBuf;

use super::Nonce;

/// Commit to a model's weights, before any key
///
/// Writes the commitment, with a proof that every weight and bias is of its format, and its secret (mode 0600). Keys
/// for any batch, strategy and visibility are then made under it by `convince setup --commitment`: proofs under all
/// of them are about the same weights, and proving their ranges is done once. The commitment hides the weights, for
/// any number of keys and proofs; whoever has model and secret can prove.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince commit-model lenet5.cnvm -o lenet5.commitment --secret lenet5.secret
  convince setup lenet5.cnvm --commitment lenet5.commitment --secret lenet5.secret -o keys
  convince check-key lenet5.commitment

JSON: {commit_ms, model_commitment (hex), commitment_bytes, weights, width, weight_rows, range_proof_bytes,
range_proof_slices}.")]
pub(crate) struct CommitModel {
    /// Model file
    #[arg(value_name = "M")]
    pub(crate) model: PathBuf,

    /// File for the commitment, which is public
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// File for its secret
    #[arg(long, value_name = "FILE")]
    pub(crate) secret: PathBuf,
}

/// Check a verifier's key or a model commitment
///
/// Reads the file as the hostile input it may be and checks all that `convince verify` relies on: the circuit, the
/// commitments, and the proof that private weights are of their formats. No file is believed on what it says of
/// itself. Exit code 1 if a whole file's content is rejected.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince check-key keys/verifier.key
  convince check-key lenet5.commitment

JSON: {valid, kind, file_bytes, check_ms, model_commitment (hex), status (range-proven or public), weights,
width, weight_rows, range_proof_bytes, range_proof_slices (null of public weights), error}; of a key also
network_digest, private and reveal, as setup prints them. All but valid, kind, file_bytes, check_ms and error
are null if it is rejected.")]
pub(crate) struct CheckKey {
    /// Verifier's key or model commitment
    #[arg(value_name = "KEY")]
    pub(crate) key: PathBuf,
}

/// Commit to an input, for a proof about it
///
/// Writes a commitment, which says nothing of the input, and its opening (mode 0600), which is the input and the
/// commitment's randomness. Anybody can do this who has a verifier's key whose inputs are private: the owner of the
/// data, who then gives the opening to the prover alone, and the commitment to whoever verifies. The commitment fits
/// all keys with the same input and the same width of rows.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince commit-input --key keys/verifier.key --input seven.png -o seven.commitment --opening seven.opening
  convince prove --key keys/prover.key --input-opening seven.opening -o seven.cnvp
  convince verify --key keys/verifier.key --input-commitment seven.commitment seven.cnvp

JSON: {commit_ms, commitment (hex), commitment_bytes, opening_bytes}.")]
pub(crate) struct CommitInput {
    /// The verifier's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Input: PNG, .npy or .json; given again for each image of a batch
    #[arg(short, long, value_name = "X", required = true, num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,

    /// File for the commitment, which is public
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// File for its opening
    #[arg(long, value_name = "FILE")]
    pub(crate) opening: PathBuf,
}

/// Check what a commitment is to
///
/// Checks that an opening is that of a commitment, and prints the values. The commitment is a file of its own, or it
/// stands in a proof, as a private output or input: the proof is then verified too, so that the values are shown to
/// be what the network was proven about. Exit code 1 if the proof is rejected or the opening is of another
/// commitment.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince open seven.commitment seven.opening
  convince open seven.cnvp output.opening --key keys/verifier.key

JSON: {valid, of (commitment, input or output), commitment (hex), values (integers), label, label_name, logits,
probabilities, error}; label, label_name, logits and probabilities, and images of a batch, are those of an output,
as verify prints them, otherwise null. All but valid and error are null if the opening is refused.")]
pub(crate) struct Open {
    /// Commitment or proof
    #[arg(value_name = "COMMITMENT|P")]
    pub(crate) commitment: PathBuf,

    /// The opening
    #[arg(value_name = "OPENING")]
    pub(crate) opening: PathBuf,

    /// For a proof: the verifier's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// For a proof: the nonce that it must have been made with, hexadecimal [default: empty]
    #[arg(long, value_name = "HEX", requires = "key")]
    pub(crate) nonce: Option<Nonce>,
}
