//! The trained LeNet-5, training digits to choose scales on, and a digit to prove.

use crate::trained::{calibration, vector};

/// Rows and columns of a digit.
pub const SIDE: usize = 28;
/// The trained network, an ONNX file.
pub const LENET5: &[u8] = vector!("mnist/lenet5.onnx");
/// A seven that no scale was chosen on, a PNG file.
pub const DIGIT: &[u8] = vector!("mnist/digits/17_label_7.png");
/// Names and contents of the training digits that scales are chosen on, PNG files.
pub const CALIBRATION: &[(&str, &[u8])] = calibration!("mnist");
