//! How the prover's time grows with a network: channels double from step to step.
//!
//! Weights grow fourfold, inputs and outputs of layers twofold, so that the two are told apart by a fit
//! `time = constant + a |w| + b (|in| + |out|)`, with the squares of relative errors least. The time is that of proving: the
//! first phase, which runs the network, takes |w| times the plane's size and stands beside it.

use std::path::Path;

use anyhow::Result;
use convince::{Mode, ProveOptions, prove, setup};
use convince_benches::{ConvNet, conv_net, pool};
use plotters::prelude::*;
use serde::Serialize;

use crate::machine::{Provenance, Spread};
use crate::{ProveTimes, prove_repeatedly};

const SIDE: usize = 16;
const DEPTH: usize = 3;

#[derive(Serialize)]
struct Step {
    channels: usize,
    weights: usize,
    inputs: usize,
    outputs: usize,
    /// Leaves of the lookup tree: their number an output grows with the accumulators' width.
    leaves: usize,
    /// Running the network.
    witness: Spread,
    /// The rest of the proof.
    prove: Spread,
    fitted_ms: f64,
    nanoseconds_an_element: f64,
}

/// `constant_ms + weight_ns |w| + activation_ns (|in| + |out|)`.
#[derive(Serialize)]
struct Fit {
    constant_ms: f64,
    weight_ns: f64,
    activation_ns: f64,
    largest_relative_error: f64,
    /// Slope of log(time) over log(|w| + |in| + |out|) by least squares: 1 is linear, less is better than linear.
    exponent: f64,
}

#[derive(Serialize)]
struct Growth {
    provenance: Provenance,
    network: String,
    threads: usize,
    runs: usize,
    steps: Vec<Step>,
    fit: Fit,
}

impl Step {
    fn elements(&self) -> usize {
        self.weights + self.inputs + self.outputs
    }
}

/// Measures networks of these numbers of channels, and writes `growth.json` and `growth.svg` to `folder` if there is one.
pub(crate) fn measure(provenance: &Provenance, channels: &[usize], runs: usize, folder: Option<&Path>) -> Result<()> {
    let threads = pool(2);
    let steps = channels.iter().map(|&channels| threads.install(|| step(channels, runs)));
    let mut steps: Vec<Step> = steps.collect::<Result<_>>()?;
    let fit = fit(&mut steps);
    println!("growth   channels        |w|  |in|+|out|   leaves   witness ms   proving ms      fit ms  ns/element");
    for step in &steps {
        let Step { channels, weights, inputs, outputs, leaves, witness, prove, fitted_ms, .. } = step;
        let (witness, prove, each) = (witness.median_ms, prove.median_ms, step.nanoseconds_an_element);
        let activations = inputs + outputs;
        print!("         {channels:8} {weights:10} {activations:12} {leaves:8} {witness:12.1} ");
        println!("{prove:12.1} {fitted_ms:11.1} {each:11.0}");
    }
    let Fit { constant_ms, weight_ns, activation_ns, exponent, .. } = &fit;
    println!(
        "         {constant_ms:.1} ms + {weight_ns:.0} ns |w| + {activation_ns:.0} ns (|in| + |out|); exponent {exponent:.2}"
    );
    let Some(folder) = folder else { return Ok(()) };
    plot(&steps, &fit, &folder.join("growth.svg"))?;
    let network = format!(
        "{DEPTH} 3x3 convolutions with ReLU on {SIDE}x{SIDE}, 2x2 max-pool, fully connected to 10; its run is not counted"
    );
    let growth = Growth { provenance: provenance.clone(), network, threads: 2, runs, steps, fit };
    std::fs::write(folder.join("growth.json"), serde_json::to_string_pretty(&growth)? + "\n")?;
    Ok(())
}

fn step(channels: usize, runs: usize) -> Result<Step> {
    let net = ConvNet { channels, side: SIDE, depth: DEPTH };
    let (model, input) = conv_net(net, channels as u64);
    let (key, _) = setup(&model)?;
    // The first proof makes the commitment's tables.
    prove(&key, &input, &ProveOptions::default())?;
    let ProveTimes { proving: prove, phases, .. } = prove_repeatedly(&key, &input, Mode::Hiding, runs)?;
    let (_, witness) = phases[0];
    let (weights, inputs, outputs) = net.sizes();
    let leaves = key.lowered().circuit.statistics().leaves;
    let elements = weights + inputs + outputs;
    let nanoseconds_an_element = (prove.median_ms * 1e6 / elements as f64).round();
    let fitted_ms = 0.0;
    Ok(Step { channels, weights, inputs, outputs, leaves, witness, prove, fitted_ms, nanoseconds_an_element })
}

