//! Means and sums along axes, and what a classifier may end with.

use convince_field::{AxisMap, TensorMap};

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, shape as unfit};
use crate::NodeProblem;
use crate::float::{FloatLinear, FloatOp, FloatTerm};

/// ReduceMean and ReduceSum.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &["axes", "keepdims", "noop_with_empty_axes"])?;
    let input = call.computed(0)?;
    let rank = input.view.axes.len();
    let axes = match call.ints_either("axes", 1)?.filter(|axes| !axes.is_empty()) {
        Some(axes) => call.axes(axes, rank)?,
        None if call.attributes.int("noop_with_empty_axes")?.unwrap_or(0) != 0 => return Ok(input.clone().into()),
        None => (0..rank).collect(),
    };
    let mut out = window(builder, input, &axes, call.operator == "ReduceMean")?;
    if call.attributes.int("keepdims")?.unwrap_or(1) == 0 {
        let kept: Vec<usize> = (0..rank).filter(|k| !axes.contains(k)).collect();
        out.view = out.view.transposed(&kept);
    }
    Ok(out.into())
}

/// The sum along axes, or the mean: one window as long as the axis.
pub(super) fn window(
    builder: &mut Builder,
    input: &Computed,
    axes: &[usize],
    is_mean: bool,
) -> Result<Computed, NodeProblem> {
    let plain = builder.plain(input)?;
    let dims = input.view.dims();
    let (mut map, mut factor, mut shape) = (TensorMap::IDENTITY, 1.0, plain.shape);
    for &axis in axes.iter().filter(|&&axis| dims[axis] > 1) {
        let place = plain.layout.find(axis).ok_or_else(|| unfit("input", &dims))?;
        map.axes[place] = AxisMap::Window { kernel: dims[axis], stride: 1, padding: [0; 2] };
        shape[place] = 1;
        if is_mean {
            factor /= dims[axis] as f64;
        }
    }
    let op = FloatLinear { terms: vec![FloatTerm { factor: factor as f32, map }], constant: 0.0 };
    let id = builder.push(FloatOp::Linear(op), vec![plain.id], shape)?;
    Ok(Computed { id, view: plain.layout.view(shape) })
}

/// The first of the largest places of an axis.
pub(super) fn import_arg_max(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &["axis", "keepdims", "select_last_index"])?;
    call.attributes.int_is("select_last_index", 0)?;
    let input = call.computed(0)?;
    let axis = call.axis(call.attributes.int("axis")?.unwrap_or(0), input.view.axes.len())?;
    let plain = builder.channels(input, axis)?;
    let shape = [1, 1, plain.shape[2], plain.shape[3]];
    let id = builder.push(FloatOp::ArgMax, vec![plain.id], shape)?;
    let mut view = plain.layout.view(shape);
    if call.attributes.int("keepdims")?.unwrap_or(1) == 0 {
        view.axes.remove(axis);
    }
    Ok(Computed { id, view }.into())
}

/// Over one axis from operator set 13 on, over all axes from the given one before.
pub(super) fn import_softmax(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &["axis"])?;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let given = call.attributes.int("axis")?.unwrap_or(if call.opset < 13 { 1 } else { -1 });
    let axis = call.axis(given, dims.len())?;
    if call.opset < 13 && dims[axis + 1..].iter().any(|&n| n > 1) {
        let flat = [dims[..axis].iter().product(), dims[axis..].iter().product()];
        let rows = input.view.reshaped(&flat).ok_or_else(|| unfit("input", &dims))?;
        let plain = builder.channels(&Computed { id: input.id, view: rows }, 1)?;
        let id = builder.push(FloatOp::Softmax, vec![plain.id], plain.shape)?;
        let view = plain.layout.view(plain.shape).reshaped(&dims).ok_or_else(|| unfit("input", &dims))?;
        return Ok(Computed { id, view }.into());
    }
    let plain = builder.channels(input, axis)?;
    let id = builder.push(FloatOp::Softmax, vec![plain.id], plain.shape)?;
    Ok(Computed { id, view: plain.layout.view(plain.shape) }.into())
}
