use anyhow::Result;
use plotters::prelude::*;
use plotters::style::full_palette;

use super::summary::{Median, Results};
use crate::harness::record::Size;
use crate::text::{bytes, count, seconds};
use crate::workload::{Entry, Series};

/// A drawing.
pub(super) struct Plot {
    /// Its file's name.
    pub(super) file: String,
    /// What it shows.
    pub(super) title: String,
    pub(super) svg: String,
}

const SIZE: (u32, u32) = (1000, 560);
/// Columns of it for the legend.
const LEGEND: u32 = 240;

/// Colours of systems, in their order; they repeat with other marks.
const COLOURS: [RGBColor; 13] = [
    full_palette::RED_700,
    full_palette::ORANGE_700,
    full_palette::BROWN_400,
    full_palette::BLUE_700,
    full_palette::LIGHTBLUE_400,
    full_palette::GREEN_700,
    full_palette::PURPLE_600,
    full_palette::TEAL_400,
    full_palette::GREY_700,
    full_palette::PINK_300,
    full_palette::LIME_700,
    full_palette::INDIGO_900,
    full_palette::AMBER_600,
];

struct Axis {
    series: Series,
    name: &'static str,
    label: &'static str,
    of: fn(&Size) -> f64,
}

struct Measure {
    name: &'static str,
    title: &'static str,
    of: fn(&Median) -> f64,
    text: fn(f64) -> String,
}

const AXES: [Axis; 2] = [
    Axis { series: Series::Parameters, name: "parameters", label: "parameters", of: |size| size.parameters as f64 },
    Axis { series: Series::Depth, name: "depth", label: "layers with weights", of: |size| size.depth as f64 },
];

const MEASURES: [Measure; 4] = [
    Measure { name: "prove", title: "Prover's time", of: |m| m.prove_s, text: seconds },
    Measure { name: "memory", title: "Prover's memory", of: |m| m.prove_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "proof", title: "Proof size", of: |m| m.proof_bytes as f64, text: |b| bytes(b as u64) },
    Measure { name: "verify", title: "Verifier's time", of: |m| m.verify_s, text: seconds },
];

/// A system's name and its points.
type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// One plot for each measure and series of which at least two workloads are measured.
pub(super) fn all(results: &Results, suite: &str) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    for axis in &AXES {
        let of_series = |size: &&Size| Entry::find(&size.name).is_some_and(|entry| entry.series == axis.series);
        let sizes: Vec<&Size> = results.workloads.iter().filter(of_series).collect();
        for measure in &MEASURES {
            let points = |system: &str| {
                let point = |size: &&Size| Some(((axis.of)(size), (measure.of)(results.median(&size.name, system)?)));
                sizes.iter().filter_map(point).filter(|point| point.1 > 0.0).collect::<Vec<_>>()
            };
            let lines: Vec<Line<'_>> =
                results.systems.iter().map(|facts| (facts.title.as_str(), points(&facts.name))).collect();
            if lines.iter().any(|(_, points)| points.len() > 1) {
                let title = format!("{} against {}", measure.title, axis.label);
                let svg = draw(&title, axis, measure, &lines)?;
                plots.push(Plot { file: format!("{suite}-{}-{}.svg", measure.name, axis.name), title, svg });
            }
        }
    }
    Ok(plots)
}

fn draw(title: &str, axis: &Axis, measure: &Measure, lines: &[Line<'_>]) -> Result<String> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    // The legend stands beside the plot, where it hides no point.
    let (plot, legend) = area.split_horizontally(SIZE.0 - LEGEND);
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let values = || all().map(|point| of(&point));
        (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max))
    };
    let ((left, right), (low, high)) = (bounds(|p| p.0), bounds(|p| p.1));
    let mut chart = ChartBuilder::on(&plot)
        .caption(title, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(75)
        .build_cartesian_2d((left / 1.2..right * 1.2).log_scale(), (low / 1.6..high * 1.6).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .bold_line_style(BLACK.mix(0.12))
        .x_desc(axis.label)
        .x_label_formatter(&|&x| count(x.round() as u64))
        .y_label_formatter(&|&y| (measure.text)(y))
        .draw()?;
    let shown = lines.iter().enumerate().filter(|(_, (_, points))| !points.is_empty());
    for (row, (index, (name, points))) in shown.enumerate() {
        let (colour, round) = (COLOURS[index % COLOURS.len()], index < COLOURS.len());
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        match round {
            true => chart.draw_series(points.iter().map(|&point| Circle::new(point, 4, colour.filled())))?,
            false => chart.draw_series(points.iter().map(|&point| TriangleMarker::new(point, 6, colour.filled())))?,
        };
        let (x, y) = (5, 60 + 22 * row as i32);
        legend.draw(&Rectangle::new([(x, y), (x + 14, y + 10)], colour.filled()))?;
        legend.draw(&Text::new((*name).to_owned(), (x + 20, y - 2), ("sans-serif", 14)))?;
    }
    area.present()?;
    drop((chart, plot, legend, area));
    Ok(svg)
}
