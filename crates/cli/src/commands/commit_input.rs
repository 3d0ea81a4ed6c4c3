use std::path::Path;
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
    let files = Files::new(&args.output, &args.opening)?;
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
    files.write(&bytes, &opening_bytes)?;
    let report = Report {
        commit_ms,
        commitment: hex(&commitment.digest()),
        commitment_bytes: bytes.len(),
        opening_bytes: opening_bytes.len(),
    };
    output.result(&report, || {
        let [commitment, opening] = files.fields(bytes.len(), opening_bytes.len());
        let time = ("time", format!("{commit_ms:.1} ms"));
        fields(&[("input commitment", report.commitment.clone()), commitment, opening, time])
    })?;
    Ok(Exit::Valid)
}

/// Where a commitment and its opening go.
pub(super) struct Files {
    commitment: Target,
    opening: Target,
}

impl Files {
    /// Refuses places that hold no file, and one place for both.
    pub(super) fn new(commitment: &Path, opening: &Path) -> Result<Self, Error> {
        let files = Self { commitment: Target::new(commitment)?, opening: Target::new(opening)? };
        refuse_same(&files.commitment, &files.opening)?;
        Ok(files)
    }

    /// Both files or none.
    pub(super) fn write(&self, commitment: &[u8], opening: &[u8]) -> Result<(), Error> {
        write_all(&[(&self.opening, opening, Access::Private), (&self.commitment, commitment, Access::Public)])
    }

    /// The lines that name the files and their lengths.
    pub(super) fn fields(&self, commitment_bytes: usize, opening_bytes: usize) -> [(&'static str, String); 2] {
        let file = |target: &Target, bytes: usize| format!("{}, {}", target.path().display(), size(bytes as u64));
        let opening = format!("{} (secret)", file(&self.opening, opening_bytes));
        [("commitment", file(&self.commitment, commitment_bytes)), ("opening", opening)]
    }
}
