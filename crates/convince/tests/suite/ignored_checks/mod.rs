//! DESIGN 10.6: for every algebraic check there is a forgery that passes when that check alone is ignored, so no check is
//! idle; and none passes when it is not, so no check is untested.
//!
//! A forger here starts from a lie (a false witness, input or output), runs the real prover, and repairs: where a check
//! fails, it solves for one of the scalars sent just before it (every check is affine in each of them) and lets the prover
//! go on from there, its later messages being honest under the new challenges. The check that it cannot meet is ignored. All of
//! this over both channels.

mod hiding;
mod lies;

use crate::common::{SEED, TINY};
use ark_ff::AdditiveGroup as _;
use convince::circuit::Witness;
use convince::protocol::{Field, Part, Statement, run_prover, run_verifier, transcript};
use convince::{Mode, Openings};
use convince_field::Ints;
use convince_pcs::PcsError;
use convince_testing::{Forger, Known, Lie, Met, Refusal, Replaced, Verdict, Watcher, repair};
use convince_transcript::{Check, PlainProver, PlainVerifier, Transcript};
use hiding::Hidden;
use lies::{honest, lies};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// A false statement or witness to start from.
struct Forgery {
    name: &'static str,
    witness: Witness,
    input: Ints,
    output: Ints,
    /// The lookups' alpha and beta known in advance, for the one attack that needs them.
    known: Known<Field>,
}

impl Forgery {
    fn statement(&self) -> Statement<'_> {
        Statement { input: Part::Public(&self.input), output: Part::Public(&self.output), nonce: b"forged" }
    }

    fn transcript(&self, mode: Mode) -> Transcript {
        transcript(&TINY.verifying, &self.statement(), mode)
    }
}

impl Lie<Field> for Forgery {
    fn prove(&self, replaced: &Replaced<Field>) -> Vec<u8> {
        let inner = PlainProver::new(self.transcript(Mode::Plain));
        let mut channel = Forger::new(inner).replacing(replaced).knowing(&self.known);
        let mut rng = ChaCha20Rng::from_seed(SEED.0);
        run_prover(&TINY.proving, &self.witness, &Openings::default(), &mut rng, &mut channel, &|_| {});
        channel.into_inner().finish()
    }

    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Field> {
        let inner = PlainVerifier::new(self.transcript(Mode::Plain), proof);
        let mut channel = Watcher::new(inner, ignored).knowing(&self.known);
        let result = run_verifier(&TINY.verifying, &self.statement(), &mut channel);
        let (inner, met, offsets) = channel.finish();
        let result = result.and_then(|()| Ok(inner.finish()?)).map_err(|error| match error {
            PcsError::Channel(error) => Refusal::from(error),
            error => Refusal::Other(error.to_string()),
        });
        Verdict { result, met, offsets }
    }
}

#[test]
fn the_honest_proof_meets_every_check_and_no_lie_does() {
    let honest = honest();
    let Verdict { result, met, .. } = honest.verify(&honest.prove(&Replaced::new()), None);
    assert_eq!(result, Ok(()));
    assert!(met.iter().all(|m| m.difference == Field::ZERO));
    for lie in lies() {
        assert!(lie.verify(&lie.prove(&Replaced::new()), None).result.is_err(), "{}", lie.name);
    }
}

#[test]
fn every_check_ignored_alone_lets_a_forgery_pass_in_the_clear() {
    let honest = honest();
    let met = honest.verify(&honest.prove(&Replaced::new()), None).met;
    let lies = lies();
    for (index, Met { check, .. }) in met.into_iter().enumerate() {
        let (lie, back, replaced) = find(&lies, index, check);
        let proof = lie.prove(&replaced);
        let refused = lie.verify(&proof, None).result;
        assert_eq!(refused, Err(Refusal::Check(check)), "{} (scalar {back} before each check)", lie.name);
    }
}

/// The forger knows its own pads, so it sees the differences that the tape hides, and repairs as it does in the clear. Where the
/// check is ignored on both sides' tapes, the closing argument accepts; where it is not, none of what the forger can send does.
#[test]
fn every_check_ignored_alone_lets_a_forgery_pass_through_the_closing_argument() {
    let honest = Hidden::of(honest());
    let met = honest.verify(&honest.prove(&Replaced::new()), None).met;
    let lies: Vec<Hidden> = lies().into_iter().map(Hidden::of).collect();
    for (index, Met { check, .. }) in met.iter().enumerate() {
        let (lie, back, replaced) = find(&lies, index, *check);
        let name = format!("check {index} ({check:?}), {}, scalar {back} before each check", lie.name());
        lie.passes_without(&replaced, index, &name);
    }
    // All that the tape holds is met, and a claim on a committed wire is false.
    let (lie, _, replaced) = find(&lies, met.len(), Check::OpeningEvaluation);
    lie.passes_without_the_evaluation(&replaced);
}

/// A lie and how many scalars before each check to repair it, so that the proof passes but for this check.
fn find<L: Lie<Field>>(lies: &[L], index: usize, check: Check) -> (&L, usize, Replaced<Field>) {
    let attempt = |lie| (1..=12).find_map(|back| Some((lie, back, repair(lie, index, back..=back)?)));
    let found = lies.iter().find_map(attempt);
    found.unwrap_or_else(|| panic!("check {index} ({check:?}) is idle: no forgery passes without it"))
}

#[test]
fn the_prover_by_parts_is_the_real_one_and_the_honest_proof_meets_every_check() {
    let honest = Hidden::of(honest());
    let found = honest.verify(&honest.prove(&Replaced::new()), None);
    assert_eq!(found.result, Ok(()));
    assert!(found.met.iter().all(|m| m.difference == Field::ZERO));
    honest.is_the_real_one();
}
