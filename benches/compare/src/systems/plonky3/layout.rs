//! Addresses of all tensors, and what is fixed in the tables.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::KoalaBear;
use p3_matrix::dense::RowMajorMatrix;

use super::air::{
    BYTE, CONV_FIXED, ConvFixed, DENSE_FIXED, DenseFixed, F, Kind, Limbs, MAX_FIXED, REQUANT_FIXED, RequantFixed, Table,
};
use crate::systems::parts;
use crate::workload::{Kind as LinearKind, Layer, Linear, Requant, Step, Value, Workload};

/// One limb of a requantisation's part, at most a byte.
pub(super) fn limb_size(bits: u32, limb: usize) -> u64 {
    1 << bits.saturating_sub(8 * limb as u32).min(8)
}

/// Where a tensor is in memory.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) start: usize,
    /// `[channels, places]`; after a convolution, channels of one place are neighbours.
    shape: [usize; 2],
    channels_last: bool,
    /// Number of constants behind the tensor: those that biases are multiplied by.
    digits: usize,
    /// Zeros behind those.
    zeros: usize,
}

impl Region {
    fn len(&self) -> usize {
        self.shape[0] * self.shape[1]
    }

    /// Address of an element, elements by channel and place.
    pub(super) fn address(&self, element: usize) -> usize {
        let [channels, places] = self.shape;
        if self.channels_last {
            self.start + element % places * channels + element / places
        } else {
            self.start + element
        }
    }

    fn digits(&self) -> Range<usize> {
        self.start + self.len()..self.start + self.len() + self.digits
    }

    fn zeros(&self) -> Range<usize> {
        self.digits().end..self.digits().end + self.zeros
    }
}

/// The rows of a convolution's table: for each group of taps and each group of output channels, all places.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConvShape {
    /// Taps of all groups, digits of the bias included.
    pub(super) all_taps: usize,
    pub(super) taps: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
    pub(super) places: usize,
    /// Rows of one group: so many that every weight passes the first tap.
    pub(super) segment: usize,
}

/// Activations of a tile of a convolution at most.
const MAX_TAPS: usize = 40;
/// Output channels of a tile at most.
const MAX_OUTPUTS: usize = 16;

impl ConvShape {
    pub(super) fn new(linear: &Linear) -> Self {
        let all_taps = linear.taps() + parts::num_bytes(linear);
        let groups = all_taps.div_ceil(MAX_TAPS);
        let channels = linear.output[0];
        let outputs = (1..=MAX_OUTPUTS.min(channels)).rev().find(|o| channels % o == 0).unwrap_or(1);
        let places = linear.output[1] * linear.output[2];
        let taps = all_taps.div_ceil(groups);
        Self { all_taps, taps, outputs, groups, places, segment: places.max(taps) }
    }

    fn rows(&self, channels: usize) -> usize {
        channels / self.outputs * self.groups * self.segment
    }
}

/// Everything that does not depend on weights and input.
pub(super) struct Layout {
    /// One a tensor, the network's input first.
    pub(super) regions: Vec<Region>,
    pub(super) tables: Vec<Table>,
    /// Place in the tables of those of convolutions, by step.
    pub(super) conv_tables: Vec<Option<usize>>,
    pub(super) dense: Option<(usize, usize, usize)>,
    pub(super) requant: Option<(usize, Limbs)>,
    pub(super) max: Option<(usize, usize)>,
    /// Pairs `(size, start)`: rows of a range in the table of ranges.
    pub(super) ranges: Vec<(u64, usize)>,
    pub(super) range_table: usize,
    pub(super) pair_table: Option<usize>,
}

/// A fixed matrix in the making.
struct Rows {
    width: usize,
    values: Vec<F>,
}

impl Rows {
    fn new(width: usize) -> Self {
        Self { width, values: Vec::new() }
    }

    fn push(&mut self) -> &mut [F] {
        let start = self.values.len();
        self.values.resize(start + self.width, F::ZERO);
        &mut self.values[start..]
    }

