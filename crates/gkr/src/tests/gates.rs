//! Circuits of gates: equal to their definition, true claims, no idle check, no other wiring.

use convince_circuit::{Gate, GatesLayer, Place};
use convince_transcript::Check;

use super::*;

fn random_place(sizes: &[usize], rng: &mut ChaCha20Rng) -> Place {
    let input = rng.gen_range(0..sizes.len());
    Place::new(input, rng.gen_range(0..sizes[input]))
}

fn random_gates(
    c: &mut CircuitBuilder,
    inputs: &[(Tensor, usize)],
    products: bool,
    rng: &mut ChaCha20Rng,
) -> Result<Tensor, CircuitError> {
    let shape = [1, 2, 3, 4].map(|n| rng.gen_range(1..=n));
    let entries: usize = shape.iter().product();
    let (tensors, sizes): (Vec<Tensor>, Vec<usize>) = inputs.iter().copied().unzip();
    let mut gate = || {
        let (out, coefficient) = (rng.gen_range(0..entries), rng.gen_range(-3..4));
        match rng.gen_range(0..if products { 4 } else { 2 }) {
            0 => Gate::constant(out, coefficient),
            1 => Gate::add(out, coefficient, random_place(&sizes, rng)),
            _ => Gate::mul(out, coefficient, random_place(&sizes, rng), random_place(&sizes, rng)),
        }
    };
    let gates: Vec<Gate> = (0..3 * entries).map(|_| gate()).collect();
    c.gates(&tensors, shape, gates)
}

/// Gates over inputs, weights and each other's outputs, among other layers; calls that do not fit are skipped.
fn gate_circuit(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let shape = [1, 3, 4, 5].map(|n| rng.gen_range(1..=n));
    let x = c.input(shape, Bits::signed(3)).unwrap();
    let (w, b) = (c.weight([2, 1, 3, 2], Bits::signed(3)).unwrap(), c.weight([5], Bits::signed(2)).unwrap());
    let mut readable = vec![x];
    let mut operands = vec![(x, shape.iter().product()), (w, 12), (b, 5)];
    for _ in 0..rng.gen_range(1..7) {
        let last = readable[readable.len() - 1];
        let made = match rng.gen_range(0..8) {
            0 => random_requant(&mut c, last, &mut rng),
            1 => random_conv(&mut c, last, &mut rng),
            2 => c.product(last, last),
            _ => {
                let chosen: Vec<_> =
                    (0..rng.gen_range(1..4)).map(|_| operands[rng.gen_range(0..operands.len())]).collect();
                random_gates(&mut c, &chosen, true, &mut rng)
            }
        };
        if let Ok(made) = made {
            readable.push(made);
            operands.push((made, c.shape(made).unwrap().iter().product()));
        }
    }
    let recent = operands[operands.len().saturating_sub(3)..].to_vec();
    let out = random_gates(&mut c, &recent, true, &mut rng)
        .or_else(|_| random_gates(&mut c, &operands[..3], false, &mut rng));
    c.output(out.unwrap()).unwrap();
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

fn layers(circuit: &Circuit) -> impl Iterator<Item = &GatesLayer> {
    circuit.layers().iter().filter_map(|l| if let Layer::Gates(l) = l { Some(l) } else { None })
}

/// The definition, entry by entry.
fn naive(circuit: &Circuit, witness: &Witness, layer: &GatesLayer) -> Vec<i64> {
    let at = |p: Place| i128::from(witness.tensor(circuit, layer.inputs[p.input as usize]).get(p.index as usize));
    let term = |gate: &Gate| match *gate {
        Gate::Constant { value, .. } => i128::from(value),
        Gate::Add { coefficient, x, .. } => i128::from(coefficient) * at(x),
        Gate::Mul { coefficient, x, y, .. } => i128::from(coefficient) * at(x) * at(y),
    };
    let entry = |z: usize| layer.gates.iter().filter(|gate| gate.out() == z).map(term).sum::<i128>();
    (0..layer.shape.iter().product()).map(|z| entry(z).try_into().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_gates_equal_their_definition_and_leave_true_claims(seed in 0u64..1 << 40) {
        let circuit = gate_circuit(seed);
        let witness = random_witness(&circuit, seed);
        for layer in layers(&circuit) {
            let values = witness.wire(layer.output).iter().collect::<Vec<_>>();
            prop_assert_eq!(&values, &naive(&circuit, &witness, layer));
            let wire = circuit.wire(layer.output);
            prop_assert!(values.iter().all(|v| (wire.low..=wire.high).contains(v)));
        }
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
        prop_assert!(claims.len() <= crate::soundness::max_claims(&circuit));
        prop_assert!(crate::soundness::error(&circuit, 254).bits() > 100.0);
    }
}

#[test]
fn every_tampered_word_of_gates_is_rejected() {
    for seed in 0..6 {
        let circuit = gate_circuit(seed);
        let witness = random_witness(&circuit, seed);
        let (_, proof) = run_prover(&circuit, &witness);
        let output = output(&circuit, &witness);
        assert!(accepted(&circuit, &witness, &output, &proof));
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, &output, &bad), "seed {seed}, word {word}");
        }
        assert!((0..proof.len()).step_by(7).all(|len| run_verifier(&circuit, &output, &proof[..len]).is_err()));
    }
}

