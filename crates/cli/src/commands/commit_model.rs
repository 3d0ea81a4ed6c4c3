use std::time::Instant;

use convince::SetupOptions;
use serde::Serialize;

use super::setup::RangeProof;
use crate::args::CommitModel;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Access, Output, Target, fields, hex, milliseconds, refuse_same, size, write_all};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    commit_ms: f64,
    model_commitment: String,
    commitment_bytes: usize,
    weights: usize,
    width: usize,
    weight_rows: usize,
    #[serde(flatten)]
    range_proof: RangeProof,
}

/// `convince commit-model`.
pub(super) fn run(args: &CommitModel, output: Output) -> Result<Exit, Error> {
    let (target, secret_target) = (Target::new(&args.output)?, Target::new(&args.secret)?);
    refuse_same(&target, &secret_target)?;
    let model = input::model(&args.model)?;
    let progress = Progress::start("committing to the weights");
    let hear = |done, total| progress.at(done, total);
    let options = SetupOptions { progress: Some(&hear), ..SetupOptions::default() };
    let start = Instant::now();
    let (commitment, secret) = convince::commit_model(&model, &options).at(args.model.display())?;
    let bytes = commitment.to_bytes();
    let commit_ms = milliseconds(start.elapsed());
    drop(progress);
    write_all(&[(&secret_target, &secret.to_bytes(), Access::Private), (&target, &bytes, Access::Public)])?;
    let report = Report {
        commit_ms,
        model_commitment: hex(&commitment.digest()),
        commitment_bytes: bytes.len(),
        weights: commitment.num_weights(),
        width: commitment.width(),
        weight_rows: commitment.num_rows(),
        range_proof: RangeProof::of(&commitment),
    };
    output.result(&report, || {
        let mut lines = vec![
            ("model commitment", report.model_commitment.clone()),
            ("weights", format!("{}, in {} rows", report.weights, report.weight_rows)),
        ];
        lines.extend(report.range_proof.field());
        lines.extend([
            ("commitment", format!("{}, {}", target.path().display(), size(bytes.len() as u64))),
            ("secret", format!("{} (secret)", secret_target.path().display())),
            ("time", format!("{commit_ms:.1} ms")),
        ]);
        fields(&lines)
    })?;
    Ok(Exit::Valid)
}
