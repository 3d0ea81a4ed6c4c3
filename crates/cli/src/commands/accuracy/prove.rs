use std::io::Write as _;
use std::time::{Duration, Instant};

use convince::model::{Model, argmax, run as interpret};
use convince::{
    AccuracyClaim, AccuracyError, AccuracyOptions, AccuracyStatement, DataSetCommitment, DataSetOpening, prove_accuracy,
};
use rayon::prelude::*;
use serde::Serialize;

use super::super::prove::proving_key;
use super::{check_key, data_set, labels};
use crate::args::ProveAccuracy;
use crate::error::{Context, Error, Exit};
use crate::input::{self, DataSet};
use crate::output::{Access, Output, Pending, Target, fields, milliseconds, refuse_same, size};
use crate::profile::{Detail, Profile, Recorder, page, peak_memory};
use crate::progress::Progress;
use crate::visibility::Visibility;

#[derive(Serialize)]
struct Report {
    prove_ms: f64,
    count_ms: f64,
    key_ms: f64,
    images: usize,
    correct: usize,
    batches: usize,
    proof_bytes: u64,
    peak_rss_bytes: Option<u64>,
    images_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// `convince prove-accuracy`.
pub(in crate::commands) fn run(args: &ProveAccuracy, output: Output) -> Result<Exit, Error> {
    let target = Target::new(&args.output)?;
    let page_target = args.profile.profile_html.as_deref().map(Target::new).transpose()?;
    page_target.iter().try_for_each(|page| refuse_same(&target, page))?;
    let progress = Progress::start("reading the key");
    let start = Instant::now();
    let key = proving_key(&args.key)?;
    check_key(&args.key, Visibility::of_prover(&key), args.data_set.as_deref())?;
    key.prepare();
    let key_time = start.elapsed();
    let by_hand = || Error::new(format!("{}: the key is of a circuit by hand, not of a model", args.key.display()));
    let model = key.model().ok_or_else(by_hand)?;
    let batch = model.graph.input_shape[0];
    let mut data = DataSet::open(&args.data, &model.preprocessing)?;
    let (count, committed) = (data.len(), committed(args)?);
    let labels = labels(&args.labels, count, Some(&data))?;

    progress.step("running the network");
    let start = Instant::now();
    let right = count_right(model, &mut data, &labels, &progress)?;
    let count_time = start.elapsed();
    let correct = args.at_least.unwrap_or(right);
    if correct > right {
        return Err(Error::rejected(format!("{right} of {count} images have their labels, fewer than {correct}")));
    }

    progress.step("proving");
    progress.at(0, count.div_ceil(batch));
    let hear = |done, total| progress.at(done, total);
    let (set, opening) = committed.as_ref().map(|(set, opening)| (set, opening)).unzip();
    let nonce = args.nonce.clone().unwrap_or_default();
    let statement = AccuracyStatement { labels: &labels, correct, data_set: set, nonce: &nonce.0 };
    // Phases of a profile follow each other.
    let in_turn = args.profile.is_asked();
    let options = AccuracyOptions { data_set: opening, in_turn, progress: Some(&hear), ..AccuracyOptions::default() };
    let recorder = args.profile.is_asked().then(|| Recorder::start(Detail::All)).transpose()?;
    let start = Instant::now();
    let mut file = target.begin(Access::Public)?;
    let mut images = |range| data.integers(range).map_err(|error| error.to_string().into());
    let proved = prove_accuracy(&key, &statement, &mut images, file.writer(), &options);
    proved.map_err(|error| refusal(args, &error))?;
    let profile = recorder.and_then(|recorder| Profile::new(&recorder, &key, AccuracyClaim::head_bytes()));
    let plots = page_target.as_ref().zip(profile.as_ref()).map(|(place, profile)| {
        let mut file = place.begin(Access::Public)?;
        file.writer().write_all(page(&[(target.name(), profile)]).as_bytes()).at(place.path().display())?;
        Ok::<_, Error>(file)
    });
    let plots = plots.transpose()?;
    let proof_bytes = file.finish()?;
    let time = start.elapsed();
    plots.map(Pending::finish).transpose()?;
    drop(progress);
    let report = Report {
        prove_ms: milliseconds(time),
        count_ms: milliseconds(count_time),
        key_ms: milliseconds(key_time),
        images: count,
        correct,
        batches: count.div_ceil(batch),
        proof_bytes,
        peak_rss_bytes: peak_memory(),
        images_per_second: count as f64 / time.max(Duration::from_micros(1)).as_secs_f64(),
        profile,
    };
    output.result(&report, || text(&report, &target, batch))?;
    Ok(Exit::Valid)
}

/// The commitment to the images and what opens it.
fn committed(args: &ProveAccuracy) -> Result<Option<(DataSetCommitment, DataSetOpening)>, Error> {
    let Some((set, opening)) = args.data_set.as_deref().zip(args.opening.as_deref()) else { return Ok(None) };
    let opened = DataSetOpening::from_bytes(&input::read(opening)?).at(opening.display())?;
    let set = data_set(set)?;
    match opened.commitment() == set.digest() {
        true => Ok(Some((set, opened))),
        false => Err(Error::new(format!("{}: is the opening of another commitment", opening.display()))),
    }
}

/// Images whose label is the network's.
fn count_right(model: &Model, data: &mut DataSet, labels: &[u32], progress: &Progress) -> Result<usize, Error> {
    let (batch, graph) = (model.graph.input_shape[0], model.graph.with_batch(1));
    let len: usize = graph.input_shape.iter().product();
    let total = labels.len().div_ceil(batch);
    let mut right = 0;
    for (index, labels) in labels.chunks(batch).enumerate() {
        let images = data.integers(index * batch..index * batch + labels.len())?;
        let is_right = |(image, &label): (&[i32], &u32)| {
            let trace = interpret(&graph, image)?;
            Ok::<_, convince::model::RunError>(usize::from(argmax(trace.output()) == label as usize))
        };
        let own: Result<usize, _> = images.par_chunks(len).zip(labels).map(is_right).sum();
        right += own.at("running the network")?;
        progress.at(index + 1, total);
    }
    Ok(right)
}

fn refusal(args: &ProveAccuracy, error: &AccuracyError) -> Error {
    let place = match error {
        AccuracyError::Write(_) => args.output.display(),
        AccuracyError::TooFew { .. } => return Error::rejected(error),
        AccuracyError::Images { .. } | AccuracyError::Witness { .. } => return Error::new(error),
        AccuracyError::OtherImages { .. } | AccuracyError::Usage(_) => args.key.display(),
    };
    Error::new(format!("{place}: {error}"))
}

fn text(report: &Report, target: &Target, batch: usize) -> String {
    let Report { images, correct, batches, prove_ms, count_ms, key_ms, images_per_second, .. } = report;
    let mut lines = vec![
        ("proven", format!("at least {correct} of {images} images have their labels")),
        ("batches", format!("{batches} of {batch} images")),
        ("proof", format!("{}, {}", target.path().display(), size(report.proof_bytes))),
        ("time", format!("{prove_ms:.1} ms; counting {count_ms:.1} ms; key {key_ms:.1} ms")),
        ("throughput", format!("{images_per_second:.1} images a second")),
    ];
    lines.extend(report.peak_rss_bytes.map(|bytes| ("peak memory", size(bytes))));
    let lines = fields(&lines);
    report.profile.as_ref().map_or(lines.clone(), |profile| format!("{lines}\n{}", profile.text()))
}
