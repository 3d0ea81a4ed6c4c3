//! Every kind of layer by itself: a proof of a circuit of that layer alone, and its verification.
//!
//! `cargo bench -p convince-benches --bench layers`. Inputs are planes of 32x32 with 16 channels where nothing else is said, outputs
//! are public, weights and what rounding needs are committed, so that a time has all of a layer's cost and some fixed cost of a
//! proof in it. Throughput counts multiply-accumulates in the group `layers_macs`, entries of the input in `layers_entries`, gates in
//! `layers_gates`.

use std::hint::black_box;
use std::sync::Arc;

use convince::{ProveOptions, TestSeed, prove, setup_circuit_seeded, verify};
use convince_benches::{integers, rng};
use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, Conv2d, Gate, LinearTerm, Place, Range, Requant, Tensor, Window,
    WireKind,
};
use convince_field::{AxisMap, TensorMap};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const CHANNELS: usize = 16;
const SIDE: usize = 32;
const PLANES: [usize; 4] = [1, CHANNELS, SIDE, SIDE];
/// Of values that a layer would round.
const ACCUMULATORS: Bits = Bits::signed(20);

/// A circuit from an input of this shape and format to the tensor that `layer` makes of it.
fn circuit(
    shape: [usize; 4],
    bits: Bits,
    layer: impl Fn(&mut CircuitBuilder, Tensor) -> Result<Tensor, CircuitError>,
) -> Circuit {
    let build = || {
        let mut c = CircuitBuilder::new();
        let input = c.input(shape, bits)?;
        let output = layer(&mut c, input)?;
        c.output(output)?;
        c.finish()
    };
    build().expect("a provable circuit")
}

/// Times a proof of the circuit on a random input, and its verification; both throughputs count `work`.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, circuit: Circuit, work: usize) {
    let rng = &mut rng(1);
    let mut random = |id| {
        let wire = circuit.wire(id);
        integers(rng, Bits::holding(wire.low, wire.high), wire.size())
    };
    let input: Vec<i32> = random(circuit.input()).as_slice().iter().map(|value| value as i32).collect();
    let weights = circuit.wires_of(WireKind::Weight).map(|id| Arc::new(random(id))).collect();
    let (proving_key, verifying_key) =
        setup_circuit_seeded(circuit, weights, TestSeed([1; 32])).expect("weights of the circuit");
    proving_key.prepare();
    let make = || prove(&proving_key, black_box(&input), &ProveOptions::default()).expect("a valid input");
    let proof = make();
    group.throughput(Throughput::Elements(work as u64));
    group.bench_function(BenchmarkId::new("prove", name), |b| b.iter(make));
    group.bench_function(BenchmarkId::new("verify", name), |b| {
        b.iter(|| verify(&verifying_key, black_box(&proof), None, &[]).expect("a valid proof"));
    });
}

fn group<'a>(c: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(std::time::Duration::from_millis(300));
    group.measurement_time(std::time::Duration::from_secs(1));
    group
}

/// 16 channels to 16, with a bias.
fn convolution(side: usize, kernel: usize, params: Conv2d) -> Circuit {
    circuit([1, CHANNELS, side, side], Bits::U8, |c, x| convolve(c, x, kernel, params))
}

fn convolve(c: &mut CircuitBuilder, x: Tensor, kernel: usize, params: Conv2d) -> Result<Tensor, CircuitError> {
    let weight = c.weight([CHANNELS, CHANNELS / params.groups, kernel, kernel], Bits::I8)?;
    let bias = c.weight([CHANNELS], Bits::signed(12))?;
    c.conv2d(x, weight, Some(bias), params)
}

/// A 3x3 transposed convolution in stride 2: the input with zeros between its places, convolved.
fn transposed() -> Circuit {
    circuit([1, CHANNELS, SIDE / 2, SIDE / 2], Bits::U8, |c, x| {
        let places = (0..SIDE as u32 - 1).map(|place| (place % 2 == 0).then_some(place / 2));
        let apart = AxisMap::Gather(places.collect());
        let map = TensorMap::identity().with_axis(2, apart.clone()).with_axis(3, apart);
        let x = c.linear(vec![LinearTerm { map, ..LinearTerm::plain(1, x) }], 0)?;
        convolve(c, x, 3, Conv2d::square(1, 1))
    })
}

fn convolutions(c: &mut Criterion) {
    let same = Conv2d::square(1, 1);
    let circuits = [
        ("conv 3x3", convolution(SIDE, 3, same)),
        ("conv 1x1", convolution(SIDE, 1, Conv2d::PLAIN)),
        ("depthwise 3x3", convolution(SIDE, 3, same.depthwise(CHANNELS))),
        ("depthwise 7x7", convolution(SIDE, 7, Conv2d::square(1, 3).depthwise(CHANNELS))),
        ("4 groups 3x3", convolution(SIDE, 3, Conv2d { groups: 4, ..same })),
        ("dilated 3x3", convolution(SIDE, 3, Conv2d { dilation: [2; 2], ..Conv2d::square(1, 2) })),
        ("strided 3x3", convolution(SIDE, 3, Conv2d::square(2, 1))),
        ("transposed 3x3", transposed()),
        (
            "dense to 10",
            circuit(PLANES, Bits::U8, |c, x| {
                let weight = c.weight([10, CHANNELS, SIDE, SIDE], Bits::I8)?;
                c.gemm(x, weight, None)
            }),
        ),
    ];
    let mut group = group(c, "layers_macs");
    for (name, circuit) in circuits {
        let macs = circuit.statistics().macs;
        measure(&mut group, name, circuit, macs);
    }
    group.finish();
}

