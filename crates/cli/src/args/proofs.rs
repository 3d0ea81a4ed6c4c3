//! Keys and proofs.

use std::path::PathBuf;

use super::{Bytes, CircuitOptions, Nonce, ProfileOptions};

/// Commit to a model and make its keys
///
/// Writes DIR/prover.key and DIR/verifier.key. The prover's key holds the weights and the commitment's secrets: only
/// its owner may read it (mode 0600). The verifier's key is public.
///
/// With a private model, the default, the verifier's key holds a commitment to the weights and a proof that every
/// weight and bias is of its 8-bit or 32-bit format; reading the key verifies it. Every setup draws fresh secrets, so
/// each makes another model commitment, unless one made by `convince commit-model` is given. With a public model the
/// key holds the weights themselves, and verifying evaluates them, some 3 ns a weight.
///
/// A private input stands in proofs as a commitment, made with each proof or before it by `convince commit-input`. A
/// private output stands in proofs as a commitment that the prover can open, unless its label is revealed: with
/// --reveal label the proofs say which output is the largest, the first of equal ones, and neither hold nor commit to
/// a value of it.
///
/// With --reveal correct the keys are for proofs of accuracy, which say that at least so many of many images have
/// given labels, and nothing else of what the network says of them (`convince prove-accuracy`). Images are proven B at
/// a time; the more they are, the cheaper is each and the more memory a proof takes. With a private input the images
/// stand in proofs as a commitment to the data set, made by `convince commit-data-set`.
///
/// Keys for a batch prove so many images at once: a proof of many is hardly longer than that of one. The choices of
/// how layers are proven change no output; a proof verifies only under a key of the same choices.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince setup lenet5.cnvm -o keys
  convince setup lenet5.cnvm --private input -o keys
  convince setup lenet5.cnvm --private input,model,output -o keys
  convince setup lenet5.cnvm --private model,output --reveal label -o keys
  convince setup lenet5.cnvm --commitment lenet5.commitment --secret lenet5.secret -o keys
  convince setup lenet5.cnvm --private none --batch 16 -o keys
  convince setup lenet5.cnvm --reveal correct -o accuracy-keys

JSON: {setup_ms, prover_key_bytes, verifier_key_bytes, model_commitment (hex; of a public model its hash),
private (of input, model, output: those whose values are not public), reveal (what proofs say of the output:
logits, label, correct or nothing), status (range-proven or public), range_proof_bytes, range_proof_slices (null
of a public model)}.")]
pub(crate) struct Setup {
    /// Model file
    #[arg(value_name = "M")]
    pub(crate) model: PathBuf,

    /// What the keys are for.
    #[command(flatten)]
    pub(crate) circuit: CircuitOptions,

    /// A commitment to the model's weights made before, to make keys under it in place of a new one
    #[arg(long, value_name = "FILE", requires = "secret")]
    pub(crate) commitment: Option<PathBuf>,

    /// That commitment's secret
    #[arg(long, value_name = "FILE", requires = "commitment")]
    pub(crate) secret: Option<PathBuf>,

    /// Folder for the two keys, made if it is missing
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// Run the network on one input and prove the result
///
/// A key for a batch takes so many inputs: several files, or an array with one more axis. Their order is part of the
/// proof.
///
/// What is private by the key is not in the proof, but the prover sees its own output all the same: what is printed
/// of a private output is not in the file. A private output's commitment is of use to whoever can open it:
/// --output-opening keeps what that takes, which nobody can make later. A private input that was committed ahead is
/// given by its opening.
///
/// A proof is zero-knowledge unless --plain is given. A plain proof is as sound and hides nothing: each leaks linear
/// combinations of all that is private, and enough of them give it away: for LeNet-5 some 155. It is for
/// measurements.
///
/// --profile prints where time, memory and bytes went: by phase and step, and by layer. Steps follow one another, and
/// their CPU time is that of all threads. Work that is one layer's alone is also counted by layer, by the time of the
/// threads that did it, and may run beside that of others; commitments are made for all layers at once, and their CPU
/// time is shared out by the additions of points that each layer's take. Memory is the most that the process had held by the end of a
/// phase or step. Bytes are those of the messages; the file's head, with input and output, comes before them.
/// Measuring changes nothing in the proof, and takes some per cent of a small network's time.
///
/// prove_ms counts from the input's integers to the proof's bytes in memory. key_ms counts reading and checking the
/// key and building the tables for committing, which all proofs with a key share.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince prove --key keys/prover.key --input seven.png -o seven.cnvp
  convince prove --key keys/prover.key --input seven.png --nonce 5f3c9a --detach-input -o seven.cnvp
  convince prove --key keys/prover.key --input-opening seven.opening -o seven.cnvp
  convince prove --key keys/prover.key --input seven.png --output-opening label.opening -o seven.cnvp
  convince prove --key batch-of-2/prover.key --input seven.png --input two.png -o both.cnvp
  convince prove --key keys/prover.key --input seven.png --profile-html profile.html -o seven.cnvp

JSON: {prove_ms, phases_ms: {witness, commit, reduce, open}, key_ms, proof_bytes, input_bytes (of them),
peak_rss_bytes (null where the system does not tell), ANSWER, mode (zero-knowledge or plain), private, reveal
(both as setup prints them), input_commitment, output_commitment (hex, null of what is public), output_opening
(the file, or null)} where ANSWER is label, label_name, logits, probabilities (softmax of a classifier's logits,
else null); of a batch they are the first image's, and images: [{ANSWER}] has all. They are printed of a private
output too. Under a key that reveals labels alone logits and probabilities are null.
With a profile also profile: {PART, head_bytes, layers: [{name, operator, witness_ms, commit_ms, reduce_ms,
open_ms, message_bytes, commit_bytes (of them)}], shared_bytes (messages of no single layer)} where PART is name, ms,
cpu_ms, message_bytes, peak_rss_bytes (null where the system does not tell, or for the steps of steps), parts:
[{PART}].")]
pub(crate) struct Prove {
    /// The prover's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Input: PNG, .npy or .json; may be given several times
    #[arg(short, long, value_name = "X", required_unless_present = "input_opening", num_args = 1..)]
    pub(crate) input: Vec<PathBuf>,

