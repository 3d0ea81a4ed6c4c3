//! Accuracy proofs of a small classifier, honest and forged.

use std::sync::Arc;

use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Range, Requant};
use convince_field::Ints;
use convince_transcript::container::Kind;

use super::*;
use crate::{ProvingKey, TestSeed, setup_circuit_seeded};

const BATCH: usize = 3;
const CLASSES: usize = 3;
const PIXELS: usize = 4;

fn circuit(private: bool) -> Circuit {
    let mut c = CircuitBuilder::new();
    let shape = [BATCH, PIXELS, 1, 1];
    let x = if private { c.private_input(shape, Bits::I8) } else { c.input(shape, Bits::I8) }.unwrap();
    let w = c.weight([CLASSES, PIXELS, 1, 1], Bits::I8).unwrap();
    let acc = c.conv2d(x, w, None, Conv2d::square(1, 0)).unwrap();
    let y = c.requant(acc, Requant::plain(3, -40, 40)).unwrap();
    c.output_correct(y, Range::Auto).unwrap();
    c.finish().unwrap()
}

struct Fixture {
    proving: ProvingKey,
    verifying: VerifyingKey,
    images: Vec<Vec<i32>>,
    labels: Vec<u32>,
    right: usize,
}

impl Fixture {
    fn new(images: usize, private: bool) -> Self {
        let weights: Vec<i8> = (0..CLASSES * PIXELS).map(|i| (i * i * 7 % 23) as i8 - 11).collect();
        let weights = vec![Arc::new(Ints::I8(weights))];
        let (proving, verifying) = setup_circuit_seeded(circuit(private), weights.clone(), TestSeed([1; 32])).unwrap();
        let image = |i: usize| (0..PIXELS).map(|p| ((i * 37 + p * 59 + i * p) % 200) as i32 - 100).collect();
        let images: Vec<Vec<i32>> = (0..images).map(image).collect();
        let label = |image: &Vec<i32>| {
            let logit = |class: usize| {
                let weights = &weights[0].as_slice().range(class * PIXELS, PIXELS);
                let acc: i64 = image.iter().zip(weights.iter()).map(|(&x, w)| i64::from(x) * w).sum();
                ((acc + 4) >> 3).clamp(-40, 40)
            };
            (1..CLASSES).fold(0, |best, j| if logit(j) > logit(best) { j } else { best }) as u32
        };
        let own: Vec<u32> = images.iter().map(label).collect();
        // Every fourth label is another than the network's.
        let labels: Vec<u32> = own.iter().enumerate().map(|(i, &l)| if i % 4 == 2 { (l + 1) % 3 } else { l }).collect();
        let right = own.iter().zip(&labels).filter(|(a, b)| a == b).count();
        Self { proving, verifying, images, labels, right }
    }

    fn statement(&self, correct: usize) -> AccuracyStatement<'_> {
        AccuracyStatement { labels: &self.labels, correct, data_set: None, nonce: b"accuracy" }
    }

    fn prove(&self, statement: &AccuracyStatement<'_>, data_set: Option<&DataSetOpening>) -> Vec<u8> {
        let mut proof = Vec::new();
        let options = AccuracyOptions { data_set, seed: Some(TestSeed([2; 32])), ..AccuracyOptions::default() };
        let mut images = |range: std::ops::Range<usize>| Ok(self.images[range].concat());
        prove_accuracy(&self.proving, statement, &mut images, &mut proof, &options).unwrap();
        proof
    }

    fn verify(&self, proof: &[u8], statement: &AccuracyStatement<'_>) -> Result<VerifiedAccuracy, AccuracyRefusal> {
        let mut images = |range: std::ops::Range<usize>| Ok(self.images[range].concat());
        verify_accuracy(&self.verifying, &mut &proof[..], statement, &mut images)
    }
}

/// Bytes before the first batch, and of one batch.
fn layout(fixture: &Fixture) -> (usize, usize) {
    (7 + 16, fixture.verifying.message_bytes())
}

#[test]
fn as_many_as_are_right_or_fewer_are_proven_whatever_the_batches() {
    for images in [1, 2, 3, 4, 6, 7, 9] {
        let fixture = Fixture::new(images, false);
        for correct in [0, 1, fixture.right] {
            let statement = fixture.statement(correct);
            let proof = fixture.prove(&statement, None);
            let verified = fixture.verify(&proof, &statement).unwrap();
            assert_eq!((verified.images, verified.correct), (images, correct));
            // All of a file's bytes are the statement's size, not the number of images that are right.
            let full = fixture.prove(&fixture.statement(fixture.right), None);
            assert_eq!(proof.len(), full.len());
        }
        let statement = fixture.statement(fixture.right + 1);
        let mut images = |range: std::ops::Range<usize>| Ok(fixture.images[range].concat());
        let options = AccuracyOptions::default();
        let refused = prove_accuracy(&fixture.proving, &statement, &mut images, &mut Vec::new(), &options);
        assert!(matches!(refused, Err(AccuracyError::TooFew { found, .. }) if found == fixture.right));
    }
}

