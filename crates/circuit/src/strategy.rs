use convince_field::WindowAxis;
use serde::{Deserialize, Serialize};

use crate::Conv2dLayer;

/// How a convolution is proven. The accumulators, the claims that come in and those that go out are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// Output channels and output places folded away, one sumcheck over kernel positions, one over input positions.
    #[default]
    Direct,
    /// Planes as polynomials, multiplied by Fourier transforms as zkCNN does it: linear-time sumchecks for inverse transform,
    /// pointwise product and transforms.
    Fft,
    /// Whichever the cost model says is cheaper. The builder replaces it, so that no circuit holds it.
    Auto,
}

/// Places of the entries of a plane in a vector of coefficients: `origin + row * steps[0] + column * steps[1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Place of row 0, column 0.
    pub origin: usize,
    /// What a row and what a column adds. Both are negative for kernels, which are reversed.
    pub steps: [isize; 2],
    /// Rows and columns.
    pub shape: [usize; 2],
}

impl Grid {
    /// The place of an entry.
    pub fn place(&self, row: usize, column: usize) -> usize {
        let [down, across] = self.steps;
        self.origin.wrapping_add_signed(row as isize * down + column as isize * across)
    }

    /// The places of all entries, row by row.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        let [rows, columns] = self.shape;
        (0..rows).flat_map(move |row| (0..columns).map(move |column| self.place(row, column)))
    }
}

/// A convolution of planes as a product of polynomials of fewer than `2^log_len` coefficients (DESIGN section 6).
///
/// With pitch `P = pl + W + pr` and kernel extents `e = d (k - 1) + 1` an input entry stands at `(y + pt) P + x + pl`, a
/// kernel entry at `(e_y - 1 - d_y i) P + e_x - 1 - d_x j`, and the product has the output at
/// `(s_y y + e_y - 1) P + s_x x + e_x - 1`. Columns of one window differ by less than `P`, so no other pairs meet there; the
/// product is taken modulo `X^N - 1` with `N >= (pt + H + pb) P`, and what wraps ends before the first output place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FftLayout {
    /// log2 of the number of coefficients.
    pub log_len: usize,
    /// Places of the input plane, unpadded.
    pub input: Grid,
    /// Places of the kernel.
    pub kernel: Grid,
    /// Places of the output.
    pub output: Grid,
}

impl FftLayout {
    /// Longest transform: what one costs a prover is `2^20 * 20` multiplications a channel.
    pub const MAX_LOG_LEN: usize = 20;
    /// Longest transform whose matrix the verifier evaluates itself; that of longer ones is delegated to the prover.
    pub const MAX_DIRECT_LOG_LEN: usize = 14;

    /// The layout for a kernel that slides over rows and over columns. `None` if it does not fit, or if the transform would
    /// be longer than [`Self::MAX_LOG_LEN`] allows.
    pub fn new([rows, columns]: &[WindowAxis; 2]) -> Option<Self> {
        let output = [rows.output()?, columns.output()?];
        let padded = |axis: &WindowAxis| axis.input.checked_add(axis.padding[0])?.checked_add(axis.padding[1]);
        let pitch = padded(columns)?;
        let len = padded(rows)?.checked_mul(pitch).filter(|&len| len <= 1 << Self::MAX_LOG_LEN)?;
        // A window fits the padded axes, so that all lengths below are at most `len`.
        let last = [rows, columns].map(|axis| axis.dilation * (axis.kernel - 1));
        let signed = |n: usize| n as isize;
        let to_last = last[0] * pitch + last[1];
        Some(Self {
            log_len: len.next_power_of_two().ilog2() as usize,
            input: Grid {
                origin: rows.padding[0] * pitch + columns.padding[0],
                steps: [signed(pitch), 1],
                shape: [rows.input, columns.input],
            },
            kernel: Grid {
                origin: to_last,
                steps: [rows, columns].map(|axis| signed(axis.dilation).wrapping_neg()),
                shape: [rows.kernel, columns.kernel],
            }
            .pitched(pitch),
            output: Grid { origin: to_last, steps: [rows, columns].map(|axis| signed(axis.stride)), shape: output }
                .pitched(pitch),
        })
    }

    /// Entries that a verifier goes through for a claim: with `N` places some `2 N` multiplications for each of two transforms'
    /// matrices and for the selection, or the input's and output's places alone where the matrices are delegated.
    pub(crate) fn verifier_work(&self) -> usize {
        if self.log_len <= Self::MAX_DIRECT_LOG_LEN { 6 << self.log_len } else { 2 << self.log_len }
    }
}

impl Grid {
    /// Rows that are `pitch` places apart for every one.
    fn pitched(self, pitch: usize) -> Self {
        let [down, across] = self.steps;
        // On an axis of one place the step is never taken, and a stride or dilation has no bound.
        let step = |step: isize, count: usize| if count == 1 { 0 } else { step };
        let [rows, columns] = self.shape;
        Self { steps: [step(down, rows) * pitch as isize, step(across, columns)], ..self }
    }
}

/// Multiply-accumulates of small integers that cost as much as a multiplication of field elements.
const SMALL_PER_MULTIPLICATION: usize = 8;

