use ark_ff::Field;
use convince_field::{Fr, ProofField};
use convince_transcript::hiding::{Hidden, Tape};

use crate::OpeningClaim;

/// What both sides know of the products when they are joined to the rest.
pub(super) struct Products<'a> {
    /// `1, tau, tau^2, ...`, one a product.
    pub(super) tau: &'a [Fr],
    pub(super) e: Fr,
    /// `z_x` and `z_y`.
    pub(super) factors: [&'a [Fr]; 2],
}

/// The part of the one linear statement that is about hidden scalars; that about wires weighs claim t by `kappa^t`.
pub(super) struct Statement {
    pub(super) kappa: Fr,
    /// One coefficient a hidden scalar, in the order of [`super::Layout`].
    pub(super) coefficients: Vec<Fr>,
    /// b: what the sum over wires and hidden scalars is.
    pub(super) total: Fr,
}

impl Statement {
    /// Everything that is zero, weighted by powers of kappa: claims first, then the tape, then the products.
    pub(super) fn new(
        tape: &Tape<Fr>,
        claims: &[OpeningClaim<Fr, Hidden<Fr>>],
        products: &Products<'_>,
        kappa: Fr,
    ) -> Self {
        let mut powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * kappa));
        let mut take = || powers.next().unwrap_or(Fr::ONE);
        let mut forms: Vec<(Hidden<Fr>, Fr)> = claims.iter().map(|claim| (claim.value.clone(), -take())).collect();
        forms.extend(tape.assertions().iter().map(|(form, _)| (form.clone(), take())));
        let ([z_x, z_y], count) = (products.factors, tape.products().len());
        let (mut constant, mut differences) = (Fr::from(0u64), [Vec::new(), Vec::new()]);
        for (k, [x, y]) in tape.products().iter().enumerate() {
            for ((form, z), d) in [(x, z_x[k]), (y, z_y[k])].into_iter().zip(&mut differences) {
                let weight = take();
                forms.push((form.clone(), -products.e * weight));
                constant += weight * z;
                d.push(-weight);
            }
        }
        let weight = take();
        constant -= weight * weighted_products(products.tau, z_x, z_y);
        let mut sum = tape.weighted_sum(forms);
        let square = weight * products.e.square();
        sum.products.iter_mut().zip(products.tau).for_each(|(z, t)| *z += square * t);
        let cross = if count > 0 { vec![weight, weight * products.e] } else { Vec::new() };
        let [d_x, d_y] = differences;
        let coefficients = [sum.pads, sum.products, d_x, d_y, cross].concat();
        Self { kappa, coefficients, total: -(constant + sum.constant) }
    }
}

/// `sum_k tau^k a_k b_k`, from the powers of tau.
pub(super) fn weighted_products(tau: &[Fr], a: &[Fr], b: &[Fr]) -> Fr {
    tau.iter().zip(a).zip(b).map(|((t, a), b)| *t * a * b).sum()
}

/// `1, tau, tau^2, ...`.
pub(super) fn powers(tau: Fr, count: usize) -> Vec<Fr> {
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * tau)).take(count).collect()
}

/// `a + c b`, entry by entry; `b` may be shorter.
pub(super) fn combine(a: &[Fr], c: Fr, b: &[Fr]) -> Vec<Fr> {
    let mut sum = a.to_vec();
    Fr::add_scaled(&mut sum[..b.len()], b, c);
    sum
}

/// `<row, weights>` for every row of a list of scalars.
pub(super) fn row_weights(coefficients: &[Fr], rows: &[std::ops::Range<usize>], eq: &[Fr]) -> Vec<Fr> {
    rows.iter().map(|row| Fr::inner_product(&coefficients[row.clone()], &eq[..row.len()])).collect()
}
