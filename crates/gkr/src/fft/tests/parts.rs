use convince_circuit::Grid;
use convince_field::reference;
use convince_poly::{Functional, eq_table, outer};
use convince_transcript::{ChannelError, PlainProver, PlainVerifier, Transcript};
use rand::SeedableRng;

use super::*;
use crate::fft::delegate::{self, Column, Entry};
use crate::fft::hadamard::{self, FactorClaims, Product, Shape};
use crate::fft::{DftMatrix, Direction, Evaluations, transform};

const LENGTHS: [&[usize]; 5] = [&[3], &[0], &[4, 2, 4], &[0, 5], &[1, 1]];

fn prover() -> PlainProver<Fr> {
    PlainProver::new(Transcript::new("test"))
}

fn at(vector: &[Fr], point: &[Fr]) -> Fr {
    Fr::inner_product(vector, &eq_table(point))
}

fn transform_of(direction: Direction, vector: &[Fr]) -> Vec<Fr> {
    let root = Fr::root_of_unity(vector.len().ilog2() as usize).unwrap();
    match direction {
        Direction::Forward => reference::dft(vector, root),
        Direction::Inverse => reference::inverse_dft(vector, root),
    }
}

/// Vectors and the true claims on their transforms.
fn vectors(direction: Direction, log_lens: &[usize], rng: &mut ChaCha20Rng) -> (Vec<Vec<Fr>>, Evaluations<Fr, Fr>) {
    let point = elements(log_lens.iter().copied().max().unwrap(), rng);
    let vectors: Vec<Vec<Fr>> = log_lens.iter().map(|n| elements(1 << n, rng)).collect();
    let mut claims = Evaluations { point, values: vec![] };
    for (vector, &n) in vectors.iter().zip(log_lens) {
        let value = at(&transform_of(direction, vector), claims.at(n));
        claims.values.push(value);
    }
    (vectors, claims)
}

fn verify_transform(
    (direction, step): (Direction, Step),
    log_lens: &[usize],
    claims: &Evaluations<Fr, Fr>,
    proof: &[u8],
) -> Result<Evaluations<Fr, Fr>, ChannelError> {
    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
    let out = transform::verify(&mut channel, step, direction, log_lens, claims)?;
    channel.finish()?;
    Ok(out)
}

fn true_evaluations(vectors: &[Vec<Fr>], out: &Evaluations<Fr, Fr>) -> bool {
    let value = |(v, value): (&Vec<Fr>, &Fr)| at(v, out.at(v.len().ilog2() as usize)) == *value;
    vectors.iter().zip(&out.values).all(value)
}

#[test]
fn a_transform_and_its_inverse_end_in_the_vectors_true_values() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    for log_lens in LENGTHS {
        for direction in [Direction::Forward, Direction::Inverse] {
            for step in STEPS {
                let (vectors, claims) = vectors(direction, log_lens, &mut rng);
                let mut channel = prover();
                let out = transform::prove(&mut channel, step, direction, vectors.clone(), &claims);
                let proof = channel.finish();
                assert!(true_evaluations(&vectors, &out));
                let how = (direction, step);
                assert_eq!(verify_transform(how, log_lens, &claims, &proof), Ok(out));
                let accepted = |claims: &_, proof: &[u8]| {
                    verify_transform(how, log_lens, claims, proof).is_ok_and(|out| true_evaluations(&vectors, &out))
                };
                for word in 0..proof.len() / 32 {
                    let mut bad = proof.clone();
                    bad[32 * word] ^= 1;
                    assert!(!accepted(&claims, &bad), "{log_lens:?}, word {word}");
                }
                assert!((0..proof.len()).all(|len| verify_transform(how, log_lens, &claims, &proof[..len]).is_err()));
                for k in 0..claims.values.len() {
                    let mut bad = claims.clone();
                    bad.values[k] += Fr::from(1u64);
                    let mut channel = prover();
                    let _ = transform::prove(&mut channel, step, direction, vectors.clone(), &bad);
                    assert!(!accepted(&bad, &channel.finish()), "{log_lens:?}, claim {k}");
                }
                let other = match direction {
                    Direction::Forward => Direction::Inverse,
                    Direction::Inverse => Direction::Forward,
                };
                let trivial = log_lens.iter().all(|&n| n == 0);
                assert!(trivial || verify_transform((other, step), log_lens, &claims, &proof).is_err());
            }
        }
    }
}

#[test]
fn transforms_that_the_field_does_not_have_are_an_error() {
    let claims = Evaluations { point: vec![Fr::from(3u64); 40], values: vec![Fr::from(5u64)] };
    let result = verify_transform((Direction::Forward, STEPS[0]), &[40], &claims, &[0; 4096]);
    assert_eq!(result, Err(ChannelError::NoTransform { log_len: 40 }));
}

