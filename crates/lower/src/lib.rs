//! Lowers a quantised model to a circuit, and fills its witness.
//!
//! Operators map to layers one to one, with these exceptions: a fully connected layer is a convolution whose kernel is
//! the whole plane; a max-pool whose windows lie apart is fused with the requantisation before it; other max-pools are
//! requantisations that change nothing, windows of many places one axis after the other; and nodes that the output does
//! not depend on are left out. A test holds the circuit's output equal to [`convince_model::run`]'s, which defines what
//! is proven. A batch is [`Graph::with_batch`]'s.
//!
//! Key items: [`lower`], [`lower_with`], [`lower_inferred`], [`Strategies`], [`Reveal`], [`Lowered`].

#![forbid(unsafe_code)]

use std::sync::Arc;

use convince_circuit::{
    Circuit, CircuitBuilder, CircuitError, Range, Requant, Strategy, Tensor, Window, Witness, WitnessError,
    evaluate_labelled,
};
use convince_field::{AxisMap, Bits, Ints};
use convince_model::{Graph, Linear, ModelError, Node, Op, ValueInfo};
use serde::{Deserialize, Serialize};

use crate::pool::Role;

mod pool;
#[cfg(test)]
mod tests;

/// A model's circuit and the integers of its weight wires.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The circuit; it depends on the architecture, never on the weights.
    pub circuit: Circuit,
    /// One tensor a weight wire, in the order of [`Circuit::wires_of`].
    pub weights: Vec<Arc<Ints>>,
    /// The model's node behind every layer of the circuit.
    pub layer_names: Vec<String>,
}

/// Why a model has no circuit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LowerError {
    /// The model itself is not valid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A node cannot be expressed.
    #[error("node \"{node}\": {source}")]
    Node {
        /// The node's name.
        node: String,
        /// What the builder found.
        source: CircuitError,
    },
    /// The circuit as a whole.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The output has no label.
    #[error("a label is that of an output with one value a class, but the output's shape is {shape:?}")]
    Label {
        /// Its shape.
        shape: [usize; 4],
    },
}

/// What proofs reveal of a network's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reveal {
    /// Every value.
    #[default]
    Logits,
    /// The index of the largest value of every image, ties going to the lowest, and no value.
    Label,
    /// Nothing: the values are committed.
    Nothing,
    /// Nothing but which labels they are compared with: one bit an image is committed, set for none whose label is
    /// another.
    Correct,
}

/// How layers are proven, where there is a choice, and what proofs say of the output: the same integers, other proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategies {
    /// Ranges of requantisations, ReLUs and max-pools.
    pub range: Range,
    /// Convolutions; fully connected layers are always direct.
    pub convolution: Strategy,
    /// What is public of the output.
    pub reveal: Reveal,
    /// Whether the input is committed, in place of being public.
    pub private_input: bool,
}

/// The circuit of a graph, with its weights and the cost model's strategies.
///
/// # Errors
/// [`LowerError`], naming the node.
pub fn lower(graph: &Graph) -> Result<Lowered, LowerError> {
    lower_with(graph, Strategies::default())
}

/// [`lower`] with given strategies.
///
/// # Errors
/// [`LowerError`], naming the node.
pub fn lower_with(graph: &Graph, strategies: Strategies) -> Result<Lowered, LowerError> {
    lower_inferred(graph, &graph.infer()?, strategies)
}

/// [`lower_with`] of a graph that was checked, with the values that [`Graph::infer`] found: finding them is a pass over all weights.
///
/// # Errors
/// As [`lower_with`].
///
/// # Panics
/// May, if these are not the graph's values.
pub fn lower_inferred(graph: &Graph, infos: &[ValueInfo], strategies: Strategies) -> Result<Lowered, LowerError> {
    let mut state = State { builder: CircuitBuilder::new(), strategies, weights: Vec::new(), layer_names: Vec::new() };
    let input = state.input(graph)?;
    let mut tensors = vec![input];
    for (node, role) in graph.nodes.iter().zip(pool::roles(graph, infos)) {
        let inputs: Vec<Tensor> = node.inputs.iter().map(|id| tensors[id.index()]).collect();
        let tensor = match role {
            // Nobody reads a dead node's tensor but dead nodes.
            Role::Dead | Role::Absorbed => Ok(inputs[0]),
            Role::Alone => state.add(node, &inputs, &infos[node.inputs[0].index()], Window::ONE),
            Role::Pooling(window) => state.add(node, &inputs, &infos[node.inputs[0].index()], window),
        };
        tensors.push(tensor.map_err(|source| LowerError::Node { node: node.name.clone(), source })?);
    }
    state.reveal(graph, tensors[graph.output().index()])?;
    Ok(Lowered { circuit: state.builder.finish()?, weights: state.weights, layer_names: state.layer_names })
}

impl Lowered {
    /// The honest witness for an input.
    ///
    /// # Errors
    /// An input of the wrong length or with values outside its format.
    pub fn witness(&self, input: &[i32]) -> Result<Witness, WitnessError> {
        self.labelled_witness(input, &[])
    }

    /// [`Self::witness`] where labels are given, one an image ([`Reveal::Correct`]). All images that have their labels
    /// count as correct; [`Witness::set_correct`] says otherwise.
    ///
    /// # Errors
    /// As [`Self::witness`], and labels that are too many, too few or no classes.
    pub fn labelled_witness(&self, input: &[i32], labels: &[u32]) -> Result<Witness, WitnessError> {
        let wire = self.circuit.wire(self.circuit.input());
        let values: Vec<i64> = input.iter().map(|&v| v.into()).collect();
        let bits = Bits::holding(wire.low, wire.high);
        if values.len() != wire.size() {
            let wire_index = self.circuit.input().index();
            return Err(WitnessError::Length { wire: wire_index, expected: wire.size(), found: values.len() });
        }
        // Values that do not fit the format are found, and named, by the evaluation.
        let packed = Ints::pack(bits, &values).unwrap_or_else(|| Ints::I32(input.to_vec()));
        // No class is as large as what does not fit.
        let labels = labels.iter().map(|&label| i32::try_from(label).unwrap_or(i32::MAX)).collect();
        evaluate_labelled(&self.circuit, &packed, &self.weights, &Ints::I32(labels))
    }
}

