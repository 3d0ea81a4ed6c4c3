use convince_circuit::Circuit;
use convince_field::ProofField;
use convince_sumcheck::{SumcheckClaim, eq_product};
use convince_transcript::{ChannelError, ChannelScalar, Check, VerifierChannel};

use super::{ALPHA, BETA, CHILDREN, COLUMNS, ColumnClaims, LAMBDA, ROOT, TAU, leaves};

/// Verifies all lookups down to claims on columns and multiplicities.
///
/// # Errors
/// The channel's; the checks are [`Check::LookupDenominatorRoot`], [`Check::LookupLayer`], [`Check::LookupLeafNumerator`] and
/// [`Check::LookupLeafDenominator`].
pub fn verify<F, C>(circuit: &Circuit, channel: &mut C) -> Result<ColumnClaims<F, C::Scalar>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    if circuit.blocks().is_empty() {
        return Ok(ColumnClaims::new(circuit, vec![], vec![]));
    }
    let constant = C::Scalar::constant;
    let (alpha, beta) = (channel.full_challenge(ALPHA), channel.full_challenge(BETA));
    let [root, inverse] = channel.receive_array(ROOT)?;
    let product = channel.mul(&root, &inverse);
    channel.assert_eq(product, constant(F::one()), Check::LookupDenominatorRoot)?;
    let (mut p, mut q, mut point) = (constant(F::zero()), root, Vec::with_capacity(circuit.log_leaves()));
    for depth in 0..circuit.log_leaves() {
        let lambda = channel.challenge(LAMBDA);
        let SumcheckClaim { value, point: next } = eq_product::verify(channel, &point, 2, p + q * lambda)?;
        let [p0, p1, q0, q1] = channel.receive_array(CHILDREN)?;
        let cross = channel.mul(&p0, &q1) + channel.mul(&q0, &(p1.clone() + q1.clone() * lambda));
        channel.assert_eq(cross, value, Check::LookupLayer { depth })?;
        let tau = channel.challenge(TAU);
        p = p0.clone() + (p1 - p0) * tau;
        q = q0.clone() + (q1 - q0) * tau;
        point = next;
        point.push(tau);
    }
    let columns = channel.receive(COLUMNS, ColumnClaims::<F, C::Scalar>::count(circuit))?;
    let claims = ColumnClaims::new(circuit, point, columns);
    let [numerator, denominator] = leaves::formula(circuit, &claims, [alpha, beta]);
    channel.assert_eq(p, numerator, Check::LookupLeafNumerator)?;
    channel.assert_eq(q, denominator, Check::LookupLeafDenominator)?;
    Ok(claims)
}
