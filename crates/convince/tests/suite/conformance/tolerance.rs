//! What rounding may cost a quantised network, by forward error analysis of its integers.
//!
//! With `q` the integers of a value on the given input and `v` the reals that an unrounded network has there, in units of the
//! integer 1, `E` bounds `|q - v|`, entry by entry:
//!
//! ```text
//! input               0
//! conv2d, gemm        sum |w| E + 1/2 sum (|q| + E) + 1/2     weights and biases are rounded; twice that where there is a bias,
//!                                                             which may be moved by the mean error of its channel
//! requant             |m| / 2^s E + 1/2
//!   clamp             + 1/2 at an end other than 0, which is rounded; or what is cut off, where it is an end of 8 bits
//!   multipliers       + |a| / 2^(s+1)                         a multiplier is rounded
//!   table             largest change of the table within that of c, + 1/2
//! linear              sum |m_t| |M_t| E_t + 1/2               a constant is rounded
//!   multiplier > 1    + 1/2 |M_t| |q_t|                       a multiplier is rounded
//! max-pool            largest E of the window
//! product             |a| E_b + |b| E_a + E_a E_b
//! ```

use convince::model::{Conv2d, Gemm, Graph, Linear, MaxPool, Op, Requant, Shape, Trace, ValueId};
use convince_field::{AxisMap, WindowAxis};

/// Bounds of the output's errors.
pub(crate) fn steps(graph: &Graph, trace: &Trace) -> Vec<f64> {
    let infos = graph.infer().expect("a graph that runs");
    let mut errors = vec![vec![0.0; infos[0].num_elements()]];
    for node in &graph.nodes {
        let input = |t: usize| {
            let id: ValueId = node.inputs[t];
            Known { shape: infos[id.index()].shape, integers: trace.value(id), errors: &errors[id.index()] }
        };
        errors.push(match &node.op {
            Op::Conv2d(op) => conv2d(op, &input(0)),
            Op::Gemm(op) => gemm(op, &input(0)),
            Op::Requant(op) => requant(op, &input(0)),
            Op::MaxPool(op) => max_pool(op, &input(0)),
            Op::Linear(op) => linear(op, &(0..op.terms.len()).map(input).collect::<Vec<_>>()),
            Op::Product => product(&input(0), &input(1)),
        });
    }
    errors.pop().unwrap_or_default()
}

/// A value's integers and the bounds of their errors.
struct Known<'a> {
    shape: Shape,
    integers: &'a [i32],
    errors: &'a [f64],
}

impl Known<'_> {
    fn magnitude(&self, at: usize) -> f64 {
        f64::from(self.integers[at]).abs()
    }

    /// What an entry behind a weight adds to the error of a sum.
    fn weighted(&self, weight: i64, at: usize) -> f64 {
        (weight as f64).abs() * self.errors[at] + 0.5 * (self.magnitude(at) + self.errors[at])
    }
}

fn with_bias(sum: f64, has_bias: bool) -> f64 {
    if has_bias { 2.0 * (sum + 0.5) } else { sum }
}

/// How windows slide over rows and over columns.
fn axes(
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    [top, left, bottom, right]: [usize; 4],
    dilation: [usize; 2],
) -> [WindowAxis; 2] {
    let axis = |k: usize, padding| WindowAxis {
        input: input[k],
        kernel: kernel[k],
        stride: stride[k],
        padding,
        dilation: dilation[k],
    };
    [axis(0, [top, bottom]), axis(1, [left, right])]
}

/// Pairs of an output and an input place on an axis, with the kernel's place.
fn meetings(axis: &WindowAxis) -> impl Iterator<Item = [usize; 3]> + Clone + '_ {
    let outputs = axis.output().unwrap_or(0);
    let each = move |y: usize| (0..axis.kernel).filter_map(move |k| Some([y, k, axis.place(y, k)?]));
    (0..outputs).flat_map(each)
}

fn conv2d(op: &Conv2d, input: &Known<'_>) -> Vec<f64> {
    let [outputs, per_group, kernel_rows, kernel_columns] = op.weight_shape;
    let [batch, channels, rows, columns] = input.shape;
    let [down, across] = axes([rows, columns], [kernel_rows, kernel_columns], op.stride, op.padding, op.dilation);
    let [height, width] = op.output_size(rows, columns).expect("a graph that runs");
    let mut sums = vec![0.0; batch * outputs * height * width];
    for (plane, sums) in sums.chunks_exact_mut(height * width).enumerate() {
        let (image, o) = (plane / outputs, plane % outputs);
        let first = o / (outputs / op.groups) * per_group;
        for c in 0..per_group {
            let source = (image * channels + first + c) * rows * columns;
            let weights = (o * per_group + c) * kernel_rows * kernel_columns;
            for [y, i, qy] in meetings(&down) {
                for [x, j, qx] in meetings(&across) {
                    let weight = op.weight.as_slice().get(weights + i * kernel_columns + j);
                    sums[y * width + x] += input.weighted(weight, source + qy * columns + qx);
                }
            }
        }
    }
    sums.iter().map(|&sum| with_bias(sum, op.bias.is_some())).collect()
}

