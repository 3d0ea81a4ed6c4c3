//! A network as rows of wires, for the systems that have custom gates or row constraints, copies, and no lookups that pay:
//! Plonky2 and Winterfell, both over Goldilocks.
//!
//! - A dense layer's weight stands in one row only, where its digits in base four are: the tile that multiplies checks it.
//! - A convolution's weights are checked once, in rows of their own, and copied into tiles that have no digits.
//! - A bias is two or more such weights, signed bytes, of the constants `1, 256, ...`.
//! - Requantisations and maxima have their digits in the row.
//!
//! **No wrap-around.** Weights have 8 bits and activations are public or requantised, so sums are within the bounds of the workload,
//! and [`fits`] checks that both sides of a requantisation are below 2^62, under the field's size 2^64 - 2^32 + 1: the equation holds
//! for integers.

mod walk;

pub(super) use walk::{Rows, fits, walk};

/// Wires of a row, and those of them that may be copied.
pub(in crate::systems) const WIRES: usize = 135;
pub(in crate::systems) const ROUTED: usize = 80;

/// Bits of a weight.
pub(in crate::systems) const WEIGHT_BITS: u32 = 8;
const WEIGHT_OFFSET: i64 = 1 << (WEIGHT_BITS - 1);

/// A row's constraints. Numbers in ranges are cut into digits of base four, the highest of base two if the range has an odd number
/// of bits; a digit's constraint is of its base as degree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systems) enum Row {
    /// `after_o = before_o + sum of activation_t * weight_to`, weights given by their digits. Wires: activations, before, after,
    /// digits.
    Checked { taps: usize, outputs: usize },
    /// The same with weights that are copies. Wires: activations, before, after, weights.
    Copied { taps: usize, outputs: usize },
    /// Weights and their digits. Wires: weights, digits.
    Weights,
    /// Requantisations. Wires: inputs and outputs in turn, digits.
    Requant(Requant),
    /// Maxima. Wires: result and values in turn, digits of the differences.
    Max { window: usize, bits: u32 },
}

/// Parameters of a requantisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::systems) struct Requant {
    pub(in crate::systems) shift: u32,
    pub(in crate::systems) low: i32,
    pub(in crate::systems) high: i32,
    /// Bits of `output - low`.
    pub(in crate::systems) output: u32,
    /// Bits of the excess over `high` and under `low`.
    pub(in crate::systems) above: u32,
    pub(in crate::systems) below: u32,
}

/// Base-four digits of a number of so many bits.
pub(in crate::systems) fn num_digits(bits: u32) -> usize {
    bits.div_ceil(2) as usize
}

