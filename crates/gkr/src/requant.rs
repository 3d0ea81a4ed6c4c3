//! From the claims on a requantisation's columns to a claim on its input.
//!
//! ```text
//! Claim in:   c~, u~, h_i~, r_i~ at one point rho, that of the lookups, or of the zero-checks for a layer of bits
//! Challenge:  tau_y, tau_x, drawn after all columns' claims: enough variables for the largest window's rows and columns
//! Claim out:  sum_i eq(tau, i) corner_i = sum_q in(q) M_c[q_c] K_y[q_y] K_x[q_x] + padded * (what the padding weighs),
//!             corner_i = 2^s (c~ + u~ - h_i~) + r_i~ - 2^(s-1) * 1(rho),
//!             M_c = m_c eq(rho_c, c), K the window kernel of eq(rho) over windows and eq(tau) over a window's places
//! ```
//!
//! The same linear code serves both sides: a prover's scalars are field elements.

use std::collections::BTreeMap;

use convince_circuit::{Circuit, Layer, Limb, RequantLayer};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, eq_truncated, log2_ceil, window_kernel};
use convince_transcript::ChannelScalar;

use crate::Claim;
use crate::lookup::ColumnClaims;
use crate::zero_check::ProductClaims;

fn requants(circuit: &Circuit) -> impl Iterator<Item = &RequantLayer> {
    circuit.layers().iter().filter_map(|layer| match layer {
        Layer::Requant(layer) => Some(layer),
        _ => None,
    })
}

/// Variables of tau on rows and on columns: those of the largest windows.
pub(crate) fn tau_variables(circuit: &Circuit) -> [usize; 2] {
    [0, 1].map(|k| requants(circuit).map(|l| log2_ceil(l.params.window.kernel[k])).max().unwrap_or(0))
}

/// tau, the most significant variable first.
pub(crate) fn draw_tau<F: ProofField>(circuit: &Circuit, mut draw: impl FnMut() -> F) -> [Vec<F>; 2] {
    tau_variables(circuit).map(|vars| (0..vars).map(|_| draw()).collect())
}

/// The claims on the inputs of all requantisations.
pub(crate) fn input_claims<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    columns: &ColumnClaims<F, S>,
    products: &ProductClaims<F, S>,
    tau: &[Vec<F>; 2],
) -> Vec<Claim<F, S>> {
    let claim = |layer: &RequantLayer| {
        let (point, values) = match layer.has_bits() {
            true => (products.point(&layer.output_shape), products.of_wire(layer.advice)),
            false => (columns.point(circuit, layer.advice), columns.of_wire(layer.advice)),
        };
        input_claim(circuit, layer, point, &values, tau)
    };
    requants(circuit).map(claim).collect()
}

fn input_claim<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    layer: &RequantLayer,
    point: &[F],
    values: &BTreeMap<usize, S>,
    tau: &[Vec<F>; 2],
) -> Claim<F, S> {
    let rho = Functional::at_flat(point, &layer.output_shape);
    let [kernel_y, kernel_x] = layer.params.window.kernel;
    // The suffix of tau that a window's places need.
    let places = |tau: &[F], kernel: usize| eq_truncated(convince_sumcheck::suffix(tau, log2_ceil(kernel)), kernel);
    let (down, across) = (places(&tau[0], kernel_y), places(&tau[1], kernel_x));
    let weights = down.iter().flat_map(|a| across.iter().map(move |b| *a * b));
    let ones = rho.sum();
    let mut value = S::constant(F::zero());
    for (i, weight) in weights.enumerate() {
        value = value + corner(layer, i, values, ones) * weight;
    }
    let mut functional = rho.clone();
    for ((axis, window), places) in functional.0[2..].iter_mut().zip(layer.axes()).zip([&down, &across]) {
        if window.kernel > 1 || window.stride > 1 {
            *axis = Axis::Dense(window_kernel(&window, &axis.table(), places));
        }
    }
    if layer.params.window.padding != [0; 4] {
        let all = ones * down.iter().sum::<F>() * across.iter().sum::<F>();
        value = value - S::constant(F::from_i64(layer.padded) * (all - functional.sum()));
    }
    if layer.params.multipliers.is_some() {
        let scaled = functional.0[1].table().into_iter().enumerate();
        functional.0[1] = Axis::Dense(scaled.map(|(c, e)| e * F::from_i64(layer.params.multiplier(c))).collect());
    }
    Claim::on(circuit, layer.input, functional, value)
}

/// `2^s (c + u - h_i) + r_i - 2^(s-1) * one`.
fn corner<F: ProofField, S: ChannelScalar<F>>(
    layer: &RequantLayer,
    i: usize,
    columns: &BTreeMap<usize, S>,
    one: F,
) -> S {
    let quotient = columns[&0].clone() + join(&layer.excess, columns) - join(&layer.gaps[i], columns);
    let scaled = quotient * F::from_i64(1 << layer.params.shift);
    scaled + join(&layer.remainders[i], columns) - S::constant(F::from_i64(layer.params.half()) * one)
}

/// `sum of 2^shift * limb`.
pub(crate) fn join<F: ProofField, S: ChannelScalar<F>>(limbs: &[Limb], columns: &BTreeMap<usize, S>) -> S {
    let limb = |l: &Limb| columns[&l.column].clone() * F::from_i64(1 << l.shift);
    limbs.iter().map(limb).fold(S::constant(F::zero()), |a, b| a + b)
}
