//! Where, when and by what numbers were measured; medians.

use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Stands at the head of every result file.
#[derive(Clone, Serialize)]
pub(crate) struct Provenance {
    command: String,
    date: String,
    git_revision: String,
    /// Whether tracked files outside of the results differed from that revision.
    git_modified: bool,
    rustc: String,
    processor: String,
    logical_processors: usize,
    memory_kib: Option<u64>,
    kernel: String,
    /// Of the last minute, before anything ran: above 0.5 others were at work and the times are too large.
    load_average: Option<f64>,
}

impl Provenance {
    /// Of this process, now.
    pub(crate) fn now(command: String) -> Self {
        let first = |path: &str, key: &str| {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
            line.split_once(':').map_or(line.clone(), |(_, value)| value.trim().to_owned())
        };
        let status = run("git", &["status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/benches/results"]);
        Self {
            command,
            date: run("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            git_revision: run("git", &["rev-parse", "HEAD"]),
            git_modified: !status.is_empty(),
            rustc: run("rustc", &["--version"]),
            processor: first("/proc/cpuinfo", "model name"),
            logical_processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_kib: first("/proc/meminfo", "MemTotal").split(' ').next().and_then(|kib| kib.parse().ok()),
            kernel: first("/proc/sys/kernel/osrelease", ""),
            load_average: first("/proc/loadavg", "").split(' ').next().and_then(|load| load.parse().ok()),
        }
    }
}

/// A program's output, or nothing.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Milliseconds of repeated runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median_ms: f64,
    pub(crate) min_ms: f64,
    pub(crate) max_ms: f64,
}

impl Spread {
    /// Panics if there are no times.
    pub(crate) fn of(times: impl IntoIterator<Item = f64>) -> Self {
        let mut times: Vec<f64> = times.into_iter().collect();
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let median = if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2.0 };
        let round = |ms: f64| (ms * 1000.0).round() / 1000.0;
        Self { median_ms: round(median), min_ms: round(times[0]), max_ms: round(times[times.len() - 1]) }
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
