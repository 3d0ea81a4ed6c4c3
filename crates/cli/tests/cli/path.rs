//! From the ONNX file to the verified proof, and the JSON contracts on the way.

use serde_json::{Value, json};

use crate::common::{DIGIT, convince, convince_json, fixture, folder, has_keys, names, text, vector};

#[track_caller]
fn is_digit_seven(printed: &Value) {
    assert_eq!(printed["label"], json!(7));
    let logits = printed["logits"].as_array().expect("logits");
    assert_eq!(logits.len(), 10);
    assert!(logits.iter().all(Value::is_f64));
    // The softmax: ratios of probabilities are powers of e of differences of logits.
    let numbers = |key: &str| -> Vec<f64> {
        printed[key].as_array().expect("numbers").iter().map(|value| value.as_f64().expect("a number")).collect()
    };
    let (logits, shares) = (numbers("logits"), numbers("probabilities"));
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let is_share = |k: usize| (shares[k] / shares[7] - (logits[k] - logits[7]).exp()).abs() < 1e-12;
    assert!((0..10).all(is_share), "{printed}");
}

#[test]
fn quantize_reports_accuracy() {
    let printed = &fixture().quantize;
    has_keys(printed, &["top1_agreement", "max_logit_error", "mean_logit_error", "parameters"]);
    assert_eq!(printed["parameters"], json!(61_706));
    assert!(printed["top1_agreement"].as_f64().is_some_and(|share| share > 0.95));
    assert!(printed["mean_logit_error"].as_f64() <= printed["max_logit_error"].as_f64());
}

