use convince_field::Bits;
use convince_transcript::container::ContainerError;

use crate::{Shape, ValueId};

/// Why a model or a graph is not a valid one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ModelError {
    /// The bytes are not a whole model file.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The payload does not decode.
    #[error("the model file's content does not decode: {0}")]
    Decode(#[from] postcard::Error),
    /// Bytes follow the model.
    #[error("{0} bytes follow the model in its file")]
    TrailingBytes(usize),
    /// The payload is another encoding of the same model than the one this program writes.
    #[error("the model file's content is not in canonical form")]
    NotCanonical,
    /// A graph without nodes.
    #[error("the graph has no nodes")]
    NoNodes,
    /// The graph's input is no tensor with a size and a format.
    #[error("the graph's input of shape {shape:?} and {bits:?} is not supported: it needs no empty axis, 1 to 31 bits")]
    Input {
        /// The declared shape.
        shape: Shape,
        /// The declared format.
        bits: Bits,
    },
    /// All values together have more elements than this program handles.
    #[error("the graph's values have more than {limit} elements together")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// One node is invalid.
    #[error("node {index} {name:?}: {problem}")]
    Node {
        /// The node's place in the graph.
        index: usize,
        /// The node's name.
        name: String,
        /// What is wrong with it.
        problem: NodeError,
    },
    /// A number that must be finite is not, or one that must be positive is not.
    #[error("{what} is {value}, which is not allowed")]
    Number {
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The preprocessing produces another shape or format than the graph takes, or has another number of channels in
    /// its means or deviations.
    #[error("the preprocessing does not fit the graph's input: {what}")]
    Preprocessing {
        /// What does not fit.
        what: &'static str,
    },
    /// The number of labels is not the number of outputs.
    #[error("{found} labels for {expected} outputs")]
    Labels {
        /// Number of outputs.
        expected: usize,
        /// Number of labels.
        found: usize,
    },
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Another number of inputs than the operator takes.
    #[error("{found} inputs where the operator takes {expected}")]
    InputCount {
        /// Inputs that the operator takes.
        expected: usize,
        /// Inputs of the node.
        found: usize,
    },
    /// An input that no earlier node defines.
    #[error("input {0:?} is not defined by an earlier node")]
    UndefinedInput(ValueId),
    /// The inputs' shapes, or an input's shape and the parameters', do not go together.
    #[error("input of shape {found:?} where {expected:?} is needed")]
    Shape {
        /// The shape needed; an axis of 0 may have any size.
        expected: Shape,
        /// The shape found.
        found: Shape,
    },
    /// A weight shape that is empty or overflows.
    #[error("weight shape {0:?} is not supported")]
    WeightShape(Vec<usize>),
    /// A kernel that, spread by its dilation, is larger than the padded input; or a stride or dilation of 0; or sizes
    /// that overflow.
    #[error(
        "a kernel of {kernel} {axis} with stride {stride}, padding {padding:?} and dilation {dilation} \
         does not fit an input of {size}"
    )]
    Kernel {
        /// `rows` or `columns`.
        axis: &'static str,
        /// Kernel size.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Padding in front of and behind the input.
        padding: [usize; 2],
        /// Step between kernel places.
        dilation: usize,
        /// Input size.
        size: usize,
    },
    /// Groups that do not divide the channels.
    #[error("{groups} groups do not divide {inputs} input and {outputs} output channels")]
    Groups {
        /// Number of groups.
        groups: usize,
        /// Input channels.
        inputs: usize,
        /// Output channels.
        outputs: usize,
    },
    /// A pooling window that is larger than the padded input, or one whose padding reaches a whole window; or a stride
    /// of 0.
    #[error(
        "max-pooling of {kernel} {axis} with stride {stride} and padding {padding:?} does not fit an input of {size}, \
         or its padding is not smaller than its window"
    )]
    Window {
        /// `rows` or `columns`.
        axis: &'static str,
        /// Window size.
        kernel: usize,
        /// Step between windows.
        stride: usize,
        /// Padding in front of and behind the input.
        padding: [usize; 2],
        /// Input size.
        size: usize,
    },
    /// An input that a linear map does not fit.
    #[error("the map of term {term} does not fit an input of shape {found:?}")]
    Map {
        /// The term's place.
        term: usize,
        /// The input's shape.
        found: Shape,
    },
    /// Another number of requantisation multipliers than channels.
    #[error("{found} multipliers for {expected} channels")]
    MultiplierCount {
        /// Number of channels.
        expected: usize,
        /// Number of multipliers.
        found: usize,
    },
    /// A multiplier whose products with the accumulators reach `2^62`.
    #[error("multiplier {multiplier} of channel {channel} times accumulators {low}..={high} reaches 2^62")]
    MultiplierRange {
        /// The channel.
        channel: usize,
        /// Its multiplier.
        multiplier: i32,
        /// Least accumulator.
        low: i64,
        /// Largest accumulator.
        high: i64,
    },
    /// Another number of weights or biases than the shape says.
    #[error("{found} {what} values where the shape says {expected}")]
    ParameterCount {
        /// `weight` or `bias`.
        what: &'static str,
        /// The number that the shape implies.
        expected: usize,
        /// The number of values.
        found: usize,
    },
    /// A weight or bias outside its declared format.
    #[error("{what} {index} is {value}, which is not of the declared format {bits:?}")]
    ParameterRange {
        /// `weight` or `bias`.
        what: &'static str,
        /// The value's place.
        index: usize,
        /// The value.
        value: i64,
        /// The declared format.
        bits: Bits,
    },
    /// A declared format of no or too many bits.
    #[error("{what} format {bits:?} is not supported")]
    Format {
        /// `weight` or `bias`.
        what: &'static str,
        /// The declared format.
        bits: Bits,
    },
    /// A shift above [`Requant::MAX_SHIFT`](crate::Requant::MAX_SHIFT).
    #[error("shift {0} is above {max}", max = crate::Requant::MAX_SHIFT)]
    Shift(u32),
    /// An empty clamp range.
    #[error("the clamp range {low}..={high} is empty")]
    Clamp {
        /// Lower end.
        low: i32,
        /// Upper end.
        high: i32,
    },
    /// A table of another length than the clamp range.
    #[error("a table of {found} entries for a clamp range of {expected}")]
    TableLength {
        /// Values in the clamp range.
        expected: i64,
        /// Table entries.
        found: usize,
    },
    /// The values that the formats allow do not fit 32 bits.
    #[error("the declared formats allow values {low}..={high}, which do not fit 32 bits")]
    Bound {
        /// Least possible value; saturates.
        low: i64,
        /// Largest possible value; saturates.
        high: i64,
    },
}
