use convince_field::convolution::Convolution;
use convince_field::{IntSlice, WindowAxis};
use serde::{Deserialize, Serialize};

use crate::{Strategy, Tensor, WireId};

/// Parameters of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Distance between output places: rows, columns.
    pub stride: [usize; 2],
    /// Zeros around the input: above, left, below, right.
    pub padding: [usize; 4],
    /// Distance between kernel places: rows, columns.
    pub dilation: [usize; 2],
    /// Input and output channels fall into as many equal runs; each output reads its own run.
    pub groups: usize,
    /// How it is proven.
    pub strategy: Strategy,
}

impl Conv2d {
    /// Stride 1, no padding, no dilation, one group, proven directly.
    pub const PLAIN: Self =
        Self { stride: [1; 2], padding: [0; 4], dilation: [1; 2], groups: 1, strategy: Strategy::Direct };

    /// The same stride on both axes, the same padding on all sides.
    pub const fn square(stride: usize, padding: usize) -> Self {
        Self { stride: [stride; 2], padding: [padding; 4], ..Self::PLAIN }
    }

    /// Every channel for itself, kernels `[channels, 1, kh, kw]`.
    pub const fn depthwise(self, channels: usize) -> Self {
        Self { groups: channels, ..self }
    }

    /// The same convolution, proven by this strategy.
    pub const fn with_strategy(self, strategy: Strategy) -> Self {
        Self { strategy, ..self }
    }

    /// Rows and columns of an input of `[H, W]` under a kernel of `[kh, kw]`.
    pub(crate) fn axes(&self, input: [usize; 2], kernel: [usize; 2]) -> [WindowAxis; 2] {
        [0, 1].map(|k| WindowAxis {
            input: input[k],
            kernel: kernel[k],
            stride: self.stride[k],
            padding: [self.padding[k], self.padding[k + 2]],
            dilation: self.dilation[k],
        })
    }
}

/// `out[b,co,y,x] = bias[co] + sum over ci,i,j of weight[co,ci,i,j] * in[b,g(co)*cg+ci,s*y+d*i-p,s*x+d*j-p]` (DESIGN section 5),
/// with `cg` channels in a group and `g(co)` the group of an output channel.
///
/// A fully connected layer is one whose kernel is the whole plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2dLayer {
    /// `[batch, channels, H, W]`.
    pub input: Tensor,
    /// `[co, cg, kh, kw]`.
    pub weight: WireId,
    /// `[co]`.
    pub bias: Option<WireId>,
    /// `[batch, co, Ho, Wo]`, virtual.
    pub output: WireId,
    /// `[batch, channels, H, W]`.
    pub input_shape: [usize; 4],
    /// `[co, cg, kh, kw]`.
    pub weight_shape: [usize; 4],
    /// `[batch, co, Ho, Wo]`.
    pub output_shape: [usize; 4],
    /// Stride, padding, dilation, groups; the strategy is never [`Strategy::Auto`].
    pub params: Conv2d,
}

impl Conv2dLayer {
    /// How the kernel slides over rows and over columns.
    pub fn axes(&self) -> [WindowAxis; 2] {
        let [_, _, height, width] = self.input_shape;
        let [_, _, kh, kw] = self.weight_shape;
        self.params.axes([height, width], [kh, kw])
    }

    /// The accumulators. Values must be within the wires' ranges, which keeps every partial sum inside `i32`.
    pub(crate) fn evaluate(&self, input: IntSlice<'_>, weight: IntSlice<'_>, bias: Option<IntSlice<'_>>) -> Vec<i32> {
        let Self { input_shape, weight_shape, .. } = *self;
        let shapes = Convolution { input_shape, weight_shape, groups: self.params.groups, axes: self.axes() };
        shapes.accumulate(input, weight, bias)
    }
}
