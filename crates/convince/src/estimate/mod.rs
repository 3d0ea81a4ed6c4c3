//! What a proof will cost, from its circuit alone: sizes exactly, time and memory by measured rates.
//!
//! Bytes and rounds are those of the real protocol: what messages come depends on the circuit, so they are counted by running the
//! verifier on messages that say nothing. Time and memory are sums of sizes times rates (`rates.rs`) that were measured on one machine;
//! elsewhere they are right in proportion.

mod count;
mod layers;
mod rates;
#[cfg(test)]
mod tests;

use convince_circuit::{Circuit, WireKind};
use convince_gkr::lookup::stored_leaves;
use convince_pcs::hyrax::hiding::MIN_WIDTH;
use convince_pcs::hyrax::{MAX_WIDTH, TABLE_COLUMNS, argument_rounds, padded_width};
use convince_pcs::{WireShape, choose_width};
use serde::Serialize;

use self::layers::Sizes;

/// What a part of a proof costs.
///
/// Everything but time and memory is counted, not predicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Cost {
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates of one inference.
    pub macs: usize,
    /// Values that go into and come out of linear layers.
    pub activations: usize,
    /// Integers committed in every proof.
    pub committed: usize,
    /// Commitments to rows of them, which every proof carries.
    pub proof_rows: usize,
    /// Commitments to rows of weights, which the verifier's key holds.
    pub key_rows: usize,
    /// Leaves of the lookup tree, their padding included.
    pub leaves: usize,
    /// Those of them that a prover stores: all, but for padding where that comes in long runs.
    pub stored_leaves: usize,
    /// Rounds of interaction. A layer's are those of its own sumchecks, which layers of one wave share; the total counts every round once.
    pub rounds: usize,
    /// Scalars that messages say: a zero-knowledge proof commits to a pad for each. A layer has none of its own.
    pub pads: usize,
    /// Products of hidden scalars, for each of which it commits to three scalars more. A layer has none of its own.
    pub products: usize,
    /// Bytes of the proof file.
    pub proof_bytes: usize,
    /// Predicted time of a proof on two threads, in milliseconds.
    pub prove_ms: f64,
    /// Predicted memory of the proving process, in bytes.
    pub memory_bytes: u64,
}

/// The cost of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// Name of the operator.
    pub operator: &'static str,
    /// Shape of what it computes.
    pub shape: Vec<usize>,
    /// What it costs.
    pub cost: Cost,
}

/// The cost of a proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Columns of the commitment's matrices.
    pub width: usize,
    /// One entry a layer, in the circuit's order.
    pub layers: Vec<LayerCost>,
    /// What belongs to no layer: tables and their multiplicities, rounds that all layers share, the opening, the input and the
    /// output, and what a process takes without a network.
    pub shared: Cost,
    /// All of it.
    pub total: Cost,
}

impl Estimate {
    /// Columns that committing makes tables of multiples for: none if there are so many that it does without.
    pub fn table_columns(&self) -> usize {
        table_columns(self.width)
    }

    /// Terms of multi-scalar multiplications with full-size scalars: pads, products, the opening's blinders and its argument.
    pub fn scalar_terms(&self) -> usize {
        scalar_terms(&self.total, self.width)
    }
}

fn table_columns(width: usize) -> usize {
    if width <= TABLE_COLUMNS { width } else { 0 }
}

/// Of the whole proof; none of a layer, for which `width` is 0.
fn scalar_terms(cost: &Cost, width: usize) -> usize {
    cost.pads + 3 * cost.products + (1 + argument_rounds(width)) * padded_width(width)
}

/// The width of the commitment's matrices that [`crate::setup`] chooses for a circuit.
pub(crate) fn width(circuit: &Circuit) -> usize {
    let shapes = |kind, in_proof| {
        circuit.wires_of(kind).map(move |id| WireShape { shape: circuit.wire(id).shape.clone(), in_proof })
    };
    let all: Vec<WireShape> = shapes(WireKind::Weight, false).chain(shapes(WireKind::Advice, true)).collect();
    choose_width(&all, MAX_WIDTH).max(MIN_WIDTH)
}

/// Estimates a proof of a circuit. Takes about as long as verifying one.
pub fn estimate(circuit: &Circuit) -> Estimate {
    let sizes = Sizes::new(circuit, width(circuit));
    let layers: Vec<LayerCost> = circuit.layers().iter().map(|layer| sizes.layer(layer)).collect();
    let total = sizes.total(&layers);
    let shared = layers.iter().fold(total, |rest, layer| rest.without(&layer.cost));
    Estimate { width: sizes.width, layers, shared, total }
}

/// Most levels of the lookups' tree that are worth not keeping ([`convince_gkr::prove_recomputing`]).
pub(crate) const MOST_RECOMPUTED: usize = 2;

/// A bound on the memory of a process that proves a circuit on this thread pool, and does not keep so many levels of the lookups'
/// tree. What [`estimate`] predicts is what such a process takes, about.
#[cfg_attr(not(feature = "prover"), allow(dead_code))]
pub(crate) fn most_memory_bytes(circuit: &Circuit, width: usize, recomputed: usize) -> u64 {
    let parameters = circuit.wires_of(WireKind::Weight).map(|id| circuit.wire(id).size()).sum();
    let leaves = stored_leaves(circuit).into_iter().sum();
    rates::most_memory_bytes(parameters, leaves, width, recomputed, threads())
}

fn threads() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

impl Cost {
    /// Fills in the predictions; `width` is 0 for a layer, which shares the opening with all others.
    fn predicted(self, width: usize) -> Self {
        let prove_ms = rates::prove_ms(&self, width);
        let memory_bytes = rates::memory_bytes(self.parameters, self.stored_leaves, width);
        Self { prove_ms, memory_bytes, ..self }
    }

    /// What is left if a part is taken out. Rounds that layers share are counted for each of them, so that less than nothing
    /// can be left.
    fn without(self, part: &Self) -> Self {
        Self {
            parameters: self.parameters.saturating_sub(part.parameters),
            macs: self.macs.saturating_sub(part.macs),
            activations: self.activations.saturating_sub(part.activations),
            committed: self.committed.saturating_sub(part.committed),
            proof_rows: self.proof_rows.saturating_sub(part.proof_rows),
            key_rows: self.key_rows.saturating_sub(part.key_rows),
            leaves: self.leaves.saturating_sub(part.leaves),
            stored_leaves: self.stored_leaves.saturating_sub(part.stored_leaves),
            rounds: self.rounds.saturating_sub(part.rounds),
            pads: self.pads.saturating_sub(part.pads),
            products: self.products.saturating_sub(part.products),
            proof_bytes: self.proof_bytes.saturating_sub(part.proof_bytes),
            prove_ms: self.prove_ms - part.prove_ms,
            memory_bytes: self.memory_bytes.saturating_sub(part.memory_bytes),
        }
    }
}
