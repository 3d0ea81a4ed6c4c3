//! Prove that a quantised convolutional network was run as claimed, and verify it.
//!
//! A proof says: *I know weights `w` under the model commitment `C` such that this network, in exact integer arithmetic, maps the
//! public input `x` to the public output `y`.* Setup commits to a model once and makes two keys; [`prove`] runs the network
//! and proves it; [`verify`] checks a proof with the verifying key alone.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use convince::{ProveOptions, model::Model, prove, setup, verify};
//!
//! let model = Model::from_bytes(&std::fs::read("lenet5.cnvm")?)?;
//! let (proving_key, verifying_key) = setup(&model)?;
//! let input = vec![0; 28 * 28];
//! let proof = prove(&proving_key, &input, &ProveOptions::default())?;
//! let verified = verify(&verifying_key, &proof, None, &[])?;
//! println!("label {}", verified.label);
//! # Ok(())
//! # }
//! ```
//!
//! Until range proofs and the hiding channel land, the status of every model is [`ModelStatus::Assumed`] (a malicious model's
//! author could commit weights outside their format), and **proofs are not zero-knowledge**: each leaks some linear
//! combinations of the weights.
//!
//! Without the feature `prover` the crate is the verifier alone. `parallel` uses threads; the bytes of a proof do not change.

#![forbid(unsafe_code)]

mod error;
mod estimate;
mod key;
pub mod manual;
mod proof;
pub mod protocol;
#[cfg(feature = "prover")]
mod prover;
mod soundness;
mod verifier;

pub use convince_transcript::container;
pub use error::{KeyError, VerifyError};
pub use estimate::{Cost, Estimate, LayerCost, estimate};
pub use key::{ModelStatus, VerifyingKey};
pub use proof::{Proof, Unverified};
pub use soundness::{Soundness, soundness};
pub use verifier::{Answer, Verified, answers, input_digest, verify};

#[cfg(feature = "prover")]
pub use convince_lower as lower;
#[cfg(feature = "prover")]
pub use convince_model as model;
#[cfg(feature = "prover")]
pub use prover::{Phase, ProveError, ProveOptions, ProvingKey, SetupError, TestSeed, prove, setup};
#[cfg(feature = "prover")]
pub use prover::{SetupOptions, setup_circuit, setup_circuit_seeded, setup_seeded, setup_with};

pub use convince_circuit as circuit;