#[test]
fn a_proof_is_the_same_whether_or_not_batches_are_committed_to_ahead() {
    for images in [1, 4, 9] {
        let fixture = Fixture::new(images, false);
        let statement = fixture.statement(fixture.right.saturating_sub(1));
        let prove = |in_turn| {
            let (mut proof, heard) = (Vec::new(), std::cell::RefCell::new(Vec::new()));
            let progress = |done, total| heard.borrow_mut().push((done, total));
            let mut images = |range: std::ops::Range<usize>| Ok(fixture.images[range].concat());
            let seed = Some(TestSeed([2; 32]));
            let options = AccuracyOptions { in_turn, progress: Some(&progress), seed, ..AccuracyOptions::default() };
            prove_accuracy(&fixture.proving, &statement, &mut images, &mut proof, &options).unwrap();
            (proof, heard.into_inner())
        };
        let alone = prove(true);
        let batches = images.div_ceil(fixture.verifying.batch());
        assert_eq!(alone.1, (1..=batches).map(|done| (done, batches)).collect::<Vec<_>>());
        assert!(prove(false) == alone);
        #[cfg(feature = "parallel")]
        for num_threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            assert!(pool.install(|| prove(false)) == alone, "{num_threads} threads");
            assert!(pool.install(|| prove(true)) == alone, "{num_threads} threads, in turn");
        }
        fixture.verify(&alone.0, &statement).unwrap();
    }
}

#[test]
fn a_verifier_may_ask_for_less_than_is_claimed_and_not_for_more() {
    let fixture = Fixture::new(7, false);
    let proof = fixture.prove(&fixture.statement(4), None);
    assert_eq!(fixture.verify(&proof, &fixture.statement(2)).unwrap().correct, 4);
    let refused = fixture.verify(&proof, &fixture.statement(5)).unwrap_err();
    assert!(matches!(refused, AccuracyRefusal::Claim { claimed: 4, images: 7, asked: 5 }) && refused.is_rejection());
    let refused = fixture.verify(&proof, &AccuracyStatement { labels: &fixture.labels[..6], ..fixture.statement(2) });
    assert!(matches!(refused, Err(AccuracyRefusal::OtherImages { found: 7, labels: 6 })));
}

#[test]
fn a_count_one_too_high_is_rejected() {
    let fixture = Fixture::new(7, false);
    for claimed in [fixture.right + 1, fixture.right - 1] {
        let mut proof = fixture.prove(&fixture.statement(fixture.right), None);
        proof[15..23].copy_from_slice(&(claimed as u64).to_le_bytes());
        let refused = fixture.verify(&proof, &fixture.statement(0)).unwrap_err();
        assert!(refused.is_rejection(), "{refused}");
    }
}

/// Every batch is honest and bound to the false statement; the bits add up to one less.
#[test]
fn a_false_sum_over_honest_batches_is_rejected() {
    for images in [3, 7] {
        let fixture = Fixture::new(images, false);
        let statement = fixture.statement(fixture.right + 1);
        let mut proof = Vec::new();
        let mut of = |range: std::ops::Range<usize>| Ok(fixture.images[range].concat());
        let options = AccuracyOptions::default();
        let rng = |index| prover::seeded(TestSeed([1; 32]), index);
        let missing = prover::prove(&fixture.proving, &statement, &mut of, &mut proof, &options, &rng);
        assert_eq!(missing.unwrap(), 1);
        let refused = fixture.verify(&proof, &statement).unwrap_err();
        assert!(matches!(refused, AccuracyRefusal::Count(crate::VerifyError::Protocol(_))), "{refused}");
    }
}

#[test]
fn batches_images_labels_and_nonces_cannot_be_exchanged() {
    let fixture = Fixture::new(9, false);
    let statement = fixture.statement(fixture.right);
    let proof = fixture.prove(&statement, None);
    let (head, batch) = layout(&fixture);
    let mut swapped = proof.clone();
    let (first, rest) = swapped[head..].split_at_mut(batch);
    first.swap_with_slice(&mut rest[..batch]);
    assert!(fixture.verify(&swapped, &statement).unwrap_err().is_rejection());
    let repeated = [&proof[..head + batch], &proof[head..head + batch], &proof[head + 2 * batch..]].concat();
    assert!(fixture.verify(&repeated, &statement).unwrap_err().is_rejection());
    let mut other = Fixture::new(9, false);
    other.images.swap(0, 1);
    assert!(other.verify(&proof, &statement).unwrap_err().is_rejection());
    let mut labels = fixture.labels.clone();
    labels[8] = (labels[8] + 1) % 3;
    let relabelled = AccuracyStatement { labels: &labels, ..statement };
    assert!(fixture.verify(&proof, &relabelled).unwrap_err().is_rejection());
    let renewed = AccuracyStatement { nonce: b"another", ..statement };
    assert!(fixture.verify(&proof, &renewed).unwrap_err().is_rejection());
}

