//! Sumcheck for sums of products of two multilinear polynomials, in batches of unequal sizes.
//!
//! ```text
//! Claim in:   c_j = sum over x in {0,1}^n_j of sum_t f_jt(x) g_jt(x), j = 1, 2, ...; absorbed, then lambda_j drawn
//! Round i:    the prover sends h_i(0), h_i(2) of the batch sum_j lambda_j 2^(N-n_j) c_j; h_i(1) = claim - h_i(0) is implied
//! Claim out:  sum_j lambda_j sum_t f_jt(r_j) g_jt(r_j) = v with no further factor, r_j the last n_j challenges
//! ```
//!
//! An instance of n_j < N variables starts late: until round N - n_j it contributes the constant (its current claim) / 2,
//! so that it halves every round and enters with c_j. Soundness error: 2 N / 2^128.

mod mask;
mod prove;
mod verify;

#[cfg(test)]
mod tests;

pub use mask::Mask;
pub use prove::{Instance, prove};
pub use verify::verify;

const ROUND: convince_transcript::Label = "sumcheck/product/round";
const CHALLENGE: convince_transcript::Label = "sumcheck/product/challenge";
