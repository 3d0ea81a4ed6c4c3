use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::builder::Op;
use crate::{ArgMaxLayer, CircuitBuilder, CircuitError, Range, Tensor, Wire, WireId, WireKind};

/// Which images of a batch, of those whose given label is the network's, count as correctly classified.
///
/// With `l_b` the given label of image b, `y_bj` its values and `c_b` its bit, the columns are the limbs of
///
/// ```text
/// h_bj = c_b (y_b,l - y_bj - [j < l]),   h_bj >= 0 for every j,   c_b in {0, 1}
/// ```
///
/// `c_b = 1` makes these the margins of [`ArgMaxLayer`], which no other label has than the lowest index among the
/// largest values. `c_b = 0` says nothing, and all `h_bj` are zero. So a sum of `c_b` is a lower bound of the number of
/// images that are correct, and a prover may leave some of them out to reach it exactly. `c` is looked up, so that it
/// is a bit and not a field element that scales a negative margin into range; nothing wraps around that does not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectLayer {
    /// Values, given labels `[batch, 1, 1, 1]`, and the columns of h.
    pub margins: ArgMaxLayer,
    /// `c`: advice `[batch]`, a wire of its own.
    pub correct: WireId,
}

impl CorrectLayer {
    /// Bits for an input and labels: 0 where `claimed` is, else whether the label is the image's. Nothing claimed is
    /// all.
    pub(crate) fn correct_of(&self, input: IntSlice<'_>, labels: IntSlice<'_>, claimed: IntSlice<'_>) -> Vec<i64> {
        let counts = |b: usize| claimed.is_empty() || claimed.get(b) != 0;
        let own = self.margins.labels_of(input).into_iter().zip(labels.iter()).enumerate();
        own.map(|(b, (own, given))| i64::from(own == given && counts(b))).collect()
    }

    /// All columns for an input, labels and bits, right or wrong: a negative h loses its high bits, as it would in a
    /// hostile witness.
    pub fn margins_of(&self, input: IntSlice<'_>, labels: IntSlice<'_>, correct: &[i64]) -> Vec<i64> {
        let image_len = self.margins.column_len() / self.margins.shape[0];
        self.margins.limbs_of(|at| correct[at / image_len] * self.margins.margin_at(input, labels, at))
    }
}

impl CircuitBuilder {
    /// Declares given labels as the public output, in place of [`Self::output`]: of `[batch, channel, 1, 1]` and one
    /// label an image, `[batch, 1, 1, 1]`, an advice wire `[batch]` of bits ([`crate::Circuit::correct`]) holds a 1 for
    /// no image but one whose label is its arg-max, ties going to the lowest index. What the bits add up to is for the
    /// caller to say.
    ///
    /// # Errors
    /// A second output, a tensor that no layer can read or that has a plane, a call by a custom layer.
    pub fn output_correct(&mut self, input: Tensor, range: Range) -> Result<(), CircuitError> {
        let shape = self.new_output(input)?;
        if shape[2..] != [1, 1] {
            return Err(self.refuse("images with a label have one value a class"));
        }
        let correct = self.new_wire(Wire { shape: vec![shape[0]], kind: WireKind::Advice, low: 0, high: 1 });
        self.margins(input, shape, Some(correct), range);
        self.ops.push(Op::OutputCorrect { input, range });
        Ok(())
    }
}
