use std::path::Path;
use std::time::Instant;

use convince::lower::Reveal;
use convince::model::run as interpret;
use convince::{Mode, Openings, Phase, Proof, ProveOptions, ProvingKey, TensorOpening, answers};
use serde::Serialize;

use super::open;
use crate::args::Prove;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Access, Output, Said, Target, fields, hex, milliseconds, refuse_same, size, warn, write_all};
use crate::profile::{Detail, Profile, Recorder, page, peak_memory};
use crate::progress::Progress;
use crate::visibility::{Visibility, mode_name};

#[derive(Serialize)]
struct Report {
    prove_ms: f64,
    phases_ms: Phases,
    key_ms: f64,
    proof_bytes: usize,
    /// Of the input, or of the commitments to it, in the proof's file.
    input_bytes: usize,
    peak_rss_bytes: Option<u64>,
    #[serde(flatten)]
    said: Said,
    mode: &'static str,
    #[serde(flatten)]
    visibility: Visibility,
    input_commitment: Option<String>,
    output_commitment: Option<String>,
    /// Where the output's opening is kept.
    output_opening: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inference_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

#[derive(Serialize)]
struct Phases {
    witness: f64,
    commit: f64,
    reduce: f64,
    open: f64,
}

impl Phases {
    fn of(recorder: &Recorder) -> Self {
        let [witness, commit, reduce, open] = Phase::ALL.map(|phase| recorder.phase_ms(phase));
        Self { witness, commit, reduce, open }
    }
}

/// Where the files go.
struct Targets {
    proof: Target,
    opening: Option<Target>,
    page: Option<Target>,
}

impl Targets {
    fn new(args: &Prove) -> Result<Self, Error> {
        let proof = Target::new(&args.output)?;
        let [opening, page] =
            [&args.output_opening, &args.profile.profile_html].map(|path| path.as_deref().map(Target::new).transpose());
        let (opening, page) = (opening?, page?);
        let all: Vec<&Target> = [Some(&proof), opening.as_ref(), page.as_ref()].into_iter().flatten().collect();
        for (k, first) in all.iter().enumerate() {
            all[k + 1..].iter().try_for_each(|second| refuse_same(first, second))?;
        }
        Ok(Self { proof, opening, page })
    }

