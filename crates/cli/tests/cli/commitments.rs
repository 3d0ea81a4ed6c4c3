//! Commitments to models and inputs: what refers to them, what opens them, and what is none.

use std::path::Path;

use convince::container::{Kind, open, seal};
use serde_json::{Value, json};

use crate::common::{DIGIT, convince, convince_json, folder, has_keys, names, tiny, vector};
use crate::place::{Place, is_secret, run};

#[test]
fn a_proof_is_about_the_commitment_that_its_input_has() {
    let other_digit = "mnist/digits/00_label_0.png";
    let place = Place::with_keys(&["--private", "input"]);
    let path = |name: &str| place.path(name);
    let committed = place.commit("x", DIGIT);
    place.commit("again", DIGIT);
    place.commit("other", other_digit);
    has_keys(&committed, &["commit_ms", "commitment", "commitment_bytes", "opening_bytes"]);
    is_secret(&path("x.opening"));
    let proved = place.prove(&["--input-opening", &path("x.opening")]).succeeds().json();
    assert_eq!(proved["input_commitment"], committed["commitment"]);
    let verified = place.verify(&["--input-commitment", &path("x.commitment")]).succeeds().json();
    assert_eq!((&verified["input_commitment"], &verified["label"]), (&committed["commitment"], &run()["label"]));
    for wrong in ["again.commitment", "other.commitment"] {
        let refused = place.verify(&["--input-commitment", &path(wrong)]).fails_with(1);
        assert!(refused.stderr.contains("commitment is not the one"), "{}", refused.stderr);
        assert_eq!(refused.json()["input_commitment"], Value::Null);
    }
    // Any commitment will do where none is asked for, and the input itself is of no use to whoever verifies.
    place.verify(&[]).succeeds();
    place.verify(&["--input", &vector(DIGIT)]).fails_with(2);
    place.verify(&["--input", &vector(DIGIT), "--input-commitment", &path("x.commitment")]).fails_with(2);
    // An input beside the opening must be its input.
    place.prove(&["--input-opening", &path("x.opening"), "--input", &vector(DIGIT)]).succeeds();
    place.prove(&["--input-opening", &path("x.opening"), "--input", &vector(other_digit)]).fails_with(2);
    place.prove(&["--input-opening", &path("x.commitment")]).fails_with(2);
    place.prove(&[]).fails_with(2);

    // Who has the opening can show the input.
    let opened = place.open("x.commitment", "x.opening", &[]).succeeds().json();
    has_keys(&opened, &["valid", "of", "commitment", "values", "label", "logits", "error"]);
    let pixels: Vec<u8> = image::open(vector(DIGIT)).expect("committed image").into_luma8().into_raw();
    assert_eq!((&opened["values"], &opened["of"]), (&json!(pixels), &json!("commitment")));
    let refused = place.open("x.commitment", "again.opening", &[]).fails_with(1).json();
    assert_eq!((&refused["valid"], &refused["values"]), (&json!(false), &Value::Null));
    let key = path("verifier.key");
    assert_eq!(place.open("p.cnvp", "x.opening", &["--key", &key]).succeeds().json()["of"], "input");
    place.open("p.cnvp", "other.opening", &["--key", &key]).fails_with(1);
    place.open("p.cnvp", "x.opening", &[]).fails_with(2);
    place.open("x.opening", "x.opening", &[]).fails_with(2);

    // Keys whose inputs are public.
    let public = Place::with_keys(&[]);
    public.prove(&["--input", &vector(DIGIT)]).succeeds();
    public.verify(&["--input-commitment", &path("x.commitment")]).fails_with(2);
    public.prove(&["--input-opening", &path("x.opening")]).fails_with(2);
    let (key, out, opening) = (public.path("verifier.key"), public.path("c"), public.path("o"));
    convince(&["commit-input", "-k", &key, "-i", &vector(DIGIT), "-o", &out, "--opening", &opening]).fails_with(2);
    assert!(!Path::new(&out).exists() && !Path::new(&opening).exists());
}

