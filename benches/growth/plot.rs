//! One drawing of all sweeps: a column a sweep, a row a measure, both axes logarithmic.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::slope::MEASURES;
use crate::{Point, Swept};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(crate) fn draw(sweeps: &[Swept], path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1280, 1070)).into_drawing_area();
    area.fill(&WHITE)?;
    let (plots, legend) = area.split_vertically(1040);
    let text = "Both axes are logarithmic. Grey: what grows in proportion and ends at the last point. Slopes are those of the last three points.";
    legend.draw(&Text::new(text, (20, 6), ("sans-serif", 14).into_font()))?;
    let panels = plots.split_evenly((MEASURES.len(), sweeps.len()));
    for (row, (name, unit, of)) in MEASURES.into_iter().enumerate() {
        for (column, sweep) in sweeps.iter().enumerate() {
            let values = |p: &Point| (p.value as f64, of(p));
            let points: Vec<(f64, f64)> = sweep.points.iter().map(values).filter(|p| p.1.is_finite()).collect();
            let slope = sweep.slopes.large[row].map_or(String::new(), |slope| format!(", slope {slope:.2}"));
            let caption = format!("{name} by {}{slope}", sweep.name);
            panel(&panels[row * sweeps.len() + column], &caption, [sweep.unit, unit], &points)?;
        }
    }
    area.present()?;
    Ok(())
}

/// Points with their values, the line through them, and the proportional line through the last one.
fn panel(area: &Area<'_>, caption: &str, [x_unit, y_unit]: [&str; 2], points: &[(f64, f64)]) -> Result<()> {
    // Sizes are powers of two, and their exponents are the axis: a tick for each.
    let points: Vec<(f64, f64)> = points.iter().map(|&(x, y)| (x.log2(), y)).collect();
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Ok(()) };
    let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| p.1).fold(0.0, f64::max);
    // Little that grows little is not drawn large, and there is room for the values above their points.
    let middle = (low * high).sqrt();
    let (low, high) = ((low / 1.6).min(middle / 4.0), (high * 2.0).max(middle * 4.0));
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 15))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(34)
        .y_label_area_size(50)
        .build_cartesian_2d(first.0 - 0.4..last.0 + 0.4, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .bold_line_style(BLACK.mix(0.12))
        .x_labels(points.len())
        .x_desc(x_unit)
        .y_desc(y_unit)
        .x_label_formatter(&|x| format!("{:.0}", x.exp2()))
        .y_label_formatter(&|y| number(*y))
        .draw()?;
    // Down to the panel's lower edge, which the proportional line may leave before the first point.
    let start = first.0.max(last.0 + (low / last.1).log2());
    let proportional = [start, last.0].map(|x| (x, last.1 * (x - last.0).exp2()));
    chart.draw_series(LineSeries::new(proportional, BLACK.mix(0.3)))?;
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE))?;
    let style = ("sans-serif", 11).into_font().into_text_style(area).pos(Pos::new(HPos::Center, VPos::Bottom));
    let marked = |&point: &(f64, f64)| {
        let value = Text::new(number(point.1), (0, -6), style.clone());
        EmptyElement::at(point) + Circle::new((0, 0), 3, RED.filled()) + value
    };
    chart.draw_series(points.iter().map(marked))?;
    Ok(())
}

/// Three digits, about.
fn number(y: f64) -> String {
    match y {
        ..10.0 => format!("{y:.1}"),
        ..10_000.0 => format!("{y:.0}"),
        _ => format!("{:.0}k", y / 1e3),
    }
}
