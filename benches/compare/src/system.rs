//! What a proof system is to this benchmark.
//!
//! Adding one takes a file in `systems/` with an implementation of [`System`], a feature in `Cargo.toml`, a line in the registry
//! ([`crate::systems::all`]) and a test that calls [`crate::check::check_system`].
//!
//! A measurement runs the four methods in this order, each once, in a process of its own: [`System::setup`], [`System::witness`],
//! [`System::prove`], [`System::verify`]. What belongs where:
//!
//! - **setup**: whatever is made once for a network and kept: structured reference strings or their parts, keys, arithmetised
//!   circuits, in `convince` the commitment to the weights.
//! - **witness**: whatever the prover computes for this input before the proof system itself starts: the assignment of the circuit.
//!   The inference ([`Workload::trace`]) is given and not counted, for all systems; one that runs its own counts it.
//! - **prove**: from there to the bytes that are sent. If the system's interface makes assignment and proof in one call, both stand
//!   here and [`Facts::circuit`] says so.
//! - **verify**: from those bytes, parsing included, to the answer, with everything that a verifier does who has prepared its key.

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::workload::{Public, Trace, Workload};

/// What stands in the tables about a system beside its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// Its name in tables, files and on the command line: lower case, digits and dashes.
    pub name: String,
    /// Name for readers: "Groth16", "Plonky3 (FRI, 100 bits)".
    pub title: String,
    /// The crate or package that proves, with its version: `ark-groth16 0.6.0`.
    pub implementation: String,
    /// Arithmetisation and argument, in a few words: "R1CS, Groth16".
    pub arithmetisation: String,
    /// Field of the circuit.
    pub field: String,
    /// Hash or commitment that soundness rests on.
    pub commitment: String,
    /// Bits of security of the parameters in use, as their authors count them.
    pub security_bits: u32,
    /// Whether what `security_bits` counts is proven or conjectured, and by whom it is said.
    pub security_note: String,
    /// What has to be made by people who are trusted.
    pub trusted_setup: TrustedSetup,
    /// Whether proofs in this configuration are zero-knowledge.
    pub zero_knowledge: bool,
    /// Whether keys bind the weights, so that all proofs under a key are about the same ones.
    pub binds_weights: bool,
    /// How the circuit is written: products, range checks, lookups; what departs from the other circuits; parameters. A paragraph.
    pub circuit: String,
}

/// What has to be made by people who are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustedSetup {
    /// Nothing.
    None,
    /// A reference string for circuits up to some size.
    Universal,
    /// Keys of this one circuit.
    PerCircuit,
}

/// Sizes of what setup made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sizes {
    /// Bytes of what a prover needs beside the circuit, reference string included, as the system writes it to a file.
    pub proving_key_bytes: Option<u64>,
    /// Bytes of what a verifier needs.
    pub verifying_key_bytes: Option<u64>,
    /// Size of the circuit in units of its own.
    pub constraints: Option<u64>,
    /// The units: "R1CS constraints", "rows of 80 columns".
    pub constraints_unit: String,
    /// Bits of security for this circuit, where they depend on it; in place of [`Facts::security_bits`].
    pub security_bits: Option<f64>,
}

/// Why a workload is not measured with a system, in a sentence that stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub String);

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A proof system and its circuit for any [`Workload`]. The module's page says what belongs into each method.
///
/// Implementations use rayon's global pool, or as many threads as it has; the harness sets it up. They read no environment
/// variables and print nothing.
pub trait System {
    /// Keys, and the circuit if that is kept.
    type Prepared;
    /// The assignment.
    type Witness;

    /// What stands in the tables.
    fn facts(&self) -> Facts;

