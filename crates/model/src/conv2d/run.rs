//! The accumulators of a convolution, group by group.

use convince_field::{IntSlice, WindowAxis};

use super::Conv2d;
use crate::dot::{bias_at, fits_i16, products};
use crate::{Shape, ValueInfo};

/// Most elements of window copies at a time, unless one window has more: 128 KiB of `i16`, which stay in the
/// second-level cache.
const PATCH_LEN: usize = 1 << 16;
/// Output channels that make it worth copying windows for them.
const MIN_SHARING: usize = 4;

impl Conv2d {
    /// Accumulators for an input described by `info`. One multiply-accumulate per output and tap, 16-bit where it fits.
    pub(crate) fn run(&self, input: &[i32], info: &ValueInfo) -> Vec<i32> {
        match fits_i16(&self.weight, info.low, info.high) {
            true => self.accumulate(input, info.shape, |v| v as i16),
            false => self.accumulate(input, info.shape, |v| v as i32),
        }
    }

    fn accumulate<T: Copy + Default + Into<i32>>(
        &self,
        input: &[i32],
        shape: Shape,
        to: impl Fn(i64) -> T + Copy,
    ) -> Vec<i32> {
        let [co, group_channels, ..] = self.weight_shape;
        let [down, across] = self.axes(shape[2], shape[3]);
        let [out_rows, out_columns] = self.output_size(shape[2], shape[3]).unwrap_or([0; 2]);
        let group_outputs = co / self.groups;
        let len = group_outputs * out_rows * out_columns;
        let mut out = vec![0; shape[0] * self.groups * len];
        let inputs = input.chunks_exact(group_channels * shape[2] * shape[3]);
        for (index, (input, sums)) in inputs.zip(out.chunks_exact_mut(len)).enumerate() {
            let first = index % self.groups * group_outputs;
            let planes: Vec<T> = input.iter().map(|&v| to(v.into())).collect();
            let group = Group { weight: self.weight.as_slice(), first, taps: self.taps(), out_columns, down, across };
            match group_outputs < MIN_SHARING {
                true => group.row_by_row(&planes, sums, to),
                false => group.window_by_window(&planes, sums, to),
            }
            for (o, plane) in (first..).zip(sums.chunks_exact_mut(out_rows * out_columns)) {
                let bias = bias_at(&self.bias, o);
                plane.iter_mut().for_each(|sum| *sum = sum.wrapping_add(bias));
            }
        }
        out
    }
}

/// One group of a convolution on one batch entry.
struct Group<'a> {
    weight: IntSlice<'a>,
    /// The first output channel.
    first: usize,
    taps: usize,
    out_columns: usize,
    down: WindowAxis,
    across: WindowAxis,
}

