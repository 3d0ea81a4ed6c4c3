use convince_circuit::{BlockSource, Circuit, Witness};
use convince_field::ProofField;
use convince_poly::{Functional, outer};
use convince_sumcheck::{eq_product, suffix};
use convince_transcript::ProverChannel;

use super::{ALPHA, BETA, CHILDREN, COLUMNS, ColumnClaims, LAMBDA, ROOT, TAU, Tree};
use crate::lookup::leaves::Leaves;

/// Proves all lookups of a witness whose advice is committed.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, channel: &mut C) -> ColumnClaims<F, F>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    if circuit.blocks().is_empty() {
        return ColumnClaims::new(circuit, vec![], vec![]);
    }
    let (alpha, beta) = (channel.full_challenge(ALPHA), channel.full_challenge(BETA));
    let mut tree = Tree::new(circuit.log_leaves(), Leaves::new(circuit, witness, [alpha, beta]));
    let [_, root] = tree.root();
    // Zero with probability 2^-200 for an honest prover; the verifier then refuses the proof.
    channel.send(ROOT, &[root, root.inverse().unwrap_or(F::zero())]);
    let mut point = Vec::with_capacity(circuit.log_leaves());
    for depth in 0..circuit.log_leaves() {
        let summand = tree.summand(depth, channel.challenge(LAMBDA));
        let mut layer = [eq_product::Instance { summand, claim: F::zero(), weight: F::one() }];
        let mut next = eq_product::prove(channel, &point, 2, &mut layer);
        channel.send(CHILDREN, &layer[0].summand.finals());
        next.push(channel.challenge(TAU));
        point = next;
    }
    let columns = column_values(circuit, witness, &point);
    channel.send(COLUMNS, &columns);
    ColumnClaims::new(circuit, point, columns)
}

/// The columns' and multiplicities' evaluations, block after block.
fn column_values<F: ProofField>(circuit: &Circuit, witness: &Witness, point: &[F]) -> Vec<F> {
    let mut values = Vec::new();
    // Consecutive blocks mostly belong to one wire, and so share their weights.
    let mut shared: Option<(Vec<usize>, Vec<F>)> = None;
    for block in circuit.blocks() {
        let point = suffix(point, block.log_size);
        let mut weights_of = |shape: &[usize]| match &shared {
            Some((same, weights)) if same == shape => weights.clone(),
            _ => {
                let weights = outer(&Functional::at_flat(point, shape).0);
                shared = Some((shape.to_vec(), weights.clone()));
                weights
            }
        };
        match block.source {
            BlockSource::Table(t) => {
                let wire = circuit.tables()[t].multiplicities;
                values.push(witness.wire(wire).dot(&weights_of(&circuit.wire(wire).shape)));
            }
            BlockSource::Lookup(l) => {
                let lookup = &circuit.lookups()[l];
                let weights = weights_of(lookup.shape(circuit.wires()));
                values.extend(lookup.tensors.iter().map(|&t| witness.tensor(circuit, t).dot(&weights)));
            }
        }
    }
    values
}
