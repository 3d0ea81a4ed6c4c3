//! EZKL (Halo2 with KZG) from PyPI, driven by `ezkl/drive.py` in an environment of its own, which `scripts/compare-ezkl` makes.
//!
//! EZKL compiles ONNX and has fixed-point arithmetic of its own. The network is exported with integers as constants and all of
//! EZKL's scales are 0: then its numbers are the network's integers, a division by a power of two rounds as the network does
//! (ties differ below zero only, where the clamp's lower end is), and its outputs are compared with the trace's. Weights are
//! private, input and output public. Every phase is a Python process, some tenths of a second to start.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::system::{Facts, Sizes, System, TrustedSetup, Unfit};
use crate::workload::{Kind, Layer, Public, Trace, Workload};

/// EZKL in a Python environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ezkl;

/// A folder with keys and circuit.
pub struct Prepared {
    folder: TempDir,
    /// The network that the compiled circuit has.
    network: RefCell<Json>,
}

/// Made by setup.
#[derive(Deserialize)]
struct Grid {
    log_rows: u32,
    num_rows: u64,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python() -> PathBuf {
    root().join("target/ezkl/bin/python")
}

/// Integers up to this size are exact in the file's floats.
const EXACT: i64 = 1 << 24;

impl System for Ezkl {
    type Prepared = Prepared;
    /// The witness is in the folder.
    type Witness = ();

    fn facts(&self) -> Facts {
        Facts {
            name: "ezkl".into(),
            title: "EZKL (Halo2, KZG)".into(),
            implementation: "ezkl 23.0.5 (PyPI)".into(),
            arithmetisation: "PLONKish with lookups, Halo2, compiled from ONNX".into(),
            field: "BN254 scalar field, 254 bits".into(),
            commitment: "KZG on BN254".into(),
            security_bits: 100,
            security_note: super::BN254_SECURITY.into(),
            trusted_setup: TrustedSetup::Universal,
            zero_knowledge: true,
            binds_weights: false,
            circuit: "EZKL's own circuit for the network as ONNX with integers as constants, all scales 0: the same integers, \
                      weights private, outputs compared with the reference. Digits are chosen for the fewest rows. \
                      Each phase is a Python process, whose start of some tenths of a second is counted."
                .into(),
        }
    }

    fn fits(&self, workload: &Workload) -> Result<(), Unfit> {
        if !python().exists() {
            return Err(Unfit("EZKL is not installed: scripts/compare-ezkl".into()));
        }
        for step in &workload.steps {
            let unfit = |why: &str| Err(Unfit(format!("{}: {why}", step.name)));
            match &step.layer {
                Layer::Requant(requant) if requant.low != 0 => {
                    return unfit("EZKL rounds ties below zero another way, and the clamp does not hide it");
                }
                Layer::Linear(linear) if linear.biases.iter().any(|&bias| i64::from(bias).abs() > EXACT) => {
                    return unfit("a bias that the file's 32-bit floats do not hold");
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn setup(&self, workload: &Workload) -> Result<Prepared> {
        let folder = tempfile::tempdir().context("a folder for EZKL's files")?;
        let network = network(workload);
        write(folder.path(), "network.json", &network)?;
        run(folder.path(), &["setup"])?;
        Ok(Prepared { folder, network: RefCell::new(network) })
    }

    fn sizes(&self, prepared: &Prepared) -> Result<Sizes> {
        let folder = prepared.folder.path();
        let len = |name: &str| Ok::<u64, anyhow::Error>(std::fs::metadata(folder.join(name))?.len());
        let grid: Grid = serde_json::from_slice(&std::fs::read(folder.join("sizes.json"))?)?;
        Ok(Sizes {
            proving_key_bytes: Some(len("pk")? + len("k.srs")?),
            verifying_key_bytes: Some(len("vk")?),
            constraints: Some(1 << grid.log_rows),
            constraints_unit: format!("rows, {} used", grid.num_rows),
            security_bits: None,
        })
    }

    fn witness(&self, prepared: &Prepared, workload: &Workload, trace: &Trace) -> Result<()> {
        let folder = prepared.folder.path();
        let network = network(workload);
        let same = *prepared.network.borrow() == network;
        if !same {
            write(folder, "network.json", &network)?;
            *prepared.network.borrow_mut() = network;
        }
        run(folder, if same { &["witness"] } else { &["witness", "recompile"] })?;
        let outputs: Vec<i64> = serde_json::from_slice(&std::fs::read(folder.join("output.json"))?)?;
        let expected = trace.public().output;
        ensure!(
            outputs.iter().copied().eq(expected.iter().map(|&v| i64::from(v))),
            "EZKL's outputs are not the network's"
        );
        Ok(())
    }

    fn prove(&self, prepared: &Prepared, (): ()) -> Result<Vec<u8>> {
        run(prepared.folder.path(), &["prove"])?;
        std::fs::read(prepared.folder.path().join("proof.bin")).context("EZKL's proof")
    }

    fn verify(&self, prepared: &Prepared, claim: &Public, proof: &[u8]) -> Result<()> {
        let folder = prepared.folder.path();
        write(folder, "public.json", &json!({ "input": claim.input, "output": claim.output }))?;
        std::fs::write(folder.join("proof.bin"), proof)?;
        run(folder, &["verify"])
    }
}

fn write(folder: &Path, name: &str, value: &Json) -> Result<()> {
    std::fs::write(folder.join(name), serde_json::to_vec(value)?).with_context(|| format!("writing {name}"))
}

/// Runs one phase.
fn run(folder: &Path, phase: &[&str]) -> Result<()> {
    let output = Command::new(python())
        .arg(root().join("ezkl/drive.py"))
        .arg(folder)
        .args(phase)
        .output()
        .context("EZKL's Python does not start: scripts/compare-ezkl installs it")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    ensure!(output.status.success(), "EZKL, {}: {last}", phase[0]);
    Ok(())
}

/// What the script exports.
fn network(workload: &Workload) -> Json {
    let layers: Vec<Json> = workload
        .steps
        .iter()
        .map(|step| match &step.layer {
            Layer::Linear(linear) => match linear.kind {
                Kind::Dense => json!({
                    "kind": "dense", "outputs": linear.output[0], "weights": linear.weights, "biases": linear.biases,
                }),
                Kind::Conv { kernel, stride, padding } => json!({
                    "kind": "conv", "outputs": linear.output[0], "weights": linear.weights, "biases": linear.biases,
                    "kernel": kernel, "stride": stride, "padding": padding,
                }),
            },
            Layer::Requant(requant) => {
                json!({ "kind": "requant", "shift": requant.shift, "low": requant.low, "high": requant.high })
            }
            Layer::MaxPool(pool) => json!({ "kind": "max-pool", "size": pool.size }),
        })
        .collect();
    let [channels, rows, columns] = workload.input_value().shape;
    // EZKL's numbers are cut into digits: bits of the largest accumulator, whatever the weights are.
    let bits = workload.steps.iter().map(|step| step.output.range.signed_bits()).max().unwrap_or(1);
    json!({
        "layers": layers,
        "input": workload.input,
        "input_shape": if rows * columns == 1 { vec![channels] } else { vec![channels, rows, columns] },
        "num_outputs": workload.output_value().len(),
        "bits": bits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some ten minutes, and an environment that `scripts/compare-ezkl` makes.
    #[test]
    #[ignore]
    fn passes_the_check_of_all_systems() {
        crate::check::check_system(&Ezkl).expect("a sound system");
    }
}
