//! Networks that people prove, built in: architectures with seeded weights, and two that are trained.
//!
//! Seeded weights make a network that costs what the trained one costs and says nothing sensible: proofs take the same time
//! whatever the weights are. They are scaled such that every layer has activations that are not zero, as a trained network's.
//!
//! ```
//! let network = convince_zoo::find("vgg16").expect("is built in");
//! assert_eq!(network.net().parameters(), 15_245_130);
//! ```
//!
//! Key types: [`Architecture`] and [`ARCHITECTURES`]; [`Net`], the builder that they are written with; [`mnist`] and
//! [`fashion`], the trained networks with images of their training sets.
//!
//! Related crates: `convince-onnx` imports the float network that [`Architecture::onnx`] describes, and quantises it.

#![forbid(unsafe_code)]

mod architectures;
pub mod fashion;
pub mod mnist;
mod net;
mod seeded;
mod trained;

use convince_model::Model;
use convince_onnx::{Calibration, OnnxError, QuantizeOptions, quantize};

pub use crate::net::{Conv, Net, Value};
use crate::trained::Trained;

/// A built-in network.
#[derive(Clone, Copy, Debug)]
pub struct Architecture {
    /// Its name, in lower case.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Trained weights, where there are any.
    trained: Option<Trained>,
    build: fn() -> Net,
}

/// All built-in networks, the smallest first of each kind.
pub const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        trained: Some(trained::LENET5),
        ..Architecture::new("lenet5", "LeNet-5, MNIST shape", architectures::lenet5)
    },
    Architecture {
        trained: Some(trained::FASHION),
        ..Architecture::new("fashion", "four 3x3 convolutions, Fashion-MNIST", architectures::fashion)
    },
    Architecture::new("vgg11", "VGG-11, CIFAR-10 shape", architectures::vgg11),
    Architecture::new("vgg16", "VGG-16, CIFAR-10 shape, as in zkCNN", architectures::vgg16),
    Architecture::new("resnet18", "ResNet-18, CIFAR-10 shape", architectures::resnet18),
    Architecture::new("mobilenet-v1", "MobileNet-v1, CIFAR-10 shape", architectures::mobilenet_v1),
    Architecture::new("squeezenet", "SqueezeNet 1.1, CIFAR-10 shape", architectures::squeezenet_cifar),
    Architecture::new("unet", "U-Net, grey 64x64 to two classes a pixel", architectures::unet),
    Architecture::new("squeezenet-224", "SqueezeNet 1.1, ImageNet shape", architectures::squeezenet_224),
    Architecture::new("mobilenet-v1-224", "MobileNet-v1, ImageNet shape", architectures::mobilenet_v1_224),
    Architecture::new("resnet50", "ResNet-50, ImageNet shape", || architectures::resnet50(224)),
];

/// The built-in network of this name.
pub fn find(name: &str) -> Option<&'static Architecture> {
    ARCHITECTURES.iter().find(|architecture| architecture.name == name)
}

/// Images that scales are chosen on where weights are seeded.
const CALIBRATION_IMAGES: usize = 4;

impl Architecture {
    const fn new(name: &'static str, summary: &'static str, build: fn() -> Net) -> Self {
        Self { name, summary, trained: None, build }
    }

    /// Layers and shapes.
    pub fn net(&self) -> Net {
        (self.build)()
    }

    /// Whether there are trained weights.
    pub fn is_trained(&self) -> bool {
        self.trained.is_some()
    }

    /// The network as an ONNX file, whose input is pixels from 0 to 1: trained if there are trained weights and no seed is given,
    /// with weights from the seed (0 if none is given) otherwise. Some 10 ns a weight.
    pub fn onnx(&self, seed: Option<u64>) -> Vec<u8> {
        match (self.trained, seed) {
            (Some(trained), None) => trained.file.to_vec(),
            (_, seed) => seeded::onnx(&self.net(), self.name, seed.unwrap_or(0)),
        }
    }

    /// Images of random pixels, as floats from 0 to 1.
    pub fn images(&self, seed: u64, count: usize) -> Vec<Vec<f32>> {
        seeded::images(self.net().input_shape().iter().product(), seed, count)
    }

    /// The network of [`Self::onnx`] in 8-bit integers, with scales chosen on training images if it is trained and on random ones
    /// if it is not.
    ///
    /// # Errors
    /// What the importer and the quantiser find.
    pub fn quantized(&self, seed: Option<u64>) -> Result<Model, OnnxError> {
        let (inputs, labels) = match (self.trained, seed) {
            (Some(trained), None) => (trained.images(), trained.labels),
            (_, seed) => (self.images(seed.unwrap_or(0), CALIBRATION_IMAGES), &[][..]),
        };
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        quantize(&self.onnx(seed), &Calibration { inputs }, &QuantizeOptions { labels, ..QuantizeOptions::default() })
    }
}
