//! Weights that are not of their formats, and keys whose range proofs do not belong to them.
//!
//! The forger makes range proofs itself, out of the public parts of the workspace: of rows that hold what it wants, with a
//! witness that says what it wants.

use std::sync::{Arc, LazyLock};

use crate::common::parts::{Dishonest, Parts};
use crate::common::{Fixture, KeyFile, SEED, StoredWeights, TINY, fixture};
use ark_ff::Field as _;
use convince::circuit::{Bits, Circuit, CircuitBuilder, Layer, WireKind, Witness, evaluate};
use convince::container::{Kind, VERSION, open, seal};
use convince::protocol::{Field, Row};
use convince::{
    KeyError, ModelCommitment, ModelStatus, ProveOptions, SetupOptions, TestSeed, VerifyingKey, commit_model, prove,
    setup_circuit_seeded, setup_with, verify,
};
use convince_field::{IntSlice, Ints, ProofField, curve_scalar};
use convince_pcs::{CommitmentScheme, Hyrax, Split};
use convince_transcript::Transcript;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const WIDTH: usize = 12;
/// A narrow format, whose values are looked up themselves, and a wide one, which has limbs.
const FORMATS: [(&[usize], Bits); 2] = [(&[3, 4], Bits::signed(2)), (&[5], Bits::signed(20))];
const LIMB: usize = 1;

/// A model commitment's file, taken apart.
#[derive(Serialize, Deserialize)]
struct CommitmentFile {
    formats: Vec<(Vec<usize>, Bits)>,
    width: u64,
    rows: Vec<u8>,
    proofs: Vec<Vec<u8>>,
}

/// A range proof in the making: rows that are committed, and a witness that is proven.
struct Forger {
    circuit: Circuit,
    witness: Witness,
    blinds: Vec<Field>,
    rows: Vec<Row>,
}

fn ints(values: &[i64]) -> Ints {
    Ints::I32(values.iter().map(|&v| v as i32).collect())
}

/// What a slice of both weights states.
fn circuit() -> Circuit {
    let mut builder = CircuitBuilder::new();
    let zero = builder.input([1; 4], Bits::unsigned(1)).unwrap();
    for (shape, bits) in FORMATS {
        let weight = builder.weight(shape, bits).unwrap();
        builder.range(weight).unwrap();
    }
    builder.output(zero).unwrap();
    builder.finish().unwrap()
}

fn splits() -> impl Iterator<Item = Split> {
    FORMATS.into_iter().map(|(shape, _)| Split::choose(shape, WIDTH))
}

impl Forger {
    /// Weights of their formats.
    fn honest() -> Self {
        let circuit = circuit();
        let weights = [vec![-2, 1, 0, 1, -1, 0, 0, -2, 1, 1, -1, 0], vec![-(1 << 19), (1 << 19) - 1, 0, 77, -78]];
        let packed: Vec<Arc<Ints>> =
            weights.iter().zip(FORMATS).map(|(w, (_, bits))| Arc::new(Ints::pack(bits, w).unwrap())).collect();
        let witness = evaluate(&circuit, &Ints::U8(vec![0]), &packed).unwrap();
        let count = splits().map(|split| split.num_rows()).sum();
        let blinds = Hyrax::blinds(count, &mut ChaCha20Rng::from_seed(SEED.0));
        let mut forger = Self { circuit, witness, blinds, rows: Vec::new() };
        forger.commit();
        forger
    }

    /// Commits to the weights of the witness, whatever they are.
    fn commit(&mut self) {
        let splits: Vec<Split> = splits().collect();
        let values = self.circuit.wires_of(WireKind::Weight).map(|id| self.witness.wire(id));
        let rows: Vec<IntSlice<'_>> =
            splits.iter().zip(values).flat_map(|(split, values)| split.rows(values)).collect();
        self.rows = Hyrax::commit(&Hyrax::params(WIDTH).unwrap(), &rows, &self.blinds);
    }

