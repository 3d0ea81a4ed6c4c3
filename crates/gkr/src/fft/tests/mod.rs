//! FFT convolutions on their own, and their parts on vectors.

mod layers;
mod lies;
mod parts;

use convince_field::{Fr, ProofField};
use rand::Rng;
use rand_chacha::ChaCha20Rng;

use super::Step;

/// The protocol's step, and one that delegates every matrix.
const STEPS: [Step; 2] = [Step::of_wave(0), Step { wave: 0, direct_log_len: 0 }];

fn element(rng: &mut ChaCha20Rng) -> Fr {
    Fr::full_challenge(&std::array::from_fn(|_| rng.r#gen()))
}

fn elements(len: usize, rng: &mut ChaCha20Rng) -> Vec<Fr> {
    (0..len).map(|_| element(rng)).collect()
}
