//! Whole proofs against `vectors/golden/tiny.txt`, `tiny-hiding.txt` and `lenet5.txt`, which also pin the sizes that decide a proof's cost.
//!
//! They are the same with any number of threads, and without the feature `parallel`:
//! `cargo test -p convince --no-default-features --features prover --test golden`.

#![cfg(feature = "prover")]

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use convince::circuit::WireKind;
use convince::model::{Conv2d, Gemm, Graph, Linear, MaxPool, Model, Node, Op, Preprocessing, Requant, ValueId};
use convince::protocol::{
    Part, Statement, run_hiding_prover, run_hiding_verifier, run_prover, run_verifier, transcript,
};
use convince::{
    Mode, Openings, ProveOptions, ProvingKey, TestSeed, VerifyingKey, input_digest, prove, setup_seeded, soundness,
    verify,
};
use convince_field::{Bits, Fr, Ints};
use convince_onnx::{Calibration, QuantizeOptions, import, quantize_graph};
use convince_transcript::{ChannelError, Check, Label, PlainProver, PlainVerifier, ProverChannel, VerifierChannel};
use golden::Golden;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};

const SETUP_SEED: TestSeed = TestSeed([7; 32]);
const PROOF_SEED: TestSeed = TestSeed([9; 32]);
const NONCE: &[u8] = b"golden";
/// A proof takes a second.
const PATIENCE: Duration = Duration::from_secs(120);

const TINY: &str = "
A proof of a network made by hand, end to end.

The input is of unsigned 8 bits and shape [1, 1, 7, 6]; w are weights of signed 8 bits, b biases:
  y    requantisation (shift 5, clamp 0..=63) of the convolution of x, w [3, 1, 3, 3], b of 12 bits, stride 1, padding 1
  p    its 2x2 max-pool
  l, r convolutions of p, w [2, 3, 2, 2] and [2, 3, 2, 2], without bias, stride 1, padding 0
  s    2 l - r + 40
  z    requantisation of s, shift 4, clamp -8..=7, then the table f(c) = |c| - 3
  out  fully connected, w [4, 8], b of 10 bits
Value i of the k-th weight tensor (biases counted) is low + ((k + 3) i^2 + 17 i + k) mod 2^bits, and that of the input
(13 i^2 + 5 i) mod 256. Output scale 1/8, labels a to d, pixels divided by 255.
Setup's seed is 32 bytes of 7, the proof's 32 bytes of 9 (ChaCha20, rand 0.8); the nonce is \"golden\".
`script` lists every message (label and length in scalars, or in bytes with a B) and every challenge (?label) in order;
`verifying key` and `proof` are whole files.";

const HIDING: &str = "
The zero-knowledge proof of the network of tiny.txt, for its key, input, nonce and seeds. Pads and blinds are of the proof's seed.

`script` lists what passes through the channel in the clear: padded scalars look like any others.";

const LENET: &str = "
LeNet-5 on a digit: hashes of everything, and the sizes that decide its cost.

mnist/lenet5.onnx, quantised with the PNGs of mnist/calibration in the order of their names and default options; the input
is mnist/digits/00_label_0.png. Setup's seed is 32 bytes of 7, the proof's 32 bytes of 9; the nonce is \"golden\".
Messages and challenges are counted by label.";

fn node(name: &str, op: Op, inputs: &[u32]) -> Node {
    Node { name: name.into(), op, inputs: inputs.iter().map(|&id| ValueId(id)).collect() }
}

/// The k-th weight tensor.
fn weights(k: i64, bits: Bits, len: usize) -> Arc<Ints> {
    let value = |i: i64| bits.low() + ((k + 3) * i * i + 17 * i + k) % (1 << bits.width);
    let values: Vec<i64> = (0..len as i64).map(value).collect();
    Arc::new(Ints::pack(bits, &values).expect("values of the format"))
}

fn conv(k: i64, weight_shape: [usize; 4], padding: usize, bias: bool) -> Op {
    Op::Conv2d(Conv2d {
        bias: bias.then(|| weights(k + 1, Bits::signed(12), weight_shape[0])),
        bias_bits: Bits::signed(12),
        ..Conv2d::new(weights(k, Bits::I8, weight_shape.iter().product()), weight_shape, Bits::I8)
            .with_window(1, padding)
    })
}

