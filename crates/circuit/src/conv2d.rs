use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// Parameters of a convolution with a square stride and equal padding on all sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Distance between output places, both axes.
    pub stride: usize,
    /// Zeros around the input, both axes, both sides.
    pub padding: usize,
}

/// `out[b,co,y,x] = bias[co] + sum over ci,i,j of weight[co,ci,i,j] * in[b,ci,s*y+i-p,s*x+j-p]` (DESIGN section 5).
///
/// A fully connected layer is one whose kernel is the whole plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conv2dLayer {
    /// `[batch, ci, H, W]`.
    pub input: Tensor,
    /// `[co, ci, kh, kw]`.
    pub weight: WireId,
    /// `[co]`.
    pub bias: Option<WireId>,
    /// `[batch, co, Ho, Wo]`, virtual.
    pub output: WireId,
    /// `[batch, ci, H, W]`.
    pub input_shape: [usize; 4],
    /// `[co, ci, kh, kw]`.
    pub weight_shape: [usize; 4],
    /// `[batch, co, Ho, Wo]`.
    pub output_shape: [usize; 4],
    /// Stride and padding.
    pub params: Conv2d,
}

impl Conv2dLayer {
    /// The accumulators. Values must be within the wires' ranges, which keeps every partial sum inside `i32`.
    ///
    /// One pass of multiply-accumulates, the inner loop along a row.
    pub(crate) fn evaluate(&self, input: IntSlice<'_>, weight: IntSlice<'_>, bias: Option<IntSlice<'_>>) -> Vec<i32> {
        let [batch, channels, height, width] = self.input_shape;
        let [co_len, _, kh, kw] = self.weight_shape;
        let [_, _, out_h, out_w] = self.output_shape;
        let Conv2d { stride, padding } = self.params;
        let input: Vec<i32> = input.iter().map(|v| v as i32).collect();
        let weight: Vec<i32> = weight.iter().map(|v| v as i32).collect();
        let mut out = vec![0i32; batch * co_len * out_h * out_w];
        for (plane_index, plane) in out.chunks_exact_mut(out_h * out_w).enumerate() {
            let (b, co) = (plane_index / co_len, plane_index % co_len);
            plane.fill(bias.map_or(0, |bias| bias.get(co) as i32));
            for ci in 0..channels {
                let source = &input[(b * channels + ci) * height * width..][..height * width];
                let kernel = &weight[(co * channels + ci) * kh * kw..][..kh * kw];
                for y in 0..out_h {
                    let target = &mut plane[y * out_w..][..out_w];
                    for i in 0..kh {
                        let Some(qy) = (stride * y + i).checked_sub(padding).filter(|&q| q < height) else { continue };
                        let row = &source[qy * width..][..width];
                        for (j, &w) in kernel[i * kw..][..kw].iter().enumerate() {
                            accumulate_row(target, row, w, j, stride, padding);
                        }
                    }
                }
            }
        }
        out
    }
}

/// `target[x] += w * row[stride * x + j - padding]` where that lies in the row.
fn accumulate_row(target: &mut [i32], row: &[i32], w: i32, j: usize, stride: usize, padding: usize) {
    let first = padding.saturating_sub(j).div_ceil(stride);
    let end = (row.len() + padding).saturating_sub(j).div_ceil(stride).min(target.len());
    if first >= end {
        return;
    }
    let source = row[stride * first + j - padding..].iter().step_by(stride);
    target[first..end].iter_mut().zip(source).for_each(|(t, &v)| *t = t.wrapping_add(w.wrapping_mul(v)));
}