    /// With rows of zeros up to a power of two.
    fn table(mut self, kind: Kind, filler: &[F]) -> Table {
        let rows = (self.values.len() / self.width).next_power_of_two().max(MIN_ROWS);
        while self.values.len() < rows * self.width {
            self.push()[..filler.len()].copy_from_slice(filler);
        }
        let fixed = Arc::new(RowMajorMatrix::new(self.values, self.width));
        Table { kind, fixed, public: Vec::new(), num_public: 0 }
    }
}

const MIN_ROWS: usize = 8;

fn f(value: usize) -> F {
    F::from_usize(value)
}

impl Layout {
    pub(super) fn new(workload: &Workload) -> Self {
        let dense = dense_shape(workload);
        let (regions, end) = regions(workload, dense.map_or(1, |dense| dense.taps));
        let mut layout = Self {
            regions,
            tables: Vec::new(),
            conv_tables: vec![None; workload.steps.len()],
            dense: None,
            requant: None,
            max: None,
            ranges: Vec::new(),
            range_table: 0,
            pair_table: None,
        };
        // How often every address is read.
        let mut reads = vec![0usize; end];
        if let Some(shape) = dense {
            layout.dense = Some((layout.tables.len(), shape.taps, shape.outputs));
            let table = layout.dense_table(workload, shape, &mut reads);
            layout.tables.push(table);
        }
        let mut address = end;
        for (index, step) in workload.steps.iter().enumerate() {
            if let Some(linear) = convolution(step) {
                layout.conv_tables[index] = Some(layout.tables.len());
                let table = layout.conv_table(index, linear, &mut address, &mut reads);
                layout.tables.push(table);
            }
        }
        let requants = || workload.steps.iter().enumerate().filter_map(|(i, step)| requant(step).map(|r| (i, step, r)));
        let limbs = requants().map(|(_, step, r)| parts::bits(r, &step.input).map(|bits| bits.div_ceil(8) as usize));
        let limbs = limbs.reduce(|a, b| [0, 1, 2].map(|part| a[part].max(b[part])));
        let output = workload.steps.len();
        for element in 0..workload.output_value().len() {
            reads[layout.regions[output].address(element)] += 1;
        }
        // Maxima read requantised values: count them first.
        let max = layout.max_rows(workload, &mut reads);
        let mut sizes = BTreeSet::from([1, BYTE]);
        if let Some([remainder, above, below]) = limbs {
            let limbs = Limbs { remainder, above, below };
            layout.requant = Some((layout.tables.len(), limbs));
            let kind = Kind::Requant { limbs };
            let mut rows = Rows::new(kind.fixed_width());
            for (index, step, requant) in requants() {
                let (from, to) = (&layout.regions[index], &layout.regions[index + 1]);
                let fixed = requant_row(requant, &step.input, limbs);
                sizes.extend(fixed.1.iter().copied());
                for element in 0..step.input.len() {
                    let row = rows.push();
                    row.copy_from_slice(&fixed.0);
                    row[RequantFixed::Input as usize] = f(from.address(element));
                    row[RequantFixed::Output as usize] = f(to.address(element));
                    row[RequantFixed::Reads as usize] = f(reads[to.address(element)]);
                }
            }
            let mut filler = vec![F::ZERO; REQUANT_FIXED];
            filler.resize(kind.fixed_width(), F::ONE);
            layout.tables.push(rows.table(kind, &filler));
        }
        if let Some((window, mut rows)) = max {
            // Reads of maxima are known now.
            for row in rows.values.chunks_mut(rows.width) {
                row[1] = f(reads[p3_field::PrimeField32::as_canonical_u32(&row[0]) as usize]);
            }
            layout.max = Some((layout.tables.len(), window));
            layout.tables.push(rows.table(Kind::Max { window }, &[]));
        }
        layout.tables.push(layout.public_table(workload, &reads));
        layout.range_table = layout.tables.len();
        let mut rows = Rows::new(2);
        for size in sizes {
            layout.ranges.push((size, rows.values.len() / 2));
            for number in 0..size {
                rows.push().copy_from_slice(&[F::from_u64(size), F::from_u64(number)]);
            }
        }
        // The filler is a pair that is there anyway.
        layout.tables.push(rows.table(Kind::Ranges, &[F::ONE, F::ZERO]));
        if dense.is_some_and(|dense| dense.pairs) {
            layout.pair_table = Some(layout.tables.len());
            let mut rows = Rows::new(2);
            for pair in 0..BYTE * BYTE {
                rows.push().copy_from_slice(&[F::from_u64(pair / BYTE), F::from_u64(pair % BYTE)]);
            }
            layout.tables.push(rows.table(Kind::Pairs, &[]));
        }
        layout
    }

