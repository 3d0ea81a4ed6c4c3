//! Integer convolution: the accumulators that the interpreter, the witness and the quantiser all need fast.

use crate::{IntSlice, WindowAxis};

/// Most elements of window copies at a time, unless one window has more: 128 KiB of `i16`, which stay in the
/// second-level cache.
const PATCH_LEN: usize = 1 << 16;
/// Output channels that make it worth copying windows for them.
const MIN_SHARING: usize = 4;
/// Output places of a depthwise layer that are summed side by side.
const SIDE_BY_SIDE: usize = 8;
/// Output columns up to which that is faster than tap by tap: two to four times on planes of 7 to 14 columns, slower by a third on
/// 56.
const SHORT_ROW: usize = 32;

/// Shapes of a convolution: `out[b,o,y,x] = sum over c,i,j of weight[o,c,i,j] * in[b,g(o)*C+c,place of (y,i),place of (x,j)]`,
/// `C` channels in a group and `g(o)` the group of an output channel; places in the padding are dropped.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// `[batch, channels, rows, columns]`.
    pub input_shape: [usize; 4],
    /// `[out, channels / groups, kernel rows, kernel columns]`.
    pub weight_shape: [usize; 4],
    /// Runs of equal length into which input and output channels fall.
    pub groups: usize,
    /// How the kernel slides over rows and over columns.
    pub axes: [WindowAxis; 2],
}

impl Convolution {
    /// Number of weights that meet in one accumulator.
    fn taps(&self) -> usize {
        self.weight_shape[1..].iter().product()
    }

    /// The accumulators `[batch, out, rows, columns]`, starting from the biases. One multiply-accumulate per output and tap, on
    /// 16-bit copies where all values are that narrow. Sums wrap beyond 32 bits, which the caller's bounds exclude.
    ///
    /// Panics if lengths and shapes do not fit each other; outputs are none if the kernel does not fit.
    pub fn accumulate(&self, input: IntSlice<'_>, weight: IntSlice<'_>, bias: Option<IntSlice<'_>>) -> Vec<i32> {
        match input.fits_i16() && weight.fits_i16() {
            true => self.by_group(input, weight, bias, |v| v as i16),
            false => self.by_group(input, weight, bias, |v| v as i32),
        }
    }

    fn by_group<T: Copy + Default + Into<i32>>(
        &self,
        input: IntSlice<'_>,
        weight: IntSlice<'_>,
        bias: Option<IntSlice<'_>>,
        to: impl Fn(i64) -> T + Copy,
    ) -> Vec<i32> {
        let [down, across] = self.axes;
        let (Some(out_rows), Some(out_columns)) = (down.output(), across.output()) else { return Vec::new() };
        let [batch, channels, ..] = self.input_shape;
        let outputs = self.weight_shape[0] / self.groups;
        let (plane, len) = (down.input * across.input, outputs * out_rows * out_columns);
        let run = channels / self.groups * plane;
        let mut out = vec![0; batch * self.groups * len];
        for (index, sums) in out.chunks_exact_mut(len).enumerate() {
            let first = index % self.groups * outputs;
            let planes = input.range(index * run, run).map(to);
            let group = Group { weight, first, taps: self.taps(), out_columns, down, across };
            match (outputs < MIN_SHARING, Lines::new(&across, out_columns)) {
                (false, _) => group.window_by_window(&planes, sums, to),
                (true, Some(lines)) => group.in_registers(&planes, lines, sums, to),
                (true, None) => group.row_by_row(&planes, sums, to),
            }
            if let Some(bias) = bias {
                for (o, plane) in (first..).zip(sums.chunks_exact_mut(out_rows * out_columns)) {
                    let bias = bias.get(o) as i32;
                    plane.iter_mut().for_each(|sum| *sum = sum.wrapping_add(bias));
                }
            }
        }
        out
    }
}

/// One group of a convolution on one batch entry.
struct Group<'a> {
    weight: IntSlice<'a>,
    /// The first output channel.
    first: usize,
    taps: usize,
    out_columns: usize,
    down: WindowAxis,
    across: WindowAxis,
}

