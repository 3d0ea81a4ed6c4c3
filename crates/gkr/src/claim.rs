use convince_circuit::{Circuit, Tensor, WireId};
use convince_poly::{Axis, Functional};

/// `sum of functional * wire = value`, a tensor of axis functionals on a wire (DESIGN section 4).
#[must_use = "a claim that is not discharged proves nothing"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim<F, S> {
    /// The wire.
    pub wire: WireId,
    /// One functional an axis of the wire, of its true length.
    pub functional: Functional<F>,
    /// The claimed value: a field element for the prover, a channel's scalar for the verifier.
    pub value: S,
}

impl<F: convince_field::ProofField, S> Claim<F, S> {
    /// A claim on a tensor: on a column it is one on the advice wire at that place of the leading axis.
    pub(crate) fn on(circuit: &Circuit, tensor: Tensor, functional: Functional<F>, value: S) -> Self {
        let Functional(mut axes) = functional;
        if let Some(column) = tensor.column {
            let len = circuit.wire(tensor.wire).shape[0];
            axes.insert(0, Axis::Index { index: column as usize, len });
        }
        Self { wire: tensor.wire, functional: Functional(axes), value }
    }
}
