//! The trained networks and the sample models of `vectors/`: float execution against other programs, and what quantisation costs.

mod common;

use common::{bytes, calibration, floats, images, read};
use convince_model::{Model, argmax, run};
use convince_onnx::{Calibration, QuantizeOptions, evaluate, import, quantize, quantize_graph, quantize_with_accuracy};

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// A trained network of `vectors/`, with images that it was not trained on.
struct Trained {
    folder: &'static str,
    file: &'static str,
    part: &'static str,
    parameters: usize,
}

const TRAINED: [Trained; 2] = [
    Trained { folder: "mnist", file: "lenet5.onnx", part: "heldout", parameters: 61_706 },
    Trained { folder: "fashion", file: "fashion.onnx", part: "test", parameters: 33_194 },
];

impl Trained {
    fn file(&self) -> Vec<u8> {
        read(&format!("{}/{}", self.folder, self.file))
    }

    /// A file of test images, labels or logits.
    fn array(&self, what: &str) -> String {
        format!("{}/{}-{what}.npy", self.folder, self.part)
    }
}

#[test]
fn float_execution_equals_torch_on_every_test_image() {
    for trained in TRAINED {
        let graph = import(&trained.file()).expect("supported");
        let sizes = (graph.input_shape(), graph.output_len(), graph.parameters());
        assert_eq!(sizes, ([1, 1, 28, 28], 10, trained.parameters));
        let (_, expected) = floats(&trained.array("float-logits"));
        let inputs = images(&trained.array("images"), &QuantizeOptions::default().preprocessing(&graph));
        let found: Vec<f32> = inputs.iter().flat_map(|input| graph.run(input).expect("runs")).collect();
        let difference = largest_difference(&found, &expected);
        assert!(difference < 1e-4, "{}: {difference}", trained.file);
    }
}

/// At 8 bits a trained network loses at most half a point of top-1 accuracy on images that no scale was chosen on.
#[test]
fn integer_networks_are_right_as_often_as_float_ones() {
    for trained in TRAINED {
        let graph = import(&trained.file()).expect("supported");
        let calibration = calibration(trained.folder, &graph);
        let (model, layers) =
            quantize_with_accuracy(&graph, &calibration, &QuantizeOptions::default()).expect("quantises");
        layers.iter().for_each(|layer| println!("{layer:?}"));
        assert_eq!(model.graph.parameters(), trained.parameters);

        let inputs = images(&trained.array("images"), &model.preprocessing);
        let (_, labels) = bytes(&trained.array("labels"));
        let (_, logits) = floats(&trained.array("float-logits"));
        let by_integers =
            |input: &Vec<f32>| argmax(run(&model.graph, &model.preprocessing.quantize(input)).expect("runs").output());
        let found: Vec<usize> = inputs.iter().map(by_integers).collect();
        let by_floats = |logits: &[f32]| (1..10).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
        let count = |found: &[usize]| found.iter().zip(&labels).filter(|(f, l)| **f == usize::from(**l)).count();
        let float_found: Vec<usize> = logits.chunks_exact(10).map(by_floats).collect();
        let (float, integer) = (count(&float_found), count(&found));
        let report = evaluate(&model, &graph, inputs.iter().map(Vec::as_slice)).expect("runs");
        println!("{}: {float} right in floats, {integer} in integers, of {}; {report:?}", trained.file, labels.len());
        assert!(200 * (float.saturating_sub(integer)) <= labels.len(), "{float} in floats, {integer} in integers");
        assert!(report.top1_agreement >= 0.99, "{}: {report:?}", trained.file);
    }
}

#[test]
fn pixels_are_the_integers_of_plain_models() {
    let graph = import(&read("mnist/lenet5.onnx")).expect("supported");
    let model = quantize_graph(&graph, &calibration("mnist", &graph), &QuantizeOptions::default()).expect("quantises");
    let pixels: Vec<u8> = (0..784).map(|i| (i % 256) as u8).collect();
    let integers = model.preprocessing.image_to_integers(&pixels, 28, 28, 1).expect("28x28");
    assert!(integers.iter().zip(&pixels).all(|(&integer, &pixel)| integer == i32::from(pixel)));
    assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
}

#[test]
fn quantisation_is_deterministic() {
    let file = read("mnist/lenet5.onnx");
    let few = Calibration { inputs: calibration("mnist", &import(&file).expect("supported")).inputs[..3].to_vec() };
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