#[test]
fn quantize_reports_every_layer_where_asked_for() {
    assert!(fixture().quantize["layers"].is_null());
    let folder = folder();
    let (model, lenet, calibration) =
        (folder.path().join("m.cnvm"), vector("mnist/lenet5.onnx"), vector("mnist/calibration"));
    let args = ["quantize", &lenet, "--calibrate", &calibration, "--report", "-o", text(&model)];
    let printed = convince_json(&args).succeeds().json();
    let layers = printed["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 5);
    for layer in layers {
        has_keys(layer, &["name", "operator", "sqnr_db", "scale", "low", "high", "shift", "multiplier", "table_len"]);
        assert!(layer["sqnr_db"].as_f64().is_some_and(|db| db > 20.0), "{layer}");
    }
    let table = convince(&args).succeeds().stdout;
    assert!(layers.iter().all(|layer| table.contains(layer["name"].as_str().expect("a name"))), "{table}");
}

#[test]
fn setup_writes_two_keys_of_the_sizes_it_says() {
    let f = fixture();
    has_keys(&f.setup, &["setup_ms", "prover_key_bytes", "verifier_key_bytes", "model_commitment"]);
    let len = |name| std::fs::metadata(f.path(name)).expect("written").len();
    assert_eq!(f.setup["prover_key_bytes"], json!(len("prover.key")));
    assert_eq!(f.setup["verifier_key_bytes"], json!(len("verifier.key")));
    assert_eq!(f.setup["model_commitment"].as_str().map(str::len), Some(64));
}

#[cfg(unix)]
#[test]
fn the_provers_key_is_its_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(fixture().path("prover.key")).expect("written");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn run_check_prove_and_verify_agree() {
    let f = fixture();
    let (model, digit) = (f.path("model.cnvm"), vector(DIGIT));
    let run = convince_json(&["run", &model, "--input", &digit]).succeeds().json();
    has_keys(&run, &["label", "logits", "probabilities", "logits_int"]);
    is_digit_seven(&run);
    assert!(run["logits_int"].as_array().is_some_and(|v| v.len() == 10 && v.iter().all(Value::is_i64)));

    let check = convince_json(&["check", &model, "--input", &digit]).succeeds().json();
    assert_eq!((&check["valid"], &check["error"]), (&json!(true), &Value::Null));

    has_keys(&f.prove, &["prove_ms", "phases_ms", "proof_bytes", "peak_rss_bytes", "label", "logits", "probabilities"]);
    has_keys(&f.prove["phases_ms"], &["witness", "commit", "reduce", "open"]);
    is_digit_seven(&f.prove);
    let phases: f64 = f.prove["phases_ms"].as_object().expect("phases").values().filter_map(Value::as_f64).sum();
    let ratio = phases / f.prove["prove_ms"].as_f64().expect("a time");
    assert!((0.8..=1.05).contains(&ratio), "{}", f.prove);
    let len = std::fs::metadata(f.path("proof.cnvp")).expect("written").len();
    assert_eq!(f.prove["proof_bytes"], json!(len));

    let verify = convince_json(&["verify", "--key", &f.path("verifier.key"), &f.path("proof.cnvp")]).succeeds().json();
    has_keys(&verify, &["valid", "verify_ms", "key_ms", "label", "logits", "probabilities", "error"]);
    assert_eq!((&verify["valid"], &verify["error"]), (&json!(true), &Value::Null));
    assert_eq!((&verify["logits"], &verify["label"]), (&run["logits"], &run["label"]));
    assert_eq!(f.prove["logits"], run["logits"]);
    is_digit_seven(&verify);
    assert_eq!(verify["model_commitment"], f.setup["model_commitment"]);
    assert!(verify["verify_ms"].is_f64() && verify["key_ms"].is_f64());
}

#[test]
fn text_says_what_the_json_says() {
    let f = fixture();
    let verify = convince(&["verify", "--key", &f.path("verifier.key"), &f.path("proof.cnvp")]).succeeds().stdout;
    assert!(verify.contains(f.setup["model_commitment"].as_str().expect("a string")), "{verify}");
    assert!(verify.lines().any(|line| line.split_whitespace().eq(["label", "7"])), "{verify}");
    let run = convince(&["run", &f.path("model.cnvm"), "--input", &vector(DIGIT)]).succeeds().stdout;
    assert!(run.lines().any(|line| line.split_whitespace().eq(["label", "7"])), "{run}");
}

/// The same digit as PNG, as pixels, as floats and as the network's integers.
#[test]
fn every_kind_of_input_means_the_same() {
    let f = fixture();
    let folder = folder();
    let image = image::open(vector(DIGIT)).expect("committed image").into_luma8();
    let pixels: Vec<u32> = image.as_raw().iter().map(|&p| p.into()).collect();
    let floats: Vec<f64> = pixels.iter().map(|&p| f64::from(p) / 255.0).collect();
    let rows: Vec<&[f64]> = floats.chunks(28).collect();
    let npy = |kind: &str, data: Vec<u8>| {
        let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (1, 28, 28), }}\n");
        [b"\x93NUMPY\x01\x00", &(head.len() as u16).to_le_bytes()[..], head.as_bytes(), &data].concat()
    };
    let files: [(&str, Vec<u8>); 7] = [
        ("flat.json", json!(floats).to_string().into()),
        ("nested.json", json!({ "input": [rows] }).to_string().into()),
        ("pixels.json", json!({ "pixels": pixels }).to_string().into()),
        ("integers.json", json!({ "integers": pixels }).to_string().into()),
        ("u1.npy", npy("|u1", image.as_raw().clone())),
        ("f4.npy", npy("<f4", floats.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect())),
        ("i8.npy", npy("<i8", pixels.iter().flat_map(|&v| i64::from(v).to_le_bytes()).collect())),
    ];
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("writes");
        let proof = f.path("detached.cnvp");
        let args = ["verify", "--key", &f.path("verifier.key"), &proof, "--input", text(&path)];
        assert_eq!(convince_json(&args).succeeds().json()["valid"], json!(true), "{name}");
    }
}

#[test]
fn eval_counts_right_labels_and_compares_with_the_float_network() {
    let f = fixture();
    let digits = [vector("mnist/digits"), vector("mnist/digits/labels.json")];
    let args = ["eval", &f.path("model.cnvm"), "--data", &digits[0], "--labels", &digits[1]];
    let alone = convince_json(&args).succeeds().json();
    has_keys(&alone, &["inputs", "correct", "accuracy", "top1_agreement", "max_logit_error", "mean_logit_error"]);
    assert_eq!((&alone["inputs"], &alone["top1_agreement"]), (&json!(40), &Value::Null));
    assert!(alone["correct"].as_u64().is_some_and(|n| n >= 36), "{alone}");
    let lenet = vector("mnist/lenet5.onnx");
    let compared = convince_json(&[&args[..], &["--float", &lenet]].concat()).succeeds().json();
    assert!(compared["top1_agreement"].as_f64().is_some_and(|share| share >= 0.95), "{compared}");
    // Labels as a list go by the order of the inputs.
    let folder = folder();
    let list = folder.path().join("labels.json");
    std::fs::write(&list, "[0, 1]").expect("writes");
    let two = [vector("mnist/digits/00_label_0.png"), vector("mnist/digits/01_label_1.png")];
    let args = ["eval", &f.path("model.cnvm"), "--data", &two[0], &two[1], "--labels", text(&list)];
    assert_eq!(convince_json(&args).succeeds().json()["correct"], json!(2));
}

