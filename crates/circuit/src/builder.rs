use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::layout::Layout;
use crate::requant::bit_length;
use convince_field::maps::{MapTerm, sum_bounds};
use convince_field::{Bits, WindowAxis};
use serde::{Deserialize, Serialize};

use crate::{
    Circuit, CircuitError, Conv2d, Conv2dLayer, Gate, Layer, LayerRegistry, LinearLayer, LinearTerm, Lookup,
    ProductLayer, Requant,
};
use crate::{Range, Strategy, Table, TableContent, Tensor, Window, Wire, WireId, WireKind, blocks, claims};

/// One call of the builder: a circuit is stored as the calls that make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    Input([usize; 4], Bits),
    Weight(Vec<usize>, Bits),
    Conv2d { input: Tensor, weight: Tensor, bias: Option<Tensor>, params: Conv2d },
    Linear { terms: Vec<LinearTerm>, constant: i64 },
    Product(Tensor, Tensor),
    Requant { input: Tensor, params: Requant },
    Output(Tensor),
    Gates { inputs: Vec<Tensor>, shape: [usize; 4], gates: Arc<Vec<Gate>> },
    Custom { inputs: Vec<Tensor>, id: String, params: Vec<u8> },
    Spectrum { factors: Vec<Tensor>, log_len: usize },
    OutputLabel { input: Tensor, range: Range },
    Range(Tensor),
    PrivateInput([usize; 4], Bits),
    PrivateOutput(Tensor),
    OutputCorrect { input: Tensor, range: Range },
}

impl Op {
    /// The strategy of a call that has one.
    fn range(&mut self) -> Option<&mut Range> {
        match self {
            Self::Requant { params, .. } => Some(&mut params.range),
            Self::OutputLabel { range, .. } | Self::OutputCorrect { range, .. } => Some(range),
            _ => None,
        }
    }
}

/// Widest limb, in bits: its table has `2^MAX_LIMB_BITS` rows.
pub(crate) const MAX_LIMB_BITS: u32 = 18;
const MAX_SIZE: usize = 1 << 31;
const MAX_TABLE_LEN: i64 = 1 << 20;
const MAX_LOG_LEAVES: usize = 40;
/// Calls of one builder: bounds the work that a hostile key can cause.
const MAX_OPS: usize = 1 << 13;
/// Output places times kernel places along the axes of all convolutions and windows, entries of all axis maps, and what the
/// transforms of FFT convolutions take: what a verifier spends on their kernels. A network of a hundred 7x7 layers on 1024x1024 images has a tenth of it.
const MAX_KERNEL_WORK: usize = 1 << 24;
/// Places of a max-pool's window: the degree of its zero-check is one more.
const MAX_WINDOW: usize = 16;
/// Bits that a requantisation drops.
const MAX_SHIFT: u32 = 40;
/// Magnitude of `m_c a`.
const MAX_SCALED: i64 = 1 << 61;

/// Builds a [`Circuit`] call by call. Every call computes the range of what it defines and refuses it if it could leave
/// 32 bits. Limbs and shifts then keep both sides of every linear relation, and every factor of a product, below 2^80 in
/// magnitude, so that over a field of more than 2^81 elements none holds modulo the prime only.
#[derive(Default)]
pub struct CircuitBuilder {
    pub(crate) ops: Vec<Op>,
    pub(crate) wires: Vec<Wire>,
    pub(crate) layers: Vec<Pending>,
    input: Option<WireId>,
    pub(crate) output: Option<Tensor>,
    /// What layers can read: inputs, virtual wires and the output columns of requantisations.
    pub(crate) readable: BTreeMap<Tensor, Readable>,
    kernel_work: usize,
    /// Gates and entries of their outputs.
    pub(crate) gate_work: usize,
    /// Ranges of the entries of layers of gates.
    pub(crate) entry_ranges: BTreeMap<Tensor, Vec<(i32, i32)>>,
    /// Custom layers that are being built.
    pub(crate) nesting: usize,
    /// Layers whose range strategy is left to the cost model: places in `ops` and in `layers`.
    pub(crate) open_ranges: Vec<(usize, usize)>,
}

/// Shape and range of a tensor that layers can read.
#[derive(Clone, Copy)]
pub(crate) struct Readable {
    pub(crate) shape: [usize; 4],
    pub(crate) low: i64,
    pub(crate) high: i64,
}

