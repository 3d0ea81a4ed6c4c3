//! Convolution by Fourier transforms, as zkCNN does it (Liu, Xie, Zhang 2021, section 3; DESIGN section 6), and its parts.
//!
//! ```text
//! Claim in:   out~ = v_t for every claim t on an output: functionals E_b, E_co, E_y, E_x
//! Messages:   bias~ of every claim; then, each with a challenge lambda of its own that batches all claims,
//!             selection   sum_u S_t(u) U_t(u) = v_t - bias~_t 1(b,y,x), S_t = E_y E_x at the output's places;      U_t~ at r_u
//!             inverse     sum_f M^-1(r_u, f) C_t(f) = U_t~(r_u);                                                   C_t~ at r_f
//!             pointwise   sum_f eq(r_f, f) sum_ci A_t(f, ci) B_t(f, ci) = C_t~(r_f);               A_t~, B_t~ at rho_f, rho_ci
//!             transforms  sum_q M(rho_f, place q) in_t~(E_b, rho_ci, q) = A_t~,
//!                         sum_ij M(rho_f, place ij) w_t~(E_co, rho_ci, i, j) = B_t~;           in_t~ at q, w_t~ at rho_i, rho_j
//! Claim out:  those of the direct strategy: bias: E_co; weight: E_co and rho; input: E_b, rho_ci, q_y, q_x
//! Error:      (4 T + 2 * rounds) / 2^128 for T claims, and that of `delegate`
//! ```
//!
//! U is the product of the planes' polynomials with E_b and E_co folded away, C its transform, A and B the transforms of the
//! input's and the kernels' planes, M(f, x) = omega^(f x). All convolutions of a wave share the suffixes of every point, so
//! the number of rounds does not grow with depth. Groups need nothing more: kernels are folded within their group.
//!
//! Sumchecks are linear in N: `M(r, x) = sum_f eq(r, f) omega^(f x)` factors into one function of period `2^j` for each
//! variable, so its table costs three multiplications an entry ([`DftMatrix::row_table`]). A verifier makes that table
//! for N up to `2^14`; above, [`delegate`] asks the prover for the entries that are needed.
//!
//! [`transform`] and [`hadamard`] are the parts for vectors of field elements, claim in and claim out, for protocols that
//! compose them otherwise: [`transform`] reduces a claim on a (forward or inverse) transform to one on the vector,
//! [`hadamard`] one on a sum of pointwise products to claims on the factors.

pub mod delegate;
mod fold;
pub mod hadamard;
mod layers;
mod matrix;
pub mod transform;

#[cfg(test)]
mod tests;

use convince_circuit::FftLayout;
use convince_sumcheck::suffix;

pub(crate) use layers::{Rounds, prove, verify};
pub use matrix::{DftMatrix, Direction};

/// Values of vectors of several lengths at one point: one of `2^n` entries lives at the last n coordinates.
#[must_use = "claims that are not discharged prove nothing"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluations<F, S> {
    /// As many coordinates as the longest vector has variables.
    pub point: Vec<F>,
    /// One value a vector: field elements for the prover, channel scalars for the verifier.
    pub values: Vec<S>,
}

impl<F, S> Evaluations<F, S> {
    /// The point of a vector of `2^log_len` entries.
    ///
    /// Panics if the point is shorter.
    pub fn at(&self, log_len: usize) -> &[F] {
        suffix(&self.point, log_len)
    }
}

/// What both sides of a reduction agree on beside its claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The wave, by which checks are named.
    pub wave: usize,
    /// log2 of the longest transform whose matrix the verifier evaluates itself. Part of the protocol: the messages depend on it.
    pub direct_log_len: usize,
}

impl Step {
    /// A wave's step in the protocol of circuits.
    pub const fn of_wave(wave: usize) -> Self {
        Self { wave, direct_log_len: FftLayout::MAX_DIRECT_LOG_LEN }
    }
}
