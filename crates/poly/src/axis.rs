use convince_field::{IntSlice, ProofField};

use crate::{eq_bits, eq_table, eq_truncated, log2_ceil, prefix_sum};

/// A functional on one axis of true length n: what a claim weighs the axis' entries with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis<F> {
    /// `eq(point, i)` for `i < len`, nothing beyond.
    Eq {
        /// The point, most significant variable first; at least `log2_ceil(len)` variables.
        point: Vec<F>,
        /// The axis' true length.
        len: usize,
    },
    /// One entry.
    Index {
        /// Which one, below `len`.
        index: usize,
        /// The axis' true length.
        len: usize,
    },
    /// Any weights, one an entry.
    Dense(Vec<F>),
}

impl<F: ProofField> Axis<F> {
    /// The axis' true length.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        match self {
            Self::Eq { len, .. } | Self::Index { len, .. } => *len,
            Self::Dense(weights) => weights.len(),
        }
    }

    /// The weights of all entries.
    pub fn table(&self) -> Vec<F> {
        match self {
            Self::Eq { point, len } => eq_truncated(point, *len),
            Self::Index { index, len } => (0..*len).map(|i| if i == *index { F::one() } else { F::zero() }).collect(),
            Self::Dense(weights) => weights.clone(),
        }
    }

    /// The sum of the weights: the functional's value on the constant 1. O(log n) but for `Dense`.
    pub fn sum(&self) -> F {
        match self {
            Self::Eq { point, len } => prefix_sum(point, *len),
            Self::Index { .. } => F::one(),
            Self::Dense(weights) => weights.iter().sum(),
        }
    }

    /// The weights' multilinear extension at `point`, the table being extended by zeros. O(n) but for `Index`.
    pub fn evaluate(&self, point: &[F]) -> F {
        match self {
            Self::Index { index, .. } => eq_bits(point, *index),
            _ => F::inner_product(&self.table(), &eq_truncated(point, self.len())),
        }
    }
}

/// A functional on a tensor: one [`Axis`] an axis, the first axis highest in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Functional<F>(pub Vec<Axis<F>>);

impl<F: ProofField> Functional<F> {
    /// `eq` of one point for a tensor of this shape, the axes' variables following each other.
    ///
    /// Panics unless the point has as many variables as the axes together.
    pub fn at_flat(mut point: &[F], shape: &[usize]) -> Self {
        let axis = |&len: &usize| {
            let (head, tail) = point.split_at(log2_ceil(len));
            point = tail;
            Axis::Eq { point: head.to_vec(), len }
        };
        let axes = shape.iter().map(axis).collect();
        assert!(point.is_empty(), "a point of more variables than the shape {shape:?} has");
        Self(axes)
    }

    /// True lengths of the axes.
    pub fn shape(&self) -> Vec<usize> {
        self.0.iter().map(Axis::len).collect()
    }

    /// The functional's value on the constant 1: the product of the axes' sums.
    pub fn sum(&self) -> F {
        self.0.iter().map(Axis::sum).product()
    }

    /// The functional's value on an integer tensor: one small multiply-accumulate an entry. Panics if sizes differ.
    pub fn apply(&self, values: IntSlice<'_>) -> F {
        if let [Axis::Eq { point, len }] = self.0.as_slice() {
            return apply_eq(point, *len, values);
        }
        // Folding rows leaves as many field elements as a row is long, and takes a weight a row: the cut that has the fewest of both.
        let size = |axes: &[Axis<F>]| axes.iter().map(Axis::len).product::<usize>();
        let cut = (0..=self.0.len()).min_by_key(|&cut| size(&self.0[..cut]).saturating_add(size(&self.0[cut..])));
        let (leading, later) = self.0.split_at(cut.unwrap_or(0));
        let later = outer(later);
        F::inner_product(&values.fold_rows(later.len(), &outer(leading)), &later)
    }
}

/// `sum_i eq(point, i) values[i]` over one axis, cut into rows as if it were two. Panics if sizes differ.
fn apply_eq<F: ProofField>(point: &[F], len: usize, values: IntSlice<'_>) -> F {
    assert_eq!(len, values.len(), "a functional on another number of values");
    let (leading, later) = point.split_at(point.len() / 2);
    let (width, weights) = (1 << later.len(), eq_table(later));
    let leading = eq_truncated(leading, len.div_ceil(width));
    let (rows, rest) = (len / width, len % width);
    let whole = values.range(0, rows * width).fold_rows(width, &leading[..rows]);
    let last = values.range(rows * width, rest).dot(&weights[..rest]);
    F::inner_product(&whole, &weights) + leading.get(rows).map_or(F::zero(), |weight| *weight * last)
}

