use super::attributes::Attributes;
use super::call::{Call, Outcome, shape};
use crate::NodeProblem;
use crate::float::{FloatConv2d, FloatOp};

pub(super) fn import(call: &Call<'_>) -> Result<Outcome, NodeProblem> {
    call.expect(3, &["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
    let (input, dims) = call.image(0)?;
    let (weight_shape, weight) = call.weights::<4>(1)?;
    let [co, ci, kernel, kernel_columns] = weight_shape;
    call.attributes.int_is("group", 1)?;
    if kernel != kernel_columns || ci != dims[1] {
        return Err(shape("weight", &weight_shape));
    }
    match call.attributes.ints("kernel_shape")? {
        Some(given) if given != [kernel as i64; 2] => return Err(call.attributes.unsupported("kernel_shape")),
        _ => {}
    }
    let window = Window::read(&call.attributes, kernel, dims)?;
    let bias = call.floats(2)?;
    if let Some((bias_shape, _)) = bias.filter(|(bias_shape, _)| *bias_shape != [co]) {
        return Err(shape("bias", bias_shape));
    }
    let Window { stride, padding, out: [rows, columns] } = window;
    let bias = bias.map(|(_, bias)| bias.clone());
    let op = FloatOp::Conv2d(FloatConv2d { weight: weight.clone(), weight_shape, bias, stride, padding });
    Ok(Outcome::Node { op, input, dims: vec![1, co, rows, columns] })
}

/// How a square kernel moves over an image.
pub(super) struct Window {
    pub(super) stride: usize,
    pub(super) padding: usize,
    /// Output rows and columns, at least 1.
    pub(super) out: [usize; 2],
}

impl Window {
    /// Reads the attributes that convolution and pooling share.
    pub(super) fn read(attributes: &Attributes<'_>, kernel: usize, dims: [usize; 4]) -> Result<Self, NodeProblem> {
        if attributes.ints("dilations")?.is_some_and(|dilations| dilations != [1, 1]) {
            return Err(attributes.unsupported("dilations"));
        }
        let stride = match attributes.ints("strides")? {
            None => 1,
            Some(&[a, b]) if a == b && a > 0 => usize::try_from(a).map_err(|_| attributes.unsupported("strides"))?,
            Some(_) => return Err(attributes.unsupported("strides")),
        };
        let size = [dims[2], dims[3]];
        let padding = Self::padding(attributes, kernel, stride, size)?;
        let unfit = || NodeProblem::Window { kernel, stride, padding, shape: dims.to_vec() };
        if padding >= kernel {
            return Err(unfit());
        }
        let free = size.map(|n| n.checked_add(2 * padding).and_then(|n| n.checked_sub(kernel)));
        match free {
            [Some(rows), Some(columns)] => Ok(Self { stride, padding, out: [rows / stride + 1, columns / stride + 1] }),
            _ => Err(unfit()),
        }
    }

    fn padding(
        attributes: &Attributes<'_>,
        kernel: usize,
        stride: usize,
        size: [usize; 2],
    ) -> Result<usize, NodeProblem> {
        let pads = attributes.ints("pads")?;
        match attributes.string("auto_pad")? {
            None | Some(b"" | b"NOTSET") => match pads {
                None => Ok(0),
                Some(&[a, b, c, d]) if a == b && a == c && a == d => {
                    usize::try_from(a).ok().filter(|&p| p < kernel).ok_or_else(|| attributes.unsupported("pads"))
                }
                Some(_) => Err(attributes.unsupported("pads")),
            },
            Some(_) if pads.is_some_and(|pads| pads.iter().any(|&p| p != 0)) => Err(attributes.unsupported("pads")),
            Some(b"VALID") => Ok(0),
            Some(b"SAME_UPPER" | b"SAME_LOWER") => {
                // ceil(n / stride) outputs; what they need beyond the input is split evenly, if it can be.
                let total = size.map(|n| ((n - 1) / stride * stride + kernel).saturating_sub(n));
                match total {
                    [rows, columns] if rows == columns && rows % 2 == 0 => Ok(rows / 2),
                    _ => Err(attributes.unsupported("auto_pad")),
                }
            }
            Some(_) => Err(attributes.unsupported("auto_pad")),
        }
    }
}
