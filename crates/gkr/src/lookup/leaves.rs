//! The leaves' fractions.

use std::collections::BTreeMap;
use std::ops::Range;

use convince_circuit::{Block, BlockSource, Circuit, Lookup, TableContent, Witness, leaf_axes};
use convince_field::{IntSlice, ProofField};
use convince_sumcheck::parallel;
use convince_transcript::profile;
use tracing::Span;

use super::places::{Places, lookups};
use super::table_id;

/// All allocated leaves that are stored, as places in a list of denominators: 4 bytes each.
#[derive(Default)]
pub(super) struct Leaves<F> {
    /// Which are stored.
    pub(super) places: Places,
    /// Denominators of the leaves that are not, one for each of [`Places::paddings`]; their numerators are one.
    paddings: Vec<F>,
    /// The place of every stored leaf's denominator, with [`ROW`] for a table's own row; [`PADDING`] for (0, 1).
    pub(super) codes: Vec<u32>,
    /// One for padding, the tables' rows one after the other, and behind them denominators of no table, which no honest
    /// witness has.
    pub(super) denominators: Vec<F>,
    /// The second column at the places of the tables' rows, zero where there is none.
    pub(super) seconds: Vec<i32>,
    /// Multiplicities at the places of the tables' rows.
    counts: Vec<i32>,
    /// Consecutive blocks all of whose leaves are lookups: nearly all that there are.
    pub(super) segments: Vec<Segment>,
    /// Minus the first column's coefficient in a denominator; its square is minus the second's.
    pub(super) beta: F,
}

/// A block of lookups to the last entry, of four leaves or more.
pub(super) struct Segment {
    /// Its stored leaves by fours.
    pub(super) fours: Range<usize>,
    /// How its denominators differ.
    pub(super) kind: Kind,
}

/// Differences of a segment's denominators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Beta times a difference of places and, if there are two columns, beta squared times one of second columns.
    Small {
        /// The table has a second column.
        two: bool,
        /// The differences have up to 22 bits, else up to 15.
        wide: bool,
    },
    /// Anything.
    Any,
}

/// The leaf is a table's row: its numerator is minus the row's multiplicity, and not one.
const ROW: u32 = 1 << 31;
/// The leaf is (0, 1).
const PADDING: u32 = 0;

impl<F: ProofField> Leaves<F> {
    /// The leaves of a witness that are stored.
    pub(super) fn new(places: Places, circuit: &Circuit, witness: &Witness, [alpha, beta]: [F; 2]) -> Self {
        let tables = circuit.tables().iter();
        // Padding's denominator is the first.
        let mut rows = 1;
        let mut rows_of = Vec::with_capacity(circuit.tables().len());
        for table in tables.clone() {
            rows_of.push(rows..rows + table.content.len());
            rows += table.content.len();
        }
        let mut codes = vec![PADDING; circuit.statistics().leaves - places.left_out()];
        let (filled, (mut denominators, seconds, counts)) = parallel::join(
            || fill_codes(circuit, witness, &places, &rows_of, &mut codes),
            || {
                let (mut denominators, mut seconds, mut counts) = (F::zeros(rows), vec![0; rows], vec![0; rows]);
                denominators[PADDING as usize] = F::one();
                for (k, (table, places)) in tables.zip(&rows_of).enumerate() {
                    let first = alpha - table_id::<F>(k);
                    fill_rows(&mut denominators[places.clone()], &table.content, first, beta);
                    if table.content.num_columns() > 1 {
                        let seconds = seconds[places.clone()].iter_mut().enumerate();
                        seconds.for_each(|(row, second)| *second = table.content.second(row).unwrap_or(0) as i32);
                    }
                    // Fewer than 2^31 leaves, so that a count has 32 bits.
                    let of_table = witness.wire(table.multiplicities).iter();
                    counts[places.clone()].iter_mut().zip(of_table).for_each(|(to, count)| *to = count as i32);
                }
                (denominators, seconds, counts)
            },
        );
        let segments = segments(circuit, &filled);
        for (stored, strays) in filled {
            for (place, table, [value, second]) in strays {
                let first = alpha - table_id::<F>(table);
                codes[stored.start + place] = denominators.len() as u32;
                denominators.push(first - beta * (F::from_i64(value) + beta * F::from_i64(second)));
            }
        }
        let paddings =
            places.paddings().map(|(block, _)| denominators[row_of_zeros(circuit, block, &rows_of)]).collect();
        Self { places, paddings, codes, denominators, seconds, counts, segments, beta }
    }

