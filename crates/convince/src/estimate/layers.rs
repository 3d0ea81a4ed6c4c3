use convince_circuit::{
    ArgMaxLayer, Block, BlockSource, Circuit, Conv2dLayer, CorrectLayer, GatesLayer, Layer, RangeLayer, RequantLayer,
    Strategy, WireId, WireKind,
};
use convince_field::ProofField;
use convince_gkr::lookup::stored_leaves;
use convince_pcs::{CommitmentScheme, Split};
use convince_poly::log2_ceil;

use super::{Cost, LayerCost, count};
use crate::proof::head_bytes;
use crate::protocol::{Field, Scheme};

/// Sizes of the parts of one circuit.
pub(super) struct Sizes<'a> {
    circuit: &'a Circuit,
    pub(super) width: usize,
    /// Leaves that a prover stores, of every block.
    stored: Vec<usize>,
}

impl<'a> Sizes<'a> {
    pub(super) fn new(circuit: &'a Circuit, width: usize) -> Self {
        Self { circuit, width, stored: stored_leaves(circuit) }
    }

    /// A layer alone.
    pub(super) fn layer(&self, layer: &Layer) -> LayerCost {
        let whole = |wire: WireId| self.circuit.wire(wire).shape.clone();
        let (shape, cost) = match layer {
            Layer::Conv2d(l) => (whole(l.output), self.conv2d(l)),
            Layer::Linear(l) => {
                // A single term's claim follows from the layer's own.
                let messages = if l.terms.len() > 1 { l.terms.len() } else { 0 };
                (whole(l.output), Cost { proof_bytes: messages * Field::BYTES, ..Cost::default() })
            }
            Layer::Product(l) => {
                let rounds = 2 * variables(&l.shape);
                let (activations, proof_bytes) = (3 * self.size(l.output), (2 * rounds + 3) * Field::BYTES);
                (whole(l.output), Cost { activations, rounds, proof_bytes, ..Cost::default() })
            }
            Layer::Spectrum(l) => {
                let (factors, all) = (l.factors.len(), variables(&l.shape));
                let rounds = 2 * (all + l.log_len);
                let scalars = (2 + factors) * all + 4 * l.log_len + 2 * factors + 2;
                let activations = (1 + factors) * self.size(l.output);
                let cost = Cost { activations, rounds, proof_bytes: scalars * Field::BYTES, ..Cost::default() };
                (whole(l.output), cost)
            }
            Layer::Gates(l) => (whole(l.output), self.gates(l)),
            Layer::Requant(l) => (l.output_shape.to_vec(), self.requant(l)),
            Layer::ArgMax(l) => (whole(l.labels), self.arg_max(l)),
            Layer::Range(l) => (whole(l.wire), self.range(l)),
            Layer::Correct(l) => (whole(l.correct), self.correct(l)),
            Layer::Output(l) => {
                let cost = Cost { committed: self.size(l.output), proof_bytes: Field::BYTES, ..Cost::default() };
                (whole(l.output), cost)
            }
        };
        LayerCost { operator: layer.name(), shape, cost: cost.predicted(0) }
    }

    fn gates(&self, layer: &GatesLayer) -> Cost {
        let shape = |&input: &u32| self.circuit.shape(layer.inputs[input as usize]);
        let phase = |inputs: &[u32]| inputs.iter().map(|i| variables(shape(i))).max().unwrap_or(0);
        let rounds = phase(&layer.first) + phase(&layer.second);
        let read = |inputs: &[u32]| inputs.iter().map(|i| shape(i).iter().product::<usize>()).sum::<usize>();
        Cost {
            macs: layer.gates.len(),
            activations: read(&layer.first) + read(&layer.second) + self.size(layer.output),
            rounds,
            proof_bytes: (2 * rounds + layer.claimed().count()) * Field::BYTES,
            ..Cost::default()
        }
    }

