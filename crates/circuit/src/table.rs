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
}

impl TableContent {
    /// Number of rows.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Self::Range { len, .. } => *len,
            Self::Map { values, .. } => values.len(),
        }
    }

    /// First column of the first row.
    pub fn low(&self) -> i64 {
        match self {
            Self::Range { low, .. } | Self::Map { low, .. } => *low,
        }
    }

    /// The second column, if there is one.
    pub fn values(&self) -> Option<&[i32]> {
        match self {
            Self::Range { .. } => None,
            Self::Map { values, .. } => Some(values),
        }
    }

    /// The row whose columns are all zero, if there is one: what an entry of padding looks up.
    ///
    /// A lookup's block of leaves pads every axis to a power of two. Padding is the constant zero, so where the table has a
    /// zero row each of its entries is a lookup of it like any other, and counts in the row's multiplicity. Where the table has
    /// none, padding is no lookup. Witness, prover and verifier all go by this method.
    pub fn zero_row(&self) -> Option<usize> {
        self.row_of(0).filter(|&row| self.values().is_none_or(|values| values[row] == 0))
    }

    /// The row that holds this first column, whatever the second is.
    pub fn row_of(&self, first: i64) -> Option<usize> {
        let row = usize::try_from(first.checked_sub(self.low())?).ok()?;
        (row < self.len()).then_some(row)
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

/// Tensors whose every entry (tuple of entries) is a row of a table: columns of an advice wire, or one whole wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// Index of the table.
    pub table: usize,
    /// The wire.
    pub wire: WireId,
    /// Places on the leading axis of an advice wire, as many as the table has columns. None of them: the wire itself,
    /// of any kind and rank, is the table's one column.
    pub columns: Vec<usize>,
}

impl Lookup {
    /// What is looked up, a tensor a column of the table.
    pub fn tensors(&self) -> Vec<Tensor> {
        let column = |&column: &usize| Tensor { wire: self.wire, column: Some(column as u32) };
        match self.columns.is_empty() {
            true => vec![Tensor::whole(self.wire)],
            false => self.columns.iter().map(column).collect(),
        }
    }

    /// True shape of each of them.
    pub fn shape<'a>(&self, wires: &'a [Wire]) -> &'a [usize] {
        &wires[self.wire.index()].shape[usize::from(!self.columns.is_empty())..]
    }
}
