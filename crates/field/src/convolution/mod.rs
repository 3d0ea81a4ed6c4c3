//! Integer convolution: the accumulators that the interpreter, the witness and the quantiser all need fast.

mod products;

use std::ops::Range;

use crate::{IntSlice, WindowAxis, jobs};
use products::{Value, products, stride};

/// Most elements of window copies at a time, unless one window has more: 128 KiB of `i16`, which stay in the
/// second-level cache.
const PATCH_LEN: usize = 1 << 16;
/// Output channels that make it worth copying windows for them.
const MIN_SHARING: usize = 4;
/// Products that are worth a thread.
const MIN_PRODUCTS: usize = 1 << 20;
/// Places that are worth cutting among threads.
const MIN_PLACES: usize = 64;
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
            true => self.by_group::<i16>(input, weight, bias),
            false => self.by_group::<i32>(input, weight, bias),
        }
    }

    fn by_group<T: Value>(&self, input: IntSlice<'_>, weight: IntSlice<'_>, bias: Option<IntSlice<'_>>) -> Vec<i32> {
        let [down, across] = self.axes;
        let (Some(out_rows), Some(out_columns)) = (down.output(), across.output()) else { return Vec::new() };
        let [batch, channels, ..] = self.input_shape;
        let outputs = self.weight_shape[0] / self.groups;
        let (plane, len) = (down.input * across.input, outputs * out_rows * out_columns);
        let run = channels / self.groups * plane;
        let mut out = vec![0; batch * self.groups * len];
        let one = |index: usize, sums: &mut [i32]| {
            let first = index % self.groups * outputs;
            let planes = input.range(index * run, run).map(T::of);
            let group = Group { weight, first, taps: self.taps(), out_columns, down, across };
            match (outputs < MIN_SHARING, Lines::new(&across, out_columns)) {
                (false, _) => group.window_by_window(&planes, sums),
                (true, Some(lines)) => group.in_registers(&planes, lines, sums),
                (true, None) => group.row_by_row(&planes, sums),
            }
            if let Some(bias) = bias {
                for (o, plane) in (first..).zip(sums.chunks_exact_mut(out_rows * out_columns)) {
                    let bias = bias.get(o) as i32;
                    plane.iter_mut().for_each(|sum| *sum = sum.wrapping_add(bias));
                }
            }
        };
        // Groups may be many and small: a thread takes a run of them.
        let per_job = match out.len() * self.taps() / MIN_PRODUCTS {
            0 => batch * self.groups,
            parts => (batch * self.groups).div_ceil(parts.min(4 * jobs::num_threads())),
        };
        jobs::map_items(out.chunks_mut(len * per_job).enumerate().collect(), |(job, sums): (usize, &mut [i32])| {
            (job * per_job..).zip(sums.chunks_exact_mut(len)).for_each(|(index, sums)| one(index, sums));
        });
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
    ///
    /// Threads have places of their own, or output channels of their own where there are few places.
    fn window_by_window<T: Value>(&self, planes: &[T], out: &mut [i32]) {
        let (outputs, places) = (out.len() / self.places(), self.places());
        match out.len() * self.taps / MIN_PRODUCTS {
            0 | 1 => self.part(planes, 0..outputs, 0..places, out),
            parts if places >= MIN_PLACES && jobs::num_threads() > 1 => {
                let sums = jobs::map_items(cut(places, parts, 1).collect(), |places| {
                    let mut sums = vec![0; outputs * places.len()];
                    self.part(planes, 0..outputs, places.clone(), &mut sums);
                    (places, sums)
                });
                for (range, sums) in sums {
                    for (out, sums) in out.chunks_exact_mut(places).zip(sums.chunks_exact(range.len())) {
                        out[range.clone()].copy_from_slice(sums);
                    }
                }
            }
            parts => {
                let ranges: Vec<_> = cut(outputs, parts, 4).collect();
                let step = ranges.first().map_or(outputs, ExactSizeIterator::len);
                let parts = ranges.into_iter().zip(out.chunks_mut(step * places)).collect();
                jobs::map_items(parts, |(outputs, out)| self.part(planes, outputs, 0..places, out));
            }
        }
    }

    /// The sums of some output channels at some places, which are all of `out`.
    fn part<T: Value>(&self, planes: &[T], outputs: Range<usize>, places: Range<usize>, out: &mut [i32]) {
        let stride = stride(self.taps);
        let weight = self.weight.range((self.first + outputs.start) * self.taps, outputs.len() * self.taps);
        let block = (PATCH_LEN / stride).clamp(1, places.len());
        let mut windows = Vec::new();
        for first in places.clone().step_by(block) {
            self.copy_windows(planes, first..places.end.min(first + block), stride, &mut windows);
            let out = &mut out[first - places.start..];
            match weight {
                IntSlice::I8(weight) => products(weight, &windows, self.taps, places.len(), out),
                IntSlice::U8(weight) => products(weight, &windows, self.taps, places.len(), out),
                IntSlice::I16(weight) => products(weight, &windows, self.taps, places.len(), out),
                IntSlice::I32(weight) => products(weight, &windows, self.taps, places.len(), out),
            }
        }
    }

    /// Number of output places of a channel.
    fn places(&self) -> usize {
        self.down.output().unwrap_or(0) * self.out_columns
    }

    /// The windows of some output places, each channel by channel in `stride` values; zeros for what lies in the padding and
    /// behind the last tap. `windows` is empty, or holds what a call with this stride left.
    ///
    /// Window by window, so that what is written lies together.
    fn copy_windows<T: Value>(&self, planes: &[T], places: Range<usize>, stride: usize, windows: &mut Vec<T>) {
        // What lies behind the last taps is never written.
        windows.resize(places.len() * stride, T::default());
        let (kernel, columns) = ([self.down.kernel, self.across.kernel], self.across.input);
        let runs: Vec<Vec<Run>> = (0..self.out_columns).map(|x| runs(&self.across, x)).collect();
        let mut starts = Vec::with_capacity(kernel[0]);
        for (place, window) in places.zip(windows.chunks_exact_mut(stride)) {
            let (y, x) = (place / self.out_columns, place % self.out_columns);
            let window = &mut window[..self.taps];
            let rows = (0..kernel[0]).filter_map(|i| Some((i, self.down.place(y, i)? * columns)));
            let planes = planes.chunks_exact(self.down.input * columns);
            let kernels = window.chunks_exact_mut(kernel[0] * kernel[1]);
            starts.clear();
            if let [Run { column, len, .. }] = runs[x][..]
                && len == kernel[1]
            {
                starts.extend(rows.clone().map(|(_, start)| start + column));
            }
            if starts.len() == kernel[0] {
                planes.zip(kernels).for_each(|(plane, window)| copy_rows(window, plane, &starts, kernel[1]));
                continue;
            }
            for (plane, window) in planes.zip(kernels) {
                window.fill(T::default());
                for (i, start) in rows.clone() {
                    for &Run { tap, column, len } in &runs[x] {
                        window[i * kernel[1] + tap..][..len].copy_from_slice(&plane[start + column..][..len]);
                    }
                }
            }
        }
    }

    /// Sums of neighbouring places side by side in registers while all taps of a kernel are added: for depthwise layers, whose
    /// windows nobody shares.
    fn in_registers<T: Value>(&self, planes: &[T], lines: Lines, out: &mut [i32]) {
        let (kernel_columns, kernel_len) = (self.across.kernel, self.down.kernel * self.across.kernel);
        let mut padded = Vec::new();
        for (c, plane) in planes.chunks_exact(self.down.input * self.across.input).enumerate() {
            lines.copy(plane, &self.across, &mut padded);
            for (o, sums) in (self.first..).zip(out.chunks_exact_mut(self.places())) {
                let weights = self.weight.range(o * self.taps + c * kernel_len, kernel_len).map(T::of);
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
    fn row_by_row<T: Value>(&self, planes: &[T], out: &mut [i32]) {
        let columns = self.across.input;
        for (o, sums) in (self.first..).zip(out.chunks_exact_mut(self.places())) {
            let weights = self.weight.range(o * self.taps, self.taps).map(T::of);
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

/// Neighbouring taps of a kernel row that meet neighbouring columns.
struct Run {
    tap: usize,
    column: usize,
    len: usize,
}

/// The runs of an output column: one at most unless the kernel is dilated.
fn runs(across: &WindowAxis, x: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (tap, column) in (0..across.kernel).filter_map(|j| Some((j, across.place(x, j)?))) {
        match runs.last_mut() {
            Some(run) if run.tap + run.len == tap && run.column + run.len == column => run.len += 1,
            _ => runs.push(Run { tap, column, len: 1 }),
        }
    }
    runs
}

/// Copies runs of `len` values of a plane, one behind the other, without a call for the lengths that kernels have.
#[inline(always)]
fn copy_rows<T: Copy>(to: &mut [T], plane: &[T], starts: &[usize], len: usize) {
    #[inline(always)]
    fn fixed<T: Copy, const N: usize>(to: &mut [T], plane: &[T], starts: &[usize]) {
        for (to, &start) in to.as_chunks_mut::<N>().0.iter_mut().zip(starts) {
            to.copy_from_slice(&plane[start..start + N]);
        }
    }
    match len {
        1 => fixed::<T, 1>(to, plane, starts),
        2 => fixed::<T, 2>(to, plane, starts),
        3 => fixed::<T, 3>(to, plane, starts),
        5 => fixed::<T, 5>(to, plane, starts),
        7 => fixed::<T, 7>(to, plane, starts),
        _ => to.chunks_exact_mut(len).zip(starts).for_each(|(to, &start)| to.copy_from_slice(&plane[start..][..len])),
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

/// Ranges of about equal length, at most as many as there are threads, that tile `0..len` and begin at multiples of `unit`.
fn cut(len: usize, parts: usize, unit: usize) -> impl Iterator<Item = Range<usize>> {
    let step = len.div_ceil(parts.min(jobs::num_threads())).next_multiple_of(unit);
    (0..len).step_by(step).map(move |start| start..len.min(start + step))
}
