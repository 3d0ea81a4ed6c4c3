use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::builder::{Op, Pending};
use crate::requant::limbs;
use crate::{CircuitBuilder, CircuitError, Limb, Tensor, Wire, WireId, WireKind};

/// Every value of an input or weight wire is in the range that the wire declares, exactly.
///
/// A narrow range is a table, `low, low + 1, .., high`, and the wire itself is looked up. Of a wide one, of `2^w`
/// values, the columns of an advice wire hold the limbs of
///
/// ```text
/// u - low = sum_k 2^(k t) limb_k,   limb_k in [0, 2^t), the last one in [0, 2^(w - k t))
/// ```
///
/// Both say more than that `u` is in range modulo the prime. A committed value is a field element, and no integer until
/// something says which; a table's rows are field elements too, so a looked-up `u` *is* the image of an integer of the
/// range. Limbs are such images, their sum is an integer below `2^w <= 2^31`, and `u` is `low` plus that sum: no
/// modulus is ever reached, so there is nothing to wrap around. Since the last limb's table has exactly its width, no
/// integer outside the range has limbs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeLayer {
    /// The wire, of any rank.
    pub wire: WireId,
    /// Lower end of its range.
    pub low: i64,
    /// The advice wire `[limbs, ..shape]`; none if the wire itself is looked up.
    pub advice: Option<WireId>,
    /// The limbs of `u - low`, one column each; none if the wire itself is looked up.
    pub limbs: Vec<Limb>,
}

impl RangeLayer {
    /// Limbs of a wire's values, in an advice wire of their own.
    pub(crate) fn in_limbs(id: WireId, wire: &Wire, advice: WireId, limb_bits: u32) -> Self {
        Self { wire: id, low: wire.low, advice: Some(advice), limbs: limbs(0, width(wire), limb_bits, true) }
    }

    /// A lookup of the wire itself.
    pub(crate) fn direct(id: WireId, wire: &Wire) -> Self {
        Self { wire: id, low: wire.low, advice: None, limbs: Vec::new() }
    }

    /// All columns of the advice. Values out of range lose their high bits, as they would in a hostile witness.
    pub(crate) fn evaluate(&self, values: IntSlice<'_>) -> Vec<i64> {
        let column = |limb: &Limb| {
            let Limb { shift, width, .. } = *limb;
            values.iter().map(move |u| ((u - self.low) >> shift) & ((1 << width) - 1))
        };
        self.limbs.iter().flat_map(column).collect()
    }
}

/// Bits of a declared wire's range, which is that of a whole format.
pub(crate) fn width(wire: &Wire) -> u32 {
    crate::requant::bit_length(wire.high - wire.low)
}

impl CircuitBuilder {
    /// States that every value of an input or weight wire is in the range of the wire's format: what is assumed of a
    /// committed wire unless something proves it.
    ///
    /// # Errors
    /// A tensor that is no input and no weight, a second statement about the same wire.
    pub fn range(&mut self, tensor: Tensor) -> Result<(), CircuitError> {
        let declared = |wire: &&Wire| matches!(wire.kind, WireKind::Input | WireKind::Weight);
        let wire = self.wires.get(tensor.wire.index()).filter(declared).filter(|_| tensor.column.is_none());
        if wire.is_none() {
            return Err(self.wire_error("ranges are those of inputs and weights"));
        }
        let same = |pending: &Pending| matches!(pending, Pending::Range(wire) if *wire == tensor.wire);
        if self.layers.iter().any(same) {
            return Err(self.wire_error("a wire's range is stated once"));
        }
        self.layers.push(Pending::Range(tensor.wire));
        self.ops.push(Op::Range(tensor));
        Ok(())
    }
}
