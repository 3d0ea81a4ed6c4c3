//! Where everything stands in the grid: columns, rows, fixed values and copies. No field and no proof system in here.
//!
//! **Tiles.** A row holds `taps` activations, `taps * outputs` weights and `outputs` accumulators: the accumulators of some channels
//! that see the same inputs advance by `taps` products each. Activations are copies of the cells where they were made; a
//! convolution's weights are copies of the cells where they stand first; a weight of a dense layer stands in one row only. A
//! place without a product has the constant zero as its activation. The bias is the weight of the constant one.
//!
//! **Lanes.** Requantisations and maxima stand in columns beside the tiles, a block of rows for each. For `x` and its result `o`
//! with quotients from `q0` to `q1`:
//!
//! ```text
//! x + half = (o + above - below) * 2^shift + remainder
//! o - low       in 0 .. high - low + 1
//! remainder     in 0 .. 2^shift
//! above, below  in 0 .. powers of two over q1 - high, low - q0
//! above * (o - high) = 0,   below * (o - low) = 0
//! ```
//!
//! If `above` is not zero then `o = high`, and the quotient is over `high`; if `below` is not zero then `o = low`; both cannot be if
//! `low < high`. All terms are below `2^60`, far from the field's size, so the equation holds for integers. Every number in a
//! range is cut into limbs, one a row, which a lookup finds in the table of all pairs of a range's size and a number in it.
//! The maximum `m` of `v_1, ...`: all `m - v_i` are in the range of differences and their product is zero.

use std::collections::BTreeSet;

use crate::systems::parts;
use crate::workload::{Layer, Linear, MaxPool, Requant, Step, Value, Workload};

/// Widths of the grid, chosen for one network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Products of one accumulator in a row.
    pub(super) taps: usize,
    /// Accumulators in a row.
    pub(super) outputs: usize,
    /// Lanes of requantisations.
    pub(super) lanes: usize,
    /// Numbers of more bits than this are cut.
    pub(super) limb: u32,
    /// Whether a weight may stand in several rows: whether there are convolutions.
    pub(super) copied_weights: bool,
}

/// Columns of a lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    /// What is requantised, or one value of a window.
    Input,
    /// What is looked up.
    Limb,
    /// What is left of the input, or the product of differences.
    Running,
    /// The result, in every row of the block.
    Output,
}

impl Shape {
    pub(super) const LANE: usize = 4;

    pub(super) fn activation(&self, tap: usize) -> usize {
        tap
    }

    pub(super) fn weight(&self, tap: usize, output: usize) -> usize {
        self.taps + tap * self.outputs + output
    }

    pub(super) fn accumulator(&self, output: usize) -> usize {
        self.taps * (1 + self.outputs) + output
    }

    pub(super) fn lane(&self, lane: usize, column: Lane) -> usize {
        self.taps * (1 + self.outputs) + self.outputs + Self::LANE * lane + column as usize
    }

    /// Number of advice columns.
    pub(super) fn advice(&self) -> usize {
        self.lane(self.lanes, Lane::Input)
    }

    /// Advice columns that take part in copies.
    pub(super) fn copied(&self) -> Vec<usize> {
        let lanes = (0..self.lanes).flat_map(|l| [self.lane(l, Lane::Input), self.lane(l, Lane::Output)]);
        let mut columns: Vec<usize> = lanes.chain((0..self.outputs).map(|o| self.accumulator(o))).collect();
        columns.extend(0..self.taps);
        if self.copied_weights {
            columns.extend((0..self.taps).flat_map(|t| (0..self.outputs).map(move |o| self.weight(t, o))));
        }
        columns
    }

    /// What a row costs the prover, in commitments to a column: lookups commit to three more, copies to one for three columns, and
    /// quotient, blinding and opening to some seven.
    fn cost(&self) -> usize {
        3 * self.advice() + 9 * self.lanes + self.copied().len() + 21
    }
}

