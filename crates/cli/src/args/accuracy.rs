//! Proofs of accuracy.

use std::path::PathBuf;

use super::{Nonce, ProfileOptions};

/// Prove that a network gives at least so many of many images their labels
///
/// The key is made by `convince setup --reveal correct`. An image is right if its label is the index of the network's
/// largest output, the lowest of equal ones. The network is run on all images first; without --at-least, exactly the
/// number of images that are right is then proven, and with it that number or any smaller: how many more are right is
/// not to be seen. Exit code 1, and no file, if fewer are right.
///
/// Images are read, proven and written one batch at a time, so that neither memory nor disk but for the proof itself
/// grows with their number. The proof holds neither images nor labels: whoever verifies has them, or a commitment to
/// the images.
///
/// A proof is about these images under these labels alone. A model that was made after the images were seen may be
/// fitted to them: to measure it, let the model be committed first (`convince commit-model`), and the images be chosen
/// afterwards.
///
/// --profile is that of `convince prove`, each phase over all batches together: images are read, every batch is
/// proven, and count is what joins them in the end. Batches are then proven one after the other, which takes a little
/// longer: else each is committed to while threads have nothing to do for the proof of the one before it.
///
/// prove_ms counts from the first batch to the whole proof on the disk, without the key and without the counting of
/// images that are right, which is count_ms.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince setup lenet5.cnvm --reveal correct -o keys
  convince prove-accuracy --key keys/prover.key --data images.npy --labels labels.npy -o accuracy.cnvp
  convince prove-accuracy --key keys/prover.key --data digits --labels digits/labels.json --at-least 95 -o accuracy.cnvp
  convince prove-accuracy --key keys/prover.key --data images.npy --labels labels.npy \\
    --data-set digits.commitment --opening digits.opening --nonce 5f3c9a -o accuracy.cnvp
  convince prove-accuracy --key keys/prover.key --data images.npy --labels labels.npy --profile-html profile.html \\
    -o accuracy.cnvp

JSON: {prove_ms, count_ms, key_ms, images, correct (how many are proven to be, at least), batches, proof_bytes,
peak_rss_bytes (null where the system does not tell), images_per_second (by prove_ms)}; with a profile also profile, as
`convince prove` prints it.")]
pub(crate) struct ProveAccuracy {
    /// The prover's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Images: PNG, .npy (batches too), .json, or folders of PNG files
    #[arg(long, value_name = "IMAGES", required = true, num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,

    /// Labels: .npy of integers, or .json with a list or with a map from file name to label
    #[arg(long, value_name = "L")]
    pub(crate) labels: PathBuf,

    /// Prove that at least so many images are right [default: as many as are]
    #[arg(long, value_name = "K")]
    pub(crate) at_least: Option<usize>,

    /// The commitment to the images, if they are private by the key
    #[arg(long, value_name = "FILE", requires = "opening")]
    pub(crate) data_set: Option<PathBuf>,

    /// That commitment's opening
    #[arg(long, value_name = "FILE", requires = "data_set")]
    pub(crate) opening: Option<PathBuf>,

    /// The verifier's nonce, hexadecimal, at most 1024 bytes [default: empty]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,

    /// Proof file to write
    #[arg(short, long, value_name = "P")]
    pub(crate) output: PathBuf,

    /// Where the time goes.
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
}

/// Verify a proof of accuracy
///
/// Checks that the key's model gives at least so many of the images their labels. The images are given as they are,
/// or, if they are private by the key, as the commitment to them; the labels and their order are part of the
/// statement, as is the nonce. That the labels are the right ones, that the images are worth measuring, and that the
/// model was committed before anybody who made it saw them, is for the verifier to know: no proof shows it.
///
/// Exit code 1 if the proof is rejected, or if it is about fewer right images than --at-least, or about another number
/// of images. The proof is read batch by batch, so that memory does not grow with it. verify_ms counts reading proof
/// and images; key_ms reading and checking the key.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince verify-accuracy --key keys/verifier.key --data images.npy --labels labels.npy accuracy.cnvp
  convince verify-accuracy --key keys/verifier.key --data images.npy --labels labels.npy --at-least 950 accuracy.cnvp
  convince verify-accuracy --key keys/verifier.key --data-set digits.commitment --labels labels.npy \\
    --nonce 5f3c9a accuracy.cnvp

JSON: {valid, images, correct (at least so many are right), verify_ms, key_ms, model_commitment, network_digest (hex),
data_set_commitment (hex, null of public images), status (range-proven or public), error}; all but valid, the times and
error are null if the proof is not valid.")]
pub(crate) struct VerifyAccuracy {
    /// The verifier's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Proof file
    #[arg(value_name = "P")]
    pub(crate) proof: PathBuf,

    /// Images, if they are public by the key: PNG, .npy (batches too), .json, or folders of PNG files
    #[arg(long, value_name = "IMAGES", num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,

    /// The commitment to the images, if they are private by the key
    #[arg(long, value_name = "FILE", conflicts_with = "data", required_unless_present = "data")]
    pub(crate) data_set: Option<PathBuf>,

    /// Labels: .npy of integers, or .json with a list or with a map from file name to label
    #[arg(long, value_name = "L")]
    pub(crate) labels: PathBuf,

    /// Reject a proof about fewer right images [default: 0, any number is accepted and printed]
    #[arg(long, value_name = "K", default_value_t = 0, hide_default_value = true)]
    pub(crate) at_least: usize,

    /// The nonce that the proof must have been made with, hexadecimal [default: empty]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,
}

/// Commit to a set of images, for accuracy proofs about them
///
/// Writes a commitment, which says nothing of the images but how many they are, and its opening (mode 0600): the
/// commitment's randomness, without the images. Anybody can do this who has a verifier's key for accuracy proofs about
/// private images: the owner of the data, who gives images and opening to provers alone, and the commitment to whoever
/// verifies. It fits all keys with the same input, batch and width of rows, those of other models too, so that many
/// models can be measured on one set.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince setup lenet5.cnvm --private input,model --reveal correct -o keys
  convince commit-data-set --key keys/verifier.key --data images.npy -o digits.commitment --opening digits.opening
  convince commit-data-set --key keys/verifier.key --data digits -o digits.commitment --opening digits.opening

JSON: {commit_ms, images, commitment (hex), commitment_bytes, opening_bytes}.")]
pub(crate) struct CommitDataSet {
    /// The verifier's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Images: PNG, .npy (batches too), .json, or folders of PNG files
    #[arg(long, value_name = "IMAGES", required = true, num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,

    /// File for the commitment, which is public
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// File for its opening
    #[arg(long, value_name = "FILE")]
    pub(crate) opening: PathBuf,
}
