//! Prices of a proof's parts, in time and memory.
//!
//! Two threads of a machine with Zen 3 cores at 2.45 GHz. Measured, and to be measured again after a change that makes proofs
//! faster, by
//!
//! ```sh
//! cargo bench -p convince-benches --bench rates
//! ```
//! which also prints how well they fit: each phase's time within some 20 % for eleven networks, memory within 15 %. The prices here
//! come from a run at the highest priority beside other work; LeNet-5 on a machine at rest takes a quarter less.

use super::{Cost, MOST_RECOMPUTED, scalar_terms, table_columns};

/// Nanoseconds of a multiply-accumulate of the network's run.
const MAC_NS: f64 = 0.1;
/// Nanoseconds of an integer of the advice: 15 to compute, 126 to commit to, 98 to open.
const COMMITTED_NS: f64 = 239.0;
/// Microseconds of a row of the advice.
const ROW_US: f64 = 17.5;
/// Nanoseconds of a leaf of the lookup tree.
const LEAF_NS: f64 = 675.0;
/// Nanoseconds of a weight: 0.5 to fold for its layer's sumcheck, 2.9 to open.
const WEIGHT_NS: f64 = 3.4;
/// Nanoseconds of a value that goes into or comes out of a linear layer.
const ACTIVATION_NS: f64 = 60.0;
/// Microseconds of a round.
const ROUND_US: f64 = 8.6;
/// Microseconds of a term of a multi-scalar multiplication with full-size scalars.
const TERM_US: f64 = 6.4;

/// Bytes of a process before it has read a key.
const PROCESS_BYTES: f64 = 11.7e6;
/// Bytes of a column's tables of multiples.
const TABLE_BYTES: f64 = 20.3e3;
/// Bytes of a weight: its own and those of wide biases, and some of the key's file while that is read.
const WEIGHT_BYTES: f64 = 1.5;
/// Bytes of a leaf, by the number of the tree's levels that are not kept: 4 of its own, 64 of the levels above or 24 of the lowest
/// sumchecks if these are more, and of the witness behind it.
const LEAF_BYTES: [f64; 1 + MOST_RECOMPUTED] = [80.0, 48.0, 40.0];

/// Time of a proof of these sizes; of a layer, which shares rounds and opening with all others, if `width` is 0.
pub(super) fn prove_ms(cost: &Cost, width: usize) -> f64 {
    let rounds = if width > 0 { cost.rounds } else { 0 };
    let nanoseconds = [
        (cost.macs, MAC_NS),
        (cost.committed, COMMITTED_NS),
        (cost.proof_rows, 1e3 * ROW_US),
        (cost.leaves, LEAF_NS),
        (cost.parameters, WEIGHT_NS),
        (cost.activations, ACTIVATION_NS),
        (rounds, 1e3 * ROUND_US),
        (scalar_terms(cost, width), 1e3 * TERM_US),
    ];
    1e-6 * sum(&nanoseconds)
}

/// Most memory that a process holds while it makes a proof of a circuit with so many weights and leaves, of whose lookups' tree
/// the `recomputed` lowest levels are not kept.
pub(super) fn memory_bytes(parameters: usize, leaves: usize, width: usize, recomputed: usize) -> u64 {
    let bytes = [
        (usize::from(width > 0), PROCESS_BYTES),
        (table_columns(width), TABLE_BYTES),
        (parameters, WEIGHT_BYTES),
        (leaves, LEAF_BYTES[recomputed.min(MOST_RECOMPUTED)]),
    ];
    sum(&bytes) as u64
}

fn sum(parts: &[(usize, f64)]) -> f64 {
    parts.iter().map(|&(count, price)| count as f64 * price).sum()
}