/// `(x w + 3)` by gates, then products across two tensors, then a product layer: two claims meet on the first output.
fn small(second: &[Gate]) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 2, 3], Bits::signed(4)).unwrap();
    let w = c.weight([4], Bits::signed(4)).unwrap();
    let first = (0..6).map(|i| Gate::mul(i, 1, Place::new(0, i), Place::new(1, i % 4)));
    let constants = (0..3).map(|i| Gate::constant(2 * i, 3));
    let y = c.gates(&[x, w], [1, 1, 1, 6], first.chain(constants)).unwrap();
    let z = c.gates(&[x, y], [1, 1, 1, 4], second.iter().copied()).unwrap();
    let doubled = c.linear(vec![LinearTerm::plain(2, z)], -1).unwrap();
    let out = c.product(z, doubled).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

fn second_layer() -> Vec<Gate> {
    let (x, y) = (|i| Place::new(0, i), |i| Place::new(1, i));
    vec![
        Gate::mul(0, 2, x(1), y(4)),
        Gate::mul(1, -1, y(0), y(5)),
        Gate::add(1, 7, x(2)),
        Gate::mul(2, 1, y(3), x(0)),
        Gate::add(3, 1, y(2)),
        Gate::constant(3, -9),
    ]
}

#[test]
fn a_proof_of_another_wiring_is_rejected() {
    let circuit = small(&second_layer());
    let mut others = Vec::new();
    for k in 0..second_layer().len() {
        let mut change = |gate: Gate| {
            let mut gates = second_layer();
            gates[k] = gate;
            others.push(gates);
        };
        match second_layer()[k] {
            Gate::Constant { out, value } => {
                change(Gate::Constant { out, value: value + 1 });
                change(Gate::Constant { out: out - 1, value });
            }
            Gate::Add { out, coefficient, x } => {
                change(Gate::Add { out, coefficient: coefficient + 1, x });
                change(Gate::Add { out, coefficient, x: Place { index: x.index + 1, ..x } });
                change(Gate::Add { out, coefficient, x: Place { input: 1 - x.input, ..x } });
                change(Gate::Add { out: (out + 1) % 4, coefficient, x });
            }
            Gate::Mul { out, coefficient, x, y } => {
                change(Gate::Mul { out, coefficient: coefficient + 1, x, y });
                change(Gate::Mul { out, coefficient, x: y, y: x });
                change(Gate::Mul { out, coefficient, x, y: Place { index: (y.index + 1) % 6, ..y } });
                change(Gate::Mul { out: (out + 1) % 4, coefficient, x, y });
                change(Gate::Add { out, coefficient, x });
            }
        }
    }
    assert_eq!(others.len(), 15 + 8 + 2);
    for gates in others {
        let other = small(&gates);
        assert_ne!(other.digest(), circuit.digest());
        let witness = random_witness(&other, 8);
        let (_, proof) = run_prover(&other, &witness);
        assert!(accepted(&other, &witness, &output(&other, &witness), &proof));
        assert!(!accepted(&circuit, &witness, &output(&other, &witness), &proof), "{gates:?}");
    }
}

#[test]
fn a_layered_arithmetic_circuit_is_textbook_gkr() {
    // Two rounds of two scalars a variable in each phase, and two evaluations, whatever stands above.
    let proof_len = |depth: usize| {
        let mut c = CircuitBuilder::new();
        let mut layer = c.input([1, 1, 1, 8], Bits::signed(2)).unwrap();
        for _ in 0..depth {
            let place = |i: usize| Place::new(0, i % 8);
            layer =
                c.gates(&[layer], [1, 1, 1, 8], (0..8).map(|i| Gate::mul(i, 1, place(i), place(3 * i + 1)))).unwrap();
        }
        c.output(layer).unwrap();
        let circuit = c.finish().unwrap();
        let (claims, proof) = run_prover(&circuit, &random_witness(&circuit, 1));
        assert_eq!(claims.len(), 2);
        proof.len() / 32
    };
    assert_eq!(proof_len(3) - proof_len(2), 2 * (2 * 3) + 2);
    assert_eq!(proof_len(4) - proof_len(3), 2 * (2 * 3) + 2);
}

#[test]
fn every_check_of_gates_ignored_alone_lets_a_forgery_pass() {
    let circuit = small(&second_layer());
    let witness = random_witness(&circuit, 9);
    let checks = checks_met(&FalseOutput::of(&circuit, &witness));
    let gates = checks.iter().filter(|check| matches!(check, Check::Gates { .. })).count();
    assert_eq!(gates, layers(&circuit).count());
    let mut values = output(&circuit, &witness).to_i64();
    values[2] += 1;
    let output = Ints::pack(Bits::signed(31), &values).unwrap();
    let lie = FalseOutput { circuit: &circuit, witness: &witness, output };
    let checks = checks.into_iter().enumerate().filter(|(_, check)| *check != Check::LookupDenominatorRoot);
    no_check_is_idle(checks, &[lie], &[1, 2, 3, 4].map(|back| back..=back));
}
