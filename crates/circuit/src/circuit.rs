use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::builder::Op;
use crate::{
    ArgMaxLayer, Block, CircuitBuilder, CircuitError, Conv2dLayer, CorrectLayer, GatesLayer, LayerRegistry,
    LinearLayer, Lookup, OutputLayer, ProductLayer,
};
use crate::{RangeLayer, RequantLayer, SpectrumLayer, Table, Tensor, Wire, WireId, WireKind};

/// A layer: it defines a virtual wire, or states a relation on advice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layer {
    /// Convolution or fully connected layer; defines its output.
    Conv2d(Conv2dLayer),
    /// Public linear combination of mapped tensors; defines its output.
    Linear(LinearLayer),
    /// Pointwise product; defines its output.
    Product(ProductLayer),
    /// Requantisation with activation and optional pooling; a relation between its input and its advice.
    Requant(RequantLayer),
    /// Sparse gates; defines its output.
    Gates(GatesLayer),
    /// Products of rows as polynomials, by their transforms; defines its output.
    Spectrum(SpectrumLayer),
    /// Labels; a relation between its input, the public labels and its advice.
    ArgMax(ArgMaxLayer),
    /// A relation on an input or weight wire: every value is in the wire's range.
    Range(RangeLayer),
    /// A copy that is committed in place of being public.
    Output(OutputLayer),
    /// Which of the images with public labels count as correct; a relation between its input, the labels and its
    /// advice.
    Correct(CorrectLayer),
}

impl Layer {
    /// Name of the operator.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv2d(_) => "conv2d",
            Self::Linear(_) => "linear",
            Self::Product(_) => "product",
            Self::Requant(_) => "requant",
            Self::Gates(_) => "gates",
            Self::Spectrum(_) => "spectrum",
            Self::ArgMax(_) => "arg-max",
            Self::Range(_) => "range",
            Self::Output(_) => "output",
            Self::Correct(_) => "correct",
        }
    }

    /// The wires that are this layer's alone: what it defines, its advice, its weights.
    pub fn wires(&self) -> Vec<WireId> {
        match self {
            Self::Conv2d(l) => [l.output, l.weight].into_iter().chain(l.bias).collect(),
            Self::Linear(l) => vec![l.output],
            Self::Product(l) => vec![l.output],
            Self::Gates(l) => vec![l.output],
            Self::Spectrum(l) => vec![l.output],
            Self::Requant(l) => [l.advice].into_iter().chain(l.lookups.as_ref().map(|clamp| clamp.inputs)).collect(),
            Self::ArgMax(l) => vec![l.labels, l.advice],
            Self::Range(l) => [l.wire].into_iter().chain(l.advice).collect(),
            Self::Output(l) => vec![l.output],
            Self::Correct(l) => vec![l.correct, l.margins.advice],
        }
    }
}

/// A finished circuit. It cannot be changed, so its layout and its digest always belong to its layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Circuit {
    pub(crate) ops: Vec<Op>,
    pub(crate) limb_bits: u32,
    pub(crate) wires: Vec<Wire>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) tables: Vec<Table>,
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) log_leaves: usize,
    pub(crate) input: WireId,
    pub(crate) output: Tensor,
}

/// Sizes that decide a proof's cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-accumulates of one inference.
    pub macs: usize,
    /// Integers committed in every proof.
    pub advice: usize,
    /// Leaves of the lookup tree that are allocated.
    pub leaves: usize,
}

impl Circuit {
    /// All wires; a [`WireId`] is an index.
    pub fn wires(&self) -> &[Wire] {
        &self.wires
    }

    /// One wire.
    pub fn wire(&self, id: WireId) -> &Wire {
        &self.wires[id.index()]
    }

