//! Operators that pick, repeat or place elements along axes: Slice, Split, Gather, Pad, Concat.

use convince_field::{AxisMap, TensorMap};

use super::arithmetic::MAX_INPUTS;
use super::builder::{Builder, Plain, in_layout, padded};
use super::call::{Call, Computed, Outcome, Value, shape as unfit};
use super::chain::scale_and_add;
use super::shape::is_empty;
use crate::NodeProblem;
use crate::float::{FloatLinear, FloatOp, FloatTerm};

/// A map that takes those places, in their order.
pub(super) fn take(places: impl IntoIterator<Item = usize>) -> AxisMap {
    AxisMap::Gather(places.into_iter().map(|place| u32::try_from(place).ok()).collect())
}

/// Places that indices mean; negative ones count from the end.
pub(super) fn indices(values: &[i64], len: usize) -> Result<Vec<usize>, NodeProblem> {
    let place = |&index: &i64| {
        let from_end = if index < 0 { index.checked_add(len as i64) } else { Some(index) };
        let place = from_end.and_then(|place| usize::try_from(place).ok()).filter(|&place| place < len);
        place.ok_or(NodeProblem::Index { index, len })
    };
    values.iter().map(place).collect()
}

/// The places that Slice takes of some axes.
pub(super) fn slices(call: &Call<'_>, dims: &[usize]) -> Result<Vec<(usize, Vec<usize>)>, NodeProblem> {
    call.expect(5, &["axes", "ends", "starts"])?;
    let needed = |name: &'static str, index| call.ints_either(name, index)?.ok_or(NodeProblem::MissingAttribute(name));
    let (starts, ends) = (needed("starts", 1)?, needed("ends", 2)?);
    let axes = match call.ints_either("axes", 3)? {
        Some(axes) => call.axes(axes, dims.len())?,
        None => (0..starts.len().min(dims.len())).collect(),
    };
    let steps = call.ints(4)?;
    let counts = [Some(starts.len()), Some(ends.len()), steps.map(<[i64]>::len)];
    if counts.iter().flatten().any(|&count| count != axes.len()) {
        return Err(NodeProblem::sizes(starts));
    }
    let slice = |(i, axis): (usize, usize)| {
        let step = steps.map_or(1, |steps| steps[i]);
        Ok((axis, slice(dims[axis], starts[i], ends[i], step).ok_or_else(|| NodeProblem::sizes(&[step]))?))
    };
    axes.into_iter().enumerate().map(slice).collect()
}

/// The places from `start` to before `end`, each `step` from the one before; `None` for a step of 0.
fn slice(len: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let len = i64::try_from(len).ok()?;
    let from_end = |place: i64| if place < 0 { place.saturating_add(len) } else { place };
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let (start, end) = (from_end(start).clamp(low.max(0), high.max(0)), from_end(end).clamp(low, high));
    let count = match step {
        0 => return None,
        1.. => (end - start).max(0).unsigned_abs().div_ceil(step.unsigned_abs()),
        _ => (start - end).max(0).unsigned_abs().div_ceil(step.unsigned_abs()),
    };
    // All lie between start and end, so no product overflows.
    Some((0..i64::try_from(count).ok()?).filter_map(|i| usize::try_from(start + i * step).ok()).collect())
}

pub(super) fn import_slice(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let input = call.computed(0)?;
    let slices = slices(call, &input.view.dims())?;
    Ok(builder.map_axes(input, slices.into_iter().map(|(axis, places)| (axis, take(places))).collect())?.into())
}

/// Indices of one axis, or one index without an axis.
pub(super) fn import_gather(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &["axis"])?;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let axis = call.axis(call.attributes.int("axis")?.unwrap_or(0), dims.len())?;
    let (given, values) = (call.tensor(1)?.ok_or(NodeProblem::MissingInput(1))?, call.ints(1)?.unwrap_or_default());
    if given.shape.len() > 1 {
        return Err(unfit("indices", &given.shape));
    }
    let mut out = builder.map_axes(input, vec![(axis, take(indices(values, dims[axis])?))])?;
    if given.shape.is_empty() {
        out.view.axes.remove(axis);
    }
    Ok(out.into())
}

pub(super) fn import_split(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &["axis", "num_outputs", "split"])?;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let axis = call.axis(call.attributes.int("axis")?.unwrap_or(0), dims.len())?;
    let (len, count) = (dims[axis], call.outputs);
    // Equal parts; from operator set 18 on the last may be smaller.
    let equal = len.div_ceil(count.max(1));
    let sizes = match call.ints_either("split", 1)? {
        Some(sizes) => sizes.iter().take(count + 1).map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect(),
        None => (0..count).map(|i| equal.min(len.saturating_sub(i * equal))).collect::<Vec<_>>(),
    };
    let total = sizes.iter().fold(0usize, |sum, &n| sum.saturating_add(n));
    if sizes.len() != count || total != len || sizes.contains(&0) {
        return Err(call.arity());
    }
    let mut start = 0;
    let mut outputs = Vec::new();
    for size in sizes {
        let part = builder.map_axes(input, vec![(axis, take(start..start + size))])?;
        outputs.push(Value::Computed(part));
        start += size;
    }
    Ok(outputs)
}

