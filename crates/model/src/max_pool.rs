//! `out[c, y, x] = max over i < kh, j < kw of in[c, sh*y + i - top, sw*x + j - left]`.
//!
//! Places in the padding never win; rows and columns that fill no window are cropped.

use convince_field::WindowAxis;
use serde::{Deserialize, Serialize};

use crate::{NodeError, Shape, ValueInfo};

/// Maximum over windows, which may overlap. The padding is smaller than the window, so that each holds a real place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaxPool {
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// Step between windows, down and across.
    pub stride: [usize; 2],
    /// Places around the input that never win: above, left, below, right; less than the window on each side.
    pub padding: [usize; 4],
}

impl MaxPool {
    /// Square windows of `size` side by side, without padding.
    pub const fn square(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [size; 2], padding: [0; 4] }
    }

    /// Output rows and columns for an input of `rows` and `columns`; `None` if the windows do not fit.
    pub fn output_size(&self, rows: usize, columns: usize) -> Option<[usize; 2]> {
        let [down, across] = self.axes(rows, columns);
        Some([output(&down)?, output(&across)?])
    }

    pub(crate) fn axes(&self, rows: usize, columns: usize) -> [WindowAxis; 2] {
        let (kernel, stride, padding) = (self.kernel, self.stride, self.padding);
        let axis = |k: usize, input| WindowAxis {
            input,
            kernel: kernel[k],
            stride: stride[k],
            padding: [padding[k], padding[k + 2]],
            dilation: 1,
        };
        [axis(0, rows), axis(1, columns)]
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let [batch, channels, rows, columns] = input.shape;
        let size = |(axis, window): (&'static str, WindowAxis)| {
            let WindowAxis { input: size, kernel, stride, padding, .. } = window;
            output(&window).ok_or(NodeError::Window { axis, kernel, stride, padding, size })
        };
        let [down, across] = self.axes(rows, columns);
        let (out_rows, out_columns) = (size(("rows", down))?, size(("columns", across))?);
        Ok(ValueInfo { shape: [batch, channels, out_rows, out_columns], ..*input })
    }

    /// Maxima by input rows: one comparison per output and window place.
    pub(crate) fn run(&self, input: &[i32], shape: Shape) -> Vec<i32> {
        let [batch, channels, rows, columns] = shape;
        let [down, across] = self.axes(rows, columns);
        let [out_rows, out_columns] = self.output_size(rows, columns).unwrap_or([0; 2]);
        let mut out = vec![i32::MIN; batch * channels * out_rows * out_columns];
        let planes = input.chunks_exact(rows * columns);
        for (plane, out) in planes.zip(out.chunks_exact_mut((out_rows * out_columns).max(1))) {
            for (y, maxima) in out.chunks_exact_mut(out_columns).enumerate() {
                for q in (0..self.kernel[0]).filter_map(|i| down.place(y, i)) {
                    raise(&plane[q * columns..][..columns], &across, maxima);
                }
            }
        }
        out
    }
}

/// Number of windows on an axis, if they fit and the padding is smaller than a window.
fn output(axis: &WindowAxis) -> Option<usize> {
    axis.output().filter(|_| axis.padding.iter().all(|&padding| padding < axis.kernel))
}

