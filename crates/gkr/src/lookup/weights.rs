use convince_field::ProofField;
use convince_poly::{eq_table, eq_truncated};

/// `eq(point, g)` for the first indices g as products of three short tables: the low variables' repeat in every run of
/// indices, the middle ones' in every stretch of runs, the high ones' belong to a stretch each. No table is as long as the layer.
pub(super) struct Weights<F> {
    point: Vec<F>,
    low: Vec<F>,
    middle: Vec<F>,
    high: Vec<F>,
    log_run: usize,
}

/// log2 of the runs of a stretch.
const LOG_STRETCH: usize = 7;

impl<F: ProofField> Weights<F> {
    /// For the indices below `count`, in runs of at most `2^log_run`.
    pub(super) fn new(point: &[F], count: usize, log_run: usize) -> Self {
        let log_run = log_run.min(point.len());
        let (rest, low) = point.split_at(point.len() - log_run);
        let (high, middle) = rest.split_at(rest.len().saturating_sub(LOG_STRETCH));
        let stretches = count.div_ceil(1 << (log_run + middle.len()));
        Self {
            point: point.to_vec(),
            low: eq_table(low),
            middle: eq_table(middle),
            high: eq_truncated(high, stretches),
            log_run,
        }
    }

    /// The point.
    pub(super) fn point(&self) -> &[F] {
        &self.point
    }

    /// The weight of one index.
    pub(super) fn at(&self, index: usize) -> F {
        self.of_run(index >> self.log_run) * self.low[index & (self.run() - 1)]
    }

    /// What is common to the weights of a run.
    fn of_run(&self, run: usize) -> F {
        self.high[run / self.middle.len()] * self.middle[run % self.middle.len()]
    }

    /// Indices of a whole run.
    pub(super) fn run(&self) -> usize {
        1 << self.log_run
    }

    /// The weights of `len` indices from `first` on that lie in one run: what is common to them, and what is not.
    pub(super) fn piece(&self, first: usize, len: usize) -> (F, &[F]) {
        let start = first & (self.run() - 1);
        (self.of_run(first >> self.log_run), &self.low[start..start + len])
    }
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;
    use convince_poly::eq_bits;

    use super::super::places::Places;
    use super::*;

    #[test]
    fn weights_are_those_of_the_point_in_any_run() {
        for (vars, count, log_run) in [(0, 1, 5), (3, 7, 5), (3, 5, 1), (9, 400, 1), (12, 3001, 2), (13, 8192, 5)] {
            let point: Vec<Fr> = (0..vars).map(|i| Fr::from_i64(3 + 5 * i)).collect();
            let weights = Weights::new(&point, count, log_run);
            let start = count / 3;
            for (piece, first) in Places::default().pieces(start..count, weights.run()) {
                assert_eq!(piece.start, first);
                let (common, low) = weights.piece(first, piece.len());
                for (index, weight) in piece.zip(low) {
                    assert_eq!(common * weight, eq_bits(&point, index));
                    assert_eq!(weights.at(index), eq_bits(&point, index));
                }
            }
        }
    }
}
