//! What 8 bits cost: top-1 accuracy of trained networks in floats and in integers.
//!
//! ```sh
//! cargo bench -p convince-benches --bench accuracy       # behind --: --out DIR (benches/results)
//! ```
//! classifies the committed test images of LeNet-5 and of the Fashion-MNIST network by both, and writes `accuracy.json`. Two more
//! data sets are used where a variable names their folder: `CONVINCE_FASHION`, all 10,000 test images of Fashion-MNIST, which
//! `scripts/make_fashion_vectors.sh --arrays DIR` writes; `CONVINCE_CIFAR10`, a trained VGG-11 with images, laid out as
//! `crates/onnx/tests/cifar.rs` reads them.
//!
//! Without cargo's `--bench`, that is under `cargo test --bench NAME`, a few images are classified and nothing is written.

#[allow(dead_code)]
mod machine;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use convince::model::{argmax, run};
use convince_benches::{Arguments, Classifier, Labelled, labelled, vectors};
use convince_onnx::{Calibration, QuantizeOptions, evaluate, import, quantize_graph};
use machine::Provenance;
use rayon::prelude::*;
use serde::Serialize;

/// Images that are classified where nothing is measured.
const FEW: usize = 20;
/// Bytes of a CIFAR-10 record: a label and three planes of 32x32 pixels.
const RECORD: usize = 1 + 3 * 32 * 32;
/// Every eighth of the calibration records is used.
const CALIBRATION_STEP: usize = 8;

/// One network on one set of images.
#[derive(Serialize)]
struct Row {
    network: &'static str,
    images: usize,
    float_right: usize,
    integer_right: usize,
    /// Points of top-1 accuracy that the integer network has less than the float one.
    points_lost: f64,
    top1_agreement: f64,
    mean_logit_error: f64,
    max_logit_error: f64,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    rows: Vec<Row>,
}

fn main() -> Result<()> {
    let arguments = Arguments::of_process();
    let provenance = Provenance::now("cargo bench -p convince-benches --bench accuracy".into());
    let count = if arguments.measures() { usize::MAX } else { FEW };
    let folder = |variable: &str| std::env::var_os(variable).filter(|_| arguments.measures()).map(PathBuf::from);

    let mut rows = Vec::new();
    let lenet = Classifier::load("mnist/lenet5.onnx", "mnist/calibration");
    let images = |model, folder: &Path, part: &str| {
        labelled(model, &folder.join(format!("{part}-images.npy")), &folder.join(format!("{part}-labels.npy")))
    };
    rows.push(compare("LeNet-5, MNIST", &lenet, images(&lenet.model, &vectors().join("mnist"), "heldout"), count)?);
    let fashion = Classifier::load("fashion/fashion.onnx", "fashion/calibration");
    let committed = images(&fashion.model, &vectors().join("fashion"), "test");
    rows.push(compare("four convolutions, Fashion-MNIST", &fashion, committed, count)?);
    if let Some(folder) = folder("CONVINCE_FASHION") {
        let all = images(&fashion.model, &folder, "test");
        rows.push(compare("four convolutions, Fashion-MNIST, all of its test set", &fashion, all, count)?);
    }
    if let Some(folder) = folder("CONVINCE_CIFAR10") {
        let (vgg, test) = cifar(&folder)?;
        rows.push(compare("VGG-11, CIFAR-10", &vgg, test, count)?);
    }
    if let Some(folder) = arguments.out()? {
        let results = Results { provenance, rows };
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("accuracy.json"), serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

/// Classifies the first `count` images by both networks.
fn compare(network: &'static str, both: &Classifier, mut test: Labelled, count: usize) -> Result<Row> {
    test.truncate(count);
    let Classifier { float, model } = both;
    let is_right = |(image, label): &(Vec<f32>, u8)| -> Result<[usize; 2]> {
        let by_float = argmax_float(&float.run(image)?) == usize::from(*label);
        let trace = run(&model.graph, &model.preprocessing.quantize(image))?;
        Ok([by_float, argmax(trace.output()) == usize::from(*label)].map(usize::from))
    };
    let right: Vec<[usize; 2]> = test.par_iter().map(is_right).collect::<Result<_>>()?;
    let [float_right, integer_right] = [0, 1].map(|which| right.iter().map(|right| right[which]).sum());
    let report = evaluate(model, float, test.iter().map(|(image, _)| &image[..]))?;
    let row = Row {
        network,
        images: test.len(),
        float_right,
        integer_right,
        points_lost: 100.0 * (float_right as f64 - integer_right as f64) / test.len() as f64,
        top1_agreement: report.top1_agreement,
        mean_logit_error: report.mean_logit_error,
        max_logit_error: report.max_logit_error,
    };
    let Row { images, points_lost, .. } = row;
    println!(
        "{network}: {float_right} of {images} in floats, {integer_right} in integers, {points_lost:.2} points lost"
    );
    Ok(row)
}

fn argmax_float(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// The VGG-11 of a folder, quantised, and its test images.
fn cifar(folder: &Path) -> Result<(Classifier, Labelled)> {
    let records = |name: &str| -> Result<Labelled> {
        let bytes = std::fs::read(folder.join(name)).with_context(|| name.to_owned())?;
        let record = |record: &[u8]| (record[1..].iter().map(|&p| f32::from(p) / 255.0).collect(), record[0]);
        Ok(bytes.chunks_exact(RECORD).map(record).collect())
    };
    let float = import(&std::fs::read(folder.join("vgg11h_cifar10.onnx")).context("vgg11h_cifar10.onnx")?)?;
    let images = records("calibration-512.bin")?.into_iter().map(|(image, _)| image);
    let calibration = Calibration { inputs: images.step_by(CALIBRATION_STEP).collect() };
    let model = quantize_graph(&float, &calibration, &QuantizeOptions::default())?;
    Ok((Classifier { float, model }, records("test-2000.bin")?))
}
