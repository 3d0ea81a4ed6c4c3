use convince_field::ProofField;
use convince_sumcheck::eq_product::Summand;
use convince_sumcheck::parallel;

use super::leaves::Leaves;

/// Sums of fractions, layer by layer. Every layer stops at its last allocated node; behind it all nodes are (0, 1).
///
/// Leaves are kept as places in tables of denominators, 4 bytes each. The layers above take 64 bytes a leaf together, and
/// each is given up when its sumcheck begins.
pub struct Tree<F> {
    /// `p0, q0, p1, q1` of every layer's nodes, root's children first: numerators and denominators of left and right children.
    layers: Vec<[Vec<F>; 4]>,
    root: [F; 2],
    leaves: Option<Leaves<F>>,
}

impl<F: ProofField> Tree<F> {
    /// All layers above `2^depth` leaves, of which the first ones are given. At most three multiplications an inner node.
    pub(super) fn new(depth: usize, leaves: Leaves<F>) -> Self {
        let mut layers: Vec<[Vec<F>; 4]> = Vec::with_capacity(depth);
        let mut nodes = leaves.len();
        for _ in 0..depth {
            nodes = nodes.div_ceil(2);
            let layer = match layers.last() {
                None => children(nodes, |i| leaves.parent(i)),
                Some([p0, q0, p1, q1]) => children(nodes, |i| sum([p0[i], q0[i]], [p1[i], q1[i]])),
            };
            layers.push(layer);
        }
        // The topmost list has one node, the root, as its left child.
        let root = layers.pop().map_or_else(|| leaves.fraction(0), |[p, q, ..]| [p[0], q[0]]);
        layers.reverse();
        Self { layers, root, leaves: Some(leaves) }
    }

    /// `(P, Q)` with `P / Q` the sum of all fractions.
    pub fn root(&self) -> [F; 2] {
        self.root
    }

    /// The summand over the nodes of layer `depth`, made of their children; consumes the children's layer, so call it
    /// from the root down.
    pub(super) fn summand(&mut self, depth: usize, lambda: F) -> Children<F> {
        let nodes = match self.layers.get_mut(depth) {
            Some(layer) => {
                let [p0, q0, mut a1, q1] = std::mem::take(layer);
                parallel::update(&mut a1, |i, a| *a += lambda * q1[i]);
                Nodes::Tables([p0, q1, q0, a1])
            }
            // Called once for the leaves.
            None => Nodes::Leaves(self.leaves.take().unwrap_or_default().scaled(lambda)),
        };
        Children { num_vars: depth, lambda, nodes }
    }
}

/// `(p0 q1 + p1 q0, q0 q1)`.
fn sum<F: ProofField>([p0, q0]: [F; 2], [p1, q1]: [F; 2]) -> [F; 2] {
    match p1.is_zero() && q1.is_one() {
        true => [p0, q0],
        false => [F::sum_of_products(&[p0, p1], &[q1, q0]), q0 * q1],
    }
}

/// The nodes of a layer as left and right children of the next.
fn children<F: ProofField>(nodes: usize, node: impl Fn(usize) -> [F; 2] + Sync) -> [Vec<F>; 4] {
    parallel::tables(nodes.div_ceil(2), |i| {
        let [p0, q0] = node(2 * i);
        let [p1, q1] = if 2 * i + 1 < nodes { node(2 * i + 1) } else { [F::zero(), F::one()] };
        [p0, q0, p1, q1]
    })
}

/// `f = p0 q1 + q0 (p1 + lambda q1)` over one layer's nodes; lambda is inside `a1 = p1 + lambda q1`, so that a value of f costs
/// two multiplications.
pub(super) struct Children<F> {
    num_vars: usize,
    lambda: F,
    nodes: Nodes<F>,
}

/// `p0, q1, q0, a1` of every node, truncated.
enum Nodes<F> {
    /// Before the first variable is bound, where the children are leaves: looked up whenever they are needed.
    Leaves(Leaves<F>),
    Tables([Vec<F>; 4]),
}

