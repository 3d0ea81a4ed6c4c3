//! Products of rows as polynomials: inverse transform, pointwise product and transforms, one after the other.
//!
//! ```text
//! Claim in:   out~ = v_t under functionals f_t; out[r, .] = inverse transform of prod_k A_k[r, .], A_k[r, .] the transform of
//!             the k-th factor's row r, rows being (b, c, y)
//! Challenge:  lambda
//! Rounds:     sum_z (sum_t lambda^t f_t(z)) out(z) = sum_t lambda^t v_t; out~ at its point (r, u) is sent
//! Inverse:    sum_f M^-1(u, f) C~(r, f) = out~(r, u), C = prod_k A_k; C~(r, s) is sent (see `fft::transform`)
//! Rounds:     sum_{r', f} eq((r, s), (r', f)) prod_k A_k(r', f) = C~(r, s); A_k~ at its point (rho, g) are sent
//! Transforms: sum_x M(g, x) in_k~(rho, x) = A_k~(rho, g); in_k~(rho, q) are sent
//! Claim out:  in_k~(rho, q), q cut off at the length of the factor's rows
//! Error:      (claims - 1 + 2 (m + n) + 2 n + k (m + n) + k - 1 + 2 n) / 2^128 for m variables of rows, n of places, k
//!             factors, and that of delegated entries (see `fft::delegate`)
//! ```

use convince_circuit::{Circuit, SpectrumLayer, Tensor, Witness};
use convince_field::ProofField;
use convince_poly::{Axis, Functional, outer, pad};
use convince_sumcheck::{SumcheckClaim, eq_product, parallel, product};
use convince_transcript::{ChannelError, Check, Label, ProverChannel, VerifierChannel};

use super::combined::Combined;
use super::{Pending, variables};
use crate::Claim;
use crate::fft::{Direction, Evaluations, Step, transform};

const LAMBDA: Label = "gkr/wave/spectrum/lambda";
const VALUE: Label = "gkr/wave/spectrum/value";
const FACTORS: Label = "gkr/wave/spectrum/factors";

pub(super) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    step: Step,
    layer: &SpectrumLayer,
) {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return;
    }
    let vars = variables(&layer.shape);
    let combined = Combined::new(claims, channel.challenge(LAMBDA));
    let tables = [combined.table(&layer.shape), witness.wire(layer.output).to_field()];
    let pair = tables.map(|table| pad(&table, &layer.shape));
    let instance = product::Instance::new(vars, F::one(), combined.total(), vec![pair]);
    let (point, finals) = product::prove(channel, vec![instance]);
    let value = finals[0][0][1];
    channel.send(VALUE, &[value]);

    let spectra: Vec<Vec<F>> = (0..layer.factors.len()).map(|k| spectrum(circuit, witness, layer, k)).collect();
    let (row, place) = point.split_at(vars - layer.log_len);
    let weights = outer(&Functional::at_flat(row, &layer.shape[..3]).0);
    let folded = folded_product(&spectra, &weights, 1 << layer.log_len);
    let claims = Evaluations { point: place.to_vec(), values: vec![value] };
    let inverse = transform::prove(channel, step, Direction::Inverse, vec![folded], &claims);

    let z = [row, &inverse.point].concat();
    let tables = spectra.iter().map(|table| pad(table, &layer.shape)).collect();
    let summand = eq_product::Factors::new(vars, tables);
    let mut instances = [eq_product::Instance { summand, claim: F::zero(), weight: F::one() }];
    let point = eq_product::prove(channel, &z, layer.factors.len(), &mut instances);
    let (row, place) = point.split_at(vars - layer.log_len);
    let rows = Functional::at_flat(row, &layer.shape[..3]);
    let weights = outer(&rows.0);
    let vector = |(&factor, &len): (&Tensor, &usize)| {
        let mut folded = witness.tensor(circuit, factor).fold_rows(len, &weights);
        folded.resize(1 << layer.log_len, F::zero());
        folded
    };
    let vectors: Vec<Vec<F>> = layer.factors.iter().zip(&layer.row_lens).map(vector).collect();
    let value = |vector: &Vec<F>| {
        let mut transform = vector.clone();
        F::dft(&mut transform);
        F::inner_product(&transform, &convince_poly::eq_table(place))
    };
    let claims = Evaluations { point: place.to_vec(), values: vectors.iter().map(value).collect() };
    channel.send(FACTORS, &claims.values);
    let left = transform::prove(channel, step, Direction::Forward, vectors, &claims);
    settle(circuit, pending, layer, &rows, left);
}

