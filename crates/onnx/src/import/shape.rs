//! Operators that compute nothing in inference, but give a tensor other axes.

use super::axes::take;
use super::builder::{Builder, broadcast, padded};
use super::call::{Call, Computed, Outcome, Value, shape as unfit};
use crate::NodeProblem;
use crate::proto::data_type;
use crate::tensor::{Data, MAX_RANK, Tensor};

pub(super) fn import_identity(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(1, &[])?;
    Ok(vec![call.value(0)?.clone()])
}

/// Nothing in inference. The training mode may be given as a constant that is false.
pub(super) fn import_dropout(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(3, &["ratio", "seed"])?;
    match call.ints(2)? {
        Some(training) if training != [0] => Err(NodeProblem::ElementType(2)),
        _ => Ok(call.computed(0)?.clone().into()),
    }
}

/// Floats stay floats, and the number of a class may become an integer.
pub(super) fn import_cast(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &["to", "saturate"])?;
    let input = call.computed(0)?;
    let to = call.attributes.int("to")?.ok_or(NodeProblem::MissingAttribute("to"))?;
    let is = |types: &[i32]| types.iter().any(|&t| i64::from(t) == to);
    let is_class = builder.node(input.id).is_some_and(|node| node.op == crate::float::FloatOp::ArgMax);
    match is(&[data_type::FLOAT, data_type::DOUBLE, data_type::FLOAT16]) {
        true => Ok(input.clone().into()),
        false if is_class && is(&[data_type::INT32, data_type::INT64]) => Ok(input.clone().into()),
        false => Err(call.attributes.unsupported("to")),
    }
}

pub(super) fn import_constant(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(0, &["value", "value_float", "value_floats", "value_int", "value_ints"])?;
    let attributes = &call.attributes;
    let float = attributes.float("value_float")?.map(|v| (vec![], vec![v]));
    let floats = attributes.floats("value_floats")?.map(|v| (vec![v.len()], v.to_vec()));
    let int = attributes.int("value_int")?.map(|v| (vec![], vec![v]));
    let ints = attributes.ints("value_ints")?.map(|v| (vec![v.len()], v.to_vec()));
    let has_tensor = attributes.has_tensor("value")?;
    let tensor = if let Some(tensor) = call.constant.clone().filter(|_| has_tensor) {
        tensor
    } else if let Some((dims, values)) = float.or(floats) {
        Tensor::floats("", dims, values).map_err(|_| attributes.unsupported("value_floats"))?
    } else if let Some((shape, values)) = int.or(ints) {
        Tensor::ints(shape, values)
    } else {
        return Err(NodeProblem::MissingAttribute("value"));
    };
    Ok(tensor.into())
}

/// Sizes of a tensor's axes, which are constants.
pub(super) fn import_shape(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    Ok(shape_tensor(call, builder, &call.computed(0)?.view.dims())?.into())
}

pub(super) fn shape_tensor(call: &Call<'_>, builder: &mut Builder, dims: &[usize]) -> Result<Tensor, NodeProblem> {
    call.expect(1, &["start", "end"])?;
    let rank = dims.len() as i64;
    let place = |given: i64| (if given < 0 { given.saturating_add(rank) } else { given }).clamp(0, rank) as usize;
    let start = place(call.attributes.int("start")?.unwrap_or(0));
    let end = place(call.attributes.int("end")?.unwrap_or(rank));
    let sizes: Vec<i64> = dims.get(start..end).unwrap_or_default().iter().map(|&n| n as i64).collect();
    builder.fold(&[sizes.len()])?;
    Ok(Tensor::ints(vec![sizes.len()], sizes))
}

pub(super) fn import_flatten(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(1, &["axis"])?;
    let input = call.computed(0)?;
    let dims = flattened(call, &input.view.dims())?;
    reshaped(input, &dims)
}

