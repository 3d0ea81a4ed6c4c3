//! `out = constant + sum over t of multipliers[t] * maps[t](in_t)`, where maps are public matrices on tensor axes.

use std::borrow::Cow;
use std::ops::Range;

use convince_field::maps::{MapTerm, sum_bounds};
use convince_field::{AxisMap, TensorMap};
use serde::{Deserialize, Serialize};

use crate::{NodeError, Shape, ValueInfo};

/// Sum of mapped inputs times public integers, plus a public integer.
///
/// Residual sums, concatenations, slices, padding, upsampling, transposes, shuffles, window sums (average pooling),
/// zero insertion: whatever is linear with public coefficients. Bounds are those of independent inputs.
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

    /// Sums wrap at 32 bits on the way, as all arithmetic here does; the bound keeps the true sum within them, so the
    /// result is exact.
    ///
    /// Time is a few passes over the inputs and the output, memory one copy of the larger of the two.
    pub(crate) fn run(&self, inputs: &[(&[i32], Shape)]) -> Vec<i32> {
        let mut out: Vec<i32> = Vec::new();
        for (term, &(input, shape)) in self.terms.iter().zip(inputs) {
            let mapped = apply(&term.map, input, shape);
            out.resize(mapped.len(), self.constant as i32);
            let multiplier = term.multiplier as i32;
            for (sum, &value) in out.iter_mut().zip(&*mapped) {
                *sum = sum.wrapping_add(multiplier.wrapping_mul(value));
            }
        }
        out
    }
}

/// A map that fits, axis by axis; the axes that shrink most come first, so that no tensor on the way is larger than
/// both the input and the output.
fn apply<'a>(map: &TensorMap, input: &'a [i32], mut shape: Shape) -> Cow<'a, [i32]> {
    let len = |axis: usize, shape: &Shape| {
        let from = shape[map.order[axis]];
        (from, map.axes[axis].output_len(from).unwrap_or(0))
    };
    let mut axes = [1, 2, 3].map(|axis| (axis, len(axis, &shape)));
    axes.sort_by(|&(_, (a, b)), &(_, (c, d))| (b as u128 * c as u128).cmp(&(d as u128 * a as u128)));
    let mut values = Cow::Borrowed(input);
    for (axis, (from, to)) in axes {
        let place = map.order[axis];
        if !map.axes[axis].is_identity(from) {
            values = Cow::Owned(apply_axis(&map.axes[axis], &values, [from, shape[place + 1..].iter().product()], to));
            shape[place] = to;
        }
    }
    if map.order == TensorMap::IDENTITY.order { values } else { Cow::Owned(permute(&values, shape, map.order)) }
}

/// `map` on the middle axis of tensors `[_, from, inner]`.
fn apply_axis(map: &AxisMap, values: &[i32], [from, inner]: [usize; 2], to: usize) -> Vec<i32> {
    let mut out = Vec::with_capacity(values.len() / from * to);
    for block in values.chunks_exact(from * inner) {
        match map {
            AxisMap::Identity => out.extend_from_slice(block),
            AxisMap::Scale(factors) => {
                for (run, &factor) in block.chunks_exact(inner).zip(factors) {
                    out.extend(run.iter().map(|&v| v.wrapping_mul(factor)));
                }
            }
            AxisMap::Gather(sources) => {
                for source in sources {
                    match source {
                        Some(source) => out.extend_from_slice(&block[*source as usize * inner..][..inner]),
                        None => out.resize(out.len() + inner, 0),
                    }
                }
            }
            AxisMap::Window { .. } => slide(map.rows(from).map(|row| row.sources), block, inner, &mut out),
        }
    }
    out
}

/// Sums over windows whose ends never move back: places that enter are added, places that leave are subtracted.
fn slide(windows: impl Iterator<Item = Range<usize>>, block: &[i32], inner: usize, out: &mut Vec<i32>) {
    let mut sums = vec![0i32; inner];
    let mut held = 0..0;
    let run = |place: usize| &block[place * inner..][..inner];
    for window in windows {
        if window.start >= held.end {
            sums.fill(0);
            held = window.start..window.start;
        }
        for place in held.end..window.end {
            sums.iter_mut().zip(run(place)).for_each(|(sum, &v)| *sum = sum.wrapping_add(v));
        }
        for place in held.start..window.start {
            sums.iter_mut().zip(run(place)).for_each(|(sum, &v)| *sum = sum.wrapping_sub(v));
        }
        out.extend_from_slice(&sums);
        held = window;
    }
}

