//! Every operator of a model, by every strategy, from the integers to the verifier.
//!
//! Random small graphs around one operator: odd sizes, single places, strides beyond the kernel, paddings of its length and more,
//! batches, values at the ends of their formats. The circuit's values are the interpreter's, the proof verifies, and of every
//! relation that the circuit states a witness that breaks it alone is refused by the check that is about it.

mod graphs;
mod lies;

use std::collections::BTreeMap;

use convince::circuit::{Circuit, Layer, Range, Strategy, Tensor, Window, Witness, check};
use convince::lower::{Reveal, Strategies};
use convince::model::{Graph, Op, ValueId, argmax, run};
use convince::protocol::{Part, Statement, run_prover, run_verifier, transcript};
use convince::{
    Mode, Openings, ProveOptions, ProvingKey, SetupOptions, TestSeed, VerifyingKey, prove, setup_with, verify,
};
use convince_field::Ints;
use convince_pcs::PcsError;
use convince_transcript::{ChannelError, Check, PlainProver, PlainVerifier};
use graphs::{CONVOLUTIONS, Draw, LINEAR, POOLS, REQUANTS, dense, graph, model, product, scores, values};
use lies::{Lie, lies};
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng as Rng;

const SEED: TestSeed = TestSeed([5; 32]);

const LOGUP: Strategies =
    Strategies { range: Range::LogUp, convolution: Strategy::Direct, reveal: Reveal::Logits, private_input: false };
const BITS: Strategies = Strategies { range: Range::Bits, ..LOGUP };
const CLAMP: Strategies = Strategies { range: Range::Clamp, ..LOGUP };
const FFT: Strategies = Strategies { convolution: Strategy::Fft, ..LOGUP };

/// Lies that were refused, by name.
type Refused = BTreeMap<&'static str, usize>;

/// Draws `count` graphs of a kind and checks all there is to check of each.
fn hold(name: &str, draw: Draw, strategies: Strategies, count: usize, refused: &mut Refused) {
    let (mut found, tail) = (0, strategies.reveal == Reveal::Logits);
    for seed in 0..100 * count as u64 {
        let mut rng = Rng::seed_from_u64(seed);
        if let Some(graph) = graph(draw, tail, &mut rng) {
            Case::new(format!("{name}, seed {seed}, {strategies:?}"), graph, strategies).holds(&mut rng, refused);
            found += 1;
        }
        if found == count {
            return;
        }
    }
    panic!("{name}: only {found} graphs");
}

/// That every one of these lies was told.
fn told(refused: &Refused, names: &[&str]) {
    for name in names {
        assert!(refused.contains_key(name), "no circuit admits {name:?}: {refused:?}");
    }
}

struct Case {
    name: String,
    graph: Graph,
    proving: ProvingKey,
    verifying: VerifyingKey,
}

