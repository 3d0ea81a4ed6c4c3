//! Prices of a proof's parts, in time and memory.
//!
//! Two threads of a machine with Zen 3 cores at 2.45 GHz. Measured, and fitted again after a change that makes proofs faster, by
//!
//! ```sh
//! cargo bench -p convince-benches --bench rates
//! ```

use super::Cost;

/// Nanoseconds of a multiply-accumulate of the network's run.
const MAC_NS: f64 = 0.5;
/// Nanoseconds of an integer of the advice: computed, committed, folded.
const COMMITTED_NS: f64 = 100.0;
/// Microseconds of a row of the advice.
const ROW_US: f64 = 30.0;
/// Nanoseconds of a leaf of the lookup tree.
const LEAF_NS: f64 = 200.0;
/// Nanoseconds of a weight: folded once for its layer's sumcheck, once in the opening.
const WEIGHT_NS: f64 = 8.0;
/// Nanoseconds of a value that goes into or comes out of a linear layer.
const ACTIVATION_NS: f64 = 50.0;
/// Microseconds of a column of the commitment's matrices.
const COLUMN_US: f64 = 5.0;

/// Bytes of a process before it has read a key.
const PROCESS_BYTES: f64 = 6e6;
/// Bytes of a column's table.
const COLUMN_BYTES: f64 = 50e3;
/// Bytes of a weight.
const WEIGHT_BYTES: f64 = 3.0;
/// Bytes of an integer of the advice.
const COMMITTED_BYTES: f64 = 10.0;
/// Bytes of a leaf: two field elements, and once more for the layers above.
const LEAF_BYTES: f64 = 128.0;

/// Time of a proof of these sizes.
pub(super) fn prove_ms(cost: &Cost, width: usize) -> f64 {
    let nanoseconds = [
        (cost.macs, MAC_NS),
        (cost.committed, COMMITTED_NS),
        (cost.proof_rows, 1e3 * ROW_US),
        (cost.leaves, LEAF_NS),
        (cost.parameters, WEIGHT_NS),
        (cost.activations, ACTIVATION_NS),
        (width, 1e3 * COLUMN_US),
    ];
    1e-6 * sum(&nanoseconds)
}

/// Most memory that a process holds while it makes such a proof.
pub(super) fn memory_bytes(cost: &Cost, width: usize) -> u64 {
    let bytes = [
        (usize::from(width > 0), PROCESS_BYTES),
        (width, COLUMN_BYTES),
        (cost.parameters, WEIGHT_BYTES),
        (cost.committed, COMMITTED_BYTES),
        (cost.leaves, LEAF_BYTES),
    ];
    sum(&bytes) as u64
}

fn sum(parts: &[(usize, f64)]) -> f64 {
    parts.iter().map(|&(count, price)| count as f64 * price).sum()
}
