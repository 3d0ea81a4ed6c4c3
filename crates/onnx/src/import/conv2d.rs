use convince_field::{AxisMap, TensorMap};

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, shape as unfit};
use super::window::{Window, list, pads};
use crate::NodeProblem;
use crate::float::{FloatConv2d, FloatOp, Floats};

/// The attributes of a convolution.
pub(super) const ATTRIBUTES: [&str; 6] = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

/// Convolution over one or two spatial axes.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(3, &ATTRIBUTES)?;
    let bias = call.floats(2)?;
    Ok(convolve(call, builder, call.computed(0)?, call.weights(1)?, bias)?.into())
}

/// Convolution with parameters given as numbers.
pub(super) fn convolve(
    call: &Call<'_>,
    builder: &mut Builder,
    input: &Computed,
    (given, weight): (&[usize], &Floats),
    bias: Option<(&[usize], &Floats)>,
) -> Result<Computed, NodeProblem> {
    let dims = input.view.dims();
    let (input, shape) = builder.image(input)?;
    let weight_shape = four_axes(given, dims.len())?;
    let [co, ci, rows, columns] = weight_shape;
    let groups = groups(call)?;
    if ci.checked_mul(groups) != Some(shape[1]) || !co.is_multiple_of(groups) {
        return Err(unfit("weight", given));
    }
    check_kernel(call, given)?;
    let window = Window::read(&call.attributes, [rows, columns], &dims)?;
    if let Some((bias, _)) = bias.filter(|(dims, _)| *dims != [co]) {
        return Err(unfit("bias", bias));
    }
    let bias = bias.map(|(_, values)| values.clone());
    let steps = builder.steps(weight, 0, bias.as_ref());
    let Window { stride, padding, dilation, out, .. } = window;
    let op = FloatConv2d { weight: weight.clone(), weight_shape, bias, stride, padding, dilation, groups, steps };
    let out = [1, co, out[0], out[1]];
    builder.push_row_major(FloatOp::Conv2d(op), vec![input], &out[..dims.len()])
}

/// A weight's axes for an input of `rank` axes; over one spatial axis, a kernel of one column.
fn four_axes(dims: &[usize], rank: usize) -> Result<[usize; 4], NodeProblem> {
    match *dims {
        [a, b, rows] if rank == 3 => Ok([a, b, rows, 1]),
        [a, b, rows, columns] if rank == 4 => Ok([a, b, rows, columns]),
        _ => Err(unfit("weight", dims)),
    }
}

fn groups(call: &Call<'_>) -> Result<usize, NodeProblem> {
    let given = call.attributes.int("group")?.unwrap_or(1);
    usize::try_from(given).ok().filter(|&groups| groups > 0).ok_or_else(|| call.attributes.unsupported("group"))
}

/// The kernel's size may be given again; it must be the weight's.
fn check_kernel(call: &Call<'_>, weight: &[usize]) -> Result<(), NodeProblem> {
    match call.attributes.ints("kernel_shape")? {
        Some(given) if !given.iter().map(|&n| n as usize).eq(weight[2..].iter().copied()) => {
            Err(call.attributes.unsupported("kernel_shape"))
        }
        _ => Ok(()),
    }
}

/// Transposed convolution: zeros between the input's places, then a convolution with the kernel turned around.
pub(super) fn import_transposed(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    let names = ["auto_pad", "dilations", "group", "kernel_shape", "output_padding", "output_shape", "pads", "strides"];
    call.expect(3, &names)?;
    let (mut input, shape) = builder.image(call.computed(0)?)?;
    let dims = call.computed(0)?.view.dims();
    let rank = dims.len() - 2;
    let (given, weight) = call.weights(1)?;
    let [ci, co_in_group, rows, columns] = four_axes(given, dims.len())?;
    let groups = groups(call)?;
    let co = co_in_group.checked_mul(groups).filter(|_| ci == shape[1] && ci.is_multiple_of(groups));
    let co = co.ok_or_else(|| unfit("weight", given))?;
    check_kernel(call, given)?;
    let kernel = [rows, columns];
    let stride = list(attributes, "strides", rank, (1, 1))?;
    let dilation = list(attributes, "dilations", rank, (1, 1))?;
    let (mut map, mut padding, mut out) = (TensorMap::IDENTITY, [0; 4], [1; 2]);
    for axis in 0..rank {
        let axis_in =
            Axis { input: shape[2 + axis], kernel: kernel[axis], stride: stride[axis], dilation: dilation[axis] };
        let [before, after, len] = axis_in.place(call, (axis, rank))?;
        builder.grow(&[axis_in.spread(before, after)?], 0)?;
        map.axes[2 + axis] = axis_in.map(before, after);
        [padding[axis], padding[2 + axis]] = [before, after].map(|n| usize::try_from(n).unwrap_or(0));
        out[axis] = usize::try_from(len).map_err(|_| NodeProblem::Overflow)?;
    }
    if !map.is_identity(shape) {
        input = builder.map(input, map)?;
    }
    let weight_shape = [co, ci / groups, rows, columns];
    let bias = call.per_channel(2, co)?.cloned();
    // Steps along the second axis would be one for each output of a group.
    let steps = builder.steps(weight, if groups == 1 { 1 } else { usize::MAX }, bias.as_ref());
    let weight = turned(weight, weight_shape, groups);
    let op = FloatConv2d { weight, weight_shape, bias, stride: [1; 2], padding, dilation, groups, steps };
    let out = [1, co, out[0], out[1]];
    Ok(builder.push_row_major(FloatOp::Conv2d(op), vec![input], &out[..dims.len()])?.into())
}

