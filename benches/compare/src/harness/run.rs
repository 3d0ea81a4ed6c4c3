//! Which measurements are made, in which order, and which are left out.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;
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
    let lines = plan.lines()?;
    if plan.again {
        replace(&plan.results, &lines)?;
    }
    let mut state = State::new(plan, lines)?;
    let start = Instant::now();
    for turn in turns(plan) {
        let (entry, facts) = turn.pair(plan);
        if !state.needs(plan, entry, &facts.name, &turn) {
            continue;
        }
        let label = format!("[round {} of {}] {:14} {:20}", turn.round + 1, plan.runs, entry.name, facts.name);
        if plan.budget.is_some_and(|budget| start.elapsed() > budget) {
            eprintln!("{label} the budget is used up: another call goes on from here");
            break;
        }
        state.one(plan, entry, facts, &label)?;
    }
    Ok(())
}

impl Plan {
    /// What the results file holds, without what is to be forgotten.
    ///
    /// # Errors
    /// It cannot be read, or nothing is selected.
    pub(super) fn lines(&self) -> Result<Vec<Line>> {
        ensure!(!self.systems.is_empty() && !self.workloads.is_empty(), "no system or no workload is selected");
        let mut lines = read(&self.results)?;
        if self.again {
            lines.retain(|line| !matches!(line, Line::Measurement(old) if selects(self, old)));
        }
        Ok(lines)
    }
}

/// A place in the order of measurements.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub(super) round: usize,
    /// Seconds that the pair's first measurement took: in later rounds the slower ones wait.
    costs: Range<f64>,
    workload: usize,
    system: usize,
}

impl Turn {
    pub(super) fn pair<'a>(&self, plan: &'a Plan) -> (&'static Entry, &'a Facts) {
        (plan.workloads[self.workload], &plan.systems[self.system])
    }
}

/// Every measurement that there can be. In the first round all pairs, so that a budget that runs out leaves no row empty; then the
/// repetitions of quick pairs, then those of slow ones, so that it is those that are left out. Rounds lie outside of workloads, so that
/// repetitions of a pair lie apart; of each workload systems follow by turns from another one on, so that none always comes first.
pub(super) fn turns(plan: &Plan) -> Vec<Turn> {
    let slowest = plan.repeat_below.as_secs_f64();
    let mut passes = vec![(0, 0.0..f64::INFINITY)];
    for costs in [0.0..slowest / 5.0, slowest / 5.0..slowest] {
        passes.extend((1..plan.runs).map(|round| (round, costs.clone())));
    }
    let (systems, workloads) = (plan.systems.len(), plan.workloads.len());
    let pairs = |(round, costs): (usize, Range<f64>)| {
        (0..workloads).flat_map(move |workload| {
            let costs = costs.clone();
            let turn = move |first| (first + round + workload) % systems;
            (0..systems).map(move |first| Turn { round, costs: costs.clone(), workload, system: turn(first) })
        })
    };
    passes.into_iter().flat_map(pairs).collect()
}

/// Of a pair of workload and system.
#[derive(Clone, Debug, Default)]
struct History {
    measured: Vec<Costs>,
    /// The last outcome that is no measurement, with its caps.
    refused: Option<(Outcome, f64, u64)>,
}

pub(super) struct State {
    session: Session,
    histories: HashMap<(String, String), History>,
    /// Systems and workloads that the file describes as they are now.
    described: Vec<String>,
    sizes: Vec<Size>,
    session_written: bool,
}

