//! The closing argument on a verifier's algorithm with messages, products, assertions and claims on wires: honest, forged
//! and simulated.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, UniformRand};
use convince_field::{Fr, ProofField, curve_scalar};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::product::Mask;
use convince_testing::Watcher;
use convince_transcript::{
    ChannelError, ChannelScalar, Check, Counter, Label, PlainProver, PlainVerifier, ProverChannel, Transcript,
    VerifierChannel,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zeroize::Zeroizing;

use super::layout::Layout;
use super::prove::{Blinders, Factors, HiddenRows, Secrets, finish, open, prove_products};
use super::statement::row_weights;
use super::verify::{receive_array, verify_products};
use super::*;
use crate::group::msm;
use crate::hyrax::tests::Fixture;
use crate::{CommittedWire, OpeningClaim, PcsError, WireCommitment};

const VALUES: Label = "test/values";
const ROOT: Label = "test/root";
const POINT: Label = "test/point";
const CHAIN: Label = "test/chain";
const CHECK: Check = Check::ZeroCheck;
const SHAPES: &[&[usize]] = &[&[3, 2, 5], &[10], &[4, 7], &[1]];

/// What a lie changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lie {
    None,
    /// The last message by one, against the tape.
    Message,
    /// The inverse of a root that has none is claimed.
    Inverse,
    /// The value of a wire, with every message behind it consistent: only the claim on the wire is false.
    WireValue,
}

struct Example {
    fixture: Fixture,
}

fn transcript() -> Transcript {
    Transcript::new("test")
}

impl Example {
    fn new(seed: u64, width: usize) -> Self {
        Self { fixture: Fixture::new(seed, width, SHAPES) }
    }

    /// Q Q' = 1; a chain of products of earlier messages, each asserted equal to a message; the claims' values.
    fn algorithm<C: VerifierChannel<Fr>>(
        &self,
        channel: &mut C,
    ) -> Result<Vec<OpeningClaim<Fr, C::Scalar>>, ChannelError> {
        let claims = &self.fixture.claims;
        let values = channel.receive(VALUES, claims.len())?;
        let [root, inverse] = channel.receive_array(ROOT)?;
        let one = channel.mul(&root, &inverse);
        channel.assert_eq(one, C::Scalar::constant(Fr::ONE), Check::LookupDenominatorRoot)?;
        let mut last = root;
        for value in &values {
            let r = channel.challenge(POINT);
            let product = channel.mul(&(last.clone() + C::Scalar::constant(r)), &(value.clone() * r + last.clone()));
            last = channel.receive_one(CHAIN)?;
            channel.assert_eq(product - value.clone(), last.clone(), CHECK)?;
        }
        let claim = |(claim, value): (&OpeningClaim<Fr, Fr>, C::Scalar)| OpeningClaim {
            wire: claim.wire,
            functional: claim.functional.clone(),
            value,
        };
        Ok(claims.iter().zip(values).map(claim).collect())
    }

    fn counts(&self) -> Counts {
        let mut counter = Counter::default();
        let _: Vec<OpeningClaim<Fr, Fr>> = self.algorithm(&mut counter).unwrap();
        Counts { messages: counter.scalars, products: counter.products }
    }

    /// The messages of the algorithm, honest but for the lie.
    fn send<C: ProverChannel<Fr>>(&self, lie: Lie, channel: &mut C) {
        let mut values: Vec<Fr> = self.fixture.claims.iter().map(|c| c.value).collect();
        if lie == Lie::WireValue {
            values[3] += Fr::ONE;
        }
        channel.send(VALUES, &values);
        let root = if lie == Lie::Inverse { Fr::ZERO } else { Fr::from(77u64) };
        channel.send(ROOT, &[root, root.inverse().unwrap_or(Fr::ONE)]);
        let mut last = root;
        for (i, value) in values.iter().enumerate() {
            let r: Fr = channel.challenge(POINT);
            last = (last + r) * (*value * r + last) - value;
            if lie == Lie::Message && i + 1 == values.len() {
                last += Fr::ONE;
            }
            channel.send(CHAIN, &[last]);
        }
    }

