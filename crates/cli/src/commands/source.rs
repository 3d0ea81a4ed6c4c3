//! Networks as arguments: files, or names of built-in networks, and what their circuits are for.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use convince::circuit::{Range, Strategy};
use convince::estimate;
use convince::lower::{Reveal, Strategies, lower_with};
use convince::model::{Graph, Model};
use convince_zoo::{ARCHITECTURES, Architecture};

use crate::args::{CircuitOptions, Convolutions, Parts, Ranges, Reveals};
use crate::error::{Context, Error};
use crate::input;
use crate::output::printable;

/// Images of a batch of an accuracy proof, at most, unless it is said: of LeNet-5 as many as just fit a tree of lookups, beyond
/// which an image costs no less (`benches/accuracy_proof.rs` compares sizes).
const ACCURACY_BATCH: usize = 64;
/// What a proof of such a batch may be predicted to take, in bytes: of a large network fewer images do.
const ACCURACY_MEMORY: u64 = 1 << 30;

/// Where a network comes from.
pub(super) enum Source {
    /// A model file.
    File(PathBuf),
    /// A built-in network.
    Zoo(&'static Architecture),
}

impl Source {
    /// A file if there is one of this name, a built-in network otherwise.
    pub(super) fn of(argument: &str) -> Result<Self, Error> {
        let path = Path::new(argument);
        match convince_zoo::find(argument) {
            _ if path.exists() => Ok(Self::File(path.to_owned())),
            Some(architecture) => Ok(Self::Zoo(architecture)),
            None => Err(Error::new(format!("{argument}: neither a file nor a built-in network; {}", known()))),
        }
    }

    /// What the network is called in tables.
    pub(super) fn name(&self) -> String {
        match self {
            Self::File(path) => printable(&path.file_stem().unwrap_or_default().to_string_lossy()),
            Self::Zoo(architecture) => architecture.name.to_owned(),
        }
    }

    /// The quantised network.
    pub(super) fn model(&self) -> Result<Model, Error> {
        match self {
            Self::File(path) => input::model(path),
            Self::Zoo(architecture) => architecture.quantized(None).at(architecture.name),
        }
    }
}

/// A built-in network.
pub(super) fn architecture(name: &str) -> Result<&'static Architecture, Error> {
    convince_zoo::find(name).ok_or_else(|| Error::new(format!("{name}: no built-in network; {}", known())))
}

fn known() -> String {
    let names: Vec<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
    format!("those are {}", names.join(", "))
}

impl CircuitOptions {
    /// How layers are proven, and what is revealed.
    pub(super) fn strategies(self) -> Result<Strategies, Error> {
        let convolution = match self.strategy {
            Convolutions::Direct => Strategy::Direct,
            Convolutions::Fft => Strategy::Fft,
            Convolutions::Auto => Strategy::Auto,
        };
        let range = match self.range {
            Ranges::Logup => Range::LogUp,
            Ranges::Bits => Range::Bits,
            Ranges::Clamp => Range::Clamp,
            Ranges::Auto => Range::Auto,
        };
        let reveal = match (self.private.output, self.reveal) {
            (false, None | Some(Reveals::Logits)) => Reveal::Logits,
            (true, None) => Reveal::Nothing,
            (_, Some(Reveals::Label)) => Reveal::Label,
            (_, Some(Reveals::Correct)) => Reveal::Correct,
            (true, Some(Reveals::Logits)) => {
                return Err(Error::new(
                    "--reveal logits: the output is private; its label can be revealed, not its values",
                ));
            }
        };
        Ok(Strategies { range, convolution, reveal, private_input: self.private.input })
    }

    /// The model for so many images at once.
    pub(super) fn batched(self, model: Model) -> Model {
        let batch = match (self.batch, self.reveal) {
            (Some(batch), _) => batch,
            (None, Some(Reveals::Correct)) => self.accuracy_batch(&model.graph),
            (None, _) => 1,
        };
        Model { graph: model.graph.with_batch(batch), ..model }
    }

    fn accuracy_batch(self, graph: &Graph) -> usize {
        let Ok(strategies) = self.strategies() else { return 1 };
        let memory = |batch| {
            let lowered = lower_with(&graph.with_batch(batch), strategies);
            lowered.ok().map(|lowered| estimate(&lowered.circuit).total.memory_bytes)
        };
        let halves = std::iter::successors(Some(ACCURACY_BATCH), |&batch| (batch > 1).then_some(batch / 2));
        halves.into_iter().find(|&batch| memory(batch).is_some_and(|bytes| bytes <= ACCURACY_MEMORY)).unwrap_or(1)
    }

    /// The options that say the same to another process.
    pub(super) fn arguments(self) -> Vec<String> {
        let name = |value: Option<PossibleValue>| value.map_or_else(String::new, |v| v.get_name().to_owned());
        let Parts { input, model, output } = self.private;
        let parts = [("input", input), ("model", model), ("output", output)];
        let parts: Vec<&str> = parts.into_iter().filter(|(_, private)| *private).map(|(name, _)| name).collect();
        let private = if parts.is_empty() { "none".into() } else { parts.join(",") };
        let reveal = self.reveal.map(|reveal| name(reveal.to_possible_value()));
        let options = [
            ("--batch", self.batch.unwrap_or(1).to_string()),
            ("--strategy", name(self.strategy.to_possible_value())),
            ("--range", name(self.range.to_possible_value())),
            ("--private", private),
        ];
        let options = options.into_iter().chain(reveal.map(|reveal| ("--reveal", reveal)));
        options.flat_map(|(option, value)| [option.to_owned(), value]).collect()
    }
}