    /// One weight that is this, and the limbs and multiplicities that the circuit's own evaluation makes of it.
    fn with(mut self, weight: usize, at: usize, value: i64) -> Self {
        let id = self.circuit.wires_of(WireKind::Weight).nth(weight).unwrap();
        let mut values: Vec<i64> = self.witness.wire(id).iter().collect();
        values[at] = value;
        self.witness.set(&self.circuit, id, ints(&values)).unwrap();
        self.witness.evaluate_from(&self.circuit, 0);
        self.commit();
        self
    }

    /// The last limb of the wide weight's value takes what the others leave, in range or not.
    fn with_overflowing_limb(mut self, at: usize) -> Self {
        let layer = self.circuit.layers().iter().find_map(|layer| match layer {
            Layer::Range(layer) if layer.advice.is_some() => Some(layer),
            _ => None,
        });
        let (layer, id) = (layer.unwrap(), self.circuit.wires_of(WireKind::Weight).nth(LIMB).unwrap());
        let (advice, last) = (layer.advice.unwrap(), layer.limbs.last().unwrap());
        let offset = self.witness.wire(id).iter().nth(at).unwrap() - layer.low;
        let mut limbs: Vec<i64> = self.witness.wire(advice).iter().collect();
        limbs[last.column * FORMATS[LIMB].0[0] + at] = offset >> last.shift;
        self.witness.set(&self.circuit, advice, ints(&limbs)).unwrap();
        self.witness.count_multiplicities(&self.circuit);
        self
    }

    /// The commitment to one weight moved by a field element, which needs no opening of it.
    fn with_moved_row(mut self, row: usize, column: usize, by: Field) -> Self {
        let params = Hyrax::params(WIDTH).unwrap();
        let mut unit = vec![0; WIDTH];
        unit[column] = 1;
        let unit = ints(&unit);
        let generator = Hyrax::commit(&params, &[unit.as_slice()], &[Field::default()])[0];
        self.rows[row] = (generator * curve_scalar(by) + self.rows[row]).into();
        self
    }

    /// Proves what the witness says of the rows, and writes the file.
    fn file(&self) -> Vec<u8> {
        let rows = Hyrax::rows_to_bytes(&self.rows);
        let formats: Vec<(Vec<usize>, Bits)> = FORMATS.map(|(shape, bits)| (shape.to_vec(), bits)).to_vec();
        let mut hash = Sha256::new().chain_update("convince/model/v2");
        for part in [&postcard::to_allocvec(&formats).unwrap()[..], &(WIDTH as u64).to_le_bytes(), &rows] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut transcript = Transcript::new("convince");
        transcript.absorb_u64("convince/version", VERSION.into());
        transcript.absorb("convince/mode", b"hiding");
        transcript.absorb("convince/field", Field::ID.as_bytes());
        transcript.absorb("convince/commitment", Hyrax::ID.as_bytes());
        transcript.absorb_u64("convince/width", WIDTH as u64);
        transcript.absorb("convince/model-range", &hash.finalize());
        transcript.absorb_u64("convince/model-range/slices", 1);
        transcript.absorb_u64("convince/model-range/slice", 0);
        transcript.absorb("convince/model-range/circuit", &self.circuit.digest());
        let zero = Ints::U8(vec![0]);
        let parts = Parts::new(&self.circuit, WIDTH, zero.clone(), zero);
        let proof = parts.prove(&self.witness, &self.blinds, [3; 32], transcript, &Dishonest::default(), true);
        seal_commitment(&CommitmentFile { formats, width: WIDTH as u64, rows, proofs: vec![proof] })
    }
}

fn seal_commitment(file: &CommitmentFile) -> Vec<u8> {
    seal(Kind::ModelCommitment, &postcard::to_allocvec(file).unwrap())
}

fn assert_refused(name: &str, forger: &Forger) {
    let result = ModelCommitment::from_bytes(&forger.file());
    assert!(matches!(result, Err(KeyError::RangeProof { slice: 0, .. })), "{name}: {result:?}");
}

