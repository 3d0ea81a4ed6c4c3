//! `out = constant + sum over t of multipliers[t] * in_t`, element by element.

use serde::{Deserialize, Serialize};

use crate::{NodeError, ValueInfo};

/// Sum of equally shaped inputs times public integers, plus a public integer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affine {
    /// One per input.
    pub multipliers: Vec<i64>,
    /// Added to every element.
    pub constant: i64,
}

impl Affine {
    pub(crate) fn infer(&self, inputs: &[&ValueInfo]) -> Result<ValueInfo, NodeError> {
        let shape = inputs.first().map_or([1; 4], |first| first.shape);
        let constant = i128::from(self.constant);
        let (mut low, mut high) = (constant, constant);
        for (input, &multiplier) in inputs.iter().zip(&self.multipliers) {
            if input.shape != shape {
                return Err(NodeError::Shape { expected: shape, found: input.shape });
            }
            let ends = [input.low, input.high].map(|end| i128::from(end) * i128::from(multiplier));
            low += ends[0].min(ends[1]);
            high += ends[0].max(ends[1]);
        }
        ValueInfo::bounded(shape, low, high)
    }

    /// Sums wrap at 64 bits on the way; the bound keeps the true sum within 32, so the result is exact.
    pub(crate) fn run(&self, inputs: &[&[i32]]) -> Vec<i32> {
        let len = inputs.first().map_or(0, |first| first.len());
        let mut sums = vec![self.constant; len];
        for (input, &multiplier) in inputs.iter().zip(&self.multipliers) {
            for (sum, &value) in sums.iter_mut().zip(*input) {
                *sum = sum.wrapping_add(multiplier.wrapping_mul(value.into()));
            }
        }
        sums.into_iter().map(|sum| sum as i32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(low: i64, high: i64) -> ValueInfo {
        ValueInfo { shape: [1, 1, 1, 2], low, high }
    }

    #[test]
    fn bounds_are_reached() {
        let op = Affine { multipliers: vec![3, -2], constant: 5 };
        let out = op.infer(&[&info(-1, 4), &info(0, 10)]).expect("small");
        assert_eq!((out.low, out.high), (5 - 3 - 20, 5 + 12));
        assert_eq!(op.run(&[&[-1, 4], &[10, 0]]), [-18, 17]);
    }

    #[test]
    fn sums_that_leave_64_bits_on_the_way_are_exact() {
        let op = Affine { multipliers: vec![i64::MAX, i64::MAX], constant: 7 };
        assert!(matches!(op.infer(&[&info(2, 2), &info(-2, -2)]), Ok(ValueInfo { low: 7, high: 7, .. })));
        assert_eq!(op.run(&[&[2, 2], &[-2, -2]]), [7, 7]);
        assert!(matches!(op.infer(&[&info(2, 2), &info(-2, -1)]), Err(NodeError::Bound { .. })));
    }

    #[test]
    fn unequal_shapes_are_errors() {
        let other = ValueInfo { shape: [1, 2, 1, 1], low: 0, high: 1 };
        let op = Affine { multipliers: vec![1, 1], constant: 0 };
        assert!(matches!(op.infer(&[&info(0, 1), &other]), Err(NodeError::Shape { .. })));
    }
}