    fn dense_table(&self, workload: &Workload, shape: DenseShape, reads: &mut [usize]) -> Table {
        let DenseShape { taps, outputs, pairs } = shape;
        let kind = Kind::Dense { taps, outputs, pairs };
        let mut rows = Rows::new(kind.fixed_width());
        // The sums that end with one row stand in the next.
        let mut finished: Option<(usize, usize)> = None;
        let finish = |row: &mut [F], finished: Option<(usize, usize)>| {
            let Some((address, count)) = finished else { return };
            row[DenseFixed::Output as usize] = f(address);
            row[DENSE_FIXED..DENSE_FIXED + count].fill(F::ONE);
        };
        for (index, step) in workload.steps.iter().enumerate() {
            let Some(linear) = dense_layer(step) else { continue };
            let (from, to) = (&self.regions[index], &self.regions[index + 1]);
            let all_taps = linear.taps() + parts::num_bytes(linear);
            for output in (0..linear.output[0]).step_by(outputs) {
                for tap in (0..all_taps).step_by(taps) {
                    let row = rows.push();
                    row[DenseFixed::Input as usize] = f(from.start + tap);
                    row[DenseFixed::Active as usize] = F::ONE;
                    row[DenseFixed::Continues as usize] = F::from_bool(tap > 0);
                    finish(row, finished.take());
                    for read in &mut reads[from.start + tap..from.start + tap + taps] {
                        *read += 1;
                    }
                }
                finished = Some((to.start + output, outputs.min(linear.output[0] - output)));
            }
        }
        finish(rows.push(), finished);
        rows.table(kind, &[])
    }

    fn conv_table(&self, index: usize, linear: &Linear, next: &mut usize, reads: &mut Vec<usize>) -> Table {
        let shape = ConvShape::new(linear);
        let channels = linear.output[0];
        let (from, to) = (&self.regions[index], &self.regions[index + 1]);
        let kind = Kind::Conv { taps: shape.taps, outputs: shape.outputs };
        let mut rows = Rows::new(kind.fixed_width());
        let zero = from.zeros().start;
        for channel in (0..channels).step_by(shape.outputs) {
            let mut so_far = None;
            for group in 0..shape.groups {
                let last = group + 1 == shape.groups;
                // Sums of the last group go where the layer's output is.
                let (start, step) = if last { (to.start + channel, channels) } else { (*next, shape.outputs) };
                if !last {
                    *next += shape.places * shape.outputs;
                }
                for line in 0..shape.segment {
                    let row = rows.push();
                    row[ConvFixed::Rotates as usize] = F::from_bool(line + 1 < shape.segment);
                    if line >= shape.places {
                        continue;
                    }
                    row[ConvFixed::Active as usize] = F::ONE;
                    row[ConvFixed::Output as usize] = f(start + line * step);
                    if let Some(so_far) = so_far {
                        row[ConvFixed::Resumes as usize] = F::ONE;
                        row[ConvFixed::Input as usize] = f(so_far + line * shape.outputs);
                    }
                    for tap in 0..shape.taps {
                        let address =
                            tap_source(linear, &shape, group, tap, line).map_or(zero, |source| match source {
                                Source::Input(element) => from.address(element),
                                Source::Digit(digit) => from.digits().start + digit,
                            });
                        row[CONV_FIXED + tap] = f(address);
                        reads[address] += 1;
                    }
                }
                so_far = Some(start);
            }
        }
        debug_assert_eq!(rows.values.len() / rows.width, shape.rows(channels));
        rows.table(kind, &[])
    }

