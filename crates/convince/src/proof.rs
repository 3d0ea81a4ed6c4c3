use convince_circuit::Circuit;
use convince_field::{Bits, Ints};
use convince_pcs::CommitmentScheme;
use convince_transcript::container::{ContainerError, Kind, header, strip_header};

use crate::protocol::{Mode, Part, Scheme};
use crate::tensor::{TensorCommitment, commitment_of, input_format, output_format};
use crate::{VerifyError, VerifyingKey};

/// A proof file's bytes, known to start like one.
///
/// ```text
/// header (7) | flags (1): bit 0, a public input follows; bit 1, in the clear rather than hiding
/// | input, packed at its format's width, or the commitments to a private one
/// | output, 4 bytes a value, or the commitments to a private one | messages
/// ```
///
/// No lengths are stored: the key gives them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    bytes: Vec<u8>,
}

/// An input or an output in a proof's head.
pub(crate) enum HeadPart {
    Public(Ints),
    Private(TensorCommitment),
}

impl HeadPart {
    pub(crate) fn part(&self) -> Part<'_> {
        match self {
            Self::Public(values) => Part::Public(values),
            Self::Private(commitment) => Part::Private(commitment.rows()),
        }
    }

    /// The integers, if they are public.
    pub(crate) fn public(&self) -> Option<&Ints> {
        match self {
            Self::Public(values) => Some(values),
            Self::Private(_) => None,
        }
    }

    fn write(&self, width: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Public(values) => {
                bytes.extend(values.as_slice().iter().flat_map(|v| v.to_le_bytes().into_iter().take(width)));
            }
            Self::Private(commitment) => bytes.extend(Scheme::rows_to_bytes(commitment.rows())),
        }
    }
}

/// A proof's parts, sized by a key.
pub(crate) struct Parts<'a> {
    pub(crate) mode: Mode,
    /// None if a public input is left out.
    pub(crate) input: Option<HeadPart>,
    pub(crate) output: HeadPart,
    pub(crate) messages: &'a [u8],
}

/// What a proof file says, before anything of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// How its messages are sent.
    pub mode: Mode,
    /// The output that it claims: the network's, or labels if nothing else is revealed. None if the output is private.
    pub output: Option<Vec<i32>>,
    /// Bytes of the packed input, or of the commitments to it; 0 if it was left out.
    pub input_bytes: usize,
    /// Bytes of the protocol's messages.
    pub message_bytes: usize,
}

const HAS_INPUT: u8 = 1;
const IS_PLAIN: u8 = 2;
/// Bytes of a public output's value.
const OUTPUT_WIDTH: usize = 4;

impl Proof {
    /// Checks magic, kind and version.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ContainerError> {
        strip_header(Kind::Proof, &bytes)?;
        Ok(Self { bytes })
    }

    fn flags(&self) -> u8 {
        strip_header(Kind::Proof, &self.bytes).ok().and_then(|rest| rest.first().copied()).unwrap_or(0)
    }

    /// Whether the file says that it carries a public input.
    pub fn has_input(&self) -> bool {
        self.flags() & HAS_INPUT != 0
    }

    /// How the file says that its messages are sent.
    pub fn mode(&self) -> Mode {
        if self.flags() & IS_PLAIN != 0 { Mode::Plain } else { Mode::Hiding }
    }

    /// What the file says under this key. Nothing is verified.
    ///
    /// # Errors
    /// [`VerifyError::Head`], [`VerifyError::Input`], [`VerifyError::Output`]: the file does not have the key's layout.
    pub fn unverified(&self, key: &VerifyingKey) -> Result<Unverified, VerifyError> {
        self.unverified_under(key.circuit(), key.width())
    }

    /// [`Self::unverified`] by whoever has the circuit and the width of the key's matrices, as the prover has.
    ///
    /// # Errors
    /// As [`Self::unverified`].
    pub fn unverified_under(&self, circuit: &Circuit, width: usize) -> Result<Unverified, VerifyError> {
        let Parts { mode, output, messages, .. } = self.parts(circuit, width)?;
        let with_input = self.has_input() || circuit.input_is_private();
        Ok(Unverified {
            mode,
            output: output.public().map(|output| output.as_slice().iter().map(|v| v as i32).collect()),
            input_bytes: if with_input { input_bytes(circuit, width) } else { 0 },
            message_bytes: messages.len(),
        })
    }

    /// The file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg_attr(not(feature = "prover"), allow(dead_code))]
    pub(crate) fn assemble(
        circuit: &Circuit,
        mode: Mode,
        input: Option<&HeadPart>,
        output: &HeadPart,
        messages: &[u8],
    ) -> Self {
        let mut bytes = header(Kind::Proof);
        let has_input = matches!(input, Some(HeadPart::Public(_)));
        bytes.push(u8::from(has_input) * HAS_INPUT + u8::from(mode == Mode::Plain) * IS_PLAIN);
        if let Some(input) = input {
            input.write(input_width(circuit), &mut bytes);
        }
        output.write(OUTPUT_WIDTH, &mut bytes);
        bytes.extend_from_slice(messages);
        Self { bytes }
    }

    pub(crate) fn parts(&self, circuit: &Circuit, width: usize) -> Result<Parts<'_>, VerifyError> {
        let rest = strip_header(Kind::Proof, &self.bytes)?;
        let (&flags, rest) = rest.split_first().ok_or(VerifyError::Head("it ends behind its header"))?;
        if flags & !(HAS_INPUT | IS_PLAIN) != 0 {
            return Err(VerifyError::Head("its flags have an unknown bit"));
        }
        if circuit.input_is_private() && flags & HAS_INPUT != 0 {
            return Err(VerifyError::Head("it carries an input, but the key says that inputs are private"));
        }
        let present = circuit.input_is_private() || flags & HAS_INPUT != 0;
        let len = if present { input_bytes(circuit, width) } else { 0 };
        let (packed, rest) = rest.split_at_checked(len).ok_or(VerifyError::Head("its input is cut short"))?;
        let input = match (circuit.input_is_private(), present) {
            (true, _) => Some(HeadPart::Private(commitment_of(input_format(circuit, width), packed)?)),
            (false, true) => Some(HeadPart::Public(unpack_input(circuit, packed, input_width(circuit))?)),
            (false, false) => None,
        };
        let len = output_bytes(circuit, width);
        let (packed, messages) = rest.split_at_checked(len).ok_or(VerifyError::Head("its output is cut short"))?;
        let output = match circuit.output_is_private() {
            true => HeadPart::Private(commitment_of(output_format(circuit, width), packed)?),
            false => HeadPart::Public(unpack_output(circuit, packed)?),
        };
        Ok(Parts { mode: self.mode(), input, output, messages })
    }
}

