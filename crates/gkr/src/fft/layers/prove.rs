use std::collections::BTreeMap;

use convince_circuit::{Circuit, Grid, Witness};
use convince_field::{IntSlice, ProofField};
use convince_poly::{Functional, outer, pad};
use convince_sumcheck::parallel;
use convince_transcript::{Check, ProverChannel};

use super::super::delegate::{Column, Entry};
use super::super::fold::{self, Sum};
use super::super::hadamard::{self, Product};
use super::super::matrix::scatter;
use super::super::{Direction, Evaluations, Step, transform};
use super::{PLANES, Plane, SELECTION, Way, layout, matrix, names, product_shape, settle};
use crate::wave::{Instance, Pending, by_layer, channels_axis, conv, send_biases};

/// Reduces claims on the outputs of a wave's FFT convolutions. For a claim, `2 ci` transforms of N places and about
/// `12 ci N` multiplications.
///
/// Panics if the field has no transforms of the layers' lengths.
pub(crate) fn prove<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    step: Step,
    instances: &[Instance<'_, F, F>],
) {
    let starts = send_biases(circuit, witness, channel, pending, instances);
    let runs = by_layer(instances);
    let kernels = parallel::map(instances.len(), |k| {
        conv::folded_weights(&instances[k], witness.wire(instances[k].layer.weight))
    });
    let products = products(circuit, witness, instances, &runs, &kernels);
    let transforms: Vec<Vec<F>> = products.iter().map(hadamard::multiply).collect();
    let selection = instances.iter().zip(starts).zip(&transforms);
    let sums = selection.map(|((instance, start), transform)| selection_sum(instance, start, transform.clone()));
    let check = Check::FftSelection { wave: step.wave };
    let coefficients = fold::prove(channel, &names(SELECTION, check), sums.collect(), |_, _| None);
    let transforms = transform::prove(channel, step, Direction::Inverse, transforms, &coefficients);
    let factors = hadamard::prove(channel, products, &transforms);

    let planes = Plane::all(instances, &runs);
    let mut rows: BTreeMap<usize, Vec<F>> = BTreeMap::new();
    let row = |log_len| convince_sumcheck::suffix(&factors.place, log_len);
    for Plane { log_len, .. } in &planes {
        let table = || matrix(*log_len).expect("a transform of the field").row_table(row(*log_len));
        rows.entry(*log_len).or_insert_with(table);
    }
    let sum = |(t, plane): (usize, &Plane)| {
        let k = t.checked_sub(runs.len());
        let run = k.map_or_else(|| runs[t].clone(), |k| k..k + 1);
        let instance = &instances[run.start];
        let axes =
            Functional::at_flat(factors.term_at(&product_shape(instance.layer)), &product_shape(instance.layer).terms);
        let values = match k {
            Some(k) => folded_planes(&kernels[k], &outer(&axes.0)),
            None => {
                let input = witness.tensor(circuit, instance.layer.input);
                conv::folded_channels(input, instance.axis(0), &channels_axis(&axes.0[0], &axes.0[1]))
            }
        };
        let claims = run.map(|t| factors.values[t][usize::from(k.is_some())]).collect();
        let table = &rows[&plane.log_len];
        let kernel: Vec<F> = plane.grid.places().map(|place| table[place]).collect();
        let [values, kernel] = [values, kernel].map(|table| pad(&table, &plane.grid.shape));
        Sum { num_vars: plane.num_vars(), claims, values, kernel }
    };
    let sums = planes.iter().enumerate().map(sum).collect();
    let check = Check::FftTransform { wave: step.wave };
    let evaluations: Evaluations<F, F> = fold::prove(channel, &names(PLANES, check), sums, |t, point| {
        let Plane { grid, log_len } = planes[t];
        let Way::Delegated = planes[t].way(step) else { return None };
        let [rows, columns] = planes[t].tables(point);
        Some(Entry {
            matrix: matrix(log_len)?,
            row: row(log_len).to_vec(),
            column: Column::Grid { grid, rows, columns },
        })
    });
    settle(circuit, pending, instances, &runs, &factors.term, &evaluations);
}

/// The transforms of all channels of inputs and kernels. Instances of a run have equal inputs.
fn products<F: ProofField>(
    circuit: &Circuit,
    witness: &Witness,
    instances: &[Instance<'_, F, F>],
    runs: &[std::ops::Range<usize>],
    kernels: &[Vec<F>],
) -> Vec<Product<F>> {
    let mut products = Vec::with_capacity(instances.len());
    for run in runs {
        let first = &instances[run.start];
        let layout = layout(first.layer);
        let planes = folded_batch(witness.tensor(circuit, first.layer.input), &first.axis(0).table());
        let input = spectrum(&planes, &layout.input, layout.log_len);
        for k in run.clone() {
            let kernel = spectrum(&kernels[k], &layout.kernel, layout.log_len);
            products.push(Product { shape: product_shape(first.layer), factors: [input.clone(), kernel] });
        }
    }
    products
}

/// `sum_u S(u) U(u)`, U being the inverse of `transform` and S the claim's functional at the output's places.
fn selection_sum<F: ProofField>(instance: &Instance<'_, F, F>, start: F, mut transform: Vec<F>) -> Sum<F> {
    let layout = layout(instance.layer);
    F::inverse_dft(&mut transform);
    let kernel = scatter(&layout.output, &instance.axis(2).table(), &instance.axis(3).table(), layout.log_len);
    Sum { num_vars: layout.log_len, claims: vec![start], values: transform, kernel }
}

/// `in` with its batch folded: one pass over the input.
fn folded_batch<F: ProofField>(input: IntSlice<'_>, batch: &[F]) -> Vec<F> {
    input.fold_rows(input.len() / batch.len(), batch)
}

/// `sum_c weights[c] planes[c]`.
fn folded_planes<F: ProofField>(planes: &[F], weights: &[F]) -> Vec<F> {
    let size = planes.len() / weights.len();
    let mut out = vec![F::zero(); size];
    for (plane, weight) in planes.chunks_exact(size).zip(weights) {
        out.iter_mut().zip(plane).for_each(|(sum, v)| *sum += *weight * v);
    }
    out
}

/// Places of a transform that are gathered at a time.
const BLOCK: usize = 64;

/// The transforms of planes scattered to a grid, `[places, planes]`: the order that products are bound in.
fn spectrum<F: ProofField>(planes: &[F], grid: &Grid, log_len: usize) -> Vec<F> {
    let size = grid.shape[0] * grid.shape[1];
    let transforms = parallel::map(planes.len() / size, |c| {
        let mut values = vec![F::zero(); 1 << log_len];
        grid.places().zip(&planes[c * size..]).take(size).for_each(|(place, v)| values[place] = *v);
        F::dft(&mut values);
        values
    });
    if let [single] = transforms.as_slice() {
        return single.clone();
    }
    let blocks = parallel::map((1usize << log_len).div_ceil(BLOCK), |block| {
        let places = block * BLOCK..((block + 1) * BLOCK).min(1 << log_len);
        places.flat_map(|f| transforms.iter().map(move |transform| transform[f])).collect::<Vec<F>>()
    });
    blocks.concat()
}
