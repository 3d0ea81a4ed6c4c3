//! Which measurements are made, in which order, and which are left out.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::machine::{Session, load_average};
use super::record::{Costs, Line, Measurement, Outcome, Size, append, read, replace};
use super::watch::{Limits, measure};
use crate::system::{Facts, Phase};
use crate::text::{bytes, seconds};
use crate::workload::Entry;

/// What to measure, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The systems, in the order of the tables.
    pub systems: Vec<Facts>,
    /// The workloads, the smallest of each series first.
    pub workloads: Vec<&'static Entry>,
    /// How often each pair is measured.
    pub runs: usize,
    /// Pairs that take longer than this are measured once.
    pub repeat_below: Duration,
    /// Of one measurement.
    pub limits: Limits,
    /// After which nothing more is begun.
    pub budget: Option<Duration>,
    /// Whether what was measured before is forgotten.
    pub again: bool,
    /// The results file.
    pub results: PathBuf,
}

/// Measures what the results file lacks, and appends to it.
///
/// # Errors
/// Files that cannot be read or written, workloads that cannot be made, processes that cannot be started.
pub fn run(plan: &Plan) -> Result<()> {
    ensure!(!plan.systems.is_empty() && !plan.workloads.is_empty(), "no system or no workload is selected");
    let mut state = State::new(plan)?;
    let start = Instant::now();
    let order = order(plan.systems.len(), plan.workloads.len(), plan.runs);
    for (index, &(round, workload, system)) in order.iter().enumerate() {
        if plan.budget.is_some_and(|budget| start.elapsed() > budget) {
            eprintln!("the budget is used up: {} of {} left for another time", order.len() - index, order.len());
            break;
        }
        let (entry, facts) = (plan.workloads[workload], &plan.systems[system]);
        if state.needs(plan, entry, &facts.name, round) {
            let label = format!("[{:>3}/{}] {:14} {:20}", index + 1, order.len(), entry.name, facts.name);
            state.one(plan, entry, facts, &label)?;
        }
    }
    Ok(())
}

/// `(round, workload, system)` of every measurement: rounds outermost, so that repetitions lie apart; in each, systems by turns from
/// another one on, so that none always comes first.
fn order(systems: usize, workloads: usize, rounds: usize) -> Vec<(usize, usize, usize)> {
    let mut order = Vec::new();
    for round in 0..rounds {
        for workload in 0..workloads {
            order.extend((0..systems).map(|system| (round, workload, (system + round + workload) % systems)));
        }
    }
    order
}

/// Of a pair of workload and system.
#[derive(Clone, Debug, Default)]
struct History {
    measured: Vec<Costs>,
    /// The last outcome that is no measurement, with its caps.
    refused: Option<(Outcome, f64, u64)>,
}

struct State {
    session: Session,
    histories: HashMap<(String, String), History>,
    /// Systems and workloads that the file describes as they are now.
    described: Vec<String>,
    sizes: Vec<Size>,
    session_written: bool,
}

impl State {
    fn new(plan: &Plan) -> Result<Self> {
        let mut lines = read(&plan.results)?;
        if plan.again {
            let before = lines.len();
            lines.retain(|line| !matches!(line, Line::Measurement(old) if selects(plan, old)));
            if lines.len() < before {
                replace(&plan.results, &lines)?;
            }
        }
        let (mut histories, mut described, mut sizes) = (HashMap::<_, History>::new(), Vec::new(), Vec::new());
        for line in lines {
            match line {
                Line::Session(_) => {}
                Line::System(facts) => described.push(serde_json::to_string(&facts)?),
                Line::Workload(size) => sizes.push(size),
                Line::Measurement(old) if old.threads == plan.limits.threads => {
                    histories.entry((old.workload.clone(), old.system.clone())).or_default().add(old);
                }
                Line::Measurement(_) => {}
            }
        }
        Ok(Self { session: Session::now(), histories, described, sizes, session_written: false })
    }

    fn history(&self, entry: &Entry, system: &str) -> History {
        self.histories.get(&(entry.name.into(), system.into())).cloned().unwrap_or_default()
    }

    /// Whether a pair is to be measured in this round.
    fn needs(&self, plan: &Plan, entry: &Entry, system: &str, round: usize) -> bool {
        let history = self.history(entry, system);
        let slow = history.measured.iter().any(|costs| costs.total_s() > plan.repeat_below.as_secs_f64());
        match history.measured.len() {
            0 => {
                round == 0
                    && history.refused.is_none_or(|(outcome, time, memory)| match outcome {
                        Outcome::TimeCap { .. } => time < plan.limits.time.as_secs_f64(),
                        Outcome::MemoryCap { .. } => memory < plan.limits.memory,
                        // Another cap may have let the smaller workload through.
                        Outcome::Skipped { .. } => true,
                        Outcome::Unfit { .. } | Outcome::Failed { .. } | Outcome::Measured(_) => false,
                    })
            }
            measured => measured <= round && !slow,
        }
    }

