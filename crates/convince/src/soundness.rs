use convince_circuit::Circuit;
use convince_field::ProofField;
use convince_gkr::soundness as gkr;
use convince_pcs::hyrax::hiding::{Counts, closing_error_terms};

use crate::protocol::{Field, count};

/// The error of the interactive protocol behind a proof, and of its worst round.
///
/// Under Fiat–Shamir a prover can try again at one round for the price of a hash, so both numbers count. The discrete
/// logarithm between the generators is assumed hard beside it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Soundness {
    /// `-log2` of the probability that an interactive verifier accepts a false statement.
    pub bits: f64,
    /// `-log2` of the largest probability that one round fails.
    pub largest_round_bits: f64,
}

/// Counts the rounds, degrees and batches of hiding proofs of a circuit; plain ones have fewer. Takes about as long as verifying
/// one without its commitments.
pub fn soundness(circuit: &Circuit, width: usize) -> Soundness {
    let claims = convince_gkr::soundness::max_claims(circuit);
    let counter = count(circuit);
    let counts = Counts { messages: counter.scalars, products: counter.products };
    let error = closing_error_terms(width, counts, counter.assertions, claims)
        .into_iter()
        .fold(gkr::error(circuit, Field::SECURITY_BITS as i32), |error, (count, degree)| {
            error.with(count, degree, gkr::CHALLENGE_BITS)
        });
    Soundness { bits: error.bits(), largest_round_bits: error.largest_bits() }
}
