use std::path::{Path, PathBuf};
use std::time::Instant;

use convince_zoo::mnist;
use serde::Serialize;
use serde_json::Value;

use super::process::Process;
use super::setup::{PROVER_KEY, VERIFIER_KEY, refuse_non_folder};
use crate::args::Demo;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Target, fields, logits, milliseconds, size};
use crate::progress::Progress;

/// What each process printed.
#[derive(Serialize)]
struct Report {
    quantize: Value,
    setup: Value,
    prove: Value,
    verify: Value,
}

/// Where everything is.
struct Paths {
    folder: PathBuf,
    onnx: PathBuf,
    calibration: PathBuf,
    digit: PathBuf,
    model: PathBuf,
    proof: PathBuf,
}

/// `convince demo`.
pub(super) fn run(args: &Demo, threads: Option<usize>, output: Output) -> Result<Exit, Error> {
    let paths = write_files(args)?;
    let digit = picture(&paths.digit)?;
    let process = Process::new(threads);
    let progress = Progress::start("quantising the network");
    let start = Instant::now();
    let quantize = process.run(&[
        "quantize".as_ref(),
        paths.onnx.as_path(),
        "--calibrate".as_ref(),
        &paths.calibration,
        "-o".as_ref(),
        &paths.model,
    ])?;
    let quantize_ms = milliseconds(start.elapsed());
    progress.step("committing to its weights");
    let setup = process.run(&["setup".as_ref(), paths.model.as_path(), "-o".as_ref(), &paths.folder])?;
    progress.step("proving what it says about the digit");
    let prove = process.run(&[
        "prove".as_ref(),
        "--key".as_ref(),
        paths.folder.join(PROVER_KEY).as_path(),
        "--input".as_ref(),
        &paths.digit,
        "-o".as_ref(),
        &paths.proof,
    ])?;
    progress.step("verifying the proof");
    let verifier_key = paths.folder.join(VERIFIER_KEY);
    let verify = process.run(&["verify".as_ref(), "--key".as_ref(), verifier_key.as_path(), &paths.proof])?;
    drop(progress);
    let report = Report { quantize, setup, prove, verify };
    output.result(&report, || text(&report, &paths, &digit, quantize_ms))?;
    Ok(Exit::Valid)
}

/// Writes what the demo needs into its folder.
fn write_files(args: &Demo) -> Result<Paths, Error> {
    let folder = args.output.clone();
    let digit = match &args.digit {
        Some(path) => input::read(path)?,
        None => mnist::DIGIT.to_vec(),
    };
    let paths = Paths {
        onnx: folder.join("lenet5.onnx"),
        calibration: folder.join("calibration"),
        digit: folder.join("digit.png"),
        model: folder.join("lenet5.cnvm"),
        proof: folder.join("digit.cnvp"),
        folder,
    };
    refuse_non_folder(&paths.folder)?;
    std::fs::create_dir_all(&paths.calibration).at(paths.calibration.display())?;
    Target::new(&paths.onnx)?.write(mnist::LENET5)?;
    Target::new(&paths.digit)?.write(&digit)?;
    for (name, bytes) in mnist::CALIBRATION {
        Target::new(&paths.calibration.join(name))?.write(bytes)?;
    }
    Ok(paths)
}

/// A grey image as text, two rows of pixels a line because letters are twice as high as wide.
fn picture(path: &Path) -> Result<String, Error> {
    let bytes = input::read(path)?;
    let width = mnist::SIDE;
    let pixels = input::grey(&bytes, width).at(path.display())?;
    let ramp = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];
    let rows: Vec<&[u8]> = pixels.chunks(width).collect();
    let lines = rows.chunks(2).map(|pair| {
        let level = |x: usize| pair.iter().map(|row| usize::from(row[x])).sum::<usize>() / pair.len();
        let line: String = (0..width).map(|x| ramp[level(x) * (ramp.len() - 1) / 255]).collect();
        line.trim_end().to_owned()
    });
    let lines: Vec<String> = lines.collect();
    let inked = |line: &String| !line.is_empty();
    let first = lines.iter().position(inked).unwrap_or(0);
    let end = lines.iter().rposition(inked).map_or(0, |last| last + 1);
    Ok(lines.get(first..end).unwrap_or_default().iter().map(|line| format!("    {line}\n")).collect())
}

fn text(report: &Report, paths: &Paths, digit: &str, quantize_ms: f64) -> String {
    let Report { quantize, setup, prove, verify } = report;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let bytes = |value: &Value| size(value.as_u64().unwrap_or(0));
    let file = |path: &Path| path.display().to_string();
    let authenticated: Vec<f64> = verify["logits"].as_array().into_iter().flatten().map(number).collect();
    let results = fields(&[
        ("LeNet-5 says", format!("{}, and the proof of it is valid", verify["label"])),
        ("logits", logits(&authenticated)),
        ("private", "the weights: the proof is zero-knowledge, and says nothing else of them".into()),
    ]);
    let agreement = 100.0 * number(&quantize["top1_agreement"]);
    let parameters = &quantize["parameters"];
    let steps = fields(&[
        ("quantize", format!("{quantize_ms:.0} ms, {parameters} parameters, {agreement:.1} % top-1 agreement")),
        (
            "setup",
            format!("{:.0} ms, verifier key {}", number(&setup["setup_ms"]), bytes(&setup["verifier_key_bytes"])),
        ),
        (
            "prove",
            format!(
                "{:.1} ms, proof {}, peak memory {}",
                number(&prove["prove_ms"]),
                bytes(&prove["proof_bytes"]),
                bytes(&prove["peak_rss_bytes"]),
            ),
        ),
        (
            "verify",
            format!("{:.1} ms, and {:.1} ms for the key", number(&verify["verify_ms"]), number(&verify["key_ms"])),
        ),
    ]);
    let files = fields(&[
        ("network", format!("{}, calibrated on {}", file(&paths.onnx), file(&paths.calibration))),
        ("digit", file(&paths.digit)),
        ("model", file(&paths.model)),
        (
            "keys",
            format!("{} (secret), {}", file(&paths.folder.join(PROVER_KEY)), file(&paths.folder.join(VERIFIER_KEY))),
        ),
        ("proof", file(&paths.proof)),
    ]);
    let again = format!("convince verify --key {} {}", file(&paths.folder.join(VERIFIER_KEY)), file(&paths.proof));
    format!("\n{digit}\n{results}\n{steps}\n{files}\nVerify it again:  {again}\n")
}
