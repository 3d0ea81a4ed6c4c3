//! The walk through a network, row by row, once to build the circuit and once for an assignment.

use super::super::parts;
use super::{ROUTED, Requant as RequantRow, Row, WEIGHT_BITS, num_digits};
use crate::system::Unfit;
use crate::workload::{Kind, Layer, Linear, MaxPool, Requant, Step, Trace, Workload};

/// What the walk through a network calls, once to build the circuit and once for an assignment.
pub(in crate::systems) trait Rows {
    /// A wire, or a constant or public value.
    type Target: Copy;

    /// A new row.
    fn row(&mut self, row: Row) -> usize;
    /// A constant.
    fn constant(&mut self, value: i64) -> Self::Target;
    /// A wire that is a copy.
    fn copy(&mut self, from: Self::Target, row: usize, wire: usize);
    /// A wire of its own. `value` is called if there is an assignment.
    fn set(&mut self, row: usize, wire: usize, value: impl FnOnce() -> i64);
    /// A wire of a row.
    fn wire(&self, row: usize, wire: usize) -> Self::Target;
}

/// Most values of a window: the degree of the constraint on their differences.
const MAX_WINDOW: usize = 8;

/// Whether the rows can express the network.
pub(in crate::systems) fn fits(workload: &Workload) -> Result<(), Unfit> {
    for step in &workload.steps {
        let unfit = |why: &str| Err(Unfit(format!("{}: {why}", step.name)));
        match &step.layer {
            Layer::Linear(_) => {}
            Layer::Requant(requant) => {
                let [remainder, above, below] = parts::bits(requant, &step.input);
                if remainder + above.max(below) >= 61 {
                    return unfit("its sums do not fit the field of 64 bits");
                }
                if !parts::output_size(requant).is_power_of_two() {
                    return unfit("results that do not fill a number of bits have no gate");
                }
            }
            Layer::MaxPool(pool) => {
                if pool.size * pool.size > MAX_WINDOW {
                    return unfit("windows of more than eight values are of too high a degree");
                }
            }
        }
    }
    Ok(())
}

/// Rows for the whole network; gives the outputs.
pub(in crate::systems) fn walk<R: Rows>(
    workload: &Workload,
    trace: Option<&Trace>,
    input: Vec<R::Target>,
    rows: &mut R,
) -> Vec<R::Target> {
    let mut values = input;
    for (index, step) in workload.steps.iter().enumerate() {
        let known = trace.map(|trace| (trace.input(index), trace.output(index)));
        values = match &step.layer {
            Layer::Linear(linear) if linear.kind == Kind::Dense => dense(linear, known, &values, rows),
            Layer::Linear(linear) => convolution(linear, known, &values, rows),
            Layer::Requant(requant) => requantise(step, requant, known, &values, rows),
            Layer::MaxPool(pool) => max_pool(step, pool, known, &values, rows),
        };
    }
    values
}

/// Input and output of a layer, where there is an assignment.
type Known<'a> = Option<(&'a [i32], &'a [i32])>;

/// Sets the digits of a number.
fn digits(rows: &mut impl Rows, row: usize, at: &mut usize, bits: u32, value: impl Fn() -> i64) {
    for digit in 0..num_digits(bits) {
        rows.set(row, *at, || value() >> (2 * digit) & 3);
        *at += 1;
    }
}

/// A dense layer's tile.
const CHECKED: (usize, usize) = (14, 2);

/// Taps of one output channel in the order of their places: weights, then the bytes of the bias.
fn tap_values(linear: &Linear, channel: usize) -> Vec<i64> {
    let taps = linear.taps();
    let weights = linear.weights[channel * taps..(channel + 1) * taps].iter().map(|&w| i64::from(w));
    weights.chain(parts::bytes(linear.biases[channel].into(), parts::num_bytes(linear))).collect()
}

/// The constants that a bias's bytes are multiplied by.
fn constants<R: Rows>(linear: &Linear, rows: &mut R) -> Vec<R::Target> {
    (0..parts::num_bytes(linear)).map(|byte| rows.constant(1 << (8 * byte))).collect()
}

