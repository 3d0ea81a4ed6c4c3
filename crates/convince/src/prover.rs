use std::borrow::Cow;
use std::sync::Arc;

use convince_circuit::{Circuit, LayerRegistry, WireId, WireKind, Witness, WitnessError, check_weights};
use convince_field::{IntSlice, Ints};
use convince_lower::{LowerError, Lowered, Strategies, lower_inferred, lower_with};
use convince_model::{Model, ModelError};
use convince_pcs::{CommitmentScheme, CommittedWire, Split};
use convince_transcript::PlainProver;
use convince_transcript::container::{Kind, seal};
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use tracing::span::EnteredSpan;
use tracing::{debug_span, info_span};
use zeroize::Zeroizing;

use crate::key::{KeyWeights, Presentation, decode_payload, read_sealed};
use crate::proof::{HeadPart, input_ints};
use crate::protocol::{
    Binding, Blind, Frame, Mode, Params, Prover, Row, Scheme, Setting, Statement, ints, num_rows, splits, with_blinds,
};
use crate::tensor::{Format, TensorCommitment, TensorOpening, input_format, output_format};
use crate::weights::{ModelCommitment, ModelSecret, Weights, blinds, formats};
use crate::{KeyError, Proof, VerifyError, VerifyingKey, estimate};

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
    /// The commitment given is not to this model under this secret.
    #[error("the model commitment is not to this model's weights under this secret")]
    OtherCommitment,
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
    /// The opening given is of another input, or was made for another key.
    #[error("the opening is not of a commitment to this input under this key")]
    Opening,
    /// No way of proving takes as little memory as was allowed.
    #[error("such a proof may take {:.1} MB of memory, made in the way that takes the least; the budget is {:.1} MB", mb_up(.least), mb(.budget))]
    Memory {
        /// Bytes allowed.
        budget: u64,
        /// The least budget that is taken.
        least: u64,
    },
    /// The key's inputs are public, and a commitment's opening was given.
    #[error("this key's inputs are public: nothing commits to them")]
    PublicInput,
}

fn mb(bytes: &u64) -> f64 {
    1e-6 * *bytes as f64
}

/// Not less than it is, when it is printed with one decimal: who is told this number can give it back.
fn mb_up(bytes: &u64) -> f64 {
    bytes.div_ceil(100_000) as f64 / 10.0
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

    /// Says that the phase begins; its span ends with what is returned.
    pub(crate) fn begin(self, progress: &dyn Fn(Self)) -> EnteredSpan {
        progress(self);
        let span = match self {
            Self::Witness => info_span!("witness"),
            Self::Commit => info_span!("commit"),
            Self::Reduce => info_span!("reduce"),
            Self::Open => info_span!("open"),
        };
        span.entered()
    }
}

/// What a proof is made with, beside key and input.
#[derive(Clone, Copy, Default)]
pub struct ProveOptions<'a> {
    /// The verifier's nonce; may be empty.
    pub nonce: &'a [u8],
    /// Leaves the input out of the proof file, so that the verifier must have it from elsewhere.
    pub detach_input: bool,
    /// How messages are sent.
    pub mode: Mode,
    /// The opening of a commitment to the input, made before; a private input is committed to afresh without one.
    pub input_opening: Option<&'a TensorOpening>,
    /// Bytes that the process may take, if it does nothing but read a key and prove: levels of the lookups' tree are recomputed rather
    /// than kept where that is needed, some tenths of a proof's time. What each way takes is predicted, with what processes were seen
    /// to take at most, which is some tenths more than [`estimate`](crate::estimate::estimate) says. The fast way without a budget.
    /// The proof is the same.
    pub memory_budget: Option<u64>,
    /// Hears when a phase begins.
    pub progress: Option<&'a dyn Fn(Phase)>,
    /// Predictable blinds, for tests.
    pub seed: Option<TestSeed>,
}

/// The openings of a proof's private input and output: who made the proof keeps them, or shows them to whom it will.
#[derive(Clone, Debug, Default)]
pub struct Openings {
    /// Of the input, if it is private.
    pub input: Option<TensorOpening>,
    /// Of the output, if it is private.
    pub output: Option<TensorOpening>,
}

/// The blinds of a private input's and output's rows.
pub(crate) struct OpeningBlinds {
    input: Zeroizing<Vec<Blind>>,
    output: Zeroizing<Vec<Blind>>,
}