    fn conv2d(&self, layer: &Conv2dLayer) -> Cost {
        let weights = [Some(layer.weight), layer.bias].into_iter().flatten();
        let [batch, _, rows, columns] = layer.output_shape;
        let [_, channels, plane @ ..] = layer.input_shape;
        let [_, _, kernel @ ..] = layer.weight_shape;
        // A kernel that is the whole plane leaves no sum over the plane.
        let places = if kernel == plane { 0 } else { variables(&plane) };
        let (rounds, scalars) = match layer.fft_layout().filter(|_| layer.params.strategy == Strategy::Fft) {
            // The claims on weights, bias, X' and input.
            None => (variables(&[channels]) + variables(&kernel) + places, 4),
            // The claims on bias, coefficients, their transform, both factors, weights and input.
            Some(layout) => {
                let planes = variables(&plane).max(variables(&kernel));
                (3 * layout.log_len + variables(&[channels]) + planes, 7)
            }
        };
        Cost {
            parameters: weights.clone().map(|wire| self.size(wire)).sum(),
            macs: self.size(layer.weight) * batch * rows * columns,
            activations: layer.input_shape.iter().product::<usize>() + self.size(layer.output),
            key_rows: weights.map(|wire| self.rows(wire)).sum(),
            rounds,
            proof_bytes: scalars * Field::BYTES,
            ..Cost::default()
        }
    }

    fn requant(&self, layer: &RequantLayer) -> Cost {
        let rows = self.rows(layer.advice);
        let [leaves, stored_leaves] = self.leaves(layer.advice);
        Cost {
            committed: self.size(layer.advice),
            proof_rows: rows,
            leaves,
            stored_leaves,
            rounds: variables(&layer.output_shape),
            // A column is claimed at the lookups' point, and about once more by the zero-checks.
            proof_bytes: rows * Scheme::ROW_BYTES + 2 * layer.num_columns * Field::BYTES,
            ..Cost::default()
        }
    }

    fn arg_max(&self, layer: &ArgMaxLayer) -> Cost {
        let (rows, variables) = (self.rows(layer.advice), variables(&layer.shape));
        let [leaves, stored_leaves] = self.leaves(layer.advice);
        Cost {
            activations: layer.column_len(),
            committed: self.size(layer.advice),
            proof_rows: rows,
            leaves,
            stored_leaves,
            rounds: variables,
            // A claim a column, two scalars a round, and the value at its end.
            proof_bytes: rows * Scheme::ROW_BYTES + (layer.margin.len() + 2 * variables + 1) * Field::BYTES,
            ..Cost::default()
        }
    }

    fn correct(&self, layer: &CorrectLayer) -> Cost {
        let (margins, rows) = (self.arg_max(&layer.margins), self.rows(layer.correct));
        let variables = variables(&layer.margins.shape[..1]);
        let [leaves, stored_leaves] = self.leaves(layer.correct);
        Cost {
            committed: margins.committed + self.size(layer.correct),
            proof_rows: margins.proof_rows + rows,
            leaves: margins.leaves + leaves,
            stored_leaves: margins.stored_leaves + stored_leaves,
            rounds: margins.rounds + variables,
            // Beside the margins: bits at the lookups' point, two scalars a round, and both values at its end.
            proof_bytes: margins.proof_bytes + rows * Scheme::ROW_BYTES + (2 * variables + 3) * Field::BYTES,
            ..margins
        }
    }

    fn range(&self, layer: &RangeLayer) -> Cost {
        let rows = layer.advice.map_or(0, |advice| self.rows(advice));
        let lookups = layer.limbs.len().max(1);
        let [leaves, stored_leaves] = self.leaves(layer.advice.unwrap_or(layer.wire));
        Cost {
            activations: self.size(layer.wire),
            committed: layer.advice.map_or(0, |advice| self.size(advice)),
            proof_rows: rows,
            leaves,
            stored_leaves,
            proof_bytes: rows * Scheme::ROW_BYTES + lookups * Field::BYTES,
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
            stored_leaves: self.stored.iter().sum(),
            rounds: messages.rounds,
            pads: messages.hidden.messages,
            products: messages.hidden.products,
            proof_bytes: head_bytes(self.circuit, self.width, true) + messages.bytes,
            ..Cost::default()
        };
        cost.predicted(self.width)
    }

    /// Leaves of the lookups of a wire, and those that a prover stores.
    fn leaves(&self, wire: WireId) -> [usize; 2] {
        let is_of_wire = |block: &Block| match block.source {
            BlockSource::Lookup(k) => self.circuit.lookups()[k].tensors.iter().any(|tensor| tensor.wire == wire),
            BlockSource::Table(_) => false,
        };
        let blocks = self.circuit.blocks().iter().zip(&self.stored).filter(|(block, _)| is_of_wire(block));
        blocks.fold([0; 2], |[all, some], (block, stored)| [all + (1 << block.log_size), some + stored])
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
