use convince_field::{AxisMap, AxisRow, IntSlice, TensorMap};
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// A tensor, moved about and scaled by public integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearTerm {
    /// What it reads.
    pub tensor: Tensor,
    /// Counts this often.
    pub multiplier: i64,
    /// Permutation of axes and a sparse public matrix on each.
    pub map: TensorMap,
}

/// `out = sum_i multiplier_i * map_i(in_i) + constant`: residual sums, changes of scale, window sums, slices, concatenations,
/// padding, permutations, nearest upsampling.
///
/// Every map is a tensor product of matrices on axes, so that a claim on the output, a tensor of axis functionals, is one on
/// the input whose functionals went through the transposed matrices: no sumcheck, and no message for a single term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinearLayer {
    /// At least one.
    pub terms: Vec<LinearTerm>,
    /// Added to every entry.
    pub constant: i64,
    /// Virtual.
    pub output: WireId,
    /// Shape of the output.
    pub shape: [usize; 4],
}

impl LinearTerm {
    /// The tensor as it is, `multiplier` times.
    pub fn plain(multiplier: i64, tensor: Tensor) -> Self {
        Self { tensor, multiplier, map: TensorMap::identity() }
    }

    /// Entries of the matrices on all axes: what evaluating the map's functional costs.
    pub(crate) fn work(&self, shape: [usize; 4]) -> Option<usize> {
        let entries = self.map.permuted(shape)?.into_iter().zip(&self.map.axes).map(|(len, map)| match map {
            AxisMap::Identity => Some(0),
            AxisMap::Scale(_) | AxisMap::Gather(_) => map.output_len(len),
            AxisMap::Window { kernel, .. } => map.output_len(len).map(|rows| rows.saturating_mul(*kernel)),
        });
        entries.reduce(|a, b| Some(a?.saturating_add(b?))).flatten()
    }
}

impl LinearLayer {
    /// The values, from the terms' tensors with their shapes. Within the wires' ranges every partial sum fits `i64` and every
    /// sum `i32`.
    pub(crate) fn evaluate(&self, inputs: &[(IntSlice<'_>, [usize; 4])]) -> Vec<i32> {
        let mut sums = vec![self.constant; self.shape.iter().product()];
        for (term, (values, shape)) in self.terms.iter().zip(inputs) {
            term.add_to(&mut sums, *values, *shape);
        }
        sums.into_iter().map(|v| v as i32).collect()
    }
}

impl LinearTerm {
    fn add_to(&self, sums: &mut [i64], values: IntSlice<'_>, from: [usize; 4]) {
        let m = self.multiplier;
        if self.map.is_identity(from) {
            sums.iter_mut().zip(values.iter()).for_each(|(sum, v)| *sum = sum.wrapping_add(m.wrapping_mul(v)));
            return;
        }
        let strides = [from[1] * from[2] * from[3], from[2] * from[3], from[3], 1];
        // The rows of every output axis' matrix, and how far apart its places are in the input.
        let axes: [(Vec<AxisRow>, usize); 4] = std::array::from_fn(|a| {
            let axis = self.map.order[a];
            (self.map.axes[a].rows(from[axis]).collect(), strides[axis])
        });
        let across = axes[3].1;
        let mut out = sums.iter_mut();
        let mut leading = Vec::new();
        for b in &axes[0].0 {
            for c in &axes[1].0 {
                for y in &axes[2].0 {
                    offsets([(b, axes[0].1), (c, axes[1].1), (y, axes[2].1)], &mut leading);
                    let factor =
                        m.wrapping_mul(i64::from(b.factor) * i64::from(c.factor)).wrapping_mul(y.factor.into());
                    for (x, sum) in axes[3].0.iter().zip(&mut out) {
                        let places = leading.iter().flat_map(|at| x.sources.clone().map(move |q| at + q * across));
                        let window = places.fold(0i64, |sum, at| sum.wrapping_add(values.get(at)));
                        *sum = sum.wrapping_add(factor.wrapping_mul(x.factor.into()).wrapping_mul(window));
                    }
                }
            }
        }
    }
}

/// Where a row of each of three axes reads: every sum of a place of each, places being `stride` apart.
fn offsets(rows: [(&AxisRow, usize); 3], out: &mut Vec<usize>) {
    out.clear();
    let [b, c, y] = rows.map(|(row, stride)| row.sources.clone().map(move |q| q * stride));
    for b in b {
        for c in c.clone() {
            out.extend(y.clone().map(|y| b + c + y));
        }
    }
}
