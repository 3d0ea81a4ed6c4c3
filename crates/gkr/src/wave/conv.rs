//! The prover's tables of a convolution: integers folded with truncated eq tables (DESIGN section 5).

use convince_field::{IntSlice, ProofField};
use convince_poly::{Axis, ConvAxis, pad};
use convince_sumcheck::parallel;

use super::{Instance, conv_axes, kernel_shape};

/// `W'[ci,i,j] = sum_co E_co[co] w[co,ci,i,j]`: one pass over the weights.
pub(super) fn folded_weights<F: ProofField, S>(instance: &Instance<'_, F, S>, weights: IntSlice<'_>) -> Vec<F> {
    let width = instance.layer.weight_shape[1..].iter().product();
    weights.fold_rows(width, &instance.axis(1).table())
}

/// `X'[ci,i,j] = sum_{y,x} E_y[y] E_x[x] in[ci, s*y+i-p, s*x+j-p]`: an x-pass of `kw * |in|` small multiply-accumulates, then a
/// y-pass of `ci * kh * kw * Ho` field multiplications.
pub(super) fn folded_windows<F: ProofField, S>(instance: &Instance<'_, F, S>, input: IntSlice<'_>) -> Vec<F> {
    let [_, channels, height, width] = instance.layer.input_shape;
    let [rows, columns] = conv_axes(instance.layer);
    let (e_y, e_x) = (instance.axis(2).table(), instance.axis(3).table());
    let (kh, kw) = (rows.kernel, columns.kernel);
    let plane = |ci: usize| {
        let across: Vec<F> = (0..height)
            .flat_map(|qy| (0..kw).map(move |j| (qy, j)))
            .map(|(qy, j)| shifted_dot(input.range((ci * height + qy) * width, width), &e_x, j, &columns))
            .collect();
        let mut out = vec![F::zero(); kh * kw];
        for (y, e) in e_y.iter().enumerate() {
            for i in 0..kh {
                let Some(qy) = rows.place(y, i) else { continue };
                for j in 0..kw {
                    out[i * kw + j] += *e * across[qy * kw + j];
                }
            }
        }
        out
    };
    parallel::map(channels, plane).concat()
}

/// `sum_x weights[x] * row[stride * x + j - padding]` over the places inside the row.
fn shifted_dot<F: ProofField>(row: IntSlice<'_>, weights: &[F], j: usize, axis: &ConvAxis) -> F {
    let first = axis.padding.saturating_sub(j).div_ceil(axis.stride);
    let end = (row.len() + axis.padding).saturating_sub(j).div_ceil(axis.stride).min(weights.len());
    if first >= end {
        return F::zero();
    }
    let start = axis.stride * first + j - axis.padding;
    if axis.stride == 1 {
        return row.range(start, end - first).dot(&weights[first..end]);
    }
    let places: Vec<i32> = (first..end).map(|x| row.get(start + (x - first) * axis.stride) as i32).collect();
    F::dot(&places, &weights[first..end])
}

/// `in` with its channels folded: the plane that stage B sums over. One pass over the input.
pub(super) fn folded_channels<F: ProofField>(input: IntSlice<'_>, channels: &Axis<F>) -> Vec<F> {
    let weights = channels.table();
    input.fold_rows(input.len() / weights.len(), &weights)
}

/// Both tables of stage A on the hypercube.
pub(super) fn kernel_tables<F: ProofField, S: Sync>(
    instance: &Instance<'_, F, S>,
    weights: IntSlice<'_>,
    input: IntSlice<'_>,
) -> [Vec<F>; 2] {
    let (w, x) = parallel::join(|| folded_weights(instance, weights), || folded_windows(instance, input));
    [w, x].map(|table| pad(&table, kernel_shape(instance.layer)))
}
