//! A walk over the bytes of hiding proofs: group elements and scalars of which none says anything.

use std::collections::{BTreeMap, BTreeSet};

use ark_ff::Field as _;
use convince::circuit::{Range, Strategy, WireId, WireKind, Witness};
use convince::lower::{Reveal, Strategies};
use convince::model::Model;
use convince::protocol::{Field, Part, Statement, run_hiding_prover, transcript};
use convince::{
    Mode, Openings, Proof, ProveOptions, ProvingKey, SetupOptions, TestSeed, VerifyingKey, prove, setup_with, verify,
};
use convince_field::{Ints, ProofField, curve_scalar};
use convince_pcs::{CommitmentScheme, Hyrax, Split};
use convince_transcript::{Label, PlainProver, ProverChannel};
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::visibility::CASES;
use crate::common::layout::{Layout, Message, head, layout};
use crate::common::{SEED, TINY, sample_input};

/// Plays challenges back to a prover and keeps what it sends.
struct Replay {
    challenges: std::vec::IntoIter<(Label, Field)>,
    sent: Vec<Field>,
}

impl ProverChannel<Field> for Replay {
    fn send(&mut self, _: Label, scalars: &[Field]) {
        self.sent.extend(scalars);
    }

    fn send_bytes(&mut self, _: Label, _: &[u8]) {}

    fn challenge(&mut self, label: Label) -> Field {
        let (drawn, value) = self.challenges.next().expect("as many challenges");
        assert_eq!(drawn, label);
        value
    }

    fn full_challenge(&mut self, label: Label) -> Field {
        self.challenge(label)
    }
}

fn encoded(value: &Field) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

/// Below `2^64`, or minus such a number: as all integers of a witness are.
fn is_small(scalar: &Field) -> bool {
    [*scalar, -*scalar].iter().any(|value| encoded(value)[8..].iter().all(|&byte| byte == 0))
}

/// What a hiding proof would show of its witness if something were not hidden. `plain` holds the scalars of the plain proof.
fn walk(
    key: &VerifyingKey,
    witness: &Witness,
    proof: &Proof,
    plain: &BTreeSet<Vec<u8>>,
) -> Result<BTreeSet<Vec<u8>>, String> {
    let (messages, challenges) = layout(key, proof, &[]).map_err(|error| error.to_string())?;
    let items = items(key, proof, &messages);
    let distinct: BTreeSet<Vec<u8>> = items.iter().cloned().collect();
    // What the prover sent before it was padded.
    let mut replay = Replay { challenges: challenges.clone().into_iter(), sent: Vec::new() };
    convince_gkr::prove(key.circuit(), witness, &mut replay);
    let beneath: BTreeSet<Vec<u8>> = replay.sent.iter().map(encoded).collect();
    let e = challenges.iter().find(|(label, _)| *label == "pcs/hiding/e").expect("every hiding proof draws it").1;
    let e = e.inverse().expect("a challenge is not zero");
    let mut factors = messages.iter().filter(|m| m.label == "pcs/hiding/factors").flat_map(Message::items);
    let rows = unblinded(key, witness, proof, &messages, &replay.sent);
    let shows = [
        ("an element repeats", distinct.len() < items.len()),
        ("a scalar is a small integer", items.iter().filter_map(|item| Field::read_from(item)).any(|s| is_small(&s))),
        ("a scalar of the plain proof", !distinct.is_disjoint(plain)),
        ("a message without its pad", !distinct.is_disjoint(&beneath)),
        ("a factor without its blinder", factors.any(|at| beneath.contains(&encoded(&(scalar(proof, at) * e))))),
        ("a row without its blind", rows.iter().any(|row| distinct.contains(row))),
    ];
    let found: Vec<&str> = shows.into_iter().filter(|(_, shown)| *shown).map(|(name, _)| name).collect();
    if found.is_empty() { Ok(distinct) } else { Err(found.join(", ")) }
}

fn scalar(proof: &Proof, at: std::ops::Range<usize>) -> Field {
    Field::read_from(&proof.as_bytes()[at]).expect("canonical")
}

/// All scalars and group elements of a proof, those of private ends included.
fn items(key: &VerifyingKey, proof: &Proof, messages: &[Message]) -> Vec<Vec<u8>> {
    let (circuit, head) = (key.circuit(), head(key, proof));
    let ends = [(circuit.input_is_private(), head.input), (circuit.output_is_private(), head.output)];
    let rows = ends
        .into_iter()
        .filter(|(private, _)| *private)
        .flat_map(|(_, at)| at.clone().step_by(Hyrax::ROW_BYTES).map(|start| start..start + Hyrax::ROW_BYTES));
    let all = rows.chain(messages.iter().flat_map(Message::items));
    all.map(|at| proof.as_bytes()[at].to_vec()).collect()
}