fn dense<R: Rows>(linear: &Linear, known: Known<'_>, input: &[R::Target], rows: &mut R) -> Vec<R::Target> {
    let (taps, outputs) = CHECKED;
    let tile = Row::Checked { taps, outputs };
    let zero = rows.constant(0);
    let sources: Vec<R::Target> = input.iter().copied().chain(constants(linear, rows)).collect();
    let activations = known.map(|(input, _)| {
        let bytes = (0..parts::num_bytes(linear)).map(|byte| 1i64 << (8 * byte));
        input.iter().map(|&x| i64::from(x)).chain(bytes).collect::<Vec<i64>>()
    });
    let mut results = Vec::with_capacity(linear.output[0]);
    for first in (0..linear.output[0]).step_by(outputs) {
        let here = outputs.min(linear.output[0] - first);
        let weights: Vec<Vec<i64>> = (first..first + here).map(|channel| tap_values(linear, channel)).collect();
        let mut sums = vec![0i64; outputs];
        let mut before = vec![zero; outputs];
        for start in (0..sources.len()).step_by(taps) {
            let row = rows.row(tile);
            let last = start + taps >= sources.len();
            for tap in 0..taps {
                rows.copy(sources.get(start + tap).copied().unwrap_or(zero), row, tap);
            }
            for (output, &before) in before.iter().enumerate() {
                rows.copy(before, row, taps + output);
            }
            let weight = |tap: usize, output: usize| {
                weights.get(output).and_then(|weights| weights.get(start + tap)).copied().unwrap_or(0)
            };
            if let Some(activations) = &activations {
                for (output, sum) in sums.iter_mut().enumerate() {
                    let products = (start..activations.len().min(start + taps))
                        .map(|tap| activations[tap] * weight(tap - start, output));
                    *sum += products.sum::<i64>();
                }
            }
            for output in 0..outputs {
                let claimed = known.map(|(_, claimed)| claimed).filter(|_| last && output < here);
                let sum = claimed.map_or(sums[output], |claimed| claimed[first + output].into());
                rows.set(row, taps + outputs + output, || sum);
                before[output] = rows.wire(row, taps + outputs + output);
            }
            let mut at = tile.digits_at();
            for tap in 0..taps {
                for output in 0..outputs {
                    let byte = weight(tap, output) + (1 << (WEIGHT_BITS - 1));
                    digits(rows, row, &mut at, WEIGHT_BITS, || byte);
                }
            }
        }
        results.extend_from_slice(&before[..here]);
    }
    results
}

/// Products and outputs of a tile with copied weights that need the fewest rows.
fn copied_tile(linear: &Linear) -> (usize, usize) {
    let all_taps = linear.taps() + parts::num_bytes(linear);
    let shapes = (1..=12).map(|outputs| ((ROUTED - 2 * outputs) / (outputs + 1), outputs));
    let rows = |&(taps, outputs): &(usize, usize)| all_taps.div_ceil(taps) * linear.output[0].div_ceil(outputs);
    shapes.min_by_key(rows).unwrap_or((1, 1))
}

fn convolution<R: Rows>(linear: &Linear, known: Known<'_>, input: &[R::Target], rows: &mut R) -> Vec<R::Target> {
    let (taps, outputs) = copied_tile(linear);
    let tile = Row::Copied { taps, outputs };
    let zero = rows.constant(0);
    let constants = constants(linear, rows);
    let (channels, places) = (linear.output[0], linear.output[1] * linear.output[2]);
    let values: Vec<Vec<i64>> = (0..channels).map(|channel| tap_values(linear, channel)).collect();
    let all_taps = values.first().map_or(0, Vec::len);
    let weights = checked(&values.concat(), rows);
    let mut results = vec![zero; channels * places];
    for first in (0..channels).step_by(outputs) {
        let here = outputs.min(channels - first);
        for place in 0..places {
            // Number of the tap, what it is multiplied by, and the value of that.
            let mut terms: Vec<(usize, R::Target, i64)> = linear
                .terms(place)
                .map(|term| (term.weight, input[term.input], known.map_or(0, |(input, _)| input[term.input].into())))
                .collect();
            let bytes = constants.iter().enumerate();
            terms.extend(bytes.map(|(byte, &target)| (linear.taps() + byte, target, 1 << (8 * byte))));
            let mut sums = vec![0i64; outputs];
            let mut before = vec![zero; outputs];
            let tiles = terms.len().div_ceil(taps);
            for (tile_index, terms) in terms.chunks(taps).enumerate() {
                let row = rows.row(tile);
                for tap in 0..taps {
                    rows.copy(terms.get(tap).map_or(zero, |&(_, target, _)| target), row, tap);
                    for output in 0..outputs {
                        let number = terms.get(tap).filter(|_| output < here).map(|&(number, ..)| number);
                        let weight = number.map_or(zero, |number| weights[(first + output) * all_taps + number]);
                        rows.copy(weight, row, taps + 2 * outputs + tap * outputs + output);
                    }
                }
                for output in 0..outputs {
                    rows.copy(before[output], row, taps + output);
                    if output < here {
                        let weights = &values[first + output];
                        sums[output] += terms.iter().map(|&(number, _, value)| weights[number] * value).sum::<i64>();
                    }
                    let last = tile_index + 1 == tiles && output < here;
                    let claimed = known.map(|(_, claimed)| claimed).filter(|_| last);
                    let sum = claimed.map_or(sums[output], |claimed| claimed[(first + output) * places + place].into());
                    rows.set(row, taps + outputs + output, || sum);
                    before[output] = rows.wire(row, taps + outputs + output);
                }
            }
            for output in 0..here {
                results[(first + output) * places + place] = before[output];
            }
        }
    }
    results
}

