//! The leaves' fractions, and the formula by which a verifier evaluates them.

use convince_circuit::{BlockSource, Circuit, Lookup, TableContent, Witness};
use convince_field::{IntSlice, ProofField};
use convince_poly::{Functional, eq_bits, eq_truncated, prefix_sum, weighted_prefix_sum};
use convince_sumcheck::{parallel, suffix};
use convince_transcript::ChannelScalar;

use super::{ColumnClaims, table_id};

/// All allocated leaves, as places in a list of denominators: 4 bytes each.
#[derive(Default)]
pub(super) struct Leaves<F> {
    /// The place of every leaf's denominator, with [`ROW`] for a table's own row; [`PADDING`] for (0, 1).
    codes: Vec<u32>,
    /// The tables' rows one after the other, and behind them denominators of no table, which no honest witness has.
    denominators: Vec<F>,
    /// `lambda` times every denominator, once lambda is known.
    scaled: Vec<F>,
    /// Multiplicities of the tables' rows.
    counts: Vec<i64>,
}

/// The leaf is a table's row: its numerator is minus the row's multiplicity, and not one.
const ROW: u32 = 1 << 31;
/// The leaf is (0, 1).
const PADDING: u32 = u32::MAX;

impl<F: ProofField> Leaves<F> {
    /// The leaves of a witness.
    pub(super) fn new(circuit: &Circuit, witness: &Witness, [alpha, beta]: [F; 2]) -> Self {
        let (mut denominators, mut counts, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
        for (k, table) in circuit.tables().iter().enumerate() {
            firsts.push(denominators.len() as u32);
            denominators.extend(rows(&table.content, alpha - table_id::<F>(k), beta));
            counts.extend(witness.wire(table.multiplicities).iter());
        }
        let mut codes = vec![PADDING; circuit.statistics().leaves];
        let mut rest = &mut codes[..];
        let mut blocks = Vec::with_capacity(circuit.blocks().len());
        for block in circuit.blocks() {
            let (own, others) = rest.split_at_mut(1 << block.log_size);
            blocks.push((block, own));
            rest = others;
        }
        let strays = parallel::map_items(blocks, |(block, codes)| match block.source {
            BlockSource::Table(t) => {
                let len = circuit.tables()[t].content.len() as u32;
                codes.iter_mut().zip(0..len).for_each(|(code, row)| *code = ROW | (firsts[t] + row));
                Vec::new()
            }
            BlockSource::Lookup(l) => {
                let lookup = &circuit.lookups()[l];
                lookup_block(circuit, witness, lookup, firsts[lookup.table], codes)
            }
        });
        let mut leaves = Self { codes, denominators, scaled: Vec::new(), counts };
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
        let codes = (0..counts.len() as u32).map(|row| ROW | row).collect();
        Self { codes, denominators, scaled: Vec::new(), counts: counts.to_vec() }
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    fn code(&self, i: usize) -> u32 {
        self.codes.get(i).copied().unwrap_or(PADDING)
    }

    /// A leaf's numerator, and the place of its denominator unless that is one.
    fn leaf(&self, i: usize) -> (F, Option<usize>) {
        match self.code(i) {
            PADDING => (F::zero(), None),
            code if code & ROW != 0 => {
                let row = (code & !ROW) as usize;
                (F::from_i64(-self.counts[row]), Some(row))
            }
            code => (F::one(), Some(code as usize)),
        }
    }

    /// `(p, q)` of a leaf.
    pub(super) fn fraction(&self, i: usize) -> [F; 2] {
        let (p, place) = self.leaf(i);
        [p, place.map_or(F::one(), |place| self.denominators[place])]
    }

    /// The sum of the leaves `2 i` and `2 i + 1`.
    pub(super) fn parent(&self, i: usize) -> [F; 2] {
        let [left, right] = [self.code(2 * i), self.code(2 * i + 1)];
        if (left | right) & ROW == 0 {
            // Most leaves are lookups, whose numerators are one.
            let [q0, q1] = [left, right].map(|code| self.denominators[code as usize]);
            return [q0 + q1, q0 * q1];
        }
        let ([p0, q0], [p1, q1]) = (self.fraction(2 * i), self.fraction(2 * i + 1));
        match right {
            PADDING => [p0, q0],
            _ => [F::sum_of_products(&[p0, p1], &[q1, q0]), q0 * q1],
        }
    }

    /// The same leaves with [`Self::node`]'s lambda.
    pub(super) fn scaled(mut self, lambda: F) -> Self {
        self.scaled = self.denominators.iter().map(|q| lambda * q).chain([lambda]).collect();
        self
    }

    /// `p0, q1, q0, p1 + lambda q1` of the node above the leaves `2 i` and `2 i + 1`; needs [`Self::scaled`].
    #[inline(always)]
    pub(super) fn node(&self, i: usize) -> [F; 4] {
        let ([p0, q0], (p1, place)) = (self.fraction(2 * i), self.leaf(2 * i + 1));
        let q1 = place.map_or(F::one(), |place| self.denominators[place]);
        // The last entry is lambda itself.
        [p0, q1, q0, p1 + self.scaled[place.unwrap_or(self.denominators.len())]]
    }
}

/// `first - beta * col_1 - beta^2 * col_2` of every row; consecutive rows differ by beta in the first column.
fn rows<F: ProofField>(content: &TableContent, first: F, beta: F) -> Vec<F> {
    let mut value = first - beta * F::from_i64(content.low());
    let mut out = Vec::with_capacity(content.len());
    for _ in 0..content.len() {
        out.push(value);
        value -= beta;
    }
    let square = beta.square();
    for (row, denominator) in out.iter_mut().enumerate() {
        let Some(second) = content.second(row) else { break };
        *denominator -= square * F::from_i64(second);
    }
    out
}

/// An entry that is in no row of its table: its place in the block, the table, and its columns.
type Stray = (usize, usize, [i64; 2]);

/// Fills in the codes of a lookup's true entries, the tables' rows beginning at `first`. An entry that is in no row is returned:
/// the proof will fail, but it is made all the same.
fn lookup_block(circuit: &Circuit, witness: &Witness, lookup: &Lookup, first: u32, codes: &mut [u32]) -> Vec<Stray> {
    let content = &circuit.tables()[lookup.table].content;
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

/// (p, q) at the leaf point, from the claims there: DESIGN section 7's formula. O(log) a block, O(rows) for a table with an
/// activation column.
pub(super) fn formula<F: ProofField, S: ChannelScalar<F>>(
    circuit: &Circuit,
    claims: &ColumnClaims<F, S>,
    [alpha, beta]: [F; 2],
) -> [S; 2] {
    let constant = S::constant;
    let (mut p, mut q, mut covered) = (constant(F::zero()), constant(F::zero()), F::zero());
    for (block, values) in circuit.blocks().iter().zip(&claims.values) {
        let prefix = &claims.point[..claims.point.len() - block.log_size];
        let point = suffix(&claims.point, block.log_size);
        let weight = eq_bits(prefix, block.offset >> block.log_size);
        let (table, shape) = match block.source {
            BlockSource::Table(t) => (t, &circuit.wire(circuit.tables()[t].multiplicities).shape[..]),
            BlockSource::Lookup(l) => {
                let lookup = &circuit.lookups()[l];
                (lookup.table, lookup.shape(circuit.wires()))
            }
        };
        let ones = weight * Functional::at_flat(point, shape).sum();
        covered += ones;
        q = q + constant(ones * (alpha - table_id::<F>(table)));
        match block.source {
            BlockSource::Table(t) => {
                let [first, second] = table_columns(&circuit.tables()[t].content, point);
                p = p - values[0].clone() * weight;
                q = q - constant(weight * beta * (first + beta * second));
            }
            BlockSource::Lookup(_) => {
                p = p + constant(ones);
                let mut power = weight;
                for value in values {
                    power *= beta;
                    q = q - value.clone() * power;
                }
            }
        }
    }
    [p, q + constant(F::one() - covered)]
}

/// The table's columns at a point: `low * T_n + S_n` for the first; for the second the same on the ramp of a clamp, and the
/// dense sum for an activation.
fn table_columns<F: ProofField>(content: &TableContent, point: &[F]) -> [F; 2] {
    let len = content.len();
    let first = F::from_i64(content.low()) * prefix_sum(point, len) + weighted_prefix_sum(point, len);
    let second = match content {
        TableContent::Range { .. } => F::zero(),
        TableContent::Map { values, .. } => F::dot(values, &eq_truncated(point, len)),
        TableContent::Clamp { first, low, high, .. } => {
            // Rows below both ends, and below the upper one.
            let [below_low, below_high] = [low, high].map(|end| (end - first).clamp(0, len as i64) as usize);
            let ramp = |rows| F::from_i64(*first) * prefix_sum(point, rows) + weighted_prefix_sum(point, rows);
            F::from_i64(*low) * prefix_sum(point, below_low)
                + (ramp(below_high) - ramp(below_low))
                + F::from_i64(*high) * (prefix_sum(point, len) - prefix_sum(point, below_high))
        }
    };
    [first, second]
}
