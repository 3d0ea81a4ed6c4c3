//! Whole reductions on small circuits: the claims that are left must be exactly the true evaluations.

use std::sync::Arc;

use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Requant, WireId, WireKind, Witness, check, evaluate};
use convince_field::{Fr, Ints};
use convince_transcript::{ChannelError, PlainProver, PlainVerifier, Transcript};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use crate::{Claim, prove, verify};

fn requant(window: usize, shift: u32, low: i32, high: i32) -> Requant {
    Requant { window, shift, low, high, table: None }
}

/// Strided convolution, pooled ReLU on an odd plane, residual sum of two branches, activation table, dense output.
fn residual() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 9, 11], Bits::I8).unwrap();
    let (w, b) = (c.weight([3, 2, 3, 3], Bits::I8).unwrap(), c.weight([3], Bits::signed(12)).unwrap());
    let acc = c.conv2d(x, w, Some(b), Conv2d { stride: 1, padding: 1 }).unwrap();
    let y = c.requant(acc, requant(2, 5, 0, 100)).unwrap();
    let (w1, w2) = (c.weight([3, 3, 3, 3], Bits::I8).unwrap(), c.weight([3, 3, 1, 1], Bits::I8).unwrap());
    let left = c.conv2d(y, w1, None, Conv2d { stride: 2, padding: 2 }).unwrap();
    let right = c.conv2d(y, w2, None, Conv2d { stride: 2, padding: 0 }).unwrap();
    let right = c.affine(&[(3, right)], 0).unwrap();
    let right = c.requant(right, requant(1, 0, -500, 700)).unwrap();
    let wide = c.weight([3, 3, 2, 2], Bits::I8).unwrap();
    let right = c.conv2d(right, wide, None, Conv2d { stride: 1, padding: 1 }).unwrap();
    let sum = c.affine(&[(2, left), (-1, right)], 77).unwrap();
    let table = (-40..=40).map(|v: i32| v.abs() / 2).collect();
    let z = c.requant(sum, Requant { window: 1, shift: 9, low: -40, high: 40, table: Some(table) }).unwrap();
    let (w, b) = (c.weight([5, 3, 3, 4], Bits::I8).unwrap(), c.weight([5], Bits::signed(16)).unwrap());
    let out = c.gemm(z, w, Some(b)).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

fn random_ints(bits: Bits, len: usize, rng: &mut ChaCha20Rng) -> Ints {
    let values: Vec<i64> = (0..len).map(|_| rng.gen_range(bits.low()..=bits.high())).collect();
    Ints::pack(bits, &values).unwrap()
}

fn random_witness(circuit: &Circuit, seed: u64) -> Witness {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut of = |id: WireId| {
        let wire = circuit.wire(id);
        random_ints(Bits::holding(wire.low, wire.high), wire.size(), &mut rng)
    };
    let input = of(circuit.input());
    let weights: Vec<_> = circuit.wires_of(WireKind::Weight).map(|id| Arc::new(of(id))).collect();
    evaluate(circuit, &input, &weights).unwrap()
}

fn run_prover(circuit: &Circuit, witness: &Witness) -> (Vec<Claim<Fr, Fr>>, Vec<u8>) {
    let mut channel = PlainProver::new(Transcript::new("test"));
    let claims = prove(circuit, witness, &mut channel);
    (claims, channel.finish())
}

fn run_verifier(circuit: &Circuit, output: &Ints, proof: &[u8]) -> Result<Vec<Claim<Fr, Fr>>, ChannelError> {
    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
    let claims = verify(circuit, output, &mut channel)?;
    channel.finish()?;
    Ok(claims)
}

fn output(circuit: &Circuit, witness: &Witness) -> Ints {
    let values: Vec<i64> = witness.tensor(circuit, circuit.output()).iter().collect();
    Ints::pack(Bits::signed(31), &values).unwrap()
}

fn is_true(claim: &Claim<Fr, Fr>, witness: &Witness) -> bool {
    claim.functional.apply(witness.wire(claim.wire)) == claim.value
}

fn accepted(circuit: &Circuit, witness: &Witness, output: &Ints, proof: &[u8]) -> bool {
    run_verifier(circuit, output, proof).is_ok_and(|claims| claims.iter().all(|claim| is_true(claim, witness)))
}

