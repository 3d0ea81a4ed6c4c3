//! Kernels over tables: eight entries at a time where the processor can ([`ifma`]), the rest one by one.

use ark_ff::AdditiveGroup;

use super::config::Fr;
use super::{arithmetic, bind};
use crate::reference;

#[cfg(target_arch = "x86_64")]
use super::ifma::{self, Ifma};

/// `sum_i a_i b_i`.
pub(super) fn inner_product(a: &[Fr], b: &[Fr]) -> Fr {
    assert_eq!(a.len(), b.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = vectors(a.len()) {
        let (sum, done) = ifma::inner_product(present, a, b);
        return sum + arithmetic::inner_product(&a[done..], &b[done..]);
    }
    arithmetic::inner_product(a, b)
}

/// A kernel on two tables: on whole vectors by `$vectors` of [`ifma`], on the rest by the reference.
macro_rules! elementwise {
    ($($(#[$doc:meta])* $name:ident($a:ident, $b:ident) by $vectors:ident($first:ident, $second:ident);)*) => {$(
        $(#[$doc])*
        pub(super) fn $name(out: &mut [Fr], $a: &[Fr], $b: &[Fr]) {
            assert!(out.len() == $a.len() && $a.len() == $b.len());
            #[cfg(target_arch = "x86_64")]
            if let Some(present) = vectors(out.len()) {
                let done = ifma::$vectors(present, out, $first, $second);
                return reference::$name(&mut out[done..], &$a[done..], &$b[done..]);
            }
            reference::$name(out, $a, $b);
        }
    )*};
}

elementwise! {
    /// `out = a + b`.
    sums(a, b) by sums(a, b);
    /// `out = a - b`.
    differences(a, b) by differences(a, b);
    /// `out = 2 high - low`.
    extrapolations(low, high) by extrapolations(high, low);
    /// `out = a b`.
    products(a, b) by products(a, b);
}

/// `out += factor x`.
pub(super) fn add_scaled(out: &mut [Fr], x: &[Fr], factor: Fr) {
    assert_eq!(out.len(), x.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = vectors(x.len()) {
        let done = ifma::add_scaled(present, out, x, &factor);
        return bind::add_scaled(&mut out[done..], &x[done..], factor);
    }
    bind::add_scaled(out, x, factor);
}

/// `sum_i w_i sum_k a_ki b_ki`.
pub(super) fn weighted_products<const K: usize>(weights: &[Fr], pairs: [[&[Fr]; 2]; K]) -> Fr {
    assert!(pairs.as_flattened().iter().all(|table| table.len() == weights.len()));
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = vectors(weights.len()) {
        let (sum, done) = ifma::weighted_products(present, weights, &pairs);
        let rest = pairs.map(|pair| pair.map(|table| &table[done..]));
        return sum + weighted_one_by_one(&weights[done..], rest);
    }
    weighted_one_by_one(weights, pairs)
}

/// Sums of products that are weighted by one inner product.
const RUN: usize = 64;

fn weighted_one_by_one<const K: usize>(weights: &[Fr], pairs: [[&[Fr]; 2]; K]) -> Fr {
    let mut sums = [Fr::ZERO; RUN];
    let run = |(start, weights): (usize, &[Fr])| {
        for (i, sum) in (start..start + weights.len()).zip(&mut sums) {
            let factors = |side: usize| pairs.map(|pair| pair[side][i]);
            *sum = <Fr as ark_ff::Field>::sum_of_products(&factors(0), &factors(1));
        }
        arithmetic::inner_product(weights, &sums[..weights.len()])
    };
    (0..).step_by(RUN).zip(weights.chunks(RUN)).map(run).sum()
}

/// `(p0 q1 + p1 q0, q0 q1)` of neighbours.
pub(super) fn add_fractions([p, q]: [&[Fr]; 2], [sums_p, sums_q]: [&mut [Fr]; 2]) {
    assert!(p.len() == q.len() && q.len() == 2 * sums_p.len() && sums_p.len() == sums_q.len());
    #[cfg(target_arch = "x86_64")]
    if let Some(present) = vectors(sums_p.len()) {
        let done = ifma::add_fractions(present, [p, q], [sums_p, sums_q]);
        let sums = [&mut sums_p[done..], &mut sums_q[done..]];
        return reference::add_fractions([&p[2 * done..], &q[2 * done..]], sums);
    }
    reference::add_fractions([p, q], [sums_p, sums_q]);
}

/// Proof of the instructions for tables that have a whole vector.
#[cfg(target_arch = "x86_64")]
fn vectors(len: usize) -> Option<Ifma> {
    if len >= ifma::LANES { Ifma::detect() } else { None }
}
