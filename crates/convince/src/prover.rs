use std::sync::Arc;

use convince_circuit::{Circuit, LayerRegistry, WireKind, Witness, WitnessError, check_weights};
use convince_field::Ints;
use convince_lower::{LowerError, Lowered, Strategies, lower_with};
use convince_model::{Model, ModelError};
use convince_pcs::{CommitmentScheme, Split};
use convince_transcript::PlainProver;
use convince_transcript::container::{Kind, seal};
use rand::rngs::OsRng;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::key::{Presentation, decode};
use crate::protocol::{Binding, Scheme, Statement, num_rows, run_prover, splits};
use crate::{KeyError, Proof, VerifyingKey, estimate};

/// Why a model cannot be set up.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SetupError {
    /// The model is not valid.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model has no circuit.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The weights do not fit the circuit.
    #[error(transparent)]
    Weights(#[from] WitnessError),
    /// The key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a proof could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The input does not fit the network.
    #[error("input: {0}")]
    Input(#[from] WitnessError),
}

/// A seed that makes blinds predictable: for tests and golden vectors only. A proof made with one hides nothing.
#[derive(Clone, Copy, Debug)]
pub struct TestSeed(pub [u8; 32]);

/// The stages of a proof, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Running the network and laying out the advice.
    Witness,
    /// Committing to the advice.
    Commit,
    /// Lookups, zero-checks and waves.
    Reduce,
    /// Opening all claims.
    Open,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 4] = [Self::Witness, Self::Commit, Self::Reduce, Self::Open];

    /// A lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Commit => "commit",
            Self::Reduce => "reduce",
            Self::Open => "open",
        }
    }
}

/// What a proof is made with, beside key and input.
#[derive(Clone, Copy, Default)]
pub struct ProveOptions<'a> {
    /// The verifier's nonce; may be empty.
    pub nonce: &'a [u8],
    /// Leaves the input out of the proof file, so that the verifier must have it from elsewhere.
    pub detach_input: bool,
    /// Hears when a phase begins.
    pub progress: Option<&'a dyn Fn(Phase)>,
    /// Predictable blinds, for tests.
    pub seed: Option<TestSeed>,
}

/// A model with the secrets of its commitment. Whoever has it can prove, and sees the weights. `Send + Sync`.
pub struct ProvingKey {
    pub(crate) lowered: Lowered,
    pub(crate) width: usize,
    pub(crate) params: <Scheme as CommitmentScheme>::Params,
    pub(crate) weight_splits: Vec<Split>,
    pub(crate) blinds: Vec<<Scheme as CommitmentScheme>::Blind>,
    /// None for a circuit by hand.
    model: Option<(Model, Strategies)>,
    seed: Zeroizing<[u8; 32]>,
    model_digest: [u8; 32],
    presentation_digest: [u8; 32],
}

/// What keys are made with, beside the model.
#[derive(Clone, Copy, Debug, Default)]
pub struct SetupOptions {
    /// How layers are proven, where there is a choice, and what of the output is public. Proofs under different strategies verify under their own keys only.
    pub strategies: Strategies,
    /// Predictable blinds, for tests.
    pub seed: Option<TestSeed>,
}

/// What a key's circuit and weights are made from.
#[derive(Serialize, Deserialize)]
enum Source {
    Model { model: Vec<u8>, strategies: Strategies },
    Circuit { circuit: Vec<u8>, weights: Vec<Arc<Ints>> },
}

#[derive(Serialize, Deserialize)]
struct Payload {
    source: Source,
    width: u64,
    seed: [u8; 32],
    model_digest: [u8; 32],
}

/// Commits to a model's weights, with fresh blinds, and makes both keys. Some 0.4 µs a weight.
///
/// Keys of a model whose graph takes a batch ([`Graph::with_batch`](convince_model::Graph::with_batch)) are for proofs about so many
/// images at once.
///
/// # Errors
/// [`SetupError`].
pub fn setup(model: &Model) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_with(model, &SetupOptions::default())
}

/// [`setup`] with predictable blinds.
///
/// # Errors
/// [`SetupError`].
pub fn setup_seeded(model: &Model, seed: TestSeed) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_with(model, &SetupOptions { seed: Some(seed), ..SetupOptions::default() })
}

