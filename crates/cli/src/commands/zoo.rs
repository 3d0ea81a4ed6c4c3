use std::path::Path;

use convince_zoo::{ARCHITECTURES, Architecture};
use serde::Serialize;

use super::source;
use crate::args::Zoo;
use crate::error::{Context, Error, Exit};
use crate::output::{Output, Target, fields, size, table};
use crate::progress::Progress;

#[derive(Serialize)]
struct List {
    networks: Vec<Network>,
}

#[derive(Serialize)]
struct Network {
    name: &'static str,
    summary: &'static str,
    input: [usize; 4],
    parameters: usize,
    macs: usize,
    weights: &'static str,
}

#[derive(Serialize)]
struct Written {
    name: &'static str,
    weights: &'static str,
    seed: Option<u64>,
    parameters: usize,
    file_bytes: usize,
}

/// `convince zoo`.
pub(super) fn run(args: &Zoo, output: Output) -> Result<Exit, Error> {
    match (&args.name, &args.output) {
        (Some(name), Some(path)) => write(args, source::architecture(name)?, path, output)?,
        _ => list(output)?,
    }
    Ok(Exit::Valid)
}

fn list(output: Output) -> Result<(), Error> {
    let network = |architecture: &Architecture| {
        let net = architecture.net();
        Network {
            name: architecture.name,
            summary: architecture.summary,
            input: net.input_shape(),
            parameters: net.parameters(),
            macs: net.macs(),
            weights: weights(architecture.is_trained()),
        }
    };
    let list = List { networks: ARCHITECTURES.iter().map(network).collect() };
    output.result(&list, || {
        let row = |network: &Network| {
            let [_, channels, rows, columns] = network.input;
            vec![
                network.name.to_owned(),
                network.summary.to_owned(),
                network.weights.to_owned(),
                format!("{channels}x{rows}x{columns}"),
                network.parameters.to_string(),
                network.macs.to_string(),
            ]
        };
        let header = ["name", "network", "weights", "input", "parameters", "multiply-accumulates"];
        table(&header, 3, list.networks.iter().map(row))
    })
}

fn write(args: &Zoo, architecture: &Architecture, path: &Path, output: Output) -> Result<(), Error> {
    let target = Target::new(path)?;
    let trained = architecture.is_trained() && args.seed.is_none();
    let progress = Progress::start("making the network");
    let bytes = match args.onnx {
        true => architecture.onnx(args.seed),
        false => architecture.quantized(args.seed).at(architecture.name)?.to_bytes(),
    };
    drop(progress);
    target.write(&bytes)?;
    let report = Written {
        name: architecture.name,
        weights: weights(trained),
        seed: (!trained).then_some(args.seed.unwrap_or(0)),
        parameters: architecture.net().parameters(),
        file_bytes: bytes.len(),
    };
    output.result(&report, || {
        let kind = if args.onnx { "network" } else { "model" };
        let seed = report.seed.map_or_else(String::new, |seed| format!(", seed {seed}"));
        fields(&[
            (kind, format!("{}, {}", target.path().display(), size(bytes.len() as u64))),
            ("parameters", report.parameters.to_string()),
            ("weights", format!("{}{seed}", report.weights)),
        ])
    })
}

fn weights(trained: bool) -> &'static str {
    if trained { "trained" } else { "seeded" }
}