fn verify_products(
    shapes: &[Shape],
    claims: &Evaluations<Fr, Fr>,
    proof: &[u8],
) -> Result<FactorClaims<Fr, Fr>, ChannelError> {
    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
    let out = hadamard::verify(&mut channel, STEPS[0], shapes, claims)?;
    channel.finish()?;
    Ok(out)
}

fn true_factors(factors: &[[Vec<Fr>; 2]], shapes: &[Shape], out: &FactorClaims<Fr, Fr>) -> bool {
    let value = |table: &[Fr], shape: &Shape| {
        let mut weights = eq_table(&out.place[out.place.len() - shape.log_len..]);
        let terms = outer(&Functional::at_flat(out.term_at(shape), &shape.terms).0);
        weights = weights.iter().flat_map(|a| terms.iter().map(move |b| *a * b)).collect();
        Fr::inner_product(table, &weights)
    };
    let triples = factors.iter().zip(shapes).zip(&out.values);
    let pairs =
        |(([l, r], shape), values): ((&[Vec<Fr>; 2], &Shape), &[Fr; 2])| [l, r].map(|t| value(t, shape)) == *values;
    triples.into_iter().all(pairs)
}

#[test]
fn pointwise_products_end_in_their_factors_true_values() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let shape = |log_len, terms: &[usize]| Shape { log_len, terms: terms.to_vec() };
    let batches = [
        vec![shape(3, &[1, 1])],
        vec![shape(0, &[3]), shape(4, &[2, 3])],
        vec![shape(2, &[]), shape(2, &[40])],
        vec![shape(5, &[5, 1]), shape(1, &[1, 2]), shape(5, &[17])],
    ];
    for shapes in batches {
        let size = |shape: &Shape| shape.terms.iter().product::<usize>() << shape.log_len;
        let factors: Vec<[Vec<Fr>; 2]> = shapes.iter().map(|s| [0, 1].map(|_| elements(size(s), &mut rng))).collect();
        let products = || {
            let product =
                |(shape, factors): (&Shape, &[Vec<Fr>; 2])| Product { shape: shape.clone(), factors: factors.clone() };
            shapes.iter().zip(&factors).map(product).collect::<Vec<_>>()
        };
        let point = elements(shapes.iter().map(|s| s.log_len).max().unwrap(), &mut rng);
        let mut claims = Evaluations { point, values: vec![] };
        for product in products() {
            let value = at(&hadamard::multiply(&product), claims.at(product.shape.log_len));
            claims.values.push(value);
        }
        let mut channel = prover();
        let out = hadamard::prove(&mut channel, products(), &claims);
        let proof = channel.finish();
        assert!(true_factors(&factors, &shapes, &out));
        assert_eq!(verify_products(&shapes, &claims, &proof), Ok(out));
        let accepted = |claims: &_, proof: &[u8]| {
            verify_products(&shapes, claims, proof).is_ok_and(|out| true_factors(&factors, &shapes, &out))
        };
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&claims, &bad), "{shapes:?}, word {word}");
        }
        for k in 0..claims.values.len() {
            let mut bad = claims.clone();
            bad.values[k] += Fr::from(1u64);
            let mut channel = prover();
            let _ = hadamard::prove(&mut channel, products(), &bad);
            assert!(!accepted(&bad, &channel.finish()), "{shapes:?}, claim {k}");
        }
    }
}

#[test]
fn entries_of_matrices_are_proven_and_false_ones_rejected() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    for log_len in 0..8 {
        for direction in [Direction::Forward, Direction::Inverse] {
            let matrix = DftMatrix::new(direction, log_len).unwrap();
            let row = elements(log_len, &mut rng);
            let side = 1 << (log_len / 2);
            let grid = Grid { origin: side - 1, steps: [side as isize, -1], shape: [side, side] };
            let [rows, columns] = [0, 1].map(|_| elements(side, &mut rng));
            let point = elements(log_len, &mut rng);
            for column in
                [Column::Point(point.clone()), Column::Grid { grid, rows: rows.clone(), columns: columns.clone() }]
            {
                let entry = Entry { matrix: matrix.clone(), row: row.clone(), column };
                let mut channel = prover();
                delegate::prove(&mut channel, &entry);
                let proof = channel.finish();
                let accepted = |value: Fr, proof: &[u8]| {
                    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
                    delegate::verify(&mut channel, &entry, value).and_then(|()| channel.finish()).is_ok()
                };
                assert!(accepted(entry.value(), &proof));
                assert!(!accepted(entry.value() + Fr::from(1u64), &proof));
                for word in 0..proof.len() / 32 {
                    let mut bad = proof.clone();
                    bad[32 * word] ^= 1;
                    assert!(!accepted(entry.value(), &bad), "2^{log_len} places, word {word}");
                }
            }
        }
    }
}
