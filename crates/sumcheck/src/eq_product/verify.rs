use convince_field::ProofField;
use convince_poly::Lagrange;
use convince_transcript::{ChannelError, ChannelScalar, VerifierChannel};

use super::{CHALLENGE, ROUND};
use crate::SumcheckClaim;

/// Checks the rounds from the claim `sum_j lambda_j * c_j`.
///
/// # Soundness
/// The caller must check that the claim out is `sum_j lambda_j * f_j` at the instances' suffixes of the point. No factor
/// eq(z, s) is left in it.
///
/// # Errors
/// The channel's, and [`ChannelError::ZeroChallenge`] where an entry of `z` is zero.
pub fn verify<F, C>(
    channel: &mut C,
    z: &[F],
    degree: usize,
    claim: C::Scalar,
) -> Result<SumcheckClaim<F, C::Scalar>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let inverses = invert_all(z).ok_or(ChannelError::ZeroChallenge)?;
    let lagrange = Lagrange::new(degree);
    let (mut value, mut point) = (claim, Vec::with_capacity(z.len()));
    for (&z, inverse) in z.iter().zip(inverses) {
        let message = channel.receive(ROUND, degree)?;
        let s = channel.challenge(CHALLENGE);
        let weights = lagrange.weights(s);
        let nodes = weights[..1].iter().chain(&weights[2..]);
        let others = message.iter().zip(nodes).fold(C::Scalar::constant(F::zero()), |sum, (m, w)| sum + m.clone() * *w);
        let at_one = (value - message[0].clone() * (F::one() - z)) * inverse;
        value = others + at_one * weights[1];
        point.push(s);
    }
    Ok(SumcheckClaim { value, point })
}

/// All inverses at the price of one; `None` if an element is zero.
pub fn invert_all<F: ProofField>(values: &[F]) -> Option<Vec<F>> {
    let products: Vec<F> = values
        .iter()
        .scan(F::one(), |product, value| {
            *product *= value;
            Some(*product)
        })
        .collect();
    let Some(last) = products.last() else { return Some(Vec::new()) };
    let mut inverse = last.inverse()?;
    let mut out = vec![F::zero(); values.len()];
    for i in (0..values.len()).rev() {
        out[i] = if i == 0 { inverse } else { inverse * products[i - 1] };
        inverse *= values[i];
    }
    Some(out)
}