/// Raises each of `maxima` to the largest value of its window of `row`.
fn raise(row: &[i32], across: &WindowAxis, maxima: &mut [i32]) {
    for j in 0..across.kernel {
        let meeting = across.meeting(j, maxima.len());
        let Some(start) = across.place(meeting.start, j).filter(|_| !meeting.is_empty()) else { continue };
        let (maxima, row) = (&mut maxima[meeting], &row[start..]);
        let each = |(maximum, &v): (&mut i32, &i32)| *maximum = v.max(*maximum);
        match across.stride {
            1 => maxima.iter_mut().zip(row).for_each(each),
            stride => maxima.iter_mut().zip(row.iter().step_by(stride)).for_each(each),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{Requant, reference};

    const POOL: MaxPool = MaxPool::square(2);

    #[test]
    fn odd_last_rows_and_columns_are_cropped() {
        let input = [1, -2, 9, 3, 4, 9, 9, 9, 9, -1, -5, 9, -3, -2, 9, 9, 9, 9];
        let info = ValueInfo { shape: [1, 2, 3, 3], low: -5, high: 9 };
        let out = POOL.infer(&info).expect("supported");
        assert_eq!(out, ValueInfo { shape: [1, 2, 1, 1], ..info });
        assert_eq!(POOL.run(&input, info.shape), [4, -1]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn maxima_equal_the_naive_reference(
            (batch, channels, rows, columns) in (1usize..3, 1usize..3, 1usize..10, 1usize..10),
            (kernel, stride) in ([1usize..6, 1usize..6], [1usize..8, 1usize..8]),
            (padding, seed) in ([0usize..5, 0usize..5, 0usize..5, 0usize..5], 0i32..1000),
        ) {
            let [top, left, bottom, right] = padding;
            let (kh, kw) = (kernel[0] - 1, kernel[1] - 1);
            let op = MaxPool { kernel, stride, padding: [top.min(kh), left.min(kw), bottom.min(kh), right.min(kw)] };
            let info = ValueInfo { shape: [batch, channels, rows, columns], low: i32::MIN.into(), high: -9 };
            let Ok(out) = op.infer(&info) else {
                prop_assert!(op.output_size(rows, columns).is_none());
                return Ok(());
            };
            let value = |i| if (i + seed) % 5 == 0 { i32::MIN } else { -9 - (i * 7919 + seed) % 1000 };
            let input: Vec<i32> = (0..info.num_elements() as i32).map(value).collect();
            let fast = op.run(&input, info.shape);
            prop_assert_eq!(fast.len(), out.num_elements());
            prop_assert_eq!(fast, reference::max_pool(&op, &input, info.shape));
        }

        /// What lets the importer move pooling behind requantisation, and a proof fuse the two.
        #[test]
        fn pooling_commutes_with_monotone_requantisation(
            input in prop::collection::vec(-5000i32..5000, 60),
            (shift, low, steps) in (0u32..8, -40i32..40, prop::collection::vec(0i32..3, 1..60)),
            (has_table, multipliers) in (any::<bool>(), prop::option::of([0i32..20, 0i32..20])),
        ) {
            let high = low + steps.len() as i32 - 1;
            let table = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let multipliers = multipliers.map(|m| Arc::new(m.to_vec()));
            let op = Requant { multipliers, table: has_table.then_some(table), ..Requant::plain(shift, low, high) };
            prop_assert!(op.is_monotone());
            let (shape, pooled) = ([1, 2, 5, 6], [1, 2, 2, 3]);
            prop_assert_eq!(POOL.run(&op.run(&input, shape), shape), op.run(&POOL.run(&input, shape), pooled));
        }
    }

    #[test]
    fn every_window_of_a_plane_is_covered() {
        let input: Vec<i32> = (0..24).collect();
        assert_eq!(POOL.run(&input, [1, 1, 4, 6]), [7, 9, 11, 19, 21, 23]);
    }

    #[test]
    fn the_padding_never_wins() {
        let op = MaxPool { kernel: [3, 2], stride: [2, 1], padding: [1, 1, 1, 0] };
        let out = op.run(&[-4, -3, -9, -2, -8, -7], [1, 1, 3, 2]);
        assert_eq!(out, [-4, -2, -8, -2]);
    }

    #[test]
    fn windows_that_do_not_fit_are_errors() {
        let info = ValueInfo { shape: [1, 1, 4, 5], low: 0, high: 1 };
        let full = MaxPool { kernel: [4, 5], stride: [1; 2], padding: [0; 4] };
        assert_eq!(full.infer(&info).map(|out| out.shape), Ok([1; 4]));
        for (kernel, stride, padding) in [
            ([0, 2], [2; 2], [0; 4]),
            ([2, 2], [2, 0], [0; 4]),
            ([5, 2], [1; 2], [0; 4]),
            ([2, 2], [1; 2], [2, 0, 0, 0]),
            ([3, 2], [1; 2], [0, 0, 0, 2]),
            ([usize::MAX; 2], [1; 2], [usize::MAX - 1; 4]),
        ] {
            let op = MaxPool { kernel, stride, padding };
            assert!(matches!(op.infer(&info), Err(NodeError::Window { .. })), "{op:?}");
            assert_eq!(op.output_size(4, 5), None);
        }
    }
}
