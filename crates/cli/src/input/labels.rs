//! The labels of many inputs.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::array::Values;
use crate::error::{Context, Error};
use crate::npy;

/// Labels as a JSON file holds them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    List(Vec<i64>),
    Map(BTreeMap<String, i64>),
}

const NEEDED: &str = "a list of integers, or a map from file name to integer, is needed";

/// One label an input, of `count`: those of a list in its order, those of a map by the inputs' names, where they are known.
pub(crate) fn labels<'a>(
    path: &Path,
    count: usize,
    name: &dyn Fn(usize) -> Option<&'a str>,
) -> Result<Vec<i64>, Error> {
    let bytes = super::read(path)?;
    let parsed = if bytes.starts_with(npy::MAGIC) {
        npy::read(&bytes).and_then(|array| match array.values {
            Values::Pixels(values) => Ok(Labels::List(values.into_iter().map(i64::from).collect())),
            Values::Integers(values) => Ok(Labels::List(values)),
            Values::Floats(_) => Err("its labels are floats, integers are needed".into()),
        })
    } else {
        let parsed =
            serde_json::from_slice::<serde_json::Value>(&bytes).map_err(|error| format!("not valid JSON: {error}"));
        parsed.and_then(|value| serde_json::from_value(value).map_err(|_| NEEDED.to_owned()))
    };
    match parsed.at(path.display())? {
        Labels::List(list) if list.len() == count => Ok(list),
        Labels::List(list) => Err(Error::new(format!("{}: {} labels for {count} inputs", path.display(), list.len()))),
        Labels::Map(map) => {
            let find = |index| {
                let unknown = || Error::new(format!("{}: a map, but the inputs' names are not known", path.display()));
                let name = name(index).ok_or_else(unknown)?;
                let missing = || Error::new(format!("{}: no label for \"{name}\"", path.display()));
                map.get(name).copied().ok_or_else(missing)
            };
            (0..count).map(find).collect()
        }
    }
}
