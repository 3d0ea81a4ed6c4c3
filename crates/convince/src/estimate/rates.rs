//! Prices of a proof's parts, in time and memory.
//!
//! Two threads of a machine with Zen 5 cores, which have AVX-512; Zen 3 cores take some five times as long. Measured, and to be measured again after a change that makes proofs
//! faster, by
//!
//! ```sh
//! cargo bench -p convince-benches --bench rates
//! ```
//! which also prints how well they fit: each phase's time within some 20 % for eleven networks, memory within 15 %. The prices here
//! come from a machine at rest.

use super::{Cost, MOST_RECOMPUTED, scalar_terms, table_columns};

/// Nanoseconds of a multiply-accumulate of the network's run.
const MAC_NS: f64 = 0.0063;
/// Nanoseconds of an integer of the advice: 7 to compute, 34 to commit to, 16 to open.
const COMMITTED_NS: f64 = 57.0;
/// Microseconds of a row of the advice.
const ROW_US: f64 = 18.9;
/// Nanoseconds of a leaf of the lookup tree that is stored.
const LEAF_NS: f64 = 47.2;
/// Nanoseconds of a weight: 0.52 to fold for its layer's sumcheck, 0.17 to open.
const WEIGHT_NS: f64 = 0.69;
/// Microseconds of a round.
const ROUND_US: f64 = 6.2;
/// Microseconds of a term of a multi-scalar multiplication with full-size scalars.
const TERM_US: f64 = 1.35;

/// Bytes of a process before it has read a key.
const PROCESS_BYTES: f64 = 11.7e6;
/// Bytes of a column's tables of multiples.
const TABLE_BYTES: f64 = 20.3e3;
/// Bytes of a weight: its own and those of wide biases, and some of the key's file while that is read.
const WEIGHT_BYTES: f64 = 1.4;
/// Bytes of a leaf that is stored: 4 of its own, 64 of the levels above, and of the witness behind it.
const LEAF_BYTES: f64 = 98.0;

/// Bytes of a process that every one of those measured stayed below, without a network.
const MOST_PROCESS_BYTES: f64 = 17.0e6;
/// The same of a leaf, by the number of the tree's levels that are not kept: 4 of its own, 64 of the levels above or 24 of the lowest
/// sumchecks if these are more, and of the witness behind it.
const MOST_LEAF_BYTES: [f64; 1 + MOST_RECOMPUTED] = [98.0, 66.0, 62.0];
/// The same of a weight while its key is read: the file's, the tensor's.
const MOST_KEY_BYTES: f64 = 2.1;
/// What the allocator keeps for more threads than one: for any, for each, and at most for each leaf.
const THREADS_BYTES: [f64; 3] = [8.0e6, 4.0e6, 30.0];

/// Time of a proof of these sizes; of a layer, which shares rounds and opening with all others, if `width` is 0.
pub(super) fn prove_ms(cost: &Cost, width: usize) -> f64 {
    let rounds = if width > 0 { cost.rounds } else { 0 };
    let nanoseconds = [
        (cost.macs, MAC_NS),
        (cost.committed, COMMITTED_NS),
        (cost.proof_rows, 1e3 * ROW_US),
        (cost.stored_leaves, LEAF_NS),
        (cost.parameters, WEIGHT_NS),
        (rounds, 1e3 * ROUND_US),
        (scalar_terms(cost, width), 1e3 * TERM_US),
    ];
    1e-6 * sum(&nanoseconds)
}

/// Memory that a process holds while it makes a proof of a circuit with so many weights and stored leaves.
pub(super) fn memory_bytes(parameters: usize, leaves: usize, width: usize) -> u64 {
    let bytes = [
        (usize::from(width > 0), PROCESS_BYTES),
        (table_columns(width), TABLE_BYTES),
        (parameters, WEIGHT_BYTES),
        (leaves, LEAF_BYTES),
    ];
    sum(&bytes) as u64
}

/// What [`memory_bytes`] is at most, on so many threads: a bound that measured processes kept, for one to eight threads and networks
/// from LeNet-5 to ResNet-18.
#[cfg_attr(not(feature = "prover"), allow(dead_code))]
pub(super) fn most_memory_bytes(
    parameters: usize,
    leaves: usize,
    width: usize,
    recomputed: usize,
    threads: usize,
) -> u64 {
    let [any, each, leaf] = THREADS_BYTES;
    let of_threads = if threads > 1 { (any + each * (threads - 1) as f64).min(leaf * leaves as f64) } else { 0.0 };
    let bytes = [
        (table_columns(width), TABLE_BYTES),
        (parameters, WEIGHT_BYTES),
        (leaves, MOST_LEAF_BYTES[recomputed.min(MOST_RECOMPUTED)]),
    ];
    let proving = sum(&bytes) + of_threads;
    (MOST_PROCESS_BYTES + proving.max(MOST_KEY_BYTES * parameters as f64)) as u64
}

fn sum(parts: &[(usize, f64)]) -> f64 {
    parts.iter().map(|&(count, price)| count as f64 * price).sum()
}
