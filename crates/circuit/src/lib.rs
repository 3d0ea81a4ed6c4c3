//! Layered circuits over integer wires: what is proven, before any field or commitment is chosen.
//!
//! A circuit is a DAG of [`Layer`]s over [`Wire`]s, which are integer tensors with a declared or computed range. It is made
//! by [`CircuitBuilder`], which computes every range, lays out the lookups and refuses what could hold modulo a prime but
//! not over the integers. A [`Witness`] assigns integers to wires; [`evaluate`] makes the honest one and [`check`] says
//! whether one satisfies every relation. The crate knows nothing of `model`: circuits can be written by hand.
//!
//! ```
//! use convince_circuit::{Bits, CircuitBuilder, Conv2d, Requant, Window, evaluate, check};
//! use convince_field::Ints;
//!
//! let mut c = CircuitBuilder::new();
//! let x = c.input([1, 1, 4, 4], Bits::U8)?;
//! let w = c.weight([2, 1, 3, 3], Bits::I8)?;
//! let acc = c.conv2d(x, w, None, Conv2d::square(1, 1))?;
//! let y = c.requant(acc, Requant::plain(4, 0, 255).pooled(Window::square(2)))?;
//! c.output(y)?;
//! let circuit = c.finish()?;
//!
//! let input = Ints::U8((0..16).collect());
//! let witness = evaluate(&circuit, &input, &[Ints::I8(vec![1; 18]).into()])?;
//! check(&circuit, &witness)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod arg_max;
mod blocks;
mod builder;
mod check;
mod circuit;
mod claims;
mod conv2d;
mod correct;
mod custom;
mod error;
mod gates;
mod layout;
mod linear;
mod output;
mod product;
mod range;
mod requant;
mod spectrum;
mod strategy;
mod table;
mod wire;
mod witness;

pub use arg_max::ArgMaxLayer;
pub use blocks::{Block, BlockSource, leaf_axes};
pub use builder::CircuitBuilder;
pub use check::{Violation, check};
pub use circuit::{Circuit, Layer, Statistics};
pub use conv2d::{Conv2d, Conv2dLayer};
pub use convince_field::Bits;
pub use correct::CorrectLayer;
pub use custom::{CustomLayer, LayerRegistry};
pub use error::CircuitError;
pub use gates::{Gate, GatesLayer, Place};
pub use linear::{LinearLayer, LinearTerm};
pub use output::OutputLayer;
pub use product::ProductLayer;
pub use range::RangeLayer;
pub use requant::{ClampLookups, Limb, Range, Requant, RequantLayer, Window};
pub use spectrum::{Spectrum, SpectrumLayer};
pub use strategy::{FftLayout, Grid, Strategy};
pub use table::{Lookup, Table, TableContent};
pub use wire::{Tensor, Wire, WireId, WireKind};
pub use witness::{Witness, WitnessError, check_weights, evaluate, evaluate_labelled};