/// Fixed columns beside the table's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fixed {
    /// Constants that cells are copies of.
    Constant,
    /// A row is the first of its accumulators.
    TileStart,
    /// A row goes on from the one before.
    TileNext,
    /// Size of the range of what is looked up.
    Size,
    /// What a limb stands for.
    Coefficient,
    /// Added to the input.
    Offset,
    /// Added to the limb that is the output; the end of the range at which a limb may differ from zero.
    Bound,
    /// First row of a requantisation.
    RequantStart,
    /// Any other.
    RequantNext,
    /// The limb is zero unless the output is the bound.
    Saturated,
    /// First row of a maximum.
    MaxStart,
    /// Any other.
    MaxNext,
    /// Last row of a block: nothing is left.
    End,
}

impl Fixed {
    pub(super) const COUNT: usize = Self::End as usize + 1;
}

/// A cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Row of the constants.
    Constant(usize),
    /// Row of the public values.
    Public(usize),
    /// Column and row.
    Advice(usize, usize),
}

const ZERO: Place = Place::Constant(0);
const ONE: Place = Place::Constant(1);

/// One limb of a requantisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limb {
    pub(super) part: Part,
    /// Bits of the part below this limb.
    pub(super) offset: u32,
    /// The limb is below it.
    pub(super) size: u64,
}

/// What a limb is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Output,
    Remainder,
    Above,
    Below,
}

/// The limbs of a requantisation, one a row, the output first.
pub(super) fn limbs(requant: &Requant, input: &Value, limb: u32) -> Vec<Limb> {
    let [remainder, above, below] = parts::bits(requant, input);
    let bits = [(Part::Remainder, remainder), (Part::Above, above), (Part::Below, below)];
    let output = Limb { part: Part::Output, offset: 0, size: parts::output_size(requant) };
    let cut = bits.into_iter().flat_map(|(part, bits)| {
        let offsets = (0..bits).step_by(limb as usize);
        offsets.map(move |offset| Limb { part, offset, size: 1 << limb.min(bits - offset) })
    });
    std::iter::once(output).chain(cut).collect()
}

/// One row of a tile: what it multiplies, by places in the layer's input; `None` is the constant one.
pub(super) type Taps = [Option<(usize, usize)>];

/// Calls `row(channel, position, first, taps)` for every row of a linear layer. `channel` is the first of the tile's, weights of
/// the taps are those of that channel.
pub(super) fn tiles(linear: &Linear, shape: &Shape, mut row: impl FnMut(usize, usize, bool, &Taps)) {
    let plane = linear.output[1] * linear.output[2];
    for channel in (0..linear.output[0]).step_by(shape.outputs) {
        for position in 0..plane {
            let mut taps: Vec<Option<(usize, usize)>> =
                linear.terms(channel * plane + position).map(|term| Some((term.weight, term.input))).collect();
            taps.push(None);
            for (index, taps) in taps.chunks(shape.taps).enumerate() {
                row(channel, position, index == 0, taps);
            }
        }
    }
}

/// Everything about the grid but the advice values.
pub(super) struct Layout {
    pub(super) shape: Shape,
    /// Rows that are used.
    pub(super) rows: usize,
    /// Values of the fixed columns, each as long as it is used.
    pub(super) fixed: Vec<Vec<i64>>,
    pub(super) copies: Vec<(Place, Place)>,
    /// The table: sizes of ranges and their numbers.
    pub(super) table: Vec<(u64, u64)>,
}

/// Widths that are tried: products and accumulators of a row.
const TILES: [(usize, usize); 9] = [(1, 2), (2, 2), (4, 2), (3, 4), (4, 4), (5, 4), (5, 6), (8, 6), (8, 8)];

/// Rows at the end of the grid that hold randomness.
pub(super) const BLINDING: usize = 8;

impl Layout {
    /// The widths with which proofs of this network should be fastest, and the logarithm of the number of rows.
    pub(super) fn choose(workload: &Workload) -> (Shape, u32) {
        let convolutions = workload.linear().any(|linear| linear.output[1] * linear.output[2] > 1);
        let mut best: Option<(usize, Shape, u32)> = None;
        for (taps, outputs) in TILES {
            for (lanes, limb) in [1, 2, 3, 4, 6].into_iter().flat_map(|lanes| (8..=16).map(move |limb| (lanes, limb))) {
                let shape = Shape { taps, outputs, lanes, limb, copied_weights: convolutions };
                let log_rows = log_rows(workload, &shape);
                let cost = shape.cost() << log_rows;
                if best.is_none_or(|(least, ..)| cost < least) {
                    best = Some((cost, shape, log_rows));
                }
            }
        }
        let (_, shape, log_rows) = best.expect("there are shapes to choose from");
        (shape, log_rows)
    }

