//! Proofs of both sumchecks, against `vectors/golden/sumcheck-*.txt`.

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use convince_field::{Fr, ProofField};
use convince_poly::eq_table;
use convince_sumcheck::{SumcheckClaim, eq_product, product, suffix};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use golden::Golden;

const PRODUCT: &str = "
A batch of two sums of products of multilinear polynomials (convince_sumcheck::product).

Tables are numbered k = 0, 1, ... in the order of the instances, f before g; entry i of table k is
(k + 1) (i + 2)^2 - 7 i. Index bits are variables, the most significant one first.
  instance 0: n = 3, lambda = 11, pairs (table 0, table 1) and (table 2, table 3), table 3 of 5 entries, then zeros
  instance 1: n = 1, lambda = 13, the pair (table 4, table 5)
The transcript is new(\"golden/product\"), nothing absorbed before the first round.
Labels: \"sumcheck/product/round\" (h(0), h(2)), \"sumcheck/product/challenge\".
Field elements are 32 little-endian bytes; `point` holds the challenges in the order drawn.";

const EQ_PRODUCT: &str = "
A batch of two eq-weighted sums of products (convince_sumcheck::eq_product), of degree 3.

Tables are numbered k = 0, 1, ... in the order of the instances; entry i of table k is (k + 1) (i + 2)^2 - 7 i.
  z = (7, 8, 9)
  instance 0: n = 3, lambda = 11, the product of tables 0, 1, 2
  instance 1: n = 2, lambda = 13, the product of tables 3, 4
The transcript is new(\"golden/eq-product\"), nothing absorbed before the first round.
Labels: \"sumcheck/eq-product/round\" (g(0), g(2), g(3)), \"sumcheck/eq-product/challenge\".
Field elements are 32 little-endian bytes; `point` holds the challenges in the order drawn.";

fn table(k: i64, len: i64) -> Vec<Fr> {
    (0..len).map(|i| Fr::from_i64((k + 1) * (i + 2) * (i + 2) - 7 * i)).collect()
}

fn encoded(values: &[Fr]) -> Vec<u8> {
    let mut bytes = Vec::new();
    values.iter().for_each(|v| v.write_to(&mut bytes));
    bytes
}

fn record(golden: &mut Golden, proof: &[u8], claim: &SumcheckClaim<Fr, Fr>) {
    golden.bytes("proof", proof);
    golden.bytes("point", &encoded(&claim.point));
    golden.bytes("claim out", &encoded(&[claim.value]));
}

#[test]
fn golden_product() {
    let first = vec![[table(0, 8), table(1, 8)], [table(2, 8), table(3, 5)]];
    let second = vec![[table(4, 2), table(5, 2)]];
    let batch = [(3, 11, first), (1, 13, second)];
    let mut golden = Golden::new("sumcheck-product.txt", PRODUCT);
    let (mut instances, mut weighted) = (Vec::new(), Vec::new());
    for (k, (num_vars, weight, pairs)) in batch.into_iter().enumerate() {
        let weight = Fr::from_i64(weight);
        let claim: Fr = pairs.iter().flat_map(|[f, g]| f.iter().zip(g).map(|(a, b)| *a * b)).sum();
        golden.bytes(&format!("claim {k}"), &encoded(&[claim]));
        weighted.push((num_vars, weight * claim));
        instances.push(product::Instance::new(num_vars, weight, claim, pairs));
    }
    let mut prover = PlainProver::new(Transcript::new("golden/product"));
    let (point, finals) = product::prove(&mut prover, instances);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::new(Transcript::new("golden/product"), &proof);
    let claim = product::verify(&mut verifier, &weighted).unwrap();
    verifier.finish().unwrap();
    assert_eq!(claim.point, point);
    record(&mut golden, &proof, &claim);
    let factors: Vec<Fr> = finals.into_iter().flatten().flatten().collect();
    golden.bytes("factors out", &encoded(&factors));
    golden.finish();
}

#[test]
fn golden_eq_product() {
    let z = [7, 8, 9].map(Fr::from_i64);
    let first: Vec<_> = (0..3).map(|k| table(k, 8)).collect();
    let second: Vec<_> = (3..5).map(|k| table(k, 4)).collect();
    let batch = [(3, 11, first), (2, 13, second)];
    let mut golden = Golden::new("sumcheck-eq-product.txt", EQ_PRODUCT);
    let (mut instances, mut total) = (Vec::new(), Fr::from_i64(0));
    for (k, (num_vars, weight, tables)) in batch.into_iter().enumerate() {
        let weight = Fr::from_i64(weight);
        let product = |i: usize| tables.iter().map(|t| t[i]).product::<Fr>();
        let claim = eq_table(suffix(&z, num_vars)).iter().enumerate().map(|(i, e)| *e * product(i)).sum();
        golden.bytes(&format!("claim {k}"), &encoded(&[claim]));
        total += weight * claim;
        instances.push(eq_product::Instance { summand: eq_product::Factors::new(num_vars, tables), claim, weight });
    }
    let mut prover = PlainProver::new(Transcript::new("golden/eq-product"));
    let point = eq_product::prove(&mut prover, &z, 3, &mut instances);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::new(Transcript::new("golden/eq-product"), &proof);
    let claim = eq_product::verify(&mut verifier, &z, 3, total).unwrap();
    verifier.finish().unwrap();
    assert_eq!(claim.point, point);
    record(&mut golden, &proof, &claim);
    golden.finish();
}
