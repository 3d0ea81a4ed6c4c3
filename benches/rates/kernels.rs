//! What one core does in a nanosecond: the operations that a proof consists of, each over data of a size that it has in proofs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use convince_benches::{elements, integers, rng};
use convince_circuit::{Circuit, CircuitBuilder, Requant, WireKind, evaluate};
use convince_field::convolution::Convolution;
use convince_field::{Bits, Fr, IntSlice, ProofField, SmallInt, WindowAxis};
use convince_pcs::group::{FixedBase, Generators, Method, msm};
use convince_pcs::{CommitmentScheme, Hyrax};
use convince_transcript::{PlainProver, ProverChannel, Transcript};
use rand::Rng;
use serde::Serialize;

/// Nanoseconds of an operation on one core.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rates {
    /// A multiply-accumulate of 8-bit integers in a convolution.
    pub(crate) mac: f64,
    /// An integer of the advice: dividing, clamping and laying out.
    pub(crate) advice: f64,
    /// A product of field elements, entry by entry of two tables.
    pub(crate) product: f64,
    /// A sum of two products: numerators of the sums of neighbouring fractions.
    pub(crate) two_products: f64,
    /// A term of an inner product of field elements.
    pub(crate) term: f64,
    /// An entry of a table bound to a 128-bit challenge.
    pub(crate) bind: f64,
    /// An 8-bit integer times an element, summed along rows of 32.
    pub(crate) short_dot: f64,
    /// A 32-bit integer times an element, summed along a row of 512.
    pub(crate) dot: f64,
    /// An 8-bit integer of a matrix whose rows are combined.
    pub(crate) fold: f64,
    /// A denominator looked up and added to another, in tables of 2^14.
    pub(crate) gather: f64,
    /// An 8-bit integer committed by tables.
    pub(crate) digit: f64,
    /// A 16-bit integer committed by tables.
    pub(crate) wide_digits: f64,
    /// An 8-bit integer committed by buckets, in rows of 2048.
    pub(crate) bucket: f64,
    /// A row's blind and its compressed point.
    pub(crate) row: f64,
    /// A term of a multi-scalar multiplication of 1024 full-size scalars.
    pub(crate) scalar: f64,
    /// A round: two scalars sent and a challenge drawn.
    pub(crate) round: f64,
    /// A byte copied from memory to memory, counted once.
    pub(crate) byte: f64,
}

/// How long a kernel runs at most.
const PATIENCE: Duration = Duration::from_millis(200);

/// Nanoseconds an item of the fastest of several runs: what else the machine does only adds.
fn least<T>(items: usize, mut run: impl FnMut() -> T) -> f64 {
    black_box(run());
    let (begin, mut least) = (Instant::now(), f64::INFINITY);
    while begin.elapsed() < PATIENCE {
        let start = Instant::now();
        black_box(run());
        least = least.min(start.elapsed().as_secs_f64());
    }
    1e9 * least / items as f64
}

/// Measures everything, in some four seconds. Runs on the threads of the pool that it is called in: one.
pub(crate) fn measure() -> Rates {
    let [mac, advice] = inference();
    let [product, two_products, term, bind] = arithmetic();
    let [short_dot, dot, fold] = small_integers();
    let [digit, wide_digits, bucket, row, scalar] = group();
    let [gather, round, byte] = memory_and_messages();
    Rates {
        mac,
        advice,
        product,
        two_products,
        term,
        bind,
        short_dot,
        dot,
        fold,
        gather,
        digit,
        wide_digits,
        bucket,
        row,
        scalar,
        round,
        byte,
    }
}

fn inference() -> [f64; 2] {
    let (channels, side) = (64, 32);
    let axis = WindowAxis { input: side, kernel: 3, stride: 1, padding: [1; 2], dilation: 1 };
    let shapes = Convolution {
        input_shape: [1, channels, side, side],
        weight_shape: [channels, channels, 3, 3],
        groups: 1,
        axes: [axis; 2],
    };
    let rng = &mut rng(1);
    let input: Vec<u8> = (0..channels * side * side).map(|_| rng.r#gen()).collect();
    let weight: Vec<i8> = (0..channels * channels * 9).map(|_| rng.r#gen()).collect();
    let macs = weight.len() * side * side;
    let mac = least(macs, || shapes.accumulate(IntSlice::U8(&input), IntSlice::I8(&weight), None));

    let circuit = requantisation();
    let input = integers(rng, Bits::signed(18), circuit.wire(circuit.input()).size());
    debug_assert_eq!(circuit.wires_of(WireKind::Weight).count(), 0);
    let committed = circuit.statistics().advice;
    let advice = least(committed, || evaluate(&circuit, &input, &[]));
    [mac, advice]
}

/// Accumulators of 18 bits to 8 bits: the columns of an ordinary convolution's output.
fn requantisation() -> Circuit {
    let build = || {
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 64, 32, 32], Bits::signed(18))?;
        let y = c.requant(x, Requant::plain(8, 0, 255))?;
        c.output(y)?;
        c.finish()
    };
    build().expect("a provable circuit")
}

