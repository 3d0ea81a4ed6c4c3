//! Scaling and constants that a file has as floats: biases behind a product, normalisations before the first rounding.

use convince_field::{Bits, Ints};
use convince_model::{Conv2d, Op};

use super::{Held, Integers, NOT_QUANTISED, OUT_OF_REACH, Step, UNBOUNDED, Walk, not_taken};
use crate::float::{FloatConv2d, FloatNode, Quantizer};
use crate::quantised::kernel::{Affine, Units};
use crate::quantised::requant;

/// What a value is multiplied by before a constant is added to it: the constant is rounded to that part of a unit.
const SHIFT: u32 = 14;

/// A factor and a constant.
pub(super) type Scaling = (f64, f64);

/// Whether a convolution is a factor and a constant for each channel, which the file has as floats.
pub(super) fn is_affine(op: &FloatConv2d) -> bool {
    let plain = FloatConv2d::plain(op.weight.clone(), [op.groups, 1, 1, 1], op.bias.clone(), op.groups);
    *op == plain
}

/// The factors and constants of such a convolution.
pub(super) fn factors(op: &FloatConv2d) -> Vec<Scaling> {
    let constant = |c: usize| op.bias.as_ref().map_or(0.0, |bias| bias[c].into());
    op.weight.iter().enumerate().map(|(c, &factor)| (factor.into(), constant(c))).collect()
}

impl Walk<'_> {
    /// `factor * x + constant` in each channel, together with those before it.
    pub(super) fn affine(&mut self, node: &FloatNode, channels: Vec<Scaling>) -> Step<Held> {
        match &self.held[node.inputs[0]] {
            Held::Affine { of, channels: before, ends: UNBOUNDED } => {
                let both = before.iter().zip(&channels).map(|((a, b), (c, d))| (a * c, b * c + d)).collect();
                Ok(Held::Affine { of: *of, channels: both, ends: UNBOUNDED })
            }
            &Held::Integers(of) => Ok(Held::Affine { of, channels, ends: UNBOUNDED }),
            Held::Float => match self.pixels {
                // What is normalised in the network are pixels, which are integers.
                Some(scale) => match self.quantize_input(node, Quantizer { scale, zero: 0, is_signed: false })? {
                    Held::Integers(of) => Ok(Held::Affine { of, channels, ends: UNBOUNDED }),
                    _ => not_taken(NOT_QUANTISED),
                },
                None => not_taken("it normalises the input, and so does the preprocessing"),
            },
            _ => not_taken(NOT_QUANTISED),
        }
    }

    /// Rounds factors of integers and constants: `2^shift` times the integers, and the constants in parts of a unit.
    pub(super) fn round_affine(
        &mut self,
        (node, operator): (&FloatNode, &'static str),
        (of, channels): (Integers, Vec<Scaling>),
        ends: (f32, f32),
        out: Quantizer,
    ) -> Step<Held> {
        let scale = f64::from(of.quantizer.scale);
        let channel = |(factor, constant): Scaling| {
            let offset = constant / (scale * factor) * f64::from(1 << SHIFT);
            let fits = factor > 0.0 && factor.is_finite() && offset.abs() < f64::from(1 << 29);
            fits.then(|| Affine { factor, constant, offset: offset.round() as i64 })
        };
        let channels: Option<Vec<Affine>> = channels.into_iter().map(channel).collect();
        let Some(channels) = channels else {
            return not_taken("a constant that is added or multiplied by before has no integer");
        };
        let offsets: Vec<i64> = channels.iter().map(|channel| channel.offset).collect();
        let count = channels.len();
        let (weight_bits, bias_bits) = (Bits::signed(SHIFT as u8 + 2), Bits::signed(30));
        let weight = Ints::pack(weight_bits, &vec![1 << SHIFT; count]);
        let (Some(weight), Some(bias)) = (weight, Ints::pack(bias_bits, &offsets)) else {
            return not_taken(OUT_OF_REACH);
        };
        let op = Conv2d { groups: count, ..Conv2d::new(weight.into(), [count, 1, 1, 1], weight_bits) };
        let id = self.push(&node.name, Op::Conv2d(op.with_bias(bias.into(), bias_bits)), vec![of.id])?;
        let (info, from) = (&self.infos[id.index()], &self.infos[of.id.index()]);
        let units = Units::Affine { scale, channels, shift: SHIFT };
        match requant::of_accumulators(&units, info, (from.low, from.high), ends, out) {
            Some(rounded) => self.finish((node, operator), id, rounded, out),
            None => not_taken(OUT_OF_REACH),
        }
    }
}
