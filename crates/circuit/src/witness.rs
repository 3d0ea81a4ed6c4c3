use std::sync::Arc;

use convince_field::{Bits, IntSlice, Ints, jobs};
use tracing::debug_span;

use crate::{Circuit, CorrectLayer, Layer, Lookup, Tensor, WireId, WireKind, blocks};

/// Places of a requantisation that are evaluated at a time.
const BLOCK: usize = 1 << 12;

/// Integers for every wire of a circuit.
///
/// A prover takes any well-shaped witness, honest or not; [`crate::check`] validates one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    values: Vec<Arc<Ints>>,
}

/// Why values do not fit a circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The number of weight tensors is wrong.
    #[error("{found} weight tensors, but the circuit has {expected}")]
    Count {
        /// Weight wires of the circuit.
        expected: usize,
        /// Tensors given.
        found: usize,
    },
    /// A tensor has the wrong number of values.
    #[error("wire {wire}: {found} values, but its shape has {expected}")]
    Length {
        /// Index of the wire.
        wire: usize,
        /// Values of its shape.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The number of labels is wrong.
    #[error("{found} labels, but the circuit takes {expected}")]
    Labels {
        /// Images of a circuit that compares with given labels; 0 of any other.
        expected: usize,
        /// Labels given.
        found: usize,
    },
    /// A value is outside its wire's range.
    #[error("wire {wire}, value {index}: {value} is not in {low}..={high}")]
    Range {
        /// Index of the wire.
        wire: usize,
        /// Index of the value.
        index: usize,
        /// The value.
        value: i64,
        /// Lower end of the range.
        low: i64,
        /// Upper end of the range.
        high: i64,
    },
}

impl Witness {
    /// A wire's values.
    pub fn wire(&self, id: WireId) -> IntSlice<'_> {
        self.values[id.index()].as_slice()
    }

    /// A tensor's values: the wire's, or those of one column. Panics if the circuit has no such tensor.
    pub fn tensor(&self, circuit: &Circuit, tensor: Tensor) -> IntSlice<'_> {
        tensor_of(&self.values, circuit, tensor)
    }

    /// Replaces a wire's values, whatever they mean: how experiments and forgeries are made.
    ///
    /// # Errors
    /// [`WitnessError::Length`].
    pub fn set(&mut self, circuit: &Circuit, id: WireId, values: Ints) -> Result<(), WitnessError> {
        let (expected, found) = (circuit.wire(id).size(), values.len());
        if expected != found {
            return Err(WitnessError::Length { wire: id.index(), expected, found });
        }
        self.values[id.index()] = Arc::new(values);
        Ok(())
    }

    /// Evaluates the layers from index `first` on, from the values before them as they stand, and counts the
    /// multiplicities: what follows honestly from values that [`Self::set`] changed.
    pub fn evaluate_from(&mut self, circuit: &Circuit, first: usize) {
        let step = debug_span!("layers").entered();
        for (index, layer) in circuit.layers().iter().enumerate().skip(first) {
            let _span = debug_span!("layer", layer = index).entered();
            for (id, computed) in compute(circuit, layer, &self.values) {
                self.values[id.index()] = Arc::new(computed);
            }
        }
        drop(step);
        self.count_multiplicities(circuit);
    }

    /// Says which images count as correct, of a circuit that compares with given labels, and what follows from it: the
    /// multiplicities change by what is looked up of them. One that has another label than its own makes a witness that
    /// satisfies nothing.
    ///
    /// # Errors
    /// [`WitnessError::Labels`].
    pub fn set_correct(&mut self, circuit: &Circuit, correct: &[bool]) -> Result<(), WitnessError> {
        let layer = circuit.correct_layer().filter(|layer| layer.margins.shape[0] == correct.len());
        let Some(layer) = layer else {
            let expected = circuit.correct().map_or(0, |id| circuit.wire(id).size());
            return Err(WitnessError::Labels { expected, found: correct.len() });
        };
        let bits: Vec<i64> = correct.iter().map(|&c| c.into()).collect();
        let CorrectLayer { margins, correct } = layer;
        let (input, labels) = (self.tensor(circuit, margins.input), self.wire(margins.labels));
        let columns = layer.margins_of(input, labels, &bits);
        let wires = [*correct, margins.advice];
        self.count_lookups_of(circuit, &wires, -1);
        for (id, values) in wires.into_iter().zip([bits, columns]) {
            self.values[id.index()] = Arc::new(packed(circuit, id, &values).1);
        }
        self.count_lookups_of(circuit, &wires, 1);
        Ok(())
    }

    /// Adds to the multiplicities, so many times, what is looked up of some wires.
    fn count_lookups_of(&mut self, circuit: &Circuit, wires: &[WireId], times: i32) {
        let of_wires = |lookup: &&Lookup| lookup.tensors.iter().any(|tensor| wires.contains(&tensor.wire));
        for lookup in circuit.lookups().iter().filter(of_wires) {
            let table = &circuit.tables()[lookup.table];
            let tensors: Vec<_> = lookup.tensors.iter().map(|&t| tensor_of(&self.values, circuit, t)).collect();
            let mut counts = vec![0; table.content.len()];
            blocks::count(&mut counts, table, &tensors);
            let multiplicities = &mut self.values[table.multiplicities.index()];
            let sum = multiplicities.as_slice().iter().zip(counts).map(|(m, count)| m as i32 + times * count);
            *multiplicities = Arc::new(Ints::I32(sum.collect()));
        }
    }

    /// Counts the multiplicities of all tables again, from the columns as they stand.
    pub fn count_multiplicities(&mut self, circuit: &Circuit) {
        let _span = debug_span!("multiplicities").entered();
        for table in 0..circuit.tables().len() {
            let counts = multiplicities(&self.values, circuit, table);
            self.values[circuit.tables()[table].multiplicities.index()] = Arc::new(counts);
        }
    }
}