impl Readable {
    /// Smallest and largest value.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.low, self.high)
    }
}

/// A layer before the width of limbs is known.
pub(crate) enum Pending {
    Ready(Box<Layer>),
    Requant { input: Tensor, advice: WireId, params: Requant },
    ArgMax { input: Tensor, labels: Tensor, advice: WireId, correct: Option<WireId>, range: Range },
    Range(WireId),
}

impl Pending {
    /// The strategy of a layer that has one.
    fn range(&mut self) -> Option<&mut Range> {
        match self {
            Self::Ready(_) | Self::Range(_) => None,
            Self::Requant { params, .. } => Some(&mut params.range),
            Self::ArgMax { range, .. } => Some(range),
        }
    }
}

/// What [`Range::Auto`] may become for all layers together.
#[derive(Clone, Copy)]
enum Choice {
    /// Bits, but for activation tables.
    Bits,
    /// Clamps whose tables' rows are numbered by so many bits; limbs elsewhere.
    ClampsTo(u32),
}

impl CircuitBuilder {
    /// An empty circuit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The shape `[batch, channel, row, column]` of a tensor that layers can read.
    ///
    /// # Errors
    /// [`CircuitError::Wire`] for weights and for tensors of another circuit.
    pub fn shape(&self, tensor: Tensor) -> Result<[usize; 4], CircuitError> {
        self.read(tensor).map(|r| r.shape)
    }

    /// An error that says what is wrong with a parameter of the next call: what a custom layer returns.
    pub fn refuse(&self, what: &'static str) -> CircuitError {
        self.parameter(what)
    }

    /// Calls so far.
    pub(crate) fn num_ops(&self) -> usize {
        self.ops.len()
    }

    pub(crate) fn replay(ops: Vec<Op>, registry: &LayerRegistry) -> Result<Self, CircuitError> {
        let mut builder = Self::new();
        if ops.len() > MAX_OPS {
            return Err(CircuitError::Incomplete("a circuit has at most 2^13 operations"));
        }
        for op in ops {
            match op {
                Op::Input(shape, bits) => builder.input(shape, bits).map(drop)?,
                Op::Weight(shape, bits) => builder.weight(shape, bits).map(drop)?,
                Op::Conv2d { input, weight, bias, params } => builder.conv2d(input, weight, bias, params).map(drop)?,
                Op::Linear { terms, constant } => builder.linear(terms, constant).map(drop)?,
                Op::Product(a, b) => builder.product(a, b).map(drop)?,
                Op::Requant { input, params } => builder.requant(input, params).map(drop)?,
                Op::Output(tensor) => builder.output(tensor)?,
                Op::Gates { inputs, shape, gates } => {
                    builder.gates(&inputs, shape, gates.iter().copied()).map(drop)?;
                }
                Op::Spectrum { factors, log_len } => builder.spectrum(&factors, log_len).map(drop)?,
                Op::Custom { inputs, id, params } => builder.stored_custom(registry, &inputs, &id, &params)?,
                Op::OutputLabel { input, range } => builder.output_label(input, range)?,
                Op::Range(tensor) => builder.range(tensor)?,
                Op::PrivateInput(shape, bits) => builder.private_input(shape, bits).map(drop)?,
                Op::PrivateOutput(tensor) => builder.private_output(tensor)?,
                Op::OutputCorrect { input, range } => builder.output_correct(input, range)?,
            }
        }
        Ok(builder)
    }

    /// Declares the public input `[batch, channel, row, column]`. A circuit has one input.
    ///
    /// # Errors
    /// A shape with an empty axis, a format wider than 31 bits, a second input.
    pub fn input(&mut self, shape: [usize; 4], bits: Bits) -> Result<Tensor, CircuitError> {
        let tensor = self.declare_input(shape, bits)?;
        self.ops.push(Op::Input(shape, bits));
        Ok(tensor)
    }

    /// Declares the input as a wire that the prover commits to and that every proof shows to be within its format, as
    /// by [`Self::range`].
    ///
    /// # Errors
    /// As [`Self::input`], and a call by a custom layer.
    pub fn private_input(&mut self, shape: [usize; 4], bits: Bits) -> Result<Tensor, CircuitError> {
        if self.nesting > 0 {
            return Err(self.refuse("a private input is declared outside of custom layers"));
        }
        let tensor = self.declare_input(shape, bits)?;
        self.layers.push(Pending::Range(tensor.wire));
        self.ops.push(Op::PrivateInput(shape, bits));
        Ok(tensor)
    }