    fn max_rows(&self, workload: &Workload, reads: &mut [usize]) -> Option<(usize, Rows)> {
        let mut made: Option<(usize, Rows)> = None;
        for (index, step) in workload.steps.iter().enumerate() {
            let Layer::MaxPool(pool) = &step.layer else { continue };
            let window = pool.size * pool.size;
            let (_, rows) = made.get_or_insert_with(|| (window, Rows::new(Kind::Max { window }.fixed_width())));
            for output in 0..step.output.len() {
                let row = rows.push();
                row[0] = f(self.regions[index + 1].address(output));
                row[2] = F::ONE;
                for (value, place) in pool.window(output).enumerate() {
                    let address = self.regions[index].address(place);
                    row[MAX_FIXED + value] = f(address);
                    reads[address] += 1;
                }
            }
        }
        made
    }

    /// Input and output as they are now, zeros; then the constants of all regions.
    fn public_table(&self, workload: &Workload, reads: &[usize]) -> Table {
        let mut rows = Rows::new(2);
        let mut values = Vec::new();
        let mut push = |address: usize, count: F, value: F| {
            rows.push().copy_from_slice(&[f(address), count]);
            values.push(value);
        };
        let (input, output) = (&self.regions[0], &self.regions[workload.steps.len()]);
        for element in 0..workload.input.len() {
            let address = input.address(element);
            push(address, f(reads[address]), F::ZERO);
        }
        for element in 0..workload.output_value().len() {
            push(output.address(element), -F::ONE, F::ZERO);
        }
        for region in &self.regions {
            for (digit, address) in region.digits().enumerate() {
                push(address, f(reads[address]), F::from_u64(BYTE).exp_u64(digit as u64));
            }
            for address in region.zeros() {
                push(address, f(reads[address]), F::ZERO);
            }
        }
        let mut table = rows.table(Kind::Public, &[]);
        values.resize(table.fixed.values.len() / 2, F::ZERO);
        table.public = vec![values];
        table.num_public = workload.input.len() + workload.output_value().len();
        table
    }

    /// The tables for one statement: the column of public values is filled.
    pub(super) fn tables_for(&self, public: &[F]) -> Vec<Table> {
        let mut tables = self.tables.clone();
        for table in tables.iter_mut().filter(|table| table.kind == Kind::Public) {
            table.public[0][..public.len()].copy_from_slice(public);
        }
        tables
    }

    /// Number of lookups: what the library's bound on multiplicities is about.
    pub(super) fn cells(&self) -> (usize, usize) {
        let rows = |table: &Table| table.fixed.values.len() / table.kind.fixed_width();
        let cells = self.tables.iter().map(|table| rows(table) * table.kind.width()).sum();
        (self.tables.iter().map(rows).sum(), cells)
    }
}

/// What a tap of a convolution's tile is multiplied by in one row.
pub(super) enum Source {
    Input(usize),
    Digit(usize),
}

/// Number of the tap, among all of the layer, that stands in column `tap` on line `line` of a group: taps rotate.
pub(super) fn tap_number(shape: &ConvShape, group: usize, tap: usize, line: usize) -> Option<usize> {
    let number = group * shape.taps + (tap + line) % shape.taps;
    (number < shape.all_taps).then_some(number)
}

fn tap_source(linear: &Linear, shape: &ConvShape, group: usize, tap: usize, line: usize) -> Option<Source> {
    let number = tap_number(shape, group, tap, line)?;
    let Some(weight) = (number < linear.taps()).then_some(number) else {
        return Some(Source::Digit(number - linear.taps()));
    };
    let LinearKind::Conv { kernel: [kernel_rows, kernel_columns], stride, padding } = linear.kind else { return None };
    let [_, in_rows, in_columns] = linear.input;
    let columns = linear.output[2];
    let (channel, i, j) =
        (weight / (kernel_rows * kernel_columns), weight / kernel_columns % kernel_rows, weight % kernel_columns);
    let row = (line / columns * stride + i).checked_sub(padding)?;
    let column = (line % columns * stride + j).checked_sub(padding)?;
    (row < in_rows && column < in_columns).then_some(Source::Input((channel * in_rows + row) * in_columns + column))
}

/// A convolution with more than one place is one; a layer with one is dense.
pub(super) fn convolution(step: &Step) -> Option<&Linear> {
    match &step.layer {
        Layer::Linear(linear) if matches!(linear.kind, LinearKind::Conv { .. }) => Some(linear),
        _ => None,
    }
}

