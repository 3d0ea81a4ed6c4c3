//! A trained MobileNetV2 on 20 ImageNet images: depthwise convolutions, linear bottlenecks and residual sums at 8 bits.
//!
//! The data is not in the repository: `scripts/make_mobilenet_v2.py` makes a folder of it, and
//! `CONVINCE_MOBILENET=FOLDER cargo test -p convince-onnx --test mobilenet -- --ignored --nocapture` uses that. Without the
//! variable the test passes.

mod common;

use std::path::Path;

use common::bytes;
use convince_model::{Model, argmax, run};
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions, import, quantize_with_accuracy};

fn argmax_float(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Whether both networks call the image the same, and what the integer one calls it.
fn compare(model: &Model, graph: &FloatGraph, image: &[f32]) -> (bool, usize) {
    let trace = run(&model.graph, &model.preprocessing.quantize(image)).expect("runs");
    let found = argmax(trace.output());
    (found == argmax_float(&graph.run(image).expect("runs")), found)
}

#[test]
#[ignore = "needs data that is not in the repository, and some minutes"]
fn the_integer_mobilenet_keeps_its_classes() {
    let Some(folder) = std::env::var_os("CONVINCE_MOBILENET") else { return };
    let folder = Path::new(&folder);
    let graph = import(&std::fs::read(folder.join("mobilenet_v2.onnx")).expect("there")).expect("supported");
    let options = QuantizeOptions {
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        ..QuantizeOptions::default()
    };
    // An absolute path replaces that of the committed vectors.
    let array = |name: &str| bytes(&folder.join(name).canonicalize().expect("there").to_string_lossy());
    let ((shape, pixels), (_, labels)) = (array("images.npy"), array("labels.npy"));
    let preprocessing = options.preprocessing(&graph);
    let image = |image: &[u8]| preprocessing.bytes_to_floats(&shape[1..], image).expect("of the network's shape");
    let images: Vec<Vec<f32>> = pixels.chunks_exact(3 * 224 * 224).map(image).collect();

    // Each half is classified by the network that was calibrated on the other one.
    let (mut kept, mut right) = (0, 0);
    for half in 0..2 {
        let inputs = images.iter().skip(half).step_by(2).cloned().collect();
        let start = std::time::Instant::now();
        let (model, layers) = quantize_with_accuracy(&graph, &Calibration { inputs }, &options).expect("quantises");
        println!("quantised in {:?}: {:?}", start.elapsed(), model.report);
        layers.iter().for_each(|layer| println!("{layer:?}"));
        for index in (1 - half..images.len()).step_by(2) {
            let (same, found) = compare(&model, &graph, &images[index]);
            let label = usize::from(labels[2 * index]) + 256 * usize::from(labels[2 * index + 1]);
            (kept, right) = (kept + usize::from(same), right + usize::from(found == label));
        }
    }
    println!("{kept} of {} classes kept, {right} right", images.len());
    assert!(kept >= 18);
}
