use std::path::Path;
use std::time::{Duration, Instant};

use convince::circuit::Bits;
use convince::lower::Reveal;
use convince::model::Preprocessing;
use convince::{Proof, TensorCommitment, Verified, VerifyError, VerifyOptions, VerifyingKey};
use serde::Serialize;

use super::key_error;
use crate::args::{Nonce, Verify};
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Said, complain, fields, hex, milliseconds};
use crate::progress::Progress;
use crate::visibility::{Visibility, mode_name};

#[derive(Serialize)]
struct Report {
    valid: bool,
    verify_ms: Option<f64>,
    key_ms: Option<f64>,
    #[serde(flatten)]
    said: Said,
    model_commitment: Option<String>,
    network_digest: Option<String>,
    input_digest: Option<String>,
    status: Option<String>,
    mode: Option<&'static str>,
    private: Option<Vec<&'static str>>,
    reveal: Option<&'static str>,
    input_commitment: Option<String>,
    output_commitment: Option<String>,
    error: Option<String>,
}

/// What all proofs are verified against.
struct Prepared {
    key: VerifyingKey,
    input: Option<Vec<i32>>,
    commitment: Option<TensorCommitment>,
}

/// What a valid proof authenticates, and what it says of its images as it is printed.
struct Accepted {
    verified: Verified,
    said: Said,
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
    let prepared = key.and_then(|key| prepare(args, key));
    progress.step("verifying");
    let nonce = args.nonce.clone().unwrap_or_default();
    let outcomes: Vec<Outcome> = match &prepared {
        Ok(prepared) => args.proofs.iter().map(|path| verify(prepared, path, &nonce)).collect(),
        // What is wrong with the key or the input is wrong for every proof.
        Err(error) => args.proofs.iter().map(|_| Outcome { result: Err(error.clone()), time: None }).collect(),
    };
    drop(progress);
    match &prepared {
        Ok(_) => outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).for_each(complain),
        Err(error) => complain(error),
    }
    let visibility = prepared.as_ref().ok().map(|prepared| Visibility::of_verifier(&prepared.key));
    print(args, output, &outcomes, (key_time, visibility))?;
    let exit = |outcome: &Outcome| outcome.result.as_ref().err().map_or(Exit::Valid, Error::exit);
    Ok(outcomes.iter().map(exit).max().unwrap_or(Exit::Valid))
}

