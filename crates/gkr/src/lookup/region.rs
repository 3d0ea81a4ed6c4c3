//! What a layer's rounds do with a run of nodes: sums of products of tables, bound one variable at a time.

use std::ops::Range;

use convince_field::ProofField;
use convince_sumcheck::parallel;

use super::weights::Weights;

/// log2 of the pairs of nodes that are worked on at a time: their values stay in the level-1 cache.
pub(super) const LOG_RUN: usize = 6;
/// Nodes of as many pairs.
const RUN: usize = 2 << LOG_RUN;

/// A run of each table.
pub(super) type Runs<F, const T: usize> = [[F; RUN]; T];

/// Consecutive nodes of a layer as T tables, of which the first and second are the factors of one product, the third
/// and fourth those of another: f is the sum of the products.
pub(super) struct Region<F, const T: usize> {
    tables: [Vec<F>; T],
    /// Where the next bound tables are written.
    spare: [Vec<F>; T],
}

impl<F: ProofField, const T: usize> Default for Region<F, T> {
    fn default() -> Self {
        Self { tables: std::array::from_fn(|_| Vec::new()), spare: std::array::from_fn(|_| Vec::new()) }
    }
}

/// The nodes of a layer before any variable is bound.
pub(super) trait Nodes<F: ProofField, const T: usize>: Sync {
    /// Entries `first`, `first + 2`, .. of a table, and `first + 1`, `first + 3`, ..
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]);

    /// Makes tables that are linear combinations of others, in the first `len` entries: of nodes, or of their differences.
    fn combine(&self, _: &mut Runs<F, T>, _len: usize) {}

    /// The nodes `first..first + len` once the lowest variable is bound to `r`.
    fn bound(&self, r: F, first: usize, out: &mut Runs<F, T>, [high, _]: &mut Runs<F, 2>, len: usize) {
        for (table, out) in out.iter_mut().enumerate() {
            self.pairs(table, 2 * first, &mut out[..len], &mut high[..len]);
            F::bind(&mut out[..len], &high[..len], r);
        }
        self.combine(out, len);
    }

    /// `sum_g eq(g) f` at infinity of the pairs' lowest variable, the coefficient of its square, over all pairs of the
    /// layer that belong to these nodes.
    fn square_term(&self, weights: &Weights<F>, pairs: Range<usize>) -> F {
        let first = pairs.start;
        let parts = parallel::cuts(pairs, weights.run());
        let sum = |pairs: Range<usize>| {
            let (mut steps, mut low, mut high) = ([[F::zero(); RUN]; T], [F::zero(); RUN], [F::zero(); RUN]);
            let mut sum = F::zero();
            for (pairs, common, weights) in weights.runs(pairs) {
                let len = pairs.len();
                for (table, steps) in steps.iter_mut().enumerate() {
                    self.pairs(table, 2 * (pairs.start - first), &mut low[..len], &mut high[..len]);
                    F::differences(&mut steps[..len], &high[..len], &low[..len]);
                }
                self.combine(&mut steps, len);
                sum += common * weighted(&steps, weights);
            }
            sum
        };
        parallel::map_items(parts, sum).into_iter().sum()
    }
}

/// `sum_i weights[i] f(values[..][i])`.
fn weighted<F: ProofField, const T: usize>(values: &Runs<F, T>, weights: &[F]) -> F {
    let table = |t: usize| &values[t][..weights.len()];
    match T {
        2 => F::weighted_products(weights, [[table(0), table(1)]]),
        _ => F::weighted_products(weights, [[table(0), table(1)], [table(2), table(3)]]),
    }
}

/// f of one node.
#[inline(always)]
fn sum_of_products<F: ProofField, const T: usize>(node: [F; T]) -> F {
    match T {
        2 => node[0] * node[1],
        _ => node[0] * node[1] + node[2] * node[3],
    }
}

impl<F: ProofField, const T: usize> Nodes<F, T> for Region<F, T> {
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]) {
        let (pairs, rest) = self.tables[table][first..].as_chunks::<2>();
        for ((low, high), pair) in low.iter_mut().zip(high.iter_mut()).zip(pairs) {
            [*low, *high] = *pair;
        }
        debug_assert!(rest.len() < 2);
    }
}

/// The next round's sums over the nodes of a region: `sum_g eq(g) f` at zero and at infinity.
pub(super) type Sums<F> = [F; 2];

/// What binding needs besides the challenge.
pub(super) struct Round<'a, F, const T: usize> {
    /// The weights of the next round's pairs; none if this was the last round.
    pub(super) weights: Option<&'a Weights<F>>,
    /// The first bound node's index.
    pub(super) offset: usize,
    /// Number of bound nodes.
    pub(super) len: usize,
    /// What follows the last node, if it belongs to the region's sums where the last node is alone.
    pub(super) default: Option<[F; T]>,
}

