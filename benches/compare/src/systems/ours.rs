//! `convince` itself: sumchecks and lookups (GKR) over BLS12-381, weights and activations under Hyrax commitments.

use anyhow::{Result, ensure};
use convince::circuit::{Range, Strategy, Witness};
use convince::lower::Strategies;
use convince::{Mode, Proof, ProveOptions, ProvingKey, SetupOptions, VerifyOptions, VerifyingKey};

use crate::system::{Facts, Sizes, System, TrustedSetup};
use crate::workload::{Public, Trace, Workload};

/// One configuration.
#[derive(Clone, Copy, Debug)]
pub struct Ours {
    name: &'static str,
    title: &'static str,
    mode: Mode,
    range: Range,
    convolution: Strategy,
}

impl Ours {
    /// The default: zero-knowledge, lookups, direct convolutions.
    pub const HIDING: Self = Self {
        name: "convince",
        title: "convince",
        mode: Mode::Hiding,
        range: Range::Auto,
        convolution: Strategy::Direct,
    };
    /// The same without zero knowledge.
    pub const PLAIN: Self =
        Self { name: "convince-plain", title: "convince, plain", mode: Mode::Plain, ..Self::HIDING };
    /// zkCNN's design: convolutions by Fourier transforms, ranges by bits, no zero knowledge.
    pub const FFT_BITS: Self = Self {
        name: "convince-fft-bits",
        title: "convince, zkCNN's design, plain",
        mode: Mode::Plain,
        range: Range::Bits,
        convolution: Strategy::Fft,
    };
}

impl System for Ours {
    type Prepared = (ProvingKey, VerifyingKey);
    type Witness = Witness;

    fn facts(&self) -> Facts {
        let layers = match self.range {
            Range::Bits => {
                "Every convolution is a product of Fourier transforms with three sumchecks, every rounded value and ReLU is decomposed \
                 into bits that are zero-checked: zkCNN's design, on this project's back end."
            }
            _ => {
                "Dense layers and convolutions are one sumcheck each, without a variable or constraint for a product; rounding and ReLU \
                 are lookups, clamps or limbs as the cost model chooses."
            }
        };
        Facts {
            name: self.name.into(),
            title: self.title.into(),
            implementation: "convince 0.1.0 (this repository)".into(),
            arithmetisation: "layered circuit, GKR with LogUp".into(),
            field: "BLS12-381 scalar field, 255 bits".into(),
            commitment: "Hyrax (Pedersen rows on BLS12-381 G1), merlin transcript".into(),
            security_bits: 118,
            security_note:
                "proven for the interactive protocol, of LeNet-5; each row has its circuit's, counted round by round. Discrete logarithms at \
                            126 bits, Fiat-Shamir with a random oracle"
                    .into(),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: self.mode == Mode::Hiding,
            binds_weights: true,
            circuit: format!(
                "{layers} Setup commits to the weights and proves that they are 8-bit integers; all proofs under a key are about those \
                 weights. The other systems' circuits take weights for granted as field elements."
            ),
        }
    }

    fn setup(&self, workload: &Workload) -> Result<Self::Prepared> {
        let strategies = Strategies { range: self.range, convolution: self.convolution, ..Strategies::default() };
        let keys = convince::setup_with(&workload.model, &SetupOptions { strategies, ..SetupOptions::default() })?;
        keys.0.prepare();
        Ok(keys)
    }

    fn sizes(&self, (proving, verifying): &Self::Prepared) -> Result<Sizes> {
        let circuit = verifying.circuit();
        let soundness = convince::soundness(circuit, verifying.width());
        Ok(Sizes {
            proving_key_bytes: Some(proving.to_bytes().len() as u64),
            verifying_key_bytes: Some(verifying.to_bytes().len() as u64),
            constraints: Some(circuit.statistics().leaves as u64),
            constraints_unit: "leaves of the lookups' tree".into(),
            security_bits: Some(soundness.bits),
        })
    }

    /// Runs the network itself: the given trace is not read.
    fn witness(&self, (proving, _): &Self::Prepared, workload: &Workload, _: &Trace) -> Result<Witness> {
        Ok(proving.lowered().witness(&workload.input)?)
    }

    fn prove(&self, (proving, _): &Self::Prepared, witness: Witness) -> Result<Vec<u8>> {
        let options = ProveOptions { mode: self.mode, detach_input: true, ..ProveOptions::default() };
        Ok(proving.prove_witness(&witness, &options).as_bytes().to_vec())
    }

    fn verify(&self, (_, verifying): &Self::Prepared, public: &Public, proof: &[u8]) -> Result<()> {
        let proof = Proof::from_bytes(proof.to_vec())?;
        let options = VerifyOptions { input: Some(&public.input), ..VerifyOptions::default() };
        let verified = convince::verify_with(verifying, &proof, &options)?;
        ensure!(verified.mode == self.mode, "a proof of another mode");
        ensure!(verified.output.as_ref() == Some(&public.output), "a proof of another output");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_system;

    #[test]
    fn every_configuration_accepts_honest_proofs_only() {
        for system in [Ours::HIDING, Ours::PLAIN, Ours::FFT_BITS] {
            check_system(&system).expect("a sound system");
        }
    }
}
