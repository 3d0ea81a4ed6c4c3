//! Openings of several wires with several claims each, honest and forged.

use ark_ff::UniformRand;
use convince_field::{Fr, Ints, ProofField};
use convince_poly::{Axis, Functional, eq_truncated, log2_ceil};
use convince_transcript::{ChannelError, Check, PlainProver, PlainVerifier, Transcript};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::{CommitmentScheme, CommittedWire, OpeningClaim, PcsError, Split, WireCommitment};

/// The same functional on longer axes, with weight zero on what it does not cover.
pub(super) fn extended(functional: &Functional<Fr>, shape: &[usize]) -> Functional<Fr> {
    let extend = |(axis, &len): (&Axis<Fr>, &usize)| {
        let mut table = axis.table();
        table.resize(len, Fr::from(0u64));
        Axis::Dense(table)
    };
    Functional(functional.0.iter().zip(shape).map(extend).collect())
}

const WIDTH: usize = 12;

pub(super) struct Fixture {
    pub(super) params: HyraxParams,
    pub(super) splits: Vec<Split>,
    pub(super) values: Vec<Ints>,
    pub(super) blinds: Vec<Vec<Fr>>,
    pub(super) rows: Vec<Vec<G1Affine>>,
    pub(super) claims: Vec<OpeningClaim<Fr, Fr>>,
}

fn random_axis(len: usize, rng: &mut ChaCha20Rng) -> Axis<Fr> {
    match rng.gen_range(0..4) {
        0 => Axis::Dense((0..len).map(|_| Fr::rand(rng)).collect()),
        1 => Axis::Index { index: rng.gen_range(0..len), len },
        _ => Axis::Eq { point: (0..log2_ceil(len)).map(|_| Fr::rand(rng)).collect(), len },
    }
}

fn fixture(seed: u64) -> Fixture {
    Fixture::new(seed, WIDTH, &[&[3, 2, 5], &[10], &[4, 7], &[2, 13], &[1]])
}

