//! Main columns of all tables. Values that the trace has are taken from it, whether or not they fit together.

use p3_field::{PrimeCharacteristicRing, PrimeField32};
use p3_matrix::dense::RowMajorMatrix;

use super::air::{BYTE, F, Kind, WEIGHT_OFFSET};
use super::layout::{ConvShape, Layout, convolution, dense_layer, limb_size, tap_number};
use crate::systems::parts;
use crate::workload::{Layer, Linear, Requant, Step, Trace, Workload};

/// A main trace in the making.
struct Main {
    width: usize,
    values: Vec<F>,
}

impl Main {
    fn row(&mut self, row: usize) -> &mut [F] {
        &mut self.values[row * self.width..(row + 1) * self.width]
    }
}

/// How often the table of ranges and that of pairs are read.
struct Counts<'a> {
    ranges: &'a [(u64, usize)],
    range_counts: Vec<u32>,
    pair_counts: Vec<u32>,
}

impl Counts<'_> {
    /// A number that is not in the range is not counted: the proof fails.
    fn range(&mut self, size: u64, number: i64) {
        let Some(&(_, start)) = self.ranges.iter().find(|&&(s, _)| s == size) else { return };
        if (0..size as i64).contains(&number) {
            self.range_counts[start + number as usize] += 1;
        }
    }

    fn pair(&mut self, first: i64, second: i64) {
        let [first, second] = [first, second].map(|weight| weight + WEIGHT_OFFSET);
        if (0..BYTE as i64).contains(&first) && (0..BYTE as i64).contains(&second) {
            self.pair_counts[first as usize * BYTE as usize + second as usize] += 1;
        }
    }
}

/// The main traces, one a table.
pub(super) fn main_traces(layout: &Layout, workload: &Workload, trace: &Trace) -> Vec<RowMajorMatrix<F>> {
    let mut mains: Vec<Main> = layout
        .tables
        .iter()
        .map(|table| {
            let rows = table.fixed.values.len() / table.kind.fixed_width();
            Main { width: table.kind.width(), values: F::zero_vec(rows * table.kind.width()) }
        })
        .collect();
    let range_rows = layout.tables[layout.range_table].fixed.values.len() / 2;
    let pair_rows = layout.pair_table.map_or(0, |_| (BYTE * BYTE) as usize);
    let mut counts =
        Counts { ranges: &layout.ranges, range_counts: vec![0; range_rows], pair_counts: vec![0; pair_rows] };
    if let Some((table, taps, outputs)) = layout.dense {
        let pairs = layout.pair_table.is_some();
        dense(&mut mains[table], &mut counts, workload, trace, taps, outputs, pairs);
    }
    let (mut requant_row, mut max_row) = (0, 0);
    for (index, step) in workload.steps.iter().enumerate() {
        let (input, output) = (trace.input(index), trace.output(index));
        match &step.layer {
            Layer::Linear(_) => {
                if let (Some(linear), Some(table)) = (convolution(step), layout.conv_tables[index]) {
                    conv(&mut mains[table], &mut counts, linear, input, output);
                }
            }
            Layer::Requant(requant) => {
                let Some((table, limbs)) = layout.requant else { continue };
                for (&input, &output) in input.iter().zip(output) {
                    let numbers = limbs_of(requant, input, output, [limbs.remainder, limbs.above, limbs.below]);
                    let row = mains[table].row(requant_row);
                    row[0] = F::from_i32(input);
                    for (cell, &number) in row[1..].iter_mut().zip(&numbers) {
                        *cell = F::from_i64(number);
                    }
                    count_limbs(&mut counts, step, requant, &numbers, [limbs.remainder, limbs.above, limbs.below]);
                    requant_row += 1;
                }
            }
            Layer::MaxPool(pool) => {
                let Some((table, window)) = layout.max else { continue };
                for (element, &output) in output.iter().enumerate() {
                    let row = mains[table].row(max_row);
                    row[0] = F::from_i32(output);
                    let mut product = F::ONE;
                    for (value, place) in pool.window(element).enumerate() {
                        let difference = i64::from(output) - i64::from(input[place]);
                        row[1 + value] = F::from_i32(input[place]);
                        product *= F::from_i64(difference);
                        if (1..window - 1).contains(&value) {
                            row[window + value] = product;
                        }
                        counts.range(BYTE, difference);
                    }
                    max_row += 1;
                }
            }
        }
    }
    pad_counts(layout, &mains, requant_row, max_row, &mut counts);
    for (table, main) in layout.tables.iter().zip(&mut mains) {
        match table.kind {
            Kind::Public => {
                main.values.copy_from_slice(&table.public[0]);
                let public = trace.public();
                for (cell, &value) in main.values.iter_mut().zip(public.input.iter().chain(&public.output)) {
                    *cell = F::from_i32(value);
                }
            }
            Kind::Ranges => main.values = counts.range_counts.iter().map(|&count| F::from_u32(count)).collect(),
            Kind::Pairs => main.values = counts.pair_counts.iter().map(|&count| F::from_u32(count)).collect(),
            _ => {}
        }
    }
    mains.into_iter().map(|main| RowMajorMatrix::new(main.values, main.width)).collect()
}

