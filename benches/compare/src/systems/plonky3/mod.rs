//! Plonky3: AIRs over KoalaBear with FRI and LogUp, by `p3-batch-stark` and `p3-lookup` 0.8, which build on `p3-uni-stark`.
//!
//! A plain AIR has no copies; what binds values across rows and layers is **memory that is written once**. Every element of every
//! tensor has an address. The bus `memory` holds pairs of address and value: whoever makes a value provides its pair as many times
//! as it is read, readers take pairs away, and LogUp proves that all are gone. Addresses and numbers of reads are fixed columns,
//! committed in the verifier's key, each address has one provider, and reads are fewer than the field's characteristic: so every
//! reader has the value that was made. The tables (`air.rs`):
//!
//! - *Public*: input, output and the constants that biases are multiplied by. Values are a periodic column of full length, which the
//!   verifier evaluates by itself; they are also absorbed as public values.
//! - *Dense*: a row has some activations (read at consecutive fixed addresses), the weights between them and some outputs, and the
//!   outputs' sums so far, which a fixed flag carries from row to row or drops. Every weight stands in one row.
//! - One table a *convolution*: a row has some taps of one place and some channels. On the rows of all places weights stay the same
//!   but rotate by one tap a row, and activations are read in the same rotation: so every weight passes the first column, the only
//!   one that is range-checked. Sums over more taps than a row has go through memory.
//! - *Requant*: `x + half = (o + above - below) 2^shift + remainder`, `above (o - high) = 0`, `below (o - low) = 0`, all four in
//!   ranges, byte by byte. If `above` is not zero then `o = high` and the quotient is larger, and the same below.
//! - *Max*: all differences are bytes and their product is zero.
//! - *Ranges*, *Pairs*: what is looked up.
//!
//! **No wrap-around.** Weights are range-checked to 8 bits; a bias is two or more such weights of the constants `1, 256, ...`.
//! Activations are results of requantisations or public. So every sum is an integer within the bounds of the workload, and
//! [`System::fits`] checks that both sides of the requantisation together are below the field's size 2^31 - 2^24 + 1: the equation
//! holds for integers.

mod air;
mod layout;
mod trace;

use anyhow::{Result, anyhow};
use p3_batch_stark::{BatchProof, ProverData, StarkInstance, prove_batch, verify_batch};
use p3_challenger::DuplexChallenger;
use p3_commit::ExtensionMmcs;
use p3_dft::Radix2DitParallel;
use p3_field::extension::BinomialExtensionField;
use p3_field::{Field, PrimeCharacteristicRing};
use p3_fri::{FriParameters, TwoAdicFriPcs};
use p3_koala_bear::{KoalaBear, Poseidon2KoalaBear, default_koalabear_poseidon2_16, default_koalabear_poseidon2_24};
use p3_matrix::Matrix;
use p3_matrix::dense::RowMajorMatrix;
use p3_merkle_tree::MerkleTreeMmcs;
use p3_symmetric::{PaddingFreeSponge, TruncatedPermutation};
use p3_uni_stark::StarkConfig;

use self::air::{BYTE, F};
use self::layout::Layout;
use super::parts;
use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Layer, Public, Trace, Workload};

type Challenge = BinomialExtensionField<F, 4>;
type Permutation = Poseidon2KoalaBear<16>;
type Hash = PaddingFreeSponge<Poseidon2KoalaBear<24>, 24, 16, 8>;
type Compression = TruncatedPermutation<Permutation, 2, 8, 16>;
type ValueMmcs = MerkleTreeMmcs<<F as Field>::Packing, <F as Field>::Packing, Hash, Compression, 2, 8>;
type ChallengeMmcs = ExtensionMmcs<F, Challenge, ValueMmcs>;
type Pcs = TwoAdicFriPcs<F, Radix2DitParallel<F>, ValueMmcs, ChallengeMmcs>;
type Config = StarkConfig<Pcs, Challenge, DuplexChallenger<F, Permutation, 16, 8>>;

/// Plonky3's STARK with lookups.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plonky3;

const LOG_BLOWUP: usize = 1;
const QUERIES: usize = 84;
const GRINDING_BITS: usize = 16;

fn config() -> Config {
    let permutation = default_koalabear_poseidon2_16();
    let hash = Hash::new(default_koalabear_poseidon2_24());
    let mmcs = ValueMmcs::new(hash, Compression::new(permutation.clone()), 0);
    let fri = FriParameters {
        log_blowup: LOG_BLOWUP,
        log_final_poly_len: 0,
        max_log_arity: 3,
        num_queries: QUERIES,
        batch_proof_of_work_bits: 0,
        commit_proof_of_work_bits: 0,
        query_proof_of_work_bits: GRINDING_BITS,
        mmcs: ChallengeMmcs::new(mmcs.clone()),
    };
    let pcs = Pcs::new(Radix2DitParallel::default(), mmcs, fri);
    Config::new(pcs, DuplexChallenger::new(permutation))
}

/// Configuration, tables and the commitment to what is fixed in them.
pub struct Prepared {
    config: Config,
    layout: Layout,
    data: ProverData<Config>,
}

/// Main traces and public values.
pub struct Witness {
    mains: Vec<RowMajorMatrix<F>>,
    public: Vec<F>,
}

impl System for Plonky3 {
    type Prepared = Prepared;
    type Witness = Witness;

