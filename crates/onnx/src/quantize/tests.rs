//! Networks made by hand: every operator between convolutions, and what it becomes.

use std::sync::Arc;

use convince_field::{AxisMap, TensorMap};
use convince_model::{MaxPool, Model, Op, Requant, Shape, run};

use super::{Calibration, LayerAccuracy, QuantizeOptions, quantize_with_accuracy};
use crate::FloatGraph;
use crate::float::{Activation, FloatConv2d, FloatGemm, FloatLinear, FloatNode, FloatOp, FloatTerm};

/// Pseudo-random floats of mean 0 and about variance 1.
fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..len).map(|_| (0..4).map(|_| uniform()).sum::<f32>() * 1.73).collect()
}

/// A graph in the making.
struct Net(FloatGraph);

impl Net {
    fn new(input_shape: Shape) -> Self {
        Self(FloatGraph { input_shape, nodes: Vec::new() })
    }

    fn push(&mut self, op: FloatOp, inputs: &[usize], shape: Shape) -> usize {
        let name = format!("n{}", self.0.nodes.len());
        self.0.nodes.push(FloatNode { name, op, inputs: inputs.to_vec(), shape });
        self.0.nodes.len()
    }

    /// A 3x3 convolution that keeps the plane, its weights scaled so that values stay near 1.
    fn conv(&mut self, input: usize, channels: usize) -> usize {
        let [_, ci, rows, columns] = self.0.shape(input);
        let seed = self.0.nodes.len() as u64 + 5;
        let scale = (ci as f32 * 9.0).sqrt().recip();
        let weight = noise(channels * ci * 9, seed).into_iter().map(|w| w * scale).collect();
        let bias = noise(channels, seed + 100).into_iter().map(|b| b * 0.1).collect();
        let op = FloatConv2d {
            padding: [1; 4],
            ..FloatConv2d::plain(Arc::new(weight), [channels, ci, 3, 3], Some(Arc::new(bias)), 1)
        };
        self.push(FloatOp::Conv2d(op), &[input], [1, channels, rows, columns])
    }

    fn activation(&mut self, input: usize, function: Activation) -> usize {
        let shape = self.0.shape(input);
        self.push(FloatOp::Activation(function), &[input], shape)
    }

    fn linear(&mut self, terms: Vec<FloatTerm>, constant: f32, inputs: &[usize]) -> usize {
        let shape = terms[0].map.output_shape(self.0.shape(inputs[0])).expect("fits");
        self.push(FloatOp::Linear(FloatLinear { terms, constant }), inputs, shape)
    }

    fn concat(&mut self, inputs: &[usize]) -> usize {
        let counts: Vec<usize> = inputs.iter().map(|&input| self.0.shape(input)[1]).collect();
        let total: usize = counts.iter().sum();
        let term = |t: usize| {
            let first: usize = counts[..t].iter().sum();
            let source = |o: usize| o.checked_sub(first).filter(|&c| c < counts[t]).map(|c| c as u32);
            FloatTerm::mapped(TensorMap::on_axis(1, AxisMap::Gather((0..total).map(source).collect())))
        };
        self.linear((0..inputs.len()).map(term).collect(), 0.0, inputs)
    }

    /// The mean of each channel.
    fn pool_all(&mut self, input: usize) -> usize {
        let [_, _, rows, columns] = self.0.shape(input);
        let window = |kernel| AxisMap::Window { kernel, stride: 1, padding: [0; 2] };
        let map = TensorMap::on_plane(window(rows), window(columns));
        self.linear(vec![FloatTerm { factor: 1.0 / (rows * columns) as f32, map }], 0.0, &[input])
    }

