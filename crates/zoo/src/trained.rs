//! Trained networks and their images, which are files of `vectors/`.

use crate::{fashion, mnist};

/// A file of `vectors/`, by its path there.
macro_rules! vector {
    ($path:expr) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/", $path))
    };
}

/// Names and contents of the training images of a folder of `vectors/`: the first of each class in turn, 64 in all.
#[rustfmt::skip]
macro_rules! calibration {
    ($folder:literal) => {
        calibration!($folder:
            "00_label_0" "01_label_1" "02_label_2" "03_label_3" "04_label_4" "05_label_5" "06_label_6"
            "07_label_7" "08_label_8" "09_label_9" "10_label_0" "11_label_1" "12_label_2" "13_label_3"
            "14_label_4" "15_label_5" "16_label_6" "17_label_7" "18_label_8" "19_label_9" "20_label_0"
            "21_label_1" "22_label_2" "23_label_3" "24_label_4" "25_label_5" "26_label_6" "27_label_7"
            "28_label_8" "29_label_9" "30_label_0" "31_label_1" "32_label_2" "33_label_3" "34_label_4"
            "35_label_5" "36_label_6" "37_label_7" "38_label_8" "39_label_9" "40_label_0" "41_label_1"
            "42_label_2" "43_label_3" "44_label_4" "45_label_5" "46_label_6" "47_label_7" "48_label_8"
            "49_label_9" "50_label_0" "51_label_1" "52_label_2" "53_label_3" "54_label_4" "55_label_5"
            "56_label_6" "57_label_7" "58_label_8" "59_label_9" "60_label_0" "61_label_1" "62_label_2"
            "63_label_3")
    };
    ($folder:literal: $($name:literal)*) => {
        &[$((concat!($name, ".png"), vector!(concat!($folder, "/calibration/", $name, ".png"))),)*]
    };
}

pub(crate) use {calibration, vector};

/// What training gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trained {
    /// The network, an ONNX file.
    pub(crate) file: &'static [u8],
    /// Names and contents of grey PNG files to choose scales on.
    calibration: &'static [(&'static str, &'static [u8])],
    /// Names of the classes; none where their numbers say it all.
    pub(crate) labels: &'static [&'static str],
}

/// LeNet-5 on MNIST.
pub(crate) const LENET5: Trained = Trained { file: mnist::LENET5, calibration: mnist::CALIBRATION, labels: &[] };
/// The network on Fashion-MNIST.
pub(crate) const FASHION: Trained =
    Trained { file: fashion::NETWORK, calibration: fashion::CALIBRATION, labels: &fashion::LABELS };

impl Trained {
    /// The training images as the network's floats.
    pub(crate) fn images(&self) -> Vec<Vec<f32>> {
        let floats = |(_, png): &(&str, &[u8])| {
            let image = image::load_from_memory_with_format(png, image::ImageFormat::Png);
            let pixels = image.expect("a committed image").into_luma8().into_raw();
            pixels.into_iter().map(|pixel| f32::from(pixel) / 255.0).collect()
        };
        self.calibration.iter().map(floats).collect()
    }
}
