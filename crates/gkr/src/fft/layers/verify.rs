use std::collections::BTreeMap;

use convince_circuit::Circuit;
use convince_field::ProofField;
use convince_sumcheck::suffix;
use convince_transcript::{ChannelError, Check, VerifierChannel};

use super::super::delegate::{Column, Entry};
use super::super::fold::{self, Claims, Kernel};
use super::super::hadamard::{self, Shape};
use super::super::matrix::{EqPlaces, contract};
use super::super::{DftMatrix, Direction, Evaluations, Step, transform};
use super::{PLANES, Plane, SELECTION, Way, layout, matrix, names, product_shape, settle};
use crate::wave::{Instance, Pending, by_layer, receive_biases};

/// Verifies the reduction of claims on the outputs of a wave's FFT convolutions.
///
/// # Errors
/// The channel's, and [`ChannelError::NoTransform`]; the checks are [`Check::FftSelection`], [`Check::FftInverse`],
/// [`Check::FftHadamard`], [`Check::FftTransform`] and [`Check::FftMatrix`].
pub(crate) fn verify<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    step: Step,
    instances: &[Instance<'_, F, C::Scalar>],
) -> Result<(), ChannelError> {
    let starts = receive_biases(circuit, channel, pending, instances)?;
    let runs = by_layer(instances);
    let shapes: Vec<Shape> = instances.iter().map(|instance| product_shape(instance.layer)).collect();
    let log_lens: Vec<usize> = shapes.iter().map(|shape| shape.log_len).collect();
    let sum = |(start, &num_vars)| Claims { num_vars, claims: vec![start] };
    let sums: Vec<_> = starts.into_iter().zip(&log_lens).map(sum).collect();
    let check = Check::FftSelection { wave: step.wave };
    let coefficients = fold::verify(channel, &names(SELECTION, check), &sums, |t, point| {
        let (instance, places) = (&instances[t], EqPlaces::new(point));
        let [rows, columns] = [2, 3].map(|axis| instance.axis(axis).table());
        Kernel::Value(contract(&layout(instance.layer).output, &rows, &columns, |place| places.at(place)))
    })?;
    let transforms = transform::verify(channel, step, Direction::Inverse, &log_lens, &coefficients)?;
    let factors = hadamard::verify(channel, step, &shapes, &transforms)?;

    let planes = Plane::all(instances, &runs);
    let claims = |t: usize| -> Vec<C::Scalar> {
        match t.checked_sub(runs.len()) {
            None => runs[t].clone().map(|k| factors.values[k][0].clone()).collect(),
            Some(k) => vec![factors.values[k][1].clone()],
        }
    };
    let sum = |(t, plane): (usize, &Plane)| Claims { num_vars: plane.num_vars(), claims: claims(t) };
    let sums: Vec<_> = planes.iter().enumerate().map(sum).collect();
    let rows = Rows::new(&planes, &factors.place, step)?;
    let check = Check::FftTransform { wave: step.wave };
    let evaluations: Evaluations<F, C::Scalar> =
        fold::verify(channel, &names(PLANES, check), &sums, |t, point| rows.kernel(&planes[t], point, step))?;
    settle(circuit, pending, instances, &runs, &factors.term, &evaluations);
    Ok(())
}

/// The transforms' matrices by length, each at row `rho_f`.
struct Rows<F>(BTreeMap<usize, Row<F>>);

struct Row<F> {
    matrix: DftMatrix<F>,
    point: Vec<F>,
    /// Where one is made.
    table: Option<Vec<F>>,
}

impl<F: ProofField> Rows<F> {
    fn new(planes: &[Plane], place: &[F], step: Step) -> Result<Self, ChannelError> {
        let mut rows = BTreeMap::new();
        for plane in planes {
            let log_len = plane.log_len;
            let matrix = matrix(log_len).ok_or(ChannelError::NoTransform { log_len })?;
            let point = suffix(place, log_len).to_vec();
            rows.entry(log_len).or_insert_with(|| {
                let table = matches!(plane.way(step), Way::Table).then(|| matrix.row_table(&point));
                Row { matrix, point, table }
            });
        }
        Ok(Self(rows))
    }

    /// `sum of eq(point, q) M(rho_f, place of q)` over a plane.
    fn kernel(&self, plane: &Plane, point: &[F], step: Step) -> Kernel<F> {
        let Row { matrix, point: row, table } = &self.0[&plane.log_len];
        let [rows, columns] = plane.tables(point);
        let grid = plane.grid;
        match (plane.way(step), table) {
            (Way::Table, Some(table)) => Kernel::Value(contract(&grid, &rows, &columns, |place| table[place])),
            (Way::Delegated, _) => {
                let column = Column::Grid { grid, rows, columns };
                Kernel::Delegated(Entry { matrix: matrix.clone(), row: row.clone(), column })
            }
            _ => Kernel::Value(contract(&grid, &rows, &columns, |place| matrix.row_entry(row, place))),
        }
    }
}
