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

/// Integers of window copies at a time: 64 KiB of `i16`, which stay in the second-level cache while all output channels
/// pass over them.
const PATCH_LEN: usize = 1 << 15;

impl Conv2dLayer {
    /// How the kernel slides over rows and over columns.
    pub fn axes(&self) -> [WindowAxis; 2] {
        let [_, _, height, width] = self.input_shape;
        let [_, _, kh, kw] = self.weight_shape;
        self.params.axes([height, width], [kh, kw])
    }

    /// The accumulators. Values must be within the wires' ranges, which keeps every partial sum inside `i32`.
    ///
    /// One multiply-accumulate an output and tap, on 16-bit copies where values are that narrow.
    pub(crate) fn evaluate(&self, input: IntSlice<'_>, weight: IntSlice<'_>, bias: Option<IntSlice<'_>>) -> Vec<i32> {
        let narrow = |values: IntSlice<'_>| match values {
            IntSlice::I32(v) => v.iter().all(|&v| i16::try_from(v).is_ok()),
            _ => true,
        };
        if narrow(input) && narrow(weight) {
            self.accumulate(&input.map(|v| v as i16), &weight.map(|v| v as i16), bias, dots::<i16>)
        } else {
            self.accumulate(&input.map(|v| v as i32), &weight.map(|v| v as i32), bias, dots::<i32>)
        }
    }

    fn accumulate<T: Copy + Default>(
        &self,
        input: &[T],
        weight: &[T],
        bias: Option<IntSlice<'_>>,
        dots: impl Fn(&[T], &[T], usize, &mut dyn FnMut(usize, usize, i32)),
    ) -> Vec<i32> {
        let [batch, channels, height, width] = self.input_shape;
        let [co, group_channels, kh, kw] = self.weight_shape;
        let [_, _, out_h, out_w] = self.output_shape;
        let (places, taps, groups) = (out_h * out_w, group_channels * kh * kw, self.params.groups);
        let block = (PATCH_LEN / taps).clamp(1, places);
        let mut out = vec![0i32; batch * co * places];
        let mut patches = Vec::new();
        for (b, g) in (0..batch).flat_map(|b| (0..groups).map(move |g| (b, g))) {
            let planes =
                &input[(b * channels + g * group_channels) * height * width..][..group_channels * height * width];
            let weights = &weight[g * (co / groups) * taps..][..co / groups * taps];
            for first in (0..places).step_by(block) {
                let end = places.min(first + block);
                self.copy_windows(planes, first..end, &mut patches);
                dots(weights, &patches, taps, &mut |row, place, sum| {
                    let o = g * (co / groups) + row;
                    let start = bias.map_or(0, |bias| bias.get(o) as i32);
                    out[(b * co + o) * places + first + place] = start.wrapping_add(sum);
                });
            }
        }
        out
    }

    /// The windows of output places `places`, each a contiguous run of taps; zeros for what lies in the padding.
    fn copy_windows<T: Copy + Default>(&self, planes: &[T], places: std::ops::Range<usize>, patches: &mut Vec<T>) {
        let [_, group_channels, kh, kw] = self.weight_shape;
        let [rows, columns] = self.axes();
        let out_w = self.output_shape[3];
        patches.clear();
        for place in places {
            let (y, x) = (place / out_w, place % out_w);
            // A run of neighbouring columns that lies inside the row is copied as one.
            let inside = columns.dilation == 1 && columns.place(x, 0).is_some() && columns.place(x, kw - 1).is_some();
            for plane in planes.chunks_exact(rows.input * columns.input).take(group_channels) {
                for i in 0..kh {
                    match rows.place(y, i).map(|q| &plane[q * columns.input..][..columns.input]) {
                        None => patches.resize(patches.len() + kw, T::default()),
                        Some(row) if inside => {
                            let start = columns.stride * x - columns.padding[0];
                            patches.extend_from_slice(&row[start..start + kw]);
                        }
                        Some(row) => {
                            let value = |j| columns.place(x, j).map_or(T::default(), |q| row[q]);
                            patches.extend((0..kw).map(value));
                        }
                    }
                }
            }
        }
    }
}

/// Hands `each` every dot product of a row of weights with a window, four rows at a time so that a window is read once for
/// four. Sums wrap, which the wires' ranges exclude; wrapping sums are vectorised in every build profile.
fn dots<T: Copy + Into<i32>>(weights: &[T], patches: &[T], taps: usize, each: &mut dyn FnMut(usize, usize, i32)) {
    let product = |w: T, x: T| w.into().wrapping_mul(x.into());
    let mut blocks = weights.chunks_exact(4 * taps);
    for (k, block) in blocks.by_ref().enumerate() {
        let (a, rest) = block.split_at(taps);
        let (b, rest) = rest.split_at(taps);
        let (c, d) = rest.split_at(taps);
        for (place, patch) in patches.chunks_exact(taps).enumerate() {
            let mut sums = [0i32; 4];
            for ((((&x, &a), &b), &c), &d) in patch.iter().zip(a).zip(b).zip(c).zip(d) {
                for (sum, w) in sums.iter_mut().zip([a, b, c, d]) {
                    *sum = sum.wrapping_add(product(w, x));
                }
            }
            sums.iter().enumerate().for_each(|(i, &sum)| each(4 * k + i, place, sum));
        }
    }
    let first = weights.len() / taps / 4 * 4;
    for (row, weights) in blocks.remainder().chunks_exact(taps).enumerate() {
        for (place, patch) in patches.chunks_exact(taps).enumerate() {
            let products = weights.iter().zip(patch).map(|(&w, &x)| product(w, x));
            each(first + row, place, products.fold(0, i32::wrapping_add));
        }
    }
}
