//! From the claims on an arg-max's margins to a claim on its input.
//!
//! ```text
//! Claim in:   the limbs of h_j = y_l - y_j - [j < l] at one point rho, that of the lookups, or of the zero-checks for
//!             bits; where labels are given, what `correct` leaves of them
//! Rounds:     sum_{b,j,y,x} G(b,j,y,x) y(b,j,y,x) = h~(rho) + sum_{b,y,x} E_b E_y E_x sum_{j < l} E_c[j],
//!             G = E_b E_y E_x (sum_i E_c[i] [j = l] - E_c[j]),   E = eq(rho), l = l(b,y,x) the public label
//! Message:    y~ at the rounds' point
//! Check:      G~ y~ = claim
//! Claim out:  y~ at that point
//! Error:      (variables of rho + 2 * rounds) / 2^128
//! ```
//!
//! G is public, and the verifier evaluates it in time linear in the labels and in the channels.

use std::collections::BTreeMap;

use convince_circuit::{ArgMaxLayer, Circuit, Witness};
use convince_field::{IntSlice, Ints, ProofField};
use convince_poly::{Axis, Functional, log2_ceil, outer, pad};
use convince_sumcheck::{SumcheckClaim, product};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use crate::Claim;
use crate::lookup::ColumnClaims;
use crate::requant::join;
use crate::zero_check::ProductClaims;

const VALUE: Label = "gkr/arg-max/value";

/// Variables of rho, and rounds.
pub(crate) fn variables(layer: &ArgMaxLayer) -> usize {
    layer.shape.iter().map(|&n| log2_ceil(n)).sum()
}

/// rho, and `h~(rho)`.
pub(crate) fn margin<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    layer: &ArgMaxLayer,
    columns: &ColumnClaims<F, S>,
    products: &ProductClaims<F, S>,
) -> (Vec<F>, S) {
    let (point, values): (_, BTreeMap<usize, S>) = match layer.has_bits() {
        true => (products.point(&layer.shape).to_vec(), products.of_wire(layer.advice)),
        false => (columns.point(circuit, layer.advice), columns.of_wire(layer.advice)),
    };
    (point, join(&layer.margin, &values))
}

pub(crate) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    layer: &ArgMaxLayer,
    (rho, margin): (Vec<F>, F),
) -> Claim<F, F> {
    let rho = Functional::at_flat(&rho, &layer.shape);
    let kernel = Kernel { layer, rho: &rho, labels: witness.wire(layer.labels) };
    let pair = [kernel.table(), witness.tensor(circuit, layer.input).to_field()].map(|t| pad(&t, &layer.shape));
    let instance = product::Instance::new(variables(layer), F::one(), margin + kernel.constant(), vec![pair]);
    let (point, finals) = product::prove(channel, vec![instance]);
    let value = finals[0][0][1];
    channel.send(VALUE, &[value]);
    Claim::on(circuit, layer.input, Functional::at_flat(&point, &layer.shape), value)
}

pub(crate) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    labels: &Ints,
    channel: &mut C,
    layer: &ArgMaxLayer,
    (rho, margin): (Vec<F>, C::Scalar),
) -> Result<Claim<F, C::Scalar>, ChannelError> {
    let rho = Functional::at_flat(&rho, &layer.shape);
    let kernel = Kernel { layer, rho: &rho, labels: labels.as_slice() };
    // The relation with a label that is none says only that all of y is negative.
    if !kernel.labels.iter().all(|label| (0..layer.shape[1] as i64).contains(&label)) {
        return Err(ChannelError::CheckFailed(Check::ArgMax));
    }
    let claim = margin + C::Scalar::constant(kernel.constant());
    let SumcheckClaim { value, point } = product::verify(channel, &[(variables(layer), claim)])?;
    let at_point = channel.receive_one(VALUE)?;
    let functional = Functional::at_flat(&point, &layer.shape);
    channel.assert_eq(at_point.clone() * kernel.evaluate(&functional), value, Check::ArgMax)?;
    Ok(Claim::on(circuit, layer.input, functional, at_point))
}

/// What the entries of y count in the margins' claim.
pub(crate) struct Kernel<'a, F> {
    pub(crate) layer: &'a ArgMaxLayer,
    pub(crate) rho: &'a Functional<F>,
    pub(crate) labels: IntSlice<'a>,
}

impl<F: ProofField> Kernel<'_, F> {
    /// A functional on the tensor, on its places without channels.
    fn places(functional: &Functional<F>) -> Vec<F> {
        let [batch, _, rows, columns] = &functional.0[..] else { return Vec::new() };
        outer(&[batch.clone(), rows.clone(), columns.clone()])
    }

    fn channels(&self) -> &Axis<F> {
        &self.rho.0[1]
    }

    /// `sum_{j < l} E_c[j]` at every place: how the tie rule counts.
    pub(crate) fn below(&self) -> Vec<F> {
        let mut below = vec![F::zero()];
        for e in self.channels().table() {
            below.push(below[below.len() - 1] + e);
        }
        self.labels.iter().map(|label| at(&below, label)).collect()
    }

    /// The same, weighed with `E_b E_y E_x` and summed over all places.
    fn constant(&self) -> F {
        F::inner_product(&Self::places(self.rho), &self.below())
    }

    /// G, row-major.
    pub(crate) fn table(&self) -> Vec<F> {
        let [_, channels, height, width] = self.layer.shape;
        let plane = height * width;
        let (mut table, ones) = (outer(&self.rho.0), self.channels().sum());
        table.iter_mut().for_each(|e| *e = -*e);
        for (place, (e, label)) in Self::places(self.rho).into_iter().zip(self.labels.iter()).enumerate() {
            let label = usize::try_from(label).unwrap_or(usize::MAX);
            if label < channels {
                table[(place / plane * channels + label) * plane + place % plane] += e * ones;
            }
        }
        table
    }

    /// G~ at a point of the tensor: both functionals' products, and at every place that of its label.
    fn evaluate(&self, point: &Functional<F>) -> F {
        let (rho, r) = (Self::places(self.rho), Self::places(point));
        let (at_rho, at_r) = (self.channels().table(), point.0[1].table());
        let of_label = |((e, p), label): ((&F, &F), i64)| *e * *p * at(&at_r, label);
        let labelled: F = rho.iter().zip(&r).zip(self.labels.iter()).map(of_label).sum();
        labelled * self.channels().sum() - F::inner_product(&rho, &r) * F::inner_product(&at_rho, &at_r)
    }
}

/// The entry of a label, or nothing for one that is none.
fn at<F: ProofField>(table: &[F], label: i64) -> F {
    usize::try_from(label).ok().and_then(|label| table.get(label)).copied().unwrap_or(F::zero())
}
