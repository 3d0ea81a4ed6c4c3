//! Public integer matrices on tensor axes: what slices, concatenations, window sums and transposes are made of.
//!
//! ```text
//! (A in)[o] = sum_i A[o, i] in[i]                                           one axis, an AxisMap
//! out[o_0, .., o_3] = sum over i of A_0[o_0, i_0] .. A_3[o_3, i_3] in'[i_0, .., i_3]    a TensorMap
//! ```
//! where `in'` is the input with its axes permuted. A row of a matrix is one factor over a run of neighbouring places
//! ([`AxisRow`]), so that a map costs no more than its output is long, whatever it means.

use std::ops::Range;

use serde::{Deserialize, Serialize};

mod bounds;

pub use bounds::{MapTerm, sum_bounds};

/// A public integer matrix on one tensor axis, sparse and structured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AxisMap {
    /// `out[i] = in[i]`.
    Identity,
    /// `out[i] = factors[i] * in[i]`.
    Scale(Vec<i32>),
    /// `out[o] = in[sources[o]]`, or 0 where there is none.
    ///
    /// Slices, zero padding, nearest upsampling, channel shuffles, zero insertion, reversal, a place in a
    /// concatenation.
    Gather(Vec<Option<u32>>),
    /// `out[o] = sum over k < kernel of in[stride*o + k - padding[0]]`, places outside the input dropped: window sums.
    Window {
        /// Places of a window.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Places in front of and behind the input.
        padding: [usize; 2],
    },
}

/// One row of an axis' matrix: `factor` at every place of `sources`, 0 elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxisRow {
    /// Places of the input axis; may be none.
    pub sources: Range<usize>,
    /// What they are multiplied by.
    pub factor: i32,
}

impl AxisRow {
    /// Sum of the row's coefficients. All are of one sign, so its absolute value is the row's norm.
    pub fn sum(&self) -> i64 {
        i64::try_from(self.sources.len()).unwrap_or(i64::MAX).saturating_mul(self.factor.into())
    }
}

/// Least and largest sum of a row's coefficients, over all rows of a matrix.
///
/// The coefficients of a row are all of one sign: with inputs in `low..=high` a row of sum `s` takes every value
/// between `s * low` and `s * high`, and the bounds over all rows are reached at the two ends kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowSums {
    /// The least.
    pub least: i128,
    /// The largest.
    pub most: i128,
}

impl RowSums {
    /// The sums of an identity.
    pub const ONE: Self = Self { least: 1, most: 1 };

    /// Sums of the products of a row of each; saturates.
    pub fn times(self, other: Self) -> Self {
        let (least, most) = interval_product((self.least, self.most), (other.least, other.most));
        Self { least, most }
    }

    /// The largest sum of absolute coefficients.
    pub fn norm(self) -> i128 {
        self.least.saturating_abs().max(self.most.saturating_abs())
    }

    /// Interval of `multiplier` times the rows' values on inputs in `low..=high`; saturates.
    pub fn bounds(self, multiplier: i64, (low, high): (i64, i64)) -> (i128, i128) {
        let scaled = interval_product((self.least, self.most), (multiplier.into(), multiplier.into()));
        interval_product(scaled, (low.into(), high.into()))
    }
}

/// Products of an element of each interval; saturates.
fn interval_product(a: (i128, i128), b: (i128, i128)) -> (i128, i128) {
    let corners = [a.0, a.1].map(|x| [b.0, b.1].map(|y| x.saturating_mul(y)));
    let corners = corners.as_flattened();
    (corners.iter().copied().fold(i128::MAX, i128::min), corners.iter().copied().fold(i128::MIN, i128::max))
}

