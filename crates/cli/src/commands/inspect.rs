mod commitments;

use std::path::Path;

use convince::circuit::{Circuit, Layer, Statistics, TableContent};
use convince::container::{Kind, kind_of};
use convince::lower::lower;
use convince::model::{Model, Preprocessing, QuantizationReport};
use convince::{
    AccuracyClaim, DataSetCommitment, DataSetOpening, ModelCommitment, ModelSecret, Proof, ProvingKey,
    TensorCommitment, TensorOpening, Unverified, VerifyingKey, soundness,
};
use serde_json::{Value, json};

use crate::args::Inspect;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{self, Output, fields, hex, printable, size};
use crate::visibility::{Visibility, mode_name};

use super::{key_error, verify};

/// Bytes of a proof before its input: the header and the flags.
const PROOF_HEAD: usize = 8;

/// What is shown of a file: an object, and text that says the same.
struct View {
    json: Value,
    text: String,
}

/// `convince inspect`.
pub(super) fn run(args: &Inspect, output: Output) -> Result<Exit, Error> {
    let bytes = input::read(&args.file)?;
    let place = || args.file.display();
    let kind = kind_of(&bytes).at(place())?;
    if args.key.is_some() && kind != Kind::Proof {
        return Err(Error::new(format!("--key is for proofs, and {} is a {kind} file", args.file.display())));
    }
    let refused = |error| key_error(&args.file, &error);
    let mut view = match kind {
        Kind::Model => model(&Model::from_bytes(&bytes).at(place())?),
        Kind::ProverKey => prover_key(&ProvingKey::from_bytes(&bytes).at(place())?),
        Kind::VerifierKey => verifier_key(&VerifyingKey::from_bytes(&bytes).map_err(refused)?),
        Kind::ModelCommitment => commitments::model(&ModelCommitment::from_bytes(&bytes).map_err(refused)?),
        Kind::ModelSecret => commitments::model_secret(&ModelSecret::from_bytes(&bytes).at(place())?),
        Kind::TensorCommitment => commitments::tensor(&TensorCommitment::from_bytes(&bytes).map_err(refused)?),
        Kind::TensorOpening => commitments::opening(&TensorOpening::from_bytes(&bytes).at(place())?),
        Kind::AccuracyProof => commitments::accuracy(AccuracyClaim::read(&mut &bytes[..]).at(place())?),
        Kind::DataSetCommitment => commitments::data_set(&DataSetCommitment::from_bytes(&bytes).map_err(refused)?),
        Kind::DataSetOpening => commitments::data_set_opening(&DataSetOpening::from_bytes(&bytes).at(place())?),
        Kind::Proof => {
            let proof = verify::proof(&args.file)?;
            match &args.key {
                None => bare_proof(&proof),
                Some(path) => proof_under(&verify::verifying_key(path)?, &proof, path)?,
            }
        }
    };
    view.json["kind"] = json!(kind.to_string());
    view.json["file_bytes"] = json!(bytes.len());
    let head = fields(&[("file", format!("{}: {kind}, {}", args.file.display(), size(bytes.len() as u64)))]);
    output.result(&view.json, || head + &view.text)?;
    Ok(Exit::Valid)
}

fn model(model: &Model) -> View {
    let infos = model.graph.infer().unwrap_or_default();
    let nodes = model.graph.nodes.iter().zip(infos.iter().skip(1)).map(|(node, info)| Row {
        name: node.name.clone(),
        operator: node.op.name(),
        shape: info.shape.to_vec(),
        range: (info.low, info.high),
    });
    let nodes: Vec<Row> = nodes.collect();
    let (report, preprocessing) = (model.report, &model.preprocessing);
    let parameters = model.graph.parameters();
    let measured = |text: String| if report == QuantizationReport::UNMEASURED { "not measured".into() } else { text };
    let agreement = format!("{:.2} % of the calibration inputs", 100.0 * report.top1_agreement);
    let error = format!("{:.4} mean, {:.4} largest", report.mean_logit_error, report.max_logit_error);
    let text = fields(&[
        (
            "input",
            format!("{:?}, {}", model.graph.input_shape, range((preprocessing.bits.low(), preprocessing.bits.high()))),
        ),
        ("pixels", pixels(preprocessing)),
        ("parameters", parameters.to_string()),
        ("output scale", model.output_scale.to_string()),
        ("labels", labels(&model.labels)),
        ("top-1 agreement", measured(agreement)),
        ("logit error", measured(error)),
    ]);
    let json = json!({
        "input_shape": model.graph.input_shape,
        "preprocessing": preprocessing,
        "parameters": parameters,
        "output_scale": model.output_scale,
        "labels": model.labels,
        "report": report,
        "nodes": rows_json(&nodes),
    });
    let view = View { json, text: text + &table(&nodes) };
    // A model without a circuit is still a model.
    match lower(&model.graph) {
        Ok(lowered) => view.and(sizes(&lowered.circuit)),
        Err(_) => view,
    }
}

