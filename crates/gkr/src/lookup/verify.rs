use convince_circuit::Circuit;
use convince_field::ProofField;
use convince_transcript::{ChannelError, ChannelScalar, Check, VerifierChannel};

use super::{ALPHA, BETA, CHILDREN, COLUMNS, ColumnClaims, LAMBDA, POINT, ROOT, ROUND, TAU, formula};
use super::{first_claim, next_claim};

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
    let (mut point, mut claims) = (Vec::new(), None::<[C::Scalar; 4]>);
    for depth in 0..circuit.log_leaves() {
        let lambda = channel.challenge(LAMBDA);
        let value = match claims {
            None => root.clone() * lambda,
            Some([p0, p1, q0, q1]) => rounds(channel, [p0 + q0 * lambda, p1 + q1 * lambda], &mut point)?,
        };
        let [p0, p1, q0, q1] = channel.receive_array(CHILDREN)?;
        let cross = channel.mul(&p0, &q1) + channel.mul(&q0, &(p1.clone() + q1.clone() * lambda));
        channel.assert_eq(cross, value, Check::LookupLayer { depth })?;
        claims = Some([p0, p1, q0, q1]);
    }
    let tau = channel.challenge(TAU);
    let between = |low: C::Scalar, high: C::Scalar| low.clone() + (high - low) * tau;
    let [p, q] = match claims {
        None => [constant(F::zero()), root],
        Some([p0, p1, q0, q1]) => [between(p0, p1), between(q0, q1)],
    };
    point.push(tau);
    let columns = channel.receive(COLUMNS, ColumnClaims::<F, C::Scalar>::count(circuit))?;
    let claims = ColumnClaims::new(circuit, point, columns);
    let [numerator, denominator] = formula::formula(circuit, &claims, [alpha, beta]);
    channel.assert_eq(p, numerator, Check::LookupLeafNumerator)?;
    channel.assert_eq(q, denominator, Check::LookupLeafDenominator)?;
    Ok(claims)
}

/// Checks a layer's rounds from f's claims with the lowest variable at 0 and 1, those above it at `point`, which becomes
/// where the claim that is returned is.
fn rounds<F, C>(channel: &mut C, ends: [C::Scalar; 2], point: &mut Vec<F>) -> Result<C::Scalar, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let square = channel.receive_one(ROUND)?;
    let mut s = channel.challenge(POINT);
    let mut claim = first_claim(ends, square, s);
    for z in point.iter_mut().rev() {
        let message = channel.receive_array(ROUND)?;
        // The challenges come from the lowest variable on and take the places of the point's, one further up.
        let below = std::mem::replace(&mut s, channel.challenge(POINT));
        claim = next_claim(claim, message, *z, s);
        *z = below;
    }
    point.insert(0, s);
    Ok(claim)
}
