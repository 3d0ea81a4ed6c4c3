//! What requantisations and biases are cut into in the circuits that look up or split numbers.

use crate::workload::{Linear, Requant, Value};

/// Bits of the remainder, of the excess over `high` and of that under `low`, in
/// `x + half = (output + above - below) * 2^shift + remainder`.
pub(super) fn bits(requant: &Requant, input: &Value) -> [u32; 3] {
    let quotients = requant.quotients(input.range);
    let bits = |most: i64| if most > 0 { most.ilog2() + 1 } else { 0 };
    let above = bits(quotients.high - i64::from(requant.high));
    [requant.shift, above, bits(i64::from(requant.low) - quotients.low)]
}

/// Number of results.
pub(super) fn output_size(requant: &Requant) -> u64 {
    u64::from(requant.high.abs_diff(requant.low)) + 1
}

/// The numbers for one input and its claimed output: `output - low`, remainder, excesses.
pub(super) fn numbers(requant: &Requant, input: i32, output: i32) -> [i64; 4] {
    let excess = requant.quotient(input) - i64::from(output);
    let over_low = i64::from(output) - i64::from(requant.low);
    [over_low, requant.remainder(input), excess.max(0), (-excess).max(0)]
}

/// Signed bytes of a bias, lowest first: weights of the constants `1, 256, ...`.
pub(super) fn bytes(bias: i64, count: usize) -> impl Iterator<Item = i64> {
    let mut rest = bias;
    (0..count).map(move |_| {
        let byte = i64::from(rest as i8);
        rest = (rest - byte) >> 8;
        byte
    })
}

/// Number of [`bytes`] of a layer's biases.
pub(super) fn num_bytes(linear: &Linear) -> usize {
    let sum = |most: i64, count: usize| (0..count).map(|byte| most << (8 * byte)).sum::<i64>();
    let fits = |&count: &usize| sum(-128, count) <= linear.bias_range.low && linear.bias_range.high <= sum(127, count);
    (1..=5).find(fits).expect("biases of 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_is_the_sum_of_its_bytes() {
        for bias in [0, 1, -1, 127, 128, -128, -129, 32639, -32896, i64::from(i32::MAX), i64::from(i32::MIN)] {
            let sum: i64 = bytes(bias, 5).enumerate().map(|(byte, value)| value << (8 * byte)).sum();
            assert_eq!(sum, bias);
        }
    }
}
