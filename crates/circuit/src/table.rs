use std::ops::Range;

use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Tensor, Wire, WireId};

/// The rows of a lookup table, numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TableContent {
    /// One column: row i is `low + i`.
    Range {
        /// The first row.
        low: i64,
        /// Number of rows.
        len: usize,
    },
    /// Two columns: row i is `(low + i, values[i])`.
    Map {
        /// First column of the first row.
        low: i64,
        /// Second column.
        values: Vec<i32>,
    },
    /// Two columns: row i is `(first + i, clamp(first + i, low, high))`.
    Clamp {
        /// First column of the first row.
        first: i64,
        /// Number of rows.
        len: usize,
        /// Lower end of the clamp.
        low: i64,
        /// Upper end of the clamp, no less than the lower one.
        high: i64,
    },
}

impl TableContent {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Self::Range { len, .. } | Self::Clamp { len, .. } => *len,
            Self::Map { values, .. } => values.len(),
        }
    }

    /// First column of the first row.
    pub fn low(&self) -> i64 {
        match self {
            Self::Range { low, .. } | Self::Map { low, .. } => *low,
            Self::Clamp { first, .. } => *first,
        }
    }

    /// Number of columns: one or two.
    pub fn num_columns(&self) -> usize {
        match self {
            Self::Range { .. } => 1,
            Self::Map { .. } | Self::Clamp { .. } => 2,
        }
    }

    /// The second column of a row, if there are two. Panics on a row that there is not.
    pub fn second(&self, row: usize) -> Option<i64> {
        match self {
            Self::Range { .. } => None,
            Self::Map { values, .. } => Some(values[row].into()),
            Self::Clamp { first, low, high, .. } => Some((first + row as i64).clamp(*low, *high)),
        }
    }

    /// The row whose columns are all zero, if there is one: what an entry of padding looks up.
    ///
    /// A lookup's block of leaves pads every axis to a power of two. Padding is the constant zero, so where the table has a
    /// zero row each of its entries is a lookup of it like any other, and counts in the row's multiplicity. Where the table has
    /// none, padding is no lookup. Witness, prover and verifier all go by this method.
    pub fn zero_row(&self) -> Option<usize> {
        self.row_of(0, (self.num_columns() > 1).then_some(0))
    }

    /// The row with this first column, and with this second one if there are two.
    pub fn row_of(&self, first: i64, second: Option<i64>) -> Option<usize> {
        let row = usize::try_from(first.checked_sub(self.low())?).ok()?;
        (row < self.len() && self.second(row) == second).then_some(row)
    }

    /// [`Self::row_of`] of entries of as many columns as the table has, one after the other: calls `found` with each one's number,
    /// counted from the first of `entries`, and its row. Panics on an entry or a column that there is not.
    pub fn rows_of(
        &self,
        columns: &[IntSlice<'_>],
        entries: Range<usize>,
        mut found: impl FnMut(usize, Option<usize>),
    ) {
        const CHUNK: usize = 64;
        let len = self.len() as u64;
        let (mut first, mut second) = ([0i64; CHUNK], [0i64; CHUNK]);
        for start in entries.clone().step_by(CHUNK) {
            let chunk = CHUNK.min(entries.end - start);
            let (first, second) = (&mut first[..chunk], &mut second[..chunk]);
            columns[0].read(start, first);
            if self.num_columns() > 1 {
                columns[1].read(start, second);
            }
            let entries = (start - entries.start..).zip(first.iter().zip(&*second));
            // What is below the first row becomes far too large.
            let row = |value: i64| value.wrapping_sub(self.low()) as u64;
            let checked = |row: u64, is_right: bool| (row < len && is_right).then_some(row as usize);
            match self {
                Self::Range { .. } => entries.for_each(|(i, (&value, _))| found(i, checked(row(value), true))),
                Self::Clamp { low, high, .. } => {
                    entries.for_each(|(i, (&value, &v))| found(i, checked(row(value), v == value.clamp(*low, *high))));
                }
                Self::Map { values, .. } => entries.for_each(|(i, (&value, &v))| {
                    let is_right = |row: u64| values.get(row as usize).is_some_and(|&value| i64::from(value) == v);
                    found(i, checked(row(value), is_right(row(value))));
                }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_many_entries_are_those_of_each() {
        let first: Vec<i32> = (0..200).map(|i| i * 7919 % 23 - 11).collect();
        let second: Vec<i16> = first.iter().map(|&v| (v.clamp(-2, 5) + i32::from(v == 3)) as i16).collect();
        let columns = [IntSlice::I32(&first), IntSlice::I16(&second)];
        for content in [
            TableContent::Range { low: -4, len: 9 },
            TableContent::Map { low: -3, values: vec![-2, -2, -1, 0, 1, 2, 4, 4] },
            TableContent::Clamp { first: -6, len: 14, low: -2, high: 5 },
        ] {
            let columns = &columns[..content.num_columns()];
            let mut rows = Vec::new();
            content.rows_of(columns, 3..197, |i, row| rows.push((i, row)));
            let row = |i: usize| content.row_of(columns[0].get(i), columns.get(1).map(|column| column.get(i)));
            assert_eq!(rows, (3..197).map(|i| (i - 3, row(i))).collect::<Vec<_>>());
            assert!(rows.iter().any(|(_, row)| row.is_some()) && rows.iter().any(|(_, row)| row.is_none()));
        }
    }
}

/// A table and the wire that counts how often each row is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The rows.
    pub content: TableContent,
    /// `[rows]`, advice.
    pub multiplicities: WireId,
}

/// Tensors of one shape whose every entry (tuple of entries) is a row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Index of the table.
    pub table: usize,
    /// What is looked up, a tensor a column of the table: columns of wires, or one whole wire of any kind and rank.
    pub tensors: Vec<Tensor>,
}

impl Lookup {
    /// True shape of each tensor.
    pub fn shape<'a>(&self, wires: &'a [Wire]) -> &'a [usize] {
        let tensor = &self.tensors[0];
        &wires[tensor.wire.index()].shape[usize::from(tensor.column.is_some())..]
    }
}
