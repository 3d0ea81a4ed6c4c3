use std::sync::Arc;

use super::call::{Call, Outcome, shape};
use crate::NodeProblem;
use crate::float::{FloatGemm, FloatOp};

/// `alpha * A * B + beta * C`, with `B` transposed or not, and `A` the computed row.
pub(super) fn import_gemm(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    let attributes = &call.attributes;
    call.expect(3, &["alpha", "beta", "transA", "transB"])?;
    attributes.int_is("transA", 0)?;
    let transposed = match attributes.int("transB")?.unwrap_or(0) {
        0 => false,
        1 => true,
        _ => return Err(attributes.unsupported("transB")),
    };
    let alpha = attributes.float("alpha")?.unwrap_or(1.0);
    let beta = attributes.float("beta")?.unwrap_or(1.0);
    let mut outcome = product(call, transposed, alpha)?;
    if let (Some((dims, values)), Outcome::Node { op: FloatOp::Gemm(gemm), .. }) = (call.floats(2)?, &mut outcome) {
        let out = gemm.weight_shape[0];
        let bias = match dims {
            [] | [1] | [1, 1] => vec![values[0]; out],
            [n] | [1, n] if *n == out => values.to_vec(),
            _ => return Err(shape("bias", dims)),
        };
        gemm.bias = Some(Arc::new(bias.into_iter().map(|b| b * beta).collect()));
    }
    finite(outcome)
}

/// Row times constant matrix.
pub(super) fn import_matmul(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(2, &[])?;
    product(call, false, 1.0)
}

fn product(call: &Call<'_>, transposed: bool, alpha: f32) -> Result<Outcome, NodeProblem> {
    let (input, len) = call.row(0)?;
    let (dims, values) = call.weights::<2>(1)?;
    let [out, taps] = if transposed { dims } else { [dims[1], dims[0]] };
    if taps != len {
        return Err(shape("weight", &dims));
    }
    let weight = match (transposed, alpha == 1.0) {
        (true, true) => values.clone(),
        (true, false) => Arc::new(values.iter().map(|w| w * alpha).collect()),
        (false, _) => Arc::new((0..out * taps).map(|i| values[i % taps * out + i / taps] * alpha).collect()),
    };
    let op = FloatOp::Gemm(FloatGemm { weight, weight_shape: [out, taps], bias: None });
    Ok(Outcome::Node { op, input, dims: vec![1, out] })
}

/// Refuses factors that make parameters overflow.
fn finite(outcome: Outcome) -> Result<Outcome, NodeProblem> {
    let Outcome::Node { op: FloatOp::Gemm(FloatGemm { weight, bias, .. }), .. } = &outcome else {
        return Ok(outcome);
    };
    let all_finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
    match (all_finite(weight), bias.as_ref().is_none_or(|bias| all_finite(bias))) {
        (true, true) => Ok(outcome),
        (false, _) => Err(NodeProblem::Attribute { name: "alpha".into(), value: "a factor that overflows".into() }),
        (_, false) => Err(NodeProblem::Attribute { name: "beta".into(), value: "a factor that overflows".into() }),
    }
}
