use std::cmp::Reverse;

use convince_field::IntSlice;
use serde::{Deserialize, Serialize};

use crate::{Lookup, Table, TableContent, Wire};

/// What a block of the lookup tree's leaves holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockSource {
    /// The entries of lookup `k`, each axis padded to a power of two, in the order of [`leaf_axes`].
    Lookup(usize),
    /// The rows of table `k`, padded to a power of two.
    Table(usize),
}

/// An aligned run of `2^log_size` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it holds.
    pub source: BlockSource,
    /// log2 of its size.
    pub log_size: usize,
    /// First leaf; a multiple of the size.
    pub offset: usize,
}

/// The axes of a looked-up tensor in the order in which its block holds them, highest first: those that padding fills up to
/// a power of two, then the others. So true entries come in whole runs of as many leaves as the latter have entries, and a
/// prover may pass over the runs of padding.
pub fn leaf_axes(shape: &[usize]) -> Vec<usize> {
    let (whole, padded): (Vec<usize>, Vec<usize>) = (0..shape.len()).partition(|&axis| shape[axis].is_power_of_two());
    [padded, whole].concat()
}

/// Number of variables of a tensor: each axis has its own.
pub(crate) fn log_size(shape: &[usize]) -> usize {
    shape.iter().map(|&n| n.next_power_of_two().trailing_zeros() as usize).sum()
}

/// Places all blocks by descending size, so that every offset is a multiple of its block's size. Of equal ones those that
/// are lookups to the last entry come first, then ties are broken by their place in the circuit. Returns them with log2 of
/// the number of leaves.
pub(crate) fn layout(lookups: &[Lookup], tables: &[Table], wires: &[Wire]) -> (Vec<Block>, usize) {
    let of_lookup = |(k, l): (usize, &Lookup)| {
        let mixed = tables[l.table].content.zero_row().is_none();
        (BlockSource::Lookup(k), log_size(l.shape(wires)), mixed)
    };
    let of_table = |(k, t): (usize, &Table)| (BlockSource::Table(k), log_size(&[t.content.len()]), true);
    let of_lookups = lookups.iter().enumerate().map(of_lookup);
    let mut sized: Vec<_> = of_lookups.chain(tables.iter().enumerate().map(of_table)).collect();
    sized.sort_by_key(|&(_, log_size, mixed)| (Reverse(log_size), mixed));
    let mut blocks = Vec::with_capacity(sized.len());
    let mut offset = 0;
    for (source, log_size, _) in sized {
        blocks.push(Block { source, log_size, offset });
        offset += 1usize << log_size;
    }
    (blocks, offset.next_power_of_two().trailing_zeros() as usize)
}

/// Entries of a lookup's block that count as lookups: all of them where padding is a row of its table, else the true ones.
pub(crate) fn entries(content: &TableContent, shape: &[usize]) -> usize {
    match content.zero_row() {
        Some(_) => 1 << log_size(shape),
        None => shape.iter().product(),
    }
}

/// Counts the padding of a lookup of this shape for the row of its table that it looks up; for none where padding is no lookup.
pub(crate) fn count_padding(counts: &mut [i32], content: &TableContent, shape: &[usize]) {
    let true_entries: usize = shape.iter().product();
    if let Some(row) = content.zero_row() {
        counts[row] += (entries(content, shape) - true_entries) as i32;
    }
}

/// Counts which rows of `table` the entries of a lookup's columns look up; entries that are no row count nowhere.
pub(crate) fn count(counts: &mut [i32], table: &Table, columns: &[IntSlice<'_>]) {
    table.content.rows_of(columns, 0..columns[0].len(), |_, row| {
        if let Some(row) = row {
            counts[row] += 1;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WireId;

    fn counted(content: TableContent, shape: &[usize], columns: &[&[i32]]) -> Vec<i64> {
        let mut counts = vec![0; content.len()];
        let columns: Vec<IntSlice<'_>> = columns.iter().map(|values| IntSlice::I32(values)).collect();
        let table = Table { content, multiplicities: WireId(0) };
        count(&mut counts, &table, &columns);
        count_padding(&mut counts, &table.content, shape);
        counts.into_iter().map(i64::from).collect()
    }

    /// `values` of this shape in a block whose axes are powers of two, zeros where there are none: entry by entry.
    fn padded(values: &[i32], shape: [usize; 2]) -> Vec<i32> {
        let [rows, columns] = shape.map(usize::next_power_of_two);
        let at = |i: usize, j: usize| if i < shape[0] && j < shape[1] { values[i * shape[1] + j] } else { 0 };
        (0..rows).flat_map(|i| (0..columns).map(move |j| at(i, j))).collect()
    }

    /// Leaves of padding have the numerator one where the table has a row of zeros. Were that row's multiplicity not to count
    /// them, no proof of a block with padding would verify.
    #[test]
    fn padding_counts_as_lookups_of_the_row_of_zeros() {
        let (shape, values) = ([3, 5], [-2, 0, 3, 3, 1, 0, -1, -2, 2, 2, 3, 0, 1, 1, -2]);
        let squares: Vec<i32> = values.iter().map(|v| v * v).collect();
        let clamped: Vec<i32> = values.iter().map(|&v| v.clamp(-1, 2)).collect();
        let cases: [(TableContent, Vec<&[i32]>); 3] = [
            (TableContent::Range { low: -2, len: 6 }, vec![&values]),
            (TableContent::Map { low: -2, values: (-2..=3).map(|v| v * v).collect() }, vec![&values, &squares]),
            (TableContent::Clamp { first: -2, len: 6, low: -1, high: 2 }, vec![&values, &clamped]),
        ];
        for (content, columns) in cases {
            let padded: Vec<Vec<i32>> = columns.iter().map(|values| padded(values, shape)).collect();
            let whole: Vec<&[i32]> = padded.iter().map(Vec::as_slice).collect();
            let counts = counted(content.clone(), &shape, &columns);
            assert_eq!(counts, counted(content.clone(), &[4, 8], &whole), "{content:?}");
            assert_eq!(counts.iter().sum::<i64>(), 32, "{content:?}");
            // Three zeros of its own and 17 of padding.
            assert_eq!(counts[2], 3 + 17, "{content:?}");
            assert_eq!(entries(&content, &shape), 32);
        }
    }

    #[test]
    fn axes_that_are_not_padded_are_the_lowest() {
        assert_eq!(leaf_axes(&[64, 6, 28, 28]), [1, 2, 3, 0]);
        assert_eq!(leaf_axes(&[1, 64, 7, 8]), [2, 0, 1, 3]);
        assert_eq!(leaf_axes(&[10]), [0]);
    }

    #[test]
    fn padding_counts_nowhere_without_a_row_of_zeros() {
        let (shape, values) = ([3, 5], [1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3]);
        let nonzero = TableContent::Map { low: 0, values: vec![7, 1, 2, 3] };
        for (content, columns) in [
            (TableContent::Range { low: 1, len: 3 }, vec![&values[..]]),
            // Zero is a first column, but of the row (0, 7).
            (nonzero, vec![&values[..], &values[..]]),
        ] {
            let counts = counted(content.clone(), &shape, &columns);
            assert_eq!(counts[counts.len() - 3..], [5, 5, 5], "{content:?}");
            assert_eq!(counts.iter().sum::<i64>(), 15);
            assert_eq!(entries(&content, &shape), 15);
        }
    }
}
