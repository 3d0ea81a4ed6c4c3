//! Networks as arguments: files, or names of built-in networks, and what their circuits are for.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use clap::builder::PossibleValue;
use convince::circuit::{Range, Strategy};
use convince::lower::{Reveal, Strategies};
use convince::model::Model;
use convince_zoo::{ARCHITECTURES, Architecture};

use crate::args::{CircuitOptions, Convolutions, Parts, Ranges, Reveals};
use crate::error::{Context, Error};
use crate::input;
use crate::output::printable;

/// Images of a batch of an accuracy proof, unless it is said: `benches/accuracy_proof.rs` compares sizes.
const ACCURACY_BATCH: usize = 32;

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

    /// Number of images that are proven together.
    pub(super) fn batch(self) -> usize {
        let default = if self.reveal == Some(Reveals::Correct) { ACCURACY_BATCH } else { 1 };
        self.batch.unwrap_or(default)
    }

    /// The model for so many images at once.
    pub(super) fn batched(self, model: Model) -> Model {
        Model { graph: model.graph.with_batch(self.batch()), ..model }
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
            ("--batch", self.batch().to_string()),
            ("--strategy", name(self.strategy.to_possible_value())),
            ("--range", name(self.range.to_possible_value())),
            ("--private", private),
        ];
        let options = options.into_iter().chain(reveal.map(|reveal| ("--reveal", reveal)));
        options.flat_map(|(option, value)| [option.to_owned(), value]).collect()
    }
}
