//! Models as files: a sealed container around the postcard encoding.

use convince_transcript::container::{Kind, open, seal};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

use crate::{Graph, ModelError, Preprocessing, ValueInfo};

/// What quantisation cost, measured over the calibration inputs against the float model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QuantizationReport {
    /// Share of inputs on which both models' largest logit is the same one, 0 to 1.
    pub top1_agreement: f64,
    /// Largest absolute difference of a logit, in the float model's units.
    pub max_logit_error: f64,
    /// Mean absolute difference of a logit.
    pub mean_logit_error: f64,
}

/// A quantised network with what surrounds it: how inputs become integers and what its outputs mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The integer network.
    pub graph: Graph,
    /// How images and arrays become its input.
    pub preprocessing: Preprocessing,
    /// Logit of the output integer 1.
    pub output_scale: f64,
    /// Names of the outputs; may be empty.
    pub labels: Vec<String>,
    /// Accuracy over the calibration inputs; [`QuantizationReport::UNMEASURED`] without any.
    pub report: QuantizationReport,
}

impl QuantizationReport {
    /// That of a network whose quantisation was taken as it is, and compared with nothing.
    pub const UNMEASURED: Self = Self { top1_agreement: 1.0, max_logit_error: 0.0, mean_logit_error: 0.0 };
}

impl Model {
    /// Checks the graph, the preprocessing, the labels and every float.
    ///
    /// # Errors
    /// The first [`ModelError`] found.
    pub fn validate(&self) -> Result<(), ModelError> {
        self.validate_around(&self.graph.infer()?)
    }

    /// [`Self::validate`] but for the graph, of which these are the values.
    fn validate_around(&self, values: &[ValueInfo]) -> Result<(), ModelError> {
        self.preprocessing.validate(self.graph.input_shape, self.graph.input_bits)?;
        let expected = values.last().map_or(0, |output| output.shape[1..].iter().product());
        if !self.labels.is_empty() && self.labels.len() != expected {
            return Err(ModelError::Labels { expected, found: self.labels.len() });
        }
        let QuantizationReport { top1_agreement, max_logit_error, mean_logit_error } = self.report;
        let numbers = [
            ("the output scale", self.output_scale, self.output_scale > 0.0),
            ("the top-1 agreement", top1_agreement, (0.0..=1.0).contains(&top1_agreement)),
            ("the largest logit error", max_logit_error, max_logit_error >= 0.0),
            ("the mean logit error", mean_logit_error, mean_logit_error >= 0.0),
        ];
        match numbers.into_iter().find(|&(_, value, allowed)| !(value.is_finite() && allowed)) {
            Some((what, value, _)) => Err(ModelError::Number { what, value }),
            None => Ok(()),
        }
    }

    /// The model's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::Model, &self.to_payload())
    }

    /// What stands in the model's file, without what surrounds it: for files that hold a model among other things.
    pub fn to_payload(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("encoding into memory of types with known lengths does not fail")
    }

    /// Reads a file made by [`Self::to_bytes`], and checks everything in it.
    ///
    /// Time and memory are linear in the length of `bytes`: weights are copied once, as they stand.
    ///
    /// # Errors
    /// Any [`ModelError`]. There is one encoding of each model: trailing bytes and other encodings are errors.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_payload(open(Kind::Model, bytes)?)
    }

    /// [`Self::from_bytes`] of what [`Self::to_payload`] made.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_payload(payload: &[u8]) -> Result<Self, ModelError> {
        Self::from_payload_inferred(payload).map(|(model, _)| model)
    }

    /// [`Self::from_payload`], with the values that [`Graph::infer`] found when it checked the graph: finding them is a pass over
    /// all weights.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_payload_inferred(payload: &[u8]) -> Result<(Self, Vec<ValueInfo>), ModelError> {
        let (model, rest) = postcard::take_from_bytes::<Self>(payload)?;
        if !rest.is_empty() {
            return Err(ModelError::TrailingBytes(rest.len()));
        }
        match postcard::serialize_with_flavor(&model, Expected(payload)) {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(ModelError::NotCanonical),
        }
        let values = model.graph.infer()?;
        model.validate_around(&values)?;
        Ok((model, values))
    }

    /// Logits, in the float model's units, of the graph's output integers.
    pub fn logits(&self, output: &[i32]) -> Vec<f64> {
        output.iter().map(|&v| f64::from(v) * self.output_scale).collect()
    }

    /// Name of an output, if the model has names.
    pub fn label(&self, index: usize) -> Option<&str> {
        self.labels.get(index).map(String::as_str)
    }
}

/// Takes an encoding and compares it with the one expected, in place of storing it; its output is whether all of it came.
struct Expected<'a>(&'a [u8]);

impl Flavor for Expected<'_> {
    type Output = bool;

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0 = self.0.strip_prefix(data).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.try_extend(&[data])
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.is_empty())
    }
}
