use ark_bls12_381::G1Affine;
use convince_field::{Fr, ProofField};
use convince_poly::{eq_truncated, log2_ceil};
use convince_sumcheck::SumcheckClaim;
use convince_sumcheck::product::{self, Mask};
use convince_transcript::VerifierChannel;
use convince_transcript::hiding::{Hidden, HidingVerifier, Tape};

use super::layout::Layout;
use super::statement::{Products, Statement, powers, row_weights};
use super::{
    BLINDERS, C, CROSS, Counts, DELTA, E, ETA, FACTORS, KAPPA, MASK, MASK_SUM, PADS, PRODUCTS, RHO, TAU, Z_1, Z_2,
};
use crate::hyrax::verify::{self, Opened};
use crate::hyrax::{HyraxParams, points_from_bytes};
use crate::{CommitmentScheme, Hyrax, OpeningClaim, PcsError, Split, WireCommitment};

/// The verifier's end: a channel of hidden scalars, and the argument that closes it.
pub struct HidingVerification<'a, Clear> {
    params: &'a HyraxParams,
    layout: Layout,
    pads: Vec<G1Affine>,
    channel: HidingVerifier<Fr, Clear>,
}

impl<'a, Clear: VerifierChannel<Fr, Scalar = Fr>> HidingVerification<'a, Clear> {
    /// Receives the commitments to the pads.
    ///
    /// # Errors
    /// [`PcsError::Channel`], [`PcsError::Point`]; [`PcsError::Width`] for fewer than [`super::MIN_WIDTH`] columns.
    pub fn new(params: &'a HyraxParams, counts: Counts, mut clear: Clear) -> Result<Self, PcsError> {
        if params.width < super::MIN_WIDTH {
            return Err(PcsError::TooNarrow { width: params.width, min: super::MIN_WIDTH });
        }
        let layout = Layout::new(params.width, counts);
        let pads = receive_rows(PADS, layout.num_rows()[0], &mut clear)?;
        Ok(Self { params, layout, pads, channel: HidingVerifier::new(clear) })
    }

    /// What the protocol's messages come through.
    pub fn channel(&mut self) -> &mut HidingVerifier<Fr, Clear> {
        &mut self.channel
    }

    /// The channel beneath, the tape and the pads' commitments, for simulators.
    #[cfg(test)]
    pub(super) fn into_parts(self) -> (Clear, Tape<Fr>, Vec<G1Affine>) {
        let (clear, tape) = self.channel.into_parts();
        (clear, tape, self.pads)
    }

    /// Verifies the closing argument. Returns the channel beneath.
    ///
    /// # Errors
    /// [`PcsError::Channel`], [`PcsError::Point`], [`PcsError::Commitment`]; [`PcsError::Counts`] if the verifier made other
    /// numbers of hidden scalars than announced.
    pub fn close(
        self,
        wires: &[WireCommitment<'_, Hyrax>],
        claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    ) -> Result<Clear, PcsError> {
        let Self { params, layout, pads, channel } = self;
        let (mut clear, tape) = channel.into_parts();
        let counts = Counts { messages: tape.num_messages(), products: tape.products().len() };
        if counts != layout.counts {
            return Err(PcsError::Counts);
        }
        let mut rows = pads;
        let statement = verify_products(&layout, &tape, claims, &mut rows, &mut clear)?;
        verify_opening(params, wires, claims, &layout, &statement, &rows, &mut clear)?;
        Ok(clear)
    }
}

/// No row is expected where there is nothing to commit to, and no message then.
pub(super) fn receive_rows<Clear: VerifierChannel<Fr>>(
    label: convince_transcript::Label,
    count: usize,
    clear: &mut Clear,
) -> Result<Vec<G1Affine>, PcsError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let bytes = clear.receive_bytes(label, count.saturating_mul(Hyrax::ROW_BYTES))?;
    points_from_bytes(count, &bytes, false)
}

pub(super) fn verify_products<Clear: VerifierChannel<Fr, Scalar = Fr>>(
    layout: &Layout,
    tape: &Tape<Fr>,
    claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    rows: &mut Vec<G1Affine>,
    clear: &mut Clear,
) -> Result<Statement, PcsError> {
    let (count, [_, product_rows, cross_rows]) = (layout.counts.products, layout.num_rows());
    rows.extend(receive_rows(PRODUCTS, product_rows, clear)?);
    let tau = powers(clear.challenge(TAU), count);
    rows.extend(receive_rows(CROSS, cross_rows, clear)?);
    let e = clear.challenge(E);
    let factors = clear.receive(FACTORS, 2 * count)?;
    let (z_x, z_y) = factors.split_at(count);
    let kappa = clear.challenge(KAPPA);
    Ok(Statement::new(tape, claims, &Products { tau: &tau, e, factors: [z_x, z_y] }, kappa))
}

fn verify_opening<Clear: VerifierChannel<Fr, Scalar = Fr>>(
    params: &HyraxParams,
    wires: &[WireCommitment<'_, Hyrax>],
    claims: &[OpeningClaim<Fr, Hidden<Fr>>],
    layout: &Layout,
    statement: &Statement,
    hidden: &[G1Affine],
    clear: &mut Clear,
) -> Result<(), PcsError> {
    let variables = log2_ceil(params.width);
    let [mask] = receive_array(MASK, clear)?;
    let mask_sum = clear.receive_one(MASK_SUM)?;
    let eta: Fr = clear.challenge(ETA);
    let total = statement.total + eta * mask_sum;
    let SumcheckClaim { value: claim, point: sigma } = product::verify(clear, &[(variables, total)])?;
    let [blinder_1, blinder_2] = receive_array(BLINDERS, clear)?;
    let delta = clear.receive_one(DELTA)?;
    let c: Fr = clear.challenge(C);
    let z_2 = clear.receive(Z_2, Mask::<Fr>::len(variables) + 1)?;
    let (mask_vector, mask_blind) = z_2.split_at(z_2.len() - 1);
    let value = delta + c * claim - eta * Fr::inner_product(mask_vector, &Mask::weights(&sigma));
    let opened = Opened::receive(params, value, &sigma, Z_1, clear)?;
    let rho: Fr = clear.challenge(RHO);

    let splits: Vec<&Split> = wires.iter().map(|w| w.split).collect();
    let eq = eq_truncated(&sigma, params.width);
    let of_wires = verify::row_weights(&splits, claims, statement.kappa, &eq);
    let of_hidden = row_weights(&statement.coefficients, &layout.rows(), &eq);
    let mut terms: Vec<(G1Affine, Fr)> = vec![(blinder_1, Fr::from(1u64))];
    for (wire, weights) in wires.iter().zip(of_wires) {
        terms.extend(wire.rows.iter().copied().zip(weights.into_iter().map(|w| c * w)));
    }
    terms.extend(hidden.iter().copied().zip(of_hidden.into_iter().map(|w| c * w)));
    let side = [(blinder_2, rho), (mask, rho * c)];
    let generators = mask_vector.iter().map(|z| -rho * z).collect::<Vec<_>>();
    opened.check(params, terms, &side, (&generators, -rho * mask_blind[0]))
}

pub(super) fn receive_array<const N: usize, Clear: VerifierChannel<Fr>>(
    label: convince_transcript::Label,
    clear: &mut Clear,
) -> Result<[G1Affine; N], PcsError> {
    let points = receive_rows(label, N, clear)?;
    points.try_into().map_err(|_| PcsError::Counts)
}
