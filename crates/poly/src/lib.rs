//! Multilinear extensions under the truncation rule, and the closed forms that a verifier evaluates.
//!
//! Orders are fixed here for the whole project: tensors are row-major, points are most significant variable first, and
//! sumchecks bind the most significant variable first. An axis of true length n has `log2_ceil(n)` variables and the
//! table `eq(r, i)` for `i < n` *and nothing beyond*, so that padding has coefficient zero whatever it holds.
//!
//! Key items: [`eq_table`], [`Axis`] (a functional on one axis), [`Functional`] (a tensor of them), [`prefix_sum`] (T_n) and
//! [`weighted_prefix_sum`] (S_n), [`window_kernel`] (the kernels K of convolutions), [`Lagrange`] (round polynomials).

#![forbid(unsafe_code)]

mod axis;
mod eq;
mod lagrange;
mod window;

pub use axis::{Axis, Functional, outer, pad, products};
pub use eq::{eq_bits, eq_point, eq_table, eq_truncated, log2_ceil, prefix_sum, weighted_prefix_sum};
pub use lagrange::Lagrange;
pub use window::window_kernel;
