//! How kernels and pooling windows move over an image: what convolution and pooling share.

use super::attributes::Attributes;
use super::call::shape as unfit;
use crate::NodeProblem;

/// Kernel sizes and steps over rows and columns; over one spatial axis, columns are 1 and untouched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    /// Top, left, bottom, right.
    pub(super) padding: [usize; 4],
    pub(super) dilation: [usize; 2],
    /// Output rows and columns, at least 1.
    pub(super) out: [usize; 2],
    /// Places that the last window of each axis reaches beyond the padding, if sizes are rounded up.
    pub(super) excess: [usize; 2],
}

/// Larger than any size, small enough that products of two do not overflow.
const MAX_SIZE: i64 = 1 << 31;

/// A list of one number for each of `rank` spatial axes, `default` for left-out ones.
pub(super) fn list(
    attributes: &Attributes<'_>,
    name: &str,
    rank: usize,
    (default, least): (usize, i64),
) -> Result<[usize; 2], NodeProblem> {
    let mut out = [default; 2];
    if let Some(given) = attributes.ints(name)? {
        if given.len() != rank || given.iter().any(|n| !(least..MAX_SIZE).contains(n)) {
            return Err(attributes.unsupported(name));
        }
        out.iter_mut().zip(given).for_each(|(n, &given)| *n = given as usize);
    }
    Ok(out)
}

/// Padding of `rank` spatial axes, as top, left, bottom, right.
pub(super) fn pads(attributes: &Attributes<'_>, rank: usize) -> Result<[usize; 4], NodeProblem> {
    let Some(given) = attributes.ints("pads")? else { return Ok([0; 4]) };
    if given.len() != 2 * rank || given.iter().any(|n| !(0..MAX_SIZE).contains(n)) {
        return Err(attributes.unsupported("pads"));
    }
    let at = |i: usize| given[i] as usize;
    Ok(if rank == 1 { [at(0), 0, at(1), 0] } else { [at(0), at(1), at(2), at(3)] })
}

impl Window {
    /// Reads the attributes for a kernel over `dims`, which are `[1, C, rows]` or `[1, C, rows, columns]`.
    pub(super) fn read(attributes: &Attributes<'_>, kernel: [usize; 2], dims: &[usize]) -> Result<Self, NodeProblem> {
        if !matches!(dims.len(), 3 | 4) {
            return Err(unfit("input", dims));
        }
        let rank = dims.len() - 2;
        let stride = list(attributes, "strides", rank, (1, 1))?;
        let dilation = list(attributes, "dilations", rank, (1, 1))?;
        let rounds_up = attributes.int("ceil_mode")?.unwrap_or(0) != 0;
        let size = [dims[2], dims.get(3).copied().unwrap_or(1)];
        let window = Self { kernel, stride, padding: [0; 4], dilation, out: [1; 2], excess: [0; 2] };
        let padding = window.padding(attributes, rank, size)?;
        let window = Self { padding, ..window };
        window.sized(size, rounds_up).ok_or_else(|| window.unfit(dims))
    }

    fn extent(&self, axis: usize) -> Option<usize> {
        self.kernel[axis].checked_sub(1)?.checked_mul(self.dilation[axis])?.checked_add(1)
    }

    fn padding(&self, attributes: &Attributes<'_>, rank: usize, size: [usize; 2]) -> Result<[usize; 4], NodeProblem> {
        let given = attributes.ints("pads")?;
        let mode = attributes.string("auto_pad")?;
        match mode {
            None | Some(b"" | b"NOTSET") => return pads(attributes, rank),
            Some(_) if given.is_some_and(|pads| pads.iter().any(|&p| p != 0)) => {
                return Err(attributes.unsupported("pads"));
            }
            Some(b"VALID") => return Ok([0; 4]),
            Some(b"SAME_UPPER" | b"SAME_LOWER") => {}
            Some(_) => return Err(attributes.unsupported("auto_pad")),
        }
        // ceil(n / stride) outputs; what they need beyond the input is split evenly, the odd place goes to one end.
        let mut padding = [0; 4];
        for axis in 0..rank {
            let reach = self.extent(axis).and_then(|extent| {
                ((size[axis] - 1) / self.stride[axis]).checked_mul(self.stride[axis])?.checked_add(extent)
            });
            let total = reach.ok_or_else(|| attributes.unsupported("auto_pad"))?.saturating_sub(size[axis]);
            let small = total / 2;
            let ends = if mode == Some(b"SAME_UPPER") { [small, total - small] } else { [total - small, small] };
            [padding[axis], padding[2 + axis]] = ends;
        }
        Ok(padding)
    }

    /// With output sizes; `None` if the kernel does not fit. Rounded up, no window starts behind the input.
    fn sized(mut self, size: [usize; 2], rounds_up: bool) -> Option<Self> {
        for (axis, &size) in size.iter().enumerate() {
            let (before, after) = (self.padding[axis], self.padding[2 + axis]);
            let padded = size.checked_add(before)?.checked_add(after)?;
            let free = padded.checked_sub(self.extent(axis)?)?;
            let mut steps = free / self.stride[axis];
            if rounds_up {
                steps = free.div_ceil(self.stride[axis]);
                if steps * self.stride[axis] >= size + before {
                    steps -= 1;
                }
            }
            self.out[axis] = steps + 1;
            self.excess[axis] = (steps * self.stride[axis]).saturating_sub(free);
        }
        Some(self)
    }

    /// Padding with what rounding up reaches beyond it.
    pub(super) fn reached(&self) -> [usize; 4] {
        let [top, left, bottom, right] = self.padding;
        [top, left, bottom + self.excess[0], right + self.excess[1]]
    }

    /// The error that says that the window does not fit.
    pub(super) fn unfit(&self, dims: &[usize]) -> NodeProblem {
        NodeProblem::Window {
            kernel: self.kernel,
            padding: Box::new(self.padding),
            shape: dims.iter().copied().take(8).collect(),
        }
    }
}
