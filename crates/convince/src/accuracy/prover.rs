use std::error::Error;
use std::io::Write;
use std::ops::Range;

use convince_circuit::{Circuit, Witness, WitnessError};
use convince_field::{Ints, jobs};
use convince_pcs::hyrax::hiding::HidingOpening;
use convince_pcs::{CommittedWire, OpeningClaim};
use convince_transcript::container::{Kind, header};
use convince_transcript::{PlainProver, ProverChannel};
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use tracing::{debug_span, info_span};
use zeroize::Zeroizing;

use super::{
    AccuracyStatement, Batches, BitRows, COUNT, CountTranscript, DataSetCommitment, DataSetOpening, count_counts,
    count_functionals, filled, receive_sums,
};
use crate::accuracy::verifier::Images;
use crate::protocol::{Blind, Committed, Committing, Field, Mode, Part, Scheme, Statement, ints};
use crate::tensor::input_format;
use crate::{Openings, Phase, ProvingKey, TensorCommitment, TestSeed, VerifyingKey};

/// Why an accuracy proof could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccuracyError {
    /// The proof could not be written.
    #[error("the proof could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// An image could not be read.
    #[error("images {}..{}: {source}", range.start, range.end)]
    Images {
        /// Which ones.
        range: Range<usize>,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An image or a label does not fit the network.
    #[error("images {}..{}: {source}", range.start, range.end)]
    Witness {
        /// Which ones.
        range: Range<usize>,
        /// Why.
        source: WitnessError,
    },
    /// The images are not those of the data set's commitment.
    #[error("images {}..{}: they are not those that the data set's commitment is to", range.start, range.end)]
    OtherImages {
        /// Which ones.
        range: Range<usize>,
    },
    /// Labels, images or key are not what an accuracy proof is about.
    #[error("{0}")]
    Usage(&'static str),
    /// Fewer images have their labels than are claimed.
    #[error("{found} of {images} images have their labels, not {claimed}")]
    TooFew {
        /// Images that have.
        found: usize,
        /// All images.
        images: usize,
        /// Images that were claimed to.
        claimed: usize,
    },
}

/// What an accuracy proof is made with, beside key and statement.
#[derive(Clone, Copy, Default)]
pub struct AccuracyOptions<'a> {
    /// The secret of the commitment to the images.
    pub data_set: Option<&'a DataSetOpening>,
    /// Nothing of one batch is done beside another: for profiles, whose phases follow each other. A batch is else committed to by
    /// threads that have nothing to do for the proof of the one before it. It changes no byte of the proof.
    pub in_turn: bool,
    /// Hears how many batches are done, and how many there are.
    pub progress: Option<&'a dyn Fn(usize, usize)>,
    /// Predictable blinds, for tests.
    pub seed: Option<TestSeed>,
}

/// Proves that at least `statement.correct` of the images have their labels, and writes the proof batch by batch.
///
/// `images` gives the images of a range, one after the other, as the network's integers; each is asked for once. Exactly
/// `statement.correct` are counted, the first that are right, and how many more are right is not to be seen. Memory is that of one
/// batch's proof, and of the integers of two more.
///
/// # Errors
/// [`AccuracyError`]; what was written until then is no proof.
pub fn prove_accuracy(
    key: &ProvingKey,
    statement: &AccuracyStatement<'_>,
    images: &mut Images<'_>,
    proof: &mut impl Write,
    options: &AccuracyOptions<'_>,
) -> Result<(), AccuracyError> {
    let missing = match options.seed {
        Some(seed) => prove(key, statement, images, proof, options, &|index| seeded(seed, index))?,
        None => prove(key, statement, images, proof, options, &|_| OsRng)?,
    };
    match missing {
        0 => Ok(()),
        _ => Err(AccuracyError::TooFew {
            found: statement.correct - missing,
            images: statement.labels.len(),
            claimed: statement.correct,
        }),
    }
}

/// The predictable randomness of a batch, or, behind the last one, of the count.
pub(super) fn seeded(seed: TestSeed, index: usize) -> ChaCha20Rng {
    let mut rng = ChaCha20Rng::from_seed(seed.0);
    rng.set_stream(index as u64);
    rng
}

