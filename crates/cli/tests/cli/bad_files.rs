//! Model, key, proof and ONNX files that are not what they should be: one line, exit code 2, no output.

use std::path::Path;

use crate::common::{DIGIT, convince, fixture, folder, names, text, vector};

/// The command that reads a file of the fixture's kind `name`, with `path` in its place.
fn reading(name: &str, path: &str, out: &Path) -> Vec<String> {
    let f = fixture();
    let (digit, out) = (vector(DIGIT), text(out).to_owned());
    let args: Vec<String> = match name {
        "model.cnvm" => vec!["setup".into(), path.into(), "-o".into(), out],
        "prover.key" => ["prove", "--key", path, "--input", &digit, "-o", &out].map(String::from).to_vec(),
        "verifier.key" => ["verify", "--key", path, &f.path("proof.cnvp")].map(String::from).to_vec(),
        "proof.cnvp" => ["verify", "--key", &f.path("verifier.key"), path].map(String::from).to_vec(),
        _ => ["quantize", path, "--calibrate", &digit, "-o", &out].map(String::from).to_vec(),
    };
    args
}

#[track_caller]
fn is_refused(name: &str, bytes: &[u8]) -> String {
    let folder = folder();
    let path = folder.path().join("bad");
    std::fs::write(&path, bytes).expect("writes");
    let args = reading(name, text(&path), &folder.path().join("out"));
    let outcome = convince(&args.iter().map(String::as_str).collect::<Vec<_>>()).fails_with(2);
    assert_eq!(names(folder.path()), ["bad"]);
    outcome.stderr
}

const KINDS: [&str; 4] = ["model.cnvm", "prover.key", "verifier.key", "proof.cnvp"];

#[test]
fn missing_files_and_directories_are_refused() {
    let folder = folder();
    for name in KINDS.into_iter().chain(["lenet5.onnx"]) {
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let out = folder.path().join("out");
            let args = reading(name, text(&path), &out);
            convince(&args.iter().map(String::as_str).collect::<Vec<_>>()).fails_with(2);
            assert!(names(folder.path()).is_empty());
        }
    }
}

#[test]
fn empty_truncated_and_corrupted_files_are_refused() {
    let f = fixture();
    for name in ["model.cnvm", "prover.key", "verifier.key"] {
        let file = std::fs::read(f.path(name)).expect("written");
        for len in [0, 1, 6, 7, 14, 100, file.len() / 2, file.len() - 1] {
            is_refused(name, &file[..len]);
        }
        for place in [0, 4, 5, 8, 20, file.len() / 2, file.len() - 1] {
            let mut bad = file.clone();
            bad[place] ^= 4;
            is_refused(name, &bad);
        }
        is_refused(name, &[&file[..], &[0]].concat());
    }
    let proof = std::fs::read(f.path("proof.cnvp")).expect("written");
    for len in [0, 1, 6] {
        is_refused("proof.cnvp", &proof[..len]);
    }
}

#[test]
fn wrong_kinds_and_versions_are_refused() {
    let f = fixture();
    for name in KINDS {
        for other in KINDS.into_iter().filter(|&other| other != name) {
            let error = is_refused(name, &std::fs::read(f.path(other)).expect("written"));
            assert!(error.contains("is needed"), "{error}");
        }
        let mut other_version = std::fs::read(f.path(name)).expect("written");
        other_version[5] ^= 0x40;
        assert!(is_refused(name, &other_version).contains("version"));
        is_refused(name, b"hello, world\n");
    }
}

#[test]
fn files_that_are_no_supported_onnx_model_are_refused() {
    let lenet = std::fs::read(vector("mnist/lenet5.onnx")).expect("committed");
    is_refused("onnx", &[]);
    is_refused("onnx", b"hello, world\n");
    is_refused("onnx", &std::fs::read(vector(DIGIT)).expect("committed"));
    assert!(is_refused("onnx", &std::fs::read(fixture().path("model.cnvm")).expect("written")).contains("ONNX"));
    for len in [1, 100, lenet.len() / 2, lenet.len() - 1] {
        is_refused("onnx", &lenet[..len]);
    }
    // A graph (field 7) of 2^40 bytes.
    is_refused("onnx", &[0x3a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0]);
    // Groups in groups, and graphs in attributes of nodes in graphs.
    is_refused("onnx", &[0x0b; 100_000]);
    let nest = |inner: Vec<u8>, tag: u8| [vec![tag], length(inner.len()), inner].concat();
    let graph = (0..300).fold(Vec::new(), |inner, _| nest(nest(nest(inner, 0x32), 0x2a), 0x0a));
    is_refused("onnx", &nest(graph, 0x3a));
}

/// A protobuf length.
fn length(mut n: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

/// `file` with the first occurrence of `from` replaced by `to`.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = file.windows(from.len()).position(|window| window == from).expect("occurs");
    [&file[..at], to, &file[at + from.len()..]].concat()
}

#[test]
fn unsupported_operators_are_named_with_their_node() {
    let lenet = std::fs::read(vector("mnist/lenet5.onnx")).expect("committed");
    let error = is_refused("onnx", &replaced(&lenet, b"\x22\x04Relu", b"\x22\x04Loop"));
    assert!(error.contains("Loop") && error.contains("/Relu"), "{error}");
}

#[test]
fn tensors_without_elements_are_refused() {
    let lenet = std::fs::read(vector("mnist/lenet5.onnx")).expect("committed");
    // The first convolution's weight is [6, 1, 5, 5]: four times field 1.
    let dimensions = [8, 6, 8, 1, 8, 5, 8, 5];
    for empty in [[8, 0, 8, 1, 8, 5, 8, 5], [8, 6, 8, 1, 8, 0, 8, 5]] {
        is_refused("onnx", &replaced(&lenet, &dimensions, &empty));
    }
}

#[test]
fn unsuitable_options_of_quantize_are_refused() {
    let folder = folder();
    let (onnx, digit) = (vector("mnist/lenet5.onnx"), vector(DIGIT));
    let out = folder.path().join("m.cnvm");
    for options in [["--mean", "0,0,0"], ["--std", "1,1"], ["--labels", "a,b"], ["--labels", "@missing"]] {
        let args = ["quantize", &onnx, "--calibrate", &digit, "-o", text(&out)];
        convince(&[&args[..], &options].concat()).fails_with(2);
    }
    assert!(names(folder.path()).is_empty());
}
