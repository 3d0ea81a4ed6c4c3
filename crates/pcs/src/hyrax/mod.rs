//! Hyrax over BLS12-381 G1 (Wahby et al., 2018), with blinded rows and one opening for all claims.
//!
//! ```text
//! Claim in:   <functional_t, wire_t> = v_t, all absorbed; the rows' commitments C_r = <row_r, G> + b_r H are bound before
//! Challenge:  lambda
//! Rounds:     sum over columns of sum_g f_g L_g = sum_t lambda^t v_t, where a group g holds claims that share their column
//!             functional L_g, and f_g = sum_r R_g[r] row_r with the lambda^t inside R_g; tables are extended by zeros
//! Messages:   F = sum_g L_g~(sigma) f_g and its blind, in the clear; of more than 512 columns, what the rounds of an
//!             inner-product argument leave of them ([`argument_rounds`])
//! Checks:     <F, eq(sigma)> = claim, and <F, G> + b H = sum_g L_g~(sigma) sum_r R_g[r] C_r, or what the rounds make of both
//! Error:      (number of claims - 1 + 2 log2(columns) + 3 rounds) / 2^128, and discrete logarithms between the generators
//! ```
//!
//! L_g is public, so that the sumcheck ends in a claim that is linear in F, and no evaluation of an f_g is sent. The sum over
//! g of f_g L_g does not depend on how claims are divided into groups; that is the prover's choice alone.
//! The generators come from hashing to the curve, never from a key or a proof.

mod argument;
mod claims;
pub mod hiding;
mod prove;
mod verify;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wide_tests;

use ark_bls12_381::G1Affine;
use ark_ec::{AffineRepr, CurveGroup};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use convince_field::{Fr, IntSlice, ProofField};
use convince_poly::log2_ceil;
use convince_transcript::{Label, ProverChannel, VerifierChannel};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use crate::group::{FixedBase, Generators, made};
pub use crate::group::{MAX_WIDTH, TABLE_COLUMNS};
use crate::{CommitmentScheme, CommittedWire, OpeningClaim, PcsError, WireCommitment};

pub use argument::{argument_rounds, padded_width};
pub use claims::opening_error_terms;

const LAMBDA: Label = "pcs/hyrax/lambda";
const VECTOR: Label = "pcs/hyrax/vector";

/// First byte of the compressed zero: compressed, and at infinity.
const ZERO_FLAGS: u8 = 0xc0;

/// The scheme; see the module's documentation.
pub struct Hyrax;

/// Generators for one width, with the tables that committing needs, built on first use.
pub struct HyraxParams {
    width: usize,
    /// At least `width` of them: as many as the inner-product argument folds.
    generators: Generators,
    fixed_base: std::sync::OnceLock<FixedBase>,
}

impl HyraxParams {
    fn fixed_base(&self) -> &FixedBase {
        made(&self.fixed_base, || FixedBase::new(&self.generators))
    }

    /// Builds the tables that committing to 16-bit integers needs now rather than in the first proof: some 60 us a column up
    /// to 1024 columns, a millisecond beyond.
    pub fn prepare(&self) {
        self.fixed_base().prepare(2);
    }
}

impl Hyrax {
    /// The commitments to sums: that of two rows' integers under the sum of their blinds, row by row.
    pub fn add_rows(a: &[G1Affine], b: &[G1Affine]) -> Vec<G1Affine> {
        a.iter().zip(b).map(|(a, b)| (*a + b).into_affine()).collect()
    }
}

/// Uniform scalars, 64 bytes of the generator reduced for each.
fn random(count: usize, rng: &mut (impl RngCore + CryptoRng)) -> Zeroizing<Vec<Fr>> {
    let mut bytes = Zeroizing::new(vec![0; 64 * count]);
    rng.fill_bytes(&mut bytes);
    let (chunks, _) = bytes.as_chunks::<64>();
    Zeroizing::new(chunks.iter().map(Fr::full_challenge).collect())
}

