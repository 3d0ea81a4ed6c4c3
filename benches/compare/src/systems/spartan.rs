//! Spartan (Setty, 2019) by its authors' crate, over ristretto255, in both of its forms.
//!
//! The constraints are those of `r1cs.rs`, made over a field of arkworks with ristretto255's order and handed over as matrices.
//! As a SNARK, setup commits to the matrices and a proof shows their evaluations too; as a NIZK the verifier holds the matrices
//! and evaluates them itself, which makes the prover several times faster and the verifier linear.

use anyhow::{Context, Result, anyhow, ensure};
use ark_ff::{BigInteger, Fp256, MontBackend, PrimeField, Zero};
use ark_relations::gr1cs::{Matrix, R1CS_PREDICATE_LABEL, SynthesisMode};
use libspartan::{
    ComputationCommitment, ComputationDecommitment, InputsAssignment, Instance, NIZK, NIZKGens, SNARK, SNARKGens,
    VarsAssignment,
};
use merlin::Transcript;

use super::r1cs::{self, Network};
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Public, Trace, Workload};

type Scalar = Fp256<MontBackend<field::ScalarConfig, 4>>;

mod field {
    // The derive macro asks for a feature of arkworks that this crate does not have.
    #![allow(unexpected_cfgs)]

    use ark_ff::MontConfig;

    /// The order of ristretto255, `2^252 + 27742317777372353535851937790883648493`.
    #[derive(MontConfig)]
    #[modulus = "7237005577332262213973186563042994240857116359379907606001950938285454250989"]
    #[generator = "2"]
    pub(super) struct ScalarConfig;
}

/// Spartan in one of its forms.
#[derive(Clone, Copy, Debug)]
pub struct Spartan {
    committed: bool,
}

impl Spartan {
    /// With a commitment to the matrices.
    pub const SNARK: Self = Self { committed: true };
    /// With a verifier who evaluates the matrices.
    pub const NIZK: Self = Self { committed: false };
}

/// Matrices and generators.
pub struct Prepared {
    instance: Instance,
    form: Form,
    num_constraints: usize,
    num_variables: usize,
    num_entries: usize,
    num_public: usize,
}

enum Form {
    Snark { generators: Box<SNARKGens>, commitment: ComputationCommitment, decommitment: ComputationDecommitment },
    Nizk { generators: Box<NIZKGens> },
}

/// Private and public variables.
pub struct Witness {
    variables: VarsAssignment,
    public: InputsAssignment,
}

/// A matrix as Spartan takes it: rows, columns, values.
type Entries = Vec<(usize, usize, [u8; 32])>;

impl System for Spartan {
    type Prepared = Prepared;
    type Witness = Witness;

