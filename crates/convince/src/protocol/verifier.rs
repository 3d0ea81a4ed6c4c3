use convince_circuit::WireId;
use convince_field::{IntSlice, Ints};
use convince_gkr::Claim;
use convince_pcs::hyrax::hiding::HidingVerification;
use convince_pcs::{CommitmentScheme, OpeningClaim, PcsError, WireCommitment};
use convince_sumcheck::parallel;
use convince_transcript::VerifierChannel;

use super::both::{self, ADVICE, Setting};
use super::{Field, Row, Scheme, Statement, committed_order};
use crate::VerifyingKey;

/// A verifier of one circuit.
pub(crate) struct Verifier<'a> {
    pub(crate) setting: Setting<'a>,
    /// Wires committed before the proof: weights, private input and output.
    pub(crate) committed: Vec<(WireId, WireCommitment<'a, Scheme>)>,
    /// The integers of all other input and weight wires.
    pub(crate) public: Vec<(WireId, IntSlice<'a>)>,
    /// The output's integers, if they are public.
    pub(crate) output: Option<&'a Ints>,
}

impl<'a> Verifier<'a> {
    /// Verifies a proof in the clear.
    ///
    /// # Errors
    /// What the channel, a check or the commitment's equation finds.
    pub(crate) fn plain<C>(&self, channel: &mut C) -> Result<(), PcsError>
    where
        C: VerifierChannel<Field, Scalar = Field>,
    {
        let advice = self.receive_advice(channel)?;
        let claims = self.claims(channel)?;
        Scheme::verify(self.setting.params, &self.wires(&advice), &claims, channel)
    }

    /// Verifies a hiding proof over a channel in the clear, which is returned with the advice's rows.
    ///
    /// # Errors
    /// As [`Self::plain`].
    pub(crate) fn hiding<C>(&self, clear: C) -> Result<(C, Vec<Row>), PcsError>
    where
        C: VerifierChannel<Field, Scalar = Field>,
    {
        let Setting { params, frame, .. } = self.setting;
        let mut verification = HidingVerification::new(params, frame.counts, clear)?;
        let advice = self.receive_advice(verification.channel())?;
        let claims = self.claims(verification.channel())?;
        Ok((verification.close(&self.wires(&advice), &claims)?, advice))
    }

    fn receive_advice<C: VerifierChannel<Field>>(&self, channel: &mut C) -> Result<Vec<Row>, PcsError> {
        let count = self.setting.frame.num_advice_rows();
        let bytes = channel.receive_bytes(ADVICE, count.saturating_mul(Scheme::ROW_BYTES))?;
        Scheme::rows_from_bytes(count, &bytes)
    }

    fn claims<C: VerifierChannel<Field>>(
        &self,
        channel: &mut C,
    ) -> Result<Vec<OpeningClaim<Field, C::Scalar>>, PcsError> {
        let circuit = self.setting.circuit;
        let committed = committed_order(circuit, self.committed.iter().map(|(id, _)| *id));
        let evaluate = |claims: &[Claim<Field, C::Scalar>]| {
            let claims: Vec<_> = claims.iter().map(|claim| (claim.wire, &claim.functional)).collect();
            parallel::map(claims.len(), |k| {
                let (wire, functional) = claims[k];
                let values = self.public.iter().find(|(id, _)| *id == wire);
                values.map_or(Field::default(), |(_, values)| functional.apply(*values))
            })
        };
        Ok(both::claims(circuit, self.output, &committed, evaluate, channel)?)
    }

    fn wires<'b>(&'b self, advice: &'b [Row]) -> Vec<WireCommitment<'b, Scheme>> {
        let before = self.committed.iter().map(|(_, wire)| WireCommitment { split: wire.split, rows: wire.rows });
        before.chain(with_rows(&self.setting.frame.advice_splits, advice)).collect()
    }
}

/// Hands every split its rows, in order.
pub(crate) fn with_rows<'a>(
    splits: &'a [convince_pcs::Split],
    mut rows: &'a [Row],
) -> impl Iterator<Item = WireCommitment<'a, Scheme>> {
    splits.iter().map(move |split| {
        let (own, rest) = rows.split_at(split.num_rows());
        rows = rest;
        WireCommitment { split, rows: own }
    })
}

/// Runs the verifier of plain proofs on a channel whose transcript has absorbed the statement.
///
/// The input and the output must be of the circuit's sizes and within its ranges.
///
/// # Errors
/// What the channel, a check or the commitment's equation finds.
pub fn run_verifier<C>(key: &VerifyingKey, statement: &Statement<'_>, channel: &mut C) -> Result<(), PcsError>
where
    C: VerifierChannel<Field, Scalar = Field>,
{
    key.verifier(statement).plain(channel)
}

/// Runs the verifier of hiding proofs over a channel in the clear whose transcript has absorbed the statement.
///
/// # Errors
/// As [`run_verifier`].
pub fn run_hiding_verifier<C>(key: &VerifyingKey, statement: &Statement<'_>, clear: C) -> Result<C, PcsError>
where
    C: VerifierChannel<Field, Scalar = Field>,
{
    key.verifier(statement).hiding(clear).map(|(clear, _)| clear)
}
