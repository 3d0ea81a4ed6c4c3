use convince_circuit::{Circuit, Witness};
use convince_field::ProofField;
use convince_sumcheck::eq_product::invert_all;
use convince_sumcheck::parallel;
use convince_transcript::{ProverChannel, profile};
use tracing::{Span, debug_span};

use super::layer::{Layer, only_node, square_term};
use super::leaves::Leaves;
use super::places::Places;
use super::tree::{Children, Tree};
use super::{ALPHA, BETA, CHILDREN, COLUMNS, ColumnClaims, LAMBDA, POINT, ROOT, ROUND, TAU};
use super::{columns, first_claim, functional, next_claim};

/// Proves all lookups of a witness whose advice is committed. The `recomputed` lowest levels of the tree are not kept: the
/// messages are the same.
pub fn prove<F, C>(circuit: &Circuit, witness: &Witness, recomputed: usize, channel: &mut C) -> ColumnClaims<F, F>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    prove_storing(Places::new(circuit), circuit, witness, recomputed, channel)
}

/// [`prove`] with these leaves in memory.
fn prove_storing<F, C>(
    places: Places,
    circuit: &Circuit,
    witness: &Witness,
    recomputed: usize,
    channel: &mut C,
) -> ColumnClaims<F, F>
where
    F: ProofField,
    C: ProverChannel<F>,
{
    if circuit.blocks().is_empty() {
        return ColumnClaims::new(circuit, vec![], vec![]);
    }
    let (alpha, beta) = (channel.full_challenge(ALPHA), channel.full_challenge(BETA));
    let leaves = debug_span!("leaves").in_scope(|| Leaves::new(places, circuit, witness, [alpha, beta]));
    let tree = debug_span!("tree").in_scope(|| Tree::new(circuit.log_leaves(), leaves, recomputed));
    let [_, root] = tree.root();
    // Zero with probability 2^-200 for an honest prover; the verifier then refuses the proof.
    channel.send(ROOT, &[root, root.inverse().unwrap_or(F::zero())]);
    let (mut point, mut claims) = (Vec::new(), None);
    for (level, children) in tree.into_levels().enumerate() {
        let _span = debug_span!("level", level).entered();
        let lambda = channel.challenge(LAMBDA);
        let (next, finals) = match claims {
            None => (Vec::new(), only_node(&children)),
            Some(claims) => rounds(channel, children, lambda, claims, &point),
        };
        channel.send(CHILDREN, &finals);
        (point, claims) = (next, Some(finals));
    }
    point.push(channel.challenge(TAU));
    let _span = debug_span!("columns").entered();
    let columns = column_values(circuit, witness, &point);
    channel.send(COLUMNS, &columns);
    for block in circuit.blocks() {
        super::columns(circuit, block).0.iter().for_each(|tensor| profile::share(tensor.wire.index(), F::BYTES));
    }
    ColumnClaims::new(circuit, point, columns)
}

/// The rounds of a layer above `children`, from the claims on its nodes' lowest variable being 0 and 1. Returns where the
/// children are claimed next, and their values there.
fn rounds<F, C>(
    channel: &mut C,
    children: Children<F>,
    lambda: F,
    [p0, p1, q0, q1]: [F; 4],
    point: &[F],
) -> (Vec<F>, [F; 4])
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let mut next = Vec::with_capacity(point.len() + 1);
    let ends = [p0 + lambda * q0, p1 + lambda * q1];
    let square = square_term(&children, lambda, point);
    channel.send(ROUND, &[square]);
    let mut s = channel.challenge(POINT);
    let mut claim = first_claim(ends, square, s);
    next.push(s);
    // A zero among them has probability 2^-128, and only spoils this proof.
    let inverses = invert_all(point).unwrap_or_else(|| vec![F::zero(); point.len()]);
    let rest = |k: usize| k.checked_sub(1).map(|k| &point[..k]);
    let (mut layer, mut sums) = Layer::new(children, lambda, s, rest(point.len()));
    for (k, inverse) in inverses.into_iter().enumerate().rev() {
        let [at_zero, square] = sums;
        let step = (claim - at_zero) * inverse;
        channel.send(ROUND, &[step, square]);
        s = channel.challenge(POINT);
        claim = next_claim(claim, [step, square], point[k], s);
        next.push(s);
        sums = layer.bind(s, rest(k));
    }
    next.reverse();
    (next, layer.finals())
}

/// The columns' and multiplicities' evaluations, block after block.
fn column_values<F: ProofField>(circuit: &Circuit, witness: &Witness, point: &[F]) -> Vec<F> {
    let step = Span::current();
    let values = parallel::map_items(circuit.blocks().iter().collect(), |block| {
        let (tensors, shape) = columns(circuit, block);
        let _span = profile::layer_of(&step, tensors[0].wire.index());
        let functional = functional(point, shape);
        tensors.into_iter().map(|t| functional.apply(witness.tensor(circuit, t))).collect::<Vec<F>>()
    });
    values.concat()
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;
    use convince_transcript::{PlainProver, Transcript};

    use super::super::places::tests::padded;
    use super::*;
    use crate::tests::random_witness;

    #[test]
    fn messages_are_the_same_whatever_is_stored() {
        for (seed, shape) in [[16, 3, 12, 20], [16, 5, 6, 8], [64, 6, 14, 14], [2, 8, 14, 10]].into_iter().enumerate() {
            let circuit = padded(shape);
            let witness = random_witness(&circuit, seed as u64);
            let run = |places: Places, recomputed: usize| {
                let mut channel = PlainProver::<Fr>::new(Transcript::new("test"));
                prove_storing(places, &circuit, &witness, recomputed, &mut channel);
                channel.finish()
            };
            let all = run(Places::default(), 0);
            for recomputed in 0..5 {
                assert!(all == run(Places::new(&circuit), recomputed), "{shape:?}, {recomputed} levels computed again");
            }
        }
    }
}
