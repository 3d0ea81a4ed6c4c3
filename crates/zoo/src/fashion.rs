//! The network trained on Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), and training images to choose scales on.

use crate::trained::{calibration, vector};

/// The trained network, an ONNX file.
pub const NETWORK: &[u8] = vector!("fashion/fashion.onnx");
/// Names and contents of the training images that scales are chosen on, PNG files.
pub const CALIBRATION: &[(&str, &[u8])] = calibration!("fashion");
/// What the classes are called.
pub const LABELS: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
