//! Times of a proof's steps, from the library's spans.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use convince_transcript::profile::LAYER;
use tracing::Subscriber;
use tracing::span::{Attributes, Id};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Milliseconds by a step's path, such as `prove/reduce/lookups/tree`; steps of equal path are added up.
pub(crate) type Times = BTreeMap<String, f64>;

/// Adds up the spans of the thread that proves.
#[derive(Clone, Default)]
pub(crate) struct Listener(Arc<Mutex<Times>>);

struct Step {
    path: String,
    since: Instant,
}

impl Listener {
    /// The times since they were last taken.
    pub(crate) fn take(&self) -> Times {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Listener {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, spans: Context<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        // Layers work beside each other: their times do not add up to the step's.
        if span.name() == LAYER {
            return;
        }
        let parent = span.parent().and_then(|p| p.extensions().get::<Step>().map(|step| format!("{}/", step.path)));
        let path = parent.unwrap_or_default() + span.name();
        span.extensions_mut().insert(Step { path, since: Instant::now() });
    }

    fn on_enter(&self, id: &Id, spans: Context<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        if let Some(step) = span.extensions_mut().get_mut::<Step>() {
            step.since = Instant::now();
        }
    }

    fn on_exit(&self, id: &Id, spans: Context<'_, S>) {
        let Some(span) = spans.span(id) else { return };
        let extensions = span.extensions();
        let Some(step) = extensions.get::<Step>() else { return };
        let time = step.since.elapsed().as_secs_f64() * 1e3;
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *times.entry(step.path.clone()).or_default() += time;
    }
}
