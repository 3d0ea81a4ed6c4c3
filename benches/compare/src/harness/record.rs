//! Lines of a results file.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::machine::Session;
use crate::system::{Facts, Phase, Sizes};
use crate::text::{bytes, seconds};
use crate::workload::{Entry, Workload};

/// A line of a results file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum Line {
    /// Where, when and with what the measurements that name it were made.
    Session(Session),
    /// A system that measurements name.
    System(Facts),
    /// A workload that measurements name.
    Workload(Size),
    /// A measurement, or why there is none.
    Measurement(Measurement),
}

/// What is said of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Its name.
    pub name: String,
    /// What it is.
    pub summary: String,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Layers with weights.
    pub depth: usize,
    /// Values that are requantised.
    pub requantised: usize,
}

impl Size {
    /// Of a workload of the catalogue.
    pub fn new(entry: &Entry, workload: &Workload) -> Self {
        Self {
            name: entry.name.into(),
            summary: entry.summary.into(),
            parameters: workload.parameters(),
            macs: workload.macs(),
            depth: workload.depth(),
            requantised: workload.requantised(),
        }
    }
}

/// One run of one system on one workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Measurement {
    /// The session's name.
    pub session: String,
    /// The system's name.
    pub system: String,
    /// The workload's name.
    pub workload: String,
    /// Threads that the system was given.
    pub threads: usize,
    /// Seconds after which it would have been stopped.
    pub time_cap_s: f64,
    /// Bytes of memory at which it would have been stopped.
    pub memory_cap_bytes: u64,
    /// Load average of the last minute when it started, the measurement before it included: well above its threads, others were at work
    /// and wall times are too large.
    pub load_average: Option<f64>,
    /// Seconds from the start of its process to the end, with what no phase counts: making the workload, sizes, the changed output.
    #[serde(default)]
    pub elapsed_s: Option<f64>,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// All phases ran and the proof was accepted.
    Measured(Costs),
    /// The system says that the workload does not fit it.
    Unfit {
        /// Why.
        reason: String,
    },
    /// It was stopped.
    TimeCap {
        /// What it was doing.
        during: Option<Phase>,
        /// What it had done.
        before: BTreeMap<Phase, Cost>,
    },
    /// It was stopped.
    MemoryCap {
        /// What it was doing.
        during: Option<Phase>,
        /// What it had done.
        before: BTreeMap<Phase, Cost>,
    },
    /// It failed.
    Failed {
        /// What it was doing.
        during: Option<Phase>,
        /// What it said.
        reason: String,
    },
    /// It was not tried, because a smaller workload of the series met a cap or failed.
    Skipped {
        /// Which and how.
        reason: String,
    },
}

impl Outcome {
    /// Why there are no figures, for readers: under caps of so many seconds and bytes. Empty if there are.
    pub fn reason(&self, time: f64, memory: u64) -> String {
        let at = |during: &Option<Phase>| {
            during.map_or_else(|| "before setup".to_owned(), |phase| format!("in {}", phase.name()))
        };
        match self {
            Self::Measured(_) => String::new(),
            Self::Unfit { reason } | Self::Skipped { reason } => reason.clone(),
            Self::TimeCap { during, .. } => format!("takes more than {}: stopped {}", seconds(time), at(during)),
            Self::MemoryCap { during, .. } => {
                format!("takes more than {} of memory: stopped {}", bytes(memory), at(during))
            }
            Self::Failed { during, reason } => format!("failed {}: {reason}", at(during)),
        }
    }
}

/// A whole measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Costs {
    /// Of each phase.
    pub phases: BTreeMap<Phase, Cost>,
    /// Length of the proof.
    pub proof_bytes: u64,
    /// Of keys and circuit.
    pub sizes: Sizes,
}

impl Costs {
    /// Wall time of everything: what a repetition would take.
    pub fn total_s(&self) -> f64 {
        self.phases.values().map(|cost| cost.wall_s).sum()
    }
}

/// What a phase took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds on the clock.
    pub wall_s: f64,
    /// Seconds of all processors, the system's own child processes included.
    pub cpu_s: f64,
    /// The most memory that the process held, or it and its children together.
    pub peak_bytes: u64,
}

/// Reads a results file; one that is not there is empty.
///
/// # Errors
/// Unreadable files, and lines that are none of ours, by their number.
pub fn read(path: &Path) -> Result<Vec<Line>> {
    let text = match std::fs::read_to_string(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.with_context(|| format!("reading {}", path.display()))?,
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(index, line)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}: not a result", path.display(), index + 1))
    };
    lines.map(parse).collect()
}

/// Appends a line: one write, so that an interruption leaves whole lines.
///
/// # Errors
/// The file cannot be written.
pub fn append(path: &Path, line: &Line) -> Result<()> {
    let context = || format!("writing {}", path.display());
    let text = serde_json::to_string(line)? + "\n";
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)
}

/// Replaces a file by these lines, at once.
///
/// # Errors
/// The file cannot be written.
pub fn replace(path: &Path, lines: &[Line]) -> Result<()> {
    let mut text = String::new();
    for line in lines {
        text += &serde_json::to_string(line)?;
        text.push('\n');
    }
    write_atomically(path, text.as_bytes())
}

/// Writes a file such that it is there as a whole or as it was before.
///
/// # Errors
/// The file cannot be written.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("writing {}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    // Temporary files are private; results are not.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).with_context(context)?;
    }
    file.persist(path).with_context(context)?;
    Ok(())
}
