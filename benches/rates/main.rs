//! What the parts of a proof cost: kernels, the cost model of `benches/MODEL.md`, and the prices of `convince estimate`.
//!
//! ```sh
//! cargo bench -p convince-benches --bench rates            # behind --: --runs N (5), --out DIR (benches/results)
//! scripts/ci-readme-figures                                # the tables of benches/MODEL.md
//! ```
//! measures the kernels on one core (`kernels`), predicts every step of the proofs of LeNet-5, VGG-16 and ResNet-18 from them
//! (`cost`), and measures the steps on one thread and on two (`spans`). Then it proves networks of different proportions on two
//! threads and fits each phase's least time, and the peaks of processes that prove one network each, by the sizes that
//! they follow (`fit`): these are the prices of `crates/convince/src/estimate/rates.rs`. All goes to `rates.json`, in some six minutes.
//! Nothing else should run meanwhile; the file says what the load was.
//!
//! Without cargo's `--bench`, or with `--quick`, LeNet-5 and a small network are measured once and nothing is written
//! unless `--out` says where.

mod cost;
mod fit;
mod kernels;
#[path = "../machine.rs"]
#[allow(dead_code)]
mod machine;
mod spans;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use convince::lower::{Strategies, lower_with};
use convince::model::run;
use convince::{Phase, ProveOptions, ProvingKey, estimate, prove, setup};
use convince_benches::process::{again, forget_peak, peak_bytes};
use convince_benches::{Arguments, ConvNet, built_in, conv_net, pool};
use cost::{Sizes, Step};
use fit::{Fit, Measured};
use kernels::Rates;
use machine::{Provenance, milliseconds};
use serde::Serialize;
use spans::{Listener, Times};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

/// Networks whose steps are predicted.
const MODELLED: [&str; 3] = ["lenet5", "vgg16", "resnet18"];

/// Networks whose steps are predicted and not measured: their keys alone take minutes.
const FORETOLD: [&str; 2] = ["mobilenet-v1-224", "resnet50"];

/// Channels, side and depth: from few large planes to many small ones, so that weights and activations are told apart.
const NETWORKS: [(usize, usize, usize); 10] = [
    (4, 16, 2),
    (512, 4, 4),
    (4, 64, 3),
    (8, 32, 6),
    (16, 32, 3),
    (32, 16, 4),
    (64, 8, 4),
    (128, 8, 3),
    (256, 4, 4),
    (256, 8, 2),
];

/// A step, predicted and measured.
#[derive(Serialize)]
struct MeasuredStep {
    #[serde(flatten)]
    step: Step,
    one_thread_ms: f64,
    two_threads_ms: f64,
}

/// A network's proof, predicted and measured.
#[derive(Serialize)]
struct Modelled {
    network: String,
    sizes: Sizes,
    steps: Vec<MeasuredStep>,
    prove_one_thread_ms: f64,
    prove_two_threads_ms: f64,
    /// What the steps' prices of `convince estimate` say, on two threads.
    estimate_ms: f64,
    estimate_bytes: u64,
    /// Running the integer network alone, on two threads.
    inference_ms: f64,
    peak_bytes: Option<u64>,
}

/// A network's proof, predicted.
#[derive(Serialize)]
struct Foretold {
    network: String,
    sizes: Sizes,
    steps: Vec<Step>,
    proof_bytes: usize,
    estimate_ms: f64,
    estimate_bytes: u64,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    runs: usize,
    kernels_ns: Rates,
    networks: Vec<Modelled>,
    foretold: Vec<Foretold>,
    prices: Vec<Fit>,
}

