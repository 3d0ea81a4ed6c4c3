//! Images, arrays and labels that no model takes: one line, exit code 2, no output.

use crate::common::{convince, fixture, folder, names, text, vector};

/// A file that every command refuses as input.
#[track_caller]
fn is_refused(name: &str, bytes: &[u8]) -> String {
    let f = fixture();
    let folder = folder();
    let (path, out) = (folder.path().join(name), folder.path().join("out"));
    std::fs::write(&path, bytes).expect("writes");
    let (input, out) = (text(&path), text(&out));
    let (model, prover, verifier) = (f.path("model.cnvm"), f.path("prover.key"), f.path("verifier.key"));
    convince(&["run", &model, "--input", input]).fails_with(2);
    convince(&["prove", "--key", &prover, "--input", input, "-o", out]).fails_with(2);
    convince(&["verify", "--key", &verifier, &f.path("proof.cnvp"), "--input", input]).fails_with(2);
    let lenet = vector("mnist/lenet5.onnx");
    let outcome = convince(&["quantize", &lenet, "--calibrate", input, "-o", out]).fails_with(2);
    assert_eq!(names(folder.path()), [name]);
    outcome.stderr
}

fn png(colour: image::ExtendedColorType, width: u32, height: u32, bytes_per_pixel: usize) -> Vec<u8> {
    use image::ImageEncoder as _;
    let mut file = Vec::new();
    let pixels = vec![0; (width * height) as usize * bytes_per_pixel];
    image::codecs::png::PngEncoder::new(&mut file).write_image(&pixels, width, height, colour).expect("encodes");
    file
}

fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00", &(head.len() as u16).to_le_bytes()[..], head.as_bytes(), data].concat()
}

#[test]
fn images_of_another_size_or_kind_are_refused() {
    use image::ExtendedColorType::{L8, L16, La8, Rgb8, Rgba8};
    let error = is_refused("small.png", &png(L8, 27, 28, 1));
    assert!(error.contains("27x28") && error.contains("28x28"), "{error}");
    for (name, file) in [
        ("colour.png", png(Rgb8, 28, 28, 3)),
        ("alpha.png", png(Rgba8, 28, 28, 4)),
        ("grey-alpha.png", png(La8, 28, 28, 2)),
        ("deep.png", png(L16, 28, 28, 2)),
        ("wide.png", png(L8, 28 * 28, 1, 1)),
        ("empty.png", Vec::new()),
        ("text.png", b"hello".to_vec()),
    ] {
        is_refused(name, &file);
    }
    let digit = std::fs::read(vector(crate::common::DIGIT)).expect("committed");
    for len in [8, 20, 60, digit.len() / 2] {
        is_refused("cut.png", &digit[..len]);
    }
    let mut corrupted = digit.clone();
    corrupted[digit.len() / 2] ^= 0xff;
    is_refused("corrupted.png", &corrupted);
}

#[test]
fn arrays_of_another_shape_or_without_numbers_are_refused() {
    let floats = |last: f32| [vec![0; 4 * 783], last.to_le_bytes().to_vec()].concat();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        is_refused("bad.npy", &npy("<f4", "(28, 28)", &floats(bad)));
    }
    is_refused("f8.npy", &npy("<f8", "(28, 28)", &[vec![0; 8 * 783], 1e300f64.to_le_bytes().to_vec()].concat()));
    is_refused("shape.npy", &npy("|u1", "(27, 28)", &[0; 756]));
    is_refused("transposed.npy", &npy("|u1", "(14, 56)", &[0; 784]));
    is_refused("none.npy", &npy("|u1", "(0, 28, 28)", &[]));
    is_refused("huge.npy", &npy("|u1", "(1099511627776, 28, 28)", &[0; 784]));
    is_refused("overflow.npy", &npy("<f8", "(4294967296, 4294967296)", &[0; 784]));
    is_refused("type.npy", &npy("<c8", "(28, 28)", &[0; 8 * 784]));
    is_refused("cut.npy", &npy("|u1", "(28, 28)", &[0; 783]));
    is_refused("deep.npy", &npy("|u1", &"(".repeat(4000), &[0; 784]));
    is_refused("head.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\xff");
    is_refused("empty.npy", &[]);
    is_refused("integers.npy", &npy("<i2", "(28, 28)", &[0, 4].repeat(784)));
}

#[test]
fn json_without_numbers_is_refused() {
    let array = |last: &str| format!("[{}{last}]", "0,".repeat(783));
    for last in ["NaN", "Infinity", "-Infinity", "1e999", "1e39", "\"1\"", "null", "true", "[0]", "{}"] {
        is_refused("bad.json", array(last).as_bytes());
    }
    for text in ["", "[", "[]", "{}", "7", "\"x\"", "{\"input\": []}", "{\"x\": [1]}", "[[1, 2], [3]]"] {
        is_refused("bad.json", text.as_bytes());
    }
    is_refused("deep.json", "[".repeat(200_000).as_bytes());
    let raw_bytes: &[u8] = &[b'[', 0xff, 0xfe, b']'];
    is_refused("bytes.json", raw_bytes);
}

#[test]
fn files_of_no_input_kind_are_refused() {
    let model = std::fs::read(fixture().path("model.cnvm")).expect("written");
    assert!(is_refused("model", &model).contains("model file"));
    is_refused("text.txt", b"hello\n");
}

#[test]
fn empty_calibration_sets_are_refused() {
    let folder = folder();
    let (lenet, out) = (vector("mnist/lenet5.onnx"), folder.path().join("out"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a new folder");
    convince(&["quantize", &lenet, "--calibrate", text(&empty), "-o", text(&out)]).fails_with(2);
    convince(&["quantize", &lenet, "--calibrate", "missing.png", "-o", text(&out)]).fails_with(2);
    assert_eq!(names(folder.path()), ["empty"]);
}

#[test]
fn batches_are_no_single_input() {
    let images = vector("mnist/heldout-images.npy");
    let error = convince(&["run", &fixture().path("model.cnvm"), "--input", &images]).fails_with(2).stderr;
    assert!(error.contains("2000 inputs"), "{error}");
}

#[test]
fn labels_that_do_not_fit_are_refused() {
    let f = fixture();
    let folder = folder();
    let path = folder.path().join("labels");
    let digit = vector(crate::common::DIGIT);
    let contents: [&[u8]; 8] = [
        b"[]",
        b"[1, 2]",
        b"{}",
        b"{\"other.png\": 7}",
        b"[\"7\"]",
        b"seven",
        &npy("<f4", "(1,)", &[0; 4]),
        &npy("|u1", "(2,)", &[7; 2]),
    ];
    for content in contents {
        std::fs::write(&path, content).expect("writes");
        convince(&["eval", &f.path("model.cnvm"), "--data", &digit, "--labels", text(&path)]).fails_with(2);
    }
    std::fs::write(&path, "[7]").expect("writes");
    let args = ["eval", &f.path("model.cnvm"), "--data", &digit, "--labels", text(&path)];
    let other = vector("onnx/mlp-matmul-add.onnx");
    convince(&[&args[..], &["--float", &other]].concat()).fails_with(2);
    convince(&args).succeeds();
}
