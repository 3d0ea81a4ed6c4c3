use ark_bls12_381::G1Affine;
use ark_ec::CurveGroup;
use convince_field::{Fr, ProofField, jobs};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::product::{self, Mask};
use convince_transcript::ProverChannel;
use convince_transcript::hiding::{Hidden, HidingProver, Recorder, Tape};
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
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

/// Fresh pads, one a message, and the blinds of their rows.
pub struct Pads {
    scalars: Zeroizing<Vec<Fr>>,
    blinds: Zeroizing<Vec<Fr>>,
}

impl Pads {
    /// Draws them.
    pub fn draw(params: &HyraxParams, counts: Counts, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let scalars = random(counts.messages, rng);
        let blinds = random(num_rows(params, scalars.len()), rng);
        Self { scalars, blinds }
    }

    /// Commits to them: no challenge comes before, so that this may run beside anything. One full-size term of a multi-scalar
    /// multiplication a message.
    pub fn commit(&self, params: &HyraxParams) -> Vec<G1Affine> {
        commitments(params, &self.scalars, &self.blinds)
    }
}

/// The prover's end: a channel that pads what is sent, and the argument that closes it.
pub struct HidingOpening<'a, Clear> {
    pub(super) params: &'a HyraxParams,
    pub(super) layout: Layout,
    /// Blinds of all rows of hidden scalars so far.
    pub(super) blinds: Zeroizing<Vec<Fr>>,
    pub(super) channel: HidingProver<Fr, Clear>,
}

impl<'a, Clear: ProverChannel<Fr>> HidingOpening<'a, Clear> {
    /// Draws pads and commits to them on a channel in the clear.
    ///
    /// Panics if the parameters have fewer than [`super::MIN_WIDTH`] columns.
    pub fn new(params: &'a HyraxParams, counts: Counts, clear: Clear, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let pads = Pads::draw(params, counts, rng);
        let points = pads.commit(params);
        Self::with_pads(params, counts, pads, &points, clear)
    }

    /// [`Self::new`] with pads and their commitments made before.
    ///
    /// Panics as [`Self::new`] does.
    pub fn with_pads(
        params: &'a HyraxParams,
        counts: Counts,
        pads: Pads,
        commitments: &[G1Affine],
        mut clear: Clear,
    ) -> Self {
        assert!(params.width >= super::MIN_WIDTH, "rows too short for a mask");
        send_rows(PADS, commitments, &mut clear);
        let Pads { scalars, blinds } = pads;
        let layout = Layout::new(params.width, counts);
        Self { params, layout, blinds, channel: HidingProver::new(clear, scalars) }
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
        let secrets = Secrets::draw(params, tape.products().len(), rng);
        let rows = layout.rows();
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *seed);
        // The blinders wait for nothing; the steps before they are sent, round by round, leave other threads much time.
        let (blinders, opened) = jobs::beside(
            || Blinders::new(params, &seed),
            || {
                let span = debug_span!("closing argument").entered();
                let products = Factors::new(&tape, &pads);
                let mut hidden = pads;
                let statement =
                    prove_products(params, &tape, claims, &products, &secrets, &mut hidden, &mut blinds, &mut clear);
                drop(span);
                let hidden = HiddenRows { rows: &rows, scalars: &hidden, blinds: &blinds };
                open(params, wires, claims, &statement, &hidden, &secrets, &mut clear)
            },
        );
        finish(params, opened, &secrets, &blinders, &mut clear);
        clear
    }
}

/// All that a closing argument draws, at once, so that what depends on nothing else need not wait.
pub(super) struct Secrets {
    /// d_x and d_y.
    products: [Zeroizing<Vec<Fr>>; 2],
    /// Of the rows of Z | d_x | d_y, and of t_0 | t_1.
    product_blinds: [Zeroizing<Vec<Fr>>; 2],
    /// The coefficients of g, and their row's blind.
    mask: Zeroizing<Vec<Fr>>,
    mask_blind: Zeroizing<Vec<Fr>>,
}

impl Secrets {
    /// Those for so many products.
    pub(super) fn draw(params: &HyraxParams, products: usize, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        // A proof from a seed depends on the order.
        let mut draw = |count| random(count, rng);
        let crosses = if products > 0 { 2 } else { 0 };
        Self {
            products: [draw(products), draw(products)],
            product_blinds: [3 * products, crosses].map(|len| draw(num_rows(params, len))),
            mask: draw(mask_len(params)),
            mask_blind: draw(1),
        }
    }
}

/// Coefficients of the mask.
fn mask_len(params: &HyraxParams) -> usize {
    Mask::<Fr>::len(log2_ceil(params.width))
}

/// D_1 and D_2.
pub(super) struct Blinders {
    vectors: [Zeroizing<Vec<Fr>>; 2],
    /// Of their rows.
    blinds: Zeroizing<Vec<Fr>>,
    rows: Vec<G1Affine>,
}

impl Blinders {
    /// Draws them and commits to them, by a generator of their own, which is overwritten: any thread can, where the system's takes a
    /// millisecond for VGG-16's on the prover's own.
    pub(super) fn new(params: &HyraxParams, seed: &[u8; 32]) -> Self {
        let mut rng = ChaCha20Rng::from_seed(*seed);
        let vectors = [params.generators.width(), mask_len(params)].map(|len| random(len, &mut rng));
        let blinds = random(2, &mut rng);
        rng = ChaCha20Rng::from_seed([0; 32]);
        std::hint::black_box(&rng);
        let rows = jobs::map(2, |k| commitment(params, &vectors[k], blinds[k]));
        Self { vectors, blinds, rows }
    }
}

