//! Forgeries by repair: where a check fails, solve for a scalar that was sent just before it.
//!
//! Every check is affine in each of the scalars between it and the last challenge before it, so two evaluations give the
//! value that meets it. The prover then goes on from there, its later messages being honest under the new challenges. A
//! forger who may ignore one check needs no repair at that one.

use std::ops::RangeInclusive;

use convince_field::ProofField;
use convince_transcript::{ChannelError, Check};

use crate::{Met, Replaced};

/// A false statement or witness to start from.
pub trait Lie<F: ProofField> {
    /// The honest prover's proof of it, some of its scalars replaced.
    fn prove(&self, replaced: &Replaced<F>) -> Vec<u8>;

    /// What a verifier makes of a proof if it ignores the check of index `ignored`.
    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<F>;
}

/// Why a proof is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// By this check.
    Check(Check),
    /// By anything else, such as a claim that is false when the channel closes.
    Other(String),
}

impl From<ChannelError> for Refusal {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::CheckFailed(check) => Self::Check(check),
            error => Self::Other(error.to_string()),
        }
    }
}

/// What a verifier makes of a proof.
#[derive(Debug)]
pub struct Verdict<F> {
    /// Whether it accepts.
    pub result: Result<(), Refusal>,
    /// The checks that it met, the one that failed being the last.
    pub met: Vec<Met<F>>,
    /// Where each scalar that it received starts in the proof.
    pub offsets: Vec<usize>,
}

/// A proof of a lie that passes when check `ignored` is left out.
///
/// At each check that fails, the scalars that stand `backs` places before it are tried one after another, depth first.
/// `None` if no such proof is found: the search is over few scalars, so this alone shows nothing.
/// One proof and two verifications a repair.
pub fn forge<F: ProofField>(lie: &impl Lie<F>, ignored: usize, backs: RangeInclusive<usize>) -> Option<Vec<u8>> {
    go_on(lie, ignored, &backs, Replaced::new(), 0).map(|(proof, _)| proof)
}

/// [`forge`], for who wants the scalars that make the forgery: they are those sent in place of the honest prover's.
pub fn repair<F: ProofField>(lie: &impl Lie<F>, ignored: usize, backs: RangeInclusive<usize>) -> Option<Replaced<F>> {
    go_on(lie, ignored, &backs, Replaced::new(), 0).map(|(_, replaced)| replaced)
}

/// The same with these scalars replaced; the checks before index `repaired` hold already.
fn go_on<F: ProofField>(
    lie: &impl Lie<F>,
    ignored: usize,
    backs: &RangeInclusive<usize>,
    replaced: Replaced<F>,
    repaired: usize,
) -> Option<(Vec<u8>, Replaced<F>)> {
    let proof = lie.prove(&replaced);
    let Verdict { result, met, offsets } = lie.verify(&proof, Some(ignored));
    match result {
        Ok(()) => return Some((proof, replaced)),
        Err(Refusal::Check(_)) => {}
        Err(Refusal::Other(_)) => return None,
    }
    let index = met.len().checked_sub(1)?;
    // A repair that did not hold.
    if index < repaired {
        return None;
    }
    let Met { difference, received, .. } = met[index];
    backs.clone().find_map(|back| {
        let scalar = received.checked_sub(back)?;
        let at = offsets[scalar]..offsets[scalar] + F::BYTES;
        let value = F::read_from(&proof[at.clone()])?;
        let (mut moved, mut bytes) = (proof.clone(), Vec::new());
        (value + F::ONE).write_to(&mut bytes);
        moved[at].copy_from_slice(&bytes);
        let slope = lie.verify(&moved, Some(ignored)).met.get(index)?.difference - difference;
        let mut replaced = replaced.clone();
        replaced.insert(scalar, value - difference * slope.inverse()?);
        go_on(lie, ignored, backs, replaced, index + 1)
    })
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;
    use convince_transcript::{PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel};

    use super::*;
    use crate::{Forger, Watcher};

    /// The prover sends `w`, then `c w` and `c` for a challenge c; the verifier wants `w = public` and `c w` of what was sent.
    struct Toy {
        public: u64,
        secret: u64,
    }

    const FIRST: Check = Check::ZeroCheck;
    const SECOND: Check = Check::ArgMax;

    fn transcript() -> Transcript {
        Transcript::new("toy")
    }

    impl Lie<Fr> for Toy {
        fn prove(&self, replaced: &Replaced<Fr>) -> Vec<u8> {
            let mut channel = Forger::new(PlainProver::new(transcript())).replacing(replaced);
            let secret = Fr::from(self.secret);
            channel.send_bytes("head", &[1, 2, 3]);
            channel.send("first", &[secret]);
            let c: Fr = channel.challenge("c");
            channel.send("second", &[c * secret, c]);
            channel.into_inner().finish()
        }

        fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Fr> {
            let mut channel = Watcher::new(PlainVerifier::new(transcript(), proof), ignored);
            let mut run = || {
                channel.receive_bytes("head", 3)?;
                let first: Fr = channel.receive_one("first")?;
                channel.assert_eq(first, Fr::from(self.public), FIRST)?;
                let c: Fr = channel.challenge("c");
                let [second, _] = channel.receive_array("second")?;
                channel.assert_eq(second, c * first, SECOND)
            };
            let result = run().map_err(Refusal::from);
            let (_, met, offsets) = channel.finish();
            Verdict { result, met, offsets }
        }
    }

    #[test]
    fn forgers_that_change_nothing_are_honest_and_watchers_see_all() {
        let honest = Toy { public: 7, secret: 7 };
        let Verdict { result, met, offsets } = honest.verify(&honest.prove(&Replaced::new()), None);
        assert_eq!((result, offsets), (Ok(()), vec![3, 35, 67]));
        assert_eq!(met.iter().map(|m| (m.check, m.received)).collect::<Vec<_>>(), [(FIRST, 1), (SECOND, 3)]);
        assert!(met.iter().all(|m| m.difference == Fr::from(0u64)));
    }

    #[test]
    fn forgeries_pass_without_the_check_and_fail_by_it() {
        let lie = Toy { public: 8, secret: 7 };
        for (index, check, backs) in [(0, FIRST, 1..=1), (1, SECOND, 1..=1)] {
            let proof = forge(&lie, index, backs).expect("each check alone stops it");
            assert_eq!(lie.verify(&proof, Some(index)).result, Ok(()));
            assert_eq!(lie.verify(&proof, None).result, Err(Refusal::Check(check)));
        }
        // Both checks repaired: the second message is two places before the second check, the first one before the first.
        assert!(forge(&lie, 2, 1..=1).is_none());
        assert!(forge(&lie, 2, 1..=2).is_some());
    }
}