    pub(super) fn new(workload: &Workload, shape: Shape) -> Self {
        let fixed = vec![Vec::new(); Fixed::COUNT];
        let sizes = sizes(workload, shape.limb);
        // The first pair is that of rows where nothing is looked up.
        let table = std::iter::once((0, 0)).chain(sizes.iter().flat_map(|&size| (0..size).map(move |v| (size, v))));
        let mut layout = Self { shape, rows: 0, fixed, copies: Vec::new(), table: table.collect() };
        layout.set(Fixed::Constant, 0, 0);
        layout.set(Fixed::Constant, 1, 1);
        let (mut tile_row, mut lane_row) = (0, 0);
        let mut places: Vec<Place> = (0..workload.input.len()).map(Place::Public).collect();
        for step in &workload.steps {
            places = match &step.layer {
                Layer::Linear(linear) => layout.linear(linear, &places, &mut tile_row),
                Layer::Requant(requant) => layout.requant(step, requant, &places, &mut lane_row),
                Layer::MaxPool(pool) => layout.max_pool(step, pool, &places, &mut lane_row),
            };
        }
        let outputs = places.into_iter().enumerate();
        layout.copies.extend(outputs.map(|(index, place)| (place, Place::Public(workload.input.len() + index))));
        layout.rows = tile_row.max(lane_row).max(layout.table.len());
        layout
    }

    fn set(&mut self, column: Fixed, row: usize, value: i64) {
        let column = &mut self.fixed[column as usize];
        column.resize(column.len().max(row + 1), 0);
        column[row] = value;
    }

    fn linear(&mut self, linear: &Linear, inputs: &[Place], next_row: &mut usize) -> Vec<Place> {
        let shape = self.shape;
        let (channels, plane) = (linear.output[0], linear.output[1] * linear.output[2]);
        let mut outputs = vec![ZERO; channels * plane];
        let mut weights = vec![None; linear.weights.len()];
        let mut biases = vec![None; channels];
        tiles(linear, &shape, |channel, position, first, taps| {
            let row = *next_row;
            *next_row += 1;
            self.set(if first { Fixed::TileStart } else { Fixed::TileNext }, row, 1);
            for tap in 0..shape.taps {
                let term = taps.get(tap);
                let activation = match term {
                    Some(Some((_, input))) => inputs[*input],
                    Some(None) => ONE,
                    None => ZERO,
                };
                self.copies.push((activation, Place::Advice(shape.activation(tap), row)));
                let Some(term) = term else { continue };
                for output in 0..shape.outputs.min(channels - channel) {
                    let place = Place::Advice(shape.weight(tap, output), row);
                    let known = match term {
                        Some((weight, _)) => &mut weights[weight + output * linear.taps()],
                        None => &mut biases[channel + output],
                    };
                    match *known {
                        Some(known) => self.copies.push((known, place)),
                        None => *known = Some(place),
                    }
                }
            }
            // The last of the rows stays.
            for output in 0..shape.outputs.min(channels - channel) {
                outputs[(channel + output) * plane + position] = Place::Advice(shape.accumulator(output), row);
            }
        });
        outputs
    }

    /// `rows` rows for each of `count` results, as many beside each other as there are lanes: place of result `index`.
    fn block(&self, index: usize, rows: usize, start: usize) -> (usize, usize) {
        (index % self.shape.lanes, start + index / self.shape.lanes * rows)
    }

