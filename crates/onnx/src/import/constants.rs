//! Arithmetic on constants: what exporters write for shapes, and for parameters that they have not folded.

use std::sync::Arc;

use super::arithmetic::MAX_INPUTS;
use super::builder::{Builder, broadcast};
use super::call::{Call, Outcome, Value, shape as unfit};
use crate::NodeProblem;
use crate::float::{Binary, erf};
use crate::proto::data_type;
use crate::tensor::{Data, MAX_RANK, Tensor};

/// An operator on constants alone, `None` if there is none or an input is computed.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Option<Outcome> {
    let is_constant = |input: &Option<&Value>| !matches!(input, Some(Value::Computed(_) | Value::Quantised(..)));
    if call.inputs.is_empty() || !call.inputs.iter().all(is_constant) {
        return None;
    }
    let function: fn(&Call<'_>, &mut Builder, &Tensor) -> Result<Tensor, NodeProblem> = match call.operator {
        "Abs" | "Neg" | "Sqrt" | "Exp" | "Log" | "Erf" | "Floor" | "Ceil" | "Reciprocal" => unary,
        "Cast" => import_cast,
        "Concat" => concat,
        "DequantizeLinear" => super::quantised::constant,
        "QuantizeLinear" => super::quantised::quantise_constant,
        "ConstantOfShape" => of_shape,
        "Expand" => expand,
        "Flatten" => flatten,
        "Gather" => gather,
        "Range" => range,
        "ReduceProd" => reduce_prod,
        "Reshape" => reshape,
        "Shape" => shape,
        "Slice" => slice,
        "Squeeze" => squeeze,
        "Transpose" => transpose,
        "Unsqueeze" => unsqueeze,
        _ => return None,
    };
    let tensor = || call.tensor(0)?.ok_or(NodeProblem::MissingInput(0));
    Some(tensor().and_then(|tensor| function(call, builder, tensor)).map(Into::into))
}

/// An operation on two constants, broadcast.
pub(super) fn binary(builder: &mut Builder, op: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor, NodeProblem> {
    let dims = broadcast(&a.shape, &b.shape).ok_or_else(|| unfit("constant", &b.shape))?;
    builder.fold(&dims)?;
    let (a_places, b_places) = (broadcast_places(&a.shape, &dims), broadcast_places(&b.shape, &dims));
    let pairs = a_places.into_iter().zip(b_places);
    match (&a.data, &b.data) {
        (Data::Floats(a), Data::Floats(b)) => {
            floats(dims, pairs.map(|(i, j)| op.apply(a[i].into(), b[j].into()) as f32).collect())
        }
        (Data::Ints(a), Data::Ints(b)) => {
            let values: Option<Vec<i64>> = pairs.map(|(i, j)| integer(op, a[i], b[j])).collect();
            Ok(Tensor::ints(dims, values.ok_or(NodeProblem::Overflow)?))
        }
        _ => Err(NodeProblem::ElementType(1)),
    }
}

fn integer(op: Binary, a: i64, b: i64) -> Option<i64> {
    match op {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Div => a.checked_div(b),
        Binary::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Binary::Max => Some(a.max(b)),
        Binary::Min => Some(a.min(b)),
    }
}

fn floats(dims: Vec<usize>, values: Vec<f32>) -> Result<Tensor, NodeProblem> {
    match values.iter().all(|v| v.is_finite()) {
        true => Ok(Tensor { shape: dims, data: Data::Floats(Arc::new(values)) }),
        false => Err(NodeProblem::Overflow),
    }
}

/// Distance of neighbours along each axis of a row-major tensor.
fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for k in (1..dims.len()).rev() {
        strides[k - 1] = strides[k] * dims[k];
    }
    strides
}

/// Places of the elements that a list of offsets per axis selects, row-major.
fn places(offsets: &[Vec<usize>]) -> Vec<usize> {
    let step = |places: Vec<usize>, axis: &Vec<usize>| {
        places.into_iter().flat_map(|place| axis.iter().map(move |offset| place + offset)).collect()
    };
    offsets.iter().fold(vec![0], step)
}

