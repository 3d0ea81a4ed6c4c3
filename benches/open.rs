//! One Hyrax opening of claims on several wires, by the number of rows and by the number of columns.
//!
//! `cargo bench -p convince-benches --bench open`. Throughput counts committed integers.

use std::hint::black_box;

use convince_benches::{elements, integers, rng};
use convince_field::{Bits, Fr, Ints};
use convince_pcs::{CommitmentScheme, CommittedWire, Hyrax, OpeningClaim, Split, WireCommitment};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand_chacha::ChaCha20Rng;

const WIDTH: usize = 256;
const WIRES: usize = 4;
/// Integers of a wire that is opened at several widths.
const SIZE: usize = 1 << 18;

fn claims(shape: &[usize], values: &[Ints], rng: &mut ChaCha20Rng) -> Vec<OpeningClaim<Fr, Fr>> {
    let num_vars = shape.iter().map(|&n| log2_ceil(n)).sum();
    let claim = |k: usize| {
        let functional = Functional::at_flat(&elements(rng, num_vars), shape);
        let value = functional.apply(values[k % WIRES].as_slice());
        OpeningClaim { wire: k % WIRES, functional, value }
    };
    // Two claims a wire, at unrelated points.
    (0..2 * WIRES).map(claim).collect()
}

/// Proving and verifying an opening of [`WIRES`] wires of this shape, cut for rows of `width` columns.
fn bench_opening(group: &mut BenchmarkGroup<'_, WallTime>, shape: &[usize], width: usize, parameter: usize) {
    let rng = &mut rng(1);
    let size = shape.iter().product();
    let params = Hyrax::params(width).expect("a valid width");
    let split = Split::choose(shape, width);
    let values: Vec<Ints> = (0..WIRES).map(|_| integers(rng, Bits::I8, size)).collect();
    let blinds: Vec<_> = values.iter().map(|_| Hyrax::blinds(split.num_rows(), rng)).collect();
    let commit = |(v, b): (&Ints, &Vec<_>)| Hyrax::commit(&params, &split.rows(v.as_slice()), b);
    let commitments: Vec<_> = values.iter().zip(&blinds).map(commit).collect();
    let claims = claims(shape, &values, rng);
    let secrets = values.iter().zip(&blinds);
    let wires: Vec<CommittedWire<'_, Hyrax>> =
        secrets.map(|(v, blinds)| CommittedWire { split: &split, values: v.as_slice(), blinds }).collect();
    let prove = || {
        let mut prover = PlainProver::new(Transcript::new("bench"));
        Hyrax::open(&params, &wires, &claims, &mut prover);
        prover.finish()
    };
    group.throughput(Throughput::Elements((WIRES * size) as u64));
    group.bench_function(BenchmarkId::new("prove", parameter), |b| b.iter(prove));
    let proof = prove();
    let wires: Vec<WireCommitment<'_, Hyrax>> =
        commitments.iter().map(|rows| WireCommitment { split: &split, rows }).collect();
    group.bench_function(BenchmarkId::new("verify", parameter), |b| {
        let verifier = || PlainVerifier::new(Transcript::new("bench"), black_box(&proof));
        b.iter(|| Hyrax::verify(&params, &wires, &claims, &mut verifier()).expect("a valid opening"));
    });
}

fn open(c: &mut Criterion) {
    let mut group = c.benchmark_group("open");
    group.sample_size(20);
    for rows in [16, 64, 256] {
        bench_opening(&mut group, &[rows, WIDTH], WIDTH, WIRES * rows);
    }
    group.finish();
}

/// The same integers in ever wider rows: sent whole up to 512 columns, then folded.
fn widths(c: &mut Criterion) {
    let mut group = c.benchmark_group("open_width");
    group.sample_size(10);
    for width in [256, 512, 1024, 2048, 4096, 8192] {
        bench_opening(&mut group, &[SIZE], width, width);
    }
    group.finish();
}

criterion_group!(benches, open, widths);
criterion_main!(benches);
