use convince_field::{Fr, ProofField};
use convince_poly::eq_truncated;
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{SumcheckClaim, suffix};

const BATCHES: [&[usize]; 7] = [&[5, 3, 0, 4], &[0, 0], &[2, 0, 2], &[1, 5], &[3], &[], &[11, 4]];

/// Instances as (variables, pairs of tables), some tables short of the full length.
fn tables(sizes: &[usize], rng: &mut ChaCha20Rng) -> Vec<Vec<[Vec<Fr>; 2]>> {
    let mut table = |n: usize| (0..rng.gen_range(1..=1 << n)).map(|_| Fr::from(rng.r#gen::<u128>())).collect();
    sizes.iter().map(|&n| vec![[table(n), table(n)], [table(n), table(n)]]).collect()
}

/// A batching weight for an instance of n variables.
fn weight(n: usize) -> Fr {
    Fr::from(n as u64 + 5)
}

fn total(pairs: &[[Vec<Fr>; 2]]) -> Fr {
    pairs.iter().map(|[f, g]| f.iter().zip(g).map(|(a, b)| *a * b).sum::<Fr>()).sum()
}

fn claims(sizes: &[usize], batch: &[Vec<[Vec<Fr>; 2]>]) -> Vec<(usize, Fr)> {
    sizes.iter().zip(batch).map(|(&n, pairs)| (n, total(pairs))).collect()
}

fn run_prover(sizes: &[usize], batch: &[Vec<[Vec<Fr>; 2]>]) -> Vec<u8> {
    let instance = |((n, claim), pairs): ((usize, Fr), &Vec<_>)| Instance::new(n, weight(n), claim, pairs.clone());
    let mut prover = PlainProver::new(Transcript::new("test"));
    prove(&mut prover, claims(sizes, batch).into_iter().zip(batch).map(instance).collect());
    prover.finish()
}

fn run_verifier(
    claims: &[(usize, Fr)],
    proof: &[u8],
) -> Result<SumcheckClaim<Fr, Fr>, convince_transcript::ChannelError> {
    let mut verifier = PlainVerifier::new(Transcript::new("test"), proof);
    let weighted: Vec<_> = claims.iter().map(|&(n, c)| (n, weight(n) * c)).collect();
    let claim = verify(&mut verifier, &weighted)?;
    verifier.finish()?;
    Ok(claim)
}

/// The summand at the point, from the tables.
fn expected(sizes: &[usize], batch: &[Vec<[Vec<Fr>; 2]>], point: &[Fr]) -> Fr {
    let at = |t: &Vec<Fr>, n: usize| Fr::inner_product(t, &eq_truncated(suffix(point, n), t.len()));
    sizes
        .iter()
        .zip(batch)
        .flat_map(|(&n, pairs)| pairs.iter().map(move |[f, g]| weight(n) * at(f, n) * at(g, n)))
        .sum()
}

#[test]
fn the_claim_out_is_the_true_evaluation() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for sizes in BATCHES {
        let batch = tables(sizes, &mut rng);
        let claim = run_verifier(&claims(sizes, &batch), &run_prover(sizes, &batch)).unwrap();
        assert_eq!(claim.value, expected(sizes, &batch, &claim.point), "{sizes:?}");
    }
}

/// The claim out is that of the products plus the mask's value, and the mask's sum and rounds have full rank in its coefficients.
#[test]
fn a_mask_adds_its_value_and_hides_every_round() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for n in [0, 1, 2, 5] {
        let pairs = tables(&[n], &mut rng).remove(0);
        let coefficients: Vec<Fr> = (0..Mask::<Fr>::len(n)).map(|_| Fr::from(rng.r#gen::<u128>())).collect();
        let factor = Fr::from(rng.r#gen::<u128>());
        let claim = total(&pairs) + factor * Mask::new(coefficients.clone()).sum();
        let mut prover = PlainProver::new(Transcript::new("test"));
        let one = Fr::from(1u64);
        let instance = Instance::new(n, one, claim, pairs.clone()).masked(factor, Mask::new(coefficients.clone()));
        prove(&mut prover, vec![instance]);
        let proof = prover.finish();
        let mut verifier = PlainVerifier::new(Transcript::new("test"), &proof);
        let out = verify(&mut verifier, &[(n, claim)]).unwrap();
        let mask = Fr::inner_product(&coefficients, &Mask::weights(&out.point));
        let products = expected(&[n], std::slice::from_ref(&pairs), &out.point) / weight(n);
        assert_eq!(out.value, products + factor * mask, "{n} variables");
        let revealed = |coefficients: Vec<Fr>| {
            let mut mask = Mask::new(coefficients);
            let mut seen = vec![mask.sum()];
            for r in &out.point {
                seen.extend(mask.round());
                mask.bind(*r);
            }
            seen
        };
        let unit = |i: usize| (0..2 * n + 1).map(|j| Fr::from(u64::from(i == j))).collect();
        assert_eq!(rank((0..2 * n + 1).map(|i| revealed(unit(i))).collect()), 2 * n + 1);
    }
}

fn rank(mut rows: Vec<Vec<Fr>>) -> usize {
    let mut rank = 0;
    for column in 0..rows.first().map_or(0, Vec::len) {
        let Some(pivot) = (rank..rows.len()).find(|&r| rows[r][column] != Fr::from(0u64)) else { continue };
        rows.swap(rank, pivot);
        let pivot = rows[rank].clone();
        for row in &mut rows[rank + 1..] {
            let scale = row[column] / pivot[column];
            row.iter_mut().zip(&pivot).for_each(|(a, b)| *a -= scale * b);
        }
        rank += 1;
    }
    rank
}

#[test]
fn a_false_claim_ends_in_a_false_evaluation() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    for sizes in BATCHES.into_iter().filter(|sizes| !sizes.is_empty()) {
        let batch = tables(sizes, &mut rng);
        let mut false_claims = claims(sizes, &batch);
        false_claims[0].1 += Fr::from(1u64);
        let claim = run_verifier(&false_claims, &run_prover(sizes, &batch)).unwrap();
        assert_ne!(claim.value, expected(sizes, &batch, &claim.point), "{sizes:?}");
    }
}

#[test]
fn every_tampered_word_changes_the_outcome() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let sizes = [3, 1];
    let batch = tables(&sizes, &mut rng);
    let (claims, proof) = (claims(&sizes, &batch), run_prover(&sizes, &batch));
    for word in 0..proof.len() / 32 {
        let mut bad = proof.clone();
        bad[32 * word] ^= 1;
        let claim = run_verifier(&claims, &bad).unwrap();
        assert_ne!(claim.value, expected(&sizes, &batch, &claim.point), "word {word}");
    }
}

#[test]
fn truncated_and_extended_proofs_are_rejected() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let batch = tables(&[3], &mut rng);
    let (claims, proof) = (claims(&[3], &batch), run_prover(&[3], &batch));
    assert!((0..proof.len()).all(|len| run_verifier(&claims, &proof[..len]).is_err()));
    assert!(run_verifier(&claims, &[&proof[..], &[0]].concat()).is_err());
}
