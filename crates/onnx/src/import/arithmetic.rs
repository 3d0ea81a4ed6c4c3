//! Sums, differences, products and the like of tensors and constants.

use convince_field::{AxisMap, TensorMap};
use convince_model::Shape;

use super::builder::{Builder, Layout, broadcast, in_layout, len, padded};
use super::call::{Call, Computed, Outcome, Value, shape as unfit};
use super::chain::{self, compose, constant, join, scale_and_add};
use super::constants;
use super::view::View;
use crate::NodeProblem;
use crate::float::{Activation, Binary, Expr, FloatLinear, FloatOp, FloatTerm};
use crate::tensor::{Data, Tensor};

/// Add, Sub, Mul, Div and Pow of two tensors.
pub(super) fn import_binary(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &[])?;
    let operation = match call.operator {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        _ => Binary::Pow,
    };
    Ok(vec![combine(builder, operation, call.value(0)?, call.value(1)?, 1)?])
}

/// Sum, Mean, Max and Min of any number of tensors.
pub(super) fn import_variadic(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(MAX_INPUTS, &[])?;
    let operation = match call.operator {
        "Max" => Binary::Max,
        "Min" => Binary::Min,
        _ => Binary::Add,
    };
    let mut value = call.value(0)?.clone();
    for index in 1..call.inputs.len() {
        value = combine(builder, operation, &value, call.value(index)?, index)?;
    }
    if call.operator == "Mean" && call.inputs.len() > 1 {
        let share = Tensor::scalar(1.0 / call.inputs.len() as f32);
        value = combine(builder, Binary::Mul, &value, &Value::Constant(share), 1)?;
    }
    Ok(vec![value])
}

/// Most inputs of a sum or concatenation.
pub(super) const MAX_INPUTS: usize = 1024;

fn combine(builder: &mut Builder, operation: Binary, a: &Value, b: &Value, index: usize) -> Result<Value, NodeProblem> {
    match (a, b) {
        (Value::Constant(a), Value::Constant(b)) => constants::binary(builder, operation, a, b).map(Value::Constant),
        (Value::Computed(a), Value::Constant(b)) => {
            with_constant(builder, operation, a, (b, index), false).map(Value::Computed)
        }
        (Value::Constant(a), Value::Computed(b)) => {
            with_constant(builder, operation, b, (a, index - 1), true).map(Value::Computed)
        }
        (Value::Quantised(..), _) => Err(NodeProblem::Quantised(index - 1)),
        (_, Value::Quantised(..)) => Err(NodeProblem::Quantised(index)),
        (Value::Computed(a), Value::Computed(b)) => pair(builder, operation, (a, b), index).map(Value::Computed),
    }
}

/// A tensor and a constant; `reversed` if the constant comes first.
fn with_constant(
    builder: &mut Builder,
    operation: Binary,
    input: &Computed,
    (constant, index): (&Tensor, usize),
    reversed: bool,
) -> Result<Computed, NodeProblem> {
    let constant = match (&constant.data, operation) {
        // Exponents may be integers.
        (Data::Ints(_), Binary::Pow) => &constants::cast(constant, true)?,
        _ => constant,
    };
    let Data::Floats(values) = &constant.data else { return Err(NodeProblem::ElementType(index)) };
    let dims = broadcast(&input.view.dims(), &constant.shape);
    let input = Computed { id: input.id, view: padded(&input.view, constant.shape.len()) };
    if dims.is_none_or(|dims| dims != input.view.dims()) {
        return Err(unfit("constant", &constant.shape));
    }
    let Some(&first) = values.first() else { return Err(unfit("constant", &constant.shape)) };
    if values.iter().all(|&v| v == first) {
        return with_scalar(builder, operation, &input, first, reversed);
    }
    let missing = input.view.axes.len() - constant.shape.len();
    let mut varying = (0..constant.shape.len()).filter(|&k| constant.shape[k] > 1);
    let (Some(axis), None) = (varying.next(), varying.next()) else { return Err(unfit("constant", &constant.shape)) };
    let ones = || vec![1.0; values.len()];
    let negated = || values.iter().map(|v| -v).collect();
    let parameters = match (operation, reversed) {
        (Binary::Add, _) => (ones(), values.to_vec()),
        (Binary::Sub, false) => (ones(), negated()),
        (Binary::Sub, true) => (vec![-1.0; values.len()], values.to_vec()),
        (Binary::Mul, _) => (values.to_vec(), vec![]),
        (Binary::Div, false) => (values.iter().map(|v| v.recip()).collect(), vec![]),
        _ => return Err(unfit("constant", &constant.shape)),
    };
    if parameters.0.iter().any(|v| !v.is_finite()) {
        return Err(NodeProblem::Overflow);
    }
    builder.affine_along(&input, axis + missing, parameters)
}

