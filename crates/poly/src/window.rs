use convince_field::{ProofField, WindowAxis};

/// `K(q) = sum of outputs[y] * kernel[i]` over the places that meet at q: DESIGN section 5, stage B.
///
/// Cost: `outputs.len() * kernel.len()` multiplications. Panics if there are more outputs than the axis has.
pub fn window_kernel<F: ProofField>(axis: &WindowAxis, outputs: &[F], kernel: &[F]) -> Vec<F> {
    let mut table = vec![F::zero(); axis.input];
    for (i, b) in kernel.iter().enumerate() {
        for y in axis.meeting(i, outputs.len()) {
            table[axis.stride * y + axis.dilation * i - axis.padding[0]] += outputs[y] * b;
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;

    use super::*;

    #[test]
    fn the_kernel_sums_over_all_meeting_places() {
        let axis = WindowAxis { input: 7, kernel: 3, stride: 2, padding: [3, 1], dilation: 2 };
        let outputs: Vec<Fr> = (0..axis.output().expect("fits") as i64).map(|y| Fr::from_i64(3 * y + 1)).collect();
        let kernel: Vec<Fr> = [5, 7, 11].map(Fr::from_i64).to_vec();
        let mut expected = vec![Fr::from_i64(0); axis.input];
        for (y, a) in outputs.iter().enumerate() {
            for (i, b) in kernel.iter().enumerate() {
                if let Some(q) = axis.place(y, i) {
                    expected[q] += *a * b;
                }
            }
        }
        assert_eq!(window_kernel(&axis, &outputs, &kernel), expected);
    }
}
