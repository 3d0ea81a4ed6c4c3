use convince_field::ProofField;

/// One spatial axis of a convolution: output place y, kernel place i and input place q meet where
/// `stride * y + i - padding = q` and `0 <= q < input`. What falls into the padding is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvAxis {
    /// True length of the input axis.
    pub input: usize,
    /// Length of the kernel.
    pub kernel: usize,
    /// Distance between output places.
    pub stride: usize,
    /// Zeros in front of and behind the input.
    pub padding: usize,
}

impl ConvAxis {
    /// True length of the output axis; `None` if the kernel does not fit or the stride is zero.
    pub fn output(&self) -> Option<usize> {
        let padded = self.padding.checked_mul(2)?.checked_add(self.input)?;
        padded.checked_sub(self.kernel)?.checked_div(self.stride).map(|steps| steps + 1)
    }

    /// The input place under kernel place `i` at output place `y`, unless it lies in the padding.
    pub fn place(&self, y: usize, i: usize) -> Option<usize> {
        (self.stride * y + i).checked_sub(self.padding).filter(|&q| q < self.input)
    }

    /// Whether the kernel is the whole unpadded axis, so that there is one output place and `K = eq`.
    pub fn is_whole(&self) -> bool {
        self.kernel == self.input && self.padding == 0
    }

    /// `K(q) = sum of outputs[y] * kernel[i]` over the places that meet at q: DESIGN section 5, stage B.
    ///
    /// `outputs` may be shorter than [`Self::output`] (cropped). Cost: `outputs.len() * kernel.len()` multiplications.
    pub fn kernel_table<F: ProofField>(&self, outputs: &[F], kernel: &[F]) -> Vec<F> {
        let mut table = vec![F::zero(); self.input];
        for (y, a) in outputs.iter().enumerate() {
            for (i, b) in kernel.iter().enumerate() {
                if let Some(q) = self.place(y, i) {
                    table[q] += *a * b;
                }
            }
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_places() {
        let axis = ConvAxis { input: 28, kernel: 5, stride: 1, padding: 2 };
        assert_eq!(axis.output(), Some(28));
        assert_eq!((axis.place(0, 1), axis.place(0, 2), axis.place(27, 4)), (None, Some(0), None));
        assert_eq!(ConvAxis { input: 4, kernel: 5, stride: 1, padding: 0 }.output(), None);
        assert_eq!(ConvAxis { input: 4, kernel: 2, stride: 0, padding: 0 }.output(), None);
        assert!(ConvAxis { input: 5, kernel: 5, stride: 1, padding: 0 }.is_whole());
    }
}
