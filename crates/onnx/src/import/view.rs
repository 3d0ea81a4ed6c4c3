//! Tensors of a file as views of four-dimensional values.
//!
//! A file may reshape and transpose at will; a network's values are `[1, C, H, W]`. A [`View`] says where each element
//! of a file's tensor is in the value behind it, so that reshaping and transposing cost nothing until an operator needs
//! its input in order:
//!
//! ```text
//! axis k of the tensor is a mixed-radix number with digits (size, stride), most significant first;
//! element [i_0, i_1, ..] is at place  sum over all digits of digit * stride.
//! ```
//! A transpose permutes axes, a reshape regroups digits (splitting them where it must), and any order that a file asks
//! for in the end is a [`TensorMap`] or a sum of a few, [`arrangement`].

use convince_field::{AxisMap, TensorMap};
use convince_model::Shape;

use crate::float::FloatTerm;

/// A digit of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digit {
    /// At least 2.
    pub(super) size: usize,
    /// Distance in the value, row-major.
    pub(super) stride: usize,
}

/// A tensor's axes, each with its digits; an axis of size 1 has none. Every place of the value is met exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) axes: Vec<Vec<Digit>>,
}

/// Number of places along digits.
pub(super) fn size(digits: &[Digit]) -> usize {
    digits.iter().map(|digit| digit.size).product()
}

impl View {
    /// The view of a value in row-major order.
    pub(super) fn row_major(dims: &[usize]) -> Self {
        let mut axes: Vec<Vec<Digit>> = Vec::with_capacity(dims.len());
        let mut stride = 1;
        for &size in dims.iter().rev() {
            axes.push(if size > 1 { vec![Digit { size, stride }] } else { Vec::new() });
            stride *= size;
        }
        axes.reverse();
        Self { axes }
    }

    /// Sizes of the axes.
    pub(super) fn dims(&self) -> Vec<usize> {
        self.axes.iter().map(|digits| size(digits)).collect()
    }

    /// Axis `k` of the result is axis `order[k]`, which must be a permutation.
    pub(super) fn transposed(&self, order: &[usize]) -> Self {
        Self { axes: order.iter().map(|&axis| self.axes[axis].clone()).collect() }
    }

    /// The same elements in row-major order with other axes, `None` if the number of elements differs or a digit would
    /// have to be split into parts that it has not.
    pub(super) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut digits = merged(self.axes.iter().flatten().copied()).into_iter();
        let mut pending = None;
        let mut axes = Vec::with_capacity(dims.len());
        for &dim in dims {
            let (mut missing, mut axis) = (dim, Vec::new());
            while missing > 1 {
                let digit = pending.take().or_else(|| digits.next())?;
                if missing.is_multiple_of(digit.size) {
                    missing /= digit.size;
                    axis.push(digit);
                } else if digit.size.is_multiple_of(missing) {
                    let inner = Digit { size: digit.size / missing, stride: digit.stride };
                    axis.push(Digit { size: missing, stride: digit.stride * inner.size });
                    pending = Some(inner);
                    missing = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        (pending.is_none() && digits.next().is_none()).then_some(Self { axes })
    }

    /// Place of every element in the value, in row-major order of the view.
    pub(super) fn places(&self) -> Vec<usize> {
        let mut places = vec![0];
        for digit in self.axes.iter().flatten() {
            let steps = |place: usize| (0..digit.size).map(move |i| place + i * digit.stride);
            places = places.into_iter().flat_map(steps).collect();
        }
        places
    }

    /// Whether elements in row-major order are the value in row-major order.
    pub(super) fn is_row_major(&self) -> bool {
        merged(self.axes.iter().flatten().copied()).len() <= 1
    }

    /// The axes as those of a value: the first axes that are not 1 in size are joined until three are left.
    ///
    /// Views of at most four axes with batch 1 keep theirs.
    pub(super) fn four(&self) -> [Vec<Digit>; 4] {
        let keeps = self.axes.len() <= 4 && self.axes.first().is_none_or(Vec::is_empty);
        let mut rest: Vec<Vec<Digit>> = match keeps {
            true => self.axes.iter().skip(1).cloned().collect(),
            false => self.axes.iter().filter(|axis| !axis.is_empty()).cloned().collect(),
        };
        while rest.len() > 3 {
            let second = rest.remove(1);
            rest[0].extend(second);
        }
        let mut rest = rest.into_iter();
        [Vec::new(), rest.next().unwrap_or_default(), rest.next().unwrap_or_default(), rest.next().unwrap_or_default()]
    }
}

/// Joins neighbours that are one digit.
fn merged(digits: impl Iterator<Item = Digit>) -> Vec<Digit> {
    let mut out: Vec<Digit> = Vec::new();
    for digit in digits {
        match out.last_mut() {
            Some(last) if last.stride == digit.size * digit.stride => {
                *last = Digit { size: last.size * digit.size, stride: digit.stride };
            }
            _ => out.push(digit),
        }
    }
    out
}

/// A digit of an output axis that is one of a single input axis.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Axis of the input.
    axis: usize,
    size: usize,
    /// Distance along that axis.
    stride: usize,
}

/// Most terms of an arrangement.
const MAX_TERMS: usize = 64;

const ORDERS: [[usize; 4]; 6] = [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]];

