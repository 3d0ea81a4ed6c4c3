//! A LogUp proof and a whole reduction of small circuits, against `vectors/golden/lookup.txt` and `reduction.txt`.

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use std::sync::Arc;

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, Conv2d, LinearTerm, Requant, Strategy, Window, WireKind, Witness, check, evaluate,
};
use convince_field::{Fr, Ints, ProofField};
use convince_gkr::fft::{Direction, Evaluations, Step, transform};
use convince_gkr::lookup;
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use golden::Golden;

const LOOKUP: &str = "
A LogUp-GKR proof of one requantisation (convince_gkr::lookup).

The circuit: input of signed 10 bits, shape [1, 1, 3, 5]; requantisation with shift 3, clamp 0..=15, limbs of 4 bits, and
the activation table f(c) = floor(c^2 / 4). Input i is (97 i^2 + 31 i) mod 1024 - 512.
The transcript is new(\"golden/lookup\"), nothing absorbed before alpha. `columns` lists the advice wire's columns and
`multiplicities` the tables', in the circuit's order; `blocks` gives offset and log2 of the size of every block of leaves.
Labels are \"gkr/lookup/...\" and \"sumcheck/eq-product/...\"; field elements are 32 little-endian bytes.";

const REDUCTION: &str = "
All reductions of a small network: lookups, zero-checks, output, waves (convince_gkr::prove).

The circuit, limbs of 5 bits; w are weights of signed 8 bits, requant(v; window, shift, low..=high):
  x    input of unsigned 8 bits, shape [1, 2, 5, 6]
  y    requant(conv(x, w [3, 2, 3, 3], bias of signed 12 bits, stride 1, padding 1); 2, 6, 0..=63)
  l    requant(conv(y, w [2, 3, 2, 2], stride 2, padding 1); 1, 4, -31..=31)
  r    requant(conv(y, w [2, 3, 1, 1], stride 1, padding 0); 1, 2, -31..=31)
  t    requant(conv(r, w [2, 2, 1, 2], stride 1, padding 0); 1, 2, -31..=31)
  s    requant(2 t - 3 l + 5; 1, 3, -20..=20)
  out  fully connected, w [4, 2, 2, 2], of s
Weights are declared in this order.
Value i of the k-th wire (input 0, then the weights in order) is low + ((k + 3) i^2 + 17 i + k) mod (high - low + 1).
The transcript is new(\"golden/reduction\"), nothing absorbed before alpha; the output is public.
Field elements are 32 little-endian bytes. Every claim that is left is listed as wire and value.";

const FFT: &str = "
FFT convolutions (convince_gkr::fft): a circuit of two, and a delegated transform.

The circuit, limbs of 5 bits; both convolutions by Strategy::Fft, w are weights of signed 8 bits:
  x    input of unsigned 8 bits, shape [2, 2, 4, 5]
  y    requant(conv(x, w [4, 1, 3, 2], bias of signed 12 bits, stride 1, padding 1, dilation [1, 2], 2 groups); 1, 4, -31..=31)
  out  conv(y, w [3, 4, 2, 2], stride 2, padding 0)
Weights are declared in this order, values as in reduction.txt. The transcript is new(\"golden/fft\"), nothing absorbed before
alpha; the output is public.
The transform: forward, of the vector i^2 - 7 i, i < 16, at the point (3, 5, 7, 11), with Step { wave: 0, direct_log_len: 0 };
the transcript is new(\"golden/fft/transform\").
Field elements are 32 little-endian bytes. Every claim that is left is listed as wire and value.";

fn requant(window: usize, shift: u32, low: i32, high: i32) -> Requant {
    Requant::plain(shift, low, high).pooled(Window::square(window))
}

fn encoded(value: Fr) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

#[test]
fn golden_lookup() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 3, 5], Bits::signed(10)).unwrap();
    let table = (0..16).map(|v| v * v / 4).collect();
    let y = c.requant(x, Requant { table: Some(table), ..requant(1, 3, 0, 15) }).unwrap();
    c.output(y).unwrap();
    let circuit = c.finish_with(4).unwrap();
    let input: Vec<i64> = (0..15).map(|i| (97 * i * i + 31 * i) % 1024 - 512).collect();
    let witness = evaluate(&circuit, &Ints::pack(Bits::signed(10), &input).unwrap(), &[]).unwrap();
    check(&circuit, &witness).unwrap();

    let mut golden = Golden::new("lookup.txt", LOOKUP);
    for id in circuit.wires_of(WireKind::Advice) {
        let name = if circuit.tables().iter().any(|t| t.multiplicities == id) { "multiplicities" } else { "columns" };
        golden.list(name, witness.wire(id).iter());
    }
    golden.list("blocks", circuit.blocks().iter().map(|b| format!("{}:{}", b.offset, b.log_size)));
    let mut prover = PlainProver::<Fr>::new(Transcript::new("golden/lookup"));
    lookup::prove(&circuit, &witness, 0, &mut prover);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::<Fr>::new(Transcript::new("golden/lookup"), &proof);
    lookup::verify(&circuit, &mut verifier).unwrap();
    verifier.finish().unwrap();
    golden.bytes("proof", &proof);
    golden.finish();
}

fn network() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 5, 6], Bits::U8).unwrap();
    let (w, b) = (c.weight([3, 2, 3, 3], Bits::I8).unwrap(), c.weight([3], Bits::signed(12)).unwrap());
    let a = c.conv2d(x, w, Some(b), Conv2d::square(1, 1)).unwrap();
    let y = c.requant(a, requant(2, 6, 0, 63)).unwrap();
    let (wl, wr) = (c.weight([2, 3, 2, 2], Bits::I8).unwrap(), c.weight([2, 3, 1, 1], Bits::I8).unwrap());
    let l = c.conv2d(y, wl, None, Conv2d::square(2, 1)).unwrap();
    let r = c.conv2d(y, wr, None, Conv2d::square(1, 0)).unwrap();
    let l = c.requant(l, requant(1, 4, -31, 31)).unwrap();
    let r = c.requant(r, requant(1, 2, -31, 31)).unwrap();
    let wide = c.weight([2, 2, 1, 2], Bits::I8).unwrap();
    let r = c.conv2d(r, wide, None, Conv2d::square(1, 0)).unwrap();
    let r = c.requant(r, requant(1, 2, -31, 31)).unwrap();
    let s = c.linear(vec![LinearTerm::plain(2, r), LinearTerm::plain(-3, l)], 5).unwrap();
    let s = c.requant(s, requant(1, 3, -20, 20)).unwrap();
    let dense = c.weight([4, 2, 2, 2], Bits::I8).unwrap();
    let out = c.gemm(s, dense, None).unwrap();
    c.output(out).unwrap();
    c.finish_with(5).unwrap()
}