/// Rows that are not used look up as well.
fn pad_counts(layout: &Layout, mains: &[Main], requant_rows: usize, max_rows: usize, counts: &mut Counts<'_>) {
    if let Some((table, limbs)) = layout.requant {
        let rows = mains[table].values.len() / mains[table].width - requant_rows;
        let place = layout.ranges.iter().find(|&&(size, _)| size == 1).map_or(0, |&(_, start)| start);
        counts.range_counts[place] += (rows * limbs.count()) as u32;
    }
    if let Some((table, window)) = layout.max {
        let rows = mains[table].values.len() / mains[table].width - max_rows;
        (0..rows * window).for_each(|_| counts.range(BYTE, 0));
    }
}

/// Taps of one output channel: its weights and the digits of its bias.
fn tap_values(linear: &Linear, channel: usize) -> Vec<i64> {
    let taps = linear.taps();
    let weights = linear.weights[channel * taps..(channel + 1) * taps].iter().map(|&w| i64::from(w));
    weights.chain(parts::bytes(linear.biases[channel].into(), parts::num_bytes(linear))).collect()
}

/// What dense taps are multiplied by: the input, the constants, zeros.
fn activation(input: &[i32], num_bytes: usize, tap: usize) -> i64 {
    match tap.checked_sub(input.len()) {
        None => input[tap].into(),
        Some(byte) if byte < num_bytes => 1 << (8 * byte),
        Some(_) => 0,
    }
}

fn dense(
    main: &mut Main,
    counts: &mut Counts<'_>,
    workload: &Workload,
    trace: &Trace,
    taps: usize,
    outputs: usize,
    pairs: bool,
) {
    let mut row = 0;
    let sums_at = taps + taps * outputs;
    // What goes into the sums of the next row.
    let mut before = vec![0i64; outputs];
    for (index, step) in workload.steps.iter().enumerate() {
        let Some(linear) = dense_layer(step) else { continue };
        let (input, output) = (trace.input(index), trace.output(index));
        let num_bytes = parts::num_bytes(linear);
        let weights: Vec<Vec<i64>> = (0..linear.output[0]).map(|channel| tap_values(linear, channel)).collect();
        let all_taps = linear.taps() + num_bytes;
        for first in (0..linear.output[0]).step_by(outputs) {
            let mut sums = vec![0i64; outputs];
            for tap in (0..all_taps).step_by(taps) {
                let cells = main.row(row);
                for (cell, &sum) in cells[sums_at..].iter_mut().zip(&before) {
                    *cell = F::from_i64(sum);
                }
                for t in 0..taps {
                    let activation = activation(input, num_bytes, tap + t);
                    cells[t] = F::from_i64(activation);
                    for (o, sum) in sums.iter_mut().enumerate() {
                        let weight = weights.get(first + o).and_then(|w| w.get(tap + t)).copied().unwrap_or(0);
                        *sum += weight * activation;
                        cells[taps + t * outputs + o] = F::from_i64(weight);
                    }
                }
                before.copy_from_slice(&sums);
                row += 1;
            }
            for (sum, &claimed) in before.iter_mut().zip(&output[first..]) {
                *sum = claimed.into();
            }
        }
    }
    for (cell, &sum) in main.row(row)[sums_at..].iter_mut().zip(&before) {
        *cell = F::from_i64(sum);
    }
    for cells in main.values.chunks(main.width) {
        let weights = cells[taps..sums_at].iter().map(|&w| signed(w)).collect::<Vec<_>>();
        if pairs {
            weights.chunks(2).for_each(|pair| counts.pair(pair[0], pair[pair.len() - 1]));
        } else {
            weights.iter().for_each(|&weight| counts.range(BYTE, weight + WEIGHT_OFFSET));
        }
    }
}

