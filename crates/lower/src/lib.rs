//! Lowers a quantised model to a circuit, and fills its witness.
//!
//! Operators map to layers one to one, with two exceptions: a fully connected layer is a convolution whose kernel is the
//! whole plane, and a max-pool is fused with the requantisation before it. Fused and unfused give equal integers because
//! rounding, clamp and a non-decreasing table commute with the maximum; a test holds the circuit's output equal to
//! [`convince_model::run`]'s, which defines what is proven.
//!
//! Key items: [`lower`], [`Lowered`].

#![forbid(unsafe_code)]

use std::sync::Arc;

use convince_circuit::{Circuit, CircuitBuilder, CircuitError, Requant, Tensor, Witness, WitnessError, evaluate};
use convince_field::{Bits, Ints};
use convince_model::{Graph, ModelError, Node, Op, Shape, ValueId};

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
    /// A max-pool that cannot be fused.
    #[error(
        "node \"{node}\": a max-pool has 2x2 windows of stride 2 and directly follows a requantisation that nothing else reads"
    )]
    Pool {
        /// The node's name.
        node: String,
    },
}

/// The circuit of a graph, with its weights.
///
/// # Errors
/// [`LowerError`], naming the node.
pub fn lower(graph: &Graph) -> Result<Lowered, LowerError> {
    let infos = graph.infer()?;
    let mut state = State { builder: CircuitBuilder::new(), weights: Vec::new(), layer_names: Vec::new() };
    let input = state.builder.input(graph.input_shape, graph.input_bits)?;
    let mut tensors: Vec<Option<Tensor>> = vec![Some(input)];
    for (index, node) in graph.nodes.iter().enumerate() {
        let pool = fused_pool(graph, index);
        let inputs: Option<Vec<Tensor>> = node.inputs.iter().map(|id| tensors[id.index()]).collect();
        let tensor = match (&node.op, inputs) {
            (Op::MaxPool(_), Some(inputs)) => match fused_into(graph, index) {
                true => Some(inputs[0]),
                false => return Err(LowerError::Pool { node: node.name.clone() }),
            },
            (_, Some(inputs)) => {
                let shape = infos[node.inputs[0].index()].shape;
                let added = state.add(node, &inputs, shape, pool);
                Some(added.map_err(|source| LowerError::Node { node: node.name.clone(), source })?)
            }
            (_, None) => return Err(LowerError::Pool { node: node.name.clone() }),
        };
        tensors.push(tensor);
    }
    let output = tensors.last().copied().flatten().ok_or(CircuitError::Incomplete("the model has no nodes"))?;
    state.builder.output(output)?;
    Ok(Lowered { circuit: state.builder.finish()?, weights: state.weights, layer_names: state.layer_names })
}

impl Lowered {
    /// The honest witness for an input.
    ///
    /// # Errors
    /// An input of the wrong length or with values outside its format.
    pub fn witness(&self, input: &[i32]) -> Result<Witness, WitnessError> {
        let wire = self.circuit.wire(self.circuit.input());
        let values: Vec<i64> = input.iter().map(|&v| v.into()).collect();
        let bits = Bits::holding(wire.low, wire.high);
        if values.len() != wire.size() {
            let wire_index = self.circuit.input().index();
            return Err(WitnessError::Length { wire: wire_index, expected: wire.size(), found: values.len() });
        }
        // Values that do not fit the format are found, and named, by the evaluation.
        let packed = Ints::pack(bits, &values).unwrap_or_else(|| Ints::I32(input.to_vec()));
        evaluate(&self.circuit, &packed, &self.weights)
    }
}

struct State {
    builder: CircuitBuilder,
    weights: Vec<Arc<Ints>>,
    layer_names: Vec<String>,
}

impl State {
    fn add(&mut self, node: &Node, inputs: &[Tensor], shape: Shape, pool: bool) -> Result<Tensor, CircuitError> {
        self.layer_names.push(node.name.clone());
        match &node.op {
            Op::Conv2d(op) => {
                let weight = self.weight(op.weight_shape.to_vec(), op.weight_bits, &op.weight)?;
                let bias = self.bias(op.weight_shape[0], op.bias_bits, op.bias.as_ref())?;
                let params = convince_circuit::Conv2d { stride: op.stride, padding: op.padding };
                self.builder.conv2d(inputs[0], weight, bias, params)
            }
            Op::Gemm(op) => {
                let kernel = vec![op.weight_shape[0], shape[1], shape[2], shape[3]];
                let weight = self.weight(kernel, op.weight_bits, &op.weight)?;
                let bias = self.bias(op.weight_shape[0], op.bias_bits, op.bias.as_ref())?;
                self.builder.gemm(inputs[0], weight, bias)
            }
            Op::Requant(op) => {
                let window = if pool { 2 } else { 1 };
                let params = Requant { window, shift: op.shift, low: op.low, high: op.high, table: op.table.clone() };
                self.builder.requant(inputs[0], params)
            }
            Op::Affine(op) => {
                let terms: Vec<(i64, Tensor)> = op.multipliers.iter().copied().zip(inputs.iter().copied()).collect();
                self.builder.affine(&terms, op.constant)
            }
            Op::MaxPool(_) => Err(CircuitError::Incomplete("a max-pool is fused, never lowered by itself")),
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

/// Whether the node's value is read by exactly one max-pool that fuses with it.
fn fused_pool(graph: &Graph, index: usize) -> bool {
    let value = ValueId(index as u32 + 1);
    let mut readers = (0..graph.nodes.len()).filter(|&k| graph.nodes[k].inputs.contains(&value));
    matches!((readers.next(), readers.next()), (Some(reader), None) if fused_into(graph, reader))
}

/// Whether a max-pool fuses with the node before it.
fn fused_into(graph: &Graph, pool: usize) -> bool {
    let Op::MaxPool(op) = &graph.nodes[pool].op else { return false };
    let value = graph.nodes[pool].inputs[0];
    let Some(source) = value.index().checked_sub(1) else { return false };
    let Op::Requant(requant) = &graph.nodes[source].op else { return false };
    let rises = requant.table.as_ref().is_none_or(|t| t.windows(2).all(|pair| pair[0] <= pair[1]));
    let readers = graph.nodes.iter().flat_map(|n| &n.inputs).filter(|&&id| id == value).count();
    rises && op.window == 2 && op.stride == 2 && readers == 1
}
