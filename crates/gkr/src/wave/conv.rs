//! The prover's tables of a convolution: integers folded with truncated eq tables (DESIGN section 5).

use convince_field::{IntSlice, ProofField, WindowAxis};
use convince_poly::{Axis, outer, pad};
use convince_sumcheck::parallel;

use super::{Instance, kernel_shape};

/// `W'[g,ci,i,j] = sum over co in g of E_co[co] w[co,ci,i,j]`: one pass over the weights.
pub(crate) fn folded_weights<F: ProofField, S: Sync>(instance: &Instance<'_, F, S>, weights: IntSlice<'_>) -> Vec<F> {
    let (outputs, groups) = (instance.axis(1).table(), instance.layer.params.groups);
    let width = instance.layer.weight_shape[1..].iter().product();
    let run = outputs.len() / groups;
    let group = |g: usize| weights.range(g * run * width, run * width).fold_rows(width, &outputs[g * run..][..run]);
    parallel::map(groups, group).concat()
}

/// `X'[ci,i,j] = sum_{b,y,x} E_b[b] E_y[y] E_x[x] in[b,ci,s*y+d*i-p,s*x+d*j-p]`: for one image an x-pass of `kw * |in|` small
/// multiply-accumulates, for several one pass that folds the batch and an x-pass over field elements; then a y-pass of
/// `ci * kh * kw * Ho` field multiplications.
pub(super) fn folded_windows<F: ProofField, S: Sync>(instance: &Instance<'_, F, S>, input: IntSlice<'_>) -> Vec<F> {
    let [_, channels, height, width] = instance.layer.input_shape;
    let [rows, columns] = instance.layer.axes();
    let (e_y, e_x) = (instance.axis(2).table(), instance.axis(3).table());
    let batch = instance.axis(0).table();
    let plane = height * width;
    let one_image = batch.len() == 1;
    let across = |ci: usize| -> Vec<F> {
        let places = (0..height).flat_map(|qy| (0..columns.kernel).map(move |j| (qy, j)));
        if one_image {
            let at = |(qy, j)| shifted_dot(input.range((ci * height + qy) * width, width), &e_x, j, &columns);
            return places.map(at).collect();
        }
        let mut image = vec![F::zero(); plane];
        for (b, e) in batch.iter().enumerate() {
            let fold = input.range((b * channels + ci) * plane, plane).fold_rows(plane, &[*e]);
            image.iter_mut().zip(fold).for_each(|(sum, v)| *sum += v);
        }
        let at = |(qy, j): (usize, usize)| -> F {
            let row = &image[qy * width..][..width];
            columns.meeting(j, e_x.len()).map(|x| e_x[x] * row[place(&columns, x, j)]).sum()
        };
        places.map(at).collect()
    };
    let windows = |ci: usize| {
        let across = across(ci);
        let mut out = vec![F::zero(); rows.kernel * columns.kernel];
        for (i, out) in out.chunks_exact_mut(columns.kernel).enumerate() {
            for y in rows.meeting(i, e_y.len()) {
                let line = &across[place(&rows, y, i) * columns.kernel..][..columns.kernel];
                out.iter_mut().zip(line).for_each(|(sum, v)| *sum += e_y[y] * v);
            }
        }
        out
    };
    let scale = if one_image { batch[0] } else { F::one() };
    let mut out = parallel::map(channels, windows).concat();
    if scale != F::one() {
        out.iter_mut().for_each(|v| *v *= scale);
    }
    out
}

/// The input place at which output place `y` and kernel place `i` meet.
fn place(axis: &WindowAxis, y: usize, i: usize) -> usize {
    axis.stride * y + axis.dilation * i - axis.padding[0]
}

/// `sum_x weights[x] * row[place of (x, j)]` over the output places that meet kernel place `j` inside the row.
fn shifted_dot<F: ProofField>(row: IntSlice<'_>, weights: &[F], j: usize, axis: &WindowAxis) -> F {
    let meeting = axis.meeting(j, weights.len());
    if meeting.is_empty() {
        return F::zero();
    }
    if axis.stride == 1 {
        return row.range(place(axis, meeting.start, j), meeting.len()).dot(&weights[meeting]);
    }
    let places: Vec<i32> = meeting.clone().map(|x| row.get(place(axis, x, j)) as i32).collect();
    F::dot(&places, &weights[meeting])
}

/// `in` with its batch and its channels folded: the plane that stage B sums over. One pass over the input.
pub(crate) fn folded_channels<F: ProofField>(input: IntSlice<'_>, batch: &Axis<F>, channels: &Axis<F>) -> Vec<F> {
    let weights = outer(&[batch.clone(), channels.clone()]);
    input.fold_rows(input.len() / weights.len(), &weights)
}

/// Both tables of stage A on the hypercube.
pub(super) fn kernel_tables<F: ProofField, S: Sync>(
    instance: &Instance<'_, F, S>,
    weights: IntSlice<'_>,
    input: IntSlice<'_>,
) -> [Vec<F>; 2] {
    let (w, x) = parallel::join(|| folded_weights(instance, weights), || folded_windows(instance, input));
    [w, x].map(|table| pad(&table, &kernel_shape(instance.layer)))
}