#[test]
fn cut_extended_and_changed_files_are_rejected() {
    let fixture = Fixture::new(4, false);
    let statement = fixture.statement(2);
    let proof = fixture.prove(&statement, None);
    for len in (0..proof.len()).step_by(97) {
        assert!(fixture.verify(&proof[..len], &statement).is_err(), "cut at {len}");
    }
    assert!(fixture.verify(&[&proof[..], &[0]].concat(), &statement).unwrap_err().is_rejection());
    for at in (23..proof.len()).step_by(61) {
        let mut bad = proof.clone();
        bad[at] ^= 1;
        assert!(fixture.verify(&bad, &statement).unwrap_err().is_rejection(), "byte {at}");
    }
}

/// The images that fill up the last batch have a label like any other, and may be classified as it says.
#[test]
fn images_that_fill_up_the_last_batch_do_not_count() {
    let batches = Batches { images: 7, size: BATCH };
    let weights: Vec<Vec<Field>> = count_functionals(batches).iter().map(|f| f.0[0].table()).collect();
    let [one, zero] = [1u64, 0].map(Field::from);
    assert_eq!(weights, [vec![one; 3], vec![one, zero, zero]]);
    assert_eq!(count_functionals(Batches { images: 3, size: 3 }).len(), 1);
    assert_eq!(batches.labels(2, &[1, 2, 0, 1, 2, 0, 1]), [1, 0, 0]);
}

#[test]
fn a_committed_data_set_is_proven_about_and_no_other() {
    let fixture = Fixture::new(7, true);
    let mut images = |range: std::ops::Range<usize>| Ok(fixture.images[range].concat());
    let commit = |images: &mut Images<'_>, seed| {
        commit_data_set(&fixture.verifying, 7, images, Some(TestSeed([seed; 32]))).unwrap()
    };
    let (commitment, opening) = commit(&mut images, 3);
    let read = DataSetCommitment::from_bytes(&commitment.to_bytes()).unwrap();
    assert_eq!((&read, read.images()), (&commitment, 7));
    let opening = DataSetOpening::from_bytes(&opening.to_bytes()).unwrap();
    let statement = AccuracyStatement { data_set: Some(&commitment), ..fixture.statement(fixture.right) };
    let proof = fixture.prove(&statement, Some(&opening));
    let no_image = |_: std::ops::Range<usize>| -> Result<Vec<i32>, Box<dyn std::error::Error + Send + Sync>> {
        Err("a verifier asks for no image".into())
    };
    let verify = |statement: &AccuracyStatement<'_>| {
        verify_accuracy(&fixture.verifying, &mut &proof[..], statement, &mut { no_image })
    };
    assert_eq!(verify(&statement).unwrap().correct, fixture.right);
    let (other, _) = commit(&mut images, 4);
    assert!(verify(&AccuracyStatement { data_set: Some(&other), ..statement }).unwrap_err().is_rejection());
    assert!(matches!(verify(&AccuracyStatement { data_set: None, ..statement }), Err(AccuracyRefusal::Usage(_))));
    let (mut sink, options) = (Vec::new(), AccuracyOptions { data_set: Some(&opening), ..AccuracyOptions::default() });
    let wrong = AccuracyStatement { data_set: Some(&other), ..statement };
    let refused = prove_accuracy(&fixture.proving, &wrong, &mut images, &mut sink, &options);
    assert!(matches!(refused, Err(AccuracyError::Usage(_))));
    // Images of the last batch that the commitment is not to.
    let mut swapped =
        |range: std::ops::Range<usize>| Ok(fixture.images[range.start - range.start / 6..][..range.len()].concat());
    let refused = prove_accuracy(&fixture.proving, &statement, &mut swapped, &mut sink, &options);
    assert!(matches!(refused, Err(AccuracyError::OtherImages { range }) if range == (6..7)));
}

/// Images of another length than the network's are an error, not cut or filled up.
#[test]
fn a_data_set_of_another_length_is_an_error() {
    let fixture = Fixture::new(4, true);
    for change in [-1i64, 1] {
        let mut images = |range: std::ops::Range<usize>| {
            let mut values = fixture.images[range].concat();
            values.resize((values.len() as i64 + change) as usize, 0);
            Ok(values)
        };
        let refused = commit_data_set(&fixture.verifying, 4, &mut images, Some(TestSeed([3; 32])));
        assert!(matches!(refused, Err(AccuracyError::Images { .. })));
    }
}

#[test]
fn a_key_for_accuracy_verifies_no_other_proof() {
    let fixture = Fixture::new(3, false);
    let proof = crate::Proof::from_bytes(convince_transcript::container::header(Kind::Proof)).unwrap();
    assert_eq!(crate::verify(&fixture.verifying, &proof, None, &[]), Err(crate::VerifyError::AccuracyKey));
    let plain = crate::prove(&fixture.proving, &fixture.images.concat(), &crate::ProveOptions::default());
    assert!(plain.is_err());
}