fn broadcast_places(from: &[usize], to: &[usize]) -> Vec<usize> {
    let missing = to.len() - from.len();
    let strides = strides(from);
    let axis = |(k, &n): (usize, &usize)| -> Vec<usize> {
        let stride = if k < missing || from[k - missing] == 1 { 0 } else { strides[k - missing] };
        (0..n).map(|i| i * stride).collect()
    };
    places(&to.iter().enumerate().map(axis).collect::<Vec<_>>())
}

/// The elements at some places.
fn select(tensor: &Tensor, shape: Vec<usize>, places: &[usize]) -> Tensor {
    let data = match &tensor.data {
        Data::Floats(values) => Data::Floats(Arc::new(places.iter().map(|&i| values[i]).collect())),
        Data::Ints(values) => Data::Ints(Arc::new(places.iter().map(|&i| values[i]).collect())),
        Data::Bytes { values, is_signed } => {
            let values = Arc::new(places.iter().map(|&i| values[i]).collect());
            Data::Bytes { values, is_signed: *is_signed }
        }
    };
    Tensor { shape, data }
}

fn unary(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(1, &[])?;
    builder.fold(&tensor.shape)?;
    let function: fn(f64) -> f64 = match call.operator {
        "Abs" => f64::abs,
        "Neg" => |v| -v,
        "Sqrt" => f64::sqrt,
        "Exp" => f64::exp,
        "Log" => f64::ln,
        "Erf" => erf,
        "Floor" => f64::floor,
        "Ceil" => f64::ceil,
        _ => f64::recip,
    };
    match (&tensor.data, call.operator) {
        (Data::Floats(values), _) => {
            floats(tensor.shape.clone(), values.iter().map(|&v| function(v.into()) as f32).collect())
        }
        (Data::Ints(values), "Neg") => {
            let values: Option<Vec<i64>> = values.iter().map(|v| v.checked_neg()).collect();
            Ok(Tensor::ints(tensor.shape.clone(), values.ok_or(NodeProblem::Overflow)?))
        }
        _ => Err(NodeProblem::ElementType(0)),
    }
}

fn import_cast(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(1, &["to", "saturate"])?;
    builder.fold(&tensor.shape)?;
    let to = call.attributes.int("to")?.ok_or(NodeProblem::MissingAttribute("to"))?;
    let is = |types: &[i32]| types.iter().any(|&t| i64::from(t) == to);
    let is_float = is(&[data_type::FLOAT, data_type::DOUBLE, data_type::FLOAT16]);
    if !is_float && !is(&[data_type::INT64, data_type::INT32, data_type::BOOL]) {
        return Err(call.attributes.unsupported("to"));
    }
    cast(tensor, is_float)
}

/// The tensor as floats or as integers; towards 0.
pub(super) fn cast(tensor: &Tensor, to_floats: bool) -> Result<Tensor, NodeProblem> {
    let shape = tensor.shape.clone();
    match &tensor.data {
        Data::Ints(values) | Data::Bytes { values, .. } if to_floats => {
            floats(shape, values.iter().map(|&v| v as f32).collect())
        }
        Data::Floats(values) if !to_floats => Ok(Tensor::ints(shape, values.iter().map(|&v| v as i64).collect())),
        Data::Bytes { values, .. } => Ok(Tensor { shape, data: Data::Ints(values.clone()) }),
        _ => Ok(tensor.clone()),
    }
}

