//! Networks whose file is quantised, taken as they are.
//!
//! A value is held as `q - zero`, so that 0 stands for 0 and zeros are padding; `q` itself is never there. Convolutions
//! and matrix products take the file's integers, of weights and of biases; every QuantizeLinear, or operator on
//! integers, ends in one requantisation. What ONNX Runtime computes there ([`kernel`]) is a step function of the
//! accumulator, and [`rounding`] finds the multipliers with which ours is the same one. Functions of a quantised value
//! are tables, made in single precision; sums of two are tried on every pair of integers ([`sums`]).
//!
//! # What differs
//! [`TakenLayer::differing`] counts, out of all accumulators, values or pairs that the formats allow, those whose result
//! is another than ONNX Runtime's, by one:
//! - ties. ONNX Runtime rounds halves to even, a requantisation up. Scales whose ratio is a power of two have many, others
//!   next to none. Few accumulators get a table instead, and no such ties;
//! - sums of two values, whose multipliers have as many bits as 32-bit sums leave them;
//! - results so near to a half that ONNX Runtime's floats decide, where it computes in floats what is a sum of integers
//!   here: means over windows, functions that it approximates, sums with constants. These may differ, or not.
//!
//! Sums of three and more values are not counted, `None`. Neither is what ONNX Runtime leaves in floats for want of an
//! integer kernel, as a convolution with a Relu before a signed output is: it may differ at results within some millionths
//! of a half.
//!
//! Two differences are outside the network. Floats become the network's input by a division in double precision whose halves
//! go away from zero ([`convince_model::Preprocessing`]). And on x86 processors without VNNI ONNX Runtime itself saturates
//! sums of two products of unsigned activations and signed 8-bit weights at 16 bits; here they are exact, as they are
//! there with weights of 7 bits.

mod dot;
mod kernel;
mod requant;
mod rounding;
mod sums;
mod walk;

use convince_model::{Graph, Model, QuantizationReport, Requant, ValueInfo};

use self::walk::Walk;
use crate::float::FloatOp;
use crate::import::import_quantised;
use crate::quantize::logits_graph;
use crate::{FloatGraph, OnnxError, QuantizeOptions};

/// A network that is taken as its file quantises it.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The integer network. Nothing is measured; [`evaluate`](crate::evaluate) does.
    pub model: Model,
    /// Every requantisation, in order.
    pub layers: Vec<TakenLayer>,
}

/// A rounding of the integer network beside ONNX Runtime's.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenLayer {
    /// Name of the node that quantises.
    pub name: String,
    /// The operator whose result is rounded.
    pub operator: &'static str,
    /// Float value of the integer 1.
    pub scale: f64,
    /// What the file's integers are above the network's.
    pub zero: i32,
    /// Least and largest integer that the value can be.
    pub bound: (i64, i64),
    /// Bits that rounding drops.
    pub shift: u32,
    /// Largest multiplier of a channel before that; 1 for a plain shift.
    pub multiplier: i64,
    /// Entries of the table; 0 if there is none.
    pub table_len: usize,
    /// Of [`Self::possible`], those whose result is another than ONNX Runtime's, or may be; `None` if they were not
    /// counted.
    pub differing: Option<u64>,
    /// Accumulators of all channels, values, or pairs of values, that the formats allow.
    pub possible: u64,
}

impl TakenLayer {
    fn new(
        (name, operator): (&str, &'static str),
        quantizer: crate::float::Quantizer,
        info: &ValueInfo,
        requant: &Requant,
        (differing, possible): (Option<u64>, u64),
    ) -> Self {
        let multipliers = requant.multipliers.as_ref().and_then(|m| m.iter().copied().max());
        Self {
            name: name.to_owned(),
            operator,
            scale: quantizer.scale.into(),
            zero: quantizer.zero,
            bound: (info.low, info.high),
            shift: requant.shift,
            multiplier: multipliers.unwrap_or(1).into(),
            table_len: requant.table.as_ref().map_or(0, Vec::len),
            differing,
            possible,
        }
    }
}

/// Takes a file as it is quantised, `None` if it is not.
///
/// What is proven are the integers that ONNX Runtime computes on a CPU with its default optimisations, less their zero
/// points, but for results at or next to the half between two, where ONNX Runtime rounds to even or computes in floats.
/// These are one off, or may be; [`TakenLayer::differing`] counts them. For dot products whose scales are not in a
/// ratio of few bits they are less than one accumulator in a million, most often none.
///
/// Needs no calibration: scales and zero points are the file's. Of `options`, the preprocessing says how pixels become
/// the floats that the file quantises; where the network takes unsigned bytes, pixels are these bytes, and it says
/// nothing. Where the network normalises its input before it quantises it, the integer network takes the pixels. An arg-max or a softmax at the end is left out, as [`quantize`](crate::quantize)
/// does.
///
/// Takes as long as reading the file, and for each channel some thousand steps more.
///
/// # Errors
/// Those of [`import`](crate::import); [`NodeProblem::NotTaken`](crate::NodeProblem::NotTaken), naming the first node that is
/// not quantised or has no exact counterpart: [`quantize`](crate::quantize) takes such a file as the float network that it
/// stands for.
pub fn take(onnx: &[u8], options: &QuantizeOptions) -> Result<Option<Taken>, OnnxError> {
    let (graph, bytes) = import_quantised(onnx)?;
    let graph = logits_graph(&graph);
    if !is_quantised(&graph) {
        return Ok(None);
    }
    let mut preprocessing = options.preprocessing(&graph);
    let is_plain = preprocessing.mean.is_empty() && preprocessing.std.is_empty();
    let walked = Walk::new(&graph, is_plain.then_some(preprocessing.scale)).run()?;
    preprocessing.bits = walked.input_bits;
    preprocessing.input_scale = walked.input.scale.into();
    if let Some(quantizer) = bytes.filter(|quantizer| !quantizer.is_signed) {
        // Pixels are the bytes that the network takes.
        (preprocessing.scale, preprocessing.std) = (quantizer.scale, Vec::new());
        preprocessing.mean = vec![quantizer.scale * quantizer.zero as f32; preprocessing.shape[0]];
    }
    let (labels, report) = (options.labels.clone(), QuantizationReport::UNMEASURED);
    let integers = Graph { input_shape: graph.input_shape, input_bits: walked.input_bits, nodes: walked.nodes };
    let model = Model { graph: integers, preprocessing, output_scale: walked.output_scale, labels, report };
    model.validate()?;
    Ok(Some(Taken { model, layers: walked.layers }))
}

fn is_quantised(graph: &FloatGraph) -> bool {
    graph.nodes.iter().any(|node| match &node.op {
        FloatOp::Quantize(_) => true,
        FloatOp::Conv2d(op) => op.steps.is_some(),
        FloatOp::Gemm(op) => op.steps.is_some(),
        _ => false,
    })
}
