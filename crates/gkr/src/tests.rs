//! Whole reductions on small circuits: the claims that are left must be exactly the true evaluations.

use std::sync::Arc;

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, Conv2d, Layer, LinearTerm, Range, Requant, Strategy, Tensor, Window,
    WireId, WireKind, Witness, check, evaluate, evaluate_labelled,
};
use convince_field::{AxisMap, Fr, Ints, TensorMap};
use convince_transcript::{ChannelError, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use self::forgeries::{Statement, checks_met, no_check_is_idle};
use crate::{Claim, prove, verify};

mod arg_max;
mod correct;
pub(crate) mod forgeries;
mod gates;
mod private;
mod range;

fn requant(window: usize, shift: u32, low: i32, high: i32) -> Requant {
    Requant::plain(shift, low, high).pooled(Window::square(window))
}

/// Strided convolution, pooled ReLU on an odd plane, residual sum of two branches, activation table, dilated depthwise
/// convolution with multipliers, slice, product, overlapping max-pool with padding, dense output.
fn residual(range: Range) -> Circuit {
    let requant = |window, shift, low, high| Requant { range, ..requant(window, shift, low, high) };
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 9, 11], Bits::I8).unwrap();
    let (w, b) = (c.weight([3, 2, 3, 3], Bits::I8).unwrap(), c.weight([3], Bits::signed(12)).unwrap());
    let acc = c.conv2d(x, w, Some(b), Conv2d::square(1, 1)).unwrap();
    let y = c.requant(acc, requant(2, 5, 0, 100)).unwrap();
    let (w1, w2) = (c.weight([3, 3, 3, 3], Bits::I8).unwrap(), c.weight([3, 3, 1, 1], Bits::I8).unwrap());
    let left = c.conv2d(y, w1, None, Conv2d::square(2, 2)).unwrap();
    let right = c.conv2d(y, w2, None, Conv2d::square(2, 0)).unwrap();
    let right = c.linear(vec![LinearTerm::plain(3, right)], 0).unwrap();
    let right = c.requant(right, requant(1, 0, -500, 700)).unwrap();
    let wide = c.weight([3, 3, 2, 2], Bits::I8).unwrap();
    let right = c.conv2d(right, wide, None, Conv2d::square(1, 1)).unwrap();
    let sum = c.linear(vec![LinearTerm::plain(2, left), LinearTerm::plain(-1, right)], 77).unwrap();
    let table = (-40..=40).map(|v: i32| v.abs() / 2).collect();
    let z = c.requant(sum, Requant { table: Some(table), ..requant(1, 9, -40, 40) }).unwrap();
    let deep = c.weight([3, 1, 2, 3], Bits::I8).unwrap();
    let deep =
        c.conv2d(z, deep, None, Conv2d { dilation: [2, 1], padding: [1, 1, 1, 1], ..Conv2d::PLAIN.depthwise(3) });
    let multipliers = Some(vec![5, -7, 9]);
    let deep = c.requant(deep.unwrap(), Requant { multipliers, ..requant(1, 8, -40, 40) }).unwrap();
    let slice = TensorMap::on_plane(AxisMap::Gather(vec![Some(2), None, Some(0)]), AxisMap::Identity);
    let slice = c.linear(vec![LinearTerm { tensor: z, multiplier: 2, map: slice }], 0).unwrap();
    let gate = c.product(deep, slice).unwrap();
    let overlapping = Window { kernel: [2, 3], stride: [1, 2], padding: [1, 1, 0, 1] };
    let z = c.requant(gate, requant(1, 4, -100, 90).pooled(overlapping)).unwrap();
    let [_, channels, h, w] = c.shape(z).unwrap();
    let (w, b) = (c.weight([5, channels, h, w], Bits::I8).unwrap(), c.weight([5], Bits::signed(16)).unwrap());
    let out = c.gemm(z, w, Some(b)).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

fn random_ints(bits: Bits, len: usize, rng: &mut ChaCha20Rng) -> Ints {
    let values: Vec<i64> = (0..len).map(|_| rng.gen_range(bits.low()..=bits.high())).collect();
    Ints::pack(bits, &values).unwrap()
}