/// The bits of some batches, added up, with the blinds of their rows.
struct Bits {
    values: Ints,
    blinds: Zeroizing<Vec<Blind>>,
}

impl Bits {
    fn add(&mut self, other: &Self) {
        let sum = self.values.as_slice().iter().zip(other.values.as_slice().iter()).map(|(a, b)| (a + b) as i32);
        self.values = Ints::I32(sum.collect());
        self.blinds.iter_mut().zip(&*other.blinds).for_each(|(a, b)| *a += b);
    }
}

/// Writes a proof, which verifies if what is returned is zero: how many images are missing from those that are claimed to be right.
/// Every batch, and the count behind them, draws on randomness of its own.
pub(super) fn prove<R: RngCore + CryptoRng>(
    key: &ProvingKey,
    statement: &AccuracyStatement<'_>,
    images: &mut Images<'_>,
    proof: &mut impl Write,
    options: &AccuracyOptions<'_>,
    rng: &dyn Fn(usize) -> R,
) -> Result<usize, AccuracyError> {
    let _span = info_span!("prove").entered();
    let circuit = &key.lowered.circuit;
    let rows = BitRows::of(circuit, key.width).ok_or(AccuracyError::Usage("this key is not for accuracy proofs"))?;
    let batches = Batches { images: statement.labels.len(), size: circuit.wire(circuit.input()).shape[0] };
    check(key, statement, batches, options)?;
    proof.write_all(&header(Kind::AccuracyProof))?;
    for number in [batches.images, statement.correct] {
        proof.write_all(&(number as u64).to_le_bytes())?;
    }
    let digest = statement.digest();
    let mut transcript = CountTranscript::started(key.width, &circuit.digest(), &key.model_commitment(), &digest);
    let (mut total, mut last): (Option<Bits>, Option<Bits>) = (None, None);
    let mut left = statement.correct;
    let data_set = statement.data_set.zip(options.data_set);
    let mut run = |index: usize| {
        let range = index * batches.size..index * batches.size + batches.len(index);
        let read = info_span!("images").in_scope(|| images(range.clone()));
        let values = read.map_err(|source| AccuracyError::Images { range: range.clone(), source })?;
        let batch = Batch { index, range, nonce: batches.nonce(index, &digest) };
        let mut witness = batch.witness(key, values, &batches.labels(index, statement.labels))?;
        batch.count(circuit, &mut witness, &mut left)?;
        Ok::<_, AccuracyError>((batch, witness))
    };
    // In every step a batch is committed to, while the one before it is proven, and the network run on the one behind it.
    let (mut begun, mut ready): (_, Option<Ready<R>>) = (Some(run(0)?), None);
    for index in 0..=batches.count() {
        let mut main = || {
            let next = (index + 1 < batches.count()).then(|| run(index + 1)).transpose();
            let proved = ready.take().map(|ready| ready.prove(key, &rows, data_set)).transpose();
            Ok::<_, AccuracyError>((next?, proved?))
        };
        let (next, proved) = match begun.take() {
            None => main()?,
            Some((batch, witness)) => {
                let mut rng = rng(index);
                let committing = Committing::new(key.setting(), &witness, &mut rng);
                let (committed, done) = commit(committing, options.in_turn, main);
                ready = Some(Ready { batch, witness, committed, rng });
                done?
            }
        };
        begun = next;
        let Some((messages, bits, commitments)) = proved else { continue };
        proof.write_all(&messages)?;
        transcript.absorb(&commitments);
        if let Some(full) = last.replace(bits) {
            match &mut total {
                Some(total) => total.add(&full),
                None => total = Some(full),
            }
        }
        if let Some(progress) = options.progress {
            progress(index, batches.count());
        }
    }
    let _span = info_span!("count").entered();
    let bits: Vec<Bits> = [total, last].into_iter().flatten().collect();
    let mut rng = rng(batches.count());
    proof.write_all(&prove_count(key, &rows, batches, statement.correct, &bits, transcript, &mut rng))?;
    Ok(left)
}