impl Group<'_> {
    /// Windows are copied side by side, so that every accumulator is a dot product of contiguous runs and the copies
    /// are shared by all output channels.
    fn window_by_window<T: Copy + Default + Into<i32>>(
        &self,
        planes: &[T],
        out: &mut [i32],
        to: impl Fn(i64) -> T + Copy,
    ) {
        let outputs = out.len() / self.places();
        let weight = self.weight.range(self.first * self.taps, outputs * self.taps);
        let block = (PATCH_LEN / self.taps).clamp(1, self.places());
        let mut patches = Vec::with_capacity(block * self.taps);
        for first in (0..self.places()).step_by(block) {
            patches.clear();
            for place in first..self.places().min(first + block) {
                self.copy_window(planes, place, &mut patches);
            }
            products(weight, &patches, self.taps, to, |o, place, sum| out[o * self.places() + first + place] = sum);
        }
    }

    /// Number of output places of a channel.
    fn places(&self) -> usize {
        self.down.output().unwrap_or(0) * self.out_columns
    }

    /// The window of an output place, channel by channel; zeros for what lies in the padding.
    fn copy_window<T: Copy + Default>(&self, planes: &[T], place: usize, patch: &mut Vec<T>) {
        let (y, x) = (place / self.out_columns, place % self.out_columns);
        let (kernel, columns) = (self.across.kernel, self.across.input);
        // Neighbouring columns inside the row are copied as one.
        let first = self.across.place(x, 0).filter(|_| self.across.dilation == 1);
        let run = first.filter(|first| first + kernel <= columns);
        for plane in planes.chunks_exact(self.down.input * columns) {
            for i in 0..self.down.kernel {
                match (self.down.place(y, i).map(|q| &plane[q * columns..][..columns]), run) {
                    (None, _) => patch.resize(patch.len() + kernel, T::default()),
                    (Some(row), Some(start)) => patch.extend_from_slice(&row[start..start + kernel]),
                    (Some(row), None) => {
                        patch.extend((0..kernel).map(|j| self.across.place(x, j).map_or(T::default(), |q| row[q])));
                    }
                }
            }
        }
    }

    /// Sums of neighbouring places side by side in registers while all taps of a kernel are added: for depthwise layers, whose
    /// windows nobody shares.
    fn in_registers<T: Copy + Default + Into<i32>>(
        &self,
        planes: &[T],
        lines: Lines,
        out: &mut [i32],
        to: impl Fn(i64) -> T,
    ) {
        let (kernel_columns, kernel_len) = (self.across.kernel, self.down.kernel * self.across.kernel);
        let mut padded = Vec::new();
        for (c, plane) in planes.chunks_exact(self.down.input * self.across.input).enumerate() {
            lines.copy(plane, &self.across, &mut padded);
            for (o, sums) in (self.first..).zip(out.chunks_exact_mut(self.places())) {
                let weights = self.weight.range(o * self.taps + c * kernel_len, kernel_len).map(&to);
                for (y, sums) in sums.chunks_exact_mut(self.out_columns).enumerate() {
                    for (chunk, sums) in sums.chunks_mut(SIDE_BY_SIDE).enumerate() {
                        let mut totals = [0i32; SIDE_BY_SIDE];
                        for (i, weights) in weights.chunks_exact(kernel_columns).enumerate() {
                            let Some(q) = self.down.place(y, i) else { continue };
                            for (j, &weight) in weights.iter().enumerate() {
                                let start = lines.start(q, j, &self.across) + chunk * SIDE_BY_SIDE;
                                let values = &padded[start..start + SIDE_BY_SIDE];
                                let add = |(total, &x): (&mut i32, &T)| {
                                    *total = total.wrapping_add(weight.into().wrapping_mul(x.into()));
                                };
                                totals.iter_mut().zip(values).for_each(add);
                            }
                        }
                        sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum = sum.wrapping_add(total));
                    }
                }
            }
        }
    }

    /// Row by row and tap by tap, without copies: for depthwise layers on long rows, and where padding would make the copies
    /// of [`Self::in_registers`] long.
    fn row_by_row<T: Copy + Into<i32>>(&self, planes: &[T], out: &mut [i32], to: impl Fn(i64) -> T) {
        let columns = self.across.input;
        for (o, sums) in (self.first..).zip(out.chunks_exact_mut(self.places())) {
            let weights = self.weight.range(o * self.taps, self.taps).map(&to);
            let kernels = weights.chunks_exact(self.down.kernel * self.across.kernel);
            for (kernel, plane) in kernels.zip(planes.chunks_exact(self.down.input * columns)) {
                for (y, sums) in sums.chunks_exact_mut(self.out_columns).enumerate() {
                    for (i, weights) in kernel.chunks_exact(self.across.kernel).enumerate() {
                        if let Some(q) = self.down.place(y, i) {
                            self.add_row(weights, &plane[q * columns..][..columns], sums);
                        }
                    }
                }
            }
        }
    }

    /// Adds one kernel row times one input row to an output row.
    fn add_row<T: Copy + Into<i32>>(&self, weights: &[T], row: &[T], sums: &mut [i32]) {
        for (j, &weight) in weights.iter().enumerate() {
            let meeting = self.across.meeting(j, sums.len());
            let Some(start) = self.across.place(meeting.start, j).filter(|_| !meeting.is_empty()) else { continue };
            let (sums, row) = (&mut sums[meeting], &row[start..]);
            let add = |(sum, &x): (&mut i32, &T)| *sum = sum.wrapping_add(weight.into().wrapping_mul(x.into()));
            match self.across.stride {
                1 => sums.iter_mut().zip(row).for_each(add),
                stride => sums.iter_mut().zip(row.iter().step_by(stride)).for_each(add),
            }
        }
    }
}

