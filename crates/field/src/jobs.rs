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

/// `run(0), .., run(num_jobs - 1)`, in this order, and the result of `main`, which runs on this thread. Jobs are taken by threads
/// for which `main` has nothing to do, and behind it by all.
///
/// For what goes step by step and leaves other threads much time between its steps. A thread that has nothing to do takes whatever
/// `main` hands out before the next job, so that `main` waits for one job at most; [`beside`]'s side is begun before all that.
/// On a thread that is none of the pool's, and where there is one thread only, the jobs run first.
pub fn meanwhile<T: Send, R>(
    num_jobs: usize,
    run: impl Fn(usize) -> T + Sync + Send,
    main: impl FnOnce() -> R,
) -> (Vec<T>, R) {
    #[cfg(feature = "parallel")]
    if num_threads() > 1 && rayon::current_thread_index().is_some() {
        let spare = spare::Jobs::new(num_jobs, &run);
        let result = rayon::in_place_scope(|scope| {
            // One that takes jobs for every thread: this one too waits for others' parts of what it hands out.
            (0..num_threads()).for_each(|_| scope.spawn(|scope| spare.take(scope)));
            main()
        });
        return (spare.results(), result);
    }
    let results = map(num_jobs, run);
    (results, main())
}

/// Jobs that threads do when there is nothing else.
#[cfg(feature = "parallel")]
mod spare {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rayon::{Scope, Yield};

    pub(super) struct Jobs<'a, T> {
        num_jobs: usize,
        run: &'a (dyn Fn(usize) -> T + Sync),
        next: AtomicUsize,
        results: Mutex<Vec<(usize, T)>>,
    }

    impl<'a, T: Send> Jobs<'a, T> {
        pub(super) fn new(num_jobs: usize, run: &'a (dyn Fn(usize) -> T + Sync)) -> Self {
            Self { num_jobs, run, next: AtomicUsize::new(0), results: Mutex::default() }
        }

        /// Does a job, once no thread has anything else to do, and comes again. It never stays: a thread that waits for another's
        /// part of its work may have taken this up, and goes on as soon as it has the part.
        pub(super) fn take<'s>(&'s self, scope: &Scope<'s>) {
            while rayon::yield_now() == Some(Yield::Executed) {}
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job < self.num_jobs {
                let result = (self.run)(job);
                self.results.lock().expect("no job panics with the lock").push((job, result));
                scope.spawn(|scope| self.take(scope));
            }
        }

        /// All results, in order.
        pub(super) fn results(self) -> Vec<T> {
            let mut results = self.results.into_inner().expect("no job panics with the lock");
            results.sort_unstable_by_key(|(job, _)| *job);
            results.into_iter().map(|(_, result)| result).collect()
        }
    }
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
    fn jobs_run_once_each_whatever_goes_on_meanwhile() {
        let squares: Vec<usize> = (0..100).map(|i| i * i).collect();
        let sums = || (0..20).map(|_| map(50, |i| i).into_iter().sum::<usize>()).sum::<usize>();
        let both = || meanwhile(100, |i| i * i, sums);
        assert_eq!(both(), (squares.clone(), 20 * 1225));
        assert_eq!(meanwhile(0, |i| i, || 3), (vec![], 3));
        #[cfg(feature = "parallel")]
        for num_threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
            assert_eq!(pool.install(both), (squares.clone(), 20 * 1225), "{num_threads} threads");
            let nested = || meanwhile(3, |i| meanwhile(4, |j| 10 * i + j, || i), both);
            let (jobs, main) = pool.install(nested);
            assert_eq!(jobs, (0..3).map(|i| ((0..4).map(|j| 10 * i + j).collect(), i)).collect::<Vec<_>>());
            assert_eq!(main.1, 20 * 1225);
        }
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
