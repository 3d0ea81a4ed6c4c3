//! Fixtures shared by the benches: LeNet-5 with its digits, convolutional networks of any width, and seeded random data.
//!
//! Key items: [`LeNet`], [`Classifier`], [`conv_net`], [`built_in`], [`random_witness`], [`pool`], [`process`],
//! [`Arguments`].
//!
//! Everything is deterministic. Fixtures panic where something is missing: they read committed files.

#![forbid(unsafe_code)]

pub mod arguments;
pub mod process;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use arguments::Arguments;

use anyhow::Context;
use convince::model::{Conv2d, Gemm, Graph, MaxPool, Model, Node, Op, Preprocessing, Requant, ValueId};
use convince::{ProvingKey, VerifyingKey, setup};
use convince_circuit::{Circuit, WireKind, Witness, evaluate};
use convince_field::{Bits, Fr, Ints, ProofField};
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions, import, quantize_graph};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A seeded generator.
pub fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// Random field elements.
pub fn elements(rng: &mut ChaCha20Rng, len: usize) -> Vec<Fr> {
    (0..len).map(|_| Fr::full_challenge(&std::array::from_fn(|_| rng.r#gen()))).collect()
}

/// Uniform integers of a format.
pub fn integers(rng: &mut ChaCha20Rng, bits: Bits, len: usize) -> Ints {
    let values: Vec<i64> = (0..len).map(|_| rng.gen_range(bits.low()..=bits.high())).collect();
    Ints::pack(bits, &values).expect("values of the format")
}

/// The honest witness of a circuit for random inputs and weights.
pub fn random_witness(circuit: &Circuit, seed: u64) -> Witness {
    let mut rng = rng(seed);
    let mut of = |id| {
        let wire = circuit.wire(id);
        integers(&mut rng, Bits::holding(wire.low, wire.high), wire.size())
    };
    let input = of(circuit.input());
    let weights: Vec<Arc<Ints>> = circuit.wires_of(WireKind::Weight).map(|id| Arc::new(of(id))).collect();
    evaluate(circuit, &input, &weights).expect("values within the wires' ranges")
}

/// A pool of this many threads, to run something in.
pub fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started")
}

/// The folder of committed networks and images.
pub fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors")
}

/// LeNet-5: the float network, its quantised form, and digits.
pub struct LeNet {
    /// The float network.
    pub float: FloatGraph,
    /// The integer network.
    pub model: Model,
    /// The integers of one digit.
    pub input: Vec<i32>,
}

impl LeNet {
    /// Quantises the committed network on the committed calibration digits, in the order of their names.
    pub fn load() -> Self {
        let Classifier { float, model } = Classifier::load("mnist/lenet5.onnx", "mnist/calibration");
        let digit = pixels(&Self::digit());
        let input = model.preprocessing.image_to_integers(&digit, 28, 28, 1).expect("28x28 pixels");
        Self { float, model, input }
    }

    /// The digit that is proven.
    pub fn digit() -> PathBuf {
        vectors().join("mnist/digits/00_label_0.png")
    }

    /// Both keys.
    pub fn keys(&self) -> (ProvingKey, VerifyingKey) {
        setup(&self.model).expect("a provable network")
    }

    /// The held-out digits as the network's floats, with their labels.
    pub fn held_out(&self) -> Labelled {
        let folder = vectors().join("mnist");
        labelled(&self.model, &folder.join("heldout-images.npy"), &folder.join("heldout-labels.npy"))
    }
}

/// A trained network of `vectors/` on grey images of 28x28 pixels, quantised.
pub struct Classifier {
    /// The float network.
    pub float: FloatGraph,
    /// The integer network.
    pub model: Model,
}

impl Classifier {
    /// Quantises a network on the PNG files of a folder, in the order of their names; paths are those in `vectors/`.
    pub fn load(network: &str, calibration: &str) -> Self {
        let float = import(&read(&vectors().join(network))).expect("a valid network");
        let options = QuantizeOptions::default();
        let preprocessing = options.preprocessing(&float);
        let folder = std::fs::read_dir(vectors().join(calibration)).expect("the committed calibration images");
        let mut paths: Vec<PathBuf> = folder.map(|entry| entry.expect("a readable folder").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "png"));
        paths.sort();
        let floats = |path: &PathBuf| preprocessing.image_to_floats(&pixels(path), 28, 28, 1).expect("28x28 pixels");
        let calibration = Calibration { inputs: paths.iter().map(floats).collect() };
        let model = quantize_graph(&float, &calibration, &options).expect("a quantisable network");
        Self { float, model }
    }
}

