//! Everything that the first issue says must not pass: forged witnesses through the real prover, statements and keys that
//! do not belong together, and, in `bytes`, bytes that were changed on the way.

mod bytes;

use crate::common::{Fixture, KeyFile, SEED, TINY, fixture, sample_input, tiny_model};
use convince::circuit::{Bits, Layer, RequantLayer, Violation, WireId, WireKind, Witness, check};
use convince::circuit::{Range, Strategy};
use convince::lower::Strategies;
use convince::model::Model;
use convince::model::run;
use convince::{
    KeyError, Mode, Proof, ProveOptions, ProvingKey, SetupOptions, Verified, VerifyError, VerifyingKey, prove,
    setup_seeded, setup_with, verify,
};
use convince_field::Ints;
use convince_pcs::PcsError;
use convince_pcs::hyrax::MAX_WIDTH;

/// Everything that is tried is tried in both.
const MODES: [Mode; 2] = [Mode::Hiding, Mode::Plain];

fn options() -> ProveOptions<'static> {
    ProveOptions { seed: Some(SEED), ..Default::default() }
}

fn honest_proof(fixture: &Fixture) -> Proof {
    prove(&fixture.proving, &fixture.input, &options()).unwrap()
}

fn accepts(fixture: &Fixture, proof: &Proof) -> Result<Verified, VerifyError> {
    verify(&fixture.verifying, proof, None, &[])
}

fn requant(k: usize) -> &'static RequantLayer {
    let layers = TINY.verifying.circuit().layers().iter();
    let mut requants = layers.filter_map(|layer| if let Layer::Requant(l) = layer { Some(l) } else { None });
    requants.nth(k).unwrap()
}

fn values(witness: &Witness, wire: WireId) -> Vec<i64> {
    witness.wire(wire).iter().collect()
}

fn set(witness: &mut Witness, wire: WireId, values: &[i64]) {
    let ints = Ints::I32(values.iter().map(|&v| v as i32).collect());
    witness.set(TINY.verifying.circuit(), wire, ints).unwrap();
}

/// Changes a layer's advice by (column, place, difference).
fn with_advice(layer: &RequantLayer, changes: &[(usize, usize, i64)]) -> Witness {
    let mut witness = TINY.witness();
    let mut advice = values(&witness, layer.advice);
    for &(column, place, difference) in changes {
        advice[column * layer.column_len() + place] += difference;
    }
    set(&mut witness, layer.advice, &advice);
    witness
}

/// The proof of a forged witness is rejected, with multiplicities as they were and counted again; `check` finds the lie.
fn assert_rejected(name: &str, forged: Witness) {
    let circuit = TINY.verifying.circuit();
    let mut counted = forged.clone();
    counted.count_multiplicities(circuit);
    for witness in [forged, counted] {
        assert!(check(circuit, &witness).is_err(), "{name}: check");
        for mode in MODES {
            let proof = TINY.proving.prove_witness(&witness, &ProveOptions { mode, ..options() });
            assert!(accepts(&TINY, &proof).is_err(), "{name}, {mode:?}");
        }
    }
}

#[test]
fn the_honest_proof_passes_and_says_what_the_interpreter_computes() {
    let verified = accepts(&TINY, &honest_proof(&TINY)).unwrap();
    let trace = run(&TINY.model.graph, &TINY.input).unwrap();
    assert_eq!(verified.output.as_deref(), Some(trace.output()));
    let answer = &verified.answers[0];
    assert_eq!(answer.label, convince::model::argmax(trace.output()));
    assert_eq!(answer.label_name.as_deref(), Some(TINY.model.labels[answer.label].as_str()));
    let logits = trace.output().iter().map(|&v| f64::from(v) * 0.5).collect::<Vec<_>>();
    assert_eq!(answer.logits, Some(logits));
    assert_eq!(verified.model_commitment, TINY.proving.model_commitment());
}

