use std::ops::Range;

use convince_model::Shape;

use super::Floats;

/// Two-dimensional convolution with a square kernel and zero padding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatConv2d {
    pub(crate) weight: Floats,
    /// `[out channels, in channels, kernel, kernel]`.
    pub(crate) weight_shape: [usize; 4],
    pub(crate) bias: Option<Floats>,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl FloatConv2d {
    /// Tap by tap: each adds a multiple of input rows to output rows.
    pub(super) fn run(&self, input: &[f32], shape: Shape, out_shape: Shape) -> Vec<f32> {
        let [_, channels, rows, columns] = shape;
        let [_, co, out_rows, out_columns] = out_shape;
        let kernel = self.weight_shape[2];
        let mut out = vec![0.0; co * out_rows * out_columns];
        for (o, plane) in out.chunks_exact_mut(out_rows * out_columns).enumerate() {
            plane.fill(self.bias.as_ref().map_or(0.0, |bias| bias[o]));
            for tap in 0..channels * kernel * kernel {
                let (c, i, j) = (tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
                let weight = self.weight[o * channels * kernel * kernel + tap];
                let places = self.places(j, columns, out_columns);
                if places.is_empty() {
                    continue;
                }
                for y in self.places(i, rows, out_rows) {
                    let line = &input[(c * rows + y * self.stride + i - self.padding) * columns..][..columns];
                    let line = &line[places.start * self.stride + j - self.padding..];
                    let sums = &mut plane[y * out_columns..][places.clone()];
                    add_multiple(sums, weight, line, self.stride);
                }
            }
        }
        out
    }

    /// Output places at which the kernel's place `tap` meets one of `size` inputs; may be empty.
    fn places(&self, tap: usize, size: usize, out_size: usize) -> Range<usize> {
        let start = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = (size + self.padding).saturating_sub(tap).div_ceil(self.stride).min(out_size);
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

    use convince_field::{Bits, Ints};
    use convince_model::{Conv2d, reference};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn small_integers_convolve_as_in_the_integer_model(
            (co, ci, kernel) in (1usize..4, 1usize..4, 1usize..6),
            (rows, columns) in (1usize..9, 1usize..9),
            (stride, padding) in (1usize..4, 0usize..5),
            seed in 0usize..100,
        ) {
            prop_assume!(padding < kernel && kernel <= rows.min(columns) + 2 * padding);
            let len = co * ci * kernel * kernel;
            let weight: Vec<i8> = (0..len).map(|i| ((i * 7 + seed) % 31) as i8 - 15).collect();
            let input: Vec<i32> = (0..ci * rows * columns).map(|i| ((i * 11 + seed) % 64) as i32).collect();
            let integer = Conv2d {
                weight: Arc::new(Ints::I8(weight.clone())),
                weight_shape: [co, ci, kernel, kernel],
                weight_bits: Bits::I8,
                bias: Some(Arc::new(Ints::I8(vec![5; co]))),
                bias_bits: Bits::I8,
                stride,
                padding,
            };
            let float = FloatConv2d {
                weight: Arc::new(weight.into_iter().map(f32::from).collect()),
                weight_shape: integer.weight_shape,
                bias: Some(Arc::new(vec![5.0; co])),
                stride,
                padding,
            };
            let shape = [1, ci, rows, columns];
            let out_shape = [1, co, integer.output_size(rows), integer.output_size(columns)];
            let floats: Vec<f32> = input.iter().map(|&v| v as f32).collect();
            let out: Vec<i64> = float.run(&floats, shape, out_shape).into_iter().map(|v| v as i64).collect();
            prop_assert_eq!(out, reference::conv2d(&integer, &input, shape));
        }
    }
}
