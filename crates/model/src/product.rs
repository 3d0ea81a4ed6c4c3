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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_corners_and_are_reached() {
        let info = |low, high| ValueInfo { shape: [1, 1, 1, 2], low, high };
        for (a, b) in [((-3, 5), (-7, 2)), ((2, 4), (3, 9)), ((-4, -2), (-6, -1)), ((-1, 8), (0, 0))] {
            let out = infer(&info(a.0, a.1), &info(b.0, b.1)).expect("small");
            let all: Vec<i32> = (a.0..=a.1).flat_map(|x| (b.0..=b.1).map(move |y| (x * y) as i32)).collect();
            let ends = (i64::from(*all.iter().min().unwrap()), i64::from(*all.iter().max().unwrap()));
            assert_eq!((out.low, out.high), ends);
        }
        assert_eq!(run(&[-3, 5], &[2, -7]), [-6, -35]);
    }

    #[test]
    fn other_shapes_and_large_products_are_errors() {
        let (a, b) = (ValueInfo { shape: [1; 4], low: 0, high: 1 }, ValueInfo { shape: [1, 1, 2, 1], low: 0, high: 1 });
        assert!(matches!(infer(&a, &b), Err(NodeError::Shape { .. })));
        let large = ValueInfo { high: 1 << 16, ..a };
        assert!(matches!(infer(&large, &large), Err(NodeError::Bound { high: 4294967296, .. })));
    }
}
