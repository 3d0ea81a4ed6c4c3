//! Lies, one a relation: each breaks one relation of a circuit and meets all others, so that one check alone can find it.

use std::mem::discriminant;

use convince::circuit::{
    ArgMaxLayer, Circuit, ClampLookups, Layer, Limb, RequantLayer, Strategy, Tensor, WireId, WireKind, Witness,
};
use convince_field::Ints;
use convince_transcript::Check;
use rand::Rng as _;
use rand_chacha::ChaCha20Rng as Rng;

/// What refuses a lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caught {
    /// A check; its place is not compared.
    By(Check),
    /// The commitment's group equation.
    ByCommitment,
}

impl Caught {
    pub(crate) fn is(self, found: Option<Check>) -> bool {
        match (self, found) {
            (Self::By(expected), Some(found)) => discriminant(&expected) == discriminant(&found),
            (Self::ByCommitment, None) => true,
            _ => false,
        }
    }
}

pub(crate) struct Lie {
    pub(crate) name: &'static str,
    pub(crate) witness: Witness,
    /// Another public output than the witness's.
    pub(crate) output: Option<Vec<i64>>,
    pub(crate) caught: Caught,
}

/// The check that a false claim on a tensor ends in. `own` says that the claim is true of the witness's values, which are
/// false themselves.
fn decides(circuit: &Circuit, tensor: Tensor, own: bool) -> Check {
    let index = tensor.wire.index();
    match circuit.wire(tensor.wire).kind {
        WireKind::Input => return Check::PublicWire { wire: index },
        WireKind::Advice | WireKind::Weight => return Check::OpeningEvaluation,
        WireKind::Virtual | WireKind::Output => {}
    }
    for (index, layer) in circuit.layers().iter().enumerate() {
        match layer {
            Layer::Conv2d(l) if l.output == tensor.wire => {
                let direct = l.params.strategy == Strategy::Direct;
                return if direct { Check::KernelPositions { wave: 0 } } else { Check::FftSelection { wave: 0 } };
            }
            Layer::Product(l) if l.output == tensor.wire => {
                return if own { Check::Product { layer: index } } else { Check::ProductPoint { layer: index } };
            }
            // All terms but the last have claims of their own, which are honest.
            Layer::Linear(l) if l.output == tensor.wire => {
                return decides(circuit, l.terms[l.terms.len() - 1].tensor, false);
            }
            _ => {}
        }
    }
    panic!("no layer defines wire {index}")
}

fn ints(values: &[i64]) -> Ints {
    Ints::I32(values.iter().map(|&v| v as i32).collect())
}

fn set(circuit: &Circuit, witness: &mut Witness, wire: WireId, values: &[i64]) {
    witness.set(circuit, wire, ints(values)).expect("as many values");
}

fn values(witness: &Witness, wire: WireId) -> Vec<i64> {
    witness.wire(wire).iter().collect()
}

/// One more, or one less where that leaves the range; `None` if the range has one value.
fn moved(value: i64, low: i64, high: i64) -> Option<i64> {
    Some(if value < high { value + 1 } else { value - 1 }).filter(|v| (low..=high).contains(v))
}

/// All lies that a circuit admits, given its honest witness.
pub(crate) fn lies(circuit: &Circuit, honest: &Witness, rng: &mut Rng) -> Vec<Lie> {
    let mut lies = Vec::new();
    for (index, layer) in circuit.layers().iter().enumerate() {
        match layer {
            Layer::Conv2d(l) => lies.extend(accumulator(circuit, honest, index, l.output, rng)),
            Layer::Linear(l) => lies.extend(accumulator(circuit, honest, index, l.output, rng)),
            Layer::Product(l) => lies.extend(accumulator(circuit, honest, index, l.output, rng)),
            Layer::Requant(layer) => {
                let about = About { circuit, honest, index, layer };
                lies.extend(match &layer.lookups {
                    Some(clamps) => about.clamp_lies(clamps, rng),
                    None => about.lies(rng),
                });
            }
            Layer::ArgMax(layer) => lies.extend(labels(circuit, honest, layer, rng)),
            Layer::Gates(_) | Layer::Spectrum(_) | Layer::Range(_) | Layer::Output(_) | Layer::Correct(_) => {
                panic!("no operator of a model with public ends is lowered to {}", layer.name())
            }
        }
    }
    lies.extend(multiplicity(circuit, honest, rng));
    lies.extend(weight(circuit, honest, rng));
    lies.extend(output(circuit, honest, rng));
    lies
}