impl<F: ProofField> Children<F> {
    /// What unallocated nodes hold: f is the constant lambda there.
    fn defaults(&self) -> [F; 4] {
        [F::zero(), F::one(), F::one(), self.lambda]
    }

    fn len(&self) -> usize {
        match &self.nodes {
            Nodes::Leaves(leaves) => leaves.len().div_ceil(2),
            Nodes::Tables(tables) => tables[0].len(),
        }
    }

    /// `p0, p1, q0, q1` once all variables are bound.
    pub(super) fn finals(&self) -> [F; 4] {
        let first = match &self.nodes {
            Nodes::Leaves(leaves) => leaves.node(0),
            Nodes::Tables(tables) => std::array::from_fn(|k| tables[k].first().copied().unwrap_or(self.defaults()[k])),
        };
        let [p0, q1, q0, a1] = first;
        [p0, a1 - self.lambda * q1, q0, q1]
    }

    /// The round's values over the allocated nodes, and what eq weighs there.
    fn allocated(&self, eq: &[F], len: usize, node: impl Fn(usize) -> [F; 4] + Sync) -> Vec<F> {
        let (half, defaults) = (eq.len(), self.defaults());
        parallel::sum(half.min(len), |range| {
            let [mut at_zero, mut at_two, mut covered] = [F::zero(); 3];
            // Values of f are multiplied by eq in runs, whose products are reduced once.
            let mut values = [[F::zero(); RUN]; 2];
            let (mut start, end) = (range.start, range.end);
            while start < end {
                let run = RUN.min(end - start);
                for (k, i) in (start..start + run).enumerate() {
                    let low = node(i);
                    let high = if half + i < len { node(half + i) } else { defaults };
                    values[0][k] = value(low);
                    values[1][k] = value(std::array::from_fn(|t| high[t].double() - low[t]));
                    covered += eq[i];
                }
                let weights = &eq[start..start + run];
                at_zero += F::inner_product(weights, &values[0][..run]);
                at_two += F::inner_product(weights, &values[1][..run]);
                start += run;
            }
            vec![at_zero, at_two, covered]
        })
    }
}

/// Values of f that are computed before they meet eq.
const RUN: usize = 32;

/// `p0 q1 + q0 a1`. At the leaves most numerators are one, or zero over a denominator of one, and stay so when they are bound.
#[inline(always)]
fn value<F: ProofField>([p0, q1, q0, a1]: [F; 4]) -> F {
    if p0.is_one() {
        q1 + q0 * a1
    } else if p0.is_zero() && q0.is_one() {
        a1
    } else {
        F::sum_of_products(&[p0, q0], &[q1, a1])
    }
}

impl<F: ProofField> Summand<F> for Children<F> {
    fn num_vars(&self) -> usize {
        self.num_vars
    }

    fn round(&self, eq: &[F], degree: usize) -> Vec<F> {
        debug_assert_eq!(degree, 2);
        let len = self.len();
        let allocated = match &self.nodes {
            Nodes::Leaves(leaves) => self.allocated(eq, len, |i| leaves.node(i)),
            Nodes::Tables(tables) => self.allocated(eq, len, |i| std::array::from_fn(|t| tables[t][i])),
        };
        // eq sums to one, so the unallocated rest weighs what is not covered.
        let rest = self.lambda * (F::one() - allocated[2]);
        vec![allocated[0] + rest, allocated[1] + rest]
    }

    fn bind(&mut self, half: usize, r: F) {
        let (len, defaults) = (self.len(), self.defaults());
        match &mut self.nodes {
            Nodes::Leaves(leaves) => {
                let bound = parallel::tables(half.min(len), |i| {
                    let mut low = leaves.node(i);
                    let high = if half + i < len { leaves.node(half + i) } else { defaults };
                    F::bind(&mut low, &high, r);
                    low
                });
                self.nodes = Nodes::Tables(bound);
            }
            Nodes::Tables(tables) => {
                for (table, default) in tables.iter_mut().zip(defaults) {
                    parallel::bind(table, half, default, r);
                }
            }
        }
    }
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
