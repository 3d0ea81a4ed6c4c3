//! Waves: linear layers whose output claims are complete, reduced together to claims on their inputs and weights.
//!
//! ```text
//! Claim in:   out~ = v_t for every claim t on an output: functionals E_b, E_co, E_y, E_x (DESIGN section 5)
//! Messages:   bias~ of every claim, then lambda is drawn
//!             A: rounds over kernel positions (ci,i,j) of sum_t lambda^t sum W'_t X'_t = sum_t lambda^t (v_t - bias~_t 1(b,y,x));
//!                w~_t and X'_t at rho, then mu is drawn
//!             B: rounds over input positions q of sum_l sum_q in_l(q) sum_t mu^t K_t(q) = sum_t mu^t X'_t; in_l~ at q
//!             linear layers: the claims on all terms but the last; products: see `product`; gates: see `gates`
//! Claim out:  weight: E_co and rho; bias: E_co; input: E_b, rho_ci, q_y, q_x
//! Error:      (2 * rounds + number of claims - 1) / 2^128 for each of A and B
//! ```
//!
//! mu is never lambda: two false X' claims could be traded against each other. A layer whose kernel is the whole plane
//! has K = eq, so X'(rho) is the claim on its input and B is skipped. All layers of a wave share the suffixes of the two
//! points, so the number of rounds does not grow with depth.
//!
//! With groups the channels of a kernel position are (g, ci), each with its own variables, whatever their numbers are: the
//! functional on the weights is `E_co[co] * eq(rho_g, g(co))` on co and `eq(rho_ci)` on ci, of rank one. A linear layer's output
//! claim is one on its terms, their functionals being transposed through the maps; the last term's claim is implied by the
//! others, so a single term costs no message, and no equation is left to check.

mod combined;
pub(crate) mod conv;
mod gates;
mod linear;
mod product;
mod prove;
mod spectrum;
mod verify;

use std::collections::BTreeMap;

use convince_circuit::{Circuit, Conv2dLayer, Layer, Strategy, Tensor, WireId, WireKind};
use convince_field::{ProofField, WindowAxis};
use convince_poly::{Axis, Functional, log2_ceil, outer, window_kernel};
use convince_transcript::Label;

use crate::Claim;

pub use prove::prove;
pub(crate) use prove::send_biases;
pub(crate) use verify::receive_biases;
pub use verify::verify;
#[cfg(test)]
pub(crate) use {prove::prove_with, verify::verify_with};

const BIAS: Label = "gkr/wave/bias";
const LAMBDA: Label = "gkr/wave/lambda";
const KERNEL_CLAIMS: Label = "gkr/wave/kernel-claims";
const MU: Label = "gkr/wave/mu";
const INPUT_CLAIMS: Label = "gkr/wave/input-claims";

/// The layers of each wave, from the output back to the input. Depends on the circuit alone.
pub fn schedule(circuit: &Circuit) -> Vec<Vec<usize>> {
    let linear: Vec<usize> = (0..circuit.layers().len()).filter(|&k| output(&circuit.layers()[k]).is_some()).collect();
    let mut wave_of: BTreeMap<usize, usize> = BTreeMap::new();
    // A layer comes one wave behind the last linear layer that reads its output. Layers read only what stands before them.
    for &k in linear.iter().rev() {
        let defined = output(&circuit.layers()[k]);
        let readers =
            linear.iter().filter(|&&j| j > k && reads(&circuit.layers()[j]).any(|wire| Some(wire) == defined));
        wave_of.insert(k, readers.map(|j| wave_of[j] + 1).max().unwrap_or(0));
    }
    let count = wave_of.values().max().map_or(0, |last| last + 1);
    (0..count).map(|wave| linear.iter().copied().filter(|k| wave_of[k] == wave).collect()).collect()
}

/// The virtual wire that a linear layer defines.
fn output(layer: &Layer) -> Option<WireId> {
    match layer {
        Layer::Conv2d(l) => Some(l.output),
        Layer::Linear(l) => Some(l.output),
        Layer::Product(l) => Some(l.output),
        Layer::Spectrum(l) => Some(l.output),
        Layer::Gates(l) => Some(l.output),
        Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => None,
    }
}

/// What a layer that defines a wire leaves claims on, kernels and biases of convolutions not counted.
fn reads(layer: &Layer) -> impl Iterator<Item = WireId> + '_ {
    let tensors: Vec<Tensor> = match layer {
        Layer::Conv2d(l) => vec![l.input],
        Layer::Linear(l) => l.terms.iter().map(|t| t.tensor).collect(),
        Layer::Product(l) => l.factors.to_vec(),
        Layer::Spectrum(l) => l.factors.clone(),
        Layer::Gates(l) => l.claimed().collect(),
        Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => vec![],
    };
    tensors.into_iter().map(|tensor| tensor.wire)
}

