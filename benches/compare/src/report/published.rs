//! Figures from elsewhere, `read.json`: read in a paper, or measured before outside of this harness.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Figures.
    pub figures: Vec<Figure>,
    /// Systems that have no row of their own, and why.
    pub absent: Vec<Absent>,
}

/// One figure.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The system, for readers.
    pub system: String,
    /// The workload of ours that it is nearest to, or a network of its own.
    pub workload: String,
    /// Whether somebody else says so or this project measured it before.
    pub origin: Origin,
    /// Where it stands.
    pub source: String,
    /// On what it was measured.
    pub machine: String,
    /// Seconds.
    #[serde(default)]
    pub setup_s: Option<f64>,
    /// Seconds.
    #[serde(default)]
    pub prove_s: Option<f64>,
    /// Seconds.
    #[serde(default)]
    pub verify_s: Option<f64>,
    /// Bytes.
    #[serde(default)]
    pub proof_bytes: Option<u64>,
    /// Bytes.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// What has to be known to read it: ranges, what is proven, what is not.
    #[serde(default)]
    pub note: String,
}

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// In a paper, a report or a README.
    Read,
    /// By this project, on its kind of machine, outside of this harness.
    MeasuredBefore,
}

impl Origin {
    /// For readers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::MeasuredBefore => "measured before",
        }
    }
}

/// A system without a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// The system.
    pub system: String,
    /// Why.
    pub reason: String,
}

impl Published {
    /// Reads the file.
    ///
    /// # Errors
    /// It is not there or holds something else.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}: not a file of published figures", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_read_and_every_figure_has_a_source() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("read.json");
        let published = Published::read(&path).expect("a valid file");
        assert!(!published.figures.is_empty() && !published.absent.is_empty());
        for figure in &published.figures {
            assert!(!figure.source.is_empty() && !figure.machine.is_empty(), "{}", figure.system);
            assert!(figure.prove_s.is_some() || !figure.note.is_empty(), "{}: says nothing", figure.system);
        }
    }
}
