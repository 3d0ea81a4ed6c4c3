//! Public or private input, model and output: what is said, and that nothing passes for another.

use std::sync::LazyLock;

use convince::circuit::check;
use convince::lower::{Reveal, Strategies};
use convince::model::{argmax, run};
use convince::{
    Mode, ModelStatus, Openings, Proof, ProveError, ProveOptions, ProvingKey, SetupOptions, TensorCommitment, TestSeed,
    VerifyError, VerifyOptions, VerifyingKey, commit_input, commit_model, input_digest, prove_with_openings,
    setup_with, verify_with,
};
use convince_field::Ints;

use crate::common::layout::head;
use crate::common::{SEED, TINY, sample_input};

const MODES: [Mode; 2] = [Mode::Hiding, Mode::Plain];

/// Keys of the tiny network that leave something private.
pub(crate) struct Case {
    pub(crate) private_input: bool,
    pub(crate) public_weights: bool,
    pub(crate) reveal: Reveal,
    pub(crate) proving: ProvingKey,
    pub(crate) verifying: VerifyingKey,
}

/// All eight combinations, and a label alone in place of the output.
pub(crate) static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let seeded = SetupOptions { seed: Some(SEED), ..Default::default() };
    let (commitment, secret) = commit_model(&TINY.model, &seeded).unwrap();
    let case = |private_input: bool, public_weights: bool, reveal: Reveal| {
        let strategies = Strategies { private_input, reveal, ..Strategies::default() };
        let commitment = (!public_weights).then_some((&commitment, &secret));
        let options = SetupOptions { strategies, public_weights, commitment, ..seeded };
        let (proving, verifying) = setup_with(&TINY.model, &options).unwrap();
        Case { private_input, public_weights, reveal, proving, verifying }
    };
    let both = [false, true];
    let reveals = [Reveal::Logits, Reveal::Nothing, Reveal::Label];
    let pairs = both.into_iter().flat_map(|input| both.map(|weights| (input, weights)));
    pairs.flat_map(|(input, weights)| reveals.map(|reveal| case(input, weights, reveal))).collect()
});

impl Case {
    fn name(&self) -> String {
        let Self { private_input, public_weights, reveal, .. } = self;
        format!("private input {private_input}, public weights {public_weights}, {reveal:?}")
    }

    pub(crate) fn prove(&self, input: &[i32], options: ProveOptions<'_>) -> (Proof, Openings) {
        let options = ProveOptions { seed: Some(options.seed.unwrap_or(SEED)), ..options };
        prove_with_openings(&self.proving, input, &options).unwrap()
    }

    fn accepts(&self, proof: &Proof) -> bool {
        verify_with(&self.verifying, proof, &VerifyOptions::default()).is_ok()
    }
}

/// A key that has everything private.
fn all_private() -> &'static Case {
    CASES.iter().find(|c| c.private_input && !c.public_weights && c.reveal == Reveal::Nothing).unwrap()
}

#[test]
fn proofs_say_exactly_what_is_public() {
    let logits = run(&TINY.model.graph, &TINY.input).unwrap().output().to_vec();
    for case in CASES.iter() {
        for mode in MODES {
            let (proof, openings) = case.prove(&TINY.input, ProveOptions { mode, ..Default::default() });
            let name = format!("{}, {mode:?}", case.name());
            let verified = verify_with(&case.verifying, &proof, &VerifyOptions::default());
            let verified = verified.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(verified.mode, mode, "{name}");
            let status = if case.public_weights { ModelStatus::Public } else { ModelStatus::RangeProven };
            assert_eq!(verified.status, status, "{name}");
            let output = match case.reveal {
                Reveal::Logits => Some(logits.clone()),
                Reveal::Label => Some(vec![argmax(&logits) as i32]),
                _ => None,
            };
            assert_eq!(verified.output, output, "{name}");
            assert_eq!(verified.answers.len(), usize::from(output.is_some()), "{name}");
            assert!(verified.answers.iter().all(|a| a.label == argmax(&logits)), "{name}");
            assert!(verified.answers.iter().all(|a| a.logits.is_some() == (case.reveal == Reveal::Logits)), "{name}");
            // What is committed is opened by what the prover keeps, and nothing else is.
            let opened = |commitment: Option<&TensorCommitment>, opening: Option<_>, values: &[i32]| {
                let (Some(commitment), Some(opening)) = (commitment, opening) else { return };
                let opening: &convince::TensorOpening = opening;
                assert!(commitment.is_opened_by(opening), "{name}");
                assert_eq!(opening.values(), values, "{name}");
            };
            opened(verified.input_commitment.as_ref(), openings.input.as_ref(), &TINY.input);
            opened(verified.output_commitment.as_ref(), openings.output.as_ref(), &logits);
            let private_output = case.reveal == Reveal::Nothing;
            assert_eq!((openings.input.is_some(), openings.output.is_some()), (case.private_input, private_output));
            assert_eq!(verified.input_commitment.is_some(), case.private_input, "{name}");
            assert_eq!(verified.output_commitment.is_some(), private_output, "{name}");
            let digest = verified.input_commitment.as_ref().map_or(input_digest(&TINY.input), |c| c.digest());
            assert_eq!(verified.input_digest, digest, "{name}");
        }
    }
}