/// Fits the three constants and fills in the fitted times.
fn fit(steps: &mut [Step]) -> Fit {
    // Dividing every equation by the time makes errors relative.
    let row = |step: &Step| {
        let time = step.prove.median_ms;
        [1.0, step.weights as f64 * 1e-6, (step.inputs + step.outputs) as f64 * 1e-6].map(|x| x / time)
    };
    let mut system = [[0.0; 4]; 3];
    for step in steps.iter() {
        let row = row(step);
        for (i, equation) in system.iter_mut().enumerate() {
            (0..3).for_each(|j| equation[j] += row[i] * row[j]);
            equation[3] += row[i];
        }
    }
    let [constant_ms, weight_ns, activation_ns] = solve(system);
    let mut largest_relative_error = 0f64;
    for step in steps.iter_mut() {
        let activations = (step.inputs + step.outputs) as f64;
        step.fitted_ms = constant_ms + (weight_ns * step.weights as f64 + activation_ns * activations) * 1e-6;
        largest_relative_error = largest_relative_error.max((step.fitted_ms / step.prove.median_ms - 1.0).abs());
    }
    let points = steps.iter().map(|s| ((s.elements() as f64).ln(), s.prove.median_ms.ln()));
    Fit { constant_ms, weight_ns, activation_ns, largest_relative_error, exponent: slope(&points.collect::<Vec<_>>()) }
}

/// Gaussian elimination without pivoting: normal equations are positive definite. Fewer than three steps give no numbers.
fn solve(mut system: [[f64; 4]; 3]) -> [f64; 3] {
    for i in 0..3 {
        for k in (0..3).filter(|&k| k != i) {
            let scale = system[k][i] / system[i][i];
            (0..4).for_each(|j| system[k][j] -= scale * system[i][j]);
        }
    }
    [0, 1, 2].map(|i| system[i][3] / system[i][i])
}

fn slope(points: &[(f64, f64)]) -> f64 {
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let product = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    product(&|p| (p.0 - x) * (p.1 - y)) / product(&|p| (p.0 - x) * (p.0 - x))
}

fn plot(steps: &[Step], fit: &Fit, path: &Path) -> Result<()> {
    let points: Vec<(f64, f64)> = steps.iter().map(|s| (s.elements() as f64, s.prove.median_ms)).collect();
    let fitted = steps.iter().map(|s| (s.elements() as f64, s.fitted_ms));
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Ok(()) };
    let linear = [first.0, last.0].map(|x| (x, last.1 * x / last.0));
    let (low, high) = (first.1.min(linear[0].1) / 1.6, last.1 * 1.6);
    let area = SVGBackend::new(path, (760, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Time of a proof as channels double, 2 threads", ("sans-serif", 20))
        .margin(12)
        .margin_right(36)
        .x_label_area_size(44)
        .y_label_area_size(60)
        .build_cartesian_2d((first.0 / 1.4..last.0 * 1.4).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("|w| + |in| + |out|")
        .y_desc("milliseconds")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .draw()?;
    let key = |color: RGBColor| move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color);
    chart
        .draw_series(LineSeries::new(linear, BLACK.mix(0.4)))?
        .label("proportional")
        .legend(key(RGBColor(150, 150, 150)));
    let label =
        format!("{:.1} ms + {:.0} ns |w| + {:.0} ns (|in| + |out|)", fit.constant_ms, fit.weight_ns, fit.activation_ns);
    chart.draw_series(LineSeries::new(fitted, BLUE))?.label(label).legend(key(BLUE));
    let dots = points.iter().map(|&point| Circle::new(point, 4, RED.filled()));
    chart.draw_series(dots)?.label("measured").legend(|(x, y)| Circle::new((x + 9, y), 4, RED.filled()));
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK.mix(0.3)).draw()?;
    area.present()?;
    Ok(())
}
