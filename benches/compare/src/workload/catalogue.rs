//! The workloads of the tables, by name.

use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use convince::model::{Conv2d, Gemm, Graph, MaxPool, Model, Node, Op, Preprocessing, Requant, ValueId};
use convince_field::{Bits, Ints};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::Workload;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Suite {
    /// MLPs of up to a million parameters and LeNet-5: half an hour on two cores.
    Quick,
    /// Larger and deeper MLPs and the VGGs as well: many hours.
    Full,
}

impl Suite {
    /// A lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// What a workload is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Series {
    /// MLPs of three layers and growing width, as in "The Cost of Intelligence" (Modulus Labs, 2023).
    Parameters,
    /// MLPs of one width and growing depth, from the same report.
    Depth,
    /// Networks with convolutions.
    Network,
}

/// A workload by its name.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its series.
    pub series: Series,
    /// The smallest suite that has it.
    pub suite: Suite,
    source: Source,
}

/// Where a network comes from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// `depth` layers with weights, `width` inputs and hidden values, ten outputs; weights from a seed.
    Mlp { width: usize, depth: usize },
    /// The trained network, on a digit.
    LeNet5,
    /// A built-in network of `convince-zoo` with weights from a seed.
    BuiltIn,
}

const fn width(name: &'static str, width: usize, suite: Suite) -> Entry {
    let source = Source::Mlp { width, depth: 3 };
    Entry { name, summary: "MLP of three layers, growing width", series: Series::Parameters, suite, source }
}

const fn depth(name: &'static str, depth: usize, suite: Suite) -> Entry {
    let source = Source::Mlp { width: DEPTH_WIDTH, depth };
    Entry { name, summary: "MLP of width 64, growing depth", series: Series::Depth, suite, source }
}

/// Inputs and hidden values of the MLPs of growing depth.
const DEPTH_WIDTH: usize = 64;

/// All workloads, in the order in which they are measured: convolutional networks, then MLPs, the smallest of each series first.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        name: "lenet5",
        summary: "LeNet-5, trained on MNIST, a held-out digit",
        series: Series::Network,
        suite: Suite::Quick,
        source: Source::LeNet5,
    },
    Entry {
        name: "vgg11",
        summary: "VGG-11 on 32x32 images, seeded weights",
        series: Series::Network,
        suite: Suite::Full,
        source: Source::BuiltIn,
    },
    Entry {
        name: "vgg16",
        summary: "VGG-16 on 32x32 images, as zkCNN proves it, seeded weights",
        series: Series::Network,
        suite: Suite::Full,
        source: Source::BuiltIn,
    },
    width("mlp-10k", 66, Suite::Quick),
    width("mlp-30k", 118, Suite::Quick),
    width("mlp-100k", 220, Suite::Quick),
    width("mlp-300k", 384, Suite::Quick),
    width("mlp-1m", 704, Suite::Quick),
    width("mlp-3m", 1222, Suite::Full),
    width("mlp-10m", 2233, Suite::Full),
    width("mlp-18m", 2997, Suite::Full),
    depth("mlp-2-layers", 2, Suite::Quick),
    depth("mlp-4-layers", 4, Suite::Quick),
    depth("mlp-8-layers", 8, Suite::Quick),
    depth("mlp-16-layers", 16, Suite::Quick),
    depth("mlp-32-layers", 32, Suite::Quick),
    depth("mlp-64-layers", 64, Suite::Full),
    depth("mlp-128-layers", 128, Suite::Full),
    depth("mlp-256-layers", 256, Suite::Full),
    depth("mlp-512-layers", 512, Suite::Full),
];

impl Entry {
    /// The workload of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        CATALOGUE.iter().find(|entry| entry.name == name)
    }

    /// Makes it: the same integers every time. Some seconds for a VGG.
    ///
    /// # Errors
    /// None that a test does not find.
    pub fn workload(&self) -> Result<Workload> {
        match self.source {
            Source::Mlp { width, depth } => {
                let sizes: Vec<usize> = std::iter::repeat_n(width, depth).chain([10]).collect();
                mlp(self.name, &sizes, 0)
            }
            Source::LeNet5 => {
                let model = zoo_model(self.name)?;
                let digit = image::load_from_memory(convince_zoo::mnist::DIGIT)?.into_luma8().into_raw();
                let side = convince_zoo::mnist::SIDE;
                let input = model.preprocessing.image_to_integers(&digit, side, side, 1)?;
                Workload::new(self.name, model, input)
            }
            Source::BuiltIn => {
                let model = zoo_model(self.name)?;
                let input = random_input(&model.graph, &mut ChaCha20Rng::seed_from_u64(1));
                Workload::new(self.name, model, input)
            }
        }
    }
}

fn zoo_model(name: &str) -> Result<Model> {
    let architecture = convince_zoo::find(name).with_context(|| format!("no built-in network is called {name}"))?;
    Ok(architecture.quantized(None)?)
}

