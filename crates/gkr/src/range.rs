//! From the claims on a range's limbs to a claim on the wire.
//!
//! ```text
//! Claim in:   the limbs of u - low at one point rho, that of the lookups
//! Claim out:  u~(rho) = sum_k 2^(k t) limb_k~(rho) + low * 1(rho)
//! Error:      (variables of rho) / 2^128
//! ```
//!
//! No message: a wire that is itself looked up is claimed by the lookups already, any other one by its limbs. The same
//! linear code serves both sides.

use convince_circuit::{Circuit, Layer, RangeLayer, Tensor};
use convince_field::ProofField;
use convince_poly::{Functional, log2_ceil};
use convince_transcript::ChannelScalar;

use crate::Claim;
use crate::lookup::ColumnClaims;
use crate::requant::join;

/// Variables of rho.
pub(crate) fn variables(circuit: &Circuit, layer: &RangeLayer) -> usize {
    circuit.wire(layer.wire).shape.iter().map(|&n| log2_ceil(n)).sum()
}

/// The claims on all wires whose ranges are shown by limbs.
pub(crate) fn claims<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    columns: &ColumnClaims<F, S>,
) -> Vec<Claim<F, S>> {
    let claim = |layer: &Layer| {
        let Layer::Range(layer) = layer else { return None };
        let advice = layer.advice?;
        let functional = Functional::at_flat(&columns.point(circuit, advice), &circuit.wire(layer.wire).shape);
        let low = S::constant(F::from_i64(layer.low) * functional.sum());
        let value = join(&layer.limbs, &columns.of_wire(advice)) + low;
        Some(Claim::on(circuit, Tensor::whole(layer.wire), functional, value))
    };
    circuit.layers().iter().filter_map(claim).collect()
}