    fn wires(&self) -> Vec<CommittedWire<'_, Hyrax>> {
        let Fixture { splits, values, blinds, .. } = &self.fixture;
        splits
            .iter()
            .zip(values)
            .zip(blinds)
            .map(|((split, values), blinds)| CommittedWire { split, values: values.as_slice(), blinds })
            .collect()
    }

    fn commitments(&self) -> Vec<WireCommitment<'_, Hyrax>> {
        let Fixture { splits, rows, .. } = &self.fixture;
        splits.iter().zip(rows).map(|(split, rows)| WireCommitment { split, rows }).collect()
    }

    fn prove_over<C: ProverChannel<Fr>>(&self, lie: Lie, seed: u64, clear: C) -> C {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut opening = HidingOpening::new(&self.fixture.params, self.counts(), clear, &mut rng);
        self.send(lie, opening.channel());
        let mut recorder = opening.recorder();
        let claims = self.algorithm(&mut recorder).unwrap();
        opening.close(&self.wires(), &claims, recorder, &mut rng)
    }

    fn prove(&self, lie: Lie, seed: u64) -> Vec<u8> {
        self.prove_over(lie, seed, PlainProver::new(transcript())).finish()
    }

    fn verify_over<C: VerifierChannel<Fr, Scalar = Fr>>(&self, clear: C) -> Result<C, PcsError> {
        let mut verification = HidingVerification::new(&self.fixture.params, self.counts(), clear)?;
        let claims = self.algorithm(verification.channel())?;
        verification.close(&self.commitments(), &claims)
    }

    fn verify(&self, proof: &[u8]) -> Result<(), PcsError> {
        Ok(self.verify_over(PlainVerifier::new(transcript(), proof))?.finish()?)
    }
}

/// Of the matrix's width in one row and of an inner-product argument.
const WIDTHS: [usize; 4] = [8, 12, 40, 600];

#[test]
fn honest_proofs_verify_and_have_the_announced_size() {
    for width in WIDTHS {
        let example = Example::new(width as u64, width);
        let proof = example.prove(Lie::None, 1);
        assert_eq!(example.verify(&proof), Ok(()), "width {width}");
        let counts = example.counts();
        assert_eq!(proof.len(), counts.closing_size(width).0 + counts.messages * Fr::BYTES, "width {width}");
    }
}

#[test]
fn lies_against_tape_products_and_wires_are_rejected() {
    for width in [12, 600] {
        let example = Example::new(7, width);
        for lie in [Lie::Message, Lie::Inverse, Lie::WireValue] {
            let refused = Err(PcsError::Channel(ChannelError::CheckFailed(Check::OpeningEvaluation)));
            assert_eq!(example.verify(&example.prove(lie, 1)), refused, "{lie:?}");
        }
    }
}

