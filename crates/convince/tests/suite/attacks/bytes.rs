//! Proofs and keys whose bytes were changed on the way. What would take minutes is sampled here, and whole behind
//! `cargo test --release -p convince --test suite attacks -- --ignored`.

use convince::container::{ContainerError, Kind, header, open, seal};
use convince::{KeyError, Mode, Proof, ProveOptions, ProvingKey, VerifyingKey, prove, verify};
use proptest::prelude::*;

use super::{MODES, accepts, options};
use crate::common::layout::{Message, layout};
use crate::common::{KeyFile, TINY};

fn honest(mode: Mode) -> Proof {
    prove(&TINY.proving, &TINY.input, &ProveOptions { mode, ..options() }).unwrap()
}

/// Whether a file is no proof at all, or one that does not verify.
fn rejects(bytes: Vec<u8>) -> bool {
    !Proof::from_bytes(bytes).is_ok_and(|proof| accepts(&TINY, &proof).is_ok())
}

fn flipped(bytes: &[u8], at: usize, bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

/// A byte of every message, at another place of each, and of the file's head.
#[test]
fn changed_messages_of_every_kind_are_rejected() {
    for mode in MODES {
        let proof = honest(mode);
        let (messages, _) = layout(&TINY.verifying, &proof, &[]).unwrap();
        let bytes = proof.as_bytes();
        let of_messages = messages.iter().enumerate().map(|(k, m)| m.bytes.start + 37 * k % m.bytes.len());
        for at in (7..messages[0].bytes.start).step_by(9).chain(of_messages) {
            assert!(rejects(flipped(bytes, at, at % 8)), "{mode:?}, byte {at}");
        }
    }
}

#[test]
#[ignore = "some minutes: cargo test --release -p convince --test suite attacks -- --ignored"]
fn every_flipped_bit_of_a_proof_is_rejected() {
    for mode in MODES {
        let proof = honest(mode);
        for bit in 0..8 * proof.as_bytes().len() {
            assert!(rejects(flipped(proof.as_bytes(), bit / 8, bit % 8)), "{mode:?}, bit {bit}");
        }
    }
}

/// Within every message and at each of its ends.
#[test]
fn truncated_and_extended_proofs_are_rejected() {
    for mode in MODES {
        let proof = honest(mode);
        let bytes = proof.as_bytes();
        let (messages, _) = layout(&TINY.verifying, &proof, &[]).unwrap();
        let ends = messages.iter().step_by(5).flat_map(|m| [m.bytes.start, m.bytes.start + m.bytes.len() / 3]);
        for len in (0..messages[0].bytes.start).chain(ends).chain([bytes.len() - 1]) {
            assert!(rejects(bytes[..len].to_vec()), "{mode:?}, {len} bytes");
        }
        assert!(rejects([bytes, &[0]].concat()), "{mode:?}");
    }
}

/// The same residue, written with the modulus added; none where that takes more than 32 bytes.
fn with_modulus(scalar: &[u8]) -> Option<Vec<u8>> {
    const MODULUS: &str = "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73";
    let mut carry = 0u16;
    let sum = scalar.iter().enumerate().map(|(i, byte)| {
        let modulus = u8::from_str_radix(&MODULUS[2 * i..2 * i + 2], 16).expect("hexadecimal digits");
        let sum = u16::from(*byte) + u16::from(modulus) + carry;
        carry = sum >> 8;
        sum as u8
    });
    let sum = sum.collect();
    (carry == 0).then_some(sum)
}

#[test]
fn encodings_that_are_not_canonical_are_rejected() {
    for mode in MODES {
        let proof = honest(mode);
        let (messages, _) = layout(&TINY.verifying, &proof, &[]).unwrap();
        let scalars = messages.iter().filter(|m| m.scalars).map(|m| Message::items(m).last().expect("not empty"));
        let mut written = 0;
        for at in scalars {
            let mut bad = proof.as_bytes().to_vec();
            let Some(twice) = with_modulus(&bad[at.clone()]) else { continue };
            bad[at.clone()].copy_from_slice(&twice);
            let refused = accepts(&TINY, &Proof::from_bytes(bad).unwrap()).unwrap_err().to_string();
            assert!(refused.contains("not a canonical field element"), "{mode:?}, byte {}: {refused}", at.start);
            written += 1;
        }
        assert!(written > 10, "{mode:?}");
        // A point with another sign is another point, and one with its flags cleared is none.
        for message in messages.iter().filter(|m| !m.scalars) {
            for at in message.items().take(2) {
                assert!(rejects(flipped(proof.as_bytes(), at.start, 5)), "{mode:?}, byte {}", at.start);
                assert!(rejects(flipped(proof.as_bytes(), at.start, 7)), "{mode:?}, byte {}", at.start);
            }
        }
    }
}

/// Where to damage a verifying key: all of it but most of the range proofs' bytes, which are behind everything else.
fn places(payload: &[u8], every: usize) -> impl Iterator<Item = usize> {
    let mut file = KeyFile::of(&TINY.verifying);
    let (rows, proofs) = file.committed();
    let long: usize = rows.len() + proofs.iter().map(Vec::len).sum::<usize>();
    let (circuit, presentation) = (file.circuit.len() + 8, payload.len() - file.presentation.2.len() - 40);
    assert!(circuit < payload.len() - long);
    (0..payload.len()).filter(move |&at| at < circuit || at > presentation || at % every == 0)
}

fn damaged_keys_do_not_verify(every: usize) {
    let (proofs, file) = (MODES.map(honest), TINY.verifying.to_bytes());
    let payload = open(Kind::VerifierKey, &file).unwrap();
    for at in places(payload, every) {
        let bad = flipped(payload, at, at % 8);
        if let Ok(key) = VerifyingKey::from_bytes(&seal(Kind::VerifierKey, &bad)) {
            for proof in &proofs {
                assert!(verify(&key, proof, None, &[]).is_err(), "byte {at}");
            }
        }
        assert!(VerifyingKey::from_bytes(&seal(Kind::VerifierKey, &payload[..at])).is_err(), "cut at {at}");
    }
    let long = [payload, &[0]].concat();
    assert!(matches!(VerifyingKey::from_bytes(&seal(Kind::VerifierKey, &long)), Err(KeyError::Encoding(_))));
    assert!(matches!(VerifyingKey::from_bytes(&file[1..]), Err(KeyError::Container(_))));
    assert!(matches!(VerifyingKey::from_bytes(&seal(Kind::ProverKey, payload)), Err(KeyError::Container(_))));
}

#[test]
fn damaged_keys_with_the_checksum_recomputed_do_not_panic_nor_verify() {
    damaged_keys_do_not_verify(101);
}

/// Checksums are compared beside decoding, and are what is told of a damaged file, whatever decoding makes of it.
#[test]
fn damaged_keys_are_said_to_be_damaged() {
    let damaged = |error: Option<KeyError>| matches!(error, Some(KeyError::Container(ContainerError::Checksum)));
    let (proving, verifying) = (TINY.proving.to_bytes(), TINY.verifying.to_bytes());
    for at in [15, 16, 40, 200, proving.len() - 33, proving.len() - 1] {
        assert!(damaged(ProvingKey::from_bytes(&flipped(&proving, at, 7)).err()), "byte {at}");
    }
    for at in [15, 16, 40, verifying.len() - 33, verifying.len() - 1] {
        assert!(damaged(VerifyingKey::from_bytes(&flipped(&verifying, at, 7)).err()), "byte {at}");
    }
}

#[test]
#[ignore = "some minutes: cargo test --release -p convince --test suite attacks -- --ignored"]
fn keys_damaged_anywhere_do_not_panic_nor_verify() {
    damaged_keys_do_not_verify(1);
}

fn damaged_proving_keys(every: usize) {
    let file = TINY.proving.to_bytes();
    let again = ProvingKey::from_bytes(&file).unwrap();
    assert!(accepts(&TINY, &prove(&again, &TINY.input, &options()).unwrap()).is_ok());
    let payload = open(Kind::ProverKey, &file).unwrap();
    for at in (0..payload.len()).step_by(every) {
        let mut bad = payload.to_vec();
        bad[at] ^= 0x41;
        if let Ok(key) = ProvingKey::from_bytes(&seal(Kind::ProverKey, &bad)) {
            let accepted = prove(&key, &TINY.input, &options()).is_ok_and(|proof| accepts(&TINY, &proof).is_ok());
            // Names of layers and the quantiser's report are the prover's own, and change nothing that is proven.
            let lowered = [&key, &TINY.proving].map(ProvingKey::lowered);
            let same = lowered[0].circuit == lowered[1].circuit && lowered[0].weights == lowered[1].weights;
            assert!(!accepted || same, "byte {at}");
        }
        assert!(ProvingKey::from_bytes(&seal(Kind::ProverKey, &payload[..at])).is_err());
    }
}

#[test]
fn damaged_proving_keys_do_not_panic() {
    damaged_proving_keys(7);
}

#[test]
#[ignore = "some minutes: cargo test --release -p convince --test suite attacks -- --ignored"]
fn proving_keys_damaged_anywhere_do_not_panic() {
    damaged_proving_keys(1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any bytes behind any head: an error, never a panic.
    #[test]
    fn noise_is_rejected(flags in 0u8..5, noise in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut bytes = header(Kind::Proof);
        bytes.push(flags);
        bytes.extend(noise);
        prop_assert!(accepts(&TINY, &Proof::from_bytes(bytes).unwrap()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Every input's proof passes, extremes of the range included.
    #[test]
    fn every_input_has_a_proof(values in prop::collection::vec(prop_oneof![Just(0), Just(255), 0i32..256], 36)) {
        let proof = prove(&TINY.proving, &values, &options()).unwrap();
        prop_assert_eq!(proof.as_bytes().len(), honest(Mode::Hiding).as_bytes().len());
        prop_assert!(accepts(&TINY, &proof).is_ok());
    }
}