/// A wrong accumulator, sum or product, and what honestly follows from it.
fn accumulator(circuit: &Circuit, honest: &Witness, index: usize, wire: WireId, rng: &mut Rng) -> Option<Lie> {
    let (mut witness, range) = (honest.clone(), circuit.wire(wire));
    let mut changed = values(honest, wire);
    let at = rng.gen_range(0..changed.len());
    changed[at] = moved(changed[at], range.low, range.high)?;
    set(circuit, &mut witness, wire, &changed);
    witness.evaluate_from(circuit, index + 1);
    let caught = Caught::By(decides(circuit, Tensor::whole(wire), true));
    Some(Lie { name: "a wrong accumulator", witness, output: None, caught })
}

/// One lookup more than there are.
fn multiplicity(circuit: &Circuit, honest: &Witness, rng: &mut Rng) -> Option<Lie> {
    let tables = circuit.tables();
    let wire = tables.get(rng.gen_range(0..tables.len().max(1)))?.multiplicities;
    let (mut witness, mut changed) = (honest.clone(), values(honest, wire));
    let at = rng.gen_range(0..changed.len());
    changed[at] += 1;
    set(circuit, &mut witness, wire, &changed);
    let caught = Caught::By(Check::LookupLayer { depth: 0 });
    Some(Lie { name: "a lookup that is not there", witness, output: None, caught })
}

/// The network with another weight under the same commitment.
fn weight(circuit: &Circuit, honest: &Witness, rng: &mut Rng) -> Option<Lie> {
    let wires: Vec<WireId> = circuit.wires_of(WireKind::Weight).collect();
    let wire = *wires.get(rng.gen_range(0..wires.len().max(1)))?;
    let (mut witness, mut changed, range) = (honest.clone(), values(honest, wire), circuit.wire(wire));
    let at = rng.gen_range(0..changed.len());
    changed[at] = moved(changed[at], range.low, range.high)?;
    set(circuit, &mut witness, wire, &changed);
    witness.evaluate_from(circuit, 0);
    Some(Lie { name: "another weight", witness, output: None, caught: Caught::ByCommitment })
}

/// The honest witness beside another public output.
fn output(circuit: &Circuit, honest: &Witness, rng: &mut Rng) -> Option<Lie> {
    let tensor = circuit.output();
    let range = circuit.wire(tensor.wire);
    let mut changed: Vec<i64> = honest.tensor(circuit, tensor).iter().collect();
    let at = rng.gen_range(0..changed.len());
    let (low, high) = match range.kind {
        // The wire's range is that of all its columns; this output is one that the network can produce.
        WireKind::Advice => (changed.iter().copied().min()?, changed.iter().copied().max()?),
        _ => (range.low, range.high),
    };
    changed[at] = moved(changed[at], low, high)?;
    let caught = match circuit.arg_max() {
        Some(_) => Check::ArgMax,
        None => decides(circuit, tensor, false),
    };
    let (witness, caught) = (honest.clone(), Caught::By(caught));
    Some(Lie { name: "another output", witness, output: Some(changed), caught })
}

