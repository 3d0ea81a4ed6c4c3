//! Several images in one proof, and the ways of proving a layer.

use serde_json::{Value, json};

use crate::common::{DIGIT, convince, convince_json, fixture, folder, has_keys, text, vector};

const DIGITS: [&str; 3] = [DIGIT, "mnist/digits/00_label_0.png", DIGIT];

#[test]
fn a_batch_is_one_proof_of_all_its_images() {
    let f = fixture();
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    convince(&["setup", &f.path("model.cnvm"), "--batch", "3", "-o", text(folder.path())]).succeeds();
    let (key, verifier_key, proof) = (path("prover.key"), path("verifier.key"), path("batch.cnvp"));
    let digits = DIGITS.map(vector);
    let [first, second, third] = [&digits[0], &digits[1], &digits[2]];
    let prove = ["prove", "--key", &key, "--input", first, second, third, "-o", &proof];
    let proved = convince_json(&prove).succeeds().json();
    let again = ["verify", "--key", &verifier_key, "--input", first, "--input", second, "--input", third, &proof];
    let verified = convince_json(&again).succeeds().json();
    assert_eq!(verified["valid"], json!(true));
    assert_eq!(verified["images"], proved["images"]);
    let labels = |value: &Value| -> Vec<Value> {
        value["images"].as_array().expect("images").iter().map(|image| image["label"].clone()).collect()
    };
    assert_eq!(labels(&verified), [json!(7), json!(0), json!(7)]);
    has_keys(&verified["images"][1], &["label", "label_name", "logits", "probabilities"]);
    for key in ["label", "label_name", "logits", "probabilities"] {
        assert_eq!((&verified[key], &proved[key]), (&verified["images"][0][key], &verified["images"][0][key]));
    }
    let alone = convince_json(&["run", &f.path("model.cnvm"), "--input", second]).succeeds().json();
    assert_eq!(verified["images"][1]["logits"], alone["logits"]);
    let bytes = |value: &Value| value["proof_bytes"].as_f64().expect("a size");
    assert!(bytes(&proved) < 2.0 * bytes(&f.prove), "{proved}");
    let shown = convince(&["verify", "--key", &verifier_key, &proof]).succeeds().stdout;
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["labels", "7", "0", "7"])), "{shown}");

    let swapped = ["verify", "--key", &verifier_key, "--input", second, "--input", first, "--input", third, &proof];
    convince(&swapped).fails_with(1);
    let error = convince(&["prove", "--key", &key, "--input", first, second, "-o", &proof]).fails_with(2).stderr;
    assert!(error.contains("2 inputs, 3 are needed"), "{error}");
    convince(&["verify", "--key", &verifier_key, "--input", first, &proof]).fails_with(2);
    convince(&["prove", "--key", &f.path("prover.key"), "--input", first, second, "-o", &proof]).fails_with(2);
    convince(&["verify", "--key", &f.path("verifier.key"), &proof]).fails_with(1);
}

#[test]
fn strategies_give_the_same_outputs_and_proofs_of_their_own() {
    let f = fixture();
    let (model, digit, first) = (f.path("model.cnvm"), vector(DIGIT), f.path("verifier.key"));
    for strategy in [&["--strategy", "fft"][..], &["--range", "bits"], &["--strategy", "fft", "--range", "bits"]] {
        let folder = folder();
        let path = |name: &str| text(&folder.path().join(name)).to_owned();
        convince(&[&["setup", &model, "-o", text(folder.path())], strategy].concat()).succeeds();
        let (key, verifier_key, proof) = (path("prover.key"), path("verifier.key"), path("p.cnvp"));
        let proved = convince_json(&["prove", "--key", &key, "--input", &digit, "-o", &proof]).succeeds().json();
        assert_eq!(proved["logits"], f.prove["logits"], "{strategy:?}");
        convince(&["verify", "--key", &verifier_key, &proof]).succeeds();
        convince(&["verify", "--key", &first, &proof]).fails_with(1);
        convince(&["verify", "--key", &verifier_key, &f.path("proof.cnvp")]).fails_with(1);
        let estimate = convince_json(&[&["estimate", &model], strategy].concat()).succeeds().json();
        assert_eq!(estimate["total"]["proof_bytes"], proved["proof_bytes"], "{strategy:?}");
    }
}

#[test]
fn options_of_circuits_are_checked() {
    let f = fixture();
    let folder = folder();
    let (model, keys) = (f.path("model.cnvm"), text(folder.path()).to_owned());
    for options in [["--batch", "0"], ["--batch", "x"], ["--strategy", "ntt"], ["--range", "bit"]] {
        convince(&[&["setup", &model, "-o", &keys], &options[..]].concat()).fails_with(2);
        convince(&[&["estimate", &model], &options[..]].concat()).fails_with(2);
        convince(&[&["bench", &model], &options[..]].concat()).fails_with(2);
    }
    let bench = convince_json(&["bench", &model, "--runs", "1", "--batch", "2"]).succeeds().json();
    let estimate = convince_json(&["estimate", &model, "--batch", "2"]).succeeds().json();
    assert_eq!(bench["rows"][0]["proof_bytes"], estimate["total"]["proof_bytes"]);
}