#[test]
fn a_proof_of_one_combination_is_none_of_another() {
    for mode in MODES {
        let proofs: Vec<Proof> =
            CASES.iter().map(|c| c.prove(&TINY.input, ProveOptions { mode, ..Default::default() }).0).collect();
        for (k, case) in CASES.iter().enumerate() {
            let accepted: Vec<usize> = (0..proofs.len()).filter(|&i| case.accepts(&proofs[i])).collect();
            assert_eq!(accepted, [k], "{}, {mode:?}", case.name());
        }
    }
}

#[test]
fn the_mode_and_the_nonce_are_part_of_the_statement() {
    for case in CASES.iter() {
        for mode in MODES {
            let (proof, _) = case.prove(&TINY.input, ProveOptions { mode, nonce: b"request 1", ..Default::default() });
            for (nonce, accepted) in [(&b"request 1"[..], true), (b"request 2", false), (b"", false)] {
                let options = VerifyOptions { nonce, ..Default::default() };
                assert_eq!(verify_with(&case.verifying, &proof, &options).is_ok(), accepted, "{}", case.name());
            }
            // Flags: a mode that is not the proof's, an input that is there or not, and bits that mean nothing.
            for flag in [1, 2, 3, 4, 128] {
                let mut bytes = proof.as_bytes().to_vec();
                bytes[7] ^= flag;
                let options = VerifyOptions { nonce: b"request 1", ..Default::default() };
                let proof = Proof::from_bytes(bytes).unwrap();
                assert!(verify_with(&case.verifying, &proof, &options).is_err(), "{}, flag {flag}", case.name());
            }
        }
    }
}

/// Heads of two proofs under one key: each of their parts taken from the other, and every byte changed.
#[test]
fn swapped_and_changed_heads_are_rejected() {
    for case in CASES.iter() {
        let first = case.prove(&TINY.input, ProveOptions::default()).0;
        let second =
            case.prove(&sample_input(4), ProveOptions { seed: Some(TestSeed([9; 32])), ..Default::default() }).0;
        let parts = head(&case.verifying, &first);
        for part in [parts.input.clone(), parts.output.clone(), parts.input.start..parts.messages] {
            let mut bytes = first.as_bytes().to_vec();
            bytes[part.clone()].copy_from_slice(&second.as_bytes()[part.clone()]);
            if bytes == first.as_bytes() {
                // Both inputs may have one label.
                assert_eq!((case.reveal, part.len()), (Reveal::Label, 4));
                continue;
            }
            assert!(!case.accepts(&Proof::from_bytes(bytes).unwrap()), "{}, {part:?}", case.name());
        }
        for at in (parts.input.start..parts.messages).step_by(5) {
            let mut bytes = first.as_bytes().to_vec();
            bytes[at] ^= 1 << (at % 8);
            assert!(!case.accepts(&Proof::from_bytes(bytes).unwrap()), "{}, byte {at}", case.name());
        }
    }
}