/// A lie, and the last two vectors moved so that the evaluation holds: each leaves its own commitment's equation, and the sum
/// of both equations does not let amounts move from one to the other.
#[test]
fn opened_vectors_that_meet_the_evaluation_are_not_those_committed() {
    let example = Example::new(8, 12);
    for lie in [Lie::None, Lie::Message, Lie::WireValue] {
        let proof = example.prove(lie, 1);
        // The difference of the last check, and eta: both sides' first weights are eq(0) and eta.
        let seen = Rc::new(RefCell::new(BTreeMap::new()));
        let watched = Watched { inner: PlainVerifier::new(transcript(), &proof), seen: seen.clone() };
        let mut watcher = Watcher::new(watched, Some(0));
        let mut verification =
            HidingVerification::new(&example.fixture.params, example.counts(), &mut watcher).unwrap();
        let claims = example.algorithm(verification.channel()).unwrap();
        let _ = verification.close(&example.commitments(), &claims);
        let (_, met, offsets) = watcher.finish();
        let last = met.last().unwrap();
        assert_eq!((last.check, last.difference == Fr::ZERO), (Check::OpeningEvaluation, lie == Lie::None));
        let challenge = |label: Label| seen.borrow()[label].clone();
        let sigma: Vec<Fr> = challenge("sumcheck/product/challenge");
        let (eq, eta) = (eq_truncated(&sigma, 12), challenge(ETA)[0]);
        let z_1 = last.received - 13;
        let z_2 = z_1 - (Mask::<Fr>::len(log2_ceil(12)) + 1);
        let moved = |changes: &[(usize, Fr)]| {
            let mut bad = proof.clone();
            for &(scalar, change) in changes {
                let at = offsets[scalar]..offsets[scalar] + Fr::BYTES;
                let (value, mut bytes) = (Fr::read_from(&proof[at.clone()]).unwrap(), Vec::new());
                (value + change).write_to(&mut bytes);
                bad[at].copy_from_slice(&bytes);
            }
            example.verify(&bad)
        };
        // evaluation of z_1 - (delta + c claim - eta <z_2, u>) = difference
        let difference = last.difference;
        let step = if lie == Lie::None { Fr::ONE } else { Fr::ZERO };
        let by_z_1 = (z_1, -(difference + eta * step) / eq[0]);
        let by_z_2 = (z_2, -difference / eta);
        if lie != Lie::None {
            assert_eq!(moved(&[by_z_1]), Err(PcsError::Commitment), "{lie:?}: z_1");
            assert_eq!(moved(&[by_z_2]), Err(PcsError::Commitment), "{lie:?}: z_2");
        }
        // Amounts moved between both: z_2 by some step, z_1 by what makes up for it.
        let step = Fr::from(5u64);
        let both = [(z_2, step), (z_1, -(difference + eta * step) / eq[0])];
        assert_eq!(moved(&both), Err(PcsError::Commitment), "{lie:?}: both");
    }
}

/// Remembers the challenges of every label.
struct Watched<C> {
    inner: C,
    seen: Rc<RefCell<BTreeMap<Label, Vec<Fr>>>>,
}

impl<C: VerifierChannel<Fr, Scalar = Fr>> VerifierChannel<Fr> for Watched<C> {
    type Scalar = Fr;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Fr>, ChannelError> {
        self.inner.receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.inner.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> Fr {
        let drawn = self.inner.challenge(label);
        self.seen.borrow_mut().entry(label).or_default().push(drawn);
        drawn
    }

    fn full_challenge(&mut self, label: Label) -> Fr {
        self.inner.full_challenge(label)
    }

    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        self.inner.mul(a, b)
    }

    fn assert_eq(&mut self, a: Fr, b: Fr, check: Check) -> Result<(), ChannelError> {
        self.inner.assert_eq(a, b, check)
    }
}

/// A prover's end that lies behind the messages: in Z, in a pad, in what the tape says.
fn close_with(example: &Example, seed: u64, lie: impl Fn(&mut Factors, &mut Zeroizing<Vec<Fr>>)) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let params = &example.fixture.params;
    let mut opening = HidingOpening::new(params, example.counts(), PlainProver::new(transcript()), &mut rng);
    example.send(Lie::Message, opening.channel());
    let mut recorder = opening.recorder();
    let claims = example.algorithm(&mut recorder).unwrap();
    let HidingOpening { layout, mut blinds, channel, .. } = opening;
    let (tape, (mut clear, mut hidden)) = (recorder.into_tape(), channel.into_parts());
    let mut factors = Factors::new(&tape, &hidden);
    lie(&mut factors, &mut hidden);
    let secrets = Secrets::draw(params, tape.products().len(), &mut rng);
    let statement = prove_products(params, &tape, &claims, &factors, &secrets, &mut hidden, &mut blinds, &mut clear);
    let rows = HiddenRows { rows: &layout.rows(), scalars: &hidden, blinds: &blinds };
    let opened = open(params, &example.wires(), &claims, &statement, &rows, &secrets, &mut clear);
    finish(params, opened, &secrets, &Blinders::new(params, &[8; 32]), &mut clear);
    clear.finish()
}