/// Rows that so many hidden scalars take.
fn num_rows(params: &HyraxParams, scalars: usize) -> usize {
    scalars.div_ceil(params.width)
}

/// The rows' commitments of scalars.
fn commitments(params: &HyraxParams, scalars: &[Fr], blinds: &[Fr]) -> Vec<G1Affine> {
    let rows: Vec<&[Fr]> = scalars.chunks(params.width).collect();
    jobs::map(rows.len(), |k| commitment(params, rows[k], blinds[k]))
}

/// Sends commitments to rows; nothing is sent for no rows.
fn send_rows<Clear: ProverChannel<Fr>>(label: convince_transcript::Label, rows: &[G1Affine], clear: &mut Clear) {
    if !rows.is_empty() {
        clear.send_bytes(label, &Hyrax::rows_to_bytes(rows));
    }
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
    secrets: &Secrets,
    hidden: &mut Zeroizing<Vec<Fr>>,
    blinds: &mut Zeroizing<Vec<Fr>>,
    clear: &mut Clear,
) -> Statement {
    let count = z.len();
    let [d_x, d_y] = &secrets.products;
    let mut commit = |label, scalars: &[Fr], own: &[Fr], clear: &mut Clear| {
        send_rows(label, &commitments(params, scalars, own), clear);
        hidden.extend_from_slice(scalars);
        blinds.extend_from_slice(own);
    };
    let committed = Zeroizing::new([&z[..], d_x, d_y].concat());
    commit(PRODUCTS, &committed, &secrets.product_blinds[0], clear);
    let tau = powers(clear.challenge(TAU), count);
    if count > 0 {
        let t_1 = weighted_products(&tau, d_x, y) + weighted_products(&tau, d_y, x);
        let cross = Zeroizing::new([weighted_products(&tau, d_x, d_y), t_1]);
        commit(CROSS, &cross[..], &secrets.product_blinds[1], clear);
    }
    let e: Fr = clear.challenge(E);
    let [z_x, z_y] = [combine(d_x, e, x), combine(d_y, e, y)];
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

/// What the rounds over columns leave to open: F and its blind, at sigma, and the weight of the mask.
pub(super) struct Opened {
    vector: Zeroizing<Vec<Fr>>,
    blind: Fr,
    sigma: Vec<Fr>,
    eq: Vec<Fr>,
    eta: Fr,
}

/// Step 3: the masked sum over columns.
pub(super) fn open<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    wires: &[CommittedWire<'_, Hyrax>],
    claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    statement: &Statement,
    hidden: &HiddenRows<'_>,
    secrets: &Secrets,
    clear: &mut Clear,
) -> Opened {
    let span = debug_span!("mask").entered();
    let variables = log2_ceil(params.width);
    let row = commitment(params, &secrets.mask, secrets.mask_blind[0]);
    clear.send_bytes(MASK, &Hyrax::rows_to_bytes(&[row]));
    let g = Mask::new(secrets.mask.to_vec());
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

    let _span = debug_span!("combined row").entered();
    let eq = eq_truncated(&sigma, params.generators.width());
    let (mut vector, mut blind) = folded.combine(wires, eq.len(), &finals[0]);
    let weights = row_weights(&statement.coefficients, hidden.rows, &eq);
    for (row, weight) in hidden.rows.iter().zip(&weights) {
        Fr::add_scaled(&mut vector[..row.len()], &hidden.scalars[row.clone()], *weight);
    }
    blind += Fr::inner_product(&weights, hidden.blinds);
    Opened { vector: Zeroizing::new(vector), blind, sigma, eq, eta }
}

/// Step 4: the opening of F and G by blinders D_1 and D_2, of these commitments.
pub(super) fn finish<Clear: ProverChannel<Fr>>(
    params: &HyraxParams,
    Opened { vector, blind, sigma, eq, eta }: Opened,
    secrets: &Secrets,
    Blinders { vectors: [d_1, d_2], blinds, rows }: &Blinders,
    clear: &mut Clear,
) {
    let _span = debug_span!("inner-product argument").entered();
    clear.send_bytes(BLINDERS, &Hyrax::rows_to_bytes(rows));
    let delta = Fr::inner_product(d_1, &eq) + eta * Fr::inner_product(d_2, &Mask::weights(&sigma));
    clear.send(DELTA, &[delta]);
    let c: Fr = clear.challenge(C);
    let mut z_2 = combine(d_2, c, &secrets.mask);
    z_2.push(blinds[1] + c * secrets.mask_blind[0]);
    clear.send(Z_2, &z_2);
    let z_1 = combine(d_1, c, &vector);
    let rounds = argument::argument_rounds(params.width);
    let columns = params.generators.columns();
    let (mut last, blind) = argument::prove(columns, z_1, blinds[0] + c * blind, &sigma, rounds, clear);
    last.push(blind);
    clear.send(Z_1, &last);
    let _: Fr = clear.challenge(RHO);
}
