//! Private inputs, models and outputs, from the model's file to what was verified.

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{DIGIT, convince, convince_json, folder, names, text, tiny, vector};
use crate::place::{Place, is_secret, run};

#[test]
fn all_eight_combinations_are_proven_and_say_what_is_public() {
    let (digit, run) = (vector(DIGIT), run());
    let mut last: Option<Place> = None;
    for choice in 0..8 {
        let parts = ["input", "model", "output"].into_iter().enumerate();
        let private: Vec<&str> = parts.filter(|(bit, _)| choice >> bit & 1 == 1).map(|(_, name)| name).collect();
        let option = if private.is_empty() { "none".into() } else { private.join(",") };
        let place = Place { folder: folder() };
        let args = ["setup", tiny(), "--private", &option, "-o", text(place.folder.path())];
        let setup = convince_json(&args).succeeds().json();
        let proved = place.prove(&["--input", &digit]).succeeds().json();
        let verified = place.verify(&[]).succeeds().json();
        let is_private = |part| private.contains(&part);
        let reveal = if is_private("output") { "nothing" } else { "logits" };
        for printed in [&setup, &proved, &verified] {
            assert_eq!((&printed["private"], &printed["reveal"]), (&json!(private), &json!(reveal)), "{printed}");
        }
        let status = if is_private("model") { "range-proven" } else { "public" };
        assert_eq!([&setup["status"], &verified["status"]], [status; 2]);
        assert_eq!(setup["range_proof_bytes"].is_u64(), is_private("model"), "{setup}");
        assert_eq!([&proved["mode"], &verified["mode"]], ["zero-knowledge"; 2]);
        // The prover knows what it proves; the verifier learns what is public.
        assert_eq!((&proved["label"], &proved["logits"]), (&run["label"], &run["logits"]));
        let said = [&verified["label"], &verified["logits"]];
        let expected = if is_private("output") { [&Value::Null; 2] } else { [&run["label"], &run["logits"]] };
        assert_eq!(said, expected, "{verified}");
        for part in ["input", "output"] {
            let commitment = format!("{part}_commitment");
            assert_eq!(verified[&commitment].is_string(), is_private(part), "{verified}");
            assert_eq!(verified[&commitment], proved[&commitment]);
        }
        let estimate = convince_json(&["estimate", tiny(), "--private", &option]).succeeds().json();
        assert_eq!(estimate["total"]["proof_bytes"], proved["proof_bytes"], "{option}");
        let shown =
            convince(&["verify", "--key", &place.path("verifier.key"), &place.path("p.cnvp")]).succeeds().stdout;
        let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        for part in ["input", "model", "output"] {
            assert_eq!(
                (line("private ").contains(part), line("public ").contains(part)),
                (is_private(part), !is_private(part))
            );
        }
        assert_eq!(shown.contains("logits"), !is_private("output"), "{shown}");
        // The proof of another combination, with the input if it may leave that out.
        if let Some(last) = &last {
            let (key, other) = (place.path("verifier.key"), last.path("p.cnvp"));
            let input = ["--input", &digit];
            let input = if is_private("input") { &[][..] } else { &input };
            convince(&[&["verify", "--key", &key, &other], input].concat()).fails_with(1);
        }
        last = Some(place);
    }
}

#[test]
fn a_label_alone_can_be_revealed_of_a_private_output() {
    let run = run();
    let place = Place::with_keys(&["--private", "input,model,output", "--reveal", "label"]);
    place.prove(&["--input", &vector(DIGIT)]).succeeds();
    let verified = place.verify(&[]).succeeds().json();
    assert_eq!((&verified["label"], &verified["logits"]), (&run["label"], &Value::Null));
    assert_eq!((&verified["reveal"], &verified["private"]), (&json!("label"), &json!(["input", "model", "output"])));
    assert_eq!(verified["output_commitment"], Value::Null);
    let shown = convince(&["inspect", &place.path("verifier.key")]).succeeds().stdout;
    assert!(shown.contains("the output's label") && shown.contains("the output's values"), "{shown}");
    // There is no commitment to an output to be opened.
    let opening = place.path("out.opening");
    place.prove(&["--input", &vector(DIGIT), "--output-opening", &opening]).fails_with(2);
    assert!(!Path::new(&opening).exists());
}