/// Weights `[in channels, out channels of a group, ..]` as those of a convolution, turned around.
fn turned(weight: &Floats, [co, ci, rows, columns]: [usize; 4], groups: usize) -> Floats {
    let (out_group, plane) = (co / groups, rows * columns);
    let at = |i: usize| {
        let (o, c, tap) = (i / (ci * plane), i / plane % ci, i % plane);
        let (group, o) = (o / out_group, o % out_group);
        weight[((group * ci + c) * out_group + o) * plane + plane - 1 - tap]
    };
    (0..co * ci * plane).map(at).collect::<Vec<_>>().into()
}

/// One spatial axis of a transposed convolution.
struct Axis {
    input: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
}

impl Axis {
    /// Places with zeros between them.
    fn spaced(&self) -> Option<usize> {
        (self.input - 1).checked_mul(self.stride)?.checked_add(1)
    }

    /// Zeros before and after the spaced input that a plain convolution needs, negative for places to crop, and the
    /// output's length.
    fn place(&self, call: &Call<'_>, (axis, rank): (usize, usize)) -> Result<[i64; 3], NodeProblem> {
        let attributes = &call.attributes;
        let extra = list(attributes, "output_padding", rank, (0, 0))?[axis] as i64;
        let given = pads(attributes, rank)?;
        let whole = || {
            let extent = self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)?;
            i64::try_from(self.spaced()?.checked_add(extent)? - 1).ok().zip(i64::try_from(extent).ok())
        };
        let (whole, extent) = whole().ok_or_else(|| attributes.unsupported("strides"))?;
        let mode = attributes.string("auto_pad")?.unwrap_or(b"NOTSET");
        let wanted = match (attributes.ints("output_shape")?, mode) {
            (Some(shape), _) => {
                let place = shape.len().checked_sub(rank).map(|first| first + axis);
                let len = place.and_then(|place| shape.get(place)).filter(|&&n| n > 0 && n < 1 << 31);
                Some(*len.ok_or_else(|| attributes.unsupported("output_shape"))?)
            }
            (None, b"SAME_UPPER" | b"SAME_LOWER") => i64::try_from(self.input.saturating_mul(self.stride)).ok(),
            (None, b"" | b"NOTSET" | b"VALID") => None,
            (None, _) => return Err(attributes.unsupported("auto_pad")),
        };
        let (before, after) = match wanted {
            None if mode == b"VALID" => (0, 0),
            None => (given[axis] as i64, given[2 + axis] as i64),
            Some(len) => {
                // Rounded down: a total below 0, an output longer than the product, adds places at the end.
                let (total, half) = (whole + extra - len, (whole + extra - len).div_euclid(2));
                if mode == b"SAME_UPPER" { (half, total - half) } else { (total - half, half) }
            }
        };
        let len = whole + extra - before - after;
        let len = if len > 0 { len } else { return Err(attributes.unsupported("pads")) };
        Ok([extent - 1 - before, extent - 1 - after + extra, len])
    }

    /// Length of the spaced and cropped input.
    fn spread(&self, before: i64, after: i64) -> Result<usize, NodeProblem> {
        let crop = |n: i64| usize::try_from(-n).unwrap_or(0);
        let len = self.spaced().and_then(|len| len.checked_sub(crop(before))?.checked_sub(crop(after)));
        len.filter(|&len| len > 0).ok_or(NodeProblem::Overflow)
    }

    /// Zeros between the input's places; negative padding crops.
    fn map(&self, before: i64, after: i64) -> AxisMap {
        let first = usize::try_from(-before).unwrap_or(0);
        let len = self.spread(before, after).unwrap_or(0);
        let source = |o: usize| Some(o / self.stride).filter(|_| o.is_multiple_of(self.stride)).map(|i| i as u32);
        AxisMap::Gather((first..first + len).map(source).collect())
    }
}
