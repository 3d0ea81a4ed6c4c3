//! `out[c, y, x] = max over i, j < window of in[c, s*y + i, s*x + j]`; rows and columns that fill no window are
//! cropped.

use serde::{Deserialize, Serialize};

use crate::{NodeError, Shape, ValueInfo};

/// Maximum over square windows, without padding. Graphs accept 2x2 windows of stride 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxPool {
    /// Rows and columns of a window.
    pub window: usize,
    /// Step between windows, both ways.
    pub stride: usize,
}

impl MaxPool {
    /// Output rows or columns for `size` input rows or columns; 0 if no window fits.
    pub fn output_size(&self, size: usize) -> usize {
        match size.checked_sub(self.window) {
            Some(free) if self.stride > 0 && self.window > 0 => free / self.stride + 1,
            _ => 0,
        }
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let &Self { window, stride } = self;
        let [batch, channels, rows, columns] = input.shape;
        let shape = [batch, channels, self.output_size(rows), self.output_size(columns)];
        if (window, stride) != (2, 2) || shape[2] == 0 || shape[3] == 0 {
            return Err(NodeError::Window { window, stride });
        }
        Ok(ValueInfo { shape, ..*input })
    }

    pub(crate) fn run(&self, input: &[i32], shape: Shape) -> Vec<i32> {
        let [_, channels, rows, columns] = shape;
        let (out_rows, out_columns) = (self.output_size(rows), self.output_size(columns));
        let mut out = vec![i32::MIN; channels * out_rows * out_columns];
        for (row, maxima) in out.chunks_exact_mut(out_columns).enumerate() {
            let (c, y) = (row / out_rows, row % out_rows);
            for i in 0..self.window {
                let start = (c * rows + y * self.stride + i) * columns;
                let line = &input[start..start + columns];
                for (x, maximum) in maxima.iter_mut().enumerate() {
                    let window = &line[x * self.stride..x * self.stride + self.window];
                    *maximum = window.iter().fold(*maximum, |a, &b| a.max(b));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Requant;

    const POOL: MaxPool = MaxPool { window: 2, stride: 2 };

    #[test]
    fn odd_last_rows_and_columns_are_cropped() {
        let input = [1, -2, 9, 3, 4, 9, 9, 9, 9, -1, -5, 9, -3, -2, 9, 9, 9, 9];
        let info = ValueInfo { shape: [1, 2, 3, 3], low: -5, high: 9 };
        let out = POOL.infer(&info).expect("supported");
        assert_eq!(out, ValueInfo { shape: [1, 2, 1, 1], ..info });
        assert_eq!(POOL.run(&input, info.shape), [4, -1]);
    }

    proptest! {
        /// What lets the importer move pooling behind requantisation, and a proof fuse the two.
        #[test]
        fn pooling_commutes_with_non_decreasing_requantisation(
            input in prop::collection::vec(-5000i32..5000, 30),
            (shift, low, steps) in (0u32..8, -40i32..40, prop::collection::vec(0i32..3, 1..60)),
            has_table in any::<bool>(),
        ) {
            let high = low + steps.len() as i32 - 1;
            let table = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let op = Requant { shift, low, high, table: has_table.then_some(table) };
            let shape = [1, 1, 5, 6];
            prop_assert_eq!(POOL.run(&op.run(&input), shape), op.run(&POOL.run(&input, shape)));
        }
    }

    #[test]
    fn every_window_of_a_plane_is_covered() {
        let input: Vec<i32> = (0..24).collect();
        assert_eq!(POOL.run(&input, [1, 1, 4, 6]), [7, 9, 11, 19, 21, 23]);
    }

    #[test]
    fn other_windows_and_small_inputs_are_errors() {
        let info = ValueInfo { shape: [1, 1, 4, 4], low: 0, high: 1 };
        for (window, stride) in [(0, 2), (2, 0), (3, 2), (2, 1), (usize::MAX, 2)] {
            let error = NodeError::Window { window, stride };
            assert_eq!(MaxPool { window, stride }.infer(&info), Err(error));
        }
        assert!(POOL.infer(&ValueInfo { shape: [1, 1, 1, 4], ..info }).is_err());
    }
}
