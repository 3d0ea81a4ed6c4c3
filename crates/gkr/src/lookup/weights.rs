use std::ops::Range;

use convince_field::ProofField;
use convince_poly::{eq_table, eq_truncated};

/// `eq(point, g)` for the first indices g as products of two short tables: the low variables' repeat in every run of
/// indices, the high ones' belong to a run each. No table is as long as the layer.
pub(super) struct Weights<F> {
    low: Vec<F>,
    high: Vec<F>,
    log_run: usize,
}

impl<F: ProofField> Weights<F> {
    /// For the indices below `count`, in runs of at most `2^log_run`.
    pub(super) fn new(point: &[F], count: usize, log_run: usize) -> Self {
        let log_run = log_run.min(point.len());
        let (high, low) = point.split_at(point.len() - log_run);
        Self { low: eq_table(low), high: eq_truncated(high, count.div_ceil(1 << log_run)), log_run }
    }

    /// The weight of one index.
    pub(super) fn at(&self, index: usize) -> F {
        self.high[index >> self.log_run] * self.low[index & (self.run() - 1)]
    }

    /// Indices of a whole run.
    pub(super) fn run(&self) -> usize {
        1 << self.log_run
    }

    /// The parts of a range that lie in one run each, with what is common to the weights there and what is not.
    pub(super) fn runs(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, F, &[F])> {
        let Range { mut start, end } = range;
        std::iter::from_fn(move || {
            let run = start >> self.log_run;
            let (first, stop) = (run << self.log_run, end.min((run + 1) << self.log_run));
            let piece = start..stop;
            start = stop;
            (!piece.is_empty())
                .then(|| (piece.clone(), self.high[run], &self.low[piece.start - first..piece.end - first]))
        })
    }
}
