use std::time::Instant;

use convince::lower::Reveal;
use serde::Serialize;

use super::verify;
use crate::args::CommitInput;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Access, Output, Target, fields, hex, milliseconds, refuse_same, size, write_all};
use crate::progress::Progress;
use crate::visibility::Visibility;

#[derive(Serialize)]
struct Report {
    commit_ms: f64,
    commitment: String,
    commitment_bytes: usize,
    opening_bytes: usize,
}

/// `convince commit-input`.
pub(super) fn run(args: &CommitInput, output: Output) -> Result<Exit, Error> {
    let (target, opening_target) = (Target::new(&args.output)?, Target::new(&args.opening)?);
    refuse_same(&target, &opening_target)?;
    let progress = Progress::start("reading the key");
    let key = verify::verifying_key(&args.key)?;
    if !key.circuit().input_is_private() {
        let key = args.key.display();
        return Err(Error::new(format!("{key}: this key's inputs are public, and no proof refers to a commitment")));
    }
    if Visibility::of_verifier(&key).reveal == Reveal::Correct {
        let key = args.key.display();
        return Err(Error::new(format!("{key}: this key is for accuracy proofs: use `convince commit-data-set`")));
    }
    let integers = input::batch(&args.input, &verify::preprocessing(&key)?, key.batch())?;
    progress.step("committing to the input");
    let start = Instant::now();
    let (commitment, opening) = convince::commit_input(&key, &integers, None).at(args.input[0].display())?;
    let (bytes, opening_bytes) = (commitment.to_bytes(), opening.to_bytes());
    let commit_ms = milliseconds(start.elapsed());
    drop(progress);
    write_all(&[(&opening_target, &opening_bytes, Access::Private), (&target, &bytes, Access::Public)])?;
    let report = Report {
        commit_ms,
        commitment: hex(&commitment.digest()),
        commitment_bytes: bytes.len(),
        opening_bytes: opening_bytes.len(),
    };
    let file = |target: &Target, bytes: usize| format!("{}, {}", target.path().display(), size(bytes as u64));
    output.result(&report, || {
        fields(&[
            ("input commitment", report.commitment.clone()),
            ("commitment", file(&target, report.commitment_bytes)),
            ("opening", format!("{} (secret)", file(&opening_target, report.opening_bytes))),
            ("time", format!("{commit_ms:.1} ms")),
        ])
    })?;
    Ok(Exit::Valid)
}