    fn declare_input(&mut self, shape: [usize; 4], bits: Bits) -> Result<Tensor, CircuitError> {
        if self.input.is_some() {
            return Err(self.wire_error("a circuit has one input"));
        }
        let tensor = self.declare(shape.to_vec(), WireKind::Input, bits)?;
        self.readable.insert(tensor, Readable { shape, low: bits.low(), high: bits.high() });
        self.input = Some(tensor.wire);
        Ok(tensor)
    }

    /// Declares weights, committed with the model: `[co, ci, kh, kw]` for a kernel, `[co]` for a bias.
    ///
    /// # Errors
    /// A shape with an empty axis, a format wider than 31 bits.
    pub fn weight(&mut self, shape: impl Into<Vec<usize>>, bits: Bits) -> Result<Tensor, CircuitError> {
        let shape = shape.into();
        let tensor = self.declare(shape.clone(), WireKind::Weight, bits)?;
        self.ops.push(Op::Weight(shape, bits));
        Ok(tensor)
    }

    /// Convolution of `[batch, channels, H, W]` with `[co, channels / groups, kh, kw]` and a bias `[co]`, giving accumulators.
    ///
    /// # Errors
    /// Shapes that do not fit, strides, dilations or groups of 0, accumulators that could leave 32 bits, transforms of more than
    /// 2^20 places where [`Strategy::Fft`] is asked for.
    pub fn conv2d(
        &mut self,
        input: Tensor,
        weight: Tensor,
        bias: Option<Tensor>,
        params: Conv2d,
    ) -> Result<Tensor, CircuitError> {
        let input_shape = self.shape(input)?;
        let weight_shape = self.weight_shape4(weight)?;
        let [batch, channels, height, width] = input_shape;
        let [co, group_channels, kh, kw] = weight_shape;
        let groups = params.groups;
        if groups.checked_mul(group_channels) != Some(channels) || !co.is_multiple_of(groups) {
            return Err(self.mismatch("channels of input, kernel and groups", &input_shape, &weight_shape));
        }
        let axes = params.axes([height, width], [kh, kw]);
        let unfit = || self.mismatch("the kernel and the padded input", &input_shape, &weight_shape);
        let [Some(out_h), Some(out_w)] = self.window_outputs(&axes)? else { return Err(unfit()) };
        let bias_range = match bias {
            Some(bias) => {
                let wire = self.weight_wire(bias)?;
                if wire.shape != [co] {
                    return Err(self.mismatch("bias and kernel", &wire.shape, &weight_shape));
                }
                (wire.low, wire.high)
            }
            None => (0, 0),
        };
        let kernel = self.weight_wire(weight)?;
        let (low, high) = product_range(self.bounds(input)?, (kernel.low, kernel.high));
        let taps = (group_channels * kh * kw) as i128;
        // Padding drops terms, so that partial sums count as well as whole ones.
        let range =
            (taps * low.min(0) + i128::from(bias_range.0.min(0)), taps * high.max(0) + i128::from(bias_range.1.max(0)));
        let output_shape = [batch, co, out_h, out_w];
        let mut layer = Conv2dLayer {
            input,
            weight: weight.wire,
            bias: bias.map(|b| b.wire),
            output: WireId(self.wires.len() as u32),
            input_shape,
            weight_shape,
            output_shape,
            params,
        };
        self.choose(&mut layer)?;
        let output = self.define(output_shape, range)?;
        debug_assert_eq!(output.wire, layer.output);
        self.ops.push(Op::Conv2d { input, weight, bias, params: layer.params });
        self.layers.push(Pending::Ready(Box::new(Layer::Conv2d(layer))));
        Ok(output)
    }

    /// Resolves a convolution's strategy and counts what its verifier will spend.
    fn choose(&mut self, layer: &mut Conv2dLayer) -> Result<(), CircuitError> {
        if layer.params.strategy == Strategy::Auto {
            layer.params.strategy = if layer.prefers_fft() { Strategy::Fft } else { Strategy::Direct };
        }
        if layer.params.strategy == Strategy::Fft {
            let layout = layer.fft_layout();
            let layout =
                layout.ok_or_else(|| self.parameter("an FFT convolution's padded plane has at most 2^20 places"))?;
            return self.work(layout.verifier_work());
        }
        let ([_, _, kh, kw], [_, _, out_h, out_w]) = (layer.weight_shape, layer.output_shape);
        match layer.axes().iter().all(WindowAxis::is_whole) {
            true => Ok(()),
            false => self.work(out_h.saturating_mul(kh).saturating_add(out_w.saturating_mul(kw))),
        }
    }