/// [`setup`] with options.
///
/// # Errors
/// [`SetupError`].
pub fn setup_with(model: &Model, options: &SetupOptions) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    model.validate()?;
    let lowered = lower_with(&model.graph, options.strategies)?;
    let seed = options.seed.unwrap_or_else(fresh_seed);
    setup_lowered(Some((model.clone(), options.strategies)), lowered, seed.0)
}

fn fresh_seed() -> TestSeed {
    let mut seed = [0; 32];
    OsRng.fill_bytes(&mut seed);
    TestSeed(seed)
}

/// [`setup`] for a circuit by hand: commits to its weights, one tensor a weight wire in the order of [`Circuit::wires_of`]. The
/// output's integers mean themselves and have no labels.
///
/// # Errors
/// [`SetupError::Weights`], [`SetupError::Key`].
pub fn setup_circuit(circuit: Circuit, weights: Vec<Arc<Ints>>) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_circuit_seeded(circuit, weights, fresh_seed())
}

/// [`setup_circuit`] with predictable blinds.
///
/// # Errors
/// As [`setup_circuit`].
pub fn setup_circuit_seeded(
    circuit: Circuit,
    weights: Vec<Arc<Ints>>,
    seed: TestSeed,
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_lowered(None, by_hand(circuit, weights)?, seed.0)
}

fn by_hand(circuit: Circuit, weights: Vec<Arc<Ints>>) -> Result<Lowered, WitnessError> {
    check_weights(&circuit, &weights)?;
    let layer_names = circuit.layers().iter().map(|layer| layer.name().into()).collect();
    Ok(Lowered { circuit, weights, layer_names })
}

fn setup_lowered(
    model: Option<(Model, Strategies)>,
    lowered: Lowered,
    seed: [u8; 32],
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    let width = estimate::width(&lowered.circuit);
    let mut proving = ProvingKey::assemble(model, lowered, width, seed, [0; 32])?;
    let rows: Vec<_> = proving
        .weight_splits
        .iter()
        .zip(&proving.lowered.weights)
        .flat_map(|(split, values)| split.rows(values.as_slice()))
        .collect();
    let commitments = Scheme::commit(&proving.params, &rows, &proving.blinds);
    let verifying =
        VerifyingKey::new(proving.lowered.circuit.clone(), width, commitments, presentation(proving.model()))?;
    proving.model_digest = verifying.model_commitment();
    Ok((proving, verifying))
}

fn presentation(model: Option<&Model>) -> Presentation {
    let of_model = |model: &Model| Presentation {
        output_scale: model.output_scale,
        labels: model.labels.clone(),
        preprocessing: postcard::to_allocvec(&model.preprocessing).expect("plain data in memory"),
    };
    model.map_or_else(Presentation::plain, of_model)
}

impl ProvingKey {
    fn assemble(
        model: Option<(Model, Strategies)>,
        lowered: Lowered,
        width: usize,
        seed: [u8; 32],
        model_digest: [u8; 32],
    ) -> Result<Self, KeyError> {
        let weight_splits = splits(&lowered.circuit, WireKind::Weight, width);
        let mut rng = ChaCha20Rng::from_seed(seed);
        let blinds = Scheme::blinds(num_rows(&weight_splits), &mut rng);
        let params = Scheme::params(width)?;
        let presentation_digest = presentation(model.as_ref().map(|(model, _)| model)).digest();
        let seed = Zeroizing::new(seed);
        Ok(Self { lowered, width, params, weight_splits, blinds, model, seed, model_digest, presentation_digest })
    }

