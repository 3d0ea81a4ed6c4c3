//! The prover's rounds of one layer.

use std::ops::Range;

use convince_field::ProofField;
use convince_poly::prefix_sum;
use convince_sumcheck::parallel;

use super::leaves::{Kind, Leaves, Segment};
use super::places::Places;
use super::region::{LOG_RUN, Nodes, Region, Round, Sums, pair_values};
use super::tree::{Children, Level};
use super::weights::Weights;

/// The nodes of a layer, whose values are `f = p0 q1 + q0 a1` with `a1 = p1 + lambda q1`.
///
/// At the bottom, where the numerators are one, `f = q0 + q1 + lambda q0 q1 = lambda (u v - mu^2)` with
/// `u = q0 + mu, v = q1 + mu, mu = 1 / lambda`: two tables and one multiplication in place of four and two.
pub(super) struct Layer<F> {
    lambda: F,
    mu: F,
    /// `p0, q1, q0, a1` of the first nodes; of all of them, above the lowest layer.
    head: Region<F, 4>,
    /// `u, v` of the nodes behind them.
    lookups: Region<F, 2>,
    /// `p0, q1, q0, a1` of the nodes behind those.
    tail: Region<F, 4>,
}

/// The nodes of the lowest layer, from those above the leaves number `first` on.
struct Lowest<'a, F> {
    leaves: &'a Leaves<F>,
    first: usize,
    lambda: F,
}

/// The nodes of a layer that is not the lowest.
struct Upper<'a, F> {
    level: [&'a [F]; 2],
    lambda: F,
}

impl<'a, F> Upper<'a, F> {
    fn new([p, q]: &'a Level<F>, lambda: F) -> Self {
        Self { level: [p, q], lambda }
    }
}

/// `p1` becomes `a1`.
fn join<F: ProofField>([_, q1, _, p1]: [&mut [F]; 4], lambda: F) {
    F::add_scaled(p1, q1, lambda);
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

    fn combine(&self, tables: [&mut [F]; 4]) {
        join(tables, self.lambda);
    }
}

impl<F: ProofField> Nodes<F, 4> for Lowest<'_, F> {
    fn pairs(&self, table: usize, first: usize, low: &mut [F], high: &mut [F]) {
        let [part, child] = PARTS[table];
        let start = self.first + 2 * first;
        for (i, (low, high)) in low.iter_mut().zip(high).enumerate() {
            [*low, *high] = [child, 2 + child].map(|leaf| self.leaves.fraction(start + 4 * i + leaf)[part]);
        }
    }

    fn combine(&self, tables: [&mut [F]; 4]) {
        join(tables, self.lambda);
    }
}

/// The four children's claims of a layer of one node.
pub(super) fn only_node<F: ProofField>(children: &Children<F>) -> [F; 4] {
    let [[p0, q0], [p1, q1]] = children.first();
    [p0, p1, q0, q1]
}

/// `sum_g eq(point, g) f` at infinity of the lowest variable of the nodes above `children`: the coefficient of its square.
pub(super) fn square_term<F: ProofField>(children: &Children<F>, lambda: F, point: &[F]) -> F {
    let (places, stored) = (children.places().above(2), children.stored().div_ceil(4));
    let all = stored + places.left_out();
    let weights = Weights::new(point, all, LOG_RUN);
    match children {
        Children::Nodes(level) => Upper::new(&level.nodes, lambda).square_term(&weights, &places, 0..stored),
        Children::Recomputed(level) => {
            let pieces = (0..stored).step_by(PIECE).map(|start| start..(start + PIECE).min(stored));
            let terms = parallel::map_items(pieces.collect(), |pairs| {
                let nodes = level.nodes(4 * pairs.start..4 * pairs.end);
                Upper::new(&nodes, lambda).square_term(&weights, &places, pairs)
            });
            terms.into_iter().sum()
        }
        Children::Leaves(leaves) => {
            let lookups = leaves.lookups();
            let of_lookups = lookups_square_term(leaves, &places, &Weights::new(point, all, LOG_FOURS));
            let term = |stored: Range<usize>, first: usize| {
                let pairs = first..first + stored.len();
                Lowest { leaves, first: 4 * stored.start, lambda }.square_term(&weights, &Places::default(), pairs)
            };
            let behind = lookups.end + places.left_out();
            term(0..lookups.start, 0) + lambda * of_lookups + term(lookups.end..stored, behind)
        }
    }
}

