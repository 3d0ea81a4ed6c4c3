//! Circuits that count correct images: equal to their definition, true claims, no image counted that is not correct, no
//! idle check.

use convince_circuit::CorrectLayer;
use convince_transcript::Check;

use super::arg_max::{BACKS, RANGES, is_label, set, values};
use super::*;

/// Convolutions and requantisations, then one value a class; calls that do not fit are skipped.
fn random_counting(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let (shape, bits) = ([6, 4, 5, 5].map(|n| rng.gen_range(1..=n)), [Bits::U8, Bits::signed(2)][rng.gen_range(0..2)]);
    let mut x = if rng.r#gen() { c.private_input(shape, bits) } else { c.input(shape, bits) }.unwrap();
    for _ in 0..rng.gen_range(0..3) {
        let made = match rng.gen_range(0..2) {
            0 => random_conv(&mut c, x, &mut rng),
            _ => random_requant(&mut c, x, &mut rng),
        };
        x = made.ok().filter(|t| c.shape(*t).unwrap().iter().product::<usize>() < 4000).unwrap_or(x);
    }
    x = c.requant(x, requant(1, 2, -100, 100)).unwrap();
    let [_, channels, h, w] = c.shape(x).unwrap();
    let weight = c.weight([rng.gen_range(1..7), channels, h, w], Bits::signed(2)).unwrap();
    let y = c.gemm(x, weight, None).unwrap();
    c.output_correct(y, [Range::LogUp, Range::Bits, Range::Auto][rng.gen_range(0..3)]).unwrap();
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

/// Random input and weights, and about half of the labels right.
fn labelled(circuit: &Circuit, seed: u64) -> Witness {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut of = |id: WireId| {
        let wire = circuit.wire(id);
        random_ints(Bits::holding(wire.low, wire.high), wire.size(), &mut rng)
    };
    let input = of(circuit.input());
    let weights: Vec<_> = circuit.wires_of(WireKind::Weight).map(|id| Arc::new(of(id))).collect();
    let layer = circuit.correct_layer().unwrap();
    let [batch, classes, ..] = layer.margins.shape;
    let evaluated = |labels: &[i64]| {
        let labels = Ints::pack(Bits::signed(31), labels).unwrap();
        evaluate_labelled(circuit, &input, &weights, &labels).unwrap()
    };
    let own = layer.margins.labels_of(evaluated(&vec![0; batch]).tensor(circuit, layer.margins.input));
    let given = own.into_iter().map(|l| if rng.r#gen() { l } else { rng.gen_range(0..classes as i64) });
    evaluated(&given.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_counts_equal_their_definition_and_leave_true_claims(seed in 0u64..1 << 40) {
        let circuit = random_counting(seed);
        let mut witness = labelled(&circuit, seed);
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let CorrectLayer { margins, correct } = circuit.correct_layer().unwrap();
        let (classes, y) = (margins.shape[1], values_of(&circuit, &witness, margins.input));
        let images = y.chunks(classes).zip(witness.wire(margins.labels).iter());
        let right: Vec<i64> = images.map(|(image, label)| is_label(image, label).into()).collect();
        prop_assert_eq!(&values(&witness, *correct), &right);
        // A prover may leave images out.
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let counted: Vec<bool> = right.iter().map(|&c| c == 1 && rng.gen_bool(0.7)).collect();
        witness.set_correct(&circuit, &counted).unwrap();
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
        prop_assert!(claims.len() <= crate::soundness::max_claims(&circuit));
        prop_assert!(crate::soundness::error(&circuit, 254).bits() > 100.0);
        prop_assert!(circuit.wires_of(WireKind::Advice).all(|id| claims.iter().any(|claim| claim.wire == id)));
    }
}

fn values_of(circuit: &Circuit, witness: &Witness, tensor: Tensor) -> Vec<i64> {
    witness.tensor(circuit, tensor).iter().collect()
}

/// Five images of four classes: ties for the largest value in three, all values equal in one, all negative in two.
const LOGITS: [i64; 20] = [3, 7, -4, 7, -1, -8, -1, -2, 7, -4, -8, 0, -3, -3, -3, -3, 5, 6, 6, 6];
const OWN: [i64; 5] = [1, 0, 0, 0, 1];

/// Compares the labels of the input's negative, so that the logits are a virtual wire.
fn circuit_of(range: Range) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([5, 4, 1, 1], Bits::signed(5)).unwrap();
    let y = c.linear(vec![LinearTerm::plain(-1, x)], 0).unwrap();
    c.output_correct(y, range).unwrap();
    c.finish_with(3).unwrap()
}

fn witness_of(circuit: &Circuit, labels: &[i64]) -> Witness {
    let input: Vec<i64> = LOGITS.iter().map(|y| -y).collect();
    let labels = Ints::pack(Bits::U8, labels).unwrap();
    evaluate_labelled(circuit, &Ints::pack(Bits::signed(5), &input).unwrap(), &[], &labels).unwrap()
}

/// The bits as given, and the h that belong to them: cut to their limbs, and in the low limb whatever they are.
fn counting(circuit: &Circuit, honest: &Witness, bits: &[i64]) -> [Witness; 2] {
    let layer = circuit.correct_layer().unwrap();
    let (y, labels) = (values_of(circuit, honest, layer.margins.input), values(honest, layer.margins.labels));
    let cut = layer.margins_of(honest.tensor(circuit, layer.margins.input), honest.wire(layer.margins.labels), bits);
    let mut whole = vec![0; cut.len()];
    for at in 0..y.len() {
        let (b, j) = (at / 4, (at % 4) as i64);
        let label = usize::try_from(labels[b]).unwrap();
        whole[at] = bits[b] * (y[4 * b + label] - y[at] - i64::from(j < labels[b]));
    }
    [cut, whole].map(|h| {
        let mut witness = honest.clone();
        set(circuit, &mut witness, layer.correct, bits);
        set(circuit, &mut witness, layer.margins.advice, &h);
        witness.count_multiplicities(circuit);
        witness
    })
}

fn rejects(circuit: &Circuit, witness: &Witness) -> bool {
    let (_, proof) = run_prover(circuit, witness);
    check(circuit, witness).is_err() && !accepted(circuit, witness, &output(circuit, witness), &proof)
}

#[test]
fn only_images_whose_lowest_maximum_is_the_label_are_counted() {
    for range in RANGES {
        let circuit = circuit_of(range);
        for b in 0..OWN.len() {
            for label in 0..4 {
                let mut labels = OWN;
                labels[b] = label;
                let honest = witness_of(&circuit, &labels);
                let right = values(&honest, circuit.correct().unwrap());
                assert_eq!(right, (0..5).map(|k| i64::from(labels[k] == OWN[k])).collect::<Vec<_>>());
                let (_, proof) = run_prover(&circuit, &honest);
                assert!(accepted(&circuit, &honest, &output(&circuit, &honest), &proof));
                if label != OWN[b] {
                    for lie in counting(&circuit, &honest, &[1; 5]) {
                        assert!(rejects(&circuit, &lie), "{range:?}: image {b}, label {label}");
                    }
                    // The same bits and margins beside another statement.
                    let all = witness_of(&circuit, &OWN);
                    let (_, proof) = run_prover(&circuit, &all);
                    assert!(!accepted(&circuit, &all, &output(&circuit, &honest), &proof), "{range:?}: {labels:?}");
                }
            }
        }
    }
}

/// A factor other than 0 and 1 must not count twice, nor turn negative margins into positive ones.
#[test]
fn bits_that_are_none_are_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        for (label, bit) in [(1, 2), (1, -1), (2, -1), (2, 2), (0, -1)] {
            let honest = witness_of(&circuit, &[label, 0, 0, 0, 1]);
            for lie in counting(&circuit, &honest, &[bit, 1, 1, 1, 1]) {
                assert!(rejects(&circuit, &lie), "{range:?}: {bit} at label {label}");
            }
        }
        // With all h as they were, or zero.
        let honest = witness_of(&circuit, &OWN);
        let layer = circuit.correct_layer().unwrap();
        let (correct, advice) = (layer.correct, layer.margins.advice);
        for (bits, zero) in [([2, 1, 1, 1, 1], false), ([0, 1, 1, 1, 1], false), ([1, 1, 1, 1, 1], true)] {
            let mut lie = honest.clone();
            set(&circuit, &mut lie, correct, &bits);
            if zero {
                set(&circuit, &mut lie, advice, &vec![0; circuit.wire(advice).size()]);
            }
            lie.count_multiplicities(&circuit);
            assert!(rejects(&circuit, &lie), "{range:?}: {bits:?}");
        }
    }
}

