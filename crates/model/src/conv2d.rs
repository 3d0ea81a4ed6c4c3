//! `out[o, y, x] = bias[o] + sum over c, i, j of weight[o, c, i, j] * in[c, s*y + i - p, s*x + j - p]`
//!
//! Terms whose row or column lies outside the input are dropped. Output sizes are `floor((n + 2p - k) / s) + 1`.

use std::sync::Arc;

use convince_field::{Bits, Ints};
use serde::{Deserialize, Serialize};

use crate::graph::checked_len;
use crate::linear::{bias_at, check_layer, fits_i16, products};
use crate::{NodeError, Shape, ValueInfo};

/// Two-dimensional convolution (cross-correlation, as networks define it) with a square kernel and zero padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    /// Weights, row-major.
    pub weight: Arc<Ints>,
    /// `[out channels, in channels, kernel rows, kernel columns]`, the last two equal.
    pub weight_shape: [usize; 4],
    /// Declared format of the weights.
    pub weight_bits: Bits,
    /// One bias per output channel.
    pub bias: Option<Arc<Ints>>,
    /// Declared format of the biases; without meaning if there are none.
    pub bias_bits: Bits,
    /// Step between windows, both ways.
    pub stride: usize,
    /// Zeros around the input on each side; less than the kernel size.
    pub padding: usize,
}

/// Most elements of window copies at a time, unless one window has more: 64 KiB of `i16`.
const PATCH_LEN: usize = 1 << 15;

impl Conv2d {
    /// Number of weights that meet in one accumulator.
    pub fn taps(&self) -> usize {
        self.weight_shape[1..].iter().product()
    }

    /// Output rows or columns for `size` input rows or columns; 0 if the kernel does not fit.
    pub fn output_size(&self, size: usize) -> usize {
        let padded = self.padding.checked_mul(2).and_then(|p| p.checked_add(size)).unwrap_or(0);
        match padded.checked_sub(self.weight_shape[2]) {
            Some(free) if self.stride > 0 => free / self.stride + 1,
            _ => 0,
        }
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let [co, ci, kernel, kernel_columns] = self.weight_shape;
        let [_, channels, rows, columns] = input.shape;
        if checked_len(&self.weight_shape).is_none() || kernel != kernel_columns {
            return Err(NodeError::WeightShape(self.weight_shape.to_vec()));
        }
        if ci != channels {
            return Err(NodeError::Shape { expected: [1, ci, 0, 0], found: input.shape });
        }
        let shape = [1, co, self.output_size(rows), self.output_size(columns)];
        if self.padding >= kernel || shape[2] == 0 || shape[3] == 0 {
            let (stride, padding) = (self.stride, self.padding);
            return Err(NodeError::Kernel { kernel, stride, padding, rows, columns });
        }
        let (weight, bias) = ((&*self.weight, self.weight_bits), (&self.bias, self.bias_bits));
        let (low, high) = check_layer(weight, bias, (co, self.taps()), (input.low, input.high))?;
        ValueInfo::bounded(shape, low, high)
    }

    /// Accumulators for an input described by `info`. One multiply-accumulate per output and tap, 16-bit where it fits.
    pub(crate) fn run(&self, input: &[i32], info: &ValueInfo) -> Vec<i32> {
        match fits_i16(info.low, info.high) {
            true => self.accumulate(input, info.shape, |v| v as i16),
            false => self.accumulate(input, info.shape, |v| v),
        }
    }

    /// Windows of one output row are copied side by side, so that every accumulator is a dot product of contiguous runs
    /// and the copies, which stay in the cache, are shared by all output channels.
    fn accumulate<X: Copy + Default + Into<i32>>(
        &self,
        input: &[i32],
        shape: Shape,
        to: impl Fn(i32) -> X,
    ) -> Vec<i32> {
        let [co, ci, kernel, _] = self.weight_shape;
        let (out_rows, out_columns) = (self.output_size(shape[2]), self.output_size(shape[3]));
        let (rows, columns) = (shape[2] + 2 * self.padding, shape[3] + 2 * self.padding);
        let padded = self.pad(input, shape, to);
        let mut out = vec![0; co * out_rows * out_columns];
        let block = (PATCH_LEN / self.taps()).clamp(1, out_columns);
        let mut patches = Vec::with_capacity(block * self.taps());
        for (y, first) in (0..out_rows).flat_map(|y| (0..out_columns).step_by(block).map(move |first| (y, first))) {
            patches.clear();
            for x in first..out_columns.min(first + block) {
                for c in 0..ci {
                    for i in 0..kernel {
                        let start = (c * rows + y * self.stride + i) * columns + x * self.stride;
                        patches.extend_from_slice(&padded[start..start + kernel]);
                    }
                }
            }
            products(self.weight.as_slice(), &patches, self.taps(), |o, x, sum| {
                out[(o * out_rows + y) * out_columns + first + x] = sum.wrapping_add(bias_at(&self.bias, o));
            });
        }
        out
    }

