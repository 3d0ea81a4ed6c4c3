//! Integer tensors in files: the width, then all values as one run of little-endian bytes.
//!
//! ```text
//! width (variant 0 to 3: i8, u8, i16, i32) | length in bytes | bytes
//! ```
//!
//! A format that keeps its input in memory lends the run, so that reading a tensor is one copy, and nothing is allocated
//! for bytes that are not there; writing one, where the machine is little-endian, is none. Every value has one encoding.

use std::borrow::Cow;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Ints;

/// What stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Ints")]
enum Stored<'a> {
    #[serde(borrow)]
    I8(#[serde(with = "serde_bytes")] Cow<'a, [u8]>),
    #[serde(borrow)]
    U8(#[serde(with = "serde_bytes")] Cow<'a, [u8]>),
    #[serde(borrow)]
    I16(#[serde(with = "serde_bytes")] Cow<'a, [u8]>),
    #[serde(borrow)]
    I32(#[serde(with = "serde_bytes")] Cow<'a, [u8]>),
}

impl Serialize for Ints {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = match self {
            Self::I8(v) => Stored::I8(Cow::Borrowed(bytemuck::cast_slice(v))),
            Self::U8(v) => Stored::U8(Cow::Borrowed(v)),
            Self::I16(v) => Stored::I16(run(v, |x| x.to_le_bytes())),
            Self::I32(v) => Stored::I32(run(v, |x| x.to_le_bytes())),
        };
        stored.serialize(serializer)
    }
}

/// The run of little-endian values: where the machine's own are, the values as they lie, and no copy.
fn run<T: bytemuck::NoUninit, const N: usize>(values: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Cow<'_, [u8]> {
    match cfg!(target_endian = "little") {
        true => Cow::Borrowed(bytemuck::cast_slice(values)),
        false => values.iter().flat_map(bytes).collect(),
    }
}

impl<'de> Deserialize<'de> for Ints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cut = |length: usize, width| D::Error::custom(format_args!("{length} bytes of {width}-byte integers"));
        Ok(match Stored::deserialize(deserializer)? {
            Stored::I8(bytes) => Self::I8(bytemuck::cast_slice(&bytes).to_vec()),
            Stored::U8(bytes) => Self::U8(bytes.into_owned()),
            Stored::I16(bytes) => match bytes.as_chunks() {
                (chunks, []) => Self::I16(chunks.iter().map(|&x| i16::from_le_bytes(x)).collect()),
                _ => return Err(cut(bytes.len(), 2)),
            },
            Stored::I32(bytes) => match bytes.as_chunks() {
                (chunks, []) => Self::I32(chunks.iter().map(|&x| i32::from_le_bytes(x)).collect()),
                _ => return Err(cut(bytes.len(), 4)),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors() -> [Ints; 5] {
        [
            Ints::I8(vec![-128, 0, 127]),
            Ints::U8(vec![0, 255]),
            Ints::I16(vec![i16::MIN, -1, 258]),
            Ints::I32(vec![i32::MIN, 1, 0x0102_0304]),
            Ints::I32(Vec::new()),
        ]
    }

    #[test]
    fn tensors_are_byte_runs_and_come_back() {
        let encoded = postcard::to_stdvec(&tensors()[2]).unwrap();
        assert_eq!(encoded, [2, 6, 0x00, 0x80, 0xff, 0xff, 0x02, 0x01]);
        for ints in tensors() {
            let encoded = postcard::to_stdvec(&ints).unwrap();
            assert_eq!(postcard::from_bytes::<Ints>(&encoded).unwrap(), ints);
        }
    }

    #[test]
    fn cut_runs_and_lengths_that_are_not_there_are_errors() {
        for ints in tensors() {
            let encoded = postcard::to_stdvec(&ints).unwrap();
            assert!((0..encoded.len()).all(|end| postcard::from_bytes::<Ints>(&encoded[..end]).is_err()));
        }
        // Three bytes are no 16-bit integers, five no 32-bit ones.
        assert!(postcard::from_bytes::<Ints>(&[2, 3, 0, 0, 0]).is_err());
        assert!(postcard::from_bytes::<Ints>(&[3, 5, 0, 0, 0, 0, 0]).is_err());
        assert!(postcard::from_bytes::<Ints>(&[4, 0]).is_err(), "there is no fifth width");
        // 2^63 bytes and no memory for them.
        let huge = [&[0][..], &[0x80; 9], &[1]].concat();
        assert!(postcard::from_bytes::<Ints>(&huge).is_err());
    }
}