/// The weights of a tensor of axes, row-major. `[1]` for no axes.
pub fn outer<F: ProofField>(axes: &[Axis<F>]) -> Vec<F> {
    let mut out = vec![F::one()];
    for axis in axes {
        out = products(out, axis.table());
    }
    out
}

/// `a[i] b[j]` for every `i` and `j`, the latter faster. No multiplication where `a` or `b` is the one entry 1.
pub fn products<F: ProofField>(a: Vec<F>, b: Vec<F>) -> Vec<F> {
    match (&a[..], &b[..]) {
        ([single], _) if *single == F::one() => b,
        (_, [single]) if *single == F::one() => a,
        _ => {
            let mut out = F::zeros(a.len() * b.len());
            for (x, run) in a.iter().zip(out.chunks_mut(b.len().max(1))) {
                run.iter_mut().zip(&b).for_each(|(product, y)| *product = *x * y);
            }
            out
        }
    }
}

/// A row-major tensor on the hypercube: every axis padded with zeros to a power of two.
pub fn pad<F: ProofField>(values: &[F], shape: &[usize]) -> Vec<F> {
    let Some((last, leading)) = shape.split_last() else { return values.to_vec() };
    let mut padded: Vec<F> = values.to_vec();
    let mut width = 1;
    for &n in std::iter::once(last).chain(leading.iter().rev()) {
        let (row, padded_row) = (n * width, n.next_power_of_two() * width);
        if row != padded_row {
            let mut next = Vec::with_capacity(padded.len() / row * padded_row);
            for chunk in padded.chunks_exact(row) {
                next.extend_from_slice(chunk);
                next.resize(next.len() + padded_row - row, F::zero());
            }
            padded = next;
        }
        width = padded_row;
    }
    padded
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use convince_field::{Fr, Ints};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn random_axis(len: usize, rng: &mut ChaCha20Rng) -> Axis<Fr> {
        match rng.gen_range(0..3) {
            0 => Axis::Eq { point: (0..log2_ceil(len)).map(|_| Fr::rand(rng)).collect(), len },
            1 => Axis::Index { index: rng.gen_range(0..len), len },
            _ => Axis::Dense((0..len).map(|_| Fr::rand(rng)).collect()),
        }
    }

    #[test]
    fn functionals_equal_their_definition() {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        for _ in 0..50 {
            let shape: Vec<usize> = (0..rng.gen_range(0..4)).map(|_| rng.gen_range(1..6)).collect();
            let size = shape.iter().product();
            let values = Ints::I16((0..size).map(|_| rng.r#gen()).collect());
            let functional = Functional(shape.iter().map(|&n| random_axis(n, &mut rng)).collect());
            let weights = outer(&functional.0);
            assert_eq!(functional.apply(values.as_slice()), values.as_slice().dot(&weights));
            assert_eq!(functional.sum(), weights.iter().sum());
        }
        // One axis is cut within.
        for len in 1..40 {
            let values = Ints::I32((0..len as i32).map(|i| 1000 - 77 * i).collect());
            let point: Vec<Fr> = (0..log2_ceil(len)).map(|_| Fr::rand(&mut rng)).collect();
            let weights = eq_truncated(&point, len);
            let functional = Functional(vec![Axis::Eq { point, len }]);
            assert_eq!(functional.apply(values.as_slice()), values.as_slice().dot(&weights), "{len} values");
        }
    }

    #[test]
    fn a_padded_tensor_has_the_same_extension() {
        let shape = [3, 2, 5];
        let values: Vec<Fr> = (1..31).map(Fr::from_i64).collect();
        let point: Vec<Fr> = (7..13).map(Fr::from_i64).collect();
        let padded = pad(&values, &shape);
        assert_eq!(padded.len(), 64);
        let direct = Fr::inner_product(&outer(&Functional::at_flat(&point, &shape).0), &values);
        assert_eq!(Fr::inner_product(&padded, &crate::eq_table(&point)), direct);
    }

    #[test]
    fn axis_evaluation_is_the_extension_of_its_table() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        for len in 1..20 {
            let axis = random_axis(len, &mut rng);
            let point: Vec<Fr> = (0..log2_ceil(len)).map(|_| Fr::rand(&mut rng)).collect();
            assert_eq!(axis.evaluate(&point), Fr::inner_product(&axis.table(), &eq_truncated(&point, len)));
        }
    }
}
