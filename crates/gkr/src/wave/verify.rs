use convince_circuit::{Circuit, Layer, Strategy};
use convince_field::ProofField;
use convince_poly::{Axis, Functional};
use convince_sumcheck::{SumcheckClaim, product as sumcheck, suffix};
use convince_transcript::{ChannelError, ChannelScalar, Check, VerifierChannel};

use super::{
    BIAS, INPUT_CLAIMS, Instance, KERNEL_CLAIMS, LAMBDA, MU, Pending, Rho, by_layer, gates, input_claim, is_whole,
    kernel_shape, linear, plane_point, plane_shape, powers, product, schedule, spectrum, variables, weight_claim,
};
use crate::Claim;
use crate::fft::{self, Step};

/// Verifies the waves. Returns the claims on input, weight and advice wires.
///
/// # Errors
/// The channel's; the checks are [`Check::Product`], [`Check::Gates`], [`Check::ProductPoint`], [`Check::KernelPositions`] and
/// [`Check::InputPositions`], and those of [`crate::fft`].
pub fn verify<F, C>(
    circuit: &Circuit,
    channel: &mut C,
    claims: Vec<Claim<F, C::Scalar>>,
) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    verify_with(circuit, channel, claims, Step::of_wave)
}

/// [`verify`], with the steps of FFT convolutions set by the caller.
pub(crate) fn verify_with<F, C>(
    circuit: &Circuit,
    channel: &mut C,
    claims: Vec<Claim<F, C::Scalar>>,
    step: impl Fn(usize) -> Step,
) -> Result<Vec<Claim<F, C::Scalar>>, ChannelError>
where
    F: ProofField,
    C: VerifierChannel<F>,
{
    let mut pending = Pending::new(circuit, claims);
    for (wave, layers) in schedule(circuit).into_iter().enumerate() {
        let (mut instances, mut by_fft) = (Vec::new(), Vec::new());
        for index in layers {
            match &circuit.layers()[index] {
                Layer::Conv2d(conv) => {
                    let list = if conv.params.strategy == Strategy::Fft { &mut by_fft } else { &mut instances };
                    list.extend(pending.take(conv.output).into_iter().map(|claim| Instance { layer: conv, claim }));
                }
                Layer::Linear(layer) => linear::verify(circuit, channel, &mut pending, layer)?,
                Layer::Spectrum(layer) => {
                    spectrum::verify(circuit, channel, &mut pending, (step(wave), index), layer)?;
                }
                Layer::Product(layer) => product::verify(circuit, channel, &mut pending, index, layer)?,
                Layer::Gates(layer) => gates::verify(circuit, channel, &mut pending, index, layer)?,
                Layer::Requant(_) | Layer::ArgMax(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => {}
            }
        }
        if !instances.is_empty() {
            verify_convolutions(circuit, channel, &mut pending, wave, &instances)?;
        }
        if !by_fft.is_empty() {
            fft::verify(circuit, channel, &mut pending, step(wave), &by_fft)?;
        }
    }
    Ok(pending.settled)
}

/// Receives the biases' claims. Returns the claims on the outputs without their biases.
pub(crate) fn receive_biases<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    instances: &[Instance<'_, F, C::Scalar>],
) -> Result<Vec<C::Scalar>, ChannelError> {
    let mut starts: Vec<C::Scalar> = instances.iter().map(|i| i.claim.value.clone()).collect();
    for (instance, start) in instances.iter().zip(&mut starts) {
        let Some(wire) = instance.layer.bias else { continue };
        let value = channel.receive_one(BIAS)?;
        *start = start.clone() - value.clone() * instance.ones();
        pending.add(circuit, Claim { wire, functional: Functional(vec![instance.axis(1).clone()]), value });
    }
    Ok(starts)
}

fn verify_convolutions<F: ProofField, C: VerifierChannel<F>>(
    circuit: &Circuit,
    channel: &mut C,
    pending: &mut Pending<F, C::Scalar>,
    wave: usize,
    instances: &[Instance<'_, F, C::Scalar>],
) -> Result<(), ChannelError> {
    let zero = C::Scalar::constant(F::zero());
    let starts = receive_biases(circuit, channel, pending, instances)?;
    let lambdas = powers(channel.challenge(LAMBDA), instances.len());
    let weighted = instances.iter().zip(starts).zip(&lambdas);
    let stage_a: Vec<_> = weighted.map(|((i, start), l)| (variables(&kernel_shape(i.layer)), start * *l)).collect();
    let SumcheckClaim { value, point: rho } = sumcheck::verify(channel, &stage_a)?;
    let received = channel.receive(KERNEL_CLAIMS, 2 * instances.len())?;
    let kernel_claims: Vec<(C::Scalar, C::Scalar)> =
        received.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let mut total = zero.clone();
    for ((weight, window), lambda) in kernel_claims.iter().zip(&lambdas) {
        total = total + channel.mul(weight, window) * *lambda;
    }
    channel.assert_eq(total, value, Check::KernelPositions { wave })?;
    for (instance, (weight, _)) in instances.iter().zip(&kernel_claims) {
        pending.add(circuit, weight_claim(instance, &Rho::new(&rho, instance.layer), weight.clone()));
    }

    let mus = powers(channel.challenge(MU), instances.len());
    let (mut stage_b, mut summed) = (Vec::new(), Vec::new());
    for run in by_layer(instances) {
        let first = &instances[run.start];
        let rho = Rho::new(&rho, first.layer);
        if is_whole(first.layer) {
            for k in run {
                let value = kernel_claims[k].1.clone();
                pending.add(circuit, input_claim(circuit, &instances[k], &rho, rho.plane.clone(), value));
            }
            continue;
        }
        let claim = run.clone().fold(zero.clone(), |sum, k| sum + kernel_claims[k].1.clone() * mus[k]);
        stage_b.push((variables(plane_shape(first.layer)), claim));
        summed.push((run, rho));
    }
    let SumcheckClaim { value, point: q } = sumcheck::verify(channel, &stage_b)?;
    let inputs = channel.receive(INPUT_CLAIMS, summed.len())?;
    let mut total = zero;
    for ((run, rho), input) in summed.into_iter().zip(inputs) {
        let first = &instances[run.start];
        let shape = plane_shape(first.layer);
        let plane = plane_point(suffix(&q, variables(shape)), shape);
        let weight: F = run.map(|k| mus[k] * kernel_value(&instances[k], &rho.plane, &plane)).sum();
        total = total + input.clone() * weight;
        pending.add(circuit, input_claim(circuit, first, &rho, plane, input));
    }
    channel.assert_eq(total, value, Check::InputPositions { wave })
}

/// `K~_t(q) = K~_y(q_y) K~_x(q_x)`, in `O(k (H + W))`.
fn kernel_value<F: ProofField, S>(instance: &Instance<'_, F, S>, rho: &[Axis<F>; 2], plane: &[Axis<F>; 2]) -> F {
    let along = |axis: usize| F::inner_product(&instance.kernel_table(axis, &rho[axis]), &plane[axis].table());
    along(0) * along(1)
}
