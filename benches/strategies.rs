//! Direct convolution against FFT convolution: where each wins.
//!
//! ```sh
//! cargo bench -p convince-benches --bench strategies       # behind --: --runs N (7), --out DIR (benches/results)
//! ```
//! proves one convolution's wave by either strategy, from a claim on its output to claims on weights and input, over kernel size,
//! channels and plane size, on two threads; writes `strategies.json` and `strategies.svg`. The least time of each is plotted, which
//! is the least disturbed one. Running the layer is not in it: both strategies run it the same way.
//!
//! Without cargo's `--bench`, that is under `cargo test --bench NAME`, the smallest sizes run once and nothing is written.

#[allow(dead_code)]
mod machine;

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, ensure};
use convince_benches::{Arguments, elements, pool, random_witness, rng};
use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Layer, Strategy, Witness};
use convince_field::Fr;
use convince_gkr::{Claim, wave};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use machine::{Provenance, Spread, milliseconds};
use plotters::coord::Shift;
use plotters::prelude::*;
use serde::Serialize;

const THREADS: usize = 2;

/// A convolution that keeps its plane.
#[derive(Clone, Copy, Serialize)]
struct Size {
    inputs: usize,
    outputs: usize,
    side: usize,
    kernel: usize,
}

/// Sizes that differ in one number.
struct Sweep {
    name: &'static str,
    axis: &'static str,
    sizes: Vec<Size>,
    value: fn(&Size) -> usize,
}

#[derive(Serialize)]
struct Times {
    prove: Spread,
    verify: Spread,
    proof_bytes: usize,
}

#[derive(Serialize)]
struct Point {
    size: Size,
    direct: Times,
    fft: Times,
    /// What `Auto` takes.
    auto: Strategy,
}

#[derive(Serialize)]
struct Measured {
    name: &'static str,
    varied: &'static str,
    points: Vec<Point>,
}

#[derive(Serialize)]
struct Results {
    provenance: Provenance,
    threads: usize,
    runs: usize,
    sweeps: Vec<Measured>,
}

fn sweeps() -> [Sweep; 4] {
    let over = |values: &[usize], size: fn(usize) -> Size| values.iter().map(|&n| size(n)).collect();
    [
        Sweep {
            name: "Kernel size: 4 channels of 64x64",
            axis: "kernel",
            sizes: over(&[1, 3, 7, 15, 31, 63], |kernel| Size { inputs: 4, outputs: 4, side: 64, kernel }),
            value: |size| size.kernel,
        },
        Sweep {
            name: "Channels: 3x3 kernels on 30x30",
            axis: "channels",
            sizes: over(&[1, 4, 16, 64, 128], |channels| Size {
                inputs: channels,
                outputs: channels,
                side: 30,
                kernel: 3,
            }),
            value: |size| size.inputs,
        },
        Sweep {
            name: "Plane: 3x3 kernels, 4 channels",
            axis: "rows and columns",
            sizes: over(&[6, 14, 30, 62, 126, 254], |side| Size { inputs: 4, outputs: 4, side, kernel: 3 }),
            value: |size| size.side,
        },
        Sweep {
            name: "Kernels as large as the plane, 8 channels to one",
            axis: "rows and columns",
            sizes: over(&[8, 16, 32, 64, 128, 181, 256], |side| Size { inputs: 8, outputs: 1, side, kernel: side - 1 }),
            value: |size| size.side,
        },
    ]
}

fn main() -> Result<()> {
    let arguments = Arguments::of_process();
    let runs = arguments.runs(7)?;
    let provenance = Provenance::now("cargo bench -p convince-benches --bench strategies".into());
    let limit = if arguments.measures() { usize::MAX } else { 2 };
    let threads = pool(THREADS);
    let mut measured = Vec::new();
    for sweep in sweeps() {
        println!("{:44} {:>8} {:>12} {:>12} {:>8}", sweep.name, sweep.axis, "direct ms", "fft ms", "auto");
        let mut points = Vec::new();
        for &size in sweep.sizes.iter().take(limit) {
            let point = threads.install(|| point(size, runs))?;
            let [direct, fft] = [&point.direct, &point.fft].map(|times| times.prove.min_ms);
            println!(
                "{:44} {:8} {direct:12.2} {fft:12.2} {:>8}",
                "",
                (sweep.value)(&size),
                format!("{:?}", point.auto)
            );
            points.push(point);
        }
        measured.push(Measured { name: sweep.name, varied: sweep.axis, points });
    }
    if let Some(out) = arguments.out()? {
        std::fs::create_dir_all(&out)?;
        plot(&measured, &out.join("strategies.svg"))?;
        let results = Results { provenance, threads: THREADS, runs, sweeps: measured };
        std::fs::write(out.join("strategies.json"), serde_json::to_string_pretty(&results)? + "\n")?;
    }
    Ok(())
}