pub(super) fn dense_layer(step: &Step) -> Option<&Linear> {
    match &step.layer {
        Layer::Linear(linear) if linear.kind == LinearKind::Dense => Some(linear),
        _ => None,
    }
}

fn requant(step: &Step) -> Option<&Requant> {
    match &step.layer {
        Layer::Requant(requant) => Some(requant),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug)]
struct DenseShape {
    taps: usize,
    outputs: usize,
    pairs: bool,
}

/// Tiles of dense layers that are tried.
const DENSE_TILES: [(usize, usize); 6] = [(4, 4), (8, 4), (8, 8), (16, 8), (16, 16), (32, 16)];

/// The shape with the fewest committed cells.
fn dense_shape(workload: &Workload) -> Option<DenseShape> {
    let layers: Vec<&Linear> = workload.steps.iter().filter_map(dense_layer).collect();
    if layers.is_empty() {
        return None;
    }
    let cells = |shape: &DenseShape| {
        let &DenseShape { taps, outputs, pairs } = shape;
        let rows = |linear: &&Linear| {
            (linear.taps() + parts::num_bytes(linear)).div_ceil(taps) * linear.output[0].div_ceil(outputs)
        };
        let rows = layers.iter().map(rows).sum::<usize>() + 1;
        let weights = taps * outputs;
        let lookups = taps + outputs + if pairs { weights.div_ceil(2) } else { weights };
        // Two lookups make a column of the extension of degree four.
        let width = taps + weights + outputs + 4 * lookups.div_ceil(2) + 4;
        rows.next_power_of_two() * width + if pairs { (BYTE * BYTE * 9) as usize } else { 0 }
    };
    let shapes = DENSE_TILES
        .into_iter()
        .flat_map(|(taps, outputs)| [false, true].map(|pairs| DenseShape { taps, outputs, pairs }));
    shapes.min_by_key(cells)
}

/// Regions of all tensors and the first address after them.
fn regions(workload: &Workload, dense_taps: usize) -> (Vec<Region>, usize) {
    let mut start = 0;
    let mut regions = Vec::with_capacity(workload.steps.len() + 1);
    for index in 0..=workload.steps.len() {
        let value = if index == 0 { workload.input_value() } else { workload.steps[index - 1].output };
        let [channels, rows, columns] = value.shape;
        let mut region = Region {
            start,
            shape: [channels, rows * columns],
            channels_last: index > 0 && convolution(&workload.steps[index - 1]).is_some(),
            digits: 0,
            zeros: 0,
        };
        if let Some(Layer::Linear(linear)) = workload.steps.get(index).map(|step| &step.layer) {
            region.digits = parts::num_bytes(linear);
            let len = region.len() + region.digits;
            region.zeros = if linear.kind == LinearKind::Dense { len.next_multiple_of(dense_taps) - len } else { 1 };
        }
        start = region.zeros().end;
        regions.push(region);
    }
    (regions, start)
}

/// What is fixed in rows of one layer, addresses and reads left out, and the sizes of its limbs.
fn requant_row(requant: &Requant, input: &Value, limbs: Limbs) -> (Vec<F>, Vec<u64>) {
    let mut row = vec![F::ZERO; REQUANT_FIXED];
    row[RequantFixed::Active as usize] = F::ONE;
    row[RequantFixed::Scale as usize] = F::from_u64(1 << requant.shift);
    row[RequantFixed::Offset as usize] = F::from_i64(requant.half() - (i64::from(requant.low) << requant.shift));
    row[RequantFixed::Low as usize] = F::from_i64(requant.low.into());
    row[RequantFixed::High as usize] = F::from_i64(requant.high.into());
    let counts = [limbs.remainder, limbs.above, limbs.below];
    let parts = parts::bits(requant, input).into_iter().zip(counts);
    let sizes: Vec<u64> = std::iter::once(parts::output_size(requant))
        .chain(parts.flat_map(|(bits, count)| (0..count).map(move |limb| limb_size(bits, limb))))
        .collect();
    row.extend(sizes.iter().map(|&size| F::from_u64(size)));
    (row, sizes)
}

