//! Batches of sums of vectors against public kernels: what selections, transforms and their inverses have in common.
//!
//! ```text
//! Claim in:   v_tk = sum_x K_t(x) c_t(x), several claims k of one sum perhaps; lambda is drawn
//! Rounds:     product sumcheck, late start, of sum_t weight_t sum_x K_t(x) c_t(x), weight_t = sum of its claims' powers of lambda
//! Messages:   c_t~ at the point for every t, and K_t~ where the verifier does not evaluate it
//! Check:      sum_t weight_t K_t~ c_t~ = claim; then delegated K_t~ are proven
//! Claim out:  c_t~
//! Error:      (number of claims - 1 + 2 * rounds) / 2^128
//! ```

use convince_field::ProofField;
use convince_sumcheck::{SumcheckClaim, product, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, ProverChannel, VerifierChannel};

use super::Evaluations;
use super::delegate::{self, Entry};
use crate::wave::powers;

/// Names of a batch's messages, and of its check.
pub(super) struct Names {
    pub(super) lambda: Label,
    pub(super) values: Label,
    pub(super) kernels: Label,
    pub(super) check: Check,
}

/// A sum as its prover holds it.
pub(super) struct Sum<F> {
    pub(super) num_vars: usize,
    /// At least one.
    pub(super) claims: Vec<F>,
    /// Tables of at most `2^num_vars` entries.
    pub(super) values: Vec<F>,
    pub(super) kernel: Vec<F>,
}

/// A sum as its verifier holds it.
pub(super) struct Claims<S> {
    pub(super) num_vars: usize,
    pub(super) claims: Vec<S>,
}

/// A kernel's extension at the point.
pub(super) enum Kernel<F> {
    /// Evaluated by the verifier.
    Value(F),
    /// Claimed by the prover, then proven.
    Delegated(Entry<F>),
}

/// The sums' weights: of one claim its power of lambda, of several the sum of theirs.
fn weights<F: ProofField>(lambda: F, counts: impl Iterator<Item = usize> + Clone) -> (Vec<F>, Vec<F>) {
    let powers = powers(lambda, counts.clone().sum());
    let mut left = powers.as_slice();
    let weight = |count| {
        let (own, rest) = left.split_at(count);
        left = rest;
        own.iter().sum()
    };
    let weights = counts.map(weight).collect();
    (powers, weights)
}

/// `delegated` says for a sum and its point which entry of a matrix its kernel is, if the prover has to prove it.
pub(super) fn prove<F: ProofField, C: ProverChannel<F>>(
    channel: &mut C,
    names: &Names,
    sums: Vec<Sum<F>>,
    delegated: impl Fn(usize, &[F]) -> Option<Entry<F>>,
) -> Evaluations<F, F> {
    let (_, weights) = weights(channel.challenge(names.lambda), sums.iter().map(|sum| sum.claims.len()));
    let sizes: Vec<usize> = sums.iter().map(|sum| sum.num_vars).collect();
    let instances = sums.into_iter().zip(weights);
    let instance = |(sum, weight): (Sum<F>, F)| {
        product::Instance::new(sum.num_vars, weight, sum.claims[0], vec![[sum.values, sum.kernel]])
    };
    let (point, finals) = product::prove(channel, instances.map(instance).collect());
    let values: Vec<F> = finals.iter().map(|pairs| pairs[0][0]).collect();
    channel.send(names.values, &values);
    let entries = sizes.iter().enumerate().filter_map(|(t, &n)| Some((t, delegated(t, suffix(&point, n))?)));
    let entries: Vec<(usize, Entry<F>)> = entries.collect();
    if !entries.is_empty() {
        channel.send(names.kernels, &entries.iter().map(|(t, _)| finals[*t][0][1]).collect::<Vec<_>>());
    }
    entries.iter().for_each(|(_, entry)| delegate::prove(channel, entry));
    Evaluations { point, values }
}

/// `kernel` evaluates a sum's kernel at its point, or says which entry of a matrix it is.
pub(super) fn verify<F: ProofField, C: VerifierChannel<F>>(
    channel: &mut C,
    names: &Names,
    sums: &[Claims<C::Scalar>],
    mut kernel: impl FnMut(usize, &[F]) -> Kernel<F>,
) -> Result<Evaluations<F, C::Scalar>, ChannelError> {
    let (powers, weights) = weights(channel.challenge(names.lambda), sums.iter().map(|sum| sum.claims.len()));
    let zero = C::Scalar::constant(F::zero());
    let mut powers = powers.into_iter();
    let mut weighted = |sum: &Claims<C::Scalar>| {
        let terms = sum.claims.iter().zip(powers.by_ref());
        (sum.num_vars, terms.fold(zero.clone(), |total, (claim, power)| total + claim.clone() * power))
    };
    let claims: Vec<_> = sums.iter().map(&mut weighted).collect();
    let SumcheckClaim { value, point } = product::verify(channel, &claims)?;
    let values = channel.receive(names.values, sums.len())?;
    let kernels: Vec<Kernel<F>> =
        sums.iter().enumerate().map(|(t, sum)| kernel(t, suffix(&point, sum.num_vars))).collect();
    let count = kernels.iter().filter(|kernel| matches!(kernel, Kernel::Delegated(_))).count();
    let claimed = if count == 0 { vec![] } else { channel.receive(names.kernels, count)? };
    let mut total = zero;
    let mut entries = Vec::new();
    let mut claimed = claimed.into_iter();
    for ((kernel, value), weight) in kernels.into_iter().zip(&values).zip(weights) {
        total = match kernel {
            Kernel::Value(kernel) => total + value.clone() * (kernel * weight),
            Kernel::Delegated(entry) => {
                let Some(kernel) = claimed.next() else { continue };
                let term = channel.mul(value, &kernel) * weight;
                entries.push((entry, kernel));
                total + term
            }
        };
    }
    channel.assert_eq(total, value, names.check)?;
    for (entry, value) in entries {
        delegate::verify(channel, &entry, value)?;
    }
    Ok(Evaluations { point, values })
}
