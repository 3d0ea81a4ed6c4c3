//! Networks that are quantised already, as the float networks that they stand for.
//!
//! A tensor of 8-bit integers is held as the numbers `scale * (q - zero)`. QuantizeLinear clamps to those that have an
//! integer, which is also how such networks write ReLU; its rounding is left out, since quantising the network anew
//! rounds. Weights are the numbers that their integers stand for, exactly but for the rounding of one product in single
//! precision.
//!
//! Where the file's quantisation is to be kept ([`Builder::origins`]), QuantizeLinear is a node of its own, and
//! convolutions and matrix products know the steps of their weights and the integers of their biases.

use std::collections::HashMap;
use std::sync::Arc;

use super::builder::Builder;
use super::call::{Call, Computed, Outcome, Value, shape as unfit};
use super::chain::apply;
use super::{conv2d, gemm};
use crate::NodeProblem;
use crate::float::{Activation, FloatOp, Floats, Quantizer, Steps, Unary};
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
) -> Result<(Vec<Option<Value>>, Option<Quantizer>), NodeProblem> {
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

/// The integers behind constants that DequantizeLinear or an operator on integers made numbers of, found by the
/// numbers' place in memory.
#[derive(Default)]
pub(super) struct Origins(HashMap<*const Vec<f32>, (Floats, Origin)>);

/// A constant's integers.
#[derive(Clone)]
struct Origin {
    /// Float value of the integer 1: one, or one for each place along `axis`.
    steps: Floats,
    axis: usize,
    range: (i64, i64),
    /// The integers themselves, where they are of more than 8 bits.
    wide: Option<Arc<Vec<i64>>>,
}

impl Builder {
    fn origin(&self, values: &Floats) -> Option<&Origin> {
        self.origins.as_ref()?.0.get(&Arc::as_ptr(values)).map(|(_, origin)| origin)
    }

    fn remember(&mut self, values: &Floats, origin: impl FnOnce() -> Origin) {
        if let Some(Origins(known)) = &mut self.origins {
            // Held, the numbers keep their place to themselves.
            known.insert(Arc::as_ptr(values), (values.clone(), origin()));
        }
    }

    /// The transposed of a constant has the integers of the constant.
    pub(super) fn keep_origin(&mut self, from: &Tensor, to: &Tensor, order: &[usize]) {
        let (Data::Floats(from), Data::Floats(to)) = (&from.data, &to.data) else { return };
        let Some(origin) = self.origin(from).cloned() else { return };
        let axis = order.iter().position(|&axis| axis == origin.axis).unwrap_or(origin.axis);
        self.remember(to, || Origin { axis, wide: None, ..origin });
    }

    /// What is known of the integers of weights whose outputs lie along `axis`, and of a bias: nothing, unless the
    /// weights were dequantised with one step, or one for each output.
    pub(super) fn steps(&self, weight: &Floats, axis: usize, bias: Option<&Floats>) -> Option<Steps> {
        let origin = self.origin(weight).filter(|origin| origin.steps.len() == 1 || origin.axis == axis)?;
        let bias = bias.and_then(|bias| self.origin(bias)).and_then(|origin| origin.wide.clone());
        Some(Steps { weight: origin.steps.clone(), range: origin.range, bias })
    }
}

/// Scale, zero point and type of a quantised tensor as inputs `index` and `index + 1` of a node.
pub(super) fn read(call: &Call<'_>, index: usize) -> Result<Quantizer, NodeProblem> {
    let scale = call.scalar(index)?.ok_or(NodeProblem::MissingInput(index))?;
    if scale <= 0.0 {
        return Err(NodeProblem::Scales);
    }
    let (zero, is_signed) = match call.tensor(index + 1)? {
        None => (0, false),
        Some(Tensor { data: Data::Bytes { values, is_signed }, .. }) if values.len() == 1 => (values[0], *is_signed),
        Some(_) => return Err(NodeProblem::ElementType(index + 1)),
    };
    // A byte fits.
    Ok(Quantizer { scale, zero: zero as i32, is_signed })
}

/// The quantised tensor whose numbers a node computes.
pub(super) fn quantise(builder: &mut Builder, input: &Computed, format: Quantizer) -> Result<Value, NodeProblem> {
    let (low, high) = format.range();
    let [min, max] = [low, high].map(|q| (f64::from(format.scale) * f64::from(q)) as f32);
    if !min.is_finite() || !max.is_finite() {
        return Err(NodeProblem::Overflow);
    }
    if builder.origins.is_some() {
        let id = builder.push(FloatOp::Quantize(format), vec![input.id], builder.shape(input.id))?;
        return Ok(Value::Quantised(Computed { id, view: input.view.clone() }, format));
    }
    let clip = Unary::Activation(Activation::Clip { min, max });
    Ok(Value::Quantised(apply(builder, input, clip)?, format))
}

/// A quantised input, which must be of the scale and zero point that the node gives.
pub(super) fn numbers<'a>(call: &Call<'a>, index: usize) -> Result<&'a Computed, NodeProblem> {
    match call.value(index)? {
        Value::Quantised(computed, quantizer) => {
            let given = read(call, index + 1)?;
            match (given.scale, given.zero) == (quantizer.scale, quantizer.zero) {
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
    let format = read(call, 1)?;
    Ok(vec![quantise(builder, call.computed(0)?, format)?])
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
    builder.remember(&values, || origin(tensor, axis, scales, call.tensor(2).ok().flatten()));
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

/// What [`dequantised`] makes numbers of.
fn origin(tensor: &Tensor, axis: usize, scales: &Floats, zeros: Option<&Tensor>) -> Origin {
    let zeros = zeros.map(|zeros| &zeros.data);
    let ends = match zeros {
        Some(Data::Ints(zeros) | Data::Bytes { values: zeros, .. }) => {
            zeros.iter().fold(None, |ends: Option<(i64, i64)>, &zero| {
                Some(ends.map_or((zero, zero), |(low, high)| (low.min(zero), high.max(zero))))
            })
        }
        _ => None,
    };
    let (least, most) = ends.unwrap_or((0, 0));
    let (low, wide) = match &tensor.data {
        Data::Bytes { is_signed, .. } => (if *is_signed { -128 } else { 0 }, None),
        Data::Ints(values) if (least, most) == (0, 0) => (0, Some(values.clone())),
        Data::Ints(_) | Data::Floats(_) => (0, None),
    };
    Origin { steps: scales.clone(), axis, range: (low - most, low + 255 - least), wide }
}

/// A constant of integers as input `index` with its scale and zero point behind it, as numbers.
pub(super) fn parameters<'a>(
    call: &Call<'a>,
    builder: &mut Builder,
    index: usize,
    axis: usize,
) -> Result<(&'a Tensor, Floats), NodeProblem> {
    let tensor = call.tensor(index)?.ok_or(NodeProblem::MissingInput(index))?;
    let (_, scales) = call.weights(index + 1)?;
    let zeros = call.tensor(index + 2)?;
    let values = dequantised(tensor, axis, scales, zeros)?;
    builder.remember(&values, || origin(tensor, axis, scales, zeros));
    Ok((tensor, values))
}

/// A bias of integers as input `index`, of the scale of the accumulators of weights as input `weight` on an input whose
/// scale is input `input`.
pub(super) fn bias<'a>(
    call: &Call<'a>,
    builder: &mut Builder,
    index: usize,
    (input, weight): (usize, usize),
) -> Result<Option<(&'a [usize], Floats)>, NodeProblem> {
    let Some(bias) = call.tensor(index)? else { return Ok(None) };
    let scale = call.scalar(input)?.ok_or(NodeProblem::MissingInput(input))?;
    let scales: Floats = Arc::new(call.weights(weight)?.1.iter().map(|w| w * scale).collect());
    let values = dequantised(bias, 0, &scales, None)?;
    builder.remember(&values, || origin(bias, 0, &scales, None));
    Ok(Some((&bias.shape, values)))
}

/// Convolution of integers: inputs x, scale, zero, w, scales, zeros, scale and zero of the output, bias.
pub(super) fn import_conv(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(9, &conv2d::ATTRIBUTES)?;
    let input = numbers(call, 0)?;
    let (weight, values) = parameters(call, builder, 3, 0)?;
    let bias = bias(call, builder, 8, (1, 4))?;
    let bias = bias.as_ref().map(|(dims, values)| (*dims, values));
    let out = conv2d::convolve(call, builder, input, (&weight.shape, &values), bias)?;
    Ok(vec![quantise(builder, &out, read(call, 6)?)?])
}

/// Product of integers with a constant matrix: inputs a, scale, zero, b, scales, zeros, scale and zero of the output.
pub(super) fn import_matmul(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(8, &[])?;
    let input = numbers(call, 0)?;
    let (weight, values) = parameters(call, builder, 3, 1)?;
    let out = gemm::multiply(builder, input, (&weight.shape, &values))?;
    Ok(vec![quantise(builder, &out, read(call, 6)?)?])
}
