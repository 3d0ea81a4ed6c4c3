//! Random small graphs around one operator.

use std::ops::RangeInclusive;
use std::sync::Arc;

use convince::circuit::Bits;
use convince::model::{
    Conv2d, Gemm, Graph, Linear, LinearTerm, MaxPool, Model, Node, Op, Preprocessing, QuantizationReport, Requant,
    Shape, ValueId, ValueInfo,
};
use convince_field::{AxisMap, Ints, TensorMap};
use rand::Rng as _;
use rand_chacha::ChaCha20Rng as Rng;

/// An operator of some kind, the shape of its inputs and their format. `None` if what was drawn does not fit.
pub(crate) type Draw = fn(&mut Rng) -> Option<(Shape, Bits, Op)>;

fn any<T: Copy>(of: &[T], rng: &mut Rng) -> T {
    of[rng.gen_range(0..of.len())]
}

/// Length of an axis: one, and odd ones, more often than not.
fn extent(rng: &mut Rng) -> usize {
    any(&[1, 1, 2, 3, 4, 5, 7, 9], rng)
}

fn shape(channels: RangeInclusive<usize>, rng: &mut Rng) -> Shape {
    [any(&[1, 1, 2, 3], rng), rng.gen_range(channels), extent(rng), extent(rng)]
}

/// Values of a format: every second time at its two ends alone.
pub(crate) fn values(len: usize, bits: Bits, rng: &mut Rng) -> Vec<i64> {
    let extremes = rng.gen_bool(0.5);
    let value =
        |_| if extremes { any(&[bits.low(), bits.high()], rng) } else { rng.gen_range(bits.low()..=bits.high()) };
    (0..len).map(value).collect()
}

fn ints(len: usize, bits: Bits, rng: &mut Rng) -> Arc<Ints> {
    Arc::new(Ints::pack(bits, &values(len, bits, rng)).expect("values of the format"))
}

/// Kinds of convolutions.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Window {
    Plain,
    /// One place.
    Pointwise,
    /// Stride beyond the kernel.
    Strided,
    /// Padding of the kernel's length and more, other on each side.
    Padded,
    Dilated,
}

fn conv(window: Window, groups: usize, bits: Bits, rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    let per_group = if groups == 4 { 1 } else { rng.gen_range(1..=3) };
    let shape = shape(groups * per_group..=groups * per_group, rng);
    let kernel = [0; 2].map(|_| if window == Window::Pointwise { 1 } else { rng.gen_range(1..=3) });
    let mut one_of = |chosen: bool, range: RangeInclusive<usize>| if chosen { rng.gen_range(range) } else { 1 };
    let stride = kernel.map(|k| one_of(window == Window::Strided, k + 1..=k + 3));
    let dilation = [0; 2].map(|_| one_of(window == Window::Dilated, 2..=4));
    let weight_shape = [groups * rng.gen_range(1..=3), per_group, kernel[0], kernel[1]];
    let bias = rng.gen_bool(0.5).then(|| ints(weight_shape[0], Bits::signed(10), rng));
    let padding = match window {
        Window::Padded => [0, 1, 2, 3].map(|side| rng.gen_range(0..3) * kernel[side % 2] + rng.gen_range(0..2)),
        Window::Pointwise => [0; 4],
        _ => [0; 4].map(|_: usize| rng.gen_range(0..=1)),
    };
    let conv = Conv2d {
        stride,
        dilation,
        padding,
        groups,
        bias,
        bias_bits: Bits::signed(10),
        ..Conv2d::new(ints(weight_shape.iter().product(), bits, rng), weight_shape, bits)
    };
    conv.output_size(shape[2], shape[3])?;
    Some((shape, any(&[Bits::U8, Bits::I8], rng), Op::Conv2d(conv)))
}

