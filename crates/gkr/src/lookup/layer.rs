//! The prover's rounds of one layer.

use convince_field::ProofField;
use convince_poly::prefix_sum;
use convince_sumcheck::parallel;

use super::leaves::{Kind, Leaves, Segment};
use super::region::{LOG_RUN, Nodes, Region, Round, Runs, Sums, pair_values};
use super::tree::{Children, Level};
use super::weights::Weights;

/// The nodes of a layer, whose values are `f = p0 q1 + q0 a1` with `a1 = p1 + lambda q1`.
///
/// At the bottom, where the numerators are one, `f = q0 + q1 + lambda q0 q1 = lambda (u v - mu^2)` with
/// `u = q0 + mu, v = q1 + mu, mu = 1 / lambda`: two tables and one multiplication in place of four and two.
pub(super) struct Layer<F> {
    lambda: F,
    mu: F,
    /// `u, v` of the first nodes.
    lookups: Region<F, 2>,
    /// `p0, q1, q0, a1` of the nodes behind them.
    others: Region<F, 4>,
}

/// The nodes behind the lookups of the lowest layer.
struct Others<'a, F> {
    leaves: &'a Leaves<F>,
    lambda: F,
}

/// The nodes of a layer that is not the lowest.
struct Upper<'a, F> {
    level: &'a Level<F>,
    lambda: F,
}

/// `p1` becomes `a1`.
fn join<F: ProofField>(runs: &mut Runs<F, 4>, lambda: F, len: usize) {
    let [_, q1, _, p1] = runs;
    let sums: Runs<F, 1> = [std::array::from_fn(|i| if i < len { p1[i] + q1[i] } else { F::zero() })];
    F::bind(&mut p1[..len], &sums[0][..len], lambda);
}

/// Which of a fraction's parts a table holds, and of which child.
const PARTS: [[usize; 2]; 4] = [[0, 0], [1, 1], [1, 0], [0, 1]];

impl<F: ProofField> Nodes<F, 4> for Upper<'_, F> {
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]) {
        let [part, child] = PARTS[table];
        let (fours, _) = self.level[part][2 * first..].as_chunks::<4>();
        for ((low, high), four) in low.iter_mut().zip(high).zip(fours) {
            (*low, *high) = (four[child], four[2 + child]);
        }
    }

    fn combine(&self, runs: &mut Runs<F, 4>, len: usize) {
        join(runs, self.lambda, len);
    }
}

impl<F: ProofField> Nodes<F, 4> for Others<'_, F> {
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]) {
        let [part, child] = PARTS[table];
        let start = self.leaves.lookups() + 2 * first;
        for (i, (low, high)) in low.iter_mut().zip(high).enumerate() {
            [*low, *high] = [child, 2 + child].map(|leaf| self.leaves.fraction(start + 4 * i + leaf)[part]);
        }
    }

    fn combine(&self, runs: &mut Runs<F, 4>, len: usize) {
        join(runs, self.lambda, len);
    }
}

/// The four children's claims of a layer of one node.
pub(super) fn only_node<F: ProofField>(children: &Children<F>) -> [F; 4] {
    let fraction = |i| match children {
        Children::Nodes([p, q]) => [p[i], q[i]],
        Children::Leaves(leaves) => leaves.fraction(i),
    };
    let ([p0, q0], [p1, q1]) = (fraction(0), fraction(1));
    [p0, p1, q0, q1]
}

/// `sum_g eq(point, g) f` at infinity of the lowest variable of the nodes above `children`: the coefficient of its square.
pub(super) fn square_term<F: ProofField>(children: &Children<F>, lambda: F, point: &[F]) -> F {
    match children {
        Children::Nodes(level) => {
            let pairs = level[0].len() / 4;
            Upper { level, lambda }.square_term(&Weights::new(point, pairs, LOG_RUN), 0..pairs)
        }
        Children::Leaves(leaves) => {
            let (lookups, pairs) = (leaves.lookups() / 4, leaves.len().div_ceil(4));
            let others = Others { leaves, lambda };
            let others = others.square_term(&Weights::new(point, pairs, LOG_RUN), lookups..pairs);
            lambda * lookups_square_term(leaves, &Weights::new(point, lookups, LOG_FOURS)) + others
        }
    }
}

/// log2 of the integers that meet their weights at a time.
const LOG_FOURS: usize = 9;

