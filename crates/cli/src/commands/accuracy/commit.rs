use std::time::Instant;

use convince::commit_data_set;
use serde::Serialize;

use super::super::commit_input::Files;
use super::super::verify::{preprocessing, verifying_key};
use super::check_key;
use crate::args::CommitDataSet;
use crate::error::{Context, Error, Exit};
use crate::input::DataSet;
use crate::output::{Output, fields, hex, milliseconds};
use crate::progress::Progress;
use crate::visibility::{Privacy, Visibility};

#[derive(Serialize)]
struct Report {
    commit_ms: f64,
    images: usize,
    commitment: String,
    commitment_bytes: usize,
    opening_bytes: usize,
}

/// `convince commit-data-set`.
pub(in crate::commands) fn run(args: &CommitDataSet, output: Output) -> Result<Exit, Error> {
    let files = Files::new(&args.output, &args.opening)?;
    let progress = Progress::start("reading the key");
    let key = verifying_key(&args.key)?;
    let visibility = Visibility::of_verifier(&key);
    if visibility.input == Privacy::Public {
        let key = args.key.display();
        return Err(Error::new(format!("{key}: this key's images are public, and no proof refers to a commitment")));
    }
    check_key(&args.key, visibility, Some(&args.output))?;
    let mut data = DataSet::open(&args.data, &preprocessing(&key)?)?;
    let (images, batches) = (data.len(), data.len().div_ceil(key.batch()));
    progress.step("committing to the images");
    let start = Instant::now();
    let mut read = |range: std::ops::Range<usize>| {
        progress.at(range.start / key.batch(), batches);
        data.integers(range).map_err(|error| error.to_string().into())
    };
    let (commitment, opening) = commit_data_set(&key, images, &mut read, None).at(args.key.display())?;
    let (bytes, opening_bytes) = (commitment.to_bytes(), opening.to_bytes());
    let commit_ms = milliseconds(start.elapsed());
    drop(progress);
    files.write(&bytes, &opening_bytes)?;
    let report = Report {
        commit_ms,
        images,
        commitment: hex(&commitment.digest()),
        commitment_bytes: bytes.len(),
        opening_bytes: opening_bytes.len(),
    };
    output.result(&report, || {
        let head = [("data set", report.commitment.clone()), ("images", images.to_string())];
        let lines = head.into_iter().chain(files.fields(bytes.len(), opening_bytes.len()));
        fields(&lines.chain([("time", format!("{commit_ms:.1} ms"))]).collect::<Vec<_>>())
    })?;
    Ok(Exit::Valid)
}
