use std::path::Path;

use convince::model::{Model, QuantizationReport, argmax, run as interpret};
use convince_onnx::evaluate;
use rayon::prelude::*;
use serde::Serialize;

use super::quantize::float_graph;
use crate::args::Eval;
use crate::error::{Context, Error, Exit};
use crate::input::{self, Sample};
use crate::output::{Output, fields};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    inputs: usize,
    correct: usize,
    accuracy: f64,
    top1_agreement: Option<f64>,
    max_logit_error: Option<f64>,
    mean_logit_error: Option<f64>,
}

/// `convince eval`.
pub(super) fn run(args: &Eval, output: Output) -> Result<Exit, Error> {
    let model = input::model(&args.model)?;
    let samples = input::many(&args.data, &model.preprocessing)?;
    let labels = input::labels(&args.labels, samples.len(), &|index| samples.get(index).map(|s| s.name.as_str()))?;
    let progress = Progress::start("running the network");
    let correct = count_correct(&model, &samples, &labels, &progress).at(args.model.display())?;
    let float = match &args.float {
        Some(path) => Some(compare(&model, &samples, path, &progress)?),
        None => None,
    };
    drop(progress);
    let report = Report {
        inputs: samples.len(),
        correct,
        accuracy: correct as f64 / samples.len().max(1) as f64,
        top1_agreement: float.map(|f| f.top1_agreement),
        max_logit_error: float.map(|f| f.max_logit_error),
        mean_logit_error: float.map(|f| f.mean_logit_error),
    };
    output.result(&report, || {
        let accuracy = format!("{:.2} %: {correct} of {} labels are right", 100.0 * report.accuracy, report.inputs);
        let mut lines = vec![("accuracy", accuracy)];
        if let Some(float) = float {
            lines.push(("top-1 agreement", format!("{:.2} % with the float network", 100.0 * float.top1_agreement)));
            let (mean, largest) = (float.mean_logit_error, float.max_logit_error);
            lines.push(("logit error", format!("{mean:.4} mean, {largest:.4} largest")));
        }
        fields(&lines)
    })?;
    Ok(Exit::Valid)
}

fn count_correct(
    model: &Model,
    samples: &[Sample],
    labels: &[i64],
    progress: &Progress,
) -> Result<usize, convince::model::RunError> {
    progress.count(samples.len());
    let is_correct = |(sample, &label): (&Sample, &i64)| {
        let trace = interpret(&model.graph, &sample.integers(&model.preprocessing))?;
        progress.advance();
        Ok(usize::from(usize::try_from(label) == Ok(argmax(trace.output()))))
    };
    samples.par_iter().zip(labels).map(is_correct).sum()
}

fn compare(model: &Model, samples: &[Sample], path: &Path, progress: &Progress) -> Result<QuantizationReport, Error> {
    let graph = float_graph(path)?;
    let outputs = model.graph.infer().at(path.display())?.last().map_or(0, |output| output.num_elements());
    if (graph.input_shape(), graph.output_len()) != (model.graph.input_shape, outputs) {
        return Err(Error::new(format!("{}: takes or gives another shape than the model", path.display())));
    }
    progress.step("running both networks");
    let floats: Vec<Vec<f32>> = samples.iter().map(|sample| sample.floats(&model.preprocessing)).collect();
    evaluate(model, &graph, floats.iter().map(Vec::as_slice)).at(path.display())
}
