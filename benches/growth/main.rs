//! How a proof grows with a network: time of prover and verifier, size and memory, by width, depth, image and batch.
//!
//! ```sh
//! cargo bench -p convince-benches --bench growth       # behind --: --runs N (9), --quick, --out DIR (benches/results)
//! ```
//! takes some minutes and writes `growth.json` and `growth.svg`: four sweeps, each of which lets one size of a network of 3x3
//! convolutions grow and keeps the others. Proofs are zero-knowledge, weights private, provers and verifiers have two threads. Every
//! point is a process of its own that reads a key from a file, so that its peak of memory is a prover's and nobody else's.
//!
//! `--quick`, or no `--bench` of cargo's (`cargo test --bench NAME`): two small points a sweep, one proof each, and nothing is written
//! unless `--out` says where.

#[path = "../machine.rs"]
#[allow(dead_code)]
mod machine;
mod plot;
mod slope;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use convince::model::Model;
use convince::{Proof, ProveOptions, ProvingKey, VerifyingKey, prove, setup, verify};
use convince_benches::process::{again, peak_bytes};
use convince_benches::{Arguments, ConvNet, conv_net, pool};
use machine::{Provenance, Spread, milliseconds};
use serde::{Deserialize, Serialize};
use slope::Slopes;

const THREADS: usize = 2;
/// What a point's proofs take together at most, but for the first three.
const PATIENCE: Duration = Duration::from_secs(4);

/// One size that grows while the others stay.
struct Sweep {
    name: &'static str,
    /// What is counted along it.
    unit: &'static str,
    /// Powers of two.
    values: std::ops::RangeInclusive<u32>,
    network: fn(usize) -> (ConvNet, usize),
}

const SWEEPS: [Sweep; 4] = [
    Sweep {
        name: "width",
        unit: "channels",
        values: 2..=8,
        network: |channels| (ConvNet { channels, side: 16, depth: 3 }, 1),
    },
    Sweep {
        name: "depth",
        unit: "layers",
        values: 2..=9,
        network: |depth| (ConvNet { channels: 8, side: 8, depth }, 1),
    },
    Sweep {
        name: "image",
        unit: "rows and columns",
        // Beyond 128 the last layer's accumulators do not fit 32 bits.
        values: 3..=7,
        network: |side| (ConvNet { channels: 8, side, depth: 3 }, 1),
    },
    Sweep {
        name: "batch",
        unit: "images",
        values: 0..=6,
        network: |batch| (ConvNet { channels: 8, side: 16, depth: 3 }, batch),
    },
];

/// What a process that proves and verifies tells.
#[derive(Clone, Serialize, Deserialize)]
struct Measured {
    prove: Spread,
    verify: Spread,
    proof_bytes: usize,
    peak_bytes: Option<u64>,
}

/// A network of a sweep.
#[derive(Serialize)]
struct Point {
    value: usize,
    weights: usize,
    /// Values that go into and come out of linear layers.
    activations: usize,
    committed: usize,
    leaves: usize,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Serialize)]
struct Swept {
    name: &'static str,
    unit: &'static str,
    /// What stays.
    network: String,
    points: Vec<Point>,
    /// Of the logarithms, by measure.
    slopes: Slopes,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    threads: usize,
    sweeps: Vec<Swept>,
}