/// Images as a network's floats, with their labels.
pub type Labelled = Vec<(Vec<f32>, u8)>;

/// Grey images of 28x28 pixels, from arrays of bytes.
pub fn labelled(model: &Model, images: &Path, labels: &Path) -> Labelled {
    let array = |path: &Path| -> Vec<u8> {
        npyz::NpyFile::new(&read(path)[..]).and_then(npyz::NpyFile::into_vec).expect("an array of bytes")
    };
    let floats = |image: &[u8]| model.preprocessing.image_to_floats(image, 28, 28, 1).expect("28x28 pixels");
    array(images).chunks_exact(28 * 28).zip(array(labels)).map(|(image, label)| (floats(image), label)).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn pixels(path: &Path) -> Vec<u8> {
    image::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).into_luma8().into_raw()
}

/// A built-in network with seeded weights, and an input of no meaning that is the same every time.
///
/// # Errors
/// There is no network of this name, or it cannot be quantised.
pub fn built_in(name: &str) -> anyhow::Result<(Model, Vec<i32>)> {
    let architecture = convince_zoo::find(name).with_context(|| format!("no built-in network is called {name}"))?;
    let model = architecture.quantized(None)?;
    let (low, high) = (model.graph.input_bits.low(), model.graph.input_bits.high());
    let size: usize = model.graph.input_shape.iter().product();
    let input = (0..size as i64).map(|i| (low + (i * i * 31 + i * 7) % (high - low + 1)) as i32).collect();
    Ok((model, input))
}

/// Sizes of [`conv_net`]: the convolutions' 3x3 kernels keep the plane, a fully connected layer of 10 outputs ends it.
#[derive(Clone, Copy, Debug)]
pub struct ConvNet {
    /// Channels of the input and of every convolution.
    pub channels: usize,
    /// Rows and columns of the input.
    pub side: usize,
    /// Number of convolutions, each with requantisation and ReLU; the last is pooled.
    pub depth: usize,
}

impl ConvNet {
    /// Weights, and elements that go into and come out of linear layers: the sizes that the prover's time is linear in.
    pub fn sizes(&self) -> (usize, usize, usize) {
        let plane = self.channels * self.side * self.side;
        let pooled = plane / 4;
        let weights = self.depth * (9 * self.channels * self.channels + self.channels) + 10 * pooled + 10;
        (weights, self.depth * plane + pooled, self.depth * plane + 10)
    }
}

/// A network with random weights, and a random input.
pub fn conv_net(sizes: ConvNet, seed: u64) -> (Model, Vec<i32>) {
    let ConvNet { channels, side, depth } = sizes;
    let mut rng = rng(seed);
    let mut nodes: Vec<Node> = Vec::new();
    let mut push = |name: String, op: Op| {
        let inputs = vec![ValueId(nodes.len() as u32)];
        nodes.push(Node { name, op, inputs });
    };
    for k in 0..depth {
        let weight_shape = [channels, channels, 3, 3];
        let weights = Arc::new(integers(&mut rng, Bits::I8, weight_shape.iter().product()));
        let biases = Arc::new(integers(&mut rng, Bits::signed(12), channels));
        let conv = Conv2d::new(weights, weight_shape, Bits::I8).with_bias(biases, Bits::signed(12)).with_window(1, 1);
        push(format!("conv{k}"), Op::Conv2d(conv));
        // Sums of n products of deviation 74 and root mean square 100 are brought to a deviation of some 60.
        let deviation = 7400.0 * ((9 * channels) as f64).sqrt();
        let shift = (deviation / 60.0).log2().round() as u32;
        push(format!("relu{k}"), Op::Requant(Requant::plain(shift, 0, 255)));
    }
    push("pool".into(), Op::MaxPool(MaxPool::square(2)));
    let taps = channels * (side / 2) * (side / 2);
    let dense = Gemm {
        weight: Arc::new(integers(&mut rng, Bits::I8, 10 * taps)),
        weight_shape: [10, taps],
        weight_bits: Bits::I8,
        bias: Some(Arc::new(integers(&mut rng, Bits::signed(12), 10))),
        bias_bits: Bits::signed(12),
    };
    push("dense".into(), Op::Gemm(dense));
    let graph = Graph { input_shape: [1, channels, side, side], input_bits: Bits::U8, nodes };
    let preprocessing = Preprocessing::pixels([channels, side, side]);
    let model = Model { graph, preprocessing, output_scale: 1.0, labels: Vec::new(), report: Default::default() };
    (model, (0..channels * side * side).map(|_| rng.gen_range(0..256)).collect())
}
