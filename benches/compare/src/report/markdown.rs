use std::fmt::Write as _;

use super::plot::Plot;
use super::published::{Absent, Figure, Published};
use super::summary::{Cell, Median, Results};
use crate::harness::machine::Session;
use crate::harness::record::Size;
use crate::system::{Facts, TrustedSetup};
use crate::text::{bytes, count, ratio, seconds};
use crate::workload::{Entry, Series};

const STATEMENT: &str = "\
Every system proves the same statement about the same integers: *there are weights and biases with which this network maps this public \
input to this public output*. Architecture, shifts and clamps are public, weights and biases are the witness. The page of method, \
`benches/compare/README.md`, says how each circuit is written, what belongs to each phase, and what is not comparable.

Figures are medians of the runs. A ratio is the system's figure over that of convince on the same workload, convince with zero \
knowledge if the system has it and without (*convince, plain*) if it has not: **above one convince is ahead, below one the other is**. \
*Prove* is witness generation and proof together, on the clock; *CPU of prove* the same in seconds of all processors, which other work \
on the machine disturbs less. Memory is the peak of the process while it proves, with what setup left behind. **convince commits to \
the weights in setup, once for all proofs; the other systems commit to them in every proof**: *setup and prove* is what the first proof \
costs, and what has to be compared if there is only one.
";

/// A figure that systems are compared by.
struct Measure {
    name: &'static str,
    of: fn(&Median) -> f64,
    text: fn(f64) -> String,
}

const MEASURES: [Measure; 7] = [
    Measure { name: "prove", of: |m| m.prove_s, text: seconds },
    Measure { name: "CPU of prove", of: |m| m.prove_cpu_s, text: seconds },
    Measure { name: "memory", of: |m| m.prove_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "proof", of: |m| m.proof_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "verify", of: |m| m.verify_s, text: seconds },
    Measure { name: "setup", of: |m| m.setup_s, text: seconds },
    Measure { name: "setup and prove", of: |m| m.setup_s + m.prove_s, text: seconds },
];

/// The whole report.
pub(super) fn page(results: &Results, published: &Published, suite: &str, plots: &[Plot]) -> String {
    let mut text =
        format!("# Proving neural networks: convince and general proof systems, {suite} suite\n\n{STATEMENT}\n");
    sessions(&mut text, results);
    systems(&mut text, results, published);
    for size in &results.workloads {
        workload(&mut text, results, published, size);
    }
    behind(&mut text, results);
    elsewhere(&mut text, published);
    if !plots.is_empty() {
        text += "## Plots\n\nBoth axes are logarithmic.\n\n";
    }
    for plot in plots {
        let _ = writeln!(text, "![{}]({})\n", plot.title, plot.file);
    }
    circuits(&mut text, &results.systems);
    text
}

fn sessions(text: &mut String, results: &Results) {
    text.push_str("## Machine\n\n");
    table(
        text,
        &["session, by its beginning", "revision", "processor", "memory", "kernel", "compiler", "built for"],
        results.sessions.iter().map(|session| {
            let Session { name, processor, logical_processors, memory_bytes, kernel, rustc, target_features, .. } =
                session;
            let modified = if session.git_modified { ", modified" } else { "" };
            let revision = session.git_revision.get(..12).unwrap_or("unknown");
            let processor = format!("{processor}, {logical_processors} logical");
            vec![
                name.clone(),
                format!("`{revision}`{modified}"),
                processor,
                bytes(*memory_bytes),
                kernel.clone(),
                rustc.clone(),
                if target_features.is_empty() { "every such processor".into() } else { target_features.clone() },
            ]
        }),
    );
    let _ = writeln!(text, "{}\n", load(results));
}

/// Threads, and what else the machine was at.
fn load(results: &Results) -> String {
    let threads = format!("Threads: {}.", results.threads);
    match results.load {
        Some(load) => {
            // Measurements follow each other, so that the one before counts.
            let is_busy = load > results.threads as f64 + 0.5;
            let busy = if is_busy { ": others were at work, and wall times are too large" } else { "" };
            format!("{threads} Largest load average before a measurement, the one before it included: {load:.2}{busy}.")
        }
        None => threads,
    }
}