/// `sum_g eq(g) (q0' - q0) (q1' - q1)` over the lookups: mostly sums of small integers times weights.
fn lookups_square_term<F: ProofField>(leaves: &Leaves<F>, weights: &Weights<F>) -> F {
    let parts = parallel::cuts(0..leaves.lookups() / 4, weights.run());
    let parts = parallel::map_items(parts, |fours| {
        let mut sums = [F::zero(); 4];
        let mut segment = leaves.segments.partition_point(|s| s.fours.end <= fours.start);
        for (run, common, mut low) in weights.runs(fours) {
            let mut start = run.start;
            while start < run.end {
                let Segment { fours, kind } = &leaves.segments[segment];
                let end = run.end.min(fours.end);
                let (now, later) = low.split_at(end - start);
                let (codes, _) = leaves.codes[4 * start..4 * end].as_chunks::<4>();
                let piece = differences(leaves, codes, *kind, now);
                sums.iter_mut().zip(piece).for_each(|(sum, value)| *sum += common * value);
                segment += usize::from(end == fours.end);
                (start, low) = (end, later);
            }
        }
        sums
    });
    let beta = leaves.beta;
    let total = |k: usize| parts.iter().map(|sums| sums[k]).sum::<F>();
    beta.square() * (total(0) + beta * (total(1) + beta * total(2))) + total(3)
}

/// Sums of the products of differences: the coefficients of beta squared, cubed and to the fourth, and what is no sum of
/// small integers.
fn differences<F: ProofField>(leaves: &Leaves<F>, codes: &[[u32; 4]], kind: Kind, weights: &[F]) -> [F; 4] {
    let first = |four: &[u32; 4]| [four[2] as i32 - four[0] as i32, four[3] as i32 - four[1] as i32];
    let second = |four: &[u32; 4]| {
        let [a, b, c, d] = four.map(|code| leaves.seconds[code as usize]);
        [c - a, d - b]
    };
    let mut ints = [0i32; 1 << LOG_FOURS];
    let mut dot = |f: &dyn Fn(&[u32; 4]) -> i32| {
        let ints = &mut ints[..codes.len()];
        ints.iter_mut().zip(codes).for_each(|(int, four)| *int = f(four));
        F::dot(ints, weights)
    };
    let product = |[a, b]: [i32; 2]| a * b;
    let zero = F::zero();
    match kind {
        Kind::One => [dot(&|four| product(first(four))), zero, zero, zero],
        Kind::Two => {
            let cross = |four: &[u32; 4]| {
                let ([a, b], [c, d]) = (first(four), second(four));
                a * d + b * c
            };
            [dot(&|four| product(first(four))), dot(&cross), dot(&|four| product(second(four))), zero]
        }
        Kind::Wide => {
            let products: Vec<F> = codes
                .iter()
                .map(|four| {
                    let [a, b, c, d] = four.map(|code| leaves.denominators[code as usize]);
                    (c - a) * (d - b)
                })
                .collect();
            [zero, zero, zero, F::inner_product(&products, weights)]
        }
    }
}

impl<F: ProofField> Layer<F> {
    /// The nodes above `children` with the lowest variable bound to `r`, and `[g(0), g's square term]` of the next
    /// variable, `rest` being the point of those above it. No `rest`: there is no next variable, and the sums are zero.
    pub(super) fn new(children: Children<F>, lambda: F, r: F, rest: Option<&[F]>) -> (Self, Sums<F>) {
        let default = Some(default_node(lambda));
        match children {
            Children::Nodes(level) => {
                let len = level[0].len() / 4;
                let weights = rest.map(|rest| Weights::new(rest, len.div_ceil(2), LOG_RUN));
                let round = Round { weights: weights.as_ref(), offset: 0, len, default };
                let upper = Upper { level: &level, lambda };
                let (others, sums) = Region::new(&round, |first, out, len| upper.bound(r, first, out, len));
                let mut layer = Self { lambda, mu: F::zero(), lookups: Region::default(), others };
                let sums = layer.settle([F::zero(); 2], sums, weights.as_ref(), rest);
                (layer, sums)
            }
            Children::Leaves(leaves) => {
                let mu = lambda.inverse().unwrap_or(F::zero());
                let (lookups, len) = (leaves.lookups() / 4, leaves.len().div_ceil(4));
                let weights = rest.map(|rest| Weights::new(rest, len.div_ceil(2), LOG_RUN));
                let weights = weights.as_ref();
                let round = Round { weights, offset: 0, len: lookups, default: None };
                let (lookups, of_lookups) = bound_lookups(&leaves, mu, r, &round);
                let round = Round { weights, offset: lookups.len(), len: len - lookups.len(), default };
                let nodes = Others { leaves: &leaves, lambda };
                let (others, of_others) = Region::new(&round, |first, out, len| nodes.bound(r, first, out, len));
                let mut layer = Self { lambda, mu, lookups, others };
                let sums = layer.settle(of_lookups, of_others, weights, rest);
                (layer, sums)
            }
        }
    }