/// Every kind of convolution.
pub(crate) const CONVOLUTIONS: [(&str, Draw); 8] = [
    ("plain", |rng| conv(Window::Plain, 1, Bits::I8, rng)),
    ("1x1", |rng| conv(Window::Pointwise, 1, Bits::I8, rng)),
    ("stride beyond the kernel", |rng| conv(Window::Strided, 1, Bits::I8, rng)),
    ("padding of the kernel and more", |rng| conv(Window::Padded, 1, Bits::signed(5), rng)),
    ("dilated", |rng| conv(Window::Dilated, 1, Bits::I8, rng)),
    ("groups", |rng| conv(Window::Plain, rng.gen_range(2..=3), Bits::I8, rng)),
    ("depthwise", |rng| conv(any(&[Window::Plain, Window::Padded], rng), 4, Bits::I8, rng)),
    ("16-bit weights", |rng| conv(Window::Plain, 1, Bits::signed(16), rng)),
];

pub(crate) fn dense(rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    let shape = shape(1..=4, rng);
    let (taps, outputs) = (shape[1..].iter().product(), rng.gen_range(1..=9));
    let weight_bits = any(&[Bits::I8, Bits::signed(3), Bits::signed(12)], rng);
    let gemm = Gemm {
        weight: ints(outputs * taps, weight_bits, rng),
        weight_shape: [outputs, taps],
        weight_bits,
        bias: rng.gen_bool(0.5).then(|| ints(outputs, Bits::signed(20), rng)),
        bias_bits: Bits::signed(20),
    };
    Some((shape, any(&[Bits::U8, Bits::I8], rng), Op::Gemm(gemm)))
}

pub(crate) fn product(rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    Some((shape(1..=3, rng), any(&[Bits::U8, Bits::signed(3), Bits::signed(15)], rng), Op::Product))
}

/// A requantisation of 13-bit values whose quotient has some 9 bits.
fn requant(rng: &mut Rng, change: impl Fn(usize, Requant, &mut Rng) -> Requant) -> Option<(Shape, Bits, Op)> {
    let shape = shape(1..=3, rng);
    let op = change(shape[1], Requant::plain(rng.gen_range(1..=9), -200, 211), rng);
    Some((shape, Bits::signed(13), Op::Requant(op)))
}

fn with_table(op: Requant, rng: &mut Rng) -> Requant {
    let table = (op.low..=op.high).map(|_| rng.gen_range(-128..128)).collect();
    Requant { table: Some(table), ..op }
}

/// Every kind of requantisation.
pub(crate) const REQUANTS: [(&str, Draw); 7] = [
    ("rounding", |rng| requant(rng, |_, op, _| Requant { low: -1 << 13, high: 1 << 13, ..op })),
    ("saturating", |rng| requant(rng, |_, op, rng| Requant { low: rng.gen_range(-5..2), high: 2, ..op })),
    ("ReLU", |rng| requant(rng, |_, op, rng| Requant { low: 0, high: any(&[1, 255, 4096], rng), ..op })),
    ("shift 0", |rng| requant(rng, |_, op, rng| Requant { shift: 0, low: rng.gen_range(-300..0), ..op })),
    ("multipliers", |rng| {
        requant(rng, |channels, op, rng| {
            let multipliers = (0..channels).map(|_| any(&[0, 1, -1, 77, -300, 40_000], rng)).collect();
            Requant { multipliers: Some(Arc::new(multipliers)), shift: op.shift + 7, ..op }
        })
    }),
    ("table", |rng| requant(rng, |_, op, rng| with_table(op, rng))),
    ("table of one entry", |rng| requant(rng, |_, op, rng| with_table(Requant { low: -1, high: -1, ..op }, rng))),
];

fn pool(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 4], rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    let (shape, op) = (shape(1..=3, rng), MaxPool { kernel, stride, padding });
    op.output_size(shape[2], shape[3])?;
    Some((shape, any(&[Bits::U8, Bits::signed(4), Bits::signed(9)], rng), Op::MaxPool(op)))
}

