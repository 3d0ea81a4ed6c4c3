//! Sums of pointwise products: a claim on one becomes claims on the factors.
//!
//! ```text
//! Claim in:   C_t~(r_t) = v_t, C_t(f) = sum_k L_t(f, k) R_t(f, k), r_t the last n_t coordinates of a point; lambda is drawn
//! Rounds:     eq-weighted, degree 2, over f: sum_t lambda^t sum_f eq(r_t, f) sum_k L_t(f, k) R_t(f, k), ending in s
//!             product sumcheck over k: sum_t lambda^t sum_k L_t(s_t, k) R_t(s_t, k), ending in rho
//! Messages:   L_t~ and R_t~ at (s_t, rho_t)
//! Check:      sum_t lambda^t (eq(0, rho before rho_t))^2 L_t~ R_t~ = claim
//! Error:      (T - 1 + 2 n + 2 m) / 2^128 for T claims, n variables of f and m of k
//! ```
//!
//! No message stands between the two sumchecks: the first one's claim out is the second one's claim in. A product of fewer terms
//! than the longest has zeros behind them, so its tables count with the prefix' eq.

use convince_field::ProofField;
use convince_poly::{Functional, eq_bits, log2_ceil, outer, pad};
use convince_sumcheck::eq_product::{Instance, Summand};
use convince_sumcheck::{SumcheckClaim, eq_product, parallel, product, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use super::{Evaluations, Step};
use crate::wave::powers;

const LAMBDA: Label = "gkr/fft/hadamard/lambda";
const FACTORS: Label = "gkr/fft/hadamard/factors";

/// Sizes of a sum of products.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// log2 of the number of places f.
    pub log_len: usize,
    /// True lengths of the axes of k: their variables follow each other.
    pub terms: Vec<usize>,
}

impl Shape {
    /// Variables of k.
    pub fn term_vars(&self) -> usize {
        self.terms.iter().map(|&n| log2_ceil(n)).sum()
    }
}

/// A sum of products as its prover holds it.
pub struct Product<F> {
    /// Its sizes.
    pub shape: Shape,
    /// L and R, `[places, terms]` row-major.
    pub factors: [Vec<F>; 2],
}

/// Claims on the factors of several products.
#[must_use = "claims that are not discharged prove nothing"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorClaims<F, S> {
    /// Coordinates of f: a product lives at as many of the last ones as it has variables.
    pub place: Vec<F>,
    /// Coordinates of k, likewise.
    pub term: Vec<F>,
    /// L~ and R~ of every product.
    pub values: Vec<[S; 2]>,
}

impl<F: ProofField, S> FactorClaims<F, S> {
    /// The point of a product's terms.
    pub fn term_at(&self, shape: &Shape) -> &[F] {
        suffix(&self.term, shape.term_vars())
    }

    /// `eq(0, .)` of the coordinates that a product of fewer terms does not have.
    fn missing(&self, shape: &Shape) -> F {
        eq_bits(&self.term[..self.term.len() - shape.term_vars()], 0)
    }
}

/// `C(f) = sum_k L(f, k) R(f, k)`. One lazily reduced multiplication an entry.
pub fn multiply<F: ProofField>(Product { shape, factors: [left, right] }: &Product<F>) -> Vec<F> {
    let terms: usize = shape.terms.iter().product();
    let line = |table: &[F], f: usize| -> std::ops::Range<usize> {
        debug_assert_eq!(table.len(), terms << shape.log_len);
        f * terms..(f + 1) * terms
    };
    parallel::map_fine(1 << shape.log_len, |f| F::inner_product(&left[line(left, f)], &right[line(right, f)]))
}

/// Values of both tables at 2 that are made before they are multiplied.
const RUN: usize = 32;

/// `sum_k L(f, k) R(f, k)` as the summand over f.
struct Terms<F> {
    log_len: usize,
    terms: usize,
    factors: [Vec<F>; 2],
}

impl<F: ProofField> Summand<F> for Terms<F> {
    fn num_vars(&self) -> usize {
        self.log_len
    }

    fn round(&self, eq: &[F], degree: usize) -> Vec<F> {
        debug_assert_eq!(degree, 2);
        let ([left, right], terms, half) = (&self.factors, self.terms, eq.len());
        // Threads get runs of places as long as their work is worth handing out.
        parallel::sum(half * terms, |range| {
            let (mut at_zero, mut at_two) = (F::zero(), F::zero());
            let mut start = range.start;
            while start < range.end {
                let f = start / terms;
                let end = range.end.min((f + 1) * terms).min(start + RUN);
                at_zero += eq[f] * F::inner_product(&left[start..end], &right[start..end]);
                let mut values = [[F::zero(); RUN]; 2];
                for (table, values) in [left, right].into_iter().zip(&mut values) {
                    let (low, high) = (&table[start..end], &table[half * terms + start..half * terms + end]);
                    let pairs = low.iter().zip(high);
                    values.iter_mut().zip(pairs).for_each(|(value, (low, high))| *value = high.double() - low);
                }
                at_two += eq[f] * F::inner_product(&values[0][..end - start], &values[1][..end - start]);
                start = end;
            }
            vec![at_zero, at_two]
        })
    }