fn main() -> Result<()> {
    convince::restart_with_large_pages();
    let arguments = Arguments::of_process();
    let runs = arguments.runs(5)?;
    if let Some(folder) = arguments.value("--peak-of")? {
        println!("{}", serde_json::to_string(&prove_once(Path::new(folder))?)?);
        return Ok(());
    }
    let provenance = Provenance::now("cargo bench -p convince-benches --bench rates".into());
    let listener = Listener::default();
    tracing::subscriber::set_global_default(Registry::default().with(listener.clone()))?;
    let kernels_ns = pool(1).install(kernels::measure);
    println!("{}", serde_json::to_string_pretty(&kernels_ns)?);
    let (modelled, fitted) = if arguments.measures() { (MODELLED.len(), NETWORKS.len()) } else { (1, 1) };
    let networks = MODELLED[..modelled].iter().map(|name| model(name, &kernels_ns, runs, &listener));
    let networks = networks.collect::<Result<Vec<_>>>()?;
    let measured = (0..fitted).map(|k| measure(k, runs, &listener)).collect::<Result<Vec<_>>>()?;
    let prices = if arguments.measures() { fit::all(&measured) } else { Vec::new() };
    if let Some(folder) = arguments.out()? {
        std::fs::create_dir_all(&folder)?;
        let foretold = FORETOLD.iter().filter(|_| arguments.measures()).map(|name| foretell(name, &kernels_ns));
        let foretold = foretold.collect::<Result<Vec<_>>>()?;
        let results = Results { provenance, runs, kernels_ns, networks, foretold, prices };
        std::fs::write(folder.join("rates.json"), serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

/// Predicts and measures the steps of a built-in network's proof.
fn model(name: &str, rates: &Rates, runs: usize, listener: &Listener) -> Result<Modelled> {
    let (model, input) = built_in(name)?;
    let (key, _) = setup(&model)?;
    let circuit = &key.lowered().circuit;
    let estimate = estimate(circuit);
    let sizes = Sizes::new(circuit, &estimate);
    let [one, two] = [1, 2].map(|threads| fastest(&key, &input, threads, runs, listener));
    let (one, two) = (one?, two?);
    let inference = pool(2).install(|| {
        let time = |_| {
            let start = Instant::now();
            run(&model.graph, &input)?;
            Ok(milliseconds(start.elapsed()))
        };
        (0..runs).map(time).collect::<Result<Vec<f64>>>()
    })?;
    let of = |times: &Times, step: &Step| {
        let ends = |path: &&String| step.spans.iter().any(|span| path.ends_with(span));
        times.keys().filter(ends).map(|path| times[path]).sum::<f64>()
    };
    let steps = cost::steps(&sizes, rates).into_iter().map(|step| {
        let (one_thread_ms, two_threads_ms) = (of(&one, &step), of(&two, &step));
        MeasuredStep { step, one_thread_ms, two_threads_ms }
    });
    let modelled = Modelled {
        network: name.to_owned(),
        sizes,
        steps: steps.collect(),
        prove_one_thread_ms: one[WHOLE],
        prove_two_threads_ms: two[WHOLE],
        estimate_ms: estimate.total.prove_ms,
        estimate_bytes: estimate.total.memory_bytes,
        inference_ms: inference.into_iter().fold(f64::INFINITY, f64::min),
        peak_bytes: peak_of(&key, &input)?,
    };
    modelled.print();
    Ok(modelled)
}

/// Predicts the steps of a built-in network's proof.
fn foretell(name: &str, rates: &Rates) -> Result<Foretold> {
    let (model, _) = built_in(name)?;
    let circuit = lower_with(&model.graph, Strategies::default())?.circuit;
    let estimate = estimate(&circuit);
    let sizes = Sizes::new(&circuit, &estimate);
    let steps = cost::steps(&sizes, rates);
    let predicted: f64 = steps.iter().map(|step| step.predicted_ms).sum();
    println!("{name}: {predicted:.0} ms on one core predicted, estimate {:.0} ms", estimate.total.prove_ms);
    Ok(Foretold {
        network: name.to_owned(),
        sizes,
        steps,
        proof_bytes: estimate.total.proof_bytes,
        estimate_ms: estimate.total.prove_ms,
        estimate_bytes: estimate.total.memory_bytes,
    })
}

/// Path of the span around a proof.
const WHOLE: &str = "prove";

impl Modelled {
    fn print(&self) {
        println!("{:36} {:>12} {:>12} {:>12} {:>12}", self.network, "predicted", "memory", "1 thread", "2 threads");
        for MeasuredStep { step, one_thread_ms, two_threads_ms } in &self.steps {
            let Step { name, predicted_ms, memory_ms, .. } = step;
            println!(
                "    {name:32} {predicted_ms:9.2} ms {memory_ms:9.2} ms {one_thread_ms:9.2} ms {two_threads_ms:9.2} ms"
            );
        }
        let predicted: f64 = self.steps.iter().map(|m| m.step.predicted_ms).sum();
        let (one, two) = (self.prove_one_thread_ms, self.prove_two_threads_ms);
        println!("    {:32} {predicted:9.2} ms {:12} {one:9.2} ms {two:9.2} ms", "all", "");
        let (inference, megabytes) = (self.inference_ms, self.peak_bytes.unwrap_or(0) as f64 / 1e6);
        println!("    estimate {:.1} ms, {:.1} MB; ", self.estimate_ms, self.estimate_bytes as f64 / 1e6);
        println!("    inference alone {inference:.2} ms; peak {megabytes:.1} MB");
    }
}

/// The times of the fastest of so many proofs, by span: what else the machine does only adds.
fn fastest(key: &ProvingKey, input: &[i32], threads: usize, runs: usize, listener: &Listener) -> Result<Times> {
    let threads = pool(threads);
    let once = || -> Result<Times> {
        threads.install(|| prove(key, input, &ProveOptions::default()))?;
        Ok(listener.take())
    };
    // The first proof makes the commitment's tables.
    once()?;
    let mut fastest = once()?;
    for _ in 1..runs {
        let times = once()?;
        if times[WHOLE] < fastest[WHOLE] {
            fastest = times;
        }
    }
    Ok(fastest)
}

/// A network for the prices.
fn measure(index: usize, runs: usize, listener: &Listener) -> Result<Measured> {
    let (channels, side, depth) = NETWORKS[index];
    let (model, input) = conv_net(ConvNet { channels, side, depth }, index as u64);
    let (key, _) = setup(&model)?;
    let times = fastest(&key, &input, 2, runs, listener)?;
    let phases = Phase::ALL.map(|phase| times[&format!("{WHOLE}/{}", phase.name())]);
    let estimate = estimate(&key.lowered().circuit);
    let peak = peak_of(&key, &input)?.map(|bytes| bytes as f64);
    Ok(Measured { name: format!("{channels}x{side}x{side}, {depth} layers"), estimate, phases, peak })
}

/// Bytes that a process holds at most while it reads a key and proves, where the system tells.
fn peak_of(key: &ProvingKey, input: &[i32]) -> Result<Option<u64>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("prover.key"), key.to_bytes())?;
    std::fs::write(folder.path().join("input.json"), serde_json::to_vec(input)?)?;
    again(&["--peak-of", folder.path().to_str().context("a folder with a name in UTF-8")?])
}

/// The process that [`peak_of`] starts.
fn prove_once(folder: &Path) -> Result<Option<u64>> {
    let input: Vec<i32> = serde_json::from_slice(&std::fs::read(folder.join("input.json"))?)?;
    forget_peak();
    let key = ProvingKey::from_bytes(&std::fs::read(folder.join("prover.key"))?)?;
    pool(2).install(|| prove(&key, &input, &ProveOptions::default()))?;
    Ok(peak_bytes())
}
