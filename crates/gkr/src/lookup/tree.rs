use std::ops::Range;
use std::sync::Arc;

use convince_field::ProofField;
use convince_sumcheck::parallel;

use super::leaves::Leaves;
use super::places::Places;
use super::region::zeros;

/// Nodes that are added up at a time.
const RUN: usize = 128;

/// Sums of fractions, level by level. Every level stops at its last allocated node; behind it all nodes are (0, 1). The lowest
/// levels do not store nodes above padding alone (`places`).
///
/// Leaves are kept as places in tables of denominators, 4 bytes each. The levels above take 64 bytes a leaf together, half of
/// them the lowest, and each is given up when its sumcheck begins. Some of the lowest may be left out: their nodes are
/// computed from the leaves whenever they are read, which is twice.
pub struct Tree<F> {
    /// The levels that are kept, from the root's children on.
    levels: Vec<Stored<F>>,
    root: [F; 2],
    /// Those between them and the leaves.
    recomputed: Vec<Recomputed<F>>,
    leaves: Arc<Leaves<F>>,
}

/// Numerators and denominators of a level's stored nodes; their number is a multiple of four, or two.
pub(super) type Level<F> = [Vec<F>; 2];

/// A level that is kept.
pub(super) struct Stored<F> {
    pub(super) nodes: Level<F>,
    pub(super) places: Places,
    /// The nodes that are not stored, one for each of [`Places::paddings`].
    left_out: Vec<[F; 2]>,
}

/// A level that is computed run by run.
pub(super) struct Recomputed<F> {
    leaves: Arc<Leaves<F>>,
    /// Of the level, above the leaves.
    height: usize,
    /// Number of nodes that are stored, as of a level that is kept.
    pub(super) len: usize,
}

/// A level of the tree below the root.
pub(super) enum Children<F> {
    Nodes(Stored<F>),
    Recomputed(Recomputed<F>),
    Leaves(Arc<Leaves<F>>),
}

impl<F: ProofField> Children<F> {
    /// Nodes or leaves that are stored.
    pub(super) fn stored(&self) -> usize {
        match self {
            Self::Nodes(Stored { nodes: [p, _], .. }) => p.len(),
            Self::Recomputed(level) => level.len,
            Self::Leaves(leaves) => leaves.stored(),
        }
    }

    /// Where they are.
    pub(super) fn places(&self) -> Places {
        match self {
            Self::Nodes(level) => level.places.clone(),
            Self::Recomputed(level) => level.leaves.places.above(level.height),
            Self::Leaves(leaves) => leaves.places.clone(),
        }
    }

    /// Those that are not, one for each of [`Places::paddings`].
    pub(super) fn left_out(&self) -> Vec<[F; 2]> {
        match self {
            Self::Nodes(level) => level.left_out.clone(),
            Self::Recomputed(level) => level.leaves.padding_at(level.height),
            Self::Leaves(leaves) => leaves.padding_at(0),
        }
    }

    /// The first two.
    pub(super) fn first(&self) -> [[F; 2]; 2] {
        [0, 1].map(|i| match self {
            Self::Nodes(Stored { nodes: [p, q], .. }) => [p[i], q[i]],
            Self::Recomputed(level) => level.nodes(i..i + 1).map(|part| part[0]),
            Self::Leaves(leaves) => leaves.fraction(i),
        })
    }
}

impl<F: ProofField> Recomputed<F> {
    /// Some of its nodes.
    pub(super) fn nodes(&self, nodes: Range<usize>) -> Level<F> {
        nodes_at(&self.leaves, self.height, nodes)
    }
}

