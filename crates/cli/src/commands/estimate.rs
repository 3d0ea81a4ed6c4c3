use std::fmt::Write as _;

use convince::lower::lower_with;
use convince::{Cost, Estimate as Prediction, LayerCost, estimate};
use serde::Serialize;

use super::source::Source;
use crate::args::Estimate;
use crate::error::{Context, Error, Exit};
use crate::output::{Output, Target, printable, size, table};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    name: String,
    width: usize,
    layers: Vec<Layer>,
    shared: Cost,
    total: Cost,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    operator: &'static str,
    shape: Vec<usize>,
    #[serde(flatten)]
    cost: Cost,
}

/// `convince estimate`.
pub(super) fn run(args: &Estimate, output: Output) -> Result<Exit, Error> {
    let source = Source::of(&args.network)?;
    let strategies = args.circuit.strategies()?;
    let target = args.csv.as_deref().map(Target::new).transpose()?;
    let progress = Progress::start("making the circuit");
    let model = args.circuit.batched(source.model()?);
    let lowered = lower_with(&model.graph, strategies).at(&args.network)?;
    let Prediction { width, layers, shared, total } = estimate(&lowered.circuit);
    drop(progress);
    let layer = |(name, layer): (&String, LayerCost)| {
        let LayerCost { operator, shape, cost } = layer;
        Layer { name: name.clone(), operator, shape, cost }
    };
    let layers = lowered.layer_names.iter().zip(layers).map(layer).collect();
    let report = Report { name: source.name(), width, layers, shared, total };
    if let Some(target) = &target {
        target.write(csv(&report).as_bytes())?;
    }
    output.result(&report, || text(&report))?;
    Ok(Exit::Valid)
}

/// Lines of the table: the layers, what they share, and all of it.
fn lines(report: &Report) -> impl Iterator<Item = (&str, &str, &[usize], &Cost)> {
    let layers = report.layers.iter().map(|l| (l.name.as_str(), l.operator, l.shape.as_slice(), &l.cost));
    layers.chain([("shared", "", &[][..], &report.shared), ("total", "", &[][..], &report.total)])
}

/// A shape, its lengths with a cross between them.
fn shape(lengths: &[usize]) -> String {
    lengths.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

fn text(report: &Report) -> String {
    let header = [
        "layer",
        "operator",
        "shape",
        "parameters",
        "MACs",
        "committed",
        "rows",
        "key rows",
        "leaves",
        "rounds",
        "proof",
        "time",
        "memory",
    ];
    let row = |(name, operator, lengths, cost): (&str, &str, &[usize], &Cost)| {
        let counts =
            [cost.parameters, cost.macs, cost.committed, cost.proof_rows, cost.key_rows, cost.leaves, cost.rounds];
        let mut row = vec![printable(name), operator.to_owned(), shape(lengths)];
        row.extend(counts.map(|count| count.to_string()));
        row.extend([size(cost.proof_bytes as u64), format!("{:.1} ms", cost.prove_ms), size(cost.memory_bytes)]);
        row
    };
    let columns = format!("\nrows of {} columns; time and memory are predictions for two threads\n", report.width);
    table(&header, 3, lines(report).map(row)) + &columns
}

fn csv(report: &Report) -> String {
    let mut text =
        "name,operator,shape,parameters,macs,activations,committed,proof_rows,key_rows,leaves,stored_leaves,rounds,\
                    proof_bytes,prove_ms,memory_bytes\n"
            .to_owned();
    for (name, operator, lengths, cost) in lines(report) {
        let Cost { parameters, macs, activations, committed, proof_rows, key_rows, .. } = cost;
        let _ = write!(text, "{},{operator},{},{parameters},{macs},{activations},", quoted(name), shape(lengths));
        let _ =
            write!(text, "{committed},{proof_rows},{key_rows},{},{},{},", cost.leaves, cost.stored_leaves, cost.rounds);
        let _ = writeln!(text, "{},{:.3},{}", cost.proof_bytes, cost.prove_ms, cost.memory_bytes);
    }
    text
}

/// A name as a field of comma-separated values: quoted if it holds what separates fields.
fn quoted(name: &str) -> String {
    let name = printable(name);
    match name.contains([',', '"']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn names_with_separators_are_quoted() {
        assert_eq!([quoted("conv1"), quoted("a,b"), quoted("\"")], ["conv1", "\"a,b\"", "\"\"\"\""]);
    }
}
