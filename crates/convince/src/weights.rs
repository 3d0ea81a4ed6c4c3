//! Commitments to a model's weights: objects of their own, with the proof that every weight is of its format.
//!
//! ```text
//! model digest = SHA-256(weight wires' shapes and ranges, width, row commitments)
//! range proof  = for every slice a hiding proof that the wires of a circuit are in range (`CircuitBuilder::range`), on a
//!                transcript of the model digest, the number of slices and the slice's index
//! ```
//!
//! A slice is a run of places of the leading axes of some wires, small enough to prove in little memory. Slices follow from
//! shapes and width, they tile every wire, and their rows are runs of the model's rows: both sides compute them.
//! The proof is about the commitment alone, so it serves every circuit and batch over the model.

use std::ops::Range;

use convince_circuit::{Bits, Circuit, CircuitBuilder, CircuitError, Wire, WireKind};
use convince_field::Ints;
use convince_pcs::{CommitmentScheme, PcsError, Split, WireCommitment};
use convince_transcript::container::{Kind, seal};
use convince_transcript::{PlainVerifier, Transcript};
use serde::{Deserialize, Serialize};

use crate::KeyError;
use crate::key::decode;
use crate::protocol::{
    CANONICAL_BYTES, Field, Frame, Mode, Params, PartsDigest, Row, Scheme, Setting, Verifier, digest, num_rows,
    push_canonical, started,
};

/// A weight wire's shape and format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WeightFormat {
    pub(crate) shape: Vec<usize>,
    pub(crate) bits: Bits,
}

impl WeightFormat {
    fn of(wire: &Wire) -> Self {
        Self { shape: wire.shape.clone(), bits: Bits::holding(wire.low, wire.high) }
    }

