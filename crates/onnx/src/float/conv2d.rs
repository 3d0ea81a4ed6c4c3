use std::ops::Range;

use convince_model::Shape;

use super::gemm::dot;
use super::{Floats, Steps};

/// Two-dimensional convolution with zero padding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatConv2d {
    pub(crate) weight: Floats,
    /// `[out channels, in channels / groups, kernel rows, kernel columns]`.
    pub(crate) weight_shape: [usize; 4],
    pub(crate) bias: Option<Floats>,
    /// Of rows and of columns.
    pub(crate) stride: [usize; 2],
    /// Top, left, bottom, right.
    pub(crate) padding: [usize; 4],
    /// Of rows and of columns.
    pub(crate) dilation: [usize; 2],
    pub(crate) groups: usize,
    /// Of a network that is quantised already.
    pub(crate) steps: Option<Steps>,
}

/// Output places whose patches are gathered at a time: patches and a weight row stay in the cache.
const BLOCK: usize = 64;

impl FloatConv2d {
    /// A convolution without padding, with steps of 1.
    pub(crate) fn plain(weight: Floats, weight_shape: [usize; 4], bias: Option<Floats>, groups: usize) -> Self {
        let (stride, padding, dilation) = ([1; 2], [0; 4], [1; 2]);
        Self { weight, weight_shape, bias, stride, padding, dilation, groups, steps: None }
    }

    pub(super) fn run(&self, input: &[f32], shape: Shape, out_shape: Shape) -> Vec<f32> {
        // A dot product of few terms costs more to set up than it takes.
        match self.weight_shape[1..].iter().product::<usize>() < 16 && out_shape[3] >= 8 {
            true => self.by_taps(input, shape, out_shape),
            false => self.by_patches(input, shape, out_shape),
        }
    }

    /// Tap by tap: each adds a multiple of input rows to output rows.
    fn by_taps(&self, input: &[f32], [_, _, rows, columns]: Shape, [_, co, out_rows, out_columns]: Shape) -> Vec<f32> {
        let [_, ci, kernel_rows, kernel_columns] = self.weight_shape;
        let [row_stride, column_stride] = self.stride;
        let mut out = vec![0.0; co * out_rows * out_columns];
        for (o, plane) in out.chunks_exact_mut(out_rows * out_columns).enumerate() {
            plane.fill(self.bias.as_ref().map_or(0.0, |bias| bias[o]));
            let first = o / (co / self.groups) * ci;
            for tap in 0..ci * kernel_rows * kernel_columns {
                let (c, i) = (tap / (kernel_rows * kernel_columns), tap / kernel_columns % kernel_rows);
                let (i, j) = (i * self.dilation[0], tap % kernel_columns * self.dilation[1]);
                let weight = self.weight[o * ci * kernel_rows * kernel_columns + tap];
                let places = self.places(1, j, columns, out_columns);
                if places.is_empty() {
                    continue;
                }
                for y in self.places(0, i, rows, out_rows) {
                    let line = ((first + c) * rows + y * row_stride + i - self.padding[0]) * columns;
                    let line = &input[line..][..columns][places.start * column_stride + j - self.padding[1]..];
                    add_multiple(&mut plane[y * out_columns..][places.clone()], weight, line, column_stride);
                }
            }
        }
        out
    }

    /// Patches of the input as rows of a matrix, some at a time, times the weights.
    fn by_patches(&self, input: &[f32], shape: Shape, out_shape: Shape) -> Vec<f32> {
        let [co, ci, kernel_rows, kernel_columns] = self.weight_shape;
        let (taps, rows) = (ci * kernel_rows * kernel_columns, co / self.groups);
        let places = out_shape[2] * out_shape[3];
        let mut out = vec![0.0; co * places];
        let mut patches = vec![0.0; BLOCK.min(places) * taps];
        for group in 0..self.groups {
            for start in (0..places).step_by(BLOCK) {
                let block = start..(start + BLOCK).min(places);
                let patches = &mut patches[..block.len() * taps];
                for (patch, place) in patches.chunks_exact_mut(taps).zip(block.clone()) {
                    self.gather(input, shape, group * ci, [place / out_shape[3], place % out_shape[3]], patch);
                }
                for o in group * rows..(group + 1) * rows {
                    let bias = self.bias.as_ref().map_or(0.0, |bias| bias[o]);
                    let (sums, weights) = (&mut out[o * places..][block.clone()], &self.weight[o * taps..][..taps]);
                    sums.iter_mut().zip(patches.chunks_exact(taps)).for_each(|(s, p)| *s = bias + dot(weights, p));
                }
            }
        }
        out
    }

