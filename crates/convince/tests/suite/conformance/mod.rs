//! The ONNX project's own operator tests, from the file to a verified proof.
//!
//! Each case is quantised on its own inputs, run on integers, compared with the output that the project expects, and proven. A
//! selection is committed in `vectors/onnx/conformance`. All of them, but for the architectures (`scripts/light-networks`):
//!
//! ```text
//! python scripts/make_onnx_conformance.py --all --out /tmp/onnx-cases
//! CONVINCE_ONNX_CASES=/tmp/onnx-cases cargo test -p convince --test suite conformance -- --ignored --nocapture
//! ```
//! which prints every case that is not proven, with the reason, and fails if one gives other outputs than expected.

mod tolerance;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use convince::model::{Model, run};
use convince::{ProveOptions, prove, setup, verify};
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions, import, quantize_graph};
use tolerance::steps;

/// What became of a case.
enum Outcome {
    /// Not imported, quantised or set up.
    Refused(String),
    /// Other outputs than expected, or a proof that does not verify.
    Wrong(String),
    /// Proven.
    Proven(Closeness),
}

/// How close the integers come to the expected outputs, at worst.
#[derive(Clone, Copy, Default)]
struct Closeness {
    /// Share of its tolerance that an output takes up.
    share: f64,
    /// A tolerance, against the largest output; 0 where all are zero.
    tolerance: f64,
}

impl Closeness {
    fn worse(self, other: Self) -> Self {
        Self { share: self.share.max(other.share), tolerance: self.tolerance.max(other.tolerance) }
    }
}

/// Names of the cases in a folder, sorted, without the architectures.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = files.filter_map(|file| file.expect("readable").file_name().into_string().ok());
    let case = |name: String| name.strip_suffix(".onnx").filter(|name| !name.starts_with("light_")).map(str::to_owned);
    let mut names: Vec<String> = names.filter_map(case).collect();
    names.sort();
    names
}

/// Quantises a case on its inputs; a row of `NAME.npy` is an input followed by the output that it must give.
fn quantized(folder: &Path, name: &str) -> Result<(FloatGraph, Model, Vec<Vec<f32>>), String> {
    let file = fs::read(folder.join(format!("{name}.onnx"))).expect("a network");
    let graph = import(&file).map_err(|error| error.to_string())?;
    let rows = npyz::NpyFile::new(fs::File::open(folder.join(format!("{name}.npy"))).expect("samples")).expect("npy");
    let len = rows.shape()[1] as usize;
    let rows: Vec<f32> = rows.into_vec().expect("floats");
    let rows: Vec<Vec<f32>> = rows.chunks_exact(len).map(<[f32]>::to_vec).collect();
    let input_len: usize = graph.input_shape().iter().product();
    let inputs = rows.iter().map(|row| row[..input_len].to_vec()).collect();
    let options = QuantizeOptions::default();
    let model = quantize_graph(&graph, &Calibration { inputs }, &options).map_err(|error| error.to_string())?;
    Ok((graph, model, rows))
}

/// Operators at the end that the integer network leaves out: what is proven are the logits before them.
fn heads(graph: &FloatGraph) -> usize {
    let operators: Vec<&str> = graph.operators().map(|(_, operator)| operator).collect();
    operators.iter().rev().take_while(|operator| ["ArgMax", "Softmax"].contains(operator)).count()
}

/// The float network's logits.
fn logits(graph: &FloatGraph, input: &[f32]) -> Vec<f32> {
    let mut values = graph.trace(input).expect("an input that gives the expected output");
    values.swap_remove(values.len() - 1 - heads(graph))
}