    fn bind(&mut self, half: usize, r: F) {
        let half = half * self.terms;
        self.factors.iter_mut().for_each(|table| parallel::bind(table, half, F::zero(), r));
    }
}

/// Reduces claims on sums of products, at the suffixes of one point, to claims on the factors. About six multiplications
/// an entry of a factor.
///
/// Panics unless tables have the sizes of their shapes, and there is a claim for each product.
pub fn prove<F: ProofField, C: ProverChannel<F>>(
    channel: &mut C,
    products: Vec<Product<F>>,
    claims: &Evaluations<F, F>,
) -> FactorClaims<F, F> {
    assert_eq!(products.len(), claims.values.len());
    let weights: Vec<F> = powers(channel.challenge(LAMBDA), products.len());
    let (mut shapes, mut instances) = (Vec::new(), Vec::new());
    for ((product, &claim), &weight) in products.into_iter().zip(&claims.values).zip(&weights) {
        let Product { shape, factors } = product;
        let terms: usize = shape.terms.iter().product();
        assert!(factors.iter().all(|table| table.len() == terms << shape.log_len));
        instances.push(Instance { summand: Terms { log_len: shape.log_len, terms, factors }, claim, weight });
        shapes.push(shape);
    }
    let place = eq_product::prove(channel, &claims.point, 2, &mut instances);
    let lines: Vec<[Vec<F>; 2]> = instances.into_iter().map(|instance| instance.summand.factors).collect();
    let total = lines.iter().zip(&weights).map(|([l, r], weight)| F::inner_product(l, r) * weight).sum();
    let pair = |(([left, right], shape), weight): ((&[Vec<F>; 2], &Shape), &F)| {
        let left: Vec<F> = left.iter().map(|v| *v * weight).collect();
        [pad(&left, &shape.terms), pad(right, &shape.terms)]
    };
    let pairs = lines.iter().zip(&shapes).zip(&weights).map(pair).collect();
    let (term, _) = product::prove(channel, vec![product::Instance::new(term_vars(&shapes), F::one(), total, pairs)]);
    let mut out = FactorClaims { place, term, values: Vec::new() };
    for (line, shape) in lines.iter().zip(&shapes) {
        let weights = outer(&Functional::at_flat(out.term_at(shape), &shape.terms).0);
        let [left, right] = line;
        out.values.push([left, right].map(|table| F::inner_product(table, &weights)));
    }
    channel.send(FACTORS, out.values.as_flattened());
    out
}

/// Verifies what [`prove`] sent.
///
/// # Soundness
/// The claims returned must hold for factors that are fixed before the channel's next challenge.
///
/// # Errors
/// The channel's; the check is [`Check::FftHadamard`].
///
/// Panics unless there is a claim for every shape, and the claims' point has as many coordinates as the longest needs.
pub fn verify<F: ProofField, C: VerifierChannel<F>>(
    channel: &mut C,
    step: Step,
    shapes: &[Shape],
    claims: &Evaluations<F, C::Scalar>,
) -> Result<FactorClaims<F, C::Scalar>, ChannelError> {
    assert_eq!(shapes.len(), claims.values.len());
    assert!(shapes.iter().all(|shape| shape.log_len <= claims.point.len()));
    let weights: Vec<F> = powers(channel.challenge(LAMBDA), shapes.len());
    let zero = C::Scalar::constant(F::zero());
    let total = claims.values.iter().zip(&weights).fold(zero.clone(), |sum, (v, weight)| sum + v.clone() * *weight);
    let SumcheckClaim { value, point: place } = eq_product::verify(channel, &claims.point, 2, total)?;
    let SumcheckClaim { value, point: term } = product::verify(channel, &[(term_vars(shapes), value)])?;
    let received = channel.receive(FACTORS, 2 * shapes.len())?;
    let values = received.chunks_exact(2).map(|pair| [pair[0].clone(), pair[1].clone()]).collect();
    let out = FactorClaims { place, term, values };
    let mut total = zero;
    for (([left, right], shape), weight) in out.values.iter().zip(shapes).zip(weights) {
        total = total + channel.mul(left, right) * (weight * out.missing(shape).square());
    }
    channel.assert_eq(total, value, Check::FftHadamard { wave: step.wave })?;
    Ok(out)
}

fn term_vars(shapes: &[Shape]) -> usize {
    shapes.iter().map(Shape::term_vars).max().unwrap_or(0)
}
