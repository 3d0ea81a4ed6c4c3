//! `compare`: measures proof systems side by side, and reports. `scripts/compare` builds and runs all of it.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Parser, Subcommand};
use convince_compare::harness::forecast::forecast;
use convince_compare::harness::machine::memory_bytes;
use convince_compare::harness::record::Size;
use convince_compare::harness::run::{Plan, results_file, run};
use convince_compare::harness::{child, watch};
use convince_compare::report;
use convince_compare::system::Measurable;
use convince_compare::systems;
use convince_compare::text::count;
use convince_compare::workload::{CATALOGUE, Entry, Suite};

/// Proof systems side by side on the same neural networks.
///
/// Every measurement is a process of its own; results are lines of a file, to which a later call adds what is missing; the report is
/// made from that file.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List systems and workloads
    List(List),
    /// Measure what the results file lacks
    Run(Run),
    /// Write table, plots and page from a results file
    Report(Report),
    /// Measure one pair in this process: what `run` starts
    #[command(hide = true)]
    Child(Child),
}

#[derive(Args)]
struct List {
    /// Also make each workload, and say how large it is: some seconds for a VGG
    #[arg(long)]
    sizes: bool,
}

#[derive(Args)]
struct Run {
    /// Which workloads, caps and results file
    #[arg(long, value_enum, default_value_t = Suite::Quick)]
    suite: Suite,
    /// Only these systems, separated by commas (`compare list` names them)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    systems: Vec<String>,
    /// Only these workloads, separated by commas; any of the catalogue, whatever the suite
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    workloads: Vec<String>,
    /// How often each pair is measured, other pairs in between
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Pairs that take more than so many seconds are measured once [default: 5; in the full suite 60]
    #[arg(long, value_name = "SECONDS")]
    repeat_below: Option<f64>,
    /// Seconds after which a measurement is stopped [default: 90; in the full suite 7200]
    #[arg(long, value_name = "SECONDS")]
    time_cap: Option<f64>,
    /// GB of memory at which a measurement is stopped [default: 85 % of the machine's]
    #[arg(long, value_name = "GB")]
    memory_cap: Option<f64>,
    /// Threads of each prover and verifier [default: one a logical processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Seconds after which nothing more is begun; a later call goes on
    #[arg(long, value_name = "SECONDS")]
    budget: Option<f64>,
    /// Measure again what was measured before, and forget the old lines of what is selected
    #[arg(long)]
    again: bool,
    /// Measure nothing: print what each pair would come to and how long all would take, from the times in the results file
    #[arg(long)]
    dry_run: bool,
    /// Results file [default: benches/compare/results/<suite>.jsonl]
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

#[derive(Args)]
struct Report {
    /// Whose results
    #[arg(long, value_enum, default_value_t = Suite::Quick)]
    suite: Suite,
    /// Results file [default: benches/compare/results/<suite>.jsonl]
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
    /// Figures from elsewhere [default: benches/compare/read.json]
    #[arg(long, value_name = "FILE")]
    published: Option<PathBuf>,
    /// Where table, plots and page are written [default: the results file's folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

#[derive(Args)]
struct Child {
    #[arg(long)]
    system: String,
    #[arg(long)]
    workload: String,
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<()> {
    // Every system gets what `convince` asks the C library for.
    convince::restart_with_large_pages();
    match Cli::parse().command {
        Command::List(args) => list(&args),
        Command::Run(args) if args.dry_run => forecast(&plan(args)?),
        Command::Run(args) => run(&plan(args)?),
        Command::Report(args) => write_report(args),
        Command::Child(args) => {
            let system = find_system(&args.system)?;
            child::run(&*system, find_workload(&args.workload)?, &args.out)
        }
    }
}

fn list(args: &List) -> Result<()> {
    println!("systems of this build:");
    for system in systems::all() {
        let facts = system.facts();
        println!("  {:20} {} ({})", facts.name, facts.title, facts.implementation);
    }
    println!("\nworkloads:");
    for entry in CATALOGUE {
        print!("  {:16} {:5} {}", entry.name, entry.suite.name(), entry.summary);
        if args.sizes {
            let size = Size::new(entry, &entry.workload()?);
            let [parameters, macs] = [size.parameters as u64, size.macs].map(count);
            print!(": {parameters} parameters, {macs} multiply-accumulates, {} requantised values", size.requantised);
        }
        println!();
    }
    Ok(())
}

fn plan(args: Run) -> Result<Plan> {
    let positive = |name: &str, value: f64| match value > 0.0 && value.is_finite() {
        true => Ok(value),
        false => bail!("--{name} needs a positive number"),
    };
    let systems: Vec<_> = match args.systems.is_empty() {
        true => systems::all().iter().map(|system| system.facts()).collect(),
        false => args.systems.iter().map(|name| Ok(find_system(name)?.facts())).collect::<Result<_>>()?,
    };
    let mut workloads: Vec<&'static Entry> = match args.workloads.is_empty() {
        true => CATALOGUE.iter().filter(|entry| entry.suite <= args.suite).collect(),
        false => args.workloads.iter().map(|name| find_workload(name)).collect::<Result<_>>()?,
    };
    // In the catalogue's order, on which the skipping of larger ones relies.
    workloads.sort_by_key(|entry| CATALOGUE.iter().position(|other| other.name == entry.name));
    workloads.dedup_by_key(|entry| entry.name);
    let (time, repeat_below) = match args.suite {
        Suite::Quick => (90.0, 5.0),
        Suite::Full => (7200.0, 60.0),
    };
    let repeat_below = positive("repeat-below", args.repeat_below.unwrap_or(repeat_below))?;
    let memory = match args.memory_cap {
        Some(gigabytes) => (positive("memory-cap", gigabytes)? * 1e9) as u64,
        None => memory_bytes() / 100 * 85,
    };
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    if threads == 0 || memory == 0 {
        bail!("--threads and --memory-cap need positive numbers");
    }
    let results = args.results.unwrap_or_else(|| results_file(args.suite.name()));
    if let Some(folder) = results.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    Ok(Plan {
        systems,
        workloads,
        runs: args.runs.into(),
        repeat_below: Duration::from_secs_f64(repeat_below),
        limits: watch::Limits {
            time: Duration::from_secs_f64(positive("time-cap", args.time_cap.unwrap_or(time))?),
            memory,
            threads,
        },
        budget: args.budget.map(|s| positive("budget", s).map(Duration::from_secs_f64)).transpose()?,
        again: args.again,
        results,
    })
}

fn write_report(args: Report) -> Result<()> {
    let results = args.results.unwrap_or_else(|| results_file(args.suite.name()));
    let published = args.published.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("read.json"));
    let folder = args.out.or_else(|| results.parent().map(Path::to_owned)).unwrap_or_default();
    for path in report::write(&results, &published, args.suite.name(), &folder)? {
        println!("{}", path.display());
    }
    Ok(())
}

fn find_system(name: &str) -> Result<Box<dyn Measurable>> {
    let found = systems::all().into_iter().find(|system| system.facts().name == name);
    found.with_context(|| format!("no system of this build is called {name}; `compare list` names them"))
}

fn find_workload(name: &str) -> Result<&'static Entry> {
    Entry::find(name).with_context(|| format!("no workload is called {name}; `compare list` names them"))
}