impl<F: ProofField> Tree<F> {
    /// All levels above `2^depth` leaves, of which the first ones are given; the `recomputed` lowest of them are not kept, but
    /// for the root, its children, and where all padding is first stored. At most three multiplications an inner node.
    pub(super) fn new(depth: usize, leaves: Leaves<F>, recomputed: usize) -> Self {
        let leaves = Arc::new(leaves);
        let mut places = leaves.places.clone();
        let most = places.levels().unwrap_or(depth).saturating_sub(2);
        let num_recomputed = recomputed.min(most);
        let mut levels: Vec<Stored<F>> = Vec::with_capacity(depth);
        let mut recomputed = Vec::with_capacity(num_recomputed);
        let mut stored = leaves.stored();
        for height in 1..=depth {
            places = places.above(1);
            stored = stored.div_ceil(2);
            let without = places.left_out();
            let len = (stored + without).next_multiple_of(4).min(1 << (depth - height)) - without;
            if height <= num_recomputed {
                recomputed.push(Recomputed { leaves: leaves.clone(), height, len });
                continue;
            }
            let nodes = match levels.last() {
                None => level(stored, len, |nodes, out| fill_at(&leaves, height, nodes, out)),
                Some(Stored { nodes: [p, q], .. }) => {
                    level(stored, len, |nodes, out| above([&p[2 * nodes.start..], &q[2 * nodes.start..]], out))
                }
            };
            let left_out = leaves.padding_at(height);
            // A layer reads its children by fours.
            levels.push(match places.levels() == Some(1) {
                true => {
                    let nodes = places.widen(0, &nodes, &left_out);
                    stored += without;
                    places = Places::default();
                    Stored { nodes, places: places.clone(), left_out: Vec::new() }
                }
                false => Stored { nodes, places: places.clone(), left_out },
            });
        }
        let root = levels.pop().map_or_else(|| leaves.fraction(0), |Stored { nodes: [p, q], .. }| [p[0], q[0]]);
        levels.reverse();
        recomputed.reverse();
        Self { levels, root, recomputed, leaves }
    }

    /// `(P, Q)` with `P / Q` the sum of all fractions.
    pub fn root(&self) -> [F; 2] {
        self.root
    }

    /// The levels below the root, from its children on: each is its sumcheck's to give up.
    pub(super) fn into_levels(self) -> impl Iterator<Item = Children<F>> {
        let leaves = std::iter::once_with(|| Children::Leaves(self.leaves));
        let recomputed = self.recomputed.into_iter().map(Children::Recomputed);
        self.levels.into_iter().map(Children::Nodes).chain(recomputed).chain(leaves)
    }
}

/// The nodes of the level at a height above the leaves of 1 or more.
fn nodes_at<F: ProofField>(leaves: &Leaves<F>, height: usize, nodes: Range<usize>) -> Level<F> {
    let mut level: Level<F> = std::array::from_fn(|_| vec![F::zero(); nodes.len()]);
    let [p, q] = &mut level;
    fill_at(leaves, height, nodes, [p, q]);
    level
}

/// [`nodes_at`] in place.
fn fill_at<F: ProofField>(leaves: &Leaves<F>, height: usize, nodes: Range<usize>, out: [&mut [F]; 2]) {
    if height == 1 {
        return above_leaves(leaves, nodes, out);
    }
    let [p, q] = nodes_at(leaves, height - 1, 2 * nodes.start..2 * nodes.end);
    above([&p, &q], out);
}

/// A level of `len` nodes, the first ones filled run by run.
fn level<F: ProofField>(nodes: usize, len: usize, run: impl Fn(Range<usize>, [&mut [F]; 2]) + Sync) -> Level<F> {
    let mut level: Level<F> = zeros(len);
    let [p, q] = &mut level;
    q[nodes..].fill(F::one());
    parallel::fill([&mut p[..nodes], &mut q[..nodes]], 0..nodes, RUN, |nodes, [p, q]| {
        let runs = p.chunks_mut(RUN).zip(q.chunks_mut(RUN));
        for (start, (p, q)) in nodes.step_by(RUN).zip(runs) {
            run(start..start + p.len(), [p, q]);
        }
    });
    level
}

