use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::builder::{Op, Pending};
use crate::requant::{bit_length, limbs};
use crate::{CircuitBuilder, CircuitError, Limb, Range, Tensor, Wire, WireId, WireKind};

/// The label of every place of a plane: the lowest index among the largest channels, and the margins that show it.
///
/// With `l` the label of a place and `y_j` its channels, the columns are the limbs of
///
/// ```text
/// h_j = y_l - y_j - [j < l],   h_j >= 0   for every channel j
/// ```
///
/// These leave one label: of two, `l < l'`, the first would need `y_l - y_l' >= 0` and the second `y_l' - y_l - 1 >= 0`. For
/// `j = l` the relation says `h_l = 0`, so no column is free. `y` has 32 bits and `h`, limbs rounded up, at most 48, so that a
/// relation modulo the prime is one over the integers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgMaxLayer {
    /// `y`: `[batch, channel, H, W]`.
    pub input: Tensor,
    /// The public output `[batch, 1, H, W]`.
    pub labels: WireId,
    /// The advice wire `[limbs, batch, channel, H, W]`.
    pub advice: WireId,
    /// Shape of `y`, and of a column.
    pub shape: [usize; 4],
    /// The limbs of `h`, one column each.
    pub margin: Vec<Limb>,
    /// How limbs are shown to be in range; never [`Range::Auto`] in a finished circuit.
    pub range: Range,
}

impl ArgMaxLayer {
    /// Lays out the columns for an input in the given range, with limbs of `limb_bits` bits.
    pub(crate) fn new(
        [input, labels]: [Tensor; 2],
        advice: WireId,
        shape: [usize; 4],
        (low, high): (i64, i64),
        range: Range,
        limb_bits: u32,
    ) -> Self {
        let width = if range == Range::Bits { 1 } else { limb_bits };
        // An input of one possible value has margins all the same: they are zero, or there is no such label.
        let margin = limbs(0, bit_length(high - low).max(1), width, false);
        Self { input, labels: labels.wire, advice, shape, margin, range }
    }

    /// Whether limbs are bits that the zero-checks cover, rather than looked up.
    pub fn has_bits(&self) -> bool {
        self.range == Range::Bits
    }

    /// Number of values of one column.
    pub fn column_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// `[limbs, batch, channel, H, W]`.
    pub fn advice_shape(&self) -> Vec<usize> {
        [&[self.margin.len()], &self.shape[..]].concat()
    }

    /// The labels of an input.
    pub fn labels_of(&self, input: IntSlice<'_>) -> Vec<i64> {
        let [_, channels, height, width] = self.shape;
        let plane = height * width;
        let label = |place: usize| {
            let start = place / plane * channels * plane + place % plane;
            let value = |j: usize| input.get(start + j * plane);
            // The first one that no other exceeds.
            (1..channels).fold(0, |best, j| if value(j) > value(best) { j } else { best }) as i64
        };
        (0..self.shape[0] * plane).map(label).collect()
    }

    /// All columns for an input and labels, right or wrong: a negative margin loses its high bits, as it would in a hostile
    /// witness.
    pub fn margins(&self, input: IntSlice<'_>, labels: IntSlice<'_>) -> Vec<i64> {
        self.limbs_of(|at| self.margin_at(input, labels, at))
    }

    /// `y_l - y_j - [j < l]` at a place of a column.
    pub(crate) fn margin_at(&self, input: IntSlice<'_>, labels: IntSlice<'_>, at: usize) -> i64 {
        let [_, channels, height, width] = self.shape;
        let plane = height * width;
        let (image, j) = (at / (channels * plane), at / plane % channels);
        let label = labels.get(image * plane + at % plane);
        let of_label = usize::try_from(label).ok().filter(|&l| l < channels);
        let largest = of_label.map_or(0, |l| input.get((image * channels + l) * plane + at % plane));
        largest - input.get(at) - i64::from((j as i64) < label)
    }

    /// All columns for values of h.
    pub(crate) fn limbs_of(&self, margin: impl Fn(usize) -> i64) -> Vec<i64> {
        let len = self.column_len();
        let mut out = vec![0; self.margin.len() * len];
        for at in 0..len {
            let margin = margin(at);
            for limb in &self.margin {
                out[limb.column * len + at] = (margin >> limb.shift) & ((1 << limb.width) - 1);
            }
        }
        out
    }
}

impl CircuitBuilder {
    /// Declares the arg-max of a tensor as the public output, in place of [`Self::output`]: of `[batch, channel, H, W]` the label
    /// of every image and place, `[batch, 1, H, W]`, is public, and no value of the tensor. Ties go to the lowest index.
    ///
    /// # Errors
    /// A second output, a tensor that no layer can read, a call by a custom layer.
    pub fn output_label(&mut self, input: Tensor, range: Range) -> Result<(), CircuitError> {
        let shape = self.new_output(input)?;
        self.margins(input, shape, None, range);
        self.ops.push(Op::OutputLabel { input, range });
        Ok(())
    }

    /// Declares public labels, and the margins by which a tensor of this shape has them, or those that `correct`
    /// counts.
    pub(crate) fn margins(
        &mut self,
        input: Tensor,
        [batch, channels, height, width]: [usize; 4],
        correct: Option<WireId>,
        range: Range,
    ) {
        let labels = vec![batch, 1, height, width];
        let labels = Wire { shape: labels, kind: WireKind::Output, low: 0, high: channels as i64 - 1 };
        let labels = Tensor::whole(self.new_wire(labels));
        let advice = self.new_wire(Wire { shape: vec![], kind: WireKind::Advice, low: 0, high: 0 });
        if range == Range::Auto {
            self.open_ranges.push((self.ops.len(), self.layers.len()));
        }
        self.layers.push(Pending::ArgMax { input, labels, advice, correct, range });
        self.output = Some(labels);
    }
}
