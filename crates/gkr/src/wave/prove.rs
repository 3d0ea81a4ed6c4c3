use convince_circuit::{Circuit, Layer, Strategy, Witness};
use convince_field::{ProofField, jobs};
use convince_poly::{Functional, pad};
use convince_sumcheck::{product as sumcheck, suffix};
use convince_transcript::{ProverChannel, profile};
use tracing::debug_span;

use super::{
    BIAS, INPUT_CLAIMS, Instance, KERNEL_CLAIMS, LAMBDA, MU, Pending, Rho, by_layer, conv, gates, input_claim,
    is_whole, kernel_shape, linear, output, plane_point, plane_shape, powers, product, schedule, spectrum, variables,
    weight_claim,
};
use crate::Claim;
use crate::fft::{self, Step};

/// Reduces claims on virtual wires, wave by wave. Returns the claims on input, weight and advice wires.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, channel: &mut C, claims: Vec<Claim<F, F>>) -> Vec<Claim<F, F>>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    prove_with(circuit, witness, channel, claims, Step::of_wave)
}

/// [`prove`], with the steps of FFT convolutions set by the caller.
pub(crate) fn prove_with<F, C>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    claims: Vec<Claim<F, F>>,
    step: impl Fn(usize) -> Step,
) -> Vec<Claim<F, F>>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let mut pending = Pending::new(circuit, claims);
    for (wave, layers) in schedule(circuit).into_iter().enumerate() {
        let span = debug_span!("wave", wave).entered();
        let (mut instances, mut by_fft) = (Vec::new(), Vec::new());
        for layer in layers {
            let layer = &circuit.layers()[layer];
            let _span = output(layer).map(|wire| profile::layer_of(&span, wire.index()));
            match layer {
                Layer::Conv2d(conv) => {
                    let list = if conv.params.strategy == Strategy::Fft { &mut by_fft } else { &mut instances };
                    list.extend(pending.take(conv.output).into_iter().map(|claim| Instance { layer: conv, claim }));
                }
                Layer::Linear(layer) => linear::prove(circuit, witness, channel, &mut pending, layer),
                Layer::Spectrum(layer) => {
                    spectrum::prove(circuit, witness, channel, &mut pending, step(wave), layer);
                }
                Layer::Product(layer) => product::prove(circuit, witness, channel, &mut pending, layer),
                Layer::Gates(layer) => gates::prove(circuit, witness, channel, &mut pending, layer),
                Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => {}
            }
        }
        if !instances.is_empty() {
            prove_convolutions(circuit, witness, channel, &mut pending, &instances);
        }
        if !by_fft.is_empty() {
            let _span = debug_span!("transforms").entered();
            fft::prove(circuit, witness, channel, &mut pending, step(wave), &by_fft);
        }
    }
    pending.settled
}

/// Sends the biases' claims. Returns the claims on the outputs without their biases.
pub(crate) fn send_biases<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    instances: &[Instance<'_, F, F>],
) -> Vec<F> {
    let mut starts: Vec<F> = instances.iter().map(|i| i.claim.value).collect();
    for (instance, start) in instances.iter().zip(&mut starts) {
        let Some(wire) = instance.layer.bias else { continue };
        let functional = Functional(vec![instance.axis(1).clone()]);
        let value = functional.apply(witness.wire(wire));
        channel.send(BIAS, &[value]);
        profile::share(wire.index(), F::BYTES);
        *start -= value * instance.ones();
        pending.add(circuit, Claim { wire, functional, value });
    }
    starts
}

fn prove_convolutions<F: ProofField, C: ProverChannel<F>>(
    circuit: &Circuit,
    witness: &Witness,
    channel: &mut C,
    pending: &mut Pending<F, F>,
    instances: &[Instance<'_, F, F>],
) {
    let starts = send_biases(circuit, witness, channel, pending, instances);
    let lambdas = powers(channel.challenge(LAMBDA), instances.len());
    let step = debug_span!("kernel tables");
    let table = |k: usize| {
        let layer = instances[k].layer;
        let _span = profile::layer_of(&step, layer.output.index());
        conv::kernel_tables(&instances[k], witness.wire(layer.weight), witness.tensor(circuit, layer.input))
    };
    let tables = step.in_scope(|| jobs::map(instances.len(), table));
    let stage_a =
        tables.into_iter().zip(instances).zip(lambdas.iter().zip(starts)).map(|((pair, i), (&lambda, start))| {
            sumcheck::Instance::new(variables(&kernel_shape(i.layer)), lambda, start, vec![pair])
        });
    let (rho, finals) = debug_span!("kernel rounds").in_scope(|| sumcheck::prove(channel, stage_a.collect()));
    let kernel_claims: Vec<[F; 2]> = finals.into_iter().map(|pairs| pairs[0]).collect();
    channel.send(KERNEL_CLAIMS, kernel_claims.as_flattened());
    for (instance, [weight, _]) in instances.iter().zip(&kernel_claims) {
        pending.add(circuit, weight_claim(instance, &Rho::new(&rho, instance.layer), *weight));
        profile::share(instance.layer.output.index(), 2 * F::BYTES);
    }

    let mus = powers(channel.challenge(MU), instances.len());
    let mut stage_b = Vec::new();
    let mut summed_layers = Vec::new();
    let step = debug_span!("input tables");
    let runs = by_layer(instances);
    let tables = |k: usize| {
        let run = &instances[runs[k].clone()];
        let layer = run[0].layer;
        let _span = profile::layer_of(&step, layer.output.index());
        let rho = Rho::new(&rho, layer);
        let sum = (!is_whole(layer)).then(|| {
            let plane = conv::folded_channels(witness.tensor(circuit, layer.input), run[0].axis(0), &rho.channels());
            let mut kernel = vec![F::zero(); plane.len()];
            for (instance, mu) in run.iter().zip(&mus[runs[k].clone()]) {
                let columns = instance.kernel_table(1, &rho.plane[1]);
                for (row, k_y) in kernel.chunks_exact_mut(columns.len()).zip(instance.kernel_table(0, &rho.plane[0])) {
                    F::add_scaled(row, &columns, k_y * mu);
                }
            }
            [plane, kernel].map(|table| pad(&table, plane_shape(layer)))
        });
        (rho, sum)
    };
    let tables = step.in_scope(|| jobs::map(runs.len(), tables));
    for (run, (rho, pair)) in runs.into_iter().zip(tables) {
        let first = &instances[run.start];
        let Some(pair) = pair else {
            for k in run {
                let value = kernel_claims[k][1];
                pending.add(circuit, input_claim(circuit, &instances[k], &rho, rho.plane.clone(), value));
            }
            continue;
        };
        let claim = run.map(|k| mus[k] * kernel_claims[k][1]).sum();
        stage_b.push(sumcheck::Instance::new(variables(plane_shape(first.layer)), F::one(), claim, vec![pair]));
        summed_layers.push((first, rho));
    }
    let (q, finals) = debug_span!("input rounds").in_scope(|| sumcheck::prove(channel, stage_b));
    let values: Vec<F> = finals.iter().map(|pairs| pairs[0][0]).collect();
    channel.send(INPUT_CLAIMS, &values);
    for ((instance, rho), value) in summed_layers.into_iter().zip(values) {
        let shape = plane_shape(instance.layer);
        let plane = plane_point(suffix(&q, variables(shape)), shape);
        pending.add(circuit, input_claim(circuit, instance, &rho, plane, value));
        profile::share(instance.layer.output.index(), F::BYTES);
    }
}
