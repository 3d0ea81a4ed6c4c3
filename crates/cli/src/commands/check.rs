use convince::circuit::{Layer, Violation, Witness, check};
use convince::lower::{Lowered, lower};
use convince::model::run as interpret;
use serde::Serialize;

use crate::args::Check;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, complain, fields, printable};

#[derive(Serialize)]
struct Report {
    valid: bool,
    layers: usize,
    layer: Option<String>,
    error: Option<String>,
}

/// `convince check`.
pub(super) fn run(args: &Check, output: Output) -> Result<Exit, Error> {
    let model = input::model(&args.model)?;
    let integers = input::one(&args.input, &model.preprocessing)?;
    let lowered = lower(&model.graph).at(args.model.display())?;
    let witness = lowered.witness(&integers).at(args.input.display())?;
    let expected = interpret(&model.graph, &integers).at(args.input.display())?;
    let violation = violation(&lowered, &witness, expected.output());
    let layers = lowered.circuit.layers().len();
    let valid = violation.is_none();
    let (layer, error) = violation.unzip();
    let report = Report { valid, layers, layer: layer.flatten(), error };
    if let Some(error) = &report.error {
        complain(&Error::rejected(error));
        if output.is_json() {
            output.result(&report, String::new)?;
        }
        return Ok(Exit::Rejected);
    }
    output.result(&report, || {
        let circuit = &lowered.circuit;
        fields(&[
            ("valid", "every relation holds, and the output is the interpreter's".into()),
            ("layers", layers.to_string()),
            ("lookups", circuit.lookups().len().to_string()),
            ("tables", circuit.tables().len().to_string()),
        ])
    })?;
    Ok(Exit::Valid)
}

/// The layer, if one is to blame, and what is wrong with the witness.
fn violation(lowered: &Lowered, witness: &Witness, expected: &[i32]) -> Option<(Option<String>, String)> {
    let Lowered { circuit, layer_names, .. } = lowered;
    if let Err(violation) = check(circuit, witness) {
        let layer = match violation {
            Violation::Layer { layer, .. } => Some(layer),
            Violation::Lookup { lookup, .. } => circuit.lookups().get(lookup).and_then(|lookup| {
                let reads = |layer: &Layer| matches!(layer, Layer::Requant(l) if lookup.tensors.iter().any(|t| t.wire == l.advice));
                circuit.layers().iter().position(reads)
            }),
            Violation::Wire(_) | Violation::Multiplicity { .. } => None,
        };
        let name = layer.and_then(|layer| layer_names.get(layer)).map(|name| printable(name));
        let error = match &name {
            Some(name) => format!("node \"{name}\": {violation}"),
            None => violation.to_string(),
        };
        return Some((name, error));
    }
    let found = witness.tensor(circuit, circuit.output());
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(f, &e)| f == i64::from(e));
    (!same).then(|| (layer_names.last().cloned(), "the circuit's output is not the interpreter's".into()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use convince::circuit::WireKind;
    use convince::model::{Conv2d, Graph, Node, Op, Requant, ValueId};
    use convince_field::{Bits, Ints};

    use super::*;

    fn graph() -> Graph {
        let conv = Conv2d::new(Arc::new(Ints::I8(vec![3, -2])), [2, 1, 1, 1], Bits::I8);
        let requant = Requant::plain(1, 0, 255);
        let node = |name: &str, op, input| Node { name: name.into(), op, inputs: vec![ValueId(input)] };
        let nodes = vec![node("conv1", Op::Conv2d(conv), 0), node("relu1", Op::Requant(requant), 1)];
        Graph { input_shape: [1, 1, 2, 2], input_bits: Bits::U8, nodes }
    }

    #[test]
    fn the_layer_of_every_changed_wire_is_named() {
        let graph = graph();
        let lowered = lower(&graph).expect("small network");
        let input = [1, 2, 3, 4];
        let expected = interpret(&graph, &input).expect("runs").output().to_vec();
        let honest = lowered.witness(&input).expect("in range");
        assert_eq!(violation(&lowered, &honest, &expected), None);
        for (kind, name) in [(WireKind::Virtual, "conv1"), (WireKind::Advice, "relu1")] {
            let id = lowered.circuit.wires_of(kind).next().expect("there is one");
            let mut values = honest.wire(id).iter().map(|v| v as i32).collect::<Vec<_>>();
            values[0] += 1;
            let mut forged = honest.clone();
            forged.set(&lowered.circuit, id, Ints::I32(values)).expect("same length");
            let (layer, error) = violation(&lowered, &forged, &expected).expect("violated");
            assert_eq!(layer.as_deref(), Some(name));
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn another_output_than_the_interpreters_is_found() {
        let lowered = lower(&graph()).expect("small network");
        let honest = lowered.witness(&[1, 2, 3, 4]).expect("in range");
        assert!(violation(&lowered, &honest, &[0; 8]).is_some());
    }
}
