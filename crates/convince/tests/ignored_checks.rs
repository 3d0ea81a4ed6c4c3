//! DESIGN 10.6: for every algebraic check there is a forgery that passes when that check alone is ignored, so no check is
//! idle; and none passes when it is not, so no check is untested.
//!
//! A forger here starts from a lie (a false witness, input or output), runs the real prover, and repairs: where a check
//! fails, it solves for one of the scalars sent just before it (every check is affine in each of them) and lets the prover
//! go on from there, its later messages being honest under the new challenges. The check that it cannot meet is ignored.

mod common;

use std::collections::BTreeMap;

use ark_ff::{AdditiveGroup as _, Field as _};
use common::{SEED, TINY};
use convince::circuit::{Layer, Witness};
use convince::protocol::{Field, Statement, run_prover, run_verifier, transcript};
use convince_field::Ints;
use convince_pcs::PcsError;
use convince_transcript::{
    ChannelError, Check, Label, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// The lookups' alpha and beta known in advance, for the one attack that needs them.
type Fixed = Option<[Field; 2]>;

fn fixed_challenge(fixed: Fixed, label: Label) -> Option<Field> {
    fixed.map(|[alpha, beta]| if label.ends_with("alpha") { alpha } else { beta })
}

/// A prover's channel that replaces scalars by their index.
struct Forger {
    inner: PlainProver<Field>,
    sent: usize,
    overrides: BTreeMap<usize, Field>,
    fixed: Fixed,
}

impl ProverChannel<Field> for Forger {
    fn send(&mut self, label: Label, scalars: &[Field]) {
        let replaced = |(i, s): (usize, &Field)| self.overrides.get(&(self.sent + i)).copied().unwrap_or(*s);
        let scalars: Vec<Field> = scalars.iter().enumerate().map(replaced).collect();
        self.sent += scalars.len();
        self.inner.send(label, &scalars);
    }

    fn send_bytes(&mut self, label: Label, bytes: &[u8]) {
        self.inner.send_bytes(label, bytes);
    }

    fn challenge(&mut self, label: Label) -> Field {
        self.inner.challenge(label)
    }

    fn full_challenge(&mut self, label: Label) -> Field {
        let drawn = self.inner.full_challenge(label);
        fixed_challenge(self.fixed, label).unwrap_or(drawn)
    }
}

/// A check as the verifier met it.
#[derive(Clone, Copy, Debug)]
struct Met {
    index: usize,
    check: Check,
    difference: Field,
    /// Scalars received so far.
    received: usize,
}

/// A verifier's channel that ignores one check and keeps a record of all.
struct Watcher<'a> {
    inner: PlainVerifier<'a, Field>,
    received: usize,
    ignored: Option<usize>,
    met: Vec<Met>,
    fixed: Fixed,
}

impl VerifierChannel<Field> for Watcher<'_> {
    type Scalar = Field;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Field>, ChannelError> {
        self.received += len;
        self.inner.receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.inner.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> Field {
        VerifierChannel::<Field>::challenge(&mut self.inner, label)
    }

    fn full_challenge(&mut self, label: Label) -> Field {
        let drawn = VerifierChannel::<Field>::full_challenge(&mut self.inner, label);
        fixed_challenge(self.fixed, label).unwrap_or(drawn)
    }

    fn mul(&mut self, a: &Field, b: &Field) -> Field {
        *a * b
    }

    fn assert_eq(&mut self, a: Field, b: Field, check: Check) -> Result<(), ChannelError> {
        let index = self.met.len();
        self.met.push(Met { index, check, difference: a - b, received: self.received });
        if a == b || self.ignored == Some(index) { Ok(()) } else { Err(ChannelError::CheckFailed(check)) }
    }
}

/// A false statement or witness to start from.
struct Lie {
    name: &'static str,
    witness: Witness,
    input: Ints,
    output: Ints,
    fixed: Fixed,
}

