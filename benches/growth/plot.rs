//! One drawing of all sweeps: a column a sweep, a row a measure, both axes logarithmic.

use std::path::Path;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::slope::MEASURES;
use crate::{Point, Swept};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(crate) fn draw(sweeps: &[Swept], path: &Path) -> Result<()> {
    let area = SVGBackend::new(path, (1280, 1040)).into_drawing_area();
    area.fill(&WHITE)?;
    let panels = area.split_evenly((MEASURES.len(), sweeps.len()));
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

/// Points, the line through them, and the proportional line through the last one.
fn panel(area: &Area<'_>, caption: &str, [x_unit, y_unit]: [&str; 2], points: &[(f64, f64)]) -> Result<()> {
    let (Some(&first), Some(&last)) = (points.first(), points.last()) else { return Ok(()) };
    let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|p| p.1).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 15))
        .margin(8)
        .margin_right(16)
        .x_label_area_size(34)
        .y_label_area_size(50)
        .build_cartesian_2d((first.0 / 1.3..last.0 * 1.3).log_scale(), (low / 1.6..high * 1.6).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(BLACK.mix(0.05))
        .bold_line_style(BLACK.mix(0.12))
        .x_desc(x_unit)
        .y_desc(y_unit)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| if *y < 10.0 { format!("{y:.1}") } else { format!("{y:.0}") })
        .draw()?;
    // Down to the panel's lower edge, which the proportional line may leave before the first point.
    let start = first.0.max(last.0 * low / 1.6 / last.1);
    let proportional = [start, last.0].map(|x| (x, last.1 * x / last.0));
    chart.draw_series(LineSeries::new(proportional, BLACK.mix(0.3)))?;
    chart.draw_series(LineSeries::new(points.iter().copied(), BLUE))?;
    chart.draw_series(points.iter().map(|&point| Circle::new(point, 3, RED.filled())))?;
    Ok(())
}