/// The integer next to zero.
fn signed(value: F) -> i64 {
    let value = i64::from(value.as_canonical_u32());
    if value > i64::from(F::ORDER_U32 / 2) { value - i64::from(F::ORDER_U32) } else { value }
}

fn conv(main: &mut Main, counts: &mut Counts<'_>, linear: &Linear, input: &[i32], output: &[i32]) {
    let shape = ConvShape::new(linear);
    let ConvShape { taps, outputs, places, .. } = shape;
    let (so_far_at, sums_at) = (taps + taps * outputs, taps + taps * outputs + outputs);
    let sources = sources(linear, &shape, input);
    let mut row = 0;
    for first in (0..linear.output[0]).step_by(outputs) {
        let weights: Vec<Vec<i64>> = (first..first + outputs).map(|channel| tap_values(linear, channel)).collect();
        let mut so_far = vec![0i64; places * outputs];
        for group in 0..shape.groups {
            for line in 0..shape.segment {
                let cells = main.row(row);
                row += 1;
                for tap in 0..taps {
                    let Some(number) = tap_number(&shape, group, tap, line) else { continue };
                    for (o, weights) in weights.iter().enumerate() {
                        cells[taps + tap * outputs + o] = F::from_i64(weights[number]);
                    }
                    if line < places {
                        cells[tap] = F::from_i64(sources[line * shape.all_taps + number]);
                    }
                }
                for (o, weights) in weights.iter().enumerate() {
                    let number = tap_number(&shape, group, 0, line);
                    counts.range(BYTE, number.map_or(0, |number| weights[number]) + WEIGHT_OFFSET);
                    if line >= places {
                        continue;
                    }
                    if group > 0 {
                        cells[so_far_at + o] = F::from_i64(so_far[line * outputs + o]);
                    }
                    let numbers = (0..taps).filter_map(|tap| tap_number(&shape, group, tap, line));
                    let products = numbers.map(|number| weights[number] * sources[line * shape.all_taps + number]);
                    let mut sum = so_far[line * outputs + o] + products.sum::<i64>();
                    if group + 1 == shape.groups {
                        sum = output[(first + o) * places + line].into();
                    }
                    so_far[line * outputs + o] = sum;
                    cells[sums_at + o] = F::from_i64(sum);
                }
            }
        }
    }
    let rows = main.values.len() / main.width;
    (row..rows).for_each(|_| (0..outputs).for_each(|_| counts.range(BYTE, WEIGHT_OFFSET)));
}

/// What every tap is multiplied by at every place.
fn sources(linear: &Linear, shape: &ConvShape, input: &[i32]) -> Vec<i64> {
    let mut sources = vec![0; shape.places * shape.all_taps];
    for (place, sources) in sources.chunks_mut(shape.all_taps).enumerate() {
        for term in linear.terms(place) {
            sources[term.weight] = input[term.input].into();
        }
        for (digit, source) in sources[linear.taps()..].iter_mut().enumerate() {
            *source = 1 << (8 * digit);
        }
    }
    sources
}

/// Numbers of one requantisation's limbs: the result's, then those of remainder and excesses.
fn limbs_of(requant: &Requant, input: i32, output: i32, counts: [usize; 3]) -> Vec<i64> {
    let [over_low, parts @ ..] = parts::numbers(requant, input, output);
    let limbs = parts.into_iter().zip(counts).flat_map(|(part, count)| (0..count).map(move |l| part >> (8 * l) & 255));
    std::iter::once(over_low).chain(limbs).collect()
}

fn count_limbs(counts: &mut Counts<'_>, step: &Step, requant: &Requant, numbers: &[i64], limbs: [usize; 3]) {
    let parts = parts::bits(requant, &step.input).into_iter().zip(limbs);
    let sizes = std::iter::once(parts::output_size(requant))
        .chain(parts.flat_map(|(bits, count)| (0..count).map(move |limb| limb_size(bits, limb))));
    for (size, &number) in sizes.zip(numbers) {
        counts.range(size, number);
    }
}
