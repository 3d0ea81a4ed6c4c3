use convince::model::{argmax, run as interpret};
use serde::Serialize;

use crate::args::Run;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, fields, label, likeliest, logits, probabilities};

#[derive(Serialize)]
struct Report<'a> {
    label: usize,
    label_name: Option<&'a str>,
    logits: Vec<f64>,
    probabilities: Option<Vec<f64>>,
    logits_int: &'a [i32],
}

/// `convince run`.
pub(super) fn run(args: &Run, output: Output) -> Result<Exit, Error> {
    let model = input::model(&args.model)?;
    let integers = input::one(&args.input, &model.preprocessing)?;
    let trace = interpret(&model.graph, &integers).at(args.input.display())?;
    let index = argmax(trace.output());
    let values = model.logits(trace.output());
    let shape = model.graph.infer().at(args.model.display())?.last().map(|output| output.shape);
    let report = Report {
        label: index,
        label_name: model.label(index),
        probabilities: shape.and_then(|shape| probabilities(&values, shape)),
        logits: values,
        logits_int: trace.output(),
    };
    output.result(&report, || {
        let mut lines = vec![("label", label(index, report.label_name)), ("logits", logits(&report.logits))];
        lines.extend(report.probabilities.as_deref().map(|values| ("probabilities", likeliest(values))));
        lines.push(("integers", report.logits_int.iter().map(i32::to_string).collect::<Vec<_>>().join("  ")));
        fields(&lines)
    })?;
    Ok(Exit::Valid)
}
