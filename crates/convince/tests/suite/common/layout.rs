//! Where what stands in a proof's file: a verifier's run, written down.

use std::ops::Range;

use convince::protocol::{Field, Part, Statement, run_hiding_verifier, run_verifier, transcript};
use convince::{Mode, Proof, VerifyingKey};
use convince_field::{Ints, ProofField};
use convince_pcs::{CommitmentScheme, Hyrax, PcsError};
use convince_transcript::{ChannelError, Check, Label, PlainVerifier, VerifierChannel};

/// A message of a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) label: Label,
    /// Whether it holds scalars, of 32 bytes, rather than points, of 48.
    pub(crate) scalars: bool,
    /// Its bytes in the file.
    pub(crate) bytes: Range<usize>,
}

impl Message {
    /// Where its scalars or points are in the file.
    pub(crate) fn items(&self) -> impl Iterator<Item = Range<usize>> {
        let size = if self.scalars { Field::BYTES } else { Hyrax::ROW_BYTES };
        self.bytes.clone().step_by(size).map(move |start| start..start + size)
    }
}

/// A channel in the clear that notes what it hands on.
pub(crate) struct Notes<C> {
    inner: C,
    at: usize,
    pub(crate) messages: Vec<Message>,
    pub(crate) challenges: Vec<(Label, Field)>,
}

impl<C> Notes<C> {
    fn note(&mut self, label: Label, scalars: bool, len: usize) {
        self.messages.push(Message { label, scalars, bytes: self.at..self.at + len });
        self.at += len;
    }
}

impl<C: VerifierChannel<Field, Scalar = Field>> VerifierChannel<Field> for Notes<C> {
    type Scalar = Field;

    fn receive(&mut self, label: Label, len: usize) -> Result<Vec<Field>, ChannelError> {
        self.note(label, true, len * Field::BYTES);
        self.inner.receive(label, len)
    }

    fn receive_bytes(&mut self, label: Label, len: usize) -> Result<Vec<u8>, ChannelError> {
        self.note(label, false, len);
        self.inner.receive_bytes(label, len)
    }

    fn challenge(&mut self, label: Label) -> Field {
        let drawn = self.inner.challenge(label);
        self.challenges.push((label, drawn));
        drawn
    }

    fn full_challenge(&mut self, label: Label) -> Field {
        let drawn = self.inner.full_challenge(label);
        self.challenges.push((label, drawn));
        drawn
    }

    fn mul(&mut self, a: &Field, b: &Field) -> Field {
        self.inner.mul(a, b)
    }

    fn assert_eq(&mut self, a: Field, b: Field, check: Check) -> Result<(), ChannelError> {
        self.inner.assert_eq(a, b, check)
    }
}

/// A proof's messages, and the challenges between them.
pub(crate) type Layout = (Vec<Message>, Vec<(Label, Field)>);

/// The layout of a valid proof that carries its input.
pub(crate) fn layout(key: &VerifyingKey, proof: &Proof, nonce: &[u8]) -> Result<Layout, PcsError> {
    let (circuit, bytes) = (key.circuit(), proof.as_bytes());
    let Head { input, output, messages } = head(key, proof);
    let rows = |at: &Range<usize>| Hyrax::rows_from_bytes(at.len() / Hyrax::ROW_BYTES, &bytes[at.clone()]).unwrap();
    // Inputs of these tests are unsigned bytes.
    let values = Ints::U8(if circuit.input_is_private() { vec![] } else { bytes[input.clone()].to_vec() });
    let words =
        |at: &Range<usize>| bytes[at.clone()].as_chunks::<4>().0.iter().map(|w| i32::from_le_bytes(*w)).collect();
    let said = Ints::I32(if circuit.output_is_private() { vec![] } else { words(&output) });
    let (input_rows, output_rows);
    let input = match circuit.input_is_private() {
        true => {
            input_rows = rows(&input);
            Part::Private(&input_rows)
        }
        false => Part::Public(&values),
    };
    let output = match circuit.output_is_private() {
        true => {
            output_rows = rows(&output);
            Part::Private(&output_rows)
        }
        false => Part::Public(&said),
    };
    let statement = Statement { input, output, nonce };
    let inner = PlainVerifier::new(transcript(key, &statement, proof.mode()), &bytes[messages..]);
    let mut notes = Notes { inner, at: messages, messages: Vec::new(), challenges: Vec::new() };
    match proof.mode() {
        Mode::Plain => run_verifier(key, &statement, &mut notes)?,
        Mode::Hiding => notes = run_hiding_verifier(key, &statement, notes)?,
    }
    assert_eq!(notes.at, bytes.len());
    Ok((notes.messages, notes.challenges))
}

/// What stands before the messages.
pub(crate) struct Head {
    pub(crate) input: Range<usize>,
    pub(crate) output: Range<usize>,
    /// Where the messages start.
    pub(crate) messages: usize,
}

/// The head of a proof that carries its input.
pub(crate) fn head(key: &VerifyingKey, proof: &Proof) -> Head {
    /// Header and flags.
    const START: usize = 8;
    let unverified = proof.unverified(key).unwrap();
    let messages = proof.as_bytes().len() - unverified.message_bytes;
    let input = START..START + unverified.input_bytes;
    Head { output: input.end..messages, input, messages }
}
