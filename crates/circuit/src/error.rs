/// Why a circuit cannot be built. `op` counts the builder's calls, inputs and weights included.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CircuitError {
    /// An axis is empty, or a tensor is larger than any machine could hold.
    #[error("operation {op}: shape {shape:?} has an empty axis or more than 2^31 values")]
    Shape {
        /// Which call.
        op: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Shapes that do not fit each other.
    #[error("operation {op}: {what}: shapes {left:?} and {right:?} do not fit")]
    Mismatch {
        /// Which call.
        op: usize,
        /// What should fit.
        what: &'static str,
        /// One shape.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
    },
    /// A wire is not of the kind that the layer needs, or does not exist.
    #[error("operation {op}: {what}")]
    Wire {
        /// Which call.
        op: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A parameter is out of its range.
    #[error("operation {op}: {what}")]
    Parameter {
        /// Which call.
        op: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Values could leave 32 bits, so that a relation modulo the field's prime would not be one over the integers.
    #[error("operation {op}: values between {low} and {high} do not fit 32 bits")]
    Bound {
        /// Which call.
        op: usize,
        /// Smallest possible value.
        low: i128,
        /// Largest possible value.
        high: i128,
    },
    /// The circuit lacks an input or an output, has more lookups than a multiplicity can count, or more claims than a verifier
    /// can bear.
    #[error("{0}")]
    Incomplete(&'static str),
    /// A stored circuit has a custom layer that the registry does not know.
    #[error("operation {op}: no layer named \"{id}\" is registered")]
    UnknownLayer {
        /// Which call.
        op: usize,
        /// The layer's id.
        id: String,
    },
    /// A custom layer does not accept its stored parameters.
    #[error("operation {op}: layer \"{id}\": {reason}")]
    Layer {
        /// Which call.
        op: usize,
        /// The layer's id.
        id: String,
        /// What it says.
        reason: String,
    },
    /// Serialized bytes are not a circuit.
    #[error("not a circuit: {0}")]
    Encoding(String),
}