fn network_witness(circuit: &Circuit) -> (Witness, Ints) {
    let wires = std::iter::once(circuit.input()).chain(circuit.wires_of(WireKind::Weight));
    let mut values: Vec<Arc<Ints>> = wires
        .zip(0i64..)
        .map(|(id, k)| {
            let wire = circuit.wire(id);
            let value = |i: i64| wire.low + ((k + 3) * i * i + 17 * i + k) % (wire.high - wire.low + 1);
            let values: Vec<i64> = (0..wire.size() as i64).map(value).collect();
            Arc::new(Ints::pack(Bits::holding(wire.low, wire.high), &values).unwrap())
        })
        .collect();
    let input = values.remove(0);
    let witness = evaluate(circuit, &input, &values).unwrap();
    let output: Vec<i64> = witness.tensor(circuit, circuit.output()).iter().collect();
    (witness, Ints::pack(Bits::signed(31), &output).unwrap())
}

#[test]
fn golden_reduction() {
    let circuit = network();
    let (witness, output) = network_witness(&circuit);
    check(&circuit, &witness).unwrap();
    let mut golden = Golden::new("reduction.txt", REDUCTION);
    reduce(&mut golden, "golden/reduction", &circuit, &witness, &output);
    golden.finish();
}

/// Writes digest, output, claims and proof of a whole reduction.
fn reduce(golden: &mut Golden, transcript: &'static str, circuit: &Circuit, witness: &Witness, output: &Ints) {
    golden.bytes("circuit digest", &circuit.digest());
    golden.list("output", output.to_i64());
    let mut prover = PlainProver::<Fr>::new(Transcript::new(transcript));
    let claims = convince_gkr::prove(circuit, witness, &mut prover);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::<Fr>::new(Transcript::new(transcript), &proof);
    assert_eq!(convince_gkr::verify(circuit, output, &mut verifier).unwrap(), claims);
    verifier.finish().unwrap();
    for claim in &claims {
        assert_eq!(claim.functional.apply(witness.wire(claim.wire)), claim.value);
        golden.bytes(&format!("claim on wire {}", claim.wire.0), &encoded(claim.value));
    }
    golden.bytes("proof", &proof);
}

fn transformed() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([2, 2, 4, 5], Bits::U8).unwrap();
    let (w, b) = (c.weight([4, 1, 3, 2], Bits::I8).unwrap(), c.weight([4], Bits::signed(12)).unwrap());
    let params = Conv2d { dilation: [1, 2], groups: 2, ..Conv2d::square(1, 1) };
    let a = c.conv2d(x, w, Some(b), params.with_strategy(Strategy::Fft)).unwrap();
    let y = c.requant(a, requant(1, 4, -31, 31)).unwrap();
    let w = c.weight([3, 4, 2, 2], Bits::I8).unwrap();
    let out = c.conv2d(y, w, None, Conv2d::square(2, 0).with_strategy(Strategy::Fft)).unwrap();
    c.output(out).unwrap();
    c.finish_with(5).unwrap()
}

#[test]
fn golden_fft() {
    let circuit = transformed();
    let (witness, output) = network_witness(&circuit);
    check(&circuit, &witness).unwrap();
    let mut golden = Golden::new("fft.txt", FFT);
    reduce(&mut golden, "golden/fft", &circuit, &witness, &output);

    golden.section("The delegated transform");
    let vector: Vec<Fr> = (0..16).map(|i| Fr::from_i64(i * i - 7 * i)).collect();
    let point: Vec<Fr> = [3, 5, 7, 11].map(Fr::from_i64).to_vec();
    let mut transform = vector.clone();
    Fr::dft(&mut transform);
    let value = Fr::inner_product(&transform, &convince_poly::eq_table(&point));
    golden.bytes("value", &encoded(value));
    let step = Step { wave: 0, direct_log_len: 0 };
    let claims = Evaluations { point, values: vec![value] };
    let mut prover = PlainProver::<Fr>::new(Transcript::new("golden/fft/transform"));
    let left = transform::prove(&mut prover, step, Direction::Forward, vec![vector], &claims);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::<Fr>::new(Transcript::new("golden/fft/transform"), &proof);
    assert_eq!(transform::verify(&mut verifier, step, Direction::Forward, &[4], &claims).unwrap(), left);
    verifier.finish().unwrap();
    golden.bytes("claim on the vector", &encoded(left.values[0]));
    golden.bytes("proof", &proof);
    golden.finish();
}
