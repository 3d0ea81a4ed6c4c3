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
    /// The graph's input is no tensor of one batch entry with a size and a format.
    #[error(
        "the graph's input of shape {shape:?} and {bits:?} is not supported: \
         it needs batch 1, no empty axis, 1 to 31 bits"
    )]
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
    /// A weight shape that is empty, not square, or overflows.
    #[error("weight shape {0:?} is not supported")]
    WeightShape(Vec<usize>),
    /// The kernel is larger than the padded input, the padding reaches a whole kernel, or the stride is 0.
    #[error(
        "a {kernel}x{kernel} kernel of stride {stride} and padding {padding} does not fit a {rows}x{columns} input"
    )]
    Kernel {
        /// Kernel size.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Padding.
        padding: usize,
        /// Input rows.
        rows: usize,
        /// Input columns.
        columns: usize,
    },
    /// A pooling window that is not supported.
    #[error(
        "{window}x{window} max-pooling of stride {stride} is not supported (2x2 of stride 2 is), \
         or its input is smaller"
    )]
    Window {
        /// Window size.
        window: usize,
        /// Stride.
        stride: usize,
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
    /// A shift above 30.
    #[error("shift {0} is above 30")]
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
