//! Proofs of accuracy: that a committed model gives at least K of N images their labels.
//!
//! ```text
//! Statement:  model, network, N, K, the labels, the images or a commitment to them, nonce
//! Batches:    B images at a time, the last filled up with blank images and labels 0: one hiding proof each, whose advice holds a
//!             commitment to bits c, c_b = 1 for no image but one whose label is the network's arg-max, ties to the lowest index
//! Count:      one hiding proof that the bits of all batches, those that fill up left out, add up to K
//! ```
//!
//! The prover sets K of the bits, however many more images are right, and no batch's sum is sent: the commitments to the bits of all
//! full batches are added up, and what is shown is about the sum (zkCNN, section 6; the commitment is homomorphic). Every batch's
//! transcript absorbs the whole statement, the batch's index and how many of its images count, so that a proof of one batch is no proof
//! of another. Batches are made, written, read and verified one at a time: memory does not grow with N.
//!
//! What it does not show is in `manual::accuracy`: above all, a model that was committed after the images were seen may be fitted to them.

mod dataset;
#[cfg(feature = "prover")]
mod prover;
#[cfg(all(test, feature = "prover"))]
mod tests;
mod verifier;

use convince_circuit::{Circuit, WireKind};
use convince_field::Ints;
use convince_pcs::hyrax::hiding::Counts;
use convince_pcs::{CommitmentScheme, Split};
use convince_poly::{Axis, Functional};
use convince_transcript::{ChannelError, ChannelScalar, Check, Label, Transcript, VerifierChannel};

use crate::VerifyingKey;
use crate::proof::input_ints;
use crate::protocol::{Field, Mode, Row, Scheme, digest, started};

pub use dataset::DataSetCommitment;
#[cfg(feature = "prover")]
pub use dataset::DataSetOpening;
#[cfg(feature = "prover")]
pub use prover::{AccuracyError, AccuracyOptions, commit_data_set, prove_accuracy};
pub use verifier::{AccuracyClaim, AccuracyRefusal, Images, VerifiedAccuracy, verify_accuracy};

/// Most images of a statement.
const MAX_IMAGES: usize = 1 << 31;
/// How ties are resolved, in every transcript.
const TIE_RULE: &str = "lowest index among the largest";
const COUNT: Label = "convince/accuracy/count";

/// What an accuracy proof says: at least `correct` of the images have their labels.
#[derive(Clone, Copy, Debug)]
pub struct AccuracyStatement<'a> {
    /// One label an image: N of them.
    pub labels: &'a [u32],
    /// K.
    pub correct: usize,
    /// The commitment to the images; they are public without one.
    pub data_set: Option<&'a DataSetCommitment>,
    /// Chosen by the verifier, so that an old proof is not accepted for a new request.
    pub nonce: &'a [u8],
}

impl AccuracyStatement<'_> {
    /// Hash of all that every batch's transcript must know.
    fn digest(&self) -> [u8; 32] {
        let labels: Vec<u8> = self.labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let [count, correct] = [self.labels.len(), self.correct].map(|n| (n as u64).to_le_bytes());
        let data_set = self.data_set.map_or_else(Vec::new, |data_set| data_set.digest().to_vec());
        let parts = [&count[..], &correct, &labels, &data_set, TIE_RULE.as_bytes(), self.nonce];
        digest("convince/accuracy/v1", &parts)
    }
}

/// How N images are cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batches {
    images: usize,
    size: usize,
}

impl Batches {
    fn count(self) -> usize {
        self.images.div_ceil(self.size)
    }

    /// Images of a batch that count.
    fn len(self, index: usize) -> usize {
        self.size.min(self.images - index * self.size)
    }

    /// The labels of a batch, filled up with zeros.
    fn labels(self, index: usize, labels: &[u32]) -> Vec<u32> {
        let mut own = labels[index * self.size..][..self.len(index)].to_vec();
        own.resize(self.size, 0);
        own
    }

