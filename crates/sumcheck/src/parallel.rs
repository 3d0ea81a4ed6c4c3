//! Loops over tables, on rayon's threads if the feature `parallel` is on. Field addition is exact, so the results are the
//! same with any number of threads.

use std::ops::Range;

use convince_field::{ProofField, jobs};

/// Below this many steps a loop stays on one thread: handing out work costs some microseconds.
#[cfg(feature = "parallel")]
const MIN_STEPS: usize = 512;

/// Runs both, on two threads if there are any.
pub fn join<A: Send, B: Send>(a: impl FnOnce() -> A + Send, b: impl FnOnce() -> B + Send) -> (A, B) {
    #[cfg(feature = "parallel")]
    return rayon::join(a, b);
    #[cfg(not(feature = "parallel"))]
    (a(), b())
}

/// `f(i)` for every `i < len`, in order.
pub fn map<T: Send>(len: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        (0..len).into_par_iter().map(f).collect()
    }
    #[cfg(not(feature = "parallel"))]
    (0..len).map(f).collect()
}

/// `f(i)` for every `i < len`, in order, for an `f` of a few field operations: threads take long runs.
pub fn map_fine<T: Send>(len: usize, f: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    if len >= MIN_STEPS {
        use rayon::prelude::*;
        return (0..len).into_par_iter().with_min_len(MIN_STEPS / 2).map(f).collect();
    }
    (0..len).map(f).collect()
}

/// `f` of every item, in order. Each item is a job of its own, as the few pieces of a loop are.
pub fn map_items<A: Send, T: Send>(items: Vec<A>, f: impl Fn(A) -> T + Sync + Send) -> Vec<T> {
    jobs::map_items(items, f)
}

/// N tables of `len` entries, entry i of each from `f(i)`, an `f` of a few field operations.
pub fn tables<F: ProofField, const N: usize>(len: usize, f: impl Fn(usize) -> [F; N] + Sync) -> [Vec<F>; N] {
    let mut tables: [Vec<F>; N] = std::array::from_fn(|_| F::zeros(len));
    let fill = |(first, mut parts): (usize, [&mut [F]; N])| {
        for k in 0..parts.first().map_or(0, |part| part.len()) {
            let values = f(first + k);
            parts.iter_mut().zip(values).for_each(|(part, value)| part[k] = value);
        }
    };
    #[cfg(feature = "parallel")]
    if len >= MIN_STEPS {
        let chunk = len.div_ceil(4 * rayon::current_num_threads()).max(MIN_STEPS / 2);
        let mut chunks = tables.each_mut().map(|table| table.chunks_mut(chunk));
        let jobs = (0..len.div_ceil(chunk)).map(|k| {
            let parts = chunks.each_mut().map(|chunks| chunks.next().unwrap_or_default());
            (k * chunk, parts)
        });
        map_items(jobs.collect(), fill);
        return tables;
    }
    fill((0, tables.each_mut().map(Vec::as_mut_slice)));
    tables
}

/// `range`, cut into a few pieces a thread at multiples of `align`, if it is long enough to hand out.
pub fn cuts(range: Range<usize>, align: usize) -> Vec<Range<usize>> {
    #[cfg(feature = "parallel")]
    if range.len() >= MIN_STEPS && rayon::current_num_threads() > 1 {
        let pieces = (4 * rayon::current_num_threads()).min(range.len() / (MIN_STEPS / 2));
        let cut = |k: usize| (range.start + range.len() * k / pieces) / align * align;
        let inner = (1..pieces).map(cut);
        let mut places: Vec<usize> =
            std::iter::once(range.start).chain(inner).chain([range.end]).map(|c| c.max(range.start)).collect();
        places.dedup();
        return places.windows(2).map(|pair| pair[0]..pair[1]).collect();
    }
    let _ = align;
    vec![range]
}