/// The last message of the chain is one too large. The forger makes up for it in the product beneath it, in its factor, or in
/// the message's pad, so that every form on the tape is zero.
#[test]
fn products_factors_and_pads_cannot_make_up_for_a_false_message() {
    let example = Example::new(9, 12);
    let claims = example.fixture.claims.len();
    let product = |f: &mut Factors, _: &mut Zeroizing<Vec<Fr>>| f.z[claims] += Fr::ONE;
    let factor = |f: &mut Factors, _: &mut Zeroizing<Vec<Fr>>| {
        f.z[claims] += Fr::ONE;
        f.x[claims] = f.z[claims] / f.y[claims];
    };
    let pad = |_: &mut Factors, pads: &mut Zeroizing<Vec<Fr>>| pads[2 * claims + 1] += Fr::ONE;
    let nothing = |_: &mut Factors, _: &mut Zeroizing<Vec<Fr>>| ();
    let refusals =
        [close_with(&example, 1, product), close_with(&example, 1, factor), close_with(&example, 1, nothing)];
    for proof in refusals {
        let refused = Err(PcsError::Channel(ChannelError::CheckFailed(Check::OpeningEvaluation)));
        assert_eq!(example.verify(&proof), refused);
    }
    assert_eq!(example.verify(&close_with(&example, 1, pad)), Err(PcsError::Commitment));
}

/// A prover that leaves one assertion out, which a false message fails: every assertion stands on the verifier's tape.
#[test]
fn a_dropped_assertion_is_missed() {
    let example = Example::new(10, 12);
    let last = example.fixture.claims.len();
    let run = |dropped_by_verifier: bool| {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let clear = PlainProver::new(transcript());
        let mut opening = HidingOpening::new(&example.fixture.params, example.counts(), clear, &mut rng);
        example.send(Lie::Message, opening.channel());
        let mut recorder = Watcher::new(opening.recorder(), Some(last));
        let claims = example.algorithm(&mut recorder).unwrap();
        let proof = opening.close(&example.wires(), &claims, recorder.finish().0, &mut rng).finish();
        let clear = PlainVerifier::new(transcript(), &proof);
        let mut verification = HidingVerification::new(&example.fixture.params, example.counts(), clear).unwrap();
        let ignored = dropped_by_verifier.then_some(last);
        let claims = example.algorithm(&mut Watcher::new(verification.channel(), ignored)).unwrap();
        verification.close(&example.commitments(), &claims).map(drop)
    };
    assert_eq!(run(true), Ok(()));
    assert!(run(false).is_err());
}

#[test]
fn every_tampered_word_is_rejected_and_so_are_cut_and_extended_proofs() {
    for (width, step) in [(8, 1), (600, 41)] {
        let example = Example::new(11, width);
        let proof = example.prove(Lie::None, 1);
        for at in (0..proof.len()).step_by(16 * step) {
            let mut bad = proof.clone();
            bad[at] ^= 1;
            assert!(example.verify(&bad).is_err(), "width {width}, byte {at}");
            assert!(example.verify(&proof[..at]).is_err(), "width {width}, cut at {at}");
        }
        let refused = Err(PcsError::Channel(ChannelError::Trailing { count: 1 }));
        assert_eq!(example.verify(&[&proof[..], &[0]].concat()), refused);
    }
}

#[test]
fn a_proof_for_other_commitments_or_another_statement_is_rejected() {
    let example = Example::new(12, 12);
    let proof = example.prove(Lie::None, 1);
    let mut other = Example::new(12, 12);
    other.fixture.rows[1][0] = (other.fixture.rows[1][0] + G1Affine::generator()).into_affine();
    assert_eq!(other.verify(&proof), Err(PcsError::Commitment));
    let clear = PlainVerifier::new(Transcript::new("another"), &proof);
    assert!(example.verify_over(clear).is_err());
}

