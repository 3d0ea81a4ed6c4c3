//! Operators as their formulas say, one term at a time: what the fast kernels are tested against.

use crate::linear::bias_at;
use crate::{Conv2d, Gemm, Shape};

/// Accumulators of a convolution. `input` is `[1, C, H, W]` of that shape; panics if it, or the operator, is not valid.
pub fn conv2d(op: &Conv2d, input: &[i32], shape: Shape) -> Vec<i64> {
    let [co, ci, kernel, _] = op.weight_shape;
    let [_, _, rows, columns] = shape;
    let (out_rows, out_columns) = (op.output_size(rows), op.output_size(columns));
    let at = |c: usize, y: usize, x: usize| -> i64 {
        let place =
            y.checked_sub(op.padding).filter(|&y| y < rows).zip(x.checked_sub(op.padding).filter(|&x| x < columns));
        place.map_or(0, |(y, x)| input[(c * rows + y) * columns + x].into())
    };
    let mut out = Vec::with_capacity(co * out_rows * out_columns);
    for o in 0..co {
        for y in 0..out_rows {
            for x in 0..out_columns {
                let mut sum = i64::from(bias_at(&op.bias, o));
                for tap in 0..op.taps() {
                    let (c, i, j) = (tap / (kernel * kernel), tap / kernel % kernel, tap % kernel);
                    let weight = op.weight.as_slice().get(((o * ci + c) * kernel + i) * kernel + j);
                    sum += weight * at(c, y * op.stride + i, x * op.stride + j);
                }
                out.push(sum);
            }
        }
    }
    out
}

/// Accumulators of a matrix product. Panics if the sizes do not match.
pub fn gemm(op: &Gemm, input: &[i32]) -> Vec<i64> {
    let [rows, taps] = op.weight_shape;
    let weight = op.weight.as_slice();
    let row = |o: usize| (0..taps).map(|i| weight.get(o * taps + i) * i64::from(input[i])).sum::<i64>();
    (0..rows).map(|o| i64::from(bias_at(&op.bias, o)) + row(o)).collect()
}
