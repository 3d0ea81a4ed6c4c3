//! Benches that run themselves again, so that a point has its own memory and its own clock.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

/// Runs this program with these arguments, and reads the value that it prints last, in JSON.
///
/// # Errors
/// The program failed, with what it wrote to its standard error, or printed no such value.
pub fn again<T: DeserializeOwned>(arguments: &[&str]) -> Result<T> {
    let output = Command::new(std::env::current_exe()?).args(arguments).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout)?;
    let last = printed.lines().last().with_context(|| format!("{arguments:?} printed nothing"))?;
    serde_json::from_str(last).with_context(|| format!("{arguments:?} printed {last}"))
}

/// The most bytes that this process has held since it began, or since [`forget_peak`]; nothing where the system does not tell.
pub fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kilobytes)
}

/// What the process holds now is its peak: what it took before, such as making a key that others only read, does not count.
pub fn forget_peak() {
    // Where this cannot be written there is no peak to read either.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
