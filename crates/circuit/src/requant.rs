use convince_field::{IntSlice, WindowAxis};
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// The windows of a max-pool. Places in the padding never win; rows and columns that fill no window are cropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Rows and columns of a window.
    pub kernel: [usize; 2],
    /// Distance between windows: rows, columns.
    pub stride: [usize; 2],
    /// Places around the input: above, left, below, right; fewer than the kernel has.
    pub padding: [usize; 4],
}

impl Window {
    /// Single places: no pooling.
    pub const ONE: Self = Self::square(1);

    /// Windows of `size` rows and columns that do not overlap.
    pub const fn square(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [size; 2], padding: [0; 4] }
    }

    /// Places of a window.
    pub fn size(&self) -> usize {
        self.kernel[0].saturating_mul(self.kernel[1])
    }

    /// Rows and columns of an input of `[H, W]`.
    pub(crate) fn axes(&self, input: [usize; 2]) -> [WindowAxis; 2] {
        [0, 1].map(|k| WindowAxis {
            input: input[k],
            kernel: self.kernel[k],
            stride: self.stride[k],
            padding: [self.padding[k], self.padding[k + 2]],
            dilation: 1,
        })
    }
}

/// How ranges are proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// Limbs of some bits are looked up in tables.
    LogUp,
    /// Every value is decomposed into bits, and every bit is zero-checked (zkCNN section 4). A layer with an activation table is
    /// looked up all the same.
    Bits,
    /// A clamp is looked up as a whole, in a table of quotients and what they are clamped to that all layers with this
    /// clamp share. Limbs where that table would have more than 2^20 rows or rows beyond 32 bits, and for anything but a clamp.
    Clamp,
    /// Whichever the cost model of [`crate::CircuitBuilder::finish`] finds cheapest: bits everywhere, or lookups, of clamps
    /// in those layers whose quotients have few enough bits.
    #[default]
    Auto,
}

/// Parameters of a requantisation with saturation, optional activation table and optional max-pool.
///
/// `y = f(clamp(max over the window of floor((m_c a + 2^(shift-1)) / 2^shift), low, high))`; `low = 0` is ReLU. With shift 0
/// there is no rounding term; with it, identity multipliers and a clamp that holds the input's range it is a max-pool alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requant {
    /// Windows of the max-pool; [`Window::ONE`] for none.
    pub window: Window,
    /// `m_c`, one a channel; 1 if absent.
    pub multipliers: Option<Vec<i32>>,
    /// Number of bits dropped, at most 40.
    pub shift: u32,
    /// Lower end of the clamp.
    pub low: i32,
    /// Upper end of the clamp.
    pub high: i32,
    /// `f`: entry i is the image of `low + i`. Identity if absent.
    pub table: Option<Vec<i32>>,
    /// How `c` and the limbs are shown to be in range.
    pub range: Range,
}

/// One limb of a value: a column and the power of two that it counts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limb {
    /// Place on the advice wire's leading axis.
    pub column: usize,
    /// The limb counts `2^shift`.
    pub shift: u32,
    /// Width in bits.
    pub width: u32,
}

/// What is looked up for clamps as a whole ([`Range::Clamp`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClampLookups {
    /// The virtual wire `[x_0, .., x_(k-1), and m if k > 1; batch, channel, windows down, windows across]`.
    pub inputs: WireId,
    /// The columns of `y_i`.
    pub steps: Vec<usize>,
}

