//! One batched sumcheck for all products of columns that must vanish.
//!
//! ```text
//! Claim in:   for every requantisation, (high - c) u = 0 and (c + u - low) prod_i h_i = 0 on all true entries
//! Challenge:  z, one entry a variable of the largest instance; lambda
//! Rounds:     eq-weighted sumcheck of sum_j lambda^j sum_x eq(z_j, x) prod factors_j(x) = 0
//! Messages:   c~, u~, h~ (limb by limb) at the end, layer after layer
//! Claim out:  those columns at the layer's suffix of the point
//! Error:      (number of products - 1 + variables * (1 + degree)) / 2^128
//! ```
//!
//! Constants are `kappa * 1(x)`, so that a factor is zero on padding and whatever stands there has no weight.

use convince_circuit::{Circuit, Layer, Limb, RequantLayer, Witness};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, log2_ceil, outer};
use convince_sumcheck::eq_product::{self, Factors, Instance};
use convince_sumcheck::{SumcheckClaim, parallel, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use crate::Claim;

const Z: Label = "gkr/zero-check/z";
const LAMBDA: Label = "gkr/zero-check/lambda";
const COLUMNS: Label = "gkr/zero-check/columns";

/// `constant * 1 + sum of sign * 2^shift * column`.
struct Factor {
    constant: i64,
    terms: Vec<(i64, usize)>,
}

impl Factor {
    fn new(constant: i64, parts: &[(i64, &[Limb])]) -> Self {
        let term = |sign: i64| move |limb: &Limb| (sign << limb.shift, limb.column);
        let terms = parts.iter().flat_map(|(sign, limbs)| limbs.iter().map(term(*sign))).collect();
        Self { constant, terms }
    }
}

/// The products of a layer that must vanish, as factors.
fn products(layer: &RequantLayer) -> Vec<Vec<Factor>> {
    let clamped = [Limb { column: 0, shift: 0, width: 0 }];
    let (low, high) = (i64::from(layer.params.low), i64::from(layer.params.high));
    let mut products = Vec::new();
    if !layer.excess.is_empty() {
        products.push(vec![Factor::new(high, &[(-1, &clamped)]), Factor::new(0, &[(1, &layer.excess)])]);
    }
    if layer.gaps.iter().all(|limbs| !limbs.is_empty()) {
        let above = Factor::new(-low, &[(1, &clamped), (1, &layer.excess)]);
        let gaps = layer.gaps.iter().map(|limbs| Factor::new(0, &[(1, limbs)]));
        products.push(std::iter::once(above).chain(gaps).collect());
    }
    products
}

/// The columns that occur in a layer's products, ascending.
fn columns_of(products: &[Vec<Factor>]) -> Vec<usize> {
    let mut columns: Vec<usize> = products.iter().flatten().flat_map(|f| f.terms.iter().map(|t| t.1)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// The layers that take part, with their products.
fn parts(circuit: &Circuit) -> Vec<(&RequantLayer, Vec<Vec<Factor>>)> {
    let layers = circuit.layers().iter().filter_map(|layer| match layer {
        Layer::Requant(layer) => Some((layer, products(layer))),
        _ => None,
    });
    layers.filter(|(_, products)| !products.is_empty()).collect()
}

fn num_vars(layer: &RequantLayer) -> usize {
    layer.advice_shape()[1..].iter().map(|&n| log2_ceil(n)).sum()
}

/// Largest number of variables and of factors: the sumcheck's size and degree.
pub(crate) fn size(circuit: &Circuit) -> (usize, usize, usize) {
    let parts = parts(circuit);
    let vars = parts.iter().map(|(layer, _)| num_vars(layer)).max().unwrap_or(0);
    let degree = parts.iter().flat_map(|(_, products)| products.iter().map(Vec::len)).max().unwrap_or(0);
    (vars, degree, parts.iter().map(|(_, products)| products.len()).sum())
}

/// Proves that all products vanish.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, channel: &mut C) -> Vec<Claim<F, F>>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let parts = parts(circuit);
    let (vars, degree, _) = size(circuit);
    if parts.is_empty() {
        return vec![];
    }
    let z: Vec<F> = (0..vars).map(|_| channel.challenge(Z)).collect();
    let lambda = channel.challenge(LAMBDA);
    let jobs: Vec<(&RequantLayer, &Vec<Factor>)> =
        parts.iter().flat_map(|(layer, products)| products.iter().map(move |p| (*layer, p))).collect();
    let summands = parallel::map(jobs.len(), |k| {
        let (layer, factors) = jobs[k];
        Factors::new(num_vars(layer), factors.iter().map(|f| factor_table(circuit, witness, layer, f)).collect())
    });
    let mut weight = F::one();
    let mut instances = Vec::with_capacity(jobs.len());
    for summand in summands {
        instances.push(Instance { summand, claim: F::zero(), weight });
        weight *= lambda;
    }
    let point = eq_product::prove(channel, &z, degree, &mut instances);
    let mut claims = Vec::new();
    for (layer, products) in &parts {
        let functional = Functional::at_flat(suffix(&point, num_vars(layer)), &layer.advice_shape()[1..]);
        let weights = outer(&functional.0);
        let (len, advice) = (layer.column_len(), witness.wire(layer.advice));
        let columns = columns_of(products);
        let values: Vec<F> = columns.iter().map(|c| advice.range(c * len, len).dot(&weights)).collect();
        channel.send(COLUMNS, &values);
        claims.extend(column_claims(layer, &functional, &columns, values));
    }
    claims
}

/// A factor on the padded hypercube, as field elements; zero on padding.
fn factor_table<F: ProofField>(circuit: &Circuit, witness: &Witness, layer: &RequantLayer, factor: &Factor) -> Vec<F> {
    let (len, advice) = (layer.column_len(), witness.wire(layer.advice));
    let mut values = vec![factor.constant; len];
    for &(scale, column) in &factor.terms {
        values.iter_mut().zip(advice.range(column * len, len).iter()).for_each(|(v, x)| *v += scale * x);
    }
    debug_assert_eq!(circuit.wire(layer.advice).shape, layer.advice_shape());
    let field: Vec<F> = values.into_iter().map(F::from_i64).collect();
    convince_poly::pad(&field, &layer.advice_shape()[1..])
}

/// Verifies that all products vanish.
///
/// # Errors
/// The channel's; the check is [`Check::ZeroCheck`].
pub fn verify<F, C>(circuit: &Circuit, channel: &mut C) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let parts = parts(circuit);
    let (vars, degree, _) = size(circuit);
    if parts.is_empty() {
        return Ok(vec![]);
    }
    let z: Vec<F> = (0..vars).map(|_| channel.challenge(Z)).collect();
    let lambda = channel.challenge(LAMBDA);
    let zero = C::Scalar::constant(F::zero());
    let SumcheckClaim { value, point } = eq_product::verify(channel, &z, degree, zero.clone())?;
    let (mut claims, mut total, mut weight) = (Vec::new(), zero.clone(), F::one());
    for (layer, products) in &parts {
        let functional = Functional::at_flat(suffix(&point, num_vars(layer)), &layer.advice_shape()[1..]);
        let columns = columns_of(products);
        let values = channel.receive(COLUMNS, columns.len())?;
        let mut by_column = vec![zero.clone(); layer.num_columns];
        columns.iter().zip(&values).for_each(|(&c, v)| by_column[c] = v.clone());
        for product in products {
            let factors = product.iter().map(|factor| factor_value(factor, &by_column, functional.sum()));
            let product = factors.reduce(|a, b| channel.mul(&a, &b)).unwrap_or(zero.clone());
            total = total + product * weight;
            weight *= lambda;
        }
        claims.extend(column_claims(layer, &functional, &columns, values));
    }
    channel.assert_eq(total, value, Check::ZeroCheck)?;
    Ok(claims)
}

fn factor_value<F: ProofField, S: ChannelScalar<F>>(factor: &Factor, columns: &[S], one: F) -> S {
    let constant = S::constant(F::from_i64(factor.constant) * one);
    factor.terms.iter().fold(constant, |sum, &(scale, column)| sum + columns[column].clone() * F::from_i64(scale))
}

fn column_claims<F: ProofField, S>(
    layer: &RequantLayer,
    functional: &Functional<F>,
    columns: &[usize],
    values: Vec<S>,
) -> Vec<Claim<F, S>> {
    let claim = |(&index, value): (&usize, S)| {
        let mut axes = functional.0.clone();
        axes.insert(0, Axis::Index { index, len: layer.num_columns });
        Claim { wire: layer.advice, functional: Functional(axes), value }
    };
    columns.iter().zip(values).map(claim).collect()
}
