//! Post-training quantisation to 8 bits.
//!
//! Weights are signed 8-bit integers, symmetric, with one scale per layer, or per channel where that is worth its
//! price; activations are 8-bit integers without zero points, unsigned where the operators exclude negative values;
//! biases are integers of the accumulators' scale.
//!
//! The float network is cut into [units](units): a convolution, a matrix product, a sum or a product of values, with
//! the activations and poolings behind it. A unit becomes its exact integer operator, one requantisation (with the
//! activation as a clamp or a table) and its poolings. Scales are those at which rounding and clipping cost least in
//! mean square ([`bounds`]); a layer's weights are rounded to the scales that make its requantisation exact ([`dot`]),
//! sums get small integer multipliers ([`ratios`]). Values that only move (concatenation, slices, padding, pooling)
//! keep their integers. Units are chosen in order, on the integers that the ones before them give for the calibration
//! inputs, and biases take up the mean error of their channel ([`walk`]).
//!
//! All of that is done twice, for the network as it is and with equalised channels ([`equalize`]), and the better
//! result kept.
//!
//! The last convolution's, product's or sum's exact results are the logits, of one scale. An arg-max or a softmax at
//! the end of the network is left out: neither moves the largest logit, and logits are what is proven.
//!
//! Formats of weights and biases depend on the architecture alone: a bias's width is the widest whose range lies
//! within the bound of the layer's dot product.

mod bounds;
mod dot;
mod equalize;
mod ratios;
mod report;
mod rounding;
mod statistics;
#[cfg(test)]
mod tests;
mod units;
mod walk;

use convince_field::{Bits, TensorMap};
use convince_model::{Layout, Model, Preprocessing, QuantizationReport, run};
use rayon::prelude::*;

pub(crate) use self::dot::bias_bits;
use self::equalize::equalize;
pub(crate) use self::report::logits_graph;
use self::report::{Comparison, summary};
pub use self::report::{LayerAccuracy, evaluate};
pub(crate) use self::units::{input_shapes, keeps_integers};
use self::walk::Walked;
use crate::float::{FloatLinear, FloatNode, FloatOp};
use crate::{FloatGraph, OnnxError, import};

/// Inputs that scales are chosen on: floats of the network's input space, `[C, H, W]` row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// One entry per input; some tens suffice.
    pub inputs: Vec<Vec<f32>>,
}

/// How images become the network's input, and what its outputs are called. Stored in the model.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizeOptions {
    /// Subtracted from scaled pixels, one per channel; empty for 0.
    pub mean: Vec<f32>,
    /// What they are then divided by, one per channel; empty for 1.
    pub std: Vec<f32>,
    /// What pixels are multiplied by first; 1/255 by default.
    pub scale: f32,
    /// Order of the axes of arrays.
    pub layout: Layout,
    /// Names of the outputs; may be empty.
    pub labels: Vec<String>,
}

impl Default for QuantizeOptions {
    fn default() -> Self {
        Self { mean: Vec::new(), std: Vec::new(), scale: 1.0 / 255.0, layout: Layout::Nchw, labels: Vec::new() }
    }
}

impl QuantizeOptions {
    /// What turns images and arrays into floats for `graph`: for loading calibration inputs.
    ///
    /// Its integers are placeholders; the quantised model's own preprocessing has the right ones.
    pub fn preprocessing(&self, graph: &FloatGraph) -> Preprocessing {
        let [_, channels, rows, columns] = graph.input_shape();
        Preprocessing {
            layout: self.layout,
            mean: self.mean.clone(),
            std: self.std.clone(),
            scale: self.scale,
            ..Preprocessing::pixels([channels, rows, columns])
        }
    }
}

/// Imports and quantises a file; see [`import`] and [`quantize_graph`].
///
/// # Errors
/// Any [`OnnxError`].
pub fn quantize(onnx: &[u8], calibration: &Calibration, options: &QuantizeOptions) -> Result<Model, OnnxError> {
    quantize_graph(&import(onnx)?, calibration, options)
}

/// Quantises a network; the model's report is its accuracy on the calibration inputs.
///
/// Deterministic. See [`quantize_with_accuracy`] for what it costs.
///
/// # Errors
/// Any [`OnnxError`] that is not about files.
pub fn quantize_graph(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &QuantizeOptions,
) -> Result<Model, OnnxError> {
    quantize_with_accuracy(graph, calibration, options).map(|(model, _)| model)
}