fn systems(text: &mut String, results: &Results, published: &Published) {
    text.push_str("## Systems\n\n");
    let header = [
        "system",
        "implementation",
        "arithmetisation",
        "field",
        "hash or commitment",
        "security",
        "trusted setup",
        "zero-knowledge",
        "keys bind the weights",
    ];
    let measured = results.systems.iter().map(|facts| {
        vec![
            facts.title.clone(),
            facts.implementation.clone(),
            facts.arithmetisation.clone(),
            facts.field.clone(),
            facts.commitment.clone(),
            format!("{} bits, {}", facts.security_bits, facts.security_note),
            trusted_setup(facts).into(),
            yes(facts.zero_knowledge).into(),
            yes(facts.binds_weights).into(),
        ]
    });
    let absent = absent(results, published).map(|absent| {
        let mut row = vec![absent.system.clone(), format!("not run: {}", absent.reason)];
        row.resize(header.len(), String::new());
        row
    });
    table(text, &header, measured.chain(absent));
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn trusted_setup(facts: &Facts) -> &'static str {
    match facts.trusted_setup {
        TrustedSetup::None => "none",
        TrustedSetup::Universal => "universal",
        TrustedSetup::PerCircuit => "per circuit",
    }
}

/// Systems that cannot be had. One that this build measures has a row of its own, whatever the file says.
fn absent<'a>(results: &'a Results, published: &'a Published) -> impl Iterator<Item = &'a Absent> {
    let has_row = |name: &str| results.systems.iter().any(|facts| facts.title.starts_with(name));
    published.absent.iter().filter(move |absent| !has_row(&absent.system))
}

fn workload(text: &mut String, results: &Results, published: &Published, size: &Size) {
    let _ = writeln!(text, "## {}\n\n{}\n", size.name, description(size));
    let details = [
        "witness alone",
        "memory of setup",
        "proving key",
        "verifying key",
        "size of circuit",
        "security",
        "trusted setup",
        "zk",
        "runs",
    ];
    rows(text, results, published, &size.name, &details, |facts, median| {
        let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
        let mut cells = vec![
            seconds(median.witness_s),
            bytes(median.setup_bytes),
            size(median.proving_key_bytes),
            size(median.verifying_key_bytes),
            median.constraints.as_ref().map_or_else(String::new, |(n, unit)| format!("{} {unit}", count(*n))),
        ];
        cells.extend(assumptions(facts, median));
        cells
    });
    if published.figures.iter().any(|figure| figure.workload == size.name) {
        *text += "Rows in italics are not by this harness and not of this machine: source, machine and what else to know stand below, \
                  under *Figures from elsewhere*.\n\n";
    }
    ahead(text, results, &size.name);
}

fn description(size: &Size) -> String {
    let Size { summary, parameters, macs, depth, requantised, .. } = size;
    let [parameters, macs, requantised] = [*parameters as u64, *macs, *requantised as u64].map(count);
    format!(
        "{summary}: {parameters} parameters, {macs} multiply-accumulates, {depth} layers with weights, {requantised} requantised values."
    )
}

/// What a reader must know to read a row's numbers.
fn assumptions(facts: &Facts, median: &Median) -> [String; 4] {
    let security = median.security_bits.unwrap_or(facts.security_bits.into());
    let text = [&format!("{security:.0} bits"), trusted_setup(facts), yes(facts.zero_knowledge)];
    let [security, trusted, hiding] = text.map(str::to_owned);
    [security, trusted, hiding, median.runs.to_string()]
}

/// The table of a workload: a row a system with all measures and these details, then what is known from elsewhere, then what is not run.
fn rows(
    text: &mut String,
    results: &Results,
    published: &Published,
    workload: &str,
    details: &[&str],
    of: impl Fn(&Facts, &Median) -> Vec<String>,
) {
    let mut header = vec!["system"];
    header.extend(MEASURES.iter().map(|measure| measure.name));
    header.extend(details);
    let measured = results.systems.iter().map(|facts| match results.cell(workload, &facts.name) {
        Some(Cell::Measured(median)) => {
            let mut row = vec![facts.title.clone()];
            let baseline = results.baseline(workload, facts).filter(|_| !is_baseline(facts));
            row.extend(MEASURES.iter().map(|measure| {
                let (value, own) = ((measure.of)(median), (measure.text)((measure.of)(median)));
                baseline.map_or_else(|| own.clone(), |base| format!("{own} ({})", ratio(value / (measure.of)(base))))
            }));
            row.extend(of(facts, median));
            row
        }
        Some(Cell::Refused(outcome, time, memory)) => vec![facts.title.clone(), outcome.reason(*time, *memory)],
        None => vec![facts.title.clone(), "not measured yet".into()],
    });
    let elsewhere = published.figures.iter().filter(|figure| figure.workload == *workload).map(|figure| {
        let time = |s: Option<f64>| s.map_or_else(String::new, seconds);
        let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
        vec![
            format!("*{}* ({})", figure.system, figure.origin.name()),
            time(figure.prove_s),
            String::new(),
            size(figure.memory_bytes),
            size(figure.proof_bytes),
            time(figure.verify_s),
            time(figure.setup_s),
        ]
    });
    let missing =
        absent(results, published).map(|absent| vec![absent.system.clone(), "not run: cannot be had here".into()]);
    let width = header.len();
    let all = measured.chain(elsewhere).chain(missing).map(|mut row| {
        row.resize(width, String::new());
        row
    });
    table(text, &header, all);
}

