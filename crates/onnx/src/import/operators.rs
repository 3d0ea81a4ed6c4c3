//! The operators that are imported.

use super::builder::Builder;
use super::call::{Call, Outcome};
use super::{
    activation, arithmetic, axes, batch_norm, contrib, conv2d, depth, gemm, lrn, pool, quantised, reduce, resize, shape,
};
use crate::NodeProblem;

pub(super) type Import = fn(&Call<'_>, &mut Builder) -> Outcome;

/// How an operator is imported, `None` if it is not.
pub(super) fn operator_import(operator: &str) -> Option<Import> {
    Some(match operator {
        "Abs" | "Elu" | "Erf" | "Exp" | "Gelu" | "HardSigmoid" | "HardSwish" | "LeakyRelu" | "Log" | "Relu"
        | "Selu" | "Sigmoid" | "Softplus" | "Softsign" | "Sqrt" | "Tanh" => activation::import,
        "Add" | "Div" | "Mul" | "Pow" | "Sub" => arithmetic::import_binary,
        "ArgMax" => reduce::import_arg_max,
        "AveragePool" => pool::import_average,
        "BatchNormalization" => batch_norm::import,
        "Cast" => shape::import_cast,
        "CastLike" => shape::import_cast_like,
        "Clip" => activation::import_clip,
        "Concat" => axes::import_concat,
        "Constant" => shape::import_constant,
        "Conv" => conv2d::import,
        "ConvTranspose" => conv2d::import_transposed,
        "DepthToSpace" | "SpaceToDepth" => depth::import,
        "DequantizeLinear" => quantised::import_dequantize,
        "Dropout" => shape::import_dropout,
        "Expand" => shape::import_expand,
        "Flatten" => shape::import_flatten,
        "Gather" => axes::import_gather,
        "Gemm" => gemm::import_gemm,
        "GlobalAveragePool" | "GlobalMaxPool" => pool::import_global,
        "Identity" => shape::import_identity,
        "LRN" => lrn::import,
        "MatMul" => gemm::import_matmul,
        "Max" | "Mean" | "Min" | "Sum" => arithmetic::import_variadic,
        "MaxPool" => pool::import_max,
        "Mish" => activation::import_mish,
        "Neg" => activation::import_neg,
        "PRelu" => activation::import_prelu,
        "Pad" => axes::import_pad,
        "QLinearConv" => quantised::import_conv,
        "QLinearMatMul" => quantised::import_matmul,
        "QuantizeLinear" => quantised::import_quantize,
        "Reciprocal" => activation::import_reciprocal,
        "ReduceMean" | "ReduceSum" => reduce::import,
        "Reshape" => shape::import_reshape,
        "Resize" => resize::import,
        "Shape" => shape::import_shape,
        "Slice" => axes::import_slice,
        "Softmax" => reduce::import_softmax,
        "Split" => axes::import_split,
        "Squeeze" => shape::import_squeeze,
        "Transpose" => shape::import_transpose,
        "Unsqueeze" => shape::import_unsqueeze,
        "Upsample" => resize::import_upsample,
        "com.microsoft.DequantizeLinear" => quantised::import_dequantize,
        "com.microsoft.QGemm" => contrib::import_gemm,
        "com.microsoft.QLinearAdd" | "com.microsoft.QLinearMul" => contrib::import_pair,
        "com.microsoft.QLinearAveragePool"
        | "com.microsoft.QLinearGlobalAveragePool"
        | "com.microsoft.QLinearLeakyRelu"
        | "com.microsoft.QLinearSigmoid" => contrib::import_unary,
        "com.microsoft.QLinearConcat" => contrib::import_concat,
        "com.microsoft.QuantizeLinear" => quantised::import_quantize,
        // Of constants alone.
        "Ceil" | "ConstantOfShape" | "Floor" | "Range" | "ReduceProd" => constants_only,
        _ => return None,
    })
}

fn constants_only(call: &Call<'_>, _: &mut Builder) -> Outcome {
    let computed = (0..call.inputs.len()).find(|&index| call.computed(index).is_ok());
    Err(NodeProblem::NotConstant(computed.unwrap_or(0)))
}