    fn size(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The formats of a circuit's weights, in the order of its wires.
pub(crate) fn formats(circuit: &Circuit) -> Vec<WeightFormat> {
    circuit.wires_of(WireKind::Weight).map(|id| WeightFormat::of(circuit.wire(id))).collect()
}

/// What a slice holds of one wire.
pub(crate) struct SlicePart {
    /// Index of the wire among the weights.
    pub(crate) wire: usize,
    /// Places of its leading axis.
    pub(crate) places: Range<usize>,
    /// How they are cut into rows.
    pub(crate) split: Split,
    /// These rows, among all of the model.
    pub(crate) rows: Range<usize>,
}

/// Leaves of a slice's lookups, about: some 350 MB to prove. Verifying a slice costs an opening, however small it is.
const SLICE_LEAVES: usize = 1 << 22;

/// Cuts all weights into slices.
pub(crate) fn slices(formats: &[WeightFormat], width: usize) -> Vec<Vec<SlicePart>> {
    let (mut slices, mut slice, mut left, mut first) = (Vec::new(), Vec::new(), SLICE_LEAVES, 0);
    for (wire, format) in formats.iter().enumerate() {
        let split = Split::choose(&format.shape, width);
        let (block, len) = (split.leading_block(), format.shape[0]);
        let leaves_per_place = format.shape[1..].iter().map(|n| n.next_power_of_two()).fold(1, usize::saturating_mul);
        let leaves_per_block = leaves_per_place.saturating_mul(block);
        let mut start = 0;
        while start < len {
            if left < leaves_per_block && !slice.is_empty() {
                slices.push(std::mem::take(&mut slice));
                left = SLICE_LEAVES;
            }
            // A range of places is padded to a power of two.
            let blocks = (left / leaves_per_block).max(1);
            let blocks = 1 << blocks.ilog2();
            let end = len.min(start + blocks * block);
            let (part, rows) = split.part(start..end);
            left = left.saturating_sub((end - start).next_power_of_two() * leaves_per_place);
            slice.push(SlicePart { wire, places: start..end, split: part, rows: first + rows.start..first + rows.end });
            start = end;
        }
        first += split.num_rows();
    }
    if !slice.is_empty() {
        slices.push(slice);
    }
    slices
}

/// The circuit that says that a slice's weights are of their formats. Its input and output are one zero that means nothing.
fn slice_circuit(formats: &[WeightFormat], slice: &[SlicePart]) -> Result<Circuit, CircuitError> {
    let mut builder = CircuitBuilder::new();
    let zero = builder.input([1; 4], Bits::unsigned(1))?;
    for part in slice {
        let WeightFormat { shape, bits } = &formats[part.wire];
        let shape: Vec<usize> = [&[part.places.len()], &shape[1..]].concat();
        let weight = builder.weight(shape, *bits)?;
        builder.range(weight)?;
    }
    builder.output(zero)?;
    builder.finish()
}

fn slice_transcript(model: &[u8; 32], width: usize, count: usize, index: usize, circuit: &Circuit) -> Transcript {
    let mut transcript = started(Mode::Hiding, width);
    transcript.absorb("convince/model-range", model);
    transcript.absorb_u64("convince/model-range/slices", count as u64);
    transcript.absorb_u64("convince/model-range/slice", index as u64);
    transcript.absorb("convince/model-range/circuit", &circuit.digest());
    transcript
}

/// Hash of a commitment: what proofs refer to.
fn commitment_digest(formats: &[WeightFormat], width: usize, rows: &[Row]) -> [u8; 32] {
    let layout = postcard::to_allocvec(formats).expect("plain data in memory");
    digest("convince/model/v2", &[&layout, &(width as u64).to_le_bytes(), &Scheme::rows_to_bytes(rows)])
}

/// Public weights that are hashed at a time.
const PIECE: usize = 1 << 14;

/// Hash of public weights.
pub(crate) fn public_digest(formats: &[WeightFormat], weights: &[std::sync::Arc<Ints>]) -> [u8; 32] {
    let layout = postcard::to_allocvec(formats).expect("plain data in memory");
    let mut digest = PartsDigest::new("convince/public-model/v1");
    digest.part(&layout);
    digest.begin_part(weights.iter().map(|w| CANONICAL_BYTES * w.len()).sum());
    // Millions of weights: their four bytes each never lie in memory together.
    let mut piece = Vec::new();
    for weights in weights {
        for start in (0..weights.len()).step_by(PIECE) {
            piece.clear();
            push_canonical(weights.as_slice().range(start, PIECE.min(weights.len() - start)), &mut piece);
            digest.update(&piece);
        }
    }
    digest.finish()
}

/// A hiding commitment to a model's weights, known to be to weights of their formats.
///
/// It exists only if its range proof has been verified in this process, or made in it. It can be used in any number of keys and
/// hiding proofs, and says nothing of the weights but their shapes and formats.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelCommitment {
    formats: Vec<WeightFormat>,
    width: usize,
    rows: Vec<Row>,
    proofs: Vec<Vec<u8>>,
    digest: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Payload {
    formats: Vec<WeightFormat>,
    width: u64,
    rows: Vec<u8>,
    proofs: Vec<Vec<u8>>,
}

/// Most weight wires, and most axes of one, of a commitment in a file.
const MAX_WIRES: usize = 1 << 13;
const MAX_AXES: usize = 4;
const MAX_WEIGHTS: usize = 1 << 31;

impl ModelCommitment {
    /// Reads a file and verifies its range proof. About 0.1 ms a row and 30 ms a million weights.
    ///
    /// # Errors
    /// [`KeyError`], among them [`KeyError::RangeProof`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let Payload { formats, width, rows, proofs } = decode(Kind::ModelCommitment, bytes)?;
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        let mut sizes = formats.iter().map(|f| f.shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n)));
        let valid = |f: &WeightFormat| (1..=MAX_AXES).contains(&f.shape.len()) && f.bits.is_valid();
        let total = sizes.try_fold(0usize, |sum, size| sum.checked_add(size.filter(|&size| size > 0)?));
        if formats.len() > MAX_WIRES || !formats.iter().all(valid) || total.is_none_or(|total| total > MAX_WEIGHTS) {
            return Err(KeyError::Inconsistent("the commitment's shapes or formats are none"));
        }
        Scheme::params(width)?;
        Self::verified(formats, width, &rows, proofs)
    }

    /// Checks row commitments and a range proof; the width must be valid.
    pub(crate) fn verified(
        formats: Vec<WeightFormat>,
        width: usize,
        rows: &[u8],
        proofs: Vec<Vec<u8>>,
    ) -> Result<Self, KeyError> {
        let splits: Vec<Split> = formats.iter().map(|f| Split::choose(&f.shape, width)).collect();
        let rows = Scheme::rows_from_bytes(num_rows(&splits), rows)?;
        let commitment = Self::assemble(formats, width, rows, proofs);
        commitment.verify()?;
        Ok(commitment)
    }

    pub(crate) fn assemble(formats: Vec<WeightFormat>, width: usize, rows: Vec<Row>, proofs: Vec<Vec<u8>>) -> Self {
        let digest = commitment_digest(&formats, width, &rows);
        Self { formats, width, rows, proofs, digest }
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { formats, width, rows, proofs, .. } = self.clone();
        let payload = Payload { formats, width: width as u64, rows: Scheme::rows_to_bytes(&rows), proofs };
        seal(Kind::ModelCommitment, &postcard::to_allocvec(&payload).expect("plain data in memory"))
    }

    /// Hash of the commitment: the model that proofs refer to.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Number of weights and biases.
    pub fn num_weights(&self) -> usize {
        self.formats.iter().map(WeightFormat::size).sum()
    }

    /// Number of commitments to rows.
    pub fn num_rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of the range proof, and the number of its slices.
    pub fn range_proof_size(&self) -> (usize, usize) {
        (self.proofs.iter().map(Vec::len).sum(), self.proofs.len())
    }

    /// Columns of the commitment's matrices.
    pub fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn formats(&self) -> &[WeightFormat] {
        &self.formats
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn proofs(&self) -> &[Vec<u8>] {
        &self.proofs
    }

    /// Verifies the range proof of every slice.
    fn verify(&self) -> Result<(), KeyError> {
        let slices = slices(&self.formats, self.width);
        if slices.len() != self.proofs.len() {
            return Err(KeyError::Inconsistent("the range proof has not as many slices as the weights"));
        }
        let params = Scheme::params(self.width)?;
        let verify = |index: usize| self.verify_slice(&params, &slices[index], index, slices.len());
        let results = convince_sumcheck::parallel::map(slices.len(), verify);
        results
            .into_iter()
            .enumerate()
            .try_for_each(|(slice, result)| result.map_err(|reason| KeyError::RangeProof { slice, reason }))
    }

    fn verify_slice(
        &self,
        params: &Params,
        slice: &[SlicePart],
        index: usize,
        count: usize,
    ) -> Result<(), RangeProofError> {
        let circuit = slice_circuit(&self.formats, slice)?;
        let frame = Frame::new(&circuit, self.width);
        let zero = Ints::U8(vec![0]);
        let wires = slice.iter().map(|part| WireCommitment { split: &part.split, rows: &self.rows[part.rows.clone()] });
        let verifier = Verifier {
            setting: Setting { circuit: &circuit, params, frame: &frame },
            committed: circuit.wires_of(WireKind::Weight).zip(wires).collect(),
            public: vec![(circuit.input(), zero.as_slice())],
            output: Some(&zero),
        };
        let transcript = slice_transcript(&self.digest, self.width, count, index, &circuit);
        let clear = PlainVerifier::<Field>::new(transcript, &self.proofs[index]);
        verifier.hiding(clear)?.0.finish().map_err(PcsError::from)?;
        Ok(())
    }
}

