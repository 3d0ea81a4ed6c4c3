//! Independent pieces of work, on one thread or many.

use std::sync::OnceLock;

pub(crate) use convince_field::jobs::{map, map_items, num_threads};

/// `run(i, chunk)` for the `i`-th `len` items, the last chunk being what is left.
pub(crate) fn for_each_chunk<T: Send>(items: &mut [T], len: usize, run: impl Fn(usize, &mut [T]) + Sync + Send) {
    map_items(items.chunks_mut(len).enumerate().collect(), |(i, chunk)| run(i, chunk));
}

/// Cuts consecutive items into runs whose sizes add up to about `target`; an item is never divided.
///
/// Returns the runs' ranges.
pub(super) fn cut(sizes: impl IntoIterator<Item = usize>, target: usize) -> Vec<std::ops::Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut end, mut total) = (0, 0, 0);
    for size in sizes {
        if end > start && total + size > target {
            runs.push(start..end);
            (start, total) = (end, 0);
        }
        total += size;
        end += 1;
    }
    if end > start {
        runs.push(start..end);
    }
    runs
}

/// Additions of points that are worth a job of their own: the inversions that they share, one for each of some fourteen
/// levels, are then some hundredths of the work.
const MIN_JOB: usize = 1 << 14;

/// [`cut`] into runs of about `target`, or into smaller ones such that every thread has several if there is enough for that.
pub(super) fn cut_for_threads(sizes: &[usize], target: usize) -> Vec<std::ops::Range<usize>> {
    let total = sizes.iter().sum::<usize>();
    // Jobs of a quarter of a thread's work: the last one that is running keeps the others waiting that long at most.
    let shares = if num_threads() > 1 { 4 * num_threads() } else { 1 };
    let num_runs = total.div_ceil(target).max(shares.min(total / MIN_JOB)).max(1);
    cut(sizes.iter().copied(), total.div_ceil(num_runs))
}

/// Where each of consecutive items of these sizes starts.
pub(super) fn starts(sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let step = |next: &mut usize, size| {
        let start = *next;
        *next += size;
        Some(start)
    };
    sizes.into_iter().scan(0, step).collect()
}

/// The cell's value, made outside its lock if it is missing.
///
/// Making it runs on rayon's threads. Inside `get_or_init` a thread that waits for its part could take up a job that needs
/// this very cell, and wait for itself. Threads that race each make the same value.
pub(crate) fn made<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(value) = cell.get() {
        return value;
    }
    let value = make();
    cell.get_or_init(|| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_the_items_in_order() {
        assert!(cut([], 3).is_empty());
        assert_eq!(cut([0, 0, 5], 3), [0..2, 2..3]);
        assert_eq!(cut([1, 2, 3, 9, 1, 1], 3), [0..2, 2..3, 3..4, 4..6]);
        assert_eq!(cut([1, 1], 0), [0..1, 1..2]);
    }

    #[test]
    fn starts_are_sums_of_earlier_sizes() {
        assert!(starts([]).is_empty());
        assert_eq!(starts([2, 0, 5]), [0, 2, 2]);
    }
}
