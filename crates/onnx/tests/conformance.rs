//! The ONNX project's own operator tests: float execution gives the expected outputs.
//!
//! A selection is committed in `vectors/onnx/conformance`. All of them:
//!
//! ```text
//! python scripts/make_onnx_conformance.py --all --out /tmp/onnx-cases
//! CONVINCE_ONNX_CASES=/tmp/onnx-cases cargo test -p convince-onnx --test conformance -- --ignored --nocapture
//! ```
//! which prints every case that is refused, with the reason, and fails if one gives other outputs than expected.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::vectors;
use convince_onnx::import;

/// What became of a case: refused when it was imported, wrong, or right.
enum Outcome {
    Refused(String),
    Wrong(String),
    Right,
}

/// Names of the cases in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = files.filter_map(|file| file.expect("readable").file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_suffix(".onnx").map(str::to_owned)).collect();
    names.sort();
    names
}

/// Runs every sample of a case: a row of `NAME.npy` is an input followed by the output that it must give.
fn run(folder: &Path, name: &str) -> Outcome {
    let graph = match import(&fs::read(folder.join(format!("{name}.onnx"))).expect("a network")) {
        Ok(graph) => graph,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let rows = npyz::NpyFile::new(fs::File::open(folder.join(format!("{name}.npy"))).expect("samples")).expect("npy");
    let len = rows.shape()[1] as usize;
    let rows: Vec<f32> = rows.into_vec().expect("floats");
    let input_len: usize = graph.input_shape().iter().product();
    if input_len + graph.output_len() != len {
        let found = graph.output_len();
        return Outcome::Wrong(format!("{found} outputs where {} are expected", len.saturating_sub(input_len)));
    }
    for row in rows.chunks_exact(len) {
        let (input, expected) = row.split_at(input_len);
        let found = match graph.run(input) {
            Ok(found) => found,
            Err(error) => return Outcome::Wrong(error.to_string()),
        };
        for (place, (a, b)) in found.iter().zip(expected).enumerate() {
            if (a - b).abs() > 1e-5 + 1e-3 * b.abs() {
                return Outcome::Wrong(format!("output {place} is {a}, not {b}"));
            }
        }
    }
    Outcome::Right
}

#[test]
fn the_selection_of_operator_tests_is_met() {
    let folder = vectors().join("onnx/conformance");
    let names = names(&folder);
    assert!(names.len() >= 60, "only {} cases", names.len());
    for name in names {
        match run(&folder, &name) {
            Outcome::Right => {}
            Outcome::Refused(why) | Outcome::Wrong(why) => panic!("{name}: {why}"),
        }
    }
}

#[test]
#[ignore = "needs the cases that scripts/make_onnx_conformance.py --all writes"]
fn all_operator_tests_are_met_or_refused() {
    let folder = std::env::var_os("CONVINCE_ONNX_CASES").expect("CONVINCE_ONNX_CASES names the folder of cases");
    let folder = Path::new(&folder);
    let (mut right, mut wrong, mut refused) = (0, Vec::new(), BTreeMap::<String, String>::new());
    for name in names(folder) {
        match run(folder, &name) {
            Outcome::Right => right += 1,
            Outcome::Wrong(why) => wrong.push(format!("{name}: {why}")),
            Outcome::Refused(why) => _ = refused.insert(name, why),
        }
    }
    println!("{right} right, {} refused, {} wrong", refused.len(), wrong.len());
    refused.iter().for_each(|(name, why)| println!("refused {name}: {why}"));
    assert!(wrong.is_empty(), "wrong:\n{}", wrong.join("\n"));
}