    /// All layers, each behind those that it reads.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// All lookup tables; a table's id in the protocol is its index plus one.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// All lookups.
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }

    /// The leaves' layout, in the order of their offsets.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// log2 of the number of leaves of the lookup tree.
    pub fn log_leaves(&self) -> usize {
        self.log_leaves
    }

    /// Width of full limbs, in bits.
    pub fn limb_bits(&self) -> u32 {
        self.limb_bits
    }

    /// The input, public unless [`Self::input_is_private`].
    pub fn input(&self) -> WireId {
        self.input
    }

    /// Whether the input is committed, and every proof shows that it is within its format.
    pub fn input_is_private(&self) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::PrivateInput(..)))
    }

    /// The output: what a layer computes, a committed copy of it if [`Self::output_is_private`], the labels of
    /// [`Self::arg_max`], or those that [`Self::correct_layer`] compares with.
    pub fn output(&self) -> Tensor {
        self.output
    }

    /// Whether the output is a committed wire, of which the statement says nothing.
    pub fn output_is_private(&self) -> bool {
        self.layers.iter().any(|layer| matches!(layer, Layer::Output(_)))
    }

    /// The layer whose labels are the public output, if that is all that is revealed.
    pub fn arg_max(&self) -> Option<&ArgMaxLayer> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::ArgMax(layer) => Some(layer),
            _ => None,
        })
    }

    /// The layer that compares with given labels, if all that is said is how many images have theirs.
    pub fn correct_layer(&self) -> Option<&CorrectLayer> {
        self.layers.iter().find_map(|layer| match layer {
            Layer::Correct(layer) => Some(layer),
            _ => None,
        })
    }

    /// The advice wire `[batch]` that is 1 for images that count as correct and 0 for others, if there is one.
    pub fn correct(&self) -> Option<WireId> {
        self.correct_layer().map(|layer| layer.correct)
    }

    /// The tensor that the output leaves a claim on: itself, what it is a copy of, or what labels are compared with.
    pub fn claimed_output(&self) -> Tensor {
        let mut claimed = self.layers.iter().filter_map(|layer| match layer {
            Layer::ArgMax(layer) => Some(layer.input),
            Layer::Output(layer) => Some(layer.input),
            Layer::Correct(layer) => Some(layer.margins.input),
            _ => None,
        });
        claimed.next().unwrap_or(self.output)
    }

    /// Ids of the wires of one kind, ascending.
    pub fn wires_of(&self, kind: WireKind) -> impl Iterator<Item = WireId> + '_ {
        let ids = (0..self.wires.len() as u32).map(WireId);
        ids.filter(move |id| self.wire(*id).kind == kind)
    }

    /// True shape of a tensor: the wire's, or that of one of its columns.
    pub fn shape(&self, tensor: Tensor) -> &[usize] {
        &self.wire(tensor.wire).shape[usize::from(tensor.column.is_some())..]
    }

    /// The shape of a tensor that layers read. Panics if it has other than four axes.
    pub(crate) fn shape4(&self, tensor: Tensor) -> [usize; 4] {
        self.shape(tensor).try_into().expect("layers read tensors of four axes")
    }

    /// Smallest and largest value of the output.
    pub fn output_range(&self) -> (i64, i64) {
        match self.output.column {
            None => (self.wire(self.output.wire).low, self.wire(self.output.wire).high),
            Some(_) => {
                let mut ranges = self.layers.iter().filter_map(|layer| match layer {
                    Layer::Requant(l) if l.advice == self.output.wire => Some(l.params.output_range()),
                    _ => None,
                });
                ranges.next().unwrap_or((0, 0))
            }
        }
    }

    /// Hash of everything that a verifier's behaviour depends on: operations, shapes, ranges, shifts, table contents, limbs and
    /// the layout of the lookups.
    pub fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).expect("plain data in memory");
        Sha256::new().chain_update(b"convince/circuit/v1").chain_update(bytes).finalize().into()
    }

    /// The operations that build this circuit again.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(&(&self.ops, self.limb_bits)).expect("plain data in memory")
    }

    /// Builds a circuit from [`Self::to_bytes`], with every check of the builder. Knows no custom layers.
    ///
    /// # Errors
    /// As [`Self::from_bytes_with`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CircuitError> {
        Self::from_bytes_with(bytes, &LayerRegistry::new())
    }

    /// [`Self::from_bytes`] for circuits with custom layers, which the registry makes.
    ///
    /// # Errors
    /// [`CircuitError::Encoding`], [`CircuitError::UnknownLayer`], [`CircuitError::Layer`], or whatever the builder finds.
    pub fn from_bytes_with(bytes: &[u8], registry: &LayerRegistry) -> Result<Self, CircuitError> {
        let decoded = postcard::take_from_bytes::<(Vec<Op>, u32)>(bytes);
        let ((ops, limb_bits), rest) = decoded.map_err(|e| CircuitError::Encoding(e.to_string()))?;
        if !rest.is_empty() {
            return Err(CircuitError::Encoding(format!("{} bytes are left over", rest.len())));
        }
        let circuit = CircuitBuilder::replay(ops, registry)?.finish_with(limb_bits)?;
        // Choices that the builder makes are made in what it wrote: a circuit has one encoding.
        match circuit.to_bytes() == bytes {
            true => Ok(circuit),
            false => Err(CircuitError::Encoding("it is not as this program writes it".into())),
        }
    }

    /// Sizes that decide a proof's cost.
    pub fn statistics(&self) -> Statistics {
        let size_of = |kind| self.wires_of(kind).map(|id| self.wire(id).size()).sum();
        let macs = self.layers.iter().map(|layer| match layer {
            Layer::Conv2d(l) => self.wire(l.weight).size() * l.output_shape[0] * l.output_shape[2] * l.output_shape[3],
            Layer::Gates(l) => l.gates.len(),
            _ => 0,
        });
        Statistics {
            parameters: size_of(WireKind::Weight),
            macs: macs.sum(),
            advice: size_of(WireKind::Advice),
            leaves: self.blocks.iter().map(|b| 1 << b.log_size).sum(),
        }
    }
}