/// What rows would be without blinds, as far as who knows the witness can tell: of advice, private ends and pads.
fn unblinded(
    key: &VerifyingKey,
    witness: &Witness,
    proof: &Proof,
    messages: &[Message],
    sent: &[Field],
) -> Vec<Vec<u8>> {
    let (circuit, params) = (key.circuit(), Hyrax::params(key.width()).unwrap());
    let mut wires: Vec<WireId> = circuit.wires_of(WireKind::Advice).collect();
    wires.extend([circuit.input(), circuit.output().wire]);
    let rows = |id: WireId| {
        let split = Split::choose(&circuit.wire(id).shape, key.width());
        split.rows(witness.wire(id)).into_iter().map(|row| row.to_ints()).collect::<Vec<_>>()
    };
    let rows: Vec<Ints> = wires.into_iter().flat_map(rows).collect();
    let slices: Vec<_> = rows.iter().map(|row| row.as_slice()).collect();
    let mut points = Hyrax::commit(&params, &slices, &vec![Field::default(); slices.len()]);
    // A generator is the commitment to a one in its column.
    let unit = |column: usize| Ints::U8((0..key.width()).map(|k| u8::from(k == column)).collect());
    let units: Vec<Ints> = (0..key.width()).map(unit).collect();
    let slices: Vec<_> = units.iter().map(|row| row.as_slice()).collect();
    let generators = Hyrax::commit(&params, &slices, &vec![Field::default(); slices.len()]);
    let padded = messages.iter().filter(|m| m.scalars).flat_map(Message::items).take(sent.len());
    let pads: Vec<Field> = padded.zip(sent).map(|(at, m)| scalar(proof, at) - m).collect();
    for row in pads.chunks(key.width()) {
        let first = generators[0] * curve_scalar(row[0]);
        points.push(
            row.iter().zip(&generators).skip(1).fold(first, |sum, (pad, g)| sum + *g * curve_scalar(*pad)).into(),
        );
    }
    points.iter().map(|point| Hyrax::rows_to_bytes(std::slice::from_ref(point))).collect()
}

/// The scalars of the plain proof of an input.
fn plain(proving: &ProvingKey, verifying: &VerifyingKey, input: &[i32]) -> BTreeSet<Vec<u8>> {
    let options = ProveOptions { mode: Mode::Plain, seed: Some(SEED), ..Default::default() };
    let proof = prove(proving, input, &options).unwrap();
    let (messages, _): Layout = layout(verifying, &proof, &[]).unwrap();
    let scalars = messages.iter().filter(|m| m.scalars).flat_map(Message::items);
    scalars.map(|at| proof.as_bytes()[at].to_vec()).collect()
}

/// Two proofs of one witness: each says nothing, and they have nothing in common.
fn assert_hides(name: &str, proving: &ProvingKey, verifying: &VerifyingKey, input: &[i32]) {
    let (witness, plain) = (proving.lowered().witness(input).unwrap(), plain(proving, verifying, input));
    let proofs = [1, 2].map(|seed| {
        prove(proving, input, &ProveOptions { seed: Some(TestSeed([seed; 32])), ..Default::default() }).unwrap()
    });
    let [first, second] = proofs
        .each_ref()
        .map(|proof| walk(verifying, &witness, proof, &plain).unwrap_or_else(|found| panic!("{name}: {found}")));
    assert!(first.is_disjoint(&second), "{name}");
    assert_eq!(proofs[0].as_bytes().len(), proofs[1].as_bytes().len(), "{name}");
    // The integers of what is private are not there as they are either.
    let circuit = verifying.circuit();
    let bytes: Vec<u8> = input.iter().map(|&v| v as u8).collect();
    let shows = |bytes: &[u8]| proofs[0].as_bytes().windows(bytes.len()).any(|window| window == bytes);
    assert_eq!(shows(&bytes), !circuit.input_is_private(), "{name}");
}

#[test]
fn proofs_of_every_visibility_hide() {
    for (k, case) in CASES.iter().enumerate() {
        assert_hides(&format!("case {k}"), &case.proving, &case.verifying, &TINY.input);
    }
}

#[test]
fn proofs_of_batches_and_by_every_strategy_hide() {
    let batch = Model { graph: TINY.model.graph.with_batch(2), ..TINY.model.clone() };
    let images = [sample_input(1), sample_input(2)].concat();
    for strategies in [
        Strategies { range: Range::Bits, ..Strategies::default() },
        Strategies { convolution: Strategy::Fft, reveal: Reveal::Label, ..Strategies::default() },
        Strategies { reveal: Reveal::Nothing, private_input: true, ..Strategies::default() },
    ] {
        let options = SetupOptions { strategies, seed: Some(SEED), ..Default::default() };
        let (proving, verifying) = setup_with(&batch, &options).unwrap();
        assert_hides(&format!("{strategies:?}"), &proving, &verifying, &images);
    }
}

