//! Post-training quantisation to 8 bits.
//!
//! Weights are signed 8-bit integers, symmetric, with one scale per layer; activations are unsigned 8-bit integers
//! after ReLU, signed ones otherwise, without zero points; biases are integers of the accumulators' scale. Between
//! layers stands one rounding shift, so the scales satisfy `input * weight * 2^shift = output` exactly. Layer by layer,
//! the scales are those of a grid whose integer outputs, computed from the integer values before, are closest in mean
//! square to the float network's on the calibration inputs. The last layer's accumulators are the logits.
//!
//! Formats depend on the architecture alone: a bias's width is the widest whose range lies within the bound of the
//! layer's dot product.

mod layers;
mod report;
mod scales;

use convince_field::Bits;
use convince_model::{Graph, Layout, Model, Node, Op, Preprocessing, QuantizationReport, ValueId, run};

use self::layers::{Layer, group};
pub use self::report::evaluate;
use self::scales::{Input, Scales, search};
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
/// Deterministic. Takes some thirty runs of the network per calibration input, on fewer inputs if that were more than
/// some seconds.
///
/// # Errors
/// Any [`OnnxError`] that is not about files.
pub fn quantize_graph(
    graph: &FloatGraph,
    calibration: &Calibration,
    options: &QuantizeOptions,
) -> Result<Model, OnnxError> {
    let layers = group(graph)?;
    check_inputs(graph, calibration)?;
    let preprocessing = input_format(options.preprocessing(graph), graph, calibration)?;
    let (nodes, output_scale) = quantize_layers(&layers, calibration, &preprocessing)?;
    let integers = Graph { input_shape: graph.input_shape(), input_bits: preprocessing.bits, nodes };
    let (labels, report) = (options.labels.clone(), QuantizationReport::default());
    let mut model = Model { graph: integers, preprocessing, output_scale, labels, report };
    model.validate()?;
    model.report = evaluate(&model, graph, calibration.inputs.iter().map(Vec::as_slice))?;
    Ok(model)
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

/// Multiply-accumulates that the search may take: some seconds.
const SEARCH_BUDGET: usize = 20_000_000_000;

/// One input on its way through both networks.
struct Sample {
    float: Vec<f32>,
    /// Kept for those that the search is done on.
    integers: Option<Vec<i32>>,
}

fn quantize_layers(
    layers: &[Layer<'_>],
    calibration: &Calibration,
    preprocessing: &Preprocessing,
) -> Result<(Vec<Node>, f64), OnnxError> {
    let macs = layers.iter().fold(1, |sum: usize, layer| sum.saturating_add(layer.macs()));
    let count = (SEARCH_BUDGET / macs.saturating_mul(scales::MAX_CANDIDATES)).max(1);
    let every = calibration.inputs.len().div_ceil(count);
    let each = calibration.inputs.iter().enumerate();
    let mut samples: Vec<_> = each
        .map(|(i, float)| Sample {
            float: float.clone(),
            integers: i.is_multiple_of(every).then(|| preprocessing.quantize(float)),
        })
        .collect();
    let mut input = Input { scale: preprocessing.input_scale, bits: preprocessing.bits };
    let mut nodes: Vec<Node> = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        for sample in &mut samples {
            sample.float = layer.run_float(&sample.float)?;
        }
        let scales = search(layer, input, &samples, index + 1 == layers.len())?;
        let graph = layer.graph(input, &scales);
        for sample in &mut samples {
            if let Some(integers) = &mut sample.integers {
                *integers = run(&graph, integers)?.output().to_vec();
            }
        }
        append(&mut nodes, graph.nodes);
        input = layer.output(input, &scales);
    }
    Ok((nodes, input.scale))
}

/// Appends a chain that starts at a graph's input to one that ends at its last node.
fn append(nodes: &mut Vec<Node>, chain: Vec<Node>) {
    let offset = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
    nodes.extend(chain.into_iter().map(|node| Node {
        inputs: node.inputs.iter().map(|id| ValueId(id.0.saturating_add(offset))).collect(),
        ..node
    }));
}

impl Layer<'_> {
    /// The layer alone, as an integer graph.
    fn graph(&self, input: Input, scales: &Scales) -> Graph {
        let mut ops = vec![(self.name().to_owned(), self.linear(input, scales))];
        if let Some(shift) = scales.shift {
            ops.push((self.activation_name(), Op::Requant(self.requant(shift))));
            ops.extend(self.pools().map(|(name, pool)| (name.to_owned(), Op::MaxPool(pool))));
        }
        let nodes = ops.into_iter().zip(0..).map(|((name, op), id)| Node { name, op, inputs: vec![ValueId(id)] });
        Graph { input_shape: self.input_shape, input_bits: input.bits, nodes: nodes.collect() }
    }

    /// What the next layer gets.
    fn output(&self, input: Input, scales: &Scales) -> Input {
        let shift = scales.shift.unwrap_or(0);
        Input { scale: input.scale * scales.weight * 2f64.powi(shift as i32), bits: self.activation_bits() }
    }
}
