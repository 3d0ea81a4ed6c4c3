use convince_circuit::Circuit;
use convince_pcs::CommitmentScheme;
use convince_transcript::container::{Kind, seal};
use serde::{Deserialize, Serialize};

use super::{Batches, MAX_IMAGES};
use crate::KeyError;
use crate::key::decode;
use crate::protocol::{Row, Scheme, digest};
use crate::tensor::{Format, input_format};

/// A hiding commitment to a set of images, in batches: what a proof of accuracy can be about without showing them.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSetCommitment {
    /// Of one batch.
    format: Format,
    images: usize,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    format: Format,
    images: u64,
    rows: Vec<u8>,
}

impl DataSetCommitment {
    #[cfg(feature = "prover")]
    pub(super) fn new(format: Format, images: usize, rows: Vec<Row>) -> Self {
        Self { format, images, rows }
    }

    /// Reads and checks a file. About 0.1 ms a row.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let Payload { format, images, rows } = decode(Kind::DataSetCommitment, bytes)?;
        let format = format.checked()?;
        let images = usize::try_from(images).ok().filter(|images| (1..=MAX_IMAGES).contains(images));
        let images = images.ok_or(KeyError::Inconsistent("the data set's number of images is none"))?;
        let count = images.div_ceil(format.leading()).saturating_mul(format.split().num_rows());
        let rows = Scheme::rows_from_bytes(count, &rows)?;
        Ok(Self { format, images, rows })
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = Payload {
            format: self.format.clone(),
            images: self.images as u64,
            rows: Scheme::rows_to_bytes(&self.rows),
        };
        seal(Kind::DataSetCommitment, &postcard::to_allocvec(&payload).expect("plain data in memory"))
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Number of commitments to rows.
    pub fn num_rows(&self) -> usize {
        self.rows.len()
    }

    /// Hash of the commitment, by which reports name it.
    pub fn digest(&self) -> [u8; 32] {
        let layout = postcard::to_allocvec(&(&self.format, self.images as u64)).expect("plain data in memory");
        digest("convince/data-set/v1", &[&layout, &Scheme::rows_to_bytes(&self.rows)])
    }

    /// Whether it is to so many images in batches of a circuit's input.
    pub(super) fn fits(&self, circuit: &Circuit, width: usize, batches: Batches) -> bool {
        self.format == input_format(circuit, width) && self.images == batches.images
    }

    /// The rows of a batch.
    pub(super) fn batch(&self, index: usize) -> &[Row] {
        let rows = self.format.split().num_rows();
        &self.rows[index * rows..][..rows]
    }
}

#[cfg(feature = "prover")]
pub use opening::DataSetOpening;

#[cfg(feature = "prover")]
mod opening {
    use convince_field::Ints;
    use zeroize::Zeroizing;

    use super::{KeyError, Kind, decode, digest, seal};
    use crate::tensor::{Format, TensorOpening};

    /// The secret of a [`super::DataSetCommitment`]: with the images, what it takes to prove things of them.
    #[derive(Clone)]
    pub struct DataSetOpening {
        seed: Zeroizing<[u8; 32]>,
        /// The commitment that it belongs to.
        commitment: [u8; 32],
    }

    impl std::fmt::Debug for DataSetOpening {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("opening of a data set's commitment")
        }
    }

    impl DataSetOpening {
        pub(in crate::accuracy) fn new(seed: [u8; 32], commitment: [u8; 32]) -> Self {
            Self { seed: Zeroizing::new(seed), commitment }
        }

        /// Reads a file.
        ///
        /// # Errors
        /// [`KeyError`].
        pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
            let (seed, commitment) = decode(Kind::DataSetOpening, bytes)?;
            Ok(Self::new(seed, commitment))
        }

        /// The file, which does not hold the images.
        pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
            let payload = postcard::to_allocvec(&(&*self.seed, &self.commitment)).expect("plain data in memory");
            Zeroizing::new(seal(Kind::DataSetOpening, &Zeroizing::new(payload)))
        }

        /// Digest of the commitment that it belongs to.
        pub fn commitment(&self) -> [u8; 32] {
            self.commitment
        }

        /// The opening of one batch.
        pub(in crate::accuracy) fn batch(&self, index: usize, format: Format, values: Ints) -> TensorOpening {
            let index = (index as u64).to_le_bytes();
            TensorOpening::new(format, values, digest("convince/data-set/blinds/v1", &[&*self.seed, &index]))
        }
    }
}