#[test]
fn wrong_remainders_and_values_out_of_range_are_rejected() {
    for layer in [requant(0), requant(1)] {
        let (remainder, gap) = (&layer.remainders[0], &layer.gaps[0]);
        let (low, top) = (remainder[0], remainder[remainder.len() - 1]);
        let shift = i64::from(layer.params.shift);
        assert_rejected("wrong remainder", with_advice(layer, &[(low.column, 0, 1)]));
        assert_rejected("wrong remainder, negative", with_advice(layer, &[(low.column, 1, -1)]));
        // r + 2^s with the quotient one lower satisfies the equation; only the exact range of r stops it.
        let wraps = [(top.column, 0, 1 << (shift - i64::from(top.shift))), (gap[0].column, 0, 1)];
        assert_rejected("remainder out of range by 2^s", with_advice(layer, &wraps));
        let many = [(top.column, 0, 5 << (shift - i64::from(top.shift))), (gap[0].column, 0, 5)];
        assert_rejected("remainder out of range by a multiple of 2^s", with_advice(layer, &many));
        let place = (0..layer.column_len()).find(|&p| value_of(layer, low.column, p) == (1 << low.width) - 1);
        if let Some(place) = place {
            assert_rejected("remainder out of range by one", with_advice(layer, &[(low.column, place, 1)]));
        }
        if remainder.len() > 1 {
            let borrowed = [(low.column, 0, 1 << low.width), (remainder[1].column, 0, -1)];
            assert_rejected("limb borrowed from the next", with_advice(layer, &borrowed));
        }
        if gap.len() > 1 {
            let borrowed = [(gap[0].column, 0, 1 << gap[0].width), (gap[1].column, 0, -1)];
            assert_rejected("gap's limb borrowed from the next", with_advice(layer, &borrowed));
        }
        assert_rejected("clamped value above its range", with_advice(layer, &[(0, 0, 1 << 10)]));
        assert_rejected("clamped value below its range", with_advice(layer, &[(0, 0, -(1 << 10))]));
    }
}

#[test]
fn the_tiny_network_has_values_of_several_limbs() {
    let limbs: Vec<usize> =
        [requant(0), requant(1)].iter().map(|l| l.gaps[0].len().max(l.remainders[0].len())).collect();
    assert!(limbs.iter().any(|&n| n > 1), "{limbs:?}: the borrowing attacks above would be idle");
}

fn value_of(layer: &RequantLayer, column: usize, place: usize) -> i64 {
    values(&TINY.witness(), layer.advice)[column * layer.column_len() + place]
}

#[test]
fn pooled_values_that_are_not_the_maximum_are_rejected() {
    let layer = requant(0);
    let gaps: Vec<usize> = layer.gaps.iter().map(|limbs| limbs[0].column).collect();
    let moved = |place: usize, by: i64| {
        let mut changes: Vec<(usize, usize, i64)> = gaps.iter().map(|&g| (g, place, by)).collect();
        changes.push((0, place, by));
        with_advice(layer, &changes)
    };
    for place in 0..layer.column_len() {
        assert_rejected("pooled value above every candidate", moved(place, 1));
        assert_rejected("pooled value below the maximum", moved(place, -1));
    }
    // All pooled activations forced to one value, the attack that a published prover let pass.
    let mut forced = TINY.witness();
    let mut advice = values(&forced, layer.advice);
    advice[..layer.column_len()].fill(5);
    set(&mut forced, layer.advice, &advice);
    assert_rejected("all pooled values forced", forced);
}

#[test]
fn saturation_and_activation_cannot_be_skipped() {
    let layer = requant(1);
    let activated = layer.activated.unwrap();
    for place in 0..layer.column_len() {
        assert_rejected("another image of the table", with_advice(layer, &[(activated, place, 1)]));
    }
    let first = requant(0);
    if let Some(limb) = first.excess.first() {
        // c one lower and u one higher leave c + u as it was.
        assert_rejected("clamped below saturation", with_advice(first, &[(0, 0, -1), (limb.column, 0, 1)]));
    }
}

#[test]
fn swapped_channels_are_rejected() {
    let layer = requant(0);
    let mut witness = TINY.witness();
    let mut advice = values(&witness, layer.advice);
    let plane = layer.column_len() / 2;
    for column in advice.chunks_exact_mut(2 * plane) {
        let (a, b) = column.split_at_mut(plane);
        a.swap_with_slice(b);
    }
    set(&mut witness, layer.advice, &advice);
    assert_rejected("swapped channels", witness);
}

