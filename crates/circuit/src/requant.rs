use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Tensor, WireId};

/// Parameters of a requantisation with saturation, optional activation table and optional fused 2x2 max-pool.
///
/// `y = f(clamp(max over the window of floor((a + 2^(shift-1)) / 2^shift), low, high))`; `low = 0` is ReLU. With shift 0
/// there is no rounding term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requant {
    /// 1, or 2 for a 2x2 window of stride 2; an odd last row or column is cropped.
    pub window: usize,
    /// Number of bits dropped, at most 30.
    pub shift: u32,
    /// Lower end of the clamp.
    pub low: i32,
    /// Upper end of the clamp.
    pub high: i32,
    /// `f`: entry i is the image of `low + i`. Identity if absent.
    pub table: Option<Vec<i32>>,
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

/// A [`Requant`] with its advice columns.
///
/// For each window with accumulators `a_i` and `q_i = floor((a_i + 2^(s-1)) / 2^s)` the columns are `c` (clamped), `y = f(c)` where
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
/// not grow with the accumulators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequantLayer {
    /// `[batch, channel, H, W]`.
    pub input: Tensor,
    /// The advice wire `[columns, batch, channel, H / window, W / window]`.
    pub advice: WireId,
    /// `[batch, channel, H, W]`.
    pub input_shape: [usize; 4],
    /// Parameters.
    pub params: Requant,
    /// `y`'s place on the leading axis, if there is a table; `c` is at place 0.
    pub activated: Option<usize>,
    /// `u`, low limb first; empty if `u` is always zero.
    pub excess: Vec<Limb>,
    /// `h_i` of each corner (row-major in the window); empty limbs if always zero.
    pub gaps: Vec<Vec<Limb>>,
    /// `r_i` of each corner.
    pub remainders: Vec<Vec<Limb>>,
    /// Number of columns.
    pub num_columns: usize,
}

/// Cuts `bits` bits into limbs of `width` bits, the last one exact if `exact`.
fn limbs(first: usize, bits: u32, width: u32, exact: bool) -> Vec<Limb> {
    let limb = |k: u32| Limb {
        column: first + k as usize,
        shift: k * width,
        width: if exact { width.min(bits - k * width) } else { width },
    };
    (0..bits.div_ceil(width)).map(limb).collect()
}

fn bit_length(value: i64) -> u32 {
    i64::BITS - value.max(0).leading_zeros()
}

impl Requant {
    /// `2^(shift-1)`, or 0.
    pub fn half(&self) -> i64 {
        (1i64 << self.shift) >> 1
    }

    /// `floor((a + 2^(shift-1)) / 2^shift)`.
    pub fn quotient(&self, a: i64) -> i64 {
        (a + self.half()) >> self.shift
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
    /// Lays out the columns for an input in the given range, with limbs of `limb_bits` bits.
    pub(crate) fn new(
        tensor: Tensor,
        advice: WireId,
        input_shape: [usize; 4],
        (input_low, input_high): (i64, i64),
        params: Requant,
        limb_bits: u32,
    ) -> Self {
        let (low, high) = (i64::from(params.low), i64::from(params.high));
        let (q_low, q_high) = (params.quotient(input_low), params.quotient(input_high));
        let gap = if params.window == 1 { low - q_low } else { q_high.max(low) - q_low };
        let corners = params.window * params.window;
        let activated = params.table.as_ref().map(|_| 1);
        let mut next = 1 + activated.map_or(0, |_| 1);
        let mut take = |bits: u32, exact: bool| {
            let limbs = limbs(next, bits, limb_bits, exact);
            next += limbs.len();
            limbs
        };
        let excess = take(bit_length(q_high - high), false);
        let gaps = (0..corners).map(|_| take(bit_length(gap), false)).collect();
        let remainders = (0..corners).map(|_| take(params.shift, true)).collect();
        Self { input: tensor, advice, input_shape, params, activated, excess, gaps, remainders, num_columns: next }
    }

    /// `[columns, batch, channel, H / window, W / window]`.
    pub fn advice_shape(&self) -> Vec<usize> {
        let [b, c, h, w] = self.input_shape;
        vec![self.num_columns, b, c, h / self.params.window, w / self.params.window]
    }

    /// The column that other layers read: `y`, or `c` where there is no table.
    pub fn output_column(&self) -> usize {
        self.activated.unwrap_or(0)
    }

    /// Every limb column.
    pub fn limbs(&self) -> impl Iterator<Item = &Limb> {
        self.excess.iter().chain(self.gaps.iter().flatten()).chain(self.remainders.iter().flatten())
    }

    /// Number of values of one column.
    pub fn column_len(&self) -> usize {
        self.advice_shape()[1..].iter().product()
    }

    /// Index in the input of corner `i` of the window at `place` of a column.
    pub(crate) fn corner(&self, place: usize, i: usize) -> usize {
        let [_, _, height, width] = self.input_shape;
        let k = self.params.window;
        let (out_h, out_w) = (height / k, width / k);
        let (x, y, plane) = (place % out_w, place / out_w % out_h, place / (out_w * out_h));
        (plane * height + k * y + i / k) * width + k * x + i % k
    }

    /// All columns for an input. Values outside the input's range lose their high bits, as they would in a hostile witness.
    pub(crate) fn evaluate(&self, input: IntSlice<'_>) -> Vec<i64> {
        let (low, high) = (i64::from(self.params.low), i64::from(self.params.high));
        let len = self.column_len();
        let mut out = vec![0; self.num_columns * len];
        let mut put = |limbs: &[Limb], place: usize, value: i64| {
            for limb in limbs {
                out[limb.column * len + place] = (value >> limb.shift) & ((1 << limb.width) - 1);
            }
        };
        let mut outputs = Vec::with_capacity(len);
        for place in 0..len {
            let corners = (0..self.gaps.len()).map(|i| input.get(self.corner(place, i)));
            let largest = corners.clone().map(|a| self.params.quotient(a)).fold(low, i64::max);
            put(&self.excess, place, (largest - high).max(0));
            for (i, a) in corners.enumerate() {
                let q = self.params.quotient(a);
                put(&self.gaps[i], place, largest - q);
                put(&self.remainders[i], place, a + self.params.half() - (q << self.params.shift));
            }
            outputs.push(largest.min(high));
        }
        if let Some(column) = self.activated {
            let images = out[column * len..][..len].iter_mut().zip(&outputs);
            images.for_each(|(y, &c)| *y = self.params.activate(c));
        }
        out[..len].copy_from_slice(&outputs);
        out
    }
}
