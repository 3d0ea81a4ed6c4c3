//! Table, plots and page, from a results file.

mod html;
mod markdown;
mod plot;
pub mod published;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::published::Published;
use self::summary::Results;
use crate::harness::record::{read, write_atomically};

/// Writes `<suite>.md`, `<suite>.html`, `<suite>-summary.md` for the README and `<suite>-<measure>-<series>.svg` to a folder, and returns
/// their paths.
///
/// # Errors
/// Files that cannot be read or written, a results file without a measurement.
pub fn write(results: &Path, published: &Path, suite: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let results_lines = read(results)?;
    ensure!(!results_lines.is_empty(), "{}: no results; make some by `compare run`", results.display());
    let published = Published::read(published)?;
    let results = Results::new(results_lines)?;
    let plots = plot::all(&results, suite)?;
    let text = markdown::page(&results, &published, suite, &plots);
    let mut files = vec![
        (format!("{suite}.md"), text.clone()),
        (format!("{suite}.html"), html::page(&text, &plots)),
        (format!("{suite}-summary.md"), markdown::summary(&results, &published, suite)),
    ];
    files.extend(plots.into_iter().map(|plot| (plot.file, plot.svg)));
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let write = |(name, text): (String, String)| {
        let path = folder.join(name);
        write_atomically(&path, text.as_bytes()).map(|()| path)
    };
    files.into_iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::harness::machine::Session;
    use crate::harness::record::{Cost, Costs, Line, Measurement, Outcome, Size, append};
    use crate::system::{Phase, Sizes};
    use crate::systems;

    fn measurement(system: &str, workload: &str, outcome: Outcome) -> Line {
        Line::Measurement(Measurement {
            session: "then".into(),
            system: system.into(),
            workload: workload.into(),
            threads: 2,
            time_cap_s: 60.0,
            memory_cap_bytes: 1 << 30,
            load_average: Some(3.0),
            elapsed_s: None,
            outcome,
        })
    }

    fn on_one_thread(line: Line) -> Line {
        match line {
            Line::Measurement(line) => Line::Measurement(Measurement { threads: 1, ..line }),
            other => other,
        }
    }

    fn measured(prove_s: f64, proof_bytes: u64) -> Outcome {
        let cost = |wall_s| Cost { wall_s, cpu_s: 2.0 * wall_s, peak_bytes: 50_000_000 };
        let phases = [(Phase::Setup, 1.0), (Phase::Witness, 0.0), (Phase::Prove, prove_s), (Phase::Verify, 0.01)];
        let phases: BTreeMap<_, _> = phases.into_iter().map(|(phase, wall_s)| (phase, cost(wall_s))).collect();
        Outcome::Measured(Costs { phases, proof_bytes, sizes: Sizes::default() })
    }

    fn size(name: &str, parameters: usize) -> Line {
        let summary = "An MLP".into();
        Line::Workload(Size { name: name.into(), summary, parameters, macs: 1, depth: 3, requantised: 1 })
    }

    /// Everything that a results file can hold, for ours and for a peer.
    #[test]
    fn a_report_states_every_ratio_every_reason_and_what_disturbed_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("quick.jsonl");
        let facts: Vec<_> = systems::all().iter().map(|system| system.facts()).collect();
        let ours = facts.iter().find(|facts| facts.name == "convince").expect("ours");
        let mut peer = ours.clone();
        (peer.name, peer.title) = ("peer".into(), "Peer | of ours".into());
        let mut session = Session::now();
        session.name = "then".into();
        let lines = [
            Line::Session(session),
            Line::System(ours.clone()),
            Line::System(peer),
            size("mlp-10k", 10_000),
            size("mlp-30k", 30_000),
            size("mlp-100k", 100_000),
            measurement("convince", "mlp-10k", measured(0.1, 20_000)),
            measurement("convince", "mlp-10k", measured(0.3, 20_000)),
            measurement("convince", "mlp-10k", measured(0.2, 20_000)),
            measurement("convince", "mlp-30k", measured(0.4, 30_000)),
            on_one_thread(measurement("convince", "mlp-30k", measured(99.0, 30_000))),
            measurement("peer", "mlp-10k", measured(2.0, 200)),
            measurement("peer", "mlp-30k", Outcome::MemoryCap { during: Some(Phase::Setup), before: BTreeMap::new() }),
            measurement("peer", "mlp-100k", Outcome::Skipped { reason: "not tried: mlp-30k".into() }),
        ];
        lines.iter().for_each(|line| append(&file, line).expect("writable"));
        let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("read.json");
        let written = write(&file, &published, "quick", folder.path()).expect("a report");
        let text = std::fs::read_to_string(&written[0]).expect("the table");
        for said in [
            "2.00 s (10×)",
            "200 B (0.010×)",
            "ahead of convince are Peer | of ours by 100×",
            "convince is ahead of Peer | of ours by 10×",
            "takes more than 1.07 GB of memory: stopped in setup",
            "not tried: mlp-30k",
            "| convince | not measured yet |",
            "others were at work",
            "| Peer \\| of ours |",
            "measured before",
            "| RISC Zero | not run: its guest",
            "Peer | of ours is ahead on 1 of 1 networks, at the most by 100×",
            "- **setup**: nobody is ahead",
        ] {
            assert!(text.contains(said), "{said} is missing in\n{text}");
        }
        let summary = std::fs::read_to_string(&written[2]).expect("the README's part");
        for said in [
            "**mlp-100k**. An MLP: 100k parameters",
            "not tried: mlp-30k",
            "Made by `scripts/compare`",
            "others were at",
        ] {
            assert!(summary.contains(said), "{said} is missing in\n{summary}");
        }
        // The last column of a measured row is the last of its header: runs.
        let cells = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).expect("a line of the table");
            line.split(" | ").map(|cell| cell.trim_matches([' ', '|']).to_owned()).collect::<Vec<_>>()
        };
        let (header, row) = (cells("| system | prove"), cells("| convince | 200 ms"));
        assert_eq!((header.len(), header.last().map(String::as_str)), (row.len(), Some("runs")));
        assert_eq!(row.last().map(String::as_str), Some("3"));
        assert!(!text.contains("99.0 s"), "fewer threads are another measurement");
        // One series with two points: its four plots, in the page as well.
        assert_eq!(written.len(), 3 + 4);
        let page = std::fs::read_to_string(&written[1]).expect("the page");
        assert_eq!(page.matches("<svg").count(), 4);
        assert!(!page.contains("<img") && page.contains("<table>"));
    }

    #[test]
    fn a_missing_results_file_is_an_error_that_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let error = write(&folder.path().join("none"), Path::new("none"), "quick", folder.path()).expect_err("no file");
        assert!(error.to_string().contains("compare run"));
    }
}
