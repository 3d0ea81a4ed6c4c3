//! The figures that the README quotes of LeNet-5 on MNIST.
//!
//! ```sh
//! cargo build --release -p convince-cli      # what proves as a whole process
//! cargo bench -p convince-benches --bench figures
//! ```
//! writes `benches/results/lenet5.json` and prints what is in it. Options, behind `--`:
//!
//! ```text
//! --runs N      medians of N (20)
//! --cli PATH    the program that proves as a whole process (target/release/convince)
//! --out DIR     where results go (benches/results)
//! ```
//!
//! Nothing else should run meanwhile; the files say what the load was. Without cargo's `--bench`, that is under
//! `cargo test --bench NAME`, everything runs once on a small network and nothing is written.

mod machine;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use convince::{
    Mode, Phase, Proof, ProveOptions, ProvingKey, Soundness, VerifyingKey, input_digest, prove, setup, soundness,
    verify,
};
use convince_benches::{Arguments, ConvNet, LeNet, conv_net, pool};
use convince_onnx::evaluate;
use machine::{Provenance, Spread, milliseconds};
use serde::Serialize;
use serde_json::{Value, json};

const THREADS: usize = 2;

/// One network's times inside this process.
#[derive(Serialize)]
struct Times {
    threads: usize,
    setup: Spread,
    prover_key: Spread,
    prove: Spread,
    /// In order.
    prove_phases: Vec<(&'static str, Spread)>,
    /// Proofs that are not zero-knowledge.
    prove_plain: Spread,
    /// On one thread, the key loaded.
    verify: Spread,
    /// Reading and checking the verifier's key, on one thread.
    key: Spread,
}

/// Spreads of repeated proofs.
struct ProveTimes {
    /// Of the whole.
    total: Spread,
    /// Of each phase, in order.
    phases: Vec<(&'static str, Spread)>,
}

#[derive(Serialize)]
struct Sizes {
    proof_bytes: usize,
    prover_key_bytes: usize,
    verifier_key_bytes: usize,
    soundness_bits: f64,
    largest_round_bits: f64,
    parameters: usize,
    multiply_accumulates: usize,
    advice: usize,
    leaves: usize,
    width: usize,
    weight_rows: usize,
    advice_rows: usize,
}

/// `convince prove` as a process of its own, from its start to its end.
#[derive(Serialize)]
struct WholeProcess {
    wall: Spread,
    prove: Spread,
    peak_rss_bytes: u64,
}

fn main() -> Result<()> {
    convince::restart_with_large_pages();
    let arguments = Arguments::of_process();
    let Some(out) = arguments.out()?.filter(|_| arguments.measures()) else { return smoke() };
    let runs = arguments.runs(20)?;
    let cli = match arguments.value("--cli")? {
        Some(path) => PathBuf::from(path),
        None => {
            let this = std::env::current_exe()?;
            let release = this.parent().and_then(Path::parent);
            release.context("the bench is in target/release/deps")?.join("convince")
        }
    };
    let provenance = Provenance::now(format!("cargo bench -p convince-benches --bench figures -- --runs {runs}"));
    std::fs::create_dir_all(&out)?;
    let lenet = LeNet::load();
    let (times, sizes, keys) = measure(&lenet.model, &lenet.input, runs)?;
    let process = match cli.exists() {
        true => Some(whole_process(&cli, runs, &keys, &lenet)?),
        false => None,
    };
    let result = json!({
        "provenance": provenance,
        "network": "LeNet-5, MNIST, 8 bits; one digit",
        "runs": runs,
        "in_process": times,
        "whole_process": process,
        "sizes": sizes,
        "accuracy": accuracy(&lenet)?,
    });
    report(&times, process.as_ref(), &sizes, &result["accuracy"]);
    if process.is_none() {
        println!("no whole process: {} is missing; cargo build --release -p convince-cli", cli.display());
    }
    Ok(std::fs::write(out.join("lenet5.json"), serde_json::to_string_pretty(&result)? + "\n")?)
}

/// Everything once, on a network that takes no time.
fn smoke() -> Result<()> {
    let (model, input) = conv_net(ConvNet { channels: 2, side: 8, depth: 1 }, 1);
    let (times, sizes, _) = measure(&model, &input, 1)?;
    report(&times, None, &sizes, &Value::Null);
    Ok(())
}

/// A time of every run.
fn repeat<T>(runs: usize, mut run: impl FnMut() -> Result<T>) -> Result<Spread> {
    let time = |_| {
        let start = Instant::now();
        let result = run()?;
        let time = milliseconds(start.elapsed());
        drop(result);
        Ok(time)
    };
    Ok(Spread::of((0..runs).map(time).collect::<Result<Vec<f64>>>()?))
}

fn measure(
    model: &convince::model::Model,
    input: &[i32],
    runs: usize,
) -> Result<(Times, Sizes, (ProvingKey, VerifyingKey))> {
    let (one, many) = (pool(1), pool(THREADS));
    let (prover, verifier) = setup(model)?;
    let (prover_file, verifier_file) = (prover.to_bytes(), verifier.to_bytes());
    let setup_times = many.install(|| repeat(runs, || Ok(setup(model)?)))?;
    let read_prover = || -> Result<ProvingKey> {
        let key = ProvingKey::from_bytes(&prover_file)?;
        key.prepare();
        Ok(key)
    };
    let prover_key = many.install(|| repeat(runs, read_prover))?;
    // The first proof makes what tables are left to make.
    let proof = many.install(|| prove(&prover, input, &ProveOptions::default()))?;
    let ProveTimes { total, phases } = many.install(|| prove_repeatedly(&prover, input, Mode::Hiding, runs))?;
    let plain = many.install(|| prove_repeatedly(&prover, input, Mode::Plain, runs))?.total;

    let key = one.install(|| repeat(runs, || Ok(VerifyingKey::from_bytes(&verifier_file)?)))?;
    let loaded = VerifyingKey::from_bytes(&verifier_file)?;
    let check = || Ok(verify(&loaded, &Proof::from_bytes(proof.as_bytes().to_vec())?, None, &[])?);
    ensure!(check()?.input_digest == input_digest(input), "the proof is about another input");
    let verify = one.install(|| repeat(runs, check))?;

    let times = Times {
        threads: THREADS,
        setup: setup_times,
        prover_key,
        prove: total,
        prove_phases: phases,
        prove_plain: plain,
        verify,
        key,
    };
    let statistics = verifier.circuit().statistics();
    let Soundness { bits, largest_round_bits } = soundness(verifier.circuit(), verifier.width());
    let sizes = Sizes {
        proof_bytes: proof.as_bytes().len(),
        prover_key_bytes: prover_file.len(),
        verifier_key_bytes: verifier_file.len(),
        soundness_bits: bits,
        largest_round_bits,
        parameters: statistics.parameters,
        multiply_accumulates: statistics.macs,
        advice: statistics.advice,
        leaves: statistics.leaves,
        width: verifier.width(),
        weight_rows: verifier.num_rows(),
        advice_rows: verifier.num_advice_rows(),
    };
    Ok((times, sizes, (prover, verifier)))
}

fn prove_repeatedly(key: &ProvingKey, input: &[i32], mode: Mode, runs: usize) -> Result<ProveTimes> {
    let mut totals = Vec::with_capacity(runs);
    let mut phases = Phase::ALL.map(|_| Vec::with_capacity(runs));
    for _ in 0..runs {
        let starts = RefCell::new(Vec::new());
        let hear = |_: Phase| starts.borrow_mut().push(Instant::now());
        let options = ProveOptions { mode, progress: Some(&hear), ..Default::default() };
        let start = Instant::now();
        prove(key, input, &options)?;
        let end = Instant::now();
        totals.push(milliseconds(end - start));
        let mut starts = starts.take();
        starts.push(end);
        starts.windows(2).zip(&mut phases).for_each(|(pair, times)| times.push(milliseconds(pair[1] - pair[0])));
    }
    let phases = Phase::ALL.iter().zip(phases).map(|(phase, times)| (phase.name(), Spread::of(times))).collect();
    Ok(ProveTimes { total: Spread::of(totals), phases })
}

fn whole_process(cli: &Path, runs: usize, keys: &(ProvingKey, VerifyingKey), lenet: &LeNet) -> Result<WholeProcess> {
    let folder = tempfile::tempdir()?;
    let (key, proof) = (folder.path().join("prover.key"), folder.path().join("digit.proof"));
    std::fs::write(&key, keys.0.to_bytes())?;
    let (mut walls, mut proves, mut peak) = (Vec::new(), Vec::new(), 0);
    for _ in 0..runs {
        let mut command = Command::new(cli);
        command.args(["prove", "--json", "--threads", "2", "--key"]).arg(&key).arg("--input").arg(LeNet::digit());
        command.arg("--output").arg(&proof);
        let start = Instant::now();
        let output = command.output()?;
        walls.push(milliseconds(start.elapsed()));
        ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).context("convince prove --json prints JSON")?;
        proves.push(report["prove_ms"].as_f64().context("prove_ms")?);
        peak = peak.max(report["peak_rss_bytes"].as_u64().context("peak_rss_bytes")?);
    }
    let verified = verify(&keys.1, &Proof::from_bytes(std::fs::read(&proof)?)?, Some(&lenet.input), &[])?;
    ensure!(verified.input_digest == input_digest(&lenet.input), "the process proved another digit");
    Ok(WholeProcess { wall: Spread::of(walls), prove: Spread::of(proves), peak_rss_bytes: peak })
}

/// Agreement of the integer network with the float network, and of both with the labels.
fn accuracy(lenet: &LeNet) -> Result<Value> {
    let digits = lenet.held_out();
    let report = evaluate(&lenet.model, &lenet.float, digits.iter().map(|(floats, _)| &floats[..]))?;
    let mut correct = 0;
    for (floats, label) in &digits {
        let trace = convince::model::run(&lenet.model.graph, &lenet.model.preprocessing.quantize(floats))?;
        correct += usize::from(convince::model::argmax(trace.output()) == usize::from(*label));
    }
    Ok(json!({
        "held_out_digits": digits.len(),
        "top1_agreement": report.top1_agreement,
        "integer_accuracy": correct as f64 / digits.len() as f64,
        "max_logit_error": report.max_logit_error,
        "mean_logit_error": report.mean_logit_error,
    }))
}

fn report(times: &Times, process: Option<&WholeProcess>, sizes: &Sizes, accuracy: &Value) {
    let line = |name: &str, Spread { median_ms, min_ms, max_ms }: Spread, target: &str| {
        println!("{name:<28} {median_ms:9.2} ms   {min_ms:9.2} .. {max_ms:<9.2} {target}");
    };
    line("prove, 2 threads", times.prove, "at most 50 ms");
    times.prove_phases.iter().for_each(|(name, spread)| line(&format!("  {name}"), *spread, ""));
    if let Some(process) = process {
        line("prove, whole process", process.wall, "at most 150 ms");
        line("  of which prove_ms", process.prove, "");
        println!("{:<28} {:9.1} MB   at most 60 MB", "  peak memory", process.peak_rss_bytes as f64 / 1e6);
    }
    line("prove, not zero-knowledge", times.prove_plain, "");
    line("verify, 1 thread", times.verify, "at most 35 ms");
    line("key_ms, 1 thread", times.key, "");
    line("prover's key", times.prover_key, "");
    line("setup", times.setup, "at most 2000 ms");
    let Sizes { proof_bytes, verifier_key_bytes, soundness_bits, largest_round_bits, .. } = sizes;
    println!("{:<28} {proof_bytes:9} bytes   at most 40960", "proof");
    println!("{:<28} {verifier_key_bytes:9} bytes   at most 65536", "verifier's key");
    println!("{:<28} {soundness_bits:9.1} bits   one round {largest_round_bits:.1}; at least 110", "soundness");
    if let Some(agreement) = accuracy["top1_agreement"].as_f64() {
        println!("{:<28} {:9.2} %   at least 99 %", "top-1 agreement", 100.0 * agreement);
    }
}
