use std::sync::Arc;

use convince_circuit::{Circuit, LayerRegistry, WireKind, check_weights};
use convince_field::{Ints, ProofField};
use convince_pcs::{CommitmentScheme, Split, WireCommitment};
use convince_sumcheck::parallel;
use convince_transcript::container::{Kind, Sealed, open, seal};
use serde::{Deserialize, Serialize};

use crate::KeyError;
use crate::protocol::{
    Binding, Field, Frame, Params, Part, Row, Scheme, Setting, Statement, Verifier, digest, splits, with_rows,
};
use crate::weights::{ModelCommitment, formats, public_digest};

/// What is known of the weights under a model commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelStatus {
    /// The integers are public; the verifier evaluates them itself.
    Public,
    /// Every weight and bias is proven to be of its declared format.
    RangeProven,
}

impl std::fmt::Display for ModelStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::RangeProven => "range-proven",
        })
    }
}

/// What a key says about the meaning of inputs and outputs. It is bound to every proof and decides nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Presentation {
    /// Logit of the output integer 1.
    pub(crate) output_scale: f64,
    /// Names of the outputs; may be empty.
    pub(crate) labels: Vec<String>,
    /// How inputs become integers, in the encoding of whoever reads images.
    pub(crate) preprocessing: Vec<u8>,
}

impl Presentation {
    /// Of a circuit by hand: integers that mean themselves.
    #[cfg_attr(not(feature = "prover"), allow(dead_code))]
    pub(crate) fn plain() -> Self {
        Self { output_scale: 1.0, labels: Vec::new(), preprocessing: Vec::new() }
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        let bytes = postcard::to_allocvec(self).expect("plain data in memory");
        digest("convince/presentation/v1", &[&bytes])
    }

    pub(crate) fn validate(&self, outputs: usize) -> Result<(), KeyError> {
        if !(self.output_scale.is_finite() && self.output_scale > 0.0) {
            return Err(KeyError::Inconsistent("the output scale is not a positive number"));
        }
        if !self.labels.is_empty() && self.labels.len() != outputs {
            return Err(KeyError::Inconsistent("there are not as many labels as outputs"));
        }
        Ok(())
    }
}

/// The weights that a key is for.
pub(crate) enum KeyWeights {
    Committed(ModelCommitment),
    Public { weights: Vec<Arc<Ints>>, digest: [u8; 32] },
}

impl KeyWeights {
    /// Public weights, in the order of the circuit's wires.
    pub(crate) fn public(circuit: &Circuit, weights: Vec<Arc<Ints>>) -> Self {
        let digest = public_digest(&formats(circuit), &weights);
        Self::Public { weights, digest }
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        match self {
            Self::Committed(commitment) => commitment.digest(),
            Self::Public { digest, .. } => *digest,
        }
    }

    fn rows(&self) -> &[Row] {
        match self {
            Self::Committed(commitment) => commitment.rows(),
            Self::Public { .. } => &[],
        }
    }
}

/// A model that a verifier has checked, with all that verifying needs.
///
/// It exists only by [`Self::from_bytes`], which checks everything in this process, or by setup. `Send + Sync`.
pub struct VerifyingKey {
    circuit: Circuit,
    width: usize,
    frame: Frame,
    splits: Vec<Split>,
    weights: KeyWeights,
    params: Params,
    presentation: Presentation,
    presentation_digest: [u8; 32],
    model_digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
enum StoredWeights {
    Committed { rows: Vec<u8>, proofs: Vec<Vec<u8>> },
    Public(Vec<Arc<Ints>>),
}

#[derive(Serialize, Deserialize)]
struct Payload {
    circuit: Vec<u8>,
    width: u64,
    weights: StoredWeights,
    presentation: Presentation,
}

impl VerifyingKey {
    /// Of weights that have been checked.
    pub(crate) fn new(
        circuit: Circuit,
        width: usize,
        weights: KeyWeights,
        presentation: Presentation,
    ) -> Result<Self, KeyError> {
        let params = Scheme::params(width)?;
        if let KeyWeights::Committed(commitment) = &weights
            && (commitment.formats() != formats(&circuit) || commitment.width() != width)
        {
            return Err(KeyError::Inconsistent("the commitment is not to weights of this network's shapes"));
        }
        let splits = splits(&circuit, WireKind::Weight, width);
        let classes = circuit.arg_max().map(|layer| layer.shape[1]);
        presentation.validate(classes.unwrap_or_else(|| circuit.shape(circuit.output())[1..].iter().product()))?;
        let (frame, presentation_digest) = (Frame::new(&circuit, width), presentation.digest());
        let model_digest = weights.digest();
        Ok(Self { circuit, width, frame, splits, weights, params, presentation, presentation_digest, model_digest })
    }

