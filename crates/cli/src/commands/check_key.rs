use std::path::Path;
use std::time::Instant;

use convince::container::{Kind, kind_of};
use convince::{ModelCommitment, ModelStatus, VerifyingKey};
use serde::Serialize;

use super::key_error;
use super::setup::RangeProof;
use crate::args::CheckKey;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, complain, fields, hex, milliseconds, size};
use crate::progress::Progress;
use crate::visibility::Visibility;

#[derive(Serialize)]
struct Report {
    valid: bool,
    kind: String,
    file_bytes: usize,
    check_ms: f64,
    #[serde(flatten)]
    found: Found,
    error: Option<String>,
}

/// What a file that was accepted holds.
#[derive(Default, Serialize)]
struct Found {
    model_commitment: Option<String>,
    network_digest: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    visibility: Option<Visibility>,
    weights: Option<usize>,
    width: Option<usize>,
    weight_rows: Option<usize>,
    #[serde(flatten)]
    range_proof: RangeProof,
}

/// `convince check-key`.
pub(super) fn run(args: &CheckKey, output: Output) -> Result<Exit, Error> {
    let path = &args.key;
    let bytes = input::read(path)?;
    let kind = kind_of(&bytes).at(path.display())?;
    let progress = Progress::start("checking the key");
    let start = Instant::now();
    let found = check(kind, &bytes, path);
    let check_ms = milliseconds(start.elapsed());
    drop(progress);
    let (found, error) = match found {
        Ok(found) => (found, None),
        Err(error) if error.exit() == Exit::Rejected => (Found::default(), Some(error)),
        Err(error) => return Err(error),
    };
    let message = error.as_ref().map(Error::to_string);
    let valid = error.is_none();
    let report = Report { valid, kind: kind.to_string(), file_bytes: bytes.len(), check_ms, found, error: message };
    match &error {
        Some(error) => {
            complain(error);
            if output.is_json() {
                output.result(&report, String::new)?;
            }
            Ok(Exit::Rejected)
        }
        None => {
            output.result(&report, || text(&report, path))?;
            Ok(Exit::Valid)
        }
    }
}

fn check(kind: Kind, bytes: &[u8], path: &Path) -> Result<Found, Error> {
    let refused = |error| key_error(path, &error);
    match kind {
        Kind::VerifierKey => VerifyingKey::from_bytes(bytes).map_err(refused).map(|key| of_key(&key)),
        Kind::ModelCommitment => ModelCommitment::from_bytes(bytes).map_err(refused).map(|c| of_commitment(&c)),
        _ => {
            let place = path.display();
            Err(Error::new(format!("{place}: a {kind} file where a verifier key or a model commitment is needed")))
        }
    }
}

fn of_key(key: &VerifyingKey) -> Found {
    Found {
        model_commitment: Some(hex(&key.model_commitment())),
        network_digest: Some(hex(&key.network_digest())),
        status: Some(key.status().to_string()),
        visibility: Some(Visibility::of_verifier(key)),
        weights: Some(key.circuit().statistics().parameters),
        width: Some(key.width()),
        weight_rows: Some(key.num_rows()),
        range_proof: RangeProof::of_key(key),
    }
}

fn of_commitment(commitment: &ModelCommitment) -> Found {
    Found {
        model_commitment: Some(hex(&commitment.digest())),
        status: Some(ModelStatus::RangeProven.to_string()),
        weights: Some(commitment.num_weights()),
        width: Some(commitment.width()),
        weight_rows: Some(commitment.num_rows()),
        range_proof: RangeProof::of(commitment),
        ..Found::default()
    }
}

fn text(report: &Report, path: &Path) -> String {
    let Report { kind, file_bytes, check_ms, found, .. } = report;
    let mut lines = vec![("valid", format!("{}: {kind}, {}", path.display(), size(*file_bytes as u64)))];
    lines.extend(found.model_commitment.clone().map(|digest| ("model commitment", digest)));
    lines.extend(found.network_digest.clone().map(|digest| ("network digest", digest)));
    lines.extend(found.visibility.into_iter().flat_map(Visibility::fields));
    lines.extend(found.status.clone().map(|status| ("model status", status)));
    if let (Some(weights), Some(rows), Some(width)) = (found.weights, found.weight_rows, found.width) {
        lines.push(("weights", format!("{weights}; {rows} committed rows of {width} columns")));
    }
    lines.extend(found.range_proof.field());
    lines.push(("time", format!("{check_ms:.1} ms")));
    fields(&lines)
}