    /// Fully connected layer over the flattened input: a convolution whose kernel `[co, ci, H, W]` is the whole plane.
    ///
    /// # Errors
    /// As [`Self::conv2d`].
    pub fn gemm(&mut self, input: Tensor, weight: Tensor, bias: Option<Tensor>) -> Result<Tensor, CircuitError> {
        let (x, w) = (self.shape(input)?, self.weight_shape4(weight)?);
        if x[1..] != w[1..] {
            return Err(self.mismatch("a fully connected layer's input and kernel", &x, &w));
        }
        self.conv2d(input, weight, bias, Conv2d::PLAIN)
    }

    /// `sum_i m_i * map_i(in_i) + constant`: sums, changes of scale, window sums, and everything that moves entries about.
    ///
    /// # Errors
    /// No terms, maps that do not fit their tensors or give unequal shapes, values that could leave 32 bits.
    pub fn linear(&mut self, terms: Vec<LinearTerm>, constant: i64) -> Result<Tensor, CircuitError> {
        let mut inputs = Vec::with_capacity(terms.len());
        for term in &terms {
            let shape = self.shape(term.tensor)?;
            let unfit = || self.parameter("a map fits its tensor and leaves the batch axis alone");
            let (work, to) = term.work(shape).zip(term.map.output_shape(shape)).ok_or_else(unfit)?;
            if term.multiplier == 0 {
                return Err(self.parameter("a linear layer's multipliers are not zero"));
            }
            self.work(work)?;
            let range = self.bounds(term.tensor)?;
            inputs.push((to, MapTerm { multiplier: term.multiplier, map: &term.map, shape, range }));
        }
        let Some(&(shape, _)) = inputs.first() else {
            return Err(self.parameter("a linear layer has at least one term"));
        };
        if let Some((other, _)) = inputs.iter().find(|(to, _)| *to != shape) {
            return Err(self.mismatch("terms of a linear layer", &shape, other));
        }
        let inputs: Vec<_> = inputs.into_iter().map(|(_, term)| term).collect();
        let range = sum_bounds(&inputs, constant);
        let range = range.ok_or_else(|| self.parameter("a map fits its tensor and leaves the batch axis alone"))?;
        let output = self.define(shape, range)?;
        let layer = LinearLayer { terms: terms.clone(), constant, output: output.wire, shape };
        self.layers.push(Pending::Ready(Box::new(Layer::Linear(layer))));
        self.ops.push(Op::Linear { terms, constant });
        Ok(output)
    }

    /// `a * b`, entry by entry.
    ///
    /// # Errors
    /// Unequal shapes, products that could leave 32 bits.
    pub fn product(&mut self, a: Tensor, b: Tensor) -> Result<Tensor, CircuitError> {
        let (shape, other) = (self.shape(a)?, self.shape(b)?);
        if shape != other {
            return Err(self.mismatch("factors of a product", &shape, &other));
        }
        let range = product_range(self.bounds(a)?, self.bounds(b)?);
        let output = self.define(shape, range)?;
        self.layers.push(Pending::Ready(Box::new(Layer::Product(ProductLayer {
            factors: [a, b],
            output: output.wire,
            shape,
        }))));
        self.ops.push(Op::Product(a, b));
        Ok(output)
    }