impl Fixture {
    /// Wires of random 16-bit integers with three claims each.
    pub(super) fn new(seed: u64, width: usize, shapes: &[&[usize]]) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let params = Hyrax::params(width).unwrap();
        let splits: Vec<Split> = shapes.iter().map(|shape| Split::choose(shape, width)).collect();
        let values: Vec<Ints> =
            shapes.iter().map(|s| Ints::I16((0..s.iter().product()).map(|_| rng.r#gen()).collect())).collect();
        let blinds: Vec<Vec<Fr>> = splits.iter().map(|s| Hyrax::blinds(s.num_rows(), &mut rng)).collect();
        let rows = splits
            .iter()
            .zip(&values)
            .zip(&blinds)
            .map(|((split, v), b)| Hyrax::commit(&params, &split.rows(v.as_slice()), b))
            .collect();
        let mut claims = Vec::new();
        for (wire, shape) in shapes.iter().enumerate() {
            let first = Functional(shape.iter().map(|&n| random_axis(n, &mut rng)).collect::<Vec<_>>());
            // A second claim that differs in the leading axis only, and an unrelated one.
            let mut second = first.clone();
            second.0[0] = Axis::Index { index: 0, len: shape[0] };
            let third = Functional(shape.iter().map(|&n| random_axis(n, &mut rng)).collect());
            for functional in [first, second, third] {
                let value = functional.apply(values[wire].as_slice());
                claims.push(OpeningClaim { wire, functional, value });
            }
        }
        Self { params, splits, values, blinds, rows, claims }
    }

    pub(super) fn prove(&self) -> Vec<u8> {
        let mut channel = PlainProver::new(Transcript::new("test"));
        self.open(&mut channel);
        channel.finish()
    }

    pub(super) fn open(&self, channel: &mut impl ProverChannel<Fr>) {
        let wires: Vec<CommittedWire<'_, Hyrax>> = self
            .splits
            .iter()
            .zip(&self.values)
            .zip(&self.blinds)
            .map(|((split, values), blinds)| CommittedWire { split, values: values.as_slice(), blinds })
            .collect();
        Hyrax::open(&self.params, &wires, &self.claims, channel);
    }

    pub(super) fn verify(&self, proof: &[u8]) -> Result<(), PcsError> {
        let wires: Vec<WireCommitment<'_, Hyrax>> =
            self.splits.iter().zip(&self.rows).map(|(split, rows)| WireCommitment { split, rows }).collect();
        let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
        Hyrax::verify(&self.params, &wires, &self.claims, &mut channel)?;
        Ok(channel.finish()?)
    }
}

#[test]
fn true_claims_open() {
    for seed in 0..4 {
        let fixture = fixture(seed);
        fixture.verify(&fixture.prove()).unwrap();
    }
}

#[test]
fn a_false_claim_does_not_open() {
    for k in 0..15 {
        let mut fixture = fixture(5);
        fixture.claims[k].value += Fr::from(1u64);
        assert!(fixture.verify(&fixture.prove()).is_err(), "claim {k}");
    }
}

#[test]
fn a_vector_that_fits_a_false_evaluation_is_not_the_committed_one() {
    let mut fixture = fixture(6);
    fixture.claims[0].value += Fr::from(1u64);
    let mut proof = fixture.prove();
    assert_eq!(fixture.verify(&proof), Err(PcsError::Channel(ChannelError::CheckFailed(Check::OpeningEvaluation))));
    // The challenges before F do not depend on it, so a forger can solve for its first entry.
    let start = proof.len() - 32 * (WIDTH + 1);
    let mut channel = PlainVerifier::<Fr>::new(Transcript::new("test"), &proof);
    let splits: Vec<_> = fixture.splits.iter().collect();
    let reduced = verify::reduce(WIDTH, &splits, &fixture.claims, &mut channel).unwrap();
    let (sigma, value) = reduced.claim();
    let eq = eq_truncated(sigma, WIDTH);
    let vector: Vec<Fr> =
        proof[start..].chunks_exact(32).take(WIDTH).map(|chunk| Fr::read_from(chunk).unwrap()).collect();
    let missing = *value - Fr::inner_product(&vector, &eq);
    let mut forged = Vec::new();
    (vector[0] + missing * ark_ff::Field::inverse(&eq[0]).unwrap()).write_to(&mut forged);
    proof[start..start + 32].copy_from_slice(&forged);
    assert_eq!(fixture.verify(&proof), Err(PcsError::Commitment));
}

#[test]
fn other_rows_do_not_open() {
    let mut fixture = fixture(7);
    let proof = fixture.prove();
    let other = fixture.rows[0][1];
    fixture.rows[0][0] = other;
    assert_eq!(fixture.verify(&proof), Err(PcsError::Commitment));
}

#[test]
fn every_tampered_word_is_rejected() {
    let fixture = fixture(8);
    let proof = fixture.prove();
    for word in 0..proof.len() / 32 {
        let mut bad = proof.clone();
        bad[32 * word] ^= 1;
        assert!(fixture.verify(&bad).is_err(), "word {word}");
    }
    assert!((0..proof.len()).all(|len| fixture.verify(&proof[..len]).is_err()));
    assert!(fixture.verify(&[&proof[..], &[0]].concat()).is_err());
}

#[test]
fn rows_are_read_back_only_as_points_of_the_group() {
    let fixture = fixture(9);
    let rows = &fixture.rows[0];
    let bytes = Hyrax::rows_to_bytes(rows);
    assert_eq!(Hyrax::rows_from_bytes(rows.len(), &bytes).unwrap(), *rows);
    assert!(matches!(Hyrax::rows_from_bytes(rows.len() + 1, &bytes), Err(PcsError::Length { .. })));
    let mut identity = vec![0u8; 48];
    identity[0] = 0xc0;
    assert_eq!(Hyrax::rows_from_bytes(1, &identity), Err(PcsError::Point { row: 0 }));
    assert_eq!(Hyrax::rows_from_bytes(1, &[0xff; 48]), Err(PcsError::Point { row: 0 }));
    // On the curve, but outside the subgroup of prime order.
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let outside = std::iter::repeat_with(|| ark_bls12_381::Fq::rand(&mut rng))
        .find_map(|x| G1Affine::get_point_from_x_unchecked(x, true))
        .unwrap();
    assert_eq!(Hyrax::rows_from_bytes(1, &Hyrax::rows_to_bytes(&[outside])), Err(PcsError::Point { row: 0 }));
}

#[test]
fn blinds_hide_equal_rows() {
    let params = Hyrax::params(4).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (row, blinds) = (Ints::I8(vec![1, 2, 3, 4]), Hyrax::blinds(2, &mut rng));
    let rows = Hyrax::commit(&params, &[row.as_slice(), row.as_slice()], &blinds);
    assert_ne!(rows[0], rows[1]);
}

#[test]
fn widths_outside_the_generators_are_errors() {
    assert!(matches!(Hyrax::params(0), Err(PcsError::Width { .. })));
    assert!(matches!(Hyrax::params(MAX_WIDTH + 1), Err(PcsError::Width { .. })));
}

/// Rows of a wire of true length 6 whose last chunk's two empty slots hold garbage, as a hostile prover may commit them.
#[test]
fn garbage_in_the_ragged_slots_has_no_weight() {
    let mut rng = ChaCha20Rng::seed_from_u64(10);
    let params = Hyrax::params(4).unwrap();
    let (true_split, garbage_split) = (Split::choose(&[6], 4), Split::choose(&[8], 4));
    assert_eq!((true_split.num_rows(), true_split.num_columns()), (2, 4));
    assert_eq!((garbage_split.num_rows(), garbage_split.num_columns()), (2, 4));
    let values = Ints::I16(vec![1, 2, 3, 4, 5, 6, 700, 800]);
    let blinds = Hyrax::blinds(2, &mut rng);
    let rows = Hyrax::commit(&params, &garbage_split.rows(values.as_slice()), &blinds);
    let point: Vec<Fr> = (0..3).map(|_| Fr::rand(&mut rng)).collect();
    let truncated = Functional(vec![Axis::Eq { point: point.clone(), len: 6 }]);
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
    // Counting the garbage is a lie; ignoring it is the truth about the six true entries.
    assert!(run(Functional(vec![Axis::Eq { point: point.clone(), len: 8 }])).is_err());
    assert_eq!(run(extended(&truncated, &[8])), Ok(()));
}