/// Another label: with margins cut to their limbs, and with negative ones in their lowest limb.
fn labels(circuit: &Circuit, honest: &Witness, layer: &ArgMaxLayer, rng: &mut Rng) -> Vec<Lie> {
    let [_, channels, rows, columns] = layer.shape;
    let mut labels = values(honest, layer.labels);
    let place = rng.gen_range(0..labels.len());
    labels[place] = (labels[place] + rng.gen_range(1..channels as i64)) % channels as i64;
    let mut witness = honest.clone();
    set(circuit, &mut witness, layer.labels, &labels);
    let y = honest.tensor(circuit, layer.input);
    let mut advice = layer.margins(y, witness.wire(layer.labels));
    let mut with = |name, advice: &[i64], caught| {
        set(circuit, &mut witness, layer.advice, advice);
        witness.count_multiplicities(circuit);
        Lie { name, witness: witness.clone(), output: None, caught: Caught::By(caught) }
    };
    let cut = with("another label, its margins cut", &advice, Check::ArgMax);
    let (plane, len) = (rows * columns, layer.column_len());
    advice[len..].fill(0);
    for (at, margin) in advice[..len].iter_mut().enumerate() {
        let (image, j) = (at / (channels * plane), (at / plane % channels) as i64);
        let label = labels[image * plane + at % plane];
        *margin = y.get(at + plane * label as usize - plane * j as usize) - y.get(at) - i64::from(j < label);
    }
    let bounds = if layer.has_bits() { Check::ZeroCheck } else { Check::LookupLayer { depth: 0 } };
    vec![cut, with("another label, its margins negative", &advice, bounds)]
}

/// A relation of a requantisation.
#[derive(Clone, Copy)]
enum Relation {
    /// `a_i + 2^(s-1) = 2^s (c + u - h_i) + r_i`.
    Quotient,
    /// `r_i` is below `2^s`.
    RemainderRange,
    /// `(c + u - low) prod_i h_i = 0`.
    Maximum,
    /// `(high - c) u = 0`.
    Saturation,
    /// `h_i` is not negative.
    GapRange,
}

/// What is said where a relation is broken.
const RELATIONS: [(&str, Relation); 5] = [
    ("a wrong remainder", Relation::Quotient),
    ("remainders out of range", Relation::RemainderRange),
    ("a quotient that no corner has", Relation::Maximum),
    ("saturation below the limit", Relation::Saturation),
    ("less than the largest", Relation::GapRange),
];

/// A requantisation and its honest advice.
struct About<'a> {
    circuit: &'a Circuit,
    honest: &'a Witness,
    index: usize,
    layer: &'a RequantLayer,
}

/// What the columns say at one place.
#[derive(Clone)]
struct Place {
    clamped: i64,
    excess: i64,
    gaps: Vec<i64>,
    remainders: Vec<i64>,
}

