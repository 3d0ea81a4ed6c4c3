//! Well-formed proof files whose content is not what it should be: exit code 1, and nothing authenticated is printed.

use convince::container::{Kind, open, seal};
use serde_json::{Value, json};

use crate::common::{DIGIT, Positions, convince, convince_json, fixture, folder, text, vector};

/// Bytes of a proof file before its content.
const HEADER_LEN: usize = 7;

/// Verifies many files in one process; each must be rejected.
#[track_caller]
fn all_are_rejected(proofs: &[Vec<u8>]) {
    let f = fixture();
    let folder = folder();
    let paths: Vec<String> = (0..proofs.len()).map(|k| text(&folder.path().join(format!("{k}.cnvp"))).into()).collect();
    paths.iter().zip(proofs).for_each(|(path, bytes)| std::fs::write(path, bytes).expect("writes"));
    let key = f.path("verifier.key");
    let args = ["verify", "--key", &key].into_iter().chain(paths.iter().map(String::as_str)).collect::<Vec<_>>();
    let outcome = convince_json(&args);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.lines().count(), proofs.len());
    let printed = outcome.json();
    let verdicts = printed.as_array().expect("several proofs");
    assert_eq!(verdicts.len(), proofs.len());
    for (k, verdict) in verdicts.iter().enumerate() {
        assert_eq!(verdict["valid"], json!(false), "{k}: {verdict}");
        assert!(verdict["error"].is_string() && verdict["verify_ms"].is_f64(), "{k}: {verdict}");
        for key in ["label", "logits", "probabilities", "input_digest", "model_commitment", "network_digest"] {
            assert_eq!(verdict[key], Value::Null, "{k}: {verdict}");
        }
    }
}

fn proof() -> Vec<u8> {
    std::fs::read(fixture().path("proof.cnvp")).expect("written")
}

#[test]
fn flipped_bits_are_rejected() {
    let proof = proof();
    let mut positions = Positions(1);
    // Flags, input and output, then the messages, to the last byte.
    let mut places: Vec<usize> = vec![HEADER_LEN, HEADER_LEN + 1, HEADER_LEN + 785, proof.len() - 1];
    places.extend((0..60).map(|_| HEADER_LEN + positions.below(proof.len() - HEADER_LEN)));
    let flipped = places.into_iter().map(|place| {
        let mut bad = proof.clone();
        bad[place] ^= 1 << positions.below(8);
        bad
    });
    // Flag bit 0 says whether the input is in the file; without it the file is another well-formed one.
    let flipped: Vec<_> = flipped.filter(|bad| bad[HEADER_LEN] != 0).collect();
    all_are_rejected(&flipped);
}

#[test]
fn cut_and_extended_proofs_are_rejected() {
    let proof = proof();
    let mut positions = Positions(2);
    let mut lengths = vec![HEADER_LEN, HEADER_LEN + 1, HEADER_LEN + 785, proof.len() - 1];
    lengths.extend((0..20).map(|_| HEADER_LEN + positions.below(proof.len() - HEADER_LEN)));
    let cut = lengths.into_iter().map(|len| proof[..len].to_vec());
    let extended = [1, 48, 4096].map(|more| [&proof[..], &vec![0; more]].concat());
    all_are_rejected(&cut.chain(extended).collect::<Vec<_>>());
}

#[test]
fn another_nonce_is_rejected() {
    let f = fixture();
    let key = f.path("verifier.key");
    let (plain, nonce) = (f.path("proof.cnvp"), f.path("nonce.cnvp"));
    convince(&["verify", "--key", &key, &nonce, "--nonce", "0BADcafe"]).succeeds();
    for args in [&[&nonce[..]][..], &[&nonce, "--nonce", "0badcaff"], &[&plain, "--nonce", "00"]] {
        let outcome = convince_json(&[&["verify", "--key", &key], args].concat()).fails_with(1);
        assert_eq!(outcome.json()["valid"], json!(false));
    }
}

