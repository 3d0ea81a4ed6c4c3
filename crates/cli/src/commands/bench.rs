use std::path::{Path, PathBuf};

use convince::Mode;
use convince::lower::Reveal;
use convince::model::Model;
use serde::Serialize;
use serde_json::{Value, json};

use super::process::Process;
use super::scratch::Scratch;
use super::setup::{PROVER_KEY, VERIFIER_KEY};
use super::source::Source;
use crate::args::Bench;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Target, size, table};
use crate::profile::{Profile, page};
use crate::progress::Progress;
use crate::visibility::mode_name;

#[derive(Serialize)]
struct Report {
    rows: Vec<Row>,
}

#[derive(Clone, Serialize)]
struct Row {
    name: String,
    mode: &'static str,
    private: Value,
    reveal: Value,
    parameters: usize,
    inference_ms: f64,
    setup_ms: f64,
    prove_ms: f64,
    prove_over_inference: f64,
    verify_ms: f64,
    proof_bytes: u64,
    input_bytes: u64,
    verifier_key_bytes: u64,
    peak_rss_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
}

/// `convince bench`.
pub(super) fn run(args: &Bench, threads: Option<usize>, output: Output) -> Result<Exit, Error> {
    let sources = args.networks.iter().map(|argument| Source::of(argument)).collect::<Result<Vec<_>, _>>()?;
    let process = Process::new(threads);
    // What cannot be set up is found before anything is measured.
    if args.circuit.strategies()?.reveal == Reveal::Correct {
        return Err(Error::new("--reveal correct: accuracy proofs are measured by `convince prove-accuracy`"));
    }
    let target = args.profile.profile_html.as_deref().map(Target::new).transpose()?;
    let rows = sources.iter().map(|source| measure(source, args, process));
    let report = Report { rows: rows.collect::<Result<Vec<_>, _>>()?.concat() };
    if let Some(target) = &target {
        let title = |row: &Row| format!("{}, {}", row.name, row.mode);
        let profiles = report.rows.iter().filter_map(|row| Some((title(row), row.profile.as_ref()?)));
        target.write(page(&profiles.collect::<Vec<_>>()).as_bytes())?;
    }
    output.result(&report, || text(&report.rows))?;
    Ok(Exit::Valid)
}

fn measure(source: &Source, args: &Bench, process: Process) -> Result<Vec<Row>, Error> {
    let name = source.name();
    let folder = Scratch::new("convince-bench-").at("making a temporary folder")?;
    let place = |file: &str| folder.path().join(file);
    let progress = Progress::start("reading the network");
    let path = match source {
        Source::File(path) => path.clone(),
        Source::Zoo(architecture) => {
            progress.step("making the network");
            let path = place("model.cnvm");
            process.run(&["zoo".as_ref(), architecture.name.as_ref(), "-o".as_ref(), &path])?;
            path
        }
    };
    let model = args.circuit.batched(input::model(&path)?);
    let image = place("image.json");
    let pixels = json!({ "pixels": pixels(&model) });
    std::fs::write(&image, pixels.to_string()).at(image.display())?;
    let parameters = model.graph.parameters();
    // What comes next may need the memory.
    drop(model);
    let files = Files { model: path, image, proof: place("proof.cnvp"), keys: folder.path().to_owned() };
    let steps = files.steps(args, process, &progress);
    let Steps { setup, modes } = steps.map_err(|error| error.within(&name))?;
    let inferences = modes.iter().flat_map(|measured| &measured.proofs);
    let inference_ms = median(inferences.map(|printed| number(&printed["inference_ms"])));
    let row = |Measured { mode, proofs, verifications }: &Measured| Row {
        name: name.clone(),
        mode: mode_name(*mode),
        private: setup["private"].clone(),
        reveal: setup["reveal"].clone(),
        parameters,
        inference_ms,
        setup_ms: number(&setup["setup_ms"]),
        prove_ms: prove_ms(proofs),
        prove_over_inference: prove_ms(proofs) / inference_ms,
        verify_ms: median(verifications.iter().map(|printed| number(&printed["verify_ms"]))),
        proof_bytes: proofs[0]["proof_bytes"].as_u64().unwrap_or(0),
        input_bytes: proofs[0]["input_bytes"].as_u64().unwrap_or(0),
        verifier_key_bytes: setup["verifier_key_bytes"].as_u64().unwrap_or(0),
        peak_rss_bytes: proofs.iter().filter_map(|printed| printed["peak_rss_bytes"].as_u64()).max(),
        profile: middle_profile(proofs),
    };
    Ok(modes.iter().map(row).collect())
}

/// Where everything is.
struct Files {
    model: PathBuf,
    image: PathBuf,
    proof: PathBuf,
    keys: PathBuf,
}

/// What each process printed.
struct Steps {
    setup: Value,
    modes: Vec<Measured>,
}

