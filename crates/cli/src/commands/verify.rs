use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use convince::circuit::Bits;
use convince::model::Preprocessing;
use convince::{Proof, Verified, VerifyError, VerifyingKey};
use serde::Serialize;

use crate::args::Verify;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Image, Output, answer, complain, fields, hex, images, labels, milliseconds};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    valid: bool,
    verify_ms: Option<f64>,
    key_ms: Option<f64>,
    label: Option<usize>,
    label_name: Option<String>,
    logits: Option<Vec<f64>>,
    probabilities: Option<Vec<f64>>,
    model_commitment: Option<String>,
    network_digest: Option<String>,
    input_digest: Option<String>,
    status: Option<String>,
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<Image>>,
}

/// What a valid proof authenticates, and what it says of its images as it is printed.
struct Accepted {
    verified: Verified,
    images: Vec<Image>,
}

/// The answer on one proof, and how long it took if it was reached.
struct Outcome {
    result: Result<Accepted, Error>,
    time: Option<Duration>,
}

/// `convince verify`.
pub(super) fn run(args: &Verify, output: Output) -> Result<Exit, Error> {
    let progress = Progress::start("reading the key");
    let start = Instant::now();
    let key = verifying_key(&args.key);
    let key_time = key.is_ok().then(|| start.elapsed());
    let prepared = key.and_then(|key| {
        let input = (!args.input.is_empty()).then(|| given_input(&args.input, &key)).transpose()?;
        Ok((key, input))
    });
    progress.step("verifying");
    let nonce = args.nonce.clone().unwrap_or_default();
    let outcomes: Vec<Outcome> = match &prepared {
        Ok((key, input)) => args.proofs.iter().map(|path| verify(key, path, input.as_deref(), &nonce.0)).collect(),
        // What is wrong with the key or the input is wrong for every proof.
        Err(error) => args.proofs.iter().map(|_| Outcome { result: Err(error.clone()), time: None }).collect(),
    };
    drop(progress);
    match &prepared {
        Ok(_) => outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).for_each(complain),
        Err(error) => complain(error),
    }
    print(args, output, &outcomes, key_time)?;
    let exit = |outcome: &Outcome| outcome.result.as_ref().err().map_or(Exit::Valid, Error::exit);
    Ok(outcomes.iter().map(exit).max().unwrap_or(Exit::Valid))
}

/// Reads and checks a verifier's key.
pub(super) fn verifying_key(path: &Path) -> Result<VerifyingKey, Error> {
    VerifyingKey::from_bytes(&input::read(path)?).at(path.display())
}

/// Reads a proof file, which is known to be one afterwards.
pub(super) fn proof(path: &Path) -> Result<Proof, Error> {
    Proof::from_bytes(input::read(path)?).at(path.display())
}

/// How the key's model takes its inputs. The key may be anybody's, so it is checked against the circuit.
pub(super) fn preprocessing(key: &VerifyingKey) -> Result<Preprocessing, Error> {
    let decoded = postcard::take_from_bytes::<Preprocessing>(key.preprocessing());
    let (preprocessing, rest) = decoded.at("the key's preprocessing does not decode")?;
    let wire = key.circuit().wire(key.circuit().input());
    let shape: Option<[usize; 4]> = wire.shape.as_slice().try_into().ok();
    match shape {
        Some(shape) if rest.is_empty() => {
            preprocessing.validate(shape, Bits::holding(wire.low, wire.high)).at("the key's preprocessing")?;
            Ok(preprocessing)
        }
        _ => Err(Error::new("the key's preprocessing does not fit its circuit")),
    }
}

fn given_input(paths: &[PathBuf], key: &VerifyingKey) -> Result<Vec<i32>, Error> {
    input::batch(paths, &preprocessing(key)?, key.batch())
}

fn verify(key: &VerifyingKey, path: &Path, input: Option<&[i32]>, nonce: &[u8]) -> Outcome {
    let proof = match proof(path) {
        Ok(proof) => proof,
        Err(error) => return Outcome { result: Err(error), time: None },
    };
    let start = Instant::now();
    let verified = convince::verify(key, &proof, input, nonce);
    let time = start.elapsed();
    let place = path.display();
    let accepted = verified.map(|verified| Accepted { images: images(&verified.answers, key.circuit()), verified });
    let result = accepted.map_err(|error| match error {
        VerifyError::Container(_) => Error::new(format!("{place}: {error}")),
        VerifyError::MissingInput => {
            Error::new(format!("{place}: the proof leaves its input out; give it with --input"))
        }
        _ => Error::rejected(format!("{place}: rejected: {error}")),
    });
    Outcome { result, time: Some(time) }
}

fn print(args: &Verify, output: Output, outcomes: &[Outcome], key_time: Option<Duration>) -> Result<(), Error> {
    if output.is_json() {
        let reports: Vec<Report> = outcomes.iter().map(|outcome| report(outcome, key_time)).collect();
        return match &reports[..] {
            [report] => output.result(report, String::new),
            reports => output.result(&reports, String::new),
        };
    }
    let valid = args.proofs.iter().zip(outcomes).filter_map(|(path, outcome)| {
        let accepted = outcome.result.as_ref().ok()?;
        Some(text(path, accepted, outcome.time, key_time))
    });
    let blocks: Vec<String> = valid.collect();
    crate::output::print(&blocks.join("\n"))
}

fn report(outcome: &Outcome, key_time: Option<Duration>) -> Report {
    let accepted = outcome.result.as_ref().ok();
    let verified = accepted.map(|accepted| &accepted.verified);
    let first = accepted.and_then(|accepted| accepted.images.first());
    Report {
        valid: verified.is_some(),
        verify_ms: outcome.time.map(milliseconds),
        key_ms: key_time.map(milliseconds),
        label: verified.map(|v| v.label),
        label_name: verified.and_then(|v| v.label_name.clone()),
        logits: verified.and_then(|v| v.logits.clone()),
        probabilities: first.and_then(|image| image.probabilities.clone()),
        model_commitment: verified.map(|v| hex(&v.model_commitment)),
        network_digest: verified.map(|v| hex(&v.network_digest)),
        input_digest: verified.map(|v| hex(&v.input_digest)),
        status: verified.map(|v| v.status.to_string()),
        error: outcome.result.as_ref().err().map(Error::to_string),
        images: accepted.map(|accepted| accepted.images.clone()).filter(|images| images.len() > 1),
    }
}

fn text(path: &Path, accepted: &Accepted, time: Option<Duration>, key_time: Option<Duration>) -> String {
    let Accepted { verified, images } = accepted;
    let shown =
        |time: Option<Duration>| time.map_or_else(|| "unknown".into(), |t| format!("{:.1} ms", milliseconds(t)));
    let answer = match &images[..] {
        [image] => answer(image),
        images => vec![("labels", labels(images))],
    };
    let rest = [
        ("model commitment", hex(&verified.model_commitment)),
        ("network digest", hex(&verified.network_digest)),
        ("model status", verified.status.to_string()),
        ("input digest", hex(&verified.input_digest)),
        ("time", format!("{}; key {}", shown(time), shown(key_time))),
    ];
    let head = ("valid", path.display().to_string());
    fields(&[vec![head], answer, rest.to_vec()].concat())
}
