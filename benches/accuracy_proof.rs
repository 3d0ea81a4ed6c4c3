//! What proofs of accuracy cost: LeNet-5 on held-out MNIST digits, beside single proofs of the same network in the same run.
//!
//! ```sh
//! cargo bench -p convince-benches --bench accuracy_proof
//! # behind --: --images N,N (100,1000), --batches B,B (8,32,64,128), --runs N (5), --singles N (10), --out DIR (benches/results)
//! ```
//! proves and verifies the accuracy on the first N digits with batches of B so many times, and single zero-knowledge proofs before
//! and after each, and writes medians to `accuracy_proof.json`. Every proof is a process of its own, so that its peak of memory is its own: a process
//! reads a key and the arrays of digits, as a program would, and its proof goes to a file.
//!
//! Without cargo's `--bench`, that is under `cargo test --bench NAME`, a few digits are proven and nothing is written.

#[allow(dead_code)]
mod machine;

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use convince::lower::{Reveal, Strategies};
use convince::model::{Model, argmax, run};
use convince::{
    AccuracyOptions, AccuracyStatement, ProveOptions, ProvingKey, SetupOptions, VerifyingKey, prove, prove_accuracy,
    setup_with, verify_accuracy,
};
use convince_benches::arguments::number;
use convince_benches::process::{again, peak_bytes};
use convince_benches::{Arguments, LeNet, vectors};
use machine::{Provenance, Spread, milliseconds};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// What a throughput of accuracy proofs is to be of that of single proofs.
const TARGET: f64 = 5.0;
const PIXELS: usize = 28 * 28;
/// Threads of provers and verifiers.
const THREADS: usize = 2;