    /// Binds the lowest variable to `r`; sums as by [`Self::new`].
    pub(super) fn bind(&mut self, r: F, rest: Option<&[F]>) -> Sums<F> {
        let (lookups, others) = (self.lookups.len() / 2, self.others.len().div_ceil(2));
        let weights = rest.map(|rest| Weights::new(rest, (lookups + others).div_ceil(2), LOG_RUN));
        let weights = weights.as_ref();
        let default = default_node(self.lambda);
        let round = Round { weights, offset: 0, len: lookups, default: None };
        let of_lookups = self.lookups.bind(r, [F::zero(); 2], &round);
        let round = Round { weights, offset: lookups, len: others, default: Some(default) };
        let of_others = self.others.bind(r, default, &round);
        self.settle(of_lookups, of_others, weights, rest)
    }

    /// Hands a last lookup whose neighbour is none over to the others, and makes the layer's sums of the regions'.
    fn settle(
        &mut self,
        lookups: Sums<F>,
        mut others: Sums<F>,
        weights: Option<&Weights<F>>,
        rest: Option<&[F]>,
    ) -> Sums<F> {
        let (lambda, mu) = (self.lambda, self.mu);
        let single = if self.lookups.len() % 2 == 1 { self.lookups.pop() } else { None };
        if let Some([u, v]) = single {
            let node = [F::one(), v - mu, u - mu, lambda * v];
            self.others.push_front(node);
            if let Some(weights) = weights {
                let weight = weights.at(self.lookups.len() / 2);
                let next = self.others.node(1).unwrap_or(default_node(lambda));
                let pair = pair_values(node, next);
                others.iter_mut().zip(pair).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        let Some(rest) = rest else { return [F::zero(); 2] };
        let pairs = self.lookups.len() / 2;
        let all = (self.lookups.len() + self.others.len()).div_ceil(2);
        // All weights add up to one, and f is lambda where nothing is allocated.
        let constants = F::one() - prefix_sum(rest, all);
        let shift = mu.square() * prefix_sum(rest, pairs);
        [others[0] + lambda * (lookups[0] - shift + constants), others[1] + lambda * lookups[1]]
    }

    /// `p0, p1, q0, q1` once all variables are bound.
    pub(super) fn finals(&self) -> [F; 4] {
        let [p0, q1, q0, a1] = self.others.node(0).unwrap_or(default_node(self.lambda));
        [p0, a1 - self.lambda * q1, q0, q1]
    }
}

/// What unallocated nodes hold: f is the constant lambda there.
fn default_node<F: ProofField>(lambda: F) -> [F; 4] {
    [F::zero(), F::one(), F::one(), lambda]
}

/// `u` and `v` of the lookups with the lowest variable bound to `r`: sums of two entries of tables.
fn bound_lookups<F: ProofField>(leaves: &Leaves<F>, mu: F, r: F, round: &Round<'_, F, 2>) -> (Region<F, 2>, Sums<F>) {
    let mut low: Vec<F> = leaves.denominators.iter().map(|q| *q + mu).collect();
    let mut high = vec![F::zero(); low.len()];
    F::bind(&mut high, &low, r);
    low.iter_mut().zip(&high).for_each(|(low, high)| *low -= high);
    let at = |table: &[F], code: u32| table[code as usize];
    Region::new(round, |first, [u, v], len| {
        let (fours, _) = leaves.codes[4 * first..].as_chunks::<4>();
        for ((u, v), [a, b, c, d]) in u.iter_mut().zip(v).zip(&fours[..len]) {
            (*u, *v) = (at(&low, *a) + at(&high, *c), at(&low, *b) + at(&high, *d));
        }
    })
}