impl Openings {
    /// Fresh ones for a witness, but for an input that is committed already.
    fn new(
        key: &ProvingKey,
        witness: &Witness,
        input: Option<&TensorOpening>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let circuit = &key.lowered.circuit;
        let mut fresh = |format: Format, values: IntSlice<'_>| {
            let mut seed = Zeroizing::new([0; 32]);
            rng.fill_bytes(&mut *seed);
            TensorOpening::new(format, values.to_ints(), *seed)
        };
        let given = input.cloned();
        let input = circuit
            .input_is_private()
            .then(|| given.unwrap_or_else(|| fresh(input_format(circuit, key.width), witness.wire(circuit.input()))));
        let output = circuit
            .output_is_private()
            .then(|| fresh(output_format(circuit, key.width), witness.wire(circuit.output().wire)));
        Self { input, output }
    }

    pub(crate) fn blinds(&self) -> OpeningBlinds {
        let of = |opening: &Option<TensorOpening>| opening.as_ref().map(TensorOpening::blinds).unwrap_or_default();
        OpeningBlinds { input: of(&self.input), output: of(&self.output) }
    }
}

/// A model with the secrets of its commitment. Whoever has it can prove, and sees the weights. `Send + Sync`.
pub struct ProvingKey {
    pub(crate) lowered: Lowered,
    pub(crate) width: usize,
    pub(crate) params: Params,
    pub(crate) weight_splits: Vec<Split>,
    pub(crate) frame: Frame,
    /// Of the rows of private weights; none if they are public.
    pub(crate) blinds: Zeroizing<Vec<Blind>>,
    public_weights: bool,
    /// None for a circuit by hand.
    model: Option<(Model, Strategies)>,
    seed: Zeroizing<[u8; 32]>,
    model_digest: [u8; 32],
    presentation_digest: [u8; 32],
}

/// What keys are made with, beside the model.
#[derive(Clone, Copy, Default)]
pub struct SetupOptions<'a> {
    /// How layers are proven, where there is a choice, and what of input and output is public. Proofs under different strategies
    /// verify under their own keys only.
    pub strategies: Strategies,
    /// Whether the verifying key holds the weights, in place of a commitment to them: its owner then evaluates them in every
    /// verification, some 3 ns a weight.
    pub public_weights: bool,
    /// A commitment to the weights made before, with its secret; they are committed to afresh without one.
    pub commitment: Option<(&'a ModelCommitment, &'a ModelSecret)>,
    /// Hears how many slices of the weights' range proof are done, and how many there are.
    pub progress: Option<&'a dyn Fn(usize, usize)>,
    /// Predictable blinds, for tests.
    pub seed: Option<TestSeed>,
}

/// What a key's circuit and weights are made from.
#[derive(Serialize, Deserialize)]
enum Source<'a> {
    /// The model's payload, lent by the file that is read.
    Model {
        #[serde(borrow, with = "serde_bytes")]
        model: Cow<'a, [u8]>,
        strategies: Strategies,
    },
    Circuit {
        circuit: Vec<u8>,
        weights: Vec<Arc<Ints>>,
    },
}

#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    source: Source<'a>,
    width: u64,
    public_weights: bool,
    seed: [u8; 32],
    model_digest: [u8; 32],
}

/// Commits to a model's weights, with fresh blinds, proves that they are in range, and makes both keys. Some 2 µs a weight.
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
pub fn setup_with(model: &Model, options: &SetupOptions<'_>) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    model.validate()?;
    let lowered = lower_with(&model.graph, options.strategies)?;
    setup_lowered(Some((model.clone(), options.strategies)), lowered, options)
}

/// Commits to a model's weights, without keys: the commitment, with the proof that the weights are of their formats, and its
/// secret. Some 2 µs a weight.
///
/// Keys for any batch and any strategies are then made by [`setup_with`] with [`SetupOptions::commitment`]; of the options given
/// here only `progress` and `seed` count.
///
/// # Errors
/// [`SetupError`].
pub fn commit_model(model: &Model, options: &SetupOptions<'_>) -> Result<(ModelCommitment, ModelSecret), SetupError> {
    model.validate()?;
    let lowered = lower_with(&model.graph, Strategies::default())?;
    let (seed, width) = (options.seed.unwrap_or_else(fresh_seed), estimate::width(&lowered.circuit));
    commit_weights(&lowered, width, seed.0, options)
}

