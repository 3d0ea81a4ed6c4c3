use std::error::Error;
use std::io::Read;
use std::ops::Range;

use convince_field::{Ints, ProofField};
use convince_pcs::hyrax::hiding::HidingVerification;
use convince_pcs::{Hyrax, OpeningClaim, PcsError, WireCommitment};
use convince_transcript::PlainVerifier;
use convince_transcript::container::{Kind, header, strip_header};

use super::{
    AccuracyStatement, Batches, BitRows, CountTranscript, DataSetCommitment, MAX_IMAGES, count_counts,
    count_functionals, filled, receive_sums,
};
use crate::protocol::{Field, Mode, Part, Row, Scheme, Statement, transcript};
use crate::{ModelStatus, VerifyError, VerifyingKey};

/// What an accuracy proof authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedAccuracy {
    /// N.
    pub images: usize,
    /// K: at least so many of the images have their labels.
    pub correct: usize,
    /// The model of the key.
    pub model_commitment: [u8; 32],
    /// The network of the key.
    pub network_digest: [u8; 32],
    /// What is known of the weights.
    pub status: ModelStatus,
}

/// What an accuracy proof's file says, before anything of it is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccuracyClaim {
    /// N.
    pub images: usize,
    /// K.
    pub correct: usize,
}

impl AccuracyClaim {
    /// Length of the head; messages are all that follows it.
    pub fn head_bytes() -> usize {
        header(Kind::AccuracyProof).len() + 2 * size_of::<u64>()
    }

    /// Reads the head of a file.
    ///
    /// # Errors
    /// [`AccuracyRefusal`].
    pub fn read(proof: &mut impl Read) -> Result<Self, AccuracyRefusal> {
        let head = read(proof, Self::head_bytes())?;
        let numbers = strip_header(Kind::AccuracyProof, &head).map_err(VerifyError::from)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let [images, correct] = [0, 1].map(|k| usize::try_from(u64::from_le_bytes(numbers[k])).unwrap_or(usize::MAX));
        Ok(Self { images, correct })
    }
}

