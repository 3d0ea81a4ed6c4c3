use convince_field::{AxisMap, TensorMap};

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, shape as unfit};
use super::chain::constant;
use crate::NodeProblem;
use crate::float::{Activation, Binary, Expr, FloatOp};

/// Local response normalisation, `x * (bias + alpha / size * sum of squares of `size` neighbouring channels)^-beta`.
///
/// A product, a window sum along the channels, a function and a product.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &["alpha", "beta", "bias", "size"])?;
    let attributes = &call.attributes;
    let size = attributes.int("size")?.ok_or(NodeProblem::MissingAttribute("size"))?;
    let kernel = usize::try_from(size).ok().filter(|n| (1..1 << 16).contains(n));
    let kernel = kernel.ok_or_else(|| attributes.unsupported("size"))?;
    let alpha = attributes.finite("alpha")?.unwrap_or(1e-4);
    let beta = attributes.finite("beta")?.unwrap_or(0.75);
    let bias = attributes.finite("bias")?.unwrap_or(1.0);
    let input = call.computed(0)?;
    if input.view.axes.len() < 2 {
        return Err(unfit("input", &input.view.dims()));
    }
    let plain = builder.channels(input, 1)?;
    let squares = builder.push(FloatOp::Product, vec![plain.id; 2], plain.shape)?;
    let padding = [(kernel - 1) / 2, kernel / 2];
    let sums = builder.map(squares, TensorMap::on_axis(1, AxisMap::Window { kernel, stride: 1, padding }))?;
    let binary = |operation, a, b| Expr::Binary(operation, std::sync::Arc::new(a), b);
    let share = binary(Binary::Mul, Expr::Input, constant(alpha / kernel as f32));
    let power = binary(Binary::Pow, binary(Binary::Add, share, constant(bias)), constant(-beta));
    let function = FloatOp::Activation(Activation::Composed(power.into()));
    let factors = builder.push(function, vec![sums], plain.shape)?;
    let id = builder.push(FloatOp::Product, vec![plain.id, factors], plain.shape)?;
    Ok(Computed { id, view: plain.layout.view(plain.shape) }.into())
}
