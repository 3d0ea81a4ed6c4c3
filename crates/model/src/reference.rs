//! Operators as their formulas say, one term at a time: what the fast kernels are tested against.
//!
//! All panic if the operator is not valid, or the inputs are not of the shapes said.

use crate::dot::bias_at;
use crate::{Conv2d, Gemm, Linear, MaxPool, Requant, Shape};

/// Every place of `shape`, row-major.
fn places([batch, channels, rows, columns]: Shape) -> impl Iterator<Item = Shape> {
    (0..batch).flat_map(move |b| {
        (0..channels).flat_map(move |c| (0..rows).flat_map(move |y| (0..columns).map(move |x| [b, c, y, x])))
    })
}

/// The index of a place of `shape`.
fn index(shape: Shape, place: Shape) -> usize {
    place.iter().zip(shape).fold(0, |index, (&i, n)| index * n + i)
}

/// Accumulators of a convolution.
pub fn conv2d(op: &Conv2d, input: &[i32], shape: Shape) -> Vec<i64> {
    let [co, channels, kh, kw] = op.weight_shape;
    let [down, across] = op.axes(shape[2], shape[3]);
    let out = [shape[0], co, down.output().expect("fits"), across.output().expect("fits")];
    let sums = places(out).map(|[b, o, y, x]| {
        let first = o / (co / op.groups) * channels;
        let terms = places([1, channels, kh, kw]).filter_map(|[_, c, i, j]| {
            let source = [b, first + c, down.place(y, i)?, across.place(x, j)?];
            let weight = op.weight.as_slice().get(index(op.weight_shape, [o, c, i, j]));
            Some(weight * i64::from(input[index(shape, source)]))
        });
        i64::from(bias_at(&op.bias, o)) + terms.sum::<i64>()
    });
    sums.collect()
}

/// Accumulators of a matrix product, one batch entry after the other.
pub fn gemm(op: &Gemm, input: &[i32]) -> Vec<i64> {
    let [rows, taps] = op.weight_shape;
    let weight = op.weight.as_slice();
    let row = |o: usize, input: &[i32]| (0..taps).map(|i| weight.get(o * taps + i) * i64::from(input[i])).sum::<i64>();
    let entries = input.chunks(taps);
    entries.flat_map(|input| (0..rows).map(move |o| i64::from(bias_at(&op.bias, o)) + row(o, input))).collect()
}

/// A requantisation.
pub fn requant(op: &Requant, input: &[i32], shape: Shape) -> Vec<i32> {
    places(shape).map(|place| op.apply(place[1], input[index(shape, place)])).collect()
}

/// Maxima of windows.
pub fn max_pool(op: &MaxPool, input: &[i32], shape: Shape) -> Vec<i32> {
    let [down, across] = op.axes(shape[2], shape[3]);
    let out = [shape[0], shape[1], down.output().expect("fits"), across.output().expect("fits")];
    let maxima = places(out).map(|[b, c, y, x]| {
        let corners = places([1, 1, op.kernel[0], op.kernel[1]]);
        let real = corners.filter_map(|[_, _, i, j]| Some([b, c, down.place(y, i)?, across.place(x, j)?]));
        real.map(|place| input[index(shape, place)]).max().expect("a real place in every window")
    });
    maxima.collect()
}

/// A sum of mapped inputs, each with its shape.
pub fn linear(op: &Linear, inputs: &[(&[i32], Shape)]) -> Vec<i64> {
    let out = inputs.iter().zip(&op.terms).find_map(|(&(_, shape), term)| term.map.output_shape(shape));
    let sums = places(out.expect("fits")).map(|place| {
        let terms = inputs.iter().zip(&op.terms).map(|(&(input, shape), term)| {
            let permuted = term.map.permuted(shape).expect("fits");
            let row = |axis: usize| term.map.axes[axis].row(place[axis], permuted[axis]);
            let rows = [row(0), row(1), row(2), row(3)];
            let factor: i128 = rows.iter().map(|row| i128::from(row.factor)).product();
            let values = places([0, 1, 2, 3].map(|axis| rows[axis].sources.len())).map(|offset| {
                let mut source = [0; 4];
                for axis in 0..4 {
                    source[term.map.order[axis]] = rows[axis].sources.start + offset[axis];
                }
                i128::from(input[index(shape, source)])
            });
            i128::from(term.multiplier) * factor * values.sum::<i128>()
        });
        (i128::from(op.constant) + terms.sum::<i128>()) as i64
    });
    sums.collect()
}
