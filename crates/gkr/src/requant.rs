//! From the claims on a requantisation's columns to a claim on its input.
//!
//! ```text
//! Claim in:   c~, u~, h_i~, r_i~ at one point rho
//! Challenge:  tau_y, tau_x, drawn after all columns' claims, for windows of 2
//! Claim out:  a~ at (rho_b, rho_c, rho_y|tau_y, rho_x|tau_x) = sum_i eq(tau, i) * corner_i on the input cropped to whole windows,
//!             corner_i = 2^s (c~ + u~ - h_i~) + r_i~ - 2^(s-1) * 1(rho)
//! ```
//!
//! The same linear code serves both sides: a prover's scalars are field elements.

use convince_circuit::{Circuit, Layer, Limb, RequantLayer};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, eq_bits};
use convince_transcript::ChannelScalar;

use crate::Claim;
use crate::lookup::ColumnClaims;

/// The claims on the inputs of all requantisations.
pub(crate) fn input_claims<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    columns: &ColumnClaims<F, S>,
    tau: [F; 2],
) -> Vec<Claim<F, S>> {
    let requants = circuit.layers().iter().filter_map(|layer| match layer {
        Layer::Requant(layer) => Some(layer),
        _ => None,
    });
    let claim = |layer: &RequantLayer| {
        let point = columns.point(circuit, layer.advice);
        let values = columns.of_wire(layer.advice);
        let rho = Functional::at_flat(point, &layer.advice_shape()[1..]);
        let (functional, corners) = match layer.params.window {
            1 => (rho.clone(), vec![F::one()]),
            _ => (merge_corners(&rho, tau), (0..4).map(|i| eq_bits(&tau, i)).collect()),
        };
        let value = corners
            .iter()
            .enumerate()
            .fold(S::constant(F::zero()), |sum, (i, weight)| sum + corner(layer, i, &values, rho.sum()) * *weight);
        Claim::on(circuit, layer.input, functional, value)
    };
    requants.map(claim).collect()
}

/// `2^s (c + u - h_i) + r_i - 2^(s-1) * one`.
fn corner<F: ProofField, S: ChannelScalar<F>>(layer: &RequantLayer, i: usize, columns: &[S], one: F) -> S {
    let quotient = columns[0].clone() + join(&layer.excess, columns) - join(&layer.gaps[i], columns);
    let scaled = quotient * F::from_i64(1 << layer.params.shift);
    scaled + join(&layer.remainders[i], columns) - S::constant(F::from_i64(layer.params.half()) * one)
}

/// `sum of 2^shift * limb`.
pub(crate) fn join<F: ProofField, S: ChannelScalar<F>>(limbs: &[Limb], columns: &[S]) -> S {
    let limb = |l: &Limb| columns[l.column].clone() * F::from_i64(1 << l.shift);
    limbs.iter().map(limb).fold(S::constant(F::zero()), |a, b| a + b)
}

/// Row = 2 row' + i, so tau goes behind the row's (column's) variables.
fn merge_corners<F: ProofField>(rho: &Functional<F>, tau: [F; 2]) -> Functional<F> {
    let mut axes = rho.0.clone();
    for (axis, tau) in axes[2..].iter_mut().zip(tau) {
        if let Axis::Eq { point, len } = axis {
            point.push(tau);
            *len *= 2;
        }
    }
    Functional(axes)
}
