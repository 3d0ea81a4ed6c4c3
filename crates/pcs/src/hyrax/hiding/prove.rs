use ark_bls12_381::G1Affine;
use ark_ec::CurveGroup;
use convince_field::{Fr, ProofField};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::parallel;
use convince_sumcheck::product::{self, Mask};
use convince_transcript::ProverChannel;
use convince_transcript::hiding::{Hidden, HidingProver, Recorder, Tape};
use rand::{CryptoRng, RngCore};
use tracing::debug_span;
use zeroize::Zeroizing;

use super::layout::Layout;
use super::statement::{Products, Statement, combine, powers, row_weights, weighted_products};
use super::{
    BLINDERS, C, CROSS, Counts, DELTA, E, ETA, FACTORS, KAPPA, MASK, MASK_SUM, PADS, PRODUCTS, RHO, TAU, Z_1, Z_2,
    random,
};
use crate::group::msm;
use crate::hyrax::{HyraxParams, argument, prove};
use crate::{CommitmentScheme, CommittedWire, Hyrax, OpeningClaim};

/// The prover's end: a channel that pads what is sent, and the argument that closes it.
pub struct HidingOpening<'a, Clear> {
    pub(super) params: &'a HyraxParams,
    pub(super) layout: Layout,
    /// Blinds of all rows of hidden scalars so far.
    pub(super) blinds: Zeroizing<Vec<Fr>>,
    pub(super) channel: HidingProver<Fr, Clear>,
}

impl<'a, Clear: ProverChannel<Fr>> HidingOpening<'a, Clear> {
    /// Commits to fresh pads on a channel in the clear. One full-size term of a multi-scalar multiplication a message.
    ///
    /// Panics if the parameters have fewer than [`super::MIN_WIDTH`] columns.
    pub fn new(
        params: &'a HyraxParams,
        counts: Counts,
        mut clear: Clear,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        assert!(params.width >= super::MIN_WIDTH, "rows too short for a mask");
        let layout = Layout::new(params.width, counts);
        let pads = random(counts.messages, rng);
        let blinds = commit(params, PADS, &pads, &mut clear, rng);
        Self { params, layout, blinds, channel: HidingProver::new(clear, pads) }
    }

    /// What the protocol's messages go through.
    pub fn channel(&mut self) -> &mut HidingProver<Fr, Clear> {
        &mut self.channel
    }

    /// A channel on which to run the verifier on what has been sent, which gives [`Self::close`] its claims.
    pub fn recorder(&self) -> Recorder<Fr> {
        self.channel.recorder()
    }

    /// The channel beneath, without a closing argument: no verifier accepts what was sent.
    pub fn abandon(self) -> Clear {
        self.channel.into_parts().0
    }

    /// Closes the proof: shows all that the recorded verifier left, and the claims on wires. Returns the channel beneath.
    pub fn close(
        self,
        wires: &[CommittedWire<'_, Hyrax>],
        claims: &[OpeningClaim<Fr, Hidden<Fr>>],
        recorder: Recorder<Fr>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Clear {
        let Self { params, layout, mut blinds, channel } = self;
        let tape = recorder.into_tape();
        let (mut clear, pads) = channel.into_parts();
        let span = debug_span!("closing argument").entered();
        let products = Factors::new(&tape, &pads);
        let mut hidden = pads;
        let statement = prove_products(params, &tape, claims, &products, &mut hidden, &mut blinds, &mut clear, rng);
        drop(span);
        let hidden = HiddenRows { rows: &layout.rows(), scalars: &hidden, blinds: &blinds };
        open(params, wires, claims, &statement, &hidden, &mut clear, rng);
        clear
    }
}

/// Commits to scalars in rows, each with a fresh blind, and sends the commitments; nothing is sent for no scalars.
fn commit<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    label: convince_transcript::Label,
    scalars: &[Fr],
    clear: &mut Clear,
    rng: &mut (impl RngCore + CryptoRng),
) -> Zeroizing<Vec<Fr>> {
    let rows: Vec<&[Fr]> = scalars.chunks(params.width).collect();
    let blinds = random(rows.len(), rng);
    let points = parallel::map(rows.len(), |k| commitment(params, rows[k], blinds[k]));
    if !points.is_empty() {
        clear.send_bytes(label, &Hyrax::rows_to_bytes(&points));
    }
    blinds
}

/// `<scalars, G> + blind H`.
fn commitment(params: &HyraxParams, scalars: &[Fr], blind: Fr) -> G1Affine {
    let mut points = params.generators.columns()[..scalars.len()].to_vec();
    points.push(params.generators.blind());
    let mut all = Zeroizing::new(scalars.to_vec());
    all.push(blind);
    msm(&points, &all).into_affine()
}

/// The values of all products: x, y and z = x y.
pub(super) struct Factors {
    pub(super) x: Zeroizing<Vec<Fr>>,
    pub(super) y: Zeroizing<Vec<Fr>>,
    pub(super) z: Zeroizing<Vec<Fr>>,
}

impl Factors {
    pub(super) fn new(tape: &Tape<Fr>, pads: &[Fr]) -> Self {
        let factors = tape.factors(pads);
        let of = |value: fn(&[Fr; 2]) -> Fr| Zeroizing::new(factors.iter().map(value).collect());
        Self { x: of(|f| f[0]), y: of(|f| f[1]), z: of(|f| f[0] * f[1]) }
    }
}

/// Steps 1 and 2: Z, d_x, d_y, then t_0 and t_1 at tau, appended to the hidden scalars; then everything at kappa.
#[allow(clippy::too_many_arguments)]
pub(super) fn prove_products<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    tape: &Tape<Fr>,
    claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    Factors { x, y, z }: &Factors,
    hidden: &mut Zeroizing<Vec<Fr>>,
    blinds: &mut Zeroizing<Vec<Fr>>,
    clear: &mut Clear,
    rng: &mut (impl RngCore + CryptoRng),
) -> Statement {
    let count = z.len();
    let [d_x, d_y] = [(); 2].map(|()| random(count, rng));
    let committed = Zeroizing::new([&z[..], &d_x, &d_y].concat());
    blinds.extend_from_slice(&commit(params, PRODUCTS, &committed, clear, rng));
    hidden.extend_from_slice(&committed);
    let tau = powers(clear.challenge(TAU), count);
    if count > 0 {
        let t_1 = weighted_products(&tau, &d_x, y) + weighted_products(&tau, &d_y, x);
        let cross = Zeroizing::new([weighted_products(&tau, &d_x, &d_y), t_1]);
        blinds.extend_from_slice(&commit(params, CROSS, &cross[..], clear, rng));
        hidden.extend_from_slice(&cross[..]);
    }
    let e: Fr = clear.challenge(E);
    let [z_x, z_y] = [combine(&d_x, e, x), combine(&d_y, e, y)];
    clear.send(FACTORS, &[&z_x[..], &z_y].concat());
    let kappa = clear.challenge(KAPPA);
    Statement::new(tape, claims, &Products { tau: &tau, e, factors: [&z_x, &z_y] }, kappa)
}