    /// Whether the workload can be expressed at all, cheaply decided before anything is built. Memory and time are the harness's
    /// concern, unless a limit is known beforehand (rows of a reference string, say).
    ///
    /// # Errors
    /// The reason why not.
    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        let _ = workload;
        Ok(())
    }

    /// Makes keys for the workload's network. The circuit may depend on shapes, shifts, clamps and ranges ([`crate::workload::Value`])
    /// and on the number of weights; not on input, and not on the weights' values unless [`Facts::binds_weights`].
    ///
    /// # Errors
    /// What the system says.
    fn setup(&self, workload: &Workload) -> Result<Self::Prepared>;

    /// Sizes of keys and circuit; not timed.
    ///
    /// # Errors
    /// What the system says.
    fn sizes(&self, prepared: &Self::Prepared) -> Result<Sizes>;

    /// The assignment: weights from `workload`, everything else that the circuit has as variables from `trace`, which may be a lying
    /// one in tests. An assignment that violates the circuit need not be an error here.
    ///
    /// # Errors
    /// What the system says.
    fn witness(&self, prepared: &Self::Prepared, workload: &Workload, trace: &Trace) -> Result<Self::Witness>;

    /// The proof's bytes, as they would be sent. Input and output are not part of them if the verifier has them.
    ///
    /// # Errors
    /// What the system says.
    fn prove(&self, prepared: &Self::Prepared, witness: Self::Witness) -> Result<Vec<u8>>;

    /// Checks that the bytes prove `public` under the keys.
    ///
    /// # Errors
    /// They do not, or are no proof.
    fn verify(&self, prepared: &Self::Prepared, public: &Public, proof: &[u8]) -> Result<()>;
}

/// What the phases of a measurement are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// [`System::setup`].
    Setup,
    /// [`System::witness`].
    Witness,
    /// [`System::prove`].
    Prove,
    /// [`System::verify`].
    Verify,
}

impl Phase {
    /// A lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Witness => "witness",
            Self::Prove => "prove",
            Self::Verify => "verify",
        }
    }
}

/// Times phases.
pub trait Recorder {
    /// A phase begins.
    fn begin(&mut self, phase: Phase);
    /// The phase that began last has ended.
    fn end(&mut self);
    /// Sizes of what setup made.
    fn sizes(&mut self, sizes: Sizes);
    /// Length of the proof.
    fn proof_bytes(&mut self, bytes: usize);
}

/// A [`System`] whose types are nobody's concern.
pub trait Measurable {
    /// [`System::facts`].
    fn facts(&self) -> Facts;

    /// [`System::fits`].
    ///
    /// # Errors
    /// The reason why not.
    fn fits(&self, workload: &Workload) -> Result<(), Unfit>;

    /// Runs all phases once, and checks the output before: what the system proves is what the integer reference says.
    ///
    /// # Errors
    /// Those of the phases, and a system that accepts a changed output.
    fn measure(&self, workload: &Workload, trace: &Trace, recorder: &mut dyn Recorder) -> Result<()>;
}

impl<S: System> Measurable for S {
    fn facts(&self) -> Facts {
        System::facts(self)
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        System::fits(self, workload)
    }

    fn measure(&self, workload: &Workload, trace: &Trace, recorder: &mut dyn Recorder) -> Result<()> {
        let public = trace.public();
        let prepared = timed(recorder, Phase::Setup, || self.setup(workload)).context("setup")?;
        let witness =
            timed(recorder, Phase::Witness, || self.witness(&prepared, workload, trace)).context("witness")?;
        let proof = timed(recorder, Phase::Prove, || self.prove(&prepared, witness)).context("prove")?;
        recorder.proof_bytes(proof.len());
        timed(recorder, Phase::Verify, || self.verify(&prepared, &public, &proof)).context("verify")?;
        let mut changed = public;
        changed.output[0] += 1;
        let refused = catch_unwind(AssertUnwindSafe(|| self.verify(&prepared, &changed, &proof)));
        ensure!(!matches!(refused, Ok(Ok(()))), "the proof is accepted for another output");
        recorder.sizes(self.sizes(&prepared).context("sizes")?);
        Ok(())
    }
}

fn timed<T>(recorder: &mut dyn Recorder, phase: Phase, work: impl FnOnce() -> T) -> T {
    recorder.begin(phase);
    let result = work();
    recorder.end();
    result
}
