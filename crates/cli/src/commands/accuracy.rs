//! Proofs of accuracy: made, verified, and the commitments to their images.

mod commit;
mod prove;
mod verify;

use std::path::Path;

use convince::DataSetCommitment;
use convince::lower::Reveal;

use super::key_error;
use crate::error::Error;
use crate::input::{self, DataSet};
use crate::visibility::{Privacy, Visibility};

pub(super) use self::commit::run as commit;
pub(super) use self::prove::run as prove;
pub(super) use self::verify::run as verify;

/// Refuses keys that are for other proofs, and those whose images are not as private as what is given of them.
fn check_key(path: &Path, visibility: Visibility, data_set: Option<&Path>) -> Result<(), Error> {
    let key = path.display();
    if visibility.reveal != Reveal::Correct {
        let make = "make one by `convince setup --reveal correct`";
        return Err(Error::new(format!("{key}: this key is not for accuracy proofs: {make}")));
    }
    match (visibility.input, data_set) {
        (Privacy::Private, None) => {
            Err(Error::new(format!("{key}: this key's images are private: give their commitment with --data-set")))
        }
        (Privacy::Public, Some(_)) => {
            Err(Error::new(format!("{key}: this key's images are public: give them with --data, not --data-set")))
        }
        _ => Ok(()),
    }
}

/// Reads and checks the commitment to a set of images.
fn data_set(path: &Path) -> Result<DataSetCommitment, Error> {
    DataSetCommitment::from_bytes(&input::read(path)?).map_err(|error| key_error(path, &error))
}

/// One label for each of `count` images, which `data` names.
fn labels(path: &Path, count: usize, data: Option<&DataSet>) -> Result<Vec<u32>, Error> {
    let labels = input::labels(path, count, &|index| data.and_then(|data| data.name(index)))?;
    let label = |(index, label): (usize, i64)| {
        let none =
            || Error::new(format!("{}: the label of image {index} is {label}, which is no class", path.display()));
        u32::try_from(label).map_err(|_| none())
    };
    labels.into_iter().enumerate().map(label).collect()
}
