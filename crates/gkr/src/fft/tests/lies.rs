//! For every check there is a forgery that passes when that check alone is ignored, and none when it is not: the forger claims a
//! false accumulator.

use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Strategy, Witness};
use convince_transcript::{ChannelError, ChannelScalar, ProverChannel, VerifierChannel};
use rand::SeedableRng;

use super::*;
use crate::tests::forgeries::{Statement, checks_met, no_check_is_idle};
use crate::tests::random_witness;
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

impl Statement for FalseClaim {
    fn witness(&self) -> &Witness {
        &self.witness
    }

    fn prove<C: ProverChannel<Fr>>(&self, channel: &mut C) {
        let _ = wave::prove_with(&self.circuit, &self.witness, channel, vec![self.claim.clone()], |_| self.step);
    }

    fn verify<C: VerifierChannel<Fr>>(&self, channel: &mut C) -> Result<Vec<Claim<Fr, C::Scalar>>, ChannelError> {
        let Claim { wire, functional, value } = self.claim.clone();
        let claim = Claim { wire, functional, value: C::Scalar::constant(value) };
        wave::verify_with(&self.circuit, channel, vec![claim], |_| self.step)
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
    both_steps(convolution, [4, 7]);
}

#[test]
fn every_check_of_spectra_ignored_alone_lets_a_forgery_pass() {
    both_steps(spectra, [4, 8]);
}

fn both_steps(circuit: fn() -> Circuit, counts: [usize; 2]) {
    for (step, expected) in STEPS.into_iter().zip(counts) {
        let lie = FalseClaim::new(circuit(), step);
        let honest = FalseClaim {
            claim: Claim { value: lie.claim.value - Fr::from(1u64), ..lie.claim.clone() },
            ..FalseClaim::new(circuit(), step)
        };
        let checks = checks_met(&honest);
        assert_eq!(checks.len(), expected);
        no_check_is_idle(checks.into_iter().enumerate(), &[lie], &[1..=3]);
    }
}
