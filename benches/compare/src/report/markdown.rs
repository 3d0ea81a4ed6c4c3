use std::fmt::Write as _;

use super::plot::Plot;
use super::published::{Origin, Published};
use super::summary::{Cell, Median, Results};
use crate::harness::machine::Session;
use crate::harness::record::{Outcome, Size};
use crate::system::{Facts, Phase, TrustedSetup};
use crate::text::{bytes, count, ratio, seconds};

const STATEMENT: &str = "\
Every system proves the same statement about the same integers: *there are weights and biases with which this network maps this public \
input to this public output*. Architecture, shifts and clamps are public, weights and biases are the witness. The page of method, \
`benches/compare/README.md`, says how each circuit is written, what belongs to each phase, and what is not comparable.

Figures are medians of the runs. A ratio is the system's figure over that of convince on the same workload, convince with zero \
knowledge if the system has it and without (*convince, plain*) if it has not: **above one convince is ahead, below one the other is**. \
*Prove* is witness generation and proof together, on the clock; *CPU of prove* the same in seconds of all processors, which other work \
on the machine disturbs less. Memory is the peak of the process while it proves.
";

/// A figure that systems are compared by.
struct Measure {
    name: &'static str,
    of: fn(&Median) -> f64,
    text: fn(f64) -> String,
}

const MEASURES: [Measure; 6] = [
    Measure { name: "prove", of: |m| m.prove_s, text: seconds },
    Measure { name: "CPU of prove", of: |m| m.prove_cpu_s, text: seconds },
    Measure { name: "memory", of: |m| m.prove_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "proof", of: |m| m.proof_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "verify", of: |m| m.verify_s, text: seconds },
    Measure { name: "setup", of: |m| m.setup_s, text: seconds },
];

/// The whole report.
pub(super) fn page(results: &Results, published: &Published, suite: &str, plots: &[Plot]) -> String {
    let mut text =
        format!("# Proving neural networks: convince and general proof systems, {suite} suite\n\n{STATEMENT}\n");
    sessions(&mut text, results);
    systems(&mut text, &results.systems);
    for size in &results.workloads {
        workload(&mut text, results, published, size);
    }
    elsewhere(&mut text, results, published);
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
        &["session", "revision", "processor", "memory", "kernel", "compiler", "built for"],
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
    let _ = write!(text, "Threads: {}.", results.threads);
    if let Some(load) = results.load {
        let busy = if load > 0.5 { ": others were at work, and wall times are too large" } else { "" };
        let _ = write!(text, " Largest load average before a measurement: {load:.2}{busy}.");
    }
    text.push_str("\n\n");
}

fn systems(text: &mut String, systems: &[Facts]) {
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
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    table(
        text,
        &header,
        systems.iter().map(|facts| {
            let setup = match facts.trusted_setup {
                TrustedSetup::None => "none",
                TrustedSetup::Universal => "universal",
                TrustedSetup::PerCircuit => "per circuit",
            };
            vec![
                facts.title.clone(),
                facts.implementation.clone(),
                facts.arithmetisation.clone(),
                facts.field.clone(),
                facts.commitment.clone(),
                format!("{} bits, {}", facts.security_bits, facts.security_note),
                setup.into(),
                yes(facts.zero_knowledge),
                yes(facts.binds_weights),
            ]
        }),
    );
}

fn workload(text: &mut String, results: &Results, published: &Published, size: &Size) {
    let Size { name, summary, parameters, macs, depth, requantised } = size;
    let [parameters, macs, requantised] = [*parameters as u64, *macs, *requantised as u64].map(count);
    let _ = writeln!(
        text,
        "## {name}\n\n{summary}: {parameters} parameters, {macs} multiply-accumulates, {depth} layers with weights, {requantised} \
         requantised values.\n"
    );
    let mut header = vec!["system"];
    header.extend(MEASURES.iter().map(|measure| measure.name));
    header.extend(["witness alone", "memory of setup", "proving key", "verifying key", "size of circuit"]);
    header.extend(["security", "zk", "runs"]);
    let width = header.len();
    let mut rows: Vec<Vec<String>> =
        results.systems.iter().map(|facts| row(results, name, facts, results.cell(name, &facts.name), width)).collect();
    rows.extend(published.figures.iter().filter(|figure| figure.workload == *name).map(|figure| {
        let origin = match figure.origin {
            Origin::Read => "read",
            Origin::MeasuredBefore => "measured before",
        };
        let time = |s: Option<f64>| s.map_or_else(String::new, seconds);
        let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
        let mut row = vec![
            format!("*{}* ({origin})", figure.system),
            time(figure.prove_s),
            String::new(),
            size(figure.memory_bytes),
            size(figure.proof_bytes),
            time(figure.verify_s),
            time(figure.setup_s),
        ];
        row.resize(width, String::new());
        row
    }));
    table(text, &header, rows.into_iter());
    ahead(text, results, name);
}

