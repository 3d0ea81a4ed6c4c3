use convince_field::ProofField;

/// `ceil(log2(n))`: the number of variables of an axis of true length `n`. 0 for `n <= 1`.
pub fn log2_ceil(n: usize) -> usize {
    if n <= 1 { 0 } else { (usize::BITS - (n - 1).leading_zeros()) as usize }
}

/// The table `eq(r, i)` for `i < 2^len(r)`. One multiplication an entry.
pub fn eq_table<F: ProofField>(r: &[F]) -> Vec<F> {
    eq_truncated(r, 1 << r.len())
}

/// The table `eq(r, i)` for `i < n`. Panics if `n > 2^len(r)`.
///
/// Only prefixes of indices below `n` are expanded, so the cost is about `n` multiplications however long `r` is.
pub fn eq_truncated<F: ProofField>(r: &[F], n: usize) -> Vec<F> {
    assert!(n <= 1 << r.len(), "an axis of length {n} has more than {} variables", r.len());
    let mut table = F::zeros(n);
    let Some(first) = table.first_mut() else { return table };
    *first = F::one();
    let mut len = 1;
    for (k, &x) in r.iter().enumerate() {
        let needed = n.div_ceil(1 << (r.len() - 1 - k));
        // From the last entry on, so that none is overwritten before it is read.
        for i in (0..len).rev() {
            let (value, high) = (table[i], table[i] * x);
            table[2 * i] = value - high;
            if 2 * i + 1 < needed {
                table[2 * i + 1] = high;
            }
        }
        len = needed;
    }
    table
}

/// `eq(r, s)` of two points of equal length.
pub fn eq_point<F: ProofField>(r: &[F], s: &[F]) -> F {
    debug_assert_eq!(r.len(), s.len());
    r.iter().zip(s).map(|(&a, &b)| (a * b).double() + F::one() - a - b).product()
}

/// `eq(r, bits of index)`, most significant bit first.
pub fn eq_bits<F: ProofField>(r: &[F], index: usize) -> F {
    let bit = |k: usize| (index >> (r.len() - 1 - k)) & 1 == 1;
    r.iter().enumerate().map(|(k, &x)| if bit(k) { x } else { F::one() - x }).product()
}

/// `T_n(r) = sum_{i<n} eq(r, i)`, the extension of an axis' true entries, in O(len(r)).
pub fn prefix_sum<F: ProofField>(r: &[F], n: usize) -> F {
    dyadic_blocks(r, n).into_iter().map(|block| block.weight).sum()
}

/// `S_n(r) = sum_{i<n} i * eq(r, i)`, in O(len(r)^2).
pub fn weighted_prefix_sum<F: ProofField>(r: &[F], n: usize) -> F {
    let block_value = |block: Block<'_, F>| {
        let within: F = block.free.iter().fold(F::zero(), |acc, &x| acc.double() + x);
        block.weight * (F::from_i64(block.first as i64) + within)
    };
    dyadic_blocks(r, n).into_iter().map(block_value).sum()
}

/// An aligned block of `[0, n)`: `eq` of the point's prefix with the block, its first index, the variables left inside.
struct Block<'a, F> {
    weight: F,
    first: usize,
    free: &'a [F],
}

fn dyadic_blocks<F: ProofField>(r: &[F], n: usize) -> Vec<Block<'_, F>> {
    debug_assert!(n <= 1 << r.len());
    if n == 1 << r.len() {
        return vec![Block { weight: F::one(), first: 0, free: r }];
    }
    let (mut blocks, mut prefix, mut first) = (Vec::new(), F::one(), 0);
    for (k, &x) in r.iter().enumerate() {
        let half = 1 << (r.len() - 1 - k);
        if n & half == 0 {
            prefix *= F::one() - x;
        } else {
            blocks.push(Block { weight: prefix * (F::one() - x), first, free: &r[k + 1..] });
            prefix *= x;
            first += half;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use convince_field::Fr;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn point(len: usize, seed: u64) -> Vec<Fr> {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        (0..len).map(|_| Fr::rand(&mut rng)).collect()
    }

    #[test]
    fn tables_are_the_products_of_bits_and_stop_at_n() {
        for vars in 0..6 {
            let r = point(vars, vars as u64);
            for n in 0..=1 << vars {
                let expected: Vec<Fr> = (0..n).map(|i| eq_bits(&r, i)).collect();
                assert_eq!(eq_truncated(&r, n), expected, "{vars} variables, {n} entries");
            }
        }
    }

    #[test]
    fn closed_forms_equal_the_sums() {
        for vars in 0..7 {
            let r = point(vars, 50 + vars as u64);
            for n in 0..=1 << vars {
                let table = eq_truncated(&r, n);
                assert_eq!(prefix_sum(&r, n), table.iter().sum());
                let weighted: Fr = table.iter().enumerate().map(|(i, e)| Fr::from_i64(i as i64) * e).sum();
                assert_eq!(weighted_prefix_sum(&r, n), weighted);
            }
        }
    }

    #[test]
    fn eq_of_points_agrees_with_arkworks_extension() {
        use ark_poly::{DenseMultilinearExtension, Polynomial};
        let (r, s) = (point(4, 1), point(4, 2));
        // arkworks puts the least significant variable first.
        let reversed: Vec<Fr> = s.iter().rev().copied().collect();
        let table = DenseMultilinearExtension::from_evaluations_vec(4, eq_table(&r));
        assert_eq!(table.evaluate(&reversed), eq_point(&r, &s));
    }

    #[test]
    fn logs() {
        assert_eq!([0, 1, 2, 3, 4, 5, 1024, 1025].map(log2_ceil), [0, 0, 1, 2, 2, 3, 10, 11]);
    }
}