/// Reads and checks a verifier's key.
pub(super) fn verifying_key(path: &Path) -> Result<VerifyingKey, Error> {
    VerifyingKey::from_bytes(&input::read(path)?).map_err(|error| key_error(path, &error))
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

/// Reads what the proofs must be about.
fn prepare(args: &Verify, key: VerifyingKey) -> Result<Prepared, Error> {
    let (place, private) = (args.key.display(), key.circuit().input_is_private());
    if Visibility::of_verifier(&key).reveal == Reveal::Correct {
        return Err(Error::new(format!("{place}: this key is for accuracy proofs: use `convince verify-accuracy`")));
    }
    if private && !args.input.is_empty() {
        return Err(Error::new(format!(
            "{place}: this key's inputs are private: give --input-commitment, not --input"
        )));
    }
    if !private && args.input_commitment.is_some() {
        return Err(Error::new(format!("{place}: this key's inputs are public: give --input, not --input-commitment")));
    }
    let input = (!args.input.is_empty()).then(|| input::batch(&args.input, &preprocessing(&key)?, key.batch()));
    let commitment = args
        .input_commitment
        .as_deref()
        .map(|path| TensorCommitment::from_bytes(&input::read(path)?).map_err(|error| key_error(path, &error)));
    Ok(Prepared { input: input.transpose()?, commitment: commitment.transpose()?, key })
}

fn verify(prepared: &Prepared, path: &Path, nonce: &Nonce) -> Outcome {
    let Prepared { key, input, commitment } = prepared;
    let proof = match proof(path) {
        Ok(proof) => proof,
        Err(error) => return Outcome { result: Err(error), time: None },
    };
    let options = VerifyOptions { input: input.as_deref(), input_commitment: commitment.as_ref(), nonce: &nonce.0 };
    let start = Instant::now();
    let verified = convince::verify_with(key, &proof, &options);
    let time = start.elapsed();
    let place = path.display();
    let accepted = verified.map(|verified| Accepted { said: Said::new(&verified.answers, key.circuit()), verified });
    let result = accepted.map_err(|error| match error {
        VerifyError::Container(_) => Error::new(format!("{place}: {error}")),
        VerifyError::MissingInput => {
            Error::new(format!("{place}: the proof leaves its input out; give it with --input"))
        }
        VerifyError::InputDiffers if commitment.is_some() => {
            Error::rejected(format!("{place}: rejected: the given commitment is not the one that the proof is about"))
        }
        _ => Error::rejected(format!("{place}: rejected: {error}")),
    });
    Outcome { result, time: Some(time) }
}

/// What a proof file authenticates under a key.
pub(super) fn verified(key: VerifyingKey, path: &Path, nonce: &Nonce) -> Result<(VerifyingKey, Verified), Error> {
    let prepared = Prepared { key, input: None, commitment: None };
    let Accepted { verified, .. } = verify(&prepared, path, nonce).result?;
    Ok((prepared.key, verified))
}

/// How long the key took, and what is private by it.
type OfKey = (Option<Duration>, Option<Visibility>);

fn print(args: &Verify, output: Output, outcomes: &[Outcome], key: OfKey) -> Result<(), Error> {
    if output.is_json() {
        let reports: Vec<Report> = outcomes.iter().map(|outcome| report(outcome, key)).collect();
        return match &reports[..] {
            [report] => output.result(report, String::new),
            reports => output.result(&reports, String::new),
        };
    }
    let valid = args.proofs.iter().zip(outcomes).filter_map(|(path, outcome)| {
        let accepted = outcome.result.as_ref().ok()?;
        Some(text(path, accepted, outcome.time, key))
    });
    let blocks: Vec<String> = valid.collect();
    crate::output::print(&blocks.join("\n"))
}

fn digest(commitment: Option<&TensorCommitment>) -> Option<String> {
    commitment.map(|commitment| hex(&commitment.digest()))
}

fn report(outcome: &Outcome, (key_time, visibility): OfKey) -> Report {
    let accepted = outcome.result.as_ref().ok();
    let verified = accepted.map(|accepted| &accepted.verified);
    // What a proof that is not valid says is nothing.
    let visibility = visibility.filter(|_| verified.is_some());
    Report {
        valid: verified.is_some(),
        verify_ms: outcome.time.map(milliseconds),
        key_ms: key_time.map(milliseconds),
        said: accepted.map(|accepted| accepted.said.clone()).unwrap_or_default(),
        model_commitment: verified.map(|v| hex(&v.model_commitment)),
        network_digest: verified.map(|v| hex(&v.network_digest)),
        input_digest: verified.map(|v| hex(&v.input_digest)),
        status: verified.map(|v| v.status.to_string()),
        mode: verified.map(|v| mode_name(v.mode)),
        private: visibility.map(Visibility::private),
        reveal: visibility.map(Visibility::reveals),
        input_commitment: digest(verified.and_then(|v| v.input_commitment.as_ref())),
        output_commitment: digest(verified.and_then(|v| v.output_commitment.as_ref())),
        error: outcome.result.as_ref().err().map(Error::to_string),
    }
}

fn text(path: &Path, accepted: &Accepted, time: Option<Duration>, (key_time, visibility): OfKey) -> String {
    let Accepted { verified, said } = accepted;
    let shown =
        |time: Option<Duration>| time.map_or_else(|| "unknown".into(), |t| format!("{:.1} ms", milliseconds(t)));
    let mut lines = vec![("valid", path.display().to_string()), ("mode", mode_name(verified.mode).into())];
    lines.extend(visibility.into_iter().flat_map(Visibility::fields));
    lines.extend(said.fields());
    lines.extend(digest(verified.output_commitment.as_ref()).map(|digest| ("output commitment", digest)));
    lines.extend([
        ("model commitment", hex(&verified.model_commitment)),
        ("network digest", hex(&verified.network_digest)),
        ("model status", verified.status.to_string()),
    ]);
    lines.push(match digest(verified.input_commitment.as_ref()) {
        Some(digest) => ("input commitment", digest),
        None => ("input digest", hex(&verified.input_digest)),
    });
    lines.push(("time", format!("{}; key {}", shown(time), shown(key_time))));
    fields(&lines)
}