fn row(results: &Results, workload: &str, facts: &Facts, cell: Option<&Cell>, width: usize) -> Vec<String> {
    let mut row = vec![facts.title.clone()];
    match cell {
        Some(Cell::Measured(median)) => {
            let baseline = results.baseline(workload, facts);
            row.extend(MEASURES.iter().map(|measure| {
                let value = (measure.of)(median);
                let over = baseline.map(|base| value / (measure.of)(base));
                let over = over.filter(|_| !is_ours(facts));
                let own = (measure.text)(value);
                over.map_or_else(|| own.clone(), |r| format!("{own} ({})", ratio(r)))
            }));
            let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
            let security = median.security_bits.unwrap_or(facts.security_bits.into());
            row.extend([
                seconds(median.witness_s),
                bytes(median.setup_bytes),
                size(median.proving_key_bytes),
                size(median.verifying_key_bytes),
                median.constraints.as_ref().map_or_else(String::new, |(n, unit)| format!("{} {unit}", count(*n))),
                format!("{security:.0} bits"),
                if facts.zero_knowledge { "yes" } else { "no" }.into(),
                median.runs.to_string(),
            ]);
        }
        Some(Cell::Refused(outcome, time, memory)) => row.push(refusal(outcome, *time, *memory)),
        None => row.push("not measured yet".into()),
    }
    row.resize(width, String::new());
    row
}

fn is_ours(facts: &Facts) -> bool {
    facts.name.starts_with("convince")
}

fn refusal(outcome: &Outcome, time: f64, memory: u64) -> String {
    let at = |during: &Option<Phase>| during.map_or("while making the workload", |phase| phase.name());
    match outcome {
        Outcome::Unfit { reason } | Outcome::Skipped { reason } => reason.clone(),
        Outcome::TimeCap { during, .. } => format!("stopped after {} in {}", seconds(time), at(during)),
        Outcome::MemoryCap { during, .. } => format!("stopped at {} of memory in {}", bytes(memory), at(during)),
        Outcome::Failed { during, reason } => format!("failed in {}: {reason}", at(during)),
        Outcome::Measured(_) => String::new(),
    }
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

fn elsewhere(text: &mut String, results: &Results, published: &Published) {
    text.push_str("## Figures from elsewhere, and systems without a row\n\n");
    text.push_str("Not by this harness: *read* is what somebody else says, *measured before* what this project measured with their code.\n\n");
    let header = ["system", "network", "prove", "verify", "proof", "memory", "origin", "source", "machine", "note"];
    table(
        text,
        &header,
        published.figures.iter().map(|figure| {
            let time = |s: Option<f64>| s.map_or_else(String::new, seconds);
            let size = |b: Option<u64>| b.map_or_else(String::new, bytes);
            let origin = match figure.origin {
                Origin::Read => "read",
                Origin::MeasuredBefore => "measured before",
            };
            vec![
                figure.system.clone(),
                figure.workload.clone(),
                time(figure.prove_s),
                time(figure.verify_s),
                size(figure.proof_bytes),
                size(figure.memory_bytes),
                origin.into(),
                figure.source.clone(),
                figure.machine.clone(),
                figure.note.clone(),
            ]
        }),
    );
    // A system that this build measures has a row, whatever the file says.
    let has_row = |name: &str| results.systems.iter().any(|facts| facts.title.starts_with(name));
    for absent in published.absent.iter().filter(|absent| !has_row(&absent.system)) {
        let _ = writeln!(text, "- **{}**: {}", absent.system, absent.reason);
    }
    text.push('\n');
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
