//! LogUp-GKR over the lookups of some requantisations, on planes like LeNet's and VGG's.
//!
//! `cargo bench -p convince-benches --bench lookup`. Throughput counts allocated leaves; before each network's figures the
//! bench prints the quickest of ten proofs in nanoseconds a leaf, on one thread and on two.

use std::hint::black_box;
use std::time::{Duration, Instant};

use convince_benches::{pool, random_witness};
use convince_circuit::{Bits, Circuit, CircuitBuilder, Requant, Witness};
use convince_field::Fr;
use convince_gkr::lookup;
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Accumulators of 18 bits, requantised to 8 bits by clamps and by activation tables in turn.
fn circuit(channels: usize, side: usize) -> Circuit {
    let mut c = CircuitBuilder::new();
    let mut y = c.input([1, channels, side, side], Bits::signed(18)).expect("a valid shape");
    let x = y;
    for shift in [8, 9, 8, 9] {
        let table = (shift == 9).then(|| (-128..128).map(|v: i32| v.max(0) / 2).collect());
        let low = if table.is_some() { -128 } else { 0 };
        let params = Requant { table, ..Requant::plain(shift, low, low + 255) };
        y = c.requant(x, params).expect("valid parameters");
    }
    c.output(y).expect("the only output");
    c.finish().expect("a provable circuit")
}

fn prove(circuit: &Circuit, witness: &Witness) -> Vec<u8> {
    let mut prover = PlainProver::<Fr>::new(Transcript::new("bench"));
    let _ = lookup::prove(circuit, witness, &mut prover);
    prover.finish()
}

fn lookups(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookup");
    group.sample_size(20);
    // A plane of 14 by 14 is padded to 16 by 16, six channels to eight.
    for (name, channels, side) in [("lenet", 6, 14), ("vgg", 64, 32)] {
        let circuit = circuit(channels, side);
        let witness = random_witness(&circuit, 1);
        let leaves = circuit.statistics().leaves;
        group.throughput(Throughput::Elements(leaves as u64));
        for threads in [1, 2] {
            let pool = pool(threads);
            let timed = || {
                let start = Instant::now();
                pool.install(|| prove(&circuit, &witness));
                start.elapsed()
            };
            let quickest = (0..10).map(|_| timed()).min().unwrap_or(Duration::MAX);
            let nanoseconds = quickest.as_secs_f64() * 1e9 / leaves as f64;
            println!("{name}: {leaves} leaves, {threads} threads, {nanoseconds:.0} ns a leaf");
            let id = BenchmarkId::new(format!("prove/{name}"), threads);
            group.bench_function(id, |b| b.iter(|| pool.install(|| prove(&circuit, &witness))));
        }
        let proof = prove(&circuit, &witness);
        group.bench_function(BenchmarkId::new("verify", name), |b| {
            let verifier = || PlainVerifier::<Fr>::new(Transcript::new("bench"), black_box(&proof));
            b.iter(|| lookup::verify(&circuit, &mut verifier()).expect("a valid proof"));
        });
    }
    group.finish();
}

criterion_group!(benches, lookups);
criterion_main!(benches);
