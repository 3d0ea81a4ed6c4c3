//! Properties of quantised models on small networks.

mod common;

use common::{encode, int, ints, model, node, noise, small_model, tensor, wave};
use convince_field::Bits;
use convince_model::{Layout, Model, ModelError, Op};
use convince_onnx::proto::ModelProto;
use convince_onnx::{Calibration, OnnxError, QuantizeOptions, evaluate, import, quantize};

fn some_inputs(len: usize) -> Calibration {
    Calibration { inputs: (0..8).map(|seed| wave(len, seed).into_iter().map(f32::abs).collect()).collect() }
}

fn quantized(made: &ModelProto, calibration: &Calibration) -> Result<Model, OnnxError> {
    quantize(&encode(made), calibration, &QuantizeOptions::default())
}

fn ops(model: &Model) -> Vec<(&str, &str)> {
    model.graph.nodes.iter().map(|node| (node.name.as_str(), node.op.name())).collect()
}

#[test]
fn layers_are_requantised_before_they_are_pooled() {
    let model = quantized(&small_model(), &some_inputs(36)).expect("quantises");
    let expected = [
        ("conv", "Conv2d"),
        ("relu", "Requant"),
        ("pool", "MaxPool"),
        ("matmul", "Gemm"),
        ("matmul/requant", "Requant"),
        ("gemm", "Gemm"),
    ];
    assert_eq!(ops(&model), expected);
    let range = |op: &Op| match op {
        Op::Requant(requant) => Some((requant.low, requant.high)),
        _ => None,
    };
    let ranges: Vec<_> = model.graph.nodes.iter().filter_map(|node| range(&node.op)).collect();
    assert_eq!(ranges, [(0, 255), (-128, 127)]);
}

#[test]
fn small_networks_lose_little() {
    let graph = import(&encode(&small_model())).expect("supported");
    let model = quantized(&small_model(), &some_inputs(36)).expect("quantises");
    let others: Vec<Vec<f32>> = (50..90).map(|seed| wave(36, seed).into_iter().map(f32::abs).collect()).collect();
    let report = evaluate(&model, &graph, others.iter().map(Vec::as_slice)).expect("runs");
    let largest = others.iter().flat_map(|x| graph.run(x).expect("runs")).fold(0.0f32, |a, b| a.max(b.abs()));
    assert!(report.max_logit_error < 0.03 * f64::from(largest), "{report:?}, largest logit {largest}");
}

/// The formats must not tell anything about the weights.
#[test]
fn formats_depend_on_the_architecture_alone() {
    let formats = |model: &Model| -> Vec<(Bits, Bits)> {
        let of = |op: &Op| match op {
            Op::Conv2d(op) => Some((op.weight_bits, op.bias_bits)),
            Op::Gemm(op) => Some((op.weight_bits, op.bias_bits)),
            _ => None,
        };
        model.graph.nodes.iter().filter_map(|node| of(&node.op)).collect()
    };
    let mut other = small_model();
    for tensor in &mut other.graph.as_mut().expect("there").initializer {
        tensor.float_data.iter_mut().enumerate().for_each(|(i, v)| *v = (*v + i as f32) * 1e-3);
    }
    let (a, b) = (quantized(&small_model(), &some_inputs(36)), quantized(&other, &some_inputs(36)));
    let formats = (formats(&a.expect("quantises")), formats(&b.expect("quantises")));
    assert_eq!(formats.0, formats.1);
    // Nine taps of -128..=127 and 0..=255 reach 291,465: the largest power of two within a quarter is 2^16.
    assert_eq!(formats.0[0], (Bits::I8, Bits::signed(17)));
}

/// `y = w x + b` on one number.
fn line(w: f32, b: f32, then: &str) -> ModelProto {
    let mut nodes = vec![node("Gemm", "g", &["input", "w", "b"], vec![])];
    if !then.is_empty() {
        nodes.push(node(then, "r", &["g"], vec![]));
    }
    model(&[1, 1], nodes, vec![tensor("w", &[1, 1], vec![w]), tensor("b", &[1], vec![b])])
}

#[test]
fn degenerate_parameters_still_quantise() {
    let extremes = [(0.0, 0.0), (1e-3, 10.0), (1e-30, 0.0), (1e30, 0.0), (0.0, -1e20), (-1.0, 0.0), (1e-44, 1e-44)];
    for (w, b) in extremes {
        for then in ["", "Relu"] {
            let calibration = Calibration { inputs: vec![vec![0.25], vec![1.0]] };
            let model = quantized(&line(w, b, then), &calibration).unwrap_or_else(|error| panic!("{w} {b}: {error}"));
            let largest = f64::from(w.abs() + b.abs());
            assert!(model.report.max_logit_error <= 0.02 * largest, "{w} x + {b} {then}: {:?}", model.report);
        }
    }
    let zeros = Calibration { inputs: vec![vec![0.0]] };
    assert!(quantized(&line(1.0, 0.0, "Relu"), &zeros).is_ok());
}