impl AxisMap {
    /// Length of the output for an input of `input` places; `None` if the map does not fit, or a length is zero or
    /// overflows.
    pub fn output_len(&self, input: usize) -> Option<usize> {
        let len = match self {
            Self::Identity => input,
            Self::Scale(factors) => Some(factors.len()).filter(|&len| len == input)?,
            Self::Gather(sources) => {
                let fits = sources.iter().flatten().all(|&source| (source as usize) < input);
                Some(sources.len()).filter(|_| fits)?
            }
            &Self::Window { kernel, stride, padding } => {
                let padded = input.checked_add(padding[0])?.checked_add(padding[1])?;
                let free = padded.checked_sub(kernel).filter(|_| kernel > 0)?;
                free.checked_div(stride)?.checked_add(1)?
            }
        };
        Some(len).filter(|&len| len > 0 && input > 0)
    }

    /// Whether the matrix is the identity, however it is written.
    pub fn is_identity(&self, input: usize) -> bool {
        match self {
            Self::Identity => true,
            Self::Scale(factors) => factors.iter().all(|&f| f == 1),
            Self::Gather(sources) => {
                sources.len() == input && sources.iter().enumerate().all(|(o, &s)| s.map(|s| s as usize) == Some(o))
            }
            &Self::Window { kernel, stride, padding } => (kernel, stride, padding) == (1, 1, [0, 0]),
        }
    }

    /// Row `output` of the matrix. Panics if there is no such row; the map must fit the input.
    pub fn row(&self, output: usize, input: usize) -> AxisRow {
        let place = |source, factor| AxisRow { sources: source..source + 1, factor };
        match self {
            Self::Identity => place(output, 1),
            Self::Scale(factors) => place(output, factors[output]),
            Self::Gather(sources) => match sources[output] {
                Some(source) => place(source as usize, 1),
                None => AxisRow { sources: 0..0, factor: 1 },
            },
            &Self::Window { kernel, stride, padding } => {
                let start = stride * output;
                let end = (start + kernel).saturating_sub(padding[0]).min(input);
                AxisRow { sources: start.saturating_sub(padding[0]).min(end)..end, factor: 1 }
            }
        }
    }

    /// Every row of the matrix; none if the map does not fit the input.
    pub fn rows(&self, input: usize) -> impl Iterator<Item = AxisRow> + '_ {
        (0..self.output_len(input).unwrap_or(0)).map(move |output| self.row(output, input))
    }

    /// Least and largest row sum; `None` if the map does not fit. No slower than the map is long as data.
    pub fn row_sums(&self, input: usize) -> Option<RowSums> {
        let rows = self.output_len(input)?;
        let over = |outputs: &mut dyn Iterator<Item = usize>| {
            let sums = outputs.map(|o| i128::from(self.row(o, input).sum()));
            let ends = sums.fold((i128::MAX, i128::MIN), |(least, most), sum| (least.min(sum), most.max(sum)));
            RowSums { least: ends.0, most: ends.1 }
        };
        Some(match self {
            Self::Identity => RowSums::ONE,
            Self::Scale(_) | Self::Gather(_) => over(&mut (0..rows)),
            // The overlap of a window with the input rises, stays and falls with the window's place: the least is at
            // one end, the largest beside the place where it stops rising.
            Self::Window { kernel, stride, padding } => {
                let peak = (padding[0] + input.min(*kernel)).saturating_sub(*kernel) / stride;
                over(&mut [0, rows - 1, peak.min(rows - 1), (peak + 1).min(rows - 1)].into_iter())
            }
        })
    }
}

/// A public integer matrix on each axis of a permuted tensor.
///
/// Output axis `a` is input axis `order[a]` under `axes[a]`: first permute, then map each axis. The batch axis stays:
/// `order[0]` is 0 and `axes[0]` the identity.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TensorMap {
    /// Input axis behind each output axis.
    pub order: [usize; 4],
    /// Matrix of each output axis.
    pub axes: [AxisMap; 4],
}

impl TensorMap {
    /// The map that changes nothing.
    pub const IDENTITY: Self = Self {
        order: [0, 1, 2, 3],
        axes: [AxisMap::Identity, AxisMap::Identity, AxisMap::Identity, AxisMap::Identity],
    };

    /// The map that changes nothing.
    pub const fn identity() -> Self {
        Self::IDENTITY
    }

