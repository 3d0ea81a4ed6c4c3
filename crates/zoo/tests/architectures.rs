//! What the built-in networks are: sizes that the literature gives, and weights that follow from the seed alone.

use std::collections::BTreeSet;

use convince_onnx::import;
use convince_zoo::{ARCHITECTURES, find};

/// Parameters with biases in place of batch norms, multiply-accumulates, output.
const SIZES: [(&str, usize, usize, [usize; 4]); 11] = [
    ("lenet5", 61_706, 416_520, [1, 10, 1, 1]),
    ("fashion", 33_194, 3_726_208, [1, 10, 1, 1]),
    ("vgg11", 9_750_922, 153_293_824, [1, 10, 1, 1]),
    ("vgg16", 15_245_130, 313_725_952, [1, 10, 1, 1]),
    ("resnet18", 11_169_162, 555_422_720, [1, 10, 1, 1]),
    ("mobilenet-v1", 3_206_282, 46_354_432, [1, 10, 1, 1]),
    ("squeezenet", 727_626, 23_511_040, [1, 10, 1, 1]),
    ("unet", 535_522, 194_183_168, [1, 2, 64, 64]),
    ("squeezenet-224", 1_235_496, 349_151_936, [1, 1000, 1, 1]),
    ("mobilenet-v1-224", 4_221_032, 568_740_352, [1, 1000, 1, 1]),
    ("resnet50", 25_530_472, 4_089_184_256, [1, 1000, 1, 1]),
];

#[test]
fn sizes_are_those_of_the_literature() {
    let found = ARCHITECTURES.iter().map(|architecture| {
        let net = architecture.net();
        (architecture.name, net.parameters(), net.macs(), net.shape())
    });
    assert_eq!(found.collect::<Vec<_>>(), SIZES);
}

#[test]
fn names_are_found_and_no_two_are_equal() {
    let names: BTreeSet<&str> = ARCHITECTURES.iter().map(|architecture| architecture.name).collect();
    assert_eq!(names.len(), ARCHITECTURES.len());
    assert!(names.iter().all(|name| find(name).is_some_and(|found| found.name == *name)));
    assert!(find("vgg").is_none());
}

#[test]
fn weights_follow_from_the_seed() {
    let lenet = find("lenet5").expect("is built in");
    assert_eq!(lenet.onnx(Some(7)), lenet.onnx(Some(7)));
    assert_ne!(lenet.onnx(Some(7)), lenet.onnx(Some(8)));
    assert_eq!(lenet.images(7, 2), lenet.images(7, 3)[..2]);
    assert_ne!(lenet.images(7, 1), lenet.images(8, 1));
    assert!(lenet.images(1, 4).concat().iter().all(|pixel| (0.0..=1.0).contains(pixel)));
}

#[test]
fn trained_weights_are_there_unless_a_seed_is_given() {
    for (name, file) in [("lenet5", convince_zoo::mnist::LENET5), ("fashion", convince_zoo::fashion::NETWORK)] {
        let network = find(name).expect("is built in");
        assert!(network.is_trained());
        assert_eq!(network.onnx(None), file);
        assert_ne!(network.onnx(Some(0)), network.onnx(None));
        let model = network.quantized(None).expect("quantises");
        assert!(model.report.top1_agreement > 0.95);
        let net = network.net();
        let trained = import(file).expect("a network");
        assert_eq!((trained.input_shape(), trained.parameters()), (net.input_shape(), net.parameters()), "{name}");
    }
    let fashion = find("fashion").expect("is built in");
    assert_eq!(fashion.quantized(None).expect("quantises").label(7), Some("Sneaker"));
    assert_eq!(fashion.quantized(Some(0)).expect("quantises").label(7), None);
    let vgg = find("vgg11").expect("is built in");
    assert!(!vgg.is_trained());
}

#[test]
fn files_are_networks_of_the_sizes_that_the_shapes_say() {
    for architecture in ARCHITECTURES.iter().filter(|architecture| architecture.net().parameters() < 4_000_000) {
        let (net, name) = (architecture.net(), architecture.name);
        let graph = import(&architecture.onnx(Some(1))).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((graph.input_shape(), graph.parameters()), (net.input_shape(), net.parameters()), "{name}");
        assert_eq!(graph.output_len(), net.shape().iter().product(), "{name}");
    }
}