    /// The input with its zero padding, each value through `to`.
    fn pad<X: Copy + Default>(&self, input: &[i32], [_, ci, rows, columns]: Shape, to: impl Fn(i32) -> X) -> Vec<X> {
        let p = self.padding;
        let mut padded = vec![X::default(); ci * (rows + 2 * p) * (columns + 2 * p)];
        for (row, values) in input.chunks_exact(columns).enumerate() {
            let (c, y) = (row / rows, row % rows);
            let start = (c * (rows + 2 * p) + y + p) * (columns + 2 * p) + p;
            for (slot, &value) in padded[start..start + columns].iter_mut().zip(values) {
                *slot = to(value);
            }
        }
        padded
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reference;

    fn conv(weight_shape: [usize; 4], stride: usize, padding: usize, seed: i64) -> Conv2d {
        let len = weight_shape.iter().product::<usize>() as i64;
        let weights: Vec<i64> = (0..len).map(|i| (i * 37 + seed) % 256 - 128).collect();
        let biases: Vec<i64> = (0..weight_shape[0] as i64).map(|i| (i * 977 + seed) % 4096 - 2048).collect();
        Conv2d {
            weight: Arc::new(Ints::pack(Bits::I8, &weights).expect("in range")),
            weight_shape,
            weight_bits: Bits::I8,
            bias: (seed % 2 == 0).then(|| Arc::new(Ints::pack(Bits::signed(13), &biases).expect("in range"))),
            bias_bits: Bits::signed(13),
            stride,
            padding,
        }
    }

    proptest! {
        #[test]
        fn convolution_equals_the_naive_reference(
            (co, ci, kernel) in (1usize..4, 1usize..4, 1usize..6),
            (rows, columns) in (1usize..10, 1usize..10),
            (stride, padding) in (1usize..4, 0usize..5),
            (wide, seed) in (any::<bool>(), 0i64..1000),
        ) {
            let op = conv([co, ci, kernel, kernel], stride, padding, seed);
            let bits = if wide { Bits::signed(17) } else { Bits::U8 };
            let info = ValueInfo { shape: [1, ci, rows, columns], low: bits.low(), high: bits.high() };
            let len = info.num_elements() as i64;
            let value = |i| (bits.low() + (i * 7919 + seed) % (1 << bits.width)) as i32;
            let input: Vec<i32> = (0..len).map(value).collect();
            let Ok(out) = op.infer(&info) else {
                prop_assert!(padding >= kernel || kernel > rows.min(columns) + 2 * padding);
                return Ok(());
            };
            let fast = op.run(&input, &info);
            prop_assert_eq!(fast.len(), out.num_elements());
            prop_assert!(fast.iter().all(|&v| (out.low..=out.high).contains(&v.into())));
            let slow = reference::conv2d(&op, &input, info.shape);
            prop_assert_eq!(fast.iter().map(|&v| i64::from(v)).collect::<Vec<_>>(), slow);
        }
    }

    #[test]
    fn kernels_that_do_not_fit_are_errors() {
        let info = ValueInfo { shape: [1, 2, 4, 4], low: 0, high: 255 };
        let infer = |shape, stride, padding| conv(shape, stride, padding, 1).infer(&info);
        assert!(matches!(infer([1, 2, 5, 5], 1, 0), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([1, 2, 3, 3], 0, 0), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([1, 2, 3, 3], 1, 3), Err(NodeError::Kernel { .. })));
        assert!(matches!(infer([1, 2, 3, 2], 1, 0), Err(NodeError::WeightShape(_))));
        assert!(matches!(infer([0, 2, 3, 3], 1, 0), Err(NodeError::WeightShape(_))));
        assert!(matches!(infer([1, 3, 3, 3], 1, 0), Err(NodeError::Shape { .. })));
        let huge = Conv2d { padding: usize::MAX, ..conv([1, 2, 3, 3], 1, 0, 1) };
        assert!(matches!(huge.infer(&info), Err(NodeError::Kernel { .. })));
    }

    #[test]
    fn accumulators_beyond_32_bits_are_errors() {
        let op = Conv2d { weight_bits: Bits::signed(16), ..conv([1, 2, 3, 3], 1, 0, 1) };
        let info = ValueInfo { shape: [1, 2, 4, 4], low: 0, high: 1 << 16 };
        assert!(matches!(op.infer(&info), Err(NodeError::Bound { .. })));
    }
}
