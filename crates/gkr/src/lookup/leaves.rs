//! The leaves' fractions.

use std::ops::Range;

use convince_circuit::{Block, BlockSource, Circuit, Lookup, TableContent, Witness};
use convince_field::{IntSlice, ProofField};
use convince_sumcheck::parallel;
use convince_transcript::profile;
use tracing::Span;

use super::table_id;

/// All allocated leaves, as places in a list of denominators: 4 bytes each.
#[derive(Default)]
pub(super) struct Leaves<F> {
    /// The place of every leaf's denominator, with [`ROW`] for a table's own row; [`PADDING`] for (0, 1).
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
    /// Its leaves by fours.
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
    /// The leaves of a witness.
    pub(super) fn new(circuit: &Circuit, witness: &Witness, [alpha, beta]: [F; 2]) -> Self {
        let places = 1 + circuit.tables().iter().map(|table| table.content.len()).sum::<usize>();
        let mut leaves = Self {
            codes: vec![PADDING; circuit.statistics().leaves],
            denominators: F::zeros(places),
            seconds: vec![0; places],
            counts: Vec::with_capacity(places),
            segments: Vec::new(),
            beta,
        };
        leaves.denominators[PADDING as usize] = F::one();
        leaves.counts.push(0);
        let mut firsts = Vec::with_capacity(circuit.tables().len());
        for (k, table) in circuit.tables().iter().enumerate() {
            let (first, content) = (leaves.counts.len(), &table.content);
            let places = first..first + content.len();
            firsts.push(first as u32);
            fill_rows(&mut leaves.denominators[places.clone()], content, alpha - table_id::<F>(k), beta);
            if content.num_columns() > 1 {
                let seconds = leaves.seconds[places].iter_mut().enumerate();
                seconds.for_each(|(row, second)| *second = content.second(row).unwrap_or(0) as i32);
            }
            // Fewer than 2^31 leaves, so that a count has 32 bits.
            leaves.counts.extend(witness.wire(table.multiplicities).iter().map(|count| count as i32));
        }
        let mut rest = &mut leaves.codes[..];
        let mut blocks = Vec::with_capacity(circuit.blocks().len());
        for block in circuit.blocks() {
            let (own, others) = rest.split_at_mut(1 << block.log_size);
            blocks.push((block, own));
            rest = others;
        }
        let step = Span::current();
        let strays = parallel::map_items(blocks, |(block, codes)| match block.source {
            BlockSource::Table(t) => {
                let len = circuit.tables()[t].content.len() as u32;
                codes.iter_mut().zip(0..len).for_each(|(code, row)| *code = ROW | (firsts[t] + row));
                Vec::new()
            }
            BlockSource::Lookup(l) => {
                let lookup = &circuit.lookups()[l];
                let _span = profile::layer_of(&step, lookup.tensors[0].wire.index());
                lookup_block(circuit, witness, lookup, firsts[lookup.table], codes)
            }
        });
        leaves.segments = segments(circuit, &strays);
        for (block, strays) in circuit.blocks().iter().zip(strays) {
            for (place, table, [value, second]) in strays {
                let first = alpha - table_id::<F>(table);
                leaves.codes[block.offset + place] = leaves.denominators.len() as u32;
                leaves.denominators.push(first - beta * (F::from_i64(value) + beta * F::from_i64(second)));
            }
        }
        leaves
    }

    /// Rows of one table with these multiplicities.
    #[cfg(test)]
    pub(super) fn table(counts: &[i64], denominators: Vec<F>) -> Self {
        let codes = (1..=counts.len() as u32).map(|place| ROW | place).collect();
        let counts = std::iter::once(0).chain(counts.iter().map(|&count| count as i32)).collect();
        let denominators = std::iter::once(F::one()).chain(denominators).collect();
        Self { codes, denominators, counts, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The leaves of the segments, by fours: their numerators are one.
    pub(super) fn lookups(&self) -> Range<usize> {
        match (self.segments.first(), self.segments.last()) {
            (Some(first), Some(last)) => first.fours.start..last.fours.end,
            _ => 0..0,
        }
    }

    /// `(p, q)` of a leaf.
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

/// The longest run of blocks of a circuit that are lookups to the last entry; the blocks come with the entries that are
/// in no row.
fn segments(circuit: &Circuit, strays: &[Vec<Stray>]) -> Vec<Segment> {
    let tables = parallel::map_items(circuit.tables().iter().collect(), |table| {
        table.content.zero_row().is_some().then(|| kind(&table.content))
    });
    let segment = |(block, strays): (&Block, &Vec<Stray>)| {
        let BlockSource::Lookup(l) = block.source else { return None };
        let fours = block.offset / 4..(block.offset + (1 << block.log_size)) / 4;
        let of_table = tables[circuit.lookups()[l].table].filter(|_| block.log_size >= 2)?;
        Some(Segment { fours, kind: if strays.is_empty() { of_table } else { Kind::Any } })
    };
    let segments: Vec<Option<Segment>> = circuit.blocks().iter().zip(strays).map(segment).collect();
    let mut runs: Vec<Vec<Segment>> = vec![Vec::new()];
    for segment in segments {
        match (segment, runs.last_mut()) {
            (Some(segment), Some(run)) => run.push(segment),
            _ => runs.push(Vec::new()),
        }
    }
    let leaves = |run: &Vec<Segment>| run.iter().map(|segment| segment.fours.len()).sum::<usize>();
    runs.into_iter().max_by_key(leaves).unwrap_or_default()
}

/// How denominators of a table's rows differ.
fn kind(content: &TableContent) -> Kind {
    let below = |bits: usize| {
        let mut seconds = (0..content.len()).filter_map(|row| content.second(row));
        content.len() <= 1 << bits && seconds.all(|v| v.unsigned_abs() < 1 << (bits - 1))
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

/// Fills in the codes of a lookup's entries, the tables' rows beginning at `first`. An entry that is in no row is returned:
/// the proof will fail, but it is made all the same.
fn lookup_block(circuit: &Circuit, witness: &Witness, lookup: &Lookup, first: u32, codes: &mut [u32]) -> Vec<Stray> {
    let content = &circuit.tables()[lookup.table].content;
    if let Some(row) = content.zero_row() {
        codes.fill(first + row as u32);
    }
    let columns: Vec<IntSlice<'_>> = lookup.tensors.iter().map(|&tensor| witness.tensor(circuit, tensor)).collect();
    let shape = lookup.shape(circuit.wires());
    let mut strays = Vec::new();
    let row_len = *shape.last().unwrap_or(&1);
    for row in 0..columns[0].len() / row_len {
        let start = padded_start(shape, row);
        for (x, code) in codes[start..start + row_len].iter_mut().enumerate() {
            let i = row * row_len + x;
            let value = columns[0].get(i);
            let second = columns.get(1).map(|column| column.get(i));
            match content.row_of(value, second) {
                Some(row) => *code = first + row as u32,
                None => strays.push((start + x, lookup.table, [value, second.unwrap_or(0)])),
            }
        }
    }
    strays
}

/// Where row number `row` (an index over all axes but the last) starts when every axis is padded to a power of two.
fn padded_start(shape: &[usize], mut row: usize) -> usize {
    let Some((last, leading)) = shape.split_last() else { return 0 };
    let (mut start, mut stride) = (0, last.next_power_of_two());
    for n in leading.iter().rev() {
        start += row % n * stride;
        row /= n;
        stride *= n.next_power_of_two();
    }
    start
}
