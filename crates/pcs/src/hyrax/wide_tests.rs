//! Openings of rows wide enough for the inner-product argument, and the argument by itself.

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, UniformRand};
use convince_field::{Fr, Ints, ProofField, curve_scalar};
use convince_poly::{Axis, Functional, eq_truncated, log2_ceil};
use convince_testing::Forger;
use convince_transcript::{ChannelError, Check, Label, PlainProver, PlainVerifier, Transcript};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::tests::{Fixture, extended};
use super::*;
use crate::{OpeningClaim, Split};

/// 150 entries are left after two rounds.
const WIDTH: usize = 1300;
/// Bytes of a round: two points and a scalar.
const ROUND: usize = 2 * 48 + 32;

fn fixture(seed: u64, width: usize) -> Fixture {
    Fixture::new(seed, width, &[&[3, width], &[width + 1], &[2, width.div_ceil(3), 2], &[5], &[40, 9]])
}

/// Where the argument's rounds start, and where the last vector does.
fn layout(proof: &[u8], width: usize) -> (usize, usize) {
    let rounds = argument_rounds(width);
    let last = proof.len() - 32 * ((padded_width(width) >> rounds) + 1);
    (last - ROUND * rounds, last)
}

#[test]
fn rounds_follow_from_the_width() {
    let rounds = [1, 400, 640, 641, 1024, 1280, 1281, 2304, 4096, 4608, 8192, 16384, 25088, 32768].map(argument_rounds);
    assert_eq!(rounds, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6]);
    for width in (1..=MAX_WIDTH).filter(|&n| n < 700 || n % 61 == 0 || n > MAX_WIDTH - 70) {
        let padded = padded_width(width);
        assert!(padded >= width && padded <= MAX_WIDTH.min(width.next_power_of_two()), "{width}");
        assert!(padded >> argument_rounds(width) <= 640);
    }
    assert!((1..=MAX_WIDTH).map(argument_rounds).is_sorted());
}

#[test]
fn errors_of_an_opening_are_these() {
    assert_eq!(opening_error_terms(1, 0), [(1, 0), (0, 2), (0, 3)]);
    assert_eq!(opening_error_terms(400, 70), [(1, 69), (9, 2), (0, 3)]);
    assert_eq!(opening_error_terms(4608, 900), [(1, 899), (13, 2), (3, 3)]);
}

#[test]
fn true_claims_open_at_every_width() {
    for width in [1, 2, 3, 16, 255, 512, 639, 640, 641, 642, 643, 1000, 1024, 1281, 1283, 2304, 2561] {
        let fixture = fixture(width as u64, width);
        let proof = fixture.prove();
        fixture.verify(&proof).unwrap_or_else(|e| panic!("{width}: {e}"));
        let rounds = argument_rounds(width);
        let expected = 64 * log2_ceil(width) + ROUND * rounds + 32 * ((padded_width(width) >> rounds) + 1);
        assert_eq!(proof.len(), expected, "{width}");
    }
}

#[test]
fn a_false_claim_does_not_open() {
    for k in 0..15 {
        let mut fixture = fixture(1, WIDTH);
        fixture.claims[k].value += Fr::ONE;
        let failed = ChannelError::CheckFailed(Check::OpeningEvaluation);
        assert_eq!(fixture.verify(&fixture.prove()), Err(PcsError::Channel(failed)), "claim {k}");
    }
}

/// The opening of a prover that adds to the scalar of this index in every message of this label.
fn added_to(fixture: &Fixture, label: Label, index: usize, added: Fr) -> Vec<u8> {
    let change = move |sent: Label, scalars: &mut [Fr]| {
        if sent == label {
            scalars[index] += added;
        }
    };
    let mut forger = Forger::new(PlainProver::new(Transcript::new("test"))).with_scalars(change);
    fixture.open(&mut forger);
    forger.into_inner().finish()
}