/// Why the range proof of a slice of weights is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeProofError {
    /// No circuit says that weights of these formats are in range.
    #[error(transparent)]
    Circuit(#[from] CircuitError),
    /// The proof.
    #[error(transparent)]
    Protocol(#[from] PcsError),
}

#[cfg(feature = "prover")]
pub use proving::ModelSecret;
#[cfg(feature = "prover")]
pub(crate) use proving::{Weights, blinds};

#[cfg(feature = "prover")]
mod proving {
    use std::sync::Arc;

    use convince_circuit::{WitnessError, evaluate};
    use convince_field::IntSlice;
    use convince_pcs::CommittedWire;
    use convince_transcript::PlainProver;
    use rand::{CryptoRng, RngCore, SeedableRng};
    use rand_chacha::ChaCha20Rng;
    use zeroize::Zeroizing;

    use super::*;
    use crate::protocol::{Blind, Prover};

    /// The secret of a [`ModelCommitment`]: the seed of its rows' blinds. Whoever has it and the weights can prove.
    #[derive(Clone)]
    pub struct ModelSecret {
        seed: Zeroizing<[u8; 32]>,
        /// The commitment that it belongs to.
        commitment: [u8; 32],
    }

    impl std::fmt::Debug for ModelSecret {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("secret of a model commitment")
        }
    }

    impl ModelSecret {
        pub(crate) fn new(seed: [u8; 32], commitment: [u8; 32]) -> Self {
            Self { seed: Zeroizing::new(seed), commitment }
        }

        /// Reads a file.
        ///
        /// # Errors
        /// [`KeyError`].
        pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
            let (seed, commitment) = decode(Kind::ModelSecret, bytes)?;
            Ok(Self::new(seed, commitment))
        }

        /// The file.
        pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
            let payload = postcard::to_allocvec(&(&*self.seed, &self.commitment)).expect("plain data in memory");
            Zeroizing::new(seal(Kind::ModelSecret, &Zeroizing::new(payload)))
        }

        /// Digest of the commitment that it belongs to.
        pub fn commitment(&self) -> [u8; 32] {
            self.commitment
        }

        pub(crate) fn seed(&self) -> [u8; 32] {
            *self.seed
        }
    }

    /// Weights and the blinds of their rows.
    pub(crate) struct Weights<'a> {
        pub(crate) weights: &'a [Arc<Ints>],
        pub(crate) blinds: &'a [Blind],
    }

    /// The blinds of a model's rows.
    pub(crate) fn blinds(rows: usize, seed: [u8; 32]) -> Zeroizing<Vec<Blind>> {
        Zeroizing::new(Scheme::blinds(rows, &mut ChaCha20Rng::from_seed(seed)))
    }

    impl ModelCommitment {
        /// Commits to weights and proves their ranges, slice by slice; `progress` hears the slices done and their number.
        ///
        /// # Errors
        /// [`WitnessError`] for weights out of range.
        pub(crate) fn make(
            formats: Vec<WeightFormat>,
            width: usize,
            params: &Params,
            secret: &Weights<'_>,
            rng: &mut (impl RngCore + CryptoRng),
            progress: &dyn Fn(usize, usize),
        ) -> Result<Self, WitnessError> {
            let splits: Vec<Split> = formats.iter().map(|f| Split::choose(&f.shape, width)).collect();
            let values = secret.weights.iter().map(|w| w.as_slice());
            let rows: Vec<IntSlice<'_>> = splits.iter().zip(values).flat_map(|(split, w)| split.rows(w)).collect();
            let rows = Scheme::commit(params, &rows, secret.blinds);
            let mut commitment = Self::assemble(formats, width, rows, Vec::new());
            let slices = slices(&commitment.formats, width);
            for (index, slice) in slices.iter().enumerate() {
                progress(index, slices.len());
                let proof = commitment.prove_slice(params, slice, [index, slices.len()], secret, rng)?;
                commitment.proofs.push(proof);
            }
            progress(slices.len(), slices.len());
            Ok(commitment)
        }

        fn prove_slice(
            &self,
            params: &Params,
            slice: &[SlicePart],
            [index, count]: [usize; 2],
            secret: &Weights<'_>,
            rng: &mut (impl RngCore + CryptoRng),
        ) -> Result<Vec<u8>, WitnessError> {
            let circuit = slice_circuit(&self.formats, slice).expect("formats are those of a circuit's weights");
            let frame = Frame::new(&circuit, self.width);
            let weights: Vec<Arc<Ints>> =
                slice.iter().map(|part| Arc::new(self.part_of(secret.weights, part))).collect();
            let witness = evaluate(&circuit, &Ints::U8(vec![0]), &weights)?;
            let wires = slice.iter().zip(&weights).map(|(part, values)| CommittedWire {
                split: &part.split,
                values: values.as_slice(),
                blinds: &secret.blinds[part.rows.clone()],
            });
            let prover = Prover {
                setting: Setting { circuit: &circuit, params, frame: &frame },
                committed: circuit.wires_of(WireKind::Weight).zip(wires).collect(),
                witness: &witness,
                recomputed: 0,
                progress: &|_| (),
            };
            let transcript = slice_transcript(&self.digest, self.width, count, index, &circuit);
            Ok(prover.hiding(rng, PlainProver::new(transcript)).0.finish())
        }

        fn part_of(&self, weights: &[Arc<Ints>], part: &SlicePart) -> Ints {
            let values = weights[part.wire].as_slice();
            let per_place = values.len() / self.formats[part.wire].shape[0];
            values.range(part.places.start * per_place, part.places.len() * per_place).to_ints()
        }
    }
}
