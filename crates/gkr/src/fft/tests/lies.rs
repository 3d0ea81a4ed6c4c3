//! For every check there is a forgery that passes when that check alone is ignored, and none when it is not.
//!
//! The forger claims a false accumulator and repairs: where a check fails it solves for one of the scalars sent just before it,
//! in which the check is affine, and goes on honestly from there.

use std::collections::BTreeMap;

use ark_ff::Field as _;
use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d, Strategy, Witness};
use convince_transcript::{
    ChannelError, Check, Label, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel,
};

use rand::SeedableRng;

use super::*;
use crate::tests::{is_true, random_witness};
use crate::{Claim, wave};

struct Forger {
    inner: PlainProver<Fr>,
    sent: usize,
    overrides: BTreeMap<usize, Fr>,
}

impl ProverChannel<Fr> for Forger {
    fn send(&mut self, label: Label, scalars: &[Fr]) {
        let replaced = |(i, s): (usize, &Fr)| self.overrides.get(&(self.sent + i)).copied().unwrap_or(*s);
        let scalars: Vec<Fr> = scalars.iter().enumerate().map(replaced).collect();
        self.sent += scalars.len();
        self.inner.send(label, &scalars);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.inner.send_bytes(label, bytes);
    }

    fn challenge(&mut self, label: Label) -> Fr {
        self.inner.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> Fr {
        self.inner.full_challenge(label)
    }
}

/// A check as the verifier met it: its two sides' difference, and the scalars received before.
#[derive(Clone, Copy)]
struct Met {
    check: Check,
    difference: Fr,
    received: usize,
}

struct Watcher<'a> {
    inner: PlainVerifier<'a, Fr>,
    received: usize,
    ignored: Option<usize>,
    met: Vec<Met>,
}

impl VerifierChannel<Fr> for Watcher<'_> {
    type Scalar = Fr;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Fr>, ChannelError> {
        self.received += len;
        self.inner.receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.inner.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> Fr {
        VerifierChannel::<Fr>::challenge(&mut self.inner, label)
    }

    fn full_challenge(&mut self, label: Label) -> Fr {
        VerifierChannel::<Fr>::full_challenge(&mut self.inner, label)
    }

    fn mul(&mut self, a: &Fr, b: &Fr) -> Fr {
        *a * b
    }

    fn assert_eq(&mut self, a: Fr, b: Fr, check: Check) -> Result<(), ChannelError> {
        let ignored = self.ignored == Some(self.met.len());
        self.met.push(Met { check, difference: a - b, received: self.received });
        if a == b || ignored { Ok(()) } else { Err(ChannelError::CheckFailed(check)) }
    }
}

struct Lie {
    circuit: Circuit,
    witness: Witness,
    claim: Claim<Fr, Fr>,
    step: Step,
}

impl Lie {
    fn new(circuit: Circuit, step: Step) -> Self {
        let witness = random_witness(&circuit, 1);
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut claim = layers::claim(&circuit, &witness, circuit.output(), None, &mut rng);
        claim.value += Fr::from(1u64);
        Self { circuit, witness, claim, step }
    }

    fn prove(&self, overrides: &BTreeMap<usize, Fr>) -> Vec<u8> {
        let inner = PlainProver::new(Transcript::new("test"));
        let mut channel = Forger { inner, sent: 0, overrides: overrides.clone() };
        let claims = vec![self.claim.clone()];
        let _ = wave::prove_with(&self.circuit, &self.witness, &mut channel, claims, |_| self.step);
        channel.inner.finish()
    }

    /// Whether the verifier accepts and is left with true claims, and the checks that it met.
    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> (bool, Vec<Met>) {
        let inner = PlainVerifier::new(Transcript::new("test"), proof);
        let mut channel = Watcher { inner, received: 0, ignored, met: vec![] };
        let out = wave::verify_with(&self.circuit, &mut channel, vec![self.claim.clone()], |_| self.step);
        (out.is_ok_and(|out| out.iter().all(|claim| is_true(claim, &self.witness))), channel.met)
    }

    /// A proof that passes when check `ignored` is left out; `repaired` counts the checks behind which it goes on.
    fn forge(&self, ignored: usize, overrides: &BTreeMap<usize, Fr>, repaired: usize) -> Option<Vec<u8>> {
        let proof = self.prove(overrides);
        let (accepted, met) = self.verify(&proof, Some(ignored));
        if accepted {
            return Some(proof);
        }
        let (index, failed) = (met.len() - 1, met[met.len() - 1]);
        if index < repaired || failed.difference == Fr::from(0u64) {
            return None;
        }
        (1..=3usize.min(failed.received)).find_map(|back| {
            let scalar = failed.received - back;
            let value = Fr::read_from(&proof[32 * scalar..][..32])?;
            let mut moved = Vec::new();
            (value + Fr::from(1u64)).write_to(&mut moved);
            let moved = [&proof[..32 * scalar], &moved, &proof[32 * scalar + 32..]].concat();
            let (_, met) = self.verify(&moved, Some(ignored));
            let slope = met.get(index)?.difference - failed.difference;
            let mut overrides = overrides.clone();
            overrides.insert(scalar, value - failed.difference * slope.inverse()?);
            self.forge(ignored, &overrides, index + 1)
        })
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
        let lie = Lie::new(circuit(), step);
        let honest = Lie {
            claim: Claim { value: lie.claim.value - Fr::from(1u64), ..lie.claim.clone() },
            ..Lie::new(circuit(), step)
        };
        let (accepted, met) = honest.verify(&honest.prove(&BTreeMap::new()), None);
        assert!(accepted);
        assert_eq!(met.len(), expected);
        for (index, Met { check, .. }) in met.iter().enumerate() {
            let proof = lie.forge(index, &BTreeMap::new(), 0);
            let proof = proof.unwrap_or_else(|| panic!("{check:?} is idle: no forgery passes without it"));
            assert!(!lie.verify(&proof, None).0, "{check:?}");
        }
    }
}
