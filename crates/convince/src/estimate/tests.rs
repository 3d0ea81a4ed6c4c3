use convince_circuit::{CircuitBuilder, CircuitError, Conv2d, LinearTerm, Requant, Tensor, Window};
use convince_field::{AxisMap, Bits, TensorMap};

use super::*;
use crate::proof::head_bytes;

/// What a proof of ResNet-50 may take beside its input.
const MOST_RESNET50_BYTES: usize = 190_000;

/// ResNet-50's layers, in 8-bit integers; what shifts are is of no weight here.
struct ResNet {
    builder: CircuitBuilder,
}

impl ResNet {
    fn conv(&mut self, input: Tensor, channels: usize, kernel: usize, stride: usize) -> Result<Tensor, CircuitError> {
        let inputs = self.builder.shape(input)?[1];
        let weight = self.builder.weight([channels, inputs, kernel, kernel], Bits::I8)?;
        let bias = self.builder.weight([channels], Bits::signed(16))?;
        self.builder.conv2d(input, weight, Some(bias), Conv2d::square(stride, kernel / 2))
    }

    fn relu(&mut self, input: Tensor, shift: u32) -> Result<Tensor, CircuitError> {
        self.builder.requant(input, Requant::plain(shift, 0, 255))
    }

    fn signed(&mut self, input: Tensor, shift: u32) -> Result<Tensor, CircuitError> {
        self.builder.requant(input, Requant::plain(shift, -128, 127))
    }

    /// 1x1, 3x3 and 1x1, beside the input or a 1x1 convolution of it.
    fn bottleneck(&mut self, input: Tensor, width: usize, stride: usize) -> Result<Tensor, CircuitError> {
        let channels = self.builder.shape(input)?[1];
        let narrow = self.conv(input, width, 1, 1)?;
        let narrow = self.relu(narrow, 11)?;
        let narrow = self.conv(narrow, width, 3, stride)?;
        let narrow = self.relu(narrow, 13)?;
        let branch = self.conv(narrow, 4 * width, 1, 1)?;
        let branch = self.signed(branch, 11)?;
        let shortcut = if channels == 4 * width && stride == 1 {
            input
        } else {
            let projected = self.conv(input, 4 * width, 1, stride)?;
            self.signed(projected, 11)?
        };
        let sum = vec![LinearTerm::plain(64, branch), LinearTerm::plain(64, shortcut)];
        let sum = self.builder.linear(sum, 0)?;
        self.relu(sum, 7)
    }

    fn circuit(mut self, side: usize) -> Result<Circuit, CircuitError> {
        let image = self.builder.input([1, 3, side, side], Bits::U8)?;
        let stem = self.conv(image, 64, 7, 2)?;
        let stem = self.relu(stem, 11)?;
        let window = Window { kernel: [3; 2], stride: [2; 2], padding: [1; 4] };
        let mut features = self.builder.requant(stem, Requant::plain(0, 0, 255).pooled(window))?;
        for (width, blocks, stride) in [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)] {
            for block in 0..blocks {
                features = self.bottleneck(features, width, if block == 0 { stride } else { 1 })?;
            }
        }
        let [.., rows, columns] = self.builder.shape(features)?;
        let window = |kernel| AxisMap::Window { kernel, stride: 1, padding: [0; 2] };
        let axes = [AxisMap::Identity, AxisMap::Identity, window(rows), window(columns)];
        let map = TensorMap { axes, ..TensorMap::identity() };
        let average = self.builder.linear(vec![LinearTerm { tensor: features, multiplier: 1, map }], 0)?;
        let average = self.relu(average, 5)?;
        let logits = self.conv(average, 1000, 1, 1)?;
        self.builder.output(logits)?;
        self.builder.finish()
    }
}

#[test]
fn resnet50_is_proven_in_less_than_200_kilobytes() {
    let circuit = ResNet { builder: CircuitBuilder::new() }.circuit(224).expect("a circuit");
    let Estimate { width, total, .. } = estimate(&circuit);
    assert_eq!((circuit.statistics().macs, total.parameters), (4_089_184_256, 25_530_472));
    assert_eq!(width, 25_088);
    assert!((1_400..1_450).contains(&total.proof_rows), "{} rows", total.proof_rows);
    let input = head_bytes(&circuit, width, true) - head_bytes(&circuit, width, false);
    assert_eq!(input, 3 * 224 * 224);
    let bytes = total.proof_bytes - input;
    assert!(bytes < MOST_RESNET50_BYTES, "{bytes} bytes");
}

/// A small network keeps narrow rows: it has too few of them to pay for more columns.
#[test]
fn the_same_layers_on_small_images_keep_narrow_rows() {
    let circuit = ResNet { builder: CircuitBuilder::new() }.circuit(32).expect("a circuit");
    let Estimate { width, total, .. } = estimate(&circuit);
    assert!(width <= 4_608, "{width} columns");
    assert!(total.proof_bytes < 100_000, "{} bytes", total.proof_bytes);
}
