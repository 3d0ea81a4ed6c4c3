use convince_circuit::{WireId, WireKind, Witness};
use convince_field::{IntSlice, Ints, jobs};
use convince_gkr::Claim;
use convince_pcs::hyrax::hiding::{HidingOpening, Pads};
use convince_pcs::{CommitmentScheme, CommittedWire, OpeningClaim, Split};
use convince_transcript::hiding::Hidden;
use convince_transcript::{ProverChannel, profile};
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tracing::debug_span;
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
    /// Levels of the lookups' tree that are not kept.
    pub(crate) recomputed: usize,
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
        let phase = Phase::Commit.begin(self.progress);
        let (_, advice) = self.commit(rng, || ());
        self.send_advice(&advice, channel);
        drop(phase);
        let phase = Phase::Reduce.begin(self.progress);
        let claims = convince_gkr::prove_recomputing(self.setting.circuit, self.witness, self.recomputed, channel);
        drop(phase);
        let _phase = Phase::Open.begin(self.progress);
        Scheme::open(self.setting.params, &self.wires(&advice), &self.openings(claims), channel);
    }

    /// Makes a hiding proof over a channel in the clear, which is returned with the advice's rows.
    pub(crate) fn hiding<C>(&self, rng: &mut (impl RngCore + CryptoRng), clear: C) -> (C, Advice)
    where
        C: ProverChannel<Field>,
    {
        let Setting { circuit, params, frame } = self.setting;
        let phase = Phase::Commit.begin(self.progress);
        let pads = debug_span!("pads").in_scope(|| Pads::draw(params, frame.counts, rng));
        let (points, advice) = self.commit(rng, || pads.commit(params));
        let mut opening = HidingOpening::with_pads(params, frame.counts, pads, &points, clear);
        self.send_advice(&advice, opening.channel());
        drop(phase);
        let phase = Phase::Reduce.begin(self.progress);
        convince_gkr::prove_recomputing(circuit, self.witness, self.recomputed, opening.channel());
        drop(phase);
        let _phase = Phase::Open.begin(self.progress);
        let replay = debug_span!("replay").entered();
        let mut recorder = opening.recorder();
        let output = ints(self.witness.tensor(circuit, circuit.output()));
        // Constants of the tape are the verifier's concern: a prover evaluates no public wire, and takes what is claimed for true.
        let evaluate = |claims: &[Claim<Field, Hidden<Field>>]| {
            claims.iter().map(|claim| claim.value.public().unwrap_or_default()).collect()
        };
        let claims = both::claims(circuit, Some(&output), &self.order(), evaluate, &mut recorder);
        drop(replay);
        let clear = match claims {
            Ok(claims) => opening.close(&self.wires(&advice), &claims, recorder, rng),
            // A false public statement that no verifier goes on with.
            Err(_) => opening.abandon(),
        };
        (clear, advice)
    }

    /// Commits to the advice, beside something that takes little longer than handing out its work.
    fn commit<T: Send>(&self, rng: &mut (impl RngCore + CryptoRng), beside: impl FnOnce() -> T + Send) -> (T, Advice) {
        let _span = debug_span!("rows").entered();
        let splits = &self.setting.frame.advice_splits;
        // The system's generator takes half a microsecond a call, and a blind several calls.
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        let blinds = Zeroizing::new(Scheme::blinds(num_rows(splits), &mut ChaCha20Rng::from_seed(*seed)));
        let rows: Vec<_> = splits.iter().zip(self.advice()).flat_map(|(split, values)| split.rows(values)).collect();
        let (made, rows) = jobs::beside(beside, || Scheme::commit(self.setting.params, &rows, &blinds));
        (made, Advice { blinds, rows })
    }

    fn send_advice<C: ProverChannel<Field>>(&self, advice: &Advice, channel: &mut C) {
        channel.send_bytes(ADVICE, &Scheme::rows_to_bytes(&advice.rows));
        for (id, split) in self.setting.circuit.wires_of(WireKind::Advice).zip(&self.setting.frame.advice_splits) {
            profile::share(id.index(), split.num_rows() * Scheme::ROW_BYTES);
            profile::share_work(id.index(), || additions(self.witness.wire(id), split.num_rows()));
        }
    }

    fn advice(&self) -> impl Iterator<Item = IntSlice<'_>> {
        self.setting.circuit.wires_of(WireKind::Advice).map(|id| self.witness.wire(id))
    }

    fn order(&self) -> Vec<WireId> {
        let order = committed_order(self.setting.circuit, self.committed.iter().map(|(id, _)| *id));
        order.iter().enumerate().for_each(|(place, wire)| profile::placed(place, wire.index()));
        order
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

/// Additions of points that a blind takes.
const BLIND_ADDITIONS: u64 = 32;

/// Additions of points that the commitments to a wire's rows take, about: one for each digit of 8 bits of whatever is not zero, and
/// those of the blinds.
fn additions(values: IntSlice<'_>, rows: usize) -> u64 {
    let mut digits = 0;
    values.for_each(|_, v| digits += u64::from((u64::BITS - v.unsigned_abs().leading_zeros()).div_ceil(8)));
    digits + BLIND_ADDITIONS * rows as u64
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