/// The formula that makes a pixel a float.
fn pixels(preprocessing: &Preprocessing) -> String {
    let scaled = format!("p * {}", preprocessing.scale);
    match (&preprocessing.mean[..], &preprocessing.std[..]) {
        ([], []) => scaled,
        (mean, []) => format!("{scaled} - {mean:?}"),
        ([], std) => format!("{scaled} / {std:?}"),
        (mean, std) => format!("({scaled} - {mean:?}) / {std:?}"),
    }
}

fn prover_key(key: &ProvingKey) -> View {
    let lowered = key.lowered();
    let commitment = hex(&key.model_commitment());
    let holds = match key.has_public_weights() {
        true => "the weights, which verifiers have too",
        false => "the weights and the secrets of their commitment",
    };
    let text = fields(&[
        ("model commitment", commitment.clone()),
        ("holds", holds.into()),
        ("commitment", format!("{} rows of weights, {} columns wide", key.num_rows(), key.width())),
    ]);
    let json = json!({ "model_commitment": commitment, "width": key.width(), "weight_rows": key.num_rows() });
    let view = View { json, text }.and(visibility(Visibility::of_prover(key)));
    view.and(layers(&lowered.circuit, &lowered.layer_names)).and(sizes(&lowered.circuit))
}

/// What is private by a key.
fn visibility(visibility: Visibility) -> View {
    let json = json!({ "private": visibility.private(), "reveal": visibility.reveals() });
    View { json, text: fields(&visibility.fields()) }
}

fn verifier_key(key: &VerifyingKey) -> View {
    let commitment = hex(&key.model_commitment());
    let soundness = soundness(key.circuit(), key.width());
    let text = fields(&[
        ("model commitment", commitment.clone()),
        ("network digest", hex(&key.network_digest())),
        ("model status", key.status().to_string()),
        ("commitment", format!("{} rows of weights, {} columns wide", key.num_rows(), key.width())),
        ("proof commits to", format!("{} rows of advice", key.num_advice_rows())),
        ("soundness", format!("{:.1} bits, {:.1} in the worst round", soundness.bits, soundness.largest_round_bits)),
        ("output scale", key.output_scale().to_string()),
        ("labels", labels(key.labels())),
    ]);
    let json = json!({
        "model_commitment": commitment,
        "network_digest": hex(&key.network_digest()),
        "status": key.status().to_string(),
        "width": key.width(),
        "weight_rows": key.num_rows(),
        "advice_rows": key.num_advice_rows(),
        "soundness_bits": soundness.bits,
        "largest_round_bits": soundness.largest_round_bits,
        "output_scale": key.output_scale(),
        "labels": key.labels(),
    });
    let range_proof = key.weights_commitment().map(commitments::range_proof);
    let view = View { json, text }.and(visibility(Visibility::of_verifier(key)));
    let view = range_proof.into_iter().fold(view, View::and);
    view.and(layers(key.circuit(), &[])).and(sizes(key.circuit()))
}

fn bare_proof(proof: &Proof) -> View {
    let (has_input, mode) = (proof.has_input(), mode_name(proof.mode()));
    let input = if has_input { "in the file" } else { "private, or left out" };
    let text =
        fields(&[("mode", mode.into()), ("input", input.into()), ("more", "with --key, the verifier's key".into())]);
    View { json: json!({ "has_input": has_input, "mode": mode }), text }
}

fn proof_under(key: &VerifyingKey, proof: &Proof, path: &Path) -> Result<View, Error> {
    let unfit = |e| Error::rejected(format!("the proof does not fit the key in {}: {e}", path.display()));
    let Unverified { mode, output, input_bytes, message_bytes } = proof.unverified(key).map_err(unfit)?;
    let private_input = key.circuit().input_is_private();
    // Everything but the messages, the input and what stands before it.
    let output_bytes = proof.as_bytes().len().saturating_sub(PROOF_HEAD + input_bytes + message_bytes);
    // What the file does not say is null.
    let (claimed_labels, logits) = if key.reveals_labels_only() { (output, None) } else { (None, output) };
    let claimed = match (&claimed_labels, &logits) {
        (Some(labels), _) => Some(("claimed labels", labels.iter().map(i32::to_string).collect::<Vec<_>>().join("  "))),
        (_, Some(logits)) => Some(("claimed logits", output::logits(&scaled(key, logits)))),
        _ => None,
    };
    let committed = |private: bool| if private { ", a commitment" } else { "" };
    let input = match input_bytes {
        0 => "left out".into(),
        bytes => format!("{}{}", size(bytes as u64), committed(private_input)),
    };
    let mut lines = vec![
        ("mode", mode_name(mode).to_owned()),
        ("input", input),
        ("output", format!("{}{}", size(output_bytes as u64), committed(key.circuit().output_is_private()))),
        ("messages", size(message_bytes as u64)),
    ];
    lines.extend(claimed.map(|(what, said)| (what, format!("{said} (nothing is verified here)"))));
    let json = json!({
        "has_input": input_bytes > 0 && !private_input,
        "mode": mode_name(mode),
        "input_bytes": input_bytes,
        "output_bytes": output_bytes,
        "message_bytes": message_bytes,
        "claimed_logits": logits.as_deref().map(|integers| scaled(key, integers)),
        "claimed_logits_int": logits,
        "claimed_labels": claimed_labels,
    });
    Ok(View { json, text: fields(&lines) }.and(visibility(Visibility::of_verifier(key))))
}

