use std::collections::HashMap;

use crate::builder::{MAX_LIMB_BITS, Pending, Readable};
use crate::{
    ArgMaxLayer, CircuitBuilder, ClampLookups, CorrectLayer, Layer, Limb, Lookup, Range, RangeLayer, Requant,
    RequantLayer, TableContent, Tensor, Wire, WireId, WireKind, blocks, range,
};

/// What a width of limbs makes of a builder's calls.
pub(crate) struct Layout {
    /// Wires, with the shapes and ranges of all advice but multiplicities.
    pub(crate) wires: Vec<Wire>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) lookups: Vec<Lookup>,
    /// Distinct tables.
    pub(crate) tables: Vec<TableContent>,
}

impl Layout {
    /// Lays out all layers with limbs of `limb_bits` bits.
    pub(crate) fn new(builder: &CircuitBuilder, limb_bits: u32) -> Self {
        let mut state = State {
            builder,
            limb_bits,
            known: HashMap::new(),
            clamps: clamps(builder),
            out: Self { wires: builder.wires.clone(), layers: Vec::new(), lookups: Vec::new(), tables: Vec::new() },
        };
        let entries = entries_by_range(builder);
        for pending in &builder.layers {
            let layer = match pending {
                Pending::Ready(layer) => Layer::clone(layer),
                Pending::Requant { input, advice, params } => state.requant(*input, *advice, params),
                Pending::ArgMax { input, labels, advice, correct, range } => {
                    let Readable { shape, low, high } = builder.readable[input];
                    let layer =
                        ArgMaxLayer::new([*input, *labels], *advice, shape, (low, high), *range, state.limb_bits);
                    state.margins(layer, *correct)
                }
                Pending::Range(wire) => state.range(*wire, &entries),
            };
            state.out.layers.push(layer);
        }
        state.out
    }

    /// What ranges cost, in units of 0.15 µs of one thread: a leaf costs the prover two, a committed entry three with
    /// its share of a row that the verifier reads, a table's row four with its leaf; a bit costs one to commit and two
    /// in the zero-checks. `benches/MODEL.md` (Prices) says what was measured since, by which no built-in network's circuit changes.
    pub(crate) fn cost(&self) -> usize {
        let leaves: usize = self.lookups.iter().map(|lookup| 1 << blocks::log_size(lookup.shape(&self.wires))).sum();
        let advice: usize = self.wires.iter().filter(|wire| wire.kind == WireKind::Advice).map(Wire::size).sum();
        let rows: usize = self.tables.iter().map(TableContent::len).sum();
        2 * leaves + 3 * advice + 4 * rows
    }
}

/// For every clamp that layers look up, a table that holds what any of them looks up.
fn clamps(builder: &CircuitBuilder) -> HashMap<(i32, i32), TableContent> {
    let mut ranges = HashMap::<(i32, i32), (i64, i64)>::new();
    for pending in &builder.layers {
        if let Pending::Requant { input, params, .. } = pending
            && params.range == Range::Clamp
        {
            let (first, last) = params.clamped_range(builder.readable[input].range());
            let range = ranges.entry((params.low, params.high)).or_insert((first, last));
            *range = (range.0.min(first), range.1.max(last));
        }
    }
    let content = |((low, high), (first, last)): ((i32, i32), (i64, i64))| {
        let len = (last - first + 1) as usize;
        ((low, high), TableContent::Clamp { first, len, low: low.into(), high: high.into() })
    };
    ranges.into_iter().map(content).collect()
}

/// Entries of all wires whose ranges are stated, by range.
fn entries_by_range(builder: &CircuitBuilder) -> HashMap<(i64, i64), usize> {
    let mut entries = HashMap::new();
    for pending in &builder.layers {
        if let Pending::Range(id) = pending {
            let wire = &builder.wires[id.index()];
            *entries.entry((wire.low, wire.high)).or_default() += wire.size();
        }
    }
    entries
}

struct State<'a> {
    builder: &'a CircuitBuilder,
    limb_bits: u32,
    known: HashMap<TableContent, usize>,
    /// The tables of clamps, by their ends.
    clamps: HashMap<(i32, i32), TableContent>,
    out: Layout,
}

