//! Functions of every element.

use super::arithmetic::sum;
use super::builder::{Builder, broadcast};
use super::call::{Call, Outcome, shape as unfit};
use super::chain::{apply, compose, scale_and_add};
use crate::float::{Activation, Binary, Expr, Unary};

/// Functions without parameters, and those whose parameters are attributes.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let attributes = &call.attributes;
    let float = |name: &str, default: f32| Ok(attributes.finite(name)?.unwrap_or(default));
    let activation = Unary::Activation;
    let (function, names): (Unary, &[&str]) = match call.operator {
        "Relu" => (activation(Activation::Relu), &[]),
        "Sigmoid" => (activation(Activation::Sigmoid), &[]),
        "Tanh" => (activation(Activation::Tanh), &[]),
        "Softplus" => (activation(Activation::Softplus), &[]),
        "HardSwish" => (activation(Activation::HardSwish), &[]),
        "LeakyRelu" => (activation(Activation::LeakyRelu { alpha: float("alpha", 0.01)? }), &["alpha"]),
        "Elu" => (activation(Activation::Elu { alpha: float("alpha", 1.0)? }), &["alpha"]),
        "Selu" => {
            let (alpha, gamma) = (float("alpha", 1.673_263_2)?, float("gamma", 1.050_701)?);
            (activation(Activation::Selu { alpha, gamma }), &["alpha", "gamma"])
        }
        "HardSigmoid" => {
            let (alpha, beta) = (float("alpha", 0.2)?, float("beta", 0.5)?);
            (activation(Activation::HardSigmoid { alpha, beta }), &["alpha", "beta"])
        }
        "Gelu" => match attributes.string("approximate")? {
            None | Some(b"none") => (activation(Activation::Gelu), &["approximate"]),
            Some(b"tanh") => (activation(Activation::GeluTanh), &["approximate"]),
            Some(_) => return Err(attributes.unsupported("approximate")),
        },
        "Abs" => (Unary::Abs, &[]),
        "Erf" => (Unary::Erf, &[]),
        "Exp" => (Unary::Exp, &[]),
        "Log" => (Unary::Log, &[]),
        "Sqrt" => (Unary::Sqrt, &[]),
        _ => (Unary::Softsign, &[]),
    };
    call.expect(1, names)?;
    Ok(apply(builder, call.computed(0)?, function)?.into())
}

/// `-x`.
pub(super) fn import_neg(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &[])?;
    Ok(scale_and_add(builder, call.computed(0)?, -1.0, 0.0)?.into())
}

/// `1 / x`, which is an activation's part only.
pub(super) fn import_reciprocal(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &[])?;
    let function = Expr::Binary(Binary::Div, Expr::Constant(1.0).into(), Expr::Input.into());
    Ok(compose(builder, call.computed(0)?, function.into())?.into())
}

/// `x * tanh(softplus(x))`.
pub(super) fn import_mish(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(1, &[])?;
    let softplus = Expr::Unary(Unary::Activation(Activation::Softplus), Expr::Input.into());
    let tanh = Expr::Unary(Unary::Activation(Activation::Tanh), softplus.into());
    let function = Expr::Binary(Binary::Mul, Expr::Input.into(), tanh.into());
    Ok(compose(builder, call.computed(0)?, function.into())?.into())
}

/// The ends are attributes up to operator set 10, inputs from 11 on.
pub(super) fn import_clip(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(3, &["min", "max"])?;
    let min = call.attributes.float("min")?.or(call.scalar(1)?).unwrap_or(f32::MIN);
    let max = call.attributes.float("max")?.or(call.scalar(2)?).unwrap_or(f32::MAX);
    if min.is_nan() || max.is_nan() {
        return Err(call.attributes.unsupported("min"));
    }
    let (min, max) = (min.max(f32::MIN), max.min(f32::MAX));
    let function = match (min, max) {
        (f32::MIN, f32::MAX) => return Ok(call.computed(0)?.clone().into()),
        (0.0, f32::MAX) => Activation::Relu,
        _ => Activation::Clip { min, max },
    };
    Ok(apply(builder, call.computed(0)?, Unary::Activation(function))?.into())
}

/// `x` for `x >= 0`, `slope * x` otherwise, with one slope or one per place of an axis.
pub(super) fn import_prelu(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(2, &[])?;
    let (dims, slopes) = call.weights(1)?;
    let input = call.computed(0)?;
    let out = broadcast(&input.view.dims(), dims).filter(|out| *out == input.view.dims());
    let mut varying = (0..dims.len()).filter(|&k| dims[k] > 1);
    let (axis, other) = (varying.next(), varying.next());
    let (Some(_), Some(&first), None) = (out, slopes.first(), other) else {
        return Err(unfit("slope", dims));
    };
    if slopes.iter().all(|&slope| slope == first) {
        let function = Activation::LeakyRelu { alpha: first };
        return Ok(apply(builder, input, Unary::Activation(function))?.into());
    }
    // relu(x) + slope * min(x, 0).
    let axis = axis.unwrap_or(0) + input.view.axes.len() - dims.len();
    let positive = builder.activate(input, Activation::Relu)?;
    let negative = builder.activate(input, Activation::Clip { min: f32::MIN, max: 0.0 })?;
    let scaled = builder.affine_along(&negative, axis, (slopes.to_vec(), vec![]))?;
    Ok(sum(builder, [(&positive, 1.0), (&scaled, 1.0)])?.into())
}
