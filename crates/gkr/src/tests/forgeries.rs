//! For every check there is a forgery that passes when that check alone is ignored, and none when it is not: over both channels.
//!
//! A forger starts from a lie and repairs: where a check fails it solves for one of the scalars sent just before it, in which the
//! check is affine, and goes on honestly from there. Over the hiding channel it knows its own pads, so that it sees the
//! differences that the tape hides. The closing argument, which shows that all that is on the tape is zero, is not of this crate;
//! here the pads say whether it is.

use std::ops::RangeInclusive;

use convince_circuit::Witness;
use convince_field::{Fr, ProofField};
use convince_testing::{Forger, Lie, Met, Refusal, Replaced, Verdict, Watcher, forge, reveal};
use convince_transcript::hiding::{Hidden, HidingProver, HidingVerifier};
use convince_transcript::{
    ChannelError, ChannelScalar, Check, Counter, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel,
};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

use super::is_true;
use crate::Claim;

/// What is proven and verified, true or not, over whatever channel.
pub(crate) trait Statement {
    /// What claims are compared with in the end.
    fn witness(&self) -> &Witness;

    fn prove<C: ProverChannel<Fr>>(&self, channel: &mut C);

    /// The claims that are left.
    fn verify<C: VerifierChannel<Fr>>(&self, channel: &mut C) -> Result<Vec<Claim<Fr, C::Scalar>>, ChannelError>;
}

/// A statement proven in the clear.
struct Clear<'a, S>(&'a S);

impl<S: Statement> Lie<Fr> for Clear<'_, S> {
    fn prove(&self, replaced: &Replaced<Fr>) -> Vec<u8> {
        let mut channel = Forger::new(PlainProver::new(Transcript::new("test"))).replacing(replaced);
        self.0.prove(&mut channel);
        channel.into_inner().finish()
    }

    /// Accepted if the verifier is left with true claims.
    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Fr> {
        let mut channel = Watcher::new(PlainVerifier::new(Transcript::new("test"), proof), ignored);
        let left = self.0.verify(&mut channel);
        let (_, met, offsets) = channel.finish();
        let result = left.map_err(Refusal::from).and_then(|claims| {
            if claims.iter().all(|claim| is_true(claim, self.0.witness())) { Ok(()) } else { Err(false_claim()) }
        });
        Verdict { result, met, offsets }
    }
}

/// A statement proven over the hiding channel by who has these pads.
struct Masked<'a, S> {
    statement: &'a S,
    pads: Vec<Fr>,
}

impl<'a, S: Statement> Masked<'a, S> {
    fn new(statement: &'a S) -> Self {
        let mut counter = Counter::default();
        statement.verify(&mut counter).expect("a counter takes every message");
        let mut rng = ChaCha20Rng::seed_from_u64(77);
        let pad = |_| {
            let mut bytes = [0; 64];
            rng.fill_bytes(&mut bytes);
            Fr::full_challenge(&bytes)
        };
        Self { statement, pads: (0..counter.scalars).map(pad).collect() }
    }

    /// What a claim says less what the wire has.
    fn difference(&self, claim: Claim<Fr, Hidden<Fr>>) -> Met<Hidden<Fr>> {
        let value = Hidden::constant(claim.functional.apply(self.statement.witness().wire(claim.wire)));
        Met { check: Check::OpeningEvaluation, difference: claim.value - value, received: 0 }
    }
}

impl<S: Statement> Lie<Fr> for Masked<'_, S> {
    /// What is repaired is what was sent; what the forger hands to the channel is without the pad.
    fn prove(&self, replaced: &Replaced<Fr>) -> Vec<u8> {
        let inner = HidingProver::new(PlainProver::new(Transcript::new("test")), self.pads.clone().into());
        let unmasked = replaced.iter().map(|(&at, value)| (at, *value - self.pads[at])).collect();
        let mut channel = Forger::new(inner).replacing(&unmasked);
        self.statement.prove(&mut channel);
        channel.into_inner().into_parts().0.finish()
    }

    /// Accepted if all that the tape says is zero, and the verifier is left with true claims.
    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Fr> {
        let clear = PlainVerifier::new(Transcript::new("test"), proof);
        let mut channel = Watcher::new(HidingVerifier::new(clear), ignored);
        let left = self.statement.verify(&mut channel);
        let (inner, met, offsets) = channel.finish();
        let (_, tape) = inner.into_parts();
        let mut met = reveal(&tape, &self.pads, &met);
        let broken = |(k, m): (usize, &Met<Fr>)| ignored != Some(k) && m.difference != Fr::default();
        let result = match (met.iter().enumerate().position(broken), left) {
            (Some(first), _) => {
                met.truncate(first + 1);
                Err(Refusal::Check(met[first].check))
            }
            (None, Err(error)) => Err(error.into()),
            (None, Ok(claims)) => {
                let on_wires: Vec<_> = claims.into_iter().map(|claim| self.difference(claim)).collect();
                match reveal(&tape, &self.pads, &on_wires).iter().all(|m| m.difference == Fr::default()) {
                    true => Ok(()),
                    false => Err(false_claim()),
                }
            }
        };
        Verdict { result, met, offsets }
    }
}

fn false_claim() -> Refusal {
    Refusal::Other("a false claim is left".into())
}

/// The checks that the proof of a true statement meets, the same over both channels, which hold.
pub(crate) fn checks_met<S: Statement>(truth: &S) -> Vec<Check> {
    let checks = |lie: &dyn Lie<Fr>| {
        let Verdict { result, met, .. } = lie.verify(&lie.prove(&Replaced::new()), None);
        assert_eq!(result, Ok(()));
        assert!(met.iter().all(|m| m.difference == Fr::default()));
        met.iter().map(|m| m.check).collect::<Vec<_>>()
    };
    let (clear, masked) = (checks(&Clear(truth)), checks(&Masked::new(truth)));
    assert_eq!(clear, masked);
    clear
}

/// For each check of the list, by its place among all that are met, there is one of the lies of which a forgery passes over either
/// channel when that check alone is ignored, and is refused by it when it is not. `backs` are the scalars to try before each check.
pub(crate) fn no_check_is_idle<S: Statement>(
    checks: impl IntoIterator<Item = (usize, Check)>,
    lies: &[S],
    backs: &[RangeInclusive<usize>],
) {
    let (clear, masked): (Vec<_>, Vec<_>) = lies.iter().map(|lie| (Clear(lie), Masked::new(lie))).unzip();
    for (index, check) in checks {
        is_not_idle(index, check, &clear, backs, "in the clear");
        is_not_idle(index, check, &masked, backs, "over the hiding channel");
    }
}

fn is_not_idle<L: Lie<Fr>>(index: usize, check: Check, lies: &[L], backs: &[RangeInclusive<usize>], channel: &str) {
    let attempt = |lie| Some((lie, backs.iter().find_map(|backs| forge(lie, index, backs.clone()))?));
    let Some((lie, proof)) = lies.iter().find_map(attempt) else {
        panic!("check {index} ({check:?}) is idle {channel}: no forgery passes without it")
    };
    assert_eq!(lie.verify(&proof, None).result, Err(Refusal::Check(check)), "check {index} {channel}");
}
