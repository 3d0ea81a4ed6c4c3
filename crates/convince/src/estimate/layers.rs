use convince_circuit::{Circuit, Layer, RequantLayer, WireId, WireKind};
use convince_field::ProofField;
use convince_pcs::{CommitmentScheme, Split};
use convince_poly::log2_ceil;

use super::{Cost, LayerCost, count};
use crate::proof::head_bytes;
use crate::protocol::{Field, Scheme};

/// Sizes of the parts of one circuit.
pub(super) struct Sizes<'a> {
    pub(super) circuit: &'a Circuit,
    pub(super) width: usize,
}

impl Sizes<'_> {
    /// A layer alone.
    pub(super) fn layer(&self, layer: &Layer) -> LayerCost {
        let whole = |wire: WireId| self.circuit.wire(wire).shape.clone();
        let (shape, cost) = match layer {
            Layer::Conv2d(l) => {
                let weights = [Some(l.weight), l.bias].into_iter().flatten();
                let [batch, _, rows, columns] = l.output_shape;
                let planes = if l.weight_shape[2..] == l.input_shape[2..] { &[][..] } else { &l.input_shape[2..] };
                let cost = Cost {
                    parameters: weights.clone().map(|wire| self.size(wire)).sum(),
                    macs: self.size(l.weight) * batch * rows * columns,
                    activations: l.input_shape.iter().product::<usize>() + self.size(l.output),
                    key_rows: weights.map(|wire| self.rows(wire)).sum(),
                    rounds: variables(&[&[l.params.groups], &l.weight_shape[1..]].concat()) + variables(planes),
                    // The claims on weights, bias, X' and input.
                    proof_bytes: 4 * Field::BYTES,
                    ..Cost::default()
                };
                (whole(l.output), cost)
            }
            Layer::Linear(l) => {
                // The last term's claim is implied.
                let proof_bytes = (l.terms.len() - 1) * Field::BYTES;
                (whole(l.output), Cost { activations: self.size(l.output), proof_bytes, ..Cost::default() })
            }
            Layer::Product(l) => {
                let rounds = 2 * variables(&l.shape);
                let activations = 3 * self.size(l.output);
                let proof_bytes = (2 * rounds + 3) * Field::BYTES;
                (whole(l.output), Cost { activations, rounds, proof_bytes, ..Cost::default() })
            }
            Layer::Gates(l) => {
                let phase = |inputs: &[u32]| {
                    let shape = |&i: &u32| variables(self.circuit.shape(l.inputs[i as usize]));
                    inputs.iter().map(shape).max().unwrap_or(0)
                };
                let rounds = phase(&l.first) + phase(&l.second);
                let read: usize = l.claimed().map(|t| self.circuit.shape(t).iter().product::<usize>()).sum();
                let cost = Cost {
                    macs: l.gates.len(),
                    activations: read + self.size(l.output),
                    rounds,
                    proof_bytes: (2 * rounds + l.claimed().count()) * Field::BYTES,
                    ..Cost::default()
                };
                (whole(l.output), cost)
            }
            Layer::Requant(l) => (l.advice_shape()[1..].to_vec(), self.requant(l)),
        };
        LayerCost { operator: layer.name(), shape, cost: cost.predicted(0) }
    }

    fn requant(&self, layer: &RequantLayer) -> Cost {
        let rows = self.rows(layer.advice);
        let variables = variables(&layer.advice_shape()[1..]);
        let lookups = self.circuit.lookups().iter().filter(|lookup| lookup.wire == layer.advice).count();
        Cost {
            committed: self.size(layer.advice),
            proof_rows: rows,
            leaves: lookups << variables,
            rounds: variables,
            // A column is claimed at the lookups' point, and about once more by the zero-checks.
            proof_bytes: rows * Scheme::ROW_BYTES + 2 * layer.num_columns * Field::BYTES,
            ..Cost::default()
        }
    }

    /// All of a proof, without the sizes that only layers have.
    pub(super) fn total(&self, layers: &[LayerCost]) -> Cost {
        let sum = |of: fn(&Cost) -> usize| layers.iter().map(|layer| of(&layer.cost)).sum();
        let statistics = self.circuit.statistics();
        let rows = |kind| self.circuit.wires_of(kind).map(|wire| self.rows(wire)).sum();
        let messages = count::messages(self.circuit, self.width);
        let cost = Cost {
            parameters: statistics.parameters,
            macs: sum(|cost| cost.macs),
            activations: sum(|cost| cost.activations),
            committed: statistics.advice,
            proof_rows: rows(WireKind::Advice),
            key_rows: rows(WireKind::Weight),
            leaves: statistics.leaves,
            rounds: messages.rounds,
            proof_bytes: head_bytes(self.circuit, true) + messages.bytes,
            ..Cost::default()
        };
        cost.predicted(self.width)
    }

    fn size(&self, wire: WireId) -> usize {
        self.circuit.wire(wire).size()
    }

    fn rows(&self, wire: WireId) -> usize {
        Split::choose(&self.circuit.wire(wire).shape, self.width).num_rows()
    }
}

fn variables(shape: &[usize]) -> usize {
    shape.iter().map(|&len| log2_ceil(len)).sum()
}