fn with_scalar(
    builder: &mut Builder,
    operation: Binary,
    input: &Computed,
    value: f32,
    reversed: bool,
) -> Result<Computed, NodeProblem> {
    let (factor, offset) = match (operation, reversed) {
        (Binary::Add, _) => (1.0, value),
        (Binary::Sub, false) => (1.0, -value),
        (Binary::Sub, true) => (-1.0, value),
        (Binary::Mul, _) => (value, 0.0),
        (Binary::Div, false) => ((1.0 / f64::from(value)) as f32, 0.0),
        (Binary::Pow, false) if value == 1.0 => (1.0, 0.0),
        (Binary::Max, _) if value == 0.0 => return clip(builder, input, Activation::Relu),
        (Binary::Max, _) => return clip(builder, input, Activation::Clip { min: value, max: f32::MAX }),
        (Binary::Min, _) => return clip(builder, input, Activation::Clip { min: f32::MIN, max: value }),
        (Binary::Div | Binary::Pow, _) => {
            let (x, value) = (Expr::Input.into(), constant(value));
            let (a, b) = if reversed { (value, x) } else { (x, value) };
            return compose(builder, input, Expr::Binary(operation, a, b).into());
        }
    };
    if !factor.is_finite() {
        return Err(NodeProblem::Overflow);
    }
    scale_and_add(builder, input, factor, offset)
}

fn clip(builder: &mut Builder, input: &Computed, function: Activation) -> Result<Computed, NodeProblem> {
    chain::apply(builder, input, crate::float::Unary::Activation(function))
}

fn pair(
    builder: &mut Builder,
    operation: Binary,
    (a, b): (&Computed, &Computed),
    index: usize,
) -> Result<Computed, NodeProblem> {
    if let Some(joined) = join(builder, operation, a, b)? {
        return Ok(joined);
    }
    match operation {
        Binary::Add => sum(builder, [(a, 1.0), (b, 1.0)]),
        Binary::Sub => sum(builder, [(a, 1.0), (b, -1.0)]),
        Binary::Mul => product(builder, a, b),
        Binary::Max | Binary::Min => {
            // max(a, b) = b + relu(a - b), min(a, b) = a - relu(a - b).
            let difference = sum(builder, [(a, 1.0), (b, -1.0)])?;
            let positive = builder.activate(&difference, Activation::Relu)?;
            match operation {
                Binary::Max => sum(builder, [(b, 1.0), (&positive, 1.0)]),
                _ => sum(builder, [(a, 1.0), (&positive, -1.0)]),
            }
        }
        Binary::Div | Binary::Pow => Err(NodeProblem::NotConstant(index)),
    }
}

/// A sum of multiples of two tensors.
pub(super) fn sum(builder: &mut Builder, [a, b]: [(&Computed, f32); 2]) -> Result<Computed, NodeProblem> {
    let Aligned { inputs: [first, second], shape, view } = align(builder, a.0, b.0)?;
    let terms = [(first.1, a.1), (second.1, b.1)].map(|(map, factor)| FloatTerm { factor, map });
    let op = FloatOp::Linear(FloatLinear { terms: terms.into(), constant: 0.0 });
    Ok(Computed { id: builder.push(op, vec![first.0, second.0], shape)?, view })
}

fn product(builder: &mut Builder, a: &Computed, b: &Computed) -> Result<Computed, NodeProblem> {
    let Aligned { inputs, shape, view } = align(builder, a, b)?;
    let mut ids = Vec::new();
    for (id, map) in inputs {
        ids.push(if map == TensorMap::IDENTITY { id } else { builder.map(id, map)? });
    }
    Ok(Computed { id: builder.push(FloatOp::Product, ids, shape)?, view })
}

/// Two tensors as values whose maps have one shape.
struct Aligned {
    inputs: [(usize, TensorMap); 2],
    shape: Shape,
    view: View,
}

fn align(builder: &mut Builder, a: &Computed, b: &Computed) -> Result<Aligned, NodeProblem> {
    let shape = builder.shape(a.id);
    if a.view == b.view && shape == builder.shape(b.id) {
        let inputs = [a, b].map(|input| (input.id, TensorMap::IDENTITY));
        return Ok(Aligned { inputs, shape, view: a.view.clone() });
    }
    let dims = [a, b].map(|input| input.view.dims());
    let out = broadcast(&dims[0], &dims[1]).ok_or_else(|| unfit("input", &dims[1]))?;
    let padded = [a, b].map(|input| Computed { id: input.id, view: padded(&input.view, out.len()) });
    let layout = match padded.iter().find(|input| input.view.dims() == out) {
        Some(whole) => builder.plain(whole)?.layout,
        None if out.len() <= 4 && out.first() == Some(&1) => {
            Layout { axes: [0, 1, 2, 3].map(|k| Some(k).filter(|&k| k > 0 && k < out.len())), rank: out.len() }
        }
        None => return Err(unfit("input", &dims[1])),
    };
    let shape = layout.axes.map(|k| k.map_or(1, |k| out[k]));
    let mut place = |input: &Computed| {
        let digits = in_layout(&input.view, &layout);
        let placed: usize = digits.iter().map(|axis| super::view::size(axis)).product();
        if placed != len(&input.view) {
            return Err(unfit("input", &input.view.dims()));
        }
        let id = builder.arrange(input.id, &digits)?;
        let mut map = TensorMap::IDENTITY;
        for (axis, (&from, &to)) in builder.shape(id).iter().zip(&shape).enumerate() {
            if from != to {
                // Sizes are broadcast, so `from` is 1.
                builder.grow(&[to], 0)?;
                map.axes[axis] = AxisMap::Gather(vec![Some(0); to]);
            }
        }
        Ok((id, map))
    };
    let inputs = [place(&padded[0])?, place(&padded[1])?];
    Ok(Aligned { inputs, shape, view: layout.view(shape) })
}