/// Rows in which these weights are checked.
fn checked<R: Rows>(weights: &[i64], rows: &mut R) -> Vec<R::Target> {
    let count = Row::Weights.operations();
    let mut targets = Vec::with_capacity(weights.len());
    for weights in weights.chunks(count) {
        let row = rows.row(Row::Weights);
        let mut at = Row::Weights.digits_at();
        for operation in 0..count {
            let weight = weights.get(operation).copied().unwrap_or(0);
            rows.set(row, operation, || weight);
            digits(rows, row, &mut at, WEIGHT_BITS, || weight + (1 << (WEIGHT_BITS - 1)));
        }
        targets.extend((0..weights.len()).map(|operation| rows.wire(row, operation)));
    }
    targets
}

fn requantise<R: Rows>(
    step: &Step,
    requant: &Requant,
    known: Known<'_>,
    input: &[R::Target],
    rows: &mut R,
) -> Vec<R::Target> {
    let [shift, above, below] = parts::bits(requant, &step.input);
    let output = parts::output_size(requant).ilog2();
    let row_of = Row::Requant(RequantRow { shift, low: requant.low, high: requant.high, output, above, below });
    let operations = row_of.operations();
    let mut results = Vec::with_capacity(input.len());
    for start in (0..input.len()).step_by(operations) {
        let row = rows.row(row_of);
        let mut at = row_of.digits_at();
        for operation in 0..operations {
            let element = start + operation;
            let values =
                known.filter(|_| element < input.len()).map(|(input, output)| (input[element], output[element]));
            let (x, o) = values.unwrap_or((0, requant.apply(0)));
            match input.get(element) {
                Some(&input) => rows.copy(input, row, 2 * operation),
                None => rows.set(row, 2 * operation, || 0),
            }
            rows.set(row, 2 * operation + 1, || o.into());
            let numbers = parts::numbers(requant, x, o);
            for (bits, number) in [output, shift, above, below].into_iter().zip(numbers) {
                digits(rows, row, &mut at, bits, || number);
            }
            if element < input.len() {
                results.push(rows.wire(row, 2 * operation + 1));
            }
        }
    }
    results
}

fn max_pool<R: Rows>(
    step: &Step,
    pool: &MaxPool,
    known: Known<'_>,
    input: &[R::Target],
    rows: &mut R,
) -> Vec<R::Target> {
    let window = pool.size * pool.size;
    let bits = step.input.range.bits();
    let row_of = Row::Max { window, bits };
    let operations = row_of.operations();
    let count = step.output.len();
    let mut results = Vec::with_capacity(count);
    for start in (0..count).step_by(operations) {
        let row = rows.row(row_of);
        let mut at = row_of.digits_at();
        for operation in 0..operations {
            let (element, first) = (start + operation, operation * (1 + window));
            if element >= count {
                (0..=window).for_each(|wire| rows.set(row, first + wire, || 0));
                (0..window).for_each(|_| digits(rows, row, &mut at, bits, || 0));
                continue;
            }
            let result = known.map_or(0, |(_, output)| i64::from(output[element]));
            rows.set(row, first, || result);
            for (value, place) in pool.window(element).enumerate() {
                rows.copy(input[place], row, first + 1 + value);
                let value = known.map_or(0, |(input, _)| i64::from(input[place]));
                digits(rows, row, &mut at, bits, || result - value);
            }
            results.push(rows.wire(row, first));
        }
    }
    results
}