/// Reads points of the group in canonical compressed form, each checked to be on the curve and in the subgroup.
fn points_from_bytes(count: usize, bytes: &[u8], allow_zero: bool) -> Result<Vec<G1Affine>, PcsError> {
    let expected = count.saturating_mul(Hyrax::ROW_BYTES);
    if bytes.len() != expected {
        return Err(PcsError::Length { expected, found: bytes.len() });
    }
    let read = |row: usize| {
        let bytes = &bytes[row * Hyrax::ROW_BYTES..][..Hyrax::ROW_BYTES];
        if allow_zero && bytes[0] == ZERO_FLAGS && bytes[1..].iter().all(|&b| b == 0) {
            return Ok(G1Affine::zero());
        }
        let point = G1Affine::deserialize_compressed(bytes);
        // The library reads zero whatever stands behind its flags.
        point.ok().filter(|p| !p.is_zero()).ok_or(PcsError::Point { row })
    };
    convince_sumcheck::parallel::map(count, read).into_iter().collect()
}

impl CommitmentScheme for Hyrax {
    const ID: &'static str = "hyrax/bls12-381-g1/v1";
    const ROW_BYTES: usize = 48;
    type Field = Fr;
    type Params = HyraxParams;
    type Row = G1Affine;
    type Blind = Fr;

    fn params(width: usize) -> Result<HyraxParams, PcsError> {
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(PcsError::Width { width, max: MAX_WIDTH });
        }
        let generators = Generators::new(padded_width(width))?;
        Ok(HyraxParams { width, generators, fixed_base: Default::default() })
    }

    fn blinds(rows: usize, rng: &mut (impl RngCore + CryptoRng)) -> Vec<Fr> {
        std::mem::take(&mut *random(rows, rng))
    }

    fn commit(params: &HyraxParams, rows: &[IntSlice<'_>], blinds: &[Fr]) -> Vec<G1Affine> {
        params.fixed_base().commit_rows(rows, blinds)
    }

    fn commit_jobs(params: &HyraxParams, rows: &[IntSlice<'_>]) -> Vec<Vec<usize>> {
        params.fixed_base().jobs(rows)
    }

    fn commit_job(params: &HyraxParams, rows: &[IntSlice<'_>], blinds: &[Fr], job: &[usize]) -> Vec<G1Affine> {
        params.fixed_base().commit_job(rows, blinds, job)
    }

    fn rows_to_bytes(rows: &[G1Affine]) -> Vec<u8> {
        let mut out = Vec::with_capacity(rows.len() * Self::ROW_BYTES);
        for row in rows {
            row.serialize_compressed(&mut out).expect("writing to memory");
        }
        out
    }

    fn rows_from_bytes(count: usize, bytes: &[u8]) -> Result<Vec<G1Affine>, PcsError> {
        points_from_bytes(count, bytes, false)
    }

    /// Rounds of the sumcheck of two scalars each, those of the argument of two points and a scalar, then what is left of F
    /// and its blind.
    fn opening_size(width: usize) -> (usize, usize) {
        let (variables, rounds) = (log2_ceil(width), argument_rounds(width));
        let scalars = 2 * variables + rounds + (padded_width(width) >> rounds) + 1;
        (Fr::BYTES * scalars + 2 * rounds * Self::ROW_BYTES, variables + rounds)
    }

    fn open<C: ProverChannel<Fr>>(
        params: &HyraxParams,
        wires: &[CommittedWire<'_, Self>],
        claims: &[OpeningClaim<Fr, Fr>],
        channel: &mut C,
    ) {
        prove::open(params, wires, claims, channel);
    }

    fn verify<C: VerifierChannel<Fr, Scalar = Fr>>(
        params: &HyraxParams,
        wires: &[WireCommitment<'_, Self>],
        claims: &[OpeningClaim<Fr, Fr>],
        channel: &mut C,
    ) -> Result<(), PcsError> {
        let splits: Vec<_> = wires.iter().map(|w| w.split).collect();
        let reduced = verify::reduce(params.width, &splits, claims, channel)?;
        verify::finish_plain(params, wires, reduced, channel)
    }
}
