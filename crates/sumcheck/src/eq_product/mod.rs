//! Sumcheck for eq-weighted sums, the eq factor split off every round.
//!
//! ```text
//! Claim in:   c = sum_j lambda_j * c_j, c_j = sum over x in {0,1}^n_j of eq(z_j, x) f_j(x), z_j the last n_j entries of z
//! Round i:    g_i(X) = sum over the later x of eq(z_{>i}, x) f(s_1, .., s_{i-1}, X, x), of degree d; the prover sends
//!             g_i(0), g_i(2), ..., g_i(d); g_i(1) = (c - (1 - z_i) g_i(0)) / z_i is implied, and c becomes g_i(s_i)
//! Claim out:  sum_j lambda_j * f_j(s_j) = v, s_j the last n_j challenges
//! ```
//!
//! The factor eq(z_i, s_i) of each bound variable is common to both sides and never enters (Gruen, "Some improvements
//! for the PIOP for ZeroCheck", 2024, section 3), which saves a scalar a round and a degree. An instance of n_j < N
//! variables needs no scaling to start late: eq sums to one over the variables that it lacks, so before round N - n_j it
//! contributes the constant c_j. Where z_i = 0 the verifier returns an error. Soundness error: d N / 2^128.

mod prove;
mod verify;

#[cfg(test)]
mod tests;

pub use prove::{Factors, Instance, Summand, prove};
pub use verify::{invert_all, verify};

const ROUND: convince_transcript::Label = "sumcheck/eq-product/round";
const CHALLENGE: convince_transcript::Label = "sumcheck/eq-product/challenge";
