//! What zero knowledge costs: hiding proofs beside plain ones of the same network and input, turn by turn.
//!
//! ```sh
//! cargo bench -p convince-benches --bench hiding       # behind --: --runs N (9), --out DIR, names of built-in networks
//! ```
//! sets up each network with private and with public weights, proves in both modes by turns, verifies on one thread and on two,
//! and writes `benches/results/hiding.json`. Memory is the most that the process held until then, so networks are measured in the
//! order given, small ones first.
//!
//! Without cargo's `--bench`, that is under `cargo test --bench NAME`, LeNet-5 runs once and nothing is written.

#[allow(dead_code)]
mod machine;

use std::time::Instant;

use anyhow::Result;
use convince::model::Model;
use convince::{Mode, Proof, ProveOptions, ProvingKey, SetupOptions, VerifyingKey, prove, setup_with, verify};
use convince_benches::process::peak_bytes;
use convince_benches::{Arguments, built_in, pool};
use machine::{Provenance, Spread, milliseconds};
use serde::Serialize;

const NETWORKS: [&str; 4] = ["lenet5", "vgg11", "vgg16", "resnet18"];

#[derive(Serialize)]
struct Row {
    network: String,
    parameters: usize,
    /// Setup with private weights, the range proof's part of it included.
    setup_private_ms: f64,
    setup_public_ms: f64,
    /// The most that the process held when setup was done.
    setup_peak_bytes: Option<u64>,
    range_proof_bytes: usize,
    range_proof_slices: usize,
    /// Reading and checking the verifier's key on two threads, range proof included.
    key: Spread,
    prove_plain: Spread,
    prove_hiding: Spread,
    /// Median of hiding over median of plain.
    ratio: f64,
    verify_private_one_thread: Spread,
    verify_private_two_threads: Spread,
    verify_public_one_thread: Spread,
    verify_public_two_threads: Spread,
    proof_bytes_plain: usize,
    proof_bytes_hiding: usize,
    peak_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    convince::restart_with_large_pages();
    let arguments = Arguments::of_process();
    let provenance = Provenance::now("cargo bench -p convince-benches --bench hiding".into());
    let runs = arguments.runs(9)?;
    let mut networks = arguments.that_are(|word| convince_zoo::find(word).is_some());
    if networks.is_empty() {
        let count = if arguments.measures() { NETWORKS.len() } else { 1 };
        networks = NETWORKS[..count].iter().map(|name| (*name).to_owned()).collect();
    }
    let rows = networks.iter().map(|name| measure(name, runs)).collect::<Result<Vec<_>>>()?;
    for row in &rows {
        println!("{}", serde_json::to_string_pretty(row)?);
    }
    if let Some(folder) = arguments.out()? {
        std::fs::create_dir_all(&folder)?;
        let text = serde_json::to_string_pretty(&Results { provenance, rows })?;
        std::fs::write(folder.join("hiding.json"), text + "\n")?;
    }
    Ok(())
}

fn measure(name: &str, runs: usize) -> Result<Row> {
    let (model, input) = built_in(name)?;
    let ((proving, verifying), setup_private_ms) = timed(|| keys(&model, false))?;
    let setup_peak_bytes = peak_bytes();
    let ((proving_public, verifying_public), setup_public_ms) = timed(|| keys(&model, true))?;
    let (range_proof_bytes, range_proof_slices) =
        verifying.weights_commitment().map_or((0, 0), |commitment| commitment.range_proof_size());
    for key in [&proving, &proving_public] {
        key.prepare();
    }
    let two = pool(2);
    let once = |key: &ProvingKey, mode| {
        timed(|| Ok(two.install(|| prove(key, &input, &ProveOptions { mode, ..ProveOptions::default() }))?))
    };
    let (mut plain, mut hiding) = (Vec::new(), Vec::new());
    let (mut last_plain, mut last_hiding) = (once(&proving, Mode::Plain)?.0, once(&proving, Mode::Hiding)?.0);
    for _ in 0..runs {
        let (proof, time) = once(&proving, Mode::Plain)?;
        (last_plain, _) = (proof, plain.push(time));
        let (proof, time) = once(&proving, Mode::Hiding)?;
        (last_hiding, _) = (proof, hiding.push(time));
    }
    let public = once(&proving_public, Mode::Hiding)?.0;
    let verification = |key: &VerifyingKey, proof: &Proof, threads: usize| -> Result<Spread> {
        let pool = pool(threads);
        let times = (0..runs).map(|_| timed(|| Ok(pool.install(|| verify(key, proof, None, &[]))?)).map(|(_, ms)| ms));
        Ok(Spread::of(times.collect::<Result<Vec<_>>>()?))
    };
    let bytes = verifying.to_bytes();
    let key_runs =
        (0..runs.min(3)).map(|_| timed(|| Ok(two.install(|| VerifyingKey::from_bytes(&bytes))?)).map(|(_, ms)| ms));
    let key = Spread::of(key_runs.collect::<Result<Vec<_>>>()?);
    let (prove_plain, prove_hiding) = (Spread::of(plain), Spread::of(hiding));
    Ok(Row {
        network: name.to_owned(),
        parameters: proving.lowered().circuit.statistics().parameters,
        setup_private_ms,
        setup_public_ms,
        setup_peak_bytes,
        range_proof_bytes,
        range_proof_slices,
        key,
        ratio: (prove_hiding.median_ms / prove_plain.median_ms * 1000.0).round() / 1000.0,
        prove_plain,
        prove_hiding,
        verify_private_one_thread: verification(&verifying, &last_hiding, 1)?,
        verify_private_two_threads: verification(&verifying, &last_hiding, 2)?,
        verify_public_one_thread: verification(&verifying_public, &public, 1)?,
        verify_public_two_threads: verification(&verifying_public, &public, 2)?,
        proof_bytes_plain: last_plain.as_bytes().len(),
        proof_bytes_hiding: last_hiding.as_bytes().len(),
        peak_bytes: peak_bytes(),
    })
}

fn keys(model: &Model, public_weights: bool) -> Result<(ProvingKey, VerifyingKey)> {
    Ok(setup_with(model, &SetupOptions { public_weights, ..SetupOptions::default() })?)
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let start = Instant::now();
    let value = work()?;
    Ok((value, milliseconds(start.elapsed())))
}