/// A value of shape `shape` whose axes are those digits of a value of shape `from`, as terms of a sum: each holds the
/// elements for one setting of the digits that lie across. `None` if that takes too many terms, or a digit cannot be
/// split between axes, or the batch axis would not be 1.
pub(super) fn arrangement(axes: &[Vec<Digit>; 4], from: Shape) -> Option<(Vec<FloatTerm>, Shape)> {
    let shape = [0, 1, 2, 3].map(|axis| size(&axes[axis]));
    if shape[0] != 1 {
        return None;
    }
    let pieces: Vec<Vec<Piece>> = axes.iter().map(|digits| pieces(digits, from)).collect::<Option<_>>()?;
    let across = |order: &[usize; 4]| -> usize {
        let lies_across = |out: usize| pieces[out].iter().filter(move |piece| piece.axis != order[out]);
        (0..4).flat_map(lies_across).fold(1, |product: usize, piece| product.saturating_mul(piece.size))
    };
    let order = *ORDERS.iter().min_by_key(|order| across(order))?;
    let count = Some(across(&order)).filter(|&count| count <= MAX_TERMS)?;
    let term = |setting| FloatTerm::mapped(TensorMap { order, axes: maps(&pieces, order, from, setting) });
    Some(((0..count).map(term).collect(), shape))
}

/// The digits of one output axis, cut where input axes meet.
fn pieces(digits: &[Digit], from: Shape) -> Option<Vec<Piece>> {
    let strides = [from[1] * from[2] * from[3], from[2] * from[3], from[3], 1];
    let mut pieces = Vec::new();
    for &Digit { mut size, stride } in &merged(digits.iter().copied()) {
        // From the outermost axis to the innermost, as digits are ordered.
        for axis in 1..4 {
            if from[axis] == 1 || size == 1 || size * stride <= strides[axis] {
                continue;
            }
            let unit = stride.max(strides[axis]);
            if !unit.is_multiple_of(stride) || !(size * stride).is_multiple_of(unit) {
                return None;
            }
            pieces.push(Piece { axis, size: size * stride / unit, stride: unit / strides[axis] });
            size = unit / stride;
        }
    }
    Some(pieces)
}

