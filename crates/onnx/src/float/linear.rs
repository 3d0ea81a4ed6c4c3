//! `sum_i factor_i * map_i(in_i) + constant`.

use std::borrow::Cow;

use convince_field::{AxisMap, TensorMap};
use convince_model::Shape;

/// A sum of multiples of mapped values, and a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatLinear {
    /// One an input; all give the same shape.
    pub(crate) terms: Vec<FloatTerm>,
    pub(crate) constant: f32,
}

/// A multiple of a mapped value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatTerm {
    pub(crate) factor: f32,
    pub(crate) map: TensorMap,
}

impl FloatTerm {
    /// A value, mapped.
    pub(crate) fn mapped(map: TensorMap) -> Self {
        Self { factor: 1.0, map }
    }

    /// A multiple of a value.
    pub(crate) fn times(factor: f32) -> Self {
        Self { factor, map: TensorMap::IDENTITY }
    }
}

impl FloatLinear {
    /// One term and no constant.
    pub(crate) fn map(map: TensorMap) -> Self {
        Self { terms: vec![FloatTerm::mapped(map)], constant: 0.0 }
    }

    pub(super) fn run(&self, inputs: &[(&[f32], Shape)], out_shape: Shape) -> Vec<f32> {
        let mut out = vec![self.constant; out_shape.iter().product()];
        for (term, &(input, shape)) in self.terms.iter().zip(inputs) {
            let mapped = apply(&term.map, input, shape);
            out.iter_mut().zip(mapped.iter()).for_each(|(sum, value)| *sum += term.factor * value);
        }
        out
    }
}

/// The map's value: permutes, then maps one axis after the other. Panics if the map does not fit.
fn apply<'a>(map: &TensorMap, input: &'a [f32], shape: Shape) -> Cow<'a, [f32]> {
    let mut value = match map.order {
        [0, 1, 2, 3] => Cow::Borrowed(input),
        order => Cow::Owned(permute(input, shape, order)),
    };
    let mut shape = map.order.map(|axis| shape[axis]);
    for (axis, map) in map.axes.iter().enumerate() {
        if *map != AxisMap::Identity {
            let inner = shape[axis + 1..].iter().product();
            value = Cow::Owned(on_axis(map, &value, shape[axis], inner));
            shape[axis] = map.output_len(shape[axis]).unwrap_or(0);
        }
    }
    value
}

fn permute(input: &[f32], shape: Shape, order: [usize; 4]) -> Vec<f32> {
    let strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
    let [batch, channels, rows, columns] = order.map(|axis| shape[axis]);
    let [n, c, h, w] = order.map(|axis| strides[axis]);
    let mut out = Vec::with_capacity(input.len());
    for line in 0..batch * channels * rows {
        let start = line / (channels * rows) * n + line / rows % channels * c + line % rows * h;
        out.extend((0..columns).map(|x| input[start + x * w]));
    }
    out
}

/// Maps the middle one of axes `[.., from, inner]`.
fn on_axis(map: &AxisMap, input: &[f32], from: usize, inner: usize) -> Vec<f32> {
    let rows: Vec<_> = map.rows(from).collect();
    let mut out = Vec::with_capacity(input.len() / from * rows.len());
    for block in input.chunks_exact(from * inner) {
        for row in &rows {
            let start = out.len();
            out.resize(start + inner, 0.0);
            for source in row.sources.clone() {
                let line = &block[source * inner..][..inner];
                out[start..].iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
            }
            if row.factor != 1 {
                out[start..].iter_mut().for_each(|sum| *sum *= row.factor as f32);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(len: usize, kind: u8, seed: usize) -> AxisMap {
        match kind {
            0 => AxisMap::Identity,
            1 => AxisMap::Scale((0..len).map(|i| ((i + seed) % 5) as i32 - 2).collect()),
            2 => AxisMap::Gather(
                (0..len + seed % 3).map(|o| Some(((o * 7 + seed) % len) as u32).filter(|_| o % 4 != 3)).collect(),
            ),
            _ => AxisMap::Window { kernel: 1 + seed % len, stride: 1 + seed % 2, padding: [seed % 3, seed / 3 % 3] },
        }
    }

    proptest! {
        /// The definition: a sum over all inputs of products of matrix entries.
        #[test]
        fn maps_are_products_of_their_axes_matrices(
            shape in [1usize..2, 1usize..4, 1usize..5, 1usize..5],
            kinds in [0u8..4, 0u8..4, 0u8..4],
            turn in 0usize..6,
            seed in 0usize..50,
        ) {
            let order = [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]][turn];
            let mut map = TensorMap::permutation(order);
            for a in 1..4 {
                map.axes[a] = axis(shape[order[a]], kinds[a - 1], seed);
            }
            let out_shape = map.output_shape(shape).expect("fits");
            let input: Vec<f32> = (0..shape.iter().product()).map(|i| ((i * 13 + seed) % 17) as f32 - 8.0).collect();
            let entry = |a: usize, o: usize, i: usize| {
                let row = map.axes[a].row(o, shape[order[a]]);
                if row.sources.contains(&i) { row.factor as f32 } else { 0.0 }
            };
            let mut expected = vec![1.5; out_shape.iter().product()];
            for (o, sum) in expected.iter_mut().enumerate() {
                let out_at = places(out_shape, o);
                for (i, value) in input.iter().enumerate() {
                    let at = places(shape, i);
                    *sum += -2.0 * value * (0..4).map(|a| entry(a, out_at[a], at[order[a]])).product::<f32>();
                }
            }
            let op = FloatLinear { terms: vec![FloatTerm { factor: -2.0, map }], constant: 1.5 };
            prop_assert_eq!(op.run(&[(&input, shape)], out_shape), expected);
        }
    }

    fn places(shape: Shape, index: usize) -> [usize; 4] {
        let inner = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
        [0, 1, 2, 3].map(|a| index / inner[a] % shape[a])
    }
}
