use std::fs::File;
use std::io::BufReader;
use std::time::{Duration, Instant};

use convince::{AccuracyStatement, DataSetCommitment, VerifiedAccuracy, VerifyingKey, verify_accuracy};
use serde::Serialize;

use super::super::verify::{preprocessing, verifying_key};
use super::{check_key, data_set, labels};
use crate::args::VerifyAccuracy;
use crate::error::{Context, Error, Exit};
use crate::input::DataSet;
use crate::output::{Output, complain, fields, hex, milliseconds};
use crate::progress::Progress;
use crate::visibility::Visibility;

#[derive(Serialize)]
struct Report {
    valid: bool,
    images: Option<usize>,
    correct: Option<usize>,
    verify_ms: Option<f64>,
    key_ms: Option<f64>,
    model_commitment: Option<String>,
    network_digest: Option<String>,
    data_set_commitment: Option<String>,
    status: Option<String>,
    error: Option<String>,
}

/// How long each part took, as far as it came.
#[derive(Clone, Copy, Default)]
struct Times {
    key: Option<Duration>,
    verify: Option<Duration>,
}

/// What a proof authenticates, and the digest of the commitment to its images.
type Accepted = (VerifiedAccuracy, Option<[u8; 32]>);

/// `convince verify-accuracy`.
pub(in crate::commands) fn run(args: &VerifyAccuracy, output: Output) -> Result<Exit, Error> {
    let mut times = Times::default();
    let result = verified(args, &mut times);
    let error = result.as_ref().err();
    if let Some(error) = error {
        complain(error);
    }
    if output.is_json() || error.is_none() {
        output.result(&report(&result, times), || {
            result.as_ref().map_or(String::new(), |valid| text(args, valid, times))
        })?;
    }
    Ok(error.map_or(Exit::Valid, Error::exit))
}

fn verified(args: &VerifyAccuracy, times: &mut Times) -> Result<Accepted, Error> {
    let progress = Progress::start("reading the key");
    let start = Instant::now();
    let key = verifying_key(&args.key)?;
    times.key = Some(start.elapsed());
    check_key(&args.key, Visibility::of_verifier(&key), args.data_set.as_deref())?;
    let set = args.data_set.as_deref().map(data_set).transpose()?;
    let mut data = match set {
        Some(_) => None,
        None => Some(DataSet::open(&args.data, &preprocessing(&key)?)?),
    };
    let count = data.as_ref().map(DataSet::len).or(set.as_ref().map(DataSetCommitment::images));
    let labels = labels(&args.labels, count.unwrap_or(0), data.as_ref())?;
    let nonce = args.nonce.clone().unwrap_or_default();
    let statement =
        AccuracyStatement { labels: &labels, correct: args.at_least, data_set: set.as_ref(), nonce: &nonce.0 };
    progress.step("verifying");
    let start = Instant::now();
    let verified = verify(args, &key, &statement, &mut data, &progress);
    times.verify = Some(start.elapsed());
    Ok((verified?, set.map(|set| set.digest())))
}

fn verify(
    args: &VerifyAccuracy,
    key: &VerifyingKey,
    statement: &AccuracyStatement<'_>,
    data: &mut Option<DataSet>,
    progress: &Progress,
) -> Result<VerifiedAccuracy, Error> {
    let place = args.proof.display();
    let mut proof = BufReader::new(File::open(&args.proof).at(&place)?);
    let mut images = |range: std::ops::Range<usize>| {
        progress.at(range.start / key.batch(), statement.labels.len().div_ceil(key.batch()));
        match data {
            Some(data) => data.integers(range).map_err(|error| error.to_string().into()),
            None => Err("images under a commitment are not read".into()),
        }
    };
    verify_accuracy(key, &mut proof, statement, &mut images).map_err(|error| match error.is_rejection() {
        true => Error::rejected(format!("{place}: rejected: {error}")),
        false => Error::new(format!("{place}: {error}")),
    })
}

fn report(result: &Result<Accepted, Error>, times: Times) -> Report {
    let valid = result.as_ref().ok().map(|(verified, _)| verified);
    let data_set = result.as_ref().ok().and_then(|(_, data_set)| *data_set);
    Report {
        valid: valid.is_some(),
        images: valid.map(|v| v.images),
        correct: valid.map(|v| v.correct),
        verify_ms: times.verify.map(milliseconds),
        key_ms: times.key.map(milliseconds),
        model_commitment: valid.map(|v| hex(&v.model_commitment)),
        network_digest: valid.map(|v| hex(&v.network_digest)),
        data_set_commitment: data_set.map(|digest| hex(&digest)),
        status: valid.map(|v| v.status.to_string()),
        error: result.as_ref().err().map(Error::to_string),
    }
}

fn text(args: &VerifyAccuracy, (verified, data_set): &Accepted, times: Times) -> String {
    let VerifiedAccuracy { images, correct, .. } = verified;
    let shown = |time: Option<Duration>| format!("{:.1} ms", time.map_or(0.0, milliseconds));
    let mut lines = vec![
        ("valid", args.proof.display().to_string()),
        ("proven", format!("at least {correct} of {images} images have their labels")),
        ("model commitment", hex(&verified.model_commitment)),
        ("network digest", hex(&verified.network_digest)),
        ("model status", verified.status.to_string()),
    ];
    lines.extend(data_set.map(|digest| ("data set", hex(&digest))));
    lines.push(("time", format!("{}; key {}", shown(times.verify), shown(times.key))));
    fields(&lines)
}