pub(crate) fn random_witness(circuit: &Circuit, seed: u64) -> Witness {
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

fn run_verifier<'a>(
    circuit: &Circuit,
    output: impl Into<Option<&'a Ints>>,
    proof: &[u8],
) -> Result<Vec<Claim<Fr, Fr>>, ChannelError> {
    let mut channel = PlainVerifier::new(Transcript::new("test"), proof);
    let claims = verify(circuit, output, &mut channel)?;
    channel.finish()?;
    Ok(claims)
}

fn output(circuit: &Circuit, witness: &Witness) -> Ints {
    let values: Vec<i64> = witness.tensor(circuit, circuit.output()).iter().collect();
    Ints::pack(Bits::signed(31), &values).unwrap()
}

pub(crate) fn is_true(claim: &Claim<Fr, Fr>, witness: &Witness) -> bool {
    claim.functional.apply(witness.wire(claim.wire)) == claim.value
}

fn accepted<'a>(circuit: &Circuit, witness: &Witness, output: impl Into<Option<&'a Ints>>, proof: &[u8]) -> bool {
    run_verifier(circuit, output, proof).is_ok_and(|claims| claims.iter().all(|claim| is_true(claim, witness)))
}

/// A statement about the output, proven from a witness; either may be false.
struct FalseOutput<'a> {
    circuit: &'a Circuit,
    witness: &'a Witness,
    output: Ints,
}

impl<'a> FalseOutput<'a> {
    /// Of the witness's own output.
    fn of(circuit: &'a Circuit, witness: &'a Witness) -> Self {
        Self { circuit, witness, output: output(circuit, witness) }
    }
}

impl Statement for FalseOutput<'_> {
    fn witness(&self) -> &Witness {
        self.witness
    }

    fn prove<C: ProverChannel<Fr>>(&self, channel: &mut C) {
        let _ = prove(self.circuit, self.witness, channel);
    }

    fn verify<C: VerifierChannel<Fr>>(&self, channel: &mut C) -> Result<Vec<Claim<Fr, C::Scalar>>, ChannelError> {
        verify(self.circuit, &self.output, channel)
    }
}

fn random_axis_map(len: usize, rng: &mut ChaCha20Rng) -> AxisMap {
    match rng.gen_range(0..4) {
        0 => AxisMap::Identity,
        1 => AxisMap::Scale((0..len).map(|_| rng.gen_range(-3..4)).collect()),
        2 => {
            let source = |rng: &mut ChaCha20Rng| rng.gen_bool(0.8).then(|| rng.gen_range(0..len as u32));
            AxisMap::Gather((0..rng.gen_range(1..7)).map(|_| source(rng)).collect())
        }
        _ => AxisMap::Window {
            kernel: rng.gen_range(1..4),
            stride: rng.gen_range(1..4),
            padding: [rng.gen_range(0..3), rng.gen_range(0..3)],
        },
    }
}

fn random_map(shape: [usize; 4], rng: &mut ChaCha20Rng) -> TensorMap {
    let order = [[0, 1, 2, 3], [0, 3, 1, 2], [0, 2, 1, 3], [0, 1, 3, 2]][rng.gen_range(0..4)];
    let mut map = TensorMap::permutation(order);
    for axis in 1..4 {
        map = map.with_axis(axis, random_axis_map(shape[order[axis]], rng));
    }
    map
}

/// A convolution of any parameters and strategy; an error if they do not fit.
fn random_conv(c: &mut CircuitBuilder, x: Tensor, rng: &mut ChaCha20Rng) -> Result<Tensor, CircuitError> {
    let strategy = [Strategy::Direct, Strategy::Fft, Strategy::Auto][rng.gen_range(0..3)];
    random_conv_by(strategy, c, x, rng)
}

/// A convolution of any parameters; an error if they do not fit.
pub(crate) fn random_conv_by(
    strategy: Strategy,
    c: &mut CircuitBuilder,
    x: Tensor,
    rng: &mut ChaCha20Rng,
) -> Result<Tensor, CircuitError> {
    let [_, channels, ..] = c.shape(x)?;
    let divisors: Vec<usize> = (1..=channels).filter(|g| channels.is_multiple_of(*g)).collect();
    let groups = divisors[rng.gen_range(0..divisors.len())];
    let mut below = |n: usize| rng.gen_range(0..n);
    let params = Conv2d {
        stride: [1 + below(3), 1 + below(3)],
        padding: [below(5), below(3), below(3), below(5)],
        dilation: [1 + below(2), 1 + below(2)],
        groups,
        strategy,
    };
    let shape = [groups * (1 + below(3)), channels / groups, 1 + below(4), 1 + below(4)];
    let weight = c.weight(shape, Bits::signed([4, 8, 12][below(3)]))?;
    let bias = c.weight([shape[0]], Bits::signed(1 + below(13) as u8))?;
    let bias = (below(2) == 0).then_some(bias);
    c.conv2d(x, weight, bias, params)
}