fn scaled(key: &VerifyingKey, output: &[i32]) -> Vec<f64> {
    output.iter().map(|&v| f64::from(v) * key.output_scale()).collect()
}

impl View {
    /// Both, one after the other.
    fn and(mut self, other: Self) -> Self {
        if let (Value::Object(mine), Value::Object(others)) = (&mut self.json, other.json) {
            mine.extend(others);
        }
        self.text += &other.text;
        self
    }
}

/// One line of the table of layers.
struct Row {
    name: String,
    operator: &'static str,
    shape: Vec<usize>,
    range: (i64, i64),
}

fn layers(circuit: &Circuit, names: &[String]) -> View {
    let row = |(index, layer): (usize, &Layer)| {
        let defined = |id| (circuit.wire(id).shape.clone(), (circuit.wire(id).low, circuit.wire(id).high));
        let (shape, range) = match layer {
            Layer::Conv2d(l) => defined(l.output),
            Layer::Linear(l) => defined(l.output),
            Layer::Product(l) => defined(l.output),
            Layer::Gates(l) => defined(l.output),
            Layer::Spectrum(l) => defined(l.output),
            Layer::ArgMax(l) => defined(l.labels),
            Layer::Range(l) => defined(l.wire),
            Layer::Output(l) => defined(l.output),
            Layer::Correct(l) => defined(l.correct),
            Layer::Requant(l) => {
                let images = l.params.table.iter().flatten().map(|&v| i64::from(v));
                let ends = images.clone().min().zip(images.max());
                (l.output_shape.to_vec(), ends.unwrap_or((l.params.low.into(), l.params.high.into())))
            }
        };
        let name = names.get(index).cloned().unwrap_or_else(|| index.to_string());
        Row { name, operator: layer.name(), shape, range }
    };
    let rows: Vec<Row> = circuit.layers().iter().enumerate().map(row).collect();
    View { json: json!({ "layers": rows_json(&rows) }), text: table(&rows) }
}

fn sizes(circuit: &Circuit) -> View {
    let Statistics { parameters, macs, advice, leaves } = circuit.statistics();
    let of = |content: &TableContent| {
        let columns = content.num_columns();
        json!({ "columns": columns, "rows": content.len(), "low": content.low() })
    };
    let tables: Vec<Value> = circuit.tables().iter().map(|table| of(&table.content)).collect();
    let rows = circuit.tables().iter().map(|table| table.content.len().to_string()).collect::<Vec<_>>().join(", ");
    let text = fields(&[
        ("parameters", parameters.to_string()),
        ("multiplications", macs.to_string()),
        ("advice", format!("{advice} integers in every proof")),
        (
            "lookups",
            format!(
                "{}, with their tables {leaves} rows; tree of height {}",
                circuit.lookups().len(),
                circuit.log_leaves()
            ),
        ),
        ("tables", format!("of {rows} rows; limbs of {} bits", circuit.limb_bits())),
    ]);
    let json = json!({
        "statistics": { "parameters": parameters, "macs": macs, "advice": advice, "leaves": leaves },
        "lookups": circuit.lookups().len(),
        "log_leaves": circuit.log_leaves(),
        "limb_bits": circuit.limb_bits(),
        "tables": tables,
    });
    View { json, text }
}

fn rows_json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "name": row.name,
            "operator": row.operator,
            "shape": row.shape,
            "low": row.range.0,
            "high": row.range.1,
        })
    };
    rows.iter().map(row).collect()
}

fn table(rows: &[Row]) -> String {
    let row =
        |row: &Row| vec![printable(&row.name), row.operator.to_owned(), format!("{:?}", row.shape), range(row.range)];
    format!("\n{}\n", output::table(&["layer", "operator", "shape", "values"], 4, rows.iter().map(row)))
}

fn range((low, high): (i64, i64)) -> String {
    format!("{low}..={high}")
}

fn labels(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        names => printable(&names.join(", ")),
    }
}
