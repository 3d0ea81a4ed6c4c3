use convince_circuit::{WireId, WireKind, Witness};
use convince_field::{IntSlice, Ints};
use convince_gkr::Claim;
use convince_pcs::hyrax::hiding::HidingOpening;
use convince_pcs::{CommitmentScheme, CommittedWire, OpeningClaim, Split};
use convince_transcript::ProverChannel;
use convince_transcript::hiding::Hidden;
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::both::{self, ADVICE, Setting};
use super::{Blind, Field, Row, Scheme, committed_order, num_rows};
use crate::{Openings, Phase, ProvingKey};

/// A prover of one circuit, for any well-shaped witness.
pub(crate) struct Prover<'a> {
    pub(crate) setting: Setting<'a>,
    /// Wires committed before the proof: weights, private input and output.
    pub(crate) committed: Vec<(WireId, CommittedWire<'a, Scheme>)>,
    pub(crate) witness: &'a Witness,
    /// Hears when a phase begins.
    pub(crate) progress: &'a dyn Fn(Phase),
}

/// The advice's rows, committed.
pub(crate) struct Advice {
    pub(crate) blinds: Zeroizing<Vec<Blind>>,
    pub(crate) rows: Vec<Row>,
}

impl Prover<'_> {
    /// Proves in the clear.
    pub(crate) fn plain<C: ProverChannel<Field>>(&self, rng: &mut (impl RngCore + CryptoRng), channel: &mut C) {
        (self.progress)(Phase::Commit);
        let advice = self.commit(rng);
        channel.send_bytes(ADVICE, &Scheme::rows_to_bytes(&advice.rows));
        (self.progress)(Phase::Reduce);
        let claims = convince_gkr::prove(self.setting.circuit, self.witness, channel);
        (self.progress)(Phase::Open);
        Scheme::open(self.setting.params, &self.wires(&advice), &self.openings(claims), channel);
    }

    /// Makes a hiding proof over a channel in the clear, which is returned with the advice's rows.
    pub(crate) fn hiding<C>(&self, rng: &mut (impl RngCore + CryptoRng), clear: C) -> (C, Advice)
    where
        C: ProverChannel<Field>,
    {
        let Setting { circuit, params, frame } = self.setting;
        (self.progress)(Phase::Commit);
        let mut opening = HidingOpening::new(params, frame.counts, clear, rng);
        let advice = self.commit(rng);
        opening.channel().send_bytes(ADVICE, &Scheme::rows_to_bytes(&advice.rows));
        (self.progress)(Phase::Reduce);
        convince_gkr::prove(circuit, self.witness, opening.channel());
        (self.progress)(Phase::Open);
        let mut recorder = opening.recorder();
        let output = ints(self.witness.tensor(circuit, circuit.output()));
        // Constants of the tape are the verifier's concern: a prover evaluates no public wire, and takes what is claimed for true.
        let evaluate = |claims: &[Claim<Field, Hidden<Field>>]| {
            claims.iter().map(|claim| claim.value.public().unwrap_or_default()).collect()
        };
        let claims = both::claims(circuit, Some(&output), &self.order(), evaluate, &mut recorder);
        let clear = match claims {
            Ok(claims) => opening.close(&self.wires(&advice), &claims, recorder, rng),
            // A false public statement that no verifier goes on with.
            Err(_) => opening.abandon(),
        };
        (clear, advice)
    }

    fn commit(&self, rng: &mut (impl RngCore + CryptoRng)) -> Advice {
        let splits = &self.setting.frame.advice_splits;
        let blinds = Zeroizing::new(Scheme::blinds(num_rows(splits), rng));
        let rows: Vec<_> = splits.iter().zip(self.advice()).flat_map(|(split, values)| split.rows(values)).collect();
        let rows = Scheme::commit(self.setting.params, &rows, &blinds);
        Advice { blinds, rows }
    }

    fn advice(&self) -> impl Iterator<Item = IntSlice<'_>> {
        self.setting.circuit.wires_of(WireKind::Advice).map(|id| self.witness.wire(id))
    }

    fn order(&self) -> Vec<WireId> {
        committed_order(self.setting.circuit, self.committed.iter().map(|(id, _)| *id))
    }

    /// The claims on committed wires; the verifier evaluates those on public ones.
    fn openings(&self, claims: Vec<Claim<Field, Field>>) -> Vec<OpeningClaim<Field, Field>> {
        let places = both::places(self.setting.circuit, &self.order());
        let opening = |claim: Claim<Field, Field>| {
            let Claim { wire, functional, value } = claim;
            places[wire.index()].map(|wire| OpeningClaim { wire, functional, value })
        };
        claims.into_iter().filter_map(opening).collect()
    }

    fn wires<'b>(&'b self, advice: &'b Advice) -> Vec<CommittedWire<'b, Scheme>> {
        let before = self.committed.iter().map(|(_, wire)| CommittedWire {
            split: wire.split,
            values: wire.values,
            blinds: wire.blinds,
        });
        before.chain(with_blinds(&self.setting.frame.advice_splits, self.advice(), &advice.blinds)).collect()
    }
}

/// Integers as the statement holds them.
pub(crate) fn ints(values: IntSlice<'_>) -> Ints {
    Ints::I32(values.iter().map(|v| v as i32).collect())
}

/// Hands every split its integers and its rows' blinds, in order.
pub(crate) fn with_blinds<'a>(
    splits: &'a [Split],
    values: impl Iterator<Item = IntSlice<'a>>,
    mut blinds: &'a [Blind],
) -> impl Iterator<Item = CommittedWire<'a, Scheme>> {
    splits.iter().zip(values).map(move |(split, values)| {
        let (own, rest) = blinds.split_at(split.num_rows());
        blinds = rest;
        CommittedWire { split, values, blinds: own }
    })
}

/// Runs the prover of plain proofs on any well-shaped witness, honest or not, over a channel whose transcript has absorbed the
/// statement.
///
/// `rng` gives the blinds of the advice rows; `progress` hears when a phase begins.
pub fn run_prover<C: ProverChannel<Field>>(
    key: &ProvingKey,
    witness: &Witness,
    openings: &Openings,
    rng: &mut (impl RngCore + CryptoRng),
    channel: &mut C,
    progress: &dyn Fn(Phase),
) {
    let blinds = openings.blinds();
    key.prover(witness, &blinds, progress).plain(rng, channel);
}

/// Runs the prover of hiding proofs over a channel in the clear, which is returned.
///
/// `rng` gives all blinds and pads.
pub fn run_hiding_prover<C: ProverChannel<Field>>(
    key: &ProvingKey,
    witness: &Witness,
    openings: &Openings,
    rng: &mut (impl RngCore + CryptoRng),
    clear: C,
    progress: &dyn Fn(Phase),
) -> C {
    let blinds = openings.blinds();
    key.prover(witness, &blinds, progress).hiding(rng, clear).0
}
