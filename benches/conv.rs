//! One convolution's wave: from a claim on its output to claims on weights, bias and input.
//!
//! `cargo bench -p convince-benches --bench conv`. Throughput counts weights, inputs and outputs together, in which the
//! prover is linear; the number of multiply-accumulates does not matter. The group `inference` is the accumulators alone, in
//! multiply-accumulates a second (one thread: `RAYON_NUM_THREADS=1`).

use std::hint::black_box;

use convince_benches::{elements, random_witness, rng};
use convince_circuit::{Bits, Circuit, CircuitBuilder, Conv2d};
use convince_field::convolution::Convolution;
use convince_field::{Fr, IntSlice, WindowAxis};
use convince_gkr::{Claim, wave};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Input channels, side of the plane, output channels, side of the kernel, padding; the first two are LeNet's.
const SIZES: [[usize; 5]; 5] =
    [[1, 28, 6, 5, 2], [6, 14, 16, 5, 0], [16, 32, 32, 3, 1], [64, 32, 64, 3, 1], [128, 16, 256, 3, 1]];

fn circuit([ci, side, co, kernel, padding]: [usize; 5]) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, ci, side, side], Bits::U8).expect("a valid shape");
    let w = c.weight([co, ci, kernel, kernel], Bits::I8).expect("a valid shape");
    let b = c.weight([co], Bits::signed(12)).expect("a valid shape");
    let out = c.conv2d(x, w, Some(b), Conv2d::square(1, padding)).expect("a valid convolution");
    c.output(out).expect("the only output");
    c.finish().expect("a provable circuit")
}

fn conv(c: &mut Criterion) {
    let mut group = c.benchmark_group("conv");
    group.sample_size(20);
    for size in SIZES {
        let [ci, side, co, kernel, _] = size;
        let circuit = circuit(size);
        let witness = random_witness(&circuit, 1);
        let shape = circuit.shape(circuit.output());
        let point = elements(&mut rng(2), shape.iter().map(|&n| log2_ceil(n)).sum());
        let functional = Functional::at_flat(&point, shape);
        let value: Fr = functional.apply(witness.tensor(&circuit, circuit.output()));
        let claims = || vec![Claim { wire: circuit.output().wire, functional: functional.clone(), value }];
        let prove = || {
            let mut prover = PlainProver::new(Transcript::new("bench"));
            let _ = wave::prove(&circuit, &witness, &mut prover, claims());
            prover.finish()
        };
        let name = format!("{ci}x{side}x{side}-{co}x{kernel}x{kernel}");
        let elements: usize = circuit.wires().iter().map(|wire| wire.size()).sum();
        group.throughput(Throughput::Elements(elements as u64));
        group.bench_function(BenchmarkId::new("prove", &name), |b| b.iter(prove));
        let proof = prove();
        group.bench_function(BenchmarkId::new("verify", &name), |b| {
            let verifier = || PlainVerifier::new(Transcript::new("bench"), black_box(&proof));
            b.iter(|| wave::verify(&circuit, &mut verifier(), claims()).expect("a valid proof"));
        });
    }
    group.finish();
}

/// Accumulators alone: multiply-accumulates a second.
fn inference(c: &mut Criterion) {
    let mut group = c.benchmark_group("inference");
    group.sample_size(20);
    for [ci, side, co, kernel, padding] in SIZES {
        let axis = WindowAxis { input: side, kernel, stride: 1, padding: [padding; 2], dilation: 1 };
        let shapes = Convolution {
            input_shape: [1, ci, side, side],
            weight_shape: [co, ci, kernel, kernel],
            groups: 1,
            axes: [axis; 2],
        };
        let places = axis.output().map_or(0, |n| n * n);
        let input: Vec<u8> = (0..ci * side * side).map(|i| (i * 7919 % 256) as u8).collect();
        let weight: Vec<i8> = (0..co * ci * kernel * kernel).map(|i| (i * 104_729 % 251) as i8).collect();
        group.throughput(Throughput::Elements((places * weight.len()) as u64));
        group.bench_function(format!("{ci}x{side}x{side}-{co}x{kernel}x{kernel}"), |b| {
            b.iter(|| shapes.accumulate(IntSlice::U8(black_box(&input)), IntSlice::I8(&weight), None));
        });
    }
    group.finish();
}

criterion_group!(benches, conv, inference);
criterion_main!(benches);
