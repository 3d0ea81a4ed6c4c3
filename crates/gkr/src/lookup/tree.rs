use convince_field::ProofField;
use convince_sumcheck::eq_product::Summand;
use convince_sumcheck::parallel;

/// Sums of fractions, layer by layer. Every layer stops at its last allocated node; behind it all nodes are (0, 1).
pub struct Tree<F> {
    /// Numerators and denominators of each layer, root first.
    layers: Vec<[Vec<F>; 2]>,
}

impl<F: ProofField> Tree<F> {
    /// All layers above `2^depth` leaves, of which the first ones are given. Three multiplications an inner node.
    pub fn new(depth: usize, leaves: [Vec<F>; 2]) -> Self {
        let mut layers = vec![leaves];
        for _ in 0..depth {
            let next = parent(&layers[layers.len() - 1]);
            layers.push(next);
        }
        layers.reverse();
        Self { layers }
    }

    /// `(P, Q)` with `P / Q` the sum of all fractions.
    pub fn root(&self) -> [F; 2] {
        let [p, q] = &self.layers[0];
        [p[0], q[0]]
    }

    /// The summand over the nodes of layer `depth`, made of their children; consumes the children's layer, so call it
    /// from the root down.
    pub(super) fn summand(&mut self, depth: usize, lambda: F) -> Children<F> {
        let [p, q] = std::mem::take(&mut self.layers[depth + 1]);
        let nodes = q.len().div_ceil(2);
        let split = |values: &[F], parity: usize, default: F| {
            let mut half: Vec<F> = values.iter().skip(parity).step_by(2).copied().collect();
            half.resize(nodes, default);
            half
        };
        let q1 = split(&q, 1, F::one());
        let mut a1 = split(&p, 1, F::zero());
        a1.iter_mut().zip(&q1).for_each(|(a, q)| *a += lambda * q);
        let (p0, q0) = (split(&p, 0, F::zero()), split(&q, 0, F::one()));
        Children { num_vars: depth, lambda, tables: [p0, q1, q0, a1] }
    }
}

/// One layer up: `(p0 q1 + p1 q0, q0 q1)`.
fn parent<F: ProofField>([p, q]: &[Vec<F>; 2]) -> [Vec<F>; 2] {
    let nodes = q.len().div_ceil(2);
    let at = |values: &[F], i: usize, default: F| values.get(i).copied().unwrap_or(default);
    let node = |i: usize| {
        let [p0, p1] = [2 * i, 2 * i + 1].map(|k| at(p, k, F::zero()));
        let [q0, q1] = [2 * i, 2 * i + 1].map(|k| at(q, k, F::one()));
        // Most leaves are lookups, whose numerators are one, or padding.
        if p0.is_one() && p1.is_one() {
            [q0 + q1, q0 * q1]
        } else if p1.is_zero() && q1.is_one() {
            [p0, q0]
        } else {
            [F::sum_of_products(&[p0, p1], &[q1, q0]), q0 * q1]
        }
    };
    let fractions = parallel::map_fine(nodes, node);
    let (numerators, denominators) = fractions.into_iter().map(|[p, q]| (p, q)).unzip();
    [numerators, denominators]
}

/// `f = p0 q1 + q0 (p1 + lambda q1)` over one layer's nodes; lambda is inside `a1 = p1 + lambda q1`, so that a value of f costs
/// two multiplications.
pub(super) struct Children<F> {
    num_vars: usize,
    lambda: F,
    /// `p0, q1, q0, a1`, truncated.
    tables: [Vec<F>; 4],
}

impl<F: ProofField> Children<F> {
    /// What unallocated nodes hold: f is the constant lambda there.
    fn defaults(&self) -> [F; 4] {
        [F::zero(), F::one(), F::one(), self.lambda]
    }

    /// `p0, p1, q0, q1` once all variables are bound.
    pub(super) fn finals(&self) -> [F; 4] {
        let [p0, q1, q0, a1] = [0, 1, 2, 3].map(|k| self.tables[k].first().copied().unwrap_or(self.defaults()[k]));
        [p0, a1 - self.lambda * q1, q0, q1]
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
        let half = eq.len();
        let len = self.tables[0].len();
        let defaults = self.defaults();
        let allocated = parallel::sum(half.min(len), |range| {
            let [mut at_zero, mut at_two, mut covered] = [F::zero(); 3];
            // Values of f are multiplied by eq in runs, whose products are reduced once.
            let mut values = [[F::zero(); RUN]; 2];
            let (mut start, end) = (range.start, range.end);
            while start < end {
                let run = RUN.min(end - start);
                for (k, i) in (start..start + run).enumerate() {
                    let low: [F; 4] = std::array::from_fn(|t| self.tables[t][i]);
                    let high = match half + i < len {
                        true => std::array::from_fn(|t| self.tables[t][half + i]),
                        false => defaults,
                    };
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
        });
        // eq sums to one, so the unallocated rest weighs what is not covered.
        let rest = self.lambda * (F::one() - allocated[2]);
        vec![allocated[0] + rest, allocated[1] + rest]
    }

    fn bind(&mut self, half: usize, r: F) {
        let defaults = self.defaults();
        for (table, default) in self.tables.iter_mut().zip(defaults) {
            parallel::bind(table, half, default, r);
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
            let p: Vec<Fr> = (0..len).map(|i| Fr::from_i64(5 * i as i64 - 7)).collect();
            let q: Vec<Fr> = (0..len).map(|i| Fr::from_i64(i as i64 + 2)).collect();
            let sum: Fr = p.iter().zip(&q).map(|(a, b)| *a * inverse(*b)).sum();
            let [root_p, root_q] = Tree::new(4, [p, q]).root();
            assert_eq!(root_p * inverse(root_q), sum, "{len} leaves");
        }
    }
}
