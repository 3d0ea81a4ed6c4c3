/// How a window of kernel places slides over one axis: output place `y`, kernel place `i` and input place `q` meet
/// where `stride * y + dilation * i - padding[0] = q` and `0 <= q < input`. What falls into the padding meets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowAxis {
    /// Length of the input axis.
    pub(crate) input: usize,
    /// Number of kernel places.
    pub(crate) kernel: usize,
    /// Distance between output places.
    pub(crate) stride: usize,
    /// Places in front of and behind the input.
    pub(crate) padding: [usize; 2],
    /// Distance between kernel places.
    pub(crate) dilation: usize,
}

impl WindowAxis {
    /// Length of the output axis; `None` if it has no places, or if a length is zero or overflows.
    pub(crate) fn output(&self) -> Option<usize> {
        let padded = self.input.checked_add(self.padding[0])?.checked_add(self.padding[1])?;
        let extent = self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)?;
        // A dilation of zero would let kernel places coincide.
        let free = padded.checked_sub(extent).filter(|_| self.dilation > 0 && self.input > 0)?;
        free.checked_div(self.stride)?.checked_add(1)
    }

    /// The input place under kernel place `i` at output place `y`, unless it lies in the padding.
    pub(crate) fn place(&self, y: usize, i: usize) -> Option<usize> {
        (self.stride * y + self.dilation * i).checked_sub(self.padding[0]).filter(|&q| q < self.input)
    }

    /// Output places `y` at which kernel place `i` meets an input place, `outputs` being the length of the output axis.
    pub(crate) fn meeting(&self, i: usize, outputs: usize) -> std::ops::Range<usize> {
        let offset = self.dilation * i;
        let first = self.padding[0].saturating_sub(offset).div_ceil(self.stride);
        let end = (self.input + self.padding[0]).saturating_sub(offset).div_ceil(self.stride).min(outputs);
        first..end.max(first)
    }
}