/// A constant, reflections or repetitions of the edge around a tensor; negative padding crops.
pub(super) fn import_pad(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(4, &["mode", "pads", "value"])?;
    let attributes = &call.attributes;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    let pads = call.ints_either("pads", 1)?.ok_or(NodeProblem::MissingAttribute("pads"))?;
    let axes = match call.ints(3)? {
        Some(axes) => call.axes(axes, dims.len())?,
        None => (0..dims.len()).collect(),
    };
    let mode = attributes.string("mode")?.unwrap_or(b"constant");
    let value = match attributes.float("value")? {
        Some(value) => value,
        None if is_empty(call.input(2)) => 0.0,
        None => call.scalar(2)?.unwrap_or(0.0),
    };
    if pads.len() != 2 * axes.len() {
        return Err(NodeProblem::sizes(pads));
    }
    let mut maps = Vec::new();
    for (i, &axis) in axes.iter().enumerate() {
        let (before, after) = (pads[i], pads[i + axes.len()]);
        if (before, after) == (0, 0) {
            continue;
        }
        let len = dims[axis] as i64;
        let out = before.checked_add(after).and_then(|sum| sum.checked_add(len)).filter(|&n| n > 0);
        let out = out.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| NodeProblem::sizes(pads))?;
        builder.grow(&[out], 0)?;
        let source = |o: usize| {
            let place = o as i64 - before;
            let place = match mode {
                b"constant" => place,
                b"edge" => place.clamp(0, len - 1),
                b"wrap" => place.rem_euclid(len),
                // 0 1 2 3 2 1 0 1 ..: a wave of period 2 (len - 1).
                _ => place.rem_euclid((2 * (len - 1)).max(1)).min((-place).rem_euclid((2 * (len - 1)).max(1))),
            };
            u32::try_from(place).ok().filter(|_| place < len)
        };
        maps.push((axis, AxisMap::Gather((0..out).map(source).collect())));
    }
    match mode {
        b"constant" => {
            // Zeros around what is less by the value, then as much more.
            let lower = scale_and_add(builder, input, 1.0, -value)?;
            let padded = builder.map_axes(&lower, maps)?;
            Ok(scale_and_add(builder, &padded, 1.0, value)?.into())
        }
        b"edge" | b"reflect" | b"wrap" => Ok(builder.map_axes(input, maps)?.into()),
        _ => Err(attributes.unsupported("mode")),
    }
}

/// Tensors side by side along an axis: a sum of terms, each with zeros where the others are.
pub(super) fn import_concat(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(MAX_INPUTS, &["axis"])?;
    let tensors = (0..call.inputs.len()).map(|index| call.computed(index)).collect::<Result<Vec<_>, _>>()?;
    let first = *tensors.first().ok_or(NodeProblem::MissingInput(0))?;
    let dims = first.view.dims();
    let axis = call.attributes.int("axis")?.ok_or(NodeProblem::MissingAttribute("axis"))?;
    let axis = call.axis(axis, dims.len())?;
    let mut total = 0usize;
    for tensor in &tensors {
        let others = tensor.view.dims();
        let same = |k: usize| k == axis || others[k] == dims[k];
        if others.len() != dims.len() || !(0..dims.len()).all(same) {
            return Err(unfit("input", &others));
        }
        total = total.saturating_add(others[axis]);
    }
    let (plain, place) = with_axis(builder, first, axis)?;
    let (mut ids, mut terms, mut start) = (Vec::new(), Vec::new(), 0);
    for (index, tensor) in tensors.iter().enumerate() {
        let id = match index {
            0 => plain.id,
            _ => builder.arrange(tensor.id, &in_layout(&tensor.view, &plain.layout))?,
        };
        let size = builder.shape(id)[place];
        builder.grow(&[total], 0)?;
        let source = |o: usize| o.checked_sub(start).filter(|&i| i < size).map(|i| i as u32);
        terms.push(FloatTerm::mapped(TensorMap::on_axis(place, AxisMap::Gather((0..total).map(source).collect()))));
        ids.push(id);
        start += size;
    }
    let mut shape = plain.shape;
    shape[place] = total;
    let op = FloatOp::Linear(FloatLinear { terms, constant: 0.0 });
    Ok(Computed { id: builder.push(op, ids, shape)?, view: plain.layout.view(shape) }.into())
}

/// A tensor as a value that has axis `axis`, and where.
pub(super) fn with_axis(builder: &mut Builder, input: &Computed, axis: usize) -> Result<(Plain, usize), NodeProblem> {
    let mut plain = builder.plain(input)?;
    if plain.layout.find(axis).is_none() {
        plain = builder.ordered(&Computed { id: input.id, view: padded(&input.view, 0) })?;
    }
    let place = plain.layout.find(axis).ok_or_else(|| unfit("input", &input.view.dims()))?;
    Ok((plain, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_those_of_the_specification() {
        assert_eq!(slice(10, 1, 4, 1), Some(vec![1, 2, 3]));
        assert_eq!(slice(10, -3, i64::MAX, 1), Some(vec![7, 8, 9]));
        assert_eq!(slice(10, 0, -1, 4), Some(vec![0, 4, 8]));
        assert_eq!(slice(5, -1, i64::MIN, -2), Some(vec![4, 2, 0]));
        assert_eq!(slice(5, 10, 0, -1), Some(vec![4, 3, 2, 1]));
        assert_eq!(slice(5, 3, 3, 1), Some(vec![]));
        assert_eq!(slice(5, 0, 5, 0), None);
        assert_eq!(slice(5, i64::MIN, i64::MAX, i64::MAX), Some(vec![0]));
        assert_eq!(slice(5, i64::MAX, i64::MIN, i64::MIN), Some(vec![4]));
    }

    #[test]
    fn indices_count_from_both_ends() {
        assert_eq!(indices(&[0, -1, 2], 3), Ok(vec![0, 2, 2]));
        assert_eq!(indices(&[3], 3), Err(NodeProblem::Index { index: 3, len: 3 }));
        assert_eq!(indices(&[i64::MIN], 3), Err(NodeProblem::Index { index: i64::MIN, len: 3 }));
    }
}