impl Group<'_> {
    /// Windows are copied side by side, so that every accumulator is a dot product of contiguous runs and the copies
    /// are shared by all output channels.
    fn window_by_window<T: Copy + Default + Into<i32>>(
        &self,
        planes: &[T],
        out: &mut [i32],
        to: impl Fn(i64) -> T + Copy,
    ) {
        let outputs = out.len() / self.places();
        let weight = self.weight.range(self.first * self.taps, outputs * self.taps);
        let block = (PATCH_LEN / self.taps).clamp(1, self.places());
        let mut patches = Vec::with_capacity(block * self.taps);
        for first in (0..self.places()).step_by(block) {
            patches.clear();
            for place in first..self.places().min(first + block) {
                self.copy_window(planes, place, &mut patches);
            }
            products(weight, &patches, self.taps, to, |o, place, sum| out[o * self.places() + first + place] = sum);
        }
    }

    /// Number of output places of a channel.
    fn places(&self) -> usize {
        self.down.output().unwrap_or(0) * self.out_columns
    }

    /// The window of an output place, channel by channel; zeros for what lies in the padding.
    fn copy_window<T: Copy + Default>(&self, planes: &[T], place: usize, patch: &mut Vec<T>) {
        let (y, x) = (place / self.out_columns, place % self.out_columns);
        let (kernel, columns) = (self.across.kernel, self.across.input);
        // Neighbouring columns inside the row are copied as one.
        let first = self.across.place(x, 0).filter(|_| self.across.dilation == 1);
        let run = first.filter(|first| first + kernel <= columns);
        for plane in planes.chunks_exact(self.down.input * columns) {
            for i in 0..self.down.kernel {
                match (self.down.place(y, i).map(|q| &plane[q * columns..][..columns]), run) {
                    (None, _) => patch.resize(patch.len() + kernel, T::default()),
                    (Some(row), Some(start)) => patch.extend_from_slice(&row[start..start + kernel]),
                    (Some(row), None) => {
                        patch.extend((0..kernel).map(|j| self.across.place(x, j).map_or(T::default(), |q| row[q])));
                    }
                }
            }
        }
    }

    /// Row by row and tap by tap, without copies: for depthwise layers, whose windows nobody shares.
    fn row_by_row<T: Copy + Into<i32>>(&self, planes: &[T], out: &mut [i32], to: impl Fn(i64) -> T) {
        let columns = self.across.input;
        for (o, sums) in (self.first..).zip(out.chunks_exact_mut(self.places())) {
            let weights = self.weight.range(o * self.taps, self.taps).map(&to);
            let kernels = weights.chunks_exact(self.down.kernel * self.across.kernel);
            for (kernel, plane) in kernels.zip(planes.chunks_exact(self.down.input * columns)) {
                for (y, sums) in sums.chunks_exact_mut(self.out_columns).enumerate() {
                    for (i, weights) in kernel.chunks_exact(self.across.kernel).enumerate() {
                        if let Some(q) = self.down.place(y, i) {
                            self.add_row(weights, &plane[q * columns..][..columns], sums);
                        }
                    }
                }
            }
        }
    }

    /// Adds one kernel row times one input row to an output row.
    fn add_row<T: Copy + Into<i32>>(&self, weights: &[T], row: &[T], sums: &mut [i32]) {
        for (j, &weight) in weights.iter().enumerate() {
            let meeting = self.across.meeting(j, sums.len());
            let Some(start) = self.across.place(meeting.start, j).filter(|_| !meeting.is_empty()) else { continue };
            let (sums, row) = (&mut sums[meeting], &row[start..]);
            let add = |(sum, &x): (&mut i32, &T)| *sum = sum.wrapping_add(weight.into().wrapping_mul(x.into()));
            match self.across.stride {
                1 => sums.iter_mut().zip(row).for_each(add),
                stride => sums.iter_mut().zip(row.iter().step_by(stride)).for_each(add),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use convince_field::{Bits, Ints};
    use proptest::prelude::*;

    use super::*;
    use crate::reference;

    /// Values of a format, both ends among them.
    fn values(bits: Bits, len: usize, seed: i64) -> Vec<i64> {
        let value = |i: i64| match (i * 5 + seed) % 7 {
            0 => bits.low(),
            1 => bits.high(),
            _ => bits.low() + (i * 7919 + seed * 31).rem_euclid(1 << bits.width),
        };
        (0..len as i64).map(value).collect()
    }

    fn pack(bits: Bits, len: usize, seed: i64) -> Arc<Ints> {
        Arc::new(Ints::pack(bits, &values(bits, len, seed)).expect("in range"))
    }

    fn window() -> impl Strategy<Value = ([usize; 2], [usize; 2], [usize; 2], [usize; 4])> {
        let pair = |range: std::ops::Range<usize>| [range.clone(), range];
        let padding = prop_oneof![Just([0; 4]), [0usize..7, 0usize..7, 0usize..7, 0usize..7]];
        (pair(1..5), pair(1..4), pair(1..4), padding)
    }

    fn formats() -> impl Strategy<Value = (Bits, Bits)> {
        let weights = [Bits::I8, Bits::U8, Bits::signed(9), Bits::signed(12), Bits::unsigned(15)];
        let inputs = [Bits::U8, Bits::I8, Bits::signed(10), Bits::signed(2)];
        let wide =
            [(Bits::unsigned(16), Bits::U8), (Bits::I8, Bits::signed(17)), (Bits::signed(16), Bits::unsigned(1))];
        let narrow = (prop::sample::select(weights.to_vec()), prop::sample::select(inputs.to_vec()));
        prop_oneof![4 => narrow, 1 => prop::sample::select(wide.to_vec())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn convolution_equals_the_naive_reference(
            (batch, groups, channels, outputs) in (1usize..4, 1usize..4, 1usize..4, 1usize..7),
            (rows, columns) in (1usize..10, 1usize..10),
            (kernel, stride, dilation, padding) in window(),
            ((weight_bits, input_bits), seed) in (formats(), 0i64..1000),
        ) {
            let weight_shape = [groups * outputs, channels, kernel[0], kernel[1]];
            let op = Conv2d {
                bias: (seed % 2 == 0).then(|| pack(Bits::signed(13), weight_shape[0], seed)),
                bias_bits: Bits::signed(13),
                stride,
                padding,
                dilation,
                groups,
                ..Conv2d::new(pack(weight_bits, weight_shape.iter().product(), seed), weight_shape, weight_bits)
            };
            let shape = [batch, groups * channels, rows, columns];
            let info = ValueInfo { shape, low: input_bits.low(), high: input_bits.high() };
            let input: Vec<i32> = values(input_bits, info.num_elements(), seed).iter().map(|&v| v as i32).collect();
            let out = match op.infer(&info) {
                Ok(out) => out,
                Err(error) => {
                    let bound = matches!(error, crate::NodeError::Bound { .. });
                    prop_assert!(bound || op.output_size(rows, columns).is_none(), "{error}");
                    return Ok(());
                }
            };
            let fast = op.run(&input, &info);
            prop_assert_eq!(fast.len(), out.num_elements());
            prop_assert!(fast.iter().all(|&v| (out.low..=out.high).contains(&v.into())));
            let slow = reference::conv2d(&op, &input, info.shape);
            prop_assert_eq!(fast.iter().map(|&v| i64::from(v)).collect::<Vec<_>>(), slow);
        }
    }

    #[test]
    fn bounds_are_reached() {
        for (weight, input, extreme) in [(-128, 255, -128i64 * 255), (127, 255, 127 * 255)] {
            let weights = Arc::new(Ints::I8(vec![weight; 2 * 3 * 3 * 3]));
            let bias = Arc::new(Ints::I8(vec![weight; 2]));
            let op = Conv2d::new(weights, [2, 3, 3, 3], Bits::I8).with_bias(bias, Bits::I8).with_window(1, 5);
            let info = ValueInfo { shape: [1, 3, 3, 3], low: 0, high: 255 };
            let out = op.infer(&info).expect("valid");
            let sums = op.run(&[input; 27], &info);
            let expected = 27 * extreme + i64::from(weight);
            assert!([out.low, out.high].contains(&expected) && sums.contains(&(expected as i32)));
            // Windows that lie in the padding alone hold the bias.
            assert_eq!(sums[0], i32::from(weight));
        }
    }

    #[test]
    fn many_windows_are_copied_in_blocks() {
        let taps = PATCH_LEN / 8 + 1;
        let op = Conv2d::new(pack(Bits::I8, 5 * taps, 3), [5, taps, 1, 1], Bits::I8);
        let info = ValueInfo { shape: [2, taps, 3, 5], low: -3, high: 3 };
        let input: Vec<i32> = (0..info.num_elements()).map(|i| (i % 7) as i32 - 3).collect();
        let slow: Vec<i32> = reference::conv2d(&op, &input, info.shape).iter().map(|&v| v as i32).collect();
        assert_eq!(op.run(&input, &info), slow);
    }
}