impl State<'_> {
    fn look_up(&mut self, content: TableContent, tensors: Vec<Tensor>) {
        let tables = &mut self.out.tables;
        let table = *self.known.entry(content).or_insert_with_key(|content| {
            tables.push(content.clone());
            tables.len() - 1
        });
        self.out.lookups.push(Lookup { table, tensors });
    }

    fn look_up_limbs<'a>(&mut self, advice: WireId, limbs: impl IntoIterator<Item = &'a Limb>) {
        for limb in limbs {
            self.look_up(
                TableContent::Range { low: 0, len: 1 << limb.width },
                vec![Tensor::column(advice, limb.column)],
            );
        }
    }

    fn requant(&mut self, input: Tensor, advice: WireId, params: &Requant) -> Layer {
        let Readable { shape, low, high } = self.builder.readable[&input];
        let inputs = WireId(self.out.wires.len() as u32);
        let layer = RequantLayer::new(input, [advice, inputs], shape, (low, high), params.clone(), self.limb_bits);
        let low = i64::from(params.low);
        let len = (i64::from(params.high) - low + 1) as usize;
        let column = |column: usize| Tensor::column(advice, column);
        match &params.table {
            Some(values) => {
                self.look_up(TableContent::Map { low, values: values.clone() }, vec![column(0), column(1)]);
            }
            None if layer.has_bits() || layer.lookups.is_some() => {}
            None => self.look_up(TableContent::Range { low, len }, vec![column(0)]),
        }
        if let Some(lookups) = &layer.lookups {
            self.clamps(&layer, lookups);
        }
        self.look_up_limbs(advice, layer.limbs().filter(|_| !layer.has_bits()));
        let (y_low, y_high) = params.output_range();
        let wire = &mut self.out.wires[advice.index()];
        wire.shape = layer.advice_shape();
        wire.low = y_low.min(low).min(0);
        wire.high = y_high.max(params.high.into()).max(widest(layer.limbs()));
        Layer::Requant(layer)
    }

    /// The lookups of a layer's clamps, and the virtual wire of what is clamped.
    fn clamps(&mut self, layer: &RequantLayer, lookups: &ClampLookups) {
        let num_inputs = RequantLayer::num_inputs(lookups.steps.len());
        let shape = [&[num_inputs], &layer.output_shape[..]].concat();
        // A witness that breaks relations has any values here.
        let (low, high) = (i32::MIN.into(), i32::MAX.into());
        self.out.wires.push(Wire { shape, kind: WireKind::Virtual, low, high });
        let content = self.clamps[&(layer.params.low, layer.params.high)].clone();
        // What is behind the steps is the maximum, whose clamp is c.
        for (k, &column) in lookups.steps.iter().chain([&0]).take(num_inputs).enumerate() {
            let pair = vec![Tensor::column(lookups.inputs, k), Tensor::column(layer.advice, column)];
            self.look_up(content.clone(), pair);
        }
    }

    fn margins(&mut self, layer: ArgMaxLayer, correct: Option<WireId>) -> Layer {
        self.look_up_limbs(layer.advice, layer.margin.iter().filter(|_| !layer.has_bits()));
        let wire = &mut self.out.wires[layer.advice.index()];
        wire.shape = layer.advice_shape();
        wire.high = widest(&layer.margin);
        let Some(correct) = correct else { return Layer::ArgMax(layer) };
        self.look_up(TableContent::Range { low: 0, len: 2 }, vec![Tensor::whole(correct)]);
        Layer::Correct(CorrectLayer { margins: layer, correct })
    }

    fn range(&mut self, id: WireId, entries: &HashMap<(i64, i64), usize>) -> Layer {
        let wire = &self.out.wires[id.index()];
        let (low, width) = (wire.low, range::width(wire));
        // Two limbs an entry cost four times what a lookup of the entry does, eight units more; a row costs four.
        let pays = || width <= MAX_LIMB_BITS && 2 * entries[&(wire.low, wire.high)] >= 1 << width;
        if width <= self.limb_bits || pays() {
            let layer = RangeLayer::direct(id, wire);
            self.look_up(TableContent::Range { low, len: 1 << width }, vec![Tensor::whole(id)]);
            return Layer::Range(layer);
        }
        let advice = WireId(self.out.wires.len() as u32);
        let layer = RangeLayer::in_limbs(id, wire, advice, self.limb_bits);
        let shape = [&[layer.limbs.len()], &wire.shape[..]].concat();
        self.look_up_limbs(advice, &layer.limbs);
        self.out.wires.push(Wire { shape, kind: WireKind::Advice, low: 0, high: widest(&layer.limbs) });
        Layer::Range(layer)
    }
}

/// Largest value of any limb.
fn widest<'a>(limbs: impl IntoIterator<Item = &'a Limb>) -> i64 {
    limbs.into_iter().map(|limb| (1i64 << limb.width) - 1).max().unwrap_or(0)
}