fn pair(range: RangeInclusive<usize>, rng: &mut Rng) -> [usize; 2] {
    [0; 2].map(|_| rng.gen_range(range.clone()))
}

/// Every kind of max-pool.
pub(crate) const POOLS: [(&str, Draw); 5] = [
    ("apart", |rng| {
        let kernel = pair(1..=3, rng);
        pool(kernel, kernel, [0; 4], rng)
    }),
    ("overlapping", |rng| pool([2 + extent(rng) % 2, 3], [1, rng.gen_range(1..=2)], [0; 4], rng)),
    ("padded", |rng| {
        let (kernel, stride) = (pair(2..=3, rng), pair(1..=3, rng));
        let padding = [0, 1, 2, 3].map(|side| rng.gen_range(0..kernel[side % 2]));
        pool(kernel, stride, padding, rng)
    }),
    ("stride beyond the window", |rng| pool(pair(1..=2, rng), pair(3..=4, rng), [0; 4], rng)),
    ("in passes", |rng| pool([4, 5], pair(1..=3, rng), [2, 1, 3, 4], rng)),
];

fn mapped(shape: Shape, maps: Vec<TensorMap>, rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    let term = |map| LinearTerm { multiplier: any(&[1, -1, 3, -128], rng), map };
    let terms: Vec<LinearTerm> = maps.into_iter().map(term).collect();
    let constant = any(&[0, 1, -999], rng);
    Some((shape, any(&[Bits::U8, Bits::signed(9)], rng), Op::Linear(Linear { terms, constant })))
}

fn gather(sources: impl IntoIterator<Item = Option<usize>>) -> AxisMap {
    AxisMap::Gather(sources.into_iter().map(|source| source.map(|at| at as u32)).collect())
}

/// `map` on a random axis behind the batch.
fn on_axis(rng: &mut Rng, map: impl Fn(usize, &mut Rng) -> AxisMap) -> Option<(Shape, Bits, Op)> {
    let (shape, axis) = (shape(1..=5, rng), rng.gen_range(1..4));
    let map = map(shape[axis], rng);
    mapped(shape, vec![TensorMap::IDENTITY.with_axis(axis, map)], rng)
}

/// Every kind of public linear map.
pub(crate) const LINEAR: [(&str, Draw); 10] = [
    ("sum", |rng| {
        let maps = vec![TensorMap::IDENTITY; rng.gen_range(1..=3)];
        mapped(shape(1..=4, rng), maps, rng)
    }),
    ("slice", |rng| {
        on_axis(rng, |len, rng| {
            let (start, step) = (rng.gen_range(0..len), rng.gen_range(1..=3));
            gather((start..len).step_by(step).map(Some))
        })
    }),
    ("concat", |rng| {
        let (shape, axis) = (shape(1..=4, rng), rng.gen_range(1..4));
        let len = shape[axis];
        let place = |k: usize| gather((0..3 * len).map(|o| (o / len == k).then_some(o % len)));
        mapped(shape, (0..3).map(|k| TensorMap::IDENTITY.with_axis(axis, place(k))).collect(), rng)
    }),
    ("pad", |rng| {
        on_axis(rng, |len, rng| {
            let (before, behind) = (rng.gen_range(0..4), rng.gen_range(0..4));
            gather((0..before + len + behind).map(|o| o.checked_sub(before).filter(|&i| i < len)))
        })
    }),
    ("transpose", |rng| {
        let order = any(&[[0, 1, 3, 2], [0, 2, 1, 3], [0, 3, 1, 2], [0, 2, 3, 1], [0, 3, 2, 1]], rng);
        mapped(shape(1..=5, rng), vec![TensorMap::permutation(order)], rng)
    }),
    ("shuffle", |rng| {
        let (groups, per_group) = (rng.gen_range(1..=3), rng.gen_range(1..=3));
        let map = gather((0..groups * per_group).map(|o| Some(o % groups * per_group + o / groups)));
        let shape = shape(groups * per_group..=groups * per_group, rng);
        mapped(shape, vec![TensorMap::IDENTITY.with_axis(1, map)], rng)
    }),
    ("upsample", |rng| {
        let factor = rng.gen_range(2..=3);
        on_axis(rng, |len, _| gather((0..factor * len).map(|o| Some(o / factor))))
    }),
    ("reversal", |rng| on_axis(rng, |len, _| gather((0..len).rev().map(Some)))),
    ("window sums", |rng| {
        on_axis(rng, |len, rng| {
            let kernel = rng.gen_range(1..=len + 2);
            let padding = [rng.gen_range(1..=kernel + 1), rng.gen_range(1..=kernel + 1)];
            AxisMap::Window { kernel, stride: rng.gen_range(1..=kernel + 2), padding }
        })
    }),
    ("scales", |rng| on_axis(rng, |len, rng| AxisMap::Scale((0..len).map(|_| rng.gen_range(-99..99)).collect()))),
];