    /// `map` on output axis `axis` (1 to 3), after which the other maps of `self` stay. Panics if there is no such
    /// axis.
    pub fn with_axis(mut self, axis: usize, map: AxisMap) -> Self {
        self.axes[axis] = map;
        self
    }

    /// `map` on one axis, nothing on the others. Panics if there is no such axis.
    pub fn on_axis(axis: usize, map: AxisMap) -> Self {
        Self::IDENTITY.with_axis(axis, map)
    }

    /// `rows` and `columns` on the two spatial axes.
    pub fn on_plane(rows: AxisMap, columns: AxisMap) -> Self {
        Self::IDENTITY.with_axis(2, rows).with_axis(3, columns)
    }

    /// Output axis `a` is input axis `order[a]`.
    pub const fn permutation(order: [usize; 4]) -> Self {
        Self { order, ..Self::IDENTITY }
    }

    /// Length of the input axis behind each output axis; `None` if `order` is no permutation that keeps the batch axis.
    pub fn permuted(&self, input: [usize; 4]) -> Option<[usize; 4]> {
        let [batch, rest @ ..] = self.order;
        let permutes = batch == 0 && (1..4).all(|axis| rest.contains(&axis));
        permutes.then(|| self.order.map(|axis| input[axis]))
    }

    /// Shape of the output; `None` if the map does not fit, the batch axis is not left alone, or the number of elements
    /// of the input or the output is zero or overflows.
    pub fn output_shape(&self, input: [usize; 4]) -> Option<[usize; 4]> {
        let from = self.permuted(input).filter(|_| self.axes[0] == AxisMap::Identity)?;
        let mut output = from;
        for ((len, map), &from) in output.iter_mut().zip(&self.axes).zip(&from) {
            *len = map.output_len(from)?;
        }
        let fits = |shape: [usize; 4]| shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).is_some();
        (fits(input) && fits(output)).then_some(output)
    }

    /// Whether the map changes nothing on tensors of shape `input`.
    pub fn is_identity(&self, input: [usize; 4]) -> bool {
        self.order == Self::IDENTITY.order && self.axes.iter().zip(input).all(|(map, len)| map.is_identity(len))
    }

    /// Least and largest row sum of the whole matrix; `None` if the map does not fit.
    pub fn row_sums(&self, input: [usize; 4]) -> Option<RowSums> {
        let from = self.permuted(input)?;
        let sums = self.axes.iter().zip(from).map(|(map, len)| map.row_sums(len));
        sums.reduce(|a, b| Some(a?.times(b?))).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix of an axis as its definition says.
    fn dense(map: &AxisMap, input: usize) -> Vec<Vec<i64>> {
        let unit = |q: Option<usize>, f: i32| (0..input).map(|i| if q == Some(i) { f.into() } else { 0 }).collect();
        match map {
            AxisMap::Identity => (0..input).map(|o| unit(Some(o), 1)).collect(),
            AxisMap::Scale(factors) => factors.iter().enumerate().map(|(o, &f)| unit(Some(o), f)).collect(),
            AxisMap::Gather(sources) => sources.iter().map(|s| unit(s.map(|s| s as usize), 1)).collect(),
            &AxisMap::Window { kernel, stride, padding } => {
                let outputs = (input + padding[0] + padding[1] - kernel) / stride + 1;
                let meets = |o: usize, q: usize| (0..kernel).any(|k| stride * o + k == q + padding[0]);
                (0..outputs).map(|o| (0..input).map(|q| meets(o, q).into()).collect()).collect()
            }
        }
    }

    fn maps() -> Vec<(AxisMap, usize)> {
        let mut maps = vec![
            (AxisMap::Identity, 5),
            (AxisMap::Scale(vec![3, 0, -7, i32::MIN]), 4),
            (AxisMap::Gather(vec![Some(2), None, Some(0), Some(2), Some(1)]), 3),
            (AxisMap::Gather(vec![None]), 1),
        ];
        for (input, kernel, stride) in (1..6).flat_map(|n| (1..8).flat_map(move |k| (1..5).map(move |s| (n, k, s)))) {
            let paddings = [[0, 0], [1, 0], [2, 3], [7, 1], [0, 9]];
            let windows = paddings.map(|padding| (AxisMap::Window { kernel, stride, padding }, input));
            maps.extend(windows.into_iter().filter(|(map, input)| map.output_len(*input).is_some()));
        }
        maps
    }

    #[test]
    fn rows_and_row_sums_are_those_of_the_matrix() {
        for (map, input) in maps() {
            let dense = dense(&map, input);
            let rows: Vec<Vec<i64>> = map
                .rows(input)
                .map(|row| (0..input).map(|i| if row.sources.contains(&i) { row.factor.into() } else { 0 }).collect())
                .collect();
            assert_eq!(rows, dense, "{map:?} on {input}");
            assert_eq!(map.output_len(input), Some(dense.len()));
            let sums: Vec<i128> = dense.iter().map(|row| row.iter().map(|&c| i128::from(c)).sum()).collect();
            let ends = RowSums { least: *sums.iter().min().unwrap(), most: *sums.iter().max().unwrap() };
            assert_eq!(map.row_sums(input), Some(ends), "{map:?} on {input}");
            let identity =
                dense.len() == input && (0..input).all(|o| (0..input).all(|i| dense[o][i] == (o == i).into()));
            if map.is_identity(input) {
                assert!(identity, "{map:?} on {input}");
            }
        }
    }

    #[test]
    fn maps_that_do_not_fit_have_no_output() {
        let window = |kernel, stride, padding| AxisMap::Window { kernel, stride, padding };
        for map in [
            AxisMap::Scale(vec![1; 3]),
            AxisMap::Gather(vec![Some(4)]),
            AxisMap::Gather(vec![]),
            window(0, 1, [0, 0]),
            window(1, 0, [0, 0]),
            window(6, 1, [1, 0]),
            window(1, 1, [usize::MAX, 0]),
            window(usize::MAX, usize::MAX, [1, 2]),
        ] {
            assert_eq!(map.output_len(4), None, "{map:?}");
            assert_eq!((map.row_sums(4), map.rows(4).count()), (None, 0));
        }
        assert_eq!(AxisMap::Identity.output_len(0), None);
    }

    #[test]
    fn tensors_are_permuted_and_then_mapped() {
        let map = TensorMap::permutation([0, 3, 1, 2]).with_axis(1, AxisMap::Gather(vec![Some(4), None]));
        assert_eq!(map.output_shape([7, 2, 3, 5]), Some([7, 2, 2, 3]));
        assert_eq!(map.output_shape([7, 2, 3, 4]), None);
        assert_eq!(map.row_sums([7, 2, 3, 5]), Some(RowSums { least: 0, most: 1 }));
        assert!(TensorMap::identity().is_identity([1, 2, 3, 4]) && !map.is_identity([7, 2, 3, 5]));
    }

    #[test]
    fn the_batch_axis_stays() {
        let moved = TensorMap::permutation([1, 0, 2, 3]);
        let twice = TensorMap::permutation([0, 1, 1, 3]);
        let beyond = TensorMap::permutation([0, 1, 2, 4]);
        let scaled = TensorMap { axes: [0; 4].map(|_| AxisMap::Scale(vec![1])), ..TensorMap::IDENTITY };
        for map in [moved, twice, beyond, scaled] {
            assert_eq!(map.output_shape([1; 4]), None, "{map:?}");
        }
        let grown = TensorMap::on_axis(2, AxisMap::Window { kernel: 1, stride: 1, padding: [0, usize::MAX / 2] });
        assert_eq!(grown.output_shape([4, 1, 1, 1]), None);
    }

    #[test]
    fn bounds_are_reached_by_rows_of_either_sign() {
        let sums = RowSums { least: -3, most: 2 };
        assert_eq!(sums.norm(), 3);
        assert_eq!(sums.bounds(1, (-1, 10)), (-30, 20));
        assert_eq!(sums.bounds(-2, (1, 10)), (-40, 60));
        assert_eq!(RowSums { least: 2, most: 4 }.bounds(3, (5, 6)), (30, 72));
    }
}
