//! What a profile of a prover is made of: spans and events of the crate `tracing`, which cost a load each where nobody
//! subscribes.
//!
//! Phases are spans of level `INFO`, with spans of level `DEBUG` for their steps on the same thread, one after the other.
//! A span named [`LAYER`] is a layer's part of the step that is its parent; layers may run on other threads and beside
//! each other. Its field says whose: `layer`, a layer's index; `wire`, a wire's index; or `committed`, a place among the
//! wires that are opened. Nothing of what a proof is about is in any field.

use tracing::Span;
use tracing::span::EnteredSpan;

use crate::Label;

/// Name of the spans of layers.
pub const LAYER: &str = "layer";
/// Target of the event for every message in the clear: its `label`, and its length `bytes`.
pub const SENT: &str = "convince::sent";
/// Target of the events that say that of bytes sent, so many (`bytes`) are a `wire`'s.
pub const SHARE: &str = "convince::share";
/// Target of the events that say that of what a step does for all wires at once, so much (`work`, in a unit of the step's) is for a
/// `wire`.
pub const WORK: &str = "convince::work";
/// Target of the events that say which `wire` is at which `place` among those that are opened.
pub const PLACED: &str = "convince::placed";

/// A message was sent.
#[inline]
pub fn sent(label: Label, bytes: usize) {
    tracing::debug!(target: SENT, label, bytes);
}

/// So many of the bytes sent are a wire's; what is no wire's alone is not shared out.
#[inline]
pub fn share(wire: usize, bytes: usize) {
    tracing::debug!(target: SHARE, wire, bytes);
}

/// Of what this step does for all wires at once, so much is for a wire; it is counted only if somebody listens.
#[inline]
pub fn share_work(wire: usize, work: impl FnOnce() -> u64) {
    if tracing::enabled!(target: WORK, tracing::Level::DEBUG) {
        let work = work();
        tracing::debug!(target: WORK, wire, work);
    }
}

/// Among the wires that are opened, this one is at this place.
#[inline]
pub fn placed(place: usize, wire: usize) {
    tracing::debug!(target: PLACED, place, wire);
}

/// Until it is dropped, this thread works for the layer of a wire, as a part of the step `parent`.
#[inline]
pub fn layer_of(parent: &Span, wire: usize) -> EnteredSpan {
    tracing::debug_span!(parent: parent, LAYER, wire).entered()
}
