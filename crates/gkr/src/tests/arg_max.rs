//! Circuits that reveal labels alone: equal to their definition, true claims, one label, no idle check.

use std::ops::RangeInclusive;

use convince_transcript::Check;

use super::*;

/// How many scalars before each check a forger repairs.
pub(super) const BACKS: [RangeInclusive<usize>; 6] = [1..=1, 2..=2, 3..=3, 4..=4, 5..=5, 6..=6];

pub(super) const RANGES: [Range; 2] = [Range::LogUp, Range::Bits];

/// Convolutions and requantisations, then the labels of whatever shape came out; calls that do not fit are skipped.
fn random_labels(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let shape = [4, 5, 6, 6].map(|n| rng.gen_range(1..=n));
    let mut x = c.input(shape, [Bits::U8, Bits::signed(2)][rng.gen_range(0..2)]).unwrap();
    for _ in 0..rng.gen_range(0..4) {
        let made = match rng.gen_range(0..3) {
            0 => random_conv(&mut c, x, &mut rng),
            1 => random_requant(&mut c, x, &mut rng),
            _ => c.linear(vec![LinearTerm::plain(-3, x)], 5),
        };
        x = made.ok().filter(|t| c.shape(*t).unwrap().iter().product::<usize>() < 4000).unwrap_or(x);
    }
    c.output_label(x, [Range::LogUp, Range::Bits, Range::Auto][rng.gen_range(0..3)]).unwrap();
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

/// The definition: no larger value, and no equal one before it.
pub(super) fn is_label(values: &[i64], label: i64) -> bool {
    let largest = values[label as usize];
    values.iter().all(|&v| v <= largest) && values[..label as usize].iter().all(|&v| v < largest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_labels_equal_their_definition_and_leave_true_claims(seed in 0u64..1 << 40) {
        let circuit = random_labels(seed);
        let witness = random_witness(&circuit, seed);
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let layer = circuit.arg_max().unwrap();
        let ([batch, channels, h, w], y) = (layer.shape, witness.tensor(&circuit, layer.input));
        prop_assert_eq!(circuit.shape(circuit.output()), [batch, 1, h, w]);
        for (place, label) in witness.wire(layer.labels).iter().enumerate() {
            let (b, at) = (place / (h * w), place % (h * w));
            let values: Vec<i64> = (0..channels).map(|c| y.get((b * channels + c) * h * w + at)).collect();
            prop_assert!(is_label(&values, label));
        }
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
        prop_assert!(claims.len() <= crate::soundness::max_claims(&circuit));
        prop_assert!(crate::soundness::error(&circuit, 254).bits() > 100.0);
        for id in circuit.wires_of(WireKind::Advice) {
            prop_assert!(claims.iter().any(|claim| claim.wire == id));
        }
    }
}

/// Two images of two places, of five channels; ties for the largest value at all places but one, where all are negative.
const LOGITS: [i64; 20] = [3, -4, 7, -4, 7, -8, -1, -2, 7, -4, -8, 0, -8, 0, 0, -3, 0, -3, -8, -5];

/// The labels of the input's negative, so that the logits are a virtual wire.
fn circuit_of(range: Range) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([2, 5, 1, 2], Bits::signed(5)).unwrap();
    let y = c.linear(vec![LinearTerm::plain(-1, x)], 0).unwrap();
    c.output_label(y, range).unwrap();
    c.finish_with(3).unwrap()
}

fn witness_of(circuit: &Circuit, logits: &[i64]) -> Witness {
    let input: Vec<i64> = logits.iter().map(|y| -y).collect();
    evaluate(circuit, &Ints::pack(Bits::signed(5), &input).unwrap(), &[]).unwrap()
}

pub(super) fn set(circuit: &Circuit, witness: &mut Witness, id: WireId, values: &[i64]) {
    witness.set(circuit, id, Ints::pack(Bits::signed(31), values).unwrap()).unwrap();
}

pub(super) fn values(witness: &Witness, id: WireId) -> Vec<i64> {
    witness.wire(id).iter().collect()
}

/// A witness that says other labels, with the margins that it takes for them, cut to their limbs.
fn relabelled(circuit: &Circuit, honest: &Witness, labels: &[i64]) -> Witness {
    let (mut witness, layer) = (honest.clone(), circuit.arg_max().unwrap());
    set(circuit, &mut witness, layer.labels, labels);
    let margins = layer.margins(honest.tensor(circuit, layer.input), witness.wire(layer.labels));
    set(circuit, &mut witness, layer.advice, &margins);
    witness.count_multiplicities(circuit);
    witness
}

/// The same with margins as they are, whatever their sign: the low limb holds all of them.
fn unbounded(circuit: &Circuit, honest: &Witness, labels: &[i64]) -> Witness {
    let (mut witness, layer) = (relabelled(circuit, honest, labels), circuit.arg_max().unwrap());
    let (len, plane) = (layer.column_len(), layer.shape[2] * layer.shape[3]);
    let y = honest.tensor(circuit, layer.input);
    let mut advice = vec![0; len * layer.margin.len()];
    for (at, margin) in advice[..len].iter_mut().enumerate() {
        let (image, j) = (at / (layer.shape[1] * plane), at / plane % layer.shape[1]);
        let label = labels[image * plane + at % plane];
        *margin = y.get(at + plane * label as usize - plane * j) - y.get(at) - i64::from((j as i64) < label);
    }
    set(circuit, &mut witness, layer.advice, &advice);
    witness.count_multiplicities(circuit);
    witness
}

fn rejects(circuit: &Circuit, witness: &Witness) -> bool {
    let (_, proof) = run_prover(circuit, witness);
    check(circuit, witness).is_err() && !accepted(circuit, witness, &output(circuit, witness), &proof)
}

#[test]
fn only_the_lowest_index_among_the_maxima_is_accepted() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &LOGITS);
        let layer = circuit.arg_max().unwrap();
        let true_labels = values(&honest, layer.labels);
        assert_eq!(true_labels, [1, 3, 2, 0]);
        let (_, proof) = run_prover(&circuit, &honest);
        assert!(accepted(&circuit, &honest, &output(&circuit, &honest), &proof));
        for place in 0..true_labels.len() {
            for label in (0..5).filter(|&l| l != true_labels[place]) {
                let mut other = true_labels.clone();
                other[place] = label;
                assert!(rejects(&circuit, &relabelled(&circuit, &honest, &other)), "{range:?}: {other:?}");
                assert!(rejects(&circuit, &unbounded(&circuit, &honest, &other)), "{range:?}: {other:?}");
                // The honest margins beside another statement.
                let other = Ints::pack(Bits::U8, &other).unwrap();
                assert!(!accepted(&circuit, &honest, &other, &proof), "{range:?}: {other:?}");
            }
        }
    }
}