/// The maps of each axis for one setting of the digits that lie across, numbered in mixed radix.
fn maps(pieces: &[Vec<Piece>], order: [usize; 4], from: Shape, setting: usize) -> [AxisMap; 4] {
    // Digits that lie across are fixed; what they select is an offset along their input axis.
    let (mut rest, mut offsets) = (setting, [0; 4]);
    let mut fixed: Vec<Vec<Option<usize>>> = Vec::new();
    for (out, list) in pieces.iter().enumerate() {
        let mut digits = Vec::new();
        for piece in list {
            let is_fixed = piece.axis != order[out];
            digits.push(is_fixed.then_some(rest % piece.size));
            if is_fixed {
                offsets[piece.axis] += rest % piece.size * piece.stride;
                rest /= piece.size;
            }
        }
        fixed.push(digits);
    }
    let map = |out: usize| {
        let mut sources = vec![Some(offsets[order[out]] as u32)];
        for (piece, fixed) in pieces[out].iter().zip(&fixed[out]) {
            let step = |source: Option<u32>, i: usize| match fixed {
                Some(digit) => source.filter(|_| i == *digit),
                None => source.map(|source| source + (i * piece.stride) as u32),
            };
            sources = sources.into_iter().flat_map(|source| (0..piece.size).map(move |i| step(source, i))).collect();
        }
        let gather = AxisMap::Gather(sources);
        if gather.is_identity(from[order[out]]) { AxisMap::Identity } else { gather }
    };
    [AxisMap::Identity, map(1), map(2), map(3)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::float::{FloatGraph, FloatLinear, FloatNode, FloatOp};

    /// The elements that the view says, and those that the arrangement gives.
    fn both(view: &View, from: Shape) -> Option<(Vec<f32>, Vec<f32>)> {
        let (terms, shape) = arrangement(&view.four(), from)?;
        let inputs = vec![0; terms.len()];
        let op = FloatOp::Linear(FloatLinear { terms, constant: 0.0 });
        let graph = FloatGraph { input_shape: from, nodes: vec![FloatNode { name: "n".into(), op, inputs, shape }] };
        let input: Vec<f32> = (0..from.iter().product()).map(|i| i as f32).collect();
        let expected = view.places().into_iter().map(|place| place as f32).collect();
        Some((expected, graph.run(&input).expect("finite")))
    }

    fn view(shape: Shape, steps: &[(&[usize], &[usize])]) -> View {
        steps
            .iter()
            .fold(View::row_major(&shape), |view, (dims, order)| view.reshaped(dims).expect("splits").transposed(order))
    }

    #[test]
    fn usual_patterns_are_arranged_with_few_terms() {
        let shape = [1, 12, 4, 6];
        let shuffle = view(shape, &[(&[1, 3, 4, 4, 6], &[0, 2, 1, 3, 4]), (&[1, 12, 4, 6], &[0, 1, 2, 3])]);
        let nhwc = view(shape, &[(&shape, &[0, 2, 3, 1])]);
        let depth_to_space =
            view(shape, &[(&[1, 2, 2, 3, 4, 6], &[0, 3, 4, 1, 5, 2]), (&[1, 3, 8, 12], &[0, 1, 2, 3])]);
        let space_to_depth =
            view(shape, &[(&[1, 12, 2, 2, 3, 2], &[0, 3, 5, 1, 2, 4]), (&[1, 48, 2, 3], &[0, 1, 2, 3])]);
        let rows = view(shape, &[(&[1, 288], &[0, 1]), (&[1, 24, 2, 6], &[0, 1, 2, 3])]);
        for (view, count) in [(shuffle, 1), (nhwc, 1), (depth_to_space, 4), (space_to_depth, 4), (rows, 2)] {
            assert_eq!(arrangement(&view.four(), shape).expect("arranged").0.len(), count);
            let (expected, found) = both(&view, shape).expect("arranged");
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn opposite_transposes_and_reshapes_are_nothing() {
        let shape = [1, 3, 4, 5];
        let there_and_back = view(shape, &[(&shape, &[0, 2, 3, 1]), (&[1, 4, 5, 3], &[0, 3, 1, 2])]);
        assert_eq!(there_and_back, View::row_major(&shape));
        let flat = view(shape, &[(&[60], &[0]), (&[1, 1, 60, 1], &[0, 2, 1, 3]), (&[1, 3, 4, 5], &[0, 1, 2, 3])]);
        assert_eq!(flat, View::row_major(&shape));
        assert_eq!(View::row_major(&shape).reshaped(&[1, 61]), None);
        assert_eq!(View::row_major(&shape).reshaped(&[1, 30]), None);
        assert_eq!(view(shape, &[(&shape, &[0, 2, 3, 1])]).reshaped(&[1, 8, 7]), None);
    }

    proptest! {
        #[test]
        fn arrangements_are_their_views(
            shape in [1usize..2, 1usize..7, 1usize..7, 1usize..7],
            cuts in prop::collection::vec(1usize..7, 1..4),
            turn in 0usize..24,
        ) {
            // Any reshape to four or five axes, then a transpose.
            let total: usize = shape.iter().product();
            let (mut rest, mut dims) = (total, vec![1]);
            for cut in cuts {
                let cut = if rest % cut == 0 { cut } else { 1 };
                dims.push(cut);
                rest /= cut;
            }
            dims.push(rest);
            let mut order: Vec<usize> = (0..dims.len()).collect();
            order.swap(1, 1 + turn % (dims.len() - 1));
            let last = dims.len() - 1;
            order.swap(last, 1 + turn / 4 % last);
            let Some(view) = View::row_major(&shape).reshaped(&dims) else { return Ok(()) };
            if let Some((expected, found)) = both(&view.transposed(&order), shape) {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
