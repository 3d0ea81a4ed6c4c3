use convince_field::{Fr, ProofField};
use convince_poly::eq_table;
use convince_transcript::{ChannelError, PlainProver, PlainVerifier, Transcript};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{SumcheckClaim, suffix};

/// Per instance: number of variables and the factors' tables.
type Batch = Vec<(usize, Vec<Vec<Fr>>)>;

fn scalar(rng: &mut ChaCha20Rng) -> Fr {
    Fr::from(rng.r#gen::<u128>())
}

fn batch(sizes: &[(usize, usize)], rng: &mut ChaCha20Rng) -> Batch {
    let mut tables = |n, factors| (0..factors).map(|_| (0..1 << n).map(|_| scalar(rng)).collect()).collect();
    sizes.iter().map(|&(n, factors)| (n, tables(n, factors))).collect()
}

fn total(z: &[Fr], n: usize, tables: &[Vec<Fr>]) -> Fr {
    let product = |i: usize| tables.iter().map(|t| t[i]).product::<Fr>();
    eq_table(suffix(z, n)).iter().enumerate().map(|(i, e)| *e * product(i)).sum()
}

fn run_prover(z: &[Fr], degree: usize, batch: &Batch, weights: &[Fr]) -> (Fr, Vec<u8>) {
    let mut prover = PlainProver::new(Transcript::new("test"));
    let instance = |((n, tables), weight): (&(usize, Vec<Vec<Fr>>), &Fr)| Instance {
        summand: Factors::new(*n, tables.clone()),
        claim: total(z, *n, tables),
        weight: *weight,
    };
    let mut instances: Vec<_> = batch.iter().zip(weights).map(instance).collect();
    let claim = instances.iter().map(|i| i.claim * i.weight).sum();
    prove(&mut prover, z, degree, &mut instances);
    (claim, prover.finish())
}

fn run_verifier(z: &[Fr], degree: usize, claim: Fr, proof: &[u8]) -> Result<SumcheckClaim<Fr, Fr>, ChannelError> {
    let mut verifier = PlainVerifier::new(Transcript::new("test"), proof);
    let out = verify(&mut verifier, z, degree, claim)?;
    verifier.finish()?;
    Ok(out)
}

fn expected(batch: &Batch, weights: &[Fr], point: &[Fr]) -> Fr {
    let at = |t: &Vec<Fr>, n| Fr::inner_product(t, &eq_table(suffix(point, n)));
    let product = |(n, tables): &(usize, Vec<Vec<Fr>>)| tables.iter().map(|t| at(t, *n)).product::<Fr>();
    batch.iter().zip(weights).map(|(instance, weight)| product(instance) * weight).sum()
}

#[test]
fn the_claim_out_is_the_true_evaluation_and_a_false_claim_is_not() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for sizes in [&[(4, 3), (2, 5), (0, 1)][..], &[(1, 1)], &[(0, 2)], &[(3, 2), (3, 6)], &[(11, 2), (10, 3)]] {
        let batch = batch(sizes, &mut rng);
        let degree = sizes.iter().map(|s| s.1).max().unwrap_or(1);
        let num_vars = sizes.iter().map(|s| s.0).max().unwrap_or(0);
        let z: Vec<Fr> = (0..num_vars).map(|_| scalar(&mut rng)).collect();
        let weights: Vec<Fr> = sizes.iter().map(|_| scalar(&mut rng)).collect();
        let (claim, proof) = run_prover(&z, degree, &batch, &weights);
        assert_eq!(proof.len(), 32 * degree * num_vars);
        let out = run_verifier(&z, degree, claim, &proof).unwrap();
        assert_eq!(out.value, expected(&batch, &weights, &out.point), "{sizes:?}");
        let out = run_verifier(&z, degree, claim + Fr::from(1u64), &proof).unwrap();
        assert_ne!(out.value, expected(&batch, &weights, &out.point), "{sizes:?}");
    }
}

#[test]
fn tampered_truncated_and_extended_proofs_are_rejected() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (batch, z, weights) = (batch(&[(3, 3)], &mut rng), [7u64, 8, 9].map(Fr::from), [Fr::from(1u64)]);
    let (claim, proof) = run_prover(&z, 3, &batch, &weights);
    for word in 0..proof.len() / 32 {
        let mut bad = proof.clone();
        bad[32 * word] ^= 1;
        let out = run_verifier(&z, 3, claim, &bad).unwrap();
        assert_ne!(out.value, expected(&batch, &weights, &out.point), "word {word}");
    }
    assert!((0..proof.len()).all(|len| run_verifier(&z, 3, claim, &proof[..len]).is_err()));
    assert!(run_verifier(&z, 3, claim, &[&proof[..], &[0]].concat()).is_err());
}

#[test]
fn a_zero_weight_is_an_error() {
    let z = [Fr::from(3u64), Fr::from(0u64)];
    assert_eq!(run_verifier(&z, 1, Fr::from(0u64), &[0; 64]), Err(ChannelError::ZeroChallenge));
}