    fn gemm(&mut self, input: usize, outputs: usize) -> usize {
        let taps: usize = self.0.shape(input).iter().product();
        let scale = (taps as f32).sqrt().recip();
        let weight = Arc::new(noise(outputs * taps, 77).into_iter().map(|w| w * scale).collect());
        let bias = Some(Arc::new(noise(outputs, 78)));
        let op = FloatGemm { weight, weight_shape: [outputs, taps], bias, steps: None };
        self.push(FloatOp::Gemm(op), &[input], [1, outputs, 1, 1])
    }

    /// Quantises, checks what holds for every network, and returns the model.
    fn quantized(&self, least_db: f64) -> (Model, Vec<LayerAccuracy>) {
        let len = self.0.input_shape.iter().product();
        let inputs =
            (0..6).map(|seed| noise(len, 1000 + seed).into_iter().map(|v| (v * 0.2 + 0.5).clamp(0.0, 1.0)).collect());
        let calibration = Calibration { inputs: inputs.collect() };
        let (model, layers) =
            quantize_with_accuracy(&self.0, &calibration, &QuantizeOptions::default()).expect("quantises");
        for layer in &layers {
            assert!(layer.sqnr_db > least_db, "{layer:?}");
            assert!(layer.shift.is_none_or(|shift| shift <= 30));
        }
        let fresh = model.preprocessing.quantize(&calibration.inputs[0]);
        let output = run(&model.graph, &fresh).expect("runs");
        assert_eq!(output.output().len(), model.logits(output.output()).len());
        (model, layers)
    }
}

fn names(model: &Model) -> Vec<&'static str> {
    model.graph.nodes.iter().map(|node| node.op.name()).collect()
}

fn requants(model: &Model) -> Vec<&Requant> {
    let nodes = model.graph.nodes.iter();
    nodes.filter_map(|node| if let Op::Requant(requant) = &node.op { Some(requant) } else { None }).collect()
}

#[test]
fn residual_sums_are_rounded_once_with_the_activation_behind_them() {
    let mut net = Net::new([1, 3, 8, 8]);
    let first = net.conv(0, 6);
    let skip = net.activation(first, Activation::Relu);
    let branch = net.conv(skip, 6);
    let sum = net.linear(vec![FloatTerm::times(1.0), FloatTerm::times(1.0)], 0.0, &[branch, skip]);
    let relu = net.activation(sum, Activation::Relu);
    net.gemm(relu, 5);
    let (model, _) = net.quantized(30.0);
    assert_eq!(names(&model), ["Conv2d", "Requant", "Conv2d", "Requant", "Linear", "Requant", "Gemm"]);
    let ranges: Vec<_> = requants(&model).iter().map(|requant| (requant.low, requant.high)).collect();
    assert_eq!(ranges, [(0, 255), (-128, 127), (0, 255)]);
}

#[test]
fn concatenated_values_share_a_scale_and_keep_their_integers() {
    let mut net = Net::new([1, 3, 8, 8]);
    let first = net.conv(0, 6);
    let a = net.activation(first, Activation::Relu);
    let other = net.conv(a, 4);
    let b = net.activation(other, Activation::Relu);
    let third = net.conv(0, 2);
    let joined = net.concat(&[a, b, third]);
    let pool = net.push(FloatOp::MaxPool(MaxPool::square(2)), &[joined], [1, 12, 4, 4]);
    let last = net.conv(pool, 3);
    net.gemm(last, 5);
    let (model, layers) = net.quantized(25.0);
    let expected = [
        "Conv2d", "Requant", "Conv2d", "Requant", "Conv2d", "Requant", "Linear", "MaxPool", "Conv2d", "Requant", "Gemm",
    ];
    assert_eq!(names(&model), expected);
    let scales: Vec<f64> = layers[..5].iter().map(|layer| layer.scale).collect();
    assert!(scales.iter().all(|scale| (scale / scales[0] - 1.0).abs() < 1e-9), "{scales:?}");
}

