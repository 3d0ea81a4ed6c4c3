//! The leaves' fractions, and the formula by which a verifier evaluates them.

use convince_circuit::{Block, BlockSource, Circuit, TableContent, Witness};
use convince_field::{IntSlice, ProofField};
use convince_poly::{Functional, eq_bits, eq_truncated, prefix_sum, weighted_prefix_sum};
use convince_sumcheck::{parallel, suffix};
use convince_transcript::ChannelScalar;

use super::{ColumnClaims, table_id};

/// Numerators and denominators of all allocated leaves.
pub(super) fn fractions<F: ProofField>(circuit: &Circuit, witness: &Witness, alpha: F, beta: F) -> [Vec<F>; 2] {
    let tables: Vec<Vec<F>> = circuit
        .tables()
        .iter()
        .enumerate()
        .map(|(k, t)| denominators(&t.content, alpha - table_id::<F>(k), beta))
        .collect();
    let blocks = parallel::map(circuit.blocks().len(), |k| {
        let block = &circuit.blocks()[k];
        match block.source {
            BlockSource::Table(t) => table_block(circuit, witness, block, t, &tables[t]),
            BlockSource::Lookup(l) => lookup_block(circuit, witness, block, l, &tables, [alpha, beta]),
        }
    });
    let [mut p, mut q] = [(); 2].map(|()| Vec::with_capacity(circuit.statistics().leaves));
    for [numerators, denominators] in blocks {
        p.extend(numerators);
        q.extend(denominators);
    }
    [p, q]
}

/// `first - beta * col_1 - beta^2 * col_2` of every row; consecutive rows differ by beta in the first column.
fn denominators<F: ProofField>(content: &TableContent, first: F, beta: F) -> Vec<F> {
    let mut value = first - beta * F::from_i64(content.low());
    let mut out = Vec::with_capacity(content.len());
    for _ in 0..content.len() {
        out.push(value);
        value -= beta;
    }
    if let Some(values) = content.values() {
        let square = beta.square();
        out.iter_mut().zip(values).for_each(|(d, &v)| *d -= square * F::from_i64(v.into()));
    }
    out
}

fn table_block<F: ProofField>(
    circuit: &Circuit,
    witness: &Witness,
    block: &Block,
    table: usize,
    rows: &[F],
) -> [Vec<F>; 2] {
    let counts = witness.wire(circuit.tables()[table].multiplicities);
    let mut p: Vec<F> = counts.iter().map(|m| F::from_i64(-m)).collect();
    let mut q = rows.to_vec();
    p.resize(1 << block.log_size, F::zero());
    q.resize(1 << block.log_size, F::one());
    [p, q]
}

fn lookup_block<F: ProofField>(
    circuit: &Circuit,
    witness: &Witness,
    block: &Block,
    lookup: usize,
    tables: &[Vec<F>],
    [alpha, beta]: [F; 2],
) -> [Vec<F>; 2] {
    let lookup = &circuit.lookups()[lookup];
    let (content, rows) = (&circuit.tables()[lookup.table].content, &tables[lookup.table]);
    let columns: Vec<IntSlice<'_>> =
        lookup.tensors().into_iter().map(|tensor| witness.tensor(circuit, tensor)).collect();
    let first = alpha - table_id::<F>(lookup.table);
    let denominator = |i: usize| {
        let value = columns[0].get(i);
        let second = columns.get(1).map(|c| c.get(i));
        match content.row_of(value) {
            Some(row) if second == content.values().map(|v| i64::from(v[row])) => rows[row],
            // A row that is not in the table: the proof will fail, but it is made all the same.
            _ => first - beta * (F::from_i64(value) + beta * F::from_i64(second.unwrap_or(0))),
        }
    };
    let shape = lookup.shape(circuit.wires());
    let (mut p, mut q) = (vec![F::zero(); 1 << block.log_size], vec![F::one(); 1 << block.log_size]);
    let row_len = *shape.last().unwrap_or(&1);
    for row in 0..columns[0].len() / row_len {
        let start = padded_start(shape, row);
        for x in 0..row_len {
            p[start + x] = F::one();
            q[start + x] = denominator(row * row_len + x);
        }
    }
    [p, q]
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

/// The table's columns at a point: `low * T_n + S_n` for the first, the dense sum for an activation.
fn table_columns<F: ProofField>(content: &TableContent, point: &[F]) -> [F; 2] {
    let len = content.len();
    let first = F::from_i64(content.low()) * prefix_sum(point, len) + weighted_prefix_sum(point, len);
    let second = content.values().map(|values| F::dot(values, &eq_truncated(point, len)));
    [first, second.unwrap_or(F::zero())]
}