fn requant(shift: u32, low: i32, high: i32, table: Option<Vec<i32>>) -> Op {
    Op::Requant(Requant { table, ..Requant::plain(shift, low, high) })
}

fn tiny() -> (Model, Vec<i32>) {
    let dense = Gemm {
        weight: weights(4, Bits::I8, 32),
        weight_shape: [4, 8],
        weight_bits: Bits::I8,
        bias: Some(weights(5, Bits::signed(10), 4)),
        bias_bits: Bits::signed(10),
    };
    let table = (-8i32..=7).map(|c| c.abs() - 3).collect();
    let graph = Graph {
        input_shape: [1, 1, 7, 6],
        input_bits: Bits::U8,
        nodes: vec![
            node("conv", conv(0, [3, 1, 3, 3], 1, true), &[0]),
            node("relu", requant(5, 0, 63, None), &[1]),
            node("pool", Op::MaxPool(MaxPool::square(2)), &[2]),
            node("left", conv(2, [2, 3, 2, 2], 0, false), &[3]),
            node("right", conv(3, [2, 3, 2, 2], 0, false), &[3]),
            node("sum", Op::Linear(Linear::sum(&[2, -1], 40)), &[4, 5]),
            node("act", requant(4, -8, 7, Some(table)), &[6]),
            node("dense", Op::Gemm(dense), &[7]),
        ],
    };
    let labels = ["a", "b", "c", "d"].map(String::from).to_vec();
    let preprocessing = Preprocessing::pixels([1, 7, 6]);
    let model = Model { graph, preprocessing, output_scale: 0.125, labels, report: Default::default() };
    (model, (0..42).map(|i| (13 * i * i + 5 * i) % 256).collect())
}

fn lenet() -> (Model, Vec<i32>) {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/mnist");
    let graph = import(&std::fs::read(vectors.join("lenet5.onnx")).expect("committed model")).expect("a valid model");
    let options = QuantizeOptions::default();
    let preprocessing = options.preprocessing(&graph);
    let pixels = |path: &Path| image::open(path).expect("committed image").into_luma8().into_raw();
    let calibration = std::fs::read_dir(vectors.join("calibration")).expect("committed images");
    let mut paths: Vec<_> = calibration.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "png"));
    paths.sort();
    let floats = |path: &_| preprocessing.image_to_floats(&pixels(path), 28, 28, 1).expect("28x28 pixels");
    let inputs = paths.iter().map(|path| floats(path)).collect();
    let model = quantize_graph(&graph, &Calibration { inputs }, &options).expect("a quantisable network");
    let digit = pixels(&vectors.join("digits/00_label_0.png"));
    let input = model.preprocessing.image_to_integers(&digit, 28, 28, 1).expect("28x28 pixels");
    (model, input)
}

/// What passes through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Scalars(Label, usize),
    Bytes(Label, usize),
    Challenge(Label),
}

impl std::fmt::Display for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Scalars(label, len) => write!(f, "{label}:{len}"),
            Self::Bytes(label, len) => write!(f, "{label}:{len}B"),
            Self::Challenge(label) => write!(f, "?{label}"),
        }
    }
}

/// A channel that keeps a list of what passes through it.
struct Recorder<C> {
    channel: C,
    events: Vec<Event>,
    checks: usize,
}

impl<C> Recorder<C> {
    fn new(channel: C) -> Self {
        Self { channel, events: Vec::new(), checks: 0 }
    }
}

impl ProverChannel<Fr> for Recorder<PlainProver<Fr>> {
    fn send(&mut self, label: Label, scalars: &[Fr]) {
        self.events.push(Event::Scalars(label, scalars.len()));
        self.channel.send(label, scalars);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.events.push(Event::Bytes(label, bytes.len()));
        self.channel.send_bytes(label, bytes);
    }

