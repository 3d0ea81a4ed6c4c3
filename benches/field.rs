//! Field kernels, each beside its naive reference, and the field's operations beside those of arkworks and, products, of blst: its
//! assembly by `blstrs`, which calls `blst_fr_mul` and nothing else.
//!
//! `cargo bench -p convince-benches --bench field`. Throughput counts terms: multiply-accumulates of an integer or of a pair
//! of elements.

use std::hint::black_box;

use ark_ff::Field;
use convince_field::{Fr, ProofField, SmallInt, curve_scalar, reference};
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Columns of the folded matrix and terms of a product.
const WIDTH: usize = 512;
/// Rows of the folded matrix.
const ROWS: usize = 128;

fn elements(rng: &mut ChaCha20Rng, len: usize) -> Vec<Fr> {
    (0..len).map(|_| Fr::full_challenge(&std::array::from_fn(|_| rng.r#gen()))).collect()
}

fn integers<I: SmallInt + TryFrom<i64>>(name: &str, c: &mut Criterion)
where
    rand::distributions::Standard: rand::distributions::Distribution<I>,
{
    let rng = &mut ChaCha20Rng::seed_from_u64(1);
    let ints: Vec<I> = (0..WIDTH * ROWS).map(|_| rng.r#gen()).collect();
    let weights = elements(rng, ROWS);
    let (row, row_weights) = (&ints[..WIDTH], elements(rng, WIDTH));

    let mut group = c.benchmark_group(format!("dot/{name}"));
    group.throughput(Throughput::Elements(WIDTH as u64));
    group.bench_function("kernel", |b| b.iter(|| Fr::dot(black_box(row), black_box(&row_weights))));
    group.bench_function("reference", |b| b.iter(|| reference::dot(black_box(row), black_box(&row_weights))));
    group.finish();

    let mut group = c.benchmark_group(format!("fold_rows/{name}"));
    group.throughput(Throughput::Elements((WIDTH * ROWS) as u64));
    group.bench_function("kernel", |b| b.iter(|| Fr::fold_rows(black_box(&ints), WIDTH, black_box(&weights))));
    group
        .bench_function("reference", |b| b.iter(|| reference::fold_rows(black_box(&ints), WIDTH, black_box(&weights))));
    group.finish();
}

fn narrow(c: &mut Criterion) {
    integers::<u8>("u8", c);
    integers::<i8>("i8", c);
    integers::<i16>("i16", c);
    integers::<i32>("i32", c);
}

fn inner_product(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(2);
    let (x, y) = (elements(rng, WIDTH), elements(rng, WIDTH));
    let mut group = c.benchmark_group("inner_product");
    group.throughput(Throughput::Elements(WIDTH as u64));
    group.bench_function("kernel", |b| b.iter(|| Fr::inner_product(black_box(&x), black_box(&y))));
    group.bench_function("reference", |b| b.iter(|| reference::inner_product(black_box(&x), black_box(&y))));
    group.finish();
}

fn conversions(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(3);
    let bytes: [u8; 64] = std::array::from_fn(|_| rng.r#gen());
    let short: [u8; 16] = std::array::from_fn(|_| rng.r#gen());
    let ints: Vec<i8> = (0..WIDTH).map(|_| rng.r#gen()).collect();

    let mut each = |name: &str, run: &mut dyn FnMut(&mut BenchmarkGroup<'_, WallTime>)| {
        let mut group = c.benchmark_group(name);
        run(&mut group);
        group.finish();
    };
    each("from_i64", &mut |group| {
        let convert = |from: fn(i64) -> Fr| ints.iter().map(|&x| from(x.into())).collect::<Vec<Fr>>();
        group.throughput(Throughput::Elements(WIDTH as u64));
        group.bench_function("kernel", |b| b.iter(|| black_box(convert(Fr::from_i64))));
        group.bench_function("reference", |b| b.iter(|| black_box(convert(reference::from_i64))));
    });
    each("short_challenge", &mut |group| {
        group.bench_function("kernel", |b| b.iter(|| Fr::short_challenge(black_box(&short))));
        group.bench_function("reference", |b| b.iter(|| reference::from_bytes::<Fr>(black_box(&short))));
    });
    each("full_challenge", &mut |group| {
        group.bench_function("kernel", |b| b.iter(|| Fr::full_challenge(black_box(&bytes))));
        group.bench_function("reference", |b| b.iter(|| reference::from_bytes::<Fr>(black_box(&bytes))));
    });
}

/// One operation over a table, of the field's own type and of arkworks'.
fn arithmetic(c: &mut Criterion) {
    fn each<F: Field>(c: &mut Criterion, who: &str, x: &[F], y: &[F]) {
        let mut run = |name: &str, operation: fn(&mut F, &F)| {
            let (mut x, mut group) = (x.to_vec(), c.benchmark_group(name));
            group.throughput(Throughput::Elements(WIDTH as u64));
            group.bench_function(who, |b| {
                b.iter(|| black_box(&mut x).iter_mut().zip(black_box(y)).for_each(|(a, b)| operation(a, b)));
            });
            group.finish();
        };
        run("mul", |a, b| *a *= b);
        run("square", |a, _| *a = a.square());
        run("add", |a, b| *a += b);
        run("sub", |a, b| *a -= b);
        run("sum_of_products", |a, b| *a = F::sum_of_products(&[*a, *b], &[*b, *a]));
    }
    let rng = &mut ChaCha20Rng::seed_from_u64(4);
    let (x, y) = (elements(rng, WIDTH), elements(rng, WIDTH));
    each(c, "kernel", &x, &y);
    let [x, y] = [x, y].map(|table| table.into_iter().map(curve_scalar).collect::<Vec<_>>());
    each(c, "arkworks", &x, &y);
}

/// Products alone, of three implementations: independent ones, as tables are multiplied, and a chain of which each needs the last,
/// as powers are made. The operands are the same integers, and so are the products.
fn products(c: &mut Criterion) {
    fn each<F: Copy>(c: &mut Criterion, who: &str, x: &[F], y: &[F], mul: fn(F, F) -> F) {
        for (name, is_chain) in [("products/independent", false), ("products/chain", true)] {
            let (mut x, mut group) = (x.to_vec(), c.benchmark_group(name));
            group.throughput(Throughput::Elements(WIDTH as u64));
            group.bench_function(who, |b| {
                b.iter(|| {
                    let (x, y) = (black_box(&mut x[..]), black_box(y));
                    match is_chain {
                        true => x[0] = y.iter().fold(x[0], |product, factor| mul(product, *factor)),
                        false => x.iter_mut().zip(y).for_each(|(a, b)| *a = mul(*a, *b)),
                    }
                });
            });
            group.finish();
        }
    }
    let rng = &mut ChaCha20Rng::seed_from_u64(6);
    let (x, y) = (elements(rng, WIDTH), elements(rng, WIDTH));
    each(c, "kernel", &x, &y, |a, b| a * b);
    let [own_x, own_y] = [&x, &y].map(|table| table.iter().copied().map(curve_scalar).collect::<Vec<_>>());
    each(c, "arkworks", &own_x, &own_y, |a, b| a * b);
    let [blst_x, blst_y] = [&x, &y].map(|table| table.iter().map(of_blst).collect::<Vec<_>>());
    assert!(x.iter().zip(&y).zip(&blst_x).zip(&blst_y).all(|(((a, b), c), d)| of_blst(&(*a * b)) == *c * d));
    each(c, "blst", &blst_x, &blst_y, |a, b| a * b);
}

fn of_blst(element: &Fr) -> blstrs::Scalar {
    let mut bytes = Vec::new();
    element.write_to(&mut bytes);
    let bytes: [u8; 32] = bytes.try_into().expect("an element's bytes");
    blstrs::Scalar::from_bytes_le(&bytes).expect("reduced")
}

fn bind(c: &mut Criterion) {
    let rng = &mut ChaCha20Rng::seed_from_u64(5);
    let (x, y) = (elements(rng, WIDTH), elements(rng, WIDTH));
    let challenges = [("short", Fr::short_challenge(&rng.r#gen())), ("full", elements(rng, 1)[0])];
    for (name, r) in challenges {
        let mut group = c.benchmark_group(format!("bind/{name}"));
        group.throughput(Throughput::Elements(WIDTH as u64));
        let mut low = x.clone();
        group.bench_function("kernel", |b| b.iter(|| Fr::bind(black_box(&mut low), black_box(&y), r)));
        let mut low = x.clone();
        group.bench_function("reference", |b| b.iter(|| reference::bind(black_box(&mut low), black_box(&y), r)));
        group.finish();
    }
}

criterion_group!(benches, arithmetic, products, bind, narrow, inner_product, conversions);
criterion_main!(benches);
