//! Keys whose proofs reveal the label and no logits.

use serde_json::{Value, json};

use crate::common::{DIGIT, convince, convince_json, fixture, folder, text, vector};

#[test]
fn a_proof_of_a_label_says_the_label_and_no_logits() {
    let f = fixture();
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let model = f.path("model.cnvm");
    convince(&["setup", &model, "--reveal", "label", "-o", text(folder.path())]).succeeds();
    let (key, verifier_key, proof) = (path("prover.key"), path("verifier.key"), path("label.cnvp"));
    let digit = vector(DIGIT);
    let proved = convince_json(&["prove", "--key", &key, "--input", &digit, "-o", &proof]).succeeds().json();
    let verified = convince_json(&["verify", "--key", &verifier_key, "--input", &digit, &proof]).succeeds().json();
    for printed in [&proved, &verified] {
        assert_eq!((&printed["label"], &printed["label_name"]), (&json!(7), &f.prove["label_name"]));
        for key in ["logits", "probabilities"] {
            assert_eq!(printed.as_object().and_then(|object| object.get(key)), Some(&Value::Null));
        }
    }
    let shown = convince(&["verify", "--key", &verifier_key, &proof]).succeeds().stdout;
    assert!(
        shown.lines().any(|line| line.starts_with("label ")) && !shown.contains("logits") && !shown.contains("probab"),
        "{shown}"
    );
    let inspected = convince_json(&["inspect", &proof, "--key", &verifier_key]).succeeds().json();
    assert_eq!((&inspected["claimed_labels"], &inspected["claimed_logits_int"]), (&json!([7]), &Value::Null));
    let estimate = convince_json(&["estimate", &model, "--reveal", "label"]).succeeds().json();
    assert_eq!(estimate["total"]["proof_bytes"], proved["proof_bytes"]);

    // Proofs of labels and of logits are of different circuits.
    convince(&["verify", "--key", &f.path("verifier.key"), &proof]).fails_with(1);
    convince(&["verify", "--key", &verifier_key, &f.path("proof.cnvp")]).fails_with(1);
    // Another digit in the file.
    let mut bytes = std::fs::read(&proof).unwrap();
    let label = 8 + 28 * 28;
    assert_eq!(bytes[label..label + 4], [7, 0, 0, 0]);
    bytes[label] = 1;
    std::fs::write(&proof, bytes).unwrap();
    convince(&["verify", "--key", &verifier_key, &proof]).fails_with(1);
}
