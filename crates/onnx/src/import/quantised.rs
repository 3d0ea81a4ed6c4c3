//! Networks that are quantised already, as the float networks that they stand for.
//!
//! A tensor of 8-bit integers is held as the numbers `scale * (q - zero)`. QuantizeLinear clamps to those that have an
//! integer, which is also how such networks write ReLU; its rounding is left out, since quantising the network anew
//! rounds. Weights are the numbers that their integers stand for, exactly but for the rounding of one product in single
//! precision.

use std::sync::Arc;

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, Quantisation, Value, shape as unfit};
use super::chain::apply;
use super::{conv2d, gemm};
use crate::NodeProblem;
use crate::float::{Activation, Floats, Unary};
use crate::tensor::{Data, Tensor};

/// Operators that mean the same on integers as on the numbers that they stand for: they pick elements.
const TRANSPARENT: [&str; 15] = [
    "Concat",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GlobalMaxPool",
    "Identity",
    "MaxPool",
    "Reshape",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];

/// The values that a node sees, and what its outputs are quantised by: operators that pick elements of quantised
/// tensors see the numbers.
pub(super) fn seen(
    operator: &str,
    inputs: Vec<Option<Value>>,
) -> Result<(Vec<Option<Value>>, Option<Quantisation>), NodeProblem> {
    let mut found = None;
    if !TRANSPARENT.contains(&operator) {
        return Ok((inputs, None));
    }
    let mut seen = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        seen.push(match input {
            Some(Value::Quantised(computed, quantisation)) => {
                if found.is_some_and(|found| found != quantisation) {
                    return Err(NodeProblem::Rescaled(index));
                }
                found = Some(quantisation);
                Some(Value::Computed(computed))
            }
            // What is not quantised may not stand beside what is.
            Some(Value::Computed(_)) if found.is_some() => return Err(NodeProblem::Quantised(0)),
            input => input,
        });
    }
    Ok((seen, found))
}

/// Scale, zero point and type of a quantised tensor as inputs `index` and `index + 1` of a node.
struct Format {
    quantisation: Quantisation,
    /// The numbers that have an integer.
    ends: (f32, f32),
}

impl Format {
    fn read(call: &Call<'_>, index: usize) -> Result<Self, NodeProblem> {
        let scale = call.scalar(index)?.ok_or(NodeProblem::MissingInput(index))?;
        if scale <= 0.0 {
            return Err(NodeProblem::Scales);
        }
        let (zero, low) = match call.tensor(index + 1)? {
            None => (0, 0),
            Some(Tensor { data: Data::Bytes { values, is_signed }, .. }) if values.len() == 1 => {
                (values[0], if *is_signed { -128 } else { 0 })
            }
            Some(_) => return Err(NodeProblem::ElementType(index + 1)),
        };
        let number = |q: i64| (f64::from(scale) * (q - zero) as f64) as f32;
        Ok(Self { quantisation: Quantisation { scale, zero }, ends: (number(low), number(low + 255)) })
    }

    /// The quantised tensor whose numbers a node computes.
    fn quantise(&self, builder: &mut Builder, input: &Computed) -> Result<Value, NodeProblem> {
        let (min, max) = self.ends;
        if !min.is_finite() || !max.is_finite() {
            return Err(NodeProblem::Overflow);
        }
        let clip = Unary::Activation(Activation::Clip { min, max });
        Ok(Value::Quantised(apply(builder, input, clip)?, self.quantisation))
    }
}

/// A quantised input, which must be of the scale and zero point that the node gives.
fn numbers<'a>(call: &Call<'a>, index: usize) -> Result<&'a Computed, NodeProblem> {
    match call.value(index)? {
        Value::Quantised(computed, quantisation) => {
            match Format::read(call, index + 1)?.quantisation == *quantisation {
                true => Ok(computed),
                false => Err(NodeProblem::Rescaled(index)),
            }
        }
        Value::Computed(_) => Err(NodeProblem::ElementType(index)),
        Value::Constant(_) => Err(NodeProblem::Constant(index)),
    }
}

pub(super) fn import_quantize(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(3, &["axis", "saturate"])?;
    let format = Format::read(call, 1)?;
    Ok(vec![format.quantise(builder, call.computed(0)?)?])
}

pub(super) fn import_dequantize(call: &Call<'_>, _: &mut Builder) -> Outcome {
    call.expect(3, &["axis"])?;
    Ok(numbers(call, 0)?.clone().into())
}

/// DequantizeLinear of a constant, with one scale or one for each place of an axis.
pub(super) fn constant(call: &Call<'_>, builder: &mut Builder, tensor: &Tensor) -> Result<Tensor, NodeProblem> {
    call.expect(3, &["axis"])?;
    builder.fold(&tensor.shape)?;
    let axis = call.attributes.int("axis")?.unwrap_or(1);
    let scales = call.floats(1)?.ok_or(NodeProblem::MissingInput(1))?.1;
    let axis = if scales.len() == 1 { 0 } else { call.axis(axis, tensor.shape.len())? };
    let values = dequantised(tensor, axis, scales, call.tensor(2)?)?;
    Ok(Tensor { shape: tensor.shape.clone(), data: Data::Floats(values) })
}