/// A [`Requant`] with its advice columns.
///
/// Below, `a` stands for `m_c a`. For each window with accumulators `a_i` and `q_i = floor((a_i + 2^(s-1)) / 2^s)` the columns are `c` (clamped), `y = f(c)` where
/// there is a table, `u` (excess above `high`), `h_i` (gap of corner i) and `r_i` (remainder of corner i), with
///
/// ```text
/// a_i + 2^(s-1) = 2^s (c + u - h_i) + r_i,   r_i in [0, 2^s) exactly,   c in [low, high] exactly,   u, h_i >= 0
/// (high - c) u = 0,   (c + u - low) prod_i h_i = 0
/// ```
///
/// These force `c = clamp(max_i q_i)`. Put Q = c + u. The range of r_i makes q_i = Q - h_i, so Q >= max q_i. If Q > low the second
/// product leaves some h_i = 0, so Q = max q_i; if Q = low then max q_i <= low and c = low. If u > 0 then c = high. All factors
/// are non-negative integers far below the field's size, so a product that is zero modulo the prime is zero.
/// `low` acts as one more candidate of the maximum, so that ReLU, saturation and pooling are one relation whose tables do
/// not grow with the accumulators. A corner in the padding holds the constant [`Self::padded`], no larger than any `m_c a`, so
/// that every window, which has at least one place inside, has its maximum inside.
///
/// With [`Range::Clamp`] there are no `u` and `h_i`. With `g(x) = clamp(x, low, high)` a window of k corners has steps
///
/// ```text
/// m_(-1) = low,   x_i = q_i - m_(i-1) + low,   y_i = g(x_i),   m_i = m_(i-1) + y_i - low,   c = g(m_(k-1))
/// ```
///
/// which force `c = clamp(max_i q_i)`: either m_i is `clamp(max of the first q)`, or both m_i and that maximum are at least high. For
/// while `q_i - m_(i-1) <= high - low`, m_i is the larger of m_(i-1) and q_i; beyond, it is at least high, and q_i is too.
/// A single corner needs `c = y_0` alone. The x_i and `m = m_(k-1)` are not committed: they are a virtual wire, of which every
/// lookup leaves a claim, and these are claims on the input, by `q_i = x_i + m_(i-1) - low`, and on the y_i.
///
/// With [`Range::Bits`] limbs are single bits with `b (1 - b) = 0`, and `c` has the bits of `c - low`, and those of `high - c`
/// where the clamp's length is no power of two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequantLayer {
    /// `[batch, channel, H, W]`.
    pub input: Tensor,
    /// The advice wire `[columns, batch, channel, windows down, windows across]`.
    pub advice: WireId,
    /// `[batch, channel, H, W]`.
    pub input_shape: [usize; 4],
    /// `[batch, channel, windows down, windows across]`.
    pub output_shape: [usize; 4],
    /// What a corner in the padding holds: the smallest `m_c a`.
    pub padded: i64,
    /// Parameters.
    pub params: Requant,
    /// `y`'s place on the leading axis, if there is a table; `c` is at place 0.
    pub activated: Option<usize>,
    /// Lookups of clamps; without them there are `u` and `h_i`.
    pub lookups: Option<ClampLookups>,
    /// `u`, low limb first; empty if `u` is always zero.
    pub excess: Vec<Limb>,
    /// `h_i` of each corner (row-major in the window); empty limbs if always zero.
    pub gaps: Vec<Vec<Limb>>,
    /// `r_i` of each corner.
    pub remainders: Vec<Vec<Limb>>,
    /// Bits of `c - low`; empty where `c` is looked up.
    pub above_low: Vec<Limb>,
    /// Bits of `high - c`; empty where `c` is looked up or the bits of `c - low` suffice.
    pub below_high: Vec<Limb>,
    /// Number of columns.
    pub num_columns: usize,
}

/// Cuts `bits` bits into limbs of `width` bits, the last one exact if `exact`.
pub(crate) fn limbs(first: usize, bits: u32, width: u32, exact: bool) -> Vec<Limb> {
    let limb = |k: u32| Limb {
        column: first + k as usize,
        shift: k * width,
        width: if exact { width.min(bits - k * width) } else { width },
    };
    (0..bits.div_ceil(width)).map(limb).collect()
}

pub(crate) fn bit_length(value: i64) -> u32 {
    i64::BITS - value.max(0).leading_zeros()
}

impl Requant {
    /// Rounding and clamp of single places, no multipliers, no activation table.
    pub const fn plain(shift: u32, low: i32, high: i32) -> Self {
        Self { window: Window::ONE, multipliers: None, shift, low, high, table: None, range: Range::Auto }
    }

