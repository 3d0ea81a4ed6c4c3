//! The channel of hidden scalars: committed one-time pads, and a tape of what a verifier would have checked.
//!
//! ```text
//! Before:     pads pi_1, ..., pi_M are committed, uniform, one a scalar that the prover will send; M follows from the circuit
//! Message:    m_i is sent as m_i + pi_i, and is to the verifier the affine form (m_i + pi_i) - pi_i
//! Products:   the k-th product of two forms x_k, y_k is a new hidden scalar z_k
//! Claim out:  the tape: forms that are zero, and x_k y_k = z_k for every k; and claims whose values are forms
//! ```
//!
//! A verifier's code is the same as over a plain channel. What it leaves is discharged by a closing argument of the commitment
//! scheme, which knows the pads' commitments. After zk-SNARK compilers by committed masks (Cramer, Damgård 1998; Hyrax, Wahby et al.
//! 2018, section 5; Libra, Xie et al. 2019, section 4); differs in that all scalars are padded and none is masked by a
//! polynomial, so that one channel serves every protocol.

mod prover;
mod tape;
mod verifier;

pub use prover::{HidingProver, Recorder};
pub use tape::{Hidden, Linear, Tape};
pub use verifier::HidingVerifier;

#[cfg(test)]
mod tests;
