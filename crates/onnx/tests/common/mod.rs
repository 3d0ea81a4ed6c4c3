//! ONNX files built by hand, and the files in `vectors/`.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

use std::fs;
use std::path::PathBuf;

use convince_model::Preprocessing;
use convince_onnx::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions};
use prost::Message;

/// Shape and elements of a committed array of floats.
pub(crate) fn floats(name: &str) -> (Vec<usize>, Vec<f32>) {
    array(name)
}

/// Shape and elements of a committed array of bytes.
pub(crate) fn bytes(name: &str) -> (Vec<usize>, Vec<u8>) {
    array(name)
}

fn array<T: npyz::Deserialize>(name: &str) -> (Vec<usize>, Vec<T>) {
    let content = read(name);
    let file = npyz::NpyFile::new(&content[..]).expect("committed array");
    let shape = file.shape().iter().map(|&n| n as usize).collect();
    (shape, file.into_vec().expect("committed array"))
}

/// A file of `vectors/`.
pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(vectors().join(name)).unwrap_or_else(|error| panic!("vectors/{name}: {error}"))
}

pub(crate) fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// The committed training images of a network on 28x28 grey images, `vectors/FOLDER/calibration`, in the order of their names.
pub(crate) fn calibration(folder: &str, graph: &FloatGraph) -> Calibration {
    let preprocessing = QuantizeOptions::default().preprocessing(graph);
    let mut paths: Vec<_> = fs::read_dir(vectors().join(folder).join("calibration"))
        .expect("committed folder")
        .map(|entry| entry.expect("committed folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "png"))
        .collect();
    paths.sort();
    let load = |path| {
        let image = image::open(path).expect("committed image").into_luma8();
        let (width, height) = (image.width() as usize, image.height() as usize);
        preprocessing.image_to_floats(image.as_raw(), height, width, 1).expect("28x28 pixels")
    };
    Calibration { inputs: paths.iter().map(load).collect() }
}

/// Committed images as a network's floats.
pub(crate) fn images(name: &str, preprocessing: &Preprocessing) -> Vec<Vec<f32>> {
    let (shape, pixels) = bytes(name);
    let len = shape[1..].iter().product();
    pixels.chunks_exact(len).map(|image| preprocessing.bytes_to_floats(&shape[1..], image).expect("28x28")).collect()
}

/// An input or output of fixed size but for its batch axis.
pub(crate) fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let named = DimensionProto { dim_value: None, dim_param: Some("batch".into()) };
    let fixed = |&n| if n < 0 { named.clone() } else { DimensionProto { dim_value: Some(n), dim_param: None } };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(fixed).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: data_type::FLOAT, shape });
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type }) }
}

pub(crate) fn tensor(name: &str, dims: &[i64], values: Vec<f32>) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::FLOAT,
        float_data: values,
        ..TensorProto::default()
    }
}

/// A tensor of some numbers between -1 and 1.
pub(crate) fn noise(name: &str, dims: &[i64]) -> TensorProto {
    let len = dims.iter().product::<i64>() as usize;
    tensor(name, dims, wave(len, name.len()))
}

pub(crate) fn wave(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
}

pub(crate) fn int_tensor(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..TensorProto::default()
    }
}

/// A tensor of unsigned bytes.
pub(crate) fn unsigned(name: &str, dims: &[i64], values: &[i32]) -> TensorProto {
    let int32_data = values.to_vec();
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: data_type::UINT8,
        int32_data,
        ..TensorProto::default()
    }
}

/// A node with one output, which bears the node's name.
pub(crate) fn node(operator: &str, name: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![name.into()],
        name: name.into(),
        op_type: operator.into(),
        domain: String::new(),
        attribute,
    }
}

pub(crate) fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 2, i, ..AttributeProto::default() }
}

pub(crate) fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 1, f, ..AttributeProto::default() }
}

pub(crate) fn string(name: &str, s: &str) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 3, s: s.into(), ..AttributeProto::default() }
}

pub(crate) fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: 7, ints: ints.to_vec(), ..AttributeProto::default() }
}

pub(crate) fn constant(name: &str, tensor: TensorProto) -> NodeProto {
    let value =
        AttributeProto { name: "value".into(), r#type: 4, t: Some(Box::new(tensor)), ..AttributeProto::default() };
    node("Constant", name, &[], vec![value])
}

/// A file whose output is its last node's.
pub(crate) fn model(input: &[i64], nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let output = nodes.last().map_or("input".into(), |node| node.output[0].clone());
    ModelProto {
        ir_version: 7,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
        graph: Some(GraphProto {
            node: nodes,
            name: "test".into(),
            initializer,
            input: vec![value("input", input)],
            output: vec![ValueInfoProto { name: output, r#type: None }],
        }),
    }
}

pub(crate) fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// A chain of the oldest operators, on a 1x6x6 image; 2 outputs.
pub(crate) fn small_model() -> ModelProto {
    let nodes = vec![
        node("Conv", "conv", &["input", "w1", "b1"], vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1; 4])]),
        node("MaxPool", "pool", &["conv"], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]),
        node("Relu", "relu", &["pool"], vec![]),
        node("Dropout", "dropout", &["relu"], vec![float("ratio", 0.5)]),
        constant("target", int_tensor("", &[0, -1])),
        node("Reshape", "reshape", &["dropout", "target"], vec![]),
        node("Flatten", "flatten", &["reshape"], vec![int("axis", 1)]),
        node("MatMul", "matmul", &["flatten", "w2"], vec![]),
        node("Add", "add", &["b2", "matmul"], vec![]),
        node("Identity", "identity", &["add"], vec![]),
        node("Gemm", "gemm", &["identity", "w3", "b3"], vec![int("transB", 1)]),
    ];
    let initializers = vec![
        noise("w1", &[2, 1, 3, 3]),
        noise("b1", &[2]),
        noise("w2", &[18, 4]),
        noise("b2", &[4]),
        noise("w3", &[2, 4]),
        noise("b3", &[2]),
    ];
    model(&[-1, 1, 6, 6], nodes, initializers)
}

