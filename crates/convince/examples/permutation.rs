//! A small keyed permutation of sixteen 4-bit cells, in the style of a hash function's: gates mix, lookups are the S-boxes. The
//! proof says that the owner of a committed key maps the public block so. A toy, not a cipher.
//! `cargo run --release --example permutation`.

use std::error::Error;
use std::sync::Arc;

use convince::circuit::{Bits, CircuitBuilder, Gate, Place, Requant, Tensor};
use convince::{ProveOptions, prove, setup_circuit, verify};
use convince_field::Ints;

const CELLS: usize = 16;
const ROUNDS: usize = 12;
const SBOX: [i32; 16] = [12, 5, 6, 11, 9, 0, 10, 13, 3, 14, 15, 8, 4, 7, 1, 2];
/// A cell, the product of its neighbours, the key's cell and the round's constant.
const LARGEST: usize = 15 + 15 * 15 + 15 + 15;

fn constant(round: usize, cell: usize) -> i32 {
    ((round * 7 + cell * 3) % 16) as i32
}

/// Cells of this round's parity take up their neighbours, which stay as they are: what makes it a permutation.
fn is_mixed(round: usize, cell: usize) -> bool {
    (round + cell).is_multiple_of(2)
}

/// `x_i <- S((x_i + x_(i-1) x_(i+1) + k_i + constant) mod 16)` for half of the cells, `S(x_i)` for the others.
fn round(c: &mut CircuitBuilder, state: Tensor, key: Tensor, round: usize) -> Result<Tensor, Box<dyn Error>> {
    let (x, k) = (|i: usize| Place::new(0, i % CELLS), |i| Place::new(1, i));
    let mut gates = Vec::new();
    for i in 0..CELLS {
        gates.push(Gate::add(i, 1, x(i)));
        if is_mixed(round, i) {
            gates.push(Gate::mul(i, 1, x(i + CELLS - 1), x(i + 1)));
            gates.push(Gate::add(i, 1, k(i)));
            gates.push(Gate::constant(i, constant(round, i)));
        }
    }
    let mixed = c.gates(&[state, key], [1, 1, 1, CELLS], gates)?;
    let table = (0..=LARGEST).map(|v| SBOX[v % 16]).collect();
    Ok(c.requant(mixed, Requant { table: Some(table), ..Requant::plain(0, 0, LARGEST as i32) })?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut c = CircuitBuilder::new();
    let mut state = c.input([1, 1, 1, CELLS], Bits::unsigned(4))?;
    let key = c.weight([CELLS], Bits::unsigned(4))?;
    for r in 0..ROUNDS {
        state = round(&mut c, state, key, r)?;
    }
    c.output(state)?;
    let secret: Vec<u8> = (0..CELLS as u8).map(|i| (i * 5 + 3) % 16).collect();
    let (proving_key, verifying_key) = setup_circuit(c.finish()?, vec![Arc::new(Ints::U8(secret.clone()))])?;

    let block: Vec<i32> = (0..CELLS as i32).collect();
    let proof = prove(&proving_key, &block, &ProveOptions::default())?;
    let verified = verify(&verifying_key, &proof, None, &[])?;

    // The definition, without a circuit.
    let mut state = block;
    for r in 0..ROUNDS {
        let mix = |i: usize| {
            let neighbours = state[(i + CELLS - 1) % CELLS] * state[(i + 1) % CELLS];
            let added = if is_mixed(r, i) { neighbours + i32::from(secret[i]) + constant(r, i) } else { 0 };
            SBOX[(state[i] + added) as usize % 16]
        };
        state = (0..CELLS).map(mix).collect();
    }
    assert_eq!(verified.output.as_deref(), Some(&state[..]));
    let cells: String = state.iter().map(|v| format!("{v:x}")).collect();
    println!(
        "0123456789abcdef becomes {cells} under the committed key; the proof has {} bytes",
        proof.as_bytes().len()
    );
    Ok(())
}
