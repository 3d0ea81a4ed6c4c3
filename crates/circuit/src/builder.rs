use std::collections::{BTreeMap, HashMap};

use convince_field::Bits;
use serde::{Deserialize, Serialize};

use crate::{AffineLayer, Circuit, CircuitError, Conv2d, Conv2dLayer, Layer, Lookup, Requant, RequantLayer};
use crate::{Table, TableContent, Tensor, Wire, WireId, WireKind, blocks};

/// One call of the builder: a circuit is stored as the calls that make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Op {
    Input([usize; 4], Bits),
    Weight(Vec<usize>, Bits),
    Conv2d { input: Tensor, weight: Tensor, bias: Option<Tensor>, params: Conv2d },
    Affine { terms: Vec<(i64, Tensor)>, constant: i64 },
    Requant { input: Tensor, params: Requant },
    Output(Tensor),
}

/// Widest limb, in bits: its table has `2^MAX_LIMB_BITS` rows.
const MAX_LIMB_BITS: u32 = 16;
const MAX_SIZE: usize = 1 << 31;
const MAX_TABLE_LEN: i64 = 1 << 20;
const MAX_LOG_LEAVES: usize = 40;
/// Calls of one builder: bounds the work that a hostile key can cause.
const MAX_OPS: usize = 1 << 13;
/// Output places times kernel places along the axes of all convolutions: what a verifier spends on their kernels. A network
/// of a hundred 7x7 layers on 1024x1024 images has a tenth of it.
const MAX_KERNEL_WORK: usize = 1 << 24;

/// Builds a [`Circuit`] call by call. Every call computes the range of what it defines and refuses it if it could leave
/// 32 bits. Limbs and shifts then keep both sides of every linear relation, and every factor of a product, below 2^80 in
/// magnitude, so that over a field of more than 2^81 elements none holds modulo the prime only.
#[derive(Default)]
pub struct CircuitBuilder {
    ops: Vec<Op>,
    wires: Vec<Wire>,
    layers: Vec<Pending>,
    input: Option<WireId>,
    output: Option<Tensor>,
    /// What layers can read: inputs, virtual wires and the output columns of requantisations.
    readable: BTreeMap<Tensor, Readable>,
    kernel_work: usize,
}

/// Shape and range of a tensor that layers can read.
#[derive(Clone, Copy)]
struct Readable {
    shape: [usize; 4],
    low: i64,
    high: i64,
}

/// A layer before the width of limbs is known.
enum Pending {
    Ready(Layer),
    Requant { input: Tensor, advice: WireId, params: Requant },
}

