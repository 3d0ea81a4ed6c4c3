//! Slopes of logarithms over logarithms: 1 is proportional, 0 does not grow.

use std::fmt;

use serde::Serialize;

use crate::Point;

/// Name, unit, and where it stands in a point.
type Measure = (&'static str, &'static str, fn(&Point) -> f64);

/// What is measured of a proof.
pub(crate) const MEASURES: [Measure; 4] = [
    ("prover time", "ms", |p| p.measured.prove.median_ms),
    ("verifier time", "ms", |p| p.measured.verify.median_ms),
    ("proof size", "KB", |p| p.measured.proof_bytes as f64 / 1024.0),
    ("prover's memory", "MB", |p| p.measured.peak_bytes.map_or(f64::NAN, |bytes| bytes as f64 / 1e6)),
];

/// In the order of [`MEASURES`]; nothing where a measure is missing or there is one point.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Slopes {
    /// Of all points.
    pub(crate) all: [Option<f64>; 4],
    /// Of the three largest: what fixed costs hide less.
    pub(crate) large: [Option<f64>; 4],
}

impl Slopes {
    pub(crate) fn of(points: &[Point]) -> Self {
        let large = &points[points.len().saturating_sub(3)..];
        let each = |points: &[Point]| {
            MEASURES.map(|(_, _, of)| {
                let points: Vec<(f64, f64)> = points.iter().map(|p| ((p.value as f64).ln(), of(p).ln())).collect();
                Some((slope(&points) * 100.0).round() / 100.0).filter(|slope| slope.is_finite())
            })
        };
        Self { all: each(points), large: each(large) }
    }
}

impl fmt::Display for Slopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, (name, _, _)) in MEASURES.iter().enumerate() {
            let [all, large] = [self.all, self.large].map(|slopes| slopes[k].unwrap_or(f64::NAN));
            write!(f, "{}{name} {all:.2}, at the end {large:.2}", if k > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// Of the straight line with the least squares of errors.
fn slope(points: &[(f64, f64)]) -> f64 {
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / points.len() as f64;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    sum(&|p| (p.0 - x) * (p.1 - y)) / sum(&|p| (p.0 - x) * (p.0 - x))
}
