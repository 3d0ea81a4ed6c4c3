//! The `compare` command, on the smallest workload.

use std::path::Path;
use std::process::{Command, Output};

use convince_compare::harness::record::{Line, Measurement, Outcome, read};
use convince_compare::system::Phase;

fn compare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_compare")).args(arguments).output().expect("the command starts")
}

/// Measures ours on the smallest workload, with further options, and returns the file's measurements.
fn run(results: &Path, options: &[&str]) -> Vec<Measurement> {
    let file = results.to_str().expect("a name");
    let fixed = ["run", "--systems", "convince-plain,convince", "--workloads", "mlp-2-layers", "--results", file];
    let output = compare(&[&fixed[..], options].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let measurement = |line| match line {
        Line::Measurement(measurement) => Some(measurement),
        _ => None,
    };
    read(results).expect("a results file").into_iter().filter_map(measurement).collect()
}

#[test]
fn a_run_is_measured_once_continued_where_it_stopped_and_reported() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let results = folder.path().join("r.jsonl");
    let first = run(&results, &["--runs", "1"]);
    assert_eq!(first.len(), 2);
    for measurement in &first {
        let Outcome::Measured(costs) = &measurement.outcome else { panic!("{measurement:?}") };
        let phases: Vec<Phase> = costs.phases.keys().copied().collect();
        assert_eq!(phases, [Phase::Setup, Phase::Witness, Phase::Prove, Phase::Verify]);
        assert!(costs.phases.values().all(|cost| cost.wall_s > 0.0 && cost.peak_bytes > 1 << 20), "{costs:?}");
        assert!(costs.proof_bytes > 1000 && costs.sizes.verifying_key_bytes.is_some());
    }
    assert_eq!(run(&results, &["--runs", "1"]).len(), 2, "nothing was left to do");
    assert_eq!(run(&results, &["--runs", "2"]).len(), 4, "the second round was left");
    assert_eq!(run(&results, &["--runs", "1", "--again"]).len(), 2, "the old lines are forgotten");
    let (file, out) = (results.to_str().expect("a name"), folder.path().to_str().expect("a name"));
    let report = compare(&["report", "--results", file, "--out", out]);
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    let table = std::fs::read_to_string(folder.path().join("quick.md")).expect("a table");
    assert!(table.contains("## mlp-2-layers") && table.contains("| convince, plain |"), "{table}");
}

#[test]
fn what_meets_a_cap_is_stopped_and_says_at_what() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let time = run(&folder.path().join("time"), &["--time-cap", "0.000001"]);
    assert!(time.iter().all(|m| matches!(m.outcome, Outcome::TimeCap { .. })), "{time:?}");
    let memory = run(&folder.path().join("memory"), &["--memory-cap", "0.000001"]);
    assert!(memory.iter().all(|m| matches!(m.outcome, Outcome::MemoryCap { .. })), "{memory:?}");
}

#[test]
fn a_used_up_budget_begins_nothing_and_unknown_names_are_errors() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert!(run(&folder.path().join("r"), &["--budget", "0.000000001"]).is_empty());
    for (option, value) in [("--systems", "none"), ("--workloads", "none"), ("--time-cap", "-1"), ("--threads", "0")] {
        let output = compare(&["run", option, value, "--results", "/nonexistent/r"]);
        assert!(!output.status.success(), "{option} {value}");
    }
    assert!(compare(&["list"]).status.success());
}