fn outcome(folder: &Path, name: &str) -> Outcome {
    let (graph, model, rows) = match quantized(folder, name) {
        Ok(quantized) => quantized,
        Err(error) => return Outcome::Refused(error),
    };
    let (proving, verifying) = match setup(&model) {
        Ok(keys) => keys,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let mut worst = Closeness::default();
    for row in rows {
        let (input, output) = row.split_at(graph.input_shape().iter().product());
        // What float execution gives is compared with the files by convince-onnx's own test.
        let expected = if heads(&graph) == 0 { output.to_vec() } else { logits(&graph, input) };
        let integers = model.preprocessing.quantize(input);
        let trace = run(&model.graph, &integers).expect("an input of the network");
        match closeness(&graph, &model, &integers, &expected) {
            Ok(closeness) => worst = worst.worse(closeness),
            Err(wrong) => return Outcome::Wrong(wrong),
        }
        let proof = prove(&proving, &integers, &ProveOptions::default()).expect("an input of the network");
        match verify(&verifying, &proof, Some(&integers), &[]) {
            Ok(verified) if verified.output.as_deref() == Some(trace.output()) => {}
            Ok(_) => return Outcome::Wrong("another output is proven than the interpreter's".into()),
            Err(error) => return Outcome::Wrong(error.to_string()),
        }
    }
    Outcome::Proven(worst)
}

/// How close the outputs are to what is expected.
///
/// With `x` the input, `x'` the floats that its integers stand for, `f` the float network and `s` the output's scale, output `o` may
/// miss `f_o(x)` by
///
/// ```text
/// s E_o + max_p |f_p(x') - f_p(x)| + 1e-3 |f_o(x)| + 1e-5
/// ```
/// where `E_o` is the rounding of parameters and values on the way, propagated ([`steps`]), and the second term is the rounding of
/// the input, propagated by the float network itself: over all outputs, since a bias may be corrected by its channel's mean. The
/// rest is what float execution may miss.
///
/// # Errors
/// The first output beyond its tolerance.
fn closeness(graph: &FloatGraph, model: &Model, integers: &[i32], expected: &[f32]) -> Result<Closeness, String> {
    let rounded: Vec<f32> = integers.iter().map(|&v| (f64::from(v) * model.preprocessing.input_scale) as f32).collect();
    let of_rounded = logits(graph, &rounded);
    let difference = |(a, b): (&f32, &f32)| f64::from(a - b).abs();
    let input_rounding = of_rounded.iter().zip(expected).map(difference).fold(0.0, f64::max);
    let peak = expected.iter().fold(0.0, |peak: f64, &v| peak.max(f64::from(v).abs()));
    let trace = run(&model.graph, integers).expect("an input of the network");
    let (found, errors) = (model.logits(trace.output()), steps(&model.graph, &trace));
    let mut worst = Closeness::default();
    for (place, ((found, error), &expected)) in found.iter().zip(errors).zip(expected).enumerate() {
        let expected = f64::from(expected);
        let tolerance = model.output_scale * error + input_rounding + 1e-3 * expected.abs() + 1e-5;
        let share = (found - expected).abs() / tolerance;
        if share > 1.0 {
            return Err(format!("output {place} is {found}, which is not within {tolerance:e} of {expected}"));
        }
        worst = worst.worse(Closeness { share, tolerance: if peak > 0.0 { tolerance / peak } else { 0.0 } });
    }
    Ok(worst)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn the_selection_is_met_within_rounding_and_proven() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/onnx/conformance");
    let names = names(&folder);
    assert!(names.len() >= 60, "only {} cases", names.len());
    for name in names {
        match outcome(&folder, &name) {
            Outcome::Proven(_) => {}
            Outcome::Refused(why) | Outcome::Wrong(why) => panic!("{name}: {why}"),
        }
    }
}

#[test]
#[ignore = "needs the cases that scripts/make_onnx_conformance.py --all writes"]
fn all_operator_tests_are_met_within_rounding_and_proven_or_refused() {
    let folder = std::env::var_os("CONVINCE_ONNX_CASES").expect("CONVINCE_ONNX_CASES names the folder of cases");
    let folder = Path::new(&folder);
    let (mut proven, mut wrong, mut refused) = (Vec::new(), Vec::new(), BTreeMap::new());
    for name in names(folder) {
        match outcome(folder, &name) {
            Outcome::Proven(closeness) => proven.push(closeness),
            Outcome::Wrong(why) => wrong.push(format!("{name}: {why}")),
            Outcome::Refused(why) => _ = refused.insert(name, why),
        }
    }
    println!("{} proven, {} refused, {} wrong", proven.len(), refused.len(), wrong.len());
    let worst = proven.iter().copied().fold(Closeness::default(), Closeness::worse);
    let share = median(proven.iter().map(|closeness| closeness.share).collect());
    let tolerance = median(proven.iter().map(|closeness| closeness.tolerance).collect());
    println!("error / tolerance: median {share:.2}, largest {:.2}", worst.share);
    println!("tolerance / largest output: median {tolerance:.4}, largest {:.4}", worst.tolerance);
    refused.iter().for_each(|(name, why)| println!("refused {name}: {why}"));
    assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
}