#[test]
fn an_input_committed_ahead_is_the_one_that_is_proven() {
    for case in CASES.iter().filter(|c| c.private_input) {
        let key = &case.verifying;
        let (commitment, opening) = commit_input(key, &TINY.input, Some(TestSeed([1; 32]))).unwrap();
        // Another input, and the same under other blinds.
        let other = commit_input(key, &sample_input(4), Some(TestSeed([1; 32]))).unwrap();
        let again = commit_input(key, &TINY.input, Some(TestSeed([2; 32]))).unwrap();
        assert!(commitment != other.0 && commitment != again.0);
        for mode in MODES {
            let options = ProveOptions { mode, input_opening: Some(&opening), ..Default::default() };
            let (proof, openings) = case.prove(&TINY.input, options);
            assert!(commitment.is_opened_by(openings.input.as_ref().unwrap()));
            let verdict = |commitment| {
                let options = VerifyOptions { input_commitment: Some(commitment), ..Default::default() };
                verify_with(key, &proof, &options).map(|verified| verified.input_commitment)
            };
            assert_eq!(verdict(&commitment), Ok(Some(commitment.clone())));
            for (other, _) in [&other, &again] {
                assert_eq!(verdict(other), Err(VerifyError::InputDiffers));
                // The other commitment in the proof's own head.
                let at = head(key, &proof).input;
                let rows = other.to_bytes();
                let rows = &rows[rows.len() - 32 - at.len()..rows.len() - 32];
                let mut bytes = proof.as_bytes().to_vec();
                bytes[at].copy_from_slice(rows);
                let swapped = Proof::from_bytes(bytes).unwrap();
                let options = VerifyOptions { input_commitment: Some(other), ..Default::default() };
                assert!(matches!(verify_with(key, &swapped, &options), Err(VerifyError::Protocol(_))));
            }
        }
        let refused = |opening| {
            let options = ProveOptions { input_opening: Some(opening), ..Default::default() };
            prove_with_openings(&case.proving, &TINY.input, &options).err()
        };
        assert_eq!(refused(&other.1), Some(ProveError::Opening));
        let given = VerifyOptions { input: Some(&TINY.input), ..Default::default() };
        let (proof, _) = case.prove(&TINY.input, ProveOptions::default());
        assert!(matches!(verify_with(key, &proof, &given), Err(VerifyError::Input(_))));
    }
    // Under a key whose inputs are public nothing commits to them.
    let (_, opening) = commit_input(&all_private().verifying, &TINY.input, Some(SEED)).unwrap();
    let (commitment, _) = commit_input(&TINY.verifying, &TINY.input, Some(SEED)).unwrap();
    let options = ProveOptions { input_opening: Some(&opening), ..Default::default() };
    assert_eq!(prove_with_openings(&TINY.proving, &TINY.input, &options).err(), Some(ProveError::PublicInput));
    let public = &CASES[0];
    let (proof, _) = public.prove(&TINY.input, ProveOptions::default());
    let options = VerifyOptions { input_commitment: Some(&commitment), ..Default::default() };
    assert!(matches!(verify_with(&public.verifying, &proof, &options), Err(VerifyError::Input(_))));
}

/// Everything follows honestly from an input that is not of its format.
#[test]
fn a_private_input_out_of_its_range_is_rejected() {
    for case in CASES.iter().filter(|c| c.private_input) {
        let circuit = case.verifying.circuit();
        for value in [256, -1, 256 + 17, -(1 << 20)] {
            let mut witness = case.proving.lowered().witness(&TINY.input).unwrap();
            let mut values: Vec<i32> = TINY.input.clone();
            values[7] = value;
            witness.set(circuit, circuit.input(), Ints::I32(values)).unwrap();
            witness.evaluate_from(circuit, 0);
            assert!(check(circuit, &witness).is_err(), "{}, {value}", case.name());
            for mode in MODES {
                let proof = case
                    .proving
                    .prove_witness(&witness, &ProveOptions { mode, seed: Some(SEED), ..Default::default() });
                assert!(!case.accepts(&proof), "{}, {value}, {mode:?}", case.name());
            }
        }
    }
}

/// A private output that is not the network's, and a label that is not the arg-max of logits that nobody sees.
#[test]
fn private_outputs_and_labels_that_are_not_the_networks_are_rejected() {
    for case in CASES.iter() {
        let circuit = case.verifying.circuit();
        let mut witness = case.proving.lowered().witness(&TINY.input).unwrap();
        let wire = match case.reveal {
            Reveal::Nothing => circuit.output().wire,
            Reveal::Label => circuit.arg_max().unwrap().labels,
            _ => continue,
        };
        let mut values: Vec<i64> = witness.wire(wire).iter().collect();
        values[0] = if case.reveal == Reveal::Label { (values[0] + 1) % 3 } else { values[0] + 1 };
        witness.set(circuit, wire, Ints::I32(values.iter().map(|&v| v as i32).collect())).unwrap();
        // Margins of the label that is told, cut to their range.
        if case.reveal == Reveal::Label {
            let layer = circuit.arg_max().unwrap();
            let margins = layer.margins(witness.tensor(circuit, layer.input), witness.wire(layer.labels));
            witness.set(circuit, layer.advice, Ints::I32(margins.iter().map(|&v| v as i32).collect())).unwrap();
            witness.count_multiplicities(circuit);
        }
        assert!(check(circuit, &witness).is_err(), "{}", case.name());
        for mode in MODES {
            let proof =
                case.proving.prove_witness(&witness, &ProveOptions { mode, seed: Some(SEED), ..Default::default() });
            assert!(!case.accepts(&proof), "{}, {mode:?}", case.name());
        }
    }
}