fn commit_weights(
    lowered: &Lowered,
    width: usize,
    seed: [u8; 32],
    options: &SetupOptions<'_>,
) -> Result<(ModelCommitment, ModelSecret), SetupError> {
    let params = Scheme::params(width).map_err(KeyError::from)?;
    let formats = formats(&lowered.circuit);
    let blinds = blinds(num_rows(&splits(&lowered.circuit, WireKind::Weight, width)), seed);
    let weights = Weights { weights: &lowered.weights, blinds: &blinds };
    let silent = |_: usize, _: usize| ();
    let progress = options.progress.unwrap_or(&silent);
    let commitment = match options.seed {
        Some(_) => {
            let mut rng = ChaCha20Rng::from_seed(seed);
            // Apart from the blinds of the rows.
            rng.set_stream(1);
            ModelCommitment::make(formats, width, &params, &weights, &mut rng, progress)?
        }
        None => ModelCommitment::make(formats, width, &params, &weights, &mut OsRng, progress)?,
    };
    let secret = ModelSecret::new(seed, commitment.digest());
    Ok((commitment, secret))
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
    setup_circuit_with(circuit, weights, &SetupOptions::default())
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
    setup_circuit_with(circuit, weights, &SetupOptions { seed: Some(seed), ..SetupOptions::default() })
}

/// [`setup_circuit`] with options, of which the strategies do not count.
///
/// # Errors
/// As [`setup_circuit`].
pub fn setup_circuit_with(
    circuit: Circuit,
    weights: Vec<Arc<Ints>>,
    options: &SetupOptions<'_>,
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    setup_lowered(None, by_hand(circuit, weights)?, options)
}

fn by_hand(circuit: Circuit, weights: Vec<Arc<Ints>>) -> Result<Lowered, WitnessError> {
    check_weights(&circuit, &weights)?;
    let layer_names = circuit.layers().iter().map(|layer| layer.name().into()).collect();
    Ok(Lowered { circuit, weights, layer_names })
}

