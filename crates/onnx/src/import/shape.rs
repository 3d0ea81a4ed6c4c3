//! Operators that compute nothing in inference, or nothing but ReLU.

use super::call::{Call, Computed, Outcome, Value, shape};
use crate::NodeProblem;
use crate::float::FloatOp;
use crate::tensor::{Data, Tensor};

pub(super) fn import_relu(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(1, &[])?;
    let Computed { id, dims } = call.computed(0)?.clone();
    Ok(Outcome::Node { op: FloatOp::Relu, input: id, dims })
}

pub(super) fn import_identity(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(1, &[])?;
    Ok(Outcome::Value(call.value(0)?.clone()))
}

/// Nothing in inference. The training mode may be given as a constant that is false.
pub(super) fn import_dropout(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(3, &["ratio", "seed"])?;
    match call.ints(2)? {
        Some(training) if training != [0] => Err(NodeProblem::ElementType(2)),
        _ => Ok(Outcome::Value(Value::Computed(call.computed(0)?.clone()))),
    }
}

pub(super) fn import_constant(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
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
        Tensor { shape, data: Data::Ints(values) }
    } else {
        return Err(NodeProblem::MissingAttribute("value"));
    };
    match tensor.shape.contains(&0) {
        true => Err(shape("constant", &tensor.shape)),
        false => Ok(Outcome::Value(Value::Constant(tensor))),
    }
}

pub(super) fn import_flatten(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(1, &["axis"])?;
    let computed = call.computed(0)?;
    let axis = call.attributes.int("axis")?.unwrap_or(1);
    let rank = computed.dims.len() as i64;
    let split = if axis < 0 { axis.saturating_add(rank) } else { axis };
    let split = usize::try_from(split).ok().filter(|&split| split <= computed.dims.len());
    let (rows, columns) = computed.dims.split_at(split.ok_or_else(|| call.attributes.unsupported("axis"))?);
    match rows.iter().all(|&n| n == 1) {
        true => Ok(reshaped(computed, vec![1, columns.iter().product()])),
        false => Err(call.attributes.unsupported("axis")),
    }
}

/// To `[1, N]`, or to the shape that is there already.
pub(super) fn import_reshape(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(2, &["allowzero"])?;
    let computed = call.computed(0)?;
    let target = call.ints(1)?.ok_or(NodeProblem::MissingInput(1))?;
    let copies_zero = call.attributes.int("allowzero")?.unwrap_or(0) == 0;
    match resolve(&computed.dims, target, copies_zero) {
        Some(dims) if dims == computed.dims || matches!(dims[..], [1, _]) => Ok(reshaped(computed, dims)),
        Some(dims) => Err(shape("target", &dims)),
        None => Err(NodeProblem::Attribute { name: "shape".into(), value: show(target) }),
    }
}

fn show(target: &[i64]) -> String {
    if target.len() <= 8 { format!("{target:?}") } else { format!("a list of {} values", target.len()) }
}

fn reshaped(computed: &Computed, dims: Vec<usize>) -> Outcome {
    Outcome::Value(Value::Computed(Computed { id: computed.id, dims }))
}

/// The dimensions that a Reshape target means: 0 copies, one -1 takes what is left.
fn resolve(dims: &[usize], target: &[i64], copies_zero: bool) -> Option<Vec<usize>> {
    if target.len() > 8 {
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
        (Some(axis), None) if total.is_multiple_of(known) => out[axis] = total / known,
        _ => return None,
    }
    Some(out)
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
