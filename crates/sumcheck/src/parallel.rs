//! Loops over tables, on rayon's threads if the feature `parallel` is on. Field addition is exact, so the results are the
//! same with any number of threads.

use std::ops::Range;

use convince_field::ProofField;

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
    let upper = table.split_off(half.min(table.len()));
    let fold = |low: &mut [F], high: &[F]| F::bind(low, high, r);
    let (paired, alone) = table.split_at_mut(upper.len());
    // A lower entry without an upper one meets the default.
    let defaults = [default; 64];
    let fold_alone = |low: &mut [F]| low.chunks_mut(64).for_each(|run| F::bind(run, &defaults[..run.len()], r));
    #[cfg(feature = "parallel")]
    if half >= MIN_STEPS {
        use rayon::prelude::*;
        let chunk = half.div_ceil(rayon::current_num_threads()).max(MIN_STEPS / 2);
        paired.par_chunks_mut(chunk).zip(upper.par_chunks(chunk)).for_each(|(a, b)| fold(a, b));
        alone.par_chunks_mut(chunk).for_each(fold_alone);
        return;
    }
    fold(paired, &upper);
    fold_alone(alone);
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