#[test]
fn keys_under_one_commitment_are_of_one_model() {
    let place = Place { folder: folder() };
    let path = |name: &str| place.path(name);
    let (commitment, secret, digit) = (path("m.commitment"), path("m.secret"), vector(DIGIT));
    let commit = |commitment: &str, secret: &str| {
        convince_json(&["commit-model", tiny(), "-o", commitment, "--secret", secret]).succeeds().json()
    };
    let committed = commit(&commitment, &secret);
    has_keys(&committed, &["commit_ms", "model_commitment", "commitment_bytes", "weights", "width", "weight_rows"]);
    has_keys(&committed, &["range_proof_bytes", "range_proof_slices"]);
    is_secret(&secret);
    let setup = |model: &str, secret: &str, keys: &str, options: &[&str]| {
        let keys = path(keys);
        let args = ["setup", model, "--commitment", &commitment, "--secret", secret, "-o", &keys];
        convince_json(&[&args[..], options].concat())
    };
    for (keys, options) in [("one", &[][..]), ("two", &["--batch", "2", "--private", "input,model,output"])] {
        let printed = setup(tiny(), &secret, keys, options).succeeds().json();
        assert_eq!(printed["model_commitment"], committed["model_commitment"]);
        assert_eq!(printed["range_proof_bytes"], committed["range_proof_bytes"]);
        let key = path(&format!("{keys}/verifier.key"));
        let checked = convince_json(&["check-key", &key]).succeeds().json();
        has_keys(
            &checked,
            &["valid", "kind", "file_bytes", "check_ms", "status", "network_digest", "private", "reveal"],
        );
        assert_eq!((&checked["valid"], &checked["status"]), (&json!(true), &json!("range-proven")));
        assert_eq!(checked["model_commitment"], committed["model_commitment"]);
        let (key, proof) = (path(&format!("{keys}/prover.key")), path(keys) + ".cnvp");
        let inputs = vec![digit.as_str(); if keys == "two" { 2 } else { 1 }];
        convince(&[&["prove", "--key", &key, "-o", &proof, "--input"], &inputs[..]].concat()).succeeds();
    }
    for keys in ["one", "two"] {
        let (key, proof) = (path(&format!("{keys}/verifier.key")), path(keys) + ".cnvp");
        let verified = convince_json(&["verify", "--key", &key, &proof]).succeeds().json();
        assert_eq!(verified["model_commitment"], committed["model_commitment"]);
    }
    let checked = convince_json(&["check-key", &commitment]).succeeds().json();
    has_keys(&checked, &["weights", "width", "weight_rows", "range_proof_bytes", "range_proof_slices"]);
    assert_eq!((&checked["kind"], &checked["weights"]), (&json!("model commitment"), &committed["weights"]));

    // Another secret, another model, no secret, a public model.
    let (again, other_secret) = (path("again.commitment"), path("again.secret"));
    assert_ne!(commit(&again, &other_secret)["model_commitment"], committed["model_commitment"]);
    let error = setup(tiny(), &other_secret, "bad", &[]).fails_with(2).stderr;
    assert!(error.contains("another commitment"), "{error}");
    let zoo = path("zoo.cnvm");
    convince(&["zoo", "lenet5", "-o", &zoo]).succeeds();
    setup(&zoo, &secret, "bad", &[]).fails_with(2);
    setup(tiny(), &commitment, "bad", &[]).fails_with(2);
    setup(tiny(), &secret, "bad", &["--private", "none"]).fails_with(2);
    convince(&["setup", tiny(), "--commitment", &commitment, "-o", &path("bad")]).fails_with(2);
    convince(&["commit-model", tiny(), "-o", &path("same"), "--secret", &path("same")]).fails_with(2);
    assert!(!names(place.folder.path()).iter().any(|name| name == "bad" || name == "same"));
}

#[test]
fn keys_and_commitments_whose_range_proof_is_not_theirs_are_rejected() {
    let place = Place::with_keys(&[]);
    let path = |name: &str| place.path(name);
    let commit = |name: &str| {
        let (file, secret) = (path(name), path("secret"));
        let args = ["commit-model", tiny(), "-o", &file, "--secret", &secret];
        let printed = convince_json(&args).succeeds().json();
        let payload = open(Kind::ModelCommitment, &place.bytes(name)).expect("whole").to_vec();
        (payload, printed["range_proof_bytes"].as_u64().expect("a size") as usize)
    };
    // The range proof, in one slice, is the end of the file.
    let ((mine, size), (other, _)) = (commit("mine"), commit("other"));
    assert_eq!(mine.len(), other.len());
    let start = mine.len() - size;
    let length = if size < 1 << 14 { 2 } else { 3 };
    let mut flipped = mine.clone();
    flipped[start + size / 2] ^= 1;
    let changed = [
        ("flipped", flipped),
        ("of another commitment", [&mine[..start], &other[start..]].concat()),
        ("left out", [&mine[..start - length - 1], &[0]].concat()),
        ("twice", [&mine[..start - length - 1], &[2], &mine[start - length..], &mine[start - length..]].concat()),
    ];
    for (what, payload) in changed {
        place.write("bad", &seal(Kind::ModelCommitment, &payload));
        let refused = convince_json(&["check-key", &path("bad")]).fails_with(1);
        assert!(refused.stderr.contains("range proof"), "{what}: {}", refused.stderr);
        let printed = refused.json();
        assert_eq!((&printed["valid"], &printed["status"]), (&json!(false), &Value::Null), "{what}");
        let keys = path("none");
        let args = ["setup", tiny(), "--commitment", &path("bad"), "--secret", &path("secret"), "-o", &keys];
        convince(&args).fails_with(1);
        assert!(!Path::new(&keys).exists());
        convince(&["inspect", &path("bad")]).fails_with(1);
    }
    // A verifier's key: its range proof is most of it.
    place.prove(&["--input", &vector(DIGIT)]).succeeds();
    let mut key = open(Kind::VerifierKey, &place.bytes("verifier.key")).expect("whole").to_vec();
    let middle = key.len() - size / 2;
    key[middle] ^= 0x10;
    place.write("verifier.key", &seal(Kind::VerifierKey, &key));
    for outcome in [place.verify(&[]), convince_json(&["check-key", &path("verifier.key")])] {
        let refused = outcome.fails_with(1);
        assert!(refused.stderr.contains("range proof"), "{}", refused.stderr);
        assert_eq!(refused.json()["valid"], json!(false));
    }
}

