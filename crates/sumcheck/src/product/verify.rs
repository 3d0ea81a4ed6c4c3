use convince_field::ProofField;
use convince_poly::Lagrange;
use convince_transcript::{ChannelError, ChannelScalar, VerifierChannel};

use super::{CHALLENGE, ROUND};
use crate::SumcheckClaim;

/// Checks the rounds of a batch given as (number of variables, lambda_j * c_j) an instance.
///
/// # Soundness
/// The caller must check that the claim out is the weighted sum of the instances' products at their suffixes.
///
/// # Errors
/// The channel's: a short proof or an encoding that is not canonical.
pub fn verify<F, C>(
    channel: &mut C,
    instances: &[(usize, C::Scalar)],
) -> Result<SumcheckClaim<F, C::Scalar>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let num_vars = instances.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let doubled = |n: usize| F::from_i64(2).pow([(num_vars - n) as u64]);
    let zero = C::Scalar::constant(F::zero());
    let mut value = instances.iter().fold(zero, |sum, (n, claim)| sum + claim.clone() * doubled(*n));
    let lagrange = Lagrange::new(2);
    let mut point = Vec::with_capacity(num_vars);
    for _ in 0..num_vars {
        let [at_zero, at_two] = channel.receive_array(ROUND)?;
        let at_one = value - at_zero.clone();
        let r = channel.challenge(CHALLENGE);
        let weights = lagrange.weights(r);
        value = at_zero * weights[0] + at_one * weights[1] + at_two * weights[2];
        point.push(r);
    }
    Ok(SumcheckClaim { value, point })
}
