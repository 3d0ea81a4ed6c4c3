//! What a run would do and how long it would take, pair by pair: nothing is measured, nothing is written.

use std::collections::HashMap;

use anyhow::{Context, Result};

use super::record::{Cost, Costs, Line, Outcome, Size, read};
use super::run::{Plan, State, turns};
use crate::system::{Measurable, Phase};
use crate::systems;
use crate::text::seconds;
use crate::workload::{Entry, Workload};

/// Prints what a run would do. It takes the order, the caps and the skipping from the run itself, and times from the results file: of
/// the same pair, else of the system's other workloads.
///
/// # Errors
/// A results file that cannot be read, workloads that cannot be made.
pub fn forecast(plan: &Plan) -> Result<()> {
    let mut state = State::new(plan, plan.lines()?)?;
    let mut known = Known::new(&read(&plan.results)?, plan);
    let mut rounds = vec![(0, 0.0); plan.runs];
    for turn in turns(plan) {
        let (entry, facts) = turn.pair(plan);
        if !state.needs(plan, entry, &facts.name, &turn) {
            continue;
        }
        let (outcome, seconds) = match state.hopeless(plan, entry, &facts.name) {
            Some(reason) => (Outcome::Skipped { reason }, 0.0),
            None => known.outcome(plan, entry, &facts.name)?,
        };
        rounds[turn.round].0 += 1;
        rounds[turn.round].1 += seconds;
        state.add(state.measurement(plan, entry, facts, outcome));
    }
    for entry in &plan.workloads {
        println!("{}", entry.name);
        for facts in &plan.systems {
            println!("  {:20} {}", facts.name, state.said(entry, &facts.name));
        }
    }
    println!();
    for (round, (count, total)) in rounds.iter().enumerate() {
        println!("round {}: {count} turns, {}", round + 1, seconds(*total));
    }
    let total: f64 = rounds.iter().map(|(_, total)| total).sum();
    let budget = plan.budget.map_or_else(String::new, |budget| format!(" of {}", seconds(budget.as_secs_f64())));
    println!("together {}{budget}, foretold from {}", seconds(total), plan.results.display());
    Ok(())
}

/// Times of a results file.
struct Known {
    /// Of each system: workload, its work, seconds of one measurement.
    times: HashMap<String, Vec<(&'static Entry, f64, f64)>>,
    systems: HashMap<String, Box<dyn Measurable>>,
    /// The workload that was made last.
    made: Option<(&'static Entry, Workload)>,
}

impl Known {
    fn new(lines: &[Line], plan: &Plan) -> Self {
        let size = |line: &Line| match line {
            Line::Workload(size) => Some((size.name.clone(), work(size))),
            _ => None,
        };
        let sizes: HashMap<String, f64> = lines.iter().filter_map(size).collect();
        let mut times: HashMap<String, Vec<_>> = HashMap::new();
        for line in lines {
            let Line::Measurement(line) = line else { continue };
            let Outcome::Measured(costs) = &line.outcome else { continue };
            let found = (Entry::find(&line.workload), sizes.get(&line.workload));
            if let ((Some(entry), Some(&work)), true) = (found, line.threads == plan.limits.threads) {
                let time = line.elapsed_s.unwrap_or_else(|| costs.total_s());
                times.entry(line.system.clone()).or_default().push((entry, work, time));
            }
        }
        let systems = systems::all().into_iter().map(|system| (system.facts().name, system)).collect();
        Self { times, systems, made: None }
    }

    /// What a measurement would come to, and how long it would take.
    fn outcome(&mut self, plan: &Plan, entry: &'static Entry, system: &str) -> Result<(Outcome, f64)> {
        if self.made.as_ref().is_none_or(|(made, _)| made.name != entry.name) {
            self.made = Some((entry, entry.workload()?));
        }
        let (_, workload) = self.made.as_ref().context("it was made just now")?;
        let fits = self.systems.get(system).with_context(|| format!("{system} is not in this build"))?.fits(workload);
        if let Err(unfit) = fits {
            return Ok((Outcome::Unfit { reason: unfit.0 }, 0.0));
        }
        let cap = plan.limits.time.as_secs_f64();
        let time = self.seconds(entry, work(&Size::new(entry, workload)), system);
        Ok(match time {
            Some(time) if time > cap => (Outcome::TimeCap { during: None, before: Default::default() }, cap),
            _ => {
                // Without a figure of this system, of nothing: the total says too little then.
                let wall_s = time.unwrap_or(0.0);
                let phases = [(Phase::Prove, Cost { wall_s, ..Cost::default() })].into_iter().collect();
                (Outcome::Measured(Costs { phases, proof_bytes: 0, sizes: Default::default() }), wall_s)
            }
        })
    }

    /// The mean of the pair's own times; else that of the workload of the nearest size, in proportion to the work, of the same series
    /// if it is there.
    fn seconds(&self, entry: &Entry, work: f64, system: &str) -> Option<f64> {
        let times = self.times.get(system)?;
        let own: Vec<f64> =
            times.iter().filter(|(other, ..)| other.name == entry.name).map(|&(_, _, time)| time).collect();
        if !own.is_empty() {
            return Some(own.iter().sum::<f64>() / own.len() as f64);
        }
        let distance = |&&(other, size, _): &&(&Entry, f64, f64)| {
            let apart = (size / work).ln().abs();
            apart + if other.series == entry.series { 0.0 } else { 1e3 }
        };
        let (_, size, time) = times.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
        Some(time * work / size)
    }
}

/// Roughly constraints: products, and some three dozen for a rounded value.
fn work(size: &Size) -> f64 {
    size.macs as f64 + 36.0 * size.requantised as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_pairs_own_or_those_of_the_nearest_of_the_series() {
        let entry = |name| Entry::find(name).expect("in the catalogue");
        let times = vec![
            (entry("lenet5"), 400.0, 7.0),
            (entry("mlp-10k"), 10.0, 1.0),
            (entry("mlp-100k"), 100.0, 8.0),
            (entry("mlp-100k"), 100.0, 10.0),
        ];
        let known = Known { times: [("x".into(), times)].into(), systems: HashMap::new(), made: None };
        assert_eq!(known.seconds(entry("mlp-100k"), 100.0, "x"), Some(9.0));
        assert_eq!(known.seconds(entry("mlp-1m"), 1000.0, "x"), Some(80.0));
        assert_eq!(known.seconds(entry("mlp-4-layers"), 12.0, "x"), Some(1.0 * 12.0 / 10.0));
        assert_eq!(known.seconds(entry("lenet5"), 400.0, "y"), None);
    }
}
