//! The challenge field and its small-integer kernels.
//!
//! Tensors stay integers in memory; they meet the field only in the kernels of [`ProofField`], which multiply `i8`..`i32`
//! values by field elements into unreduced wide accumulators and reduce once at the end. Use this crate for anything that
//! touches field elements or stores integers; everything above is generic over [`ProofField`].
//!
//! Key types: [`ProofField`] (the field a proof is over), [`Ints`] and [`IntSlice`] (integer tensors at their natural
//! width), [`Bits`] (a declared integer format), [`TensorMap`] (public matrices on a tensor's axes), [`WindowAxis`] (how kernels slide). The
//! back end is BLS12-381's scalar field, [`Fr`]: arkworks' traits over arithmetic of our own, as arkworks' multiplication is
//! made for every modulus and processor and its additions branch. Tables of elements meet eight entries at a time where the processor
//! has AVX-512's 52-bit products: a product takes 4 ns in place of 11. Another field is another folder beside `bls12_381`.

#![deny(unsafe_code)]

mod bits;
mod bls12_381;
pub mod chords;
pub mod convolution;
mod ints;
pub mod jobs;
pub mod maps;
pub mod reference;
mod traits;
mod window;

pub use bits::Bits;
pub use bls12_381::{Fr, curve_scalar, from_curve_scalar};
pub use ints::{IntSlice, Ints};
pub use maps::{AxisMap, AxisRow, RowSums, TensorMap};
pub use traits::{ProofField, SmallInt};
pub use window::WindowAxis;
