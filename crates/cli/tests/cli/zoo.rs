//! Built-in networks, their measured and their predicted cost.

use serde_json::{Value, json};

use crate::common::{convince, convince_json, fixture, folder, has_keys, names, text};

const COST: [&str; 12] = [
    "parameters",
    "macs",
    "activations",
    "committed",
    "proof_rows",
    "key_rows",
    "leaves",
    "stored_leaves",
    "rounds",
    "proof_bytes",
    "prove_ms",
    "memory_bytes",
];

#[test]
fn the_zoo_is_listed() {
    let printed = convince_json(&["zoo"]).succeeds().json();
    let networks = printed["networks"].as_array().expect("networks");
    for network in networks {
        has_keys(network, &["name", "summary", "input", "parameters", "macs", "weights"]);
        assert!(network["weights"] == "trained" || network["weights"] == "seeded", "{network}");
    }
    let listed = convince(&["zoo"]).succeeds().stdout;
    for name in ["lenet5", "fashion", "vgg11", "vgg16", "resnet18", "mobilenet-v1", "squeezenet", "unet"] {
        assert!(networks.iter().any(|network| network["name"] == name), "{name}");
        assert!(listed.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {listed}");
    }
}

#[test]
fn a_seed_makes_the_same_model_again_and_another_seed_another() {
    let folder = folder();
    let write = |seed: &[&str], file: &str| {
        let path = folder.path().join(file);
        let printed = convince_json(&[&["zoo", "lenet5", "-o", text(&path)], seed].concat()).succeeds().json();
        has_keys(&printed, &["name", "weights", "seed", "parameters", "file_bytes"]);
        let bytes = std::fs::read(path).expect("written");
        assert_eq!(printed["file_bytes"], json!(bytes.len()));
        (printed["weights"].clone(), bytes)
    };
    let (seeded, first) = write(&["--seed", "7"], "first.cnvm");
    assert_eq!(seeded, "seeded");
    assert_eq!(first, write(&["--seed", "7"], "again.cnvm").1);
    assert_ne!(first, write(&["--seed", "8"], "other.cnvm").1);
    let (trained, bytes) = write(&[], "trained.cnvm");
    assert_eq!(trained, "trained");
    assert_ne!(first, bytes);
    let onnx = folder.path().join("lenet5.onnx");
    convince(&["zoo", "lenet5", "--seed", "7", "--onnx", "-o", text(&onnx)]).succeeds();
    let digit = crate::common::vector(crate::common::DIGIT);
    let model = folder.path().join("again.cnvm");
    convince(&["quantize", text(&onnx), "--calibrate", &digit, "-o", text(&model)]).succeeds();
}

#[test]
fn networks_that_are_not_there_are_named() {
    let folder = folder();
    let file = folder.path().join("m.cnvm");
    for args in [&["zoo", "lenet", "-o", text(&file)][..], &["bench", "lenet"], &["estimate", "lenet"]] {
        let error = convince(args).fails_with(2).stderr;
        assert!(error.contains("lenet: ") && error.contains("lenet5"), "{error}");
    }
    let missing = folder.path().join("none/m.cnvm");
    convince(&["zoo", "lenet5", "-o", text(&missing)]).fails_with(2);
    convince(&["estimate", "lenet5", "--csv", text(&missing)]).fails_with(2);
    convince(&["zoo", "lenet5"]).fails_with(2);
    convince(&["zoo", "-o", text(&file)]).fails_with(2);
    convince(&["zoo", "--seed", "3"]).fails_with(2);
    convince(&["bench"]).fails_with(2);
    convince(&["bench", "lenet5", "--runs", "0"]).fails_with(2);
    let key = fixture().path("verifier.key");
    convince(&["bench", &key]).fails_with(2);
    convince(&["estimate", &key]).fails_with(2);
    assert!(names(folder.path()).is_empty());
}

#[track_caller]
fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

/// Bytes are exact. Time is right in proportion, within a factor of four, and memory within a factor of two: other processes
/// run beside the tests, and the machine is not the one of the rates.
#[test]
fn estimates_are_borne_out() {
    let folder = folder();
    let vgg = folder.path().join("vgg11.cnvm");
    convince(&["zoo", "vgg11", "-o", text(&vgg)]).succeeds();
    let networks = [fixture().path("model.cnvm"), text(&vgg).to_owned()];
    let bench = convince_json(&["bench", &networks[0], &networks[1], "--runs", "1"]).succeeds().json();
    let rows = bench["rows"].as_array().expect("rows");
    assert_eq!(rows.iter().map(|row| row["name"].as_str()).collect::<Vec<_>>(), [Some("model"), Some("vgg11")]);
    let ratios: Vec<f64> = rows
        .iter()
        .zip(&networks)
        .map(|(row, network)| {
            let keys = ["inference_ms", "setup_ms", "prove_ms", "verify_ms", "proof_bytes", "verifier_key_bytes"];
            assert!(keys.iter().all(|key| number(row, key) > 0.0), "{row}");
            let estimate = convince_json(&["estimate", network]).succeeds().json();
            let total = &estimate["total"];
            has_keys(total, &COST);
            assert_eq!(total["proof_bytes"], row["proof_bytes"], "{network}");
            assert_eq!(total["parameters"], row["parameters"], "{network}");
            if let Some(peak) = row["peak_rss_bytes"].as_f64() {
                let ratio = number(total, "memory_bytes") / peak;
                assert!((0.5..2.0).contains(&ratio), "memory of {network}: {ratio}");
            }
            number(total, "prove_ms") / number(row, "prove_ms")
        })
        .collect();
    let proportion = ratios[0] / ratios[1];
    assert!((0.25..4.0).contains(&proportion), "times: {ratios:?}");
}

#[test]
fn estimates_add_up_and_are_the_same_in_every_format() {
    let folder = folder();
    let file = folder.path().join("lenet5.csv");
    let model = fixture().path("model.cnvm");
    let estimate = convince_json(&["estimate", &model, "--csv", text(&file)]).succeeds().json();
    has_keys(&estimate, &["name", "width", "layers", "shared", "total"]);
    let layers = estimate["layers"].as_array().expect("layers");
    for layer in layers {
        has_keys(layer, &["name", "operator", "shape"]);
        has_keys(layer, &COST);
    }
    for key in COST.iter().filter(|key| **key != "rounds") {
        let sum: f64 = layers.iter().chain([&estimate["shared"]]).map(|part| number(part, key)).sum();
        assert!((sum - number(&estimate["total"], key)).abs() < 0.01 * sum + 1.0, "{key}");
    }
    let csv = std::fs::read_to_string(&file).expect("written");
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), layers.len() + 3);
    assert_eq!(lines[0][3..], COST);
    assert_eq!(lines[lines.len() - 1][0], "total");
    assert_eq!(lines[1][0], layers[0]["name"].as_str().expect("a name"));
    for (place, key) in COST.iter().enumerate().take(10) {
        assert_eq!(lines[lines.len() - 1][3 + place], estimate["total"][key].to_string(), "{key}");
    }
    let printed = convince(&["estimate", &model]).succeeds().stdout;
    assert!(printed.lines().any(|line| line.starts_with("total")), "{printed}");
}