#[test]
fn a_private_output_is_opened_by_whoever_has_its_opening() {
    let run = run();
    let place = Place::with_keys(&["--private", "model,output"]);
    let path = |name: &str| place.path(name);
    let digit = vector(DIGIT);
    let options = ["--input", &digit, "--output-opening", &path("out.opening"), "--nonce", "0bad"];
    let proved = place.prove(&options).succeeds().json();
    assert_eq!(proved["output_opening"].as_str(), Some(path("out.opening").as_str()));
    is_secret(&path("out.opening"));
    let key = path("verifier.key");
    let under = ["--key", &key, "--nonce", "0bad"];
    let opened = place.open("p.cnvp", "out.opening", &under).succeeds().json();
    assert_eq!((&opened["of"], &opened["commitment"]), (&json!("output"), &proved["output_commitment"]));
    assert_eq!(
        (&opened["values"], &opened["label"], &opened["logits"]),
        (&run["logits_int"], &run["label"], &run["logits"])
    );
    let shown = convince(&[&["open", &path("p.cnvp"), &path("out.opening")], &under[..]].concat()).succeeds().stdout;
    assert!(shown.lines().any(|line| line.starts_with("label ")), "{shown}");
    // Without the nonce the proof is another one's, and opens nothing.
    place.open("p.cnvp", "out.opening", &["--key", &key]).fails_with(1);
    let other = path("other.opening");
    place.prove(&["--input", &digit, "--output-opening", &other, "--nonce", "0bad"]).succeeds();
    let refused = place.open("p.cnvp", "out.opening", &under).fails_with(1);
    assert!(refused.stderr.contains("another commitment"), "{}", refused.stderr);

    // Nothing but the prover's own words says what the output is, and that nobody can open it.
    let args = ["prove", "--key", &path("prover.key"), "--input", &digit, "-o", &path("p.cnvp")];
    let shown = convince(&args).succeeds().stdout;
    assert!(shown.contains("private label") && shown.contains("dropped"), "{shown}");
    convince(&["prove", "-k", &path("prover.key"), "-i", &digit, "-o", &other, "--output-opening", &other])
        .fails_with(2);
}

#[test]
fn plain_proofs_are_warned_of_and_marked() {
    let place = Place::with_keys(&["--private", "model,output"]);
    let digit = vector(DIGIT);
    let outcome = place.prove(&["--input", &digit, "--plain"]);
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stderr.starts_with("warning: ") && outcome.stderr.contains("leaks"), "{}", outcome.stderr);
    assert_eq!((outcome.stderr.lines().count(), &outcome.json()["mode"]), (1, &json!("plain")));
    assert_eq!(place.verify(&[]).succeeds().json()["mode"], "plain");
    let shown = convince(&["inspect", &place.path("p.cnvp")]).succeeds().stdout;
    assert!(shown.contains("plain"), "{shown}");
    // A proof is of one mode, whatever its flags say.
    let mut proof = place.bytes("p.cnvp");
    proof[7] ^= 2;
    place.write("p.cnvp", &proof);
    place.verify(&[]).fails_with(1);
    assert!(convince(&["prove", "--help"]).succeeds().stdout.contains("LEAKS"));
    // Where nothing is private, nothing leaks.
    let public = Place::with_keys(&["--private", "none"]);
    public.prove(&["--input", &digit, "--plain"]).succeeds();
    public.verify(&[]).succeeds();
}

#[test]
fn bench_measures_both_modes() {
    let args = ["bench", tiny(), "--runs", "1", "--private", "input,output", "--plain"];
    let printed = convince_json(&args).succeeds().json();
    let rows = printed["rows"].as_array().expect("rows");
    assert_eq!(
        rows.iter().map(|row| row["mode"].as_str()).collect::<Vec<_>>(),
        [Some("zero-knowledge"), Some("plain")]
    );
    for row in rows {
        assert_eq!((&row["private"], &row["reveal"]), (&json!(["input", "output"]), &json!("nothing")));
        let keys = ["inference_ms", "setup_ms", "prove_ms", "verify_ms", "proof_bytes", "verifier_key_bytes"];
        assert!(keys.iter().all(|key| row[key].as_f64().is_some_and(|value| value > 0.0)), "{row}");
    }
    assert!(rows[0]["proof_bytes"].as_u64() > rows[1]["proof_bytes"].as_u64());
    let shown = convince(&["bench", tiny(), "--runs", "1", "--private", "none"]).succeeds().stdout;
    assert!(shown.contains("zero-knowledge") && shown.contains("none") && !shown.contains("plain"), "{shown}");
}

#[test]
fn parts_that_there_are_none_of_are_refused() {
    let folder = folder();
    let keys = text(folder.path());
    for options in [
        &["--private", "weights"][..],
        &["--private", ""],
        &["--private", "none,input"],
        &["--private", "output", "--reveal", "logits"],
    ] {
        convince(&[&["setup", tiny(), "-o", keys], options].concat()).fails_with(2);
        convince(&[&["estimate", tiny()], options].concat()).fails_with(2);
        convince(&[&["bench", tiny()], options].concat()).fails_with(2);
    }
    assert!(names(folder.path()).is_empty());
}
