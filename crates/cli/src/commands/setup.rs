use std::path::Path;
use std::time::Instant;

use convince::{ModelCommitment, ModelSecret, SetupOptions, VerifyingKey};
use serde::Serialize;

use super::key_error;
use crate::args::Setup;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Access, Output, Target, fields, hex, milliseconds, size, write_all};
use crate::progress::Progress;
use crate::visibility::Visibility;

/// Name of the prover's key in the output folder.
pub(super) const PROVER_KEY: &str = "prover.key";
/// Name of the verifier's key.
pub(super) const VERIFIER_KEY: &str = "verifier.key";

#[derive(Serialize)]
struct Report {
    setup_ms: f64,
    prover_key_bytes: usize,
    verifier_key_bytes: usize,
    model_commitment: String,
    #[serde(flatten)]
    visibility: Visibility,
    status: String,
    #[serde(flatten)]
    range_proof: RangeProof,
}

/// The size of the proof that weights are of their formats; nulls where there is none.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct RangeProof {
    range_proof_bytes: Option<usize>,
    range_proof_slices: Option<usize>,
}

impl RangeProof {
    /// Of a commitment.
    pub(super) fn of(commitment: &ModelCommitment) -> Self {
        let (bytes, slices) = commitment.range_proof_size();
        Self { range_proof_bytes: Some(bytes), range_proof_slices: Some(slices) }
    }

    /// Of a key's commitment, if its weights are committed.
    pub(super) fn of_key(key: &VerifyingKey) -> Self {
        key.weights_commitment().map(Self::of).unwrap_or_default()
    }

    /// The line that says it to people.
    pub(super) fn field(self) -> Option<(&'static str, String)> {
        let (bytes, slices) = self.range_proof_bytes.zip(self.range_proof_slices)?;
        let plural = if slices == 1 { "" } else { "s" };
        Some(("range proof", format!("{}, {slices} slice{plural}", size(bytes as u64))))
    }
}

/// `convince setup`.
pub(super) fn run(args: &Setup, output: Output) -> Result<Exit, Error> {
    refuse_non_folder(&args.output)?;
    let strategies = args.circuit.strategies()?;
    if args.commitment.is_some() && !args.circuit.private.model {
        return Err(Error::new(
            "--commitment: the model is public; a commitment is to a private one (--private model)",
        ));
    }
    let model = args.circuit.batched(input::model(&args.model)?);
    let progress = Progress::start("reading the commitment");
    let commitment = args.commitment.as_deref().zip(args.secret.as_deref());
    let commitment = commitment.map(|(commitment, secret)| committed(commitment, secret)).transpose()?;
    progress.step("committing to the weights");
    let hear = |done, total| progress.at(done, total);
    let options = SetupOptions {
        strategies,
        public_weights: !args.circuit.private.model,
        commitment: commitment.as_ref().map(|(commitment, secret)| (commitment, secret)),
        progress: Some(&hear),
        ..SetupOptions::default()
    };
    let start = Instant::now();
    let (proving, verifying) = convince::setup_with(&model, &options).at(args.model.display())?;
    let (prover_key, verifier_key) = (proving.to_bytes(), verifying.to_bytes());
    let setup_ms = milliseconds(start.elapsed());
    drop(progress);
    std::fs::create_dir_all(&args.output).at(args.output.display())?;
    let prover_target = Target::new(&args.output.join(PROVER_KEY))?;
    let verifier_target = Target::new(&args.output.join(VERIFIER_KEY))?;
    write_all(&[(&prover_target, &prover_key, Access::Private), (&verifier_target, &verifier_key, Access::Public)])?;
    let report = Report {
        setup_ms,
        prover_key_bytes: prover_key.len(),
        verifier_key_bytes: verifier_key.len(),
        model_commitment: hex(&verifying.model_commitment()),
        visibility: Visibility::of_verifier(&verifying),
        status: verifying.status().to_string(),
        range_proof: RangeProof::of_key(&verifying),
    };
    output.result(&report, || text(&report, &prover_target, &verifier_target))?;
    Ok(Exit::Valid)
}

/// A commitment made before, and the secret that belongs to it.
fn committed(commitment: &Path, secret: &Path) -> Result<(ModelCommitment, ModelSecret), Error> {
    let secret_bytes = input::read(secret)?;
    let opened = ModelSecret::from_bytes(&secret_bytes).at(secret.display())?;
    let read = ModelCommitment::from_bytes(&input::read(commitment)?).map_err(|e| key_error(commitment, &e))?;
    match opened.commitment() == read.digest() {
        true => Ok((read, opened)),
        false => Err(Error::new(format!("{}: is the secret of another commitment", secret.display()))),
    }
}

fn text(report: &Report, prover: &Target, verifier: &Target) -> String {
    let file = |target: &Target, bytes: usize| format!("{}, {}", target.path().display(), size(bytes as u64));
    let mut lines = vec![("model commitment", report.model_commitment.clone())];
    lines.extend(report.visibility.fields());
    lines.push(("model status", report.status.clone()));
    lines.extend(report.range_proof.field());
    lines.extend([
        ("prover key", format!("{} (secret)", file(prover, report.prover_key_bytes))),
        ("verifier key", file(verifier, report.verifier_key_bytes)),
        ("time", format!("{:.1} ms", report.setup_ms)),
    ]);
    fields(&lines)
}

/// Found before the work, not after it.
pub(super) fn refuse_non_folder(path: &Path) -> Result<(), Error> {
    match path.exists() && !path.is_dir() {
        true => Err(Error::new(format!("{}: is not a directory", path.display()))),
        false => Ok(()),
    }
}
