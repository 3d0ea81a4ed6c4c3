//! Ranges of inputs and weights: true claims on wires of any rank, and no value outside.

use convince_circuit::RangeLayer;

use super::*;

/// Weights of any rank and format, and an input that says nothing.
fn random_weights(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 1, 1], Bits::unsigned(1)).unwrap();
    c.output(x).unwrap();
    for _ in 0..rng.gen_range(1..6) {
        let shape: Vec<usize> = (0..rng.gen_range(1..5)).map(|_| rng.gen_range(1..6)).collect();
        let w = c.weight(shape, Bits { signed: rng.r#gen(), width: rng.gen_range(1..=31) }).unwrap();
        c.range(w).unwrap();
    }
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

/// Every range that a small network can state.
fn network() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([2, 2, 4, 5], Bits::signed(9)).unwrap();
    let (w, b) = (c.weight([3, 2, 3, 3], Bits::signed(6)).unwrap(), c.weight([3], Bits::signed(19)).unwrap());
    let acc = c.conv2d(x, w, Some(b), Conv2d::square(1, 1)).unwrap();
    [b, x, w].into_iter().for_each(|tensor| c.range(tensor).unwrap());
    let y = c.requant(acc, requant(2, 9, 0, 63)).unwrap();
    c.output(y).unwrap();
    c.finish_with(7).unwrap()
}

fn ranges(circuit: &Circuit) -> impl Iterator<Item = &RangeLayer> {
    circuit.layers().iter().filter_map(|layer| if let Layer::Range(layer) = layer { Some(layer) } else { None })
}

fn leaves_true_claims(circuit: &Circuit, seed: u64) {
    let witness = random_witness(circuit, seed);
    assert_eq!(check(circuit, &witness), Ok(()));
    let (claims, proof) = run_prover(circuit, &witness);
    assert_eq!(run_verifier(circuit, &output(circuit, &witness), &proof), Ok(claims.clone()));
    for claim in &claims {
        assert!(is_true(claim, &witness), "{claim:?}");
        assert_eq!(claim.functional.shape(), circuit.wire(claim.wire).shape);
    }
    assert!(claims.len() <= crate::soundness::max_claims(circuit));
    assert!(crate::soundness::error(circuit, 254).bits() > 100.0);
    for id in ranges(circuit).map(|layer| layer.wire).chain(circuit.wires_of(WireKind::Advice)) {
        assert!(claims.iter().any(|claim| claim.wire == id), "{id:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn circuits_of_weights_alone_leave_true_claims(seed in 0u64..1 << 40) {
        leaves_true_claims(&random_weights(seed), seed);
    }
}

#[test]
fn ranges_within_a_network_leave_true_claims() {
    let circuit = network();
    assert_eq!(ranges(&circuit).filter(|layer| layer.advice.is_none()).count(), 1);
    leaves_true_claims(&circuit, 3);
}

fn set(circuit: &Circuit, witness: &mut Witness, id: WireId, at: usize, value: i64) {
    let mut values: Vec<i64> = witness.wire(id).iter().collect();
    values[at] = value;
    witness.set(circuit, id, Ints::pack(Bits::signed(32), &values).unwrap()).unwrap();
}

fn is_refused(circuit: &Circuit, mut witness: Witness, what: &str) {
    for counted in [false, true] {
        if counted {
            witness.count_multiplicities(circuit);
        }
        let (_, proof) = run_prover(circuit, &witness);
        assert!(check(circuit, &witness).is_err());
        assert!(!accepted(circuit, &witness, &output(circuit, &witness), &proof), "{what}, counted again: {counted}");
    }
}

/// The weight alone, with limbs that lost what does not fit, with a last limb that a table of full width would hold,
/// and with a first limb of whatever makes the sum right.
fn outside(circuit: &Circuit, layer: &RangeLayer, at: usize, value: i64) {
    let honest = random_witness(circuit, 5);
    let len = honest.wire(layer.wire).len();
    let mut alone = honest.clone();
    set(circuit, &mut alone, layer.wire, at, value);
    is_refused(circuit, alone.clone(), &format!("{value}"));
    let (Some(advice), [.., last]) = (layer.advice, &layer.limbs[..]) else { return };
    let distance = value - layer.low;
    let (mut cut, mut wide, mut first) = (alone.clone(), alone.clone(), alone);
    for limb in &layer.limbs {
        let within = (distance >> limb.shift) & ((1 << limb.width) - 1);
        set(circuit, &mut cut, advice, limb.column * len + at, within);
        let top = if limb == last { distance >> limb.shift } else { within };
        set(circuit, &mut wide, advice, limb.column * len + at, top);
        set(circuit, &mut first, advice, limb.column * len + at, if limb.shift == 0 { distance } else { 0 });
    }
    is_refused(circuit, cut, &format!("{value}, cut"));
    is_refused(circuit, wide, &format!("{value}, its last limb too wide"));
    is_refused(circuit, first, &format!("{value}, all in the first limb"));
}

#[test]
fn values_outside_are_rejected() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 1, 1], Bits::unsigned(1)).unwrap();
    c.output(x).unwrap();
    let formats = [Bits::signed(6), Bits::unsigned(5), Bits::signed(13), Bits::unsigned(12), Bits::signed(30)];
    for bits in formats {
        let w = c.weight([3, 2], bits).unwrap();
        c.range(w).unwrap();
    }
    let of_weights = c.finish_with(6).unwrap();
    assert_eq!(ranges(&of_weights).map(|layer| layer.limbs.len()).collect::<Vec<_>>(), [0, 0, 3, 2, 5]);
    for circuit in [of_weights, network()] {
        for layer in ranges(&circuit) {
            let wire = circuit.wire(layer.wire);
            let span = wire.high - wire.low + 1;
            for value in [wire.low - 1, wire.high + 1, wire.low + span + span / 2, wire.high + span] {
                for at in [0, wire.size() - 1] {
                    outside(&circuit, layer, at, value);
                }
            }
        }
    }
}

/// Limbs that add up to a value within the range, none of them its own.
#[test]
fn limbs_that_are_none_are_rejected() {
    let circuit = network();
    let honest = random_witness(&circuit, 6);
    for layer in ranges(&circuit) {
        let (Some(advice), len) = (layer.advice, honest.wire(layer.wire).len()) else { continue };
        for pair in layer.limbs.windows(2) {
            for (changes, what) in [([1, 0], "one more"), ([1 << pair[0].width, -1], "a borrow"), ([0, -1], "one less")]
            {
                let mut witness = honest.clone();
                for (limb, change) in pair.iter().zip(changes) {
                    let at = limb.column * len + 1;
                    let value = honest.wire(advice).get(at) + change;
                    set(&circuit, &mut witness, advice, at, value);
                }
                is_refused(&circuit, witness, what);
            }
        }
    }
}

#[test]
fn every_tampered_word_of_ranges_is_rejected() {
    for seed in 0..4 {
        let circuit = if seed == 0 { network() } else { random_weights(seed) };
        let witness = random_witness(&circuit, seed);
        let (_, proof) = run_prover(&circuit, &witness);
        let output = output(&circuit, &witness);
        assert!(accepted(&circuit, &witness, &output, &proof));
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, &output, &bad), "seed {seed}, word {word}");
        }
    }
}
