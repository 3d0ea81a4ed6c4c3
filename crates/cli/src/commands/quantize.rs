use std::path::Path;

use convince::container::kind_of;
use convince::model;
use convince_onnx::{Calibration, FloatGraph, QuantizeOptions, import, quantize_graph};
use serde::Serialize;

use crate::args::{Layout, Quantize};
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Target, fields, printable, size};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    top1_agreement: f64,
    max_logit_error: f64,
    mean_logit_error: f64,
    parameters: usize,
}

/// `convince quantize`.
pub(super) fn run(args: &Quantize, output: Output) -> Result<Exit, Error> {
    let target = Target::new(&args.output)?;
    let graph = float_graph(&args.model)?;
    let options = options(args, &graph)?;
    let inputs = calibration(args, &options, &graph)?;
    let count = inputs.len();
    let progress = Progress::start("choosing scales");
    let model = quantize_graph(&graph, &Calibration { inputs }, &options).at(args.model.display())?;
    drop(progress);
    let bytes = model.to_bytes();
    target.write(&bytes)?;
    let report = Report {
        top1_agreement: model.report.top1_agreement,
        max_logit_error: model.report.max_logit_error,
        mean_logit_error: model.report.mean_logit_error,
        parameters: model.graph.parameters(),
    };
    output.result(&report, || {
        fields(&[
            ("model", format!("{}, {}", target.path().display(), size(bytes.len() as u64))),
            ("parameters", report.parameters.to_string()),
            ("top-1 agreement", format!("{:.2} % of {count} calibration inputs", 100.0 * report.top1_agreement)),
            ("logit error", format!("{:.4} mean, {:.4} largest", report.mean_logit_error, report.max_logit_error)),
        ])
    })?;
    Ok(Exit::Valid)
}

/// Reads an ONNX file.
pub(super) fn float_graph(path: &Path) -> Result<FloatGraph, Error> {
    let bytes = input::read(path)?;
    if let Ok(kind) = kind_of(&bytes) {
        return Err(Error::new(format!("{}: a {kind} file where an ONNX file is needed", path.display())));
    }
    import(&bytes).at(path.display())
}

fn options(args: &Quantize, graph: &FloatGraph) -> Result<QuantizeOptions, Error> {
    let defaults = QuantizeOptions::default();
    let options = QuantizeOptions {
        mean: args.mean.clone(),
        std: args.std.clone(),
        scale: args.scale.unwrap_or(defaults.scale),
        layout: match args.layout {
            Layout::Nchw => model::Layout::Nchw,
            Layout::Nhwc => model::Layout::Nhwc,
        },
        labels: args.labels.as_deref().map(labels).transpose()?.unwrap_or_default(),
    };
    // Found here, a mistake costs nothing; the quantiser would find it at its end.
    let preprocessing = options.preprocessing(graph);
    preprocessing.validate(graph.input_shape(), preprocessing.bits).at("--mean, --std, --scale")?;
    let (expected, found) = (graph.output_len(), options.labels.len());
    if found != 0 && found != expected {
        return Err(Error::new(format!("--labels: {found} labels for {expected} outputs")));
    }
    Ok(options)
}

fn labels(given: &str) -> Result<Vec<String>, Error> {
    let Some(path) = given.strip_prefix('@') else {
        return Ok(given.split(',').map(|name| printable(name.trim())).collect());
    };
    let text = String::from_utf8(input::read(Path::new(path))?).at(path)?;
    Ok(text.lines().map(|name| printable(name.trim())).filter(|name| !name.is_empty()).collect())
}

fn calibration(args: &Quantize, options: &QuantizeOptions, graph: &FloatGraph) -> Result<Vec<Vec<f32>>, Error> {
    let preprocessing = options.preprocessing(graph);
    let samples = input::many(&args.calibrate, &preprocessing)?;
    match samples.iter().find(|sample| sample.is_quantized()) {
        Some(sample) => Err(Error::new(format!("{}: holds integers; calibration needs pixels or floats", sample.name))),
        None => Ok(samples.iter().map(|sample| sample.floats(&preprocessing)).collect()),
    }
}