fn concat(call: &Call<'_>, builder: &mut Builder, first: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(MAX_INPUTS, &["axis"])?;
    let axis = call.attributes.int("axis")?.ok_or(NodeProblem::MissingAttribute("axis"))?;
    let axis = call.axis(axis, first.shape.len())?;
    let mut tensors = Vec::new();
    let mut shape = first.shape.clone();
    shape[axis] = 0;
    for index in 0..call.inputs.len() {
        let tensor = call.tensor(index)?.ok_or(NodeProblem::MissingInput(index))?;
        let same = |k: usize| k == axis || tensor.shape[k] == first.shape[k];
        if tensor.shape.len() != shape.len() || !(0..shape.len()).all(same) {
            return Err(unfit("constant", &tensor.shape));
        }
        let is_mixed = std::mem::discriminant(&tensor.data) != std::mem::discriminant(&first.data);
        if is_mixed || matches!(tensor.data, Data::Bytes { .. }) {
            return Err(NodeProblem::ElementType(index));
        }
        shape[axis] = shape[axis].saturating_add(tensor.shape[axis]);
        tensors.push(tensor);
    }
    builder.fold(&shape)?;
    let outer: usize = shape[..axis].iter().product();
    let (mut float_data, mut int_data) = (Vec::new(), Vec::new());
    for block in 0..outer {
        for tensor in &tensors {
            let len: usize = tensor.shape[axis..].iter().product();
            match &tensor.data {
                Data::Floats(values) => float_data.extend_from_slice(&values[block * len..][..len]),
                Data::Ints(values) | Data::Bytes { values, .. } => {
                    int_data.extend_from_slice(&values[block * len..][..len])
                }
            }
        }
    }
    match first.data {
        Data::Floats(_) => floats(shape, float_data),
        _ => Ok(Tensor::ints(shape, int_data)),
    }
}

/// Sizes that a constant gives.
fn sizes(call: &Call<'_>, index: usize) -> Result<Vec<usize>, NodeProblem> {
    let given = call.ints(index)?.ok_or(NodeProblem::MissingInput(index))?;
    let size = |&n: &i64| usize::try_from(n).ok().filter(|&n| n > 0);
    let sizes: Option<Vec<usize>> = given.iter().take(MAX_RANK + 1).map(size).collect();
    sizes.filter(|sizes| sizes.len() <= MAX_RANK).ok_or_else(|| NodeProblem::sizes(given))
}

fn of_shape(call: &Call<'_>, builder: &mut Builder, _: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(1, &["value"])?;
    let shape = sizes(call, 0)?;
    builder.fill(&shape)?;
    let len: usize = shape.iter().product();
    match call.constant.as_ref().filter(|_| call.attributes.has_tensor("value").unwrap_or(false)) {
        None => floats(shape, vec![0.0; len]),
        Some(Tensor { data: Data::Floats(value), .. }) if value.len() == 1 => floats(shape, vec![value[0]; len]),
        Some(Tensor { data: Data::Ints(value), .. }) if value.len() == 1 => {
            Ok(Tensor::ints(shape, vec![value[0]; len]))
        }
        Some(_) => Err(call.attributes.unsupported("value")),
    }
}

fn expand(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(2, &[])?;
    let to = sizes(call, 1)?;
    let shape = broadcast(&tensor.shape, &to).ok_or_else(|| unfit("constant", &tensor.shape))?;
    builder.fold(&shape)?;
    let places = broadcast_places(&tensor.shape, &shape);
    Ok(select(tensor, shape, &places))
}

fn flatten(call: &Call<'_>, _: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(1, &["axis"])?;
    let shape = super::shape::flattened(call, &tensor.shape)?;
    Ok(Tensor { shape, data: tensor.data.clone() })
}

fn gather(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(2, &["axis"])?;
    let axis = call.axis(call.attributes.int("axis")?.unwrap_or(0), tensor.shape.len())?;
    let indices = call.tensor(1)?.ok_or(NodeProblem::MissingInput(1))?;
    let Data::Ints(values) = &indices.data else { return Err(NodeProblem::ElementType(1)) };
    let shape = [&tensor.shape[..axis], &indices.shape, &tensor.shape[axis + 1..]].concat();
    builder.fold(&shape)?;
    let strides = strides(&tensor.shape);
    let mut offsets: Vec<Vec<usize>> =
        tensor.shape.iter().zip(&strides).map(|(&n, stride)| (0..n).map(|i| i * stride).collect()).collect();
    offsets[axis] = super::axes::indices(values, tensor.shape[axis])?.iter().map(|i| i * strides[axis]).collect();
    Ok(select(tensor, shape, &places(&offsets)))
}

