//! `out = constant + sum over t of multipliers[t] * maps[t](in_t)`, where maps are public matrices on tensor axes.

use convince_field::TensorMap;
use convince_field::maps::{MapTerm, sum_bounds};
use serde::{Deserialize, Serialize};

use crate::{NodeError, Shape, ValueInfo};

/// Sum of mapped inputs times public integers, plus a public integer.
///
/// Residual sums, concatenations, slices, padding, upsampling, transposes, shuffles, window sums (average pooling), zero
/// insertion: whatever is linear with public coefficients. Bounds are those of independent inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linear {
    /// One per input; the mapped inputs have one shape.
    pub terms: Vec<LinearTerm>,
    /// Added to every element.
    pub constant: i64,
}

/// One input's part in a [`Linear`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearTerm {
    /// What the mapped input is multiplied by.
    pub multiplier: i64,
    /// What becomes of the input's axes.
    pub map: TensorMap,
}

impl LinearTerm {
    /// `multiplier` times the input as it is.
    pub const fn plain(multiplier: i64) -> Self {
        Self { multiplier, map: TensorMap::IDENTITY }
    }

    /// The mapped input, times 1.
    pub const fn mapped(map: TensorMap) -> Self {
        Self { multiplier: 1, map }
    }
}

impl Linear {
    /// `constant` plus one equally shaped input for each multiplier.
    pub fn sum(multipliers: &[i64], constant: i64) -> Self {
        Self { terms: multipliers.iter().map(|&multiplier| LinearTerm::plain(multiplier)).collect(), constant }
    }

    /// One mapped input.
    pub fn map(map: TensorMap) -> Self {
        Self { terms: vec![LinearTerm::mapped(map)], constant: 0 }
    }

    pub(crate) fn infer(&self, inputs: &[&ValueInfo]) -> Result<ValueInfo, NodeError> {
        let mut shape = None;
        for (index, (input, term)) in inputs.iter().zip(&self.terms).enumerate() {
            let misfit = NodeError::Map { term: index, found: input.shape };
            let found = term.map.output_shape(input.shape).ok_or(misfit)?;
            let expected = *shape.get_or_insert(found);
            if found != expected {
                return Err(NodeError::Shape { expected, found });
            }
        }
        let terms = inputs.iter().zip(&self.terms).map(|(input, term)| MapTerm {
            multiplier: term.multiplier,
            map: &term.map,
            shape: input.shape,
            range: (input.low, input.high),
        });
        let bounds = sum_bounds(&terms.collect::<Vec<_>>(), self.constant);
        let ((low, high), shape) = bounds.zip(shape).ok_or(NodeError::InputCount { expected: 1, found: 0 })?;
        ValueInfo::bounded(shape, low, high)
    }

    /// Sums wrap at 32 bits on the way; the bound keeps the true sum within them, so the result is exact.
    pub(crate) fn run(&self, inputs: &[(&[i32], Shape)]) -> Vec<i32> {
        crate::reference::linear(self, inputs).into_iter().map(|sum| sum as i32).collect()
    }
}