/// Arithmetic on whatever constraints are evaluated on.
pub(in crate::systems) trait Arithmetic {
    type Value: Copy;
    fn wire(&self, wire: usize) -> Self::Value;
    fn constant(&mut self, value: i64) -> Self::Value;
    fn add(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn sub(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
    fn mul(&mut self, a: Self::Value, b: Self::Value) -> Self::Value;
}

impl Requant {
    /// Bits of the four parts, in the order of their digits.
    pub(in crate::systems) fn parts(&self) -> [u32; 4] {
        [self.output, self.shift, self.above, self.below]
    }

    fn digits(&self) -> usize {
        self.parts().into_iter().map(num_digits).sum()
    }
}

impl Row {
    /// How often the row's relation fits in it.
    pub(in crate::systems) fn operations(&self) -> usize {
        match self {
            Self::Checked { .. } | Self::Copied { .. } => 1,
            Self::Weights => WIRES / (1 + num_digits(WEIGHT_BITS)),
            Self::Requant(requant) => (WIRES / (2 + requant.digits())).min(ROUTED / 2),
            Self::Max { window, bits } => {
                (WIRES / (1 + window + window * num_digits(*bits))).min(ROUTED / (1 + window))
            }
        }
    }

    /// First wire of the digits.
    pub(in crate::systems) fn digits_at(&self) -> usize {
        match self {
            Self::Checked { taps, outputs } => taps + 2 * outputs,
            Self::Copied { taps, outputs } => taps + 2 * outputs + taps * outputs,
            Self::Weights => self.operations(),
            Self::Requant(_) => 2 * self.operations(),
            Self::Max { window, .. } => (1 + window) * self.operations(),
        }
    }

    /// Number of wires in use.
    pub(in crate::systems) fn wires(&self) -> usize {
        self.digits_at() + self.digits_of_all()
    }

    /// The largest degree of a constraint.
    pub(in crate::systems) fn degree(&self) -> usize {
        match self {
            Self::Copied { .. } => 2,
            Self::Max { window, .. } => (*window).max(4),
            _ => 4,
        }
    }

    fn digits_of_all(&self) -> usize {
        match self {
            Self::Checked { taps, outputs } => taps * outputs * num_digits(WEIGHT_BITS),
            Self::Copied { .. } => 0,
            Self::Weights => self.operations() * num_digits(WEIGHT_BITS),
            Self::Requant(requant) => self.operations() * requant.digits(),
            Self::Max { window, bits } => self.operations() * window * num_digits(*bits),
        }
    }

    pub(in crate::systems) fn constraints<A: Arithmetic>(&self, a: &mut A) -> Vec<A::Value> {
        let mut out = Vec::with_capacity(self.count());
        let mut at = self.digits_at();
        let offset = a.constant(WEIGHT_OFFSET);
        match *self {
            Self::Checked { taps, outputs } => {
                let mut weights = Vec::with_capacity(taps * outputs);
                for _ in 0..taps * outputs {
                    let byte = number(a, &mut at, WEIGHT_BITS, &mut out);
                    weights.push(a.sub(byte, offset));
                }
                products(a, taps, outputs, |_, place| weights[place], &mut out);
            }
            Self::Copied { taps, outputs } => {
                let first = taps + 2 * outputs;
                products(a, taps, outputs, |a, place| a.wire(first + place), &mut out);
            }
            Self::Weights => {
                for weight in 0..self.operations() {
                    let byte = number(a, &mut at, WEIGHT_BITS, &mut out);
                    let expected = a.sub(byte, offset);
                    let weight = a.wire(weight);
                    out.push(a.sub(weight, expected));
                }
            }
            Self::Requant(requant) => {
                for operation in 0..self.operations() {
                    requantisation(a, &requant, operation, &mut at, &mut out);
                }
            }
            Self::Max { window, bits } => {
                for operation in 0..self.operations() {
                    let first = operation * (1 + window);
                    let mut product = a.constant(1);
                    for value in 0..window {
                        let (result, value) = (a.wire(first), a.wire(first + 1 + value));
                        let difference = a.sub(result, value);
                        let expected = number(a, &mut at, bits, &mut out);
                        out.push(a.sub(difference, expected));
                        product = a.mul(product, difference);
                    }
                    out.push(product);
                }
            }
        }
        out
    }

    /// Number of constraints.
    pub(in crate::systems) fn count(&self) -> usize {
        let others = match self {
            Self::Checked { outputs, .. } | Self::Copied { outputs, .. } => *outputs,
            Self::Weights => self.operations(),
            Self::Requant(_) => 4 * self.operations(),
            Self::Max { window, .. } => (1 + window) * self.operations(),
        };
        self.digits_of_all() + others
    }
}

fn products<A: Arithmetic>(
    a: &mut A,
    taps: usize,
    outputs: usize,
    weight: impl Fn(&mut A, usize) -> A::Value,
    out: &mut Vec<A::Value>,
) {
    for output in 0..outputs {
        let mut sum = a.wire(taps + output);
        for tap in 0..taps {
            let (activation, weight) = (a.wire(tap), weight(a, tap * outputs + output));
            let product = a.mul(activation, weight);
            sum = a.add(sum, product);
        }
        let after = a.wire(taps + outputs + output);
        out.push(a.sub(after, sum));
    }
}

/// The number whose digits are the next wires.
fn number<A: Arithmetic>(a: &mut A, at: &mut usize, bits: u32, out: &mut Vec<A::Value>) -> A::Value {
    let mut sum = a.constant(0);
    for digit in 0..num_digits(bits) {
        let wire = a.wire(*at);
        *at += 1;
        let base = if 2 * digit as u32 + 1 == bits { 2 } else { 4 };
        let mut vanishing = wire;
        for value in 1..base {
            let value = a.constant(value);
            let factor = a.sub(wire, value);
            vanishing = a.mul(vanishing, factor);
        }
        out.push(vanishing);
        let scale = a.constant(1 << (2 * digit));
        let term = a.mul(wire, scale);
        sum = a.add(sum, term);
    }
    sum
}

/// `x + half = (o + above - below) 2^shift + remainder`, `above (o - high) = 0`, `below (o - low) = 0`.
fn requantisation<A: Arithmetic>(
    a: &mut A,
    requant: &Requant,
    operation: usize,
    at: &mut usize,
    out: &mut Vec<A::Value>,
) {
    let (x, o) = (a.wire(2 * operation), a.wire(2 * operation + 1));
    let [output, remainder, above, below] = requant.parts().map(|bits| number(a, at, bits, out));
    let [low, high] = [requant.low, requant.high].map(|bound| a.constant(bound.into()));
    let over_low = a.sub(o, low);
    let under_high = a.sub(o, high);
    out.push(a.sub(over_low, output));
    out.push(a.mul(above, under_high));
    out.push(a.mul(below, over_low));
    let half = a.constant((1 << requant.shift) >> 1);
    let left = a.add(x, half);
    let quotient = a.add(o, above);
    let quotient = a.sub(quotient, below);
    let scale = a.constant(1 << requant.shift);
    let scaled = a.mul(quotient, scale);
    let right = a.add(scaled, remainder);
    out.push(a.sub(left, right));
}
