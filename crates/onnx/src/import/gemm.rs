//! Matrix products with a constant.

use std::sync::Arc;

use super::builder::{Builder, Plain, len};
use super::call::{Call, Computed, Outcome, Value, shape as unfit};
use super::view::View;
use crate::NodeProblem;
use crate::float::{FloatConv2d, FloatGemm, FloatOp, Floats, Steps};

/// `alpha * A * B + beta * C`, with `A` and `B` transposed or not, and `A` computed.
pub(super) fn import_gemm(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    call.expect(3, &["alpha", "beta", "transA", "transB"])?;
    let flag = |name: &str| match attributes.int(name)?.unwrap_or(0) {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(attributes.unsupported(name)),
    };
    let alpha = attributes.float("alpha")?.unwrap_or(1.0);
    let beta = attributes.float("beta")?.unwrap_or(1.0);
    let mut input = call.computed(0)?.clone();
    if input.view.axes.len() != 2 {
        return Err(unfit("input", &input.view.dims()));
    }
    if flag("transA")? {
        input.view = input.view.transposed(&[1, 0]);
    }
    let (dims, values) = call.weights(1)?;
    let is_transposed = flag("transB")?;
    let weight = matrix(dims, values, is_transposed, alpha)?;
    if weight.values.iter().any(|v| !v.is_finite()) {
        return Err(NodeProblem::Attribute { name: "alpha".into(), value: "a factor that overflows".into() });
    }
    let given = call.floats(2)?;
    let is_plain = alpha == 1.0 && (beta == 1.0 || given.is_none());
    let steps = builder.steps(values, usize::from(!is_transposed), given.map(|(_, bias)| bias));
    let steps = steps.filter(|steps| is_plain && steps.bias.as_ref().is_none_or(|bias| bias.len() == weight.rows));
    let bias = match given {
        None => None,
        Some((dims, values)) => {
            let scaled = |values: &[f32]| values.iter().map(|b| b * beta).collect::<Vec<f32>>();
            let bias = match dims {
                [] | [1] | [1, 1] => vec![scaled(values)[0]; weight.rows],
                [n] | [1, n] if *n == weight.rows => scaled(values),
                _ => return Err(unfit("bias", dims)),
            };
            if bias.iter().any(|v| !v.is_finite()) {
                return Err(NodeProblem::Attribute { name: "beta".into(), value: "a factor that overflows".into() });
            }
            Some(Arc::new(bias))
        }
    };
    Ok(product(builder, &input, 1, Matrix { bias, steps, ..weight })?.into())
}

/// A tensor times a constant matrix, or the other way round.
pub(super) fn import_matmul(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &[])?;
    let index = match (call.value(0)?, call.value(1)?) {
        (Value::Constant(_), Value::Constant(_)) => return Err(NodeProblem::Constant(1)),
        (Value::Constant(_), _) => 0,
        _ => 1,
    };
    let input = call.computed(1 - index)?;
    let (dims, values) = call.weights(index)?;
    let rank = input.view.axes.len();
    if rank < 2 {
        return Err(unfit("input", &input.view.dims()));
    }
    let steps = builder.steps(values, usize::from(index == 1), None);
    let weight = Matrix { steps, ..matrix(dims, values, index == 0, 1.0)? };
    Ok(product(builder, input, rank - 1 - usize::from(index == 0), weight)?.into())
}

/// A tensor times a constant matrix, given as numbers.
pub(super) fn multiply(
    builder: &mut Builder,
    input: &Computed,
    (dims, values): (&[usize], &Floats),
) -> Result<Computed, NodeProblem> {
    match input.view.axes.len() {
        0 | 1 => Err(unfit("input", &input.view.dims())),
        rank => {
            let steps = builder.steps(values, 1, None);
            product(builder, input, rank - 1, Matrix { steps, ..matrix(dims, values, false, 1.0)? })
        }
    }
}

/// A constant matrix, row-major `[rows, columns]`.
struct Matrix {
    values: Floats,
    rows: usize,
    columns: usize,
    /// Added to the products.
    bias: Option<Floats>,
    steps: Option<Steps>,
}

/// `factor` times the transposed of a constant, or times the constant itself if it `is_transposed` already.
fn matrix(dims: &[usize], values: &Floats, is_transposed: bool, factor: f32) -> Result<Matrix, NodeProblem> {
    let [first, second] = *dims else { return Err(unfit("weight", dims)) };
    let [rows, columns] = if is_transposed { [first, second] } else { [second, first] };
    let values = match (is_transposed, factor == 1.0) {
        (true, true) => values.clone(),
        (true, false) => Arc::new(values.iter().map(|w| w * factor).collect()),
        (false, _) => {
            let at = |i: usize| values[i % columns * rows + i / columns] * factor;
            Arc::new((0..rows * columns).map(at).collect())
        }
    };
    Ok(Matrix { values, rows, columns, bias: None, steps: None })
}

/// The matrix times every line of the tensor along `axis`.
fn product(builder: &mut Builder, input: &Computed, axis: usize, weight: Matrix) -> Result<Computed, NodeProblem> {
    let dims = input.view.dims();
    let Matrix { mut values, rows, columns, bias, steps } = weight;
    if dims[axis] != columns {
        return Err(unfit("weight", &[rows, columns]));
    }
    if len(&input.view) == columns {
        // One line: its order is that of the value, so the matrix's columns are put in that order.
        if !input.view.is_row_major() {
            let mut ordered = vec![0.0; rows * columns];
            for (column, place) in input.view.places().into_iter().enumerate() {
                (0..rows).for_each(|row| ordered[row * columns + place] = values[row * columns + column]);
            }
            values = Arc::new(ordered);
        }
        let op = FloatOp::Gemm(FloatGemm { weight: values, weight_shape: [rows, columns], bias, steps });
        let id = builder.push(op, vec![input.id], [1, rows, 1, 1])?;
        let mut out = dims;
        out[axis] = rows;
        return Ok(Computed { id, view: View::row_major(&out) });
    }
    let Plain { id, mut shape, layout } = builder.channels(input, axis)?;
    let op = FloatConv2d { steps, ..FloatConv2d::plain(values, [rows, columns, 1, 1], bias, 1) };
    shape[1] = rows;
    let id = builder.push(FloatOp::Conv2d(op), vec![id], shape)?;
    Ok(Computed { id, view: layout.view(shape) })
}