/// The honest witness: inputs and weights given, everything else computed layer by layer.
///
/// `weights` holds one tensor a weight wire, in the order of [`Circuit::wires_of`]. One inference plus a pass over the
/// advice.
///
/// # Errors
/// Wrong numbers of tensors or values, or values outside their wires' ranges.
pub fn evaluate(circuit: &Circuit, input: &Ints, weights: &[Arc<Ints>]) -> Result<Witness, WitnessError> {
    evaluate_labelled(circuit, input, weights, &Ints::I8(Vec::new()))
}

/// [`evaluate`] of a circuit that compares with given labels ([`crate::CircuitBuilder::output_correct`]), one an image.
/// All images that have their labels count as correct; [`Witness::set_correct`] says otherwise.
///
/// # Errors
/// As [`evaluate`], and another number of labels than the circuit takes.
pub fn evaluate_labelled(
    circuit: &Circuit,
    input: &Ints,
    weights: &[Arc<Ints>],
    labels: &Ints,
) -> Result<Witness, WitnessError> {
    let empty = Arc::new(Ints::I8(Vec::new()));
    let mut values = vec![empty; circuit.wires().len()];
    debug_span!("ranges of weights").in_scope(|| check_weights(circuit, weights))?;
    check_wire(circuit, circuit.input(), input.as_slice())?;
    values[circuit.input().index()] = Arc::new(input.clone());
    for (id, weight) in circuit.wires_of(WireKind::Weight).zip(weights) {
        values[id.index()] = weight.clone();
    }
    let expected = circuit.correct_layer().map_or(0, |layer| layer.margins.shape[0]);
    if labels.len() != expected {
        return Err(WitnessError::Labels { expected, found: labels.len() });
    }
    if let Some(layer) = circuit.correct_layer() {
        check_wire(circuit, layer.margins.labels, labels.as_slice())?;
        values[layer.margins.labels.index()] = Arc::new(labels.clone());
    }
    let mut witness = Witness { values };
    witness.evaluate_from(circuit, 0);
    Ok(witness)
}

/// Whether these are weights for the circuit: one tensor a weight wire, each value within its wire's range.
///
/// # Errors
/// The first that is not.
pub fn check_weights(circuit: &Circuit, weights: &[Arc<Ints>]) -> Result<(), WitnessError> {
    let ids: Vec<WireId> = circuit.wires_of(WireKind::Weight).collect();
    if ids.len() != weights.len() {
        return Err(WitnessError::Count { expected: ids.len(), found: weights.len() });
    }
    let check = |k: usize| check_wire(circuit, ids[k], weights[k].as_slice());
    jobs::map(ids.len(), check).into_iter().collect()
}

