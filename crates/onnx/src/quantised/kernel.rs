//! What ONNX Runtime computes of an accumulator, in its own arithmetic: single precision, one rounding a step.

use crate::float::Quantizer;

/// Exact results of integers before their rounding, and how ONNX Runtime scales them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Units {
    /// Dot products, products, whatever is multiplied once: float value of the integer 1, one for all channels or one
    /// for each.
    Factors(Vec<f32>),
    /// Sums over windows of `count` integers that stand for multiples of `scale`; `is_global` if they are of whole images,
    /// which have a kernel of their own.
    Mean { scale: f32, count: f32, is_global: bool },
    /// `2^shift * x + offsets[c]` for integers `x` that stand for multiples of `scale`, which are
    /// `scale * factor[c] * x + constant[c]`.
    Affine { scale: f64, channels: Vec<Affine>, shift: u32 },
}

/// One channel of [`Units::Affine`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub(super) factor: f64,
    pub(super) constant: f64,
    /// `2^shift * constant / (scale * factor)`, rounded.
    pub(super) offset: i64,
}

impl Units {
    /// Number of channels that differ, 1 if none do.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Factors(units) => units.len(),
            Self::Mean { .. } => 1,
            Self::Affine { channels, .. } => channels.len(),
        }
    }

    /// What the integer `i` of channel `c`, divided by the output's scale, is to ONNX Runtime. For [`Units::Affine`], `i`
    /// is `x`.
    pub(super) fn quotient(&self, c: usize, i: i64, out: Quantizer) -> f32 {
        match self {
            Self::Factors(units) => i as f32 * (units[c] / out.scale),
            Self::Mean { scale, count, is_global: true } => i as f32 * (scale / (out.scale * count)),
            Self::Mean { scale, count, .. } => i as f32 * scale / count / out.scale,
            Self::Affine { scale, channels, .. } => {
                let Affine { factor, constant, .. } = channels[c];
                ((i as f64 * scale * factor + constant) / f64::from(out.scale)) as f32
            }
        }
    }

    /// How far ONNX Runtime's quotients may be from [`Self::quotient`]'s: its means over windows are sums of floats in an
    /// order of their own, its sums with constants take scales apart otherwise.
    pub(super) fn uncertainty(&self) -> f64 {
        let ulp = f64::from(f32::EPSILON) / 2.0;
        match self {
            Self::Factors(_) | Self::Mean { is_global: true, .. } => 0.0,
            Self::Mean { count, .. } => 255.0 * (f64::from(*count) + 3.0) * ulp,
            Self::Affine { .. } => 1024.0 * ulp,
        }
    }

    /// The factor from accumulators to quotients.
    pub(super) fn ratio(&self, c: usize, out: Quantizer) -> f64 {
        let out = f64::from(out.scale);
        match self {
            // In ONNX Runtime's precision: it is this number that accumulators are multiplied by.
            Self::Factors(units) => f64::from(units[c] / out as f32),
            Self::Mean { scale, count, .. } => f64::from(*scale) / f64::from(*count) / out,
            Self::Affine { scale, channels, shift } => scale * channels[c].factor / out * (-f64::from(*shift)).exp2(),
        }
    }
}