/// Branches, activations, pooling, resizing and what exporters compute of shapes, on a 4x6x6 image; 3 outputs.
pub(crate) fn branched_model() -> ModelProto {
    let plain = |operator: &str, name: &str, inputs: &[&str]| node(operator, name, inputs, vec![]);
    let split = NodeProto {
        output: vec!["left".into(), "right".into()],
        ..node("Split", "split", &["shuffled"], vec![int("axis", 1)])
    };
    let pool = || vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), ints("pads", &[1, 1, 0, 0])];
    let slopes = tensor("slopes", &[4, 1, 1], vec![0.1, 0.2, 0.3, -0.4]);
    let variances = tensor("variances", &[4], vec![0.5, 1.0, 1.5, 2.0]);
    let nodes = vec![
        node(
            "Conv",
            "conv",
            &["input", "w1"],
            vec![int("group", 2), ints("dilations", &[2, 2]), ints("pads", &[2; 4])],
        ),
        plain("BatchNormalization", "norm", &["conv", "scales", "offsets", "means", "variances"]),
        plain("Sigmoid", "sigmoid", &["norm"]),
        plain("Mul", "silu", &["norm", "sigmoid"]),
        plain("Reshape", "apart", &["silu", "apart.to"]),
        node("Transpose", "turned", &["apart"], vec![ints("perm", &[0, 2, 1, 3, 4])]),
        plain("Reshape", "shuffled", &["turned", "together.to"]),
        split,
        node("ConvTranspose", "up", &["left", "w2"], vec![ints("strides", &[2, 2]), ints("pads", &[1, 0, 0, 1])]),
        node("AveragePool", "down", &["up"], [pool(), vec![int("ceil_mode", 1)]].concat()),
        node("MaxPool", "most", &["right"], vec![ints("kernel_shape", &[2, 2]), string("auto_pad", "SAME_UPPER")]),
        node("Concat", "both", &["down", "most"], vec![int("axis", 1)]),
        plain("PRelu", "slope", &["both", "slopes"]),
        plain("Pad", "padded", &["slope", "pads"]),
        plain("Slice", "cut", &["padded", "starts", "ends", "axes", "steps"]),
        node("Resize", "resized", &["cut", "", "resize.by"], vec![string("nearest_mode", "floor")]),
        plain("Clip", "clipped", &["resized", "low", "high"]),
        plain("GlobalAveragePool", "pooled", &["clipped"]),
        node("HardSigmoid", "gate", &["pooled"], vec![float("alpha", 0.3)]),
        plain("Mul", "gated", &["gate", "clipped"]),
        plain("Add", "residual", &["gated", "clipped"]),
        node("LeakyRelu", "leaky", &["residual"], vec![float("alpha", 0.1)]),
        plain("QuantizeLinear", "leaky.q", &["leaky", "step", "zero.q"]),
        plain("DequantizeLinear", "leaky.f", &["leaky.q", "step", "zero.q"]),
        node("DequantizeLinear", "w3", &["w3.q", "steps.q", "zeros.q"], vec![int("axis", 0)]),
        node("ReduceMean", "means.out", &["leaky.f"], vec![ints("axes", &[2, 3]), int("keepdims", 0)]),
        plain("Shape", "shape", &["means.out"]),
        plain("Gather", "batch", &["shape", "zero"]),
        node("Concat", "target", &["batch", "rest"], vec![int("axis", 0)]),
        plain("Reshape", "flat", &["means.out", "target"]),
        node("Gemm", "dense", &["flat", "w3"], vec![int("transB", 1)]),
        node("Softmax", "shares", &["dense"], vec![int("axis", -1)]),
    ];
    let initializers = vec![
        noise("w1", &[4, 2, 3, 3]),
        noise("scales", &[4]),
        noise("offsets", &[4]),
        noise("means", &[4]),
        variances,
        int_tensor("apart.to", &[0, 2, 2, 6, 6]),
        int_tensor("together.to", &[0, -1, 6, 6]),
        noise("w2", &[2, 2, 3, 3]),
        slopes,
        int_tensor("pads", &[0, 0, 1, 0, 0, 0, 0, 2]),
        int_tensor("starts", &[-1, 0]),
        int_tensor("ends", &[-100, 7]),
        int_tensor("axes", &[2, 3]),
        int_tensor("steps", &[-2, 1]),
        tensor("resize.by", &[4], vec![1.0, 1.0, 2.0, 1.0]),
        tensor("low", &[], vec![-1.0]),
        tensor("high", &[], vec![6.0]),
        int_tensor("zero", &[0]),
        int_tensor("rest", &[-1]),
        tensor("step", &[], vec![0.125]),
        unsigned("zero.q", &[], &[100]),
        unsigned("w3.q", &[3, 4], &[0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110]),
        tensor("steps.q", &[3], vec![0.01, 0.02, 0.03]),
        unsigned("zeros.q", &[3], &[20, 60, 100]),
    ];
    model(&[-1, 4, 6, 6], nodes, initializers)
}
