//! A script of absorbs and challenges, against `vectors/golden/transcript.txt`.

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use convince_field::{Fr, ProofField};
use convince_transcript::{Label, PlainProver, ProverChannel, Transcript};
use golden::Golden;

const DESCRIPTION: &str = "
A transcript's challenges after a script of messages.

The transcript is merlin's (version 3, STROBE-128): new(\"golden\"), then the lines below in order.
  absorb LABEL = BYTES      append_message(LABEL, BYTES)
  u64 LABEL = N             append_message(LABEL, N as 8 little-endian bytes)
  challenge LABEL = X       challenge_bytes(LABEL, 16 bytes), read as a little-endian integer c; X = c 2^-128
  full LABEL = X            challenge_bytes(LABEL, 64 bytes), read likewise and reduced modulo BLS12-381's r
  scalars LABEL = X ...     one append_message(LABEL, ...) of all of them
Field elements X are 32 little-endian bytes.";

fn encoded(value: Fr) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.write_to(&mut bytes);
    bytes
}

#[test]
fn golden_transcript() {
    let mut golden = Golden::new("transcript.txt", DESCRIPTION);
    let mut transcript = Transcript::new("golden");
    let challenges = |golden: &mut Golden, transcript: &mut Transcript, label: Label| {
        golden.bytes(&format!("challenge {label}"), &encoded(transcript.challenge(label)));
        golden.bytes(&format!("full {label}"), &encoded(transcript.full_challenge(label)));
    };
    challenges(&mut golden, &mut transcript, "first");
    let every_byte: Vec<u8> = (0..=255).collect();
    for message in [&[][..], &[0], &[0, 0], &every_byte] {
        transcript.absorb("message", message);
        golden.bytes("absorb message", message);
        challenges(&mut golden, &mut transcript, "after");
    }
    for number in [0, 1, u64::MAX] {
        transcript.absorb_u64("number", number);
        golden.value("u64 number", number);
    }
    challenges(&mut golden, &mut transcript, "last");

    golden
        .section("The same through a prover's channel, from new(\"golden/channel\"); the proof is its messages alone.");
    let mut channel = PlainProver::<Fr>::new(Transcript::new("golden/channel"));
    let scalars = [0, 1, -1, i64::MIN, i64::MAX].map(Fr::from_i64);
    channel.send("scalars", &scalars);
    golden.bytes("scalars scalars", &scalars.map(encoded).concat());
    channel.send_bytes("bytes", &every_byte[..48]);
    golden.bytes("absorb bytes", &every_byte[..48]);
    golden.bytes("challenge short", &encoded(channel.challenge("short")));
    golden.bytes("full full", &encoded(channel.full_challenge("full")));
    golden.bytes("proof", &channel.finish());
    golden.finish();
}