#[test]
fn keys_of_another_setup_or_another_model_reject() {
    let f = fixture();
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    convince(&["verify", "--key", &f.path("other/verifier.key"), &f.path("proof.cnvp")]).fails_with(1);
    let (onnx, images) = (vector("onnx/keras-style-cnn.onnx"), vector("mnist/digits"));
    convince(&["quantize", &onnx, "--calibrate", &images, "-o", &path("m.cnvm")]).succeeds();
    convince(&["setup", &path("m.cnvm"), "-o", &path("keys")]).succeeds();
    convince(&["verify", "--key", &path("keys/verifier.key"), &f.path("proof.cnvp")]).fails_with(1);
}

#[test]
fn detached_inputs_must_be_given_and_be_the_right_ones() {
    let f = fixture();
    let (key, detached) = (f.path("verifier.key"), f.path("detached.cnvp"));
    let (digit, other) = (vector(DIGIT), vector("mnist/digits/27_label_7.png"));
    convince(&["verify", "--key", &key, &detached, "--input", &digit]).succeeds();
    convince(&["verify", "--key", &key, &detached]).fails_with(2);
    convince(&["verify", "--key", &key, &detached, "--input", &other]).fails_with(1);
    convince(&["verify", "--key", &key, &f.path("proof.cnvp"), "--input", &digit]).succeeds();
    convince(&["verify", "--key", &key, &f.path("proof.cnvp"), "--input", &other]).fails_with(1);
}

#[test]
fn the_worst_of_several_proofs_decides() {
    let f = fixture();
    let (key, good, rejected) = (f.path("verifier.key"), f.path("proof.cnvp"), f.path("nonce.cnvp"));
    let verify = |proofs: &[&str]| convince_json(&[&["verify", "--key", &key], proofs].concat());
    let valid = |printed: &Value| -> Vec<bool> {
        printed.as_array().into_iter().flatten().filter_map(|report| report["valid"].as_bool()).collect()
    };
    assert_eq!(valid(&verify(&[&good, &good]).succeeds().json()), [true, true]);
    assert_eq!(valid(&verify(&[&good, &rejected]).fails_with(1).json()), [true, false]);
    let unreadable = verify(&[&good, &rejected, "missing.cnvp"]);
    assert_eq!((unreadable.code, unreadable.stderr.lines().count()), (Some(2), 2));
    assert_eq!(valid(&unreadable.json()), [true, false, false]);
}

/// With a new checksum a changed file is a whole one again: an error, or another key that authenticates nothing old.
#[test]
fn changed_keys_and_models_with_new_checksums_never_panic() {
    let f = fixture();
    let folder = folder();
    let path = folder.path().join("changed");
    let (proof, digit, out) = (f.path("proof.cnvp"), vector(DIGIT), folder.path().join("out"));
    let mut positions = Positions(3);
    for (kind, name) in
        [(Kind::VerifierKey, "verifier.key"), (Kind::Model, "model.cnvm"), (Kind::ProverKey, "prover.key")]
    {
        let file = std::fs::read(f.path(name)).expect("written");
        let payload = open(kind, &file).expect("whole").to_vec();
        for round in 0..24 {
            let mut changed = payload.clone();
            // The architecture stands at the start, the weights after it.
            let place = positions.below(if round % 2 == 0 { changed.len().min(400) } else { changed.len() });
            changed[place] ^= 1 << positions.below(8);
            std::fs::write(&path, seal(kind, &changed)).expect("writes");
            let path = text(&path);
            let (args, allowed) = match kind {
                Kind::VerifierKey => (vec!["verify", "--key", path, &proof], [1, 2]),
                Kind::Model => (vec!["check", path, "--input", &digit], [0, 2]),
                _ => (vec!["prove", "--key", path, "--input", &digit, "-o", text(&out)], [0, 2]),
            };
            let outcome = convince(&args);
            assert!(outcome.code.is_some_and(|code| allowed.contains(&code)), "{kind} {place}: {}", outcome.stderr);
        }
    }
}
