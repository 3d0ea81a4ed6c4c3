//! What is said to whoever listens to a prover: all of its bytes, and nothing that changes them.

#![cfg(feature = "prover")]

use std::sync::{Arc, Mutex};

use convince::circuit::{Bits, Circuit, CircuitBuilder, CircuitError, Conv2d, Requant};
use convince::{Mode, ProveOptions, TestSeed, prove, setup_circuit_seeded};
use convince_field::Ints;
use convince_transcript::profile::SENT;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

const SEED: TestSeed = TestSeed([3; 32]);

/// A convolution, its requantisation and a fully connected layer.
fn circuit() -> Result<Circuit, CircuitError> {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 5, 5], Bits::U8)?;
    let (kernel, dense) = (c.weight([2, 1, 3, 3], Bits::I8)?, c.weight([3, 2, 5, 5], Bits::I8)?);
    let y = c.conv2d(x, kernel, None, Conv2d::square(1, 1))?;
    let y = c.requant(y, Requant::plain(6, 0, 127))?;
    let z = c.gemm(y, dense, None)?;
    c.output(z)?;
    c.finish()
}

fn values(len: usize) -> impl Iterator<Item = i8> {
    (0..len).map(|i| (37 * i * i % 251) as u8 as i8)
}

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
    let weights = [18, 150].map(|len| Arc::new(Ints::I8(values(len).collect())));
    let (proving, verifying) = setup_circuit_seeded(circuit().expect("fits"), weights.to_vec(), SEED).expect("a key");
    let input: Vec<i32> = values(25).map(|v| v.unsigned_abs().into()).collect();
    for mode in [Mode::Hiding, Mode::Plain] {
        let options = ProveOptions { mode, seed: Some(SEED), ..Default::default() };
        let alone = prove(&proving, &input, &options).expect("proves");
        let heard = Bytes::default();
        let listening = Registry::default().with(heard.clone()).set_default();
        let proof = prove(&proving, &input, &options).expect("proves");
        drop(listening);
        assert_eq!(proof.as_bytes(), alone.as_bytes());
        let messages = proof.unverified(&verifying).expect("well-formed").message_bytes;
        assert_eq!(*heard.0.lock().expect("nobody sends"), messages as u64);
    }
}