    /// The values under the kernel at output place `[y, x]`, channels from `first` on.
    fn gather(&self, input: &[f32], [_, _, rows, columns]: Shape, first: usize, at: [usize; 2], patch: &mut [f32]) {
        let [_, ci, kernel_rows, kernel_columns] = self.weight_shape;
        let place = |axis: usize, tap: usize, size: usize| {
            let padded = at[axis] * self.stride[axis] + tap * self.dilation[axis];
            padded.checked_sub(self.padding[axis]).filter(|&place| place < size)
        };
        let mut lines = patch.chunks_exact_mut(kernel_columns);
        for (c, i) in (0..ci).flat_map(|c| (0..kernel_rows).map(move |i| (c, i))) {
            let Some(line) = lines.next() else { return };
            let Some(y) = place(0, i, rows) else {
                line.fill(0.0);
                continue;
            };
            let source = &input[((first + c) * rows + y) * columns..][..columns];
            for (j, value) in line.iter_mut().enumerate() {
                *value = place(1, j, columns).map_or(0.0, |x| source[x]);
            }
        }
    }

    /// Output places at which a tap `offset` places into the kernel meets one of `size` inputs; may be empty.
    fn places(&self, axis: usize, offset: usize, size: usize, out_size: usize) -> Range<usize> {
        let (padding, stride) = (self.padding[axis], self.stride[axis]);
        let start = padding.saturating_sub(offset).div_ceil(stride);
        let end = (size + padding).saturating_sub(offset).div_ceil(stride).min(out_size);
        start..end
    }
}

fn add_multiple(sums: &mut [f32], weight: f32, line: &[f32], stride: usize) {
    // A plain zip is vectorised, one with steps is not.
    match stride {
        1 => sums.iter_mut().zip(line).for_each(|(sum, &value)| *sum += weight * value),
        _ => sums.iter_mut().zip(line.iter().step_by(stride)).for_each(|(sum, &value)| *sum += weight * value),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// Output rows (`axis` 0) or columns (`axis` 1) for `size` input ones; `None` if the kernel does not fit.
    fn output_size(op: &FloatConv2d, axis: usize, size: usize) -> Option<usize> {
        let extent = (op.weight_shape[2 + axis] - 1) * op.dilation[axis] + 1;
        let padded = size + op.padding[axis] + op.padding[2 + axis];
        Some(padded.checked_sub(extent)? / op.stride[axis] + 1)
    }

    /// The formula, one term at a time.
    fn reference(op: &FloatConv2d, input: &[f32], shape: Shape, [_, co, out_rows, out_columns]: Shape) -> Vec<f32> {
        let [_, ci, kernel_rows, kernel_columns] = op.weight_shape;
        let mut out = Vec::new();
        for (o, y) in (0..co).flat_map(|o| (0..out_rows).map(move |y| (o, y))) {
            for x in 0..out_columns {
                let mut sum = op.bias.as_ref().map_or(0.0, |bias| bias[o]);
                for (c, i) in (0..ci).flat_map(|c| (0..kernel_rows).map(move |i| (c, i))) {
                    for j in 0..kernel_columns {
                        let row = (y * op.stride[0] + i * op.dilation[0]).wrapping_sub(op.padding[0]);
                        let column = (x * op.stride[1] + j * op.dilation[1]).wrapping_sub(op.padding[1]);
                        if row < shape[2] && column < shape[3] {
                            let channel = o / (co / op.groups) * ci + c;
                            let weight = op.weight[((o * ci + c) * kernel_rows + i) * kernel_columns + j];
                            sum += weight * input[(channel * shape[2] + row) * shape[3] + column];
                        }
                    }
                }
                out.push(sum);
            }
        }
        out
    }

    proptest! {
        #[test]
        fn both_ways_convolve_as_the_formula_says(
            (co, ci, groups) in (1usize..4, 1usize..4, 1usize..4),
            kernel in [1usize..5, 1usize..5],
            (rows, columns) in (1usize..12, 1usize..12),
            (stride, dilation) in ([1usize..4, 1usize..4], [1usize..3, 1usize..3]),
            padding in [0usize..6, 0usize..6, 0usize..6, 0usize..6],
            seed in 0usize..100,
        ) {
            let weight_shape = [co * groups, ci, kernel[0], kernel[1]];
            let len = weight_shape.iter().product();
            // Small integers, so that sums are exact in any order.
            let weight = Arc::new((0..len).map(|i| ((i * 7 + seed) % 31) as f32 - 15.0).collect());
            let shape = [1, ci * groups, rows, columns];
            let input: Vec<f32> = (0..shape.iter().product()).map(|i| ((i * 11 + seed) % 64) as f32).collect();
            let bias = (seed % 2 == 0).then(|| Arc::new(vec![5.0; co * groups]));
            let op = FloatConv2d { weight, weight_shape, bias, stride, padding, dilation, groups, steps: None };
            let sizes = (output_size(&op, 0, rows), output_size(&op, 1, columns));
            let (Some(out_rows), Some(out_columns)) = sizes else { return Ok(()) };
            let out_shape = [1, co * groups, out_rows, out_columns];
            let expected = reference(&op, &input, shape, out_shape);
            prop_assert_eq!(&op.by_taps(&input, shape, out_shape), &expected);
            prop_assert_eq!(&op.by_patches(&input, shape, out_shape), &expected);
        }
    }
}
