//! Groth16 (Groth, 2016) by `ark-groth16`, over BN254, which its users deploy, and over BLS12-381, which is the curve of `convince`.
//!
//! The circuit is in `r1cs.rs`. Setup runs the key generation and keeps the constraint matrices; a proof takes an assignment and
//! the matrices, so that no proof builds the circuit a second time.

use std::marker::PhantomData;

use anyhow::{Context, Result, ensure};
use ark_ec::pairing::Pairing;
use ark_ff::UniformRand;
use ark_groth16::r1cs_to_qap::LibsnarkReduction;
use ark_groth16::{PreparedVerifyingKey, Proof, ProvingKey};
use ark_relations::gr1cs::{Matrix, R1CS_PREDICATE_LABEL, SynthesisMode};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use rand::rngs::OsRng;

use super::r1cs::{self, Network};
use crate::system::{Facts, Sizes, System, TrustedSetup};
use crate::workload::{Public, Trace, Workload};

type Snark<E> = ark_groth16::Groth16<E, LibsnarkReduction>;

/// Groth16 over one curve.
#[derive(Clone, Copy, Debug)]
pub struct Groth16<E> {
    name: &'static str,
    title: &'static str,
    field: &'static str,
    security_bits: u32,
    security_note: &'static str,
    curve: PhantomData<E>,
}

impl Groth16<ark_bn254::Bn254> {
    /// Over BN254.
    pub const BN254: Self = Self {
        name: "groth16",
        title: "Groth16, BN254",
        field: "BN254 scalar field, 254 bits",
        security_bits: 100,
        security_note: super::BN254_SECURITY,
        curve: PhantomData,
    };
}

impl Groth16<ark_bls12_381::Bls12_381> {
    /// Over BLS12-381.
    pub const BLS12_381: Self = Self {
        name: "groth16-bls12-381",
        title: "Groth16, BLS12-381",
        field: "BLS12-381 scalar field, 255 bits",
        security_bits: 120,
        security_note: "discrete logarithms in the target group, 117 to 120 bits (NCC Group, 2019)",
        curve: PhantomData,
    };
}

/// Keys and constraints.
pub struct Prepared<E: Pairing> {
    proving: ProvingKey<E>,
    verifying: PreparedVerifyingKey<E>,
    matrices: Vec<Matrix<E::ScalarField>>,
    num_inputs: usize,
    num_constraints: usize,
}

impl<E: Pairing> System for Groth16<E> {
    type Prepared = Prepared<E>;
    /// All variables' values, the constant one and the public ones first.
    type Witness = Vec<E::ScalarField>;

    fn facts(&self) -> Facts {
        Facts {
            name: self.name.into(),
            title: self.title.into(),
            implementation: "ark-groth16 0.6.0".into(),
            arithmetisation: "R1CS".into(),
            field: self.field.into(),
            commitment: "pairing; knowledge of exponents in the generic group model".into(),
            security_bits: self.security_bits,
            security_note: self.security_note.into(),
            trusted_setup: TrustedSetup::PerCircuit,
            zero_knowledge: true,
            binds_weights: false,
            circuit: r1cs::DESCRIPTION.into(),
        }
    }

    fn setup(&self, workload: &Workload) -> Result<Self::Prepared> {
        let network = || Network { steps: &workload.steps, trace: None };
        let proving = Snark::<E>::generate_random_parameters_with_reduction(network(), &mut OsRng)?;
        let verifying = ark_groth16::prepare_verifying_key(&proving.vk);
        let system = network().synthesised(SynthesisMode::Setup)?;
        let matrices = system.to_matrices()?.remove(R1CS_PREDICATE_LABEL);
        Ok(Prepared {
            proving,
            verifying,
            matrices: matrices.context("no constraints")?,
            num_inputs: system.num_instance_variables(),
            num_constraints: system.num_constraints(),
        })
    }

    fn sizes(&self, prepared: &Self::Prepared) -> Result<Sizes> {
        Ok(Sizes {
            proving_key_bytes: Some(prepared.proving.compressed_size() as u64),
            verifying_key_bytes: Some(prepared.proving.vk.compressed_size() as u64),
            constraints: Some(prepared.num_constraints as u64),
            constraints_unit: "R1CS constraints".into(),
            security_bits: None,
        })
    }

    fn witness(&self, _: &Self::Prepared, workload: &Workload, trace: &Trace) -> Result<Self::Witness> {
        Ok(Network { steps: &workload.steps, trace: Some(trace) }.assignment()?)
    }

    fn prove(&self, prepared: &Self::Prepared, witness: Self::Witness) -> Result<Vec<u8>> {
        let random = || E::ScalarField::rand(&mut OsRng);
        let proof = Snark::<E>::create_proof_with_reduction_and_matrices(
            &prepared.proving,
            random(),
            random(),
            &prepared.matrices,
            prepared.num_inputs,
            prepared.num_constraints,
            &witness,
        )?;
        let mut bytes = Vec::new();
        proof.serialize_compressed(&mut bytes)?;
        Ok(bytes)
    }

    fn verify(&self, prepared: &Self::Prepared, public: &Public, proof: &[u8]) -> Result<()> {
        let proof = Proof::<E>::deserialize_compressed(proof)?;
        let values: Vec<E::ScalarField> = public.input.iter().chain(&public.output).map(|&v| v.into()).collect();
        ensure!(values.len() + 1 == prepared.num_inputs, "{} public values", values.len());
        ensure!(
            Snark::<E>::verify_proof(&prepared.verifying, &proof, &values)?,
            "the equation of pairings does not hold"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::check_system;
    use crate::workload::{tiny_cnn, tiny_mlp};

    #[test]
    fn both_curves_accept_honest_proofs_only() {
        check_system(&Groth16::BN254).expect("a sound system");
        check_system(&Groth16::BLS12_381).expect("a sound system");
    }

    #[test]
    fn honest_assignments_satisfy_all_constraints_and_lies_violate_one() {
        for workload in [tiny_mlp(3), tiny_cnn(3)] {
            let satisfied = |trace: &Trace| {
                let mode = SynthesisMode::Prove { construct_matrices: true, generate_lc_assignments: true };
                let network = Network { steps: &workload.steps, trace: Some(trace) };
                let system = network.synthesised::<ark_bn254::Fr>(mode).expect("a circuit");
                system.is_satisfied().expect("an assignment")
            };
            assert!(satisfied(&workload.trace()), "{}", workload.name);
            for lie in crate::check::lies(&workload) {
                assert!(!satisfied(&workload.lying_trace(lie)), "{} {lie:?}", workload.name);
            }
        }
    }
}