    /// Rows of one table with these multiplicities.
    #[cfg(test)]
    pub(super) fn table(counts: &[i64], denominators: Vec<F>) -> Self {
        let codes = (1..=counts.len() as u32).map(|place| ROW | place).collect();
        let counts = std::iter::once(0).chain(counts.iter().map(|&count| count as i32)).collect();
        let denominators = std::iter::once(F::one()).chain(denominators).collect();
        Self { codes, denominators, counts, ..Self::default() }
    }

    /// Number of leaves that are stored.
    pub(super) fn stored(&self) -> usize {
        self.codes.len()
    }

    /// The nodes so high above leaves that are not stored, one for each of [`Places::paddings`]: numerator and denominator.
    pub(super) fn padding_at(&self, height: usize) -> Vec<[F; 2]> {
        let above = |[p, q]: [F; 2]| [(p * q).double(), q.square()];
        self.paddings.iter().map(|&q| (0..height).fold([F::one(), q], |node, _| above(node))).collect()
    }

    /// The stored leaves of the segments, by fours: their numerators are one.
    pub(super) fn lookups(&self) -> Range<usize> {
        match (self.segments.first(), self.segments.last()) {
            (Some(first), Some(last)) => first.fours.start..last.fours.end,
            _ => 0..0,
        }
    }

    /// `(p, q)` of a stored leaf.
    pub(super) fn fraction(&self, i: usize) -> [F; 2] {
        match self.codes.get(i).copied().unwrap_or(PADDING) {
            PADDING => [F::zero(), F::one()],
            code if code & ROW != 0 => {
                let place = (code & !ROW) as usize;
                let numerator = match self.counts[place] {
                    // Most rows of a large table.
                    0 => F::zero(),
                    count => F::from_i64(-i64::from(count)),
                };
                [numerator, self.denominators[place]]
            }
            code => [F::one(), self.denominators[code as usize]],
        }
    }
}

/// Fills in the codes of all blocks, the rows of each table being these. Returns every block's places among the stored leaves,
/// and its entries that are in no row.
fn fill_codes(
    circuit: &Circuit,
    witness: &Witness,
    places: &Places,
    rows: &[Range<usize>],
    codes: &mut [u32],
) -> Vec<(Range<usize>, Vec<Stray>)> {
    let mut without: BTreeMap<usize, usize> =
        places.paddings().map(|(block, left_out)| (block.offset, left_out)).collect();
    let mut rest = codes;
    let mut blocks = Vec::with_capacity(circuit.blocks().len());
    let mut start = 0;
    for block in circuit.blocks() {
        let left_out = without.remove(&block.offset);
        let len = (1 << block.log_size) - left_out.unwrap_or(0);
        let (own, others) = rest.split_at_mut(len);
        blocks.push((block, start..start + len, own, left_out.is_some()));
        (rest, start) = (others, start + len);
    }
    let step = Span::current();
    parallel::map_items(blocks, |(block, stored, codes, is_dense)| {
        let strays = match block.source {
            BlockSource::Table(t) => {
                let rows = rows[t].start as u32..rows[t].end as u32;
                codes.iter_mut().zip(rows).for_each(|(code, row)| *code = ROW | row);
                Vec::new()
            }
            BlockSource::Lookup(l) => {
                let lookup = &circuit.lookups()[l];
                let _span = profile::layer_of(&step, lookup.tensors[0].wire.index());
                lookup_block(circuit, witness, lookup, rows[lookup.table].start as u32, is_dense, codes)
            }
        };
        (stored, strays)
    })
}

/// Which of all rows a block's padding looks up.
fn row_of_zeros(circuit: &Circuit, block: &Block, rows: &[Range<usize>]) -> usize {
    let BlockSource::Lookup(k) = block.source else { unreachable!("a block that is no lookup") };
    let table = circuit.lookups()[k].table;
    rows[table].start + circuit.tables()[table].content.zero_row().expect("padding that is looked up")
}

/// The segments of a circuit, whose blocks come with their places among the stored leaves and the entries that are in no row.
fn segments(circuit: &Circuit, filled: &[(Range<usize>, Vec<Stray>)]) -> Vec<Segment> {
    let lookups = lookups(circuit);
    let kinds: Vec<Kind> = circuit.tables().iter().map(|table| kind(&table.content)).collect();
    let segment = |(block, (stored, strays)): (&Block, &(Range<usize>, Vec<Stray>))| {
        let BlockSource::Lookup(l) = block.source else { unreachable!("a block that is no lookup") };
        let kind = if strays.is_empty() { kinds[circuit.lookups()[l].table] } else { Kind::Any };
        Segment { fours: stored.start / 4..stored.end / 4, kind }
    };
    circuit.blocks()[lookups.clone()].iter().zip(&filled[lookups]).map(segment).collect()
}