pub(super) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    (step, index): (Step, usize),
    layer: &SpectrumLayer,
) -> Result<(), ChannelError> {
    let claims = pending.take(layer.output);
    if claims.is_empty() {
        return Ok(());
    }
    let vars = variables(&layer.shape);
    let combined = Combined::new(claims, channel.challenge(LAMBDA));
    let SumcheckClaim { value, point } = product::verify(channel, &[(vars, combined.total())])?;
    let out = channel.receive_one(VALUE)?;
    let at_point = Functional::at_flat(&point, &layer.shape);
    channel.assert_eq(out.clone() * combined.evaluate(&at_point), value, Check::ProductPoint { layer: index })?;

    let (row, place) = point.split_at(vars - layer.log_len);
    let claims = Evaluations { point: place.to_vec(), values: vec![out] };
    let inverse = transform::verify(channel, step, Direction::Inverse, &[layer.log_len], &claims)?;
    let z = [row, &inverse.point].concat();
    // One claim in, one out.
    let value = inverse.values[0].clone();
    let count = layer.factors.len();
    let SumcheckClaim { value, point } = eq_product::verify(channel, &z, count, value)?;
    let factors = channel.receive(FACTORS, count)?;
    let product = factors.iter().skip(1).fold(factors[0].clone(), |product, factor| channel.mul(&product, factor));
    channel.assert_eq(product, value, Check::Product { layer: index })?;
    let (row, place) = point.split_at(vars - layer.log_len);
    let claims = Evaluations { point: place.to_vec(), values: factors };
    let left = transform::verify(channel, step, Direction::Forward, &vec![layer.log_len; count], &claims)?;
    settle(circuit, pending, layer, &Functional::at_flat(row, &layer.shape[..3]), left);
    Ok(())
}

/// The claims on the factors: what is behind their rows is zero, so that a point's table is cut off there.
fn settle<F: ProofField, S>(
    circuit: &Circuit,
    pending: &mut Pending<F, S>,
    layer: &SpectrumLayer,
    rows: &Functional<F>,
    left: Evaluations<F, S>,
) {
    let Evaluations { point, values } = left;
    for ((&factor, &len), value) in layer.factors.iter().zip(&layer.row_lens).zip(values) {
        let mut functional = rows.clone();
        functional.0.push(Axis::Eq { point: point.clone(), len });
        pending.add(circuit, Claim::on(circuit, factor, functional, value));
    }
}

/// The transforms of all rows of the k-th factor, `[rows, places]`.
fn spectrum<F: ProofField>(circuit: &Circuit, witness: &Witness, layer: &SpectrumLayer, k: usize) -> Vec<F> {
    let (values, len) = (witness.tensor(circuit, layer.factors[k]), layer.row_lens[k]);
    let rows = parallel::map(values.len() / len, |row| {
        let mut row = values.range(row * len, len).to_field();
        row.resize(1 << layer.log_len, F::zero());
        F::dft(&mut row);
        row
    });
    rows.concat()
}

/// `sum_r weights[r] prod_k spectra_k[r, .]`.
fn folded_product<F: ProofField>(spectra: &[Vec<F>], weights: &[F], len: usize) -> Vec<F> {
    parallel::map_fine(len, |f| {
        let row =
            |(r, weight): (usize, &F)| spectra.iter().fold(*weight, |product, table| product * table[r * len + f]);
        weights.iter().enumerate().map(row).sum()
    })
}