/// Whether sums of the layer that `step` requantises stay an integer below the field's size, whatever the checked limbs are.
pub(super) fn no_wrap(step: &Step, requant: &Requant) -> bool {
    let bits = parts::bits(requant, &step.input);
    let part =
        |bits: u32| (0..bits.div_ceil(8)).map(|l| (limb_size(bits, l as usize) as i64 - 1) << (8 * l)).sum::<i64>();
    let [remainder, above, below] = bits.map(part);
    let quotient = parts::output_size(requant) as i64 + above.max(below);
    let offset = requant.half() + (i64::from(requant.low).abs() << requant.shift);
    let side = (quotient << requant.shift) + remainder + offset;
    side + step.input.range.low.abs().max(step.input.range.high) * 2
        < i64::from(<KoalaBear as p3_field::PrimeField32>::ORDER_U32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use p3_field::PrimeField32;
    use p3_matrix::Matrix;

    use super::*;
    use crate::workload::{Entry, tiny_cnn, tiny_mlp};

    /// Provided and read pairs by address: number of providers, reads they provide, reads.
    fn traffic(layout: &Layout) -> HashMap<u32, [i64; 3]> {
        let mut traffic: HashMap<u32, [i64; 3]> = HashMap::new();
        for table in &layout.tables {
            for row in table.fixed.rows() {
                let row: Vec<i64> = row.map(|value| i64::from(value.as_canonical_u32())).collect();
                let mut provide = |address: i64, reads: i64| {
                    let entry = traffic.entry(address as u32).or_default();
                    entry[0] += 1;
                    entry[1] += reads;
                };
                let (mut provided, mut read) = (Vec::new(), Vec::new());
                match table.kind {
                    Kind::Public if row[1] == i64::from(F::ORDER_U32 - 1) => read.push(row[0]),
                    Kind::Public => provided.push((row[0], row[1])),
                    Kind::Dense { taps, outputs, .. } => {
                        if row[DenseFixed::Active as usize] == 1 {
                            read.extend((0..taps as i64).map(|tap| row[DenseFixed::Input as usize] + tap));
                        }
                        let used = (0..outputs).filter(|output| row[DENSE_FIXED + output] == 1);
                        provided.extend(used.map(|output| (row[DenseFixed::Output as usize] + output as i64, 1)));
                    }
                    Kind::Conv { taps, outputs } => {
                        if row[ConvFixed::Active as usize] == 1 {
                            read.extend(&row[CONV_FIXED..CONV_FIXED + taps]);
                            let start = row[ConvFixed::Output as usize];
                            provided.extend((0..outputs as i64).map(|output| (start + output, 1)));
                        }
                        if row[ConvFixed::Resumes as usize] == 1 {
                            read.extend((0..outputs as i64).map(|output| row[ConvFixed::Input as usize] + output));
                        }
                    }
                    Kind::Requant { .. } if row[RequantFixed::Active as usize] == 1 => {
                        read.push(row[RequantFixed::Input as usize]);
                        provided.push((row[RequantFixed::Output as usize], row[RequantFixed::Reads as usize]));
                    }
                    Kind::Max { window } if row[2] == 1 => {
                        read.extend(&row[MAX_FIXED..MAX_FIXED + window]);
                        provided.push((row[0], row[1]));
                    }
                    Kind::Requant { .. } | Kind::Max { .. } | Kind::Ranges | Kind::Pairs => {}
                }
                provided.into_iter().for_each(|(address, reads)| provide(address, reads));
                for address in read {
                    traffic.entry(address as u32).or_default()[2] += 1;
                }
            }
        }
        traffic
    }

    #[test]
    fn every_address_that_is_read_has_one_provider_of_as_many_reads() {
        let lenet5 = Entry::find("lenet5").expect("in the catalogue").workload().expect("a valid network");
        for workload in [tiny_mlp(0), tiny_cnn(0), lenet5] {
            for (address, [_, provided, read]) in traffic(&Layout::new(&workload)) {
                assert_eq!(provided, read, "{} address {address}", workload.name);
            }
            let providers = |&(_, [providers, ..]): &(u32, [i64; 3])| providers != 1;
            // Rows that fill up the table of public values provide no read of address 0.
            let others =
                traffic(&Layout::new(&workload)).into_iter().filter(|&(address, _)| address != 0).find(providers);
            assert_eq!(others, None, "{}", workload.name);
        }
    }
}
