//! What convolutions and matrix products share: parameter checks and bounds.

use std::sync::Arc;

use convince_field::{Bits, Ints};

use crate::NodeError;

/// The interval of a sum of `taps` products of a weight of format `weight_bits` and a value of `low..=high`, hull with
/// 0.
///
/// Partial sums, and sums with terms left out (padding), lie in it too.
///
/// Saturates at 126 bits, far from any interval that is accepted anywhere.
pub fn dot_bound(taps: usize, weight_bits: Bits, low: i64, high: i64) -> (i128, i128) {
    let corners = [weight_bits.low(), weight_bits.high()].map(|w| [low, high].map(|x| i128::from(w) * i128::from(x)));
    let products = corners.as_flattened();
    let least = products.iter().copied().fold(0, i128::min);
    let most = products.iter().copied().fold(0, i128::max);
    let times = |bound: i128| bound.saturating_mul(taps as i128).clamp(-(1 << 126), 1 << 126);
    (times(least), times(most))
}

/// Checks that `ints` are `count` values of a valid format.
pub(crate) fn check_parameters(what: &'static str, ints: &Ints, count: usize, bits: Bits) -> Result<(), NodeError> {
    if !bits.is_valid() {
        return Err(NodeError::Format { what, bits });
    }
    if ints.len() != count {
        return Err(NodeError::ParameterCount { what, expected: count, found: ints.len() });
    }
    if ints.as_slice().bounds().is_none_or(|(low, high)| bits.contains(low) && bits.contains(high)) {
        return Ok(());
    }
    match ints.as_slice().iter().enumerate().find(|&(_, value)| !bits.contains(value)) {
        Some((index, value)) => Err(NodeError::ParameterRange { what, index, value, bits }),
        None => Ok(()),
    }
}

/// Checks weights and bias, and bounds the accumulators of `rows` dot products over `taps` inputs of `low..=high`.
pub(crate) fn check_layer(
    (weight, weight_bits): (&Ints, Bits),
    (bias, bias_bits): (&Option<Arc<Ints>>, Bits),
    (rows, taps): (usize, usize),
    (low, high): (i64, i64),
) -> Result<(i128, i128), NodeError> {
    let count = rows.checked_mul(taps).ok_or_else(|| NodeError::WeightShape(vec![rows, taps]))?;
    check_parameters("weight", weight, count, weight_bits)?;
    let (least, most) = dot_bound(taps, weight_bits, low, high);
    match bias {
        None => Ok((least, most)),
        Some(bias) => {
            check_parameters("bias", bias, rows, bias_bits)?;
            Ok((least + i128::from(bias_bits.low()), most + i128::from(bias_bits.high())))
        }
    }
}

/// The bias of one output row; 0 if there is none.
pub(crate) fn bias_at(bias: &Option<Arc<Ints>>, row: usize) -> i32 {
    bias.as_ref().map_or(0, |b| b.as_slice().get(row) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_bounds_are_reached_and_hold_zero() {
        assert_eq!(dot_bound(25, Bits::I8, 0, 255), (-25 * 128 * 255, 25 * 127 * 255));
        assert_eq!(dot_bound(3, Bits::I8, -128, 127), (-3 * 128 * 127, 3 * 128 * 128));
        assert_eq!(dot_bound(2, Bits::U8, 5, 9), (0, 2 * 255 * 9));
        let (low, high) = dot_bound(usize::MAX, Bits::signed(31), i64::MIN, i64::MAX);
        assert!(low < -(1 << 100) && high > 1 << 100);
    }

    #[test]
    fn parameters_outside_their_format_are_found() {
        let ints = Ints::I8(vec![1, 7, -9]);
        assert_eq!(check_parameters("weight", &ints, 3, Bits::I8), Ok(()));
        let error = NodeError::ParameterRange { what: "weight", index: 2, value: -9, bits: Bits::signed(4) };
        assert_eq!(check_parameters("weight", &ints, 3, Bits::signed(4)), Err(error));
        assert!(matches!(check_parameters("bias", &ints, 2, Bits::I8), Err(NodeError::ParameterCount { .. })));
        assert!(matches!(check_parameters("bias", &ints, 3, Bits::signed(0)), Err(NodeError::Format { .. })));
    }
}