fn circuit(size: Size, strategy: Strategy) -> Result<Circuit> {
    let Size { inputs, outputs, side, kernel } = size;
    let mut c = CircuitBuilder::new();
    let x = c.input([1, inputs, side, side], Bits::signed(5))?;
    let w = c.weight([outputs, inputs, kernel, kernel], Bits::signed(5))?;
    // An even kernel keeps the plane with one zero less in front.
    let (before, after) = ((kernel - 1) / 2, kernel / 2);
    let params = Conv2d { padding: [before, before, after, after], ..Conv2d::PLAIN };
    let out = c.conv2d(x, w, None, params.with_strategy(strategy))?;
    c.output(out)?;
    Ok(c.finish()?)
}

fn point(size: Size, runs: usize) -> Result<Point> {
    let auto = circuit(size, Strategy::Auto)?;
    let Layer::Conv2d(layer) = &auto.layers()[0] else { anyhow::bail!("the layer is a convolution") };
    // The strategy changes no wire, and running the layer takes longer than proving it.
    let witness = random_witness(&auto, 1);
    let [direct, fft] = [Strategy::Direct, Strategy::Fft].map(|strategy| times(size, strategy, &witness, runs));
    Ok(Point { size, direct: direct?, fft: fft?, auto: layer.params.strategy })
}

fn times(size: Size, strategy: Strategy, witness: &Witness, runs: usize) -> Result<Times> {
    let circuit = circuit(size, strategy)?;
    let output = circuit.output();
    let shape = circuit.shape(output);
    let challenges = elements(&mut rng(2), shape.iter().map(|&n| log2_ceil(n)).sum());
    let functional = Functional::at_flat(&challenges, shape);
    let value: Fr = functional.apply(witness.tensor(&circuit, output));
    let claims = || vec![Claim { wire: output.wire, functional: functional.clone(), value }];
    let (mut prove, mut verify, mut proof_bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..runs {
        let mut prover = PlainProver::new(Transcript::new("bench"));
        let start = Instant::now();
        let expected = wave::prove(&circuit, witness, &mut prover, claims());
        prove.push(milliseconds(start.elapsed()));
        let proof = prover.finish();
        let mut verifier = PlainVerifier::new(Transcript::new("bench"), &proof);
        let start = Instant::now();
        let found = wave::verify(&circuit, &mut verifier, claims())?;
        verify.push(milliseconds(start.elapsed()));
        ensure!(found == expected, "prover and verifier end in different claims");
        proof_bytes = proof.len();
    }
    Ok(Times { prove: Spread::of(prove), verify: Spread::of(verify), proof_bytes })
}

fn plot(measured: &[Measured], path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1040, 760)).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled("Time to prove one convolution, 2 threads", ("sans-serif", 22))?;
    for ((panel, sweep), measured) in area.split_evenly((2, 2)).iter().zip(sweeps()).zip(measured) {
        draw(panel, &sweep, &measured.points)?;
    }
    area.present()?;
    Ok(())
}

fn draw(panel: &DrawingArea<SVGBackend<'_>, Shift>, sweep: &Sweep, points: &[Point]) -> Result<()> {
    let x = |point: &Point| (sweep.value)(&point.size) as f64;
    let line = |time: fn(&Point) -> f64| points.iter().map(|point| (x(point), time(point))).collect::<Vec<_>>();
    let lines =
        [("direct", BLUE, line(|point| point.direct.prove.min_ms)), ("fft", RED, line(|point| point.fft.prove.min_ms))];
    let all = || lines.iter().flat_map(|(_, _, line)| line.iter().copied());
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        all().fold((f64::MAX, 0f64), |(low, high), point| (low.min(of(&point)), high.max(of(&point))))
    };
    let ((left, right), (low, high)) = (bounds(|p| p.0), bounds(|p| p.1));
    let mut chart = ChartBuilder::on(panel)
        .caption(sweep.name, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(38)
        .y_label_area_size(52)
        .build_cartesian_2d((left / 1.2..right * 1.2).log_scale(), (low / 1.6..high * 2.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc(sweep.axis)
        .y_desc("milliseconds")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| if *y < 1.0 { format!("{y:.1}") } else { format!("{y:.0}") })
        .draw()?;
    for (name, color, line) in &lines {
        let color = *color;
        chart
            .draw_series(LineSeries::new(line.iter().copied(), color))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], color));
        chart.draw_series(line.iter().map(|&point| Circle::new(point, 3, color.filled())))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(BLACK.mix(0.3)).draw()?;
    Ok(())
}