#[test]
fn input_formats_follow_pixels_or_else_the_inputs() {
    let formats = |options: &QuantizeOptions, inputs: &[f32]| {
        let calibration = Calibration { inputs: inputs.iter().map(|&v| vec![v]).collect() };
        let model = quantize(&encode(&line(1.0, 0.0, "")), &calibration, options).expect("quantises");
        (model.graph.input_bits, (model.preprocessing.input_scale * 1e4).round() / 1e4)
    };
    let plain = QuantizeOptions::default();
    assert_eq!(formats(&plain, &[0.0, 0.5]), (Bits::U8, (1e4 / 255.0f64).round() / 1e4));
    assert_eq!(formats(&plain, &[0.0, 510.0]), (Bits::U8, 2.0));
    assert_eq!(formats(&plain, &[-1.0, 254.0]), (Bits::I8, 2.0));
    let normalised = QuantizeOptions { mean: vec![0.5], std: vec![0.25], ..plain.clone() };
    assert_eq!(formats(&normalised, &[1.0]), (Bits::I8, (2e4 / 127.0f64).round() / 1e4));
    let bytes = QuantizeOptions { scale: 1.0, layout: Layout::Nhwc, ..plain };
    assert_eq!(formats(&bytes, &[17.0]), (Bits::U8, 1.0));
}

#[test]
fn unusable_calibration_is_an_error() {
    let made = line(1.0, 0.0, "");
    let with = |inputs: Vec<Vec<f32>>| quantized(&made, &Calibration { inputs }).expect_err("unusable");
    assert_eq!(with(vec![]), OnnxError::NoInputs);
    assert_eq!(with(vec![vec![1.0], vec![1.0, 2.0]]), OnnxError::InputLength { expected: 1, found: 2 });
    assert!(matches!(with(vec![vec![1.0], vec![f32::NAN]]), OnnxError::InputNotFinite { input: 1, index: 0, .. }));
}

#[test]
fn unusable_options_are_errors() {
    let calibration = Calibration { inputs: vec![vec![1.0]] };
    let plain = QuantizeOptions::default();
    let labels = QuantizeOptions { labels: vec!["a".into(), "b".into()], ..plain.clone() };
    let deviation = QuantizeOptions { std: vec![0.0], ..plain.clone() };
    let means = QuantizeOptions { mean: vec![0.0; 3], ..plain.clone() };
    let scale = QuantizeOptions { scale: f32::NAN, ..plain };
    for options in [labels, deviation, means, scale] {
        let error = quantize(&encode(&line(1.0, 0.0, "")), &calibration, &options).expect_err("unusable");
        assert!(matches!(error, OnnxError::Model(_)), "{error}");
    }
}

#[test]
fn activations_and_pooling_before_the_first_layer_work_on_pixels() {
    let attributes = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    for first in [node("Relu", "first", &["input"], vec![]), node("MaxPool", "first", &["input"], attributes)] {
        let nodes = vec![first, node("Conv", "c", &["first", "w"], vec![])];
        let made = model(&[1, 1, 2, 2], nodes, vec![noise("w", &[1, 1, 1, 1])]);
        let model = quantized(&made, &some_inputs(4)).expect("quantises");
        assert_eq!(ops(&model)[1], ("c", "Conv2d"));
    }
    let nothing = model(&[1, 4], vec![node("Identity", "i", &["input"], vec![])], vec![]);
    let copied = quantized(&nothing, &some_inputs(4)).expect("quantises");
    assert_eq!(ops(&copied), [("input", "Linear")]);
    assert_eq!(copied.output_scale, copied.preprocessing.input_scale);
}

#[test]
fn accumulators_beyond_32_bits_are_named() {
    let len = 70_000;
    let nodes = vec![node("Gemm", "wide", &["input", "w"], vec![int("transB", 1)])];
    let error = quantized(&model(&[1, len], nodes, vec![noise("w", &[1, len])]), &some_inputs(len as usize));
    let Err(OnnxError::Model(ModelError::Node { name, .. })) = error else { panic!("{error:?}") };
    assert_eq!(name, "wide");
}
