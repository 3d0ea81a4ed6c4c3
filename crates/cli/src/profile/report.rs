//! A profile as it is printed.

use std::collections::BTreeMap;

use convince::ProvingKey;
use serde::{Deserialize, Serialize};

use super::recorder::{Owner, Recorder, Records, Step};
use crate::output::{milliseconds, printable, size, table};

/// Where the time, the memory and the bytes of one proof went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    /// All of the proof.
    #[serde(flatten)]
    pub(super) whole: Part,
    /// Bytes of the proof's file that are no messages: header, input, output.
    pub(super) head_bytes: u64,
    /// One entry a layer, in the circuit's order.
    pub(super) layers: Vec<Layer>,
    /// Bytes of messages that are no single layer's.
    pub(super) shared_bytes: u64,
}

/// A phase, or a step of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    /// By the clock.
    pub(super) ms: f64,
    /// Of all threads together.
    pub(super) cpu_ms: Option<f64>,
    /// Bytes of messages sent.
    pub(super) message_bytes: u64,
    /// The most memory that the process had held when it ended.
    pub(super) peak_rss_bytes: Option<u64>,
    /// Its steps, in order; they need not fill it.
    pub(super) parts: Vec<Part>,
}

/// What was one layer's work. Times are those of the threads that did it; commitments are made for all layers at once, and their
/// time is shared out by the additions of points that each layer's take.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) witness_ms: f64,
    pub(super) commit_ms: f64,
    pub(super) reduce_ms: f64,
    pub(super) open_ms: f64,
    /// Bytes of messages that are the layer's alone.
    pub(super) message_bytes: u64,
    /// Those of them that commit to the layer's advice.
    pub(super) commit_bytes: u64,
}

impl Part {
    fn is_wave(&self) -> bool {
        self.name.starts_with("wave ")
    }
}

impl Layer {
    pub(super) fn ms(&self) -> f64 {
        self.times().iter().sum()
    }

    /// By phase, in order.
    pub(super) fn times(&self) -> [f64; 4] {
        [self.witness_ms, self.commit_ms, self.reduce_ms, self.open_ms]
    }
}

/// Levels at the tree's leaves, most of the work, that have lines of their own.
const SINGLE_LEVELS: usize = 3;
/// Waves up to which the steps of each are shown.
const FEW_WAVES: usize = 3;
/// A phase's time that is in none of its steps is shown from this share of the whole on.
const SHOWN: f64 = 0.01;

impl Profile {
    /// What was recorded of the making of one proof under a key; `head_bytes` of its file are no messages.
    pub(crate) fn new(recorder: &Recorder, key: &ProvingKey, head_bytes: usize) -> Option<Self> {
        let records = recorder.records();
        let root = records.steps.iter().position(|step| step.parent.is_none())?;
        let (whole, layers) = (part(&records, root), layers(&records, key));
        let own: u64 = layers.iter().map(|layer| layer.message_bytes).sum();
        let shared_bytes = whole.message_bytes.saturating_sub(own);
        Some(Self { whole, head_bytes: head_bytes as u64, layers, shared_bytes })
    }

    /// Both tables.
    pub(crate) fn text(&self) -> String {
        let phases = table(&["phase", "time", "CPU time", "share", "proof", "memory"], 1, self.rows());
        let header = ["layer", "operator", "witness", "commit", "reduce", "open", "commitments", "proof"];
        let of_layer = |layer: &Layer| {
            let times = layer.times().map(time);
            let names = [printable(&layer.name), layer.operator.clone()];
            names.into_iter().chain(times).chain([layer.commit_bytes, layer.message_bytes].map(size)).collect()
        };
        let shared = [("shared", self.shared_bytes), ("head", self.head_bytes)].map(|(name, bytes)| {
            let empty = std::iter::repeat_n(String::new(), 6);
            std::iter::once(name.to_owned()).chain(empty).chain([size(bytes)]).collect()
        });
        let layers = table(&header, 2, self.layers.iter().map(of_layer).chain(shared));
        format!("{phases}\n{layers}\nlayers' times are of the threads that worked for them; the rest is shared\n")
    }

    /// The lines of the phases' table: those of steps are indented, and those within many waves left out.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let waves = self.whole.parts.iter().flat_map(|phase| &phase.parts).filter(|step| step.is_wave()).count();
        self.whole.parts.iter().for_each(|phase| self.add_rows(phase, 0, waves <= FEW_WAVES, &mut rows));
        rows.push(self.row(&self.whole, 0));
        rows
    }

    fn add_rows(&self, part: &Part, depth: usize, with_waves: bool, rows: &mut Vec<Vec<String>>) {
        rows.push(self.row(part, depth));
        if part.is_wave() && !with_waves {
            return;
        }
        part.parts.iter().for_each(|step| self.add_rows(step, depth + 1, with_waves, rows));
        let rest = part.ms - part.parts.iter().map(|step| step.ms).sum::<f64>();
        if !part.parts.is_empty() && rest >= SHOWN * self.whole.ms {
            let name = "other".to_owned();
            let of_steps = part.parts.iter().map(|step| step.cpu_ms).sum::<Option<f64>>();
            let cpu_ms = part.cpu_ms.zip(of_steps).map(|(all, steps)| (all - steps).max(0.0));
            let own = part.message_bytes - part.parts.iter().map(|step| step.message_bytes).sum::<u64>();
            let rest = Part { name, ms: rest, cpu_ms, message_bytes: own, peak_rss_bytes: None, parts: vec![] };
            rows.push(self.row(&rest, depth + 1));
        }
    }

    fn row(&self, part: &Part, depth: usize) -> Vec<String> {
        let share = format!("{:.1} %", 100.0 * part.ms / self.whole.ms);
        let name = format!("{}{}", "  ".repeat(depth), part.name);
        let memory = part.peak_rss_bytes.map(size).unwrap_or_default();
        vec![name, time(part.ms), part.cpu_ms.map(time).unwrap_or_default(), share, size(part.message_bytes), memory]
    }
}

