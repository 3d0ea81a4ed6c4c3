//! From the claims on the margins of images that count as correct to claims on their bits and on the values.
//!
//! ```text
//! Claim in:   the limbs of h_bj = c_b (y_b,l - y_bj - [j < l]) at one point rho = (rho_b, rho_j), that of the
//!             lookups, or of the zero-checks for bits
//! Rounds:     eq-weighted sumcheck of sum_b eq(rho_b, b) c_b g_b = h~(rho),
//!             g_b = sum_j eq(rho_j, j) (y_b,l - y_bj - [j < l]),   l = l_b the given label
//! Message:    c~, g~ at the rounds' point r
//! Check:      c~ g~ = claim
//! Claim out:  c~(r); and by `arg_max`, for which g~(r) is a claim on margins at (r, rho_j), y~ at a point of its own
//! Error:      2 * rounds / 2^128, and that of `arg_max`
//! ```
//!
//! At a fixed rho_j the margins of an image are one number, g_b, and c_b multiplies it: hence a product of two over the
//! images alone, in place of one of three over images and classes, and the tie rule never meets c.

use convince_circuit::{ArgMaxLayer, Circuit, CorrectLayer, Tensor, Witness};
use convince_field::{Ints, ProofField};
use convince_poly::{Axis, Functional, eq_truncated, log2_ceil, pad};
use convince_sumcheck::SumcheckClaim;
use convince_sumcheck::eq_product::{self, Factors, Instance};
use convince_transcript::{ChannelError, Check, Label, ProverChannel, VerifierChannel};

use crate::Claim;
use crate::arg_max::{self, Kernel};

const VALUES: Label = "gkr/correct/values";

/// Rounds over the images.
pub(crate) fn variables(layer: &CorrectLayer) -> usize {
    log2_ceil(layer.margins.shape[0])
}

pub(crate) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    layer: &CorrectLayer,
    (rho, margin): (Vec<F>, F),
) -> Vec<Claim<F, F>> {
    let (images, classes) = rho.split_at(variables(layer));
    let tables = [witness.wire(layer.correct).to_field(), margins(circuit, witness, layer, &rho)];
    let batch = &layer.margins.shape[..1];
    let summand = Factors::new(variables(layer), tables.iter().map(|table| pad(table, batch)).collect());
    let mut instance = [Instance { summand, claim: margin, weight: F::one() }];
    let mut point = eq_product::prove(channel, images, 2, &mut instance);
    let weights = eq_truncated(&point, batch[0]);
    let values = tables.map(|table| F::inner_product(&table, &weights));
    channel.send(VALUES, &values);
    let correct = bit_claim(circuit, layer, &point, values[0]);
    point.extend_from_slice(classes);
    vec![correct, arg_max::prove(circuit, witness, channel, &layer.margins, (point, values[1]))]
}

pub(crate) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    labels: &Ints,
    channel: &mut C,
    layer: &CorrectLayer,
    (rho, margin): (Vec<F>, C::Scalar),
) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError> {
    let (images, classes) = rho.split_at(variables(layer));
    let SumcheckClaim { value, mut point } = eq_product::verify(channel, images, 2, margin)?;
    let [correct, of_images] = channel.receive_array(VALUES)?;
    let product = channel.mul(&correct, &of_images);
    channel.assert_eq(product, value, Check::Correct)?;
    let correct = bit_claim(circuit, layer, &point, correct);
    point.extend_from_slice(classes);
    Ok(vec![correct, arg_max::verify(circuit, labels, channel, &layer.margins, (point, of_images))?])
}

/// g, one an image.
fn margins<F: ProofField>(circuit: &Circuit, witness: &Witness, layer: &CorrectLayer, rho: &[F]) -> Vec<F> {
    let ArgMaxLayer { shape, input, labels, .. } = &layer.margins;
    // Images side by side, each with a weight of one.
    let mut by_image = Functional::at_flat(rho, shape);
    by_image.0[0] = Axis::Dense(vec![F::one(); shape[0]]);
    let kernel = Kernel { layer: &layer.margins, rho: &by_image, labels: witness.wire(*labels) };
    let (weights, values) = (kernel.table(), witness.tensor(circuit, *input));
    let rows = weights.chunks(shape[1]).zip(kernel.below()).enumerate();
    rows.map(|(b, (weights, below))| values.range(b * shape[1], shape[1]).dot(weights) - below).collect()
}

fn bit_claim<F: ProofField, S>(circuit: &Circuit, layer: &CorrectLayer, point: &[F], value: S) -> Claim<F, S> {
    let functional = Functional::at_flat(point, &layer.margins.shape[..1]);
    Claim::on(circuit, Tensor::whole(layer.correct), functional, value)
}
