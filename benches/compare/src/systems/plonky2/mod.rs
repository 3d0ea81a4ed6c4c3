//! Plonky2 1.1: PLONK with custom gates over Goldilocks, FRI, Poseidon; the standard configuration of 135 wires.
//!
//! The rows and why they are sound are in `rows.rs`; copies bind values between them. Library lookups are not used: a lookup
//! takes two of the 80 wires that can be copied, the digits of a weight take four of the 55 that cannot and would be idle.

mod gate;

use anyhow::{Result, ensure};
use plonky2::field::goldilocks_field::GoldilocksField;
use plonky2::field::types::Field;
use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{CircuitConfig, CircuitData};
use plonky2::plonk::config::PoseidonGoldilocksConfig;
use plonky2::plonk::proof::ProofWithPublicInputs;
use plonky2::util::serialization::{Buffer, Read, Write};

use super::rows::{self, Row, Rows, WIRES, walk};
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Public, Trace, Workload};

type F = GoldilocksField;
const D: usize = 2;
type C = PoseidonGoldilocksConfig;

/// Plonky2 with custom gates.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plonky2;

/// The circuit.
pub struct Prepared {
    circuit: CircuitData<F, C, D>,
}

impl System for Plonky2 {
    type Prepared = Prepared;
    type Witness = PartialWitness<F>;

    fn facts(&self) -> Facts {
        Facts {
            name: "plonky2".into(),
            title: "Plonky2 (FRI)".into(),
            implementation: "plonky2 1.1.0".into(),
            arithmetisation: "PLONK with custom gates".into(),
            field: "Goldilocks, 64 bits; challenges of 128 bits".into(),
            commitment: "FRI of rate 1/8 with Poseidon Merkle trees".into(),
            security_bits: 100,
            security_note: "conjectured by its authors for the standard configuration: 28 queries at rate 1/8 and 16 bits of grinding"
                .into(),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: false,
            binds_weights: false,
            circuit: "Custom gates in the standard configuration of 135 wires, 80 of them copied: tiles of several products for \
                      several outputs, with the weights' base-four digits in the tile for dense layers and copied weights for \
                      convolutions; requantisations and maxima with their digits in the row. Public values are hashed in the \
                      circuit, as the library does it. Generating the wires is part of the proof's time."
                .into(),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        rows::fits(workload)
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let mut builder = CircuitBuilder::<F, D>::new(CircuitConfig::standard_recursion_config());
        let input: Vec<Target> = (0..workload.input.len()).map(|_| builder.add_virtual_public_input()).collect();
        let mut writer = Building { builder };
        let output = walk(workload, None, input, &mut writer);
        let mut builder = writer.builder;
        builder.register_public_inputs(&output);
        Ok(Prepared { circuit: builder.build::<C>() })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let CircuitData { verifier_only, common, .. } = &prepared.circuit;
        let rows = common.degree() as u64;
        let columns = (common.num_constants + common.config.num_routed_wires) as u64;
        let verifying = verifier_only.to_bytes().map_err(|error| anyhow::anyhow!("Plonky2's key: {error:?}"))?;
        Ok(Sizes {
            // Constants and permutation, as values on the larger domain and as coefficients.
            proving_key_bytes: Some(rows * columns * 8 * (1 + (1 << common.config.fri_config.rate_bits))),
            verifying_key_bytes: Some(verifying.len() as u64),
            constraints: Some(rows),
            constraints_unit: format!("rows of {WIRES} wires"),
            security_bits: None,
        })
    }

    fn witness(&self, _: &Prepared, workload: &Workload, trace: &Trace) -> Result<PartialWitness<F>> {
        let mut writer = Assigning { wires: PartialWitness::new(), row: 0, contradiction: false };
        // Public inputs are the first virtual targets.
        let input: Vec<Target> = (0..workload.input.len()).map(|index| Target::VirtualTarget { index }).collect();
        for (&target, &value) in input.iter().zip(trace.input(0)) {
            writer.wires.set_target(target, element(value.into()))?;
        }
        walk(workload, Some(trace), input, &mut writer);
        ensure!(!writer.contradiction, "Plonky2: a wire was set twice");
        Ok(writer.wires)
    }

    fn prove(&self, prepared: &Prepared, witness: PartialWitness<F>) -> Result<Vec<u8>> {
        let proof = prepared.circuit.prove(witness)?;
        let mut bytes = Vec::new();
        bytes.write_proof(&proof.proof).map_err(|error| anyhow::anyhow!("Plonky2's proof: {error:?}"))?;
        Ok(bytes)
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let proof = Buffer::new(proof)
            .read_proof::<F, C, D>(&prepared.circuit.common)
            .map_err(|error| anyhow::anyhow!("Plonky2's proof: {error:?}"))?;
        let public_inputs = claim.input.iter().chain(&claim.output).map(|&value| element(value.into())).collect();
        prepared.circuit.verify(ProofWithPublicInputs { proof, public_inputs })
    }
}

fn element(value: i64) -> F {
    F::from_noncanonical_i64(value)
}

struct Building {
    builder: CircuitBuilder<F, D>,
}

impl Rows for Building {
    type Target = Target;

    fn row(&mut self, row: Row) -> usize {
        self.builder.add_gate(row, Vec::new())
    }

    fn constant(&mut self, value: i64) -> Target {
        self.builder.constant(element(value))
    }

    fn copy(&mut self, from: Target, row: usize, wire: usize) {
        self.builder.connect(from, Target::wire(row, wire));
    }

    fn set(&mut self, _: usize, _: usize, _: impl FnOnce() -> i64) {}

    fn wire(&self, row: usize, wire: usize) -> Target {
        Target::wire(row, wire)
    }
}

struct Assigning {
    wires: PartialWitness<F>,
    row: usize,
    contradiction: bool,
}

impl Rows for Assigning {
    type Target = Target;

    fn row(&mut self, _: Row) -> usize {
        self.row += 1;
        self.row - 1
    }

    /// The library's generators set constants, and copies take the value they are copies of.
    fn constant(&mut self, _: i64) -> Target {
        Target::VirtualTarget { index: usize::MAX }
    }

    fn copy(&mut self, _: Target, _: usize, _: usize) {}

    fn set(&mut self, row: usize, wire: usize, value: impl FnOnce() -> i64) {
        self.contradiction |= self.wires.set_target(Target::wire(row, wire), element(value())).is_err();
    }

    fn wire(&self, row: usize, wire: usize) -> Target {
        Target::wire(row, wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_check_of_all_systems() {
        crate::check::check_system(&Plonky2).expect("a sound system");
    }
}
