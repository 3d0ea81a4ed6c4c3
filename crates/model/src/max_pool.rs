//! `out[c, y, x] = max over i < kh, j < kw of in[c, sh*y + i - top, sw*x + j - left]`.
//!
//! Places in the padding never win; rows and columns that fill no window are cropped.

use serde::{Deserialize, Serialize};

use crate::window::WindowAxis;
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
        let [top, left, bottom, right] = self.padding;
        let padded = top.max(bottom) >= self.kernel[0] || left.max(right) >= self.kernel[1];
        let [down, across] = self.axes(rows, columns);
        if padded { None } else { Some([down.output()?, across.output()?]) }
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
        let &Self { kernel, stride, padding } = self;
        let [batch, channels, rows, columns] = input.shape;
        let error = NodeError::Window { kernel, stride, padding, rows, columns };
        let [out_rows, out_columns] = self.output_size(rows, columns).ok_or(error)?;
        Ok(ValueInfo { shape: [batch, channels, out_rows, out_columns], ..*input })
    }

    pub(crate) fn run(&self, input: &[i32], shape: Shape) -> Vec<i32> {
        crate::reference::max_pool(self, input, shape)
    }
}
