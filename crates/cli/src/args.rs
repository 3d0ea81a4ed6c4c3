//! The command line: subcommands, flags, and the texts of `--help`.

mod accuracy;
mod commitments;
mod networks;
mod proofs;

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use self::accuracy::{CommitDataSet, ProveAccuracy, VerifyAccuracy};
pub(crate) use self::commitments::{CheckKey, CommitInput, CommitModel, Open};
pub(crate) use self::networks::{Bench, CircuitOptions, Convolutions, Estimate, Parts, Ranges, Reveals, Zoo};
pub(crate) use self::proofs::{Prove, Setup, Verify};

const EXIT_CODES: &str = "\
EXIT CODES:
  0  done; with verify, check, check-key and open: valid
  1  a well-formed proof, key or opening whose content is rejected, or a witness that breaks a relation
  2  usage, an unreadable file, a file of the wrong kind or version, unsuitable input

INPUTS:
  .png   8-bit grey or RGB of exactly the model's size; the model's preprocessing applies
  .npy   uint8: pixels, as above, in the model's layout
         float32, float64: the float network's input as it is, in the model's layout
         signed integers: the quantised network's input as it is, channel by channel
  .json  nested or flat arrays of numbers, or {\"input\": [...]}: as float32;
         {\"pixels\": [...]}: as uint8; {\"integers\": [...]}: as signed integers

PRIVACY:
  Each of input, model and output is public or private: `setup --private` says which, by default the
  model alone. A proof says that the model maps the input to the output, whichever of them are
  commitments, and it says nothing else: proofs are zero-knowledge, unless they are made with --plain.
  Weights under a commitment are proven to be of their formats. Public in any case: the architecture
  with its shapes, scales, shifts and tables, the batch size, the preprocessing, the labels' names.
  What a proof does not hide: how long it took to make";

/// Prove that a quantised convolutional network was run as claimed, and verify it.
#[derive(Parser)]
#[command(name = "convince", version, after_help = EXIT_CODES, max_term_width = 120)]
pub(crate) struct Cli {
    /// Print one JSON object on stdout; errors too, as {"error": ...}
    #[arg(long, global = true, display_order = 100)]
    pub(crate) json: bool,

    /// Number of threads [default: one a core]
    #[arg(long, global = true, value_name = "N", display_order = 101,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub(crate) threads: Option<usize>,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands, in the order in which they are used.
#[derive(Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Quantize(Quantize),
    Run(Run),
    Check(Check),
    Eval(Eval),
    Setup(Setup),
    Prove(Prove),
    Verify(Verify),
    ProveAccuracy(ProveAccuracy),
    VerifyAccuracy(VerifyAccuracy),
    CommitDataSet(CommitDataSet),
    CommitModel(CommitModel),
    CheckKey(CheckKey),
    CommitInput(CommitInput),
    Open(Open),
    Inspect(Inspect),
    Zoo(Zoo),
    Bench(Bench),
    Estimate(Estimate),
    Completions(Completions),
}

impl Command {
    /// Whether it makes proofs in this process, range proofs of weights among them: what takes a prover's memory.
    pub(crate) fn proves(&self) -> bool {
        matches!(self, Self::Setup(_) | Self::Prove(_) | Self::ProveAccuracy(_) | Self::CommitModel(_) | Self::Bench(_))
    }
}

/// Prove and verify a handwritten digit, start to finish
///
/// Writes a trained LeNet-5, calibration digits and one digit to a folder, then quantises the network, sets it up,
/// proves its answer on the digit and verifies the proof, each as a process of its own. Needs no other file.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince demo
  convince demo --digit my-seven.png -o /tmp/demo
  convince demo --json

JSON: {quantize, setup, prove, verify}, the objects of these four commands.")]
pub(crate) struct Demo {
    /// Grey 28x28 PNG of a white digit on black [default: a built-in seven]
    #[arg(long, value_name = "FILE")]
    pub(crate) digit: Option<PathBuf>,

    /// Folder for all files, made if it is missing
    #[arg(short, long, value_name = "DIR", default_value = "convince-demo")]
    pub(crate) output: PathBuf,
}

/// Quantise an ONNX network to 8 bits
///
/// Chooses scales on the calibration inputs and writes a model file: the integer network, the preprocessing of its
/// inputs, and the accuracy measured on the calibration inputs against the float network. Some tens of inputs suffice.
///
/// A network that is quantised already (QuantizeLinear, DequantizeLinear, QLinearConv and the like) is taken as it is,
/// with its own scales: the integers are those of ONNX Runtime, but for results at the half between two, which may be one
/// off; --report counts them. It needs no calibration inputs; given some, the accuracy is measured on them. If a part of it
/// is not quantised, the whole is quantised anew, and why is said.
///
/// A pixel p of a channel becomes the float (p * scale - mean) / std, which the quantised network takes as an integer.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince quantize lenet5.onnx --calibrate vectors/mnist/calibration -o lenet5.cnvm
  convince quantize net.onnx --calibrate a.npy --mean 0.5,0.4,0.4 --std 0.2,0.2,0.2 -o net.cnvm
  convince quantize net.onnx --calibrate images --report -o net.cnvm
  convince quantize vectors/onnx/quantised/lenet5-qdq.onnx --report -o net.cnvm

JSON: {taken (false), not_taken (why a quantised file was not taken as it is, or null), top1_agreement (0 to 1),
max_logit_error, mean_logit_error (float units), parameters}; with --report also layers: [{name, operator, sqnr_db (null
if nothing is lost), scale, low, high, shift (null if not rounded), multiplier, table_len}].
Of a network taken as quantised: {taken (true), top1_agreement, max_logit_error, mean_logit_error (null without inputs),
parameters}; with --report also layers: [{name, operator, scale, zero, low, high, shift, multiplier, table_len, differing
(results that may be one off ONNX Runtime's; null if not counted), possible (out of how many)}].")]
pub(crate) struct Quantize {
    /// The ONNX file
    #[arg(value_name = "MODEL.onnx")]
    pub(crate) model: PathBuf,

    /// Inputs to choose scales on: PNG, .npy (batches too), .json, or folders of PNG files. Needed unless the network is
    /// quantised already
    #[arg(long, value_name = "FILES", num_args = 1..)]
    pub(crate) calibrate: Vec<PathBuf>,

    /// Subtracted from scaled pixels: one number per channel, separated by commas [default: 0]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', allow_hyphen_values = true, value_parser = finite)]
    pub(crate) mean: Vec<f32>,

    /// What pixels are then divided by: one positive number per channel, separated by commas [default: 1]
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = positive)]
    pub(crate) std: Vec<f32>,

    /// What pixels (0 to 255) are multiplied by first, a positive number [default: 1/255]
    #[arg(long, value_name = "NUMBER", value_parser = positive)]
    pub(crate) scale: Option<f32>,

    /// Order of the axes of arrays handed in; images are not concerned
    #[arg(long, value_enum, default_value_t = Layout::Nchw)]
    pub(crate) layout: Layout,

    /// Names of the outputs: separated by commas, or @FILE with one a line [default: none]
    #[arg(long, value_name = "NAMES|@FILE")]
    pub(crate) labels: Option<String>,

    /// Also print what quantisation costs at each layer: signal to noise in decibels, which falls by 6 for each bit that is lost
    #[arg(long)]
    pub(crate) report: bool,

    /// Model file to write
    #[arg(short, long, value_name = "M")]
    pub(crate) output: PathBuf,
}

/// Run the quantised network on one input
///
/// Prints the label (the index of the largest output, the lowest of several) and all outputs. Nothing is proven.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince run lenet5.cnvm --input seven.png

JSON: {label, label_name, logits (float units), probabilities (softmax of a classifier's logits, else null),
logits_int}.")]
pub(crate) struct Run {
    /// Model file
    #[arg(value_name = "M")]
    pub(crate) model: PathBuf,

    /// Input: PNG, .npy or .json
    #[arg(short, long, value_name = "X")]
    pub(crate) input: PathBuf,
}

/// Check that the circuit computes what the network computes
///
/// Fills the circuit's witness for one input and checks every relation in it over the integers, and its output against
/// the reference interpreter. Exit code 1 names the layer of the first relation that does not hold.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince check lenet5.cnvm --input seven.png

JSON: {valid, layers, layer (name, or null), error}.")]
pub(crate) struct Check {
    /// Model file
    #[arg(value_name = "M")]
    pub(crate) model: PathBuf,

    /// Input: PNG, .npy or .json
    #[arg(short, long, value_name = "X")]
    pub(crate) input: PathBuf,
}

/// Measure a quantised network's accuracy
///
/// Runs the network on many inputs and counts the right labels; with --float also compares it with the float network.
/// Labels are those of the inputs in their order, or found by the inputs' file names.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince eval lenet5.cnvm --data images.npy --labels labels.npy --float lenet5.onnx
  convince eval lenet5.cnvm --data digits --labels digits/labels.json

JSON: {inputs, correct, accuracy (0 to 1), top1_agreement, max_logit_error, mean_logit_error};
the last three are null without --float.")]
pub(crate) struct Eval {
    /// Model file
    #[arg(value_name = "M")]
    pub(crate) model: PathBuf,

    /// Inputs: PNG, .npy (batches too), .json, or folders of PNG files
    #[arg(long, value_name = "FILES", required = true, num_args = 1..)]
    pub(crate) data: Vec<PathBuf>,

    /// Labels: .npy of integers, or .json with a list or with a map from file name to label
    #[arg(long, value_name = "L")]
    pub(crate) labels: PathBuf,

    /// The float network to compare with
    #[arg(long, value_name = "MODEL.onnx")]
    pub(crate) float: Option<PathBuf>,
}

/// Show what a file holds
///
/// Knows models, both keys, proofs, commitments and their secrets. Of models and keys: sizes, layers with their shapes and
/// the range of their values, lookup tables, the commitment's dimensions, the model's status, what is private, and the
/// protocol's soundness error. Nothing secret is shown, of no file: of an opening the commitment that it opens, and no
/// value. A proof by itself says little: give its key.
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince inspect lenet5.cnvm
  convince inspect keys/verifier.key
  convince inspect seven.cnvp --key keys/verifier.key
  convince inspect lenet5.commitment

JSON: {kind, file_bytes, ...}, the rest depending on the kind.")]
pub(crate) struct Inspect {
    /// Model, key, proof, commitment, secret or opening
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// For a proof: the verifier's key, which says how to read it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

/// Print a completion script for a shell
#[derive(clap::Args)]
#[command(after_long_help = "\
EXAMPLES:
  convince completions bash > ~/.local/share/bash-completion/completions/convince

JSON: {shell, script}.")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Order of the axes of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Channel, row, column
    Nchw,
    /// Row, column, channel
    Nhwc,
}

/// A nonce's bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nonce(pub(crate) Vec<u8>);

impl std::str::FromStr for Nonce {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |c: char| c.to_digit(16).map(|d| d as u8).ok_or("a nonce consists of hexadecimal digits");
        let digits = text.chars().map(digit).collect::<Result<Vec<_>, _>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        match (pairs.len(), rest) {
            (..=1024, []) => Ok(Self(pairs.iter().map(|[high, low]| high << 4 | low).collect())),
            (..=1024, _) => Err("a nonce has an even number of hexadecimal digits"),
            _ => Err("a nonce has at most 1024 bytes"),
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl std::str::FromStr for Bytes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = match unit.to_ascii_uppercase().as_str() {
            "" => 1.0,
            "K" | "KB" => 1e3,
            "M" | "MB" => 1e6,
            "G" | "GB" => 1e9,
            _ => return Err("the units of bytes are K, M and G: 1000, a million and a billion"),
        };
        let number: f64 = number.parse().map_err(|_| "a size is a number and a unit, as 2G or 500M")?;
        // Larger than any memory, and still exact to the byte.
        match number * unit {
            bytes if (1.0..=1e15).contains(&bytes) => Ok(Self(bytes as u64)),
            _ => Err("a size is from 1 byte to a million G"),
        }
    }
}

/// What is measured beside times and sizes of the whole.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct ProfileOptions {
    /// Print where time, memory and bytes go, by phase and by layer
    #[arg(long)]
    pub(crate) profile: bool,

    /// Write that as a page with plots, which needs no other file; implies --profile
    #[arg(long, value_name = "FILE")]
    pub(crate) profile_html: Option<PathBuf>,
}

impl ProfileOptions {
    /// Whether a profile is wanted.
    pub(crate) fn is_asked(&self) -> bool {
        self.profile || self.profile_html.is_some()
    }
}

fn finite(text: &str) -> Result<f32, String> {
    let number: f32 = text.trim().parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() { Ok(number) } else { Err("not a finite number".into()) }
}

fn positive(text: &str) -> Result<f32, String> {
    finite(text).and_then(|number| if number > 0.0 { Ok(number) } else { Err("not a positive number".into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn nonces_are_whole_bytes() {
        assert_eq!("00fF".parse(), Ok(Nonce(vec![0, 255])));
        assert_eq!("".parse(), Ok(Nonce(Vec::new())));
        for bad in ["0", "0g", "+1", "0x00", "é0"] {
            assert!(bad.parse::<Nonce>().is_err(), "{bad}");
        }
        assert!("00".repeat(1025).parse::<Nonce>().is_err());
    }

    #[test]
    fn sizes_have_units_of_thousands() {
        for (text, bytes) in [("1", 1), ("1.5k", 1500), ("500M", 500_000_000), ("2GB", 2_000_000_000)] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for bad in ["", "G", "0", "-1", "1e3", "1.2.3M", "2T", "2 G", "9999999999G"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_are_finite_and_scales_positive() {
        assert!(finite("-0.5").is_ok() && finite("nan").is_err() && finite("inf").is_err());
        assert!(positive("0").is_err() && positive("-1").is_err() && positive("1e-3").is_ok());
    }
}
