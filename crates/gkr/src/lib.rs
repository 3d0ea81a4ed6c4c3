//! Layer reductions: from "this circuit's relations hold" to claims on its committed and public wires.
//!
//! The order is fixed by the circuit alone:
//! 1. [`lookup`]: one LogUp-GKR over all lookups leaves a claim on every advice column and multiplicity;
//! 2. [`zero_check`]: one batch for all products that must vanish leaves claims on the columns that occur in them;
//! 3. `requant`, `range`: the columns' claims give claims on the layers' inputs, and on inputs and weights of proven
//!    range, which are affine in them;
//! 4. `output`: the output, public or committed, evaluated at a random point, is a claim on the wire that produces it;
//!    if only labels are public, `arg_max` gives that claim from the margins', or `correct` where the labels are given;
//! 5. [`wave`]: while a virtual wire has claims, layers whose output claims are complete run as one wave.
//!
//! [`prove`] and [`verify`] end in [`Claim`]s on input, weight and advice wires. The crate does not know how those are
//! committed; the caller must discharge every claim.

#![forbid(unsafe_code)]

mod arg_max;
mod claim;
mod correct;
pub mod fft;
pub mod lookup;
mod output;
mod protocol;
mod range;
mod requant;
pub mod soundness;
pub mod wave;
pub mod zero_check;

#[cfg(test)]
mod tests;

pub use claim::Claim;
pub use protocol::{prove, prove_recomputing, verify};
