//! What the parts of a proof cost, for `crates/convince/src/estimate/rates.rs`.
//!
//! ```sh
//! cargo bench -p convince-benches --bench rates            # behind --: --runs N (9)
//! ```
//! proves networks of different proportions on two threads, fits each phase's least time by the sizes that it follows, with all
//! prices at least zero and the squares of relative errors least, and prints the prices and how well they fit. Memory is
//! fitted in the same way to the peaks of processes of this program that prove one network each. Nothing else should run meanwhile.
//!
//! Without cargo's `--bench` two small networks are measured once and nothing is said of the prices.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convince::model::Model;
use convince::{Estimate, Phase, ProveOptions, ProvingKey, estimate, prove, setup};
use convince_benches::{ConvNet, LeNet, conv_net, pool};

/// Channels, side and depth: from few large planes to many small ones, so that weights and activations are told apart.
const NETWORKS: [(usize, usize, usize); 10] = [
    (4, 16, 2),
    (512, 4, 4),
    (4, 64, 3),
    (8, 32, 6),
    (16, 32, 3),
    (32, 16, 4),
    (64, 8, 4),
    (128, 8, 3),
    (256, 4, 4),
    (256, 8, 2),
];

/// A network's sizes and the least time that each phase of its proof took, in milliseconds.
struct Measured {
    name: String,
    estimate: Estimate,
    phases: [f64; 4],
    peak: Option<f64>,
}

/// A size that a phase's time or a process' memory follows.
type Size = (&'static str, fn(&Measured) -> f64);

const MACS: Size = ("a multiply-accumulate", |m| m.estimate.total.macs as f64);
const COMMITTED: Size = ("a committed integer", |m| m.estimate.total.committed as f64);
const ROWS: Size = ("a row", |m| m.estimate.total.proof_rows as f64);
const LEAVES: Size = ("a leaf", |m| m.estimate.total.leaves as f64);
const WEIGHTS: Size = ("a weight", |m| m.estimate.total.parameters as f64);
const ACTIVATIONS: Size = ("an activation", |m| m.estimate.total.activations as f64);
const ROUNDS: Size = ("a round", |m| m.estimate.total.rounds as f64);
const TERMS: Size = ("a term of the opening's argument", |m| m.estimate.argument_terms() as f64);
const TABLES: Size = ("a column with tables", |m| m.estimate.table_columns() as f64);
const ONE: Size = ("the process", |_| 1.0);

/// What each phase follows, in the order of [`Phase::ALL`].
const PHASES: [&[Size]; 4] =
    [&[MACS, COMMITTED], &[COMMITTED, ROWS], &[LEAVES, WEIGHTS, ACTIVATIONS, ROUNDS], &[WEIGHTS, COMMITTED, TERMS]];
const MEMORY: &[Size] = &[ONE, TABLES, WEIGHTS, COMMITTED, LEAVES];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|k| arguments.get(k + 1)).map(|value| value.parse::<usize>()).transpose()
    };
    if let Some(network) = value("--peak-of")? {
        return prove_once(network);
    }
    let measuring = arguments.iter().any(|a| a == "--bench") && !arguments.iter().any(|a| a == "--test");
    let runs = if measuring { value("--runs")?.unwrap_or(9) } else { 1 };
    ensure!(runs > 0, "--runs needs a positive number");
    let networks = if measuring { 0..=NETWORKS.len() } else { 0..=1 };
    let measured = networks.map(|network| measure(network, runs)).collect::<Result<Vec<_>>>()?;
    if measuring {
        report(&measured);
    }
    Ok(())
}

/// Network 0 is LeNet-5.
fn network(index: usize) -> (String, Model, Vec<i32>) {
    match index.checked_sub(1) {
        None => {
            let LeNet { model, input, .. } = LeNet::load();
            ("lenet5".into(), model, input)
        }
        Some(k) => {
            let (channels, side, depth) = NETWORKS[k];
            let (model, input) = conv_net(ConvNet { channels, side, depth }, k as u64);
            (format!("{channels}x{side}x{side}, {depth} layers"), model, input)
        }
    }
}