/// The two sizes that Flatten gives.
pub(super) fn flattened(call: &Call<'_>, dims: &[usize]) -> Result<Vec<usize>, NodeProblem> {
    let axis = call.attributes.int("axis")?.unwrap_or(1);
    let split = if axis == dims.len() as i64 { dims.len() } else { call.axis(axis, dims.len())? };
    let (rows, columns) = dims.split_at(split);
    Ok(vec![rows.iter().product(), columns.iter().product()])
}

pub(super) fn import_reshape(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(2, &["allowzero"])?;
    let input = call.computed(0)?;
    let dims = target(call, &input.view.dims())?;
    reshaped(input, &dims)
}

fn reshaped(input: &Computed, dims: &[usize]) -> Outcome {
    let view = input.view.reshaped(dims).ok_or_else(|| unfit("target", dims))?;
    Ok(Computed { id: input.id, view }.into())
}

/// The sizes that Reshape gives.
pub(super) fn target(call: &Call<'_>, dims: &[usize]) -> Result<Vec<usize>, NodeProblem> {
    let target = call.ints(1)?.ok_or(NodeProblem::MissingInput(1))?;
    let copies_zero = call.attributes.int("allowzero")?.unwrap_or(0) == 0;
    resolve(dims, target, copies_zero).ok_or_else(|| NodeProblem::sizes(target))
}

/// The dimensions that a Reshape target means: 0 copies, one -1 takes what is left.
fn resolve(dims: &[usize], target: &[i64], copies_zero: bool) -> Option<Vec<usize>> {
    if target.len() > MAX_RANK {
        return None;
    }
    let fixed = |(axis, &n): (usize, &i64)| match n {
        0 if copies_zero => dims.get(axis).copied(),
        -1 => Some(1),
        n => usize::try_from(n).ok().filter(|&n| n > 0),
    };
    let mut out: Vec<usize> = target.iter().enumerate().map(fixed).collect::<Option<_>>()?;
    let total: usize = dims.iter().product();
    let known = out.iter().try_fold(1usize, |product, &n| product.checked_mul(n))?;
    let mut free = (0..target.len()).filter(|&axis| target[axis] == -1);
    match (free.next(), free.next()) {
        (None, _) if known == total => {}
        (Some(axis), None) if known > 0 && total.is_multiple_of(known) => out[axis] = total / known,
        _ => return None,
    }
    Some(out)
}

pub(super) fn import_squeeze(call: &Call<'_>, _: &mut Builder) -> Outcome {
    let input = call.computed(0)?;
    let kept = squeezed(call, &input.view.dims())?;
    Ok(Computed { id: input.id, view: input.view.transposed(&kept) }.into())
}

/// The axes that Squeeze keeps.
pub(super) fn squeezed(call: &Call<'_>, dims: &[usize]) -> Result<Vec<usize>, NodeProblem> {
    call.expect(2, &["axes"])?;
    let given = call.ints_either("axes", 1)?;
    let axes = given.map(|axes| call.axes(axes, dims.len())).transpose()?;
    let drops = |k: &usize| axes.as_ref().map_or(dims[*k] == 1, |axes| axes.contains(k));
    match (0..dims.len()).filter(drops).all(|k| dims[k] == 1) {
        true => Ok((0..dims.len()).filter(|k| !drops(k)).collect()),
        false => Err(unfit("input", dims)),
    }
}

pub(super) fn import_unsqueeze(call: &Call<'_>, _: &mut Builder) -> Outcome {
    let input = call.computed(0)?;
    let axes = unsqueezed(call, input.view.axes.len())?;
    let mut view = input.view.clone();
    view.axes = axes.into_iter().map(|k| k.map_or_else(Vec::new, |k| input.view.axes[k].clone())).collect();
    Ok(Computed { id: input.id, view }.into())
}