#[test]
fn a_range_proof_by_hand_is_accepted_for_weights_at_the_ends_of_their_formats() {
    let forger = Forger::honest();
    let (limbs, direct): (Vec<_>, Vec<_>) = forger
        .circuit
        .layers()
        .iter()
        .filter_map(|layer| if let Layer::Range(layer) = layer { Some(layer) } else { None })
        .partition(|layer| layer.limbs.len() > 1);
    assert_eq!((limbs.len(), direct.len()), (1, 1), "one weight with limbs and one without");
    let commitment = ModelCommitment::from_bytes(&forger.file()).unwrap();
    assert_eq!((commitment.num_weights(), commitment.range_proof_size().1), (17, 1));
}

#[test]
fn weights_out_of_range_by_one_or_by_a_multiple_of_the_range_are_refused() {
    for (weight, bits) in [(0, FORMATS[0].1), (LIMB, FORMATS[LIMB].1)] {
        let span = bits.high() - bits.low() + 1;
        for value in [bits.high() + 1, bits.low() - 1, span, 1 - 100 * span, (1 << 30) + 1] {
            let forger = || Forger::honest().with(weight, 2, value);
            assert_refused(&format!("weight {weight} is {value}"), &forger());
            if weight == LIMB {
                assert_refused(
                    &format!("weight {weight} is {value}, by its last limb"),
                    &forger().with_overflowing_limb(2),
                );
            }
        }
    }
}

/// The witness is in range and satisfies every relation; what is committed is another field element, or the same integer twice.
#[test]
fn rows_that_are_in_range_modulo_something_only_are_refused() {
    let half = Field::from(2u64).inverse().unwrap();
    let span = |weight: usize| Field::from_i64(1 << FORMATS[weight].1.width);
    for (row, weight) in [(0, 0), (1, LIMB)] {
        let powers = std::iter::successors(Some(Field::from(1u64)), |power| Some(*power * span(weight)));
        let multiples = powers.skip(1).take(6);
        for by in [half, -half, Field::from(1u64), span(weight).inverse().unwrap()].into_iter().chain(multiples) {
            assert_refused(&format!("weight {weight} moved by {by}"), &Forger::honest().with_moved_row(row, 2, by));
        }
    }
}

fn key(file: &KeyFile) -> Result<VerifyingKey, KeyError> {
    VerifyingKey::from_bytes(&file.to_bytes())
}

fn is_range_proof<T>(result: &Result<T, KeyError>) -> bool {
    matches!(result, Err(KeyError::RangeProof { .. }))
}

#[test]
fn a_range_proof_of_another_commitment_is_refused() {
    let honest = KeyFile::of(&TINY.verifying);
    assert!(key(&honest).is_ok());
    // The same weights under other blinds, and other weights.
    let blinded = setup_with(&TINY.model, &SetupOptions { seed: Some(TestSeed([8; 32])), ..Default::default() });
    for other in [&blinded.unwrap().1, &fixture(2).verifying] {
        let (mut mixed, mut other) = (honest.clone(), KeyFile::of(other));
        *mixed.committed().1 = other.committed().1.clone();
        assert!(is_range_proof(&key(&mixed)));
        let mut mixed = honest.clone();
        *mixed.committed().0 = other.committed().0.clone();
        assert!(is_range_proof(&key(&mixed)));
    }
}

#[test]
fn range_proofs_that_are_missing_or_one_too_many_are_refused() {
    let honest = KeyFile::of(&TINY.verifying);
    let changed = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut file = honest.clone();
        change(file.committed().1);
        key(&file).err()
    };
    for change in [&|proofs: &mut Vec<Vec<u8>>| proofs.clear() as _, &|p: &mut Vec<Vec<u8>>| p.push(p[0].clone())]
        as [&dyn Fn(&mut Vec<Vec<u8>>); 2]
    {
        assert!(matches!(changed(change), Some(KeyError::Inconsistent(_))));
    }
    assert!(matches!(changed(&|proofs| proofs[0].clear()), Some(KeyError::RangeProof { slice: 0, .. })));
}