fn is_ours(facts: &Facts) -> bool {
    facts.name.starts_with("convince")
}

/// What others are compared with, and what therefore has no ratio.
fn is_baseline(facts: &Facts) -> bool {
    ["convince", "convince-plain"].contains(&facts.name.as_str())
}

/// Says in sentences, measure by measure, who is ahead of whom and by how much.
fn ahead(text: &mut String, results: &Results, workload: &str) {
    for measure in MEASURES {
        let ratios = results.systems.iter().filter(|facts| !is_ours(facts)).filter_map(|facts| {
            let base = (measure.of)(results.baseline(workload, facts)?);
            let own = (measure.of)(results.median(workload, &facts.name)?);
            (base > 0.0 && own > 0.0).then(|| (facts.title.as_str(), own / base))
        });
        let (mut others, mut ours): (Vec<_>, Vec<_>) = ratios.partition(|&(_, ratio)| ratio < 1.0);
        others.sort_by(|a, b| a.1.total_cmp(&b.1));
        ours.sort_by(|a, b| a.1.total_cmp(&b.1));
        let list = |entries: &[(&str, f64)], inverse: bool| {
            let each =
                entries.iter().map(|&(title, r)| format!("{title} by {}", ratio(if inverse { 1.0 / r } else { r })));
            each.collect::<Vec<_>>().join("; ")
        };
        if others.is_empty() && ours.is_empty() {
            continue;
        }
        let _ = write!(text, "- **{}**:", measure.name);
        if !others.is_empty() {
            let _ = write!(text, " ahead of convince are {}.", list(&others, true));
        }
        if !ours.is_empty() {
            let _ = write!(text, " convince is ahead of {}.", list(&ours, false));
        }
        text.push('\n');
    }
    text.push('\n');
}

/// The closing note: on which networks somebody is ahead of convince, by how much at the most, and why.
fn behind(text: &mut String, results: &Results) {
    *text += "## Where convince is behind, and why\n\n";
    for (measure, why) in MEASURES.iter().zip(WHY) {
        let _ = write!(text, "- **{}**:", measure.name);
        let mut nobody = true;
        for facts in results.systems.iter().filter(|facts| !is_ours(facts)) {
            let factors = results.workloads.iter().filter_map(|size| {
                let base = (measure.of)(results.baseline(&size.name, facts)?);
                let own = (measure.of)(results.median(&size.name, &facts.name)?);
                (own > 0.0 && base > 0.0).then_some((size.name.as_str(), base / own))
            });
            let all: Vec<(&str, f64)> = factors.collect();
            let ahead: Vec<_> = all.iter().filter(|&&(_, factor)| factor > 1.0).collect();
            if let Some((workload, factor)) = ahead.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
                let (most, workloads, factor) = (ahead.len(), all.len(), ratio(*factor));
                let _ = write!(
                    text,
                    " {} is ahead on {most} of {workloads} networks, at the most by {factor} on {workload}.",
                    facts.title
                );
                nobody = false;
            }
        }
        *text += &if nobody { " nobody is ahead on any network.\n".into() } else { format!(" {why}\n") };
    }
    text.push('\n');
}