impl About<'_> {
    fn read(&self, advice: &[i64], at: usize) -> Place {
        let len = self.layer.column_len();
        let join = |limbs: &Vec<Limb>| limbs.iter().map(|l| advice[l.column * len + at] << l.shift).sum();
        Place {
            clamped: advice[at],
            excess: join(&self.layer.excess),
            gaps: self.layer.gaps.iter().map(join).collect(),
            remainders: self.layer.remainders.iter().map(join).collect(),
        }
    }

    /// The honest advice with other values at a place, and what follows. What does not fit its limbs is in the last one, and
    /// what is negative in the first.
    fn lie(&self, name: &'static str, at: usize, place: &Place, caught: Check) -> Lie {
        let (layer, mut advice) = (self.layer, values(self.honest, self.layer.advice));
        let len = layer.column_len();
        let mut put = |limbs: &[Limb], value: i64| {
            for (k, limb) in limbs.iter().enumerate() {
                let high = value >> limb.shift;
                let whole = if value < 0 { k == 0 } else { k + 1 == limbs.len() };
                let cut = if value < 0 { 0 } else { high & ((1 << limb.width) - 1) };
                advice[limb.column * len + at] = if whole { high } else { cut };
            }
        };
        put(&layer.excess, place.excess);
        layer.gaps.iter().zip(&place.gaps).for_each(|(limbs, &gap)| put(limbs, gap));
        layer.remainders.iter().zip(&place.remainders).for_each(|(limbs, &remainder)| put(limbs, remainder));
        put(&layer.above_low, place.clamped - i64::from(layer.params.low));
        put(&layer.below_high, i64::from(layer.params.high) - place.clamped);
        advice[at] = place.clamped;
        if let Some(column) = layer.activated {
            advice[column * len + at] = layer.params.activate(place.clamped);
        }
        self.finish(name, &advice, caught)
    }

    fn finish(&self, name: &'static str, advice: &[i64], caught: Check) -> Lie {
        let mut witness = self.honest.clone();
        set(self.circuit, &mut witness, self.layer.advice, advice);
        witness.evaluate_from(self.circuit, self.index + 1);
        Lie { name, witness, output: None, caught: Caught::By(caught) }
    }

    /// Lies about looked-up clamps: each leaves the other relations as they are.
    fn clamp_lies(&self, clamps: &ClampLookups, rng: &mut Rng) -> Vec<Lie> {
        let (layer, len) = (self.layer, self.layer.column_len());
        let (low, high) = (i64::from(layer.params.low), i64::from(layer.params.high));
        let honest = [values(self.honest, layer.advice), values(self.honest, clamps.inputs)];
        let (first, corner) = (rng.gen_range(0..len), rng.gen_range(0..clamps.steps.len()));
        let (in_table, on_input) = (Check::LookupLayer { depth: 0 }, decides(self.circuit, layer.input, false));
        let places = || (0..len).map(|k| (first + k) % len);
        let told = |name, [advice, inputs]: [Vec<i64>; 2], caught| {
            let mut witness = self.honest.clone();
            set(self.circuit, &mut witness, layer.advice, &advice);
            set(self.circuit, &mut witness, clamps.inputs, &inputs);
            witness.evaluate_from(self.circuit, self.index + 1);
            Lie { name, witness, output: None, caught: Caught::By(caught) }
        };
        let mut lies = Vec::new();
        if let Some(top) = layer.remainders[corner].last() {
            let [mut advice, mut inputs] = honest.clone();
            let at = top.column * len + first;
            if let Some(other) = moved(advice[at], 0, (1 << top.width) - 1) {
                let before = std::mem::replace(&mut advice[at], other);
                lies.push(told("a wrong remainder", [advice.clone(), inputs.clone()], on_input));
                advice[at] = before;
            }
            // One quotient less, where no clamp notices.
            let beyond = |at: &usize| inputs[corner * len + at] > high || inputs[corner * len + at] <= low;
            if let Some(at) = places().find(beyond) {
                advice[top.column * len + at] += 1 << top.width;
                inputs[corner * len + at] -= 1;
                lies.push(told("remainders out of range", [advice, inputs], in_table));
            }
        }
        let [advice, inputs] = &honest;
        let mut wrong = advice.clone();
        if let Some(other) = moved(wrong[clamps.steps[corner] * len + first], low, high) {
            wrong[clamps.steps[corner] * len + first] = other;
            lies.push(told("a wrong clamp", [wrong, inputs.clone()], in_table));
        }
        for (name, k) in [("a false quotient", corner), ("a false maximum", clamps.steps.len())] {
            let Some(column) = inputs.get(k * len..(k + 1) * len) else { continue };
            // Another value of the same clamp.
            let other = |x: i64| [x - 1, x + 1].into_iter().find(|y| (*y).clamp(low, high) == x.clamp(low, high));
            if let Some((at, x)) = places().find_map(|at| other(column[at]).map(|x| (at, x))) {
                let mut inputs = inputs.clone();
                inputs[k * len + at] = x;
                let table = self.circuit.lookups().iter().find(|l| l.tensors[0].wire == clamps.inputs);
                let rows = &self.circuit.tables()[table.expect("clamps are looked up").table].content;
                let caught = if rows.row_of(x, Some(x.clamp(low, high))).is_some() { on_input } else { in_table };
                lies.push(told(name, [advice.clone(), inputs], caught));
            }
        }
        if let Some(column) = layer.activated {
            let mut wrong = advice.clone();
            wrong[column * len + first] += 1;
            lies.push(told("a wrong activation", [wrong, inputs.clone()], in_table));
        }
        lies
    }

    /// Whether limbs can hold a value.
    fn fits(limbs: &[Limb], value: i64) -> bool {
        (0..1 << limbs.last().map_or(0, |limb| limb.shift + limb.width)).contains(&value)
    }

    /// Breaks one relation at a place and keeps the others. Whether the place admits it.
    fn breaks(&self, relation: Relation, corner: usize, place: &mut Place) -> bool {
        let (shift, layer) = (self.layer.params.shift, self.layer);
        let (low, high) = (i64::from(layer.params.low), i64::from(layer.params.high));
        match relation {
            Relation::Quotient => {
                let remainder = &mut place.remainders[corner];
                moved(*remainder, 0, (1 << shift) - 1).map(|other| *remainder = other).is_some()
            }
            Relation::RemainderRange => {
                place.clamped -= 1;
                place.remainders.iter_mut().for_each(|remainder| *remainder += 1 << shift);
                shift > 0 && place.excess == 0 && place.clamped >= low
            }
            Relation::Maximum => {
                place.gaps.iter_mut().for_each(|gap| *gap += 1);
                if place.clamped < high {
                    place.clamped += 1
                } else {
                    place.excess += 1
                }
                let mut gaps = layer.gaps.iter().zip(&place.gaps);
                gaps.all(|(limbs, &gap)| Self::fits(limbs, gap)) && Self::fits(&layer.excess, place.excess)
            }
            Relation::Saturation => {
                (place.clamped, place.excess) = (place.clamped - 1, place.excess + 1);
                place.clamped >= low && Self::fits(&layer.excess, place.excess)
            }
            Relation::GapRange => {
                place.clamped -= 1;
                place.gaps.iter_mut().for_each(|gap| *gap -= 1);
                let has_limbs = layer.gaps.iter().all(|limbs| !limbs.is_empty());
                has_limbs && place.excess == 0 && place.clamped >= low && place.gaps.contains(&-1)
            }
        }
    }

    fn caught(&self, relation: Relation) -> Check {
        match relation {
            Relation::Quotient => decides(self.circuit, self.layer.input, false),
            Relation::Maximum | Relation::Saturation => Check::ZeroCheck,
            Relation::RemainderRange | Relation::GapRange if self.layer.has_bits() => Check::ZeroCheck,
            Relation::RemainderRange | Relation::GapRange => Check::LookupLayer { depth: 0 },
        }
    }

    /// Every relation broken at the first place, from a random one on, that admits it.
    fn lies(&self, rng: &mut Rng) -> Vec<Lie> {
        let (len, mut advice) = (self.layer.column_len(), values(self.honest, self.layer.advice));
        let (first, corner) = (rng.gen_range(0..len), rng.gen_range(0..self.layer.gaps.len()));
        let broken = |(name, relation)| {
            (0..len).map(|k| (first + k) % len).find_map(|at| {
                let mut place = self.read(&advice, at);
                let admits = self.breaks(relation, corner, &mut place);
                admits.then(|| self.lie(name, at, &place, self.caught(relation)))
            })
        };
        let mut lies: Vec<Lie> = RELATIONS.into_iter().filter_map(broken).collect();
        if let Some(column) = self.layer.activated {
            advice[column * len + first] += 1;
            lies.push(self.finish("a wrong activation", &advice, Check::LookupLayer { depth: 0 }));
        }
        lies
    }
}