    /// The same behind windows of a max-pool.
    pub fn pooled(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// `2^(shift-1)`, or 0.
    pub fn half(&self) -> i64 {
        (1i64 << self.shift) >> 1
    }

    /// `floor((a + 2^(shift-1)) / 2^shift)`, `a` with its multiplier.
    pub fn quotient(&self, a: i64) -> i64 {
        (a + self.half()) >> self.shift
    }

    /// `m_c`.
    pub fn multiplier(&self, channel: usize) -> i64 {
        self.multipliers.as_ref().map_or(1, |m| m[channel].into())
    }

    /// Smallest and largest value whose clamp a layer with [`Range::Clamp`] looks up, for an input in a range.
    ///
    /// No m_i is above the largest quotient or `low`, nor above `low` plus i + 1 steps.
    pub(crate) fn clamped_range(&self, input_range: (i64, i64)) -> (i64, i64) {
        let (low, high) = (i64::from(self.low), i64::from(self.high));
        let (smallest, largest) = self.scaled_range(input_range);
        let (q_low, top) = (self.quotient(smallest), self.quotient(largest).max(low));
        let before = self.window.size() as i64 - 1;
        let reached = top.min(low + before * (high - low));
        let steps = q_low - reached + low;
        // m, where there is one, is between low and top.
        (if before > 0 { steps.min(low) } else { steps }, top)
    }

    /// Rows of the smallest table for this layer's clamps; none if they are more than `most`, or if what is clamped could leave
    /// the 32 bits that a witness holds it in.
    pub(crate) fn clamp_rows(&self, input_range: (i64, i64), most: i64) -> Option<i64> {
        let (first, last) = self.clamped_range(input_range);
        let fits = i32::try_from(first).is_ok() && i32::try_from(last).is_ok();
        Some(last - first + 1).filter(|&rows| fits && rows <= most)
    }

    /// Smallest and largest `m_c a` for `a` in a range. Panics if there are multipliers, but none.
    pub(crate) fn scaled_range(&self, (low, high): (i64, i64)) -> (i64, i64) {
        let Some(multipliers) = &self.multipliers else { return (low, high) };
        let products = multipliers.iter().flat_map(|&m| [i64::from(m) * low, i64::from(m) * high]);
        let ends = products.clone().min().zip(products.max());
        ends.expect("one multiplier a channel, and channels are not empty")
    }

    /// `f`.
    pub fn activate(&self, clamped: i64) -> i64 {
        match &self.table {
            Some(table) => table[(clamped - i64::from(self.low)) as usize].into(),
            None => clamped,
        }
    }

    /// Smallest and largest value of `y`.
    pub(crate) fn output_range(&self) -> (i64, i64) {
        let images = self.table.iter().flatten().map(|&v| i64::from(v));
        let ends = images.clone().min().zip(images.max());
        ends.unwrap_or((self.low.into(), self.high.into()))
    }
}

impl RequantLayer {
    /// Lays out the columns for an input in the given range, with limbs of `limb_bits` bits; `inputs` is the virtual wire of
    /// a layer whose clamps are looked up.
    pub(crate) fn new(
        tensor: Tensor,
        [advice, inputs]: [WireId; 2],
        input_shape: [usize; 4],
        input_range: (i64, i64),
        params: Requant,
        limb_bits: u32,
    ) -> Self {
        let (low, high) = (i64::from(params.low), i64::from(params.high));
        let (padded, largest) = params.scaled_range(input_range);
        let (q_low, q_high) = (params.quotient(padded), params.quotient(largest));
        let corners = params.window.size();
        let activated = params.table.as_ref().map(|_| 1);
        let limb_bits = if params.range == Range::Bits { 1 } else { limb_bits };
        let mut next = 1 + activated.map_or(0, |_| 1);
        let clamp = params.range == Range::Clamp;
        let lookups = clamp.then(|| match corners {
            1 => ClampLookups { inputs, steps: vec![0] },
            _ => ClampLookups { inputs, steps: (next..next + corners).collect() },
        });
        if clamp && corners > 1 {
            next += corners;
        }
        let gap = match corners {
            _ if clamp => 0,
            1 => low - q_low,
            _ => q_high.max(low) - q_low,
        };
        let mut take = |bits: u32, exact: bool| {
            let limbs = limbs(next, bits, limb_bits, exact);
            next += limbs.len();
            limbs
        };
        let excess = take(if clamp { 0 } else { bit_length(q_high - high) }, false);
        let gaps = (0..corners).map(|_| take(bit_length(gap), false)).collect();
        let remainders = (0..corners).map(|_| take(params.shift, true)).collect();
        let span = if params.range == Range::Bits { high - low } else { 0 };
        let above_low = take(bit_length(span), true);
        let below_high = take(if (span as u64 + 1).is_power_of_two() { 0 } else { bit_length(span) }, true);
        let [batch, channels, height, width] = input_shape;
        let [down, across] = params.window.axes([height, width]).map(|axis| axis.output().unwrap_or(0));
        let output_shape = [batch, channels, down, across];
        Self {
            input: tensor,
            advice,
            input_shape,
            output_shape,
            padded,
            params,
            activated,
            lookups,
            excess,
            gaps,
            remainders,
            above_low,
            below_high,
            num_columns: next,
        }
    }

    /// `[columns, batch, channel, windows down, windows across]`.
    pub fn advice_shape(&self) -> Vec<usize> {
        [&[self.num_columns], &self.output_shape[..]].concat()
    }

    /// How windows slide over rows and over columns.
    pub fn axes(&self) -> [WindowAxis; 2] {
        self.params.window.axes([self.input_shape[2], self.input_shape[3]])
    }

    /// The column that other layers read: `y`, or `c` where there is no table.
    pub fn output_column(&self) -> usize {
        self.activated.unwrap_or(0)
    }

    /// Whether limbs are bits that the zero-checks cover, rather than looked up.
    pub fn has_bits(&self) -> bool {
        self.params.range == Range::Bits
    }

