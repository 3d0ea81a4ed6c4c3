mod encoding;

use crate::{Bits, ProofField};

/// An integer tensor's values, row-major, at the narrowest of four widths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ints {
    /// Signed 8 bits.
    I8(Vec<i8>),
    /// Unsigned 8 bits.
    U8(Vec<u8>),
    /// Signed 16 bits.
    I16(Vec<i16>),
    /// Signed 32 bits.
    I32(Vec<i32>),
}

/// A borrowed run of an [`Ints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntSlice<'a> {
    /// Signed 8 bits.
    I8(&'a [i8]),
    /// Unsigned 8 bits.
    U8(&'a [u8]),
    /// Signed 16 bits.
    I16(&'a [i16]),
    /// Signed 32 bits.
    I32(&'a [i32]),
}

/// Runs `$body` with `$v` bound to the values, whatever their width.
macro_rules! each_width {
    ($enum:ident, $value:expr, $v:ident => $body:expr) => {
        match $value {
            $enum::I8($v) => $body,
            $enum::U8($v) => $body,
            $enum::I16($v) => $body,
            $enum::I32($v) => $body,
        }
    };
}

impl Ints {
    /// `values` at the narrowest width that holds the format `bits`.
    ///
    /// Returns `None` if a value does not fit that width.
    pub fn pack(bits: Bits, values: &[i64]) -> Option<Self> {
        fn all<T: TryFrom<i64>>(values: &[i64]) -> Option<Vec<T>> {
            values.iter().map(|&v| T::try_from(v).ok()).collect()
        }
        Some(match (bits.signed, bits.width) {
            (true, ..=8) => Self::I8(all(values)?),
            (false, ..=8) => Self::U8(all(values)?),
            (true, ..=16) | (false, ..=15) => Self::I16(all(values)?),
            _ => Self::I32(all(values)?),
        })
    }

    /// One matrix of several that have as many rows, each with its number of columns: their columns side by side.
    ///
    /// Returns `None` for no matrices, and unless all are of one width and tile into rows.
    pub fn side_by_side(parts: &[(IntSlice<'_>, usize)]) -> Option<Self> {
        fn join<T: Copy>(parts: Vec<(&[T], usize)>) -> Option<Vec<T>> {
            let rows = parts.iter().find(|(_, columns)| *columns > 0).map_or(0, |(values, n)| values.len() / n);
            if parts.iter().any(|(values, columns)| values.len() != rows * columns) {
                return None;
            }
            let mut joined = Vec::with_capacity(parts.iter().map(|(values, _)| values.len()).sum());
            for row in 0..rows {
                parts.iter().for_each(|(values, n)| joined.extend_from_slice(&values[row * n..(row + 1) * n]));
            }
            Some(joined)
        }
        macro_rules! of_width {
            ($width:ident) => {{
                let values = parts.iter().map(|&(part, columns)| match part {
                    IntSlice::$width(values) => Some((values, columns)),
                    _ => None,
                });
                Self::$width(join(values.collect::<Option<_>>()?)?)
            }};
        }
        Some(match parts.first()?.0 {
            IntSlice::I8(_) => of_width!(I8),
            IntSlice::U8(_) => of_width!(U8),
            IntSlice::I16(_) => of_width!(I16),
            IntSlice::I32(_) => of_width!(I32),
        })
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        each_width!(Ints, self, v => v.len())
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All values, borrowed.
    pub fn as_slice(&self) -> IntSlice<'_> {
        match self {
            Self::I8(v) => IntSlice::I8(v),
            Self::U8(v) => IntSlice::U8(v),
            Self::I16(v) => IntSlice::I16(v),
            Self::I32(v) => IntSlice::I32(v),
        }
    }

    /// The values as `i64`.
    pub fn to_i64(&self) -> Vec<i64> {
        self.as_slice().iter().collect()
    }
}

impl<'a> IntSlice<'a> {
    /// Number of values.
    pub fn len(self) -> usize {
        each_width!(IntSlice, self, v => v.len())
    }

    /// Whether there are no values.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The value at `index`. Panics if out of range.
    pub fn get(self, index: usize) -> i64 {
        each_width!(IntSlice, self, v => v[index].into())
    }

    /// `len` values from `start`. Panics if out of range.
    pub fn range(self, start: usize, len: usize) -> IntSlice<'a> {
        match self {
            Self::I8(v) => Self::I8(&v[start..start + len]),
            Self::U8(v) => Self::U8(&v[start..start + len]),
            Self::I16(v) => Self::I16(&v[start..start + len]),
            Self::I32(v) => Self::I32(&v[start..start + len]),
        }
    }

    /// A copy at the same width.
    pub fn to_ints(self) -> Ints {
        match self {
            Self::I8(v) => Ints::I8(v.to_vec()),
            Self::U8(v) => Ints::U8(v.to_vec()),
            Self::I16(v) => Ints::I16(v.to_vec()),
            Self::I32(v) => Ints::I32(v.to_vec()),
        }
    }

    /// The values as `i64`, one at a time.
    pub fn iter(self) -> impl Iterator<Item = i64> + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }

    /// The values from `start` on, as many as `out` takes. Panics if out of range.
    pub fn read(self, start: usize, out: &mut [i64]) {
        each_width!(IntSlice, self, v => {
            let values = &v[start..start + out.len()];
            out.iter_mut().zip(values).for_each(|(out, &value)| *out = value.into());
        });
    }

    /// The least and the largest value; none of no values. A pass at the memory's speed.
    pub fn bounds(self) -> Option<(i64, i64)> {
        fn of<T: Copy + Ord + Into<i64>>(values: &[T]) -> Option<(i64, i64)> {
            let (&first, rest) = values.split_first()?;
            // Two folds, which are vectorised, unlike one over pairs.
            let (low, high) = rest.chunks(4096).fold((first, first), |(low, high), chunk| {
                let least = chunk.iter().fold(low, |a, &b| a.min(b));
                (least, chunk.iter().fold(high, |a, &b| a.max(b)))
            });
            Some((low.into(), high.into()))
        }
        each_width!(IntSlice, self, v => of(v))
    }

    /// Calls `f(i, value)` for every value, in a loop of the values' own type: what long loops take.
    #[inline]
    pub fn for_each(self, mut f: impl FnMut(usize, i64)) {
        each_width!(IntSlice, self, v => v.iter().enumerate().for_each(|(i, &x)| f(i, x.into())));
    }

    /// Whether every value fits 16 signed bits.
    pub fn fits_i16(self) -> bool {
        match self {
            Self::I32(v) => v.iter().all(|&v| i16::try_from(v).is_ok()),
            _ => true,
        }
    }

    /// `f` of every value.
    pub fn map<T>(self, f: impl Fn(i64) -> T) -> Vec<T> {
        each_width!(IntSlice, self, v => v.iter().map(|&x| f(x.into())).collect())
    }

    /// `sum_i self[i] * weights[i]`. Panics if the lengths differ.
    pub fn dot<F: ProofField>(self, weights: &[F]) -> F {
        each_width!(IntSlice, self, v => F::dot(v, weights))
    }

    /// `out[c] = sum_r weights[r] * self[r * width + c]`: the fold of a row-major matrix over its rows.
    ///
    /// Panics if the lengths do not match.
    pub fn fold_rows<F: ProofField>(self, width: usize, weights: &[F]) -> Vec<F> {
        each_width!(IntSlice, self, v => F::fold_rows(v, width, weights))
    }

    /// Every value as a field element.
    pub fn to_field<F: ProofField>(self) -> Vec<F> {
        each_width!(IntSlice, self, v => v.iter().map(|&x| F::from_i64(x.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_at_the_narrowest_width_or_refuses() {
        assert_eq!(Ints::pack(Bits::U8, &[0, 255]), Some(Ints::U8(vec![0, 255])));
        assert_eq!(Ints::pack(Bits::unsigned(15), &[32767]), Some(Ints::I16(vec![32767])));
        assert_eq!(Ints::pack(Bits::unsigned(16), &[65535]), Some(Ints::I32(vec![65535])));
        assert_eq!(Ints::pack(Bits::I8, &[128]), None);
    }

    #[test]
    fn bounds_are_those_of_all_values() {
        let mut values = vec![3i16; 10_000];
        (values[4095], values[9999]) = (-7, 300);
        assert_eq!(IntSlice::I16(&values).bounds(), Some((-7, 300)));
        assert_eq!(IntSlice::U8(&[255]).bounds(), Some((255, 255)));
        assert_eq!(IntSlice::I8(&[]).bounds(), None);
    }

    #[test]
    fn matrices_side_by_side_have_their_rows_joined() {
        let (a, b) = (IntSlice::I8(&[1, 2, 3, 4]), IntSlice::I8(&[5, 6]));
        let joined = Ints::side_by_side(&[(a, 2), (IntSlice::I8(&[]), 0), (b, 1)]);
        assert_eq!(joined, Some(Ints::I8(vec![1, 2, 5, 3, 4, 6])));
        assert_eq!(Ints::side_by_side(&[(IntSlice::U8(&[]), 0)]), Some(Ints::U8(vec![])));
        assert_eq!(Ints::side_by_side(&[(a, 2), (IntSlice::U8(&[1, 2]), 1)]), None);
        assert_eq!(Ints::side_by_side(&[(a, 2), (b, 2)]), None);
        assert_eq!(Ints::side_by_side(&[]), None);
    }

    #[test]
    fn ranges_keep_their_width() {
        let ints = Ints::I16(vec![1, -2, 3, 4]);
        assert_eq!(ints.as_slice().range(1, 2), IntSlice::I16(&[-2, 3]));
        assert_eq!(ints.to_i64(), [1, -2, 3, 4]);
    }
}
