//! Quantised networks as integer graphs, and the reference interpreter that defines what is proven.
//!
//! A [`Model`] is a [`Graph`] of exact integer operators with the [`Preprocessing`] that turns an image into integers
//! and the scale that turns integer outputs into the float model's logits. [`run`] interprets a graph on an input and
//! keeps every value it computes; a proof shows that these integers, and no others, follow from the weights and the
//! input. Use this crate to build, check, store and run integer networks; the importer makes them from ONNX files, and
//! the lowering turns them into circuits.
//!
//! Tensors are `[batch, channel, row, column]`, row-major. Every value has an interval that follows from the
//! declared formats alone, never from the weights (they may be private), and lies within `i32`: no run of a checked
//! graph overflows.
//!
//! Key types: [`Graph`], [`Node`], [`Op`] with [`Conv2d`], [`Gemm`], [`Requant`], [`MaxPool`], [`Linear`] and
//! `Product`, whose files are the definition of the operators; [`ValueInfo`] (shape and interval); [`Trace`] (the
//! integers of a run).
//!
//! Related crates: `convince-field` holds the integer formats, `convince-onnx` makes models, `convince-lower` turns
//! them into circuits.

#![forbid(unsafe_code)]

mod apply;
mod conv2d;
mod dot;
mod error;
mod file;
mod gemm;
mod graph;
mod linear;
mod max_pool;
mod preprocess;
mod product;
pub mod reference;
mod requant;
mod run;

pub use conv2d::Conv2d;
pub use dot::dot_bound;
pub use error::{ModelError, NodeError};
pub use file::{Model, QuantizationReport};
pub use gemm::Gemm;
pub use graph::{Graph, MAX_TOTAL_LEN, Node, Op, Shape, ValueId, ValueInfo};
pub use linear::{Linear, LinearTerm};
pub use max_pool::MaxPool;
pub use preprocess::{InputError, Layout, Preprocessing};
pub use requant::Requant;
pub use run::{RunError, Trace, argmax, run};
