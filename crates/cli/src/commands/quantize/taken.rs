//! Networks that are quantised already, written with the integers of their file.

use convince_onnx::{FloatGraph, QuantizeOptions, Taken, TakenLayer, evaluate};
use serde::Serialize;

use super::calibration;
use crate::args::Quantize;
use crate::error::{Context, Error, Exit};
use crate::output::{Output, Target, fields, printable, size, table};

#[derive(Serialize)]
struct Report {
    taken: bool,
    top1_agreement: Option<f64>,
    max_logit_error: Option<f64>,
    mean_logit_error: Option<f64>,
    parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
}

/// A rounding beside ONNX Runtime's.
#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    scale: f64,
    zero: i32,
    low: i64,
    high: i64,
    shift: u32,
    multiplier: i64,
    table_len: usize,
    differing: Option<u64>,
    possible: u64,
}

impl From<TakenLayer> for Layer {
    fn from(layer: TakenLayer) -> Self {
        let TakenLayer { name, operator, scale, zero, bound, shift, multiplier, table_len, differing, possible } =
            layer;
        let (low, high) = bound;
        Self { name, operator, scale, zero, low, high, shift, multiplier, table_len, differing, possible }
    }
}

/// Writes the model; measured against `graph`, the float network that the file stands for, if there are inputs.
pub(super) fn write(
    args: &Quantize,
    (target, output): (&Target, Output),
    (taken, graph): (Taken, Option<&FloatGraph>),
    options: &QuantizeOptions,
) -> Result<Exit, Error> {
    let Taken { mut model, layers } = taken;
    let mut count = 0;
    if let (Some(graph), false) = (graph, args.calibrate.is_empty()) {
        let inputs = calibration(args, options, graph)?;
        count = inputs.len();
        model.report = evaluate(&model, graph, inputs.iter().map(Vec::as_slice)).at(args.model.display())?;
    }
    let bytes = model.to_bytes();
    target.write(&bytes)?;
    let measured = |value: f64| (count > 0).then_some(value);
    let report = Report {
        taken: true,
        top1_agreement: measured(model.report.top1_agreement),
        max_logit_error: measured(model.report.max_logit_error),
        mean_logit_error: measured(model.report.mean_logit_error),
        parameters: model.graph.parameters(),
        layers: args.report.then(|| layers.into_iter().map(Layer::from).collect()),
    };
    output.result(&report, || {
        let mut lines = vec![
            ("model", format!("{}, {}", target.path().display(), size(bytes.len() as u64))),
            ("parameters", report.parameters.to_string()),
            ("quantisation", "taken as quantised: the file's integers, scales and zero points".to_owned()),
        ];
        if count > 0 {
            let (share, measured) = (100.0 * model.report.top1_agreement, model.report);
            lines.push(("top-1 agreement", format!("{share:.2} % of {count} inputs, with the file in floats")));
            let (mean, largest) = (measured.mean_logit_error, measured.max_logit_error);
            lines.push(("logit error", format!("{mean:.4} mean, {largest:.4} largest")));
        }
        fields(&lines) + &report.layers.as_deref().map_or_else(String::new, roundings)
    })?;
    Ok(Exit::Valid)
}

/// The table of roundings.
fn roundings(layers: &[Layer]) -> String {
    let row = |layer: &Layer| {
        vec![
            printable(&layer.name),
            layer.operator.to_owned(),
            format!("{:.3e}", layer.scale),
            layer.zero.to_string(),
            format!("{}..={}", layer.low, layer.high),
            layer.shift.to_string(),
            layer.multiplier.to_string(),
            layer.table_len.to_string(),
            match layer.differing {
                Some(differing) => format!("{differing} of {}", layer.possible),
                None => "not counted".into(),
            },
        ]
    };
    let header = ["layer", "operator", "scale", "zero", "values", "shift", "multiplier", "table", "may differ by one"];
    format!("\n{}", table(&header, 2, layers.iter().map(row)))
}
