//! What a results file says of each pair of workload and system.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::harness::machine::Session;
use crate::harness::record::{Costs, Line, Measurement, Outcome, Size};
use crate::system::{Facts, Phase};
use crate::workload::CATALOGUE;

/// A results file, sorted.
pub(super) struct Results {
    pub(super) sessions: Vec<Session>,
    /// In the order of the registry, then of the file.
    pub(super) systems: Vec<Facts>,
    /// In the order of the catalogue.
    pub(super) workloads: Vec<Size>,
    cells: BTreeMap<(String, String), Cell>,
    /// The largest load average at the start of a measurement.
    pub(super) load: Option<f64>,
    /// Threads of every measurement.
    pub(super) threads: usize,
}

/// What is known of a pair.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// Medians of the runs.
    Measured(Median),
    /// Why there are no numbers.
    Refused(Outcome, f64, u64),
}

/// Medians of the runs of a pair.
#[derive(Clone, Debug)]
pub(super) struct Median {
    pub(super) runs: usize,
    pub(super) setup_s: f64,
    pub(super) witness_s: f64,
    /// Witness and proof.
    pub(super) prove_s: f64,
    pub(super) prove_cpu_s: f64,
    pub(super) verify_s: f64,
    /// Of witness and proof, the larger.
    pub(super) prove_bytes: u64,
    pub(super) setup_bytes: u64,
    pub(super) proof_bytes: u64,
    pub(super) proving_key_bytes: Option<u64>,
    pub(super) verifying_key_bytes: Option<u64>,
    pub(super) constraints: Option<(u64, String)>,
    pub(super) security_bits: Option<f64>,
}

impl Results {
    /// Of the measurements with the most threads; the file may hold others.
    ///
    /// # Errors
    /// No measurement, or those of systems or workloads that the file does not describe.
    pub(super) fn new(mut lines: Vec<Line>) -> Result<Self> {
        let threads_of = |line: &Line| match line {
            Line::Measurement(line) => Some(line.threads),
            _ => None,
        };
        let threads = lines.iter().filter_map(threads_of).max().context("no measurement")?;
        lines.retain(|line| threads_of(line).is_none_or(|n| n == threads));
        let (mut sessions, mut systems, mut sizes) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut pairs: BTreeMap<(String, String), Vec<Measurement>> = BTreeMap::new();
        for line in lines {
            match line {
                Line::Session(session) => sessions.push(session),
                // The last description counts.
                Line::System(facts) => drop(systems.insert(facts.name.clone(), facts)),
                Line::Workload(size) => drop(sizes.insert(size.name.clone(), size)),
                Line::Measurement(line) => {
                    pairs.entry((line.workload.clone(), line.system.clone())).or_default().push(line);
                }
            }
        }
        for (workload, system) in pairs.keys() {
            systems.get(system).with_context(|| format!("{system} is measured and not described"))?;
            sizes.get(workload).with_context(|| format!("{workload} is measured and not described"))?;
        }
        let all = || pairs.values().flatten();
        let load = all().filter_map(|line| line.load_average).reduce(f64::max);
        let used: Vec<String> = all().map(|line| line.session.clone()).collect();
        sessions.retain(|session: &Session| used.contains(&session.name));
        let known = crate::systems::all().into_iter().map(|system| system.facts().name);
        let mut ordered: Vec<Facts> = known.filter_map(|name| systems.remove(&name)).collect();
        ordered.extend(systems.into_values());
        ordered.retain(|facts| pairs.keys().any(|(_, system)| *system == facts.name));
        let workloads = CATALOGUE.iter().filter_map(|entry| sizes.remove(entry.name));
        let workloads = workloads.filter(|size| pairs.keys().any(|(workload, _)| *workload == size.name)).collect();
        let cells = pairs.into_iter().map(|(pair, lines)| (pair, Cell::new(lines))).collect();
        Ok(Self { sessions, systems: ordered, workloads, cells, load, threads })
    }

    pub(super) fn cell(&self, workload: &str, system: &str) -> Option<&Cell> {
        self.cells.get(&(workload.into(), system.into()))
    }

    pub(super) fn median(&self, workload: &str, system: &str) -> Option<&Median> {
        match self.cell(workload, system) {
            Some(Cell::Measured(median)) => Some(median),
            _ => None,
        }
    }

    /// What a system is compared with: ours, with zero knowledge if the system has it and without if it has not.
    pub(super) fn baseline(&self, workload: &str, facts: &Facts) -> Option<&Median> {
        self.median(workload, if facts.zero_knowledge { "convince" } else { "convince-plain" })
    }
}

impl Cell {
    fn new(lines: Vec<Measurement>) -> Self {
        let measured: Vec<&Costs> = lines
            .iter()
            .filter_map(|line| match &line.outcome {
                Outcome::Measured(costs) => Some(costs),
                _ => None,
            })
            .collect();
        match (Median::of(&measured), lines.last()) {
            (Some(median), _) => Self::Measured(median),
            (None, Some(last)) => Self::Refused(last.outcome.clone(), last.time_cap_s, last.memory_cap_bytes),
            (None, None) => unreachable!("a pair without lines is in no file"),
        }
    }
}

impl Median {
    fn of(runs: &[&Costs]) -> Option<Self> {
        let last = runs.last()?;
        let over = |of: &dyn Fn(&Costs) -> f64| {
            let mut values: Vec<f64> = runs.iter().map(|costs| of(costs)).collect();
            values.sort_by(f64::total_cmp);
            let middle = values.len() / 2;
            if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
        };
        let cost = |costs: &Costs, phase| costs.phases.get(&phase).copied().unwrap_or_default();
        let wall = |phase| over(&|costs| cost(costs, phase).wall_s);
        let peak = |phase| over(&|costs| cost(costs, phase).peak_bytes as f64) as u64;
        let both = |of: &dyn Fn(crate::harness::record::Cost) -> f64| {
            over(&|costs| of(cost(costs, Phase::Witness)) + of(cost(costs, Phase::Prove)))
        };
        Some(Self {
            runs: runs.len(),
            setup_s: wall(Phase::Setup),
            witness_s: wall(Phase::Witness),
            prove_s: both(&|cost| cost.wall_s),
            prove_cpu_s: both(&|cost| cost.cpu_s),
            verify_s: wall(Phase::Verify),
            prove_bytes: peak(Phase::Witness).max(peak(Phase::Prove)),
            setup_bytes: peak(Phase::Setup),
            proof_bytes: over(&|costs| costs.proof_bytes as f64) as u64,
            proving_key_bytes: last.sizes.proving_key_bytes,
            verifying_key_bytes: last.sizes.verifying_key_bytes,
            constraints: last.sizes.constraints.map(|n| (n, last.sizes.constraints_unit.clone())),
            security_bits: last.sizes.security_bits,
        })
    }
}
