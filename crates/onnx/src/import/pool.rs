//! Maxima and means over windows and over whole images.

use convince_field::{AxisMap, TensorMap};
use convince_model::MaxPool;

use super::builder::Builder;
use super::call::{Call, Computed, Outcome};
use super::reduce;
use super::window::{Window, list};
use crate::NodeProblem;
use crate::float::{FloatLinear, FloatOp, FloatTerm};

/// The kernel of a pooling operator.
fn kernel(call: &Call<'_>, rank: usize) -> Result<[usize; 2], NodeProblem> {
    if call.attributes.ints("kernel_shape")?.is_none() {
        return Err(NodeProblem::MissingAttribute("kernel_shape"));
    }
    list(&call.attributes, "kernel_shape", rank, (1, 1))
}

pub(super) fn import_max(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    call.expect(1, &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"])?;
    let dims = call.computed(0)?.view.dims();
    let (input, shape) = builder.image(call.computed(0)?)?;
    let window = Window::read(attributes, kernel(call, dims.len() - 2)?, &dims)?;
    if window.dilation != [1; 2] {
        return Err(attributes.unsupported("dilations"));
    }
    let pool = MaxPool { kernel: window.kernel, stride: window.stride, padding: window.reached() };
    if pool.output_size(shape[2], shape[3]) != Some(window.out) {
        return Err(window.unfit(&dims));
    }
    let out = [1, shape[1], window.out[0], window.out[1]];
    Ok(builder.push_row_major(FloatOp::MaxPool(pool), vec![input], &out[..dims.len()])?.into())
}

/// Largest numerator of a share of a window: sums times it stay small.
const MAX_NUMERATOR: usize = 1 << 15;

pub(super) fn import_average(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    let names = ["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"];
    call.expect(1, &[&names[..], &["channels_last"]].concat())?;
    attributes.int_is("channels_last", 0)?;
    let dims = call.computed(0)?.view.dims();
    let (input, shape) = builder.image(call.computed(0)?)?;
    let window = Window::read(attributes, kernel(call, dims.len() - 2)?, &dims)?;
    if window.dilation != [1; 2] {
        return Err(attributes.unsupported("dilations"));
    }
    let counts_padding = attributes.int("count_include_pad")?.unwrap_or(0) != 0;
    let (mut sums, mut shares, mut factor) = (TensorMap::IDENTITY, TensorMap::IDENTITY, 1.0);
    for axis in 0..2 {
        let reached = window.reached();
        let (size, kernel, stride) = (shape[2 + axis], window.kernel[axis], window.stride[axis]);
        let padding = [reached[axis], reached[2 + axis]];
        // Padding that is counted is part of the image, what rounding up reaches beyond it is not.
        let (front, back) = match counts_padding {
            true => (0, size + window.padding[axis] + window.padding[2 + axis]),
            false => (window.padding[axis], window.padding[axis] + size),
        };
        builder.grow(&[window.out[axis]], 0)?;
        let count = |o: usize| (o * stride + kernel).min(back).saturating_sub((o * stride).max(front));
        let counts: Vec<usize> = (0..window.out[axis]).map(count).collect();
        let numerator = counts.iter().try_fold(1, |lcm, &count| least_common_multiple(lcm, count));
        let numerator = numerator.ok_or_else(|| window.unfit(&dims))?;
        if counts.iter().any(|&count| count != counts[0]) {
            shares.axes[2 + axis] = AxisMap::Scale(counts.iter().map(|count| (numerator / count) as i32).collect());
        }
        sums.axes[2 + axis] = AxisMap::Window { kernel, stride, padding };
        factor /= numerator as f64;
    }
    let out = [1, shape[1], window.out[0], window.out[1]];
    let term = |map: TensorMap, factor: f32| {
        FloatOp::Linear(FloatLinear { terms: vec![FloatTerm { factor, map }], constant: 0.0 })
    };
    let factor = factor as f32;
    let (op, input) = match shares == TensorMap::IDENTITY {
        true => (term(sums, factor), input),
        false => (term(shares, factor), builder.push(term(sums, 1.0), vec![input], out)?),
    };
    Ok(builder.push_row_major(op, vec![input], &out[..dims.len()])?.into())
}

/// `None` if a number is 0 or the multiple is large.
fn least_common_multiple(a: usize, b: usize) -> Option<usize> {
    let (mut x, mut y) = (a, b);
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).checked_mul(b).filter(|&lcm| lcm > 0 && (lcm <= MAX_NUMERATOR || lcm == b))
}

/// Means and maxima of each channel.
pub(super) fn import_global(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &["channels_last"])?;
    call.attributes.int_is("channels_last", 0)?;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    if call.operator == "GlobalAveragePool" {
        let axes: Vec<usize> = (2..dims.len()).collect();
        return Ok(reduce::window(builder, input, &axes, true)?.into());
    }
    let (id, shape) = builder.image(input)?;
    let kernel = [shape[2], shape[3]];
    let pool = FloatOp::MaxPool(MaxPool { kernel, stride: [1; 2], padding: [0; 4] });
    let out = [1, shape[1], 1, 1];
    let out: Computed = builder.push_row_major(pool, vec![id], &out[..dims.len()])?;
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_common_multiples_are_limited() {
        assert_eq!([2, 3, 4].iter().try_fold(1, |lcm, &n| least_common_multiple(lcm, n)), Some(12));
        assert_eq!(least_common_multiple(1, 50_000), Some(50_000));
        assert_eq!(least_common_multiple(49_999, 50_000), None);
        assert_eq!(least_common_multiple(3, 0), None);
    }
}
