//! Hyrax commitments to rows of integers, by the width of the data; the tables of the generators are made before.
//!
//! `cargo bench -p convince-benches --bench commit`. Throughput counts integers.

use convince_benches::{integers, rng};
use convince_field::{Bits, IntSlice, Ints};
use convince_pcs::{CommitmentScheme, Hyrax};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// LeNet's.
const WIDTH: usize = 400;
const ROWS: usize = 64;

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

criterion_group!(benches, commit, tables);
criterion_main!(benches);
