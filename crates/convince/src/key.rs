use convince_circuit::{Circuit, LayerRegistry, WireKind};
use convince_pcs::{CommitmentScheme, Split};
use convince_transcript::container::{Kind, open, seal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::KeyError;
use crate::protocol::{Binding, Scheme, digest, num_rows, splits};

/// What is known of the weights under a model commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelStatus {
    /// The integers are public; the verifier evaluates them itself.
    Public,
    /// Every weight and bias is proven to be of its declared format.
    RangeProven,
    /// The weights are assumed to be of their formats; whoever made the commitment could have cheated.
    Assumed,
}

impl std::fmt::Display for ModelStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::RangeProven => "range-proven",
            Self::Assumed => "assumed (weights are committed, but not range-proven)",
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

/// A model that a verifier has checked, with all that verifying needs.
///
/// It exists only by [`Self::from_bytes`], which checks everything in this process, or by setup. `Send + Sync`.
pub struct VerifyingKey {
    circuit: Circuit,
    width: usize,
    splits: Vec<Split>,
    rows: Vec<<Scheme as CommitmentScheme>::Row>,
    params: <Scheme as CommitmentScheme>::Params,
    presentation: Presentation,
    model_digest: [u8; 32],
    presentation_digest: [u8; 32],
    status: ModelStatus,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    circuit: Vec<u8>,
    width: u64,
    rows: Vec<u8>,
    presentation: Presentation,
}

impl VerifyingKey {
    pub(crate) fn new(
        circuit: Circuit,
        width: usize,
        rows: Vec<<Scheme as CommitmentScheme>::Row>,
        presentation: Presentation,
    ) -> Result<Self, KeyError> {
        let params = Scheme::params(width)?;
        let splits = splits(&circuit, WireKind::Weight, width);
        let classes = circuit.arg_max().map(|layer| layer.shape[1]);
        presentation.validate(classes.unwrap_or_else(|| circuit.shape(circuit.output())[1..].iter().product()))?;
        let model_digest = model_digest(&circuit, width, &rows);
        let presentation_digest = presentation.digest();
        let status = ModelStatus::Assumed;
        Ok(Self { circuit, width, splits, rows, params, presentation, model_digest, presentation_digest, status })
    }

    /// Reads and checks a key file as the hostile input it may be: the circuit is built again with all its checks, every
    /// commitment is checked to be a point of the group. About 0.1 ms a row. Knows no custom layers.
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
        let payload: Payload = decode(Kind::VerifierKey, bytes)?;
        let circuit = Circuit::from_bytes_with(&payload.circuit, registry)?;
        let width = usize::try_from(payload.width).unwrap_or(usize::MAX);
        // Refuses a width of zero, and one beyond the generators, before anything is cut by it.
        Scheme::params(width)?;
        let count = num_rows(&splits(&circuit, WireKind::Weight, width));
        let rows = Scheme::rows_from_bytes(count, &payload.rows)?;
        Self::new(circuit, width, rows, payload.presentation)
    }

    /// The key's file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = Payload {
            circuit: self.circuit.to_bytes(),
            width: self.width as u64,
            rows: Scheme::rows_to_bytes(&self.rows),
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
        self.rows.len()
    }

    /// Number of commitments to rows of advice that every proof carries.
    pub fn num_advice_rows(&self) -> usize {
        num_rows(&splits(&self.circuit, WireKind::Advice, self.width))
    }

    /// The model commitment: a hash over every model wire's id, shape, range, cut and row commitments.
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
        self.status
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

    pub(crate) fn rows(&self) -> &[<Scheme as CommitmentScheme>::Row] {
        &self.rows
    }

    pub(crate) fn weight_splits(&self) -> &[Split] {
        &self.splits
    }

    pub(crate) fn params(&self) -> &<Scheme as CommitmentScheme>::Params {
        &self.params
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

/// The payload of a sealed key file, which must be all there is.
pub(crate) fn decode<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, KeyError> {
    let decoded = postcard::take_from_bytes(open(kind, bytes)?);
    match decoded.map_err(|e| KeyError::Encoding(e.to_string()))? {
        (payload, []) => Ok(payload),
        (_, rest) => Err(KeyError::Encoding(format!("{} bytes are left over", rest.len()))),
    }
}

fn model_digest(circuit: &Circuit, width: usize, rows: &[<Scheme as CommitmentScheme>::Row]) -> [u8; 32] {
    let wires: Vec<_> = circuit.wires_of(WireKind::Weight).map(|id| (id, circuit.wire(id))).collect();
    let layout = postcard::to_allocvec(&wires).expect("plain data in memory");
    // The cut of every wire follows from its shape and the width.
    let parts = [&layout, &(width as u64).to_le_bytes()[..], &Scheme::rows_to_bytes(rows)];
    digest("convince/model/v1", &parts)
}