    /// What a batch's proof is bound to beside model, images and labels.
    fn nonce(self, index: usize, statement: &[u8; 32]) -> [u8; 32] {
        let numbers = [index, self.len(index), self.size, self.count()].map(|n| (n as u64).to_le_bytes());
        digest("convince/accuracy/batch/v1", &[statement, numbers.as_flattened()])
    }
}

/// Where the commitments to the bits stand among the rows of the advice.
struct BitRows {
    split: Split,
    first: usize,
}

impl BitRows {
    /// None if the circuit does not compare with labels.
    fn of(circuit: &Circuit, width: usize) -> Option<Self> {
        let bits = circuit.correct()?;
        let before = circuit.wires_of(WireKind::Advice).take_while(|id| *id != bits);
        let rows = |id| Split::choose(&circuit.wire(id).shape, width).num_rows();
        let first = before.map(rows).sum();
        Some(Self { split: Split::choose(&circuit.wire(bits).shape, width), first })
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.split.num_rows()
    }
}

/// The last proof's transcript: the statement, and the bits' commitments of every batch.
struct CountTranscript(Transcript);

impl CountTranscript {
    fn new(key: &VerifyingKey, statement: &[u8; 32]) -> Self {
        Self::started(key.width(), &key.circuit().digest(), &key.model_commitment(), statement)
    }

    fn started(width: usize, circuit: &[u8; 32], model: &[u8; 32], statement: &[u8; 32]) -> Self {
        let mut transcript = started(Mode::Hiding, width);
        transcript.absorb("convince/accuracy", statement);
        transcript.absorb("convince/circuit", circuit);
        transcript.absorb("convince/model", model);
        Self(transcript)
    }

    fn absorb(&mut self, rows: &[Row]) {
        self.0.absorb("convince/accuracy/bits", &Scheme::rows_to_bytes(rows));
    }
}

/// What fills up the last batch: zero, or what is nearest to it in the input's range.
fn filling(circuit: &Circuit) -> i64 {
    let wire = circuit.wire(circuit.input());
    0.clamp(wire.low, wire.high)
}

/// The integers of a batch's images, filled up.
fn filled(circuit: &Circuit, batches: Batches, index: usize, values: Vec<i32>) -> Result<Ints, BoxedError> {
    let size = circuit.wire(circuit.input()).size();
    let mut values: Vec<i64> = values.into_iter().map(i64::from).collect();
    if values.len() != size / batches.size * batches.len(index) {
        return Err("they have another number of values than the network takes".into());
    }
    values.resize(size, filling(circuit));
    Ok(input_ints(circuit, &values)?)
}

/// What says why images could not be had.
type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Messages of the last proof: the sum over the full batches' bits, if there are any, and that over the last one's.
fn count_counts(batches: Batches) -> Counts {
    Counts { messages: if batches.count() > 1 { 2 } else { 1 }, products: 0 }
}

/// Receives the sums and asserts that together they are K; they are the values of [`count_functionals`].
fn receive_sums<C: VerifierChannel<Field>>(
    correct: usize,
    batches: Batches,
    channel: &mut C,
) -> Result<Vec<C::Scalar>, ChannelError> {
    let sums = channel.receive(COUNT, count_counts(batches).messages)?;
    let zero = C::Scalar::constant(Field::from(0u64));
    let total = sums.iter().fold(zero, |total, sum| total + sum.clone());
    channel.assert_eq(total, C::Scalar::constant(Field::from(correct as u64)), Check::AccuracyCount)?;
    Ok(sums)
}

/// All ones on the sum of the full batches' bits, if there are any; ones on those of the last batch's bits that count.
fn count_functionals(batches: Batches) -> Vec<Functional<Field>> {
    let ones = |len: usize| {
        let weights = (0..batches.size).map(|b| Field::from(u64::from(b < len))).collect();
        Functional(vec![Axis::Dense(weights)])
    };
    let last = batches.count() - 1;
    let full = (last > 0).then(|| ones(batches.size));
    full.into_iter().chain([ones(batches.len(last))]).collect()
}