/// One proof, as the process that made it tells.
#[derive(Clone, Serialize, Deserialize)]
struct Measured {
    images: usize,
    batch: usize,
    correct: usize,
    prove_ms: f64,
    images_per_second: f64,
    /// On the same number of threads, images included.
    verify_ms: f64,
    proof_bytes: u64,
    /// The most that the process held until the proof was made, and before the first batch.
    peak_bytes: Option<u64>,
    peak_before_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    measured: Measured,
    /// Of all runs; the rest of the row is the run in the middle.
    prove: Spread,
    /// Single proofs before and after each run.
    single: Spread,
    /// Images a second over single proofs a second.
    ratio: f64,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    threads: usize,
    target_ratio: f64,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    convince::restart_with_large_pages();
    // This thread is one of them, as in the program: the C library gives back what other threads allocate sooner.
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).use_current_thread().build_global()?;
    let arguments = Arguments::of_process();
    if let Some([folder, images, batch]) = arguments.values("--child")? {
        let (images, batch) = (number(images)?, number(batch)?);
        let measured = child(Path::new(folder), images, batch)?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    let (images, batches, runs, num_singles) = match arguments.measures() {
        true => (
            arguments.numbers("--images", &[100, 1000])?,
            arguments.numbers("--batches", &[8, 32, 64, 128])?,
            arguments.number("--runs", 5)?,
            arguments.number("--singles", 10)?,
        ),
        false => (vec![5], vec![2], 1, 2),
    };
    let provenance = Provenance::now("cargo bench -p convince-benches --bench accuracy_proof".into());
    let lenet = LeNet::load();
    let folder = tempfile::tempdir()?;
    for &batch in &batches {
        keys(&lenet.model, folder.path(), batch)?;
    }
    let (single, _) = lenet.keys();
    single.prepare();
    let singles = || -> Result<Vec<f64>> {
        let once = || {
            let start = Instant::now();
            prove(&single, &lenet.input, &ProveOptions::default())?;
            Ok(milliseconds(start.elapsed()))
        };
        (0..num_singles.div_ceil(2)).map(|_| once()).collect()
    };
    // The first proof starts the threads.
    singles()?;
    let mut rows = Vec::new();
    for (&images, &batch) in images.iter().flat_map(|n| batches.iter().map(move |b| (n, b))) {
        let (mut proofs, mut times) = (Vec::with_capacity(runs), singles()?);
        for _ in 0..runs {
            proofs.push(measure(folder.path(), images, batch)?);
            times.extend(singles()?);
        }
        proofs.sort_by(|a, b| a.prove_ms.total_cmp(&b.prove_ms));
        let (prove, single) = (Spread::of(proofs.iter().map(|proof| proof.prove_ms)), Spread::of(times));
        let measured = proofs.swap_remove(runs / 2);
        let ratio = (measured.images_per_second * single.median_ms).round() / 1000.0;
        rows.push(Row { measured, prove, single, ratio });
        println!("{}", serde_json::to_string(&rows.last())?);
    }
    if let Some(folder) = arguments.out()? {
        std::fs::create_dir_all(&folder)?;
        let results = Results { provenance, threads: THREADS, target_ratio: TARGET, rows };
        std::fs::write(folder.join("accuracy_proof.json"), serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

fn key_path(folder: &Path, batch: usize, name: &str) -> PathBuf {
    folder.join(format!("{batch}-{name}.key"))
}

/// Writes the keys for batches of a size.
fn keys(model: &Model, folder: &Path, batch: usize) -> Result<()> {
    let model = Model { graph: model.graph.with_batch(batch), ..model.clone() };
    let strategies = Strategies { reveal: Reveal::Correct, ..Strategies::default() };
    let (proving, verifying) = setup_with(&model, &SetupOptions { strategies, ..SetupOptions::default() })?;
    std::fs::write(key_path(folder, batch, "prover"), proving.to_bytes())?;
    Ok(std::fs::write(key_path(folder, batch, "verifier"), verifying.to_bytes())?)
}

/// One proof, by a process of its own.
fn measure(folder: &Path, images: usize, batch: usize) -> Result<Measured> {
    let folder = folder.to_str().context("a folder with a name in UTF-8")?;
    again(&["--child", folder, &images.to_string(), &batch.to_string()])
}

fn child(folder: &Path, images: usize, batch: usize) -> Result<Measured> {
    let key = ProvingKey::from_bytes(&std::fs::read(key_path(folder, batch, "prover"))?)?;
    let model = key.model().context("a key of a model")?;
    let array = |name: &str| -> Result<Vec<u8>> {
        let bytes = std::fs::read(vectors().join("mnist").join(name))?;
        Ok(npyz::NpyFile::new(&bytes[..])?.into_vec()?)
    };
    let (pixels, labels) = (array("heldout-images.npy")?, array("heldout-labels.npy")?);
    ensure!(images <= labels.len(), "there are {} digits", labels.len());
    let labels: Vec<u32> = labels[..images].iter().map(|&label| label.into()).collect();
    let image = |index: usize| {
        let pixels = &pixels[index * PIXELS..][..PIXELS];
        model.preprocessing.image_to_integers(pixels, 28, 28, 1).expect("28x28 pixels")
    };
    let mut integers = |range: Range<usize>| Ok(range.flat_map(image).collect());
    let graph = model.graph.with_batch(1);
    let is_right = |(index, &label): (usize, &u32)| -> Result<usize> {
        Ok(usize::from(argmax(run(&graph, &image(index))?.output()) == label as usize))
    };
    let correct = labels.par_iter().enumerate().map(is_right).try_reduce(|| 0, |a, b| Ok(a + b))?;
    key.prepare();

    let statement = AccuracyStatement { labels: &labels, correct, data_set: None, nonce: b"" };
    let path = folder.join("accuracy.cnvp");
    let peak_before_bytes = peak_bytes();
    let start = Instant::now();
    let mut file = File::create(&path)?;
    prove_accuracy(&key, &statement, &mut integers, &mut file, &AccuracyOptions::default())?;
    let prove_ms = milliseconds(start.elapsed());
    let peak_bytes = peak_bytes();

    let verifying = VerifyingKey::from_bytes(&std::fs::read(key_path(folder, batch, "verifier"))?)?;
    let start = Instant::now();
    let verified = verify_accuracy(&verifying, &mut BufReader::new(File::open(&path)?), &statement, &mut integers)?;
    let verify_ms = milliseconds(start.elapsed());
    ensure!((verified.images, verified.correct) == (images, correct), "another statement was verified");
    Ok(Measured {
        images,
        batch,
        correct,
        prove_ms,
        images_per_second: 1000.0 * images as f64 / prove_ms,
        verify_ms,
        proof_bytes: std::fs::metadata(&path)?.len(),
        peak_bytes,
        peak_before_bytes,
    })
}
