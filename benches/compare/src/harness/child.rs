//! The measured process: it runs one system on one workload and says what happens, one line an event.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::Signal;
use nix::sys::time::TimeValLike as _;
use serde::{Deserialize, Serialize};

use super::machine::status_bytes;
use super::record::Cost;
use crate::system::{Measurable, Phase, Recorder, Sizes};
use crate::workload::{Entry, Workload};

/// A line from the measured process to its parent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A phase begins.
    Begin(Phase),
    /// A phase has ended.
    End(Phase, Cost),
    /// Sizes of keys and circuit.
    Sizes(Sizes),
    /// Length of the proof.
    ProofBytes(u64),
    /// The workload does not fit.
    Unfit(String),
    /// Something failed.
    Failed(String),
    /// Everything went well.
    Done,
}

/// Runs one measurement and writes its events to a file. What fails is an event as well, not an error.
///
/// # Errors
/// Unknown workloads, and a file that cannot be written.
pub fn run(system: &dyn Measurable, entry: &Entry, events: &Path) -> Result<()> {
    // Without a parent nobody would stop it.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    let file = File::create(events).with_context(|| format!("writing {}", events.display()))?;
    let mut recorder = Events { file, running: None, failure: None };
    let event = match measure(system, entry, &mut recorder) {
        Ok(None) => Event::Done,
        Ok(Some(reason)) => Event::Unfit(reason),
        Err(error) => Event::Failed(format!("{error:#}")),
    };
    recorder.write(&event);
    recorder.failure.map_or(Ok(()), Err)
}

/// Returns why the workload does not fit, if it does not.
fn measure(system: &dyn Measurable, entry: &Entry, recorder: &mut Events) -> Result<Option<String>> {
    let workload = entry.workload()?;
    if let Err(unfit) = system.fits(&workload) {
        return Ok(Some(unfit.0));
    }
    let trace = workload.trace();
    check_reference(&workload, &trace.values)?;
    system.measure(&workload, &trace, recorder)?;
    Ok(None)
}

/// The integers that systems get are those of the interpreter that defines the network.
fn check_reference(workload: &Workload, values: &[Vec<i32>]) -> Result<()> {
    let run = convince::model::run(&workload.model.graph, &workload.input)?;
    ensure!(run.values() == values, "the reference and the model's interpreter disagree on {}", workload.name);
    Ok(())
}

struct Events {
    file: File,
    running: Option<(Phase, Instant, Duration)>,
    /// The first line that could not be written.
    failure: Option<anyhow::Error>,
}

impl Events {
    fn write(&mut self, event: &Event) {
        let written = serde_json::to_string(event)
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(self.file.write_all((text + "\n").as_bytes())?));
        if let Err(error) = written {
            self.failure.get_or_insert(error.context("writing events"));
        }
    }
}

impl Recorder for Events {
    fn begin(&mut self, phase: Phase) {
        self.write(&Event::Begin(phase));
        // From here on the peak is that of this phase. Where this cannot be written there is no peak to read either.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        self.running = Some((phase, Instant::now(), cpu_time()));
    }

    fn end(&mut self) {
        if let Some((phase, start, cpu)) = self.running.take() {
            let wall_s = start.elapsed().as_secs_f64();
            let cpu_s = cpu_time().saturating_sub(cpu).as_secs_f64();
            let peak_bytes = status_bytes("self", "VmHWM").unwrap_or(0);
            self.write(&Event::End(phase, Cost { wall_s, cpu_s, peak_bytes }));
        }
    }

    fn sizes(&mut self, sizes: Sizes) {
        self.write(&Event::Sizes(sizes));
    }

    fn proof_bytes(&mut self, bytes: usize) {
        self.write(&Event::ProofBytes(bytes as u64));
    }
}

/// Of all threads, and of child processes that have ended.
fn cpu_time() -> Duration {
    let of = |who| {
        let usage = getrusage(who).ok()?;
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        Some(Duration::from_micros(u64::try_from(microseconds).ok()?))
    };
    [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN].into_iter().filter_map(of).sum()
}