/// Quantises a network, and says what that costs at each layer on the calibration inputs.
///
/// Deterministic. Takes some three float runs and two integer runs per calibration input, and several times as many of
/// the latter on so few inputs that they take some seconds: 14 s for VGG-16 on CIFAR-10's shape with 16 inputs and one
/// choice. Scales are chosen on as many inputs as some `CALIBRATION_BUDGET` multiply-accumulates allow; all are
/// counted in the report.
///
/// # Errors
/// Any [`OnnxError`] that is not about files.
pub fn quantize_with_accuracy(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &QuantizeOptions,
) -> Result<(Model, Vec<LayerAccuracy>), OnnxError> {
    check_inputs(graph, calibration)?;
    let graph = &with_layers(logits_graph(graph));
    let preprocessing = input_format(options.preprocessing(graph), graph, calibration)?;
    let count = (CALIBRATION_BUDGET / macs(graph).max(1)).clamp(1, calibration.inputs.len());
    let every = calibration.inputs.len().div_ceil(count);
    let inputs: Vec<&[f32]> = calibration.inputs.iter().step_by(every).map(Vec::as_slice).collect();
    let walked = better_walk(graph, &inputs, &preprocessing)?;
    let (labels, report) = (options.labels.clone(), QuantizationReport::default());
    let mut model = Model { graph: walked.graph, preprocessing, output_scale: walked.output_scale, labels, report };
    model.validate()?;
    let compare = |(index, input): (usize, &Vec<f32>)| {
        let float = graph.run(input)?;
        if index.is_multiple_of(every) {
            return Ok(Comparison::new(&model, &walked.outputs[index / every], &float));
        }
        let trace = run(&model.graph, &model.preprocessing.quantize(input))?;
        Ok(Comparison::new(&model, trace.output(), &float))
    };
    let comparisons: Result<Vec<_>, OnnxError> = calibration.inputs.par_iter().enumerate().map(compare).collect();
    model.report = summary(&comparisons?)?;
    Ok((model, walked.layers))
}

/// A network that only renames its input's axes, or only names its largest value, as one that copies it.
fn with_layers(mut graph: FloatGraph) -> FloatGraph {
    if graph.nodes.is_empty() {
        let op = FloatOp::Linear(FloatLinear::map(TensorMap::IDENTITY));
        graph.nodes.push(FloatNode { name: "input".into(), op, inputs: vec![0], shape: graph.input_shape });
    }
    graph
}

/// The network as it is, or the one with equalised channels where its integers end clearly closer to the floats.
///
/// Neither is better everywhere: on the trained VGG-11 equalisation takes the mean logit error from 0.049 to 0.023, on
/// LeNet-5 it would take it from 0.067 to 0.092.
fn better_walk(graph: &FloatGraph, inputs: &[&[f32]], preprocessing: &Preprocessing) -> Result<Walked, OnnxError> {
    let statistics = statistics::collect(graph, inputs)?;
    let plain = walk::quantize(graph, inputs, &statistics, preprocessing)?;
    let Some(equalized) = equalize(graph, &statistics) else { return Ok(plain) };
    // Factors can take values out of the range of floats or of 32 bits, which the network as it is does not leave.
    let other = statistics::collect(&equalized, inputs)
        .and_then(|statistics| walk::quantize(&equalized, inputs, &statistics, preprocessing));
    let quality = |walked: &Walked| walked.layers.last().map_or(f64::NEG_INFINITY, |layer| layer.sqnr_db);
    Ok(other.ok().filter(|other| quality(other) > quality(&plain) + CLEARLY_BETTER).unwrap_or(plain))
}

/// Decibels that equalisation must gain at the outputs: less than that, on some tens of inputs, says little about
/// others.
const CLEARLY_BETTER: f64 = 3.0;

/// Multiply-accumulates of the runs that scales are chosen on: 16 inputs of VGG-16 take a quarter of it.
const CALIBRATION_BUDGET: usize = 20_000_000_000;

/// Multiply-accumulates of one run.
fn macs(graph: &FloatGraph) -> usize {
    let each = graph.nodes.iter().map(|node| match &node.op {
        FloatOp::Conv2d(op) => node.shape.iter().product::<usize>() * op.weight_shape[1..].iter().product::<usize>(),
        FloatOp::Gemm(op) => op.weight.len(),
        _ => node.shape.iter().product(),
    });
    each.fold(0, usize::saturating_add)
}

fn check_inputs(graph: &FloatGraph, calibration: &Calibration) -> Result<(), OnnxError> {
    if calibration.inputs.is_empty() {
        return Err(OnnxError::NoInputs);
    }
    for (input, values) in calibration.inputs.iter().enumerate() {
        graph.check_len(values)?;
        if let Some((index, &value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            return Err(OnnxError::InputNotFinite { input, index, value });
        }
    }
    Ok(())
}

/// Chooses the input's format and scale: from the range of pixels if the calibration inputs are in it, so that they do
/// not depend on the choice of inputs, and pixels are their own integers if means and deviations are trivial.
fn input_format(
    mut preprocessing: Preprocessing,
    graph: &FloatGraph,
    calibration: &Calibration,
) -> Result<Preprocessing, OnnxError> {
    preprocessing.validate(graph.input_shape(), preprocessing.bits)?;
    let hull = |(low, high): (f32, f32), v: f32| (low.min(v), high.max(v));
    let empty = (f32::INFINITY, f32::NEG_INFINITY);
    let ends = |c| [preprocessing.pixel_to_float(c, 0), preprocessing.pixel_to_float(c, u8::MAX)];
    let pixels = (0..preprocessing.shape[0]).flat_map(ends).fold(empty, hull);
    let inputs = calibration.inputs.iter().flatten().copied().fold(empty, hull);
    let slack = 1e-5 * (pixels.1 - pixels.0);
    let are_pixels = inputs.0 >= pixels.0 - slack && inputs.1 <= pixels.1 + slack;
    let (low, high) = if are_pixels { pixels } else { inputs };
    preprocessing.bits = if low < 0.0 { Bits::I8 } else { Bits::U8 };
    let format = preprocessing.bits;
    let scale = (f64::from(high) / format.high() as f64).max(if low < 0.0 {
        f64::from(low) / format.low() as f64
    } else {
        0.0
    });
    preprocessing.input_scale = if scale > 0.0 { scale } else { 1.0 };
    Ok(preprocessing)
}