/// Claims that wait for their layer, and those that are on wires the caller can discharge.
pub(crate) struct Pending<F, S> {
    waiting: BTreeMap<WireId, Vec<Claim<F, S>>>,
    settled: Vec<Claim<F, S>>,
}

impl<F: ProofField, S> Pending<F, S> {
    fn new(circuit: &Circuit, claims: Vec<Claim<F, S>>) -> Self {
        let mut pending = Self { waiting: BTreeMap::new(), settled: Vec::new() };
        claims.into_iter().for_each(|claim| pending.add(circuit, claim));
        pending
    }

    pub(crate) fn add(&mut self, circuit: &Circuit, claim: Claim<F, S>) {
        let wire = circuit.wire(claim.wire);
        match wire.kind {
            WireKind::Virtual => self.waiting.entry(claim.wire).or_default().push(claim),
            _ => self.settled.push(claim),
        }
    }

    /// The claims on a layer's output.
    fn take(&mut self, wire: WireId) -> Vec<Claim<F, S>> {
        self.waiting.remove(&wire).unwrap_or_default()
    }
}

/// One claim on a convolution's output: an instance of stage A.
pub(crate) struct Instance<'a, F, S> {
    pub(crate) layer: &'a Conv2dLayer,
    claim: Claim<F, S>,
}

impl<F: ProofField, S> Instance<'_, F, S> {
    pub(crate) fn axis(&self, k: usize) -> &Axis<F> {
        &self.claim.functional.0[k]
    }

    /// `1(b, y, x)`: what a bias counts.
    fn ones(&self) -> F {
        self.axis(0).sum() * self.axis(2).sum() * self.axis(3).sum()
    }

    /// `K_t` along rows (`axis` 0) or columns (1), for the kernel's point on that axis.
    fn kernel_table(&self, axis: usize, rho: &Axis<F>) -> Vec<F> {
        window_kernel(&self.layer.axes()[axis], &self.axis(2 + axis).table(), &rho.table())
    }
}

/// Whether stage B vanishes.
fn is_whole(layer: &Conv2dLayer) -> bool {
    layer.axes().iter().all(WindowAxis::is_whole)
}

/// `[groups, channels of a group, kh, kw]`.
pub(crate) fn kernel_shape(layer: &Conv2dLayer) -> [usize; 4] {
    let [_, channels, kh, kw] = layer.weight_shape;
    [layer.params.groups, channels, kh, kw]
}

/// A kernel position's point, by axis: group, channel of the group, row, column.
pub(crate) struct Rho<F> {
    group: Axis<F>,
    channel: Axis<F>,
    plane: [Axis<F>; 2],
}

impl<F: ProofField> Rho<F> {
    /// The suffix of stage A's challenges that belongs to a layer.
    pub(crate) fn new(challenges: &[F], layer: &Conv2dLayer) -> Self {
        let shape = kernel_shape(layer);
        let axes = Functional::at_flat(convince_sumcheck::suffix(challenges, variables(&shape)), &shape).0;
        let [group, channel, row, column]: [Axis<F>; 4] = axes.try_into().expect("one axis a length");
        Self { group, channel, plane: [row, column] }
    }

    /// The functional on the input's channels.
    fn channels(&self) -> Axis<F> {
        channels_axis(&self.group, &self.channel)
    }
}

/// The functional on an input's channels, from those on groups and on the channels of a group.
pub(crate) fn channels_axis<F: ProofField>(group: &Axis<F>, channel: &Axis<F>) -> Axis<F> {
    match (group.len(), channel.len()) {
        (1, _) => channel.clone(),
        (_, 1) => group.clone(),
        _ => Axis::Dense(outer(&[group.clone(), channel.clone()])),
    }
}

/// `[H, W]`.
fn plane_shape(layer: &Conv2dLayer) -> &[usize] {
    &layer.input_shape[2..]
}

/// The point of an input position, by axis.
pub(crate) fn plane_point<F: ProofField>(point: &[F], shape: &[usize]) -> [Axis<F>; 2] {
    Functional::at_flat(point, shape).0.try_into().expect("two axes")
}

pub(crate) fn variables(shape: &[usize]) -> usize {
    shape.iter().map(|&n| log2_ceil(n)).sum()
}

/// 1, x, x^2, ...
pub(crate) fn powers<F: ProofField>(x: F, count: usize) -> Vec<F> {
    std::iter::successors(Some(F::one()), |power| Some(*power * x)).take(count).collect()
}