/// Calls `f` on every piece of [`cuts`] with its part of each table, whose entries are those of `range`: for loops that
/// fill tables in long runs. The results are in order.
pub fn fill<F: Send, T: Send, const N: usize>(
    tables: [&mut [F]; N],
    range: Range<usize>,
    align: usize,
    f: impl Fn(Range<usize>, [&mut [F]; N]) -> T + Sync + Send,
) -> Vec<T> {
    let mut rest = tables;
    let jobs = cuts(range, align).into_iter().map(|piece| {
        let parts = rest.each_mut().map(|table| {
            let (part, others) = std::mem::take(table).split_at_mut(piece.len());
            *table = others;
            part
        });
        (piece, parts)
    });
    map_items(jobs.collect(), |(piece, parts)| f(piece, parts))
}

/// Changes every entry of a table by its index, by a few field operations.
pub fn update<F: ProofField>(table: &mut [F], f: impl Fn(usize, &mut F) + Sync) {
    #[cfg(feature = "parallel")]
    if table.len() >= MIN_STEPS {
        use rayon::prelude::*;
        table.par_iter_mut().with_min_len(MIN_STEPS / 2).enumerate().for_each(|(i, value)| f(i, value));
        return;
    }
    table.iter_mut().enumerate().for_each(|(i, value)| f(i, value));
}

/// The elementwise sum of `f` over ranges that tile `0..len`; `f` always returns equally many values.
pub fn sum<F: ProofField>(len: usize, f: impl Fn(Range<usize>) -> Vec<F> + Sync) -> Vec<F> {
    #[cfg(feature = "parallel")]
    if len >= MIN_STEPS {
        let parts = rayon::current_num_threads().min(len / (MIN_STEPS / 2));
        let at = |k: usize| len * k / parts;
        let partial = map(parts, |k| f(at(k)..at(k + 1)));
        let add = |mut a: Vec<F>, b: Vec<F>| {
            a.iter_mut().zip(b).for_each(|(x, y)| *x += y);
            a
        };
        return partial.into_iter().reduce(add).expect("at least one part");
    }
    f(0..len)
}

/// Binds the most significant variable of a table to `r`: `table[i] + r * (table[i + half] - table[i])`.
///
/// A table shorter than `2 * half` continues with `default`, and so does the result.
pub fn bind<F: ProofField>(table: &mut Vec<F>, half: usize, default: F, r: F) {
    let len = table.len();
    let (lower, upper) = table.split_at_mut(half.min(len));
    let fold = |low: &mut [F], high: &[F]| F::bind(low, high, r);
    let (paired, alone) = lower.split_at_mut(upper.len());
    // A lower entry without an upper one meets the default.
    let defaults = [default; 64];
    let fold_alone = |low: &mut [F]| low.chunks_mut(64).for_each(|run| F::bind(run, &defaults[..run.len()], r));
    #[cfg(feature = "parallel")]
    if half >= MIN_STEPS {
        use rayon::prelude::*;
        let chunk = half.div_ceil(rayon::current_num_threads()).max(MIN_STEPS / 2);
        paired.par_chunks_mut(chunk).zip(upper.par_chunks(chunk)).for_each(|(a, b)| fold(a, b));
        alone.par_chunks_mut(chunk).for_each(fold_alone);
        table.truncate(half);
        return;
    }
    fold(paired, upper);
    fold_alone(alone);
    table.truncate(half);
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;

    use super::*;

    #[test]
    fn sums_do_not_depend_on_how_they_are_cut() {
        for len in [0, 1, 511, 512, 5000] {
            let total = sum(len, |range| vec![range.map(|i| Fr::from(i as u64)).sum::<Fr>(), Fr::from(0u64)]);
            assert_eq!(total[0], (0..len).map(|i| Fr::from(i as u64)).sum());
        }
    }

    #[test]
    fn binding_a_short_table_equals_binding_it_padded() {
        let (default, r) = (Fr::from(1u64), Fr::from(99u64));
        for half in [1, 4, 600] {
            for len in [1, half / 2 + 1, half, half + half / 3, 2 * half] {
                let mut short: Vec<Fr> = (0..len).map(|i| Fr::from(3 + i as u64)).collect();
                let mut full = short.clone();
                full.resize(2 * half, default);
                bind(&mut short, half, default, r);
                bind(&mut full, half, default, r);
                assert_eq!(short[..], full[..short.len()]);
                assert!(full[short.len()..].iter().all(|v| *v == default));
            }
        }
    }
}
