use convince_field::ProofField;
use convince_transcript::ProverChannel;

use super::{CHALLENGE, ROUND};
use crate::parallel;

/// One sum over `{0,1}^num_vars` of products of pairs of tables.
pub struct Instance<F> {
    num_vars: usize,
    weight: F,
    claim: F,
    pairs: Vec<[Vec<F>; 2]>,
}

impl<F: ProofField> Instance<F> {
    /// Tables of at most `2^num_vars` entries; what is missing is zero. `claim` is what the verifier was told the sum is,
    /// `weight` its batching weight.
    ///
    /// Panics if a table is too long.
    pub fn new(num_vars: usize, weight: F, claim: F, pairs: Vec<[Vec<F>; 2]>) -> Self {
        assert!(pairs.iter().flatten().all(|table| table.len() <= 1 << num_vars));
        Self { num_vars, weight, claim, pairs }
    }

    /// `h(0), h(2)` of the current round, `half` pairs of entries a table.
    fn round(&self, half: usize) -> [F; 2] {
        let zero = F::zero();
        let pair = |[f, g]: &[Vec<F>; 2]| {
            let both = f.len().min(g.len());
            let at_zero = |range: std::ops::Range<usize>| F::inner_product(&f[range.clone()], &g[range]);
            let at_two = |range: std::ops::Range<usize>| {
                let value = |t: &[F], i: usize| t.get(half + i).unwrap_or(&zero).double() - t.get(i).unwrap_or(&zero);
                range.map(|i| value(f, i) * value(g, i)).sum::<F>()
            };
            let low = half.min(both);
            let low_sum = parallel::sum(low, |range| vec![at_zero(range)]);
            let two_sum = parallel::sum(half.min(f.len().max(g.len())), |range| vec![at_two(range)]);
            [low_sum[0], two_sum[0]]
        };
        self.pairs.iter().map(pair).fold([zero; 2], |[a, b], [c, d]| [a + c, b + d])
    }

    fn bind(&mut self, half: usize, r: F) {
        for table in self.pairs.iter_mut().flatten() {
            parallel::bind(table, half, F::zero(), r);
        }
    }

    /// The tables' values at the end, one pair a product.
    fn finals(&self) -> Vec<[F; 2]> {
        let value = |t: &Vec<F>| t.first().copied().unwrap_or(F::zero());
        self.pairs.iter().map(|[f, g]| [value(f), value(g)]).collect()
    }
}

/// Runs the rounds. Returns the challenges, and for every instance its tables' values at its point.
///
/// Cost: about 4 multiplications an entry and pair of tables.
pub fn prove<F, C>(channel: &mut C, mut instances: Vec<Instance<F>>) -> (Vec<F>, Vec<Vec<[F; 2]>>)
where
    F: ProofField,
    C: ProverChannel<F>,
{
    let num_vars = instances.iter().map(|i| i.num_vars).max().unwrap_or(0);
    let mut point = Vec::with_capacity(num_vars);
    for round in 0..num_vars {
        let left = num_vars - round;
        let mut message = [F::zero(); 2];
        for instance in &instances {
            let part = match instance.num_vars.checked_sub(left) {
                Some(_) => instance.round(1 << (left - 1)),
                // Not active yet: half of claim * 2^(left - n_j).
                None => [instance.claim * F::from_i64(1 << (left - 1 - instance.num_vars)); 2],
            };
            message[0] += instance.weight * part[0];
            message[1] += instance.weight * part[1];
        }
        channel.send(ROUND, &message);
        let r = channel.challenge(CHALLENGE);
        instances.iter_mut().filter(|i| i.num_vars >= left).for_each(|i| i.bind(1 << (left - 1), r));
        point.push(r);
    }
    (point, instances.iter().map(Instance::finals).collect())
}
