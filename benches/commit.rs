//! Hyrax commitments to rows of integers, by the width of the data and of the rows; the tables of the generators are made
//! before.
//!
//! `cargo bench -p convince-benches --bench commit`. Throughput counts integers.

use convince_benches::{integers, rng};
use convince_field::{Bits, IntSlice, Ints};
use convince_pcs::group::{FixedBase, Generators, Method};
use convince_pcs::{CommitmentScheme, Hyrax};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// LeNet's.
const WIDTH: usize = 400;
const ROWS: usize = 64;
/// Integers committed to at several widths.
const SIZE: usize = 1 << 17;

fn commit(c: &mut Criterion) {
    let rng = &mut rng(1);
    let params = Hyrax::params(WIDTH).expect("a valid width");
    let blinds = Hyrax::blinds(ROWS, rng);
    let mut group = c.benchmark_group("commit");
    group.sample_size(10).throughput(Throughput::Elements((WIDTH * ROWS) as u64));
    let mut data: Vec<(&str, Ints)> = [
        ("u1", Bits::unsigned(1)),
        ("u4", Bits::unsigned(4)),
        ("i8", Bits::I8),
        ("u8", Bits::U8),
        ("u12", Bits::unsigned(12)),
        ("i16", Bits::signed(16)),
        ("i31", Bits::signed(31)),
    ]
    .map(|(name, bits)| (name, integers(rng, bits, WIDTH * ROWS)))
    .to_vec();
    data.push(("zero", Ints::I8(vec![0; WIDTH * ROWS])));
    for (name, values) in &data {
        let rows: Vec<IntSlice<'_>> = (0..ROWS).map(|r| values.as_slice().range(r * WIDTH, WIDTH)).collect();
        Hyrax::commit(&params, &rows, &blinds);
        group.bench_function(*name, |b| b.iter(|| Hyrax::commit(&params, &rows, &blinds)));
    }
    group.finish();
}

/// Tables against buckets, by the number of columns, for equally many integers.
fn methods(c: &mut Criterion) {
    let rng = &mut rng(3);
    let mut group = c.benchmark_group("commit_methods");
    group.sample_size(10).throughput(Throughput::Elements(SIZE as u64));
    let formats = [("i8", Bits::I8), ("u8", Bits::U8), ("u12", Bits::unsigned(12))];
    let data = formats.map(|(name, bits)| (name, integers(rng, bits, SIZE)));
    for width in [256, 512, 1024, 2048, 4096] {
        let base = FixedBase::new(&Generators::new(width).expect("a valid width"));
        let blinds = Hyrax::blinds(SIZE / width, rng);
        for (name, values) in &data {
            let rows: Vec<IntSlice<'_>> =
                (0..SIZE / width).map(|r| values.as_slice().range(r * width, width)).collect();
            for method in [Method::Tables, Method::Buckets] {
                base.commit_rows_by(method, &rows, &blinds);
                let id = BenchmarkId::new(format!("{method:?}/{name}"), width);
                group.bench_function(id, |b| b.iter(|| base.commit_rows_by(method, &rows, &blinds)));
            }
        }
    }
    group.finish();
}

/// Parameters and the tables for bytes, which a prover makes once.
fn tables(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit_tables");
    group.sample_size(10);
    let (row, blinds) = ([1i8], Hyrax::blinds(1, &mut rng(2)));
    group.bench_function("i8", |b| {
        b.iter(|| Hyrax::commit(&Hyrax::params(WIDTH).expect("a valid width"), &[IntSlice::I8(&row)], &blinds));
    });
    group.finish();
}

criterion_group!(benches, commit, methods, tables);
criterion_main!(benches);
