//! What a layer's rounds do with a run of nodes: sums of products of tables, bound one variable at a time.

use std::ops::Range;

use convince_field::ProofField;
use convince_sumcheck::parallel;

use super::places::{Place, Places};
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
    /// The nodes that are stored.
    tables: [Vec<F>; T],
    /// Where they are, the nodes of the layer before this region being stored all.
    places: Places,
    /// The first node's number among the stored ones of the layer.
    offset: usize,
    /// The nodes that are not stored, one for each of [`Places::paddings`].
    left_out: Vec<[F; T]>,
    /// Where the next bound tables are written.
    spare: [Vec<F>; T],
}

impl<F: ProofField, const T: usize> Default for Region<F, T> {
    fn default() -> Self {
        let none = || std::array::from_fn(|_| Vec::new());
        Self { tables: none(), places: Places::default(), offset: 0, left_out: Vec::new(), spare: none() }
    }
}

/// The nodes of a layer before any variable is bound.
pub(super) trait Nodes<F: ProofField, const T: usize>: Sync {
    /// Entries `first`, `first + 2`, .. of a table, and `first + 1`, `first + 3`, ..
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]);

    /// Makes tables that are linear combinations of others: of nodes, or of their differences.
    fn combine(&self, _: [&mut [F]; T]) {}

    /// The nodes from number `first` on once the lowest variable is bound to `r`: as many as `out` holds, at most a run.
    fn bound(&self, r: F, first: usize, mut out: [&mut [F]; T], [high, _]: &mut Runs<F, 2>) {
        for (table, out) in out.iter_mut().enumerate() {
            let high = &mut high[..out.len()];
            self.pairs(table, 2 * first, out, high);
            F::bind(out, high, r);
        }
        self.combine(out);
    }

    /// `sum_g eq(g) f` at infinity of the pairs' lowest variable, the coefficient of its square, over all pairs of the
    /// layer that belong to these nodes: the stored ones `pairs` of those at `places`. Where nodes are equal it is zero.
    fn square_term(&self, weights: &Weights<F>, places: &Places, pairs: Range<usize>) -> F {
        let first = pairs.start;
        let parts = parallel::cuts(pairs, weights.run());
        let sum = |pairs: Range<usize>| {
            let (mut steps, mut low, mut high) = ([[F::zero(); RUN]; T], [F::zero(); RUN], [F::zero(); RUN]);
            let mut sum = F::zero();
            for (pairs, number) in places.pieces(pairs, weights.run()) {
                let len = pairs.len();
                for (table, steps) in steps.iter_mut().enumerate() {
                    self.pairs(table, 2 * (pairs.start - first), &mut low[..len], &mut high[..len]);
                    F::differences(&mut steps[..len], &high[..len], &low[..len]);
                }
                self.combine(steps.each_mut().map(|steps| &mut steps[..len]));
                let (common, weights) = weights.piece(number, len);
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
    /// Where the bound nodes are.
    pub(super) places: Places,
    /// The first bound node's number among those of the layer that are stored.
    pub(super) offset: usize,
    /// Number of bound nodes that are stored.
    pub(super) len: usize,
    /// What follows the last node, if it belongs to the region's sums where the last node is alone.
    pub(super) default: Option<[F; T]>,
}

impl<F: ProofField, const T: usize> Round<'_, F, T> {
    /// Writes the bound nodes and sums the next round's values, in one pass: nodes are read once. A first node of odd number
    /// and a last one alone without a default are left out of the sums.
    ///
    /// `bound` writes bound nodes from one on, and has two runs to work with.
    fn fill(&self, tables: [&mut [F]; T], bound: impl Fn(usize, [&mut [F]; T], &mut Runs<F, 2>) + Sync) -> Sums<F> {
        let nodes = self.offset..self.offset + self.len;
        // Where nodes do not come in pairs there is nothing to sum.
        let weights = self.weights.filter(|_| self.places.levels() != Some(0));
        let part = |nodes: Range<usize>, mut out: [&mut [F]; T]| {
            let (mut low, mut steps) = ([[F::zero(); RUN]; T], [[F::zero(); RUN]; T]);
            let mut spare = [[F::zero(); RUN]; 2];
            let mut sums = [F::zero(); 2];
            let first = nodes.start;
            for (piece, number) in self.places.pieces(nodes, RUN) {
                let own = piece.start - first..piece.end - first;
                bound(piece.start - self.offset, out.each_mut().map(|out| &mut out[own.clone()]), &mut spare);
                if let Some(weights) = weights {
                    let nodes = out.each_ref().map(|out| &out[own.clone()]);
                    self.add(weights, nodes, number, [&mut low, &mut steps], &mut spare, &mut sums);
                }
            }
            sums
        };
        add_all(parallel::fill(tables, nodes, RUN, part))
    }

    /// Adds the share of consecutive nodes from number `first` on to the sums.
    fn add(
        &self,
        weights: &Weights<F>,
        nodes: [&[F]; T],
        first: usize,
        [low, steps]: [&mut Runs<F, T>; 2],
        [high, _]: &mut Runs<F, 2>,
        sums: &mut Sums<F>,
    ) {
        let skip = first % 2;
        let mut count = 0;
        for (t, nodes) in nodes.into_iter().enumerate() {
            let (pairs, alone) = nodes[skip..].as_chunks::<2>();
            for ((low, high), pair) in low[t].iter_mut().zip(&mut *high).zip(pairs) {
                [*low, *high] = *pair;
            }
            count = pairs.len();
            if let ([last], Some(default)) = (alone, self.default) {
                (low[t][count], high[count]) = (*last, default[t]);
                count += 1;
            }
            F::differences(&mut steps[t][..count], &high[..count], &low[t][..count]);
        }
        if count > 0 {
            // A run of nodes is a run of pairs.
            let (common, weights) = weights.piece((first + skip) / 2, count);
            sums[0] += common * weighted(low, weights);
            sums[1] += common * weighted(steps, weights);
        }
    }
}

/// The elementwise sum.
pub(super) fn add_all<F: ProofField>(parts: Vec<Sums<F>>) -> Sums<F> {
    parts.into_iter().fold([F::zero(); 2], |[a, b], [c, d]| [a + c, b + d])
}

impl<F: ProofField, const T: usize> Region<F, T> {
    /// The nodes of a layer once the lowest variable is bound, those that are not stored being `left_out`, and the next
    /// round's sums.
    pub(super) fn new(
        round: &Round<'_, F, T>,
        left_out: Vec<[F; T]>,
        bound: impl Fn(usize, [&mut [F]; T], &mut Runs<F, 2>) + Sync,
    ) -> (Self, Sums<F>) {
        let mut tables = zeros(round.len);
        let sums = round.fill(tables.each_mut().map(Vec::as_mut_slice), bound);
        let spare = std::array::from_fn(|_| Vec::new());
        Self { tables, places: round.places.clone(), offset: round.offset, left_out, spare }.settled(round, sums)
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.stored() + self.places.left_out()
    }

    /// Number of nodes that are stored.
    pub(super) fn stored(&self) -> usize {
        self.tables[0].len()
    }

    /// Where the nodes are.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// Binds the lowest variable to `r`; the first node's number is even. A last node alone is bound to the default.
    pub(super) fn bind(&mut self, r: F, default: [F; T], round: &Round<'_, F, T>) -> Sums<F> {
        if self.stored() % 2 == 1 {
            self.push(default);
        }
        debug_assert_eq!(2 * round.len, self.stored());
        let mut out = match self.spare[0].len() >= round.len {
            true => self.spare.each_mut().map(std::mem::take),
            false => zeros(round.len),
        };
        out.iter_mut().for_each(|table| table.truncate(round.len));
        let bound = |first: usize, out: [&mut [F]; T], spare: &mut Runs<F, 2>| self.bound(r, first, out, spare);
        let sums = round.fill(out.each_mut().map(Vec::as_mut_slice), bound);
        self.spare = std::mem::replace(&mut self.tables, out);
        (self.places, self.offset) = (round.places.clone(), round.offset);
        let (region, sums) = std::mem::take(self).settled(round, sums);
        *self = region;
        sums
    }

    /// Adds what is not stored to the sums. Where the stored nodes do not come in pairs any more, all are stored instead.
    fn settled(self, round: &Round<'_, F, T>, mut sums: Sums<F>) -> (Self, Sums<F>) {
        if self.places.levels() == Some(0) {
            let all = self.places.widen(self.offset, &self.tables, &self.left_out);
            let round = Round { places: Places::default(), len: all[0].len(), ..*round };
            return Self::new(&round, Vec::new(), |first, out, _| {
                out.into_iter().zip(&all).for_each(|(out, all)| out.copy_from_slice(&all[first..first + out.len()]));
            });
        }
        if let Some(weights) = round.weights {
            let weights = self.places.above(1).weights_left_out(weights.point());
            sums[0] += weights.into_iter().zip(&self.left_out).map(|(w, &node)| w * sum_of_products(node)).sum::<F>();
        }
        (self, sums)
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
        if index >= self.len() {
            return None;
        }
        match self.places.find(self.offset + index) {
            Place::Stored(node) => Some(std::array::from_fn(|t| self.tables[t][node - self.offset])),
            Place::Padding(block) => self.left_out.get(block).copied(),
        }
    }
}

/// T tables of zeros. Memory that served before is wiped, each table by a thread.
pub(super) fn zeros<F: ProofField, const T: usize>(len: usize) -> [Vec<F>; T] {
    if len < WIPED_BY_ONE {
        return std::array::from_fn(|_| F::zeros(len));
    }
    let mut tables = parallel::map(T, |_| F::zeros(len)).into_iter();
    std::array::from_fn(|_| tables.next().unwrap_or_default())
}

/// Entries of a table that are wiped sooner than another thread wakes.
const WIPED_BY_ONE: usize = 1 << 11;

/// f at zero and at infinity of one pair.
pub(super) fn pair_values<F: ProofField, const T: usize>(low: [F; T], high: [F; T]) -> Sums<F> {
    [sum_of_products(low), sum_of_products::<F, T>(std::array::from_fn(|t| high[t] - low[t]))]
}
