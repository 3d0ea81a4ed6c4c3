use convince::model::{argmax, run as interpret};
use serde::Serialize;

use crate::args::Run;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, fields, label, logits};

#[derive(Serialize)]
struct Report<'a> {
    label: usize,
    label_name: Option<&'a str>,
    logits: Vec<f64>,
    logits_int: &'a [i32],
}

/// `convince run`.
pub(super) fn run(args: &Run, output: Output) -> Result<Exit, Error> {
    let model = input::model(&args.model)?;
    let integers = input::one(&args.input, &model.preprocessing)?;
    let trace = interpret(&model.graph, &integers).at(args.input.display())?;
    let index = argmax(trace.output());
    let report = Report {
        label: index,
        label_name: model.label(index),
        logits: model.logits(trace.output()),
        logits_int: trace.output(),
    };
    output.result(&report, || {
        fields(&[
            ("label", label(index, report.label_name)),
            ("logits", logits(&report.logits)),
            ("integers", report.logits_int.iter().map(i32::to_string).collect::<Vec<_>>().join("  ")),
        ])
    })?;
    Ok(Exit::Valid)
}
