use std::ops::Range;

use convince_field::ProofField;
use convince_sumcheck::parallel;

use super::leaves::Leaves;

/// Nodes that are added up at a time.
const RUN: usize = 32;

/// Sums of fractions, level by level. Every level stops at its last allocated node; behind it all nodes are (0, 1).
///
/// Leaves are kept as places in tables of denominators, 4 bytes each. The levels above take 64 bytes a leaf together, and
/// each is given up when its sumcheck begins.
pub struct Tree<F> {
    /// The levels from the root's children on, without the leaves.
    levels: Vec<Level<F>>,
    root: [F; 2],
    leaves: Leaves<F>,
}

/// Numerators and denominators of a level's nodes; their number is a multiple of four, or two.
pub(super) type Level<F> = [Vec<F>; 2];

/// A level of the tree below the root.
pub(super) enum Children<F> {
    Nodes(Level<F>),
    Leaves(Leaves<F>),
}

impl<F> Children<F> {
    /// Nodes or leaves that are allocated.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Nodes([p, _]) => p.len(),
            Self::Leaves(leaves) => leaves.codes.len(),
        }
    }
}

impl<F: ProofField> Tree<F> {
    /// All levels above `2^depth` leaves, of which the first ones are given. At most three multiplications an inner node.
    pub(super) fn new(depth: usize, leaves: Leaves<F>) -> Self {
        let mut levels: Vec<Level<F>> = Vec::with_capacity(depth);
        let mut nodes = leaves.len();
        for depth in (0..depth).rev() {
            nodes = nodes.div_ceil(2);
            let [mut p, mut q] = match levels.last() {
                None => level(nodes, |nodes, out| above_leaves(&leaves, nodes, out)),
                Some(children) => level(nodes, |nodes, out| above(children, nodes, out)),
            };
            let len = nodes.next_multiple_of(4).min(1 << depth);
            p.resize(len, F::zero());
            q.resize(len, F::one());
            levels.push([p, q]);
        }
        let root = levels.pop().map_or_else(|| leaves.fraction(0), |[p, q]| [p[0], q[0]]);
        levels.reverse();
        Self { levels, root, leaves }
    }

    /// `(P, Q)` with `P / Q` the sum of all fractions.
    pub fn root(&self) -> [F; 2] {
        self.root
    }

    /// The levels below the root, from its children on: each is its sumcheck's to give up.
    pub(super) fn into_levels(self) -> impl Iterator<Item = Children<F>> {
        let leaves = std::iter::once_with(|| Children::Leaves(self.leaves));
        self.levels.into_iter().map(Children::Nodes).chain(leaves)
    }
}

/// A level of so many nodes, filled run by run.
fn level<F: ProofField>(nodes: usize, run: impl Fn(Range<usize>, [&mut [F]; 2]) + Sync) -> Level<F> {
    let mut level: Level<F> = std::array::from_fn(|_| vec![F::zero(); nodes]);
    parallel::fill(level.each_mut().map(Vec::as_mut_slice), 0..nodes, RUN, |nodes, [p, q]| {
        let runs = p.chunks_mut(RUN).zip(q.chunks_mut(RUN));
        for (start, (p, q)) in nodes.step_by(RUN).zip(runs) {
            run(start..start + p.len(), [p, q]);
        }
    });
    level
}

/// The sums of the leaves below these nodes. Where all leaves are lookups their numerators are one.
fn above_leaves<F: ProofField>(leaves: &Leaves<F>, nodes: Range<usize>, [p, q]: [&mut [F]; 2]) {
    let out = p.iter_mut().zip(q);
    let lookups = leaves.lookups();
    if 2 * lookups.start <= nodes.start && nodes.end <= 2 * lookups.end {
        let (pairs, _) = leaves.codes[2 * nodes.start..].as_chunks::<2>();
        for ((p, q), pair) in out.zip(pairs) {
            let [left, right] = pair.map(|code| leaves.denominators[code as usize]);
            (*p, *q) = (left + right, left * right);
        }
        return;
    }
    for ((p, q), i) in out.zip(nodes) {
        [*p, *q] = sum(leaves.fraction(2 * i), leaves.fraction(2 * i + 1));
    }
}

/// The sums of the nodes below these nodes.
fn above<F: ProofField>([p, q]: &Level<F>, nodes: Range<usize>, [out_p, out_q]: [&mut [F]; 2]) {
    let ((p, _), (q, _)) = (p[2 * nodes.start..].as_chunks::<2>(), q[2 * nodes.start..].as_chunks::<2>());
    for (((out_p, out_q), [p0, p1]), [q0, q1]) in out_p.iter_mut().zip(out_q).zip(p).zip(q) {
        [*out_p, *out_q] = sum([*p0, *q0], [*p1, *q1]);
    }
}

/// `(p0 q1 + p1 q0, q0 q1)`.
#[inline(always)]
fn sum<F: ProofField>([p0, q0]: [F; 2], [p1, q1]: [F; 2]) -> [F; 2] {
    [p0 * q1 + p1 * q0, q0 * q1]
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
            let [root_p, root_q] = Tree::new(4, Leaves::table(&counts, q)).root();
            assert_eq!(root_p * inverse(root_q), sum, "{len} leaves");
        }
    }
}
