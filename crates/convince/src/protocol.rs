//! The protocol between the statement and the bytes: what [`crate::prove`] and [`crate::verify`] run, over any channel.
//!
//! Researchers and tests use it to run the prover on any witness and the verifier on any channel; everybody else uses the
//! two functions above.
//!
//! ```text
//! statement   protocol, version, field, commitment scheme, width, circuit digest, model digest, presentation digest,
//!             input, output, nonce
//! 1. advice   commitments to all advice wires, one message
//! 2. gkr      lookups, zero-checks, output, waves: claims on input, weight and advice wires
//! 3. input    the verifier evaluates its claims on the public input and asserts the claimed values
//! 4. opening  one opening for all other claims
//! ```

use convince_circuit::{Circuit, WireId, WireKind};
use convince_field::{Fr, Ints, ProofField};
use convince_gkr::Claim;
use convince_pcs::{CommitmentScheme, Hyrax, OpeningClaim, PcsError, Split, WireCommitment};
use convince_transcript::container::VERSION;
use convince_transcript::{Check, Label, Transcript, VerifierChannel};
use sha2::{Digest, Sha256};

use crate::VerifyingKey;

/// The field of every proof: the one place above the back ends where it is chosen.
pub type Field = Fr;
/// The commitment scheme of every proof.
pub type Scheme = Hyrax;

// What the circuit builder's bounds ask of the field.
const _: () = assert!(Field::SECURITY_BITS > 81);

const PROTOCOL: &str = "convince";
const ADVICE: Label = "convince/advice";

/// What a proof is about, beside the key.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The public input.
    pub input: &'a Ints,
    /// The public output.
    pub output: &'a Ints,
    /// Chosen by the verifier, so that an old proof is not accepted for a new request.
    pub nonce: &'a [u8],
}

/// What binds a statement to a model, on both sides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding<'a> {
    pub(crate) circuit: &'a Circuit,
    pub(crate) width: usize,
    pub(crate) model_digest: &'a [u8; 32],
    pub(crate) presentation_digest: &'a [u8; 32],
}

impl Binding<'_> {
    /// A transcript that has absorbed the whole statement.
    pub(crate) fn transcript(&self, statement: &Statement<'_>) -> Transcript {
        let mut transcript = Transcript::new(PROTOCOL);
        transcript.absorb_u64("convince/version", VERSION.into());
        transcript.absorb("convince/field", Field::ID.as_bytes());
        transcript.absorb("convince/commitment", Scheme::ID.as_bytes());
        transcript.absorb_u64("convince/width", self.width as u64);
        transcript.absorb("convince/circuit", &self.circuit.digest());
        transcript.absorb("convince/model", self.model_digest);
        transcript.absorb("convince/presentation", self.presentation_digest);
        transcript.absorb("convince/input", &canonical(statement.input));
        transcript.absorb("convince/output", &canonical(statement.output));
        transcript.absorb("convince/nonce", statement.nonce);
        transcript
    }
}

/// Every value as 4 little-endian bytes, whatever width it is stored at.
pub(crate) fn canonical(values: &Ints) -> Vec<u8> {
    values.as_slice().iter().flat_map(|v| (v as i32).to_le_bytes()).collect()
}

/// The splits of the wires of one kind, in the order of their ids.
pub(crate) fn splits(circuit: &Circuit, kind: WireKind, width: usize) -> Vec<Split> {
    circuit.wires_of(kind).map(|id| Split::choose(&circuit.wire(id).shape, width)).collect()
}

/// Rows of all these splits.
pub(crate) fn num_rows(splits: &[Split]) -> usize {
    splits.iter().map(Split::num_rows).sum()
}

/// The committed wires, weights first: the order of [`OpeningClaim::wire`].
pub(crate) fn committed(circuit: &Circuit) -> Vec<WireId> {
    circuit.wires_of(WireKind::Weight).chain(circuit.wires_of(WireKind::Advice)).collect()
}

/// The claims on committed wires, with each wire's place in [`committed`]; claims on the input are handed to `public`.
pub(crate) fn opening_claims<S, E>(
    circuit: &Circuit,
    claims: Vec<Claim<Field, S>>,
    mut public: impl FnMut(Claim<Field, S>) -> Result<(), E>,
) -> Result<Vec<OpeningClaim<Field, S>>, E> {
    let mut place = vec![None; circuit.wires().len()];
    committed(circuit).into_iter().enumerate().for_each(|(k, id)| place[id.index()] = Some(k));
    let mut openings = Vec::with_capacity(claims.len());
    for claim in claims {
        match place[claim.wire.index()] {
            Some(wire) => openings.push(OpeningClaim { wire, functional: claim.functional, value: claim.value }),
            None => public(claim)?,
        }
    }
    Ok(openings)
}

