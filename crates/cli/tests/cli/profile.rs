//! `--profile`: what is printed adds up, the page stands alone, and the proof is what it is without.

use serde_json::Value;

use crate::common::{DIGIT, convince, convince_json, fixture, folder, has_keys, names, text, vector};
use crate::place::Place;

const PART: [&str; 6] = ["name", "ms", "cpu_ms", "message_bytes", "peak_rss_bytes", "parts"];

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn parts(part: &Value) -> &[Value] {
    part["parts"].as_array().expect("parts")
}

/// Times of parts are within that of the whole, and their bytes are its bytes but for its own.
fn is_sound(part: &Value) {
    has_keys(part, &PART);
    let sum = |key| parts(part).iter().map(|step| number(step, key)).sum::<f64>();
    assert!(sum("ms") <= 1.001 * number(part, "ms") + 0.01, "{part}");
    assert!(sum("message_bytes") <= number(part, "message_bytes"), "{part}");
    parts(part).iter().for_each(is_sound);
}

fn named<'a>(part: &'a Value, name: &str) -> &'a Value {
    parts(part).iter().find(|step| step["name"] == name).unwrap_or_else(|| panic!("{name} in {part}"))
}

/// A profile of the fixture's digit, and the proof's printed object.
fn profiled(options: &[&str]) -> (Value, Value) {
    let folder = folder();
    let (key, digit, proof) = (fixture().path("prover.key"), vector(DIGIT), folder.path().join("p.cnvp"));
    let args = ["prove", "--key", &key, "--input", &digit, "-o", text(&proof), "--profile"];
    let printed = convince_json(&[&args, options].concat()).succeeds().json();
    (printed["profile"].clone(), printed)
}

#[test]
fn phases_fill_the_proof_and_bytes_add_up_to_the_file() {
    for options in [&[][..], &["--detach-input"], &["--threads", "1"]] {
        let (profile, printed) = profiled(options);
        is_sound(&profile);
        let phases: Vec<&str> = parts(&profile).iter().filter_map(|part| part["name"].as_str()).collect();
        assert_eq!(phases, ["witness", "statement", "commit", "reduce", "open"]);
        let sum: f64 = parts(&profile).iter().map(|phase| number(phase, "ms")).sum();
        let ratio = sum / number(&printed, "prove_ms");
        // On a busy machine a good part of ten milliseconds passes between phases.
        assert!((0.7..=1.05).contains(&ratio), "{ratio}");
        let bytes: f64 = parts(&profile).iter().map(|phase| number(phase, "message_bytes")).sum();
        assert_eq!(bytes + number(&profile, "head_bytes"), number(&printed, "proof_bytes"));
        assert_eq!(bytes, number(&profile, "message_bytes"));
        let input = if options.contains(&"--detach-input") { 0.0 } else { 784.0 };
        assert_eq!(number(&printed, "input_bytes"), input);
        for phase in ["witness", "commit", "reduce", "open"] {
            let difference = number(named(&profile, phase), "ms") - number(&printed["phases_ms"], phase);
            assert!(difference.abs() < 0.01, "{phase}");
        }
    }
}