/// The old axis, if there is one, behind each axis after Unsqueeze.
pub(super) fn unsqueezed(call: &Call<'_>, rank: usize) -> Result<Vec<Option<usize>>, NodeProblem> {
    call.expect(2, &["axes"])?;
    let given = call.ints_either("axes", 1)?.ok_or(NodeProblem::MissingAttribute("axes"))?;
    let out_rank = rank.saturating_add(given.len());
    if out_rank > MAX_RANK {
        return Err(NodeProblem::sizes(given));
    }
    let axes = call.axes(given, out_rank)?;
    let mut old = 0..rank;
    Ok((0..out_rank).map(|k| if axes.contains(&k) { None } else { old.next() }).collect())
}

pub(super) fn import_transpose(call: &Call<'_>, _: &mut Builder) -> Outcome {
    let input = call.computed(0)?;
    let order = order(call, input.view.axes.len())?;
    Ok(Computed { id: input.id, view: input.view.transposed(&order) }.into())
}

/// The axes in Transpose's order; reversed if it gives none.
pub(super) fn order(call: &Call<'_>, rank: usize) -> Result<Vec<usize>, NodeProblem> {
    call.expect(1, &["perm"])?;
    match call.attributes.ints("perm")? {
        None => Ok((0..rank).rev().collect()),
        Some(order) if order.len() == rank => call.axes(order, rank),
        Some(_) => Err(call.attributes.unsupported("perm")),
    }
}

/// A constant of the type of another tensor; computed tensors are floats.
pub(super) fn import_cast_like(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &["saturate"])?;
    let is_float = !matches!(call.value(1)?, Value::Constant(Tensor { data: Data::Ints(_), .. }));
    match (call.value(0)?, is_float) {
        (Value::Constant(tensor), _) => {
            builder.fold(&tensor.shape)?;
            Ok(super::constants::cast(tensor, is_float)?.into())
        }
        (Value::Computed(input), true) => Ok(input.clone().into()),
        (Value::Computed(_), false) => Err(NodeProblem::ElementType(1)),
        (Value::Quantised(..), _) => Err(NodeProblem::Quantised(0)),
    }
}

/// A tensor repeated along axes where it is 1 in size.
pub(super) fn import_expand(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &[])?;
    let input = call.computed(0)?;
    let target = call.ints(1)?.ok_or(NodeProblem::MissingInput(1))?;
    let dims: Vec<usize> = target.iter().take(MAX_RANK + 1).map(|&n| usize::try_from(n).unwrap_or(0)).collect();
    let out = broadcast(&input.view.dims(), &dims).filter(|out| out.len() <= MAX_RANK && !out.contains(&0));
    let out = out.ok_or_else(|| NodeProblem::sizes(target))?;
    let input = Computed { id: input.id, view: padded(&input.view, out.len()) };
    let mut maps = Vec::new();
    for (axis, (&to, from)) in out.iter().zip(input.view.dims()).enumerate() {
        if to != from {
            builder.grow(&[to], 0)?;
            maps.push((axis, take(std::iter::repeat_n(0, to))));
        }
    }
    Ok(builder.map_axes(&input, maps)?.into())
}

/// Whether a value is a constant without elements, which exporters write for inputs that are left out.
pub(super) fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::Constant(tensor)) => tensor.len() == 0,
        Some(Value::Computed(_) | Value::Quantised(..)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reshape_targets_resolve_as_the_specification_says() {
        let dims = [1, 8, 6, 6];
        assert_eq!(resolve(&dims, &[-1, 288], true), Some(vec![1, 288]));
        assert_eq!(resolve(&dims, &[0, -1], true), Some(vec![1, 288]));
        assert_eq!(resolve(&dims, &[1, 288], true), Some(vec![1, 288]));
        assert_eq!(resolve(&dims, &[0, 0, 0, 0], true), Some(dims.to_vec()));
        for bad in [&[-1, -1][..], &[1, 287], &[-1, 287], &[0, 0, 0, 0, 0], &[-2, 1], &[i64::MAX, i64::MAX], &[1; 9]] {
            assert_eq!(resolve(&dims, bad, true), None, "{bad:?}");
        }
        assert_eq!(resolve(&dims, &[0, -1], false), None);
    }
}
