//! A trained VGG-11 on CIFAR-10 images: what 8 bits cost in accuracy.
//!
//! The data is not in the repository. `cargo test -p convince-onnx --test cifar -- --ignored --nocapture` looks for it in
//! `$CONVINCE_CIFAR10`, or else beside the repository in `../shared/data/cifar10`, and passes without it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use convince_model::{argmax, run};
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions, evaluate, import, quantize_with_accuracy};

const CLASSES: &str = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck";
/// A label byte and three planes of 32x32 pixels.
const RECORD: usize = 1 + 3 * 32 * 32;

fn folder() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/cifar10");
    let folder = std::env::var_os("CONVINCE_CIFAR10").map_or_else(beside, PathBuf::from);
    folder.join("vgg11h_cifar10.onnx").exists().then_some(folder)
}

/// Labels and pixels as floats from 0 to 1.
fn records(path: &Path) -> Vec<(usize, Vec<f32>)> {
    let bytes = std::fs::read(path).expect("part of the folder");
    let record = |record: &[u8]| (record[0].into(), record[1..].iter().map(|&p| f32::from(p) / 255.0).collect());
    bytes.chunks_exact(RECORD).map(record).collect()
}

fn argmax_float(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

fn float_accuracy(graph: &FloatGraph, test: &[(usize, Vec<f32>)]) -> f64 {
    let right = test.iter().filter(|(label, image)| argmax_float(&graph.run(image).expect("runs")) == *label).count();
    right as f64 / test.len() as f64
}

#[test]
#[ignore = "needs data that is not in the repository, and some minutes"]
fn the_integer_vgg_loses_at_most_half_a_point() {
    let Some(folder) = folder() else { return };
    let graph = import(&std::fs::read(folder.join("vgg11h_cifar10.onnx")).expect("there")).expect("supported");
    let inputs = records(&folder.join("calibration-512.bin")).into_iter().map(|(_, image)| image);
    let calibration = Calibration { inputs: inputs.step_by(8).collect() };
    let labels = CLASSES.split(',').map(str::to_owned).collect();
    let options = QuantizeOptions { labels, ..QuantizeOptions::default() };
    let start = Instant::now();
    let (model, layers) = quantize_with_accuracy(&graph, &calibration, &options).expect("quantises");
    println!("quantised on {} images in {:?}: {:?}", calibration.inputs.len(), start.elapsed(), model.report);
    layers.iter().for_each(|layer| println!("{layer:?}"));

    let test = records(&folder.join("test-2000.bin"));
    let right = test.iter().filter(|(label, image)| {
        let trace = run(&model.graph, &model.preprocessing.quantize(image)).expect("runs");
        argmax(trace.output()) == *label
    });
    let (integer, float) = (right.count() as f64 / test.len() as f64, float_accuracy(&graph, &test));
    let report = evaluate(&model, &graph, test.iter().map(|(_, image)| image.as_slice())).expect("runs");
    println!("top-1: {float} float, {integer} integer; {report:?}");
    assert!(integer >= float - 0.005, "{float} float, {integer} integer");
}
