//! Convolutions of a wave: the steps of [`super`] in their order, from claims on accumulators to claims on weights and inputs.

mod prove;
mod verify;

use std::ops::Range;

use convince_circuit::{Circuit, Conv2dLayer, FftLayout, Grid};
use convince_field::ProofField;
use convince_sumcheck::suffix;
use convince_transcript::{Check, Label};

pub(crate) use prove::prove;
pub(crate) use verify::verify;

use super::fold::Names;
use super::hadamard::Shape;
use super::{DftMatrix, Direction, Evaluations, Step};
use crate::wave::{Instance, Pending, Rho, input_claim, kernel_shape, plane_point, variables, weight_claim};

const SELECTION: [Label; 3] = ["gkr/fft/selection/lambda", "gkr/fft/selection/values", "gkr/fft/selection/kernels"];
const PLANES: [Label; 3] = ["gkr/fft/planes/lambda", "gkr/fft/planes/values", "gkr/fft/planes/kernels"];

fn names([lambda, values, kernels]: [Label; 3], check: Check) -> Names {
    Names { lambda, values, kernels, check }
}

fn layout(layer: &Conv2dLayer) -> FftLayout {
    layer.fft_layout().expect("the builder refuses longer transforms")
}

/// Sizes of a layer's pointwise products: the terms are the input's channels, by group and place in the group.
fn product_shape(layer: &Conv2dLayer) -> Shape {
    Shape { log_len: layout(layer).log_len, terms: kernel_shape(layer)[..2].to_vec() }
}

/// A plane of which the last step takes the transform.
struct Plane {
    grid: Grid,
    log_len: usize,
}

/// How the verifier comes by `M(rho_f, .)` at a plane's places.
enum Way {
    /// From the whole table.
    Table,
    /// Place by place, where they are few.
    Entries,
    /// From the prover.
    Delegated,
}

impl Plane {
    /// The planes of the last step: the input of every run of instances that share it, then every instance's kernel.
    fn all<F: ProofField, S>(instances: &[Instance<'_, F, S>], runs: &[Range<usize>]) -> Vec<Self> {
        let layouts: Vec<FftLayout> = instances.iter().map(|instance| layout(instance.layer)).collect();
        let input = |run: &Range<usize>| Self { grid: layouts[run.start].input, log_len: layouts[run.start].log_len };
        let kernel = |layout: &FftLayout| Self { grid: layout.kernel, log_len: layout.log_len };
        runs.iter().map(input).chain(layouts.iter().map(kernel)).collect()
    }

    fn num_vars(&self) -> usize {
        variables(&self.grid.shape)
    }

    fn way(&self, step: Step) -> Way {
        let [rows, columns] = self.grid.shape;
        match () {
            () if self.log_len <= step.direct_log_len => Way::Table,
            () if 4 * self.log_len * rows * columns < 1 << self.log_len => Way::Entries,
            () => Way::Delegated,
        }
    }

    /// The tables of the point of a place of the plane, by axis.
    fn tables<F: ProofField>(&self, point: &[F]) -> [Vec<F>; 2] {
        plane_point(point, &self.grid.shape).map(|axis| axis.table())
    }
}

fn matrix<F: ProofField>(log_len: usize) -> Option<DftMatrix<F>> {
    DftMatrix::new(Direction::Forward, log_len)
}

/// Adds the claims on weights and inputs; `term` is the channels' point, `planes` what the last step left.
fn settle<F: ProofField, S: Clone>(
    circuit: &Circuit,
    pending: &mut Pending<F, S>,
    instances: &[Instance<'_, F, S>],
    runs: &[Range<usize>],
    term: &[F],
    planes: &Evaluations<F, S>,
) {
    let rho = |layer: &Conv2dLayer| {
        let shape = kernel_shape(layer);
        let channels = suffix(term, variables(&shape[..2]));
        Rho::new(&[channels, planes.at(variables(&shape[2..]))].concat(), layer)
    };
    let (inputs, kernels) = planes.values.split_at(runs.len());
    for (instance, value) in instances.iter().zip(kernels) {
        pending.add(circuit, weight_claim(instance, &rho(instance.layer), value.clone()));
    }
    for (run, value) in runs.iter().zip(inputs) {
        let instance = &instances[run.start];
        let shape = &instance.layer.input_shape[2..];
        let place = plane_point(planes.at(variables(shape)), shape);
        pending.add(circuit, input_claim(circuit, instance, &rho(instance.layer), place, value.clone()));
    }
}

/// Sizes of the sumchecks of a wave's FFT convolutions.
#[derive(Default)]
pub(crate) struct Rounds {
    /// Claims that are batched, at most.
    pub(crate) instances: usize,
    /// Rounds of each of the four steps; the third has two kinds of variables.
    steps: [usize; 3],
    /// Rounds of all delegated entries.
    delegated: usize,
}

impl Rounds {
    /// Counts a layer with `claims` claims on its output.
    pub(crate) fn add(&mut self, layer: &Conv2dLayer, claims: usize) {
        let (layout, terms) = (layout(layer), product_shape(layer).term_vars());
        self.instances += claims;
        let planes = [layout.input, layout.kernel].map(|grid| Plane { grid, log_len: layout.log_len });
        let [input, kernel] = planes.each_ref().map(Plane::num_vars);
        for (step, vars) in self.steps.iter_mut().zip([layout.log_len, terms, input.max(kernel)]) {
            *step = (*step).max(vars);
        }
        let n = layout.log_len;
        let levels = n * n.saturating_sub(1) / 2;
        let step = Step::of_wave(0);
        let grids = planes.iter().filter(|plane| matches!(plane.way(step), Way::Delegated)).count();
        let points = usize::from(n > step.direct_log_len);
        self.delegated += claims * (points * levels + grids * (n + levels));
    }

    /// Degree of the batching challenges together: one claim a step, but two in the last one.
    pub(crate) fn batching(&self) -> usize {
        3 * self.instances.saturating_sub(1) + (2 * self.instances).saturating_sub(1)
    }

    /// Rounds of degree 2: coefficients, inverse, places and terms of products, planes, delegated entries.
    pub(crate) fn rounds(&self) -> usize {
        let [places, terms, planes] = self.steps;
        3 * places + terms + planes + self.delegated
    }
}
