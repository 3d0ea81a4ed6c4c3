use convince_circuit::Circuit;
use convince_field::Ints;
use convince_transcript::PlainVerifier;

use crate::proof::{HeadPart, Parts, input_ints};
use crate::protocol::{Field, Mode, Statement, canonical, digest, run_hiding_verifier, run_verifier, transcript};
use crate::tensor::TensorCommitment;
use crate::{ModelStatus, Proof, VerifyError, VerifyingKey};

/// What a proof authenticates.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The model of the key: [`VerifyingKey::model_commitment`].
    pub model_commitment: [u8; 32],
    /// The network of the key: its architecture, shifts and tables, and what inputs and outputs mean.
    pub network_digest: [u8; 32],
    /// What is known of the weights under it.
    pub status: ModelStatus,
    /// Whether the proof says nothing but this.
    pub mode: Mode,
    /// Hash of the input's integers, as [`input_digest`] computes it, or of the commitment to a private input.
    pub input_digest: [u8; 32],
    /// The commitment to a private input.
    pub input_commitment: Option<TensorCommitment>,
    /// The public output's integers, of all images of the batch one after the other: those of the network, or labels if nothing
    /// else is revealed. None if the output is private.
    pub output: Option<Vec<i32>>,
    /// The commitment to a private output.
    pub output_commitment: Option<TensorCommitment>,
    /// What the network says of every image; empty if the output is private.
    pub answers: Vec<Answer>,
}

/// What a verifier asks of a proof, beside the key.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyOptions<'a> {
    /// A public input: needed if the proof leaves it out, and compared with the proof's if not.
    pub input: Option<&'a [i32]>,
    /// The commitment to the input that the proof must be about.
    pub input_commitment: Option<&'a TensorCommitment>,
    /// The nonce that the prover was asked to use, or empty.
    pub nonce: &'a [u8],
}

/// What a network says of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The output in the float model's units: each integer times the key's output scale. None if the circuit reveals labels alone.
    pub logits: Option<Vec<f64>>,
    /// Index of the largest output; ties go to the lowest index. Where a circuit by hand has labels of a plane, that of the first
    /// place.
    pub label: usize,
    /// The key's name for that index.
    pub label_name: Option<String>,
}

/// The answers in a circuit's public output, one an image of its batch.
pub fn answers(circuit: &Circuit, output: &[i32], scale: f64, labels: &[String]) -> Vec<Answer> {
    let answer = |output: &[i32]| {
        let (label, logits) = match circuit.arg_max() {
            Some(_) => (output.first().map_or(0, |&label| usize::try_from(label).unwrap_or(0)), None),
            None => {
                let largest = output.iter().copied().max().unwrap_or(0);
                let label = output.iter().position(|&v| v == largest).unwrap_or(0);
                (label, Some(output.iter().map(|&v| f64::from(v) * scale).collect()))
            }
        };
        Answer { logits, label, label_name: labels.get(label).cloned() }
    };
    let batch = circuit.wire(circuit.input()).shape[0];
    output.chunks(output.len().div_ceil(batch.max(1)).max(1)).map(answer).collect()
}

/// Verifies a proof under a key.
///
/// `input` is needed if the proof leaves its public input out, and compared with the proof's if not. `nonce` is the one that the
/// prover was asked to use, or empty.
///
/// # Errors
/// As [`verify_with`].
pub fn verify(key: &VerifyingKey, proof: &Proof, input: Option<&[i32]>, nonce: &[u8]) -> Result<Verified, VerifyError> {
    verify_with(key, proof, &VerifyOptions { input, nonce, ..VerifyOptions::default() })
}

/// [`verify`] with options.
///
/// # Errors
/// [`VerifyError`]: whatever makes the proof no proof of this statement. Never panics; allocates no more than the key's circuit and
/// the proof's own length call for.
pub fn verify_with(key: &VerifyingKey, proof: &Proof, options: &VerifyOptions<'_>) -> Result<Verified, VerifyError> {
    let circuit = key.circuit();
    if circuit.correct().is_some() {
        return Err(VerifyError::AccuracyKey);
    }
    let Parts { mode, input: stored, output, messages } = proof.parts(key.circuit(), key.width())?;
    if circuit.input_is_private() && options.input.is_some() {
        return Err(VerifyError::Input("this key's inputs are private: give their commitment".into()));
    }
    let given = options.input.map(|values| given_input(circuit, values)).transpose()?;
    let input = match (stored, given) {
        (Some(HeadPart::Public(stored)), Some(given)) if stored != given => return Err(VerifyError::InputDiffers),
        (Some(input), _) => input,
        (None, Some(input)) => HeadPart::Public(input),
        (None, None) => return Err(VerifyError::MissingInput),
    };
    match (&input, options.input_commitment) {
        (HeadPart::Private(found), Some(expected)) if found != expected => return Err(VerifyError::InputDiffers),
        (HeadPart::Public(_), Some(_)) => {
            return Err(VerifyError::Input("this key's inputs are public: give the input itself".into()));
        }
        _ => {}
    }
    let statement = Statement { input: input.part(), output: output.part(), nonce: options.nonce };
    let mut channel = PlainVerifier::<Field>::new(transcript(key, &statement, mode), messages);
    match mode {
        Mode::Plain => run_verifier(key, &statement, &mut channel)?,
        Mode::Hiding => channel = run_hiding_verifier(key, &statement, channel)?,
    }
    channel.finish()?;
    Ok(verified(key, mode, &input, &output))
}

fn given_input(circuit: &Circuit, values: &[i32]) -> Result<Ints, VerifyError> {
    let values: Vec<i64> = values.iter().map(|&v| v.into()).collect();
    input_ints(circuit, &values)
}

fn verified(key: &VerifyingKey, mode: Mode, input: &HeadPart, output: &HeadPart) -> Verified {
    let commitment = |part: &HeadPart| match part {
        HeadPart::Public(_) => None,
        HeadPart::Private(commitment) => Some(commitment.clone()),
    };
    let input_digest = match input {
        HeadPart::Public(values) => digest_of(values),
        HeadPart::Private(commitment) => commitment.digest(),
    };
    let values: Option<Vec<i32>> = output.public().map(|output| output.as_slice().iter().map(|v| v as i32).collect());
    let answers = |values: &Vec<i32>| answers(key.circuit(), values, key.output_scale(), key.labels());
    Verified {
        model_commitment: key.model_commitment(),
        network_digest: key.network_digest(),
        status: key.status(),
        mode,
        input_digest,
        input_commitment: commitment(input),
        answers: values.as_ref().map(answers).unwrap_or_default(),
        output: values,
        output_commitment: commitment(output),
    }
}

/// The digest by which [`Verified`] names an input.
pub fn input_digest(input: &[i32]) -> [u8; 32] {
    digest_of(&Ints::I32(input.to_vec()))
}

fn digest_of(input: &Ints) -> [u8; 32] {
    digest("convince/input/v1", &[&canonical(input)])
}