impl Lie {
    fn statement(&self) -> Statement<'_> {
        Statement { input: &self.input, output: &self.output, nonce: b"forged" }
    }

    fn transcript(&self) -> Transcript {
        transcript(&TINY.verifying, &self.statement())
    }

    fn prove(&self, overrides: &BTreeMap<usize, Field>) -> Vec<u8> {
        let inner = PlainProver::new(self.transcript());
        let mut channel = Forger { inner, sent: 0, overrides: overrides.clone(), fixed: self.fixed };
        let mut rng = ChaCha20Rng::from_seed(SEED.0);
        run_prover(&TINY.proving, &self.witness, &mut rng, &mut channel, &|_| {});
        channel.inner.finish()
    }

    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> (Result<(), PcsError>, Vec<Met>) {
        let inner = PlainVerifier::new(self.transcript(), proof);
        let mut channel = Watcher { inner, received: 0, ignored, met: vec![], fixed: self.fixed };
        let result = run_verifier(&TINY.verifying, &self.statement(), &mut channel);
        let Watcher { inner, met, .. } = channel;
        (result.and_then(|()| Ok(inner.finish()?)), met)
    }

    /// A proof that passes when check `ignored` alone is left out, always solving for the `back`-th scalar before a check.
    fn forge(&self, ignored: usize, back: usize) -> Option<Vec<u8>> {
        let rows_len = 48 * TINY.verifying.num_advice_rows();
        let mut overrides = BTreeMap::new();
        for _ in 0..40 {
            let proof = self.prove(&overrides);
            let (result, met) = self.verify(&proof, Some(ignored));
            match result {
                Ok(()) => return Some(proof),
                Err(PcsError::Channel(ChannelError::CheckFailed(_))) => {}
                Err(_) => return None,
            }
            let failed = *met.last()?;
            let scalar = failed.received.checked_sub(back)?;
            let at = rows_len + 32 * scalar;
            let mut moved = proof.clone();
            let value = <Field as convince_field::ProofField>::read_from(&proof[at..at + 32])?;
            let mut bytes = Vec::new();
            convince_field::ProofField::write_to(&(value + Field::ONE), &mut bytes);
            moved[at..at + 32].copy_from_slice(&bytes);
            let (_, met) = self.verify(&moved, Some(ignored));
            let other = met.iter().find(|m| m.index == failed.index)?;
            let slope = other.difference - failed.difference;
            let target = value - failed.difference * slope.inverse()?;
            // The same scalar twice means that the repair did not hold.
            if overrides.insert(scalar, target).is_some() {
                return None;
            }
        }
        None
    }
}

fn ints(values: impl IntoIterator<Item = i64>) -> Ints {
    Ints::I32(values.into_iter().map(|v| v as i32).collect())
}

fn honest() -> Lie {
    let (circuit, witness) = (TINY.verifying.circuit(), TINY.witness());
    let input = ints(witness.wire(circuit.input()).iter());
    let output = ints(witness.tensor(circuit, circuit.output()).iter());
    Lie { name: "none", witness, input, output, fixed: None }
}

/// The honest witness with one value of the `k`-th requantisation's advice changed, multiplicities counted again or not.
fn changed_advice(name: &'static str, k: usize, at: usize, change: i64, count: bool) -> Lie {
    let circuit = TINY.verifying.circuit();
    let mut lie = honest();
    let requants: Vec<_> =
        circuit.layers().iter().filter_map(|l| if let Layer::Requant(l) = l { Some(l) } else { None }).collect();
    let wire = requants[k].advice;
    let mut values: Vec<i64> = lie.witness.wire(wire).iter().collect();
    values[at] += change;
    lie.witness.set(circuit, wire, ints(values)).unwrap();
    if count {
        lie.witness.count_multiplicities(circuit);
    }
    Lie { name, ..lie }
}

fn lies() -> Vec<Lie> {
    let circuit = TINY.verifying.circuit();
    let requant = |k: usize| {
        let mut all = circuit.layers().iter().filter_map(|l| if let Layer::Requant(l) = l { Some(l) } else { None });
        all.nth(k).unwrap()
    };
    let remainder = |k: usize| requant(k).remainders[0][0].column * requant(k).column_len();
    let mut output = honest();
    let mut values: Vec<i64> = output.output.to_i64();
    values[1] += 1;
    output.output = ints(values);
    output.name = "another output";
    let mut input = honest();
    let mut values: Vec<i64> = input.input.to_i64();
    values[5] = (values[5] + 1) % 256;
    input.input = ints(values);
    input.name = "another input";
    vec![
        Lie { name: "remainders out of range by a multiple of 2^s", fixed: None, ..zero_denominator() },
        changed_advice("a wrong remainder of the pooled layer", 0, remainder(0), 1, true),
        changed_advice("a wrong remainder behind the affine layer", 1, remainder(1), 1, true),
        raised_maximum(),
        output,
        input,
        zero_denominator(),
    ]
}

