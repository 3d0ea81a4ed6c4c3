use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// `out = sum_i m_i * in_i + constant`, entry by entry, with public integers: residual addition, change of scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AffineLayer {
    /// Multiplier and tensor, all of one shape.
    pub terms: Vec<(i64, Tensor)>,
    /// Added to every entry.
    pub constant: i64,
    /// Virtual.
    pub output: WireId,
    /// Shape of all tensors.
    pub shape: Vec<usize>,
}

impl AffineLayer {
    /// The values. Within the wires' ranges every sum fits `i32`.
    pub(crate) fn evaluate(&self, inputs: &[IntSlice<'_>], size: usize) -> Vec<i32> {
        let value = |i| {
            self.terms
                .iter()
                .zip(inputs)
                .fold(self.constant, |sum, ((m, _), v)| sum.wrapping_add(m.wrapping_mul(v.get(i))))
        };
        (0..size).map(|i| value(i) as i32).collect()
    }
}