#[test]
fn half_written_and_other_files_are_refused() {
    let place = Place::with_keys(&["--private", "input,output"]);
    let path = |name: &str| place.path(name);
    place.commit("x", DIGIT);
    place.prove(&["--input-opening", &path("x.opening"), "--output-opening", &path("y.opening")]).succeeds();
    let (commitment, secret) = (path("m.commitment"), path("m.secret"));
    convince(&["commit-model", tiny(), "-o", &commitment, "--secret", &secret]).succeeds();
    let (bad, out, key) = (path("bad"), path("out"), path("verifier.key"));
    let reading: [(&str, Vec<Vec<&str>>); 5] = [
        ("x.commitment", vec![vec!["verify", "-k", &key, "--input-commitment", &bad, "p"], vec!["open", &bad, "x"]]),
        ("x.opening", vec![vec!["prove", "-k", "k", "--input-opening", &bad, "-o", &out], vec!["open", "c", &bad]]),
        ("y.opening", vec![vec!["open", "p", &bad, "-k", &key]]),
        (
            "m.commitment",
            vec![vec!["check-key", &bad], vec!["setup", tiny(), "--commitment", &bad, "--secret", &secret, "-o", &out]],
        ),
        ("m.secret", vec![vec!["setup", tiny(), "--commitment", &commitment, "--secret", &bad, "-o", &out]]),
    ];
    // What the commands read besides.
    let (proof, prover, c, x) = (path("p.cnvp"), path("prover.key"), path("x.commitment"), path("x.opening"));
    let other = |arg: &str| match arg {
        "p" => proof.clone(),
        "k" => prover.clone(),
        "c" => c.clone(),
        "x" => x.clone(),
        _ => arg.to_owned(),
    };
    for (name, commands) in reading {
        let file = place.bytes(name);
        let half = file[..file.len() / 2].to_vec();
        let mut flipped = file.clone();
        flipped[file.len() - 40] ^= 1;
        let damaged =
            [Vec::new(), file[..6].to_vec(), half, flipped, [&file[..], &[0]].concat(), place.bytes("p.cnvp")];
        for bytes in damaged {
            place.write("bad", &bytes);
            for args in commands.iter().map(|args| args.iter().map(|arg| other(arg)).collect::<Vec<_>>()) {
                convince(&args.iter().map(String::as_str).collect::<Vec<_>>()).fails_with(2);
            }
            assert!(!Path::new(&out).exists(), "{name}");
        }
    }
    assert!(names(place.folder.path()).iter().all(|name| !name.starts_with(".convince-")));
}

#[test]
fn inspect_shows_what_secrets_belong_to_and_nothing_of_them() {
    let place = Place::with_keys(&["--private", "input"]);
    let path = |name: &str| place.path(name);
    let committed = place.commit("x", DIGIT);
    let (commitment, secret) = (path("m.commitment"), path("m.secret"));
    let args = ["commit-model", tiny(), "-o", &commitment, "--secret", &secret];
    let model = convince_json(&args).succeeds().json();
    let files = [
        ("x.commitment", "commitment", &["commitment", "shape", "low", "high", "rows", "width"][..]),
        ("x.opening", "commitment's opening", &["commitment", "shape", "low", "high", "rows", "width"]),
        ("m.commitment", "model commitment", &["model_commitment", "status", "weights", "range_proof_bytes"]),
        ("m.secret", "model secret", &["model_commitment"]),
    ];
    for (name, kind, keys) in files {
        let printed = convince_json(&["inspect", &path(name)]).succeeds().json();
        has_keys(&printed, keys);
        assert_eq!(printed["kind"], kind);
        // Kind and size stand in every file's object.
        assert_eq!(
            printed.as_object().map(|object| object.len()),
            Some(keys.len() + if kind == "model commitment" { 5 } else { 2 })
        );
        let expected = if name.starts_with('x') { &committed["commitment"] } else { &model["model_commitment"] };
        assert!(printed["commitment"] == *expected || printed["model_commitment"] == *expected, "{printed}");
        convince(&["inspect", &path(name)]).succeeds();
    }
    convince(&["inspect", &path("m.secret"), "--key", &path("verifier.key")]).fails_with(2);
}