/// What a layer defines (its output wire, its advice, its labels), from the values before it.
pub(crate) fn compute(circuit: &Circuit, layer: &Layer, values: &[Arc<Ints>]) -> Vec<(WireId, Ints)> {
    let tensor = |tensor| tensor_of(values, circuit, tensor);
    let wire = |id: WireId| values[id.index()].as_slice();
    let packed = |id: WireId, values: &[i64]| packed(circuit, id, values);
    match layer {
        Layer::Conv2d(l) => {
            vec![(l.output, Ints::I32(l.evaluate(tensor(l.input), wire(l.weight), l.bias.map(wire))))]
        }
        Layer::Linear(l) => {
            let inputs: Vec<_> = l.terms.iter().map(|t| (tensor(t.tensor), circuit.shape4(t.tensor))).collect();
            vec![(l.output, Ints::I32(l.evaluate(&inputs)))]
        }
        Layer::Spectrum(l) => {
            let factors: Vec<_> = l.factors.iter().map(|&factor| tensor(factor)).collect();
            vec![(l.output, Ints::I32(l.evaluate(&factors)))]
        }
        Layer::Product(l) => vec![(l.output, Ints::I32(l.evaluate(l.factors.map(tensor))))],
        Layer::Gates(l) => {
            let inputs: Vec<_> = l.inputs.iter().map(|&t| tensor(t)).collect();
            vec![(l.output, Ints::I32(l.evaluate(&inputs)))]
        }
        Layer::Output(l) => vec![(l.output, Ints::I32(tensor(l.input).map(|v| v as i32)))],
        Layer::Range(l) => l.advice.map(|advice| packed(advice, &l.evaluate(wire(l.wire)))).into_iter().collect(),
        Layer::Requant(l) => {
            let ids: Vec<WireId> = [l.advice].into_iter().chain(l.lookups.as_ref().map(|clamp| clamp.inputs)).collect();
            let (input, len) = (tensor(l.input), l.column_len());
            // Blocks whose columns stay near the core until they are packed, and which threads share.
            let blocks = jobs::map(len.div_ceil(BLOCK).max(1), |k| {
                let places = k * BLOCK..len.min((k + 1) * BLOCK);
                let columns = l.evaluate(input, places.clone());
                ids.iter().zip(&columns).map(|(&id, values)| (packed(id, values).1, places.len())).collect::<Vec<_>>()
            });
            let column = |k: usize| {
                let parts: Vec<_> = blocks.iter().map(|block| (block[k].0.as_slice(), block[k].1)).collect();
                Ints::side_by_side(&parts).expect("one format a wire")
            };
            ids.iter().enumerate().map(|(k, &id)| (id, column(k))).collect()
        }
        Layer::ArgMax(l) => {
            let labels = packed(l.labels, &l.labels_of(tensor(l.input)));
            let margins = l.margins(tensor(l.input), labels.1.as_slice());
            vec![labels, packed(l.advice, &margins)]
        }
        Layer::Correct(l) => {
            let (input, labels) = (tensor(l.margins.input), wire(l.margins.labels));
            let correct = l.correct_of(input, labels, wire(l.correct));
            let margins = l.margins_of(input, labels, &correct);
            vec![packed(l.correct, &correct), packed(l.margins.advice, &margins)]
        }
    }
}

/// A wire's values at the width of its range.
fn packed(circuit: &Circuit, id: WireId, values: &[i64]) -> (WireId, Ints) {
    let wire = circuit.wire(id);
    let packed = Ints::pack(Bits::holding(wire.low, wire.high), values);
    (id, packed.expect("limbs, clamped values, bits and labels are within their wires' ranges"))
}

pub(crate) fn multiplicities(values: &[Arc<Ints>], circuit: &Circuit, table_index: usize) -> Ints {
    let table = &circuit.tables()[table_index];
    let lookups: Vec<_> = circuit.lookups().iter().filter(|l| l.table == table_index).collect();
    let tensor = |tensor: Tensor| tensor_of(values, circuit, tensor);
    let entries: usize = lookups.iter().map(|lookup| tensor(lookup.tensors[0]).len()).sum();
    // Each thread has counts of its own, and its share of every lookup, where that is more than adding them up.
    let parts = jobs::num_threads().min(entries / table.content.len().max(1)).max(1);
    let counted = jobs::map(parts, |part| {
        let mut counts = vec![0i32; table.content.len()];
        for lookup in &lookups {
            let cut = |k: usize| tensor(lookup.tensors[0]).len() * k / parts;
            let share = |&id: &Tensor| tensor(id).range(cut(part), cut(part + 1) - cut(part));
            blocks::count(&mut counts, table, &lookup.tensors.iter().map(share).collect::<Vec<_>>());
        }
        counts
    });
    let mut counted = counted.into_iter();
    let mut counts = counted.next().unwrap_or_default();
    for others in counted {
        counts.iter_mut().zip(others).for_each(|(count, other)| *count += other);
    }
    for lookup in lookups {
        blocks::count_padding(&mut counts, &table.content, lookup.shape(circuit.wires()));
    }
    Ints::I32(counts)
}

fn tensor_of<'a>(values: &'a [Arc<Ints>], circuit: &Circuit, tensor: Tensor) -> IntSlice<'a> {
    let values = values[tensor.wire.index()].as_slice();
    let size = circuit.shape(tensor).iter().product();
    values.range(tensor.column.unwrap_or(0) as usize * size, size)
}

/// Length and range of a wire's values.
pub(crate) fn check_wire(circuit: &Circuit, id: WireId, values: IntSlice<'_>) -> Result<(), WitnessError> {
    let wire = circuit.wire(id);
    if values.len() != wire.size() {
        return Err(WitnessError::Length { wire: id.index(), expected: wire.size(), found: values.len() });
    }
    let (low, high) = (wire.low, wire.high);
    if values.bounds().is_none_or(|(least, most)| low <= least && most <= high) {
        return Ok(());
    }
    match values.iter().enumerate().find(|(_, v)| !(low..=high).contains(v)) {
        Some((index, value)) => Err(WitnessError::Range { wire: id.index(), index, value, low, high }),
        None => Ok(()),
    }
}

impl Witness {
    pub(crate) fn all(&self) -> &[Arc<Ints>] {
        &self.values
    }
}