/// QuantizeLinear of a constant: the nearest integers, ties to even.
pub(super) fn quantise_constant(
    call: &Call<'_>,
    builder: &mut Builder,
    tensor: &Tensor,
) -> Result<Tensor, NodeProblem> {
    call.expect(3, &["axis", "saturate"])?;
    builder.fold(&tensor.shape)?;
    let Data::Floats(values) = &tensor.data else { return Err(NodeProblem::ElementType(0)) };
    let scales = call.weights(1)?.1;
    let (zeros, is_signed): (&[i64], bool) = match call.tensor(2)?.map(|zeros| &zeros.data) {
        None => (&[0], false),
        Some(Data::Bytes { values, is_signed }) => (values, *is_signed),
        Some(_) => return Err(NodeProblem::ElementType(2)),
    };
    let axis = call.attributes.int("axis")?.unwrap_or(1);
    let axis = if scales.len() == 1 { 0 } else { call.axis(axis, tensor.shape.len())? };
    let len = tensor.shape.get(axis).copied().unwrap_or(1);
    if scales.iter().any(|&scale| scale <= 0.0) {
        return Err(NodeProblem::Scales);
    }
    if [scales.len(), zeros.len()].iter().any(|&count| count != 1 && count != len) {
        return Err(unfit("scale", &[scales.len(), zeros.len()]));
    }
    let inner: usize = tensor.shape.iter().skip(axis + 1).product();
    let low = if is_signed { -128 } else { 0 };
    let integer = |(i, &v): (usize, &f32)| {
        let place = i / inner.max(1) % len;
        let (scale, zero) = (scales[place % scales.len()], zeros[place % zeros.len()]);
        // Numbers beyond 64 bits saturate.
        ((v / scale).round_ties_even() as i64).saturating_add(zero).clamp(low, low + 255)
    };
    let values = Arc::new(values.iter().enumerate().map(integer).collect());
    Ok(Tensor { shape: tensor.shape.clone(), data: Data::Bytes { values, is_signed } })
}

/// The numbers that constant integers stand for.
fn dequantised(tensor: &Tensor, axis: usize, scales: &[f32], zeros: Option<&Tensor>) -> Result<Floats, NodeProblem> {
    let (Data::Ints(values) | Data::Bytes { values, .. }) = &tensor.data else {
        return Err(NodeProblem::ElementType(0));
    };
    let zeros: &[i64] = match zeros.map(|zeros| &zeros.data) {
        None => &[0],
        Some(Data::Ints(zeros) | Data::Bytes { values: zeros, .. }) => zeros,
        Some(Data::Floats(_)) => return Err(NodeProblem::ElementType(2)),
    };
    let len = tensor.shape.get(axis).copied().unwrap_or(1);
    if [scales.len(), zeros.len()].iter().any(|&count| count != 1 && count != len) {
        return Err(unfit("scale", &[scales.len(), zeros.len()]));
    }
    let inner: usize = tensor.shape.iter().skip(axis + 1).product();
    let number = |(i, &q): (usize, &i64)| {
        let place = i / inner.max(1) % len;
        let (scale, zero) = (scales[place % scales.len()], zeros[place % zeros.len()]);
        (f64::from(scale) * (q.saturating_sub(zero)) as f64) as f32
    };
    let numbers: Vec<f32> = values.iter().enumerate().map(number).collect();
    match numbers.iter().all(|v| v.is_finite()) {
        true => Ok(Arc::new(numbers)),
        false => Err(NodeProblem::Overflow),
    }
}

/// A constant of integers as input `index` with its scale and zero point behind it, as numbers.
fn parameters<'a>(call: &Call<'a>, index: usize, axis: usize) -> Result<(&'a Tensor, Floats), NodeProblem> {
    let tensor = call.tensor(index)?.ok_or(NodeProblem::MissingInput(index))?;
    let (_, scales) = call.weights(index + 1)?;
    Ok((tensor, dequantised(tensor, axis, scales, call.tensor(index + 2)?)?))
}

/// Convolution of integers: inputs x, scale, zero, w, scales, zeros, scale and zero of the output, bias.
pub(super) fn import_conv(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(9, &conv2d::ATTRIBUTES)?;
    let input = numbers(call, 0)?;
    let (weight, values) = parameters(call, 3, 0)?;
    let scale = call.scalar(1)?.ok_or(NodeProblem::MissingInput(1))?;
    let scales: Vec<f32> = call.weights(4)?.1.iter().map(|w| w * scale).collect();
    let bias = match call.tensor(8)? {
        None => None,
        Some(bias) => Some((&bias.shape[..], dequantised(bias, 0, &scales, None)?)),
    };
    let bias = bias.as_ref().map(|(dims, values)| (*dims, values));
    let out = conv2d::convolve(call, builder, input, (&weight.shape, &values), bias)?;
    Ok(vec![Format::read(call, 6)?.quantise(builder, &out)?])
}

/// Product of integers with a constant matrix: inputs a, scale, zero, b, scales, zeros, scale and zero of the output.
pub(super) fn import_matmul(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(8, &[])?;
    let input = numbers(call, 0)?;
    let (weight, values) = parameters(call, 3, 1)?;
    let out = gemm::multiply(builder, input, (&weight.shape, &values))?;
    Ok(vec![Format::read(call, 6)?.quantise(builder, &out)?])
}
