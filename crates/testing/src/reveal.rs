use convince_field::ProofField;
use convince_transcript::hiding::{Hidden, Tape};

use crate::Met;

/// The checks that a verifier met on hidden scalars, with their differences' values, for who knows the pads. One sweep over the
/// tape a check.
///
/// A product's value is that of its factors: whether a prover commits to another one is the closing argument's affair.
///
/// Panics if there are fewer pads than messages.
pub fn reveal<F: ProofField>(tape: &Tape<F>, pads: &[F], met: &[Met<Hidden<F>>]) -> Vec<Met<F>> {
    let products: Vec<F> = tape.factors(pads).iter().map(|[x, y]| *x * y).collect();
    let value = |hidden: &Hidden<F>| {
        let form = tape.weighted_sum([(hidden.clone(), F::one())]);
        form.constant
            + F::inner_product(&form.pads, &pads[..form.pads.len()])
            + F::inner_product(&form.products, &products)
    };
    met.iter().map(|m| Met { check: m.check, difference: value(&m.difference), received: m.received }).collect()
}

#[cfg(test)]
mod tests {
    use convince_field::Fr;
    use convince_transcript::hiding::HidingVerifier;
    use convince_transcript::{Check, PlainProver, PlainVerifier, ProverChannel, Transcript, VerifierChannel};

    use super::*;
    use crate::Watcher;

    #[test]
    fn differences_are_those_of_the_scalars_beneath_the_pads() {
        let fr = |v: u64| Fr::from(v);
        let mut prover = PlainProver::new(Transcript::new("test"));
        prover.send("m", &[fr(5) + fr(100), fr(7) + fr(200)]);
        let proof = prover.finish();
        let clear = PlainVerifier::new(Transcript::new("test"), &proof);
        let mut watcher = Watcher::new(HidingVerifier::new(clear), Some(1));
        let [x, y] = watcher.receive_array("m").unwrap();
        let product = watcher.mul(&x, &y);
        watcher.assert_eq(product, y.clone() * fr(4), Check::ZeroCheck).unwrap();
        watcher.assert_eq(x.clone() + x, y, Check::ArgMax).unwrap();
        let (inner, met, _) = watcher.finish();
        let tape = inner.into_parts().1;
        // The check that is ignored does not reach the tape.
        assert_eq!(tape.assertions().len(), 1);
        let met = reveal(&tape, &[fr(100), fr(200)], &met);
        assert_eq!(met.iter().map(|m| m.difference).collect::<Vec<_>>(), [fr(7), fr(3)]);
    }
}