/// The tensor whose axis `a` is axis `order[a]` of `values`.
fn permute(values: &[i32], shape: Shape, order: [usize; 4]) -> Vec<i32> {
    let stride = |axis: usize| shape[axis + 1..].iter().product::<usize>();
    let ([n0, n1, n2, n3], [s0, s1, s2, s3]) = (order.map(|axis| shape[axis]), order.map(stride));
    let mut out = Vec::with_capacity(values.len());
    for (i0, i1) in (0..n0).flat_map(|i0| (0..n1).map(move |i1| (i0, i1))) {
        for i2 in 0..n2 {
            let first = i0 * s0 + i1 * s1 + i2 * s2;
            out.extend((0..n3).map(|i3| values[first + i3 * s3]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reference;

    fn info(low: i64, high: i64) -> ValueInfo {
        ValueInfo { shape: [1, 1, 1, 2], low, high }
    }

    fn run(op: &Linear, inputs: &[&[i32]]) -> Vec<i32> {
        op.run(&inputs.iter().map(|&input| (input, [1, 1, 1, 2])).collect::<Vec<_>>())
    }

    #[test]
    fn bounds_are_reached() {
        let op = Linear::sum(&[3, -2], 5);
        let out = op.infer(&[&info(-1, 4), &info(0, 10)]).expect("small");
        assert_eq!((out.low, out.high), (5 - 3 - 20, 5 + 12));
        assert_eq!(run(&op, &[&[-1, 4], &[10, 0]]), [-18, 17]);
    }

    #[test]
    fn sums_that_leave_64_bits_on_the_way_are_exact() {
        let op = Linear::sum(&[i64::MAX, i64::MAX], 7);
        assert!(matches!(op.infer(&[&info(2, 2), &info(-2, -2)]), Ok(ValueInfo { low: 7, high: 7, .. })));
        assert_eq!(run(&op, &[&[2, 2], &[-2, -2]]), [7, 7]);
        assert!(matches!(op.infer(&[&info(2, 2), &info(-2, -1)]), Err(NodeError::Bound { .. })));
    }

    #[test]
    fn inputs_that_do_not_go_together_are_errors() {
        let other = ValueInfo { shape: [1, 2, 1, 1], low: 0, high: 1 };
        let op = Linear::sum(&[1, 1], 0);
        assert!(matches!(op.infer(&[&info(0, 1), &other]), Err(NodeError::Shape { .. })));
        let op = Linear::map(TensorMap::on_axis(3, AxisMap::Scale(vec![1; 3])));
        assert_eq!(op.infer(&[&info(0, 1)]), Err(NodeError::Map { term: 0, found: [1, 1, 1, 2] }));
    }

    /// A map of an axis of `len` places to `to` places, where there is one of the chosen kind.
    fn axis_map(len: usize, to: usize, kind: u8, seed: usize) -> AxisMap {
        let gather = |o: usize| (!(o * 3 + seed).is_multiple_of(4)).then_some(((o * 5 + seed) % len) as u32);
        match kind {
            0 if len == to => AxisMap::Identity,
            1 if len == to => AxisMap::Scale((0..len).map(|i| (i * 7 + seed) as i32 % 9 - 4).collect()),
            2 | 3 => {
                // The smallest padding that leaves `to` windows of this kernel and stride.
                let (kernel, stride) = (1 + seed % 6, 1 + seed / 6 % 4);
                let padding = (stride * (to - 1) + kernel).saturating_sub(len);
                let window = AxisMap::Window { kernel, stride, padding: [padding / 2, padding - padding / 2] };
                if window.output_len(len) == Some(to) { window } else { AxisMap::Gather((0..to).map(gather).collect()) }
            }
            _ => AxisMap::Gather((0..to).map(gather).collect()),
        }
    }

    fn term(out: Shape) -> impl Strategy<Value = (LinearTerm, Shape)> {
        let axis = || (1usize..7, 0u8..5, 0usize..1000);
        let orders = [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]];
        let parts = ([axis(), axis(), axis()], prop::sample::select(orders.to_vec()), -3i64..4, any::<bool>());
        parts.prop_map(move |(axes, order, multiplier, same)| {
            let (mut shape, mut map) = (out, TensorMap::permutation(order));
            for (axis, (len, kind, seed)) in (1..4).zip(axes) {
                let len = if same { out[axis] } else { len };
                map = map.with_axis(axis, axis_map(len, out[axis], kind, seed));
                shape[order[axis]] = len;
            }
            (LinearTerm { multiplier, map }, shape)
        })
    }

    fn linear() -> impl Strategy<Value = (Linear, Vec<Shape>)> {
        let shape = (1usize..3, 1usize..7, 1usize..7, 1usize..7);
        shape.prop_flat_map(|(b, c, h, w)| {
            (prop::collection::vec(term([b, c, h, w]), 1..4), -50i64..50).prop_map(|(terms, constant)| {
                let (terms, shapes) = terms.into_iter().unzip();
                (Linear { terms, constant }, shapes)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]

        #[test]
        fn linear_maps_equal_the_naive_reference_within_their_bounds(
            (op, shapes) in linear(),
            ranges in prop::collection::vec((-1000i64..1000, 0i64..1000), 3),
            seed in 0i64..1000,
        ) {
            let infos: Vec<ValueInfo> = shapes
                .iter()
                .zip(ranges)
                .map(|(&shape, (low, span))| ValueInfo { shape, low, high: low + span })
                .collect();
            let values = |info: &ValueInfo| -> Vec<i32> {
                let span = info.high - info.low + 1;
                (0..info.num_elements() as i64).map(|i| (info.low + (i * 7919 + seed) % span) as i32).collect()
            };
            let inputs: Vec<Vec<i32>> = infos.iter().map(values).collect();
            let out = op.infer(&infos.iter().collect::<Vec<_>>()).expect("fits");
            let pairs: Vec<(&[i32], Shape)> = inputs.iter().map(Vec::as_slice).zip(shapes).collect();
            let fast = op.run(&pairs);
            prop_assert_eq!(fast.len(), out.num_elements());
            prop_assert!(fast.iter().all(|&v| (out.low..=out.high).contains(&v.into())));
            let slow = reference::linear(&op, &pairs);
            prop_assert_eq!(fast.iter().map(|&v| i64::from(v)).collect::<Vec<_>>(), slow);
        }
    }
}