/// Milliseconds with their unit.
pub(super) fn time(ms: f64) -> String {
    format!("{ms:.2} ms")
}

/// A step with its parts.
fn part(records: &Records, index: usize) -> Part {
    let step = &records.steps[index];
    let children = (0..records.steps.len()).filter(|&k| records.steps[k].parent == Some(index));
    let (levels, mut parts): (Vec<Part>, Vec<Part>) =
        children.map(|k| part(records, k)).partition(|part| part.name.starts_with("level "));
    if !levels.is_empty() {
        // Levels stand before what is done at the leaves.
        let end = parts.len().saturating_sub(1);
        parts.splice(end..end, few(levels));
    }
    let name = step.number.map_or_else(|| step.name.to_owned(), |number| format!("{} {}", step.name, number + 1));
    Part {
        name,
        ms: milliseconds(step.wall),
        cpu_ms: step.cpu.map(milliseconds),
        message_bytes: step.bytes + parts.iter().map(|part| part.message_bytes).sum::<u64>(),
        peak_rss_bytes: step.peak,
        parts,
    }
}

/// The levels of a tree, all but the last ones in one part.
fn few(mut levels: Vec<Part>) -> Vec<Part> {
    let last = levels.split_off(levels.len().saturating_sub(SINGLE_LEVELS));
    let first = levels.len();
    let joined = levels.into_iter().reduce(|a, b| Part {
        name: format!("levels 1-{first}"),
        ms: a.ms + b.ms,
        cpu_ms: a.cpu_ms.zip(b.cpu_ms).map(|(a, b)| a + b),
        message_bytes: a.message_bytes + b.message_bytes,
        peak_rss_bytes: a.peak_rss_bytes.max(b.peak_rss_bytes),
        parts: vec![],
    });
    joined.into_iter().chain(last).collect()
}

/// What each layer has of times and bytes.
fn layers(records: &Records, key: &ProvingKey) -> Vec<Layer> {
    let lowered = key.lowered();
    let layers = lowered.circuit.layers();
    let mut of_wire = BTreeMap::new();
    for (index, layer) in layers.iter().enumerate() {
        // A statement of a wire's range does not make the wire its own where another layer defines or reads it.
        for wire in layer.wires() {
            of_wire.entry(wire.index() as u64).or_insert(index);
        }
    }
    let index = |owner: Owner| match owner {
        Owner::Layer(index) => Some(index as usize),
        Owner::Wire(wire) => of_wire.get(&wire).copied(),
        Owner::Committed(place) => of_wire.get(records.places.get(&place)?).copied(),
    };
    let named = |(layer, name): (&convince::circuit::Layer, &String)| Layer {
        name: name.clone(),
        operator: layer.name().to_owned(),
        witness_ms: 0.0,
        commit_ms: 0.0,
        reduce_ms: 0.0,
        open_ms: 0.0,
        message_bytes: 0,
        commit_bytes: 0,
    };
    let mut out: Vec<Layer> = layers.iter().zip(&lowered.layer_names).map(named).collect();
    for (&(owner, step), &time) in &records.work {
        let Some(layer) = index(owner).and_then(|index| out.get_mut(index)) else { continue };
        let times = match phase(records, step) {
            "witness" => &mut layer.witness_ms,
            // What is opened in it are sums over all images, no layer's wires.
            "count" => continue,
            "reduce" => &mut layer.reduce_ms,
            _ => &mut layer.open_ms,
        };
        *times += milliseconds(time);
    }
    let mut whole = BTreeMap::<usize, u64>::new();
    records.shared.iter().for_each(|(&(_, step), &work)| *whole.entry(step).or_default() += work);
    for (&(owner, step), &work) in &records.shared {
        let Some(layer) = index(owner).and_then(|index| out.get_mut(index)) else { continue };
        let Step { wall, cpu, .. } = &records.steps[step];
        layer.commit_ms += milliseconds(cpu.unwrap_or(*wall)) * work as f64 / whole[&step].max(1) as f64;
    }
    for (&(owner, step), &bytes) in &records.sent {
        let Some(layer) = index(owner).and_then(|index| out.get_mut(index)) else { continue };
        layer.message_bytes += bytes;
        if phase(records, step) == "commit" {
            layer.commit_bytes += bytes;
        }
    }
    out
}

/// The phase that a step is within.
fn phase(records: &Records, step: usize) -> &'static str {
    let up = |&step: &usize| records.steps[step].parent;
    let path: Vec<usize> = std::iter::successors(Some(step), up).collect();
    records.steps[path[path.len().saturating_sub(2)]].name
}
