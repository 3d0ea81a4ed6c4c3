use convince_model::MaxPool;

use super::call::{Call, Outcome};
use super::conv2d::Window;
use crate::NodeProblem;
use crate::float::FloatOp;

/// The window that integer networks support.
const WINDOW: usize = 2;

pub(super) fn import(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    let attributes = &call.attributes;
    call.expect(1, &["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"])?;
    attributes.int_is("ceil_mode", 0)?;
    attributes.int_is("storage_order", 0)?;
    let (input, dims) = call.image(0)?;
    let kernel = attributes.ints("kernel_shape")?.ok_or(NodeProblem::MissingAttribute("kernel_shape"))?;
    if kernel != [WINDOW as i64; 2] {
        return Err(attributes.unsupported("kernel_shape"));
    }
    let Window { stride, padding, out: [rows, columns] } = Window::read(attributes, WINDOW, dims)?;
    if stride != WINDOW {
        return Err(attributes.unsupported("strides"));
    }
    if padding != 0 {
        return Err(attributes.unsupported("pads"));
    }
    let op = FloatOp::MaxPool(MaxPool { window: WINDOW, stride });
    Ok(Outcome::Node { op, input, dims: vec![1, dims[1], rows, columns] })
}
