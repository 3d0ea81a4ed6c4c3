//! `out[o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] * in[g(o) + c, sh*y + dh*i - top, sw*x + dw*j - left]`
//!
//! with `g(o)` the first input channel of the group of `o`. Terms whose row or column lies outside the input are dropped.
//! Output sizes are `floor((n + padding - dilation * (k - 1) - 1) / stride) + 1`.

use std::sync::Arc;

use convince_field::{Bits, Ints};
use serde::{Deserialize, Serialize};

use crate::dot::check_layer;
use crate::graph::checked_len;
use crate::window::WindowAxis;
use crate::{NodeError, ValueInfo};

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
        let [co, group_channels, kernel_rows, kernel_columns] = self.weight_shape;
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
        let Some([out_rows, out_columns]) = self.output_size(rows, columns) else {
            let (stride, padding, dilation) = (self.stride, self.padding, self.dilation);
            let kernel = [kernel_rows, kernel_columns];
            return Err(NodeError::Kernel { kernel, stride, padding, dilation, rows, columns });
        };
        let (weight, bias) = ((&*self.weight, self.weight_bits), (&self.bias, self.bias_bits));
        let (low, high) = check_layer(weight, bias, (co, self.taps()), (input.low, input.high))?;
        ValueInfo::bounded([batch, co, out_rows, out_columns], low, high)
    }

    /// Accumulators for an input described by `info`.
    pub(crate) fn run(&self, input: &[i32], info: &ValueInfo) -> Vec<i32> {
        crate::reference::conv2d(self, input, info.shape).into_iter().map(|sum| sum as i32).collect()
    }
}
