//! Commitments to inputs and outputs, as objects of their own.

use convince_circuit::{Bits, Circuit, Wire};
use convince_field::Ints;
use convince_pcs::{CommitmentScheme, Split};
use convince_transcript::container::{Kind, seal};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::key::decode;
use crate::protocol::{Blind, Params, Row, Scheme, digest};
use crate::{KeyError, VerifyError};

/// Which values a committed tensor has: what a circuit says of its input or output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    shape: Vec<usize>,
    low: i64,
    high: i64,
    width: usize,
}

/// Most values of a tensor in a file.
const MAX_SIZE: usize = 1 << 31;

impl Format {
    pub(crate) fn new(wire: &Wire, width: usize) -> Self {
        Self { shape: wire.shape.clone(), low: wire.low, high: wire.high, width }
    }

    pub(crate) fn split(&self) -> Split {
        Split::choose(&self.shape, self.width)
    }

    /// Length of the leading axis, at least 1.
    pub(crate) fn leading(&self) -> usize {
        self.shape.first().copied().unwrap_or(1).max(1)
    }

    fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// What was read from a file, if it makes sense.
    pub(crate) fn checked(self) -> Result<Self, KeyError> {
        let size = self.shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
        let fits = size.is_some_and(|size| (1..=MAX_SIZE).contains(&size)) && self.shape.len() <= 5;
        if !fits || self.low > self.high {
            return Err(KeyError::Inconsistent("the commitment's shape or range is none"));
        }
        Scheme::params(self.width)?;
        Ok(self)
    }
}

/// A hiding commitment to an input or an output: some 48 bytes for as many values as a row of the key's matrices has.
///
/// Whoever committed can prove things of the committed values and of nothing else, and the commitment says nothing of them.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorCommitment {
    format: Format,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct CommitmentPayload {
    format: Format,
    rows: Vec<u8>,
}

impl TensorCommitment {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let CommitmentPayload { format, rows } = decode(Kind::TensorCommitment, bytes)?;
        let format = format.checked()?;
        let rows = Scheme::rows_from_bytes(format.split().num_rows(), &rows)?;
        Ok(Self { format, rows })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = CommitmentPayload { format: self.format.clone(), rows: Scheme::rows_to_bytes(&self.rows) };
        seal(Kind::TensorCommitment, &postcard::to_allocvec(&payload).expect("plain data in memory"))
    }

    /// Hash of the commitment, by which reports name it.
    pub fn digest(&self) -> [u8; 32] {
        let format = postcard::to_allocvec(&self.format).expect("plain data in memory");
        digest("convince/tensor/v1", &[&format, &Scheme::rows_to_bytes(&self.rows)])
    }

    /// Whether it commits to what the opening says. One commitment's work.
    pub fn is_opened_by(&self, opening: &TensorOpening) -> bool {
        opening.commitment() == *self
    }

    /// Lengths of the committed tensor's axes.
    pub fn shape(&self) -> &[usize] {
        &self.format.shape
    }

    /// The range that its values are declared to be in; proofs show that of an input.
    pub fn range(&self) -> (i64, i64) {
        (self.format.low, self.format.high)
    }

    /// Columns of the commitment's matrix: a commitment serves keys of this width alone.
    pub fn width(&self) -> usize {
        self.format.width
    }

    /// Number of commitments to rows.
    pub fn num_rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// What a [`TensorCommitment`] commits to, with its randomness. Secret: whoever has it knows the values.
#[derive(Clone)]
pub struct TensorOpening {
    format: Format,
    values: Ints,
    seed: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for TensorOpening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "opening of a commitment to {:?}", self.format.shape)
    }
}

#[derive(Serialize, Deserialize)]
struct OpeningPayload {
    format: Format,
    values: Vec<i32>,
    seed: [u8; 32],
}

impl TensorOpening {
    pub(crate) fn new(format: Format, values: Ints, seed: [u8; 32]) -> Self {
        Self { format, values, seed: Zeroizing::new(seed) }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let OpeningPayload { format, values, seed } = decode(Kind::TensorOpening, bytes)?;
        let format = format.checked()?;
        let values: Vec<i64> = values.into_iter().map(i64::from).collect();
        let in_range = values.iter().all(|v| (format.low..=format.high).contains(v));
        let bits = Bits::holding(format.low, format.high);
        let packed = (in_range && values.len() == format.size()).then(|| Ints::pack(bits, &values)).flatten();
        let values = packed.ok_or(KeyError::Inconsistent("the opening's values are not of its format"))?;
        Ok(Self::new(format, values, seed))
    }

    /// The file, which holds the values in the clear.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let payload = OpeningPayload { format: self.format.clone(), values: self.values(), seed: *self.seed };
        let bytes = Zeroizing::new(postcard::to_allocvec(&payload).expect("plain data in memory"));
        Zeroizing::new(seal(Kind::TensorOpening, &bytes))
    }

    /// The committed values.
    pub fn values(&self) -> Vec<i32> {
        self.values.as_slice().iter().map(|v| v as i32).collect()
    }

    /// The commitment. Panics if the width has no parameters, which no opening's has.
    pub fn commitment(&self) -> TensorCommitment {
        let params = Scheme::params(self.format.width).expect("checked when it was made");
        self.commitment_with(&params)
    }

    pub(crate) fn commitment_with(&self, params: &Params) -> TensorCommitment {
        let rows = self.format.split().rows(self.values.as_slice());
        let rows = Scheme::commit(params, &rows, &self.blinds());
        TensorCommitment { format: self.format.clone(), rows }
    }

    pub(crate) fn blinds(&self) -> Zeroizing<Vec<Blind>> {
        let mut rng = ChaCha20Rng::from_seed(*self.seed);
        Zeroizing::new(Scheme::blinds(self.format.split().num_rows(), &mut rng))
    }

    #[cfg(feature = "prover")]
    pub(crate) fn format(&self) -> &Format {
        &self.format
    }
}

/// The format of a circuit's input.
pub(crate) fn input_format(circuit: &Circuit, width: usize) -> Format {
    Format::new(circuit.wire(circuit.input()), width)
}

/// The format of a circuit's output, where it is a wire of its own.
pub(crate) fn output_format(circuit: &Circuit, width: usize) -> Format {
    Format::new(circuit.wire(circuit.output().wire), width)
}

/// Reads the commitments of a part of a statement.
pub(crate) fn commitment_of(format: Format, bytes: &[u8]) -> Result<TensorCommitment, VerifyError> {
    let rows = Scheme::rows_from_bytes(format.split().num_rows(), bytes)?;
    Ok(TensorCommitment { format, rows })
}
