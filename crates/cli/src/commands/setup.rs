use std::path::Path;
use std::time::Instant;

use convince::SetupOptions;
use serde::Serialize;

use crate::args::Setup;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Access, Output, Target, fields, hex, milliseconds, size, write_all};
use crate::progress::Progress;

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
}

/// `convince setup`.
pub(super) fn run(args: &Setup, output: Output) -> Result<Exit, Error> {
    refuse_non_folder(&args.output)?;
    let model = args.circuit.batched(input::model(&args.model)?);
    let options = SetupOptions { strategies: args.circuit.strategies(), ..SetupOptions::default() };
    let progress = Progress::start("committing to the weights");
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
    };
    let file = |target: &Target, bytes: usize| format!("{}, {}", target.path().display(), size(bytes as u64));
    output.result(&report, || {
        fields(&[
            ("model commitment", report.model_commitment.clone()),
            ("prover key", format!("{} (secret)", file(&prover_target, report.prover_key_bytes))),
            ("verifier key", file(&verifier_target, report.verifier_key_bytes)),
            ("time", format!("{setup_ms:.1} ms")),
        ])
    })?;
    Ok(Exit::Valid)
}

/// Found before the work, not after it.
pub(super) fn refuse_non_folder(path: &Path) -> Result<(), Error> {
    match path.exists() && !path.is_dir() {
        true => Err(Error::new(format!("{}: is not a directory", path.display()))),
        false => Ok(()),
    }
}