struct State {
    builder: CircuitBuilder,
    strategies: Strategies,
    weights: Vec<Arc<Ints>>,
    layer_names: Vec<String>,
}

impl State {
    fn input(&mut self, graph: &Graph) -> Result<Tensor, CircuitError> {
        if !self.strategies.private_input {
            return self.builder.input(graph.input_shape, graph.input_bits);
        }
        // The layer that states its range.
        self.layer_names.push("input".into());
        self.builder.private_input(graph.input_shape, graph.input_bits)
    }

    /// Declares the output.
    fn reveal(&mut self, graph: &Graph, output: Tensor) -> Result<(), LowerError> {
        let shape = self.builder.shape(output)?;
        let Strategies { range, reveal, .. } = self.strategies;
        if matches!(reveal, Reveal::Label | Reveal::Correct) && shape[2..] != [1, 1] {
            return Err(LowerError::Label { shape });
        }
        if reveal != Reveal::Logits {
            // All others have a layer of their own.
            self.layer_names.extend(graph.nodes.last().map(|node| node.name.clone()));
        }
        let declared = match reveal {
            Reveal::Logits => self.builder.output(output),
            Reveal::Label => self.builder.output_label(output, range),
            Reveal::Nothing => self.builder.private_output(output),
            Reveal::Correct => self.builder.output_correct(output, range),
        };
        Ok(declared?)
    }

    /// The layers of a node; `info` is what is known of its first input, `window` what a requantisation pools as well.
    fn add(
        &mut self,
        node: &Node,
        inputs: &[Tensor],
        info: &ValueInfo,
        window: Window,
    ) -> Result<Tensor, CircuitError> {
        self.layer_names.push(node.name.clone());
        match &node.op {
            Op::Conv2d(op) => {
                let weight = self.weight(op.weight_shape.to_vec(), op.weight_bits, &op.weight)?;
                let bias = self.bias(op.weight_shape[0], op.bias_bits, op.bias.as_ref())?;
                let &convince_model::Conv2d { stride, padding, dilation, groups, .. } = op;
                let strategy = self.strategies.convolution;
                let params = convince_circuit::Conv2d { stride, padding, dilation, groups, strategy };
                self.builder.conv2d(inputs[0], weight, bias, params)
            }
            Op::Gemm(op) => {
                let [_, channels, rows, columns] = info.shape;
                let kernel = vec![op.weight_shape[0], channels, rows, columns];
                let weight = self.weight(kernel, op.weight_bits, &op.weight)?;
                let bias = self.bias(op.weight_shape[0], op.bias_bits, op.bias.as_ref())?;
                self.builder.gemm(inputs[0], weight, bias)
            }
            Op::Requant(op) => {
                let multipliers = op.multipliers.as_deref().cloned();
                let table = op.table.clone();
                let range = self.strategies.range;
                let params = Requant { multipliers, table, range, ..Requant::plain(op.shift, op.low, op.high) };
                self.builder.requant(inputs[0], params.pooled(window))
            }
            Op::MaxPool(op) => {
                let passes = pool::passes(op, [info.shape[2], info.shape[3]]);
                self.layer_names.extend(passes.iter().skip(1).map(|_| node.name.clone()));
                // Values are within 32 bits, or the model would not be valid.
                let range = self.strategies.range;
                let unchanged = Requant { range, ..Requant::plain(0, info.low as i32, info.high as i32) };
                let mut passes = passes.into_iter().map(|window| unchanged.clone().pooled(window));
                passes.try_fold(inputs[0], |tensor, params| self.builder.requant(tensor, params))
            }
            Op::Linear(op) => self.builder.linear(terms(op, inputs, info), op.constant),
            Op::Product => self.builder.product(inputs[0], inputs[1]),
        }
    }

    fn weight(&mut self, shape: Vec<usize>, bits: Bits, values: &Arc<Ints>) -> Result<Tensor, CircuitError> {
        self.weights.push(values.clone());
        self.builder.weight(shape, bits)
    }

    fn bias(&mut self, len: usize, bits: Bits, values: Option<&Arc<Ints>>) -> Result<Option<Tensor>, CircuitError> {
        values.map(|values| self.weight(vec![len], bits, values)).transpose()
    }
}

/// The terms that count. A layer has at least one, which may be a map to zero.
fn terms(op: &Linear, inputs: &[Tensor], first: &ValueInfo) -> Vec<convince_circuit::LinearTerm> {
    let all = op.terms.iter().zip(inputs);
    let counting = all.filter(|(term, _)| term.multiplier != 0).map(|(term, &tensor)| convince_circuit::LinearTerm {
        tensor,
        multiplier: term.multiplier,
        map: term.map.clone(),
    });
    let counting: Vec<_> = counting.collect();
    match (counting.is_empty(), op.terms.first().map(|term| &term.map)) {
        (true, Some(map)) => {
            let rows = map.output_shape(first.shape).map_or(0, |shape| shape[1]);
            let map = map.clone().with_axis(1, AxisMap::Gather(vec![None; rows]));
            vec![convince_circuit::LinearTerm { tensor: inputs[0], multiplier: 1, map }]
        }
        _ => counting,
    }
}
