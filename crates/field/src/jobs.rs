//! Few large pieces of work, on rayon's threads if the feature `parallel` is on.
//!
//! Loops over tables hand out long runs of cheap steps; what is here hands out single jobs of a tenth of a millisecond or more,
//! each of which a thread that has nothing to do may take. Results never depend on the number of threads.

/// `run(0), .., run(num_jobs - 1)`, in this order.
///
/// Every job can be taken alone: runs of them, as rayon cuts a range by itself, leave two threads waiting for a quarter of the
/// work at worst.
pub fn map<T: Send>(num_jobs: usize, run: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    if num_jobs > 1 && num_threads() > 1 {
        use rayon::prelude::*;
        return (0..num_jobs).into_par_iter().with_max_len(1).map(run).collect();
    }
    (0..num_jobs).map(run).collect()
}

/// `run` of every item, in order; as [`map`] for jobs that own something.
pub fn map_items<A: Send, T: Send>(items: Vec<A>, run: impl Fn(A) -> T + Sync + Send) -> Vec<T> {
    #[cfg(feature = "parallel")]
    if items.len() > 1 && num_threads() > 1 {
        use rayon::prelude::*;
        return items.into_par_iter().with_max_len(1).map(run).collect();
    }
    items.into_iter().map(run).collect()
}

/// Both results. `main` runs on this thread; `side` on one that has nothing to do, or else behind it.
///
/// For what the one leaves other threads time for because it goes step by step. On a thread that is none of the pool's, which
/// would work beside all of the pool's, and where there is one thread only, `side` runs first.
pub fn beside<A: Send, B>(side: impl FnOnce() -> A + Send, main: impl FnOnce() -> B) -> (A, B) {
    #[cfg(feature = "parallel")]
    if num_threads() > 1 && rayon::current_thread_index().is_some() {
        let mut made = None;
        let result = rayon::in_place_scope(|scope| {
            scope.spawn(|_| made = Some(side()));
            main()
        });
        return (made.expect("a scope ends after its jobs"), result);
    }
    let made = side();
    (made, main())
}

/// Number of threads that jobs are spread over.
pub fn num_threads() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let squares: Vec<usize> = (0..100).map(|i| i * i).collect();
        assert_eq!(map(100, |i| i * i), squares);
        assert_eq!(map_items((0..100).collect(), |i: usize| i * i), squares);
        assert_eq!(map(0, |i| i), []);
    }

    #[test]
    fn both_sides_run_once() {
        assert_eq!(beside(|| 1, || 2), (1, 2));
        #[cfg(feature = "parallel")]
        for num_threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            let sum = || map(50, |i| i).into_iter().sum::<usize>();
            assert_eq!(pool.install(|| beside(sum, sum)), (1225, 1225), "{num_threads} threads");
        }
    }
}