    /// Reads and checks a key file as the hostile input it may be: the circuit is built again with all its checks, every
    /// commitment is checked to be a point of the group, and private weights' range proof is verified. About 0.1 ms a row and 30 ms a
    /// million weights. Knows no custom layers.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::from_bytes_with(bytes, &LayerRegistry::new())
    }

    /// [`Self::from_bytes`] for keys of circuits with custom layers, which the registry makes: the verifier trusts its code as it
    /// trusts this crate's.
    ///
    /// # Errors
    /// [`KeyError`], among them [`CircuitError::UnknownLayer`](convince_circuit::CircuitError::UnknownLayer) by the layer's id.
    pub fn from_bytes_with(bytes: &[u8], registry: &LayerRegistry) -> Result<Self, KeyError> {
        read_sealed(Kind::VerifierKey, bytes, |payload| Self::from_payload(payload, registry))
    }

    fn from_payload(payload: &[u8], registry: &LayerRegistry) -> Result<Self, KeyError> {
        let payload: Payload = decode_payload(payload)?;
        let circuit = Circuit::from_bytes_with(&payload.circuit, registry)?;
        let width = usize::try_from(payload.width).unwrap_or(usize::MAX);
        // Refuses a width of zero, and one beyond the generators, before anything is cut by it.
        Scheme::params(width)?;
        let weights = match payload.weights {
            StoredWeights::Committed { rows, proofs } => {
                KeyWeights::Committed(ModelCommitment::verified(formats(&circuit), width, &rows, proofs)?)
            }
            StoredWeights::Public(weights) => {
                check_weights(&circuit, &weights).map_err(|e| KeyError::Encoding(e.to_string()))?;
                KeyWeights::public(&circuit, weights)
            }
        };
        Self::new(circuit, width, weights, payload.presentation)
    }