impl Case {
    fn new(name: String, graph: Graph, strategies: Strategies) -> Self {
        let options = SetupOptions { strategies, seed: Some(SEED), ..SetupOptions::default() };
        let keys = setup_with(&model(graph.clone()), &options);
        let (proving, verifying) = keys.unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, graph, proving, verifying }
    }

    fn circuit(&self) -> &Circuit {
        self.verifying.circuit()
    }

    fn holds(&self, rng: &mut Rng, refused: &mut Refused) {
        let len = self.graph.input_shape.iter().product();
        let input: Vec<i32> = values(len, self.graph.input_bits, rng).into_iter().map(|v| v as i32).collect();
        let witness = self.proving.lowered().witness(&input).unwrap();
        self.is_the_reference(&input, &witness);
        let proof = prove(&self.proving, &input, &ProveOptions::default()).unwrap();
        let verified = verify(&self.verifying, &proof, Some(&input), &[]);
        let output = witness.tensor(self.circuit(), self.circuit().output());
        let output: Vec<i32> = output.iter().map(|v| v as i32).collect();
        assert_eq!(verified.unwrap_or_else(|error| panic!("{}: {error}", self.name)).output, Some(output));
        for lie in lies(self.circuit(), &witness, rng) {
            let found = self.refusal(&lie);
            assert!(lie.caught.is(found), "{}: {} by {found:?}, not {:?}", self.name, lie.name, lie.caught);
            *refused.entry(lie.name).or_default() += 1;
        }
    }

    /// Every layer's values are the interpreter's, and the witness satisfies the circuit.
    fn is_the_reference(&self, input: &[i32], witness: &Witness) {
        let (circuit, trace) = (self.circuit(), run(&self.graph, input).unwrap());
        assert_eq!(check(circuit, witness), Ok(()), "{}", self.name);
        let integers = |tensor| witness.tensor(circuit, tensor).iter().map(|v| v as i32).collect::<Vec<_>>();
        let names = &self.proving.lowered().layer_names;
        for (index, node) in self.graph.nodes.iter().enumerate() {
            let Some(last) = names.iter().rposition(|name| *name == node.name) else { continue };
            let (tensor, pooled) = match &circuit.layers()[last] {
                Layer::Conv2d(l) => (Tensor::whole(l.output), false),
                Layer::Linear(l) => (Tensor::whole(l.output), false),
                Layer::Product(l) => (Tensor::whole(l.output), false),
                Layer::Requant(l) => {
                    let column = Some(l.output_column() as u32);
                    (
                        Tensor { wire: l.advice, column },
                        matches!(node.op, Op::Requant(_)) && l.params.window != Window::ONE,
                    )
                }
                _ => continue,
            };
            // A requantisation that pools as well has the values of the pool behind it.
            let fused = pooled && self.graph.nodes.get(index + 1).is_some_and(|next| !names.contains(&next.name));
            let value = ValueId((index + 1 + usize::from(fused)) as u32);
            assert_eq!(integers(tensor), trace.value(value), "{}, {}", self.name, node.name);
        }
        let found = integers(circuit.output());
        match circuit.arg_max() {
            None => assert_eq!(found, trace.output(), "{}", self.name),
            Some(layer) => {
                let labels = trace.output().chunks(layer.shape[1]).map(|image| argmax(image) as i32);
                assert_eq!(found, labels.collect::<Vec<_>>(), "{}", self.name);
            }
        }
    }

    /// The check that refuses a lie; none if it is the commitment's equation.
    fn refusal(&self, lie: &Lie) -> Option<Check> {
        let circuit = self.circuit();
        let input = Ints::I32(lie.witness.wire(circuit.input()).iter().map(|v| v as i32).collect());
        let told: Vec<i64> = lie.witness.tensor(circuit, circuit.output()).iter().collect();
        let output = Ints::I32(lie.output.as_ref().unwrap_or(&told).iter().map(|&v| v as i32).collect());
        let statement = Statement { input: Part::Public(&input), output: Part::Public(&output), nonce: b"a lie" };
        let mut prover = PlainProver::new(transcript(&self.verifying, &statement, Mode::Plain));
        run_prover(
            &self.proving,
            &lie.witness,
            &Openings::default(),
            &mut Rng::from_seed(SEED.0),
            &mut prover,
            &|_| {},
        );
        let proof = prover.finish();
        let mut verifier = PlainVerifier::new(transcript(&self.verifying, &statement, Mode::Plain), &proof);
        match run_verifier(&self.verifying, &statement, &mut verifier) {
            Err(PcsError::Channel(ChannelError::CheckFailed(check))) => Some(check),
            Err(PcsError::Commitment) => None,
            result => panic!("{}: {} ended in {result:?}", self.name, lie.name),
        }
    }
}

#[test]
fn convolutions_hold() {
    let mut refused = Refused::new();
    for (name, draw) in CONVOLUTIONS {
        [LOGUP, FFT].into_iter().for_each(|strategies| hold(name, draw, strategies, 5, &mut refused));
    }
    told(&refused, &["a wrong accumulator", "another weight", "another output"]);
}

#[test]
fn fully_connected_layers_and_products_hold() {
    for (name, draw) in [("dense", dense as Draw), ("product", product)] {
        let mut refused = Refused::new();
        hold(name, draw, LOGUP, 12, &mut refused);
        told(&refused, &["a wrong accumulator", "another output"]);
    }
}

#[test]
fn requantisations_hold() {
    for strategies in [LOGUP, BITS] {
        let mut refused = Refused::new();
        REQUANTS.into_iter().for_each(|(name, draw)| hold(name, draw, strategies, 5, &mut refused));
        told(&refused, &["a wrong remainder", "remainders out of range", "a quotient that no corner has"]);
        told(&refused, &["saturation below the limit", "less than the largest", "a wrong activation"]);
        told(&refused, &["a lookup that is not there"]);
    }
}

#[test]
fn clamps_hold() {
    let mut refused = Refused::new();
    REQUANTS.into_iter().for_each(|(name, draw)| hold(name, draw, CLAMP, 5, &mut refused));
    POOLS.into_iter().for_each(|(name, draw)| hold(name, draw, CLAMP, 6, &mut refused));
    told(&refused, &["a wrong remainder", "remainders out of range", "a wrong clamp", "a false quotient"]);
    told(&refused, &["a false maximum", "a wrong activation", "a lookup that is not there", "another output"]);
}

#[test]
fn max_pools_hold() {
    for strategies in [LOGUP, BITS] {
        let mut refused = Refused::new();
        POOLS.into_iter().for_each(|(name, draw)| hold(name, draw, strategies, 6, &mut refused));
        told(&refused, &["a quotient that no corner has", "less than the largest", "another output"]);
    }
}

#[test]
fn linear_maps_hold() {
    let mut refused = Refused::new();
    LINEAR.into_iter().for_each(|(name, draw)| hold(name, draw, LOGUP, 6, &mut refused));
    told(&refused, &["a wrong accumulator", "another output"]);
}

#[test]
fn labels_hold() {
    for strategies in [LOGUP, BITS] {
        let mut refused = Refused::new();
        hold("labels", scores, Strategies { reveal: Reveal::Label, ..strategies }, 12, &mut refused);
        let names = ["another label, its margins cut", "another label, its margins negative", "another output"];
        told(&refused, &names);
    }
}