#[test]
fn wrong_counts_and_narrow_matrices_are_errors() {
    let example = Example::new(13, 12);
    let proof = example.prove(Lie::None, 1);
    for counts in [(1, 0), (0, 1)] {
        let Counts { messages, products } = example.counts();
        let counts = Counts { messages: messages + counts.0, products: products + counts.1 };
        let clear = PlainVerifier::new(transcript(), &proof);
        let mut verification = HidingVerification::new(&example.fixture.params, counts, clear).unwrap();
        let claims = example.algorithm(verification.channel()).unwrap();
        assert_eq!(verification.close(&example.commitments(), &claims).err(), Some(PcsError::Counts));
    }
    let narrow = Hyrax::params(7).unwrap();
    let clear = PlainVerifier::<Fr>::new(transcript(), &proof);
    let refused = HidingVerification::new(&narrow, example.counts(), clear).err();
    assert_eq!(refused, Some(PcsError::TooNarrow { width: 7, min: 8 }));
}

/// Words of 16 bytes of the two proofs that are equal.
fn shared_words(a: &[u8], b: &[u8]) -> usize {
    let words: std::collections::BTreeSet<&[u8]> = a.chunks(16).collect();
    b.chunks(16).filter(|word| words.contains(word)).count()
}

#[test]
fn two_proofs_of_one_witness_share_nothing_and_none_repeats_a_plain_message() {
    let example = Example::new(14, 12);
    let [first, second] = [1, 2].map(|seed| example.prove(Lie::None, seed));
    assert_eq!(shared_words(&first, &first), first.len() / 16);
    assert_eq!(shared_words(&first, &second), 0);
    let mut plain = PlainProver::new(transcript());
    example.send(Lie::None, &mut plain);
    assert_eq!(shared_words(&first, &plain.finish()), 0);
}

/// Pads, blinds or a mask that are zero show: the messages then stand in the clear, or the walk above finds words that repeat.
#[test]
fn zeroed_randomness_is_caught_by_the_walk() {
    struct Zero;
    impl rand::RngCore for Zero {
        fn next_u32(&mut self) -> u32 {
            0
        }
        fn next_u64(&mut self) -> u64 {
            0
        }
        fn fill_bytes(&mut self, dest: &mut [u8]) {
            dest.fill(0);
        }
        fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand::Error> {
            dest.fill(0);
            Ok(())
        }
    }
    impl rand::CryptoRng for Zero {}
    let example = Example::new(15, 12);
    let mut opening =
        HidingOpening::new(&example.fixture.params, example.counts(), PlainProver::new(transcript()), &mut Zero);
    example.send(Lie::None, opening.channel());
    let (clear, _) = opening.channel.into_parts();
    let values: Vec<u8> = {
        let mut plain = PlainProver::new(transcript());
        let values: Vec<Fr> = example.fixture.claims.iter().map(|c| c.value).collect();
        plain.send(VALUES, &values);
        plain.finish()
    };
    assert!(shared_words(&clear.finish(), &values) > 0);
}

/// A clear channel whose challenges are fixed in advance. Messages are made up where none are scripted.
struct Script {
    rng: ChaCha20Rng,
    challenges: ChaCha20Rng,
    messages: Vec<Vec<u8>>,
    next: usize,
    generate: bool,
}

impl Script {
    fn new(seed: u64, messages: Option<Vec<Vec<u8>>>) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            challenges: ChaCha20Rng::seed_from_u64(seed + 1),
            generate: messages.is_none(),
            messages: messages.unwrap_or_default(),
            next: 0,
        }
    }

    fn push(&mut self, scalars: &[Fr]) {
        let mut bytes = Vec::new();
        scalars.iter().for_each(|s| s.write_to(&mut bytes));
        self.messages.push(bytes);
    }

    fn take(&mut self) -> Vec<u8> {
        self.next += 1;
        self.messages[self.next - 1].clone()
    }
}

impl VerifierChannel<Fr> for Script {
    type Scalar = Fr;

