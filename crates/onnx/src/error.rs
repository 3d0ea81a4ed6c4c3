use convince_model::{ModelError, NodeError, RunError};

/// Why an ONNX file is not imported, or a network not quantised.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are no ONNX file.
    #[error("not an ONNX file: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The file holds no network.
    #[error("not an ONNX file, or one without a graph")]
    NoGraph,
    /// An operator set that is not supported, or none.
    #[error("ONNX operator set {found:?} is not supported, 9 to 21 are")]
    Opset {
        /// The version, if the file names one.
        found: Option<i64>,
    },
    /// A node of an operator that is not supported.
    #[error("unsupported operator {operator:?} at node {node:?}")]
    UnsupportedOperator {
        /// The operator.
        operator: String,
        /// The node.
        node: String,
    },
    /// A node that is not supported or not valid.
    #[error("operator {operator:?} at node {node:?}: {problem}")]
    Node {
        /// The operator.
        operator: String,
        /// The node.
        node: String,
        /// What is wrong.
        problem: NodeProblem,
    },
    /// A constant that is not supported or not valid.
    #[error("tensor {name:?}: {problem}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        problem: TensorProblem,
    },
    /// Two values of one name.
    #[error("the name {0:?} is defined twice")]
    DuplicateName(String),
    /// Another number of inputs than one.
    #[error("the graph has {0} inputs, one is needed")]
    InputCount(usize),
    /// Another number of outputs than one.
    #[error("the graph has {0} outputs, one is needed")]
    OutputCount(usize),
    /// The input is not a tensor of floats `[1, C, H, W]`, `[1, C, N]` or `[1, N]`.
    #[error(
        "graph input {name:?} is {found}; needed are floats [batch, C, H, W], [batch, C, N] or [batch, N] of batch 1"
    )]
    Input {
        /// The input's name.
        name: String,
        /// What it is.
        found: String,
    },
    /// The output is no value that is computed from the input.
    #[error("graph output {0:?} is not computed from the input")]
    Output(String),
    /// The network is larger than this program handles.
    #[error("the network has more than {limit} parameters and intermediate values")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A network without an operator that integers can compute.
    #[error("the network has no operator that integers can compute")]
    NoLayers,
    /// An input of another length than the network takes.
    #[error("an input of {found} values, the network takes {expected}")]
    InputLength {
        /// Values that the network takes.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// Calibration or evaluation on no inputs.
    #[error("there are no inputs to calibrate or to evaluate with")]
    NoInputs,
    /// A calibration input with a value that is no number.
    #[error("value {index} of calibration input {input} is {value}")]
    InputNotFinite {
        /// Which input.
        input: usize,
        /// Which of its values.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A value of the float network overflows.
    #[error("the float network's values at node {node:?} are not finite")]
    ValueNotFinite {
        /// The node.
        node: String,
    },
    /// The integer network is invalid: accumulators of more than 32 bits, unsuitable labels or preprocessing.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The integer network does not run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What is wrong with a node.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NodeProblem {
    /// An input that nothing before the node defines.
    #[error("input {0:?} is not defined before the node: it is missing, or the graph has a cycle or is not in order")]
    UndefinedInput(String),
    /// An input that the operator needs is left out.
    #[error("input {0} is missing")]
    MissingInput(usize),
    /// More inputs or outputs than the operator has, or than is supported.
    #[error("{inputs} inputs and {outputs} outputs are not supported")]
    Arity {
        /// Number of inputs.
        inputs: usize,
        /// Number of outputs.
        outputs: usize,
    },
    /// An input that must be a constant is computed.
    #[error("input {0} is supported as a constant only")]
    NotConstant(usize),
    /// An input that must be computed from the network's input is a constant.
    #[error("input {0} is not supported as a constant")]
    Constant(usize),
    /// An attribute, or a value of one, that is not supported.
    #[error("attribute {name} = {value} is not supported")]
    Attribute {
        /// The attribute.
        name: String,
        /// Its value.
        value: String,
    },
    /// An attribute of another type than the operator's, or twice.
    #[error("attribute {0} is malformed")]
    MalformedAttribute(String),
    /// An attribute that the operator needs is left out.
    #[error("attribute {0} is missing")]
    MissingAttribute(&'static str),
    /// A constant of floats where integers are needed, or the other way round.
    #[error("input {0} has the wrong element type")]
    ElementType(usize),
    /// A tensor whose shape does not fit the operator or what is supported.
    #[error("{what} of shape {shape:?} is not supported here")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A kernel or window that does not fit the padded input.
    #[error("a window {kernel:?} with padding {padding:?} does not fit an input of shape {shape:?}")]
    Window {
        /// Rows and columns of the kernel or window.
        kernel: [usize; 2],
        /// Padding above, left, below and right.
        padding: Box<[usize; 4]>,
        /// Shape of the input.
        shape: Vec<usize>,
    },
    /// An axis that the tensor does not have, or one that is named twice.
    #[error("axis {axis} of a tensor of {rank} axes is not supported")]
    Axis {
        /// The axis.
        axis: i64,
        /// Number of axes.
        rank: usize,
    },
    /// An index outside its axis.
    #[error("index {index} is outside an axis of {len}")]
    Index {
        /// The index.
        index: i64,
        /// Length of the axis.
        len: usize,
    },
    /// Scales that are not positive, or not one for each axis.
    #[error("scales are not positive, or not one for each axis")]
    Scales,
    /// Parameters or sizes that come to no number.
    #[error("parameters or sizes overflow")]
    Overflow,
    /// A value that is larger than this program handles.
    #[error("the network would have more than {limit} parameters, constants or intermediate values")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A tensor of 8-bit integers where the operator is not known to mean the same on them as on what they stand for.
    #[error("input {0} is quantised, which is supported between QuantizeLinear and DequantizeLinear only")]
    Quantised(usize),
    /// A quantised tensor that is read with another scale or zero point than it was made with.
    #[error("input {0} has another scale or zero point than the tensor was quantised with")]
    Rescaled(usize),
    /// An operator of a quantised network that is not taken with the file's integers; see [`take`](crate::take).
    #[error("not taken with the file's integers: {0}")]
    NotTaken(&'static str),
    /// An integer operator that the file's integers come to, and that is not valid.
    #[error("with the file's integers: {0}")]
    Integers(NodeError),
    /// Something is computed from a value that only an output may be.
    #[error("supported only as the last operator")]
    NotLast,
    /// An activation or pooling before the first convolution or matrix product.
    #[error("supported only after a convolution or a matrix product")]
    StandAlone,
}

impl NodeProblem {
    /// Sizes, starts or steps that are not supported.
    pub(crate) fn sizes(values: &[i64]) -> Self {
        let value = match values.len() {
            0..=8 => format!("{values:?}"),
            len => format!("a list of {len} values"),
        };
        Self::Attribute { name: "sizes".into(), value }
    }
}

/// What is wrong with a constant.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TensorProblem {
    /// Its elements are in another file.
    #[error("its data is in another file, which is not supported")]
    External,
    /// A negative or empty axis, or more elements than there can be.
    #[error("dimensions {0:?} are not supported")]
    Dimensions(Vec<i64>),
    /// An element type that is not supported.
    #[error("element type {0} is not supported (float 1, uint8 2, int8 3, int32 6, int64 7, bool 9 and double 11 are)")]
    Type(i32),
    /// Another number of elements than the dimensions say.
    #[error("{found} elements or bytes of data where the dimensions say {expected}")]
    Length {
        /// The number that the dimensions imply.
        expected: usize,
        /// The number found.
        found: usize,
    },
    /// An element that is no number.
    #[error("element {index} is {value}")]
    NotFinite {
        /// The element's place.
        index: usize,
        /// NaN or an infinity.
        value: f32,
    },
}