/// A layer that rounds accumulators, or pools bytes.
fn requant(bits: Bits, params: Requant) -> Circuit {
    circuit(PLANES, bits, |c, x| c.requant(x, params.clone()))
}

fn linear(terms: impl Fn(Tensor) -> Vec<LinearTerm>) -> Circuit {
    circuit(PLANES, Bits::U8, |c, x| c.linear(terms(x), 0))
}

/// One part of a concatenation of two tensors of 16 channels.
fn part(x: Tensor, index: usize) -> LinearTerm {
    let own = index * CHANNELS..(index + 1) * CHANNELS;
    let places = (0..2 * CHANNELS).map(|place| own.contains(&place).then_some((place % CHANNELS) as u32));
    LinearTerm { map: TensorMap::identity().with_axis(1, AxisMap::Gather(places.collect())), ..LinearTerm::plain(1, x) }
}

/// 2x2 window sums, then the division by 4.
fn average_pool() -> Circuit {
    circuit(PLANES, Bits::U8, |c, x| {
        let window = AxisMap::Window { kernel: 2, stride: 2, padding: [0; 2] };
        let map = TensorMap::identity().with_axis(2, window.clone()).with_axis(3, window);
        let sums = c.linear(vec![LinearTerm { map, ..LinearTerm::plain(1, x) }], 0)?;
        c.requant(sums, Requant::plain(2, 0, 255))
    })
}

/// The label of one of 1,000 classes.
fn label() -> Circuit {
    let build = || {
        let mut c = CircuitBuilder::new();
        let logits = c.input([1, 1000, 1, 1], ACCUMULATORS)?;
        c.output_label(logits, Range::LogUp)?;
        c.finish()
    };
    build().expect("a provable circuit")
}

fn entries(c: &mut Criterion) {
    let relu = Requant { range: Range::LogUp, ..Requant::plain(12, 0, 255) };
    let signed = Requant { low: -128, high: 127, ..relu.clone() };
    let overlapping = Window { kernel: [3; 2], stride: [2; 2], padding: [1, 1, 0, 0] };
    let pool = Requant { range: Range::LogUp, ..Requant::plain(0, 0, 255) };
    // Any table costs the same: this one is a square root.
    let table = (0..256).map(|value| f64::from(value).sqrt().round() as i32).collect();
    let multipliers = (0..CHANNELS as i32).map(|channel| 100 + channel).collect();
    let circuits = [
        ("relu", requant(ACCUMULATORS, relu.clone())),
        ("relu by bits", requant(ACCUMULATORS, Requant { range: Range::Bits, ..relu.clone() })),
        ("requant", requant(ACCUMULATORS, signed)),
        (
            "requant per channel",
            requant(ACCUMULATORS, Requant { multipliers: Some(multipliers), shift: 19, ..relu.clone() }),
        ),
        ("table activation", requant(ACCUMULATORS, Requant { table: Some(table), ..relu.clone() })),
        ("relu and max-pool 2x2", requant(ACCUMULATORS, relu.pooled(Window::square(2)))),
        ("max-pool 3x3 stride 2", requant(Bits::U8, pool.pooled(overlapping))),
        ("average pool 2x2", average_pool()),
        ("residual add", linear(|x| vec![LinearTerm::plain(3, x), LinearTerm::plain(2, x)])),
        ("concat", linear(|x| vec![part(x, 0), part(x, 1)])),
        ("product", circuit(PLANES, Bits::U8, |c, x| c.product(x, x))),
        ("arg-max of 1000", label()),
    ];
    let mut group = group(c, "layers_entries");
    for (name, circuit) in circuits {
        let entries = circuit.wire(circuit.input()).size();
        measure(&mut group, name, circuit, entries);
    }
    group.finish();
}

/// A quarter of the gates add, the others multiply places that lie far apart.
fn gates(c: &mut Criterion) {
    let size: usize = PLANES.iter().product();
    let far = |k: usize, step: usize| Place::new(0, (k * step + 1) % size);
    let gate = |k: usize| match k % 4 {
        0 => Gate::add(k, 3, far(k, 7)),
        _ => Gate::mul(k, 1, far(k, 11), far(k, 4099)),
    };
    let circuit = circuit(PLANES, Bits::U8, |c, x| c.gates(&[x], PLANES, (0..size).map(gate)));
    let mut group = group(c, "layers_gates");
    measure(&mut group, "sparse", circuit, size);
    group.finish();
}

criterion_group!(benches, convolutions, entries, gates);
criterion_main!(benches);