    fn challenge(&mut self, label: Label) -> Fr {
        self.events.push(Event::Challenge(label));
        self.channel.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> Fr {
        self.events.push(Event::Challenge(label));
        self.channel.full_challenge(label)
    }
}

impl VerifierChannel<Fr> for Recorder<PlainVerifier<'_, Fr>> {
    type Scalar = Fr;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Fr>, ChannelError> {
        self.events.push(Event::Scalars(label, len));
        self.channel.receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.events.push(Event::Bytes(label, len));
        self.channel.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> Fr {
        self.events.push(Event::Challenge(label));
        self.channel.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> Fr {
        self.events.push(Event::Challenge(label));
        self.channel.full_challenge(label)
    }

    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        self.channel.mul(a, b)
    }

    fn assert_eq(&mut self, a: Fr, b: Fr, check: Check) -> Result<(), ChannelError> {
        self.checks += 1;
        self.channel.assert_eq(a, b, check)
    }
}

/// One proof with all that there is to know about it.
struct Run {
    model: Model,
    proving_key: ProvingKey,
    verifying_key: VerifyingKey,
    input: Vec<i32>,
    output: Vec<i32>,
    proof: Vec<u8>,
    hiding_proof: Vec<u8>,
    events: Vec<Event>,
    /// Of the hiding proof.
    hiding_events: Vec<Event>,
    checks: usize,
}

/// Sets up, proves and verifies twice: through the two functions, and through channels that record.
fn run((model, input): (Model, Vec<i32>)) -> Run {
    let (proving_key, verifying_key) = setup_seeded(&model, SETUP_SEED).expect("a provable model");
    let options = ProveOptions { nonce: NONCE, seed: Some(PROOF_SEED), mode: Mode::Plain, ..Default::default() };
    let proof = prove(&proving_key, &input, &options).expect("an input of the network");
    let output = verify(&verifying_key, &proof, Some(&input), NONCE).expect("a valid proof").output.expect("public");

    let (statement_input, statement_output) = (Ints::I32(input.clone()), Ints::I32(output.clone()));
    let statement =
        Statement { input: Part::Public(&statement_input), output: Part::Public(&statement_output), nonce: NONCE };
    let mut prover = Recorder::new(PlainProver::new(transcript(&verifying_key, &statement, Mode::Plain)));
    let witness = proving_key.lowered().witness(&input).expect("an input of the network");
    let mut rng = ChaCha20Rng::from_seed(PROOF_SEED.0);
    run_prover(&proving_key, &witness, &Openings::default(), &mut rng, &mut prover, &|_| ());
    let messages = prover.channel.finish();
    assert!(proof.as_bytes().ends_with(&messages), "the facade sends what the protocol does");
    let mut verifier =
        Recorder::new(PlainVerifier::new(transcript(&verifying_key, &statement, Mode::Plain), &messages));
    run_verifier(&verifying_key, &statement, &mut verifier).expect("a valid proof");
    verifier.channel.finish().expect("no message is left over");
    assert_eq!(prover.events, verifier.events);
    let (events, checks, proof) = (verifier.events, verifier.checks, proof.as_bytes().to_vec());

    let hiding = ProveOptions { mode: Mode::Hiding, ..options };
    let hiding_proof = prove(&proving_key, &input, &hiding).expect("an input of the network").as_bytes().to_vec();
    let start = || transcript(&verifying_key, &statement, Mode::Hiding);
    let mut rng = ChaCha20Rng::from_seed(PROOF_SEED.0);
    let clear = Recorder::new(PlainProver::new(start()));
    let prover = run_hiding_prover(&proving_key, &witness, &Openings::default(), &mut rng, clear, &|_| ());
    let messages = prover.channel.finish();
    assert!(hiding_proof.ends_with(&messages), "the facade sends what the protocol does");
    let clear = Recorder::new(PlainVerifier::new(start(), &messages));
    let verifier = run_hiding_verifier(&verifying_key, &statement, clear).expect("a valid proof");
    verifier.channel.finish().expect("no message is left over");
    assert_eq!(prover.events, verifier.events);
    let hiding_events = verifier.events;
    Run { model, proving_key, verifying_key, input, output, proof, hiding_proof, events, hiding_events, checks }
}

/// What both vectors pin: hashes, and sizes without which a change of cost could pass unnoticed.
fn record(golden: &mut Golden, run: &Run) {
    let (key, circuit) = (&run.verifying_key, run.verifying_key.circuit());
    let mut file = |name: &str, bytes: &[u8]| {
        golden.value(&format!("{name} length"), bytes.len());
        golden.bytes(&format!("{name} sha256"), &Sha256::digest(bytes));
    };
    file("model", &run.model.to_bytes());
    file("proving key", &run.proving_key.to_bytes());
    file("verifying key", &key.to_bytes());
    file("proof", &run.proof);
    file("hiding proof", &run.hiding_proof);
    golden.bytes("circuit digest", &circuit.digest());
    golden.bytes("model commitment", &key.model_commitment());
    golden.bytes("input digest", &input_digest(&run.input));
    golden.list("output", &run.output);

    golden.section("Sizes");
    let statistics = circuit.statistics();
    golden.value("parameters", statistics.parameters);
    golden.value("multiply-accumulates", statistics.macs);
    golden.value("advice", statistics.advice);
    golden.value("leaves", statistics.leaves);
    golden.value("log leaves", circuit.log_leaves());
    golden.value("limb bits", circuit.limb_bits());
    golden.value("layers", circuit.layers().len());
    golden.value("lookups", circuit.lookups().len());
    golden.list("table rows", circuit.tables().iter().map(|table| table.content.len()));
    let size = |id| circuit.wire(id).size();
    golden.list("advice wires", circuit.wires_of(WireKind::Advice).map(size));
    golden.value("width", key.width());
    golden.value("weight rows", key.num_rows());
    golden.value("advice rows", key.num_advice_rows());
    let soundness = soundness(circuit, key.width());
    golden.value("soundness bits", format!("{:.2}", soundness.bits));
    golden.value("largest round bits", format!("{:.2}", soundness.largest_round_bits));
    golden.value("sumcheck rounds", run.events.iter().filter(|event| is_round(event)).count());
    let is_challenge = |event: &&Event| matches!(event, Event::Challenge(_));
    golden.value("challenges", run.events.iter().filter(is_challenge).count());
    golden.value("checks", run.checks);
}

fn is_round(event: &Event) -> bool {
    matches!(event, Event::Scalars(label, _) if label.ends_with("/round"))
}

#[test]
fn golden_tiny() {
    let run = run(tiny());
    let mut golden = Golden::new("tiny.txt", TINY);
    record(&mut golden, &run);
    golden.section("Script");
    run.events.iter().for_each(|event| golden.value("script", event));
    golden.section("Files");
    golden.bytes("verifying key", &run.verifying_key.to_bytes());
    golden.bytes("proof", &run.proof);
    golden.finish();

    let mut golden = Golden::new("tiny-hiding.txt", HIDING);
    run.hiding_events.iter().for_each(|event| golden.value("script", event));
    golden.section("File");
    golden.bytes("proof", &run.hiding_proof);
    golden.finish();
}

#[test]
fn golden_lenet5() {
    let run = run(lenet());
    let mut golden = Golden::new("lenet5.txt", LENET);
    record(&mut golden, &run);
    golden.section("Messages by label: how many, scalars (or bytes) in all; challenges by label");
    let mut totals: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for event in &run.events {
        let (name, len) = match *event {
            Event::Scalars(label, len) => (format!("scalars {label}"), len),
            Event::Bytes(label, len) => (format!("bytes {label}"), len),
            Event::Challenge(label) => (format!("challenge {label}"), 1),
        };
        let total = totals.entry(name).or_default();
        *total = (total.0 + 1, total.1 + len);
    }
    for (name, (count, len)) in totals {
        golden.list(&name, if name.starts_with("challenge") { vec![count] } else { vec![count, len] });
    }
    golden.finish();
}

/// Proves LeNet again in a process whose pool has this many threads: a process has one pool.
fn prove_with_threads(threads: usize) {
    if std::env::var_os("CONVINCE_BLESS").is_some() {
        return;
    }
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", "golden_lenet5"]).env("RAYON_NUM_THREADS", threads.to_string()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("this test runs again");
    let start = Instant::now();
    while process.try_wait().expect("a process of ours").is_none() {
        if start.elapsed() > PATIENCE {
            process.kill().expect("a process of ours");
            panic!("with {threads} threads there is no proof after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = process.wait_with_output().expect("a process of ours");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "with {threads} threads:\n{text}");
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    [1, 2, 3, 5, 16].into_iter().for_each(prove_with_threads);
}