#[test]
fn multiplicities_off_by_one_are_rejected() {
    let circuit = TINY.verifying.circuit();
    for table in circuit.tables() {
        let last = circuit.wire(table.multiplicities).size() - 1;
        for (at, difference) in [(0, 1), (last, -1), (last / 2, 1)] {
            let mut witness = TINY.witness();
            let mut counts = values(&witness, table.multiplicities);
            counts[at] += difference;
            set(&mut witness, table.multiplicities, &counts);
            for mode in MODES {
                let proof = TINY.proving.prove_witness(&witness, &ProveOptions { mode, ..options() });
                assert!(accepts(&TINY, &proof).is_err());
            }
            assert!(matches!(check(circuit, &witness), Err(Violation::Multiplicity { .. })));
        }
    }
}

#[test]
fn other_weights_and_biases_under_the_same_commitment_are_rejected() {
    let circuit = TINY.verifying.circuit();
    let lowered = TINY.proving.lowered();
    for (k, id) in circuit.wires_of(WireKind::Weight).enumerate() {
        let mut weights = lowered.weights.clone();
        let mut changed = weights[k].to_i64();
        let bits = Bits::holding(circuit.wire(id).low, circuit.wire(id).high);
        changed[0] = if changed[0] == bits.high() { bits.low() } else { changed[0] + 1 };
        weights[k] = Ints::pack(bits, &changed).unwrap().into();
        // Everything else follows from the changed weights: only the commitment tells.
        let input = Ints::U8(TINY.input.iter().map(|&v| v as u8).collect());
        let witness = convince::circuit::evaluate(circuit, &input, &weights).unwrap();
        check(circuit, &witness).unwrap();
        for mode in MODES {
            let proof = TINY.proving.prove_witness(&witness, &ProveOptions { mode, ..options() });
            assert!(accepts(&TINY, &proof).is_err(), "weight wire {k}, {mode:?}");
        }
    }
}

#[test]
fn other_input_output_nonce_and_key_are_rejected() {
    let proof = honest_proof(&TINY);
    let other = sample_input(4);
    assert_eq!(verify(&TINY.verifying, &proof, Some(&other), &[]), Err(VerifyError::InputDiffers));
    assert!(verify(&TINY.verifying, &proof, Some(&TINY.input), &[]).is_ok());
    assert!(verify(&TINY.verifying, &proof, None, b"replayed").is_err());
    let answer = ProveOptions { nonce: b"request 1", ..options() };
    let answer = prove(&TINY.proving, &TINY.input, &answer).unwrap();
    assert!(verify(&TINY.verifying, &answer, None, b"request 1").is_ok());
    assert!(verify(&TINY.verifying, &answer, None, b"request 2").is_err());
    assert!(verify(&TINY.verifying, &answer, None, &[]).is_err());

    let detached = prove(&TINY.proving, &TINY.input, &ProveOptions { detach_input: true, ..options() }).unwrap();
    assert_eq!(detached.as_bytes().len() + 36, proof.as_bytes().len());
    assert_eq!(verify(&TINY.verifying, &detached, None, &[]), Err(VerifyError::MissingInput));
    assert!(verify(&TINY.verifying, &detached, Some(&TINY.input), &[]).is_ok());
    assert!(verify(&TINY.verifying, &detached, Some(&other), &[]).is_err());
    assert!(matches!(verify(&TINY.verifying, &detached, Some(&other[1..]), &[]), Err(VerifyError::Input(_))));
    assert!(matches!(verify(&TINY.verifying, &detached, Some(&[256; 36]), &[]), Err(VerifyError::Input(_))));

    // The input's and the output's bytes in the file.
    let mut bytes = proof.as_bytes().to_vec();
    bytes[8 + 3] ^= 1;
    assert!(accepts(&TINY, &Proof::from_bytes(bytes).unwrap()).is_err());
    let mut bytes = proof.as_bytes().to_vec();
    bytes[8 + 36] ^= 1;
    assert!(accepts(&TINY, &Proof::from_bytes(bytes).unwrap()).is_err());

    let stranger = fixture(2);
    assert_ne!(stranger.verifying.model_commitment(), TINY.verifying.model_commitment());
    assert!(verify(&stranger.verifying, &proof, None, &[]).is_err());
    // The same weights under other blinds are another commitment.
    let (_, again) = setup_seeded(&TINY.model, convince::TestSeed([8; 32])).unwrap();
    assert!(verify(&again, &proof, None, &[]).is_err());
    // The same weights said to mean something else.
    let mut renamed = tiny_model(1);
    renamed.labels.reverse();
    let (_, renamed) = setup_seeded(&renamed, SEED).unwrap();
    assert_eq!(renamed.model_commitment(), TINY.verifying.model_commitment());
    assert_ne!(renamed.network_digest(), TINY.verifying.network_digest());
    assert!(verify(&renamed, &proof, None, &[]).is_err());
}

