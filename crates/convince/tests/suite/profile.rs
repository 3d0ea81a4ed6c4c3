//! What is said to whoever listens to a prover: all of its bytes, and nothing that changes them.

use std::sync::{Arc, Mutex};

use convince::{Mode, ProveOptions, prove};
use convince_transcript::profile::SENT;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::common::{SEED, TINY};

/// Adds up the bytes of messages.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<u64>>);

impl Visit for Bytes {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "bytes" {
            *self.0.lock().expect("no other thread sends") += value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber> Layer<S> for Bytes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == SENT {
            event.record(&mut self.clone());
        }
    }
}

#[test]
fn a_proof_that_is_listened_to_is_the_same_and_every_byte_is_heard() {
    for mode in [Mode::Hiding, Mode::Plain] {
        let options = ProveOptions { mode, seed: Some(SEED), ..Default::default() };
        let alone = prove(&TINY.proving, &TINY.input, &options).expect("proves");
        let heard = Bytes::default();
        let listener = Registry::default().with(heard.clone());
        let proof = tracing::subscriber::with_default(listener, || prove(&TINY.proving, &TINY.input, &options));
        let proof = proof.expect("proves");
        assert_eq!(proof.as_bytes(), alone.as_bytes());
        let messages = proof.unverified(&TINY.verifying).expect("well-formed").message_bytes;
        assert_eq!(*heard.0.lock().expect("nobody sends"), messages as u64);
    }
}