fn check(
    key: &ProvingKey,
    statement: &AccuracyStatement<'_>,
    batches: Batches,
    options: &AccuracyOptions<'_>,
) -> Result<(), AccuracyError> {
    let circuit = &key.lowered.circuit;
    if !(1..=super::MAX_IMAGES).contains(&batches.images) {
        return Err(AccuracyError::Usage("there are no labels"));
    }
    if circuit.input_is_private() != statement.data_set.is_some() {
        return Err(AccuracyError::Usage("a key of private images, and no other, takes a commitment to them"));
    }
    let Some(data_set) = statement.data_set else { return Ok(()) };
    if !data_set.fits(circuit, key.width, batches) {
        return Err(AccuracyError::Usage("the data set's commitment is not to so many images under this key"));
    }
    match options.data_set {
        Some(opening) if opening.commitment() == data_set.digest() => Ok(()),
        _ => Err(AccuracyError::Usage("the data set's opening is missing, or another commitment's")),
    }
}

/// One batch of a proof.
struct Batch {
    index: usize,
    range: Range<usize>,
    nonce: [u8; 32],
}

/// A batch's messages, its bits, and the commitments to them.
type Proved = (Vec<u8>, Bits, Vec<crate::protocol::Row>);

impl Batch {
    /// The network's run on the batch's images, the last batch's filled up.
    fn witness(&self, key: &ProvingKey, mut values: Vec<i32>, labels: &[u32]) -> Result<Witness, AccuracyError> {
        let circuit = &key.lowered.circuit;
        let size = circuit.wire(circuit.input()).size();
        let expected = size / labels.len() * self.range.len();
        if values.len() != expected {
            let wire = circuit.input().index();
            return Err(self.bad(WitnessError::Length { wire, expected, found: values.len() }));
        }
        values.resize(size, super::filling(circuit) as i32);
        let _phase = Phase::Witness.begin(&|_| ());
        key.lowered.labelled_witness(&values, labels).map_err(|source| self.bad(source))
    }

    fn bad(&self, source: WitnessError) -> AccuracyError {
        AccuracyError::Witness { range: self.range.clone(), source }
    }

    /// Leaves the bits of the first images that are right, while some are `left` to be counted.
    fn count(&self, circuit: &Circuit, witness: &mut Witness, left: &mut usize) -> Result<(), AccuracyError> {
        let _phase = Phase::Witness.begin(&|_| ());
        let Some(wire) = circuit.correct() else { return Err(AccuracyError::Usage("no bits")) };
        let right = witness.wire(wire);
        let counts = |b: usize| {
            let counts = b < self.range.len() && right.get(b) == 1 && *left > 0;
            *left -= usize::from(counts);
            counts
        };
        let counted: Vec<bool> = (0..right.len()).map(counts).collect();
        witness.set_correct(circuit, &counted).map_err(|source| self.bad(source))
    }
}

/// Makes a batch's commitments while `main` runs, or behind it if all is done in turn; and what `main` gives.
fn commit<T>(committing: Committing<'_>, in_turn: bool, main: impl FnOnce() -> T) -> (Committed, T) {
    let run = |job| committing.run(job);
    let (commitments, done) = match in_turn {
        false => jobs::meanwhile(committing.num_jobs(), run, main),
        true => {
            let done = main();
            let _phase = Phase::Commit.begin(&|_| ());
            let _span = debug_span!("rows").entered();
            (jobs::map(committing.num_jobs(), run), done)
        }
    };
    (committing.finish(commitments), done)
}

/// A batch that is committed to.
struct Ready<R> {
    batch: Batch,
    witness: Witness,
    committed: Committed,
    rng: R,
}

