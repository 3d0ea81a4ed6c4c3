use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// `out = a * b`, entry by entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductLayer {
    /// Of one shape.
    pub factors: [Tensor; 2],
    /// Virtual.
    pub output: WireId,
    /// Shape of all three.
    pub shape: [usize; 4],
}

impl ProductLayer {
    /// The products. Within the wires' ranges each fits `i32`.
    pub(crate) fn evaluate(&self, [a, b]: [IntSlice<'_>; 2]) -> Vec<i32> {
        a.iter().zip(b.iter()).map(|(a, b)| a.wrapping_mul(b) as i32).collect()
    }
}
