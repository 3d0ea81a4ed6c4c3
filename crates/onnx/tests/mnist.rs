//! LeNet-5 and the sample models of `vectors/`: float execution against other programs, and what quantisation costs.

mod common;

use common::{bytes, floats, read, vectors};
use convince_model::{Model, Preprocessing, argmax, run};
use convince_onnx::{
    Calibration, FloatGraph, QuantizeOptions, evaluate, import, quantize, quantize_graph, quantize_with_accuracy,
};

fn calibration(graph: &FloatGraph) -> Calibration {
    let preprocessing = QuantizeOptions::default().preprocessing(graph);
    let mut paths: Vec<_> = std::fs::read_dir(vectors().join("mnist/calibration"))
        .expect("committed folder")
        .map(|entry| entry.expect("committed folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    paths.sort();
    let load = |path| {
        let image = image::open(path).expect("committed image").into_luma8();
        let (width, height) = (image.width() as usize, image.height() as usize);
        preprocessing.image_to_floats(image.as_raw(), height, width, 1).expect("28x28 digits")
    };
    Calibration { inputs: paths.iter().map(load).collect() }
}

fn heldout(preprocessing: &Preprocessing) -> Vec<Vec<f32>> {
    let (shape, pixels) = bytes("mnist/heldout-images.npy");
    let len = shape[1..].iter().product();
    pixels.chunks_exact(len).map(|image| preprocessing.bytes_to_floats(&shape[1..], image).expect("28x28")).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

#[test]
fn float_execution_equals_torch_on_every_heldout_digit() {
    let graph = import(&read("mnist/lenet5.onnx")).expect("supported");
    assert_eq!((graph.input_shape(), graph.output_len(), graph.parameters()), ([1, 1, 28, 28], 10, 61_706));
    let (_, expected) = floats("mnist/heldout-float-logits.npy");
    let inputs = heldout(&QuantizeOptions::default().preprocessing(&graph));
    let found: Vec<f32> = inputs.iter().flat_map(|input| graph.run(input).expect("runs")).collect();
    let difference = largest_difference(&found, &expected);
    assert!(difference < 1e-4, "{difference}");
}

#[test]
fn the_integer_lenet_agrees_with_the_float_one() {
    let graph = import(&read("mnist/lenet5.onnx")).expect("supported");
    let (model, layers) =
        quantize_with_accuracy(&graph, &calibration(&graph), &QuantizeOptions::default()).expect("quantises");
    layers.iter().for_each(|layer| println!("{layer:?}"));
    let inputs = heldout(&model.preprocessing);
    let heldout = evaluate(&model, &graph, inputs.iter().map(Vec::as_slice)).expect("runs");
    let (_, labels) = bytes("mnist/heldout-labels.npy");
    let is_right = |(input, label): &(&Vec<f32>, &u8)| {
        let trace = run(&model.graph, &model.preprocessing.quantize(input)).expect("runs");
        argmax(trace.output()) == usize::from(**label)
    };
    let right = inputs.iter().zip(&labels).filter(is_right).count();
    println!("calibration: {:?}\nheld out:    {heldout:?}\nright:       {right} of {}", model.report, labels.len());
    assert!(heldout.top1_agreement >= 0.99, "{heldout:?}");
    assert_eq!(model.graph.parameters(), 61_706);
}

#[test]
fn pixels_are_the_integers_of_plain_models() {
    let graph = import(&read("mnist/lenet5.onnx")).expect("supported");
    let model = quantize_graph(&graph, &calibration(&graph), &QuantizeOptions::default()).expect("quantises");
    let pixels: Vec<u8> = (0..784).map(|i| (i % 256) as u8).collect();
    let integers = model.preprocessing.image_to_integers(&pixels, 28, 28, 1).expect("28x28");
    assert!(integers.iter().zip(&pixels).all(|(&integer, &pixel)| integer == i32::from(pixel)));
    assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
}

#[test]
fn quantisation_is_deterministic() {
    let file = read("mnist/lenet5.onnx");
    let few = Calibration { inputs: calibration(&import(&file).expect("supported")).inputs[..3].to_vec() };
    let bytes = || quantize(&file, &few, &QuantizeOptions::default()).expect("quantises").to_bytes();
    assert_eq!(bytes(), bytes());
}

#[test]
fn sample_models_execute_as_in_onnxruntime() {
    for name in ["mlp-matmul-add", "keras-style-cnn"] {
        let graph = import(&read(&format!("onnx/{name}.onnx"))).expect("supported");
        let (shape, input) = floats(&format!("onnx/{name}.input.npy"));
        let (_, expected) = floats(&format!("onnx/{name}.output.npy"));
        let inputs: Vec<Vec<f32>> = input.chunks_exact(input.len() / shape[0]).map(<[f32]>::to_vec).collect();
        let found: Vec<f32> = inputs.iter().flat_map(|input| graph.run(input).expect("runs")).collect();
        let difference = largest_difference(&found, &expected);
        assert!(difference < 1e-5, "{name}: {difference}");

        let model = quantize_graph(&graph, &Calibration { inputs }, &QuantizeOptions::default()).expect("quantises");
        let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        println!("{name}: {:?}, largest logit {largest}", model.report);
        assert!(model.report.max_logit_error < 0.05 * f64::from(largest), "{name}: {:?}", model.report);
    }
}