/// All runs in one mode.
struct Measured {
    mode: Mode,
    proofs: Vec<Value>,
    verifications: Vec<Value>,
}

impl Files {
    fn steps(&self, args: &Bench, process: Process, progress: &Progress) -> Result<Steps, Error> {
        let (prover_key, verifier_key) = (self.keys.join(PROVER_KEY), self.keys.join(VERIFIER_KEY));
        let key: &Path = "--key".as_ref();
        progress.step("committing to its weights");
        let options = args.circuit.arguments();
        let mut setup: Vec<&Path> = vec!["setup".as_ref(), &self.model, "-o".as_ref(), &self.keys];
        setup.extend(options.iter().map(Path::new));
        let setup = process.run(&setup)?;
        let modes = [Some(Mode::Hiding), args.plain.then_some(Mode::Plain)].into_iter().flatten();
        let none = |mode| Measured { mode, proofs: Vec::new(), verifications: Vec::new() };
        let mut modes: Vec<Measured> = modes.map(none).collect();
        for _ in 0..args.runs {
            // In turn, so that what else the machine does falls on all alike.
            for Measured { mode, proofs, verifications } in &mut modes {
                progress.step("proving");
                let (input, output): (&Path, &Path) = ("--input".as_ref(), "-o".as_ref());
                let mut prove = vec!["prove".as_ref(), key, &prover_key, input, &self.image, output, &self.proof];
                let flags = [
                    (true, "--time-inference"),
                    (*mode == Mode::Plain, "--plain"),
                    (args.profile.is_asked(), "--profile"),
                ];
                prove.extend(flags.iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| Path::new(*flag)));
                proofs.push(process.run(&prove)?);
                progress.step("verifying");
                verifications.push(process.run(&["verify".as_ref(), key, &verifier_key, &self.proof])?);
            }
        }
        Ok(Steps { setup, modes })
    }
}

/// Images of pixels without a pattern, the same for every run.
fn pixels(model: &Model) -> Vec<Vec<u8>> {
    let len: usize = model.preprocessing.shape.iter().product();
    let batch = model.graph.input_shape[0];
    // Knuth's multiplier; the top bits of its sequence pass for noise.
    let step = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let mut noise = std::iter::successors(Some(1), step).skip(1).map(|state| (state >> 56) as u8);
    (0..batch).map(|_| noise.by_ref().take(len).collect()).collect()
}

/// The median of the proofs' times.
fn prove_ms(proofs: &[Value]) -> f64 {
    median(proofs.iter().map(|printed| number(&printed["prove_ms"])))
}

/// The profile of the proof that took about as long as the median, if they have profiles.
fn middle_profile(proofs: &[Value]) -> Option<Profile> {
    let middle = prove_ms(proofs);
    let distance = |printed: &&Value| (number(&printed["prove_ms"]) - middle).abs();
    let nearest = proofs.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    serde_json::from_value(nearest["profile"].clone()).ok()
}

/// The middle one, or the mean of the two in the middle; NaN of none.
fn median(times: impl IntoIterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.into_iter().collect();
    times.sort_by(f64::total_cmp);
    match (times.len() / 2, times.len() % 2) {
        (0, 0) => f64::NAN,
        (middle, 0) => (times[middle - 1] + times[middle]) / 2.0,
        (middle, _) => times[middle],
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn text(rows: &[Row]) -> String {
    let header = [
        "network",
        "mode",
        "private",
        "parameters",
        "inference",
        "setup",
        "prove",
        "ratio",
        "verify",
        "proof",
        "input",
        "verifier key",
        "peak memory",
    ];
    let private = |row: &Row| {
        let parts = row.private.as_array().into_iter().flatten().filter_map(Value::as_str);
        let parts: Vec<&str> = parts.collect();
        if parts.is_empty() { "none".into() } else { parts.join(",") }
    };
    let time = |ms: f64| format!("{ms:.1} ms");
    let row = |row: &Row| {
        vec![
            row.name.clone(),
            row.mode.into(),
            private(row),
            row.parameters.to_string(),
            time(row.inference_ms),
            time(row.setup_ms),
            time(row.prove_ms),
            format!("{:.1}", row.prove_over_inference),
            time(row.verify_ms),
            size(row.proof_bytes),
            size(row.input_bytes),
            size(row.verifier_key_bytes),
            row.peak_rss_bytes.map_or_else(|| "unknown".into(), size),
        ]
    };
    let profiles = rows.iter().filter_map(|row| Some((row, row.profile.as_ref()?)));
    let profiles = profiles.map(|(row, profile)| format!("\n{}, {}\n{}", row.name, row.mode, profile.text()));
    profiles.fold(table(&header, 3, rows.iter().map(row)), |text, profile| text + &profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!([median([3.0, 1.0, 2.0]), median([4.0, 1.0]), median([7.0])], [2.0, 2.5, 7.0]);
        assert!(median([]).is_nan());
    }
}