    /// Why a workload is not tried: what became of a smaller one of its series.
    fn hopeless(&self, plan: &Plan, entry: &Entry, system: &str) -> Option<String> {
        let smaller = plan.workloads.iter().filter(|other| other.series == entry.series);
        let smaller = smaller.take_while(|other| other.name != entry.name);
        let reason = |other: &Entry| {
            let History { measured, refused } = self.history(other, system);
            let (outcome, time, memory) = refused.filter(|_| measured.is_empty())?;
            let what = match outcome {
                Outcome::TimeCap { .. } => format!("took more than {}", seconds(time)),
                Outcome::MemoryCap { .. } => format!("took more than {} of memory", bytes(memory)),
                Outcome::Skipped { reason } => return Some(reason),
                Outcome::Failed { .. } => "failed".into(),
                Outcome::Unfit { .. } | Outcome::Measured(_) => return None,
            };
            Some(format!("not tried: {} {what}", other.name))
        };
        smaller.filter_map(|other| reason(other)).next()
    }

    fn one(&mut self, plan: &Plan, entry: &'static Entry, facts: &Facts, label: &str) -> Result<()> {
        self.describe(plan, entry, facts)?;
        let load_average = load_average();
        let outcome = match self.hopeless(plan, entry, &facts.name) {
            Some(reason) => Outcome::Skipped { reason },
            None => {
                let mut shown = Progress::new(label);
                measure(&facts.name, entry.name, plan.limits, &mut |phase, time, memory| {
                    shown.show(phase, time, memory)
                })?
            }
        };
        eprintln!("{label} {}", summary(&outcome));
        let measurement = Measurement {
            session: self.session.name.clone(),
            system: facts.name.clone(),
            workload: entry.name.into(),
            threads: plan.limits.threads,
            time_cap_s: plan.limits.time.as_secs_f64(),
            memory_cap_bytes: plan.limits.memory,
            load_average,
            outcome,
        };
        append(&plan.results, &Line::Measurement(measurement.clone()))?;
        self.histories.entry((entry.name.into(), facts.name.clone())).or_default().add(measurement);
        Ok(())
    }

    /// Writes what a measurement's line refers to, unless it is there.
    fn describe(&mut self, plan: &Plan, entry: &'static Entry, facts: &Facts) -> Result<()> {
        if !self.session_written {
            append(&plan.results, &Line::Session(self.session.clone()))?;
            self.session_written = true;
        }
        let described = serde_json::to_string(facts)?;
        if !self.described.contains(&described) {
            append(&plan.results, &Line::System(facts.clone()))?;
            self.described.push(described);
        }
        if !self.sizes.iter().any(|size| size.name == entry.name) {
            let size = Size::new(entry, &entry.workload()?);
            append(&plan.results, &Line::Workload(size.clone()))?;
            self.sizes.push(size);
        }
        Ok(())
    }
}

impl History {
    fn add(&mut self, line: Measurement) {
        match line.outcome {
            Outcome::Measured(costs) => self.measured.push(costs),
            outcome => self.refused = Some((outcome, line.time_cap_s, line.memory_cap_bytes)),
        }
    }
}

fn selects(plan: &Plan, line: &Measurement) -> bool {
    line.threads == plan.limits.threads
        && plan.systems.iter().any(|facts| facts.name == line.system)
        && plan.workloads.iter().any(|entry| entry.name == line.workload)
}

fn summary(outcome: &Outcome) -> String {
    let at = |during: &Option<Phase>| during.map_or("before setup", Phase::name);
    match outcome {
        Outcome::Measured(costs) => {
            let phases = costs.phases.iter().map(|(phase, cost)| format!("{} {}", phase.name(), seconds(cost.wall_s)));
            let memory = costs.phases.get(&Phase::Prove).map_or(0, |cost| cost.peak_bytes);
            let phases: Vec<String> = phases.collect();
            format!("{}, {} proof, {}", phases.join(", "), bytes(costs.proof_bytes), bytes(memory))
        }
        Outcome::Unfit { reason } | Outcome::Skipped { reason } => reason.clone(),
        Outcome::TimeCap { during, .. } => format!("stopped for its time: {}", at(during)),
        Outcome::MemoryCap { during, .. } => format!("stopped for its memory: {}", at(during)),
        Outcome::Failed { during, reason } => format!("failed: {}: {reason}", at(during)),
    }
}

/// One line on a terminal that is written over; nothing elsewhere.
struct Progress<'a> {
    label: &'a str,
    shown: Option<Instant>,
}

impl<'a> Progress<'a> {
    fn new(label: &'a str) -> Self {
        Self { label, shown: None }
    }

