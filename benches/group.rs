//! Group kernels of the Hyrax commitment, beside arkworks.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p convince-benches --bench group` for one core. Throughput counts points, entries of rows
//! or blinds.

use std::hint::black_box;

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::VariableBaseMSM;
use convince_field::chords::{Chord, Term, add_chords};
use convince_field::{Fr, IntSlice, ProofField, curve_scalar};
use convince_pcs::group::{FixedBase, Generators, msm, sum_groups};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Rows of a commitment.
const ROWS: usize = 64;

fn scalars(rng: &mut ChaCha20Rng, len: usize) -> Vec<Fr> {
    (0..len).map(|_| Fr::full_challenge(&std::array::from_fn(|_| rng.r#gen()))).collect()
}

fn generators(width: usize) -> Generators {
    Generators::new(width).expect("the list is that long")
}

fn additions(c: &mut Criterion) {
    let points = generators(1024).columns().to_vec();
    let mut group = c.benchmark_group("add_chords");
    group.throughput(Throughput::Elements(512));
    let mut sums = points[..512].to_vec();
    // The first summand's sign is what the lists of digits have; every later level has none.
    for (name, signs) in [("kernel", 0), ("kernel with signs", 1)] {
        let chord = |i: usize| Chord { sum: i as u32, a: Term::signed(2 * i, i & signs == 1), b: Term::new(2 * i + 1) };
        let chords: Vec<Chord> = (0..512).map(chord).collect();
        group.bench_function(name, |b| b.iter(|| add_chords(black_box(&points), &chords, &mut sums)));
    }
    group.bench_function("mixed additions", |b| {
        b.iter(|| black_box(&points[..512]).iter().fold(G1Projective::default(), |sum, p| sum + p))
    });
    group.finish();

    let points: Vec<G1Affine> = points.repeat(16);
    let mut group = c.benchmark_group("sum_groups");
    group.throughput(Throughput::Elements(points.len() as u64));
    for len in [16, 256, 1024] {
        let lens = vec![len; points.len() / len];
        group.bench_function(BenchmarkId::from_parameter(len), |b| b.iter(|| sum_groups(black_box(&points), &lens)));
    }
    group.finish();
}

fn fixed_base(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    for n in [256, 512] {
        let generators = generators(n);
        let mut group = c.benchmark_group(format!("tables/{n}"));
        group.sample_size(10);
        group.bench_function("blind", |b| b.iter(|| FixedBase::new(black_box(&generators))));
        for windows in [1, 2] {
            group.bench_function(format!("{windows} digits"), |b| {
                b.iter(|| FixedBase::new(black_box(&generators)).prepare(windows))
            });
        }
        group.finish();

        let tables = FixedBase::new(&generators);
        let i8s: Vec<i8> = (0..ROWS * n).map(|_| rng.r#gen()).collect();
        let u8s: Vec<u8> = (0..ROWS * n).map(|_| rng.r#gen()).collect();
        let i16s: Vec<i16> = (0..ROWS * n).map(|_| rng.r#gen()).collect();
        let blinds = scalars(rng, ROWS);
        let zeros = vec![Fr::from(0); ROWS];
        let mut group = c.benchmark_group(format!("commit_rows/{n}"));
        group.sample_size(10);
        let mut rows = |name: &str, rows: Vec<IntSlice<'_>>| {
            tables.commit_rows(&rows, &zeros);
            group.throughput(Throughput::Elements((ROWS * n) as u64));
            group.bench_function(name, |b| b.iter(|| tables.commit_rows(black_box(&rows), &zeros)));
        };
        rows("i8", i8s.chunks(n).map(IntSlice::I8).collect());
        rows("u8", u8s.chunks(n).map(IntSlice::U8).collect());
        rows("i16", i16s.chunks(n).map(IntSlice::I16).collect());
        group.throughput(Throughput::Elements(ROWS as u64));
        group.bench_function("blinds", |b| {
            b.iter(|| tables.commit_rows(&[IntSlice::I8(&[]); ROWS], black_box(&blinds)))
        });
        group.finish();
    }
}

fn multi_scalar(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let generators = generators(8192);
    let mut group = c.benchmark_group("msm");
    group.sample_size(10);
    for n in [16, 64, 200, 600, 1024, 4096, 8192] {
        let points = &generators.columns()[..n];
        let full = scalars(rng, n);
        let curve: Vec<_> = full.iter().copied().map(curve_scalar).collect();
        let short: Vec<Fr> = (0..n).map(|_| Fr::from(rng.r#gen::<u128>())).collect();
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(format!("full/{n}"), |b| b.iter(|| msm(black_box(points), &full)));
        group.bench_function(format!("short/{n}"), |b| b.iter(|| msm(black_box(points), &short)));
        group.bench_function(format!("arkworks/{n}"), |b| {
            b.iter(|| G1Projective::msm_unchecked(black_box(points), &curve))
        });
    }
    group.finish();
}

criterion_group!(benches, additions, fixed_base, multi_scalar);
criterion_main!(benches);
