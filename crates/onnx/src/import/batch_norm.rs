use super::builder::Builder;
use super::call::{Call, Outcome, shape as unfit};
use crate::NodeProblem;

/// `scale * (x - mean) / sqrt(variance + epsilon) + offset`, one set of parameters a channel, all constants.
///
/// Comes to a factor and a constant per channel, which become part of the convolution before where there is one.
pub(super) fn import(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    call.expect(5, &["epsilon", "momentum", "spatial", "training_mode"])?;
    call.attributes.int_is("training_mode", 0)?;
    call.attributes.int_is("spatial", 1)?;
    let input = call.computed(0)?;
    let dims = input.view.dims();
    if dims.len() < 2 {
        return Err(unfit("input", &dims));
    }
    let parameter = |index| call.per_channel(index, dims[1])?.ok_or(NodeProblem::MissingInput(index));
    let (scale, offset, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
    let epsilon = f64::from(call.attributes.float("epsilon")?.unwrap_or(1e-5));
    let factor = |c: usize| f64::from(scale[c]) / (f64::from(variance[c]) + epsilon).sqrt();
    let factors: Vec<f32> = (0..dims[1]).map(|c| factor(c) as f32).collect();
    let constant = |c: usize| (f64::from(offset[c]) - factor(c) * f64::from(mean[c])) as f32;
    let constants: Vec<f32> = (0..dims[1]).map(constant).collect();
    if factors.iter().chain(&constants).any(|v| !v.is_finite()) {
        return Err(NodeProblem::Overflow);
    }
    Ok(builder.affine_along(input, 1, (factors, constants))?.into())
}