/// Pairs of nodes whose children are computed at a time: 256 KB of them.
const PIECE: usize = 32 << LOG_RUN;

/// log2 of the integers that meet their weights at a time.
const LOG_FOURS: usize = 9;

/// `sum_g eq(g) (q0' - q0) (q1' - q1)` over the lookups: mostly sums of small integers times weights.
fn lookups_square_term<F: ProofField>(leaves: &Leaves<F>, places: &Places, weights: &Weights<F>) -> F {
    let parts = parallel::cuts(leaves.lookups(), weights.run());
    let parts = parallel::map_items(parts, |fours| {
        let mut sums = [F::zero(); 4];
        let mut segment = leaves.segments.partition_point(|s| s.fours.end <= fours.start);
        for (run, number) in places.pieces(fours, weights.run()) {
            let (common, mut low) = weights.piece(number, run.len());
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
    let zero = F::zero();
    let Kind::Small { two, wide } = kind else {
        let mut products = [zero; 1 << LOG_FOURS];
        for (product, four) in products.iter_mut().zip(codes) {
            let [a, b, c, d] = four.map(|code| leaves.denominators[code as usize]);
            *product = (c - a) * (d - b);
        }
        return [zero, zero, zero, F::inner_product(&products[..codes.len()], weights)];
    };
    let first = |four: &[u32; 4]| [i64::from(four[2]) - i64::from(four[0]), i64::from(four[3]) - i64::from(four[1])];
    let ones = weighted_ints(codes, weights, wide, |four| {
        let [a, b] = first(four);
        a * b
    });
    if !two {
        return [ones, zero, zero, zero];
    }
    let second = |four: &[u32; 4]| {
        let [a, b, c, d] = four.map(|code| i64::from(leaves.seconds[code as usize]));
        [c - a, d - b]
    };
    let cross = weighted_ints(codes, weights, wide, |four| {
        let ([a, b], [c, d]) = (first(four), second(four));
        a * d + b * c
    });
    let twos = weighted_ints(codes, weights, wide, |four| {
        let [c, d] = second(four);
        c * d
    });
    [ones, cross, twos, zero]
}

/// `sum_i weights[i] f(codes[i])` for integers of 31 bits, of 47 if they are wide.
#[inline(always)]
fn weighted_ints<F: ProofField>(codes: &[[u32; 4]], weights: &[F], wide: bool, f: impl Fn(&[u32; 4]) -> i64) -> F {
    let (mut low, mut high) = ([0i32; 1 << LOG_FOURS], [0i32; 1 << LOG_FOURS]);
    let (low, high) = (&mut low[..codes.len()], &mut high[..codes.len()]);
    if !wide {
        low.iter_mut().zip(codes).for_each(|(low, four)| *low = f(four) as i32);
        return F::dot(low, weights);
    }
    for ((low, high), four) in low.iter_mut().zip(high.iter_mut()).zip(codes) {
        let value = f(four);
        (*low, *high) = ((value & 0xffff) as i32, (value >> 16) as i32);
    }
    F::dot(low, weights) + F::from_i64(1 << 16) * F::dot(high, weights)
}

impl<F: ProofField> Layer<F> {
    /// The nodes above `children` with the lowest variable bound to `r`, and `[g(0), g's square term]` of the next
    /// variable, `rest` being the point of those above it. No `rest`: there is no next variable, and the sums are zero.
    pub(super) fn new(children: Children<F>, lambda: F, r: F, rest: Option<&[F]>) -> (Self, Sums<F>) {
        let default = Some(default_node(lambda));
        let (places, stored) = (children.places().above(2), children.stored().div_ceil(4));
        let weights = rest.map(|rest| Weights::new(rest, (stored + places.left_out()).div_ceil(2), LOG_RUN));
        let weights = weights.as_ref();
        let none = [F::zero(); 2];
        let mut layer = Self {
            lambda,
            mu: F::zero(),
            head: Region::default(),
            lookups: Region::default(),
            tail: Region::default(),
        };
        let whole = |places: &Places| Round { weights, places: places.clone(), offset: 0, len: stored, default };
        let left_out = |children: &Children<F>| {
            let node = |[p, q]: [F; 2]| [p, q, q, p + lambda * q];
            children.left_out().into_iter().map(node).collect::<Vec<_>>()
        };
        let sums = match &children {
            Children::Nodes(level) => {
                let upper = Upper::new(&level.nodes, lambda);
                let (head, of_head) = Region::new(&whole(&places), left_out(&children), |first, out, spare| {
                    upper.bound(r, first, out, spare);
                });
                layer.head = head;
                [of_head, none, none]
            }
            Children::Recomputed(level) => {
                let (head, of_head) = Region::new(&whole(&places), left_out(&children), |first, out, spare| {
                    let nodes = level.nodes(4 * first..4 * (first + out[0].len()));
                    Upper::new(&nodes, lambda).bound(r, 0, out, spare);
                });
                layer.head = head;
                [of_head, none, none]
            }
            Children::Leaves(leaves) => {
                let lookups = leaves.lookups();
                let others = |fours: Range<usize>, offset: usize| {
                    let default = default.filter(|_| fours.end == stored);
                    let round = Round { weights, places: Places::default(), offset, len: fours.len(), default };
                    let nodes = Lowest { leaves, first: 4 * fours.start, lambda };
                    Region::new(&round, Vec::new(), |first, out, spare| nodes.bound(r, first, out, spare))
                };
                layer.mu = lambda.inverse().unwrap_or(F::zero());
                let behind = lookups.end + places.left_out();
                let (head, of_head) = others(0..lookups.start, 0);
                let (tail, of_tail) = others(lookups.end..stored, behind);
                let round = Round { weights, places, offset: lookups.start, len: lookups.len(), default: None };
                let (lookups, of_lookups) = bound_lookups(leaves, layer.mu, r, &round);
                (layer.head, layer.lookups, layer.tail) = (head, lookups, tail);
                [of_head, of_lookups, of_tail]
            }
        };
        drop(children);
        let sums = layer.settle(sums, weights);
        (layer, sums)
    }

    /// Binds the lowest variable to `r`; sums as by [`Self::new`].
    pub(super) fn bind(&mut self, r: F, rest: Option<&[F]>) -> Sums<F> {
        let default = default_node(self.lambda);
        // Only the last region can have a node alone.
        let bound = |stored: usize, places: &Places| (stored.div_ceil(2), places.above(1));
        let (head, of_heads) = bound(self.head.stored(), self.head.places());
        let (lookups, of_lookups) = bound(self.lookups.stored(), self.lookups.places());
        let tail = self.tail.len().div_ceil(2);
        let behind_head = head + of_heads.left_out();
        let behind = behind_head + lookups + of_lookups.left_out();
        let weights = rest.map(|rest| Weights::new(rest, (behind + tail).div_ceil(2), LOG_RUN));
        let weights = weights.as_ref();
        let last = (behind + tail == behind_head).then_some(default);
        let round = Round { weights, places: of_heads, offset: 0, len: head, default: last };
        let of_head = self.head.bind(r, default, &round);
        let round = Round { weights, places: of_lookups, offset: behind_head, len: lookups, default: None };
        let of_lookups = self.lookups.bind(r, [F::zero(); 2], &round);
        let round = Round { weights, places: Places::default(), offset: behind, len: tail, default: Some(default) };
        let of_tail = self.tail.bind(r, default, &round);
        self.settle([of_head, of_lookups, of_tail], weights)
    }

    /// Adds up the regions' sums, with the pairs that lie in two regions, and makes the regions begin at even nodes.
    fn settle(&mut self, parts: [Sums<F>; 3], weights: Option<&Weights<F>>) -> Sums<F> {
        let (head, behind) = (self.head.len(), self.head.len() + self.lookups.len());
        let all = behind + self.tail.len();
        let sums = match weights {
            Some(weights) => {
                let rest = weights.point();
                let [of_head, of_lookups, of_tail] = parts;
                let mut others = [of_head[0] + of_tail[0], of_head[1] + of_tail[1]];
                let is_cut = [head % 2 == 1 && head < all, behind % 2 == 1 && behind > head];
                for (first, _) in [head, behind].into_iter().zip(is_cut).filter(|&(_, is_cut)| is_cut) {
                    let weight = weights.at(first / 2);
                    let pair = pair_values(self.node(first - 1), self.node(first));
                    others.iter_mut().zip(pair).for_each(|(sum, value)| *sum += weight * value);
                }
                // All weights add up to one, and f is lambda where nothing is allocated.
                let unallocated = F::one() - prefix_sum(rest, all.div_ceil(2));
                let squares = match self.lookups.len() {
                    0 => F::zero(),
                    _ => self.mu.square() * (prefix_sum(rest, behind / 2) - prefix_sum(rest, head.div_ceil(2))),
                };
                let at_zero = self.lambda * (of_lookups[0] - squares + unallocated);
                [others[0] + at_zero, others[1] + self.lambda * of_lookups[1]]
            }
            None => [F::zero(); 2],
        };
        if head % 2 == 1 && head < all {
            // What is left is short: the smallest block of the head is no larger than it and larger than any other.
            let nodes: Vec<[F; 4]> = (head..all).map(|i| self.node(i)).collect();
            nodes.into_iter().for_each(|node| self.head.push(node));
            (self.lookups, self.tail) = (Region::default(), Region::default());
        } else if behind % 2 == 1 && behind > head {
            self.tail.push_front(self.node(behind - 1));
            self.lookups.pop();
        }
        sums
    }

    /// A node of the layer, in any region or none.
    fn node(&self, index: usize) -> [F; 4] {
        let (head, behind) = (self.head.len(), self.head.len() + self.lookups.len());
        let as_other = |[u, v]: [F; 2]| [F::one(), v - self.mu, u - self.mu, self.lambda * v];
        let node = match index {
            _ if index < head => self.head.node(index),
            _ if index < behind => self.lookups.node(index - head).map(as_other),
            _ => self.tail.node(index - behind),
        };
        node.unwrap_or(default_node(self.lambda))
    }

    /// `p0, p1, q0, q1` once all variables are bound.
    pub(super) fn finals(&self) -> [F; 4] {
        let [p0, q1, q0, a1] = self.node(0);
        [p0, a1 - self.lambda * q1, q0, q1]
    }
}

/// What unallocated nodes hold: f is the constant lambda there.
fn default_node<F: ProofField>(lambda: F) -> [F; 4] {
    [F::zero(), F::one(), F::one(), lambda]
}

/// `u` and `v` of the lookups with the lowest variable bound to `r`: sums of two entries of tables.
fn bound_lookups<F: ProofField>(leaves: &Leaves<F>, mu: F, r: F, round: &Round<'_, F, 2>) -> (Region<F, 2>, Sums<F>) {
    let (mut low, mut high) = (F::zeros(leaves.denominators.len()), F::zeros(leaves.denominators.len()));
    parallel::fill([&mut low, &mut high], 0..leaves.denominators.len(), 1, |rows, [low, high]| {
        low.iter_mut().zip(&leaves.denominators[rows]).for_each(|(low, q)| *low = *q + mu);
        F::bind(high, low, r);
        low.iter_mut().zip(&*high).for_each(|(low, high)| *low -= high);
    });
    let left_out = leaves.padding_at(0).into_iter().map(|[_, q]| [q + mu; 2]).collect();
    Region::new(round, left_out, |first, out, [lows, highs]| {
        let start = 4 * (leaves.lookups().start + first);
        let (fours, _) = leaves.codes[start..start + 4 * out[0].len()].as_chunks::<4>();
        for (child, out) in out.into_iter().enumerate() {
            for ((l, h), four) in lows.iter_mut().zip(&mut *highs).zip(fours) {
                (*l, *h) = (low[four[child] as usize], high[four[2 + child] as usize]);
            }
            F::sums(out, &lows[..fours.len()], &highs[..fours.len()]);
        }
    })
}
