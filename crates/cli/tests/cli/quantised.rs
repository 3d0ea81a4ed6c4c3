//! Networks whose file is quantised: taken without calibration, proven, and refused or quantised anew where they are mixed.

use serde_json::{Value, json};

use crate::common::{convince, convince_json, folder, has_keys, names, text, vector};

const LENET: &str = "onnx/quantised/lenet5-qdq.onnx";

#[test]
fn a_quantised_network_is_taken_and_its_onnx_runtime_integers_are_proven() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let printed = convince_json(&["quantize", &vector(LENET), "-o", &path("m.cnvm")]).succeeds().json();
    assert_eq!((&printed["taken"], &printed["parameters"]), (&json!(true), &json!(61_706)));
    assert_eq!((&printed["top1_agreement"], &printed["layers"]), (&Value::Null, &Value::Null));
    // ONNX Runtime's integers: a row's first 784 are the input, whose zero point is 0, its last 10 the logits.
    let rows = std::fs::read(vector("onnx/quantised/lenet5-qdq.npy")).expect("committed file");
    let row = &rows[128..];
    let len = std::fs::read_to_string(vector("onnx/quantised/lenet5-qdq.txt")).expect("committed file");
    let len: usize = len.lines().map(|line| line.split(' ').nth(1).expect("a length").parse::<usize>().unwrap()).sum();
    let logits: Vec<i32> = row[len - 10..len].iter().map(|&byte| i32::from(byte) - 137).collect();
    std::fs::write(path("x.json"), json!({ "integers": row[..784] }).to_string()).expect("writes");
    let run = convince_json(&["run", &path("m.cnvm"), "--input", &path("x.json")]).succeeds().json();
    assert_eq!(run["logits_int"], json!(logits));
    convince_json(&["setup", &path("m.cnvm"), "-o", &path("keys")]).succeeds();
    let args = ["prove", "-k", &path("keys/prover.key"), "-i", &path("x.json"), "-o", &path("p.cnvp")];
    convince_json(&args).succeeds();
    let args = ["verify", "-k", &path("keys/verifier.key"), &path("p.cnvp"), "-i", &path("x.json")];
    let verify = convince_json(&args).succeeds().json();
    assert_eq!((&verify["valid"], &verify["logits"]), (&json!(true), &run["logits"]));
}

#[test]
fn a_taken_network_is_reported_beside_onnx_runtime() {
    let folder = folder();
    let model = folder.path().join("m.cnvm");
    let (lenet, digits) = (vector(LENET), vector("mnist/digits"));
    let args = ["quantize", &lenet, "--calibrate", &digits, "--report", "-o", text(&model)];
    let printed = convince_json(&args).succeeds().json();
    assert!(printed["top1_agreement"].as_f64().is_some_and(|share| share >= 0.95), "{printed}");
    let layers = printed["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 5);
    for layer in layers {
        let keys = ["name", "operator", "scale", "zero", "low", "high", "shift", "multiplier", "table_len"];
        has_keys(layer, &[&keys[..], &["differing", "possible"]].concat());
        assert!(layer["differing"].as_u64() < layer["possible"].as_u64().map(|all| all / 1_000_000), "{layer}");
    }
    let shown = convince(&args).succeeds().stdout;
    assert!(shown.contains("taken as quantised") && shown.contains("may differ by one"), "{shown}");
    let alone = convince(&["quantize", &lenet, "-o", text(&model)]).succeeds().stdout;
    assert!(!alone.contains("agreement"), "{alone}");
    let shown = convince(&["inspect", text(&model)]).succeeds().stdout;
    assert!(shown.contains("not measured"), "{shown}");
}

#[test]
fn networks_that_cannot_be_taken_say_why() {
    let folder = folder();
    let (out, lines) = (folder.path().join("m.cnvm"), folder.path().join("lines.json"));
    // One of its matrix products has floats.
    let mixed = vector("onnx/quantised/dense-mixed.onnx");
    let error = convince(&["quantize", &mixed, "-o", text(&out)]).fails_with(2).stderr;
    assert!(error.contains("\"matmul3\"") && error.contains("--calibrate"), "{error}");
    assert!(names(folder.path()).is_empty());
    let line: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11) / 5.0 - 1.0).collect();
    std::fs::write(&lines, json!(line).to_string()).expect("writes");
    let args = ["quantize", &mixed, "--calibrate", text(&lines), "-o", text(&out)];
    let printed = convince_json(&args).succeeds().json();
    assert_eq!(printed["taken"], json!(false));
    assert!(printed["not_taken"].as_str().is_some_and(|why| why.contains("matmul3")), "{printed}");
    assert!(convince(&args).succeeds().stdout.contains("anew"));
    let float = convince(&["quantize", &vector("mnist/lenet5.onnx"), "-o", text(&out)]).fails_with(2).stderr;
    assert!(float.contains("the network is not quantised"), "{float}");
}

/// Sums, means, tables, products, bytes and pixels as inputs: whatever a taken network is made of is proven.
#[test]
fn every_kind_of_taken_network_is_proven() {
    let folder = folder();
    for name in ["residual-qdq", "residual-qoperator", "dense-qdq", "normalised-qdq", "ties-bytes"] {
        let (onnx, model) = (vector(&format!("onnx/quantised/{name}.onnx")), folder.path().join(name));
        convince_json(&["quantize", &onnx, "-o", text(&model)]).succeeds();
        let bench = convince_json(&["bench", text(&model)]).succeeds().json();
        assert!(bench["rows"][0]["proof_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{name}: {bench}");
    }
}