fn main() -> Result<()> {
    convince::restart_with_large_pages();
    let arguments = Arguments::of_process();
    let runs = arguments.runs(9)?;
    if let Some(folder) = arguments.value("--child")? {
        let measured = pool(THREADS).install(|| child(Path::new(folder), runs))?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let provenance = Provenance::now("cargo bench -p convince-benches --bench growth".into());
    let sweeps = SWEEPS.iter().map(|sweep| sweep.run(arguments.measures(), runs)).collect::<Result<Vec<_>>>()?;
    if let Some(folder) = arguments.out()? {
        std::fs::create_dir_all(&folder)?;
        plot::draw(&sweeps, &folder.join("growth.svg"))?;
        let results = Results { provenance, threads: THREADS, sweeps };
        std::fs::write(folder.join("growth.json"), serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

impl Sweep {
    /// All points, or the first two.
    fn run(&self, whole: bool, runs: usize) -> Result<Swept> {
        let exponents = self.values.clone().take(if whole { usize::MAX } else { 2 });
        println!("{}: {}", self.name, self.unit);
        println!(
            "    {:>6} {:>10} {:>10} {:>12} {:>12} {:>10} {:>10}",
            "", "weights", "leaves", "prove", "verify", "proof", "peak"
        );
        let mut points = Vec::new();
        for exponent in exponents {
            let point = self.point(1 << exponent, runs)?;
            let Point { value, weights, leaves, measured, .. } = &point;
            let Measured { prove, verify, proof_bytes, peak_bytes } = measured;
            let (prove, verify) = (prove.median_ms, verify.median_ms);
            let (kilobytes, megabytes) = (*proof_bytes as f64 / 1024.0, peak_bytes.unwrap_or(0) as f64 / 1e6);
            print!("    {value:6} {weights:10} {leaves:10} {prove:9.1} ms {verify:9.1} ms ");
            println!("{kilobytes:7.1} KB {megabytes:7.1} MB");
            points.push(point);
        }
        let slopes = Slopes::of(&points);
        println!("    {slopes}");
        let (ConvNet { channels, side, depth }, batch) = (self.network)(0);
        let stays = [(channels, "channels"), (depth, "layers"), (side, "rows and columns"), (batch, "image")];
        let stays: Vec<String> = stays.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        Ok(Swept { name: self.name, unit: self.unit, network: stays.join(", "), points, slopes })
    }

    /// Makes the keys here, and proves and verifies in another process.
    fn point(&self, value: usize, runs: usize) -> Result<Point> {
        let (sizes, batch) = (self.network)(value);
        let (model, input) = conv_net(sizes, value as u64);
        let model = Model { graph: model.graph.with_batch(batch), ..model };
        let input = input.repeat(batch);
        let folder = tempfile::tempdir()?;
        let (proving, verifying) = setup(&model)?;
        std::fs::write(folder.path().join("prover.key"), proving.to_bytes())?;
        std::fs::write(folder.path().join("verifier.key"), verifying.to_bytes())?;
        std::fs::write(folder.path().join("input.json"), serde_json::to_vec(&input)?)?;
        let path = folder.path().to_str().context("a folder with a name in UTF-8")?;
        let measured = again(&["--child", path, "--runs", &runs.to_string(), "--bench"])?;
        let total = convince::estimate(&proving.lowered().circuit).total;
        Ok(Point {
            value,
            weights: total.parameters,
            activations: total.activations,
            committed: total.committed,
            leaves: total.leaves,
            measured,
        })
    }
}

fn child(folder: &Path, runs: usize) -> Result<Measured> {
    let key = ProvingKey::from_bytes(&std::fs::read(folder.join("prover.key"))?)?;
    let input: Vec<i32> = serde_json::from_slice(&std::fs::read(folder.join("input.json"))?)?;
    key.prepare();
    // The first proof starts the threads and is what memory is measured with.
    let proof = prove(&key, &input, &ProveOptions::default())?;
    let peak_bytes = peak_bytes();
    let prove = repeat(runs, || Ok(prove(&key, &input, &ProveOptions::default())?))?;
    drop(key);
    let key = VerifyingKey::from_bytes(&std::fs::read(folder.join("verifier.key"))?)?;
    let bytes = proof.as_bytes();
    let verify = repeat(runs, || Ok(verify(&key, &Proof::from_bytes(bytes.to_vec())?, Some(&input), &[])?))?;
    Ok(Measured { prove, verify, proof_bytes: bytes.len(), peak_bytes })
}

/// Times of so many runs; of three or more, no more than [`PATIENCE`] allows.
fn repeat<T>(runs: usize, mut run: impl FnMut() -> Result<T>) -> Result<Spread> {
    let (begin, mut times) = (Instant::now(), Vec::with_capacity(runs));
    while times.len() < runs && (times.len() < 3 || begin.elapsed() < PATIENCE) {
        let start = Instant::now();
        run()?;
        times.push(milliseconds(start.elapsed()));
    }
    Ok(Spread::of(times))
}
