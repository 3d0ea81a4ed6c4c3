//! Seeded networks are alive: no layer is silent, none lets everything through.

use convince_onnx::import;
use convince_zoo::{Architecture, find};

/// Share of an image's values that are not zero behind each ReLU.
fn alive(architecture: &Architecture, seed: u64) -> Vec<(String, f64)> {
    let graph = import(&architecture.onnx(Some(seed))).expect("a network");
    // Not one that scales are chosen on.
    let image = architecture.images(seed + 1000, 1).concat();
    let trace = graph.trace(&image).expect("finite values");
    let values = graph.operators().map(|(name, _)| name).zip(&trace[1..]).filter(|(name, _)| name.starts_with("relu"));
    let share = |values: &[f32]| values.iter().filter(|value| **value != 0.0).count() as f64 / values.len() as f64;
    values.map(|(name, values)| (name.to_owned(), share(values))).collect()
}

#[test]
fn every_layer_has_values_that_are_zero_and_values_that_are_not() {
    let relus = [
        ("lenet5", 4),
        ("fashion", 4),
        ("vgg11", 10),
        ("vgg16", 15),
        ("resnet18", 17),
        ("mobilenet-v1", 27),
        ("squeezenet", 26),
        ("unet", 17),
        ("squeezenet-224", 26),
        ("mobilenet-v1-224", 27),
    ];
    for (name, count) in relus {
        let architecture = find(name).expect("is built in");
        let shares = alive(architecture, 3);
        assert_eq!(shares.len(), count, "{name}");
        for (layer, share) in shares {
            assert!((0.05..0.95).contains(&share), "{name}, {layer}: {share:.3} of all values are not zero");
        }
    }
}