fn setup_lowered(
    model: Option<(Model, Strategies)>,
    lowered: Lowered,
    options: &SetupOptions<'_>,
) -> Result<(ProvingKey, VerifyingKey), SetupError> {
    let (weights, width, seed) = match (options.public_weights, options.commitment) {
        (true, _) => {
            let weights = KeyWeights::public(&lowered.circuit, lowered.weights.clone());
            (weights, estimate::width(&lowered.circuit), [0; 32])
        }
        (false, Some((commitment, secret))) => {
            (KeyWeights::Committed(commitment.clone()), commitment.width(), secret.seed())
        }
        (false, None) => {
            let (width, seed) = (estimate::width(&lowered.circuit), options.seed.unwrap_or_else(fresh_seed));
            let (commitment, _) = commit_weights(&lowered, width, seed.0, options)?;
            (KeyWeights::Committed(commitment), width, seed.0)
        }
    };
    let proving = ProvingKey::assemble(model, lowered, width, options.public_weights, seed, weights.digest())?;
    if let (KeyWeights::Committed(commitment), Some(_)) = (&weights, options.commitment)
        && (commitment.formats() != formats(&proving.lowered.circuit) || proving.commit() != commitment.rows())
    {
        return Err(SetupError::OtherCommitment);
    }
    let verifying = VerifyingKey::new(proving.lowered.circuit.clone(), width, weights, presentation(proving.model()))?;
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
        public_weights: bool,
        seed: [u8; 32],
        model_digest: [u8; 32],
    ) -> Result<Self, KeyError> {
        let params = Scheme::params(width)?;
        let weight_splits = splits(&lowered.circuit, WireKind::Weight, width);
        let rows = if public_weights { 0 } else { num_rows(&weight_splits) };
        let blinds = blinds(rows, seed);
        let frame = Frame::new(&lowered.circuit, width);
        let presentation_digest = presentation(model.as_ref().map(|(model, _)| model)).digest();
        let seed = Zeroizing::new(seed);
        Ok(Self {
            lowered,
            width,
            params,
            weight_splits,
            frame,
            blinds,
            public_weights,
            model,
            seed,
            model_digest,
            presentation_digest,
        })
    }

    /// The commitments to the weights' rows.
    fn commit(&self) -> Vec<Row> {
        let weights = self.lowered.weights.iter().map(|w| w.as_slice());
        let rows: Vec<_> = self.weight_splits.iter().zip(weights).flat_map(|(split, w)| split.rows(w)).collect();
        Scheme::commit(&self.params, &rows, &self.blinds)
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
        read_sealed(Kind::ProverKey, bytes, |payload| Self::from_payload(payload, registry))
    }

    fn from_payload(payload: &[u8], registry: &LayerRegistry) -> Result<Self, KeyError> {
        let payload: Payload<'_> = decode_payload(payload)?;
        let (model, lowered) = match payload.source {
            Source::Model { model, strategies } => {
                let (model, values) =
                    Model::from_payload_inferred(&model).map_err(|e| KeyError::Encoding(e.to_string()))?;
                let lowered = lower_inferred(&model.graph, &values, strategies);
                let lowered = lowered.map_err(|e| KeyError::Encoding(e.to_string()))?;
                (Some((model, strategies)), lowered)
            }
            Source::Circuit { circuit, weights } => {
                let circuit = Circuit::from_bytes_with(&circuit, registry)?;
                (None, by_hand(circuit, weights).map_err(|e| KeyError::Encoding(e.to_string()))?)
            }
        };
        let width = usize::try_from(payload.width).unwrap_or(usize::MAX);
        Scheme::params(width)?;
        Self::assemble(model, lowered, width, payload.public_weights, payload.seed, payload.model_digest)
    }

    /// The key's file. It holds the weights and the seed of the blinds.
    pub fn to_bytes(&self) -> Vec<u8> {
        let source = match &self.model {
            Some((model, strategies)) => Source::Model { model: model.to_payload().into(), strategies: *strategies },
            None => Source::Circuit { circuit: self.lowered.circuit.to_bytes(), weights: self.lowered.weights.clone() },
        };
        let payload = Payload {
            source,
            width: self.width as u64,
            public_weights: self.public_weights,
            seed: *self.seed,
            model_digest: self.model_digest,
        };
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

    /// Number of rows of committed weights.
    pub fn num_rows(&self) -> usize {
        self.blinds.len()
    }

    /// Whether verifiers have the weights.
    pub fn has_public_weights(&self) -> bool {
        self.public_weights
    }

    /// How many levels of the lookups' tree are not kept, so that a proof fits the budget: as few as possible.
    fn recomputed(&self, budget: Option<u64>) -> Result<usize, ProveError> {
        let Some(budget) = budget else { return Ok(0) };
        let bytes = |recomputed| estimate::most_memory_bytes(&self.lowered.circuit, self.width, recomputed);
        let least = bytes(estimate::MOST_RECOMPUTED);
        let levels = (0..=estimate::MOST_RECOMPUTED).find(|&recomputed| bytes(recomputed) <= budget);
        levels.ok_or(ProveError::Memory { budget, least })
    }

    /// A prover for a witness; the blinds are those of its private input and output.
    pub(crate) fn prover<'a>(
        &'a self,
        witness: &'a Witness,
        blinds: &'a OpeningBlinds,
        progress: &'a dyn Fn(Phase),
    ) -> Prover<'a> {
        let circuit = &self.lowered.circuit;
        let mut committed = Vec::new();
        if !self.public_weights {
            let values = circuit.wires_of(WireKind::Weight).map(|id| witness.wire(id));
            let wires = with_blinds(&self.weight_splits, values, &self.blinds);
            committed.extend(circuit.wires_of(WireKind::Weight).zip(wires));
        }
        let mut part = |private: bool, id: WireId, split, blinds| {
            if private {
                committed.push((id, CommittedWire { split, values: witness.wire(id), blinds }));
            }
        };
        part(circuit.input_is_private(), circuit.input(), &self.frame.input_split, &blinds.input);
        part(circuit.output_is_private(), circuit.output().wire, &self.frame.output_split, &blinds.output);
        Prover { setting: self.setting(), committed, witness, recomputed: 0, progress }
    }

    pub(crate) fn setting(&self) -> Setting<'_> {
        Setting { circuit: &self.lowered.circuit, params: &self.params, frame: &self.frame }
    }

    pub(crate) fn binding(&self) -> Binding<'_> {
        Binding {
            circuit: &self.lowered.circuit,
            width: self.width,
            model_digest: &self.model_digest,
            presentation_digest: &self.presentation_digest,
        }
    }

    /// Proves whatever a witness says, honest or not: experiments and forgeries. The witness's input and output wires are the
    /// statement, and the proof verifies only if the witness satisfies the circuit. A memory budget that is too small is kept to as
    /// nearly as can be.
    pub fn prove_witness(&self, witness: &Witness, options: &ProveOptions<'_>) -> Proof {
        self.prove_with_openings(witness, options).0
    }

    fn prove_with_openings(&self, witness: &Witness, options: &ProveOptions<'_>) -> (Proof, Openings) {
        match options.seed {
            Some(seed) => self.prove_with(witness, options, &mut ChaCha20Rng::from_seed(seed.0)),
            None => self.prove_with(witness, options, &mut OsRng),
        }
    }

    fn prove_with(
        &self,
        witness: &Witness,
        options: &ProveOptions<'_>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> (Proof, Openings) {
        let span = debug_span!("statement").entered();
        let circuit = &self.lowered.circuit;
        let openings = Openings::new(self, witness, options.input_opening, rng);
        let head = |opening: &Option<TensorOpening>, values: IntSlice<'_>| match opening {
            Some(opening) => HeadPart::Private(opening.commitment_with(&self.params)),
            None => HeadPart::Public(ints(values)),
        };
        let input = head(&openings.input, witness.wire(circuit.input()));
        let output = head(&openings.output, witness.tensor(circuit, circuit.output()));
        let statement = Statement { input: input.part(), output: output.part(), nonce: options.nonce };
        let clear = PlainProver::new(self.binding().transcript(&statement, options.mode));
        let blinds = openings.blinds();
        drop(span);
        let progress = |phase| report(options, phase);
        let recomputed = self.recomputed(options.memory_budget).unwrap_or(estimate::MOST_RECOMPUTED);
        let prover = Prover { recomputed, ..self.prover(witness, &blinds, &progress) };
        let messages = match options.mode {
            Mode::Hiding => prover.hiding(rng, clear).0.finish(),
            Mode::Plain => {
                let mut channel = clear;
                prover.plain(rng, &mut channel);
                channel.finish()
            }
        };
        let detached = options.detach_input && matches!(input, HeadPart::Public(_));
        let proof = Proof::assemble(circuit, options.mode, (!detached).then_some(&input), &output, &messages);
        (proof, openings)
    }
}

