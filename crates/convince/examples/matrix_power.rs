//! The seventh power of a secret matrix, by a hand-written circuit of gates: how many paths of seven steps lead from each node
//! of a graph to each other, without showing the graph. `cargo run --release --example matrix_power`.

use std::error::Error;
use std::sync::Arc;

use convince::circuit::{Bits, CircuitBuilder, Gate, Place, Tensor};
use convince::{ProveOptions, prove, setup_circuit, verify};
use convince_field::Ints;

const N: usize = 16;
const STEPS: usize = 7;

/// A deterministic graph with some five edges a node.
fn graph() -> Vec<u8> {
    (0..(N * N) as u32).map(|k| u8::from(k.wrapping_mul(2_654_435_761) >> 16 & 0xff < 80)).collect()
}

/// `A X` by one product a gate.
fn multiply(c: &mut CircuitBuilder, a: Tensor, x: Tensor) -> Result<Tensor, Box<dyn Error>> {
    let product = |row, column| (0..N).map(move |k| (row, column, k));
    let places = (0..N * N).flat_map(|out| product(out / N, out % N));
    let gate =
        |(row, column, k)| Gate::mul(row * N + column, 1, Place::new(0, row * N + k), Place::new(1, k * N + column));
    Ok(c.gates(&[a, x], [1, 1, N, N], places.map(gate))?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // The public input is the identity, the matrix is committed. Every entry is below 16^7, which the builder proves to itself.
    let mut c = CircuitBuilder::new();
    let mut x = c.input([1, 1, N, N], Bits::unsigned(1))?;
    let a = c.weight([N, N], Bits::unsigned(1))?;
    for _ in 0..STEPS {
        x = multiply(&mut c, a, x)?;
    }
    c.output(x)?;
    let (proving_key, verifying_key) = setup_circuit(c.finish()?, vec![Arc::new(Ints::U8(graph()))])?;

    let identity: Vec<i32> = (0..N * N).map(|k| i32::from(k / N == k % N)).collect();
    let proof = prove(&proving_key, &identity, &ProveOptions::default())?;
    let verified = verify(&verifying_key, &proof, Some(&identity), &[])?;

    // The definition, without a circuit.
    let mut power = identity;
    for _ in 0..STEPS {
        let entry = |k: usize| (0..N).map(|i| i32::from(graph()[k / N * N + i]) * power[i * N + k % N]).sum();
        power = (0..N * N).map(entry).collect();
    }
    assert_eq!(verified.output.as_deref(), Some(&power[..]));
    println!(
        "{} paths of {STEPS} steps lead from node 0 to node 1; the proof has {} bytes",
        power[1],
        proof.as_bytes().len()
    );
    Ok(())
}
