//! Where, when and with what was measured.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// One call of `compare run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its name: when it began, in UTC.
    pub name: String,
    /// What was called.
    pub command: String,
    /// Of this repository.
    pub git_revision: String,
    /// Whether tracked files outside of the results differed from that revision.
    pub git_modified: bool,
    /// The compiler.
    pub rustc: String,
    /// The processor.
    pub processor: String,
    /// How many there are.
    pub logical_processors: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The kernel's release.
    pub kernel: String,
    /// Instructions beyond the target's baseline that the build takes for granted; systems may find more at run time.
    #[serde(default)]
    pub target_features: String,
}

impl Session {
    /// That begins now.
    pub fn now() -> Self {
        let results = ":!/benches/compare/results";
        let status = output("git", &["status", "--porcelain", "--untracked-files=no", "--", ":/", results]);
        Self {
            name: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            command: std::iter::once("compare".into()).chain(std::env::args().skip(1)).collect::<Vec<_>>().join(" "),
            git_revision: output("git", &["rev-parse", "HEAD"]),
            git_modified: !status.is_empty(),
            rustc: output("rustc", &["--version"]),
            processor: entry("/proc/cpuinfo", "model name").unwrap_or_default(),
            logical_processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into(),
            target_features: target_features(),
        }
    }
}

fn target_features() -> String {
    let known = [
        ("bmi2", cfg!(target_feature = "bmi2")),
        ("adx", cfg!(target_feature = "adx")),
        ("avx2", cfg!(target_feature = "avx2")),
        ("avx512f", cfg!(target_feature = "avx512f")),
    ];
    known.into_iter().filter(|&(_, is_on)| is_on).map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// All memory of the machine; 0 where the system does not tell.
pub fn memory_bytes() -> u64 {
    entry("/proc/meminfo", "MemTotal").and_then(|text| kilobytes(&text)).unwrap_or(0)
}

/// Processes that ran or waited to run, averaged over the last minute.
pub fn load_average() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// An entry of a process's status that is a number of bytes: `VmRSS`, `VmHWM`.
pub fn status_bytes(process: &str, key: &str) -> Option<u64> {
    kilobytes(&entry(&format!("/proc/{process}/status"), key)?)
}

fn kilobytes(text: &str) -> Option<u64> {
    Some(1024 * text.strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

/// The value behind a key and a colon.
fn entry(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}

/// What a program prints, or nothing.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
