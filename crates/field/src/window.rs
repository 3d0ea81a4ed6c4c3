/// How a window of kernel places slides over one axis: output place y, kernel place i and input place q meet where
/// `stride * y + dilation * i - padding[0] = q` and `0 <= q < input`. What falls into the padding meets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowAxis {
    /// True length of the input axis.
    pub input: usize,
    /// Number of kernel places.
    pub kernel: usize,
    /// Distance between output places.
    pub stride: usize,
    /// Places in front of and behind the input.
    pub padding: [usize; 2],
    /// Distance between kernel places.
    pub dilation: usize,
}

impl WindowAxis {
    /// True length of the output axis; `None` if it has no places, or if a length is zero or overflows.
    pub fn output(&self) -> Option<usize> {
        let [before, after] = self.padding;
        let padded = self.input.checked_add(before)?.checked_add(after)?;
        let extent = self.kernel.checked_sub(1)?.checked_mul(self.dilation)?.checked_add(1)?;
        // A dilation of zero would let kernel places coincide.
        let free = padded.checked_sub(extent).filter(|_| self.dilation > 0 && self.input > 0)?;
        free.checked_div(self.stride)?.checked_add(1)
    }

    /// The input place under kernel place `i` at output place `y`, unless it lies in the padding.
    pub fn place(&self, y: usize, i: usize) -> Option<usize> {
        (self.stride * y + self.dilation * i).checked_sub(self.padding[0]).filter(|&q| q < self.input)
    }

    /// Output places `y` at which kernel place `i` meets an input place, `outputs` being the length of the output axis.
    pub fn meeting(&self, i: usize, outputs: usize) -> std::ops::Range<usize> {
        let offset = self.dilation * i;
        let first = self.padding[0].saturating_sub(offset).div_ceil(self.stride);
        let end = (self.input + self.padding[0]).saturating_sub(offset).div_ceil(self.stride).min(outputs);
        first..end.max(first)
    }

    /// Whether the kernel is the whole unpadded axis, so that there is one output place.
    pub fn is_whole(&self) -> bool {
        self.kernel == self.input && self.padding == [0, 0] && (self.dilation == 1 || self.kernel == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: WindowAxis = WindowAxis { input: 28, kernel: 5, stride: 1, padding: [2, 2], dilation: 1 };

    #[test]
    fn sizes_and_places() {
        assert_eq!(FIVE.output(), Some(28));
        assert_eq!((FIVE.place(0, 1), FIVE.place(0, 2), FIVE.place(27, 4)), (None, Some(0), None));
        assert_eq!(WindowAxis { input: 4, padding: [0, 0], ..FIVE }.output(), None);
        assert_eq!(WindowAxis { stride: 0, ..FIVE }.output(), None);
        assert_eq!(WindowAxis { kernel: 0, ..FIVE }.output(), None);
        assert_eq!(WindowAxis { dilation: 0, ..FIVE }.output(), None);
        assert_eq!(WindowAxis { padding: [usize::MAX, 1], ..FIVE }.output(), None);
        assert_eq!(WindowAxis { dilation: 2, stride: 3, padding: [1, 0], ..FIVE }.output(), Some(7));
        assert!(WindowAxis { input: 5, padding: [0, 0], ..FIVE }.is_whole());
        assert!(!WindowAxis { input: 5, padding: [0, 0], dilation: 2, ..FIVE }.is_whole());
    }

    #[test]
    fn meeting_places_are_those_that_have_a_place() {
        for (input, kernel, stride, before, after, dilation) in
            [(5, 3, 1, 1, 1, 1), (7, 3, 2, 0, 3, 2), (1, 1, 4, 2, 3, 1), (4, 2, 3, 9, 0, 3), (6, 4, 1, 0, 0, 1)]
        {
            let axis = WindowAxis { input, kernel, stride, padding: [before, after], dilation };
            let outputs = axis.output().expect("fits");
            for i in 0..kernel {
                let expected: Vec<usize> = (0..outputs).filter(|&y| axis.place(y, i).is_some()).collect();
                assert_eq!(axis.meeting(i, outputs).collect::<Vec<_>>(), expected, "{axis:?}, {i}");
            }
        }
    }
}