#[test]
fn range_proofs_that_are_cut_or_changed_are_refused() {
    let honest = KeyFile::of(&TINY.verifying);
    let len = honest.clone().committed().1[0].len();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = honest.clone();
        change(&mut file.committed().1[0]);
        is_range_proof(&key(&file))
    };
    for at in (0..len).step_by(97).chain([len - 1]) {
        assert!(changed(&|proof| proof.truncate(at)), "cut at {at}");
        assert!(changed(&|proof| proof[at] ^= 1 << (at % 8)), "byte {at}");
    }
    assert!(changed(&|proof| proof.push(0)));
}

#[test]
fn a_range_proof_for_another_width_or_another_format_is_refused() {
    let honest = KeyFile::of(&TINY.verifying);
    let mut wider = honest.clone();
    wider.width += 1;
    let result = key(&wider);
    assert!(matches!(result, Err(KeyError::RangeProof { .. } | KeyError::Commitment(_))), "{:?}", result.err());
    // Both widths cut these weights into the same rows.
    let mut file: CommitmentFile =
        postcard::from_bytes(open(Kind::ModelCommitment, &Forger::honest().file()).unwrap()).unwrap();
    file.width += 1;
    assert!(is_range_proof(&ModelCommitment::from_bytes(&seal_commitment(&file))));
    file.width -= 1;
    for bits in [Bits::signed(1), Bits::signed(3), Bits::unsigned(2)] {
        file.formats[0].1 = bits;
        assert!(is_range_proof(&ModelCommitment::from_bytes(&seal_commitment(&file))), "{bits:?}");
    }
    file.formats[0].1 = FORMATS[0].1;
    assert!(ModelCommitment::from_bytes(&seal_commitment(&file)).is_ok());
    file.formats.swap(0, 1);
    assert!(is_range_proof(&ModelCommitment::from_bytes(&seal_commitment(&file))));
}

/// Weights of two slices of equal shape: most of their places are padding, so they are quickly proven.
static TWO_SLICES: LazyLock<KeyFile> = LazyLock::new(|| {
    let mut builder = CircuitBuilder::new();
    let x = builder.input([1, 17, 17, 17], Bits::unsigned(1)).unwrap();
    let w = builder.weight([256, 17, 17, 17], Bits::unsigned(1)).unwrap();
    let y = builder.gemm(x, w, None).unwrap();
    builder.output(y).unwrap();
    let weights = Ints::U8((0..256 * 4913u32).map(|i| ((i.wrapping_mul(2_654_435_761)) >> 31) as u8).collect());
    let (_, key) = setup_circuit_seeded(builder.finish().unwrap(), vec![Arc::new(weights)], SEED).unwrap();
    KeyFile::of(&key)
});

#[test]
fn slices_that_are_missing_swapped_or_repeated_are_refused() {
    let mut honest = TWO_SLICES.clone();
    let (_, proofs) = honest.committed();
    assert_eq!(proofs.len(), 2);
    assert_eq!(proofs[0].len(), proofs[1].len(), "of equal shape");
    let (first, second) = (proofs[0].clone(), proofs[1].clone());
    for slices in [vec![&second, &first], vec![&first, &first], vec![&second, &second]] {
        *honest.committed().1 = slices.into_iter().cloned().collect();
        assert!(is_range_proof(&key(&honest)));
    }
    *honest.committed().1 = vec![first];
    assert!(matches!(key(&honest), Err(KeyError::Inconsistent(_))));
    // The weights of both slices exchanged along with their proofs.
    let mut swapped = TWO_SLICES.clone();
    let (rows, proofs) = swapped.committed();
    proofs.swap(0, 1);
    let half = rows.len() / 2;
    rows.rotate_left(half);
    assert!(is_range_proof(&key(&swapped)));
}

fn public() -> Fixture {
    let options = SetupOptions { public_weights: true, seed: Some(SEED), ..Default::default() };
    let (proving, verifying) = setup_with(&TINY.model, &options).unwrap();
    Fixture { model: TINY.model.clone(), proving, verifying, input: TINY.input.clone() }
}

