//! Operators on integers that ONNX Runtime adds to the standard: what its quantiser writes beside QLinearConv and
//! QLinearMatMul.
//!
//! Each is its counterpart on the numbers that the integers stand for, and a quantisation of the result.

use super::arithmetic::import_binary;
use super::builder::Builder;
use super::call::{Call, Outcome, Value};
use super::quantised::{bias, numbers, parameters, quantise, read};
use super::{activation, axes, gemm, pool};
use crate::NodeProblem;
use crate::tensor::{Data, Tensor};

/// A tensor with its scale and zero point, as inputs from `index` on, as numbers.
fn tensor(call: &Call<'_>, builder: &mut Builder, index: usize) -> Result<Value, NodeProblem> {
    match call.value(index)? {
        Value::Constant(constant) => {
            let (constant, values) = (constant.shape.clone(), parameters(call, builder, index, 0)?.1);
            Ok(Value::Constant(Tensor { shape: constant, data: Data::Floats(values) }))
        }
        _ => Ok(Value::Computed(numbers(call, index)?.clone())),
    }
}

/// The operator `name` on numbers, and what quantises its results: inputs `format` and `format + 1`.
fn on_numbers(
    call: &Call<'_>,
    builder: &mut Builder,
    (name, inputs): (&str, Vec<Value>),
    import: fn(&Call<'_>, &mut Builder) -> Outcome,
    format: usize,
) -> Outcome {
    let format = read(call, format)?;
    let inner = Call {
        operator: name,
        opset: call.opset,
        inputs: inputs.iter().map(Some).collect(),
        attributes: call.attributes,
        constant: None,
        outputs: call.outputs,
    };
    match &import(&inner, builder)?[..] {
        [Value::Computed(computed)] => Ok(vec![quantise(builder, computed, format)?]),
        _ => Err(NodeProblem::Constant(0)),
    }
}

/// QLinearAdd and QLinearMul: inputs a, scale, zero, b, scale, zero, scale and zero of the output.
pub(super) fn import_pair(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let inputs = vec![tensor(call, builder, 0)?, tensor(call, builder, 3)?];
    let name = if call.operator == "QLinearAdd" { "Add" } else { "Mul" };
    on_numbers(call, builder, (name, inputs), import_binary, 6)
}

/// Functions and means of one tensor: inputs x, scale, zero, scale and zero of the output.
pub(super) fn import_unary(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let inputs = vec![tensor(call, builder, 0)?];
    let (name, import): (_, fn(&Call<'_>, &mut Builder) -> Outcome) = match call.operator {
        "QLinearAveragePool" => ("AveragePool", pool::import_average),
        "QLinearGlobalAveragePool" => ("GlobalAveragePool", pool::import_global),
        "QLinearLeakyRelu" => ("LeakyRelu", activation::import),
        _ => ("Sigmoid", activation::import),
    };
    on_numbers(call, builder, (name, inputs), import, 3)
}

/// QLinearConcat: inputs scale and zero of the output, then a tensor, its scale and its zero, as often as there are
/// tensors.
pub(super) fn import_concat(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let inputs = (2..call.inputs.len()).step_by(3).map(|index| tensor(call, builder, index));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    on_numbers(call, builder, ("Concat", inputs), axes::import_concat, 0)
}

/// QGemm: inputs a, scale, zero, b, scales, zeros, bias, scale and zero of the output; without these, floats.
pub(super) fn import_gemm(call: &Call<'_>, builder: &mut Builder) -> Outcome {
    let axis = usize::from(call.attributes.int("transB")?.unwrap_or(0) == 0);
    let a = tensor(call, builder, 0)?;
    let weight = call.tensor(3)?.ok_or(NodeProblem::MissingInput(3))?;
    let values = parameters(call, builder, 3, axis)?.1;
    let weight = Value::Constant(Tensor { shape: weight.shape.clone(), data: Data::Floats(values) });
    let mut inputs = vec![a, weight];
    if let Some((shape, values)) = bias(call, builder, 6, (1, 4))? {
        let data = Data::Floats(values);
        inputs.push(Value::Constant(Tensor { shape: shape.to_vec(), data }));
    }
    on_numbers(call, builder, ("Gemm", inputs), gemm::import_gemm, 7)
}