    /// Reads a key file. Knows no custom layers.
    ///
    /// # Errors
    /// [`KeyError`]: damaged files, models that do not validate or have no circuit.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::from_bytes_with(bytes, &LayerRegistry::new())
    }

    /// [`Self::from_bytes`] for keys of circuits with custom layers, which the registry makes.
    ///
    /// # Errors
    /// As [`Self::from_bytes`].
    pub fn from_bytes_with(bytes: &[u8], registry: &LayerRegistry) -> Result<Self, KeyError> {
        let payload: Payload = decode(Kind::ProverKey, bytes)?;
        let (model, lowered) = match payload.source {
            Source::Model { model, strategies } => {
                let model = Model::from_bytes(&model).map_err(|e| KeyError::Encoding(e.to_string()))?;
                let lowered = lower_with(&model.graph, strategies).map_err(|e| KeyError::Encoding(e.to_string()))?;
                (Some((model, strategies)), lowered)
            }
            Source::Circuit { circuit, weights } => {
                let circuit = Circuit::from_bytes_with(&circuit, registry)?;
                (None, by_hand(circuit, weights).map_err(|e| KeyError::Encoding(e.to_string()))?)
            }
        };
        let width = usize::try_from(payload.width).unwrap_or(usize::MAX);
        Scheme::params(width)?;
        Self::assemble(model, lowered, width, payload.seed, payload.model_digest)
    }

    /// The key's file. It holds the weights and the seed of the blinds.
    pub fn to_bytes(&self) -> Vec<u8> {
        let source = match &self.model {
            Some((model, strategies)) => Source::Model { model: model.to_bytes(), strategies: *strategies },
            None => Source::Circuit { circuit: self.lowered.circuit.to_bytes(), weights: self.lowered.weights.clone() },
        };
        let payload = Payload { source, width: self.width as u64, seed: *self.seed, model_digest: self.model_digest };
        seal(Kind::ProverKey, &postcard::to_allocvec(&payload).expect("plain data in memory"))
    }

    /// Builds the tables that committing needs, which the first proof would build otherwise. Some tens of milliseconds.
    pub fn prepare(&self) {
        self.params.prepare();
    }

    /// The model; none for a circuit by hand.
    pub fn model(&self) -> Option<&Model> {
        self.model.as_ref().map(|(model, _)| model)
    }

    /// How the model's layers are proven; none for a circuit by hand.
    pub fn strategies(&self) -> Option<Strategies> {
        self.model.as_ref().map(|(_, strategies)| *strategies)
    }

    /// The circuit and its weights.
    pub fn lowered(&self) -> &Lowered {
        &self.lowered
    }

    /// The model commitment that proofs refer to.
    pub fn model_commitment(&self) -> [u8; 32] {
        self.model_digest
    }

    /// Columns of the commitment's matrices.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows of weights.
    pub fn num_rows(&self) -> usize {
        self.blinds.len()
    }

    fn binding(&self) -> Binding<'_> {
        Binding {
            circuit: &self.lowered.circuit,
            width: self.width,
            model_digest: &self.model_digest,
            presentation_digest: &self.presentation_digest,
        }
    }

    /// Proves whatever a witness says, honest or not: experiments and forgeries. The witness's input and output wires are the
    /// statement, and the proof verifies only if the witness satisfies the circuit.
    pub fn prove_witness(&self, witness: &Witness, options: &ProveOptions<'_>) -> Proof {
        let circuit = &self.lowered.circuit;
        let ints = |values: convince_field::IntSlice<'_>| Ints::I32(values.iter().map(|v| v as i32).collect());
        let input = ints(witness.wire(circuit.input()));
        let output = ints(witness.tensor(circuit, circuit.output()));
        let statement = Statement { input: &input, output: &output, nonce: options.nonce };
        let mut channel = PlainProver::new(self.binding().transcript(&statement));
        let mut rng = match options.seed {
            Some(seed) => ChaCha20Rng::from_seed(seed.0),
            None => ChaCha20Rng::from_entropy(),
        };
        run_prover(self, witness, &mut rng, &mut channel, &|phase| report(options, phase));
        Proof::assemble(circuit, (!options.detach_input).then_some(&input), &output, &channel.finish())
    }
}

/// Runs the network on an input and proves it.
///
/// # Errors
/// [`ProveError`]: an input of the wrong length or with values outside the network's input format.
pub fn prove(key: &ProvingKey, input: &[i32], options: &ProveOptions<'_>) -> Result<Proof, ProveError> {
    report(options, Phase::Witness);
    let witness = key.lowered.witness(input)?;
    Ok(key.prove_witness(&witness, options))
}

fn report(options: &ProveOptions<'_>, phase: Phase) {
    if let Some(progress) = options.progress {
        progress(phase);
    }
}
