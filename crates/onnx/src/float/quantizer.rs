//! What a network that is quantised already says of its integers.

use std::sync::Arc;

/// Integers of 8 bits and the floats that they stand for: `scale * (q - zero)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quantizer {
    /// Positive.
    pub(crate) scale: f32,
    pub(crate) zero: i32,
    /// Whether `q` is of -128 to 127, or of 0 to 255.
    pub(crate) is_signed: bool,
}

impl Quantizer {
    /// Least and largest `q - zero`.
    pub(crate) fn range(&self) -> (i32, i32) {
        let low = if self.is_signed { -128 } else { 0 };
        (low - self.zero, low + 255 - self.zero)
    }

    /// `q - zero` of a float divided by the scale: the nearest integer, the even one of two.
    pub(crate) fn round(&self, quotient: f32) -> i32 {
        let (low, high) = self.range();
        (quotient.round_ties_even() as i32).clamp(low, high)
    }

    /// The float that a float becomes.
    pub(crate) fn apply(&self, value: f32) -> f32 {
        self.scale * self.round(value / self.scale) as f32
    }
}

/// The integers behind the parameters of a convolution or a matrix product.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    /// Float value of the integer 1 of the weights: one for all outputs, or one for each.
    pub(crate) weight: Arc<Vec<f32>>,
    /// Least and largest integer that a weight can be, less its zero point.
    pub(crate) range: (i64, i64),
    /// The biases' integers, if the file has them as integers of the accumulators' scale.
    pub(crate) bias: Option<Arc<Vec<i64>>>,
}

impl Steps {
    /// Float value of the integer 1 of the weights of output `row`.
    pub(crate) fn step(&self, row: usize) -> f32 {
        self.weight[if self.weight.len() == 1 { 0 } else { row }]
    }
}
