//! Committed inputs and outputs: true claims on both, and no other output than the network's.

use convince_transcript::Check;

use super::*;

/// A random network with a committed input, a committed output, or both.
fn random_private(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let shape = [3, 4, 6, 5].map(|n| rng.gen_range(1..=n));
    let bits = Bits { signed: rng.r#gen(), width: rng.gen_range(1..=9) };
    let private: u32 = rng.gen_range(1..=3);
    let mut x = match private & 1 {
        1 => c.private_input(shape, bits).unwrap(),
        _ => c.input(shape, bits).unwrap(),
    };
    for _ in 0..rng.gen_range(0..4) {
        let made = match rng.gen_range(0..3) {
            0 => random_conv(&mut c, x, &mut rng),
            1 => random_requant(&mut c, x, &mut rng),
            _ => c.linear(vec![LinearTerm::plain(-3, x)], 5),
        };
        x = made.ok().filter(|t| c.shape(*t).unwrap().iter().product::<usize>() < 4000).unwrap_or(x);
    }
    match private & 2 {
        2 => c.private_output(x).unwrap(),
        _ => c.output(x).unwrap(),
    }
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn committed_inputs_and_outputs_are_left_true_claims(seed in 0u64..1 << 40) {
        let circuit = random_private(seed);
        let witness = random_witness(&circuit, seed);
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
        prop_assert!(claims.len() <= crate::soundness::max_claims(&circuit));
        prop_assert!(crate::soundness::error(&circuit, 254).bits() > 100.0);
        let is_claimed = |id: WireId| claims.iter().any(|claim| claim.wire == id);
        prop_assert!(!circuit.input_is_private() || is_claimed(circuit.input()));
        prop_assert!(circuit.wires_of(WireKind::Output).chain(circuit.wires_of(WireKind::Advice)).all(is_claimed));
        let without = run_verifier(&circuit, None, &proof);
        match circuit.output_is_private() {
            true => prop_assert_eq!(without, Ok(claims)),
            false => {
                let wire = circuit.output().wire.index();
                prop_assert_eq!(without, Err(ChannelError::CheckFailed(Check::PublicWire { wire })));
            }
        }
    }
}

/// The output's producer is a virtual wire, advice, or the input itself.
fn small(producer: usize) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.private_input([2, 3, 1, 2], Bits::signed(5)).unwrap();
    let acc = c.linear(vec![LinearTerm::plain(-7, x)], 3).unwrap();
    let y = c.requant(acc, requant(1, 2, 0, 20)).unwrap();
    c.private_output([acc, y, x][producer]).unwrap();
    c.finish_with(4).unwrap()
}

fn changed(circuit: &Circuit, witness: &Witness, id: WireId, at: usize, by: i64) -> Witness {
    let (mut values, mut witness): (Vec<i64>, _) = (witness.wire(id).iter().collect(), witness.clone());
    values[at] += by;
    witness.set(circuit, id, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
    witness
}

#[test]
fn another_private_output_is_rejected() {
    for circuit in [0, 1, 2].map(small) {
        let honest = random_witness(&circuit, 2);
        let (_, honest_proof) = run_prover(&circuit, &honest);
        assert!(accepted(&circuit, &honest, None, &honest_proof));
        let output = circuit.output().wire;
        for at in 0..circuit.wire(output).size() {
            for by in [1, -1, 1 << 16] {
                let lie = changed(&circuit, &honest, output, at, by);
                let (_, proof) = run_prover(&circuit, &lie);
                assert!(check(&circuit, &lie).is_err());
                assert!(!accepted(&circuit, &lie, None, &proof), "value {at}");
                assert!(!accepted(&circuit, &lie, None, &honest_proof), "value {at}, with the honest proof");
                assert!(!accepted(&circuit, &honest, None, &proof), "value {at}, with the honest wire");
            }
        }
    }
}

#[test]
fn a_private_input_out_of_range_is_rejected() {
    for circuit in [0, 1, 2].map(small) {
        let honest = random_witness(&circuit, 3);
        let (low, high) = (circuit.wire(circuit.input()).low, circuit.wire(circuit.input()).high);
        for value in [low - 1, high + 1, high + 32] {
            let by = value - honest.wire(circuit.input()).get(4);
            let mut lie = changed(&circuit, &honest, circuit.input(), 4, by);
            // All that follows is as the layers give it, so that the range alone is wrong.
            for layer in circuit.layers() {
                match layer {
                    Layer::Linear(l) => lie = changed(&circuit, &lie, l.output, 4, -7 * by),
                    Layer::Output(l) => {
                        let delta = lie.tensor(&circuit, l.input).get(4) - lie.wire(l.output).get(4);
                        lie = changed(&circuit, &lie, l.output, 4, delta);
                    }
                    _ => {}
                }
            }
            lie.count_multiplicities(&circuit);
            let (_, proof) = run_prover(&circuit, &lie);
            assert!(!accepted(&circuit, &lie, None, &proof), "{value}");
        }
    }
}

#[test]
fn every_tampered_word_of_private_proofs_is_rejected() {
    for circuit in [0, 1, 2].map(small) {
        let witness = random_witness(&circuit, 4);
        let (_, proof) = run_prover(&circuit, &witness);
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, None, &bad), "word {word}");
        }
        assert!((0..proof.len()).all(|len| run_verifier(&circuit, None, &proof[..len]).is_err()));
    }
}