fn gemm(op: &Gemm, input: &Known<'_>) -> Vec<f64> {
    let [outputs, taps] = op.weight_shape;
    let entry = |at: usize| {
        let (image, o) = (at / outputs, at % outputs);
        let each = (0..taps).map(|k| input.weighted(op.weight.as_slice().get(o * taps + k), image * taps + k));
        with_bias(each.sum(), op.bias.is_some())
    };
    (0..input.shape[0] * outputs).map(entry).collect()
}

fn requant(op: &Requant, input: &Known<'_>) -> Vec<f64> {
    let plane = input.shape[2] * input.shape[3];
    let unit = (-f64::from(op.shift)).exp2();
    let entry = |at: usize| {
        let multiplier = op.multiplier(at / plane % input.shape[1]);
        let rounded = if op.multipliers.is_some() { 0.5 * input.magnitude(at) * unit } else { 0.0 };
        let rounding = if op.shift > 0 || op.multipliers.is_some() { 0.5 } else { 0.0 };
        let before = f64::from(multiplier).abs() * unit * input.errors[at] + rounded + rounding;
        let quotient = op.quotient(i64::from(multiplier) * i64::from(input.integers[at]));
        let clamped = quotient.clamp(op.low.into(), op.high.into());
        match &op.table {
            None if is_format(op.low, op.high) => before + (quotient - clamped).unsigned_abs() as f64,
            None if clamped != 0 && [op.low.into(), op.high.into()].contains(&clamped) => before + 0.5,
            None => before,
            Some(table) => {
                let reach = before.ceil() as i64;
                let index = |c: i64| (c.clamp(op.low.into(), op.high.into()) - i64::from(op.low)) as usize;
                let image = f64::from(table[index(clamped)]);
                let near = &table[index(quotient - reach)..=index(quotient + reach)];
                0.5 + near.iter().map(|&y| (f64::from(y) - image).abs()).fold(0.0, f64::max)
            }
        }
    };
    (0..input.integers.len()).map(entry).collect()
}

/// Whether a clamp is that of 8 bits, which cuts off what a scale leaves out, rather than a function's.
fn is_format(low: i32, high: i32) -> bool {
    high - low == 255
}

fn max_pool(op: &MaxPool, input: &Known<'_>) -> Vec<f64> {
    let [batch, channels, rows, columns] = input.shape;
    let [down, across] = axes([rows, columns], op.kernel, op.stride, op.padding, [1; 2]);
    let [height, width] = op.output_size(rows, columns).expect("a graph that runs");
    let mut largest = vec![0.0f64; batch * channels * height * width];
    for (plane, largest) in largest.chunks_exact_mut(height * width).enumerate() {
        for [y, _, qy] in meetings(&down) {
            for [x, _, qx] in meetings(&across) {
                let error = input.errors[(plane * rows + qy) * columns + qx];
                largest[y * width + x] = largest[y * width + x].max(error);
            }
        }
    }
    largest
}

fn linear(op: &Linear, inputs: &[Known<'_>]) -> Vec<f64> {
    let mut sums = Vec::new();
    for (term, input) in op.terms.iter().zip(inputs) {
        let multiplier = (term.multiplier as f64).abs();
        let rounded = if multiplier > 1.0 { 0.5 } else { 0.0 };
        let entry = |at: usize| multiplier * input.errors[at] + rounded * (input.magnitude(at) + input.errors[at]);
        let entries = (0..input.integers.len()).map(entry).collect();
        let mapped = mapped(&term.map.order, &term.map.axes, input.shape, entries);
        sums.resize(mapped.len(), if op.constant == 0 { 0.0 } else { 0.5 });
        sums.iter_mut().zip(mapped).for_each(|(sum, error): (&mut f64, f64)| *sum += error);
    }
    sums
}

/// The absolute values of a map's matrices, on an error.
fn mapped(order: &[usize; 4], axes: &[AxisMap; 4], shape: Shape, values: Vec<f64>) -> Vec<f64> {
    let strides = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
    let rows: [Vec<_>; 4] = std::array::from_fn(|a| axes[a].rows(shape[order[a]]).collect());
    // Partial sums over the places of the axes before, one output place after the other.
    let mut places = vec![vec![(0, 1.0)]];
    for (rows, &axis) in rows.iter().zip(order) {
        let extend = |terms: &Vec<(usize, f64)>| {
            let row = |row: &convince_field::AxisRow| {
                let factor = f64::from(row.factor).abs();
                let each = |&(at, weight): &(usize, f64)| {
                    row.sources.clone().map(move |q| (at + q * strides[axis], weight * factor)).collect::<Vec<_>>()
                };
                terms.iter().flat_map(each).collect::<Vec<_>>()
            };
            rows.iter().map(row).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(extend).collect();
    }
    places.iter().map(|terms| terms.iter().map(|&(at, weight)| weight * values[at]).sum()).collect()
}

fn product(a: &Known<'_>, b: &Known<'_>) -> Vec<f64> {
    let entry =
        |at: usize| a.magnitude(at) * b.errors[at] + b.magnitude(at) * a.errors[at] + a.errors[at] * b.errors[at];
    (0..a.integers.len()).map(entry).collect()
}