fn random_input(graph: &Graph, rng: &mut ChaCha20Rng) -> Vec<i32> {
    let (low, high) = (graph.input_bits.low() as i32, graph.input_bits.high() as i32);
    (0..graph.input_shape.iter().product()).map(|_| rng.gen_range(low..=high)).collect()
}

/// An MLP with random weights and a random input: `sizes` are the numbers of inputs, hidden values and outputs; ReLU between
/// layers; the outputs are accumulators.
///
/// # Errors
/// Sizes that 32-bit accumulators do not hold.
pub fn mlp(name: &str, sizes: &[usize], seed: u64) -> Result<Workload> {
    let mut builder = Builder::new([sizes[0], 1, 1], seed);
    for (index, pair) in sizes.windows(2).enumerate() {
        builder.dense(pair[1]);
        if index + 2 < sizes.len() {
            builder.relu(pair[0]);
        }
    }
    builder.finish(name)
}

/// The smallest MLP that has everything an MLP has: for tests.
pub fn tiny_mlp(seed: u64) -> Workload {
    mlp("tiny-mlp", &[6, 5, 4, 3], seed).expect("a valid network")
}

/// The smallest CNN that has everything LeNet-5 has, and a stride: for tests.
pub fn tiny_cnn(seed: u64) -> Workload {
    let mut builder = Builder::new([1, 6, 6], seed);
    builder.conv(2, 3, 1, 1);
    builder.relu(9);
    builder.max_pool();
    builder.conv(2, 2, 2, 1);
    builder.relu(8);
    builder.dense(3);
    builder.finish("tiny-cnn").expect("a valid network")
}

/// A chain with random weights.
struct Builder {
    rng: ChaCha20Rng,
    graph: Graph,
    /// Of the last value.
    shape: [usize; 3],
}

const BIAS_BITS: Bits = Bits::signed(12);

impl Builder {
    fn new(shape: [usize; 3], seed: u64) -> Self {
        let [channels, rows, columns] = shape;
        let graph = Graph { input_shape: [1, channels, rows, columns], input_bits: Bits::U8, nodes: Vec::new() };
        Self { rng: ChaCha20Rng::seed_from_u64(seed), graph, shape }
    }

    fn integers(&mut self, bits: Bits, len: usize) -> Arc<Ints> {
        let values: Vec<i64> = (0..len).map(|_| self.rng.gen_range(bits.low()..=bits.high())).collect();
        Arc::new(Ints::pack(bits, &values).expect("values of the format"))
    }

    fn push(&mut self, name: &str, op: Op) {
        let index = self.graph.nodes.len();
        self.graph.nodes.push(Node { name: format!("{name}{index}"), op, inputs: vec![ValueId(index as u32)] });
    }

    fn dense(&mut self, outputs: usize) {
        let inputs = self.shape.iter().product();
        let (weight, bias) = (self.integers(Bits::I8, inputs * outputs), self.integers(BIAS_BITS, outputs));
        let weight_shape = [outputs, inputs];
        let gemm = Gemm { weight, weight_shape, weight_bits: Bits::I8, bias: Some(bias), bias_bits: BIAS_BITS };
        self.push("dense", Op::Gemm(gemm));
        self.shape = [outputs, 1, 1];
    }

    fn conv(&mut self, outputs: usize, kernel: usize, stride: usize, padding: usize) {
        let [inputs, rows, columns] = self.shape;
        let weight_shape = [outputs, inputs, kernel, kernel];
        let weight = self.integers(Bits::I8, weight_shape.iter().product());
        let bias = self.integers(BIAS_BITS, outputs);
        let conv = Conv2d::new(weight, weight_shape, Bits::I8).with_bias(bias, BIAS_BITS).with_window(stride, padding);
        let [rows, columns] = conv.output_size(rows, columns).expect("a kernel that fits");
        self.push("conv", Op::Conv2d(conv));
        self.shape = [outputs, rows, columns];
    }

    /// Requantisation with ReLU of sums of `taps` products.
    fn relu(&mut self, taps: usize) {
        // Such a sum has a deviation of some 74 * 100 * sqrt(taps), which becomes some 60.
        let shift = (7400.0 * (taps as f64).sqrt() / 60.0).log2().round() as u32;
        self.push("relu", Op::Requant(Requant::plain(shift, 0, 255)));
    }

    fn max_pool(&mut self) {
        self.push("pool", Op::MaxPool(MaxPool::square(2)));
        let [channels, rows, columns] = self.shape;
        self.shape = [channels, rows / 2, columns / 2];
    }

    fn finish(mut self, name: &str) -> Result<Workload> {
        let input = random_input(&self.graph, &mut self.rng);
        let [_, shape @ ..] = self.graph.input_shape;
        let preprocessing = Preprocessing::pixels(shape);
        let report = Default::default();
        Workload::new(
            name,
            Model { graph: self.graph, preprocessing, output_scale: 1.0, labels: vec![], report },
            input,
        )
    }
}