/// SHA-256 of a domain and parts, each framed by its length.
pub(crate) fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(domain.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Runs the verifier on a channel whose transcript has absorbed the statement.
///
/// The input and the output must be of the circuit's sizes and within its ranges.
///
/// # Errors
/// What the channel, a check or the commitment's equation finds.
pub fn run_verifier<C>(key: &VerifyingKey, statement: &Statement<'_>, channel: &mut C) -> Result<(), PcsError>
where
    C: VerifierChannel<Field, Scalar = Field>,
{
    let circuit = key.circuit();
    let (weight_splits, advice_splits) = (key.weight_splits(), splits(circuit, WireKind::Advice, key.width()));
    let count = num_rows(&advice_splits);
    let bytes = channel.receive_bytes(ADVICE, count.saturating_mul(Scheme::ROW_BYTES))?;
    let advice_rows = Scheme::rows_from_bytes(count, &bytes)?;
    let claims = convince_gkr::verify(circuit, statement.output, channel)?;
    let openings = opening_claims(circuit, claims, |claim| {
        let evaluation = claim.functional.apply(statement.input.as_slice());
        channel.assert_eq(claim.value, evaluation, Check::PublicWire { wire: claim.wire.index() })
    })?;
    let wires: Vec<WireCommitment<'_, Scheme>> =
        with_rows(weight_splits, key.rows()).chain(with_rows(&advice_splits, &advice_rows)).collect();
    Scheme::verify(key.params(), &wires, &openings, channel)
}

/// Hands every split its rows, in order.
fn with_rows<'a>(
    splits: &'a [Split],
    mut rows: &'a [<Scheme as CommitmentScheme>::Row],
) -> impl Iterator<Item = WireCommitment<'a, Scheme>> {
    splits.iter().map(move |split| {
        let (own, rest) = rows.split_at(split.num_rows());
        rows = rest;
        WireCommitment { split, rows: own }
    })
}

/// The transcript of a statement under a key, for channels of one's own.
pub fn transcript(key: &VerifyingKey, statement: &Statement<'_>) -> Transcript {
    key.binding().transcript(statement)
}

#[cfg(feature = "prover")]
pub use proving::run_prover;

#[cfg(feature = "prover")]
mod proving {
    use convince_circuit::{WireKind, Witness};
    use convince_pcs::{CommitmentScheme, CommittedWire, Split};
    use convince_transcript::ProverChannel;
    use rand::{CryptoRng, RngCore};

    use super::{ADVICE, Field, Scheme, num_rows, opening_claims, splits};
    use crate::{Phase, ProvingKey};

    /// Runs the prover on any well-shaped witness, honest or not, over a channel whose transcript has absorbed the statement.
    ///
    /// `rng` gives the blinds of the advice rows; `progress` hears when a phase begins.
    pub fn run_prover<C: ProverChannel<Field>>(
        key: &ProvingKey,
        witness: &Witness,
        rng: &mut (impl RngCore + CryptoRng),
        channel: &mut C,
        progress: &dyn Fn(Phase),
    ) {
        let circuit = &key.lowered.circuit;
        progress(Phase::Commit);
        let advice_splits = splits(circuit, WireKind::Advice, key.width);
        let advice_blinds = Scheme::blinds(num_rows(&advice_splits), rng);
        let advice: Vec<_> = circuit.wires_of(WireKind::Advice).map(|id| witness.wire(id)).collect();
        let rows: Vec<_> = advice_splits.iter().zip(&advice).flat_map(|(split, values)| split.rows(*values)).collect();
        let commitments = Scheme::commit(&key.params, &rows, &advice_blinds);
        channel.send_bytes(ADVICE, &Scheme::rows_to_bytes(&commitments));

        progress(Phase::Reduce);
        let claims = convince_gkr::prove(circuit, witness, channel);

        progress(Phase::Open);
        // The verifier evaluates claims on the input itself.
        let Ok(openings) = opening_claims(circuit, claims, |_| Ok::<(), std::convert::Infallible>(()));
        let weights = circuit.wires_of(WireKind::Weight).map(|id| witness.wire(id));
        let wires: Vec<CommittedWire<'_, Scheme>> = committed_wires(&key.weight_splits, weights, &key.blinds)
            .chain(committed_wires(&advice_splits, advice.into_iter(), &advice_blinds))
            .collect();
        Scheme::open(&key.params, &wires, &openings, channel);
    }

    fn committed_wires<'a>(
        splits: &'a [Split],
        values: impl Iterator<Item = convince_field::IntSlice<'a>>,
        mut blinds: &'a [<Scheme as CommitmentScheme>::Blind],
    ) -> impl Iterator<Item = CommittedWire<'a, Scheme>> {
        splits.iter().zip(values).map(move |(split, values)| {
            let (own, rest) = blinds.split_at(split.num_rows());
            blinds = rest;
            CommittedWire { split, values, blinds: own }
        })
    }
}
