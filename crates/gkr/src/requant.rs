//! From the claims on a requantisation's columns to a claim on its input.
//!
//! ```text
//! Claim in:   c~, u~, h_i~, r_i~ at one point rho, that of the lookups, or of the zero-checks for a layer of bits;
//!             x_i~, y_i~, r_i~ and m~ at that of the lookups where clamps are looked up
//! Challenge:  tau_y, tau_x, drawn after all columns' claims: enough variables for the largest window's rows and columns;
//!             mu, drawn with them if some layer looks up a maximum m
//! Claim out:  sum_i eq(tau, i) corner_i = sum_q in(q) M_c[q_c] K_y[q_y] K_x[q_x] + padded * (what the padding weighs),
//!             corner_i = 2^s q_i + r_i~ - 2^(s-1) * 1(rho),
//!             q_i = c~ + u~ - h_i~, or x_i~ + m_(i-1) - low 1(rho) with m_i = low 1(rho) + sum_(j<=i) (y_j~ - low 1(rho)),
//!             M_c = m_c eq(rho_c, c), K the window kernel of eq(rho) over windows and eq(tau) over a window's places;
//!             mu (m~ - m_(k-1)) is added to the value
//! ```
//!
//! The x_i are no commitment's, but what the input, the y_i and the r_i make of them: a claim on x_i~ is one on corner i, and m~ must be
//! what the steps add up to. A value that differs from that by e makes the claim on the input wrong, unless mu is the one
//! challenge of `2^128` for which mu e hides what else is wrong.
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

/// Whether some layer looks up the maximum of a window.
pub(crate) fn has_maxima(circuit: &Circuit) -> bool {
    requants(circuit).any(|layer| layer.lookups.is_some() && layer.params.window.size() > 1)
}

/// What joins the claims on a window's corners.
pub(crate) struct Challenges<F> {
    /// tau on rows and on columns, the most significant variable first.
    tau: [Vec<F>; 2],
    /// mu; zero if no layer needs it.
    mu: F,
}

impl<F: ProofField> Challenges<F> {
    pub(crate) fn draw(circuit: &Circuit, mut draw: impl FnMut() -> F) -> Self {
        let tau = tau_variables(circuit).map(|vars| (0..vars).map(|_| draw()).collect());
        Self { tau, mu: if has_maxima(circuit) { draw() } else { F::zero() } }
    }
}

/// The claims on the inputs of all requantisations.
pub(crate) fn input_claims<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    columns: &ColumnClaims<F, S>,
    products: &ProductClaims<F, S>,
    challenges: &Challenges<F>,
) -> Vec<Claim<F, S>> {
    let claim = |layer: &RequantLayer| {
        let (point, values) = match layer.has_bits() {
            true => (products.point(&layer.output_shape).to_vec(), products.of_wire(layer.advice)),
            false => (columns.point(circuit, layer.advice), columns.of_wire(layer.advice)),
        };
        let inputs = layer.lookups.as_ref().map(|lookups| columns.of_wire(lookups.inputs)).unwrap_or_default();
        input_claim(circuit, layer, &point, [&values, &inputs], challenges)
    };
    requants(circuit).map(claim).collect()
}

fn input_claim<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    layer: &RequantLayer,
    point: &[F],
    [values, inputs]: [&BTreeMap<usize, S>; 2],
    Challenges { tau, mu }: &Challenges<F>,
) -> Claim<F, S> {
    let rho = Functional::at_flat(point, &layer.output_shape);
    let [kernel_y, kernel_x] = layer.params.window.kernel;
    // The suffix of tau that a window's places need.
    let places = |tau: &[F], kernel: usize| eq_truncated(convince_sumcheck::suffix(tau, log2_ceil(kernel)), kernel);
    let (down, across) = (places(&tau[0], kernel_y), places(&tau[1], kernel_x));
    let weights = down.iter().flat_map(|a| across.iter().map(move |b| *a * b));
    let ones = rho.sum();
    let mut value = S::constant(F::zero());
    let (quotients, excess) = match &layer.lookups {
        Some(lookups) => quotients_of_clamps(layer, &lookups.steps, [values, inputs], ones),
        None => ((0..layer.gaps.len()).map(|i| quotient_of_limbs(layer, i, values)).collect(), None),
    };
    for ((weight, quotient), remainder) in weights.zip(quotients).zip(&layer.remainders) {
        let corner = quotient * F::from_i64(1 << layer.params.shift) + join(remainder, values);
        value = value + (corner - S::constant(F::from_i64(layer.params.half()) * ones)) * weight;
    }
    if let Some(excess) = excess {
        value = value + excess * *mu;
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

/// `c + u - h_i`.
fn quotient_of_limbs<F: ProofField, S: ChannelScalar<F>>(
    layer: &RequantLayer,
    i: usize,
    columns: &BTreeMap<usize, S>,
) -> S {
    columns[&0].clone() + join(&layer.excess, columns) - join(&layer.gaps[i], columns)
}

/// The q_i, and for several corners by how much m~ exceeds m_(k-1).
fn quotients_of_clamps<F: ProofField, S: ChannelScalar<F>>(
    layer: &RequantLayer,
    steps: &[usize],
    [columns, inputs]: [&BTreeMap<usize, S>; 2],
    one: F,
) -> (Vec<S>, Option<S>) {
    let low = S::constant(F::from_i64(layer.params.low.into()) * one);
    let mut largest = low.clone();
    let mut quotients = Vec::with_capacity(steps.len());
    for (i, step) in steps.iter().enumerate() {
        quotients.push(inputs[&i].clone() + largest.clone() - low.clone());
        largest = largest + columns[step].clone() - low.clone();
    }
    let looked_up = inputs.get(&steps.len()).cloned();
    (quotients, looked_up.map(|looked_up| looked_up - largest))
}

/// `sum of 2^shift * limb`.
pub(crate) fn join<F: ProofField, S: ChannelScalar<F>>(limbs: &[Limb], columns: &BTreeMap<usize, S>) -> S {
    let limb = |l: &Limb| columns[&l.column].clone() * F::from_i64(1 << l.shift);
    limbs.iter().map(limb).fold(S::constant(F::zero()), |a, b| a + b)
}