#[test]
fn a_vector_that_fits_a_false_evaluation_is_not_the_committed_one() {
    let mut fixture = fixture(2, WIDTH);
    fixture.claims[0].value += Fr::ONE;
    let proof = fixture.prove();
    let (rounds, last) = layout(&proof, WIDTH);
    // The challenges do not depend on the last vector, so a forger can solve for its first entry.
    let mut channel = PlainVerifier::<Fr>::new(Transcript::new("test"), &proof);
    let splits: Vec<_> = fixture.splits.iter().collect();
    let reduced = verify::reduce(WIDTH, &splits, &fixture.claims, &mut channel).unwrap();
    let (sigma, value) = reduced.claim();
    let folded = argument::verify(*value, sigma, argument_rounds(WIDTH), &mut channel).unwrap();
    let vector: Vec<Fr> = proof[last..].chunks_exact(32).map(|chunk| Fr::read_from(chunk).unwrap()).collect();
    let eq = eq_truncated(&sigma[..sigma.len() - argument_rounds(WIDTH)], vector.len() - 1);
    let missing = folded.value - Fr::inner_product(&vector[..vector.len() - 1], &eq);
    assert_ne!(missing, Fr::from(0u64));
    let added = missing * eq[0].inverse().unwrap();
    let forged = added_to(&fixture, VECTOR, 0, added);
    assert_eq!(forged[..last], proof[..last]);
    assert!(rounds < last);
    assert_eq!(fixture.verify(&forged), Err(PcsError::Commitment));
}

#[test]
fn false_slopes_and_blinds_are_rejected() {
    let fixture = fixture(3, WIDTH);
    let last = padded_width(WIDTH) >> argument_rounds(WIDTH);
    let run = |label, index| fixture.verify(&added_to(&fixture, label, index, Fr::ONE));
    let failed = ChannelError::CheckFailed(Check::OpeningEvaluation);
    assert_eq!(run("pcs/hyrax/slope", 0), Err(PcsError::Channel(failed)));
    assert_eq!(run(VECTOR, last), Err(PcsError::Commitment));
    assert_eq!(run("no such message", 0), Ok(()));
}

/// The honest prover goes on with the challenges that the changed points give.
#[test]
fn swapped_and_foreign_cross_terms_are_rejected() {
    let fixture = fixture(4, WIDTH);
    let run = |change: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut channel = Forger::new(PlainProver::new(Transcript::new("test"))).with_bytes(|_, bytes| change(bytes));
        fixture.open(&mut channel);
        fixture.verify(&channel.into_inner().finish())
    };
    let generator = Hyrax::rows_to_bytes(&[G1Affine::generator()]);
    let zero = Hyrax::rows_to_bytes(&[G1Affine::zero()]);
    assert_eq!(run(&|bytes| bytes.to_vec()), Ok(()));
    assert_eq!(run(&|bytes| [&bytes[48..], &bytes[..48]].concat()), Err(PcsError::Commitment));
    assert_eq!(run(&|bytes| [&bytes[..48], &generator].concat()), Err(PcsError::Commitment));
    assert_eq!(run(&|bytes| [&zero, &bytes[48..]].concat()), Err(PcsError::Commitment));
    // Zero has one encoding, and points outside the subgroup have none.
    let mut other_zero = zero.clone();
    other_zero[47] = 1;
    assert_eq!(run(&|bytes| [&other_zero, &bytes[48..]].concat()), Err(PcsError::Point { row: 0 }));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let outside = std::iter::repeat_with(|| ark_bls12_381::Fq::rand(&mut rng))
        .find_map(|x| G1Affine::get_point_from_x_unchecked(x, true))
        .unwrap();
    let outside = Hyrax::rows_to_bytes(&[outside]);
    assert_eq!(run(&|bytes| [&bytes[..48], &outside].concat()), Err(PcsError::Point { row: 1 }));
}

#[test]
fn other_rows_do_not_open() {
    let mut fixture = fixture(5, WIDTH);
    let proof = fixture.prove();
    fixture.rows[0].swap(0, 1);
    assert_eq!(fixture.verify(&proof), Err(PcsError::Commitment));
}

#[test]
fn every_tampered_word_is_rejected() {
    let fixture = fixture(6, 516);
    let proof = fixture.prove();
    for word in 0..proof.len() / 16 {
        let mut bad = proof.clone();
        bad[16 * word + word % 16] ^= 1;
        assert!(fixture.verify(&bad).is_err(), "word {word}");
    }
    let (rounds, last) = layout(&proof, 516);
    let lengths = (0..proof.len()).filter(|len| (rounds..last + 40).contains(len) || len % 97 == 0);
    assert!(lengths.into_iter().all(|len| fixture.verify(&proof[..len]).is_err()));
    assert!(fixture.verify(&proof[..proof.len() - 1]).is_err());
    assert!(fixture.verify(&[&proof[..], &[0]].concat()).is_err());
}

