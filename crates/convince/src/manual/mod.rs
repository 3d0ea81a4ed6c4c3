//! The protocol manual: what is proven, by which messages, with which error, and what is assumed.
//!
//! One chapter a module, in reading order:
//!
//! | chapter | what it holds |
//! |---|---|
//! | [`symbols`] | the letters and orders that all chapters and the code use |
//! | [`statement`] | what a proof says; every label of the transcript, in order |
//! | [`claims`] | wires, claims as tensors of functionals, the truncation rule |
//! | [`sumcheck`] | the two sumchecks: products, and eq-weighted products |
//! | [`lookup`] | LogUp-GKR: every column is a row of its table |
//! | [`requant`] | one relation for rounding, saturation, activation and pooling, and why it has one solution |
//! | [`range`] | inputs and weights within their formats |
//! | [`zero_check`] | products of columns that vanish |
//! | [`waves`] | convolutions and fully connected layers, by kernel positions and input positions |
//! | [`fft`] | convolutions by Fourier transforms, and delegated entries of their matrices |
//! | [`gates`] | general layered arithmetic circuits, layers of one's own |
//! | [`ends`] | output: public, committed, its label alone, or how many labels are right; input: public or committed |
//! | [`opening`] | Hyrax: commitments, the splitting rule, one opening for all claims |
//! | [`zero_knowledge`] | what is private and what is not; the hiding channel, its closing argument, the simulator |
//! | [`accuracy`] | at least K of N images have their labels: batches, their sum, and what it does not show |
//! | [`errors`] | how the soundness error is counted |
//! | [`trust`] | what is assumed and what is defended, in plain words |
//! | [`threats`] | threat, the check that stops it, the test that turns red without it |
//!
//! Every protocol is described as *claim in, messages, claim out*, with its error and the files it lives in. The equations are
//! those of the code; where the code departs from the papers that it follows, the chapter says so and why.

#[doc = include_str!("symbols.md")]
pub mod symbols {}

#[doc = include_str!("statement.md")]
pub mod statement {}

#[doc = include_str!("claims.md")]
pub mod claims {}

#[doc = include_str!("sumcheck.md")]
pub mod sumcheck {}

#[doc = include_str!("lookup.md")]
pub mod lookup {}

#[doc = include_str!("requant.md")]
pub mod requant {}

#[doc = include_str!("range.md")]
pub mod range {}

#[doc = include_str!("zero_check.md")]
pub mod zero_check {}

#[doc = include_str!("waves.md")]
pub mod waves {}

#[doc = include_str!("fft.md")]
pub mod fft {}

#[doc = include_str!("gates.md")]
pub mod gates {}

#[doc = include_str!("ends.md")]
pub mod ends {}

#[doc = include_str!("opening.md")]
pub mod opening {}

#[doc = include_str!("zero_knowledge.md")]
pub mod zero_knowledge {}

#[doc = include_str!("accuracy.md")]
pub mod accuracy {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("trust.md")]
pub mod trust {}

#[doc = include_str!("threats.md")]
pub mod threats {}
