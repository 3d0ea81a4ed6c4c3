//! From an ONNX file to an integer network: importer, float execution, calibration and 8-bit quantiser.
//!
//! [`import`] reads a file into a [`FloatGraph`], which executes in single precision; [`quantize_graph`] (or
//! [`quantize`], from the bytes) turns it into a [`Model`](convince_model::Model) of integers, with scales chosen on
//! calibration inputs, and measures what that costs; [`evaluate`] measures the same on other inputs. Files are hostile
//! input: whatever they hold, the answer is a network or an error that names the operator and the node.
//!
//! Supported: operator sets 9 to 21, the operators of convolutional networks for images and lines, from one input of
//! batch 1 to one output: Conv, ConvTranspose, Gemm, MatMul with a constant; MaxPool, AveragePool, GlobalAveragePool,
//! GlobalMaxPool, ReduceMean, ReduceSum; the usual activations, also where a file spells them out; Clip, PRelu; Add,
//! Sub, Mul, Sum, Mean, Max and Min of tensors and constants, Div and Pow by constants; BatchNormalization, LRN;
//! Concat, Split, Slice, Gather, Pad, Expand, Resize and Upsample to the nearest, DepthToSpace, SpaceToDepth; whatever
//! only changes axes; arithmetic on constants; ArgMax and Softmax as the last operator.
//!
//! Networks that are quantised already (QuantizeLinear, DequantizeLinear, QLinearConv, QLinearMatMul, and ONNX Runtime's
//! QGemm, QLinearAdd, QLinearMul, QLinearConcat, QLinearAveragePool, QLinearGlobalAveragePool, QLinearLeakyRelu,
//! QLinearSigmoid) [`take`] takes as they are: with their integers, scales and zero points, so that what is proven are the
//! integers of ONNX Runtime where a requantisation can round as it does, and counted where not. [`import`] reads them as
//! the float networks that they stand for. [`take`] and [`quantize`] document the numbers.
//!
//! Key types: [`FloatGraph`], [`Calibration`], [`QuantizeOptions`], [`Taken`], [`OnnxError`].
//!
//! Related crates: `convince-model` defines the integer network. Nothing that verifies a proof depends on this crate.

#![forbid(unsafe_code)]

mod error;
mod float;
mod import;
pub mod proto;
mod quantised;
mod quantize;
mod tensor;

pub use error::{NodeProblem, OnnxError, TensorProblem};
pub use float::FloatGraph;
pub use import::import;
pub use quantised::{Taken, TakenLayer, take};
pub use quantize::{
    Calibration, LayerAccuracy, QuantizeOptions, evaluate, quantize, quantize_graph, quantize_with_accuracy,
};
