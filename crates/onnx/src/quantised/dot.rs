//! Convolutions and matrix products with the file's integers.

use std::sync::Arc;

use convince_field::{Bits, Ints};
use convince_model::{Conv2d, Gemm, Op};

use crate::float::{FloatConv2d, FloatGemm, FloatOp, Floats, Steps};
use crate::quantize::bias_bits;

/// An operator and the float value of the integer 1 of its accumulators: one, or one for each output.
pub(super) struct Dot {
    pub(super) op: Op,
    pub(super) units: Vec<f32>,
}

/// Weights, biases and their formats.
struct Parameters {
    weight: Arc<Ints>,
    weight_bits: Bits,
    bias: Option<Arc<Ints>>,
    bias_bits: Bits,
    units: Vec<f32>,
}

/// Why a layer's integers are not those of the file.
pub(super) const FLOAT_WEIGHTS: &str = "its weights are not integers with one scale, or one for each output";

/// The operator of `op` on integers of `interval` that stand for multiples of `scale`.
///
/// # Errors
/// What of the layer is not quantised.
pub(super) fn dot(op: &FloatOp, scale: f32, interval: (i64, i64)) -> Result<Dot, &'static str> {
    match op {
        FloatOp::Conv2d(op) => {
            let (steps, bias) = (op.steps.as_ref().ok_or(FLOAT_WEIGHTS)?, op.bias.as_ref());
            let shape = (op.weight_shape[0], op.weight_shape[1..].iter().product());
            let parameters = Parameters::new(steps, (&op.weight, bias), shape, (scale, interval))?;
            Ok(convolution(op, parameters))
        }
        FloatOp::Gemm(FloatGemm { weight, weight_shape, bias, steps }) => {
            let (steps, shape) = (steps.as_ref().ok_or(FLOAT_WEIGHTS)?, (weight_shape[0], weight_shape[1]));
            let found = Parameters::new(steps, (weight, bias.as_ref()), shape, (scale, interval))?;
            let Parameters { weight, weight_bits, bias, bias_bits, units } = found;
            let op = Op::Gemm(Gemm { weight, weight_shape: *weight_shape, weight_bits, bias, bias_bits });
            Ok(Dot { op, units })
        }
        _ => Err(FLOAT_WEIGHTS),
    }
}

fn convolution(op: &FloatConv2d, parameters: Parameters) -> Dot {
    let &FloatConv2d { weight_shape, stride, padding, dilation, groups, .. } = op;
    let Parameters { weight, weight_bits, bias, bias_bits, units } = parameters;
    let op = Conv2d { weight, weight_shape, weight_bits, bias, bias_bits, stride, padding, dilation, groups };
    Dot { op: Op::Conv2d(op), units }
}

impl Parameters {
    fn new(
        steps: &Steps,
        (weight, bias): (&Floats, Option<&Floats>),
        (rows, taps): (usize, usize),
        (scale, interval): (f32, (i64, i64)),
    ) -> Result<Self, &'static str> {
        let (low, high) = steps.range;
        let weight_bits = Bits::holding(low, high);
        if ![1, rows].contains(&steps.weight.len()) {
            return Err(FLOAT_WEIGHTS);
        }
        // A weight is its step times an integer of 9 bits, rounded once: dividing gives the integer again. It does not where
        // a reshape has taken weights and steps apart.
        let integer = |(i, &w): (usize, &f32)| {
            let quotient = f64::from(w) / f64::from(steps.step(i / taps));
            let integer = quotient.round() as i64;
            ((quotient - quotient.round()).abs() < 1e-3 && (low..=high).contains(&integer)).then_some(integer)
        };
        let weights: Vec<i64> = weight.iter().enumerate().map(integer).collect::<Option<_>>().ok_or(FLOAT_WEIGHTS)?;
        let weight = Arc::new(Ints::pack(weight_bits, &weights).ok_or(FLOAT_WEIGHTS)?);
        let units: Vec<f32> = steps.weight.iter().map(|step| scale * step).collect();
        if units.iter().any(|unit| !unit.is_normal()) {
            return Err("the scales of its input and its weights are too small together");
        }
        let biases = bias.map(|bias| biases(bias, steps.bias.as_deref(), &units));
        let narrow = bias_bits(taps, weight_bits, interval);
        let ends = biases.iter().flatten().fold((0, 0), |(low, high), &b: &i64| (b.min(low), b.max(high)));
        // Biases of files know no bound but 32 bits: one that is out of the usual format widens it.
        let is_narrow = narrow.contains(ends.0) && narrow.contains(ends.1);
        let bias_bits = if is_narrow { narrow } else { Bits::holding(ends.0.min(-1), ends.1) };
        let bias = match biases {
            None => None,
            Some(biases) => Some(Arc::new(Ints::pack(bias_bits, &biases).ok_or("a bias does not fit 32 bits")?)),
        };
        Ok(Self { weight, weight_bits, bias, bias_bits, units })
    }
}

/// The file's integers if they are of the accumulators' scale, the nearest ones otherwise.
fn biases(bias: &Floats, integers: Option<&Vec<i64>>, units: &[f32]) -> Vec<i64> {
    let unit = |o: usize| f64::from(units[if units.len() == 1 { 0 } else { o }]);
    let nearest = |o: usize| f64::from(bias[o]) / unit(o);
    match integers.filter(|integers| integers.len() == bias.len()) {
        Some(integers)
            if (0..bias.len()).all(|o| (nearest(o) - integers[o] as f64).abs() <= SLACK * nearest(o).abs()) =>
        {
            integers.clone()
        }
        _ => (0..bias.len()).map(|o| nearest(o).round_ties_even() as i64).collect(),
    }
}

/// Relative error of a bias that two roundings of its scale leave.
const SLACK: f64 = 1e-5;
