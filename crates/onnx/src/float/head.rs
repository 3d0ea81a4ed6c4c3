//! What a classifier may end with, over the channels at each place.

use convince_model::Shape;

/// For each place the first channel with the largest value.
pub(super) fn arg_max(input: &[f32], [_, channels, rows, columns]: Shape) -> Vec<f32> {
    let places = rows * columns;
    let at = |place: usize| {
        (0..channels).fold(0, |best, c| if input[c * places + place] > input[best * places + place] { c } else { best })
    };
    (0..places).map(|place| at(place) as f32).collect()
}

/// Shares of `exp(x)` among the channels.
pub(super) fn softmax(input: &[f32], [_, channels, rows, columns]: Shape) -> Vec<f32> {
    let places = rows * columns;
    let mut out = vec![0.0; input.len()];
    for place in 0..places {
        let values = || (0..channels).map(|c| f64::from(input[c * places + place]));
        let largest = values().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = values().map(|v| (v - largest).exp()).sum();
        values().enumerate().for_each(|(c, v)| out[c * places + place] = ((v - largest).exp() / sum) as f32);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_compare_the_channels_of_one_place() {
        // Two places, three channels.
        let (input, shape) = ([1.0, 5.0, 3.0, 5.0, 3.0, 4.0], [1, 3, 1, 2]);
        assert_eq!(arg_max(&input, shape), [1.0, 0.0]);
        let shares = softmax(&input, shape);
        assert!((0..2).all(|place| ((0..3).map(|c| shares[2 * c + place]).sum::<f32>() - 1.0).abs() < 1e-6));
        assert!((shares[0] / shares[2] - (-2.0f32).exp()).abs() < 1e-6);
        assert_eq!(softmax(&[3e38, -3e38], [1, 2, 1, 1]), [1.0, 0.0]);
    }
}