/// The sums of the leaves below these nodes. Where all leaves are lookups their numerators are one.
fn above_leaves<F: ProofField>(leaves: &Leaves<F>, nodes: Range<usize>, [p, q]: [&mut [F]; 2]) {
    let lookups = leaves.lookups();
    if 2 * lookups.start <= nodes.start && nodes.end <= 2 * lookups.end {
        let (mut left, mut right) = ([F::zero(); RUN], [F::zero(); RUN]);
        let (pairs, _) = leaves.codes[2 * nodes.start..2 * nodes.end].as_chunks::<2>();
        for ((p, q), pairs) in p.chunks_mut(RUN).zip(q.chunks_mut(RUN)).zip(pairs.chunks(RUN)) {
            for ((left, right), [a, b]) in left.iter_mut().zip(&mut right).zip(pairs) {
                (*left, *right) = (leaves.denominators[*a as usize], leaves.denominators[*b as usize]);
            }
            F::sums(p, &left[..pairs.len()], &right[..pairs.len()]);
            F::products(q, &left[..pairs.len()], &right[..pairs.len()]);
        }
        return;
    }
    let (mut numerators, mut denominators) = ([F::zero(); 2 * RUN], [F::zero(); 2 * RUN]);
    for ((start, p), q) in nodes.step_by(RUN).zip(p.chunks_mut(RUN)).zip(q.chunks_mut(RUN)) {
        let children = 2 * p.len();
        for (i, (p, q)) in numerators.iter_mut().zip(&mut denominators).take(children).enumerate() {
            [*p, *q] = leaves.fraction(2 * start + i);
        }
        F::add_fractions([&numerators[..children], &denominators[..children]], [p, q]);
    }
}

/// The sums of pairs of nodes.
fn above<F: ProofField>([p, q]: [&[F]; 2], out: [&mut [F]; 2]) {
    // Behind the last node of a level that is not filled up there may be one child alone.
    let children = 2 * out[0].len();
    F::add_fractions([&p[..children], &q[..children]], out);
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;

    use super::*;

    fn inverse<F: ProofField>(value: F) -> F {
        value.inverse().expect("not zero")
    }

    #[test]
    fn the_root_is_the_sum_of_the_fractions() {
        for len in [1usize, 3, 8, 11, 16] {
            let counts: Vec<i64> = (0..len).map(|i| 7 - 5 * i as i64).collect();
            let q: Vec<Fr> = (0..len).map(|i| Fr::from_i64(i as i64 + 2)).collect();
            let sum: Fr = counts.iter().zip(&q).map(|(m, b)| Fr::from_i64(-m) * inverse(*b)).sum();
            let [root_p, root_q] = Tree::new(4, Leaves::table(&counts, q), 0).root();
            assert_eq!(root_p * inverse(root_q), sum, "{len} leaves");
        }
    }

    #[test]
    fn levels_that_are_left_out_are_those_that_are_kept() {
        for (len, depth) in [(1usize, 0), (2, 1), (3, 2), (37, 6), (1000, 10)] {
            let counts: Vec<i64> = (0..len).map(|i| 7 - 5 * i as i64).collect();
            let q: Vec<Fr> = (0..len).map(|i| Fr::from_i64(i as i64 + 2)).collect();
            let tree = |left_out| Tree::new(depth, Leaves::table(&counts, q.clone()), left_out);
            let kept: Vec<_> = tree(0).into_levels().collect();
            for left_out in [1, 2, 5, 20] {
                let tree = tree(left_out);
                assert_eq!(tree.recomputed.len(), left_out.min(depth.saturating_sub(2)));
                for (kept, level) in kept.iter().zip(tree.into_levels()) {
                    assert_eq!((kept.stored(), kept.first()), (level.stored(), level.first()));
                    if let (Children::Nodes(kept), Children::Recomputed(level)) = (kept, &level) {
                        assert_eq!(kept.nodes, level.nodes(0..level.len), "{len} leaves, height {}", level.height);
                    }
                }
            }
        }
    }
}