fn random_requant(c: &mut CircuitBuilder, x: Tensor, rng: &mut ChaCha20Rng) -> Result<Tensor, CircuitError> {
    let [_, channels, ..] = c.shape(x)?;
    let mut below = |n: usize| rng.gen_range(0..n);
    let kernel = [1 + below(3), 1 + below(3)];
    let window = match below(3) {
        0 => Window::ONE,
        1 => Window::square(2),
        _ => Window {
            kernel,
            stride: [1 + below(3), 1 + below(3)],
            padding: [below(kernel[0]), below(kernel[1]), below(kernel[0]), below(kernel[1])],
        },
    };
    let low = [0, 0, -128, 5][below(4)];
    let table = (below(3) == 0).then(|| (low..=low + 200).map(|v: i32| (v / 3).clamp(-20, 50)).collect());
    let multipliers = (below(3) == 0).then(|| (0..channels).map(|_| below(600) as i32 - 100).collect());
    let range = [Range::LogUp, Range::Clamp, Range::Clamp, Range::Bits, Range::Auto][below(5)];
    let high = low + [200, 255][below(2)];
    let table = table.filter(|t: &Vec<i32>| t.len() as i32 == high - low + 1);
    c.requant(x, Requant { window, multipliers, shift: below(16) as u32, low, high, table, range })
}

/// Products of rows of one to three tensors as polynomials.
fn random_spectrum(
    c: &mut CircuitBuilder,
    x: Tensor,
    other: Tensor,
    rng: &mut ChaCha20Rng,
) -> Result<Tensor, CircuitError> {
    let [.., columns] = c.shape(x)?;
    let log_len = columns.next_power_of_two().ilog2() as usize + rng.gen_range(0..3);
    let mut spectrum = c.fft(x, log_len)?;
    for tensor in [other, x].into_iter().take(rng.gen_range(0..3)) {
        spectrum = c.hadamard(&spectrum, &c.fft(tensor, log_len)?)?;
    }
    c.inverse_fft(&spectrum)
}