/// Rows of a padded plane for [`Group::in_registers`]: each cut into as many lines as the stride is wide, the k-th of every
/// `stride`-th place from k on, so that what neighbouring outputs read under a tap are neighbours.
#[derive(Clone, Copy)]
struct Lines {
    /// Places of a line: those that some output reads, rounded up to whole chunks of outputs.
    len: usize,
}

impl Lines {
    /// The lines for so many output columns; `None` where rows are long, or lines would hold much more than the
    /// plane does.
    fn new(across: &WindowAxis, out_columns: usize) -> Option<Self> {
        let outputs = out_columns.next_multiple_of(SIDE_BY_SIDE);
        let len = outputs.checked_add((across.kernel - 1).checked_mul(across.dilation)? / across.stride)?;
        let own = across.input.checked_add(SIDE_BY_SIDE.checked_mul(across.stride)?)?;
        (out_columns <= SHORT_ROW && len.checked_mul(across.stride)? <= 4 * own).then_some(Self { len })
    }

    /// Fills `padded` with the lines of a plane's rows.
    fn copy<T: Copy + Default>(self, plane: &[T], across: &WindowAxis, padded: &mut Vec<T>) {
        let (stride, before) = (across.stride, across.padding[0]);
        padded.clear();
        padded.resize(plane.len() / across.input * stride * self.len, T::default());
        let rows = padded.chunks_exact_mut(stride * self.len).zip(plane.chunks_exact(across.input));
        for (lines, row) in rows {
            for (phase, line) in lines.chunks_exact_mut(self.len).enumerate() {
                // The first place of the line that lies inside the row.
                let first = before.saturating_sub(phase).div_ceil(stride);
                let (Some(line), place) = (line.get_mut(first..), first * stride + phase) else { continue };
                let values = row.get(place - before..).unwrap_or_default();
                line.iter_mut().zip(values.iter().step_by(stride)).for_each(|(to, &value)| *to = value);
            }
        }
    }

    /// Where the first output's value of row `q` under tap `j` lies.
    fn start(self, q: usize, j: usize, across: &WindowAxis) -> usize {
        let offset = j * across.dilation;
        (q * across.stride + offset % across.stride) * self.len + offset / across.stride
    }
}

/// `each(row, column, <weight row, patch column>)` for every row of `weight` and every patch of `taps` values.
///
/// Four rows at a time, so that a patch is read once for four, through `to` (16 or 32 bits). Sums wrap, which the
/// caller's bounds exclude; wrapping sums are vectorised in every build profile. Five to ten G products a
/// second and core with 16-bit values and the instructions that every x86-64 has.
fn products<T: Copy + Into<i32>>(
    weight: IntSlice<'_>,
    patches: &[T],
    taps: usize,
    to: impl Fn(i64) -> T,
    mut each: impl FnMut(usize, usize, i32),
) {
    let rows = weight.len() / taps;
    for first in (0..rows).step_by(4) {
        let count = (rows - first).min(4);
        let weights = weight.range(first * taps, count * taps).map(&to);
        for (column, patch) in patches.chunks_exact(taps).enumerate() {
            match count {
                4 => (first..).zip(four_dots(&weights, patch)).for_each(|(row, sum)| each(row, column, sum)),
                _ => (first..).zip(weights.chunks_exact(taps)).for_each(|(row, w)| each(row, column, dot(w, patch))),
            }
        }
    }
}

/// Products of four rows, one behind the other, with a patch.
fn four_dots<T: Copy + Into<i32>>(weights: &[T], patch: &[T]) -> [i32; 4] {
    let (front, back) = weights.split_at(2 * patch.len());
    let ((a, b), (c, d)) = (front.split_at(patch.len()), back.split_at(patch.len()));
    let mut sums = [0i32; 4];
    for ((((&x, &a), &b), &c), &d) in patch.iter().zip(a).zip(b).zip(c).zip(d) {
        for (sum, w) in sums.iter_mut().zip([a, b, c, d]) {
            *sum = sum.wrapping_add(w.into().wrapping_mul(x.into()));
        }
    }
    sums
}

fn dot<T: Copy + Into<i32>>(weights: &[T], values: &[T]) -> i32 {
    let products = weights.iter().zip(values).map(|(&w, &x)| w.into().wrapping_mul(x.into()));
    products.fold(0, i32::wrapping_add)
}
