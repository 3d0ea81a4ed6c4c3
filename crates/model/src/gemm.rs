//! `out[o] = bias[o] + sum over i of weight[o, i] * in[i]`, the input flattened row-major.

use std::sync::Arc;

use convince_field::convolution::Convolution;
use convince_field::{Bits, IntSlice, Ints, WindowAxis};
use serde::{Deserialize, Serialize};

use crate::dot::check_layer;
use crate::graph::checked_len;
use crate::{NodeError, ValueInfo};

/// Matrix times flattened input, with bias, for each batch entry. The input is any `[B, C, H, W]` of `C*H*W == in`, the
/// output `[B, out, 1, 1]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gemm {
    /// Weights, row-major.
    pub weight: Arc<Ints>,
    /// `[out, in]`.
    pub weight_shape: [usize; 2],
    /// Declared format of the weights.
    pub weight_bits: Bits,
    /// One bias per output.
    pub bias: Option<Arc<Ints>>,
    /// Declared format of the biases; without meaning if there are none.
    pub bias_bits: Bits,
}

impl Gemm {
    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let [out, taps] = self.weight_shape;
        if checked_len(&self.weight_shape).is_none() {
            return Err(NodeError::WeightShape(self.weight_shape.to_vec()));
        }
        let [batch, features @ ..] = input.shape;
        if checked_len(&features) != Some(taps) {
            return Err(NodeError::Shape { expected: [batch, taps, 1, 1], found: input.shape });
        }
        let (weight, bias) = ((&*self.weight, self.weight_bits), (&self.bias, self.bias_bits));
        let (low, high) = check_layer(weight, bias, (out, taps), (input.low, input.high))?;
        ValueInfo::bounded([batch, out, 1, 1], low, high)
    }

    /// Accumulators for an input described by `info`: one multiply-accumulate per weight and batch entry.
    pub(crate) fn run(&self, input: &[i32], info: &ValueInfo) -> Vec<i32> {
        let [rows, taps] = self.weight_shape;
        let place = WindowAxis { input: 1, kernel: 1, stride: 1, padding: [0, 0], dilation: 1 };
        let shapes = Convolution {
            input_shape: [info.shape[0], taps, 1, 1],
            weight_shape: [rows, taps, 1, 1],
            groups: 1,
            axes: [place; 2],
        };
        shapes.accumulate(IntSlice::I32(input), self.weight.as_slice(), self.bias.as_ref().map(|b| b.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reference;

    fn gemm(rows: usize, taps: usize, bits: Bits) -> Gemm {
        let span = bits.high() - bits.low() + 1;
        let weights: Vec<i64> = (0..(rows * taps) as i64).map(|i| bits.low() + i * 101 % span).collect();
        let biases: Vec<i64> = (0..rows as i64).map(|i| i * 31 % 64 - 32).collect();
        Gemm {
            weight: Arc::new(Ints::pack(bits, &weights).expect("in range")),
            weight_shape: [rows, taps],
            weight_bits: bits,
            bias: Some(Arc::new(Ints::pack(Bits::signed(6), &biases).expect("in range"))),
            bias_bits: Bits::signed(6),
        }
    }

    proptest! {
        #[test]
        fn gemm_equals_the_naive_reference(
            (batch, rows, taps, seed) in (1usize..4, 1usize..11, 1usize..40, 0i64..1000),
            bits in prop_oneof![Just(Bits::I8), Just(Bits::U8), Just(Bits::signed(12)), Just(Bits::unsigned(16))],
            wide in any::<bool>(),
        ) {
            let op = gemm(rows, taps, bits);
            let high = if wide { 1 << 15 } else { 300 };
            let info = ValueInfo { shape: [batch, 1, 1, taps], low: -high, high };
            let value = |i| ((i * 577 + seed) % (2 * high + 1) - high) as i32;
            let input: Vec<i32> = (0..(batch * taps) as i64).map(value).collect();
            let Ok(out) = op.infer(&info) else {
                prop_assert!(wide);
                return Ok(());
            };
            let fast = op.run(&input, &info);
            prop_assert!(fast.iter().all(|&v| (out.low..=out.high).contains(&v.into())));
            prop_assert_eq!(fast.iter().map(|&v| i64::from(v)).collect::<Vec<_>>(), reference::gemm(&op, &input));
        }
    }

    #[test]
    fn inputs_of_another_size_are_errors() {
        let info = ValueInfo { shape: [5, 2, 3, 4], low: 0, high: 1 };
        assert!(gemm(5, 24, Bits::I8).infer(&info).is_ok());
        assert!(matches!(gemm(5, 23, Bits::I8).infer(&info), Err(NodeError::Shape { .. })));
        assert!(matches!(gemm(0, 24, Bits::I8).infer(&info), Err(NodeError::WeightShape(_))));
        let short = Gemm { weight_shape: [6, 24], ..gemm(5, 24, Bits::I8) };
        assert!(matches!(short.infer(&info), Err(NodeError::ParameterCount { what: "weight", .. })));
        let bias = Gemm { bias: Some(Arc::new(Ints::I8(vec![1; 4]))), ..gemm(5, 24, Bits::I8) };
        assert!(matches!(bias.infer(&info), Err(NodeError::ParameterCount { what: "bias", .. })));
    }
}