    fn receive(&mut self, _: Label, len: usize) -> Result<Vec<Fr>, ChannelError> {
        if self.generate {
            let scalars: Vec<Fr> = (0..len).map(|_| Fr::rand(&mut self.rng)).collect();
            self.push(&scalars);
        }
        let bytes = self.take();
        assert_eq!(bytes.len(), len * Fr::BYTES);
        Ok(bytes.chunks(Fr::BYTES).map(|b| Fr::read_from(b).unwrap()).collect())
    }

    fn receive_bytes(&mut self, _: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        if self.generate {
            let points: Vec<G1Affine> =
                (0..len / 48).map(|_| G1Projective::rand(&mut self.rng).into_affine()).collect();
            self.messages.push(Hyrax::rows_to_bytes(&points));
        }
        Ok(self.take())
    }

    fn challenge(&mut self, _: Label) -> Fr {
        Fr::rand(&mut self.challenges)
    }

    fn full_challenge(&mut self, _: Label) -> Fr {
        Fr::rand(&mut self.challenges)
    }

    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }

    fn assert_eq(&mut self, a: Fr, b: Fr, check: Check) -> Result<(), ChannelError> {
        if a == b { Ok(()) } else { Err(ChannelError::CheckFailed(check)) }
    }
}

/// Without any witness, with challenges known in advance: everything in the clear is uniform, and the blinders' commitments
/// and delta are solved for. The transcript verifies, so it shows nothing but the statement.
#[test]
fn a_simulator_without_witness_is_accepted_under_its_challenges() {
    for width in [8, 12, 40] {
        let example = Example::new(16, width);
        let (params, counts) = (&example.fixture.params, example.counts());
        let layout = Layout::new(width, counts);
        let mut verification = HidingVerification::new(params, counts, Script::new(17, None)).unwrap();
        let claims = example.algorithm(verification.channel()).unwrap();
        let (mut script, tape, mut rows) = verification.into_parts();
        let statement = verify_products(&layout, &tape, &claims, &mut rows, &mut script).unwrap();
        let variables = log2_ceil(width);
        let [mask] = receive_array(MASK, &mut script).unwrap();
        let mask_sum = script.receive_one(MASK_SUM).unwrap();
        let eta = script.challenge(ETA);
        let total = statement.total + eta * mask_sum;
        let out = convince_sumcheck::product::verify(&mut script, &[(variables, total)]).unwrap();
        let c = script.challenge(C);

        let eq = eq_truncated(&out.point, width);
        let commitments = example.commitments();
        let splits: Vec<_> = commitments.iter().map(|w| w.split).collect();
        let of_wires = crate::hyrax::verify::row_weights(&splits, &claims, statement.kappa, &eq);
        let of_hidden = row_weights(&statement.coefficients, &layout.rows(), &eq);
        let points: Vec<G1Affine> = commitments.iter().flat_map(|w| w.rows).chain(&rows).copied().collect();
        let combined = msm(&points, &[of_wires.concat(), of_hidden].concat());
        let [z_1, z_2] = [width + 1, Mask::<Fr>::len(variables) + 1].map(|n| random(n, &mut script.rng).to_vec());
        let commit = |z: &[Fr]| {
            let (vector, blind) = z.split_at(z.len() - 1);
            let mut points = params.generators.columns()[..vector.len()].to_vec();
            points.push(params.generators.blind());
            msm(&points, &[vector, blind].concat())
        };
        let blinders =
            [commit(&z_1) - combined * curve_scalar(c), commit(&z_2) - mask * curve_scalar(c)].map(|p| p.into_affine());
        let inner = |z: &[Fr], weights: &[Fr]| Fr::inner_product(&z[..weights.len()], weights);
        let delta = inner(&z_1, &eq) + eta * inner(&z_2, &Mask::weights(&out.point)) - c * out.value;
        script.messages.push(Hyrax::rows_to_bytes(&blinders));
        [&[delta][..], &z_2, &z_1].iter().for_each(|message| script.push(message));

        let replay = Script::new(17, Some(script.messages));
        assert!(example.verify_over(replay).is_ok(), "width {width}");
    }
}
