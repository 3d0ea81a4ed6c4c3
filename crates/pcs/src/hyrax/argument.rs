//! The early-stopping inner-product argument for the combined row of a wide matrix.
//!
//! ```text
//! Claim in:   <a, G> + b H = C, a known combination of rows, and <a, eq(sigma)> = v; all absorbed
//! Round i:    a_0, a_1 and G_0, G_1 are the even and the odd entries, s is the last coordinate of sigma
//!             the prover sends L = <a_0, G_1>, R = <a_1, G_0> and d = <a_1 - a_0, eq(sigma without s)>
//!             challenge x;  a <- (1-x) a_0 + x a_1,  G <- x G_0 + (1-x) G_1,  b <- x (1-x) b,
//!             C <- x (1-x) C + (1-x)^2 L + x^2 R,  v <- v + (x - s) d,  sigma <- sigma without s
//! Claim out:  the same statement about a vector of ceil(n / 2^rounds) entries, which is sent
//! Error:      3 / 2^128 a round, and discrete logarithms between the generators
//! ```
//!
//! After Bulletproofs (Bünz et al., 2018, section 3); differs in the fold, which binds a's least significant variable as a
//! sumcheck would, in a single scalar a round (eq is a product over variables, so that d gives both halves of v without a
//! division), and in stopping early. Generators that fold to `G'` have weights `eq` at the points `1 - x`; they are never
//! folded: both sides multiply the scalars, and the verifier's sum joins that over all rows.
//!
//! Rows of `n` columns are continued by zeros, under generators of the same list, up to a multiple of `2^rounds`; what a
//! hostile row holds there has weight zero in every claim, as in all columns that a wire does not have.
//!
//! *Why 3.* Three values of x give openings l, c, r of L, C, R to the halves' generators, by independence of `(1-x)^2`,
//! `x (1-x)`, `x^2`. Comparing `(1-x) x a'` from both halves is an identity of cubics: a fourth value leaves l_0 = r_1 = 0,
//! l_1 = c_0, r_0 = c_1, thus a' = (1-x) c_0 + x c_1; and two give d and `<c, eq(sigma)> = v`.
//!
//! L and R are not blinded: the plain opening, which this shortens, reveals the whole vector.

use ark_bls12_381::G1Affine;
use ark_ec::CurveGroup;
use ark_ff::Field;
use convince_field::{Fr, ProofField, jobs};
use convince_poly::eq_truncated;
use convince_transcript::{Label, ProverChannel, VerifierChannel};

use super::{Hyrax, points_from_bytes};
use crate::group::msm;
use crate::{CommitmentScheme, PcsError};

const CROSS: Label = "pcs/hyrax/cross";
const SLOPE: Label = "pcs/hyrax/slope";
const FOLD: Label = "pcs/hyrax/fold";

/// Most entries of the vector that ends an argument.
const LAST: usize = 640;

/// Rounds of the argument for rows of `width` columns: as many as leave at most 640 entries.
///
/// A round that halves `m` entries saves `16 m` bytes. It costs 128 bytes, the verifier two checked points (0.27 ms), and the
/// prover a multi-scalar multiplication over all columns (some 5 us each), whatever `m` is. At 4608 columns a fourth round
/// would save 9 KB of 58 and cost a twentieth of VGG-16's prover.
pub fn argument_rounds(width: usize) -> usize {
    width.div_ceil(LAST).next_power_of_two().trailing_zeros() as usize
}

/// Columns that generators are needed for: `width`, made a multiple of `2^rounds`.
pub fn padded_width(width: usize) -> usize {
    width.next_multiple_of(1 << argument_rounds(width))
}

