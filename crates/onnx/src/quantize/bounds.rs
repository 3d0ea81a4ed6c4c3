//! Which integers stand for a value: from what its operators say of its sign.

use crate::FloatGraph;
use crate::float::{Activation, FloatOp};

/// Least integer of signed activations.
const SIGNED: (i32, i32) = (-128, 127);

/// Lower bounds of every value, the input first, from the operators alone: 0 where a value cannot be negative, minus
/// infinity where nothing is known.
pub(super) fn lower_bounds(graph: &FloatGraph, input: f64) -> Vec<f64> {
    let mut bounds = vec![input.min(0.0)];
    for node in &graph.nodes {
        let inputs: Vec<f64> = node.inputs.iter().map(|&i| bounds[i]).collect();
        let shape = |t: usize| match node.inputs[t] {
            0 => graph.input_shape,
            i => graph.nodes[i - 1].shape,
        };
        let bound = match &node.op {
            FloatOp::Conv2d(_) | FloatOp::Gemm(_) | FloatOp::Quantize(_) => f64::NEG_INFINITY,
            FloatOp::MaxPool(_) | FloatOp::ArgMax | FloatOp::Softmax => inputs[0],
            FloatOp::Activation(activation) => activation_bound(activation, inputs[0]),
            FloatOp::Product if inputs.iter().all(|&bound| bound == 0.0) => 0.0,
            FloatOp::Product => f64::NEG_INFINITY,
            FloatOp::Linear(linear) => {
                let term = |(t, term): (usize, &crate::float::FloatTerm)| match term.map.row_sums(shape(t)) {
                    Some(sums) if sums.least >= 0 && term.factor >= 0.0 => match inputs[t] {
                        0.0 => 0.0,
                        bound => f64::from(term.factor) * sums.most as f64 * bound,
                    },
                    _ => f64::NEG_INFINITY,
                };
                f64::from(linear.constant) + linear.terms.iter().enumerate().map(term).sum::<f64>()
            }
        };
        bounds.push(if bound.is_nan() { f64::NEG_INFINITY } else { bound.min(0.0) });
    }
    bounds
}

/// Lower bound of a function of a value with a lower bound.
fn activation_bound(activation: &Activation, input: f64) -> f64 {
    let bound = match activation {
        Activation::HardSwish if input < 0.0 => -0.375,
        Activation::Silu if input < 0.0 => -0.2785,
        Activation::Gelu | Activation::GeluTanh if input < 0.0 => -0.1701,
        Activation::HardSwish | Activation::Silu | Activation::Gelu | Activation::GeluTanh => 0.0,
        monotone if monotone.is_monotone() => monotone.apply(input.max(f32::MIN.into()) as f32).into(),
        _ => f64::NEG_INFINITY,
    };
    // What a leaky function makes of the least float says nothing.
    if bound < -1e30 { f64::NEG_INFINITY } else { bound }
}

/// The 8-bit interval of a value with lower bound `lower` at `scale`: 0 to 255 if it cannot be negative, 256 integers
/// from the bound if that is closer than -128, the signed ones otherwise.
pub(super) fn integers(lower: f64, scale: f64) -> (i32, i32) {
    let below = (-lower / scale).ceil();
    if below < 128.0 { (-(below as i32), 255 - below as i32) } else { SIGNED }
}

/// Mean square of what rounding to the interval's multiples of `scale` loses.
pub(super) fn rounding_error(values: &[f32], scale: f64, (low, high): (i32, i32)) -> f64 {
    let (low, high) = (f64::from(low), f64::from(high));
    let error = |&v: &f32| ((f64::from(v) / scale).round().clamp(low, high) * scale - f64::from(v)).powi(2);
    values.iter().map(error).sum::<f64>() / values.len().max(1) as f64
}

/// Scales tried: the one that holds every element, and this many steps of `2^(-1/8)` below.
const SCALE_STEPS: i32 = 24;

/// The scale at which rounding and clipping `values` costs least in mean square; 1 if all are zero.
pub(super) fn best_scale(values: &[f32], range: (f32, f32), lower: f64) -> f64 {
    let widest = widest_scale(range, lower);
    let candidates = (0..=SCALE_STEPS).map(|step| widest * (-f64::from(step) / 8.0).exp2());
    let error = |scale: f64| rounding_error(values, scale, integers(lower, scale));
    let costs = candidates.map(|scale| (error(scale), scale));
    costs.reduce(|best, next| if next.0 < best.0 { next } else { best }).map_or(1.0, |(_, scale)| scale)
}

/// The least scale whose integers reach both ends of `range`; 1 for an empty one.
fn widest_scale((low, high): (f32, f32), lower: f64) -> f64 {
    let (low, high) = (f64::from(low), f64::from(high));
    let signed = (high / f64::from(SIGNED.1)).max(low / f64::from(SIGNED.0));
    let scale = if lower.is_finite() { signed.min((high - lower) / 255.0) } else { signed };
    if scale > 0.0 && scale.is_finite() { scale } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_of_eight_bits_and_hold_zero() {
        assert_eq!(integers(0.0, 0.5), (0, 255));
        assert_eq!(integers(-0.0, 0.5), (0, 255));
        assert_eq!(integers(f64::NEG_INFINITY, 0.5), (-128, 127));
        assert_eq!(integers(-1.2, 0.5), (-3, 252));
        assert_eq!(integers(-1e9, 0.5), (-128, 127));
    }

    #[test]
    fn the_best_scale_clips_outliers_and_keeps_exact_values() {
        let exact: Vec<f32> = (0..=255).map(|i| i as f32 * 0.25).collect();
        assert_eq!(best_scale(&exact, (0.0, 63.75), 0.0), 0.25);
        let mut outlier: Vec<f32> = (0..200_000).map(|i| (i as f32 * 0.37).sin()).collect();
        outlier.push(4.0);
        let scale = best_scale(&outlier, (-1.0, 4.0), f64::NEG_INFINITY);
        assert!(scale * 127.0 < 3.0, "{scale}");
        assert_eq!(best_scale(&[0.0], (0.0, 0.0), 0.0), 1.0);
    }
}
