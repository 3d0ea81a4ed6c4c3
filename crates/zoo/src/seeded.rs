//! Weights from a seed, of a size that keeps activations alive, and the ONNX file that they make.
//!
//! He initialisation (He et al., 2015) with two changes that stand in for batch norms. The weights of each output channel
//! are shifted to sum to zero: inputs of a layer are positive on average, and what their average contributes would make some
//! channels positive everywhere and others zero everywhere. And the variance counts what is left of a layer's input once
//! its average is taken off, so that accumulators have about unit variance at any depth.

use convince_onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use prost::Message as _;
use rand::distributions::{Distribution as _, Uniform};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::net::{Layer, Net, Node};

/// Variance of a pixel, uniform from 0 to 1.
const PIXEL_VARIANCE: f32 = 1.0 / 12.0;
/// Variance of max(x, 0) for a standard normal x: 1/2 - 1/(2 pi).
const RELU_VARIANCE: f32 = 0.5 - 0.159_154_94;
/// Deviation of biases, in that of accumulators.
const BIAS_DEVIATION: f32 = 0.1;
/// Operator set of the file.
const OPSET: i64 = 13;
const INPUT: &str = "input";

/// The network as an ONNX file, with weights from a seed.
///
/// Every layer draws from a stream of its own, so that one layer's size changes no other's weights.
pub(crate) fn onnx(net: &Net, name: &str, seed: u64) -> Vec<u8> {
    let mut graph = GraphProto {
        name: name.into(),
        input: vec![value(INPUT, &net.input_shape())],
        output: net.nodes().last().map(|node| value(&node.name, &net.shape())).into_iter().collect(),
        ..GraphProto::default()
    };
    for (index, node) in net.nodes().iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index as u64);
        add(net, node, &mut rng, &mut graph);
    }
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
    ModelProto { ir_version: 7, opset_import, graph: Some(graph) }.encode_to_vec()
}

/// Images of uniform pixels, as floats from 0 to 1, for choosing scales on a network of seeded weights.
pub(crate) fn images(len: usize, seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // No layer has this stream.
    rng.set_stream(u64::MAX);
    let image = |_| (0..len).map(|_| f32::from(rng.r#gen::<u8>()) / 255.0).collect();
    (0..count).map(image).collect()
}

/// Appends a layer's nodes and constants.
fn add(net: &Net, node: &Node, rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let name = &node.name;
    let mut inputs: Vec<String> = node.inputs.iter().map(|&value| value_name(net, value)).collect();
    let mut constant = |suffix: &str, tensor: TensorProto| {
        let name = format!("{name}.{suffix}");
        graph.initializer.push(TensorProto { name: name.clone(), ..tensor });
        name
    };
    let (operator, attributes) = match &node.layer {
        Layer::Conv { weight_shape, stride, padding, groups } => {
            let [rows, taps @ ..] = weight_shape;
            let (weight, bias) = weights(rng, *rows, taps.iter().product(), input_variance(net, node));
            inputs
                .extend([constant("weight", floats(weight_shape, &weight)), constant("bias", floats(&[*rows], &bias))]);
            let attributes = vec![
                ints("kernel_shape", &weight_shape[2..]),
                ints("strides", &[*stride; 2]),
                ints("pads", &[*padding; 4]),
                int("group", *groups),
            ];
            ("Conv", attributes)
        }
        Layer::Dense([rows, columns]) => {
            let flat = format!("{name}.flat");
            let taken = std::mem::replace(&mut inputs, vec![flat.clone()]);
            let (weight, bias) = weights(rng, *rows, *columns, input_variance(net, node));
            inputs.extend([
                constant("weight", floats(&[*rows, *columns], &weight)),
                constant("bias", floats(&[*rows], &bias)),
            ]);
            graph.node.push(operation("Flatten", flat, taken, vec![int("axis", 1)]));
            ("Gemm", vec![int("transB", 1)])
        }
        Layer::Relu => ("Relu", vec![]),
        Layer::MaxPool { kernel, stride, padding } => {
            let attributes =
                vec![ints("kernel_shape", &[*kernel; 2]), ints("strides", &[*stride; 2]), ints("pads", &[*padding; 4])];
            ("MaxPool", attributes)
        }
        Layer::GlobalAverage => ("GlobalAveragePool", vec![]),
        Layer::Add => ("Add", vec![]),
        Layer::Concat => ("Concat", vec![int("axis", 1)]),
        Layer::Upsample(factor) => {
            let factor = *factor as f32;
            inputs.extend([String::new(), constant("scales", floats(&[4], &[1.0, 1.0, factor, factor]))]);
            let nearest =
                [("mode", "nearest"), ("nearest_mode", "floor"), ("coordinate_transformation_mode", "asymmetric")];
            ("Resize", nearest.iter().map(|(name, value)| string(name, value)).collect())
        }
    };
    graph.node.push(operation(operator, name.clone(), inputs, attributes));
}

fn value_name(net: &Net, value: usize) -> String {
    value.checked_sub(1).map_or_else(|| INPUT.into(), |k| net.nodes()[k].name.clone())
}

/// Variance of a layer's input around its average, where accumulators have variance 1.
fn input_variance(net: &Net, node: &Node) -> f32 {
    let producer = node.inputs[0].checked_sub(1).map(|k| &net.nodes()[k].layer);
    match producer {
        None => PIXEL_VARIANCE,
        Some(Layer::Conv { .. } | Layer::Dense(_)) => 1.0,
        Some(_) => RELU_VARIANCE,
    }
}

/// `rows` outputs of `taps` weights each, uniform, and the outputs' biases.
fn weights(rng: &mut ChaCha8Rng, rows: usize, taps: usize, variance: f32) -> (Vec<f32>, Vec<f32>) {
    // A uniform distribution on [-a, a] has variance a^2 / 3.
    let wide = |deviation: f32| Uniform::new_inclusive(-deviation * 3f32.sqrt(), deviation * 3f32.sqrt());
    let (weight, bias) = (wide(1.0 / (taps as f32 * variance).sqrt()), wide(BIAS_DEVIATION));
    let mut values: Vec<f32> = (0..rows * taps).map(|_| weight.sample(rng)).collect();
    // A single weight would be shifted to zero.
    for row in values.chunks_exact_mut(taps).filter(|row| row.len() > 1) {
        let mean = row.iter().sum::<f32>() / taps as f32;
        row.iter_mut().for_each(|w| *w -= mean);
    }
    (values, (0..rows).map(|_| bias.sample(rng)).collect())
}

/// A node that bears the name of the value that it defines.
fn operation(operator: &str, name: String, input: Vec<String>, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { input, output: vec![name.clone()], name, op_type: operator.into(), domain: String::new(), attribute }
}

fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let axis = |&len: &usize| DimensionProto { dim_value: Some(len as i64), dim_param: None };
    let shape = Some(TensorShapeProto { dim: shape.iter().map(axis).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: data_type::FLOAT, shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

fn floats(shape: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        dims: shape.iter().map(|&len| len as i64).collect(),
        data_type: data_type::FLOAT,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 2, i: value as i64, ..AttributeProto::default() }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|&value| value as i64).collect();
    AttributeProto { name: name.into(), r#type: 7, ints, ..AttributeProto::default() }
}

fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 3, s: value.into(), ..AttributeProto::default() }
}
