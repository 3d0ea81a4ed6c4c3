//! Adds up the library's spans as they end.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use convince::Phase;
use convince_transcript::profile::{LAYER, PLACED, SENT, SHARE, WORK};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as Spans, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use super::process::{cpu_time, peak_memory};
use crate::error::{Context as _, Error};
use crate::output::milliseconds;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The time of each phase.
    Phases,
    /// Time, memory and bytes of every step and every layer.
    All,
}

/// The measurements of this process.
pub(crate) struct Recorder {
    records: Arc<Mutex<Records>>,
}

/// Sums over all spans so far.
#[derive(Default)]
pub(super) struct Records {
    /// Steps of the calling thread, parents before their parts.
    pub(super) steps: Vec<Step>,
    /// Time that layers took, by the step that it was a part of.
    pub(super) work: BTreeMap<(Owner, usize), Duration>,
    /// Bytes that are a layer's, by the step that sent them.
    pub(super) sent: BTreeMap<(Owner, usize), u64>,
    /// What of a step that is done for all layers at once is a layer's, in a unit of the step's.
    pub(super) shared: BTreeMap<(Owner, usize), u64>,
    /// The wire at each place among those that are opened.
    pub(super) places: BTreeMap<u64, u64>,
}

/// All spans of one name, and number, within one step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Which of several, from 0.
    pub(super) number: Option<u64>,
    pub(super) parent: Option<usize>,
    /// Steps that it is within.
    depth: usize,
    pub(super) wall: Duration,
    pub(super) cpu: Option<Duration>,
    /// Bytes sent in it and in none of its parts.
    pub(super) bytes: u64,
    pub(super) peak: Option<u64>,
}

/// Whose work something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// The layer of this index.
    Layer(u64),
    /// The layer that this wire is of.
    Wire(u64),
    /// The layer that the wire at this place is of.
    Committed(u64),
}

/// Steps within more steps than this end without a look at the memory, which takes the system some 20 us.
const DEPTH_OF_MEMORY: usize = 2;

impl Recorder {
    /// Listens from now on. Once a process.
    pub(crate) fn start(detail: Detail) -> Result<Self, Error> {
        let records = Arc::default();
        let listener = Listener { records: Arc::clone(&records), detail };
        tracing::subscriber::set_global_default(Registry::default().with(listener)).at("measuring")?;
        Ok(Self { records })
    }

    /// Milliseconds in a phase; 0 if it has not been.
    pub(crate) fn phase_ms(&self, phase: Phase) -> f64 {
        let records = self.records();
        let spans = records.steps.iter().filter(|step| step.name == phase.name() && step.depth == 1);
        milliseconds(spans.map(|step| step.wall).sum())
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }
}

/// Sums that a panic has interrupted are still sums.
fn lock(records: &Mutex<Records>) -> MutexGuard<'_, Records> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Listener {
    records: Arc<Mutex<Records>>,
    detail: Detail,
}

/// What is kept with a span: where it counts, and since when it lasts.
struct Place {
    step: usize,
    /// Set for the work of a layer.
    owner: Option<Owner>,
    since: Option<(Instant, Option<Duration>)>,
}

/// The numbers among fields.
#[derive(Default)]
struct Numbers(Vec<(&'static str, u64)>);

impl Visit for Numbers {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value));
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Numbers {
    fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }

    fn owner(&self) -> Option<Owner> {
        let layer = self.get("layer").map(Owner::Layer);
        layer.or_else(|| self.get("wire").map(Owner::Wire)).or_else(|| self.get("committed").map(Owner::Committed))
    }
}

impl Records {
    /// The step of this name and number within another, made if it is the first.
    fn step(&mut self, name: &'static str, number: Option<u64>, parent: Option<usize>) -> usize {
        let same = |step: &Step| (step.name, step.number, step.parent) == (name, number, parent);
        self.steps.iter().position(same).unwrap_or_else(|| {
            let depth = parent.map_or(0, |parent| self.steps[parent].depth + 1);
            let (wall, cpu, bytes, peak) = Default::default();
            self.steps.push(Step { name, number, parent, depth, wall, cpu, bytes, peak });
            self.steps.len() - 1
        })
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.detail == Detail::All { LevelFilter::DEBUG } else { LevelFilter::INFO })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, spans: Spans<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let parent = span.parent().and_then(|parent| parent.extensions().get::<Place>().map(|place| place.step));
        let mut numbers = Numbers::default();
        attributes.record(&mut numbers);
        let (step, owner) = match parent.filter(|_| span.name() == LAYER) {
            Some(step) => (step, numbers.owner()),
            None => {
                let number = numbers.0.first().map(|(_, number)| *number);
                (lock(&self.records).step(span.name(), number, parent), None)
            }
        };
        span.extensions_mut().insert(Place { step, owner, since: None });
    }

    fn on_enter(&self, id: &Id, spans: Spans<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        if let Some(place) = span.extensions_mut().get_mut::<Place>() {
            // The time of the whole process is no layer's, since layers work beside each other.
            let cpu = if place.owner.is_none() { cpu_time() } else { None };
            place.since = Some((Instant::now(), cpu));
        }
    }

    fn on_exit(&self, id: &Id, spans: Spans<'_, S>) {
        let end = Instant::now();
        let Some(span) = spans.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(place) = extensions.get_mut::<Place>() else { return };
        let Some((start, cpu)) = place.since.take() else { return };
        let cpu = cpu.zip(cpu_time()).map(|(from, to)| to.saturating_sub(from));
        let mut records = lock(&self.records);
        if let Some(owner) = place.owner {
            *records.work.entry((owner, place.step)).or_default() += end - start;
            return;
        }
        let step = &mut records.steps[place.step];
        step.wall += end - start;
        step.cpu = cpu.map(|cpu| cpu + step.cpu.unwrap_or_default());
        if self.detail == Detail::All && step.depth <= DEPTH_OF_MEMORY {
            step.peak = peak_memory();
        }
    }

    fn on_event(&self, event: &Event<'_>, spans: Spans<'_, S>) {
        let mut numbers = Numbers::default();
        event.record(&mut numbers);
        let bytes = numbers.get("bytes").unwrap_or(0);
        let Some(span) = spans.event_span(event) else { return };
        let extensions = span.extensions();
        let Some(place) = extensions.get::<Place>() else { return };
        let mut records = lock(&self.records);
        let owner = match event.metadata().target() {
            SENT => {
                records.steps[place.step].bytes += bytes;
                place.owner
            }
            SHARE => numbers.owner(),
            WORK => {
                let work = numbers.owner().zip(numbers.get("work"));
                if let Some((owner, work)) = work {
                    *records.shared.entry((owner, place.step)).or_default() += work;
                }
                None
            }
            PLACED => {
                records.places.extend(numbers.get("place").zip(numbers.get("wire")));
                None
            }
            _ => None,
        };
        if let Some(owner) = owner {
            *records.sent.entry((owner, place.step)).or_default() += bytes;
        }
    }
}