    /// Every limb column.
    pub fn limbs(&self) -> impl Iterator<Item = &Limb> {
        let parts = self.excess.iter().chain(self.gaps.iter().flatten()).chain(self.remainders.iter().flatten());
        parts.chain(&self.above_low).chain(&self.below_high)
    }

    /// Number of values of one column.
    pub fn column_len(&self) -> usize {
        self.output_shape.iter().product()
    }

    /// Columns of the virtual wire of [`ClampLookups`].
    pub(crate) fn num_inputs(corners: usize) -> usize {
        if corners == 1 { 1 } else { corners + 1 }
    }

    /// All columns at some places, and the virtual wire of [`ClampLookups`] if there is one, column by column. Values outside the
    /// input's range lose their high bits, as they would in a hostile witness.
    pub(crate) fn evaluate(&self, input: IntSlice<'_>, places: std::ops::Range<usize>) -> [Vec<i64>; 2] {
        let len = places.len();
        let mut out = vec![0; self.num_columns * len];
        let mut inputs = vec![0; self.lookups.as_ref().map_or(0, |_| Self::num_inputs(self.gaps.len()) * len)];
        let mut corners = Vec::with_capacity(self.gaps.len());
        for (k, place) in places.enumerate() {
            self.corners(input, place, &mut corners);
            let clamped = match &self.lookups {
                Some(lookups) => self.put_clamps(lookups, &corners, [k, len], &mut out, &mut inputs),
                None => self.put_limbs(&corners, [k, len], &mut out),
            };
            out[k] = clamped;
            if let Some(column) = self.activated {
                out[column * len + k] = self.params.activate(clamped);
            }
        }
        [out, inputs]
    }

    /// A place's columns but for the output's, which is returned: place `k` of `len`.
    fn put_clamps(
        &self,
        lookups: &ClampLookups,
        corners: &[i64],
        [k, len]: [usize; 2],
        out: &mut [i64],
        inputs: &mut [i64],
    ) -> i64 {
        let (low, high) = (i64::from(self.params.low), i64::from(self.params.high));
        let mut largest = low;
        for (i, &a) in corners.iter().enumerate() {
            let q = self.params.quotient(a);
            let x = q - largest + low;
            let step = x.clamp(low, high);
            inputs[i * len + k] = i64::from(x as i32);
            out[lookups.steps[i] * len + k] = step;
            largest += step - low;
            put(&self.remainders[i], a + self.params.half() - (q << self.params.shift), [k, len], out);
        }
        if corners.len() > 1 {
            inputs[corners.len() * len + k] = i64::from(largest as i32);
        }
        largest.min(high)
    }

    /// As [`Self::put_clamps`].
    fn put_limbs(&self, corners: &[i64], place: [usize; 2], out: &mut [i64]) -> i64 {
        let (low, high) = (i64::from(self.params.low), i64::from(self.params.high));
        let largest = corners.iter().map(|&a| self.params.quotient(a)).fold(low, i64::max);
        put(&self.excess, (largest - high).max(0), place, out);
        for (i, &a) in corners.iter().enumerate() {
            let q = self.params.quotient(a);
            put(&self.gaps[i], largest - q, place, out);
            put(&self.remainders[i], a + self.params.half() - (q << self.params.shift), place, out);
        }
        let clamped = largest.min(high);
        put(&self.above_low, clamped - low, place, out);
        put(&self.below_high, high - clamped, place, out);
        clamped
    }

    /// `m_c a` of every corner of the window at `place` of a column.
    fn corners(&self, input: IntSlice<'_>, place: usize, out: &mut Vec<i64>) {
        out.clear();
        if self.gaps.len() == 1 && self.output_shape == self.input_shape {
            let channel = |m: &Vec<i32>| m[place / (self.input_shape[2] * self.input_shape[3]) % self.input_shape[1]];
            out.push(self.params.multipliers.as_ref().map_or(1, |m| channel(m).into()) * input.get(place));
            return;
        }
        let [_, channels, height, width] = self.input_shape;
        let [_, _, down, across] = self.output_shape;
        let (x, y, plane) = (place % across, place / across % down, place / (across * down));
        let multiplier = self.params.multiplier(plane % channels);
        let [rows, columns] = self.axes();
        for i in 0..rows.kernel {
            for j in 0..columns.kernel {
                out.push(match (rows.place(y, i), columns.place(x, j)) {
                    (Some(qy), Some(qx)) => multiplier * input.get((plane * height + qy) * width + qx),
                    _ => self.padded,
                });
            }
        }
    }
}

/// The limbs of a value, each into its column of `len` places at place `k`.
fn put(limbs: &[Limb], value: i64, [k, len]: [usize; 2], out: &mut [i64]) {
    for limb in limbs {
        out[limb.column * len + k] = (value >> limb.shift) & ((1 << limb.width) - 1);
    }
}