/// Why an accuracy proof is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AccuracyRefusal {
    /// The file could not be read.
    #[error("the proof could not be read: {0}")]
    Read(#[from] std::io::Error),
    /// An image could not be read.
    #[error("images {}..{}: {source}", range.start, range.end)]
    Images {
        /// Which ones.
        range: Range<usize>,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Labels, images or key are not what an accuracy proof is about.
    #[error("{0}")]
    Usage(&'static str),
    /// The proof is about another number of images.
    #[error("it is about {found} images, and there are {labels} labels")]
    OtherImages {
        /// Images of the proof.
        found: usize,
        /// Labels that it is verified with.
        labels: usize,
    },
    /// The proof claims less than is asked for, or more than there are images.
    #[error("it claims that {claimed} of {images} images have their labels, {asked} are asked for")]
    Claim {
        /// K of the proof.
        claimed: usize,
        /// N.
        images: usize,
        /// K that is asked for.
        asked: usize,
    },
    /// The proof of a batch.
    #[error("batch {batch}: {reason}")]
    Batch {
        /// Its index.
        batch: usize,
        /// Why.
        reason: VerifyError,
    },
    /// The proof of the number of correct images, or the file's layout.
    #[error("the count: {0}")]
    Count(#[from] VerifyError),
}

impl AccuracyRefusal {
    /// Whether the proof was read and found wrong, rather than not read or not understood.
    pub fn is_rejection(&self) -> bool {
        let protocol = |reason: &VerifyError| matches!(reason, VerifyError::Protocol(_) | VerifyError::Head(_));
        match self {
            Self::Batch { reason, .. } | Self::Count(reason) => protocol(reason),
            Self::OtherImages { .. } | Self::Claim { .. } => true,
            Self::Read(_) | Self::Images { .. } | Self::Usage(_) => false,
        }
    }
}

/// What gives images: those of a range, one after the other, as the network's integers.
pub type Images<'a> = dyn FnMut(Range<usize>) -> Result<Vec<i32>, Box<dyn Error + Send + Sync>> + 'a;

/// Verifies an accuracy proof as it is read, one batch at a time.
///
/// `images` gives public images, and is not asked for any if the statement has a commitment to them. K is the proof's, and at
/// least `statement.correct`.
///
/// # Errors
/// [`AccuracyRefusal`]. Never panics; allocates no more than one batch of the key's circuit calls for.
pub fn verify_accuracy(
    key: &VerifyingKey,
    proof: &mut impl Read,
    statement: &AccuracyStatement<'_>,
    images: &mut Images<'_>,
) -> Result<VerifiedAccuracy, AccuracyRefusal> {
    let circuit = key.circuit();
    let bits =
        BitRows::of(circuit, key.width()).ok_or(AccuracyRefusal::Usage("this key is not for accuracy proofs"))?;
    let batches = Batches { images: statement.labels.len(), size: key.batch() };
    check(key, statement, batches)?;
    let AccuracyClaim { images: found, correct } = AccuracyClaim::read(proof)?;
    if found != batches.images {
        return Err(AccuracyRefusal::OtherImages { found, labels: batches.images });
    }
    if correct < statement.correct || correct > found {
        return Err(AccuracyRefusal::Claim { claimed: correct, images: found, asked: statement.correct });
    }
    let digest = AccuracyStatement { correct, ..*statement }.digest();
    let mut count = CountTranscript::new(key, &digest);
    let mut total: Option<Vec<Row>> = None;
    let mut last = Vec::new();
    for index in 0..batches.count() {
        let messages = read(proof, key.message_bytes())?;
        let public = match statement.data_set {
            Some(_) => None,
            None => Some(public_images(key, batches, index, images)?),
        };
        let labels = batches.labels(index, statement.labels).into_iter().map(|label| label as i32).collect();
        let nonce = batches.nonce(index, &digest);
        let output = Ints::I32(labels);
        let input = match (&public, statement.data_set) {
            (Some(values), _) => Part::Public(values),
            (None, data_set) => Part::Private(data_set.map_or(&[], |data_set| data_set.batch(index))),
        };
        let batch = Statement { input, output: Part::Public(&output), nonce: &nonce };
        let clear = PlainVerifier::<Field>::new(transcript(key, &batch, Mode::Hiding), &messages);
        let refused = |reason: PcsError| AccuracyRefusal::Batch { batch: index, reason: reason.into() };
        let (clear, advice) = key.verifier(&batch).hiding(clear).map_err(refused)?;
        clear.finish().map_err(|e| refused(e.into()))?;
        let rows = advice[bits.range()].to_vec();
        count.absorb(&rows);
        // The last batch stays apart: not all of its images count.
        let full = std::mem::replace(&mut last, rows);
        total = match total {
            _ if full.is_empty() => None,
            Some(total) => Some(Hyrax::add_rows(&total, &full)),
            None => Some(full),
        };
    }
    let (len, _) = count_counts(batches).closing_size(key.width());
    let messages = read(proof, len + count_counts(batches).messages * Field::BYTES)?;
    verify_count(key, &bits, batches, correct, [total, Some(last)], count, &messages)?;
    if proof.read(&mut [0])? != 0 {
        return Err(VerifyError::Head("bytes are left over behind it").into());
    }
    Ok(VerifiedAccuracy {
        images: batches.images,
        correct,
        model_commitment: key.model_commitment(),
        network_digest: key.network_digest(),
        status: key.status(),
    })
}

/// Whether a statement can be about a key.
fn check(key: &VerifyingKey, statement: &AccuracyStatement<'_>, batches: Batches) -> Result<(), AccuracyRefusal> {
    let classes = key.circuit().correct_layer().map_or(0, |layer| layer.margins.shape[1]);
    if !(1..=MAX_IMAGES).contains(&batches.images) {
        return Err(AccuracyRefusal::Usage("there are no labels"));
    }
    if statement.labels.iter().any(|&label| label as usize >= classes) {
        return Err(AccuracyRefusal::Usage("a label is no class of the network"));
    }
    let committed = |data_set: &DataSetCommitment| data_set.fits(key.circuit(), key.width(), batches);
    match (key.circuit().input_is_private(), statement.data_set) {
        (true, None) => Err(AccuracyRefusal::Usage("this key's images are private: give the data set's commitment")),
        (false, Some(_)) => Err(AccuracyRefusal::Usage("this key's images are public: give them, and no commitment")),
        (true, Some(data_set)) if !committed(data_set) => {
            Err(AccuracyRefusal::Usage("the data set's commitment is not to so many images under this key"))
        }
        _ => Ok(()),
    }
}

fn read(proof: &mut impl Read, len: usize) -> Result<Vec<u8>, AccuracyRefusal> {
    // A file that ends early costs no more memory than it has bytes.
    let mut bytes = Vec::new();
    proof.by_ref().take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(VerifyError::Head("it is cut short").into());
    }
    Ok(bytes)
}

/// The integers of a batch, filled up with zeros.
fn public_images(
    key: &VerifyingKey,
    batches: Batches,
    index: usize,
    images: &mut Images<'_>,
) -> Result<Ints, AccuracyRefusal> {
    let range = index * batches.size..index * batches.size + batches.len(index);
    let values = images(range.clone()).map_err(|source| AccuracyRefusal::Images { range: range.clone(), source })?;
    filled(key.circuit(), batches, index, values).map_err(|source| AccuracyRefusal::Images { range, source })
}

fn verify_count(
    key: &VerifyingKey,
    bits: &BitRows,
    batches: Batches,
    correct: usize,
    rows: [Option<Vec<Row>>; 2],
    transcript: CountTranscript,
    messages: &[u8],
) -> Result<(), VerifyError> {
    let clear = PlainVerifier::<Field>::new(transcript.0, messages);
    let mut verification = HidingVerification::new(key.params(), count_counts(batches), clear)?;
    let sums = receive_sums(correct, batches, verification.channel())?;
    let claims: Vec<_> = count_functionals(batches)
        .into_iter()
        .zip(sums)
        .enumerate()
        .map(|(wire, (functional, value))| OpeningClaim { wire, functional, value })
        .collect();
    let rows: Vec<Vec<Row>> = rows.into_iter().flatten().collect();
    let wires: Vec<WireCommitment<'_, Scheme>> =
        rows.iter().map(|rows| WireCommitment { split: &bits.split, rows }).collect();
    verification.close(&wires, &claims)?.finish()?;
    Ok(())
}
