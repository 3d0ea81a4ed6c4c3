//! What a verifier knows of the leaves.

use convince_circuit::{BlockSource, Circuit, TableContent};
use convince_field::ProofField;
use convince_poly::{eq_bits, eq_truncated, prefix_sum, weighted_prefix_sum};
use convince_sumcheck::suffix;
use convince_transcript::ChannelScalar;

use super::{ColumnClaims, functional, table_id};

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
        let content = &circuit.tables()[table].content;
        let ones = match block.source {
            BlockSource::Lookup(_) if content.zero_row().is_some() => weight,
            _ => weight * functional(point, shape).sum(),
        };
        covered += ones;
        q = q + constant(ones * (alpha - table_id::<F>(table)));
        match block.source {
            BlockSource::Table(_) => {
                let [first, second] = table_columns(content, point);
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
            // Rows below the lower end, and up to the upper one.
            let [below_low, below_high] = [low, high].map(|end| (end - first).clamp(0, len as i64) as usize);
            let ramp = |rows| F::from_i64(*first) * prefix_sum(point, rows) + weighted_prefix_sum(point, rows);
            F::from_i64(*low) * prefix_sum(point, below_low)
                + (ramp(below_high) - ramp(below_low))
                + F::from_i64(*high) * (prefix_sum(point, len) - prefix_sum(point, below_high))
        }
    };
    [first, second]
}
