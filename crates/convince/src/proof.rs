use convince_circuit::Circuit;
use convince_field::{Bits, Ints};
use convince_transcript::container::{ContainerError, Kind, header, strip_header};

use crate::VerifyError;

/// A proof file's bytes, known to start like one.
///
/// ```text
/// header (7) | flags (1): bit 0, the input follows | input, packed at its format's width | output, 4 bytes a value | messages
/// ```
///
/// No lengths are stored: the circuit in the key gives them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    bytes: Vec<u8>,
}

/// A proof's parts, sized by a circuit.
pub(crate) struct Parts<'a> {
    pub(crate) input: Option<Ints>,
    pub(crate) output: Ints,
    pub(crate) messages: &'a [u8],
}

/// What a proof file says, before anything of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unverified {
    /// The output that it claims: the network's, or labels if nothing else is revealed.
    pub output: Vec<i32>,
    /// Bytes of the packed input; 0 if it was left out.
    pub input_bytes: usize,
    /// Bytes of the protocol's messages.
    pub message_bytes: usize,
}

const HAS_INPUT: u8 = 1;

impl Proof {
    /// Checks magic, kind and version.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ContainerError> {
        strip_header(Kind::Proof, &bytes)?;
        Ok(Self { bytes })
    }

    /// Whether the file says that it carries its input.
    pub fn has_input(&self) -> bool {
        strip_header(Kind::Proof, &self.bytes).is_ok_and(|rest| rest.first() == Some(&HAS_INPUT))
    }

    /// What the file says for this circuit. Nothing is verified.
    ///
    /// # Errors
    /// [`VerifyError::Head`], [`VerifyError::Input`], [`VerifyError::Output`]: the file does not have the circuit's layout.
    pub fn unverified(&self, circuit: &Circuit) -> Result<Unverified, VerifyError> {
        let Parts { input, output, messages } = self.parts(circuit)?;
        Ok(Unverified {
            output: output.as_slice().iter().map(|v| v as i32).collect(),
            input_bytes: input.map_or(0, |input| input.len() * input_width(circuit)),
            message_bytes: messages.len(),
        })
    }

    /// The file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[cfg_attr(not(feature = "prover"), allow(dead_code))]
    pub(crate) fn assemble(circuit: &Circuit, input: Option<&Ints>, output: &Ints, messages: &[u8]) -> Self {
        let mut bytes = header(Kind::Proof);
        bytes.push(if input.is_some() { HAS_INPUT } else { 0 });
        if let Some(input) = input {
            let width = input_width(circuit);
            bytes.extend(input.as_slice().iter().flat_map(|v| v.to_le_bytes().into_iter().take(width)));
        }
        bytes.extend(output.as_slice().iter().flat_map(|v| (v as i32).to_le_bytes()));
        bytes.extend_from_slice(messages);
        Self { bytes }
    }

    pub(crate) fn parts(&self, circuit: &Circuit) -> Result<Parts<'_>, VerifyError> {
        let rest = strip_header(Kind::Proof, &self.bytes)?;
        let (&flags, rest) = rest.split_first().ok_or(VerifyError::Head("it ends behind its header"))?;
        let (input, rest) = match flags {
            0 => (None, rest),
            HAS_INPUT => {
                let width = input_width(circuit);
                let len = circuit.wire(circuit.input()).size() * width;
                let (packed, rest) = rest.split_at_checked(len).ok_or(VerifyError::Head("its input is cut short"))?;
                (Some(unpack_input(circuit, packed, width)?), rest)
            }
            _ => return Err(VerifyError::Head("its flags have an unknown bit")),
        };
        let (output, messages) =
            rest.split_at_checked(output_bytes(circuit)).ok_or(VerifyError::Head("its output is cut short"))?;
        let (words, _) = output.as_chunks::<4>();
        let output: Vec<i32> = words.iter().map(|w| i32::from_le_bytes(*w)).collect();
        let (low, high) = circuit.output_range();
        if let Some((index, &value)) = output.iter().enumerate().find(|(_, v)| !(low..=high).contains(&i64::from(**v)))
        {
            return Err(VerifyError::Output { index, value: value.into() });
        }
        Ok(Parts { input, output: Ints::I32(output), messages })
    }
}

/// Bytes of everything in a proof's file but the messages.
pub(crate) fn head_bytes(circuit: &Circuit, with_input: bool) -> usize {
    let input = if with_input { circuit.wire(circuit.input()).size() * input_width(circuit) } else { 0 };
    header(Kind::Proof).len() + 1 + input + output_bytes(circuit)
}

/// Bytes of the packed output.
fn output_bytes(circuit: &Circuit) -> usize {
    4 * circuit.shape(circuit.output()).iter().product::<usize>()
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