impl<F: ProofField, const T: usize> Round<'_, F, T> {
    /// Writes the bound nodes and sums the next round's values, in one pass: nodes are read once. A first node of odd index
    /// and a last one alone without a default are left out of the sums.
    ///
    /// `bound` writes so many bound nodes from one on, and has two runs to work with.
    fn fill(
        &self,
        tables: [&mut [F]; T],
        bound: impl Fn(usize, &mut Runs<F, T>, &mut Runs<F, 2>, usize) + Sync,
    ) -> Sums<F> {
        let nodes = self.offset..self.offset + self.len;
        let part = |nodes: Range<usize>, mut out: [&mut [F]; T]| {
            let (mut runs, mut steps) = ([[F::zero(); RUN]; T], [[F::zero(); RUN]; T]);
            let mut spare = [[F::zero(); RUN]; 2];
            let mut sums = [F::zero(); 2];
            let (mut start, mut written) = (nodes.start, 0);
            while start < nodes.end {
                let end = nodes.end.min((start / RUN + 1) * RUN);
                let len = end - start;
                bound(start - self.offset, &mut runs, &mut spare, len);
                for (out, run) in out.iter_mut().zip(&runs) {
                    out[written..written + len].copy_from_slice(&run[..len]);
                }
                if let Some(weights) = self.weights {
                    self.add(weights, [&mut runs, &mut steps], &mut spare, start..end, &mut sums);
                }
                (start, written) = (end, written + len);
            }
            sums
        };
        add_all(parallel::fill(tables, nodes, RUN, part))
    }

    /// Adds a run's share of the sums. Differences of its nodes go to `steps`, and its values at zero are left in `runs`;
    /// what is in `high` is lost.
    fn add(
        &self,
        weights: &Weights<F>,
        [runs, steps]: [&mut Runs<F, T>; 2],
        [high, _]: &mut Runs<F, 2>,
        nodes: Range<usize>,
        sums: &mut Sums<F>,
    ) {
        let (skip, mut len) = (nodes.start % 2, nodes.len());
        if let (1, Some(default)) = ((nodes.end) % 2, self.default) {
            runs.iter_mut().zip(default).for_each(|(run, default)| run[len] = default);
            len += 1;
        }
        let count = (len - skip.min(len)) / 2;
        for (run, steps) in runs.iter_mut().zip(&mut *steps) {
            for i in 0..count {
                (run[i], high[i]) = (run[skip + 2 * i], run[skip + 2 * i + 1]);
            }
            F::differences(&mut steps[..count], &high[..count], &run[..count]);
        }
        let first = (nodes.start + skip) / 2;
        for (pairs, common, low) in weights.runs(first..first + count) {
            // A run of nodes is a run of pairs, so this is done once.
            debug_assert_eq!(pairs, first..first + count);
            sums[0] += common * weighted(runs, low);
            sums[1] += common * weighted(steps, low);
        }
    }
}

/// The elementwise sum.
pub(super) fn add_all<F: ProofField>(parts: Vec<Sums<F>>) -> Sums<F> {
    parts.into_iter().fold([F::zero(); 2], |[a, b], [c, d]| [a + c, b + d])
}

impl<F: ProofField, const T: usize> Region<F, T> {
    /// The nodes of a layer once the lowest variable is bound, and the next round's sums.
    pub(super) fn new(
        round: &Round<'_, F, T>,
        bound: impl Fn(usize, &mut Runs<F, T>, &mut Runs<F, 2>, usize) + Sync,
    ) -> (Self, Sums<F>) {
        let mut tables: [Vec<F>; T] = std::array::from_fn(|_| F::zeros(round.len));
        let sums = round.fill(tables.each_mut().map(Vec::as_mut_slice), bound);
        (Self { tables, spare: std::array::from_fn(|_| Vec::new()) }, sums)
    }

    pub(super) fn len(&self) -> usize {
        self.tables[0].len()
    }

    /// Binds the lowest variable to `r`; the first node's index is even. A last node alone is bound to the default.
    pub(super) fn bind(&mut self, r: F, default: [F; T], round: &Round<'_, F, T>) -> Sums<F> {
        if self.len() % 2 == 1 {
            self.push(default);
        }
        debug_assert_eq!(2 * round.len, self.len());
        let mut out = self.spare.each_mut().map(std::mem::take);
        for table in &mut out {
            match table.len() >= round.len {
                true => table.truncate(round.len),
                false => *table = F::zeros(round.len),
            }
        }
        let bound = |first: usize, out: &mut Runs<F, T>, spare: &mut Runs<F, 2>, len: usize| {
            self.bound(r, first, out, spare, len);
        };
        let sums = round.fill(out.each_mut().map(Vec::as_mut_slice), bound);
        self.spare = std::mem::replace(&mut self.tables, out);
        sums
    }

    /// Takes the last node off.
    pub(super) fn pop(&mut self) {
        self.tables.iter_mut().for_each(|table| table.truncate(table.len().saturating_sub(1)));
    }

    /// Puts a node behind the last.
    pub(super) fn push(&mut self, node: [F; T]) {
        self.tables.iter_mut().zip(node).for_each(|(table, value)| table.push(value));
    }

    /// Puts a node in front of the first.
    pub(super) fn push_front(&mut self, node: [F; T]) {
        self.tables.iter_mut().zip(node).for_each(|(table, value)| table.insert(0, value));
    }

    /// A node, counted from the first.
    pub(super) fn node(&self, index: usize) -> Option<[F; T]> {
        (index < self.len()).then(|| std::array::from_fn(|t| self.tables[t][index]))
    }
}

/// f at zero and at infinity of one pair.
pub(super) fn pair_values<F: ProofField, const T: usize>(low: [F; T], high: [F; T]) -> Sums<F> {
    [sum_of_products(low), sum_of_products::<F, T>(std::array::from_fn(|t| high[t] - low[t]))]
}
