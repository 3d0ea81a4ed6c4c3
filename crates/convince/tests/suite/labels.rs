//! Proofs that reveal labels alone: what they say, what their files hold, and what a forger cannot say.

use std::sync::{Arc, LazyLock};

use crate::common::{Fixture, SEED, TINY, sample_input, tiny_model};
use convince::circuit::{Bits, CircuitBuilder, LinearTerm, Range, Requant, Witness, check};
use convince::lower::{LowerError, Reveal, Strategies};
use convince::model::{Model, Op, argmax, run};
use convince::protocol::Field;
use convince::{
    Proof, ProveOptions, ProvingKey, SetupError, SetupOptions, Verified, VerifyError, VerifyingKey, prove,
    setup_circuit_seeded, setup_with, verify,
};
use convince_field::{Ints, ProofField};

/// Bytes in front of the input, and of the input.
const HEAD: usize = 8;
const INPUT: usize = 36;

fn options() -> ProveOptions<'static> {
    ProveOptions { seed: Some(SEED), ..Default::default() }
}

fn revealing(model: Model, range: Range) -> Result<Fixture, SetupError> {
    let strategies = Strategies { range, reveal: Reveal::Label, ..Strategies::default() };
    let (proving, verifying) =
        setup_with(&model, &SetupOptions { strategies, seed: Some(SEED), ..SetupOptions::default() })?;
    Ok(Fixture { model, proving, verifying, input: sample_input(3) })
}

static LABEL: LazyLock<Fixture> = LazyLock::new(|| revealing(tiny_model(1), Range::LogUp).unwrap());

fn accepts(key: &VerifyingKey, bytes: Vec<u8>) -> Result<Verified, VerifyError> {
    verify(key, &Proof::from_bytes(bytes)?, None, &[])
}

/// The tiny network with logits that are these, whatever the input.
fn constant_logits(logits: [i64; 3]) -> Model {
    let mut model = tiny_model(1);
    let Some(Op::Gemm(dense)) = model.graph.nodes.last_mut().map(|node| &mut node.op) else {
        panic!("fully connected")
    };
    dense.weight = Arc::new(Ints::I8(vec![0; 24]));
    dense.bias = Some(Arc::new(Ints::pack(Bits::signed(10), &logits).unwrap()));
    model
}

/// A witness that says another label, with the margins that it takes.
fn relabelled(fixture: &Fixture, label: i64) -> Witness {
    let circuit = fixture.verifying.circuit();
    let (mut witness, layer) = (fixture.witness(), circuit.arg_max().unwrap());
    witness.set(circuit, layer.labels, Ints::I32(vec![label as i32])).unwrap();
    let margins = layer.margins(witness.tensor(circuit, layer.input), witness.wire(layer.labels));
    witness.set(circuit, layer.advice, Ints::I32(margins.iter().map(|&v| v as i32).collect())).unwrap();
    witness.count_multiplicities(circuit);
    witness
}

#[test]
fn the_label_is_the_interpreters_and_nothing_else_is_said() {
    for range in [Range::LogUp, Range::Bits] {
        let fixture = revealing(tiny_model(1), range).unwrap();
        for seed in 0..6 {
            let input = sample_input(seed);
            let proof = prove(&fixture.proving, &input, &options()).unwrap();
            let logits = run(&TINY.model.graph, &input).unwrap().output().to_vec();
            let verified = verify(&fixture.verifying, &proof, Some(&input), &[]).unwrap();
            let answer = &verified.answers[0];
            assert_eq!((answer.label, &answer.logits), (argmax(&logits), &None));
            assert_eq!(verified.output, Some(vec![argmax(&logits) as i32]));
            assert_eq!(answer.label_name.as_ref(), TINY.model.labels.get(answer.label));
            // The output of the file is one label, and the network's integers are nowhere in it.
            let bytes = proof.as_bytes();
            assert_eq!(proof.unverified(&fixture.verifying).unwrap().output, verified.output);
            assert_eq!(bytes[HEAD + INPUT..][..4], (answer.label as i32).to_le_bytes());
            for value in logits {
                // Scalars end the file. Four equal bytes across two of them mean nothing where one of them is zero.
                let mut encoded = Vec::new();
                Field::from_i64(value.into()).write_to(&mut encoded);
                assert!(bytes.rchunks_exact(32).all(|scalar| scalar != encoded), "{value}");
            }
        }
    }
}

#[test]
fn what_is_revealed_is_part_of_the_network_and_of_the_provers_key() {
    assert_eq!(LABEL.verifying.model_commitment(), TINY.verifying.model_commitment());
    assert_ne!(LABEL.verifying.network_digest(), TINY.verifying.network_digest());
    assert!(LABEL.verifying.reveals_labels_only() && !TINY.verifying.reveals_labels_only());
    let again = ProvingKey::from_bytes(&LABEL.proving.to_bytes()).unwrap();
    let proof = prove(&again, &LABEL.input, &options()).unwrap();
    let key = VerifyingKey::from_bytes(&LABEL.verifying.to_bytes()).unwrap();
    verify(&key, &proof, None, &[]).unwrap();
    assert!(verify(&TINY.verifying, &proof, None, &[]).is_err());
    let logits = prove(&TINY.proving, &TINY.input, &options()).unwrap();
    assert!(verify(&LABEL.verifying, &logits, None, &[]).is_err());
}

