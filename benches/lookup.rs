//! LogUp-GKR over the limbs of one requantisation, by the number of leaves.
//!
//! `cargo bench -p convince-benches --bench lookup`. Throughput counts allocated leaves.

use std::hint::black_box;

use convince_benches::random_witness;
use convince_circuit::{Bits, Circuit, CircuitBuilder, Requant};
use convince_field::Fr;
use convince_gkr::lookup;
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Accumulators of 18 bits to 8 bits on a plane of `side` squared: the columns of an ordinary convolution's output.
fn circuit(side: usize) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, side, side], Bits::signed(18)).expect("a valid shape");
    let params = Requant::plain(8, 0, 255);
    let y = c.requant(x, params).expect("valid parameters");
    c.output(y).expect("the only output");
    c.finish().expect("a provable circuit")
}

fn lookups(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookup");
    group.sample_size(20);
    for side in [16, 32, 64, 128] {
        let circuit = circuit(side);
        let witness = random_witness(&circuit, 1);
        let leaves = circuit.statistics().leaves;
        let prove = || {
            let mut prover = PlainProver::<Fr>::new(Transcript::new("bench"));
            let _ = lookup::prove(&circuit, &witness, &mut prover);
            prover.finish()
        };
        group.throughput(Throughput::Elements(leaves as u64));
        group.bench_function(BenchmarkId::new("prove", leaves), |b| b.iter(prove));
        let proof = prove();
        group.bench_function(BenchmarkId::new("verify", leaves), |b| {
            let verifier = || PlainVerifier::<Fr>::new(Transcript::new("bench"), black_box(&proof));
            b.iter(|| lookup::verify(&circuit, &mut verifier()).expect("a valid proof"));
        });
    }
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