/// A circuit of any layers on a pool of tensors; calls that do not fit are skipped.
fn random_circuit(seed: u64) -> Circuit {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut c = CircuitBuilder::new();
    let shape = [rng.gen_range(1..4), rng.gen_range(1..5), rng.gen_range(1..9), rng.gen_range(1..9)];
    let mut tensors = vec![c.input(shape, if rng.r#gen() { Bits::U8 } else { Bits::I8 }).unwrap()];
    for _ in 0..rng.gen_range(2..9) {
        let x = tensors[rng.gen_range(tensors.len().saturating_sub(3)..tensors.len())];
        let same = |t: &&Tensor| c.shape(**t) == c.shape(x);
        let other = *tensors.iter().rfind(same).unwrap();
        let made = match rng.gen_range(0..8) {
            7 => random_spectrum(&mut c, x, other, &mut rng),
            0..=2 => random_conv(&mut c, x, &mut rng),
            3..=4 => random_requant(&mut c, x, &mut rng),
            5 => {
                let map = random_map(c.shape(x).unwrap(), &mut rng);
                let multiplier = [1, -2, 7][rng.gen_range(0..3)];
                let term = |tensor| LinearTerm { tensor, multiplier, map: map.clone() };
                c.linear(vec![term(x), LinearTerm { multiplier: 3, ..term(other) }], rng.gen_range(-9..9))
            }
            _ => c.product(x, other),
        };
        tensors.extend(made.ok().filter(|t| c.shape(*t).unwrap().iter().product::<usize>() < 4000));
    }
    let last = tensors[tensors.len() - 1];
    let [_, channels, h, w] = c.shape(last).unwrap();
    let weight = c.weight([rng.gen_range(1..7), channels, h, w], Bits::signed(3)).unwrap();
    let out = c.gemm(last, weight, None).or_else(|_| c.linear(vec![LinearTerm::plain(1, last)], 0)).unwrap();
    c.output(out).unwrap();
    c.finish_with(rng.gen_range(2..12)).unwrap()
}

#[test]
fn all_claims_are_true_and_both_sides_agree() {
    [Range::LogUp, Range::Bits, Range::Clamp].into_iter().for_each(claims_are_true_and_both_sides_agree);
}

fn claims_are_true_and_both_sides_agree(range: Range) {
    let circuit = residual(range);
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
    [Range::LogUp, Range::Bits, Range::Clamp].into_iter().for_each(tampered_words_are_rejected);
}

fn tampered_words_are_rejected(range: Range) {
    let circuit = residual(range);
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
    [Range::LogUp, Range::Bits, Range::Clamp].into_iter().for_each(false_witnesses_are_rejected);
}

/// Two in place of a bit, and one less in the next: every linear relation holds, only that bits are bits does not.
#[test]
fn bits_that_are_none_are_rejected() {
    let circuit = residual(Range::Bits);
    let honest = random_witness(&circuit, 4);
    for layer in circuit.layers() {
        let Layer::Requant(layer) = layer else { continue };
        let len = layer.column_len();
        let runs = [&layer.excess, &layer.above_low, &layer.below_high].into_iter();
        for limbs in
            runs.chain(&layer.gaps).chain(&layer.remainders).filter(|limbs| limbs.len() > 1 && layer.has_bits())
        {
            let mut values: Vec<i64> = honest.wire(layer.advice).iter().collect();
            values[limbs[0].column * len] += 2;
            values[limbs[1].column * len] -= 1;
            let mut witness = honest.clone();
            witness.set(&circuit, layer.advice, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
            let (_, proof) = run_prover(&circuit, &witness);
            assert!(!accepted(&circuit, &witness, &output(&circuit, &honest), &proof), "{limbs:?}");
        }
    }
}

fn false_witnesses_are_rejected(range: Range) {
    let circuit = residual(range);
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

/// What is clamped is no commitment's: a false maximum, or a false place beyond the clamp's ends, is in the table with its clamp, and
/// only the claims that the lookups leave on the input and on the steps contradict it.
#[test]
fn false_inputs_of_clamps_are_rejected() {
    let circuit = residual(Range::Clamp);
    let honest = random_witness(&circuit, 4);
    let mut rejected = 0;
    for layer in circuit.layers() {
        let Layer::Requant(layer) = layer else { continue };
        let (len, clamps) = (layer.column_len(), layer.lookups.as_ref().unwrap());
        for (k, column) in (0..circuit.wire(clamps.inputs).shape[0]).map(|k| (k, *clamps.steps.get(k).unwrap_or(&0))) {
            for by in [-1, 1] {
                let mut inputs = honest.wire(clamps.inputs).iter().collect::<Vec<i64>>();
                let mut advice = honest.wire(layer.advice).iter().collect::<Vec<i64>>();
                inputs[k * len] += by;
                advice[column * len] = inputs[k * len].clamp(i64::from(layer.params.low), i64::from(layer.params.high));
                let mut witness = honest.clone();
                witness.set(&circuit, clamps.inputs, Ints::pack(Bits::signed(31), &inputs).unwrap()).unwrap();
                witness.set(&circuit, layer.advice, Ints::pack(Bits::signed(31), &advice).unwrap()).unwrap();
                witness.count_multiplicities(&circuit);
                let (_, proof) = run_prover(&circuit, &witness);
                assert!(!accepted(&circuit, &witness, &output(&circuit, &honest), &proof), "input {k}, {by}");
                rejected += 1;
            }
        }
    }
    assert!(rejected > 10, "{rejected} lies");
}

#[test]
fn another_output_is_rejected() {
    let circuit = residual(Range::LogUp);
    let witness = random_witness(&circuit, 6);
    let (_, proof) = run_prover(&circuit, &witness);
    let mut values = output(&circuit, &witness).to_i64();
    values[3] += 1;
    let other = Ints::pack(Bits::signed(31), &values).unwrap();
    assert!(!accepted(&circuit, &witness, &other, &proof));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn random_circuits_leave_true_claims(seed in 0u64..1 << 40) {
        let circuit = random_circuit(seed);
        let witness = random_witness(&circuit, seed);
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let (claims, proof) = run_prover(&circuit, &witness);
        prop_assert_eq!(run_verifier(&circuit, &output(&circuit, &witness), &proof), Ok(claims.clone()));
        prop_assert!(claims.iter().all(|claim| is_true(claim, &witness)));
    }
}