fn unpack_output(circuit: &Circuit, packed: &[u8]) -> Result<Ints, VerifyError> {
    let (words, _) = packed.as_chunks::<OUTPUT_WIDTH>();
    let output: Vec<i32> = words.iter().map(|w| i32::from_le_bytes(*w)).collect();
    let (low, high) = circuit.output_range();
    match output.iter().enumerate().find(|(_, v)| !(low..=high).contains(&i64::from(**v))) {
        Some((index, &value)) => Err(VerifyError::Output { index, value: value.into() }),
        None => Ok(Ints::I32(output)),
    }
}

/// Bytes of everything in a proof's file but the messages; a private input is always there.
pub(crate) fn head_bytes(circuit: &Circuit, width: usize, with_input: bool) -> usize {
    let with_input = with_input || circuit.input_is_private();
    let input = if with_input { input_bytes(circuit, width) } else { 0 };
    header(Kind::Proof).len() + 1 + input + output_bytes(circuit, width)
}

/// Bytes of the packed input, or of the commitments to it.
fn input_bytes(circuit: &Circuit, width: usize) -> usize {
    match circuit.input_is_private() {
        true => Scheme::ROW_BYTES * input_format(circuit, width).split().num_rows(),
        false => circuit.wire(circuit.input()).size() * input_width(circuit),
    }
}

/// Bytes of the packed output, or of the commitments to it.
fn output_bytes(circuit: &Circuit, width: usize) -> usize {
    match circuit.output_is_private() {
        true => Scheme::ROW_BYTES * output_format(circuit, width).split().num_rows(),
        false => OUTPUT_WIDTH * circuit.shape(circuit.output()).iter().product::<usize>(),
    }
}

/// Bytes of one packed input value.
fn input_width(circuit: &Circuit) -> usize {
    let wire = circuit.wire(circuit.input());
    usize::from(Bits::holding(wire.low, wire.high).width).div_ceil(8)
}

fn unpack_input(circuit: &Circuit, packed: &[u8], width: usize) -> Result<Ints, VerifyError> {
    let signed = circuit.wire(circuit.input()).low < 0;
    let value = |chunk: &[u8]| {
        let fill = if signed && chunk[width - 1] >= 0x80 { 0xff } else { 0 };
        let mut bytes = [fill; 8];
        bytes[..width].copy_from_slice(chunk);
        i64::from_le_bytes(bytes)
    };
    let values: Vec<i64> = packed.chunks_exact(width).map(value).collect();
    input_ints(circuit, &values)
}

/// The input at its format's width.
pub(crate) fn input_ints(circuit: &Circuit, values: &[i64]) -> Result<Ints, VerifyError> {
    let wire = circuit.wire(circuit.input());
    if values.len() != wire.size() {
        return Err(VerifyError::Input(format!("{} values, but the network takes {}", values.len(), wire.size())));
    }
    if let Some(index) = values.iter().position(|v| !(wire.low..=wire.high).contains(v)) {
        let (value, low, high) = (values[index], wire.low, wire.high);
        return Err(VerifyError::Input(format!("value {index} is {value}, which is not in {low}..={high}")));
    }
    Ints::pack(Bits::holding(wire.low, wire.high), values).ok_or(VerifyError::Head("its input does not pack"))
}
