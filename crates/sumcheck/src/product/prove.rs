use std::ops::Range;

use convince_field::{ProofField, jobs};
use convince_transcript::ProverChannel;
use zeroize::Zeroize;

use super::{CHALLENGE, Mask, ROUND};
use crate::parallel;

/// One sum over `{0,1}^num_vars` of products of pairs of tables.
pub struct Instance<F: ProofField> {
    num_vars: usize,
    weight: F,
    claim: F,
    pairs: Vec<[Vec<F>; 2]>,
    mask: Option<(F, Mask<F>)>,
}

impl<F: ProofField> Instance<F> {
    /// Tables of at most `2^num_vars` entries; what is missing is zero. `claim` is what the verifier was told the sum is,
    /// `weight` its batching weight.
    ///
    /// Panics if a table is too long.
    pub fn new(num_vars: usize, weight: F, claim: F, pairs: Vec<[Vec<F>; 2]>) -> Self {
        assert!(pairs.iter().flatten().all(|table| table.len() <= 1 << num_vars));
        Self { num_vars, weight, claim, pairs, mask: None }
    }

    /// The same sum plus `factor` times that of a mask of as many variables; `claim` is that of both.
    pub fn masked(mut self, factor: F, mask: Mask<F>) -> Self {
        self.mask = Some((factor, mask));
        self
    }

    /// `h(0), h(2)` of the current round, `half` pairs of entries a table.
    fn round(&self, half: usize) -> [F; 2] {
        let add = |[a, b]: [F; 2], [c, d]: [F; 2]| [a + c, b + d];
        // Many short tables are spread over threads by pairs, few long ones within each.
        let parts = if self.pairs.len() * half >= MANY && self.pairs.len() > 1 {
            jobs::map(self.pairs.len(), |k| round_of_pair(&self.pairs[k], 0..half, half))
        } else {
            let part = |pair| parallel::sum(half, |range| round_of_pair(pair, range, half).to_vec());
            self.pairs.iter().map(part).map(|sums| [sums[0], sums[1]]).collect()
        };
        let mask = self.mask.iter().map(|(factor, mask)| mask.round().map(|g| g * factor));
        parts.into_iter().chain(mask).fold([F::zero(); 2], add)
    }

    fn bind(&mut self, half: usize, r: F) {
        let bind = |mut pair: [Vec<F>; 2]| {
            pair.iter_mut().for_each(|table| parallel::bind(table, half, F::zero(), r));
            pair
        };
        // Spread as in [`Self::round`].
        let pairs = std::mem::take(&mut self.pairs);
        self.pairs = if pairs.len() * half >= MANY {
            jobs::map_items(pairs, bind)
        } else {
            pairs.into_iter().map(bind).collect()
        };
        if let Some((_, mask)) = &mut self.mask {
            mask.bind(r);
        }
    }

    /// The tables' values at the end, one pair a product.
    fn finals(&self) -> Vec<[F; 2]> {
        let value = |t: &Vec<F>| t.first().copied().unwrap_or(F::zero());
        self.pairs.iter().map(|[f, g]| [value(f), value(g)]).collect()
    }
}

/// Tables may hold pads: what is left of them is overwritten.
impl<F: ProofField> Drop for Instance<F> {
    fn drop(&mut self) {
        // A column sumcheck has megabytes of them: a millisecond, in which other threads wait.
        jobs::map_items(std::mem::take(&mut self.pairs), |mut pair| pair.iter_mut().for_each(Zeroize::zeroize));
    }
}

/// Entries from which a round's pairs are spread over threads.
const MANY: usize = 2048;
/// Values of both tables at 2 that are made before they are multiplied.
const RUN: usize = 128;

/// `sum f(0,x) g(0,x)` and `sum f(2,x) g(2,x)` over a range of x; tables may end early.
fn round_of_pair<F: ProofField>([f, g]: &[Vec<F>; 2], range: Range<usize>, half: usize) -> [F; 2] {
    let (start, end) = (range.start, range.end.min(f.len().max(g.len())));
    let low = end.min(f.len()).min(g.len());
    let at_zero = if start < low { F::inner_product(&f[start..low], &g[start..low]) } else { F::zero() };
    let mut at_two = F::zero();
    let mut values = [[F::zero(); RUN]; 2];
    for first in (start..end).step_by(RUN) {
        let run = RUN.min(end - first);
        for (table, values) in [f, g].into_iter().zip(&mut values) {
            if half + first + run <= table.len() {
                let (low, high) = (&table[first..first + run], &table[half + first..half + first + run]);
                F::extrapolations(&mut values[..run], low, high);
                continue;
            }
            for (k, value) in values[..run].iter_mut().enumerate() {
                let at = |i: usize| table.get(i).copied().unwrap_or(F::zero());
                *value = at(half + first + k).double() - at(first + k);
            }
        }
        at_two += F::inner_product(&values[0][..run], &values[1][..run]);
    }
    [at_zero, at_two]
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
        let part = |instance: &Instance<F>| match instance.num_vars.checked_sub(left) {
            Some(_) => instance.round(1 << (left - 1)),
            // Not active yet: half of claim * 2^(left - n_j).
            None => [instance.claim * F::from_i64(1 << (left - 1 - instance.num_vars)); 2],
        };
        let bind = |mut instance: Instance<F>, r| {
            if instance.num_vars >= left {
                instance.bind(1 << (left - 1), r);
            }
            instance
        };
        // Several instances are spread over threads whole, while they are large.
        let active = instances.iter().filter(|i| i.num_vars >= left).count();
        let spread = active > 1 && active << (left - 1) >= MANY;
        let parts = match spread {
            true => jobs::map(instances.len(), |k| part(&instances[k])),
            false => instances.iter().map(part).collect(),
        };
        let mut message = [F::zero(); 2];
        for (instance, part) in instances.iter().zip(parts) {
            message[0] += instance.weight * part[0];
            message[1] += instance.weight * part[1];
        }
        channel.send(ROUND, &message);
        let r = channel.challenge(CHALLENGE);
        instances = match spread {
            true => jobs::map_items(instances, |instance| bind(instance, r)),
            false => instances.into_iter().map(|instance| bind(instance, r)).collect(),
        };
        point.push(r);
    }
    // Their tables go with them.
    (point, jobs::map_items(instances, |instance| instance.finals()))
}
