use serde::{Deserialize, Serialize};

use crate::builder::{Op, Pending};
use crate::{CircuitBuilder, CircuitError, Layer, Tensor, Wire, WireId, WireKind};

/// A copy of a tensor on a wire that is committed, so that a statement can be about it without saying it.
///
/// The copy needs no range proof: it equals the tensor, which has a range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLayer {
    /// What is copied.
    pub input: Tensor,
    /// The copy, of the same shape and range.
    pub output: WireId,
}

impl CircuitBuilder {
    /// Declares the public output: accumulators, a requantised tensor, or the input, where a circuit is there for the
    /// ranges of its weights alone. A circuit has one output.
    ///
    /// # Errors
    /// A second output, a tensor that no layer can read.
    pub fn output(&mut self, tensor: Tensor) -> Result<(), CircuitError> {
        if self.output.is_some() {
            return Err(self.wire_error("a circuit has one output"));
        }
        self.shape(tensor)?;
        self.output = Some(tensor);
        self.ops.push(Op::Output(tensor));
        Ok(())
    }

    /// Declares an output that is committed and not public, in place of [`Self::output`]: a wire of its own that equals
    /// the tensor.
    ///
    /// # Errors
    /// A second output, a tensor that no layer can read, a call by a custom layer.
    pub fn private_output(&mut self, tensor: Tensor) -> Result<(), CircuitError> {
        let shape = self.new_output(tensor)?.to_vec();
        let (low, high) = self.bounds(tensor)?;
        let output = self.new_wire(Wire { shape, kind: WireKind::Output, low, high });
        self.layers.push(Pending::Ready(Box::new(Layer::Output(OutputLayer { input: tensor, output }))));
        self.output = Some(Tensor::whole(output));
        self.ops.push(Op::PrivateOutput(tensor));
        Ok(())
    }

    /// The shape of a tensor that an output with a wire of its own is made of.
    pub(crate) fn new_output(&self, tensor: Tensor) -> Result<[usize; 4], CircuitError> {
        if self.output.is_some() {
            return Err(self.wire_error("a circuit has one output"));
        }
        if self.nesting > 0 {
            return Err(self.refuse("an output is declared outside of custom layers"));
        }
        self.shape(tensor)
    }
}
