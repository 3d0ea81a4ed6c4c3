//! The commands about built-in networks and costs, and what circuits are made for.

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::RangedU64ValueParser;

use super::ProfileOptions;

/// List the built-in networks, or write one as a model
///
/// Without a name, lists them: input, parameters, multiply-accumulates of one inference, and whether their weights
/// are trained or drawn from a seed. Seeded weights are scaled such that activations stay alive; a proof costs the
/// same as with trained ones, and what the network says means nothing.
///
/// With a name, quantises that network and writes a model file. Scales are chosen on random images, those of a
/// trained network on training images.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince zoo
  convince zoo vgg16 -o vgg16.cnvm
  convince zoo lenet5 --seed 7 -o lenet5.cnvm
  convince zoo resnet18 --onnx -o resnet18.onnx

JSON: {networks: [{name, summary, input, parameters, macs, weights (trained or seeded)}]};
with a name {name, weights, seed (null if trained), parameters, file_bytes}.")]
pub(crate) struct Zoo {
    /// The network to write
    #[arg(value_name = "NAME", requires = "output")]
    pub(crate) name: Option<String>,

    /// What weights and random images are drawn from; replaces trained weights [default: 0 where none are trained]
    #[arg(long, value_name = "N", requires = "name")]
    pub(crate) seed: Option<u64>,

    /// Write the float network, an ONNX file, in place of a model
    #[arg(long, requires = "name")]
    pub(crate) onnx: bool,

    /// File to write
    #[arg(short, long, value_name = "FILE", requires = "name")]
    pub(crate) output: Option<PathBuf>,
}

/// Measure proofs of networks
///
/// Sets up every network, proves and verifies its answer on an image of random pixels, each step as a process of its
/// own, and prints a row for each network. Times are medians of all runs; memory is the most that a proving process
/// held. The times of keys, which a process reads once, are left out. inference_ms is the integer network alone, by
/// the reference interpreter on one thread, in the process that has made the proof; prove_over_inference is how many
/// times as long the proof took. proof_bytes is the whole file, input_bytes what the input takes of it.
///
/// A profile (--profile, --profile-html) is that of the proof whose time is next to the median.
///
/// Proofs are zero-knowledge. With --plain every run also makes and verifies a plain proof under the same keys, and
/// their figures stand in a row of their own: so both modes are measured under the same load.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince bench lenet5 vgg11
  convince bench lenet5.cnvm --runs 20 --threads 1
  convince bench vgg16 --json
  convince bench lenet5 --strategy fft --range bits
  convince bench lenet5 --private input,model,output --plain
  convince bench vgg16 --profile-html vgg16.html

JSON: {rows: [{name, mode (zero-knowledge or plain), private, reveal (both as setup prints them), parameters,
inference_ms, setup_ms, prove_ms, prove_over_inference, verify_ms, proof_bytes, input_bytes (of them),
verifier_key_bytes, peak_rss_bytes (null where the system does not tell)}]}; with a profile each row also has
profile, as `convince prove` prints it.")]
pub(crate) struct Bench {
    /// Model files and names of built-in networks (`convince zoo` lists them)
    #[arg(value_name = "NAME|FILE", required = true)]
    pub(crate) networks: Vec<String>,

    /// What the circuits are for.
    #[command(flatten)]
    pub(crate) circuit: CircuitOptions,

    /// Measure plain proofs too, which leak what is private
    #[arg(long)]
    pub(crate) plain: bool,

    /// Number of proofs of each network
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1000))]
    pub(crate) runs: usize,

    /// Where the time goes.
    #[command(flatten)]
    pub(crate) profile: ProfileOptions,
}

/// Predict what a proof costs, layer by layer
///
/// Sizes, rounds and bytes are exact: they follow from the circuit. Time and memory are predicted by rates that were
/// measured with two threads on one machine. What belongs to no single layer stands in a line of its own. A layer's
/// rounds are those of its own sumchecks; layers share rounds, so that the total is less than their sum. Proofs are
/// zero-knowledge ones; whether the model is private changes none of these numbers.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince estimate vgg16
  convince estimate lenet5.cnvm --csv lenet5.csv
  convince estimate lenet5 --private input,output --batch 16