/// A circuit drawn from the parameters, where shapes allow.
fn random_circuit(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let (channels, h, w) = (rng.gen_range(1..4), rng.gen_range(1..9), rng.gen_range(1..9));
    let mut x = c.input([1, channels, h, w], if rng.r#gen() { Bits::U8 } else { Bits::I8 }).unwrap();
    let mut shape = [channels, h, w];
    for _ in 0..rng.gen_range(1..4) {
        let (co, k, padding, stride) =
            (rng.gen_range(1..5), rng.gen_range(1..5), rng.gen_range(0..3), rng.gen_range(1..4));
        if shape[1] + 2 * padding < k || shape[2] + 2 * padding < k {
            continue;
        }
        let out = |n: usize| (n + 2 * padding - k) / stride + 1;
        let weight = c.weight([co, shape[0], k, k], Bits::I8).unwrap();
        let bias = c.weight([co], Bits::signed(rng.gen_range(1..14))).unwrap();
        let acc = c.conv2d(x, weight, rng.r#gen::<bool>().then_some(bias), Conv2d { stride, padding }).unwrap();
        shape = [co, out(shape[1]), out(shape[2])];
        let window = if shape[1] > 1 && shape[2] > 1 { rng.gen_range(1..3) } else { 1 };
        let low = [0, 0, -128, 5][rng.gen_range(0..4)];
        let table = (rng.gen_range(0..3) == 0).then(|| (low..=low + 200).map(|v| (v / 3).clamp(-20, 50)).collect());
        x = c.requant(acc, Requant { window, shift: rng.gen_range(0..13), low, high: low + 200, table }).unwrap();
        shape = [shape[0], shape[1] / window, shape[2] / window];
    }
    let weight = c.weight([rng.gen_range(1..7), shape[0], shape[1], shape[2]], Bits::I8).unwrap();
    let out = c.gemm(x, weight, None).unwrap();
    c.output(out).unwrap();
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

#[test]
fn all_claims_are_true_and_both_sides_agree() {
    let circuit = residual();
    let witness = random_witness(&circuit, 1);
    check(&circuit, &witness).unwrap();
    let (claims, proof) = run_prover(&circuit, &witness);
    assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof).unwrap(), claims);
    for claim in &claims {
        assert!(is_true(claim, &witness), "{claim:?}");
        assert_ne!(circuit.wire(claim.wire).kind, WireKind::Virtual);
        assert_eq!(claim.functional.shape(), circuit.wire(claim.wire).shape);
    }
    for id in circuit.wires_of(WireKind::Weight).chain(circuit.wires_of(WireKind::Advice)) {
        assert!(claims.iter().any(|claim| claim.wire == id), "wire {id:?} is never opened");
    }
}

#[test]
fn every_tampered_word_is_rejected() {
    let circuit = residual();
    let witness = random_witness(&circuit, 2);
    let (_, proof) = run_prover(&circuit, &witness);
    let output = output(&circuit, &witness);
    assert!(accepted(&circuit, &witness, &output, &proof));
    for word in 0..proof.len() / 32 {
        let mut bad = proof.clone();
        bad[32 * word] ^= 1;
        assert!(!accepted(&circuit, &witness, &output, &bad), "word {word}");
    }
}

#[test]
fn truncated_and_extended_proofs_are_rejected() {
    let circuit = random_circuit(3);
    let witness = random_witness(&circuit, 3);
    let (_, proof) = run_prover(&circuit, &witness);
    let output = output(&circuit, &witness);
    assert!((0..proof.len()).all(|len| run_verifier(&circuit, &output, &proof[..len]).is_err()));
    assert!(run_verifier(&circuit, &output, &[&proof[..], &[0]].concat()).is_err());
}

#[test]
fn every_false_witness_is_rejected() {
    let circuit = residual();
    let honest = random_witness(&circuit, 4);
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    for id in circuit.wires_of(WireKind::Advice) {
        let len = circuit.wire(id).size();
        let places: Vec<usize> = [0, len - 1].into_iter().chain((0..6).map(|_| rng.gen_range(0..len))).collect();
        for at in places {
            let mut values: Vec<i64> = honest.wire(id).iter().collect();
            values[at] += [1, -1, 256, 1 << 16][rng.gen_range(0..4)];
            let mut witness = honest.clone();
            witness.set(&circuit, id, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
            if rng.r#gen() && !circuit.tables().iter().any(|t| t.multiplicities == id) {
                witness.count_multiplicities(&circuit);
            }
            let (_, proof) = run_prover(&circuit, &witness);
            assert!(!accepted(&circuit, &witness, &output(&circuit, &honest), &proof), "{id:?}, value {at}");
        }
    }
}

#[test]
fn another_output_is_rejected() {
    let circuit = residual();
    let witness = random_witness(&circuit, 6);
    let (_, proof) = run_prover(&circuit, &witness);
    let mut values = output(&circuit, &witness).to_i64();
    values[3] += 1;
    let other = Ints::pack(Bits::signed(31), &values).unwrap();
    assert!(!accepted(&circuit, &witness, &other, &proof));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_circuits_leave_true_claims(seed in 0u64..1 << 40) {
        let circuit = random_circuit(seed);
        let witness = random_witness(&circuit, seed);
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
    }
}
