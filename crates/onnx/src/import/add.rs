use std::sync::Arc;

use super::call::{Call, Outcome, Value, shape};
use crate::NodeProblem;
use crate::float::{FloatOp, Floats};

/// A constant per channel added to a convolution or a matrix product: another bias of the same operator.
pub(super) fn import(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(2, &[])?;
    let constant_index = if matches!(call.value(0)?, Value::Constant(_)) { 0 } else { 1 };
    let computed = call.computed(1 - constant_index)?;
    let (constant_shape, values) = call.floats(constant_index)?.ok_or(NodeProblem::MissingInput(constant_index))?;
    let producer = computed.id.checked_sub(1).and_then(|index| call.nodes.get(index)).ok_or(NodeProblem::NoBias)?;
    let mut op = producer.node.op.clone();
    let (bias, rank) = match &mut op {
        FloatOp::Conv2d(conv) => (&mut conv.bias, 4),
        FloatOp::Gemm(gemm) => (&mut gemm.bias, 2),
        FloatOp::Relu | FloatOp::MaxPool(_) => return Err(NodeProblem::NoBias),
    };
    if computed.dims.len() != rank {
        return Err(NodeProblem::NoBias);
    }
    let channels = computed.dims[1];
    if !is_per_channel(constant_shape, &computed.dims) {
        return Err(shape("bias", constant_shape));
    }
    *bias = Some(sum(bias.as_ref(), values, channels));
    Ok(Outcome::Node { op, input: producer.input, dims: computed.dims.clone() })
}

/// Whether a constant of this shape, its axes aligned with the last ones of `dims`, differs along the channels alone.
fn is_per_channel(constant: &[usize], dims: &[usize]) -> bool {
    let aligned = constant.iter().rev().zip(dims.iter().rev());
    let places = (0..dims.len()).rev();
    let differs_elsewhere = aligned.zip(places).any(|((&n, &size), axis)| n != 1 && (axis != 1 || n != size));
    constant.len() <= dims.len() && !differs_elsewhere
}

fn sum(bias: Option<&Floats>, constant: &[f32], channels: usize) -> Floats {
    let at = |c: usize| constant.get(c).or(constant.first()).copied().unwrap_or(0.0);
    Arc::new((0..channels).map(|c| bias.map_or(0.0, |bias| bias[c]) + at(c)).collect())
}