#[test]
fn steps_and_layers_are_named_and_share_what_there_is() {
    let (profile, _) = profiled(&[]);
    for (phase, steps) in [
        ("witness", &["ranges of weights", "layers", "multiplicities"][..]),
        ("commit", &["pads", "rows"]),
        ("reduce", &["lookups", "zero-checks", "output", "wave 1"]),
        ("open", &["replay", "closing argument", "combine rows", "column sumcheck", "inner-product argument"]),
    ] {
        let phase = named(&profile, phase);
        steps.iter().for_each(|step| assert!(number(named(phase, step), "ms") > 0.0, "{step}"));
    }
    let lookups = named(named(&profile, "reduce"), "lookups");
    let wave = named(named(&profile, "reduce"), "wave 1");
    ["kernel tables", "kernel rounds", "input tables", "input rounds"]
        .iter()
        .for_each(|step| has_keys(named(wave, step), &PART));
    ["leaves", "tree", "columns"].iter().for_each(|step| has_keys(named(lookups, step), &PART));
    assert!(parts(lookups).iter().any(|step| step["name"].as_str().is_some_and(|name| name.starts_with("levels 1-"))));

    let layers = profile["layers"].as_array().expect("layers");
    let estimate = convince_json(&["estimate", &fixture().path("model.cnvm")]).succeeds().json();
    let expected = estimate["layers"].as_array().expect("layers");
    let name = |layer: &Value| (layer["name"].clone(), layer["operator"].clone());
    assert_eq!(layers.iter().map(name).collect::<Vec<_>>(), expected.iter().map(name).collect::<Vec<_>>());
    for layer in layers {
        has_keys(layer, &["witness_ms", "commit_ms", "reduce_ms", "open_ms", "message_bytes", "commit_bytes"]);
        let times = ["witness_ms", "reduce_ms", "open_ms"].map(|key| number(layer, key));
        assert!(times.iter().all(|&ms| ms > 0.0), "{layer}");
        assert!(number(layer, "message_bytes") > number(layer, "commit_bytes"), "{layer}");
        for commitments in ["commit_bytes", "commit_ms"] {
            assert_eq!(number(layer, commitments) > 0.0, layer["operator"] == "requant", "{layer}");
        }
    }
    // What layers do not share of the commitments' time is the multiplicities' part.
    let rows = number(named(named(&profile, "commit"), "rows"), "cpu_ms");
    let shared_out: f64 = layers.iter().map(|layer| number(layer, "commit_ms")).sum();
    assert!((0.5 * rows..=1.001 * rows).contains(&shared_out), "{shared_out} of {rows} ms");
    let bytes: f64 = layers.iter().map(|layer| number(layer, "message_bytes")).sum();
    assert_eq!(bytes + number(&profile, "shared_bytes"), number(&profile, "message_bytes"));
    assert!(number(&profile, "shared_bytes") > 0.0);
}

#[test]
fn tables_say_what_the_json_says_and_nothing_is_said_unasked() {
    let place = Place::with_keys(&["--private", "input,model,output"]);
    let (key, digit, proof) = (place.path("prover.key"), vector(DIGIT), place.path("p.cnvp"));
    let args = ["prove", "--key", &key, "--input", &digit, "-o", &proof];
    let printed = convince(&[&args[..], &["--profile"]].concat()).succeeds().stdout;
    for line in ["phase ", "witness ", "  combine rows ", "prove ", "layer ", "shared ", "head "] {
        assert!(printed.lines().any(|found| found.starts_with(line)), "{line}: {printed}");
    }
    let silent = convince(&args).succeeds().stdout;
    assert!(!silent.contains("combine rows"), "{silent}");
    assert!(place.prove(&["--input", &digit]).succeeds().json().get("profile").is_none());
    place.verify(&[]).succeeds();
}