JSON: {name, width, layers: [{name, operator, shape, COST}], shared: {COST}, total: {COST}} where COST is
parameters, macs, activations, committed (integers in every proof), proof_rows, key_rows, leaves,
stored_leaves (those that a prover stores, padding left out), rounds, proof_bytes, prove_ms,
memory_bytes.
CSV: the same, one line a layer, then the lines `shared` and `total`.")]
pub(crate) struct Estimate {
    /// Model file, or name of a built-in network (`convince zoo` lists them)
    #[arg(value_name = "M|NAME")]
    pub(crate) network: String,

    /// What the circuit is for.
    #[command(flatten)]
    pub(crate) circuit: CircuitOptions,

    /// Also write the table to a file, as comma-separated values
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

/// What a circuit is made for, and how its layers are proven.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct CircuitOptions {
    /// Number of images that one proof is about; of an accuracy proof those that are proven together
    /// [default: 1; with --reveal correct 64, or as many as are predicted to take 1 GiB]
    #[arg(long, value_name = "B", value_parser = RangedU64ValueParser::<usize>::new().range(1..=65536))]
    pub(crate) batch: Option<usize>,

    /// How convolutions are proven
    #[arg(long, value_enum, default_value_t = Convolutions::Direct)]
    pub(crate) strategy: Convolutions,

    /// How ranges of rounding, ReLU and max-pooling are proven
    #[arg(long, value_enum, default_value_t = Ranges::Auto)]
    pub(crate) range: Ranges,

    /// What is private: some of input, model, output, separated by commas, or none
    #[arg(long, value_name = "PARTS", default_value = "model")]
    pub(crate) private: Parts,

    /// What proofs say of the output [default: logits; nothing if the output is private]
    #[arg(long, value_enum)]
    pub(crate) reveal: Option<Reveals>,
}

/// The parts of a statement that are private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) input: bool,
    pub(crate) model: bool,
    pub(crate) output: bool,
}

impl std::str::FromStr for Parts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::default());
        }
        text.split(',').try_fold(Self::default(), |parts, name| match name.trim() {
            "input" => Ok(Self { input: true, ..parts }),
            "model" => Ok(Self { model: true, ..parts }),
            "output" => Ok(Self { output: true, ..parts }),
            _ => Err("some of input, model, output, separated by commas, or none"),
        })
    }
}

/// What proofs say of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reveals {
    /// All of it
    Logits,
    /// The index of the largest value, and no value: the label alone is public
    Label,
    /// Of many images, that at least so many have given labels: the keys are for `convince prove-accuracy`
    Correct,
}

/// How convolutions are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Convolutions {
    /// By one sumcheck over kernel positions and one over input positions
    Direct,
    /// By Fourier transforms, as zkCNN does it
    Fft,
    /// Each by what a cost model says is cheaper
    Auto,
}

/// How ranges are proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ranges {
    /// By looking limbs up in tables
    Logup,
    /// By decomposition into bits, as zkCNN does it
    Bits,
    /// By looking whole clamps up in tables of quotients, limbs where these are too wide
    Clamp,
    /// By what a cost model says is cheaper
    Auto,
}

#[cfg(test)]
mod tests {
    use super::Parts;

    #[test]
    fn parts_are_a_set() {
        let all = Parts { input: true, model: true, output: true };
        assert_eq!("output,input,model".parse(), Ok(all));
        assert_eq!("model,model".parse(), Ok(Parts { model: true, ..Parts::default() }));
        assert_eq!("none".parse(), Ok(Parts::default()));
        for bad in ["", "none,model", "weights", "input;model", "Model"] {
            assert!(bad.parse::<Parts>().is_err(), "{bad}");
        }
    }
}
