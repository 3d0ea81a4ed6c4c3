//! LeNet-5: setup, reading keys, proving a digit, verifying it on one thread, and all of it.
//!
//! `cargo bench -p convince-benches --bench lenet`. Proving takes all threads that there are. The figures that the README
//! quotes come from the bench `figures`.

use std::hint::black_box;

use convince::{Proof, ProveOptions, ProvingKey, VerifyingKey, prove, setup, verify};
use convince_benches::{LeNet, pool};
use criterion::{Criterion, criterion_group, criterion_main};

fn lenet(c: &mut Criterion) {
    let LeNet { model, input, .. } = LeNet::load();
    let (proving_key, verifying_key) = setup(&model).expect("a provable network");
    proving_key.prepare();
    let options = ProveOptions::default();
    let proof = prove(&proving_key, &input, &options).expect("a digit");
    let (key_file, proving_key_file) = (verifying_key.to_bytes(), proving_key.to_bytes());
    let one = pool(1);

    let mut group = c.benchmark_group("lenet5");
    group.sample_size(10);
    group.bench_function("setup", |b| b.iter(|| setup(&model).expect("a provable network")));
    group.bench_function("read_prover_key", |b| b.iter(|| ProvingKey::from_bytes(black_box(&proving_key_file))));
    group.bench_function("read_verifier_key/1", |b| {
        one.install(|| b.iter(|| VerifyingKey::from_bytes(black_box(&key_file))));
    });
    group.sample_size(20);
    group.bench_function("prove", |b| b.iter(|| prove(&proving_key, black_box(&input), &options)));
    group.bench_function("prove/1", |b| {
        one.install(|| b.iter(|| prove(&proving_key, black_box(&input), &ProveOptions::default())));
    });
    group.bench_function("verify/1", |b| {
        one.install(|| b.iter(|| verify(&verifying_key, black_box(&proof), None, &[]).expect("a valid proof")));
    });
    group.sample_size(10);
    group.bench_function("end_to_end", |b| {
        b.iter(|| {
            let (proving_key, verifying_key) = setup(&model).expect("a provable network");
            let file = prove(&proving_key, &input, &options).expect("a digit").as_bytes().to_vec();
            verify(&verifying_key, &Proof::from_bytes(file).expect("a proof"), None, &[]).expect("a valid proof")
        });
    });
    group.finish();
}

criterion_group!(benches, lenet);
criterion_main!(benches);