#[test]
fn inspect_knows_all_four_kinds() {
    let f = fixture();
    let files = [
        ("model.cnvm", "model", &["report", "nodes", "parameters", "tables", "statistics"][..]),
        ("prover.key", "prover key", &["model_commitment", "layers", "tables"]),
        (
            "verifier.key",
            "verifier key",
            &["model_commitment", "status", "width", "weight_rows", "soundness_bits", "layers"],
        ),
        ("proof.cnvp", "proof", &["has_input"]),
    ];
    for (name, kind, keys) in files {
        let path = f.path(name);
        let printed = convince_json(&["inspect", &path]).succeeds().json();
        has_keys(&printed, keys);
        assert_eq!(printed["kind"], json!(kind));
        assert_eq!(printed["file_bytes"], json!(std::fs::metadata(&path).expect("written").len()));
        assert!(convince(&["inspect", &path]).succeeds().stdout.contains(kind));
    }
    let args = ["inspect", &f.path("proof.cnvp"), "--key", &f.path("verifier.key")];
    let printed = convince_json(&args).succeeds().json();
    assert_eq!((&printed["input_bytes"], &printed["output_bytes"]), (&json!(784), &json!(40)));
    convince_json(&["inspect", &f.path("model.cnvm"), "--key", &f.path("verifier.key")]).fails_with(2);
}

#[test]
fn labels_and_normalisation_reach_the_verifier() {
    let folder = folder();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let images = vector("mnist/digits");
    let names = "null,eins,zwei,drei,vier,fünf,sechs,sieben,acht,neun";
    let lenet = vector("mnist/lenet5.onnx");
    // Twice the scale, with a deviation of two, is the same float again.
    let more = ["--scale", "0.00784313725490196", "--std", "2", "--mean", "-0.0", "--labels", names];
    let args = ["quantize", &lenet, "--calibrate", &images, "-o", &path("m.cnvm")];
    convince_json(&[&args[..], &more].concat()).succeeds();
    convince_json(&["setup", &path("m.cnvm"), "-o", &path("keys/deep")]).succeeds();
    let digit = vector(DIGIT);
    convince_json(&["prove", "-k", &path("keys/deep/prover.key"), "-i", &digit, "-o", &path("p")]).succeeds();
    let args = ["verify", "-k", &path("keys/deep/verifier.key"), &path("p"), "-i", &digit];
    let printed = convince_json(&args).succeeds().json();
    assert_eq!((&printed["label"], &printed["label_name"]), (&json!(7), &json!("sieben")));
    assert!(convince(&args).succeeds().stdout.contains("7 (sieben)"));
}

#[test]
fn the_demo_runs_from_any_directory() {
    let folder = folder();
    let mut command = crate::common::command(&["demo", "--json", "--threads", "1"]);
    let outcome: crate::common::Outcome = command.current_dir(&folder).output().expect("the program starts").into();
    let printed = outcome.succeeds().json();
    has_keys(&printed["quantize"], &["top1_agreement", "parameters"]);
    has_keys(&printed["setup"], &["setup_ms", "model_commitment"]);
    is_digit_seven(&printed["prove"]);
    is_digit_seven(&printed["verify"]);
    assert_eq!(printed.as_object().map(|object| object.len()), Some(4));
    let made = names(&folder.path().join("convince-demo"));
    for name in ["lenet5.onnx", "digit.png", "lenet5.cnvm", "prover.key", "verifier.key", "digit.cnvp"] {
        assert!(made.iter().any(|made| made == name), "{name} in {made:?}");
    }
}

#[test]
fn the_demo_shows_the_digit() {
    let folder = folder();
    let digit = vector("mnist/digits/00_label_0.png");
    let shown = convince(&["demo", "--digit", &digit, "-o", text(folder.path())]).succeeds().stdout;
    assert!(shown.contains("LeNet-5 says  0") && shown.contains("%%"), "{shown}");
}
