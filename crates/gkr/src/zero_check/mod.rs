//! One batched sumcheck for all products of columns that must vanish.
//!
//! ```text
//! Claim in:   for every requantisation, (high - c) u = 0 and (c + u - low) prod_i h_i = 0 on all true entries; with bits also
//!             b (1 - b) = 0 for every bit, c - low - sum_k 2^k b_k = 0 and high - c - sum_k 2^k b'_k = 0
//! Challenge:  z, one entry a variable of the largest instance; lambda
//! Rounds:     eq-weighted sumcheck of sum_j lambda^j sum_x eq(z_j, x) prod factors_j(x) = 0
//! Messages:   the columns that occur, at the end, layer after layer
//! Claim out:  those columns at the layer's suffix of the point
//! Error:      (number of products - 1 + variables * (1 + degree)) / 2^128
//! ```
//!
//! Constants are `kappa * 1(x)`, so that a factor is zero on padding and whatever stands there has no weight.

use std::collections::BTreeMap;

use convince_circuit::{Circuit, CorrectLayer, Layer, Limb, RequantLayer, WireId, Witness};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, log2_ceil, outer};
use convince_sumcheck::eq_product::{self, Factors, Instance};
use convince_sumcheck::{SumcheckClaim, parallel, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel, profile};
use tracing::debug_span;

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
    if layer.has_bits() {
        products.extend(bit_products(layer, &clamped));
    }
    products
}

/// What makes limbs of one bit ranges: every bit is 0 or 1, and `c` is what its bits say.
fn bit_products(layer: &RequantLayer, clamped: &[Limb]) -> Vec<Vec<Factor>> {
    let (low, high) = (i64::from(layer.params.low), i64::from(layer.params.high));
    let mut products: Vec<_> = layer.limbs().map(is_bit).collect();
    // A clamp of one value has no bits, and is the constant.
    products.push(vec![Factor::new(-low, &[(1, clamped), (-1, &layer.above_low)])]);
    if !layer.below_high.is_empty() {
        products.push(vec![Factor::new(high, &[(-1, clamped), (-1, &layer.below_high)])]);
    }
    products
}

/// `b (1 - b)`.
fn is_bit(limb: &Limb) -> Vec<Factor> {
    let bit = [Limb { shift: 0, ..*limb }];
    vec![Factor::new(0, &[(1, &bit)]), Factor::new(1, &[(-1, &bit)])]
}

/// The columns that occur in a layer's products, ascending.
fn columns_of(products: &[Vec<Factor>]) -> Vec<usize> {
    let mut columns: Vec<usize> = products.iter().flatten().flat_map(|f| f.terms.iter().map(|t| t.1)).collect();
    columns.sort_unstable();
    columns.dedup();
    columns
}

/// A layer that takes part: its advice and the products of its columns.
struct Part<'a> {
    advice: WireId,
    /// Shape of a column.
    shape: &'a [usize; 4],
    num_columns: usize,
    products: Vec<Vec<Factor>>,
}

fn parts(circuit: &Circuit) -> Vec<Part<'_>> {
    let layers = circuit.layers().iter().filter_map(|layer| match layer {
        Layer::Requant(l) => {
            Some(Part { advice: l.advice, shape: &l.output_shape, num_columns: l.num_columns, products: products(l) })
        }
        Layer::ArgMax(l) | Layer::Correct(CorrectLayer { margins: l, .. }) if l.has_bits() => {
            let products = l.margin.iter().map(is_bit).collect();
            Some(Part { advice: l.advice, shape: &l.shape, num_columns: l.margin.len(), products })
        }
        _ => None,
    });
    layers.filter(|part| !part.products.is_empty()).collect()
}

fn num_vars(shape: &[usize; 4]) -> usize {
    shape.iter().map(|&n| log2_ceil(n)).sum()
}

/// Largest number of variables and of factors: the sumcheck's size and degree.
pub(crate) fn size(circuit: &Circuit) -> (usize, usize, usize) {
    let parts = parts(circuit);
    let vars = parts.iter().map(|part| num_vars(part.shape)).max().unwrap_or(0);
    let degree = parts.iter().flat_map(|part| part.products.iter().map(Vec::len)).max().unwrap_or(0);
    (vars, degree, parts.iter().map(|part| part.products.len()).sum())
}

/// The claims on the columns that occur in products.
pub struct ProductClaims<F, S> {
    point: Vec<F>,
    /// By advice wire and column.
    by_wire: BTreeMap<WireId, BTreeMap<usize, S>>,
    claims: Vec<Claim<F, S>>,
}

impl<F: ProofField, S: Clone> ProductClaims<F, S> {
    fn new(point: Vec<F>) -> Self {
        Self { point, by_wire: BTreeMap::new(), claims: Vec::new() }
    }

    fn functional(&self, part: &Part<'_>) -> Functional<F> {
        Functional::at_flat(self.point(part.shape), part.shape)
    }

    fn add(&mut self, part: &Part<'_>, columns: &[usize], values: Vec<S>) {
        self.claims.extend(column_claims(part, &self.functional(part), columns, values.clone()));
        self.by_wire.insert(part.advice, columns.iter().copied().zip(values).collect());
    }

    /// Where a layer's columns, of this shape, are claimed.
    pub(crate) fn point(&self, shape: &[usize; 4]) -> &[F] {
        suffix(&self.point, num_vars(shape))
    }

