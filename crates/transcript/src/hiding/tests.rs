use convince_field::{Fr, ProofField};
use zeroize::Zeroizing;

use super::*;
use crate::{
    ChannelError, ChannelScalar, Check, Counter, Label, PlainProver, PlainVerifier, ProverChannel, Transcript,
    VerifierChannel,
};

const LABEL: Label = "test/message";
const CHECK: Check = Check::ZeroCheck;

fn fr(value: i64) -> Fr {
    Fr::from_i64(value)
}

/// A verifier that takes x, y, w and asserts `(x + 2) (y - x) c - w = 0` and `3 - x = 1 * (3 - x)`.
fn protocol<C: VerifierChannel<Fr>>(channel: &mut C) -> Result<C::Scalar, ChannelError> {
    let [x, y] = channel.receive_array(LABEL)?;
    let c = channel.challenge(LABEL);
    let w = channel.receive_one(LABEL)?;
    let constant = C::Scalar::constant;
    let product = channel.mul(&(x.clone() + constant(fr(2))), &(y - x.clone()));
    channel.assert_eq(product.clone() * c, w, CHECK)?;
    let three = constant(fr(3)) - x;
    let same = channel.mul(&three, &constant(fr(1)));
    channel.assert_eq(same, three, CHECK)?;
    Ok(product)
}

fn pads() -> Vec<Fr> {
    vec![fr(1000), fr(-77), fr(123_456)]
}

/// Sends x = 5, y = 9 and `w = 28 c + excess`; gives the proof and the prover's tape.
fn prove(excess: i64) -> (Vec<u8>, Tape<Fr>) {
    let mut prover = HidingProver::new(PlainProver::new(Transcript::new("test")), Zeroizing::new(pads()));
    prover.send(LABEL, &[fr(5), fr(9)]);
    let c = prover.challenge(LABEL);
    prover.send(LABEL, &[fr(28) * c + fr(excess)]);
    let mut recorder = prover.recorder();
    protocol(&mut recorder).unwrap();
    (prover.into_parts().0.finish(), recorder.into_tape())
}

fn verify(proof: &[u8]) -> (Tape<Fr>, Hidden<Fr>) {
    let mut verifier = HidingVerifier::new(PlainVerifier::new(Transcript::new("test"), proof));
    let out = protocol(&mut verifier).unwrap();
    let (clear, tape) = verifier.into_parts();
    clear.finish().unwrap();
    (tape, out)
}

fn value(form: &Linear<Fr>, tape: &Tape<Fr>) -> Fr {
    let products = tape.factors(&pads());
    let pads: Fr = form.pads.iter().zip(pads()).map(|(a, b)| *a * b).sum();
    form.constant + pads + form.products.iter().zip(products.iter()).map(|(a, [x, y])| *a * x * y).sum::<Fr>()
}

#[test]
fn both_ends_have_the_same_tape_and_its_forms_have_the_values_of_the_plain_protocol() {
    let (proof, recorded) = prove(0);
    let (tape, out) = verify(&proof);
    assert_eq!((tape.num_messages(), tape.products().len(), tape.assertions().len()), (3, 2, 2));
    assert_eq!(*tape.factors(&pads()), vec![[fr(7), fr(4)], [fr(-2), fr(1)]]);
    assert_eq!(value(&tape.weighted_sum([(out, fr(1))]), &tape), fr(28));
    let weighted = |tape: &Tape<Fr>| {
        let forms = tape.assertions().iter().enumerate().map(|(i, (form, _))| (form.clone(), fr(3 + i as i64)));
        tape.weighted_sum(forms.collect::<Vec<_>>())
    };
    assert_eq!(weighted(&tape), weighted(&recorded));
    assert_eq!(value(&weighted(&tape), &tape), fr(0));
}

#[test]
fn a_false_message_leaves_a_form_that_is_not_zero() {
    let (proof, _) = prove(1);
    let (tape, _) = verify(&proof);
    let forms = tape.assertions().iter().map(|(form, _)| (form.clone(), fr(1))).collect::<Vec<_>>();
    assert_ne!(value(&tape.weighted_sum(forms), &tape), fr(0));
}

#[test]
fn equations_of_public_scalars_are_decided_at_once() {
    let mut verifier = HidingVerifier::new(PlainVerifier::<Fr>::new(Transcript::new("test"), &[]));
    let constant = <Hidden<Fr> as ChannelScalar<Fr>>::constant;
    assert_eq!(verifier.assert_eq(constant(fr(4)), constant(fr(2)) * fr(2), CHECK), Ok(()));
    assert_eq!(verifier.assert_eq(constant(fr(4)), constant(fr(2)), CHECK), Err(ChannelError::CheckFailed(CHECK)));
    assert_eq!(verifier.into_parts().1.assertions().len(), 0);
}

#[test]
fn a_counter_counts_what_a_hiding_verifier_does() {
    let mut counter = Counter::default();
    let _: Fr = protocol(&mut counter).unwrap();
    let (tape, _) = verify(&prove(0).0);
    assert_eq!((counter.scalars, counter.products), (tape.num_messages(), tape.products().len()));
    assert_eq!((counter.bytes, counter.rounds, counter.assertions), (96, 1, 2));
}

#[test]
fn no_scalar_is_sent_as_it_is() {
    let (proof, _) = prove(0);
    let first = Fr::read_from(&proof[..32]).unwrap();
    assert_eq!(first, fr(5) + pads()[0]);
}
