//! `out = a * b`, element by element.

use crate::{NodeError, ValueInfo};

pub(crate) fn infer(a: &ValueInfo, b: &ValueInfo) -> Result<ValueInfo, NodeError> {
    if a.shape != b.shape {
        return Err(NodeError::Shape { expected: a.shape, found: b.shape });
    }
    let corners = [a.low, a.high].map(|x| [b.low, b.high].map(|y| i128::from(x) * i128::from(y)));
    let corners = corners.as_flattened();
    let (low, high) = corners.iter().fold((corners[0], corners[0]), |(low, high), &c| (low.min(c), high.max(c)));
    ValueInfo::bounded(a.shape, low, high)
}

/// Products that the bounds keep within 32 bits.
pub(crate) fn run(a: &[i32], b: &[i32]) -> Vec<i32> {
    a.iter().zip(b).map(|(&x, &y)| x.wrapping_mul(y)).collect()
}