#[test]
fn zeros_open() {
    let (params, split) = (Hyrax::params(WIDTH).unwrap(), Split::choose(&[2, WIDTH], WIDTH));
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let (values, blinds) = (Ints::I8(vec![0; 2 * WIDTH]), Hyrax::blinds(2, &mut rng));
    let rows = vec![Hyrax::commit(&params, &split.rows(values.as_slice()), &blinds)];
    let functional = Functional(vec![Axis::Index { index: 1, len: 2 }, Axis::Dense(vec![Fr::ONE; WIDTH])]);
    let claims = vec![OpeningClaim { wire: 0, functional, value: Fr::from(0u64) }];
    let mut fixture = Fixture { params, splits: vec![split], values: vec![values], blinds: vec![blinds], rows, claims };
    fixture.verify(&fixture.prove()).unwrap();
    fixture.claims[0].value = Fr::ONE;
    assert!(fixture.verify(&fixture.prove()).is_err());
}

/// Columns that exist only because the argument's rounds halve an even number of them.
#[test]
fn garbage_in_the_added_columns_has_no_weight() {
    let (width, padded) = (1283, 1284);
    assert_eq!(padded_width(width), padded);
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    let params = Hyrax::params(width).unwrap();
    let (true_split, garbage_split) = (Split::choose(&[2, width], width), Split::choose(&[2, padded], padded));
    let values = Ints::I16((0..2 * padded as i16).collect());
    let blinds = Hyrax::blinds(2, &mut rng);
    let rows = Hyrax::commit(&params, &garbage_split.rows(values.as_slice()), &blinds);
    let point: Vec<Fr> = (0..12).map(|_| Fr::rand(&mut rng)).collect();
    let truncated = Functional::at_flat(&point, &[2, width]);
    let run = |forgers: Functional<Fr>| {
        let value = forgers.apply(values.as_slice());
        let wires = [CommittedWire { split: &garbage_split, values: values.as_slice(), blinds: &blinds }];
        let mut prover = PlainProver::new(Transcript::new("test"));
        Hyrax::open(&params, &wires, &[OpeningClaim { wire: 0, functional: forgers, value }], &mut prover);
        let proof = prover.finish();
        let mut verifier = PlainVerifier::new(Transcript::new("test"), &proof);
        let claim = OpeningClaim { wire: 0, functional: truncated.clone(), value };
        Hyrax::verify(&params, &[WireCommitment { split: &true_split, rows: &rows }], &[claim], &mut verifier)
    };
    assert!(run(Functional::at_flat(&point, &[2, padded])).is_err());
    assert_eq!(run(extended(&truncated, &[2, padded])), Ok(()));
}

/// Both sides end in the same statement, which is true of the vector that the prover ends with.
#[test]
fn the_argument_leaves_a_true_statement() {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    for (len, variables, rounds) in [(1, 0, 0), (3, 2, 0), (2, 1, 1), (12, 4, 2), (16, 4, 4), (24, 5, 3)] {
        let generators = Generators::new(len).unwrap();
        let vector: Vec<Fr> = (0..len).map(|_| Fr::rand(&mut rng)).collect();
        let sigma: Vec<Fr> = (0..variables).map(|_| Fr::rand(&mut rng)).collect();
        let blind = Fr::rand(&mut rng);
        let commit = |points: &[G1Affine], vector: &[Fr], blind: Fr| -> G1Projective {
            points.iter().zip(vector).map(|(p, a)| *p * curve_scalar(*a)).sum::<G1Projective>()
                + generators.blind() * curve_scalar(blind)
        };
        let commitment = commit(generators.columns(), &vector, blind);
        let value = Fr::inner_product(&vector, &eq_truncated(&sigma, len));
        let mut prover = PlainProver::new(Transcript::new("test"));
        let (last, last_blind) = argument::prove(generators.columns(), vector, blind, &sigma, rounds, &mut prover);
        let proof = prover.finish();
        assert_eq!((last.len(), proof.len()), (len >> rounds, ROUND * rounds));

        let mut verifier = PlainVerifier::<Fr>::new(Transcript::new("test"), &proof);
        let folded = argument::verify(value, &sigma, rounds, &mut verifier).unwrap();
        verifier.finish().unwrap();
        assert_eq!(folded.value, Fr::inner_product(&last, &eq_truncated(&sigma[..variables - rounds], last.len())));
        let points: Vec<G1Affine> = generators
            .columns()
            .chunks_exact(1 << rounds)
            .map(|run| {
                run.iter().zip(&folded.weights).map(|(g, w)| *g * curve_scalar(*w)).sum::<G1Projective>().into_affine()
            })
            .collect();
        let terms: G1Projective = folded.terms.iter().map(|(p, w)| *p * curve_scalar(*w)).sum();
        assert_eq!(
            commit(&points, &last, last_blind),
            commitment * curve_scalar(folded.scale) + terms,
            "{len}, {rounds}"
        );
    }
}