    /// Requantisation, saturation, optional activation table and optional max-pool.
    ///
    /// # Errors
    /// Windows that do not fit the plane, have more than 16 places or padding as large as they are; multipliers that are not one
    /// a channel or make products of 2^61; a shift above 40; an empty clamp or one of more than 2^20 values; a table of
    /// another length, and one that decreases together with a window (it would not commute with the maximum).
    pub fn requant(&mut self, input: Tensor, mut params: Requant) -> Result<Tensor, CircuitError> {
        let shape = self.shape(input)?;
        let Window { kernel, padding, .. } = params.window;
        if params.window.size() > MAX_WINDOW || (0..4).any(|side| padding[side] >= kernel[side % 2]) {
            return Err(self.parameter("a window has at most 16 places and less padding than rows and columns"));
        }
        let axes = params.window.axes([shape[2], shape[3]]);
        let [Some(down), Some(across)] = self.window_outputs(&axes)? else {
            return Err(self.parameter("a requantisation's window fits the plane"));
        };
        // A last window that begins in the padding would have no place inside.
        if axes.iter().zip([down, across]).any(|(axis, n)| (n - 1) * axis.stride >= axis.input + axis.padding[0]) {
            return Err(self.parameter("every window has a place inside the plane"));
        }
        if params.window != Window::ONE {
            self.work(down.saturating_mul(kernel[0]).saturating_add(across.saturating_mul(kernel[1])))?;
        }
        if params.multipliers.as_ref().is_some_and(|m| m.len() != shape[1]) {
            return Err(self.parameter("a requantisation has one multiplier a channel"));
        }
        let scaled = params.scaled_range(self.bounds(input)?);
        if scaled.0 < -MAX_SCALED || scaled.1 > MAX_SCALED || params.shift > MAX_SHIFT {
            return Err(self.parameter("a requantisation's shift is at most 40 and its scaled values below 2^61"));
        }
        let len = i64::from(params.high) - i64::from(params.low) + 1;
        if !(1..=MAX_TABLE_LEN).contains(&len) {
            return Err(self.parameter("a clamp has low <= high and at most 2^20 values"));
        }
        if let Some(table) = &params.table {
            if table.len() as i64 != len {
                return Err(self.parameter("an activation table has one entry for every clamped value"));
            }
            if params.window.size() > 1 && table.windows(2).any(|pair| pair[0] > pair[1]) {
                return Err(self.parameter("an activation table fused with a max-pool does not decrease"));
            }
        }
        let no_bits = params.range == Range::Bits && params.table.is_some();
        let no_table = params.clamp_rows(self.bounds(input)?, MAX_TABLE_LEN).is_none();
        if no_bits || params.range == Range::Clamp && no_table {
            params.range = Range::LogUp;
        }
        let pooled = [shape[0], shape[1], down, across];
        self.check_shape(&pooled)?;
        let advice = self.new_wire(Wire { shape: vec![], kind: WireKind::Advice, low: 0, high: 0 });
        let output = Tensor { wire: advice, column: Some(u32::from(params.table.is_some())) };
        let (low, high) = params.output_range();
        self.readable.insert(output, Readable { shape: pooled, low, high });
        if params.range == Range::Auto && self.nesting > 0 {
            // What a custom layer is made of is not stored, so that there is nowhere to keep a choice.
            params.range = Range::LogUp;
        } else if params.range == Range::Auto {
            self.open_ranges.push((self.ops.len(), self.layers.len()));
        }
        self.layers.push(Pending::Requant { input, advice, params: params.clone() });
        self.ops.push(Op::Requant { input, params });
        Ok(output)
    }

    /// The circuit, with the limb width that makes the lookups and commitments cheapest, and [`Range::Auto`] resolved.
    ///
    /// # Errors
    /// [`CircuitError::Incomplete`] without input or output.
    pub fn finish(mut self) -> Result<Circuit, CircuitError> {
        let widths = std::iter::once(0).chain(self.clamp_bits());
        let choices = widths.map(Choice::ClampsTo).chain([Choice::Bits]);
        let mut best: Option<(usize, Choice, u32)> = None;
        for choice in choices.collect::<Vec<_>>() {
            self.resolve(choice);
            let costs = (4..=MAX_LIMB_BITS).map(|limb_bits| (Layout::new(&self, limb_bits).cost(), choice, limb_bits));
            best = best.into_iter().chain(costs).min_by_key(|&(cost, ..)| cost);
        }
        let (_, choice, limb_bits) = best.unwrap_or((0, Choice::ClampsTo(0), 8));
        self.resolve(choice);
        self.finish_with(limb_bits)
    }

    /// The bits that number the rows of a table for each of the layers whose clamps might be looked up.
    fn clamp_bits(&self) -> impl Iterator<Item = u32> + use<> {
        let rows = self.open_ranges.iter().filter_map(|&(_, layer)| self.clamp_rows(&self.layers[layer]));
        let bits: BTreeSet<u32> = rows.map(bit_length).collect();
        bits.into_iter()
    }