    /// The opening of a commitment made by `convince commit-input`: the proof is about that commitment, the input is
    /// the opening's
    #[arg(long, value_name = "FILE")]
    pub(crate) input_opening: Option<PathBuf>,

    /// Write the opening of the private output here, secret (mode 0600); without it, nobody can open the output's
    /// commitment
    #[arg(long, value_name = "FILE")]
    pub(crate) output_opening: Option<PathBuf>,

    /// Make a proof that is not zero-knowledge: it LEAKS what is private, a little with every proof
    #[arg(long)]
    pub(crate) plain: bool,

    /// The verifier's nonce, hexadecimal, at most 1024 bytes [default: empty]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,

    /// Leave a public input out of the proof file; verify then needs --input
    #[arg(long)]
    pub(crate) detach_input: bool,

    /// Memory that the process may take: 500M, 2G. Below what the fastest way may take, parts of the work are done
    /// again rather than kept; below the least an error says what that is, before any work. What a proof may take is
    /// predicted with what processes were seen to take at most, so that most take less. The proof is the same
    /// [default: the fastest way]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_budget: Option<Bytes>,

    /// Proof file to write
    #[arg(short, long, value_name = "P")]
    pub(crate) output: PathBuf,

    /// Where the time goes.
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,

    /// Also run the integer network, when the proof is made, and print its inference_ms
    #[arg(long, hide = true)]
    pub(crate) time_inference: bool,
}

/// Verify proofs
///
/// Prints what a proof authenticates and nothing else: the model commitment, the digest of the input's integers or of
/// the commitment to them, and what the key reveals of the output: label and logits, the label alone, or a
/// commitment. Whoever cares which input it was gives it with --input, or a commitment to it with --input-commitment,
/// and a nonce if the proof must be fresh. verify_ms leaves out reading and checking the key, with the range proof in
/// it, which is key_ms.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince verify --key keys/verifier.key seven.cnvp
  convince verify --key keys/verifier.key --input seven.png --nonce 5f3c9a seven.cnvp
  convince verify --key keys/verifier.key --input-commitment seven.commitment seven.cnvp
  convince verify --key keys/verifier.key --json a.cnvp b.cnvp

JSON: {valid, verify_ms, key_ms, ANSWER, model_commitment, network_digest, input_digest, status (range-proven or
public), mode (zero-knowledge or plain), private, reveal (both as setup prints them), input_commitment,
output_commitment (hex, null of what is public), error} where ANSWER is label, label_name, logits, probabilities
(softmax of a classifier's logits, else null); all but valid, the times and error are null if the proof is not
valid. ANSWER is null where the output is private, logits and probabilities where labels alone are revealed. Of a
batch it is the first image's, and images: [{ANSWER}] has all. Several proofs give an array of such objects. The exit
code is the worst.")]
pub(crate) struct Verify {
    /// The verifier's key
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: PathBuf,

    /// Proof files
    #[arg(value_name = "P", required = true)]
    pub(crate) proofs: Vec<PathBuf>,

    /// The public input that the proofs must be about: PNG, .npy or .json; given again for each image of a batch
    #[arg(short, long, value_name = "X")]
    pub(crate) input: Vec<PathBuf>,

    /// The commitment to a private input that the proofs must be about
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    pub(crate) input_commitment: Option<PathBuf>,

    /// The nonce that the proofs must have been made with, hexadecimal [default: empty]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,
}
