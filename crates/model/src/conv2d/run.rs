//! The accumulators of a convolution.

use convince_field::IntSlice;
use convince_field::convolution::Convolution;

use super::Conv2d;
use crate::ValueInfo;

impl Conv2d {
    /// Accumulators for an input described by `info`. One multiply-accumulate per output and tap, 16-bit where it fits.
    pub(crate) fn run(&self, input: &[i32], info: &ValueInfo) -> Vec<i32> {
        let shapes = Convolution {
            input_shape: info.shape,
            weight_shape: self.weight_shape,
            groups: self.groups,
            axes: self.axes(info.shape[2], info.shape[3]),
        };
        shapes.accumulate(IntSlice::I32(input), self.weight.as_slice(), self.bias.as_ref().map(|b| b.as_slice()))
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

    /// Where depthwise layers go row by row.
    #[test]
    fn padding_may_be_wider_than_the_plane_and_rows_long() {
        for (columns, stride, padding, dilation) in
            [(3, 1, [1, 80, 0, 80], 90), (3, 2, [0, 80, 1, 80], 90), (70, 1, [0, 2, 1, 1], 2), (90, 2, [1, 0, 1, 3], 3)]
        {
            let op = Conv2d {
                stride: [1, stride],
                padding,
                dilation: [1, dilation],
                groups: 2,
                ..Conv2d::new(pack(Bits::I8, 16, 3), [4, 1, 2, 2], Bits::I8)
            };
            let info = ValueInfo { shape: [1, 2, 2, columns], low: 0, high: 255 };
            let input: Vec<i32> = (0..info.num_elements()).map(|i| (20 * i % 256) as i32).collect();
            let slow: Vec<i32> = reference::conv2d(&op, &input, info.shape).iter().map(|&v| v as i32).collect();
            assert_eq!(op.run(&input, &info), slow, "{columns} columns");
        }
    }

    #[test]
    fn many_windows_are_copied_in_blocks() {
        let taps = (1 << 13) + 1;
        let op = Conv2d::new(pack(Bits::I8, 5 * taps, 3), [5, taps, 1, 1], Bits::I8);
        let info = ValueInfo { shape: [2, taps, 3, 5], low: -3, high: 3 };
        let input: Vec<i32> = (0..info.num_elements()).map(|i| (i % 7) as i32 - 3).collect();
        let slow: Vec<i32> = reference::conv2d(&op, &input, info.shape).iter().map(|&v| v as i32).collect();
        assert_eq!(op.run(&input, &info), slow);
    }
}