/// The claim on the weights: E_co, with the group's weight inside, and rho.
pub(crate) fn weight_claim<F: ProofField, S>(instance: &Instance<'_, F, S>, rho: &Rho<F>, value: S) -> Claim<F, S> {
    let outputs = match instance.layer.params.groups {
        1 => instance.axis(1).clone(),
        groups => {
            let (mut table, group) = (instance.axis(1).table(), rho.group.table());
            let run = table.len() / groups;
            table.chunks_exact_mut(run).zip(group).for_each(|(run, g)| run.iter_mut().for_each(|e| *e *= g));
            Axis::Dense(table)
        }
    };
    let [row, column] = rho.plane.clone();
    let functional = Functional(vec![outputs, rho.channel.clone(), row, column]);
    Claim { wire: instance.layer.weight, functional, value }
}

/// The claim on a layer's input: E_b, rho_ci, q_y, q_x.
pub(crate) fn input_claim<F: ProofField, S>(
    circuit: &Circuit,
    instance: &Instance<'_, F, S>,
    rho: &Rho<F>,
    [row, column]: [Axis<F>; 2],
    value: S,
) -> Claim<F, S> {
    let functional = Functional(vec![instance.axis(0).clone(), rho.channels(), row, column]);
    Claim::on(circuit, instance.layer.input, functional, value)
}

/// Runs of instances that belong to one layer and agree in their batch functional, as ranges: each shares one instance of
/// stage B, which sums over the input with that functional applied.
pub(crate) fn by_layer<F: ProofField, S>(instances: &[Instance<'_, F, S>]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for (k, instance) in instances.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if shares_input(&instances[run.start], instance) => run.end = k + 1,
            _ => runs.push(k..k + 1),
        }
    }
    runs
}

fn shares_input<F: ProofField, S>(a: &Instance<'_, F, S>, b: &Instance<'_, F, S>) -> bool {
    a.layer.output == b.layer.output && a.axis(0) == b.axis(0)
}

/// Sizes of a wave's sumchecks.
#[derive(Default)]
pub(crate) struct Rounds {
    /// Rounds over kernel positions.
    pub(crate) kernel: usize,
    /// Rounds over input positions.
    pub(crate) input: usize,
    /// Claims on convolutions that are batched, at most.
    pub(crate) instances: usize,
    /// Those on FFT convolutions.
    pub(crate) fft: crate::fft::Rounds,
    /// Claims that linear layers leave on their terms.
    pub(crate) terms: usize,
    /// For every product: its variables and the claims on it.
    pub(crate) products: Vec<(usize, usize)>,
    /// For every layer of gates: the variables of both phases, the claims on it and those that it leaves.
    pub(crate) gates: Vec<(usize, usize, usize)>,
    /// For every product of spectra.
    pub(crate) spectra: Vec<SpectrumRounds>,
}

/// Sizes of the sumchecks of a product of spectra.
pub(crate) struct SpectrumRounds {
    /// Variables of rows.
    pub(crate) rows: usize,
    /// Variables of places.
    pub(crate) log_len: usize,
    /// Claims on it.
    pub(crate) claims: usize,
    /// Transforms that are multiplied.
    pub(crate) factors: usize,
}

/// Sizes of every wave, from the circuit alone.
pub(crate) fn rounds(circuit: &Circuit) -> Vec<Rounds> {
    let mut claims: BTreeMap<WireId, usize> = BTreeMap::new();
    let mut add = |wire: WireId, count: usize| *claims.entry(wire).or_default() += count;
    add(circuit.claimed_output().wire, 1);
    for layer in circuit.layers() {
        if let Layer::Requant(l) = layer {
            add(l.input.wire, 1);
        }
    }
    let mut out = Vec::new();
    for wave in schedule(circuit) {
        let mut rounds = Rounds::default();
        for k in wave {
            let layer = &circuit.layers()[k];
            let mut count = output(layer).and_then(|wire| claims.get(&wire).copied()).unwrap_or(0);
            match layer {
                Layer::Linear(linear) => rounds.terms += count * linear.terms.len(),
                Layer::Conv2d(conv) if conv.params.strategy == Strategy::Fft => rounds.fft.add(conv, count),
                Layer::Conv2d(conv) => {
                    rounds.instances += count;
                    rounds.kernel = rounds.kernel.max(variables(&kernel_shape(conv)));
                    rounds.input = rounds.input.max(if is_whole(conv) { 0 } else { variables(plane_shape(conv)) });
                }
                Layer::Product(product) => {
                    rounds.products.push((variables(&product.shape), count));
                    count = count.min(1);
                }
                Layer::Spectrum(l) => {
                    let rows = variables(&l.shape[..3]);
                    rounds.spectra.push(SpectrumRounds {
                        rows,
                        log_len: l.log_len,
                        claims: count,
                        factors: l.factors.len(),
                    });
                    count = count.min(1);
                }
                Layer::Gates(l) => {
                    rounds.gates.push((gates::layer_variables(circuit, l).iter().sum(), count, l.claimed().count()));
                    count = count.min(1);
                }
                Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => {}
            }
            for wire in reads(layer) {
                *claims.entry(wire).or_default() += count;
            }
        }
        out.push(rounds);
    }
    out
}
