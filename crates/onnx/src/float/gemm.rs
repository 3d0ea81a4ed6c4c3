use super::{Floats, Steps};

/// Matrix times flattened input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatGemm {
    /// Row-major `[out, in]`.
    pub(crate) weight: Floats,
    pub(crate) weight_shape: [usize; 2],
    pub(crate) bias: Option<Floats>,
    /// Of a network that is quantised already.
    pub(crate) steps: Option<Steps>,
}

/// Partial sums side by side: float addition is not reordered by the compiler.
const LANES: usize = 8;

impl FloatGemm {
    pub(super) fn run(&self, input: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(self.weight_shape[1]).enumerate();
        rows.map(|(o, row)| dot(row, input) + self.bias.as_ref().map_or(0.0, |bias| bias[o])).collect()
    }
}

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn rows_are_outputs() {
        let weight = (0..30).map(|i| i as f32).collect();
        let bias = Some(Arc::new(vec![0.5, -0.5]));
        let op = FloatGemm { weight: Arc::new(weight), weight_shape: [2, 15], bias, steps: None };
        let ones = op.run(&[1.0; 15]);
        assert_eq!(ones, [105.5, 105.0 + 225.0 - 0.5]);
    }
}
