use convince_field::ProofField;

/// Interpolation on the nodes 0, 1, ..., d: what evaluates a round polynomial.
///
/// A round's message holds the values at 0, 2, ..., d; the value at 1 is implied by the round's claim.
pub struct Lagrange<F> {
    /// `1 / prod_{j != i} (i - j)`.
    inverse_denominators: Vec<F>,
}

impl<F: ProofField> Lagrange<F> {
    /// For polynomials of degree at most `degree`.
    pub fn new(degree: usize) -> Self {
        let node = |i: usize| F::from_i64(i as i64);
        let denominator = |i: usize| (0..=degree).filter(|&j| j != i).map(|j| node(i) - node(j)).product::<F>();
        let inverse = |i| denominator(i).inverse().expect("distinct small nodes");
        Self { inverse_denominators: (0..=degree).map(inverse).collect() }
    }

    /// The weights `w_i` with `h(r) = sum_i w_i * h(i)`.
    pub fn weights(&self, r: F) -> Vec<F> {
        let n = self.inverse_denominators.len();
        let gaps: Vec<F> = (0..n).map(|i| r - F::from_i64(i as i64)).collect();
        let mut weights = self.inverse_denominators.clone();
        let (mut below, mut above) = (F::one(), F::one());
        for i in 0..n {
            weights[i] *= below;
            below *= gaps[i];
            weights[n - 1 - i] *= above;
            above *= gaps[n - 1 - i];
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;

    use super::*;

    #[test]
    fn weights_evaluate_polynomials() {
        for degree in 0..8 {
            let h = |x: Fr| (0..=degree).fold(Fr::from(0u64), |acc, k| acc * x + Fr::from(k as u64 + 3));
            let r = Fr::from_i64(-123456789);
            let weights = Lagrange::new(degree).weights(r);
            let value: Fr = weights.iter().enumerate().map(|(i, w)| *w * h(Fr::from(i as u64))).sum();
            assert_eq!(value, h(r), "degree {degree}");
        }
    }
}
