//! NumPy's `.npy` files, as the hostile input they may be.

use npyz::{DType, Deserialize, NpyHeader, Order, TypeRead as _};

use crate::array::{Array, Values};

/// Longest header, in bytes: NumPy writes 128.
const MAX_HEADER: usize = 4096;
/// Most digits in a header. A product of axes of that many digits fits 64 bits.
const MAX_DIGITS: usize = 19;
/// Most brackets in a header: one dictionary and one tuple need four.
const MAX_BRACKETS: usize = 8;

/// First bytes of every file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Most bytes that a header takes with what stands before it.
pub(crate) const MAX_START: u64 = MAX_HEADER as u64 + 12;

/// What a header says: how many values there are, where, and how they are encoded.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    /// Lengths of the axes.
    pub(crate) shape: Vec<usize>,
    /// Bytes before the first value.
    pub(crate) start: u64,
    /// Bytes of a value.
    pub(crate) item: usize,
    kind: Kind,
    dtype: DType,
    declared: u64,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    U8,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
}

impl Layout {
    /// Reads the header at the start of a file, of which `bytes` are at least the first [`MAX_START`], or all.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        check_header(bytes)?;
        let mut data = bytes;
        let header = NpyHeader::from_reader(&mut data).map_err(|error| format!("not a NumPy file: {error}"))?;
        let shape: Option<Vec<usize>> = header.shape().iter().map(|&n| usize::try_from(n).ok()).collect();
        let shape = shape.ok_or("its shape is too large")?;
        if header.order() == Order::Fortran && shape.iter().filter(|&&n| n != 1).count() > 1 {
            return Err("it is in Fortran order; save numpy.ascontiguousarray(x)".into());
        }
        let descriptor = header.dtype().descr();
        let (kind, item) = match descriptor.trim_matches('\'').trim_start_matches(['<', '>', '|', '=']) {
            "u1" => (Kind::U8, 1),
            "f4" => (Kind::F32, 4),
            "f8" => (Kind::F64, 8),
            "i1" => (Kind::I8, 1),
            "i2" => (Kind::I16, 2),
            "i4" => (Kind::I32, 4),
            "i8" => (Kind::I64, 8),
            _ => {
                let supported = "uint8 (pixels), float32, float64 and signed integers are";
                return Err(format!("its element type is not supported; {supported}"));
            }
        };
        let start = (bytes.len() - data.len()) as u64;
        Ok(Self { shape, start, item, kind, dtype: header.dtype(), declared: header.len() })
    }

    /// Compares the declared shape with the number of bytes behind the header.
    pub(crate) fn check_len(&self, found: u64) -> Result<(), String> {
        let Self { declared, item, .. } = self;
        match declared.checked_mul(*item as u64) {
            Some(expected) if expected == found => Ok(()),
            _ => Err(format!("its header says {declared} values of {item} bytes, but {found} bytes are there")),
        }
    }

    /// The values that whole items encode.
    pub(crate) fn values(&self, bytes: &[u8]) -> Result<Values, String> {
        Ok(match self.kind {
            Kind::U8 => Values::Pixels(bytes.to_vec()),
            Kind::F32 => Values::Floats(self.all::<f32>(bytes)?),
            Kind::F64 => Values::Floats(self.all::<f64>(bytes)?.into_iter().map(|v| v as f32).collect()),
            Kind::I8 => self.integers::<i8>(bytes)?,
            Kind::I16 => self.integers::<i16>(bytes)?,
            Kind::I32 => self.integers::<i32>(bytes)?,
            Kind::I64 => self.integers::<i64>(bytes)?,
        })
    }

    fn all<T: Deserialize>(&self, bytes: &[u8]) -> Result<Vec<T>, String> {
        let reader = T::reader(&self.dtype).map_err(|error| error.to_string())?;
        let values = bytes.chunks_exact(self.item).map(|item| reader.read_one(item));
        values.collect::<std::io::Result<_>>().map_err(|error| error.to_string())
    }

    fn integers<T: Deserialize + Into<i64>>(&self, bytes: &[u8]) -> Result<Values, String> {
        Ok(Values::Integers(self.all::<T>(bytes)?.into_iter().map(Into::into).collect()))
    }
}

