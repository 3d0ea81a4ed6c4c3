//! The end of a zero-knowledge proof: everything that a hiding channel left to show, and all claims on committed wires, in one
//! argument joined to the commitment's column sumcheck.
//!
//! ```text
//! Before:     rows that commit to the pads, sent before the first challenge (DESIGN section 8)
//! Claim in:   a tape (forms that are zero, z_k = x_k y_k) and claims <functional_t, wire_t> = v_t, v_t a form
//! Messages:   rows of Z | d_x | d_y, K scalars each, d uniform; tau; a row of t_0 = sum tau^k d_x d_y and
//!             t_1 = sum tau^k (d_x y + d_y x); e; in the clear z_x = d_x + e x and z_y = d_y + e y; kappa
//! Statement:  the claims, the tape, z_x - d_x - e x = 0 and z_y likewise, t_0 + e t_1 + e^2 sum tau^k z_k = sum tau^k z_x z_y,
//!             each times its power of kappa, are one linear statement sum over committed rows <row, a_row> = b
//! Rounds:     a row of g's coefficients and sum g; eta; the sum over columns of b + eta sum g, in the clear
//! Opening:    rows of D_1 (as many entries as columns) and D_2 (2 l + 1), delta = <D_1, eq(sigma)> + eta <D_2, u(sigma)>; c;
//!             z_2 = D_2 + c G and its blind, then z_1 = D_1 + c F and its blind, or what an argument leaves of them; rho
//! Checks:     <z_1, eq(sigma)> + eta <z_2, u(sigma)> = delta + c claim;  Com(z_1) = C_D1 + c C_F and Com(z_2) = C_D2 + c C_G, the
//!             second times rho
//! Error:      (T + J + 2 K) for kappa, K for tau, 2 for e, 2 l for the rounds, 1 each for eta, c and rho, all / 2^128
//! ```
//!
//! In the clear stand z_x, z_y, sum g, the rounds, delta, z_1, z_2 and two blinds: every one of them is uniform whatever the
//! witness is, or follows from the others and the public statement (`manual::zero_knowledge`). z_1 does not depend on the witness,
//! so that the inner-product argument that shortens it needs no blinding.

mod layout;
mod prove;
mod statement;
#[cfg(test)]
mod tests;
mod verify;

use convince_field::{Fr, ProofField};
use convince_poly::log2_ceil;
use convince_sumcheck::product::Mask;
use convince_transcript::Label;

use super::argument::{argument_rounds, padded_width};
use super::{Hyrax, random};
use crate::CommitmentScheme;

pub use prove::{HidingOpening, Pads};
pub use verify::HidingVerification;

use layout::Layout;

const PADS: Label = "pcs/hiding/pads";
const PRODUCTS: Label = "pcs/hiding/products";
const TAU: Label = "pcs/hiding/tau";
const CROSS: Label = "pcs/hiding/cross";
const E: Label = "pcs/hiding/e";
const FACTORS: Label = "pcs/hiding/factors";
const KAPPA: Label = "pcs/hiding/kappa";
const MASK: Label = "pcs/hiding/mask";
const MASK_SUM: Label = "pcs/hiding/mask/sum";
const ETA: Label = "pcs/hiding/eta";
const BLINDERS: Label = "pcs/hiding/blinders";
const DELTA: Label = "pcs/hiding/delta";
const C: Label = "pcs/hiding/c";
const Z_2: Label = "pcs/hiding/z2";
const Z_1: Label = "pcs/hiding/z1";
const RHO: Label = "pcs/hiding/rho";

/// Fewest columns of a matrix that a hiding proof can be about: a row holds the mask's coefficients.
pub const MIN_WIDTH: usize = 8;

/// How many hidden scalars a verifier's algorithm has; the circuit gives both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Scalars sent, M.
    pub messages: usize,
    /// Products, K.
    pub products: usize,
}

impl Counts {
    /// Bytes of all that a hiding proof holds beside its masked messages and the rows of wires, under matrices of `width`
    /// columns, and the number of its rounds.
    pub fn closing_size(self, width: usize) -> (usize, usize) {
        let layout = Layout::new(width, self);
        let (variables, rounds) = (log2_ceil(width), argument_rounds(width));
        let rows = layout.rows().len() + 3 + 2 * rounds;
        let clear = 2 * self.products + 1 + 2 * variables + 1 + (Mask::<Fr>::len(variables) + 1);
        let last = rounds + (padded_width(width) >> rounds) + 1;
        (rows * Hyrax::ROW_BYTES + (clear + last) * Fr::BYTES, variables + rounds + 6)
    }
}

/// What error accounting needs of a closing argument for this many claims on wires and assertions on the tape: `(count, degree)`
/// of everything's batching by kappa, the products' by tau, the check of each product at e, the rounds of the column sumcheck, those
/// of the inner-product argument, and eta, c and rho. Each fails with probability `degree / 2^128`.
pub fn closing_error_terms(width: usize, counts: Counts, assertions: usize, claims: usize) -> [(usize, usize); 6] {
    let batched = claims + assertions + 2 * counts.products;
    let products = (1, counts.products.saturating_sub(1));
    [(1, batched), products, (1, 2), (log2_ceil(width), 2), (argument_rounds(width), 3), (3, 1)]
}