fn range(call: &Call<'_>, builder: &mut Builder, start: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(3, &[])?;
    let one = |index: usize| match call.ints(index)? {
        Some(&[value]) => Ok(value),
        _ => Err(NodeProblem::ElementType(index)),
    };
    if start.len() != 1 {
        return Err(unfit("constant", &start.shape));
    }
    let (start, end, step) = (one(0)?, one(1)?, one(2)?);
    let span = if step > 0 { end.checked_sub(start) } else { start.checked_sub(end) };
    let span = span.and_then(|span| u64::try_from(span).ok()).ok_or(NodeProblem::Overflow)?;
    let count = match step.unsigned_abs() {
        0 => return Err(NodeProblem::Overflow),
        step => usize::try_from(span.div_ceil(step)).map_err(|_| NodeProblem::Overflow)?,
    };
    builder.fold(&[count])?;
    // Between `start` and `end`, so none overflows.
    Ok(Tensor::ints(vec![count], (0..count as i64).map(|i| start + i * step).collect()))
}

/// The product of all elements.
fn reduce_prod(call: &Call<'_>, _: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(1, &["axes", "keepdims"])?;
    let (rank, axes) = (tensor.shape.len(), call.attributes.ints("axes")?);
    let Data::Ints(values) = &tensor.data else { return Err(NodeProblem::ElementType(0)) };
    if rank > 1 || axes.is_some_and(|axes| axes != [0] && axes != [-1]) {
        return Err(unfit("constant", &tensor.shape));
    }
    let product = values.iter().try_fold(1i64, |product, &v| product.checked_mul(v)).ok_or(NodeProblem::Overflow)?;
    let keeps = call.attributes.int("keepdims")?.unwrap_or(1) != 0;
    Ok(Tensor::ints(vec![1; if keeps { rank } else { 0 }], vec![product]))
}

fn reshape(call: &Call<'_>, _: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(2, &["allowzero"])?;
    let shape = super::shape::target(call, &tensor.shape)?;
    Ok(Tensor { shape, data: tensor.data.clone() })
}

fn shape(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    super::shape::shape_tensor(call, builder, &tensor.shape)
}

fn slice(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    let strides = strides(&tensor.shape);
    let mut offsets: Vec<Vec<usize>> =
        tensor.shape.iter().zip(&strides).map(|(&n, stride)| (0..n).map(|i| i * stride).collect()).collect();
    for (axis, places) in super::axes::slices(call, &tensor.shape)? {
        offsets[axis] = places.into_iter().map(|i| i * strides[axis]).collect();
    }
    let shape: Vec<usize> = offsets.iter().map(Vec::len).collect();
    builder.fold(&shape)?;
    Ok(select(tensor, shape, &places(&offsets)))
}

fn squeeze(call: &Call<'_>, _: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    let kept = super::shape::squeezed(call, &tensor.shape)?;
    Ok(Tensor { shape: kept.into_iter().map(|k| tensor.shape[k]).collect(), data: tensor.data.clone() })
}

fn unsqueeze(call: &Call<'_>, _: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    let axes = super::shape::unsqueezed(call, tensor.shape.len())?;
    let shape = axes.into_iter().map(|k| k.map_or(1, |k| tensor.shape[k])).collect();
    Ok(Tensor { shape, data: tensor.data.clone() })
}

fn transpose(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    let order = super::shape::order(call, tensor.shape.len())?;
    builder.fold(&tensor.shape)?;
    let strides = strides(&tensor.shape);
    let axis = |&k: &usize| -> Vec<usize> { (0..tensor.shape[k]).map(|i| i * strides[k]).collect() };
    let offsets: Vec<Vec<usize>> = order.iter().map(axis).collect();
    let shape = order.iter().map(|&k| tensor.shape[k]).collect();
    let out = select(tensor, shape, &places(&offsets));
    builder.keep_origin(tensor, &out, &order);
    Ok(out)
}