#[test]
fn forged_margins_are_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &[1, 1, 0, 0, 1]);
        let layer = &circuit.correct_layer().unwrap().margins;
        let (len, low, high) = (layer.column_len(), layer.margin[0], layer.margin[1]);
        let borrowed = [(low, 1 << high.shift), (high, -1)];
        let changes: [&[_]; 5] = [&[(low, 1)], &[(low, -1)], &[(low, 1 << low.width)], &[(high, 1)], &borrowed];
        for changes in changes {
            // Every h, those of labels and of images that are not counted among them.
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

/// Bits and margins of other logits, which a prover would like to have had.
#[test]
fn counts_of_other_logits_are_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let layer = circuit.correct_layer().unwrap();
        let Some(Layer::Linear(logits)) = circuit.layers().first() else { panic!("the logits' layer") };
        let labels = [2, 0, 0, 0, 1];
        let honest = witness_of(&circuit, &labels);
        let mut wished = LOGITS;
        wished[2] = 15;
        let input: Vec<i64> = wished.iter().map(|y| -y).collect();
        let (input, given) = (Ints::pack(Bits::signed(5), &input).unwrap(), Ints::pack(Bits::U8, &labels).unwrap());
        let other = evaluate_labelled(&circuit, &input, &[], &given).unwrap();
        assert_eq!(values(&other, layer.correct), [1; 5]);
        let mut witness = honest.clone();
        let mut take = |id: WireId| set(&circuit, &mut witness, id, &values(&other, id));
        [layer.correct, layer.margins.advice].into_iter().for_each(&mut take);
        circuit.tables().iter().for_each(|table| take(table.multiplicities));
        assert!(rejects(&circuit, &witness), "{range:?}");
        // The logits as well: then only their own layer tells.
        set(&circuit, &mut witness, logits.output, &values(&other, logits.output));
        assert!(rejects(&circuit, &witness), "{range:?}, in their wire");
    }
}

