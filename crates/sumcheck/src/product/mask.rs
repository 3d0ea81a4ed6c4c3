use convince_field::ProofField;
use zeroize::Zeroize;

/// A polynomial that blinds the rounds of one instance: `g(x) = g_0 + sum_i (g_i1 x_i + g_i2 x_i^2)`.
///
/// Its `2 n + 1` coefficients are as many as the scalars that the rounds and its sum reveal, which are therefore uniform where
/// the coefficients are (Libra, Xie et al. 2019, section 4.1).
pub struct Mask<F: ProofField> {
    /// `g_0, g_11, g_12, g_21, ...`, the most significant variable first; the bound part is folded into the first entry.
    coefficients: Vec<F>,
    bound: usize,
}

impl<F: ProofField> Mask<F> {
    /// Number of coefficients for `num_vars` variables.
    pub fn len(num_vars: usize) -> usize {
        2 * num_vars + 1
    }

    /// Of `2 n + 1` coefficients.
    pub fn new(coefficients: Vec<F>) -> Self {
        debug_assert!(coefficients.len() % 2 == 1);
        Self { coefficients, bound: 0 }
    }

    /// `(1, r_1, r_1^2, r_2, ...)`: what the coefficients weigh in `g(r)`.
    pub fn weights(point: &[F]) -> Vec<F> {
        std::iter::once(F::one()).chain(point.iter().flat_map(|r| [*r, r.square()])).collect()
    }

    /// The sum of g over the variables that are not bound, 0 or 1 each.
    pub fn sum(&self) -> F {
        let (head, free) = (self.coefficients[0], self.free());
        sum_of(head, free, free.iter().sum())
    }

    fn free(&self) -> &[F] {
        &self.coefficients[1 + 2 * self.bound..]
    }

    /// The next variable at 0 and at 2, the others summed.
    pub(super) fn round(&self) -> [F; 2] {
        let [linear, square, rest @ ..] = self.free() else { return [self.coefficients[0]; 2] };
        let later: F = rest.iter().sum();
        let at_two = linear.double() + square.double().double();
        [F::zero(), at_two].map(|next| sum_of(self.coefficients[0] + next, rest, later))
    }

    pub(super) fn bind(&mut self, r: F) {
        if let [linear, square, ..] = self.free() {
            let bound = (*linear + *square * r) * r;
            self.coefficients[0] += bound;
            self.bound += 1;
        }
    }
}

/// The coefficients are secret: they are overwritten.
impl<F: ProofField> Drop for Mask<F> {
    fn drop(&mut self) {
        self.coefficients.zeroize();
    }
}

/// `2^n head + 2^(n-1) total` for n variables, whose coefficients `free` add up to `total`.
fn sum_of<F: ProofField>(head: F, free: &[F], total: F) -> F {
    let points = |n: usize| F::from_i64(2).pow([n as u64]);
    match free.len() / 2 {
        0 => head,
        n => head * points(n) + total * points(n - 1),
    }
}
