use serde::{Deserialize, Serialize};

/// Index of a wire in its circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WireId(pub u32);

impl WireId {
    /// As an index into tables that hold one entry a wire.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a wire's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireKind {
    /// Input of the statement: public, or committed by whoever has it.
    Input,
    /// Committed once with the model.
    Weight,
    /// Committed by the prover in every proof.
    Advice,
    /// Defined by a layer; never committed.
    Virtual,
    /// Output of the statement: labels, which are public, or a private output, committed by the prover.
    Output,
}

/// An integer tensor and the range that its values lie in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wire {
    /// True lengths of the axes, row-major, the last axis lowest in the index.
    pub shape: Vec<usize>,
    /// Where the values come from.
    pub kind: WireKind,
    /// Smallest possible value.
    pub low: i64,
    /// Largest possible value.
    pub high: i64,
}

impl Wire {
    /// Number of values.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A tensor that layers read: a whole wire, or one column of an advice wire whose leading axis numbers columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tensor {
    /// The wire.
    pub wire: WireId,
    /// The place on the leading axis, if the tensor is one column.
    pub column: Option<u32>,
}

impl Tensor {
    /// A whole wire.
    pub fn whole(wire: WireId) -> Self {
        Self { wire, column: None }
    }

    /// One column of a wire.
    pub fn column(wire: WireId, column: usize) -> Self {
        Self { wire, column: Some(column as u32) }
    }
}
