use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Layer, Strategy, Tensor, Witness};
use convince_field::{Fr, Ints};
use convince_poly::{Axis, Functional, log2_ceil};
use convince_transcript::{ChannelError, Check, PlainProver, PlainVerifier, Transcript};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::tests::{is_true, random_conv_by, random_witness};
use crate::{Claim, wave};

/// An input and one to three convolutions of it, which are one wave.
fn convolutions(strategy: Strategy, seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    loop {
        let mut c = CircuitBuilder::new();
        let shape = [rng.gen_range(1..4), rng.gen_range(1..5), rng.gen_range(1..8), rng.gen_range(1..8)];
        let x = c.input(shape, if rng.r#gen() { Bits::U8 } else { Bits::I8 }).unwrap();
        let count = rng.gen_range(1..4);
        let outputs: Vec<Tensor> =
            (0..count).filter_map(|_| random_conv_by(strategy, &mut c, x, &mut rng).ok()).collect();
        if let Some(last) = outputs.last() {
            c.output(*last).unwrap();
            return c.finish().unwrap();
        }
    }
}

/// A claim on an output: a point, or any weights on some of the axes.
pub(super) fn claim(
    circuit: &Circuit,
    witness: &Witness,
    output: Tensor,
    batch: Option<Axis<Fr>>,
    rng: &mut ChaCha20Rng,
) -> Claim<Fr, Fr> {
    let axis = |&len: &usize| match rng.gen_range(0..4) {
        0 => Axis::Dense(elements(len, rng)),
        1 => Axis::Index { index: rng.gen_range(0..len), len },
        _ => Axis::Eq { point: elements(log2_ceil(len), rng), len },
    };
    let mut axes: Vec<Axis<Fr>> = circuit.shape(output).iter().map(axis).collect();
    if let Some(batch) = batch {
        axes[0] = batch;
    }
    let functional = Functional(axes);
    let value = functional.apply(witness.tensor(circuit, output));
    Claim::on(circuit, output, functional, value)
}

/// One to three claims on every convolution, some of which agree in their batch functional.
fn claims(circuit: &Circuit, witness: &Witness, seed: u64) -> Vec<Claim<Fr, Fr>> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut out: Vec<Claim<Fr, Fr>> = Vec::new();
    for layer in circuit.layers() {
        let Layer::Conv2d(layer) = layer else { continue };
        for k in 0..rng.gen_range(1..4) {
            let batch = (k > 0 && rng.r#gen()).then(|| out[out.len() - 1].functional.0[0].clone());
            out.push(claim(circuit, witness, Tensor::whole(layer.output), batch, &mut rng));
        }
    }
    out
}

fn run_prover(
    circuit: &Circuit,
    witness: &Witness,
    claims: &[Claim<Fr, Fr>],
    step: Step,
) -> (Vec<Claim<Fr, Fr>>, Vec<u8>) {
    let mut channel = PlainProver::new(Transcript::new("test"));
    let out = wave::prove_with(circuit, witness, &mut channel, claims.to_vec(), |wave| Step { wave, ..step });
    (out, channel.finish())
}

fn run_verifier(
    circuit: &Circuit,
    claims: &[Claim<Fr, Fr>],
    proof: &[u8],
    step: Step,
) -> Result<Vec<Claim<Fr, Fr>>, ChannelError> {
    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
    let out = wave::verify_with(circuit, &mut channel, claims.to_vec(), |wave| Step { wave, ..step })?;
    channel.finish()?;
    Ok(out)
}

fn accepted(circuit: &Circuit, witness: &Witness, claims: &[Claim<Fr, Fr>], proof: &[u8], step: Step) -> bool {
    run_verifier(circuit, claims, proof, step).is_ok_and(|out| out.iter().all(|claim| is_true(claim, witness)))
}

/// What a claim is on: wire, and whether functionals are points.
fn kinds(claims: &[Claim<Fr, Fr>]) -> Vec<(usize, Vec<usize>)> {
    let mut kinds: Vec<_> = claims.iter().map(|claim| (claim.wire.0 as usize, claim.functional.shape())).collect();
    kinds.sort();
    kinds
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn both_strategies_reduce_the_same_claims_to_true_ones(seed in 0u64..1 << 40) {
        let [direct, fft] = [Strategy::Direct, Strategy::Fft].map(|strategy| convolutions(strategy, seed));
        let witness = random_witness(&direct, seed);
        prop_assert_eq!(&random_witness(&fft, seed), &witness);
        let claims = claims(&direct, &witness, seed);
        let (expected, by_direct) = run_prover(&direct, &witness, &claims, STEPS[0]);
        prop_assert!(accepted(&direct, &witness, &claims, &by_direct, STEPS[0]));
        for step in STEPS {
            let (out, proof) = run_prover(&fft, &witness, &claims, step);
            prop_assert_eq!(run_verifier(&fft, &claims, &proof, step), Ok(out.clone()));
            prop_assert!(out.iter().all(|claim| is_true(claim, &witness)));
            prop_assert_eq!(kinds(&out), kinds(&expected));
            prop_assert!(!accepted(&direct, &witness, &claims, &proof, step));
            prop_assert!(!accepted(&fft, &witness, &claims, &by_direct, step));
        }
    }

    #[test]
    fn a_false_claim_is_rejected_or_ends_in_a_false_one(seed in 0u64..1 << 40, k in 0usize..9) {
        let circuit = convolutions(Strategy::Fft, seed);
        let witness = random_witness(&circuit, seed);
        let mut claims = claims(&circuit, &witness, seed);
        let k = k % claims.len();
        claims[k].value += Fr::from(1u64);
        for step in STEPS {
            let (_, proof) = run_prover(&circuit, &witness, &claims, step);
            prop_assert!(!accepted(&circuit, &witness, &claims, &proof, step));
        }
    }
}

/// Two convolutions of different lengths, one in groups, with a bias and a batch.
fn fixed() -> (Circuit, Witness, Vec<Claim<Fr, Fr>>) {
    let mut c = CircuitBuilder::new();
    let fft = |params: Conv2d| params.with_strategy(Strategy::Fft);
    let x = c.input([2, 4, 5, 3], Bits::U8).unwrap();
    let (w, b) = (c.weight([6, 2, 2, 3], Bits::I8).unwrap(), c.weight([6], Bits::I8).unwrap());
    let grouped = Conv2d { groups: 2, dilation: [2, 1], ..Conv2d::square(1, 2) };
    c.conv2d(x, w, Some(b), fft(grouped)).unwrap();
    let w = c.weight([3, 4, 1, 1], Bits::I8).unwrap();
    let out = c.conv2d(x, w, None, fft(Conv2d::square(2, 0))).unwrap();
    c.output(out).unwrap();
    let circuit = c.finish().unwrap();
    let witness = random_witness(&circuit, 1);
    let claims = claims(&circuit, &witness, 2);
    (circuit, witness, claims)
}

#[test]
fn every_tampered_word_is_rejected() {
    let (circuit, witness, claims) = fixed();
    for step in STEPS {
        let (_, proof) = run_prover(&circuit, &witness, &claims, step);
        assert!(accepted(&circuit, &witness, &claims, &proof, step));
        for word in 0..proof.len() / 32 {
            let mut bad = proof.clone();
            bad[32 * word] ^= 1;
            assert!(!accepted(&circuit, &witness, &claims, &bad, step), "word {word}");
        }
    }
}

#[test]
fn truncated_and_extended_proofs_are_rejected() {
    let (circuit, witness, claims) = fixed();
    for step in STEPS {
        let (_, proof) = run_prover(&circuit, &witness, &claims, step);
        assert!((0..proof.len()).step_by(7).all(|len| run_verifier(&circuit, &claims, &proof[..len], step).is_err()));
        assert!(run_verifier(&circuit, &claims, &[&proof[..], &[0]].concat(), step).is_err());
    }
}

#[test]
fn a_false_accumulator_is_rejected() {
    let (circuit, witness, _) = fixed();
    let Layer::Conv2d(layer) = &circuit.layers()[0] else { panic!("a convolution") };
    let (len, mut rng) = (circuit.wire(layer.output).size(), ChaCha20Rng::seed_from_u64(3));
    for at in [0, len / 2, len - 1] {
        let mut values: Vec<i64> = witness.wire(layer.output).iter().collect();
        values[at] -= 1;
        let mut false_witness = witness.clone();
        false_witness.set(&circuit, layer.output, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
        let output = Tensor::whole(layer.output);
        let point = elements(circuit.shape(output).iter().map(|&n| log2_ceil(n)).sum(), &mut rng);
        let functional = Functional::at_flat(&point, circuit.shape(output));
        let value = functional.apply(false_witness.tensor(&circuit, output));
        let claims = [Claim::on(&circuit, output, functional, value)];
        let (_, proof) = run_prover(&circuit, &false_witness, &claims, STEPS[0]);
        assert_eq!(
            run_verifier(&circuit, &claims, &proof, STEPS[0]),
            Err(ChannelError::CheckFailed(Check::FftSelection { wave: 0 }))
        );
    }
}