#[test]
fn another_label_in_the_file_is_rejected() {
    let bytes = prove(&LABEL.proving, &LABEL.input, &options()).unwrap().as_bytes().to_vec();
    let label = accepts(&LABEL.verifying, bytes.clone()).unwrap().answers[0].label as i32;
    for other in (-1..4).filter(|&other| other != label) {
        let mut bytes = bytes.clone();
        bytes[HEAD + INPUT..][..4].copy_from_slice(&other.to_le_bytes());
        match accepts(&LABEL.verifying, bytes) {
            Err(VerifyError::Output { index: 0, value }) => assert_eq!(value, other.into()),
            Err(VerifyError::Protocol(_)) => assert!((0..3).contains(&other)),
            result => panic!("{other}: {result:?}"),
        }
    }
}

#[test]
fn forged_labels_are_rejected_ties_among_them() {
    let models = [([7, 9, 9], 1), ([-3, -3, -3], 0), ([511, -512, 511], 0), ([-5, -4, -3], 2)];
    for (range, (logits, label)) in [Range::LogUp, Range::Bits].into_iter().flat_map(|range| models.map(|m| (range, m)))
    {
        let fixture = revealing(constant_logits(logits), range).unwrap();
        let proof = prove(&fixture.proving, &fixture.input, &options()).unwrap();
        assert_eq!(verify(&fixture.verifying, &proof, None, &[]).unwrap().answers[0].label, label);
        for other in (0..3).filter(|&other| other != label) {
            let witness = relabelled(&fixture, other as i64);
            assert!(check(fixture.verifying.circuit(), &witness).is_err());
            let proof = fixture.proving.prove_witness(&witness, &options());
            let result = verify(&fixture.verifying, &proof, None, &[]);
            assert!(matches!(result, Err(VerifyError::Protocol(_))), "{logits:?} as {other}: {result:?}");
        }
    }
}

#[test]
fn changed_proofs_of_a_label_are_rejected() {
    let bytes = prove(&LABEL.proving, &LABEL.input, &options()).unwrap().as_bytes().to_vec();
    for at in (7..bytes.len()).step_by(211) {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(accepts(&LABEL.verifying, bad).is_err(), "byte {at}");
    }
    assert!((0..bytes.len()).step_by(307).all(|len| accepts(&LABEL.verifying, bytes[..len].to_vec()).is_err()));
    assert!(accepts(&LABEL.verifying, [&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn the_estimate_counts_a_proof_of_a_label_to_the_byte() {
    for range in [Range::LogUp, Range::Bits] {
        let fixture = revealing(tiny_model(1), range).unwrap();
        let proof = prove(&fixture.proving, &fixture.input, &options()).unwrap();
        let estimate = convince::estimate(fixture.verifying.circuit());
        assert_eq!(estimate.total.proof_bytes, proof.as_bytes().len());
        assert_eq!(estimate.layers.last().map(|layer| layer.operator), Some("arg-max"));
    }
}

#[test]
fn a_batch_has_a_label_an_image() {
    let images: Vec<Vec<i32>> = (0..3).map(sample_input).collect();
    let batch = Model { graph: TINY.model.graph.with_batch(3), ..tiny_model(1) };
    for range in [Range::LogUp, Range::Bits] {
        let Fixture { proving, verifying, .. } = revealing(batch.clone(), range).unwrap();
        let proof = prove(&proving, &images.concat(), &options()).unwrap();
        let verified = verify(&verifying, &proof, Some(&images.concat()), &[]).unwrap();
        let labels = images.iter().map(|image| argmax(run(&TINY.model.graph, image).unwrap().output()));
        let labels: Vec<usize> = labels.collect();
        assert!(labels.windows(2).any(|pair| pair[0] != pair[1]), "{labels:?}");
        assert_eq!(verified.answers.iter().map(|answer| answer.label).collect::<Vec<_>>(), labels);
        assert!(verified.answers.iter().all(|answer| answer.logits.is_none()));
    }
}

#[test]
fn an_output_with_a_plane_has_no_label_but_a_circuit_by_hand_has_a_map() {
    let mut model = tiny_model(1);
    model.graph.nodes.truncate(3);
    model.labels.clear();
    let refused = revealing(model, Range::Auto).err();
    assert_eq!(refused, Some(SetupError::Lower(LowerError::Label { shape: [1, 2, 3, 3] })));

    let mut c = CircuitBuilder::new();
    let x = c.input([1, 3, 1, 2], Bits::I8).unwrap();
    let y = c.linear(vec![LinearTerm::plain(-3, x)], 4).unwrap();
    let y = c.requant(y, Requant::plain(2, -50, 50)).unwrap();
    c.output_label(y, Range::Auto).unwrap();
    let (proving, verifying) = setup_circuit_seeded(c.finish().unwrap(), vec![], SEED).unwrap();
    // -3 x / 4, rounded and clamped: the first place has two maxima at the clamp.
    let proof = prove(&proving, &[9, -8, -100, 70, -101, -9], &options()).unwrap();
    assert_eq!(verify(&verifying, &proof, None, &[]).unwrap().output, Some(vec![1, 2]));
}