fn measure(index: usize, runs: usize) -> Result<Measured> {
    let (name, model, input) = network(index);
    let (key, _) = setup(&model)?;
    let estimate = estimate(&key.lowered().circuit);
    let threads = pool(2);
    let mut times: [Vec<f64>; 4] = Default::default();
    // The first proof makes the commitment's tables.
    for run in 0..=runs {
        let phases = threads.install(|| phases(&key, &input))?;
        times.iter_mut().zip(phases).filter(|_| run > 0).for_each(|(times, time)| times.push(time));
    }
    // What else the machine does only adds.
    let least = |times: Vec<f64>| times.into_iter().fold(f64::INFINITY, f64::min);
    let peak = peak_of(index)?;
    Ok(Measured { name, estimate, phases: times.map(least), peak })
}

/// Milliseconds of each phase of one proof.
fn phases(key: &ProvingKey, input: &[i32]) -> Result<[f64; 4]> {
    let starts = std::cell::RefCell::new(Vec::new());
    let hear = |_: Phase| starts.borrow_mut().push(Instant::now());
    prove(key, input, &ProveOptions { progress: Some(&hear), ..Default::default() })?;
    starts.borrow_mut().push(Instant::now());
    let starts = starts.into_inner();
    let times: Vec<Duration> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let times: [Duration; 4] = times.try_into().ok().context("a proof has four phases")?;
    Ok(times.map(|time| time.as_secs_f64() * 1e3))
}

/// The process that [`peak_of`] starts: reads a key, as `convince prove` does, and proves.
fn prove_once(index: usize) -> Result<()> {
    let (_, model, input) = network(index);
    let bytes = setup(&model)?.0.to_bytes();
    // Making the key takes memory that reading it does not: what counts starts here.
    drop(model);
    std::fs::write("/proc/self/clear_refs", "5").context("resetting the peak")?;
    let key = ProvingKey::from_bytes(&bytes)?;
    drop(bytes);
    pool(2).install(|| prove(&key, &input, &ProveOptions::default()))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
    println!("{}", line.trim().trim_end_matches("kB").trim());
    Ok(())
}

/// Bytes that a process holds at most while it proves, where the system tells.
fn peak_of(index: usize) -> Result<Option<f64>> {
    let output = Command::new(std::env::current_exe()?).args(["--peak-of", &index.to_string()]).output()?;
    let printed = String::from_utf8(output.stdout)?;
    Ok(printed.trim().parse::<f64>().ok().map(|kilobytes| 1024.0 * kilobytes))
}

fn report(measured: &[Measured]) {
    for (phase, sizes) in Phase::ALL.into_iter().zip(PHASES) {
        let times: Vec<(&Measured, f64)> = measured.iter().map(|m| (m, m.phases[phase as usize])).collect();
        fit(phase.name(), "ns", 1e6, sizes, &times);
    }
    let peaks: Vec<(&Measured, f64)> = measured.iter().filter_map(|m| Some((m, m.peak?))).collect();
    fit("memory", "bytes", 1.0, MEMORY, &peaks);
}

/// Fits `value = sum of price * size` and prints prices and errors.
fn fit(what: &str, unit: &str, scale: f64, sizes: &[Size], values: &[(&Measured, f64)]) {
    // Dividing every equation by its value makes errors relative.
    let rows: Vec<Vec<f64>> =
        values.iter().map(|(m, value)| sizes.iter().map(|(_, of)| of(m) / value).collect()).collect();
    let prices = non_negative_least_squares(&rows);
    println!("{what}");
    for ((name, _), price) in sizes.iter().zip(&prices) {
        println!("    {:12.3} {unit} {name}", price * scale);
    }
    for ((m, value), row) in values.iter().zip(&rows) {
        let ratio: f64 = row.iter().zip(&prices).map(|(a, b)| a * b).sum();
        println!("        {:24} {value:14.3}, predicted {:14.3} ({ratio:.2})", m.name, ratio * value);
    }
}

/// Prices that make every row's sum closest to 1, by descent along one price at a time.
fn non_negative_least_squares(rows: &[Vec<f64>]) -> Vec<f64> {
    let mut prices = vec![0.0f64; rows.first().map_or(0, Vec::len)];
    for _ in 0..200_000 {
        for k in 0..prices.len() {
            let residual = |row: &Vec<f64>| 1.0 - row.iter().zip(&prices).map(|(a, p)| a * p).sum::<f64>();
            let slope: f64 = rows.iter().map(|row| row[k] * residual(row)).sum();
            let curvature: f64 = rows.iter().map(|row| row[k] * row[k]).sum();
            if curvature > 0.0 {
                prices[k] = (prices[k] + slope / curvature).max(0.0);
            }
        }
    }
    prices
}
