//! Both sumchecks: provers over tables of 2^n entries, verifiers of n rounds.
//!
//! `cargo bench -p convince-benches --bench sumcheck`. Throughput counts entries of one table.

use std::hint::black_box;

use convince_benches::{elements, rng};
use convince_field::{Fr, ProofField};
use convince_poly::eq_table;
use convince_sumcheck::{eq_product, product};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 3] = [10, 14, 17];

fn transcript() -> Transcript {
    Transcript::new("bench")
}

fn product(c: &mut Criterion) {
    let mut group = c.benchmark_group("sumcheck/product");
    group.sample_size(20);
    for n in SIZES {
        let rng = &mut rng(1);
        let (f, g) = (elements(rng, 1 << n), elements(rng, 1 << n));
        let claim = Fr::inner_product(&f, &g);
        let instance = || product::Instance::new(n, Fr::from_i64(1), claim, vec![[f.clone(), g.clone()]]);
        group.throughput(Throughput::Elements(1 << n));
        group.bench_function(BenchmarkId::new("prove", n), |b| {
            let run = |instance| product::prove(&mut PlainProver::new(transcript()), vec![instance]);
            b.iter_batched(instance, run, BatchSize::LargeInput);
        });
        let mut prover = PlainProver::new(transcript());
        product::prove(&mut prover, vec![instance()]);
        let proof = prover.finish();
        group.bench_function(BenchmarkId::new("verify", n), |b| {
            b.iter(|| product::verify(&mut PlainVerifier::<Fr>::new(transcript(), black_box(&proof)), &[(n, claim)]));
        });
    }
    group.finish();
}

/// Three factors, as a zero-check has.
fn eq_product(c: &mut Criterion) {
    const DEGREE: usize = 3;
    let mut group = c.benchmark_group("sumcheck/eq_product");
    group.sample_size(20);
    for n in SIZES {
        let rng = &mut rng(2);
        let tables: Vec<Vec<Fr>> = (0..DEGREE).map(|_| elements(rng, 1 << n)).collect();
        let z = elements(rng, n);
        let product = |i: usize| tables.iter().map(|t| t[i]).product::<Fr>();
        let claim: Fr = eq_table(&z).iter().enumerate().map(|(i, e)| *e * product(i)).sum();
        let instance = || {
            let summand = eq_product::Factors::new(n, tables.clone());
            [eq_product::Instance { summand, claim, weight: Fr::from_i64(1) }]
        };
        group.throughput(Throughput::Elements(1 << n));
        group.bench_function(BenchmarkId::new("prove", n), |b| {
            let run = |mut batch: [_; 1]| {
                eq_product::prove(&mut PlainProver::new(transcript()), &z, DEGREE, &mut batch);
                batch
            };
            b.iter_batched(instance, run, BatchSize::LargeInput);
        });
        let mut prover = PlainProver::new(transcript());
        eq_product::prove(&mut prover, &z, DEGREE, &mut instance());
        let proof = prover.finish();
        group.bench_function(BenchmarkId::new("verify", n), |b| {
            let verifier = || PlainVerifier::<Fr>::new(transcript(), black_box(&proof));
            b.iter(|| eq_product::verify(&mut verifier(), &z, DEGREE, claim));
        });
    }
    group.finish();
}

criterion_group!(benches, product, eq_product);
criterion_main!(benches);