/// The rows of hidden scalars.
pub(super) struct HiddenRows<'a> {
    pub(super) rows: &'a [std::ops::Range<usize>],
    pub(super) scalars: &'a [Fr],
    pub(super) blinds: &'a [Fr],
}

/// Steps 3 and 4: the masked sum over columns, and the opening of F and G.
pub(super) fn open<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    wires: &[CommittedWire<'_, Hyrax>],
    claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    statement: &Statement,
    hidden: &HiddenRows<'_>,
    clear: &mut Clear,
    rng: &mut (impl RngCore + CryptoRng),
) {
    let span = debug_span!("mask").entered();
    let variables = log2_ceil(params.width);
    let mask = random(Mask::<Fr>::len(variables), rng);
    let mask_blind = random(1, rng);
    clear.send_bytes(MASK, &Hyrax::rows_to_bytes(&[commitment(params, &mask, mask_blind[0])]));
    let g = Mask::new(mask.to_vec());
    let mask_sum = g.sum();
    clear.send(MASK_SUM, &[mask_sum]);
    let eta: Fr = clear.challenge(ETA);
    drop(span);

    let mut folded = prove::fold(wires, claims, statement.kappa);
    let span = debug_span!("column sumcheck").entered();
    let row = |values: &[Fr], row: &std::ops::Range<usize>| values[row.clone()].to_vec();
    let mut pairs = folded.pairs();
    pairs.extend(hidden.rows.iter().map(|r| [row(hidden.scalars, r), row(&statement.coefficients, r)]));
    let total = statement.total + eta * mask_sum;
    let instance = product::Instance::new(variables, Fr::from(1u64), total, pairs).masked(eta, g);
    let (sigma, finals) = product::prove(clear, vec![instance]);
    drop(span);

    let _span = debug_span!("inner-product argument").entered();
    let eq = eq_truncated(&sigma, params.generators.width());
    let (mut vector, mut blind) = folded.combine(wires, eq.len(), &finals[0]);
    let weights = row_weights(&statement.coefficients, hidden.rows, &eq);
    for (row, weight) in hidden.rows.iter().zip(&weights) {
        vector.iter_mut().zip(&hidden.scalars[row.clone()]).for_each(|(out, v)| *out += *weight * v);
    }
    blind += Fr::inner_product(&weights, hidden.blinds);
    let secrets = [(Zeroizing::new(vector), blind), (mask, mask_blind[0])];
    finish(params, &sigma, &eq, eta, secrets, clear, rng);
}

/// The opening of F and G by blinders D_1 and D_2.
fn finish<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    sigma: &[Fr],
    eq: &[Fr],
    eta: Fr,
    [(vector, blind), (mask, mask_blind)]: [(Zeroizing<Vec<Fr>>, Fr); 2],
    clear: &mut Clear,
    rng: &mut (impl RngCore + CryptoRng),
) {
    let [d_1, d_2, blinds] = [vector.len(), mask.len(), 2].map(|count| random(count, rng));
    let rows = [(&d_1, blinds[0]), (&d_2, blinds[1])];
    let points = parallel::map(2, |k| commitment(params, rows[k].0, rows[k].1));
    clear.send_bytes(BLINDERS, &Hyrax::rows_to_bytes(&points));
    let delta = Fr::inner_product(&d_1, eq) + eta * Fr::inner_product(&d_2, &Mask::weights(sigma));
    clear.send(DELTA, &[delta]);
    let c: Fr = clear.challenge(C);
    let mut z_2 = combine(&d_2, c, &mask);
    z_2.push(blinds[1] + c * mask_blind);
    clear.send(Z_2, &z_2);
    let z_1 = combine(&d_1, c, &vector);
    let rounds = argument::argument_rounds(params.width);
    let columns = params.generators.columns();
    let (mut last, blind) = argument::prove(columns, z_1, blinds[0] + c * blind, sigma, rounds, clear);
    last.push(blind);
    clear.send(Z_1, &last);
    let _: Fr = clear.challenge(RHO);
}