    /// The claims on the columns of an advice wire.
    pub(crate) fn of_wire(&self, wire: WireId) -> BTreeMap<usize, S> {
        self.by_wire.get(&wire).cloned().unwrap_or_default()
    }

    /// One claim a column.
    pub(crate) fn claims(&self) -> &[Claim<F, S>] {
        &self.claims
    }
}

/// Proves that all products vanish.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, channel: &mut C) -> ProductClaims<F, F>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let parts = parts(circuit);
    let (vars, degree, _) = size(circuit);
    if parts.is_empty() {
        return ProductClaims::new(vec![]);
    }
    let z: Vec<F> = (0..vars).map(|_| channel.challenge(Z)).collect();
    let lambda = channel.challenge(LAMBDA);
    let jobs: Vec<(&Part<'_>, &Vec<Factor>)> =
        parts.iter().flat_map(|part| part.products.iter().map(move |p| (part, p))).collect();
    let tables = debug_span!("tables");
    let summand = |k: usize| {
        let (part, factors) = jobs[k];
        let _span = profile::layer_of(&tables, part.advice.index());
        Factors::new(num_vars(part.shape), factors.iter().map(|f| factor_table(witness, part, f)).collect())
    };
    let summands = tables.in_scope(|| parallel::map(jobs.len(), summand));
    let mut weight = F::one();
    let mut instances = Vec::with_capacity(jobs.len());
    for summand in summands {
        instances.push(Instance { summand, claim: F::zero(), weight });
        weight *= lambda;
    }
    let point = debug_span!("rounds").in_scope(|| eq_product::prove(channel, &z, degree, &mut instances));
    let step = debug_span!("columns").entered();
    let mut claims = ProductClaims::new(point);
    for part in &parts {
        let _span = profile::layer_of(&step, part.advice.index());
        let weights = outer(&claims.functional(part).0);
        let (len, advice) = (weights.len(), witness.wire(part.advice));
        let columns = columns_of(&part.products);
        let values: Vec<F> = columns.iter().map(|c| advice.range(c * len, len).dot(&weights)).collect();
        channel.send(COLUMNS, &values);
        claims.add(part, &columns, values);
    }
    claims
}

/// A factor on the padded hypercube, as field elements; zero on padding.
fn factor_table<F: ProofField>(witness: &Witness, part: &Part<'_>, factor: &Factor) -> Vec<F> {
    let (len, advice) = (part.shape.iter().product(), witness.wire(part.advice));
    debug_assert_eq!(advice.len(), part.num_columns * len);
    let mut values = vec![factor.constant; len];
    for &(scale, column) in &factor.terms {
        values.iter_mut().zip(advice.range(column * len, len).iter()).for_each(|(v, x)| *v += scale * x);
    }
    let field: Vec<F> = values.into_iter().map(F::from_i64).collect();
    convince_poly::pad(&field, part.shape)
}

/// Verifies that all products vanish.
///
/// # Errors
/// The channel's; the check is [`Check::ZeroCheck`].
pub fn verify<F, C>(circuit: &Circuit, channel: &mut C) -> Result<ProductClaims<F, C::Scalar>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let parts = parts(circuit);
    let (vars, degree, _) = size(circuit);
    if parts.is_empty() {
        return Ok(ProductClaims::new(vec![]));
    }
    let z: Vec<F> = (0..vars).map(|_| channel.challenge(Z)).collect();
    let lambda = channel.challenge(LAMBDA);
    let zero = C::Scalar::constant(F::zero());
    let SumcheckClaim { value, point } = eq_product::verify(channel, &z, degree, zero.clone())?;
    let (mut claims, mut total, mut weight) = (ProductClaims::new(point), zero.clone(), F::one());
    for part in &parts {
        let ones = claims.functional(part).sum();
        let columns = columns_of(&part.products);
        let values = channel.receive(COLUMNS, columns.len())?;
        let mut by_column = vec![zero.clone(); part.num_columns];
        columns.iter().zip(&values).for_each(|(&c, v)| by_column[c] = v.clone());
        for product in &part.products {
            let factors = product.iter().map(|factor| factor_value(factor, &by_column, ones));
            let product = factors.reduce(|a, b| channel.mul(&a, &b)).unwrap_or(zero.clone());
            total = total + product * weight;
            weight *= lambda;
        }
        claims.add(part, &columns, values);
    }
    channel.assert_eq(total, value, Check::ZeroCheck)?;
    Ok(claims)
}

fn factor_value<F: ProofField, S: ChannelScalar<F>>(factor: &Factor, columns: &[S], one: F) -> S {
    let constant = S::constant(F::from_i64(factor.constant) * one);
    factor.terms.iter().fold(constant, |sum, &(scale, column)| sum + columns[column].clone() * F::from_i64(scale))
}

fn column_claims<F: ProofField, S>(
    part: &Part<'_>,
    functional: &Functional<F>,
    columns: &[usize],
    values: Vec<S>,
) -> Vec<Claim<F, S>> {
    let claim = |(&index, value): (&usize, S)| {
        let mut axes = functional.0.clone();
        axes.insert(0, Axis::Index { index, len: part.num_columns });
        Claim { wire: part.advice, functional: Functional(axes), value }
    };
    columns.iter().zip(values).map(claim).collect()
}
