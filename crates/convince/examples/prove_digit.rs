//! Proves and verifies one MNIST digit in memory: `cargo run --release --example prove_digit`.

use std::error::Error;
use std::path::Path;

use convince::{Phase, ProveOptions, prove, setup, verify};
use convince_onnx::{Calibration, QuantizeOptions, import, quantize};

fn main() -> Result<(), Box<dyn Error>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/mnist");
    let onnx = std::fs::read(vectors.join("lenet5.onnx"))?;
    let options = QuantizeOptions::default();
    let preprocessing = options.preprocessing(&import(&onnx)?);
    let pixels = |file: &Path| -> Result<Vec<u8>, Box<dyn Error>> { Ok(image::open(file)?.into_luma8().into_raw()) };

    // Quantise: 8-bit integers from the float network and some training digits.
    let mut inputs = Vec::new();
    for entry in std::fs::read_dir(vectors.join("calibration"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "png") {
            inputs.push(preprocessing.image_to_floats(&pixels(&path)?, 28, 28, 1)?);
        }
    }
    let model = quantize(&onnx, &Calibration { inputs }, &options)?;

    // Commit to the weights once, then prove and verify as often as needed.
    let (proving_key, verifying_key) = setup(&model)?;
    let digit = pixels(&vectors.join("digits/00_label_0.png"))?;
    let input = model.preprocessing.image_to_integers(&digit, 28, 28, 1)?;
    let progress = |phase: Phase| println!("  {}", phase.name());
    let options = ProveOptions { progress: Some(&progress), ..Default::default() };
    let proof = prove(&proving_key, &input, &options)?;
    let verified = verify(&verifying_key, &proof, None, &[])?;
    println!("a proof of {} bytes that the digit is a {}", proof.as_bytes().len(), verified.answers[0].label);
    Ok(())
}
