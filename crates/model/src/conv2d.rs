//! `out[o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] in[g(o) + c, sh*y + dh*i - top, sw*x + dw*j - left]`
//!
//! with `g(o)` the first input channel of the group of `o`. Terms whose row or column lies outside the input are
//! dropped. Output sizes are `floor((n + padding - dilation * (k - 1) - 1) / stride) + 1`.

use std::sync::Arc;

use convince_field::{Bits, Ints, WindowAxis};
use serde::{Deserialize, Serialize};

use crate::dot::check_layer;
use crate::graph::checked_len;
use crate::{NodeError, ValueInfo};

mod run;

/// Two-dimensional convolution (cross-correlation, as networks define it) with zero padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Weights, row-major.
    pub weight: Arc<Ints>,
    /// `[out channels, in channels / groups, kernel rows, kernel columns]`.
    pub weight_shape: [usize; 4],
    /// Declared format of the weights.
    pub weight_bits: Bits,
    /// One bias per output channel.
    pub bias: Option<Arc<Ints>>,
    /// Declared format of the biases; without meaning if there are none.
    pub bias_bits: Bits,
    /// Steps between windows, down and across.
    pub stride: [usize; 2],
    /// Zeros around the input: above, left, below, right. May be more than the kernel.
    pub padding: [usize; 4],
    /// Steps between kernel places, down and across.
    pub dilation: [usize; 2],
    /// Runs of equal length into which input and output channels fall; an output sees its own run alone.
    pub groups: usize,
}

impl Conv2d {
    /// A layer without bias, of stride 1, without padding, dilation and groups.
    pub fn new(weight: Arc<Ints>, weight_shape: [usize; 4], weight_bits: Bits) -> Self {
        Self {
            weight,
            weight_shape,
            weight_bits,
            bias: None,
            bias_bits: Bits::I8,
            stride: [1; 2],
            padding: [0; 4],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// The layer with one bias per output channel.
    #[must_use]
    pub fn with_bias(self, bias: Arc<Ints>, bias_bits: Bits) -> Self {
        Self { bias: Some(bias), bias_bits, ..self }
    }

    /// The layer with one stride for both ways and one padding for all sides.
    #[must_use]
    pub fn with_window(self, stride: usize, padding: usize) -> Self {
        Self { stride: [stride; 2], padding: [padding; 4], ..self }
    }

    /// Number of weights that meet in one accumulator.
    pub fn taps(&self) -> usize {
        self.weight_shape[1..].iter().product()
    }

    /// Output rows and columns for an input of `rows` and `columns`; `None` if the kernel does not fit.
    pub fn output_size(&self, rows: usize, columns: usize) -> Option<[usize; 2]> {
        let [down, across] = self.axes(rows, columns);
        Some([down.output()?, across.output()?])
    }

    pub(crate) fn axes(&self, rows: usize, columns: usize) -> [WindowAxis; 2] {
        let axis = |k: usize, input| WindowAxis {
            input,
            kernel: self.weight_shape[k + 2],
            stride: self.stride[k],
            padding: [self.padding[k], self.padding[k + 2]],
            dilation: self.dilation[k],
        };
        [axis(0, rows), axis(1, columns)]
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let [co, group_channels, ..] = self.weight_shape;
        let [batch, channels, rows, columns] = input.shape;
        if checked_len(&self.weight_shape).is_none() {
            return Err(NodeError::WeightShape(self.weight_shape.to_vec()));
        }
        if self.groups == 0 || !co.is_multiple_of(self.groups) || !channels.is_multiple_of(self.groups) {
            return Err(NodeError::Groups { groups: self.groups, inputs: channels, outputs: co });
        }
        if group_channels != channels / self.groups {
            let expected = [batch, group_channels.saturating_mul(self.groups), 0, 0];
            return Err(NodeError::Shape { expected, found: input.shape });
        }
        let size = |(axis, window): (&'static str, WindowAxis)| {
            let WindowAxis { input: size, kernel, stride, padding, dilation } = window;
            window.output().ok_or(NodeError::Kernel { axis, kernel, stride, padding, dilation, size })
        };
        let [down, across] = self.axes(rows, columns);
        let (out_rows, out_columns) = (size(("rows", down))?, size(("columns", across))?);
        let (weight, bias) = ((&*self.weight, self.weight_bits), (&self.bias, self.bias_bits));
        let (low, high) = check_layer(weight, bias, (co, self.taps()), (input.low, input.high))?;
        ValueInfo::bounded([batch, co, out_rows, out_columns], low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conv(weight_shape: [usize; 4], stride: usize, padding: usize) -> Conv2d {
        let len = weight_shape.iter().product();
        Conv2d::new(Arc::new(Ints::I8(vec![1; len])), weight_shape, Bits::I8).with_window(stride, padding)
    }

    const INFO: ValueInfo = ValueInfo { shape: [3, 2, 4, 4], low: 0, high: 255 };

    #[test]
    fn kernels_that_do_not_fit_are_errors() {
        let infer = |shape, stride, padding| conv(shape, stride, padding).infer(&INFO);
        assert!(matches!(infer([1, 2, 5, 5], 1, 0), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([1, 2, 3, 5], 1, 0), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([1, 2, 3, 3], 0, 0), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([0, 2, 3, 3], 1, 0), Err(NodeError::WeightShape(_))));
        assert!(matches!(infer([1, 3, 3, 3], 1, 0), Err(NodeError::Shape { .. })));
        let spread = |dilation| Conv2d { dilation, ..conv([1, 2, 2, 2], 1, 0) }.infer(&INFO);
        assert_eq!(spread([3, 1]).map(|out| out.shape), Ok([3, 1, 1, 3]));
        for dilation in [[4, 1], [1, 0], [usize::MAX, 1]] {
            assert!(matches!(spread(dilation), Err(NodeError::Kernel { .. })), "{dilation:?}");
        }
        for padding in [[usize::MAX, 0, 0, 0], [0, 0, 0, usize::MAX], [usize::MAX / 2; 4]] {
            let huge = Conv2d { padding, ..conv([1, 2, 3, 3], 1, 0) };
            assert!(matches!(huge.infer(&INFO), Err(NodeError::Kernel { .. })), "{padding:?}");
        }
    }

    #[test]
    fn groups_divide_the_channels() {
        let grouped = |weight_shape, groups| Conv2d { groups, ..conv(weight_shape, 1, 0) }.infer(&INFO);
        assert_eq!(grouped([4, 1, 3, 1], 2).map(|out| out.shape), Ok([3, 4, 2, 4]));
        for groups in [0, 3, 4, usize::MAX] {
            assert!(matches!(grouped([4, 1, 3, 3], groups), Err(NodeError::Groups { .. })), "{groups}");
        }
        assert!(matches!(grouped([3, 1, 3, 3], 2), Err(NodeError::Groups { .. })));
        assert!(matches!(grouped([4, 2, 3, 3], 2), Err(NodeError::Shape { expected: [3, 4, 0, 0], .. })));
    }

    #[test]
    fn accumulators_beyond_32_bits_are_errors() {
        let op = Conv2d { weight_bits: Bits::signed(16), ..conv([1, 2, 3, 3], 1, 0) };
        let info = ValueInfo { high: 1 << 16, ..INFO };
        assert!(matches!(op.infer(&info), Err(NodeError::Bound { .. })));
    }
}
