use convince_field::ProofField;
use convince_poly::eq_table;
use convince_transcript::ProverChannel;

use super::{CHALLENGE, ROUND};
use crate::parallel;

/// The polynomial f of an eq-weighted sum, as tables that are bound one variable at a time.
pub trait Summand<F>: Sync {
    /// Number of variables before the first round.
    fn num_vars(&self) -> usize;

    /// `g(0), g(2), ..., g(degree)` for the next variable, `eq` being the table over the variables behind it.
    fn round(&self, eq: &[F], degree: usize) -> Vec<F>;

    /// Binds the next variable, `half` being half of the current size.
    fn bind(&mut self, half: usize, r: F);
}

/// A summand with its claimed sum (which counts until it is active) and its batching weight.
pub struct Instance<F, T> {
    /// f_j.
    pub summand: T,
    /// c_j.
    pub claim: F,
    /// lambda_j.
    pub weight: F,
}

/// Runs the rounds and returns the challenges; the instances' summands end bound to their points.
pub fn prove<F, C, T>(channel: &mut C, z: &[F], degree: usize, instances: &mut [Instance<F, T>]) -> Vec<F>
where
    F: ProofField,
    C: ProverChannel<F>,
    T: Summand<F>,
{
    let mut point = Vec::with_capacity(z.len());
    let mut eq = eq_table(z.get(1..).unwrap_or(&[]));
    for round in 0..z.len() {
        let left = z.len() - round;
        let mut message = vec![F::zero(); degree];
        for Instance { summand, claim, weight } in instances.iter() {
            let part = if summand.num_vars() < left { vec![*claim; degree] } else { summand.round(&eq, degree) };
            message.iter_mut().zip(part).for_each(|(total, value)| *total += *weight * value);
        }
        channel.send(ROUND, &message);
        let r = channel.challenge(CHALLENGE);
        let active = instances.iter_mut().filter(|i| i.summand.num_vars() >= left);
        active.for_each(|i| i.summand.bind(1 << (left - 1), r));
        // eq sums to one over its most significant variable: the next round's table costs additions only.
        let upper = eq.split_off(eq.len() / 2);
        eq.iter_mut().zip(&upper).for_each(|(a, b)| *a += b);
        if eq.is_empty() {
            eq = upper;
        }
        point.push(r);
    }
    point
}

/// A product of multilinear factors.
pub struct Factors<F> {
    num_vars: usize,
    tables: Vec<Vec<F>>,
}

impl<F: ProofField> Factors<F> {
    /// Factors given by tables of `2^num_vars` entries. Panics if a length differs.
    pub fn new(num_vars: usize, tables: Vec<Vec<F>>) -> Self {
        assert!(tables.iter().all(|t| t.len() == 1 << num_vars));
        Self { num_vars, tables }
    }
}

impl<F: ProofField> Summand<F> for Factors<F> {
    fn num_vars(&self) -> usize {
        self.num_vars
    }

    fn round(&self, eq: &[F], degree: usize) -> Vec<F> {
        let half = eq.len();
        parallel::sum(half, |range| {
            let mut out = vec![F::zero(); degree];
            let mut products = vec![F::zero(); degree];
            for i in range {
                products.fill(eq[i]);
                for table in &self.tables {
                    let (low, high) = (table[i], table[half + i]);
                    if low.is_zero() && high.is_zero() {
                        // Gaps and excesses mostly are: the product vanishes for every value of the variable.
                        products.fill(F::zero());
                        break;
                    }
                    let step = high - low;
                    products[0] *= low;
                    let mut value = high;
                    for product in &mut products[1..] {
                        value += step;
                        *product *= value;
                    }
                }
                out.iter_mut().zip(&products).for_each(|(total, p)| *total += p);
            }
            out
        })
    }

    fn bind(&mut self, half: usize, r: F) {
        self.tables.iter_mut().for_each(|table| parallel::bind(table, half, F::zero(), r));
    }
}