/// Runs the rounds on a vector of `generators.len()` entries, a multiple of `2^rounds`, and its blind; returns the last ones.
///
/// Cost: one term of a multi-scalar multiplication a column and round. Folding the generators once instead (64 doublings and
/// some 40 additions for two columns, were challenges chosen for the endomorphism) costs what five rounds cost here.
pub(super) fn prove<C: ProverChannel<Fr>>(
    generators: &[G1Affine],
    mut vector: Vec<Fr>,
    mut blind: Fr,
    sigma: &[Fr],
    rounds: usize,
    channel: &mut C,
) -> (Vec<Fr>, Fr) {
    // weights[l]: of the generators whose index ends in the bits l, in the folded generator that they have become part of.
    let mut weights = vec![Fr::ONE];
    for (round, variables) in (0..rounds).zip((0..sigma.len()).rev()) {
        let cross = jobs::map(2, |half| cross_term(generators, &vector, &weights, half));
        let mut low: Vec<Fr> = vector.iter().step_by(2).copied().collect();
        let high: Vec<Fr> = vector.iter().skip(1).step_by(2).copied().collect();
        let eq = eq_truncated(&sigma[..variables], low.len());
        let slope = Fr::inner_product(&high, &eq) - Fr::inner_product(&low, &eq);
        channel.send_bytes(CROSS, &Hyrax::rows_to_bytes(&cross));
        channel.send(SLOPE, &[slope]);
        let x: Fr = channel.challenge(FOLD);
        debug_assert_eq!(weights.len(), 1 << round);
        Fr::bind(&mut low, &high, x);
        vector = low;
        blind *= x * (Fr::ONE - x);
        extend(&mut weights, x);
    }
    (vector, blind)
}

/// L (`half` 0: even entries under odd generators) or R (`half` 1: odd entries under even generators).
fn cross_term(generators: &[G1Affine], vector: &[Fr], weights: &[Fr], half: usize) -> G1Affine {
    let entries = vector.iter().skip(half).step_by(2);
    let scalars: Vec<Fr> = entries.flat_map(|a| weights.iter().map(move |w| *a * w)).collect();
    let runs = generators.chunks_exact(weights.len()).skip(1 - half).step_by(2);
    let points: Vec<G1Affine> = runs.flatten().copied().collect();
    msm(&points, &scalars).into_affine()
}

/// Appends a round's bit, above those before it, to the indices of the generators' weights.
fn extend(weights: &mut Vec<Fr>, x: Fr) {
    let odd: Vec<Fr> = weights.iter().map(|w| *w * (Fr::ONE - x)).collect();
    weights.iter_mut().for_each(|w| *w *= x);
    weights.extend(odd);
}

/// What the rounds leave to check: `<a, G'> + b H = scale C + sum of the terms` for the last vector `a` and
/// `<a, eq(sigma)> = value` for what is left of sigma.
pub(super) struct Folded<S> {
    pub(super) value: S,
    pub(super) scale: Fr,
    /// The rounds' points and their weights.
    pub(super) terms: Vec<(G1Affine, Fr)>,
    /// `G'_m = sum_l weights[l] G_(m 2^rounds + l)`.
    pub(super) weights: Vec<Fr>,
}

/// Reads the rounds. Points are checked to be in the group; zero is allowed.
pub(super) fn verify<C: VerifierChannel<Fr>>(
    mut value: C::Scalar,
    sigma: &[Fr],
    rounds: usize,
    channel: &mut C,
) -> Result<Folded<C::Scalar>, PcsError> {
    let (mut scale, mut terms, mut weights) = (Fr::ONE, Vec::with_capacity(2 * rounds), vec![Fr::ONE]);
    for s in sigma.iter().rev().take(rounds) {
        let bytes = channel.receive_bytes(CROSS, 2 * Hyrax::ROW_BYTES)?;
        let cross = points_from_bytes(2, &bytes, true)?;
        let slope = channel.receive_one(SLOPE)?;
        let x: Fr = channel.challenge(FOLD);
        value = value + slope * (x - s);
        let (y, mixed) = (Fr::ONE - x, x * (Fr::ONE - x));
        scale *= mixed;
        terms.iter_mut().for_each(|(_, weight): &mut (_, Fr)| *weight *= mixed);
        terms.extend(cross.into_iter().zip([y.square(), x.square()]));
        extend(&mut weights, x);
    }
    Ok(Folded { value, scale, terms, weights })
}