impl State {
    /// From a results file.
    ///
    /// # Errors
    /// None that a file which was read has.
    pub(super) fn new(plan: &Plan, lines: Vec<Line>) -> Result<Self> {
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

    /// Whether a pair's turn has come.
    pub(super) fn needs(&self, plan: &Plan, entry: &Entry, system: &str, turn: &Turn) -> bool {
        let History { measured, refused } = self.history(entry, system);
        match measured.first() {
            Some(first) => measured.len() <= turn.round && turn.costs.contains(&first.total_s()),
            None => {
                turn.round == 0
                    && refused.is_none_or(|(outcome, time, memory)| match outcome {
                        Outcome::TimeCap { .. } => time < plan.limits.time.as_secs_f64(),
                        Outcome::MemoryCap { .. } => memory < plan.limits.memory,
                        // Another cap may have let the smaller workload through.
                        Outcome::Skipped { .. } => true,
                        Outcome::Unfit { .. } | Outcome::Failed { .. } | Outcome::Measured(_) => false,
                    })
            }
        }
    }

    /// Why a workload is not tried: what became of a smaller one of its series.
    pub(super) fn hopeless(&self, plan: &Plan, entry: &Entry, system: &str) -> Option<String> {
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
        let start = Instant::now();
        let outcome = match self.hopeless(plan, entry, &facts.name) {
            Some(reason) => Outcome::Skipped { reason },
            None => {
                let mut shown = Progress::new(label);
                measure(&facts.name, entry.name, plan.limits, &mut |phase, time, memory| {
                    shown.show(phase, time, memory)
                })?
            }
        };
        eprintln!("{label} {}", summary(&outcome, plan.limits));
        let elapsed_s = Some(start.elapsed().as_secs_f64());
        let measurement = Measurement { load_average, elapsed_s, ..self.measurement(plan, entry, facts, outcome) };
        append(&plan.results, &Line::Measurement(measurement.clone()))?;
        self.add(measurement);
        Ok(())
    }

    /// What is known of a pair, in a line.
    pub(super) fn said(&self, entry: &Entry, system: &str) -> String {
        let History { measured, refused } = self.history(entry, system);
        match (measured.first(), refused) {
            (Some(first), _) => format!("{} × {}", measured.len(), seconds(first.total_s())),
            (None, Some((outcome, time, memory))) => outcome.reason(time, memory),
            (None, None) => "nothing".into(),
        }
    }

    /// The line of an outcome.
    pub(super) fn measurement(&self, plan: &Plan, entry: &Entry, facts: &Facts, outcome: Outcome) -> Measurement {
        Measurement {
            session: self.session.name.clone(),
            system: facts.name.clone(),
            workload: entry.name.into(),
            threads: plan.limits.threads,
            time_cap_s: plan.limits.time.as_secs_f64(),
            memory_cap_bytes: plan.limits.memory,
            load_average: None,
            elapsed_s: None,
            outcome,
        }
    }

    pub(super) fn add(&mut self, line: Measurement) {
        self.histories.entry((line.workload.clone(), line.system.clone())).or_default().add(line);
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

fn summary(outcome: &Outcome, limits: Limits) -> String {
    match outcome {
        Outcome::Measured(costs) => {
            let phases = costs.phases.iter().map(|(phase, cost)| format!("{} {}", phase.name(), seconds(cost.wall_s)));
            let memory = costs.phases.get(&Phase::Prove).map_or(0, |cost| cost.peak_bytes);
            let phases: Vec<String> = phases.collect();
            format!("{}, {} proof, {}", phases.join(", "), bytes(costs.proof_bytes), bytes(memory))
        }
        refused => refused.reason(limits.time.as_secs_f64(), limits.memory),
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
            elapsed_s: None,
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
        let lines = plan.lines().expect("readable");
        (State::new(&plan, lines).expect("a file of ours"), plan)
    }

    #[test]
    fn all_pairs_come_first_then_repetitions_of_quick_ones_and_each_system_is_the_first_in_turn() {
        let plan = |runs| Plan { runs, ..plan("none".into()) };
        let once = turns(&plan(1));
        let (systems, workloads) = (plan(1).systems.len(), plan(1).workloads.len());
        assert_eq!(once.len(), systems * workloads);
        for (workload, chunk) in once.chunks(systems).enumerate() {
            assert_eq!(chunk[0].system, workload);
            let mut all: Vec<usize> = chunk.iter().map(|turn| turn.system).collect();
            all.sort();
            assert_eq!(all, (0..systems).collect::<Vec<_>>());
        }
        let thrice = turns(&plan(3));
        assert_eq!(thrice[..once.len()], once);
        let rounds: Vec<(usize, f64)> =
            thrice.chunks(once.len()).map(|pass| (pass[0].round, pass[0].costs.end)).collect();
        assert_eq!(rounds, [(0, f64::INFINITY), (1, 1.0), (2, 1.0), (1, 5.0), (2, 5.0)]);
    }

    #[test]
    fn measured_pairs_are_skipped_until_their_round_and_slow_ones_for_ever() {
        let lines = [line("mlp-10k", measured(2.0)), line("mlp-30k", measured(6.0))];
        let (state, plan) = state(&lines, |_| {});
        let needs = |name: &str| {
            let needed = |turn: &Turn| state.needs(&plan, Entry::find(name).expect("named"), "convince", turn);
            turns(&plan).iter().step_by(plan.systems.len() * plan.workloads.len()).map(needed).collect::<Vec<_>>()
        };
        // The first round, repetitions of what takes less than a second, of what takes less than five.
        assert_eq!(needs("mlp-10k"), [false, false, true]);
        assert_eq!(needs("mlp-30k"), [false, false, false]);
        assert_eq!(needs("lenet5"), [true, false, false]);
    }

    #[test]
    fn a_cap_is_tried_again_only_with_a_larger_one_and_spares_larger_workloads() {
        let capped = line("mlp-10k", Outcome::TimeCap { during: None, before: Default::default() });
        let entry = |name| Entry::find(name).expect("named");
        let first = |plan: &Plan| turns(plan).remove(0);
        let (before, plan) = state(std::slice::from_ref(&capped), |_| {});
        assert!(!before.needs(&plan, entry("mlp-10k"), "convince", &first(&plan)));
        assert!(before.hopeless(&plan, entry("mlp-30k"), "convince").is_some_and(|reason| reason.contains("mlp-10k")));
        assert_eq!(before.hopeless(&plan, entry("lenet5"), "convince"), None);
        let (after, plan) = state(&[capped], |plan| plan.limits.time = Duration::from_secs(20));
        assert!(after.needs(&plan, entry("mlp-10k"), "convince", &first(&plan)));
    }

    #[test]
    fn again_forgets_what_is_selected_and_nothing_else() {
        let lines = [line("mlp-10k", measured(1.0)), line("vgg11", measured(2.0))];
        let (state, _) = state(&lines, |plan| plan.again = true);
        assert!(!state.histories.contains_key(&("mlp-10k".into(), "convince".into())));
        assert!(state.histories.contains_key(&("vgg11".into(), "convince".into())));
    }
}