/// Runs the network on an input and proves it.
///
/// # Errors
/// [`ProveError`]: an input of the wrong length or with values outside the network's input format, a memory budget that is too
/// small.
pub fn prove(key: &ProvingKey, input: &[i32], options: &ProveOptions<'_>) -> Result<Proof, ProveError> {
    prove_with_openings(key, input, options).map(|(proof, _)| proof)
}

/// [`prove`], with the openings of what the proof leaves private.
///
/// # Errors
/// [`ProveError`]: as [`prove`], and an opening of another input's commitment.
pub fn prove_with_openings(
    key: &ProvingKey,
    input: &[i32],
    options: &ProveOptions<'_>,
) -> Result<(Proof, Openings), ProveError> {
    key.recomputed(options.memory_budget)?;
    let _span = info_span!("prove").entered();
    let phase = Phase::Witness.begin(&|phase| report(options, phase));
    let witness = key.lowered.witness(input)?;
    drop(phase);
    if let Some(opening) = options.input_opening {
        if !key.lowered.circuit.input_is_private() {
            return Err(ProveError::PublicInput);
        }
        if *opening.format() != input_format(&key.lowered.circuit, key.width) || opening.values() != input {
            return Err(ProveError::Opening);
        }
    }
    Ok(key.prove_with_openings(&witness, options))
}

/// Commits to an input of a key's network, so that proofs can be about it: anybody can, with the verifying key alone. Fresh
/// randomness unless a test gives a seed.
///
/// # Errors
/// [`VerifyError::Input`]: an input of the wrong length or with values outside the network's input format.
pub fn commit_input(
    key: &VerifyingKey,
    input: &[i32],
    seed: Option<TestSeed>,
) -> Result<(TensorCommitment, TensorOpening), VerifyError> {
    let circuit = key.circuit();
    let values: Vec<i64> = input.iter().map(|&v| v.into()).collect();
    let values = input_ints(circuit, &values)?;
    let opening = TensorOpening::new(input_format(circuit, key.width()), values, seed.unwrap_or_else(fresh_seed).0);
    Ok((opening.commitment_with(key.params()), opening))
}

fn report(options: &ProveOptions<'_>, phase: Phase) {
    if let Some(progress) = options.progress {
        progress(phase);
    }
}