impl Conv2dLayer {
    /// The layer's polynomials. `None` if they are too long for the FFT strategy.
    pub fn fft_layout(&self) -> Option<FftLayout> {
        FftLayout::new(&self.axes())
    }

    /// Whether the cost model prefers [`Strategy::Fft`], for a claim on the layer's output.
    pub(crate) fn prefers_fft(&self) -> bool {
        self.fft_cost().is_some_and(|fft| fft < self.direct_cost())
    }

    /// Field multiplications of a claim under [`Strategy::Direct`], beside the pass over the weights that both strategies
    /// make: `kw` small multiply-accumulates an input entry, then `kh kw` multiplications a channel and output row, two
    /// sumchecks of about four multiplications an entry.
    fn direct_cost(&self) -> usize {
        let [_, channels, height, width] = self.input_shape;
        let [_, _, kh, kw] = self.weight_shape;
        let (positions, plane) = (channels.saturating_mul(kh * kw), height * width);
        let across = channels.saturating_mul(plane).saturating_mul(kw + 1) / SMALL_PER_MULTIPLICATION;
        across.saturating_add(positions.saturating_mul(self.output_shape[2] + 4)).saturating_add(4 * plane)
    }

    /// The same under [`Strategy::Fft`]: two transforms of `N/2 log N` butterflies a channel, each with its additions two
    /// multiplications' worth, and five an entry for the pointwise product and its sumcheck; the inverse transform and the
    /// sumchecks over coefficients; 128 a place for the delegated entries of long transforms' matrices. Within a tenth of
    /// what `benches/strategies.rs` measures on one thread, at 25 ns a multiplication for both strategies.
    fn fft_cost(&self) -> Option<usize> {
        let log_len = self.fft_layout()?.log_len;
        let delegated = if log_len > FftLayout::MAX_DIRECT_LOG_LEN { 128 } else { 0 };
        let transforms = self.input_shape[1].saturating_mul((2 * log_len + 5) << log_len);
        Some(transforms.saturating_add((log_len + 24 + delegated) << log_len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(input: usize, kernel: usize, stride: usize, padding: [usize; 2], dilation: usize) -> WindowAxis {
        WindowAxis { input, kernel, stride, padding, dilation }
    }

    /// Every output place of the cyclic product holds the pairs of its window and no other.
    fn meets_exactly(axes: [WindowAxis; 2]) {
        let Some(layout) = FftLayout::new(&axes) else { panic!("{axes:?}") };
        let mask = (1 << layout.log_len) - 1;
        let places = |grid: &Grid| {
            let places: Vec<usize> = grid.places().collect();
            assert!(places.iter().all(|&place| place <= mask), "{axes:?}");
            places
        };
        let [input, kernel, output] = [&layout.input, &layout.kernel, &layout.output].map(places);
        let entry = |grid: &Grid, k: usize| [k / grid.shape[1], k % grid.shape[1]];
        for (o, &target) in output.iter().enumerate() {
            let [y, x] = entry(&layout.output, o);
            for (k, &b) in kernel.iter().enumerate() {
                let [i, j] = entry(&layout.kernel, k);
                let expected = axes[0].place(y, i).zip(axes[1].place(x, j));
                let found: Vec<usize> = (0..input.len()).filter(|&q| (input[q] + b) & mask == target).collect();
                let expected: Vec<usize> = expected.map(|(r, c)| r * axes[1].input + c).into_iter().collect();
                assert_eq!(found, expected, "{axes:?}, output {o}, kernel {k}");
            }
        }
    }

    #[test]
    fn windows_and_nothing_else_meet() {
        let lengths = [
            axis(5, 3, 1, [1, 1], 1),
            axis(1, 1, 1, [0, 0], 1),
            axis(4, 2, 3, [3, 0], 2),
            axis(3, 3, 1, [0, 0], 1),
            axis(2, 4, 5, [4, 5], 1),
            axis(7, 1, 4, [0, 2], 9),
            axis(1, 3, 1, [2, 2], 2),
        ];
        for rows in lengths {
            lengths.into_iter().for_each(|columns| meets_exactly([rows, columns]));
        }
    }

    #[test]
    fn lengths_are_bounded_and_hostile_ones_do_not_overflow() {
        let plain = |n| axis(n, 1, 1, [0, 0], 1);
        let longest = FftLayout::new(&[plain(1 << 10), plain(1 << 10)]).expect("2^20 places");
        assert_eq!(longest.log_len, FftLayout::MAX_LOG_LEN);
        assert_eq!(FftLayout::new(&[plain((1 << 10) + 1), plain(1 << 10)]), None);
        assert_eq!(FftLayout::new(&[plain(usize::MAX), plain(usize::MAX)]), None);
        assert_eq!(FftLayout::new(&[axis(1, 1, 1, [usize::MAX, 1], 1), plain(1)]), None);
        let huge = axis(3, 1, usize::MAX, [0, 0], usize::MAX);
        let layout = FftLayout::new(&[huge, huge]).expect("one output place and one kernel place");
        assert_eq!((layout.output.shape, layout.log_len), ([1, 1], 4));
        assert_eq!(layout.output.places().chain(layout.kernel.places()).collect::<Vec<_>>(), [0, 0]);
    }
}