#[test]
fn pooled_means_and_plain_sums_at_the_end_are_exact() {
    let mut net = Net::new([1, 3, 8, 8]);
    let first = net.conv(0, 6);
    let relu = net.activation(first, Activation::Relu);
    net.pool_all(relu);
    let (model, layers) = net.quantized(30.0);
    assert_eq!(names(&model), ["Conv2d", "Requant", "Linear"]);
    assert_eq!(layers[1].shift, None);
    assert!((model.output_scale * 64.0 / layers[0].scale - 1.0).abs() < 1e-6);
}

#[test]
fn gates_are_products_of_tables() {
    let mut net = Net::new([1, 3, 8, 8]);
    let first = net.conv(0, 6);
    let silu = net.activation(first, Activation::Silu);
    let second = net.conv(silu, 6);
    let gate = net.activation(second, Activation::Sigmoid);
    let product = net.push(FloatOp::Product, &[silu, gate], [1, 6, 8, 8]);
    let swish = net.activation(product, Activation::HardSwish);
    net.gemm(swish, 5);
    let (model, layers) = net.quantized(28.0);
    let expected = ["Conv2d", "Requant", "Conv2d", "Requant", "Product", "Requant", "Gemm"];
    assert_eq!(names(&model), expected);
    // Sigmoids cannot be negative; what a SiLU keeps of the negative side is less than a seventh of this range.
    let ranges: Vec<_> = layers.iter().map(|layer| layer.bound).collect();
    assert!(ranges[0].0 > -128 && ranges[0].0 < 0 && ranges[0].1 > 127, "{ranges:?}");
    assert!(ranges[1].0 >= 0 && ranges[1].1 <= 255, "{ranges:?}");
    assert!(requants(&model).iter().all(|requant| requant.table.as_ref().is_some_and(|table| table.len() <= 6001)));
}

#[test]
fn functions_of_stored_values_are_tables_with_an_entry_an_integer() {
    let mut net = Net::new([1, 2, 6, 6]);
    let first = net.conv(0, 4);
    let tanh = net.activation(first, Activation::Tanh);
    let relu = net.activation(first, Activation::Relu);
    let sum = net.linear(vec![FloatTerm::times(0.7), FloatTerm::times(-0.3)], 0.25, &[tanh, relu]);
    net.gemm(sum, 3);
    let (model, _) = net.quantized(28.0);
    assert_eq!(names(&model), ["Conv2d", "Requant", "Requant", "Requant", "Linear", "Requant", "Gemm"]);
    let requants = requants(&model);
    assert_eq!((requants[1].shift, requants[1].table.as_ref().map(Vec::len)), (0, Some(256)));
    assert_eq!((requants[2].shift, requants[2].low, requants[2].high), (0, 0, 127));
}

#[test]
fn functions_that_fall_are_not_moved_before_pooling() {
    let mut net = Net::new([1, 2, 6, 6]);
    let first = net.conv(0, 4);
    let pool = net.push(FloatOp::MaxPool(MaxPool::square(2)), &[first], [1, 4, 3, 3]);
    let silu = net.activation(pool, Activation::Silu);
    net.gemm(silu, 3);
    let (model, _) = net.quantized(28.0);
    assert_eq!(names(&model), ["Conv2d", "Requant", "MaxPool", "Requant", "Gemm"]);
    let mut net = Net::new([1, 2, 6, 6]);
    let first = net.conv(0, 4);
    let pool = net.push(FloatOp::MaxPool(MaxPool::square(2)), &[first], [1, 4, 3, 3]);
    let tanh = net.activation(pool, Activation::Tanh);
    net.gemm(tanh, 3);
    assert_eq!(names(&net.quantized(28.0).0), ["Conv2d", "Requant", "MaxPool", "Gemm"]);
}

