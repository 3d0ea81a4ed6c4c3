//! A layer that this crate does not have, added by its user: the Gram matrix of a feature map's channels, between a convolution
//! and a fully connected layer. Both keys are written and read back with a registry that knows the layer.
//! `cargo run --release --example custom_layer`.

use std::error::Error;
use std::sync::Arc;

use convince::circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, Conv2d, CustomLayer, Gate, LayerRegistry, Place, Requant, Tensor,
    WireKind,
};
use convince::{ProveOptions, ProvingKey, VerifyingKey, prove, setup_circuit, verify};
use convince_field::Ints;

/// `G[c, d] = sum over y, x of in[c, y, x] in[d, y, x]` for the first `channels` channels.
struct Gram {
    channels: u16,
}

impl CustomLayer for Gram {
    fn id(&self) -> &str {
        "convince-examples/gram"
    }

    fn params(&self) -> Vec<u8> {
        self.channels.to_le_bytes().to_vec()
    }

    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        let &[x] = inputs else { return Err(builder.refuse("a Gram matrix has one input")) };
        let n = usize::from(self.channels);
        let [1, channels, height, width] = builder.shape(x)? else {
            return Err(builder.refuse("a Gram matrix is of one image"));
        };
        if n > channels {
            return Err(builder.refuse("a Gram matrix has no more channels than its input"));
        }
        let plane = height * width;
        let pairs = (0..n * n).flat_map(|out| (0..plane).map(move |at| (out, at)));
        let place = |channel, at| Place::new(0, channel * plane + at);
        let gates = pairs.map(|(out, at)| Gate::mul(out, 1, place(out / n, at), place(out % n, at)));
        builder.gates(&[x], [1, 1, n, n], gates)
    }
}

/// Reads the parameters that [`Gram::params`] writes; they come from keys, so nothing is taken for granted.
fn gram(params: &[u8]) -> Result<Box<dyn CustomLayer>, String> {
    let bytes = params.try_into().map_err(|_| format!("{} bytes in place of 2", params.len()))?;
    Ok(Box::new(Gram { channels: u16::from_le_bytes(bytes) }))
}

fn circuit() -> Result<Circuit, CircuitError> {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 10, 10], Bits::U8)?;
    let kernel = c.weight([8, 1, 3, 3], Bits::I8)?;
    let features = c.conv2d(x, kernel, None, Conv2d::PLAIN)?;
    let features = c.requant(features, Requant::plain(9, 0, 255))?;
    let gram = c.custom(&Gram { channels: 6 }, &[features])?;
    let gram = c.requant(gram, Requant::plain(14, 0, 255))?;
    let weight = c.weight([3, 1, 6, 6], Bits::I8)?;
    let scores = c.gemm(gram, weight, None)?;
    c.output(scores)?;
    c.finish()
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let circuit = circuit()?;
    let weights = |(seed, wire)| {
        let size = circuit.wire(wire).size() as i64;
        Arc::new(Ints::I8((0..size).map(|i| ((i * i * 37 + i * 11 + seed as i64 * 53) % 251 - 125) as i8).collect()))
    };
    let weights = circuit.wires_of(WireKind::Weight).enumerate().map(weights).collect();
    let (proving_key, verifying_key) = setup_circuit(circuit, weights)?;

    // A registry says which layers a reader is willing to build; without it the keys are refused by the layer's name.
    let registry = LayerRegistry::new().with("convince-examples/gram", gram);
    let proving_key = ProvingKey::from_bytes_with(&proving_key.to_bytes(), &registry)?;
    let file = verifying_key.to_bytes();
    let refused = VerifyingKey::from_bytes(&file).err().ok_or("a reader without the layer took the key")?;
    let verifying_key = VerifyingKey::from_bytes_with(&file, &registry)?;

    let image: Vec<i32> = (0..100).map(|i| (i * 37) % 256).collect();
    let proof = prove(&proving_key, &image, &ProveOptions::default())?;
    let verified = verify(&verifying_key, &proof, None, &[])?;
    println!("scores {:?} through a layer of the user's; without it: {refused}", verified.output);
    Ok(())
}
