//! NumPy's `.npy` files, as the hostile input they may be.

use npyz::{Deserialize, NpyFile, NpyHeader, Order};

use crate::array::{Array, Values};

/// Longest header, in bytes: NumPy writes 128.
const MAX_HEADER: usize = 4096;
/// Most digits in a header. A product of axes of that many digits fits 64 bits.
const MAX_DIGITS: usize = 19;
/// Most brackets in a header: one dictionary and one tuple need four.
const MAX_BRACKETS: usize = 8;

/// First bytes of every file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a whole file. The declared shape is compared with the file's length before anything is allocated.
pub(crate) fn read(bytes: &[u8]) -> Result<Array, String> {
    check_header(bytes)?;
    let mut data = bytes;
    let header = NpyHeader::from_reader(&mut data).map_err(|error| format!("not a NumPy file: {error}"))?;
    let shape: Option<Vec<usize>> = header.shape().iter().map(|&n| usize::try_from(n).ok()).collect();
    let shape = shape.ok_or("its shape is too large")?;
    if header.order() == Order::Fortran && shape.iter().filter(|&&n| n != 1).count() > 1 {
        return Err("it is in Fortran order; save numpy.ascontiguousarray(x)".into());
    }
    let declared = header.len();
    let descriptor = header.dtype().descr();
    let file = NpyFile::with_header(header, data);
    let fits = |item: u64| match declared.checked_mul(item) {
        Some(expected) if expected == data.len() as u64 => Ok(()),
        _ => Err(format!("its header says {declared} values of {item} bytes, but {} bytes are there", data.len())),
    };
    let kind = descriptor.trim_matches('\'').trim_start_matches(['<', '>', '|', '=']);
    let values = match kind {
        "u1" => fits(1).and_then(|()| Ok(Values::Pixels(all::<u8>(file)?))),
        "f4" => fits(4).and_then(|()| Ok(Values::Floats(all::<f32>(file)?))),
        "f8" => fits(8).and_then(|()| Ok(Values::Floats(all::<f64>(file)?.into_iter().map(|v| v as f32).collect()))),
        "i1" => fits(1).and_then(|()| integers::<i8>(file)),
        "i2" => fits(2).and_then(|()| integers::<i16>(file)),
        "i4" => fits(4).and_then(|()| integers::<i32>(file)),
        "i8" => fits(8).and_then(|()| integers::<i64>(file)),
        _ => Err("its element type is not supported; uint8 (pixels), float32, float64 and signed integers are".into()),
    };
    Ok(Array { shape, values: values? })
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

fn all<T: Deserialize>(file: NpyFile<&[u8]>) -> Result<Vec<T>, String> {
    file.into_vec().map_err(|error| error.to_string())
}

fn integers<T: Deserialize + Into<i64>>(file: NpyFile<&[u8]>) -> Result<Values, String> {
    Ok(Values::Integers(all::<T>(file)?.into_iter().map(Into::into).collect()))
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