/// How denominators of a table's rows differ.
fn kind(content: &TableContent) -> Kind {
    let below = |bits: usize| {
        let is_small = |v: i64| v.unsigned_abs() < 1 << (bits - 1);
        let seconds_are = match content {
            TableContent::Range { .. } => true,
            TableContent::Map { values, .. } => values.iter().all(|&v| is_small(v.into())),
            TableContent::Clamp { low, high, .. } => is_small(*low) && is_small(*high),
        };
        content.len() <= 1 << bits && seconds_are
    };
    let two = content.num_columns() > 1;
    match (below(15), below(22)) {
        (true, _) => Kind::Small { two, wide: false },
        (_, true) => Kind::Small { two, wide: true },
        _ => Kind::Any,
    }
}

/// `first - beta * col_1 - beta^2 * col_2` of every row of a table. Consecutive rows differ by beta in the first column, and
/// many have the same second one.
fn fill_rows<F: ProofField>(denominators: &mut [F], content: &TableContent, first: F, beta: F) {
    let square = beta.square();
    parallel::fill([denominators], 0..content.len(), 1, |rows, [denominators]| {
        let mut value = first - beta * F::from_i64(content.low() + rows.start as i64);
        let (mut second, mut term) = (0, F::zero());
        for (row, denominator) in rows.zip(denominators) {
            let next = content.second(row).unwrap_or(0);
            if next != second {
                (second, term) = (next, square * F::from_i64(next));
            }
            *denominator = value - term;
            value -= beta;
        }
    });
}

/// An entry that is in no row of its table: its place in the block, the table, and its columns.
type Stray = (usize, usize, [i64; 2]);

/// Fills in the codes of a lookup's entries, the tables' rows beginning at `first`; `is_dense` if there are codes for these alone
/// and none for padding. An entry that is in no row is returned: the proof will fail, but it is made all the same.
fn lookup_block(
    circuit: &Circuit,
    witness: &Witness,
    lookup: &Lookup,
    first: u32,
    is_dense: bool,
    codes: &mut [u32],
) -> Vec<Stray> {
    let content = &circuit.tables()[lookup.table].content;
    if let Some(row) = content.zero_row().filter(|_| !is_dense) {
        codes.fill(first + row as u32);
    }
    let columns: Vec<IntSlice<'_>> = lookup.tensors.iter().map(|&tensor| witness.tensor(circuit, tensor)).collect();
    let shape = lookup.shape(circuit.wires());
    let mut strays = Vec::new();
    let rows = Rows::new(shape, is_dense);
    for (row, start) in rows.starts() {
        let entries = row * rows.len..(row + 1) * rows.len;
        content.rows_of(&columns, entries.clone(), |x, found| {
            let place = start + x * rows.stride;
            match found {
                Some(row) => codes[place] = first + row as u32,
                None => strays.push((place, entries.start + x)),
            }
        });
    }
    let values = |i: usize| std::array::from_fn(|k| columns.get(k).map_or(0, |column| column.get(i)));
    strays.into_iter().map(|(place, i)| (place, lookup.table, values(i))).collect()
}

/// Where the rows of a tensor, along the last axis of more than one entry, stand among the leaves of its block.
struct Rows {
    /// Entries of a row.
    len: usize,
    /// From one of them to the next among the leaves.
    stride: usize,
    /// The other axes in the order of the leaves, highest first: length, distance in rows, distance in leaves.
    axes: Vec<[usize; 3]>,
}

impl Rows {
    /// With the axes padded to powers of two, or not if `is_dense`.
    fn new(shape: &[usize], is_dense: bool) -> Self {
        let mut strides = vec![1; shape.len()];
        let mut stride = 1;
        let order = leaf_axes(shape);
        for &axis in order.iter().rev() {
            strides[axis] = stride;
            stride *= if is_dense { shape[axis] } else { shape[axis].next_power_of_two() };
        }
        let longer = shape.iter().rposition(|&len| len > 1).map_or(0, |axis| axis + 1);
        let Some((&len, leading)) = shape[..longer].split_last() else {
            return Self { len: 1, stride: 1, axes: Vec::new() };
        };
        let rows = |axis: usize| leading[axis + 1..].iter().product();
        let others = order.into_iter().filter(|&axis| axis < leading.len());
        let axes = others.map(|axis| [shape[axis], rows(axis), strides[axis]]).collect();
        Self { len, stride: strides[leading.len()], axes }
    }

    /// Every row and where it begins, by ascending beginnings.
    fn starts(&self) -> impl Iterator<Item = (usize, usize)> {
        let count: usize = self.axes.iter().map(|axis| axis[0]).product();
        (0..count).map(|mut rest| {
            let mut at = (0, 0);
            for [len, row, leaf] in self.axes.iter().rev() {
                at = (at.0 + rest % len * row, at.1 + rest % len * leaf);
                rest /= len;
            }
            at
        })
    }
}