    fn facts(&self) -> Facts {
        let (name, title, form) = if self.committed {
            ("spartan", "Spartan (SNARK)", "Setup commits to the matrices.")
        } else {
            ("spartan-nizk", "Spartan (NIZK)", "The verifier holds the matrices and evaluates them.")
        };
        Facts {
            name: name.into(),
            title: title.into(),
            implementation: "spartan 0.9.0".into(),
            arithmetisation: "R1CS, sumchecks".into(),
            field: "ristretto255 scalar field, 253 bits".into(),
            commitment: "Hyrax with Pedersen commitments on ristretto255".into(),
            security_bits: 126,
            security_note: "discrete logarithm on ristretto255".into(),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: true,
            binds_weights: false,
            circuit: format!("{} {form}", r1cs::DESCRIPTION),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        // Every product is an entry in three matrices of 64 bytes an entry, before they are multiplied out.
        if workload.macs() > MAX_PRODUCTS {
            return Err(Unfit(format!(
                "{} products: matrices are not made for more than {MAX_PRODUCTS}",
                workload.macs()
            )));
        }
        Ok(())
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let system = Network { steps: &workload.steps, trace: None }.synthesised::<Scalar>(SynthesisMode::Setup)?;
        let matrices = system.to_matrices()?.remove(R1CS_PREDICATE_LABEL).context("no constraints")?;
        // The constant one stands before the public values.
        let num_public = system.num_instance_variables() - 1;
        let (num_constraints, num_variables) = (system.num_constraints(), system.num_witness_variables());
        let entries: Vec<Entries> = matrices.iter().map(|matrix| entries(matrix, num_variables, num_public)).collect();
        let [a, b, c] = &entries[..] else { return Err(anyhow!("{} matrices", entries.len())) };
        let instance = Instance::new(num_constraints, num_variables, num_public, a, b, c)
            .map_err(|error| anyhow!("Spartan's matrices: {error:?}"))?;
        let num_entries = entries.iter().map(Vec::len).max().unwrap_or(0);
        let form = if self.committed {
            let generators = Box::new(SNARKGens::new(num_constraints, num_variables, num_public, num_entries));
            let (commitment, decommitment) = SNARK::encode(&instance, &generators);
            Form::Snark { generators, commitment, decommitment }
        } else {
            Form::Nizk { generators: Box::new(NIZKGens::new(num_constraints, num_variables, num_public)) }
        };
        Ok(Prepared { instance, form, num_constraints, num_variables, num_entries, num_public })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let (proving, verifying) = match &prepared.form {
            Form::Snark { generators, commitment, decommitment } => {
                let [generators, commitment] =
                    [bincode::serialized_size(&**generators)?, bincode::serialized_size(commitment)?];
                (generators + bincode::serialized_size(decommitment)?, generators + commitment)
            }
            // Matrices as the library writes them: two places and a value.
            Form::Nizk { .. } => (3 * prepared.num_entries as u64 * 48, 3 * prepared.num_entries as u64 * 48),
        };
        Ok(Sizes {
            proving_key_bytes: Some(proving),
            verifying_key_bytes: Some(verifying),
            constraints: Some(prepared.num_constraints as u64),
            constraints_unit: format!("R1CS constraints, {} variables", prepared.num_variables),
            security_bits: None,
        })
    }

    fn witness(&self, prepared: &Prepared, workload: &Workload, trace: &Trace) -> Result<Witness> {
        let assignment: Vec<Scalar> = Network { steps: &workload.steps, trace: Some(trace) }.assignment()?;
        let assignment: Vec<[u8; 32]> = assignment.into_iter().map(bytes).collect();
        let (public, variables) = assignment.split_at(1 + prepared.num_public);
        Ok(Witness {
            variables: VarsAssignment::new(variables).map_err(|error| anyhow!("Spartan's variables: {error:?}"))?,
            public: InputsAssignment::new(&public[1..]).map_err(|error| anyhow!("Spartan's inputs: {error:?}"))?,
        })
    }

    fn prove(&self, prepared: &Prepared, witness: Witness) -> Result<Vec<u8>> {
        let Witness { variables, public } = witness;
        let mut transcript = Transcript::new(LABEL);
        let bytes = match &prepared.form {
            Form::Snark { generators, commitment, decommitment } => bincode::serialize(&SNARK::prove(
                &prepared.instance,
                commitment,
                decommitment,
                variables,
                &public,
                generators,
                &mut transcript,
            ))?,
            Form::Nizk { generators } => {
                bincode::serialize(&NIZK::prove(&prepared.instance, variables, &public, generators, &mut transcript))?
            }
        };
        Ok(bytes)
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let values: Vec<[u8; 32]> = claim.input.iter().chain(&claim.output).map(|&v| bytes(Scalar::from(v))).collect();
        ensure!(values.len() == prepared.num_public, "{} public values", values.len());
        let public = InputsAssignment::new(&values).map_err(|error| anyhow!("Spartan's inputs: {error:?}"))?;
        let mut transcript = Transcript::new(LABEL);
        let answer = match &prepared.form {
            Form::Snark { generators, commitment, .. } => {
                let proof: SNARK = bincode::deserialize(proof)?;
                proof.verify(commitment, &public, &mut transcript, generators)
            }
            Form::Nizk { generators } => {
                let proof: NIZK = bincode::deserialize(proof)?;
                proof.verify(&prepared.instance, &public, &mut transcript, generators)
            }
        };
        answer.map_err(|error| anyhow!("Spartan's verifier: {error:?}"))
    }
}

const LABEL: &[u8] = b"convince-compare";

/// Matrices of more products take more than 24 GB while they are made.
const MAX_PRODUCTS: u64 = 20_000_000;

/// Variables come first in Spartan, then the constant one and the public values; in arkworks the other way around.
fn entries(matrix: &Matrix<Scalar>, num_variables: usize, num_public: usize) -> Entries {
    let column = |column: usize| match column.checked_sub(1 + num_public) {
        Some(variable) => variable,
        None => num_variables + column,
    };
    let rows = matrix.iter().enumerate();
    rows.flat_map(|(row, entries)| {
        entries.iter().filter(|(value, _)| !value.is_zero()).map(move |&(value, at)| (row, column(at), bytes(value)))
    })
    .collect()
}

fn bytes(value: Scalar) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&value.into_bigint().to_bytes_le());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_pass_the_check_of_all_systems() {
        crate::check::check_system(&Spartan::NIZK).expect("a sound system");
        crate::check::check_system(&Spartan::SNARK).expect("a sound system");
    }
}