/// Over tables of 512, which stay in a level-1 cache.
fn arithmetic() -> [f64; 4] {
    const LEN: usize = 512;
    let rng = &mut rng(2);
    let [mut x, y, z] = [(); 3].map(|()| elements(rng, LEN));
    let r = Fr::short_challenge(&rng.r#gen());
    let product = least(LEN, || Fr::products(black_box(&mut x), black_box(&y), black_box(&z)));
    // A sum of fractions is a product and a sum of two.
    let mut sums = [vec![Fr::from(0u64); LEN / 2], vec![Fr::from(0u64); LEN / 2]];
    let [p, q] = &mut sums;
    let fractions = least(LEN / 2, || Fr::add_fractions(black_box([&y, &z]), black_box([&mut *p, &mut *q])));
    let two_products = fractions - product;
    let term = least(LEN, || Fr::inner_product(black_box(&x), black_box(&y)));
    let bind = least(LEN, || Fr::bind(black_box(&mut x), black_box(&y), r));
    [product, two_products, term, bind]
}

fn small_integers() -> [f64; 3] {
    const LEN: usize = 512;
    const ROWS: usize = 128;
    let rng = &mut rng(3);
    let weights = elements(rng, LEN);
    let bytes: Vec<u8> = (0..LEN).map(|_| rng.r#gen()).collect();
    let short_dot = least(LEN, || {
        let dots = bytes.chunks_exact(32).map(|row| Fr::dot(black_box(row), black_box(&weights[..32])));
        dots.sum::<Fr>()
    });
    let ints: Vec<i32> = (0..LEN).map(|_| rng.r#gen::<i32>() >> 1).collect();
    let dot = least(LEN, || Fr::dot(black_box(&ints), black_box(&weights)));
    let matrix: Vec<i8> = (0..LEN * ROWS).map(|_| rng.r#gen()).collect();
    let fold = least(LEN * ROWS, || folded(black_box(&matrix), LEN, &weights[..ROWS]));
    [short_dot, dot, fold]
}

fn folded<I: SmallInt>(matrix: &[I], width: usize, weights: &[Fr]) -> Vec<Fr> {
    Fr::fold_rows(matrix, width, weights)
}

fn group() -> [f64; 5] {
    const WIDTH: usize = 512;
    const WIDE: usize = 2048;
    const ROWS: usize = 32;
    let rng = &mut rng(4);
    let base = FixedBase::new(&Generators::new(WIDTH).expect("a valid width"));
    let blinds = Hyrax::blinds(ROWS, rng);
    let bytes = integers(rng, Bits::I8, WIDTH * ROWS);
    let halves = integers(rng, Bits::signed(16), WIDTH * ROWS);
    fn rows(values: &convince_field::Ints, width: usize) -> Vec<IntSlice<'_>> {
        (0..values.len() / width).map(|row| values.as_slice().range(row * width, width)).collect()
    }
    let row = least(ROWS, || Hyrax::rows_to_bytes(&base.commit_rows(&[IntSlice::I8(&[]); ROWS], &blinds)));
    let blind = row * ROWS as f64;
    let each = |values| {
        let rows = rows(values, WIDTH);
        least(WIDTH * ROWS, || Hyrax::rows_to_bytes(&base.commit_rows(&rows, &blinds))) - blind / (WIDTH * ROWS) as f64
    };
    let (digit, wide_digits) = (each(&bytes), each(&halves));
    let generators = Generators::new(WIDE).expect("a valid width");
    let wide = FixedBase::new(&generators);
    let wide_rows = rows(&bytes, WIDE);
    let blinds = &blinds[..wide_rows.len()];
    let bucket = least(WIDTH * ROWS, || wide.commit_rows_by(Method::Buckets, &wide_rows, blinds))
        - row * wide_rows.len() as f64 / (WIDTH * ROWS) as f64;
    let scalars = elements(rng, 1024);
    let scalar = least(scalars.len(), || msm(&generators.columns()[..scalars.len()], &scalars));
    [digit, wide_digits, bucket, row, scalar]
}

fn memory_and_messages() -> [f64; 3] {
    const TABLE: usize = 1 << 14;
    const LEAVES: usize = 1 << 16;
    let rng = &mut rng(5);
    let (low, high) = (elements(rng, TABLE), elements(rng, TABLE));
    let codes: Vec<u32> = (0..LEAVES).map(|_| rng.gen_range(0..TABLE as u32)).collect();
    let mut sums = vec![Fr::from_i64(0); LEAVES / 2];
    let gather = least(LEAVES, || {
        let (pairs, _) = codes.as_chunks::<2>();
        for (sum, [a, b]) in sums.iter_mut().zip(black_box(pairs)) {
            *sum = low[*a as usize] + high[*b as usize];
        }
    });
    const ROUNDS: usize = 64;
    let message = elements(rng, 2);
    let round = least(ROUNDS, || {
        let mut prover = PlainProver::<Fr>::new(Transcript::new("bench"));
        for _ in 0..ROUNDS {
            prover.send("bench/round", &message);
            black_box::<Fr>(prover.challenge("bench/challenge"));
        }
        prover.finish()
    });
    const BYTES: usize = 64 << 20;
    let (from, mut to) = (vec![1u8; BYTES], vec![0u8; BYTES]);
    let byte = least(BYTES, || black_box(&mut to).copy_from_slice(black_box(&from)));
    [gather, round, byte]
}