#[test]
fn the_profile_of_an_accuracy_proof_adds_up_over_its_batches() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let (model, keys, page) = (fixture().path("model.cnvm"), text(folder.path()), path("accuracy.html"));
    convince(&["setup", &model, "--reveal", "correct", "--batch", "2", "-o", keys]).succeeds();
    // Three batches, the last one not full.
    std::fs::write(path("labels.json"), "[7, 7, 7, 7, 7]").expect("writes");
    let (key, digit, labels, proof) = (path("prover.key"), vector(DIGIT), path("labels.json"), path("a.cnvp"));
    let data = ["--data", &digit, &digit, &digit, &digit, &digit];
    let args = ["prove-accuracy", "--key", &key, "--labels", &labels, "-o", &proof];
    let silent = convince_json(&[&args[..], &data].concat()).succeeds().json();
    assert!(silent.get("profile").is_none());
    let printed = convince_json(&[&args[..], &data, &["--profile-html", &page]].concat()).succeeds().json();
    assert_eq!((&printed["batches"], &printed["correct"]), (&Value::from(3), &Value::from(5)));
    let profile = &printed["profile"];
    is_sound(profile);
    let phases: Vec<&str> = parts(profile).iter().filter_map(|part| part["name"].as_str()).collect();
    assert_eq!(phases, ["images", "witness", "commit", "statement", "reduce", "open", "count"]);
    let sum: f64 = parts(profile).iter().map(|phase| number(phase, "ms")).sum();
    let ratio = sum / number(&printed, "prove_ms");
    assert!((0.7..=1.05).contains(&ratio), "{ratio}");
    assert_eq!(number(profile, "message_bytes") + number(profile, "head_bytes"), number(&printed, "proof_bytes"));
    assert!(number(named(profile, "count"), "message_bytes") > 0.0);
    let layers = profile["layers"].as_array().expect("layers");
    let bytes: f64 = layers.iter().map(|layer| number(layer, "message_bytes")).sum();
    assert_eq!(bytes + number(profile, "shared_bytes"), number(profile, "message_bytes"));
    for layer in layers.iter().filter(|layer| layer["operator"] == "requant") {
        let times = ["witness_ms", "commit_ms", "reduce_ms", "open_ms"].map(|key| number(layer, key));
        assert!(times.iter().all(|&ms| ms > 0.0), "{layer}");
    }
    is_page(&std::fs::read_to_string(&page).expect("written"), "a.cnvp");
    convince(&[&args[..], &data, &["--profile-html", &proof]].concat()).fails_with(2);
}

#[track_caller]
fn is_page(page: &str, title: &str) {
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("<svg") && page.contains(&format!("<h1>{title}</h1>")) && page.contains(" ms"), "{page}");
    for foreign in ["http", "//", "<script", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}: {page}");
    }
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

#[test]
fn the_page_needs_no_other_file_and_appears_with_the_proof_or_not_at_all() {
    let place = Place::with_keys(&[]);
    let (digit, page) = (vector(DIGIT), place.path("profile.html"));
    let options = ["--input", &digit, "--profile-html", &page];
    has_keys(&place.prove(&options).succeeds().json(), &["profile"]);
    is_page(&String::from_utf8(place.bytes("profile.html")).expect("UTF-8"), "p.cnvp");
    place.verify(&[]).succeeds();

    let before = names(place.folder.path());
    let missing = place.path("none/profile.html");
    let same = place.path("p.cnvp");
    std::fs::remove_file(&page).expect("removes");
    std::fs::remove_file(&same).expect("removes");
    place.prove(&["--input", &digit, "--profile-html", &missing]).fails_with(2);
    place.prove(&["--input", &digit, "--profile-html", &same]).fails_with(2);
    place.prove(&["--input", &place.path("verifier.key"), "--profile-html", &page]).fails_with(2);
    let left = names(place.folder.path());
    assert_eq!(left.len() + 2, before.len(), "{left:?}");
}

#[test]
fn bench_tells_the_ratio_the_input_and_the_profile() {
    let folder = folder();
    let (model, page) = (fixture().path("model.cnvm"), folder.path().join("bench.html"));
    let args = ["bench", &model, "--runs", "2", "--plain", "--profile-html", text(&page)];
    let printed = convince_json(&args).succeeds().json();
    let rows = printed["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let ratio = number(row, "prove_ms") / number(row, "inference_ms");
        assert!((number(row, "prove_over_inference") / ratio - 1.0).abs() < 1e-9, "{row}");
        assert_eq!(number(row, "input_bytes"), 784.0);
        is_sound(&row["profile"]);
        let profile = &row["profile"];
        assert_eq!(number(profile, "message_bytes") + number(profile, "head_bytes"), number(row, "proof_bytes"));
    }
    let page = std::fs::read_to_string(&page).expect("written");
    is_page(&page, "model, zero-knowledge");
    is_page(&page, "model, plain");

    let missing = folder.path().join("none/bench.html");
    convince(&["bench", &model, "--profile-html", text(&missing)]).fails_with(2);
    let silent = convince_json(&["bench", &model, "--runs", "1"]).succeeds().json();
    assert!(silent["rows"][0].get("profile").is_none());
}