/// A fully connected layer on a plane of one place, so that its outputs have a label.
pub(crate) fn scores(rng: &mut Rng) -> Option<(Shape, Bits, Op)> {
    dense(rng).filter(|(_, _, op)| matches!(op, Op::Gemm(gemm) if gemm.weight_shape[0] > 1))
}

/// The operator on the input, or behind a requantisation, with or without one behind it; `None` if that has no bounds.
pub(crate) fn graph(draw: Draw, tail: bool, rng: &mut Rng) -> Option<Graph> {
    let (input_shape, input_bits, op) = draw(rng)?;
    let mut nodes = Vec::new();
    let mut add = |name: &str, op, inputs: Vec<u32>| {
        nodes.push(Node { name: name.into(), op, inputs: inputs.into_iter().map(ValueId).collect() });
        nodes.len() as u32
    };
    let readable: &[u32] = if rng.gen_bool(0.4) {
        let (low, high) = (input_bits.low() as i32 / 3, input_bits.high() as i32 / 2);
        add("before", Op::Requant(Requant::plain(1, low, high)), vec![0]);
        &[1, 0]
    } else {
        &[0]
    };
    let count = match &op {
        Op::Linear(linear) => linear.terms.len(),
        Op::Product => 2,
        _ => 1,
    };
    let inputs = (0..count).map(|k| if k == 0 { readable[0] } else { any(readable, rng) }).collect();
    let last = add("it", op, inputs);
    let mut graph = Graph { input_shape, input_bits, nodes };
    let infos = graph.infer().ok()?;
    if tail && rng.gen_bool(0.7) {
        let behind = requant_of(&infos[last as usize], rng);
        graph.nodes.push(Node { name: "behind".into(), op: Op::Requant(behind), inputs: vec![ValueId(last)] });
    }
    let elements = graph.infer().ok()?.iter().map(ValueInfo::num_elements).sum::<usize>();
    (elements < 2500).then_some(graph)
}

/// Brings values of a range to some nine bits, a part of which saturates.
fn requant_of(info: &ValueInfo, rng: &mut Rng) -> Requant {
    let span = (info.high - info.low).max(1);
    let shift = (span.ilog2() as i32 - 8 + rng.gen_range(0..2)).max(0) as u32;
    let (low, high) = ((info.low >> shift) as i32, (info.high >> shift) as i32);
    let op = Requant::plain(shift, low / 2, (high / 2).max(low / 2));
    if rng.gen_bool(0.3) { with_table(op, rng) } else { op }
}

pub(crate) fn model(graph: Graph) -> Model {
    let [_, channels, rows, columns] = graph.input_shape;
    let pixels = Preprocessing::pixels([channels, rows, columns]);
    Model {
        preprocessing: Preprocessing { bits: graph.input_bits, ..pixels },
        graph,
        output_scale: 1.0,
        labels: vec![],
        report: QuantizationReport::default(),
    }
}