/// A key cannot bring generators along: they are constants of the scheme. What it can bring is rows over other generators.
#[test]
fn a_key_with_rows_over_foreign_generators_is_rejected() {
    let mut file = KeyFile::of(&TINY.verifying);
    // The first two rows exchanged: valid points, but not commitments to these weights over these generators.
    let (first, rest) = file.committed().0.split_at_mut(48);
    first.swap_with_slice(&mut rest[..48]);
    let key = VerifyingKey::from_bytes(&file.to_bytes());
    assert!(matches!(key, Err(KeyError::RangeProof { slice: 0, .. })));
}

/// Columns without a generator would be bound by nothing, and too many of them would be work for nothing.
#[test]
fn a_key_with_more_columns_than_generators_is_refused() {
    let read = |width| VerifyingKey::from_bytes(&KeyFile { width, ..KeyFile::of(&TINY.verifying) }.to_bytes());
    assert!(read(TINY.verifying.width() as u64).is_ok());
    for width in [0, MAX_WIDTH as u64 + 1, 1 << 32, u64::MAX] {
        let Err(error) = read(width) else { panic!("{width} columns are taken") };
        let expected = PcsError::Width { width: usize::try_from(width).unwrap(), max: MAX_WIDTH };
        assert_eq!(error, KeyError::Commitment(expected));
        assert!(error.to_string().contains(&format!("width {width} is not between 1 and 32768")), "{error}");
    }
    // The widest rows there can be are those of another commitment.
    assert!(matches!(read(MAX_WIDTH as u64), Err(KeyError::RangeProof { slice: 0, .. } | KeyError::Commitment(_))));
}

#[test]
fn a_batch_is_one_proof_whatever_the_strategies_and_its_images_keep_their_places() {
    let images: Vec<Vec<i32>> = (0..3).map(sample_input).collect();
    let batch = Model { graph: TINY.model.graph.with_batch(3), ..TINY.model.clone() };
    let strategies = [
        Strategies::default(),
        Strategies { range: Range::Bits, ..Strategies::default() },
        Strategies { convolution: Strategy::Fft, ..Strategies::default() },
    ];
    for strategies in strategies {
        let (proving, verifying) =
            setup_with(&batch, &SetupOptions { strategies, seed: Some(SEED), ..SetupOptions::default() }).unwrap();
        let again = ProvingKey::from_bytes(&proving.to_bytes()).unwrap();
        let proof = prove(&again, &images.concat(), &options()).unwrap();
        let verified = verify(&verifying, &proof, Some(&images.concat()), &[]).unwrap();
        assert_eq!(verified.answers.len(), 3);
        for (image, answer) in images.iter().zip(&verified.answers) {
            assert_eq!(answer.label, convince::model::argmax(run(&TINY.model.graph, image).unwrap().output()));
        }
        let swapped = [&images[1], &images[0], &images[2]].map(Vec::as_slice).concat();
        assert_eq!(verify(&verifying, &proof, Some(&swapped), &[]), Err(VerifyError::InputDiffers));
        // Inputs and outputs exchanged in the file, which then says the same of each image.
        let mut bytes = proof.as_bytes().to_vec();
        for (start, len) in [(8, 36), (8 + 3 * 36, 12)] {
            let (first, rest) = bytes[start..].split_at_mut(len);
            first.swap_with_slice(&mut rest[..len]);
        }
        assert!(verify(&verifying, &Proof::from_bytes(bytes).unwrap(), None, &[]).is_err());
        // A proof for one image and the default strategies is of another circuit.
        assert!(verify(&TINY.verifying, &proof, None, &[]).is_err());
        assert!(verify(&verifying, &honest_proof(&TINY), None, &[]).is_err());
    }
}

#[test]
fn keys_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<ProvingKey>();
    shared::<VerifyingKey>();
    shared::<Proof>();
}