#[test]
fn labels_that_are_no_classes_are_rejected() {
    let circuit = circuit_of(Range::LogUp);
    let honest = witness_of(&circuit, &[0, 0, 0, 0, 1]);
    let (_, proof) = run_prover(&circuit, &honest);
    for label in [-1, 4, 8] {
        let given = Ints::pack(Bits::signed(8), &[label, 0, 0, 0, 1]).unwrap();
        assert!(!accepted(&circuit, &honest, &given, &proof));
        let (mut witness, labels) = (honest.clone(), circuit.output().wire);
        set(&circuit, &mut witness, labels, &[label, 0, 0, 0, 1]);
        let (_, proof) = run_prover(&circuit, &witness);
        let refused = run_verifier(&circuit, &given, &proof);
        assert_eq!(refused, Err(ChannelError::CheckFailed(Check::ArgMax)), "label {label}");
    }
}

#[test]
fn every_tampered_word_of_counts_is_rejected() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let witness = witness_of(&circuit, &[1, 2, 0, 0, 1]);
        let (_, proof) = run_prover(&circuit, &witness);
        let output = output(&circuit, &witness);
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, &output, &bad), "{range:?}, word {word}");
        }
        assert!((0..proof.len()).all(|len| run_verifier(&circuit, &output, &proof[..len]).is_err()));
        assert!(run_verifier(&circuit, None, &proof).is_err());
    }
}

#[test]
fn every_check_of_counts_ignored_alone_lets_a_forgery_pass() {
    for range in RANGES {
        let circuit = circuit_of(range);
        let honest = witness_of(&circuit, &OWN);
        let checks = checks_met(&FalseOutput::of(&circuit, &honest));
        for check in [Check::Correct, Check::ArgMax] {
            assert_eq!(checks.iter().filter(|met| **met == check).count(), 1);
        }
        // Another of the maxima counted; an image counted twice.
        let tied = witness_of(&circuit, &[3, 0, 0, 0, 1]);
        let lies = [counting(&circuit, &tied, &[1; 5]), counting(&circuit, &honest, &[2, 1, 1, 1, 1])].concat();
        let lies: Vec<_> = lies.iter().map(|lie| FalseOutput::of(&circuit, lie)).collect();
        let checks = checks.into_iter().enumerate().filter(|(_, check)| *check != Check::LookupDenominatorRoot);
        no_check_is_idle(checks, &lies, &BACKS);
    }
}