/// Two equal remainders moved out of range by the same multiple of 2^s, their gaps along with them so that every other
/// relation holds, under an alpha known in advance at which the two denominators vanish: both roots are then zero.
fn zero_denominator() -> Lie {
    const QUOTIENTS: i64 = 4;
    let circuit = TINY.verifying.circuit();
    let mut lie = Lie { name: "two zero denominators", ..honest() };
    let Some(Layer::Requant(layer)) = circuit.layers().iter().find(|l| matches!(l, Layer::Requant(_))) else {
        panic!("the tiny network has a pooled requantisation")
    };
    let len = layer.column_len();
    let mut values: Vec<i64> = lie.witness.wire(layer.advice).iter().collect();
    let places = (0..layer.gaps.len()).flat_map(|corner| (0..len).map(move |place| (corner, place)));
    let (gap, remainder) = (|corner: usize| layer.gaps[corner][0], |corner: usize| layer.remainders[corner][0]);
    // A gap that is not zero can grow: the window's product has its zero elsewhere.
    let movable: Vec<(usize, usize)> = places
        .filter(|&(corner, place)| {
            let low = values[gap(corner).column * len + place];
            low > 0 && low + QUOTIENTS < 1 << gap(corner).width
        })
        .collect();
    let of = |(corner, place): (usize, usize)| values[remainder(corner).column * len + place];
    let (first, second) = movable
        .iter()
        .enumerate()
        .find_map(|(k, a)| movable[k + 1..].iter().find(|b| of(**b) == of(*a)).map(|b| (*a, *b)))
        .expect("36 low limbs of some bits each: two are equal");
    let value = of(first) + (QUOTIENTS << layer.params.shift);
    for (corner, place) in [first, second] {
        values[gap(corner).column * len + place] += QUOTIENTS;
        values[remainder(corner).column * len + place] = value;
    }
    lie.witness.set(circuit, layer.advice, ints(values)).unwrap();
    lie.witness.count_multiplicities(circuit);
    let column = remainder(first.0).column;
    let lookup = circuit.lookups().iter().find(|l| l.wire == layer.advice && l.columns == [column]).unwrap();
    let (beta, id) = (Field::from(123_456_789u64), Field::from(lookup.table as u64 + 1));
    lie.fixed = Some([id + beta * Field::from(value as u64), beta]);
    lie
}

/// A clamped value and its gap both one too large, where the activation does not notice: only their product tells.
fn raised_maximum() -> Lie {
    let circuit = TINY.verifying.circuit();
    let mut lie = Lie { name: "a maximum that no candidate reaches", ..honest() };
    let Some(Layer::Requant(layer)) = circuit.layers().iter().rfind(|l| matches!(l, Layer::Requant(_))) else {
        panic!("the tiny network has an activation table")
    };
    let (len, gap) = (layer.column_len(), layer.gaps[0][0]);
    let mut values: Vec<i64> = lie.witness.wire(layer.advice).iter().collect();
    let image = |c: i64| (c <= layer.params.high.into()).then(|| layer.params.activate(c));
    let place = (0..len)
        .find(|&p| image(values[p] + 1) == image(values[p]) && values[gap.column * len + p] + 1 < 1 << gap.width);
    let place = place.expect("the table is constant on runs of eight");
    values[place] += 1;
    values[gap.column * len + place] += 1;
    lie.witness.set(circuit, layer.advice, ints(values)).unwrap();
    lie.witness.count_multiplicities(circuit);
    lie
}

#[test]
fn the_honest_proof_meets_every_check_and_no_lie_does() {
    let honest = honest();
    let (result, met) = honest.verify(&honest.prove(&BTreeMap::new()), None);
    result.unwrap();
    assert!(met.iter().all(|m| m.difference == Field::ZERO));
    for lie in lies() {
        let (result, _) = lie.verify(&lie.prove(&BTreeMap::new()), None);
        assert!(result.is_err(), "{}", lie.name);
    }
}

#[test]
fn every_check_ignored_alone_lets_a_forgery_pass() {
    let honest = honest();
    let (_, met) = honest.verify(&honest.prove(&BTreeMap::new()), None);
    let lies = lies();
    for Met { index, check, .. } in met {
        let forged = lies.iter().find_map(|lie| (1..=12).find_map(|back| Some((lie, back, lie.forge(index, back)?))));
        let Some((lie, back, proof)) = forged else {
            panic!("check {index} ({check:?}) is idle: no forgery passes without it")
        };
        let (result, _) = lie.verify(&proof, None);
        assert!(
            matches!(result, Err(PcsError::Channel(ChannelError::CheckFailed(failed))) if failed == check),
            "{} through {check:?} (scalar {back} before each check): {result:?}",
            lie.name
        );
    }
}