/// Why somebody can be ahead, for each of [`MEASURES`].
const WHY: [&str; MEASURES.len()] = [
    "Their fields have 31 or 64 bits and their commitments are hashes; convince computes in a field of 255 bits and commits on a curve, \
     and on the smallest networks that costs more than what it saves by having no variable for a product.",
    "As for *prove*.",
    "An element of a hash-based system's field has 4 or 8 bytes, of convince's 32, and there are no tables of curve points. What convince's setup left \
     behind, those tables among it, is nearly all of its figure (*memory of setup*): the proof itself adds little.",
    "A pairing makes the opening of a commitment a few points, whatever was committed, at the price of a trusted setup. convince has \
     none: its openings grow with the square root of what is committed, and its sumchecks send two scalars a round.",
    "A pairing's verifier does a few pairings and a multiplication for each public value, whatever the circuit. convince's replays every \
     round of every layer and does a multi-scalar multiplication as long as a row of its commitments.",
    "The others know no weights in setup and lay out fixed columns only. convince commits to the weights there, once for all proofs, \
     and proves that they are 8-bit integers.",
    "As for *setup*, of which it is made for the most part: a proof under a key that is there costs *prove* alone.",
];

fn elsewhere(text: &mut String, published: &Published) {
    text.push_str("## Figures from elsewhere\n\n");
    text.push_str(ELSEWHERE);
    let header = ["system", "network", "prove", "verify", "proof", "memory", "origin", "source", "machine", "note"];
    table(
        text,
        &header,
        published.figures.iter().map(|figure| {
            let time = |s: Option<f64>| s.map_or_else(String::new, seconds);
            let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
            vec![
                figure.system.clone(),
                figure.workload.clone(),
                time(figure.prove_s),
                time(figure.verify_s),
                size(figure.proof_bytes),
                size(figure.memory_bytes),
                figure.origin.name().into(),
                figure.source.clone(),
                figure.machine.clone(),
                figure.note.clone(),
            ]
        }),
    );
}

const ELSEWHERE: &str = "Not by this harness: *read* is what somebody else says, *measured before* what this project measured with their \
                         code.\n\n";

/// What the README shows of a report: each convolutional network, the largest network of each series, and who is ahead on them.
pub(super) fn summary(results: &Results, published: &Published, suite: &str) -> String {
    let series = |size: &Size| Entry::find(&size.name).map(|entry| entry.series);
    let last = |wanted| results.workloads.iter().rev().find(|size| series(size) == Some(wanted));
    let networks = results.workloads.iter().filter(|size| series(size) == Some(Series::Network));
    let mut text = String::new();
    for size in networks.chain(last(Series::Parameters)).chain(last(Series::Depth)) {
        let _ = writeln!(text, "**{}**. {}\n", size.name, description(size));
        rows(
            &mut text,
            results,
            published,
            &size.name,
            &["security", "trusted setup", "zk", "runs"],
            |facts, median| assumptions(facts, median).to_vec(),
        );
        ahead(&mut text, results, &size.name);
        let elsewhere: Vec<_> = published.figures.iter().filter(|figure| figure.workload == size.name).collect();
        for Figure { system, origin, source, machine, note, .. } in &elsewhere {
            let _ = writeln!(text, "- *{system}*: {}; {source}; on {machine}. {note}", origin.name());
        }
        text += if elsewhere.is_empty() { "" } else { "\n" };
    }
    for absent in absent(results, published) {
        let _ = writeln!(text, "- **{}** is not run: {}", absent.system, absent.reason);
    }
    text.push('\n');
    for session in &results.sessions {
        let Session { name, command, git_revision, git_modified, rustc, processor, logical_processors, .. } = session;
        let modified = if *git_modified { ", with local changes" } else { "" };
        let revision = git_revision.get(..10).unwrap_or("unknown");
        let _ = writeln!(
            text,
            "Made by `scripts/compare` (`{command}`) at {revision}{modified}, {name}, on {processor} with {logical_processors} logical \
             processors, {rustc}.\n"
        );
    }
    let versions: Vec<String> = results.systems.iter().map(|facts| facts.implementation.clone()).collect();
    let mut versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    versions.dedup();
    let _ = writeln!(text, "Versions: {}. Suite: {suite}. {}", versions.join("; "), load(results));
    text
}

fn circuits(text: &mut String, systems: &[Facts]) {
    text.push_str("## Circuits\n\n");
    for facts in systems {
        let _ = writeln!(text, "- **{}**: {}", facts.title, facts.circuit);
    }
}

fn table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    *text += &line(&header.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>());
    *text += &format!("|{}\n", "---|".repeat(header.len()));
    for row in rows {
        *text += &line(&row);
    }
    text.push('\n');
}