    fn requant(&mut self, step: &Step, requant: &Requant, inputs: &[Place], next_row: &mut usize) -> Vec<Place> {
        let limbs = limbs(requant, &step.input, self.shape.limb);
        let start = *next_row;
        let blocks = inputs.len().div_ceil(self.shape.lanes);
        *next_row += blocks * limbs.len();
        for block in 0..blocks {
            for (index, limb) in limbs.iter().enumerate() {
                let row = start + block * limbs.len() + index;
                self.set(Fixed::Size, row, limb.size as i64);
                let scale = 1 << limb.offset;
                let (coefficient, bound) = match limb.part {
                    Part::Output => (scale << requant.shift, requant.low),
                    Part::Remainder => (scale, 0),
                    Part::Above => (scale << requant.shift, requant.high),
                    Part::Below => (-(scale << requant.shift), requant.low),
                };
                self.set(Fixed::Coefficient, row, coefficient);
                self.set(Fixed::Bound, row, bound.into());
                self.set(if index == 0 { Fixed::RequantStart } else { Fixed::RequantNext }, row, 1);
                self.set(Fixed::Saturated, row, matches!(limb.part, Part::Above | Part::Below).into());
                self.set(Fixed::End, row, (index + 1 == limbs.len()).into());
            }
            let first = start + block * limbs.len();
            self.set(Fixed::Offset, first, requant.half() - (i64::from(requant.low) << requant.shift));
        }
        let shape = self.shape;
        let mut outputs = Vec::with_capacity(inputs.len());
        for (index, &input) in inputs.iter().enumerate() {
            let (lane, row) = self.block(index, limbs.len(), start);
            self.copies.push((input, Place::Advice(shape.lane(lane, Lane::Input), row)));
            outputs.push(Place::Advice(shape.lane(lane, Lane::Output), row));
        }
        outputs
    }

    fn max_pool(&mut self, step: &Step, pool: &MaxPool, inputs: &[Place], next_row: &mut usize) -> Vec<Place> {
        let window = pool.size * pool.size;
        let count = step.output.len();
        let start = *next_row;
        let blocks = count.div_ceil(self.shape.lanes);
        *next_row += blocks * window;
        for row in start..*next_row {
            let index = (row - start) % window;
            self.set(Fixed::Size, row, step.input.range.size() as i64);
            self.set(if index == 0 { Fixed::MaxStart } else { Fixed::MaxNext }, row, 1);
            self.set(Fixed::End, row, (index + 1 == window).into());
        }
        let shape = self.shape;
        let mut outputs = Vec::with_capacity(count);
        for output in 0..count {
            let (lane, row) = self.block(output, window, start);
            for (index, place) in pool.window(output).enumerate() {
                self.copies.push((inputs[place], Place::Advice(shape.lane(lane, Lane::Input), row + index)));
            }
            outputs.push(Place::Advice(shape.lane(lane, Lane::Output), row));
        }
        outputs
    }
}

/// Sizes of all ranges that something is looked up in.
fn sizes(workload: &Workload, limb: u32) -> BTreeSet<u64> {
    let mut sizes = BTreeSet::new();
    for step in &workload.steps {
        match &step.layer {
            Layer::Linear(_) => {}
            Layer::Requant(requant) => sizes.extend(limbs(requant, &step.input, limb).iter().map(|limb| limb.size)),
            Layer::MaxPool(_) => sizes.extend([step.input.range.size()]),
        }
    }
    sizes
}

fn log_rows(workload: &Workload, shape: &Shape) -> u32 {
    let (mut tile_rows, mut lane_rows) = (0, 0);
    for step in &workload.steps {
        match &step.layer {
            Layer::Linear(linear) => {
                let plane = linear.output[1] * linear.output[2];
                let rows = |position| (linear.terms(position).count() + 1).div_ceil(shape.taps);
                tile_rows += linear.output[0].div_ceil(shape.outputs) * (0..plane).map(rows).sum::<usize>();
            }
            Layer::Requant(requant) => {
                lane_rows += step.input.len().div_ceil(shape.lanes) * limbs(requant, &step.input, shape.limb).len();
            }
            Layer::MaxPool(pool) => lane_rows += step.output.len().div_ceil(shape.lanes) * pool.size * pool.size,
        }
    }
    let table = 1 + sizes(workload, shape.limb).into_iter().sum::<u64>() as usize;
    let public = workload.input.len() + workload.output_value().len();
    let rows = tile_rows.max(lane_rows).max(table).max(public) + BLINDING;
    rows.next_power_of_two().ilog2()
}

/// Whether ranges of outputs and of maxima fit one limb, which the lanes need.
pub(super) fn narrow(step: &Step) -> bool {
    let widest = match &step.layer {
        Layer::Linear(_) => return true,
        Layer::Requant(requant) => parts::output_size(requant),
        Layer::MaxPool(_) => step.input.range.size(),
    };
    widest <= 1 << 16
}