impl<R: RngCore + CryptoRng> Ready<R> {
    fn prove(
        self,
        key: &ProvingKey,
        rows: &BitRows,
        data_set: Option<(&DataSetCommitment, &DataSetOpening)>,
    ) -> Result<Proved, AccuracyError> {
        let Self { batch, witness, committed, mut rng } = self;
        let circuit = &key.lowered.circuit;
        let span = debug_span!("statement").entered();
        let own = |opening: &DataSetOpening| {
            opening.batch(batch.index, input_format(circuit, key.width), witness.wire(circuit.input()).to_ints())
        };
        let openings = Openings { input: data_set.map(|(_, opening)| own(opening)), output: None };
        let commitment = openings.input.as_ref().map(|opening| opening.commitment_with(&key.params));
        let is_other =
            |((set, _), own): (_, &TensorCommitment)| DataSetCommitment::batch(set, batch.index) != own.rows();
        if data_set.zip(commitment.as_ref()).is_some_and(is_other) {
            return Err(AccuracyError::OtherImages { range: batch.range });
        }
        let Some(wire) = circuit.correct() else { return Err(AccuracyError::Usage("no bits")) };
        let (input, output) = (ints(witness.wire(circuit.input())), ints(witness.tensor(circuit, circuit.output())));
        let input = commitment.as_ref().map_or(Part::Public(&input), |c| Part::Private(c.rows()));
        let statement = Statement { input, output: Part::Public(&output), nonce: &batch.nonce };
        let clear = PlainProver::new(key.binding().transcript(&statement, Mode::Hiding));
        let blinds = openings.blinds();
        drop(span);
        let (clear, advice) = key.prover(&witness, &blinds, &|_| ()).committed(committed, &mut rng, clear);
        let bits =
            Bits { values: ints(witness.wire(wire)), blinds: Zeroizing::new(advice.blinds[rows.range()].to_vec()) };
        Ok((clear.finish(), bits, advice.rows[rows.range()].to_vec()))
    }
}

fn prove_count(
    key: &ProvingKey,
    rows: &BitRows,
    batches: Batches,
    correct: usize,
    bits: &[Bits],
    transcript: CountTranscript,
    rng: &mut (impl RngCore + CryptoRng),
) -> Vec<u8> {
    let clear = PlainProver::new(transcript.0);
    let mut opening = HidingOpening::new(&key.params, count_counts(batches), clear, rng);
    let functionals = count_functionals(batches);
    let sums: Vec<Field> = functionals.iter().zip(bits).map(|(f, bits)| f.apply(bits.values.as_slice())).collect();
    opening.channel().send(COUNT, &sums);
    let mut recorder = opening.recorder();
    let Ok(sums) = receive_sums(correct, batches, &mut recorder) else { return opening.abandon().finish() };
    let claims: Vec<_> = functionals
        .into_iter()
        .zip(sums)
        .enumerate()
        .map(|(wire, (functional, value))| OpeningClaim { wire, functional, value })
        .collect();
    let wires: Vec<CommittedWire<'_, Scheme>> = bits
        .iter()
        .map(|bits| CommittedWire { split: &rows.split, values: bits.values.as_slice(), blinds: &bits.blinds })
        .collect();
    opening.close(&wires, &claims, recorder, rng).finish()
}

/// Commits to a set of images for accuracy proofs under a key of private images: anybody can, with the verifying key alone.
///
/// `images` gives the images of a range. Fresh randomness unless a test gives a seed.
///
/// # Errors
/// [`AccuracyError`].
pub fn commit_data_set(
    key: &VerifyingKey,
    count: usize,
    images: &mut Images<'_>,
    seed: Option<TestSeed>,
) -> Result<(DataSetCommitment, DataSetOpening), AccuracyError> {
    let (circuit, width) = (key.circuit(), key.width());
    if !circuit.input_is_private() || circuit.correct().is_none() {
        return Err(AccuracyError::Usage("this key is not for accuracy proofs about private images"));
    }
    if !(1..=super::MAX_IMAGES).contains(&count) {
        return Err(AccuracyError::Usage("there are no images"));
    }
    let mut secret = Zeroizing::new([0; 32]);
    match seed {
        Some(seed) => *secret = seed.0,
        None => OsRng.fill_bytes(&mut *secret),
    }
    let batches = Batches { images: count, size: key.batch() };
    let (format, mut rows) = (input_format(circuit, width), Vec::new());
    let unbound = DataSetOpening::new(*secret, [0; 32]);
    for index in 0..batches.count() {
        let range = index * batches.size..index * batches.size + batches.len(index);
        let refused = |source| AccuracyError::Images { range: range.clone(), source };
        let values =
            images(range.clone()).and_then(|values| filled(circuit, batches, index, values)).map_err(refused)?;
        let opening = unbound.batch(index, format.clone(), values);
        rows.extend_from_slice(opening.commitment_with(key.params()).rows());
    }
    let commitment = DataSetCommitment::new(format, count, rows);
    let opening = DataSetOpening::new(*secret, commitment.digest());
    Ok((commitment, opening))
}