#[test]
fn public_weights_that_are_others_or_out_of_range_are_another_model_or_none() {
    let honest = public();
    let proof =
        prove(&honest.proving, &honest.input, &ProveOptions { seed: Some(SEED), ..Default::default() }).unwrap();
    assert_eq!(verify(&honest.verifying, &proof, None, &[]).unwrap().status, ModelStatus::Public);
    let file = KeyFile::of(&honest.verifying);
    let StoredWeights::Public(weights) = &file.weights else { panic!("public weights") };
    let with = |k: usize, at: usize, value: i64| {
        let mut weights = weights.clone();
        let mut changed = weights[k].to_i64();
        changed[at] = value;
        weights[k] = Arc::new(ints(&changed));
        key(&KeyFile { weights: StoredWeights::Public(weights), ..file.clone() })
    };
    for (k, stored) in weights.iter().enumerate() {
        let id = honest.verifying.circuit().wires_of(WireKind::Weight).nth(k).unwrap();
        let (low, high) = (honest.verifying.circuit().wire(id).low, honest.verifying.circuit().wire(id).high);
        let value = stored.to_i64()[1];
        let other = with(k, 1, if value == high { low } else { value + 1 }).unwrap();
        assert_ne!(other.model_commitment(), honest.verifying.model_commitment());
        assert!(verify(&other, &proof, None, &[]).is_err(), "weight wire {k}");
        // Stored at another width the integers are the same model.
        assert_eq!(with(k, 1, value).unwrap().model_commitment(), honest.verifying.model_commitment());
        for value in [high + 1, low - 1, high + (1 << 20)] {
            assert!(matches!(with(k, 1, value), Err(KeyError::Encoding(_))), "weight wire {k} is {value}");
        }
    }
}

#[test]
fn a_key_cannot_claim_the_other_kind_of_weights() {
    let honest = public();
    assert_eq!(KeyFile::of(&honest.verifying).circuit, KeyFile::of(&TINY.verifying).circuit);
    assert_ne!(honest.verifying.model_commitment(), TINY.verifying.model_commitment());
    assert_eq!((honest.verifying.status(), honest.verifying.num_rows()), (ModelStatus::Public, 0));
    assert_eq!(TINY.verifying.status(), ModelStatus::RangeProven);
    let options = ProveOptions { seed: Some(SEED), ..Default::default() };
    let proofs = [&honest, &*TINY].map(|fixture| prove(&fixture.proving, &fixture.input, &options).unwrap());
    for (fixture, own) in [(&honest, 0), (&*TINY, 1)] {
        for (k, proof) in proofs.iter().enumerate() {
            assert_eq!(verify(&fixture.verifying, proof, None, &[]).is_ok(), k == own);
        }
    }
}

#[test]
fn one_commitment_serves_many_keys_and_only_with_its_own_secret_and_weights() {
    let options = SetupOptions { seed: Some(SEED), ..Default::default() };
    let (commitment, secret) = commit_model(&TINY.model, &options).unwrap();
    assert_eq!(commitment, ModelCommitment::from_bytes(&commitment.to_bytes()).unwrap());
    let batch = convince::model::Model { graph: TINY.model.graph.with_batch(2), ..TINY.model.clone() };
    for model in [&TINY.model, &batch] {
        let options = SetupOptions { commitment: Some((&commitment, &secret)), ..Default::default() };
        let (_, key) = setup_with(model, &options).unwrap();
        assert_eq!(key.model_commitment(), commitment.digest());
    }
    let (_, other) = commit_model(&TINY.model, &SetupOptions { seed: Some(TestSeed([8; 32])), ..options }).unwrap();
    let refused = |model, secret| {
        let options = SetupOptions { commitment: Some((&commitment, secret)), ..Default::default() };
        setup_with(model, &options).err()
    };
    assert_eq!(refused(&TINY.model, &other), Some(convince::SetupError::OtherCommitment));
    assert_eq!(refused(&fixture(2).model, &secret), Some(convince::SetupError::OtherCommitment));
}