impl CircuitBuilder {
    /// An empty circuit.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn replay(ops: Vec<Op>) -> Result<Self, CircuitError> {
        let mut builder = Self::new();
        if ops.len() > MAX_OPS {
            return Err(CircuitError::Incomplete("a circuit has at most 2^13 operations"));
        }
        for op in ops {
            match op {
                Op::Input(shape, bits) => builder.input(shape, bits).map(drop)?,
                Op::Weight(shape, bits) => builder.weight(shape, bits).map(drop)?,
                Op::Conv2d { input, weight, bias, params } => builder.conv2d(input, weight, bias, params).map(drop)?,
                Op::Affine { terms, constant } => builder.affine(&terms, constant).map(drop)?,
                Op::Requant { input, params } => builder.requant(input, params).map(drop)?,
                Op::Output(tensor) => builder.output(tensor)?,
            }
        }
        Ok(builder)
    }

    /// Declares the public input `[batch, channel, row, column]`. A circuit has one, of batch 1.
    ///
    /// # Errors
    /// A shape with an empty axis, a format wider than 31 bits, a second input.
    pub fn input(&mut self, shape: [usize; 4], bits: Bits) -> Result<Tensor, CircuitError> {
        if self.input.is_some() {
            return Err(self.wire_error("a circuit has one input"));
        }
        if shape[0] != 1 {
            return Err(self.parameter("the batch axis has length 1"));
        }
        let tensor = self.declare(shape.to_vec(), WireKind::Input, bits)?;
        self.readable.insert(tensor, Readable { shape, low: bits.low(), high: bits.high() });
        self.input = Some(tensor.wire);
        self.ops.push(Op::Input(shape, bits));
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

    /// Convolution of `[batch, ci, H, W]` with `[co, ci, kh, kw]` and a bias `[co]`, giving accumulators.
    ///
    /// # Errors
    /// Shapes that do not fit, a stride of 0, accumulators that could leave 32 bits.
    pub fn conv2d(
        &mut self,
        input: Tensor,
        weight: Tensor,
        bias: Option<Tensor>,
        params: Conv2d,
    ) -> Result<Tensor, CircuitError> {
        let input_shape = self.shape4(input)?;
        let weight_shape = self.weight_shape4(weight)?;
        let [batch, channels, height, width] = input_shape;
        let [co, ci, kh, kw] = weight_shape;
        if ci != channels {
            return Err(self.mismatch("channels of input and kernel", &input_shape, &weight_shape));
        }
        if params.stride == 0 || params.padding >= MAX_SIZE || params.stride >= MAX_SIZE {
            return Err(self.parameter("a convolution's stride is at least 1, its stride and padding below 2^31"));
        }
        let extent = |n: usize, k: usize| (n + 2 * params.padding).checked_sub(k).map(|d| d / params.stride + 1);
        let (Some(out_h), Some(out_w)) = (extent(height, kh), extent(width, kw)) else {
            return Err(self.mismatch("the kernel and the padded input", &input_shape, &weight_shape));
        };
        if (kh, kw) != (height, width) || params.padding > 0 {
            let work = out_h.saturating_mul(kh).saturating_add(out_w.saturating_mul(kw));
            self.kernel_work = self.kernel_work.saturating_add(work);
            if self.kernel_work > MAX_KERNEL_WORK {
                return Err(self.parameter("the convolutions' output sizes times their kernel sizes exceed 2^24"));
            }
        }
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
        let (low, high) = product_range(self.range(input)?, (kernel.low, kernel.high));
        let taps = (ci * kh * kw) as i128;
        // Padding drops terms, so that partial sums count as well as whole ones.
        let range =
            (taps * low.min(0) + i128::from(bias_range.0.min(0)), taps * high.max(0) + i128::from(bias_range.1.max(0)));
        let output_shape = [batch, co, out_h, out_w];
        let output = self.define(output_shape, range)?;
        self.layers.push(Pending::Ready(Layer::Conv2d(Conv2dLayer {
            input,
            weight: weight.wire,
            bias: bias.map(|b| b.wire),
            output: output.wire,
            input_shape,
            weight_shape,
            output_shape,
            params,
        })));
        self.ops.push(Op::Conv2d { input, weight, bias, params });
        Ok(output)
    }

    /// Fully connected layer over the flattened input: a convolution whose kernel `[co, ci, H, W]` is the whole plane.
    ///
    /// # Errors
    /// As [`Self::conv2d`].
    pub fn gemm(&mut self, input: Tensor, weight: Tensor, bias: Option<Tensor>) -> Result<Tensor, CircuitError> {
        let (x, w) = (self.shape4(input)?, self.weight_shape4(weight)?);
        if x[1..] != w[1..] {
            return Err(self.mismatch("a fully connected layer's input and kernel", &x, &w));
        }
        self.conv2d(input, weight, bias, Conv2d { stride: 1, padding: 0 })
    }

    /// `sum_i m_i * in_i + constant`, entry by entry.
    ///
    /// # Errors
    /// No terms, unequal shapes, values that could leave 32 bits.
    pub fn affine(&mut self, terms: &[(i64, Tensor)], constant: i64) -> Result<Tensor, CircuitError> {
        let Some(&(_, first)) = terms.first() else {
            return Err(self.parameter("an affine layer has at least one term"));
        };
        let shape = self.shape4(first)?;
        let mut range = (i128::from(constant), i128::from(constant));
        for &(m, tensor) in terms {
            let other = self.shape4(tensor)?;
            if other != shape {
                return Err(self.mismatch("terms of an affine layer", &shape, &other));
            }
            let (low, high) = product_range((m, m), self.range(tensor)?);
            range = (range.0 + low, range.1 + high);
        }
        let output = self.define(shape, range)?;
        self.layers.push(Pending::Ready(Layer::Affine(AffineLayer {
            terms: terms.to_vec(),
            constant,
            output: output.wire,
            shape: shape.to_vec(),
        })));
        self.ops.push(Op::Affine { terms: terms.to_vec(), constant });
        Ok(output)
    }

    /// Requantisation, saturation, optional activation table and optional fused 2x2 max-pool.
    ///
    /// # Errors
    /// A window other than 1 or 2 or larger than the plane, a shift above 30, an empty clamp or one of more than 2^20
    /// values, a table of another length, and a table that decreases together with a window of 2 (it would not commute with the maximum).
    pub fn requant(&mut self, input: Tensor, params: Requant) -> Result<Tensor, CircuitError> {
        let shape = self.shape4(input)?;
        if !matches!(params.window, 1 | 2) || shape[2] < params.window || shape[3] < params.window {
            return Err(self.parameter("a requantisation's window is 1 or 2 and fits the plane"));
        }
        if params.shift > 30 {
            return Err(self.parameter("a requantisation's shift is at most 30"));
        }
        let len = i64::from(params.high) - i64::from(params.low) + 1;
        if !(1..=MAX_TABLE_LEN).contains(&len) {
            return Err(self.parameter("a clamp has low <= high and at most 2^20 values"));
        }
        if let Some(table) = &params.table {
            if table.len() as i64 != len {
                return Err(self.parameter("an activation table has one entry for every clamped value"));
            }
            if params.window > 1 && table.windows(2).any(|pair| pair[0] > pair[1]) {
                return Err(self.parameter("an activation table fused with a max-pool does not decrease"));
            }
        }
        let advice = self.new_wire(Wire { shape: vec![], kind: WireKind::Advice, low: 0, high: 0 });
        let output = Tensor { wire: advice, column: Some(u32::from(params.table.is_some())) };
        let [batch, channels, height, width] = shape;
        let pooled = [batch, channels, height / params.window, width / params.window];
        let (low, high) = params.output_range();
        self.readable.insert(output, Readable { shape: pooled, low, high });
        self.layers.push(Pending::Requant { input, advice, params: params.clone() });
        self.ops.push(Op::Requant { input, params });
        Ok(output)
    }

    /// Declares the public output: accumulators or a requantised tensor. A circuit has one.
    ///
    /// # Errors
    /// A second output, or a tensor that no layer defines.
    pub fn output(&mut self, tensor: Tensor) -> Result<(), CircuitError> {
        if self.output.is_some() {
            return Err(self.wire_error("a circuit has one output"));
        }
        self.shape4(tensor)?;
        if matches!(self.wires[tensor.wire.index()].kind, WireKind::Input | WireKind::Weight) {
            return Err(self.wire_error("an output is defined by a layer"));
        }
        self.output = Some(tensor);
        self.ops.push(Op::Output(tensor));
        Ok(())
    }

    /// The circuit, with the limb width that makes the lookups and commitments cheapest.
    ///
    /// # Errors
    /// [`CircuitError::Incomplete`] without input or output.
    pub fn finish(self) -> Result<Circuit, CircuitError> {
        // In units of 0.3 µs of one thread: a leaf costs the prover two, a committed entry three with its share of a row that the
        // verifier reads, a table's row four with its leaf.
        let cost = |limb_bits: u32| {
            let (_, _, lookups, tables) = self.lay_out(limb_bits);
            let leaves = |shape: &[usize]| 1usize << blocks::log_size(shape);
            let requants: Vec<_> = self.requants(limb_bits).collect();
            let entries: usize = requants.iter().map(|l| l.num_columns * l.column_len()).sum();
            let shapes = requants.iter().flat_map(|l| vec![l.advice_shape(); l.num_columns]);
            let rows: usize = tables.iter().map(TableContent::len).sum();
            debug_assert!(!lookups.is_empty() || requants.is_empty());
            2 * shapes.map(|s| leaves(&s[1..])).sum::<usize>() + 3 * entries + 4 * rows
        };
        let limb_bits = (4..=14).min_by_key(|&t| cost(t)).unwrap_or(8);
        self.finish_with(limb_bits)
    }

    /// The circuit with limbs of `limb_bits` bits: what an experiment varies, and what a stored circuit says.
    ///
    /// # Errors
    /// As [`Self::finish`], and a width outside `1..=16`.
    pub fn finish_with(mut self, limb_bits: u32) -> Result<Circuit, CircuitError> {
        if !(1..=MAX_LIMB_BITS).contains(&limb_bits) {
            return Err(self.parameter("limbs have between 1 and 16 bits"));
        }
        let input = self.input.ok_or(CircuitError::Incomplete("the circuit has no input"))?;
        let output = self.output.ok_or(CircuitError::Incomplete("the circuit has no output"))?;
        let (wires, layers, lookups, contents) = self.lay_out(limb_bits);
        self.wires = wires;
        for wire in &self.wires {
            if wire.size() > MAX_SIZE {
                return Err(CircuitError::Incomplete("an advice wire has more than 2^31 values"));
            }
        }
        let looked_up: usize = lookups.iter().map(|l: &Lookup| self.wires[l.wire.index()].size()).sum();
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
        Ok(Circuit { ops, limb_bits, wires, layers, tables, lookups, blocks, log_leaves, input, output })
    }

    fn requants(&self, limb_bits: u32) -> impl Iterator<Item = RequantLayer> + '_ {
        self.layers.iter().filter_map(move |pending| match pending {
            Pending::Ready(_) => None,
            Pending::Requant { input, advice, params } => Some(self.requant_layer(*input, *advice, params, limb_bits)),
        })
    }

    fn requant_layer(&self, input: Tensor, advice: WireId, params: &Requant, limb_bits: u32) -> RequantLayer {
        let Readable { shape, low, high } = self.readable[&input];
        RequantLayer::new(input, advice, shape, (low, high), params.clone(), limb_bits)
    }

    /// Wires with their advice shapes, layers, lookups and distinct tables for a width of limbs.
    fn lay_out(&self, limb_bits: u32) -> (Vec<Wire>, Vec<Layer>, Vec<Lookup>, Vec<TableContent>) {
        let (mut wires, mut lookups, mut tables) = (self.wires.clone(), Vec::new(), Vec::<TableContent>::new());
        let mut known: HashMap<TableContent, usize> = HashMap::new();
        let mut table = |content: TableContent| {
            *known.entry(content).or_insert_with_key(|content| {
                tables.push(content.clone());
                tables.len() - 1
            })
        };
        let mut layers = Vec::with_capacity(self.layers.len());
        for pending in &self.layers {
            let layer = match pending {
                Pending::Ready(layer) => layer.clone(),
                Pending::Requant { input, advice, params } => {
                    let layer = self.requant_layer(*input, *advice, params, limb_bits);
                    let low = i64::from(params.low);
                    let len = (i64::from(params.high) - low + 1) as usize;
                    let (content, columns) = match &params.table {
                        Some(values) => (TableContent::Map { low, values: values.clone() }, vec![0, 1]),
                        None => (TableContent::Range { low, len }, vec![0]),
                    };
                    lookups.push(Lookup { table: table(content), wire: *advice, columns });
                    for limb in layer.limbs() {
                        let content = TableContent::Range { low: 0, len: 1 << limb.width };
                        lookups.push(Lookup { table: table(content), wire: *advice, columns: vec![limb.column] });
                    }
                    let (y_low, y_high) = params.output_range();
                    let widest = layer.limbs().map(|l| (1i64 << l.width) - 1).max().unwrap_or(0);
                    let wire = &mut wires[advice.index()];
                    wire.shape = layer.advice_shape();
                    wire.low = y_low.min(low).min(0);
                    wire.high = y_high.max(params.high.into()).max(widest);
                    Layer::Requant(layer)
                }
            };
            layers.push(layer);
        }
        (wires, layers, lookups, tables)
    }

    fn declare(&mut self, shape: Vec<usize>, kind: WireKind, bits: Bits) -> Result<Tensor, CircuitError> {
        self.check_shape(&shape)?;
        if !bits.is_valid() {
            return Err(self.parameter("a format has between 1 and 31 bits"));
        }
        Ok(Tensor::whole(self.new_wire(Wire { shape, kind, low: bits.low(), high: bits.high() })))
    }

    fn define(&mut self, shape: [usize; 4], (low, high): (i128, i128)) -> Result<Tensor, CircuitError> {
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

    fn new_wire(&mut self, wire: Wire) -> WireId {
        self.wires.push(wire);
        WireId((self.wires.len() - 1) as u32)
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), CircuitError> {
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

    fn shape4(&self, tensor: Tensor) -> Result<[usize; 4], CircuitError> {
        self.read(tensor).map(|r| r.shape)
    }

    fn range(&self, tensor: Tensor) -> Result<(i64, i64), CircuitError> {
        self.read(tensor).map(|r| (r.low, r.high))
    }

    fn weight_wire(&self, tensor: Tensor) -> Result<&Wire, CircuitError> {
        let wire =
            self.wires.get(tensor.wire.index()).filter(|w| w.kind == WireKind::Weight && tensor.column.is_none());
        wire.ok_or_else(|| self.wire_error("a kernel or a bias is a weight wire"))
    }

    fn weight_shape4(&self, tensor: Tensor) -> Result<[usize; 4], CircuitError> {
        let shape = &self.weight_wire(tensor)?.shape;
        shape.as_slice().try_into().map_err(|_| self.wire_error("a kernel has four axes"))
    }

    fn wire_error(&self, what: &'static str) -> CircuitError {
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
fn product_range(a: (i64, i64), b: (i64, i64)) -> (i128, i128) {
    let products = [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)].map(|(x, y)| i128::from(x) * i128::from(y));
    products.iter().fold((i128::MAX, i128::MIN), |(low, high), &p| (low.min(p), high.max(p)))
}