/// If all values are negative, margins to a label that does not exist would be in range.
#[test]
fn labels_that_are_no_channels_are_rejected() {
    let circuit = circuit_of(Range::LogUp);
    let honest = witness_of(&circuit, &[-2; 20]);
    for label in [-1, 5, 8] {
        let witness = relabelled(&circuit, &honest, &[0, 0, 0, label]);
        let (_, proof) = run_prover(&circuit, &witness);
        let refused = run_verifier(&circuit, &output(&circuit, &witness), &proof);
        assert_eq!(refused, Err(ChannelError::CheckFailed(Check::ArgMax)), "label {label}");
    }
}

#[test]
fn forged_margins_are_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &LOGITS);
        let layer = circuit.arg_max().unwrap();
        let (len, low, high) = (layer.column_len(), layer.margin[0], layer.margin[1]);
        let borrowed = [(low, 1 << high.shift), (high, -1)];
        let changes: [&[_]; 5] = [&[(low, 1)], &[(low, -1)], &[(low, 1 << low.width)], &[(high, 1)], &borrowed];
        for changes in changes {
            // Every margin, that of the label itself among them.
            for at in 0..len {
                let (mut witness, mut advice) = (honest.clone(), values(&honest, layer.advice));
                changes.iter().for_each(|(limb, change)| advice[limb.column * len + at] += change);
                set(&circuit, &mut witness, layer.advice, &advice);
                assert!(rejects(&circuit, &witness), "{range:?}: {changes:?} at {at}, as counted");
                witness.count_multiplicities(&circuit);
                assert!(rejects(&circuit, &witness), "{range:?}: {changes:?} at {at}, counted again");
            }
        }
    }
}

/// Labels and margins of other logits, which a prover would like to have had.
#[test]
fn labels_of_other_logits_are_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &LOGITS);
        let layer = circuit.arg_max().unwrap();
        let Some(Layer::Linear(logits)) = circuit.layers().first() else { panic!("the logits' layer") };
        for at in 0..LOGITS.len() {
            let mut other = LOGITS;
            other[at] = 15;
            let other = witness_of(&circuit, &other);
            let mut witness = honest.clone();
            let mut take = |id: WireId| set(&circuit, &mut witness, id, &values(&other, id));
            take(layer.advice);
            take(layer.labels);
            circuit.tables().iter().for_each(|table| take(table.multiplicities));
            assert!(rejects(&circuit, &witness), "{range:?}: logit {at}");
            // The logits as well: then only their own layer tells.
            set(&circuit, &mut witness, logits.output, &values(&other, logits.output));
            assert!(rejects(&circuit, &witness), "{range:?}: logit {at} in its wire");
        }
    }
}

#[test]
fn every_tampered_word_of_labels_is_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let witness = witness_of(&circuit, &LOGITS);
        let (_, proof) = run_prover(&circuit, &witness);
        let output = output(&circuit, &witness);
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, &output, &bad), "{range:?}, word {word}");
        }
        assert!((0..proof.len()).all(|len| run_verifier(&circuit, &output, &proof[..len]).is_err()));
        assert!(run_verifier(&circuit, &output, &[&proof[..], &[0]].concat()).is_err());
    }
}

#[test]
fn every_check_of_labels_ignored_alone_lets_a_forgery_pass() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &LOGITS);
        let checks = checks_met(&FalseOutput::of(&circuit, &honest));
        assert_eq!(checks.iter().filter(|check| **check == Check::ArgMax).count(), 1);
        // Another of the maxima.
        let other = [1, 3, 3, 0];
        let lies = [relabelled(&circuit, &honest, &other), unbounded(&circuit, &honest, &other)];
        let checks = checks.into_iter().enumerate().filter(|(_, check)| *check != Check::LookupDenominatorRoot);
        no_check_is_idle(checks, &lies.each_ref().map(|lie| FalseOutput::of(&circuit, lie)), &BACKS);
    }
}