    fn facts(&self) -> Facts {
        Facts {
            name: "plonky3".into(),
            title: "Plonky3 (FRI)".into(),
            implementation: "p3-batch-stark, p3-uni-stark, p3-lookup 0.8.0".into(),
            arithmetisation: "AIRs joined by LogUp buses".into(),
            field: "KoalaBear, 31 bits; challenges of 124 bits".into(),
            commitment: "FRI of rate 1/2 with Poseidon2 Merkle trees".into(),
            security_bits: 100,
            security_note: format!(
                "conjectured (ethSTARK): {QUERIES} queries at rate 1/2 and {GRINDING_BITS} bits of grinding; lookups over 124 bits \
                 leave some 100 for 2^24 of them"
            ),
            trusted_setup: TrustedSetup::None,
            zero_knowledge: false,
            binds_weights: false,
            circuit: "Tables for fully connected layers, for each convolution, for requantisation, maxima, ranges and public values; \
                      all tensors in memory that is written once, by LogUp with fixed addresses. Tiles of several products for each \
                      of several outputs in a row; weights of a convolution rotate through the rows of all places. Weights and \
                      limbs of quotients and remainders are looked up as bytes, dense weights in pairs where there are many. \
                      Of several tiles for dense layers it takes the one with the fewest committed cells, for the prover's time: where \
                      that is a wide one, rows that are opened are long, and a proof has a megabyte."
                .into(),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        for (index, step) in workload.steps.iter().enumerate() {
            let unfit = |why: &str| Err(Unfit(format!("{}: {why}", step.name)));
            match &step.layer {
                Layer::Linear(_) => {
                    let next = workload.steps.get(index + 1).map(|step| &step.layer);
                    if !matches!(next, None | Some(Layer::Requant(_))) {
                        return unfit("sums that are not requantised at once have no table");
                    }
                }
                Layer::Requant(requant) => {
                    if parts::output_size(requant) > BYTE {
                        return unfit("results of more than 8 bits have no table");
                    }
                    if !layout::no_wrap(step, requant) {
                        return unfit("its sums do not fit the field of 31 bits");
                    }
                }
                Layer::MaxPool(pool) => {
                    let others = workload.steps.iter().filter_map(|step| match &step.layer {
                        Layer::MaxPool(pool) => Some(pool.size),
                        _ => None,
                    });
                    if step.input.range.size() > BYTE || others.into_iter().any(|size| size != pool.size) {
                        return unfit("maxima of more than 8 bits, or of windows of several sizes, have no table");
                    }
                }
            }
        }
        Ok(())
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let (config, layout) = (config(), Layout::new(workload));
        let log_rows: Vec<usize> =
            layout.tables.iter().map(|table| table.fixed.height().trailing_zeros() as usize).collect();
        let data = ProverData::from_airs_and_degrees(&config, &layout.tables, &log_rows)
            .map_err(|error| anyhow!("Plonky3's commitment to fixed columns: {error:?}"))?;
        Ok(Prepared { config, layout, data })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let fixed: usize = prepared.layout.tables.iter().map(|table| table.fixed.values.len()).sum();
        let (rows, cells) = prepared.layout.cells();
        Ok(Sizes {
            // Fixed columns and their low-degree extension; no format of the library writes them.
            proving_key_bytes: Some((fixed * 4 * (1 + (1 << LOG_BLOWUP))) as u64),
            // One digest.
            verifying_key_bytes: Some(32),
            constraints: Some(rows as u64),
            constraints_unit: format!("rows in {} tables, {cells} cells before lookups", prepared.layout.tables.len()),
            security_bits: None,
        })
    }

    fn witness(&self, prepared: &Prepared, workload: &Workload, trace: &Trace) -> Result<Witness> {
        Ok(Witness { mains: trace::main_traces(&prepared.layout, workload, trace), public: public(&trace.public()) })
    }

    fn prove(&self, prepared: &Prepared, witness: Witness) -> Result<Vec<u8>> {
        let tables = prepared.layout.tables_for(&witness.public);
        let instances: Vec<StarkInstance<'_, Config, air::Table>> = tables
            .iter()
            .zip(&witness.mains)
            .map(|(air, trace)| StarkInstance { air, trace, public_values: witness.public[..air.num_public].to_vec() })
            .collect();
        let proof = prove_batch(&prepared.config, &instances, &prepared.data)
            .map_err(|error| anyhow!("Plonky3's prover: {error:?}"))?;
        Ok(postcard::to_allocvec(&proof)?)
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let public = public(claim);
        let tables = prepared.layout.tables_for(&public);
        let values: Vec<Vec<F>> = tables.iter().map(|table| public[..table.num_public].to_vec()).collect();
        let proof: BatchProof<Config> = postcard::from_bytes(proof)?;
        // The prover chooses the number of rows in the proof's own claim; they are those of the key.
        let rows = prepared.layout.tables.iter().map(|table| table.fixed.height().trailing_zeros() as usize);
        anyhow::ensure!(rows.eq(proof.degree_bits.iter().copied()), "Plonky3: a proof of other numbers of rows");
        verify_batch(&prepared.config, &tables, &proof, &values, &prepared.data.common)
            .map_err(|error| anyhow!("Plonky3's verifier: {error:?}"))
    }
}

/// Input, then output.
fn public(public: &Public) -> Vec<F> {
    public.input.iter().chain(&public.output).map(|&value| KoalaBear::from_i32(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_the_check_of_all_systems() {
        crate::check::check_system(&Plonky3).expect("a sound system");
    }
}
