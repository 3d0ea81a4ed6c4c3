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
//! println!("label {}", verified.answers[0].label);
//! # Ok(())
//! # }
//! ```
//!
//! Proofs are zero-knowledge ([`Mode::Hiding`]) unless asked to be plain: they say nothing but their statement. Each of input,
//! weights and output is public or private ([`SetupOptions`]); private weights are committed to once ([`ModelCommitment`]), with a
//! proof that they are of their formats.
//!
//! Without the feature `prover` the crate is the verifier alone. `parallel` uses threads; the bytes of a proof do not change.

#![forbid(unsafe_code)]

mod accuracy;
mod error;
mod estimate;
mod key;
#[cfg(feature = "prover")]
mod large_pages;
pub mod manual;
mod proof;
pub mod protocol;
#[cfg(feature = "prover")]
mod prover;
mod soundness;
mod tensor;
mod verifier;
mod weights;

pub use accuracy::{
    AccuracyClaim, AccuracyRefusal, AccuracyStatement, DataSetCommitment, Images, VerifiedAccuracy, verify_accuracy,
};
#[cfg(feature = "prover")]
pub use accuracy::{AccuracyError, AccuracyOptions, DataSetOpening, commit_data_set, prove_accuracy};
pub use convince_transcript::container;
pub use error::{KeyError, VerifyError};
pub use estimate::{Cost, Estimate, LayerCost, estimate};
pub use key::{ModelStatus, VerifyingKey};
#[cfg(feature = "prover")]
pub use large_pages::restart_with_large_pages;
pub use proof::{Proof, Unverified};
pub use protocol::Mode;
pub use soundness::{Soundness, soundness};
pub use tensor::{TensorCommitment, TensorOpening};
pub use verifier::{Answer, Verified, VerifyOptions, answers, input_digest, verify, verify_with};
pub use weights::{ModelCommitment, RangeProofError};

#[cfg(feature = "prover")]
pub use convince_lower as lower;
#[cfg(feature = "prover")]
pub use convince_model as model;
#[cfg(feature = "prover")]
pub use prover::{Openings, SetupOptions, commit_input, commit_model, prove_with_openings};
#[cfg(feature = "prover")]
pub use prover::{Phase, ProveError, ProveOptions, ProvingKey, SetupError, TestSeed, prove, setup};
#[cfg(feature = "prover")]
pub use prover::{setup_circuit, setup_circuit_seeded, setup_circuit_with, setup_seeded, setup_with};
#[cfg(feature = "prover")]
pub use weights::ModelSecret;

pub use convince_circuit as circuit;