    /// Rows of the smallest table for a layer's clamps; none if there can be none, or if there are no clamps.
    fn clamp_rows(&self, layer: &Pending) -> Option<i64> {
        let Pending::Requant { input, params, .. } = layer else { return None };
        params.clamp_rows(self.readable[input].range(), MAX_TABLE_LEN)
    }

    /// Makes a choice where it is still open, or was made by an earlier call for the same layers.
    fn resolve(&mut self, choice: Choice) {
        for &(op, layer) in &self.open_ranges {
            let rows = self.clamp_rows(&self.layers[layer]);
            let table = matches!(&self.layers[layer], Pending::Requant { params, .. } if params.table.is_some());
            let range = match choice {
                Choice::Bits if !table => Range::Bits,
                Choice::ClampsTo(bits) if rows.is_some_and(|rows| bit_length(rows) <= bits) => Range::Clamp,
                _ => Range::LogUp,
            };
            let (op, layer) = (self.ops.get_mut(op), self.layers.get_mut(layer));
            let places = [op.and_then(Op::range), layer.and_then(Pending::range)];
            places.into_iter().flatten().for_each(|place| *place = range);
        }
    }

    /// The circuit with limbs of `limb_bits` bits: what an experiment varies, and what a stored circuit says.
    /// [`Range::Auto`] means [`Range::LogUp`] here.
    ///
    /// # Errors
    /// As [`Self::finish`], and a width outside `1..=16`.
    pub fn finish_with(mut self, limb_bits: u32) -> Result<Circuit, CircuitError> {
        let open = self.open_ranges.clone();
        if open.iter().any(|&(op, _)| self.ops[op].range().is_some_and(|range| *range == Range::Auto)) {
            self.resolve(Choice::ClampsTo(0));
        }
        if !(1..=MAX_LIMB_BITS).contains(&limb_bits) {
            return Err(self.parameter("limbs have between 1 and 16 bits"));
        }
        let input = self.input.ok_or(CircuitError::Incomplete("the circuit has no input"))?;
        let output = self.output.ok_or(CircuitError::Incomplete("the circuit has no output"))?;
        let Layout { wires, layers, lookups, tables: contents } = Layout::new(&self, limb_bits);
        self.wires = wires;
        for wire in &self.wires {
            if wire.size() > MAX_SIZE {
                return Err(CircuitError::Incomplete("an advice wire has more than 2^31 values"));
            }
        }
        let entries = |l: &Lookup| blocks::entries(&contents[l.table], l.shape(&self.wires));
        let looked_up = lookups.iter().map(entries).fold(0usize, usize::saturating_add);
        if looked_up > i32::MAX as usize {
            return Err(CircuitError::Incomplete("more than 2^31 lookups: a multiplicity could overflow"));
        }
        let high = looked_up as i64;
        let table = |content: TableContent| {
            let shape = vec![content.len()];
            Table { content, multiplicities: self.new_wire(Wire { shape, kind: WireKind::Advice, low: 0, high }) }
        };
        let tables: Vec<Table> = contents.into_iter().map(table).collect();
        let (blocks, log_leaves) = blocks::layout(&lookups, &tables, &self.wires);
        if log_leaves > MAX_LOG_LEAVES {
            return Err(CircuitError::Incomplete("the lookups need more than 2^40 leaves"));
        }
        let Self { ops, wires, .. } = self;
        let circuit = Circuit { ops, limb_bits, wires, layers, tables, lookups, blocks, log_leaves, input, output };
        claims::bound(&circuit)?;
        Ok(circuit)
    }

    /// Output lengths of both axes of a window; `None` where it does not fit.
    fn window_outputs(&self, axes: &[WindowAxis; 2]) -> Result<[Option<usize>; 2], CircuitError> {
        let large = |axis: &WindowAxis| {
            [axis.stride, axis.dilation, axis.padding[0], axis.padding[1]].iter().any(|&n| n >= MAX_SIZE)
        };
        match axes.iter().any(|axis| axis.stride == 0 || axis.dilation == 0 || large(axis)) {
            true => Err(self.parameter("strides and dilations are at least 1, they and paddings below 2^31")),
            false => Ok(axes.map(|axis| axis.output())),
        }
    }

    /// Counts what a verifier will spend on kernels.
    pub(crate) fn work(&mut self, amount: usize) -> Result<(), CircuitError> {
        self.kernel_work = self.kernel_work.saturating_add(amount);
        match self.kernel_work > MAX_KERNEL_WORK {
            true => Err(self.parameter("kernels, windows, maps and transforms have more than 2^24 entries")),
            false => Ok(()),
        }
    }