/// Reads a whole file. The declared shape is compared with the file's length before anything is allocated.
pub(crate) fn read(bytes: &[u8]) -> Result<Array, String> {
    let layout = Layout::parse(bytes)?;
    let data = &bytes[layout.start as usize..];
    layout.check_len(data.len() as u64)?;
    Ok(Array { values: layout.values(data)?, shape: layout.shape })
}

/// Bounds what parsing the header can cost: its length, its nesting, and the product of the axes in it.
fn check_header(bytes: &[u8]) -> Result<(), String> {
    let cut = || "it is cut short in its header".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("not a NumPy file")?;
    let (len, start) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        [1..=3, ..] | [] => return Err(cut()),
        [version, ..] => return Err(format!("NumPy file version {version} is not supported")),
    };
    if len > MAX_HEADER {
        return Err(format!("its header of {len} bytes is too long"));
    }
    let text = rest.get(start..start + len).ok_or_else(cut)?;
    let count = |of: fn(&u8) -> bool| text.iter().filter(|c| of(c)).count();
    let is_hexadecimal = text.windows(2).any(|pair| pair[0] == b'0' && matches!(pair[1], b'x' | b'X'));
    if count(|c| c.is_ascii_digit()) > MAX_DIGITS || is_hexadecimal {
        return Err("its shape is too large".into());
    }
    if count(|c| matches!(c, b'(' | b')' | b'[' | b']' | b'{' | b'}')) > MAX_BRACKETS {
        return Err("it is a structured array, which is not supported".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descriptor: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes(), text.as_bytes(), data].concat()
    }

    #[test]
    fn every_supported_type_is_read() {
        let pixels = read(&file("|u1", "False", "(2, 2)", &[1, 2, 3, 4])).expect("valid");
        assert_eq!(pixels, Array { shape: vec![2, 2], values: Values::Pixels(vec![1, 2, 3, 4]) });
        let floats = read(&file("<f4", "False", "(1,)", &1.5f32.to_le_bytes())).expect("valid");
        assert_eq!(floats.values, Values::Floats(vec![1.5]));
        let big_endian = read(&file(">f8", "False", "(1,)", &(-2.0f64).to_be_bytes())).expect("valid");
        assert_eq!(big_endian.values, Values::Floats(vec![-2.0]));
        let integers = read(&file("<i2", "False", "(2,)", &[255, 255, 3, 0])).expect("valid");
        assert_eq!(integers.values, Values::Integers(vec![-1, 3]));
    }

    #[test]
    fn shapes_that_lie_are_errors() {
        for shape in ["(3,)", "(5,)", "(1099511627776,)", "(4294967296, 4294967296)", "(9999999999, 9999999999)"] {
            assert!(read(&file("|u1", "False", shape, &[0; 4])).is_err(), "{shape}");
        }
        assert!(read(&file("<f8", "False", "(2305843009213693952,)", &[])).is_err());
        assert!(read(&file("|u1", "False", "(0xffffffffffffffff, 0xffffffffffffffff)", &[0; 4])).is_err());
        assert!(read(&file("|u1", "True", "(2, 2)", &[0; 4])).is_err());
    }

    #[test]
    fn hostile_headers_are_errors() {
        let deep = "(".repeat(4000);
        assert!(read(&file("|u1", "False", &deep, &[])).is_err());
        let huge = [MAGIC, &[2, 0, 255, 255, 255, 255]].concat();
        assert!(read(&huge).is_err());
        assert!(read(&file("|O", "False", "(1,)", &[0])).is_err());
        assert!(read(&file("<U4", "False", "(1,)", &[0; 16])).is_err());
        let whole = file("|u1", "False", "(4,)", &[0; 4]);
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "{len}");
        }
    }
}
