//! Prices of the sizes that `convince estimate` knows, by least squares over proofs of networks of different proportions.

use convince::{Estimate, Phase};
use serde::Serialize;

/// A network's sizes, the least time that each phase of its proof took in milliseconds, and the bytes that a process held.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) estimate: Estimate,
    pub(crate) phases: [f64; 4],
    pub(crate) peak: Option<f64>,
}

/// A size that a phase's time or a process' memory follows.
type Size = (&'static str, fn(&Measured) -> f64);

const MACS: Size = ("a multiply-accumulate", |m| m.estimate.total.macs as f64);
const COMMITTED: Size = ("a committed integer", |m| m.estimate.total.committed as f64);
const ROWS: Size = ("a row", |m| m.estimate.total.proof_rows as f64);
const LEAVES: Size = ("a leaf", |m| m.estimate.total.stored_leaves as f64);
const WEIGHTS: Size = ("a weight", |m| m.estimate.total.parameters as f64);
const ACTIVATIONS: Size = ("an activation", |m| m.estimate.total.activations as f64);
const ROUNDS: Size = ("a round", |m| m.estimate.total.rounds as f64);
const PADS: Size = ("a pad", |m| m.estimate.total.pads as f64);
const TERMS: Size = ("a term of the opening", |m| (m.estimate.scalar_terms() - m.estimate.total.pads) as f64);
const TABLES: Size = ("a column with tables", |m| m.estimate.table_columns() as f64);
const ONE: Size = ("the process", |_| 1.0);

/// What each phase follows, in the order of [`Phase::ALL`].
const PHASES: [&[Size]; 4] = [
    &[MACS, COMMITTED],
    &[COMMITTED, ROWS, PADS],
    &[LEAVES, WEIGHTS, ACTIVATIONS, ROUNDS],
    &[WEIGHTS, COMMITTED, TERMS],
];
const MEMORY: &[Size] = &[ONE, TABLES, WEIGHTS, COMMITTED, LEAVES];

/// What one of a size costs, in a phase or in memory.
#[derive(Serialize)]
pub(crate) struct Price {
    of: &'static str,
    price: f64,
}

/// The prices of a phase, and how well they say what was measured.
#[derive(Serialize)]
pub(crate) struct Fit {
    what: &'static str,
    unit: &'static str,
    prices: Vec<Price>,
    /// Of all networks, predicted over measured.
    ratios: Vec<(String, f64)>,
}

/// Fits every phase and the memory, and prints the prices.
pub(crate) fn all(measured: &[Measured]) -> Vec<Fit> {
    let phases = Phase::ALL.into_iter().zip(PHASES).map(|(phase, sizes)| {
        let times: Vec<(&Measured, f64)> = measured.iter().map(|m| (m, m.phases[phase as usize])).collect();
        Fit::of(phase.name(), "ns", 1e6, sizes, &times)
    });
    let peaks: Vec<(&Measured, f64)> = measured.iter().filter_map(|m| Some((m, m.peak?))).collect();
    phases.chain([Fit::of("memory", "bytes", 1.0, MEMORY, &peaks)]).collect()
}

impl Fit {
    /// Fits `value = sum of price * size`.
    fn of(what: &'static str, unit: &'static str, scale: f64, sizes: &[Size], values: &[(&Measured, f64)]) -> Self {
        // Dividing every equation by its value makes errors relative.
        let rows: Vec<Vec<f64>> =
            values.iter().map(|(m, value)| sizes.iter().map(|(_, of)| of(m) / value).collect()).collect();
        let prices = non_negative_least_squares(&rows);
        let ratio = |row: &Vec<f64>| row.iter().zip(&prices).map(|(a, b)| a * b).sum::<f64>();
        let ratios: Vec<(String, f64)> =
            values.iter().zip(&rows).map(|((m, _), row)| (m.name.clone(), ratio(row))).collect();
        let prices: Vec<Price> =
            sizes.iter().zip(&prices).map(|((of, _), price)| Price { of, price: price * scale }).collect();
        println!("{what}");
        prices.iter().for_each(|Price { of, price }| println!("    {price:12.3} {unit} {of}"));
        for ((name, ratio), (_, value)) in ratios.iter().zip(values) {
            println!("        {name:24} {value:14.3}, predicted {:14.3} ({ratio:.2})", ratio * value);
        }
        Self { what, unit, prices, ratios }
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