    fn show(&mut self, phase: Option<Phase>, time: Duration, memory: u64) {
        let due = self.shown.is_none_or(|shown| shown.elapsed() > Duration::from_millis(250));
        if due && std::io::stderr().is_terminal() {
            self.shown = Some(Instant::now());
            let phase = phase.map_or("start", Phase::name);
            eprint!("\r\x1b[2K{} {phase} {:.0} s, {}", self.label, time.as_secs_f64(), bytes(memory));
            let _ = std::io::stderr().flush();
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.shown.is_some() {
            eprint!("\r\x1b[2K");
        }
    }
}

/// Where the results of a suite are.
pub fn results_file(suite: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(format!("{suite}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::record::Cost;

    fn plan(results: PathBuf) -> Plan {
        let systems = crate::systems::all().iter().map(|system| system.facts()).collect();
        let workloads = ["mlp-10k", "mlp-30k", "lenet5"].map(|name| Entry::find(name).expect("in the catalogue"));
        let limits = Limits { time: Duration::from_secs(10), memory: 1 << 30, threads: 1 };
        Plan {
            systems,
            workloads: workloads.to_vec(),
            runs: 2,
            repeat_below: Duration::from_secs(5),
            limits,
            budget: None,
            again: false,
            results,
        }
    }

    fn line(workload: &str, outcome: Outcome) -> Line {
        Line::Measurement(Measurement {
            session: "s".into(),
            system: "convince".into(),
            workload: workload.into(),
            threads: 1,
            time_cap_s: 10.0,
            memory_cap_bytes: 1 << 30,
            load_average: None,
            outcome,
        })
    }

    fn measured(wall_s: f64) -> Outcome {
        let phases = [(Phase::Prove, Cost { wall_s, ..Cost::default() })].into_iter().collect();
        Outcome::Measured(Costs { phases, proof_bytes: 1, sizes: Default::default() })
    }

    fn state(lines: &[Line], change: impl FnOnce(&mut Plan)) -> (State, Plan) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut plan = plan(folder.path().join("r.jsonl"));
        change(&mut plan);
        lines.iter().for_each(|line| append(&plan.results, line).expect("writable"));
        (State::new(&plan).expect("readable"), plan)
    }

    #[test]
    fn every_pair_is_measured_once_a_round_and_each_system_comes_first_in_turn() {
        let order = order(3, 2, 2);
        assert_eq!(order.len(), 12);
        let firsts: Vec<usize> = order.chunks(3).map(|chunk| chunk[0].2).collect();
        assert_eq!(firsts, [0, 1, 1, 2]);
        for chunk in order.chunks(3) {
            let mut systems: Vec<usize> = chunk.iter().map(|&(_, _, system)| system).collect();
            systems.sort();
            assert_eq!(systems, [0, 1, 2]);
        }
    }

    #[test]
    fn measured_pairs_are_skipped_until_their_round_and_slow_ones_for_ever() {
        let lines = [line("mlp-10k", measured(1.0)), line("mlp-30k", measured(6.0))];
        let (state, plan) = state(&lines, |_| {});
        let needs = |name: &str, round| state.needs(&plan, Entry::find(name).expect("named"), "convince", round);
        assert_eq!([needs("mlp-10k", 0), needs("mlp-10k", 1)], [false, true]);
        assert_eq!([needs("mlp-30k", 0), needs("mlp-30k", 1)], [false, false]);
        assert_eq!([needs("lenet5", 0), needs("lenet5", 1)], [true, false]);
    }

    #[test]
    fn a_cap_is_tried_again_only_with_a_larger_one_and_spares_larger_workloads() {
        let capped = line("mlp-10k", Outcome::TimeCap { during: None, before: Default::default() });
        let entry = |name| Entry::find(name).expect("named");
        let (before, plan) = state(std::slice::from_ref(&capped), |_| {});
        assert!(!before.needs(&plan, entry("mlp-10k"), "convince", 0));
        assert!(before.hopeless(&plan, entry("mlp-30k"), "convince").is_some_and(|reason| reason.contains("mlp-10k")));
        assert_eq!(before.hopeless(&plan, entry("lenet5"), "convince"), None);
        let (after, plan) = state(&[capped], |plan| plan.limits.time = Duration::from_secs(20));
        assert!(after.needs(&plan, entry("mlp-10k"), "convince", 0));
    }

    #[test]
    fn again_forgets_what_is_selected_and_nothing_else() {
        let lines = [line("mlp-10k", measured(1.0)), line("vgg11", measured(2.0))];
        let (state, _) = state(&lines, |plan| plan.again = true);
        assert!(!state.histories.contains_key(&("mlp-10k".into(), "convince".into())));
        assert!(state.histories.contains_key(&("vgg11".into(), "convince".into())));
    }
}
