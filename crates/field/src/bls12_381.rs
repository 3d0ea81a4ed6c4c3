//! BLS12-381's scalar field.

use ark_ff::{AdditiveGroup, BigInt, PrimeField};
use ark_bls12_381::Fr;

use crate::{ProofField, SmallInt, reference};

impl ProofField for Fr {
    const ID: &'static str = "BLS12-381 Fr";
    const BYTES: usize = 32;
    const SECURITY_BITS: u32 = 254;

    fn from_i64(value: i64) -> Self {
        let magnitude = Fr::from(value.unsigned_abs());
        if value < 0 { -magnitude } else { magnitude }
    }

    fn short_challenge(bytes: &[u8; 16]) -> Self {
        Fr::from(u128::from_le_bytes(*bytes))
    }

    fn full_challenge(bytes: &[u8; 64]) -> Self {
        Fr::from_le_bytes_mod_order(bytes)
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        for limb in self.into_bigint().0 {
            out.extend_from_slice(&limb.to_le_bytes());
        }
    }

    fn read_from(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; 32] = bytes.try_into().ok()?;
        let (limbs, _) = bytes.as_chunks::<8>();
        let limb = |i: usize| u64::from_le_bytes(limbs[i]);
        Fr::from_bigint(BigInt([limb(0), limb(1), limb(2), limb(3)]))
    }

    fn dot<I: SmallInt>(ints: &[I], weights: &[Self]) -> Self {
        reference::dot(ints, weights)
    }

    fn fold_rows<I: SmallInt>(ints: &[I], width: usize, weights: &[Self]) -> Vec<Self> {
        assert_eq!(ints.len(), width * weights.len());
        let mut out = vec![Fr::ZERO; width];
        for (row, w) in ints.chunks_exact(width).zip(weights) {
            for (o, &x) in out.iter_mut().zip(row) {
                *o += Fr::from_i64(x.into()) * w;
            }
        }
        out
    }

    fn inner_product(a: &[Self], b: &[Self]) -> Self {
        reference::inner_product(a, b)
    }
}
