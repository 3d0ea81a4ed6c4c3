use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use convince::{Phase, ProveOptions, ProvingKey, answers};
use serde::Serialize;

use crate::args::Prove;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Image, Output, Target, answer, fields, images, labels, milliseconds, size};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    prove_ms: f64,
    phases_ms: Phases,
    key_ms: f64,
    proof_bytes: usize,
    peak_rss_bytes: Option<u64>,
    #[serde(flatten)]
    image: Image,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<Image>>,
}

#[derive(Serialize)]
struct Phases {
    witness: f64,
    commit: f64,
    reduce: f64,
    open: f64,
}

/// `convince prove`.
pub(super) fn run(args: &Prove, output: Output) -> Result<Exit, Error> {
    let target = Target::new(&args.output)?;
    let progress = Progress::start("reading the key");
    let start = Instant::now();
    let key = proving_key(&args.key)?;
    key.prepare();
    let key_ms = milliseconds(start.elapsed());
    let by_hand = || Error::new(format!("{}: the key is of a circuit by hand, not of a model", args.key.display()));
    let model = key.model().ok_or_else(by_hand)?;
    let batch = model.graph.input_shape[0];
    let integers = input::batch(&args.input, &model.preprocessing, batch)?;
    let nonce = args.nonce.clone().unwrap_or_default();

    let clock = Clock::default();
    let hear = |phase: Phase| {
        clock.begin(phase);
        progress.step(describe(phase));
    };
    let options =
        ProveOptions { nonce: &nonce.0, detach_input: args.detach_input, progress: Some(&hear), ..Default::default() };
    let start = Instant::now();
    let proof = convince::prove(&key, &integers, &options).at(args.input[0].display())?;
    let end = Instant::now();
    drop(progress);
    let peak_rss_bytes = peak_memory();

    target.write(proof.as_bytes())?;
    let claimed = proof.unverified(&key.lowered().circuit).at(args.output.display())?;
    let circuit = &key.lowered().circuit;
    let mut images = images(&answers(circuit, &claimed.output, model.output_scale, &model.labels), circuit);
    let image = images[0].clone();
    let report = Report {
        prove_ms: milliseconds(end - start),
        phases_ms: clock.phases(end),
        key_ms,
        proof_bytes: proof.as_bytes().len(),
        peak_rss_bytes,
        image,
        images: (batch > 1).then(|| std::mem::take(&mut images)),
    };
    output.result(&report, || text(&report, &target))?;
    Ok(Exit::Valid)
}

/// Reads a prover's key.
pub(super) fn proving_key(path: &Path) -> Result<ProvingKey, Error> {
    ProvingKey::from_bytes(&input::read(path)?).at(path.display())
}

fn text(report: &Report, target: &Target) -> String {
    let Phases { witness, commit, reduce, open } = report.phases_ms;
    let phases = format!("witness {witness:.1}, commit {commit:.1}, reduce {reduce:.1}, open {open:.1}");
    let mut lines = match &report.images {
        Some(images) => vec![("labels", labels(images))],
        None => answer(&report.image),
    };
    lines.extend([
        ("proof", format!("{}, {}", target.path().display(), size(report.proof_bytes as u64))),
        ("time", format!("{:.1} ms ({phases}); key {:.1} ms", report.prove_ms, report.key_ms)),
    ]);
    if let Some(bytes) = report.peak_rss_bytes {
        lines.push(("peak memory", size(bytes)));
    }
    fields(&lines)
}

fn describe(phase: Phase) -> &'static str {
    match phase {
        Phase::Witness => "running the network",
        Phase::Commit => "committing to what it computed",
        Phase::Reduce => "reducing all relations to claims",
        Phase::Open => "opening the claims",
    }
}

/// When each phase began.
#[derive(Default)]
struct Clock(RefCell<Vec<(Phase, Instant)>>);

impl Clock {
    fn begin(&self, phase: Phase) {
        self.0.borrow_mut().push((phase, Instant::now()));
    }

    fn phases(&self, end: Instant) -> Phases {
        let began = self.0.borrow();
        let ends = began.iter().skip(1).map(|&(_, instant)| instant).chain([end]);
        let times: Vec<_> = began.iter().zip(ends).map(|(&(phase, from), to)| (phase, to - from)).collect();
        let sum = |wanted| {
            let each = times.iter().filter(|&&(phase, _)| phase == wanted);
            milliseconds(each.map(|&(_, time)| time).sum::<Duration>())
        };
        Phases {
            witness: sum(Phase::Witness),
            commit: sum(Phase::Commit),
            reduce: sum(Phase::Reduce),
            open: sum(Phase::Open),
        }
    }
}

/// The most memory that this process has held so far, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}