    /// The key's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = Payload {
            circuit: self.circuit.to_bytes(),
            width: self.width as u64,
            weights: match &self.weights {
                KeyWeights::Committed(commitment) => StoredWeights::Committed {
                    rows: Scheme::rows_to_bytes(commitment.rows()),
                    proofs: commitment.proofs().to_vec(),
                },
                KeyWeights::Public { weights, .. } => StoredWeights::Public(weights.clone()),
            },
            presentation: self.presentation.clone(),
        };
        seal(Kind::VerifierKey, &postcard::to_allocvec(&payload).expect("plain data in memory"))
    }

    /// The circuit that proofs are about.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Whether proofs reveal labels alone, and no value of the output.
    pub fn reveals_labels_only(&self) -> bool {
        self.circuit.arg_max().is_some()
    }

    /// Number of images that every proof is about.
    pub fn batch(&self) -> usize {
        self.circuit.wire(self.circuit.input()).shape[0]
    }

    /// Columns of the commitment's matrices.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of commitments to rows of weights.
    pub fn num_rows(&self) -> usize {
        self.weights.rows().len()
    }

    /// Number of commitments to rows of advice that every proof carries.
    pub fn num_advice_rows(&self) -> usize {
        self.frame.num_advice_rows()
    }

    /// The commitment to the weights and its range proof; none if they are public.
    pub fn weights_commitment(&self) -> Option<&ModelCommitment> {
        match &self.weights {
            KeyWeights::Committed(commitment) => Some(commitment),
            KeyWeights::Public { .. } => None,
        }
    }

    /// The model: a hash over every weight wire's shape, range and row commitments, or over the integers of public weights.
    pub fn model_commitment(&self) -> [u8; 32] {
        self.model_digest
    }

    /// Hash of all that the model commitment does not cover: the circuit (shapes, shifts, tables, limbs), the width, the
    /// meaning of inputs and outputs. Two keys with equal commitments and equal networks accept the same proofs.
    pub fn network_digest(&self) -> [u8; 32] {
        let width = (self.width as u64).to_le_bytes();
        digest("convince/network/v1", &[&self.circuit.digest(), &self.presentation_digest, &width])
    }

    /// What is known of the weights.
    pub fn status(&self) -> ModelStatus {
        match self.weights {
            KeyWeights::Committed(_) => ModelStatus::RangeProven,
            KeyWeights::Public { .. } => ModelStatus::Public,
        }
    }

    /// Logit of the output integer 1.
    pub fn output_scale(&self) -> f64 {
        self.presentation.output_scale
    }

    /// Names of the outputs; may be empty.
    pub fn labels(&self) -> &[String] {
        &self.presentation.labels
    }

    /// How inputs become integers, as setup was given it.
    pub fn preprocessing(&self) -> &[u8] {
        &self.presentation.preprocessing
    }

    /// Bytes of a hiding proof's messages.
    pub(crate) fn message_bytes(&self) -> usize {
        let counts = self.frame.counts;
        let rows = Scheme::ROW_BYTES * self.num_advice_rows();
        rows + counts.messages * Field::BYTES + counts.closing_size(self.width).0
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// A verifier of a statement about this model.
    pub(crate) fn verifier<'a>(&'a self, statement: &'a Statement<'a>) -> Verifier<'a> {
        let circuit = &self.circuit;
        let weights = circuit.wires_of(WireKind::Weight);
        let (mut committed, mut public) = (Vec::new(), Vec::new());
        match &self.weights {
            KeyWeights::Committed(commitment) => {
                committed.extend(weights.zip(with_rows(&self.splits, commitment.rows())));
            }
            KeyWeights::Public { weights: values, .. } => {
                public.extend(weights.zip(values).map(|(id, values)| (id, values.as_slice())));
            }
        }
        match statement.input {
            Part::Public(values) => public.push((circuit.input(), values.as_slice())),
            Part::Private(rows) => {
                committed.push((circuit.input(), WireCommitment { split: &self.frame.input_split, rows }))
            }
        }
        let output = match statement.output {
            Part::Public(values) => Some(values),
            Part::Private(rows) => {
                let split = &self.frame.output_split;
                committed.push((circuit.output().wire, WireCommitment { split, rows }));
                None
            }
        };
        let setting = Setting { circuit, params: &self.params, frame: &self.frame };
        Verifier { setting, committed, public, output }
    }

    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding {
            circuit: &self.circuit,
            width: self.width,
            model_digest: &self.model_digest,
            presentation_digest: &self.presentation_digest,
        }
    }
}

/// What `read` makes of the payload of a key's file, while another thread compares the checksum. Of a damaged file that is what is
/// said, whatever `read` found.
pub(crate) fn read_sealed<'a, T: Send>(
    kind: Kind,
    bytes: &'a [u8],
    read: impl FnOnce(&'a [u8]) -> Result<T, KeyError> + Send,
) -> Result<T, KeyError> {
    let sealed = Sealed::of(kind, bytes)?;
    let (intact, read) = parallel::join(|| sealed.check(), || read(sealed.payload));
    intact?;
    read
}

/// The payload of a sealed file, which must be all there is.
pub(crate) fn decode<'a, T: Deserialize<'a>>(kind: Kind, bytes: &'a [u8]) -> Result<T, KeyError> {
    decode_payload(open(kind, bytes)?)
}

/// [`decode`] behind the container.
pub(crate) fn decode_payload<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, KeyError> {
    match postcard::take_from_bytes(payload).map_err(|e| KeyError::Encoding(e.to_string()))? {
        (payload, []) => Ok(payload),
        (_, rest) => Err(KeyError::Encoding(format!("{} bytes are left over", rest.len()))),
    }
}
