//! For every check there is a forgery that passes when that check alone is ignored, and none when it is not.
//!
//! The forger claims a false accumulator and repairs: where a check fails it solves for one of the scalars sent just before it,
//! in which the check is affine, and goes on honestly from there.

use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Strategy, Witness};
use convince_testing::{Forger, Lie, Met, Refusal, Replaced, Verdict, Watcher, forge};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use rand::SeedableRng;

use super::*;
use crate::tests::{random_witness, verdict};
use crate::{Claim, wave};

/// A claim on the output that is false by one.
struct FalseClaim {
    circuit: Circuit,
    witness: Witness,
    claim: Claim<Fr, Fr>,
    step: Step,
}

impl FalseClaim {
    fn new(circuit: Circuit, step: Step) -> Self {
        let witness = random_witness(&circuit, 1);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut claim = layers::claim(&circuit, &witness, circuit.output(), None, &mut rng);
        claim.value += Fr::from(1u64);
        Self { circuit, witness, claim, step }
    }
}

impl Lie<Fr> for FalseClaim {
    fn prove(&self, replaced: &Replaced<Fr>) -> Vec<u8> {
        let mut channel = Forger::new(PlainProver::new(Transcript::new("test"))).replacing(replaced);
        let claims = vec![self.claim.clone()];
        let _ = wave::prove_with(&self.circuit, &self.witness, &mut channel, claims, |_| self.step);
        channel.into_inner().finish()
    }

    /// Accepted if the verifier is left with true claims.
    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Fr> {
        let mut channel = Watcher::new(PlainVerifier::new(Transcript::new("test"), proof), ignored);
        let left = wave::verify_with(&self.circuit, &mut channel, vec![self.claim.clone()], |_| self.step);
        verdict(left, &self.witness, channel)
    }
}

fn convolution() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 4, 3], Bits::U8).unwrap();
    let w = c.weight([3, 2, 2, 2], Bits::I8).unwrap();
    let out = c.conv2d(x, w, None, Conv2d::square(1, 1).with_strategy(Strategy::Fft)).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

fn spectra() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 1, 3], Bits::signed(4)).unwrap();
    let spectrum = c.fft(x, 2).unwrap();
    let square = c.hadamard(&spectrum, &spectrum).unwrap();
    let cube = c.hadamard(&square, &spectrum).unwrap();
    let out = c.inverse_fft(&cube).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

#[test]
fn every_check_ignored_alone_lets_a_forgery_pass() {
    no_check_is_idle(convolution, [4, 7]);
}

#[test]
fn every_check_of_spectra_ignored_alone_lets_a_forgery_pass() {
    no_check_is_idle(spectra, [4, 8]);
}

fn no_check_is_idle(circuit: fn() -> Circuit, counts: [usize; 2]) {
    for (step, expected) in STEPS.into_iter().zip(counts) {
        let lie = FalseClaim::new(circuit(), step);
        let honest = FalseClaim {
            claim: Claim { value: lie.claim.value - Fr::from(1u64), ..lie.claim.clone() },
            ..FalseClaim::new(circuit(), step)
        };
        let Verdict { result, met, .. } = honest.verify(&honest.prove(&Replaced::new()), None);
        assert_eq!(result, Ok(()));
        assert_eq!(met.len(), expected);
        for (index, Met { check, .. }) in met.iter().enumerate() {
            let proof = forge(&lie, index, 1..=3);
            let proof = proof.unwrap_or_else(|| panic!("{check:?} is idle: no forgery passes without it"));
            assert_eq!(lie.verify(&proof, None).result, Err(Refusal::Check(*check)));
        }
    }
}
