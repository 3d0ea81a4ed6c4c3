use std::ops::Range;

use convince_model::{MaxPool, Shape};

/// Maximum over windows, row by row; places of the padding never win.
pub(super) fn run(op: &MaxPool, input: &[f32], [_, _, rows, columns]: Shape, out_shape: Shape) -> Vec<f32> {
    let [_, channels, out_rows, out_columns] = out_shape;
    let mut out = Vec::with_capacity(channels * out_rows * out_columns);
    let mut maxima = vec![0.0; columns];
    for plane in input.chunks_exact(rows * columns) {
        for y in 0..out_rows {
            maxima.fill(f32::NEG_INFINITY);
            for line in window(y, op.kernel[0], op.stride[0], op.padding[0], rows) {
                let line = &plane[line * columns..][..columns];
                maxima.iter_mut().zip(line).for_each(|(a, &b)| *a = a.max(b));
            }
            out.extend((0..out_columns).map(|x| {
                let places = window(x, op.kernel[1], op.stride[1], op.padding[1], columns);
                maxima[places].iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b))
            }));
        }
    }
    out
}

/// Input places of a window.
fn window(output: usize, kernel: usize, stride: usize, padding: usize, size: usize) -> Range<usize> {
    let end = (output * stride + kernel).saturating_sub(padding).min(size);
    (output * stride).saturating_sub(padding).min(end)..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_pooling_crops_and_takes_the_largest() {
        let input: Vec<f32> = (0..18).map(|i| if i % 2 == 0 { i as f32 } else { -(i as f32) }).collect();
        let op = MaxPool { kernel: [2, 2], stride: [2, 2], padding: [0; 4] };
        assert_eq!(run(&op, &input, [1, 2, 3, 3], [1, 2, 1, 1]), [4.0, 12.0]);
    }

    #[test]
    fn padding_never_wins() {
        let op = MaxPool { kernel: [3, 2], stride: [2, 1], padding: [1, 0, 1, 1] };
        let input = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0];
        assert_eq!(run(&op, &input, [1, 1, 3, 2], [1, 1, 2, 2]), [-1.0, -2.0, -3.0, -4.0]);
    }
}
