//! The parent of a measured process: starts it, stops it at its caps, and puts together what came of it.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::child::Event;
use super::machine::status_bytes;
use super::record::{Cost, Costs, Outcome};
use crate::system::Phase;

/// What a measurement may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From start to end, the making of the workload included.
    pub time: Duration,
    /// Bytes that the process and its children may hold together.
    pub memory: u64,
    /// Threads of rayon's pool.
    pub threads: usize,
}

/// How often memory and time are looked at.
const INTERVAL: Duration = Duration::from_millis(20);
/// Most bytes of what a failed process wrote that stand in a result.
const MESSAGE_BYTES: usize = 400;

/// Runs `compare child` for a system and a workload. `progress` hears what it is at, for how long it runs and what it holds.
///
/// # Errors
/// The process cannot be started or watched. What fails in it is an outcome.
pub fn measure(
    system: &str,
    workload: &str,
    limits: Limits,
    progress: &mut dyn FnMut(Option<Phase>, Duration, u64),
) -> Result<Outcome> {
    let folder = tempfile::tempdir().context("a folder for the events")?;
    let (events, errors) = (folder.path().join("events"), folder.path().join("stderr"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", "--system", system, "--workload", workload, "--out"]).arg(&events);
    command.env("RAYON_NUM_THREADS", limits.threads.to_string()).stdin(Stdio::null()).stdout(Stdio::null());
    // A group of its own, so that its children end with it.
    command.stderr(std::fs::File::create(&errors)?).process_group(0);
    let child = command.spawn().context("starting a measurement")?;
    let watched = Watched { child, sampled: BTreeMap::new() }.watch(&events, limits, progress)?;
    let seen = Seen::read(&events, &watched.sampled);
    let messages = std::fs::read(&errors).unwrap_or_default();
    Ok(seen.outcome(watched.end, &tail(&String::from_utf8_lossy(&messages))))
}

enum End {
    Time,
    Memory,
    Exit(ExitStatus),
}

struct Ended {
    end: End,
    /// The most memory seen in each phase, children included.
    sampled: BTreeMap<Phase, u64>,
}

struct Watched {
    child: Child,
    sampled: BTreeMap<Phase, u64>,
}

impl Watched {
    fn watch(
        mut self,
        events: &Path,
        limits: Limits,
        progress: &mut dyn FnMut(Option<Phase>, Duration, u64),
    ) -> Result<Ended> {
        let start = Instant::now();
        let end = loop {
            if let Some(status) = self.child.try_wait()? {
                break End::Exit(status);
            }
            let memory = resident(self.child.id());
            let phase = Seen::read(events, &BTreeMap::new()).running;
            if let Some(phase) = phase {
                let most = self.sampled.entry(phase).or_default();
                *most = memory.max(*most);
            }
            progress(phase, start.elapsed(), memory);
            let reached = match () {
                () if memory > limits.memory => Some(End::Memory),
                () if start.elapsed() > limits.time => Some(End::Time),
                () => None,
            };
            if let Some(end) = reached {
                self.stop();
                break end;
            }
            std::thread::sleep(INTERVAL);
        };
        Ok(Ended { end, sampled: std::mem::take(&mut self.sampled) })
    }

    fn stop(&mut self) {
        // The group may have ended by itself.
        let _ = killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// Memory that a process and all below it hold.
fn resident(process: u32) -> u64 {
    let own = status_bytes(&process.to_string(), "VmRSS").unwrap_or(0);
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let below = |children: String| children.split_whitespace().filter_map(|id| Some(resident(id.parse().ok()?))).sum();
    own + children.map::<u64, _>(below).sum::<u64>()
}

/// What the events say.
#[derive(Default)]
struct Seen {
    running: Option<Phase>,
    phases: BTreeMap<Phase, Cost>,
    sizes: Option<crate::system::Sizes>,
    proof_bytes: Option<u64>,
    last: Option<Event>,
}

impl Seen {
    /// A last line that is not whole is left out.
    fn read(events: &Path, sampled: &BTreeMap<Phase, u64>) -> Self {
        let mut seen = Self::default();
        let text = std::fs::read_to_string(events).unwrap_or_default();
        for event in text.lines().filter_map(|line| serde_json::from_str::<Event>(line).ok()) {
            match event.clone() {
                Event::Begin(phase) => seen.running = Some(phase),
                Event::End(phase, cost) => {
                    let most = sampled.get(&phase).copied().unwrap_or(0);
                    seen.phases.insert(phase, Cost { peak_bytes: cost.peak_bytes.max(most), ..cost });
                    seen.running = None;
                }
                Event::Sizes(sizes) => seen.sizes = Some(sizes),
                Event::ProofBytes(bytes) => seen.proof_bytes = Some(bytes),
                Event::Unfit(_) | Event::Failed(_) | Event::Done => {}
            }
            seen.last = Some(event);
        }
        seen
    }

    fn outcome(self, end: End, messages: &str) -> Outcome {
        let during = self.running;
        match (end, self.last) {
            (End::Time, _) => Outcome::TimeCap { during, before: self.phases },
            (End::Memory, _) => Outcome::MemoryCap { during, before: self.phases },
            (End::Exit(_), Some(Event::Unfit(reason))) => Outcome::Unfit { reason },
            (End::Exit(_), Some(Event::Failed(reason))) => Outcome::Failed { during, reason: shortened(&reason) },
            (End::Exit(status), Some(Event::Done)) => match (self.sizes, self.proof_bytes) {
                (Some(sizes), Some(proof_bytes)) if status.success() => {
                    Outcome::Measured(Costs { phases: self.phases, proof_bytes, sizes })
                }
                _ => Outcome::Failed { during, reason: "it did not say what it measured".into() },
            },
            (End::Exit(status), _) => Outcome::Failed { during, reason: format!("{status}: {messages}") },
        }
    }
}

/// The end of what a process wrote, in one line; of a panic the message.
fn tail(messages: &str) -> String {
    let lines: Vec<&str> = messages.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let from = panic.unwrap_or(lines.len().saturating_sub(3));
    let end = if panic.is_some() { (from + 3).min(lines.len()) } else { lines.len() };
    shortened(&lines[from..end].join(" "))
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MESSAGE_BYTES) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(events: &[Event]) -> Seen {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let lines: Vec<String> = events.iter().map(|e| serde_json::to_string(e).expect("plain data")).collect();
        // A line that is being written.
        std::fs::write(file.path(), lines.join("\n") + "\n{\"begin\":\"se").expect("writable");
        Seen::read(file.path(), &BTreeMap::from([(Phase::Setup, 7)]))
    }

    #[test]
    fn a_capped_measurement_says_what_it_was_at_and_keeps_what_it_had_done() {
        let cost = Cost { wall_s: 1.0, cpu_s: 2.0, peak_bytes: 5 };
        let events = [Event::Begin(Phase::Setup), Event::End(Phase::Setup, cost), Event::Begin(Phase::Prove)];
        let Outcome::TimeCap { during, before } = seen(&events).outcome(End::Time, "") else { panic!("no cap") };
        assert_eq!(during, Some(Phase::Prove));
        // What was sampled is more than what the process knew.
        assert_eq!(before[&Phase::Setup], Cost { peak_bytes: 7, ..cost });
    }

    #[test]
    fn a_process_that_ends_without_a_word_has_failed_with_what_it_printed() {
        let Outcome::Failed { during, reason } = seen(&[Event::Begin(Phase::Prove)]).outcome(
            End::Exit(ExitStatus::default()),
            &tail("noise\nthread 'main' panicked at a.rs:1:\nindex out of bounds\nnote: run with RUST_BACKTRACE\nmore"),
        ) else {
            panic!("no failure")
        };
        assert_eq!(during, Some(Phase::Prove));
        assert!(reason.contains("index out of bounds") && !reason.contains("noise"), "{reason}");
    }

    #[test]
    fn memory_of_this_process_is_seen() {
        assert!(resident(std::process::id()) > 1 << 20);
    }
}
