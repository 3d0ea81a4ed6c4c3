//! Interim group kernels.
use ark_bls12_381::{Fr, G1Affine, G1Projective, g1::Config};
use ark_ec::hashing::{HashToCurve, curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurveBasedHasher};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::field_hashers::DefaultFieldHasher;
use convince_field::{IntSlice, ProofField};

use crate::PcsError;

pub const MAX_WIDTH: usize = 1024;

pub struct Generators {
    columns: Vec<G1Affine>,
    blind: G1Affine,
}

impl Generators {
    pub fn new(width: usize) -> Result<Self, PcsError> {
        let hasher = MapToCurveBasedHasher::<G1Projective, DefaultFieldHasher<sha2::Sha256, 128>, WBMap<Config>>::new(
            b"convince/hyrax/generators/v1",
        )
        .unwrap();
        let columns = (0..width as u32).map(|i| hasher.hash(&i.to_le_bytes()).unwrap()).collect();
        Ok(Self { columns, blind: hasher.hash(b"blind").unwrap() })
    }
    pub fn width(&self) -> usize {
        self.columns.len()
    }
    pub fn columns(&self) -> &[G1Affine] {
        &self.columns
    }
    pub fn blind(&self) -> G1Affine {
        self.blind
    }
}

pub struct FixedBase(Vec<G1Affine>, G1Affine);
impl FixedBase {
    pub fn new(g: &Generators) -> Self {
        Self(g.columns.clone(), g.blind)
    }
    pub fn commit_rows(&self, rows: &[IntSlice<'_>], blinds: &[Fr]) -> Vec<G1Affine> {
        rows.iter()
            .zip(blinds)
            .map(|(row, blind)| {
                let s: Vec<Fr> = row.iter().map(Fr::from_i64).collect();
                (G1Projective::msm_unchecked(&self.0[..s.len()], &s) + self.1 * *blind).into_affine()
            })
            .collect()
    }
}
pub fn msm(points: &[G1Affine], scalars: &[Fr]) -> G1Projective {
    G1Projective::msm_unchecked(points, scalars)
}