#[test]
fn inputs_at_the_extremes_of_their_range_have_proofs_of_the_same_length() {
    let alternating = (0..36).map(|i| 255 * (i % 2)).collect();
    let single = (0..36).map(|i| if i == 17 { 255 } else { 0 }).collect();
    let inputs: [Vec<i32>; 5] = [vec![0; 36], vec![255; 36], alternating, single, sample_input(5)];
    for case in CASES.iter() {
        let lengths = inputs.iter().map(|input| {
            let (proof, _) = case.prove(input, ProveOptions::default());
            verify(&case.verifying, &proof, None, &[]).unwrap();
            proof.as_bytes().len()
        });
        assert_eq!(lengths.collect::<BTreeSet<_>>().len(), 1);
    }
}

/// A generator whose draws of some kind are zeros.
struct Zeroing {
    inner: ChaCha20Rng,
    draws: usize,
    zeroed: Zeroed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zeroed {
    All,
    /// Of the draws that fill a buffer, that of this index.
    Draw(usize),
}

impl RngCore for Zeroing {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        let word = self.inner.next_u64();
        if self.zeroed == Zeroed::All { 0 } else { word }
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        self.inner.fill_bytes(dest);
        if self.zeroed == Zeroed::All || self.zeroed == Zeroed::Draw(self.draws) {
            dest.fill(0);
        }
        self.draws += 1;
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Zeroing {}

#[test]
fn zeroed_pads_blinds_and_masks_are_found() {
    let (witness, plain) = (TINY.witness(), plain(&TINY.proving, &TINY.verifying, &TINY.input));
    let circuit = TINY.verifying.circuit();
    let integers = |values: convince_field::IntSlice<'_>| Ints::I32(values.iter().map(|v| v as i32).collect());
    let (input, output) =
        (integers(witness.wire(circuit.input())), integers(witness.tensor(circuit, circuit.output())));
    let statement = Statement { input: Part::Public(&input), output: Part::Public(&output), nonce: &[] };
    let honest = prove(&TINY.proving, &TINY.input, &ProveOptions { seed: Some(SEED), ..Default::default() }).unwrap();
    let head = head(&TINY.verifying, &honest).messages;
    let found = |zeroed| {
        let mut rng = Zeroing { inner: ChaCha20Rng::from_seed([1; 32]), draws: 0, zeroed };
        let clear = PlainProver::new(transcript(&TINY.verifying, &statement, Mode::Hiding));
        let proof = run_hiding_prover(&TINY.proving, &witness, &Openings::default(), &mut rng, clear, &|_| {});
        let bytes = [&honest.as_bytes()[..head], &proof.finish()].concat();
        walk(&TINY.verifying, &witness, &Proof::from_bytes(bytes).unwrap(), &plain).err()
    };
    // Draws in order: pads, their blinds, the advice's blinds, d_x, d_y, blinds of products and cross terms, the mask.
    assert_eq!(found(Zeroed::Draw(usize::MAX)), None);
    let expected = BTreeMap::from([
        (0, "a message without its pad"),
        (1, "a row without its blind"),
        (2, "a row without its blind"),
        (3, "a factor without its blinder"),
        (4, "a factor without its blinder"),
        (7, "a scalar is a small integer"),
    ]);
    for (draw, why) in expected {
        assert!(found(Zeroed::Draw(draw)).is_some_and(|found| found.contains(why)), "draw {draw}: {why}");
    }
    assert!(found(Zeroed::All).is_some());
}

/// The same seed for two statements: every pad serves twice, and differences of what is sent are those of what is said.
#[test]
fn randomness_that_serves_twice_is_found() {
    let case = &CASES[0];
    let prove = |nonce, seed| {
        case.prove(&TINY.input, ProveOptions { nonce, seed: Some(TestSeed([seed; 32])), ..Default::default() }).0
    };
    let items = |proof: &Proof, nonce: &[u8]| -> BTreeSet<Vec<u8>> {
        items(&case.verifying, proof, &layout(&case.verifying, proof, nonce).unwrap().0).into_iter().collect()
    };
    let first = items(&prove(b"1", 1), b"1");
    assert!(!first.is_disjoint(&items(&prove(b"2", 1), b"2")));
    assert!(first.is_disjoint(&items(&prove(b"2", 2), b"2")));
}