/// Channels of very different weights behind a batch norm: one scale would leave the small ones no bits.
#[test]
fn channels_of_unequal_weights_get_multipliers() {
    let mut net = Net::new([1, 3, 8, 8]);
    let first = net.conv(0, 8);
    let FloatOp::Conv2d(conv) = &mut net.0.nodes[first - 1].op else { panic!("a convolution") };
    let factor = |o: usize| if o == 0 { 1.0 } else { 0.03 };
    let weight = conv.weight.iter().enumerate().map(|(i, &w)| w * factor(i / 27)).collect();
    (conv.weight, conv.bias) = (Arc::new(weight), None);
    // The next layer needs the small channels as much as the large one.
    let weight = (0..8).map(|c| if c == 0 { 0.03 } else { 1.0 }).collect();
    let scale = FloatConv2d::plain(Arc::new(weight), [8, 1, 1, 1], None, 8);
    let clip = net.activation(first, Activation::Clip { min: -0.1, max: 0.1 });
    let scaled = net.push(FloatOp::Conv2d(scale), &[clip], [1, 8, 8, 8]);
    net.gemm(scaled, 5);
    let (model, layers) = net.quantized(24.0);
    let multipliers = requants(&model)[0].multipliers.as_ref().expect("needed");
    assert!(multipliers[0] > multipliers[1], "{multipliers:?}");
    assert!(layers[0].sqnr_db > 30.0, "{layers:?}");
}

#[test]
fn factors_and_moves_alone_change_no_integer() {
    let mut net = Net::new([1, 2, 4, 4]);
    let first = net.conv(0, 4);
    let half = net.linear(vec![FloatTerm::times(-0.5)], 0.0, &[first]);
    let turned = TensorMap::permutation([0, 1, 3, 2]);
    let turned = net.linear(vec![FloatTerm::mapped(turned)], 0.0, &[half]);
    net.gemm(turned, 3);
    let (model, layers) = net.quantized(30.0);
    assert_eq!(names(&model), ["Conv2d", "Requant", "Linear", "Linear", "Gemm"]);
    assert!((layers[0].scale / layers[1].scale - 2.0).abs() < 1e-9);
}

#[test]
fn arg_max_and_softmax_are_left_out() {
    for head in [FloatOp::ArgMax, FloatOp::Softmax] {
        let mut net = Net::new([1, 2, 4, 4]);
        let first = net.conv(0, 4);
        let logits = net.gemm(first, 3);
        let shape = if head == FloatOp::ArgMax { [1, 1, 1, 1] } else { [1, 3, 1, 1] };
        net.push(head, &[logits], shape);
        let (model, _) = net.quantized(30.0);
        assert_eq!(names(&model), ["Conv2d", "Requant", "Gemm"]);
        let inputs = [vec![0.5; 32]];
        let report = super::evaluate(&model, &net.0, inputs.iter().map(Vec::as_slice)).expect("runs");
        assert!(report.mean_logit_error < 0.1, "{report:?}");
    }
}

/// `cargo test -p convince-onnx --lib vgg16 -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: VGG-16 on CIFAR-10's shape, 16 inputs"]
fn vgg16_is_quantised_within_a_minute() {
    let mut net = Net::new([1, 3, 32, 32]);
    let mut value = 0;
    for (channels, count) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
        for _ in 0..count {
            value = net.conv(value, channels);
            value = net.activation(value, Activation::Relu);
        }
        let [_, _, rows, columns] = net.0.shape(value);
        value = net.push(FloatOp::MaxPool(MaxPool::square(2)), &[value], [1, channels, rows / 2, columns / 2]);
    }
    net.gemm(value, 10);
    let inputs = (0..16).map(|seed| noise(3072, seed).into_iter().map(|v| (v * 0.2 + 0.5).clamp(0.0, 1.0)).collect());
    let calibration = Calibration { inputs: inputs.collect() };
    let start = std::time::Instant::now();
    let (model, layers) = quantize_with_accuracy(&net.0, &calibration, &QuantizeOptions::default()).expect("quantises");
    println!("{:?}, {:?}", start.elapsed(), model.report);
    layers.iter().for_each(|layer| println!("{layer:?}"));
    assert!(start.elapsed().as_secs() < 60);
}
