use convince_circuit::Circuit;
use convince_field::Ints;
use convince_transcript::PlainVerifier;

use crate::proof::input_ints;
use crate::protocol::{Field, Statement, canonical, digest, run_verifier, transcript};
use crate::{ModelStatus, Proof, VerifyError, VerifyingKey};

/// What a proof authenticates.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The model commitment of the key.
    pub model_commitment: [u8; 32],
    /// The network of the key: its architecture, shifts and tables, and what inputs and outputs mean.
    pub network_digest: [u8; 32],
    /// What is known of the weights under it.
    pub status: ModelStatus,
    /// Hash of the input's integers, as [`input_digest`] computes it.
    pub input_digest: [u8; 32],
    /// The public output's integers, of all images of the batch one after the other: those of the network, or labels if nothing
    /// else is revealed.
    pub output: Vec<i32>,
    /// What the network says of every image.
    pub answers: Vec<Answer>,
    /// [`Answer::logits`] of the first image.
    pub logits: Option<Vec<f64>>,
    /// [`Answer::label`] of the first image.
    pub label: usize,
    /// [`Answer::label_name`] of the first image.
    pub label_name: Option<String>,
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
/// `input` is needed if the proof leaves its input out, and compared with the proof's if not. `nonce` is the one that the
/// prover was asked to use, or empty.
///
/// # Errors
/// [`VerifyError`]: whatever makes the proof no proof of this statement. Never panics; allocates no more than the key's circuit and
/// the proof's own length call for.
pub fn verify(key: &VerifyingKey, proof: &Proof, input: Option<&[i32]>, nonce: &[u8]) -> Result<Verified, VerifyError> {
    let circuit = key.circuit();
    let parts = proof.parts(circuit)?;
    let given = input.map(|values| given_input(circuit, values)).transpose()?;
    let input = match (parts.input, given) {
        (Some(stored), Some(given)) if stored != given => return Err(VerifyError::InputDiffers),
        (Some(input), _) | (None, Some(input)) => input,
        (None, None) => return Err(VerifyError::MissingInput),
    };
    let statement = Statement { input: &input, output: &parts.output, nonce };
    let mut channel = PlainVerifier::<Field>::new(transcript(key, &statement), parts.messages);
    run_verifier(key, &statement, &mut channel)?;
    channel.finish()?;
    Ok(verified(key, &input, &parts.output))
}

fn given_input(circuit: &Circuit, values: &[i32]) -> Result<Ints, VerifyError> {
    let values: Vec<i64> = values.iter().map(|&v| v.into()).collect();
    input_ints(circuit, &values)
}

fn verified(key: &VerifyingKey, input: &Ints, output: &Ints) -> Verified {
    let output: Vec<i32> = output.as_slice().iter().map(|v| v as i32).collect();
    let answers = answers(key.circuit(), &output, key.output_scale(), key.labels());
    let first = answers.first().cloned();
    let Answer { logits, label, label_name } = first.unwrap_or(Answer { logits: None, label: 0, label_name: None });
    Verified {
        model_commitment: key.model_commitment(),
        network_digest: key.network_digest(),
        status: key.status(),
        input_digest: digest_of(input),
        output,
        answers,
        logits,
        label,
        label_name,
    }
}

/// The digest by which [`Verified`] names an input.
pub fn input_digest(input: &[i32]) -> [u8; 32] {
    digest_of(&Ints::I32(input.to_vec()))
}

fn digest_of(input: &Ints) -> [u8; 32] {
    digest("convince/input/v1", &[&canonical(input)])
}