    /// All files or none.
    fn write(&self, proof: &Proof, openings: &Openings, profile: Option<&Profile>) -> Result<(), Error> {
        let page = profile.map(|profile| page(&[(self.proof.name(), profile)])).unwrap_or_default();
        let opening = openings.output.as_ref().map(TensorOpening::to_bytes);
        let secret = self.opening.as_ref().zip(opening.as_ref());
        let secret = secret.map(|(target, bytes)| (target, bytes.as_slice(), Access::Private));
        let page = self.page.iter().map(|target| (target, page.as_bytes(), Access::Public));
        let files: Vec<_> =
            secret.into_iter().chain(page).chain([(&self.proof, proof.as_bytes(), Access::Public)]).collect();
        write_all(&files)
    }
}

/// `convince prove`.
pub(super) fn run(args: &Prove, output: Output) -> Result<Exit, Error> {
    let targets = Targets::new(args)?;
    let progress = Progress::start("reading the key");
    let start = Instant::now();
    let key = proving_key(&args.key)?;
    key.prepare();
    let key_ms = milliseconds(start.elapsed());
    let visibility = Visibility::of_prover(&key);
    let mode = mode(args, visibility)?;
    let input_opening = args.input_opening.as_deref().map(open::opening).transpose()?;
    let integers = integers(args, &key, input_opening.as_ref())?;
    let nonce = args.nonce.clone().unwrap_or_default();

    let recorder = Recorder::start(if args.profile.is_asked() { Detail::All } else { Detail::Phases })?;
    let hear = |phase: Phase| progress.step(describe(phase));
    let options = ProveOptions {
        nonce: &nonce.0,
        detach_input: args.detach_input,
        mode,
        input_opening: input_opening.as_ref(),
        memory_budget: args.memory_budget.map(|bytes| bytes.0),
        progress: Some(&hear),
        ..Default::default()
    };
    let start = Instant::now();
    let place = args.input_opening.as_deref().or(args.input.first().map(|path| path.as_path()));
    let place = place.unwrap_or(&args.key);
    let (proof, openings) = convince::prove_with_openings(&key, &integers, &options).at(place.display())?;
    let end = Instant::now();
    drop(progress);
    let peak_rss_bytes = peak_memory();
    let inference_ms = args.time_inference.then(|| inference_ms(&key, &integers)).transpose()?;

    let claimed = proof.unverified_under(&key.lowered().circuit, key.width()).at("the proof that was made")?;
    let head_bytes = proof.as_bytes().len() - claimed.message_bytes;
    let profile = args.profile.is_asked().then(|| Profile::new(&recorder, &key, head_bytes)).flatten();
    targets.write(&proof, &openings, profile.as_ref())?;
    warn_of(mode, visibility);
    let digest = |opening: &Option<TensorOpening>| opening.as_ref().map(|o| hex(&o.commitment().digest()));
    let report = Report {
        prove_ms: milliseconds(end - start),
        phases_ms: Phases::of(&recorder),
        key_ms,
        proof_bytes: proof.as_bytes().len(),
        input_bytes: claimed.input_bytes,
        peak_rss_bytes,
        said: said(&key, claimed.output, &openings),
        mode: mode_name(mode),
        visibility,
        input_commitment: digest(&openings.input),
        output_commitment: digest(&openings.output),
        output_opening: targets.opening.as_ref().map(|target| target.path().display().to_string()),
        inference_ms,
        profile,
    };
    output.result(&report, || text(&report, &targets.proof))?;
    Ok(Exit::Valid)
}

/// Reads a prover's key.
pub(super) fn proving_key(path: &Path) -> Result<ProvingKey, Error> {
    ProvingKey::from_bytes(&input::read(path)?).at(path.display())
}

/// Milliseconds of the integer network on the proof's input, in this process: the proof's time stands beside it.
fn inference_ms(key: &ProvingKey, integers: &[i32]) -> Result<f64, Error> {
    let model = key.model().ok_or_else(|| Error::new("a circuit by hand has no network to run"))?;
    let start = Instant::now();
    interpret(&model.graph, integers).at("running the network")?;
    Ok(milliseconds(start.elapsed()))
}

/// How the proof is made; refuses options that the key has no use for.
fn mode(args: &Prove, visibility: Visibility) -> Result<Mode, Error> {
    let key = args.key.display();
    if visibility.reveal == Reveal::Correct {
        return Err(Error::new(format!("{key}: this key is for accuracy proofs: use `convince prove-accuracy`")));
    }
    if args.output_opening.is_some() && visibility.reveal != Reveal::Nothing {
        return Err(Error::new(format!("--output-opening: proofs under {key} do not commit to their output")));
    }
    if args.input_opening.is_some() && !visibility.private().contains(&"input") {
        return Err(Error::new(format!("--input-opening: the inputs of {key} are public")));
    }
    Ok(if args.plain { Mode::Plain } else { Mode::Hiding })
}

/// Says what a plain proof is, where it matters.
fn warn_of(mode: Mode, visibility: Visibility) {
    let [_, (_, private)] = visibility.fields();
    if mode == Mode::Plain && !visibility.private().is_empty() {
        let leak = "a plain proof is not zero-knowledge: it leaks linear combinations of what is private";
        warn(&format!("{leak} ({private})"));
    }
}

/// The input: that of an opening, or of files. Whether both are the same is checked by whoever proves.
fn integers(args: &Prove, key: &ProvingKey, opening: Option<&TensorOpening>) -> Result<Vec<i32>, Error> {
    let by_hand = || Error::new(format!("{}: the key is of a circuit by hand, not of a model", args.key.display()));
    let model = key.model().ok_or_else(by_hand)?;
    match opening {
        Some(opening) if args.input.is_empty() => Ok(opening.values()),
        _ => input::batch(&args.input, &model.preprocessing, model.graph.input_shape[0]),
    }
}

/// What the network says: in the proof, or in the opening that the prover alone has.
fn said(key: &ProvingKey, claimed: Option<Vec<i32>>, openings: &Openings) -> Said {
    let circuit = &key.lowered().circuit;
    let values = claimed.or_else(|| openings.output.as_ref().map(TensorOpening::values)).unwrap_or_default();
    let model = key.model();
    let (scale, labels) = model.map_or((1.0, &[][..]), |model| (model.output_scale, &model.labels[..]));
    Said::new(&answers(circuit, &values, scale, labels), circuit)
}

fn text(report: &Report, target: &Target) -> String {
    let Phases { witness, commit, reduce, open } = report.phases_ms;
    let phases = format!("witness {witness:.1}, commit {commit:.1}, reduce {reduce:.1}, open {open:.1}");
    let mut lines = match report.visibility.reveal {
        Reveal::Nothing => report.said.private_fields(),
        _ => report.said.fields(),
    };
    lines.push(("mode", report.mode.into()));
    lines.extend(report.visibility.fields());
    lines.extend(report.input_commitment.clone().map(|digest| ("input commitment", digest)));
    if let Some(digest) = &report.output_commitment {
        let opening = match &report.output_opening {
            Some(path) => format!("{path} (secret)"),
            None => "dropped; --output-opening keeps it".into(),
        };
        lines.extend([("output commitment", digest.clone()), ("output opening", opening)]);
    }
    lines.extend([
        ("proof", format!("{}, {}", target.path().display(), size(report.proof_bytes as u64))),
        ("time", format!("{:.1} ms ({phases}); key {:.1} ms", report.prove_ms, report.key_ms)),
    ]);
    if let Some(bytes) = report.peak_rss_bytes {
        lines.push(("peak memory", size(bytes)));
    }
    let lines = fields(&lines);
    report.profile.as_ref().map_or(lines.clone(), |profile| format!("{lines}\n{}", profile.text()))
}

fn describe(phase: Phase) -> &'static str {
    match phase {
        Phase::Witness => "running the network",
        Phase::Commit => "committing to what it computed",
        Phase::Reduce => "reducing all relations to claims",
        Phase::Open => "opening the claims",
    }
}
