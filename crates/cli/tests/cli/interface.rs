//! Help, usage errors, and the ends of pipes.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::json;

use crate::common::{DIGIT, command, convince, convince_json, fixture, has_keys, text, vector};

const COMMANDS: [&str; 20] = [
    "demo",
    "quantize",
    "run",
    "check",
    "eval",
    "setup",
    "prove",
    "verify",
    "prove-accuracy",
    "verify-accuracy",
    "commit-data-set",
    "commit-model",
    "check-key",
    "commit-input",
    "open",
    "inspect",
    "zoo",
    "bench",
    "estimate",
    "completions",
];

#[test]
fn every_command_has_help_with_examples() {
    assert!(convince(&["--help"]).succeeds().stdout.contains("EXIT CODES"));
    convince(&["--version"]).succeeds();
    for name in COMMANDS {
        let help = convince(&[name, "--help"]).succeeds().stdout;
        assert!(help.contains("EXAMPLES") && help.contains("JSON: ") && help.contains("--threads"), "{name}: {help}");
        convince(&[name, "-h"]).succeeds();
    }
}

#[test]
fn usage_errors_are_one_line_and_json_where_asked_for() {
    for args in [
        &["prov"][..],
        &["verify"],
        &["verify", "--key", "k"],
        &["run", "m", "--input", "x", "--colour"],
        &["run", "m", "--input", "x", "--threads", "0"],
        &["quantize", "m.onnx", "--calibrate", "-o", "m"],
        &["quantize", "m.onnx", "--calibrate", "x.png", "--scale", "nan", "-o", "m"],
        &["quantize", "m.onnx", "--calibrate", "x.png", "--std", "0", "-o", "m"],
        &["prove", "--key", "k", "--input", "x", "-o", "p", "--nonce", "xyz"],
    ] {
        convince(args).fails_with(2);
        let printed = convince_json(args).fails_with(2).json();
        assert!(printed["error"].is_string(), "{printed}");
    }
    let bare = convince(&[]);
    assert_eq!(bare.code, Some(2));
    assert!(bare.stderr.contains("Usage"));
}

#[test]
fn errors_are_json_where_asked_for() {
    let printed = convince_json(&["run", "missing.cnvm", "--input", "x.png"]).fails_with(2).json();
    assert!(printed["error"].as_str().is_some_and(|error| error.starts_with("missing.cnvm: ")), "{printed}");
    let printed = convince_json(&["verify", "--key", "missing.key", "p"]).fails_with(2).json();
    has_keys(&printed, &["valid", "verify_ms", "key_ms", "label", "logits", "mode", "private", "error"]);
    assert_eq!(printed["valid"], json!(false));
    let printed = convince_json(&["verify", "--key", "missing.key", "p", "q"]).fails_with(2).json();
    assert_eq!(printed.as_array().map(Vec::len), Some(2));
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(convince(&["completions", shell]).succeeds().stdout.contains("quantize"), "{shell}");
    }
    has_keys(&convince_json(&["completions", "bash"]).succeeds().json(), &["shell", "script"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let f = fixture();
    let (key, proof, model) = (f.path("verifier.key"), f.path("proof.cnvp"), f.path("model.cnvm"));
    let many = ["verify", "--json", "--key", &key, &proof, &proof];
    for args in
        [&["--help"][..], &["completions", "bash"], &["inspect", &model], &many, &["verify", "--key", &key, &proof]]
    {
        let mut child = command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("UTF-8");
        assert_eq!((child.wait().expect("ends").code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let f = fixture();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let (model, digit) = (f.path("model.cnvm"), vector(DIGIT));
    let output = command(&["run", &model, "--input", &digit]).stdout(full()).output().expect("starts");
    crate::common::Outcome::from(output).fails_with(2);
}

#[test]
fn the_number_of_threads_changes_no_answer() {
    let f = fixture();
    let (key, proof) = (f.path("verifier.key"), f.path("proof.cnvp"));
    let logits = |threads: &str| {
        let args = ["verify", "--key", &key, &proof, "--threads", threads];
        convince_json(&args).succeeds().json()["logits"].clone()
    };
    assert_eq!(logits("1"), logits("2"));
}

#[test]
fn output_that_cannot_be_written_is_refused_before_the_work() {
    let f = fixture();
    let (key, digit, model) = (f.path("prover.key"), vector(DIGIT), f.path("model.cnvm"));
    let folder = crate::common::folder();
    let missing = folder.path().join("none/p.cnvp");
    for output in [text(folder.path()), text(&missing), "/dev/null", ""] {
        convince(&["prove", "--key", &key, "--input", &digit, "-o", output]).fails_with(2);
    }
    convince(&["setup", &model, "-o", &digit]).fails_with(2);
    convince(&["demo", "-o", &digit]).fails_with(2);
    assert!(crate::common::names(folder.path()).is_empty());
}