    fn declare(&mut self, shape: Vec<usize>, kind: WireKind, bits: Bits) -> Result<Tensor, CircuitError> {
        self.check_shape(&shape)?;
        if !bits.is_valid() {
            return Err(self.parameter("a format has between 1 and 31 bits"));
        }
        Ok(Tensor::whole(self.new_wire(Wire { shape, kind, low: bits.low(), high: bits.high() })))
    }

    pub(crate) fn define(&mut self, shape: [usize; 4], (low, high): (i128, i128)) -> Result<Tensor, CircuitError> {
        self.check_shape(&shape)?;
        match (i32::try_from(low), i32::try_from(high)) {
            (Ok(low), Ok(high)) => {
                let (low, high) = (low.into(), high.into());
                let wire = Wire { shape: shape.to_vec(), kind: WireKind::Virtual, low, high };
                let tensor = Tensor::whole(self.new_wire(wire));
                self.readable.insert(tensor, Readable { shape, low, high });
                Ok(tensor)
            }
            _ => Err(CircuitError::Bound { op: self.ops.len(), low, high }),
        }
    }

    pub(crate) fn new_wire(&mut self, wire: Wire) -> WireId {
        self.wires.push(wire);
        WireId((self.wires.len() - 1) as u32)
    }

    pub(crate) fn check_shape(&self, shape: &[usize]) -> Result<(), CircuitError> {
        let size = shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n).filter(|&s| s > 0 && s <= MAX_SIZE));
        match size {
            Some(_) => Ok(()),
            None => Err(CircuitError::Shape { op: self.ops.len(), shape: shape.to_vec() }),
        }
    }

    fn read(&self, tensor: Tensor) -> Result<Readable, CircuitError> {
        let readable = self.readable.get(&tensor).copied();
        readable.ok_or_else(|| self.wire_error("a layer reads an input, an accumulator or a requantised tensor"))
    }

    /// The shape of anything that gates read: a weight's, or that of a tensor that all layers read.
    pub(crate) fn operand_shape(&self, tensor: Tensor) -> Result<Vec<usize>, CircuitError> {
        match self.weight_wire(tensor) {
            Ok(wire) => Ok(wire.shape.clone()),
            Err(_) => self.shape(tensor).map(|shape| shape.to_vec()),
        }
    }

    /// Its range.
    pub(crate) fn operand_range(&self, tensor: Tensor) -> Result<(i64, i64), CircuitError> {
        self.weight_wire(tensor).map(|wire| (wire.low, wire.high)).or_else(|_| self.bounds(tensor))
    }

    pub(crate) fn bounds(&self, tensor: Tensor) -> Result<(i64, i64), CircuitError> {
        self.read(tensor).map(|r| (r.low, r.high))
    }

    pub(crate) fn weight_wire(&self, tensor: Tensor) -> Result<&Wire, CircuitError> {
        let wire =
            self.wires.get(tensor.wire.index()).filter(|w| w.kind == WireKind::Weight && tensor.column.is_none());
        wire.ok_or_else(|| self.wire_error("a kernel or a bias is a weight wire"))
    }

    fn weight_shape4(&self, tensor: Tensor) -> Result<[usize; 4], CircuitError> {
        let shape = &self.weight_wire(tensor)?.shape;
        shape.as_slice().try_into().map_err(|_| self.wire_error("a kernel has four axes"))
    }

    pub(crate) fn wire_error(&self, what: &'static str) -> CircuitError {
        CircuitError::Wire { op: self.ops.len(), what }
    }

    fn parameter(&self, what: &'static str) -> CircuitError {
        CircuitError::Parameter { op: self.ops.len(), what }
    }

    fn mismatch(&self, what: &'static str, left: &[usize], right: &[usize]) -> CircuitError {
        CircuitError::Mismatch { op: self.ops.len(), what, left: left.to_vec(), right: right.to_vec() }
    }
}

/// Smallest and largest product of two values of these ranges.
pub(crate) fn product_range(a: (i64, i64), b: (i64, i64)) -> (i128, i128) {
    let products = [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)].map(|(x, y)| i128::from(x) * i128::from(y));
    products.iter().fold((i128::MAX, i128::MIN), |(low, high), &p| (low.min(p), high.max(p)))
}
