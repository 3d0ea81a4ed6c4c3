//! A hiding proof's two ends, put together from the public parts of the workspace, so that a test can stand between any two.
//!
//! Nothing of `convince` itself is run here: the proofs are those of `protocol::run_hiding_prover`, byte for byte, and whoever
//! wants to cheat can.

use convince::circuit::{Circuit, WireId, WireKind, Witness};
use convince::protocol::{Field, Row};
use convince_field::{IntSlice, Ints, ProofField};
use convince_pcs::hyrax::hiding::{Counts, HidingOpening, HidingVerification};
use convince_pcs::{CommitmentScheme, CommittedWire, Hyrax, OpeningClaim, PcsError, Split, WireCommitment};
use convince_testing::{Forger, Known, Met, Refusal, Replaced, Verdict, Watcher, reveal};
use convince_transcript::hiding::{Hidden, HidingVerifier};
use convince_transcript::{
    ChannelError, ChannelScalar, Check, Counter, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel,
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// What an end leaves out or changes.
#[derive(Clone, Default)]
pub(crate) struct Dishonest {
    /// Scalars sent in place of the prover's, before they are padded.
    pub(crate) replaced: Replaced<Field>,
    /// Full challenges known in advance.
    pub(crate) known: Known<Field>,
    /// The check that is ignored.
    pub(crate) ignored: Option<usize>,
}

/// A circuit whose weights are committed and whose input and output are public.
pub(crate) struct Parts<'a> {
    pub(crate) circuit: &'a Circuit,
    pub(crate) params: <Hyrax as CommitmentScheme>::Params,
    pub(crate) counts: Counts,
    pub(crate) input: Ints,
    pub(crate) output: Ints,
    width: usize,
    splits: Vec<Split>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(circuit: &'a Circuit, width: usize, input: Ints, output: Ints) -> Self {
        let mut counter = Counter::default();
        let _: Vec<convince_gkr::Claim<Field, Field>> =
            convince_gkr::verify(circuit, Some(&output), &mut counter).unwrap();
        let counts = Counts { messages: counter.scalars, products: counter.products };
        let params = Hyrax::params(width).unwrap();
        let splits = order(circuit).map(|id| Split::choose(&circuit.wire(id).shape, width)).collect();
        Self { circuit, params, counts, input, output, width, splits }
    }

    /// Rows of wires of a kind.
    pub(crate) fn num_rows(&self, kind: WireKind) -> usize {
        let of_kind =
            |(id, split): (WireId, &Split)| if self.circuit.wire(id).kind == kind { split.num_rows() } else { 0 };
        order(self.circuit).zip(&self.splits).map(of_kind).sum()
    }

    fn pad_bytes(&self) -> usize {
        Hyrax::ROW_BYTES * self.counts.messages.div_ceil(self.width)
    }

    /// The pads that a prover of this seed draws: they are what it draws first.
    pub(crate) fn pads(&self, seed: [u8; 32]) -> Vec<Field> {
        let mut bytes = vec![0; 64 * self.counts.messages];
        ChaCha20Rng::from_seed(seed).fill_bytes(&mut bytes);
        bytes.as_chunks::<64>().0.iter().map(Field::full_challenge).collect()
    }

    /// What a verifier does between commitments and closing.
    pub(crate) fn algorithm<C: VerifierChannel<Field>>(
        &self,
        channel: &mut C,
    ) -> Result<Vec<OpeningClaim<Field, C::Scalar>>, ChannelError> {
        let mut openings = Vec::new();
        for claim in convince_gkr::verify(self.circuit, Some(&self.output), channel)? {
            match order(self.circuit).position(|id| id == claim.wire) {
                Some(wire) => openings.push(OpeningClaim { wire, functional: claim.functional, value: claim.value }),
                None => {
                    let value = C::Scalar::constant(claim.functional.apply(self.input.as_slice()));
                    channel.assert_eq(claim.value, value, Check::PublicWire { wire: claim.wire.index() })?;
                }
            }
        }
        Ok(openings)
    }

    /// A proof, whole or without its closing argument.
    pub(crate) fn prove(
        &self,
        witness: &Witness,
        blinds: &[Field],
        seed: [u8; 32],
        transcript: Transcript,
        lie: &Dishonest,
        whole: bool,
    ) -> Vec<u8> {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut opening = HidingOpening::new(&self.params, self.counts, PlainProver::new(transcript), &mut rng);
        let values: Vec<IntSlice<'_>> = order(self.circuit).map(|id| witness.wire(id)).collect();
        let weights = self.circuit.wires_of(WireKind::Weight).count();
        let advice = self.splits.iter().zip(&values).skip(weights);
        let rows: Vec<IntSlice<'_>> = advice.flat_map(|(split, values)| split.rows(*values)).collect();
        let advice_blinds = Hyrax::blinds(rows.len(), &mut rng);
        let rows = Hyrax::commit(&self.params, &rows, &advice_blinds);
        let mut channel = Forger::new(opening.channel()).replacing(&lie.replaced).knowing(&lie.known);
        channel.send_bytes("convince/advice", &Hyrax::rows_to_bytes(&rows));
        convince_gkr::prove(self.circuit, witness, &mut channel);
        let mut watcher = Watcher::new(opening.recorder(), lie.ignored).knowing(&lie.known);
        let claims = self.algorithm(&mut watcher);
        let (recorder, _, _) = watcher.finish();
        match claims {
            Ok(claims) if whole => {
                let blinds = [blinds, &advice_blinds].concat();
                opening.close(&self.wires(&values, &blinds), &claims, recorder, &mut rng).finish()
            }
            _ => opening.abandon().finish(),
        }
    }

    fn wires<'b>(&'b self, values: &[IntSlice<'b>], mut blinds: &'b [Field]) -> Vec<CommittedWire<'b, Hyrax>> {
        let mut wires = Vec::new();
        for (split, values) in self.splits.iter().zip(values) {
            let (own, rest) = blinds.split_at(split.num_rows());
            blinds = rest;
            wires.push(CommittedWire { split, values: *values, blinds: own });
        }
        wires
    }

    /// What the closing argument is going to find, for who knows pads and witness: the checks that the verifier met up to the
    /// first that does not hold. False claims on committed wires are no check, and are let pass if the check that is ignored
    /// comes after all of them.
    pub(crate) fn look(
        &self,
        witness: &Witness,
        transcript: Transcript,
        proof: &[u8],
        pads: &[Field],
        lie: &Dishonest,
    ) -> Verdict<Field> {
        let mut clear = PlainVerifier::new(transcript, proof);
        if let Err(error) = VerifierChannel::<Field>::receive_bytes(&mut clear, "pcs/hiding/pads", self.pad_bytes()) {
            return Verdict { result: Err(error.into()), met: vec![], offsets: vec![] };
        }
        let mut watcher = Watcher::new(HidingVerifier::new(clear), lie.ignored).knowing(&lie.known);
        let advice = Hyrax::ROW_BYTES * self.num_rows(WireKind::Advice);
        let claims = watcher.receive_bytes("convince/advice", advice).and_then(|_| self.algorithm(&mut watcher));
        let (channel, met, mut offsets) = watcher.finish();
        let tape = channel.into_parts().1;
        let mut met = reveal(&tape, pads, &met);
        offsets.iter_mut().for_each(|offset| *offset += self.pad_bytes());
        let broken = |(k, m): (usize, &Met<Field>)| lie.ignored != Some(k) && m.difference != Field::default();
        let first = met.iter().enumerate().position(broken);
        let result = match (first, claims) {
            (Some(first), _) => {
                met.truncate(first + 1);
                Err(Refusal::Check(met[first].check))
            }
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) if lie.ignored == Some(met.len()) => Ok(()),
            (None, Ok(claims)) => {
                let on_wires: Vec<_> = claims.into_iter().map(|claim| self.difference(witness, claim)).collect();
                match reveal(&tape, pads, &on_wires).iter().all(|m| m.difference == Field::default()) {
                    true => Ok(()),
                    false => Err(Refusal::Other("a claim on a committed wire".into())),
                }
            }
        };
        Verdict { result, met, offsets }
    }

    /// What a claim says less what the wire has.
    fn difference(&self, witness: &Witness, claim: OpeningClaim<Field, Hidden<Field>>) -> Met<Hidden<Field>> {
        let wire = order(self.circuit).nth(claim.wire).expect("claims are on committed wires");
        let value = Hidden::constant(claim.functional.apply(witness.wire(wire)));
        Met { check: Check::OpeningEvaluation, difference: claim.value - value, received: 0 }
    }

    /// Verifies, but for one check of the tape, and for those of the closing argument if these are ignored.
    pub(crate) fn verify(
        &self,
        weights: &[Row],
        transcript: Transcript,
        proof: &[u8],
        lie: &Dishonest,
        ignore_evaluation: bool,
    ) -> Result<(), PcsError> {
        let mut clear = Watcher::new(PlainVerifier::new(transcript, proof), ignore_evaluation.then_some(0));
        let mut verification = HidingVerification::new(&self.params, self.counts, &mut clear)?;
        let mut watcher = Watcher::new(verification.channel(), lie.ignored).knowing(&lie.known);
        let count = self.num_rows(WireKind::Advice);
        let advice = watcher.receive_bytes("convince/advice", Hyrax::ROW_BYTES * count)?;
        let advice = Hyrax::rows_from_bytes(count, &advice)?;
        let claims = self.algorithm(&mut watcher)?;
        let rows = [weights, &advice].concat();
        let mut left = &rows[..];
        let wire = |split| {
            let (own, rest) = left.split_at(Split::num_rows(split));
            left = rest;
            WireCommitment { split, rows: own }
        };
        let wires: Vec<_> = self.splits.iter().map(wire).collect();
        verification.close(&wires, &claims)?;
        Ok(clear.finish().0.finish()?)
    }
}

/// The committed wires: weights, then advice.
fn order(circuit: &Circuit) -> impl Iterator<Item = WireId> + '_ {
    circuit.wires_of(WireKind::Weight).chain(circuit.wires_of(WireKind::Advice))
}
