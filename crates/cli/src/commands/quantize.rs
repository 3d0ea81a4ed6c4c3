mod taken;

use std::path::Path;

use convince::container::kind_of;
use convince::model;
use convince_onnx::{
    Calibration, FloatGraph, LayerAccuracy, OnnxError, QuantizeOptions, import, quantize_with_accuracy, take,
};
use serde::Serialize;

use crate::args::{Layout, Quantize};
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Target, fields, printable, size, table};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    taken: bool,
    /// Why a file that is quantised is not taken as it is.
    not_taken: Option<String>,
    top1_agreement: f64,
    max_logit_error: f64,
    mean_logit_error: f64,
    parameters: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
}

/// What quantisation costs at one layer.
#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    sqnr_db: Option<f64>,
    scale: f64,
    low: i64,
    high: i64,
    shift: Option<u32>,
    multiplier: i32,
    table_len: usize,
}

impl From<LayerAccuracy> for Layer {
    fn from(layer: LayerAccuracy) -> Self {
        let LayerAccuracy { name, operator, sqnr_db, scale, bound: (low, high), shift, multiplier, table_len } = layer;
        // JSON has no infinity.
        let sqnr_db = Some(sqnr_db).filter(|db| db.is_finite());
        Self { name, operator, sqnr_db, scale, low, high, shift, multiplier, table_len }
    }
}

/// `convince quantize`.
pub(super) fn run(args: &Quantize, output: Output) -> Result<Exit, Error> {
    let target = Target::new(&args.output)?;
    let bytes = onnx_file(&args.model)?;
    let float = import(&bytes);
    let options = options(args, float.as_ref().ok())?;
    let not_taken = match (take(&bytes, &options), &float) {
        (Ok(Some(taken)), float) => {
            return taken::write(args, (&target, output), (taken, float.as_ref().ok()), &options);
        }
        // A file that is neither: where the float network's input is the obstacle, the integers' says more.
        (Err(error), Err(OnnxError::Input { .. })) => return Err(error).at(args.model.display()),
        (Err(error), Ok(_)) => Some(error.to_string()),
        (Ok(None), _) | (Err(_), Err(_)) => None,
    };
    let graph = float.at(args.model.display())?;
    if args.calibrate.is_empty() {
        let why = not_taken.unwrap_or_else(|| "the network is not quantised".into());
        return Err(Error::new(format!("{}: {why}; --calibrate FILES are needed", args.model.display())));
    }
    let inputs = calibration(args, &options, &graph)?;
    let count = inputs.len();
    let progress = Progress::start("choosing scales");
    let quantized = quantize_with_accuracy(&graph, &Calibration { inputs }, &options);
    let (model, layers) = quantized.at(args.model.display())?;
    drop(progress);
    let bytes = model.to_bytes();
    target.write(&bytes)?;
    let report = Report {
        taken: false,
        not_taken,
        top1_agreement: model.report.top1_agreement,
        max_logit_error: model.report.max_logit_error,
        mean_logit_error: model.report.mean_logit_error,
        parameters: model.graph.parameters(),
        layers: args.report.then(|| layers.into_iter().map(Layer::from).collect()),
    };
    output.result(&report, || {
        let mut lines = vec![
            ("model", format!("{}, {}", target.path().display(), size(bytes.len() as u64))),
            ("parameters", report.parameters.to_string()),
            ("top-1 agreement", format!("{:.2} % of {count} calibration inputs", 100.0 * report.top1_agreement)),
            ("logit error", format!("{:.4} mean, {:.4} largest", report.mean_logit_error, report.max_logit_error)),
        ];
        if let Some(why) = &report.not_taken {
            lines.push((
                "quantisation",
                format!("anew, of the float network that the file stands for: {}", printable(why)),
            ));
        }
        fields(&lines) + &report.layers.as_deref().map_or_else(String::new, accuracy)
    })?;
    Ok(Exit::Valid)
}

/// The table of layers.
fn accuracy(layers: &[Layer]) -> String {
    let row = |layer: &Layer| {
        vec![
            printable(&layer.name),
            layer.operator.to_owned(),
            layer.sqnr_db.map_or_else(|| "exact".into(), |db| format!("{db:.1} dB")),
            format!("{:.3e}", layer.scale),
            format!("{}..={}", layer.low, layer.high),
            layer.shift.map_or_else(String::new, |shift| shift.to_string()),
            layer.multiplier.to_string(),
            layer.table_len.to_string(),
        ]
    };
    let header = ["layer", "operator", "signal to noise", "scale", "values", "shift", "multiplier", "table"];
    format!("\n{}", table(&header, 2, layers.iter().map(row)))
}

/// Reads an ONNX file.
pub(super) fn float_graph(path: &Path) -> Result<FloatGraph, Error> {
    import(&onnx_file(path)?).at(path.display())
}

fn onnx_file(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = input::read(path)?;
    if let Ok(kind) = kind_of(&bytes) {
        return Err(Error::new(format!("{}: a {kind} file where an ONNX file is needed", path.display())));
    }
    Ok(bytes)
}

/// The options, which must fit the network if it is known.
fn options(args: &Quantize, graph: Option<&FloatGraph>) -> Result<QuantizeOptions, Error> {
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
    let Some(graph) = graph else { return Ok(options) };
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
