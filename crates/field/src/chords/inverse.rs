//! One inverse in BLS12-381's base field: 62 division steps of the Euclidean algorithm at a time.
//!
//! A division step (Bernstein and Yang, "Fast constant-time gcd computation and modular inversion", 2019) depends on the low
//! bits of its two numbers alone, so that 62 of them are a matrix which a word of each number gives; the numbers are touched
//! once for all 62. The steps are not done in constant time: where the low bits allow it, one turn of the inner loop does
//! several. Takes 1.2 us, where `ark-ff` takes up to 9 us with one bit at a time.

use ark_bls12_381::{Fq, FqConfig};
use ark_ff::{BigInt, MontConfig};

/// Steps that a matrix stands for, and bits of a limb.
const STEPS: u32 = 62;
/// The low bits that make a limb.
const MASK: u64 = (1 << STEPS) - 1;
/// Limbs of a number: from `-2^433` up to `2^433`.
const LIMBS: usize = 7;

/// A number in limbs of 62 bits, of which the highest has the sign.
type Limbs = [i64; LIMBS];

const P: Limbs = limbs_of(FqConfig::MODULUS.0);
/// `1 / p mod 2^62`.
const INVERSE: u64 = FqConfig::INV.wrapping_neg() & MASK;

/// `2^62` times what the steps do to two numbers, row by row.
type Matrix = [[i64; 2]; 2];

/// `1 / x`, unless `x` is zero.
pub(super) fn inverse(x: &Fq) -> Option<Fq> {
    // Always f = d x and g = e x modulo p.
    let (mut f, mut g) = (P, limbs_of(x.0.0));
    let (mut d, mut e) = ([0; LIMBS], [1, 0, 0, 0, 0, 0, 0]);
    let mut delta = 1;
    while g != [0; LIMBS] {
        let matrix = steps(&mut delta, f[0] as u64, g[0] as u64);
        (f, g) = divided(&matrix, &f, &g);
        (d, e) = divided_modulo(&matrix, &d, &e);
    }
    // Now f is the greatest common divisor, or its negative: p for a zero.
    let sign = match f {
        [1, 0, 0, 0, 0, 0, 0] => 1,
        [low, .., -1] if low == MASK as i64 => -1,
        _ => return None,
    };
    // From x 2^384, its inverse is 2^-768 times what stands for 1 / x.
    Some(Fq::new_unchecked(BigInt(reduced(sign, &d))) * const { Fq::new(FqConfig::R2) })
}

const fn limbs_of(words: [u64; 6]) -> Limbs {
    let mut limbs = [0; LIMBS];
    let mut j = 0;
    while j < LIMBS {
        let (word, shift) = (j * STEPS as usize / 64, j as u32 * STEPS % 64);
        let low = words[word] >> shift;
        let high = if shift > 64 - STEPS && word + 1 < 6 { words[word + 1] << (64 - shift) } else { 0 };
        limbs[j] = ((low | high) & MASK) as i64;
        j += 1;
    }
    limbs
}

/// The matrix of 62 steps from two numbers' low words, the first one odd, and from Bernstein and Yang's `delta`.
fn steps(delta: &mut i64, mut f: u64, mut g: u64) -> Matrix {
    let (mut u, mut v, mut q, mut r) = (1u64, 0u64, 0u64, 1u64);
    let mut left = STEPS;
    loop {
        // Steps that halve an even g.
        let zeros = (g | u64::MAX << left).trailing_zeros();
        g >>= zeros;
        (u, v) = (u << zeros, v << zeros);
        *delta += i64::from(zeros);
        left -= zeros;
        if left == 0 {
            return [[u as i64, v as i64], [q as i64, r as i64]];
        }
        if *delta > 0 {
            *delta = -*delta;
            (f, g) = (g, f.wrapping_neg());
            (u, q) = (q, u.wrapping_neg());
            (v, r) = (r, v.wrapping_neg());
        }
        // For the next 1 - delta steps nothing is exchanged: they add multiples of f, which together clear as many bits of g.
        // Up to 5 are cleared at once; -g / f modulo 32 takes an inverse of f that is right to 5 bits.
        let bits = (1 - *delta).min(i64::from(left)).min(5) as u32;
        let inverse = f.wrapping_mul(3) ^ 2;
        let multiple = inverse.wrapping_mul(g).wrapping_neg() & ((1 << bits) - 1);
        g = g.wrapping_add(f.wrapping_mul(multiple));
        q = q.wrapping_add(u.wrapping_mul(multiple));
        r = r.wrapping_add(v.wrapping_mul(multiple));
    }
}

/// The sum of two products.
#[inline(always)]
fn dot([u, v]: [i64; 2], a: i64, b: i64) -> i128 {
    i128::from(u) * i128::from(a) + i128::from(v) * i128::from(b)
}

/// The two numbers that a matrix makes of two, the division by `2^62` being exact.
fn divided(matrix: &Matrix, f: &Limbs, g: &Limbs) -> (Limbs, Limbs) {
    let divide = |row: [i64; 2]| {
        let mut sum = dot(row, f[0], g[0]) >> STEPS;
        let mut limbs = [0; LIMBS];
        for j in 1..LIMBS {
            sum += dot(row, f[j], g[j]);
            limbs[j - 1] = (sum as u64 & MASK) as i64;
            sum >>= STEPS;
        }
        limbs[LIMBS - 1] = sum as i64;
        limbs
    };
    (divide(matrix[0]), divide(matrix[1]))
}

/// The same modulo `p`, from numbers between `-2 p` and `p` to such numbers.
fn divided_modulo(matrix: &Matrix, d: &Limbs, e: &Limbs) -> (Limbs, Limbs) {
    let divide = |row: [i64; 2]| {
        // First the multiple of p that takes the negative ones of d and e above -p, then what makes the sum divisible.
        let mut multiple = (row[0] & d[LIMBS - 1] >> 63) + (row[1] & e[LIMBS - 1] >> 63);
        let mut sum = dot(row, d[0], e[0]);
        multiple -= (INVERSE.wrapping_mul(sum as u64).wrapping_add(multiple as u64) & MASK) as i64;
        sum += i128::from(P[0]) * i128::from(multiple);
        sum >>= STEPS;
        let mut limbs = [0; LIMBS];
        for j in 1..LIMBS {
            sum += dot(row, d[j], e[j]) + i128::from(P[j]) * i128::from(multiple);
            limbs[j - 1] = (sum as u64 & MASK) as i64;
            sum >>= STEPS;
        }
        limbs[LIMBS - 1] = sum as i64;
        limbs
    };
    (divide(matrix[0]), divide(matrix[1]))
}

/// The words of `sign d mod p` for a `d` between `-2 p` and `p`.
fn reduced(sign: i64, d: &Limbs) -> [u64; 6] {
    let carried = |limbs: Limbs| {
        let (mut carried, mut carry) = (limbs, 0);
        for limb in &mut carried {
            let sum = *limb + carry;
            (*limb, carry) = (sum & MASK as i64, sum >> STEPS);
        }
        carried[LIMBS - 1] |= carry << STEPS;
        carried
    };
    // From above -2 p to below 2 p, then to 0 at least and below p.
    let mut x = carried(d.map(|limb| sign * limb));
    for _ in 0..2 {
        if x[LIMBS - 1] < 0 {
            x = carried(std::array::from_fn(|j| x[j] + P[j]));
        }
    }
    let less = carried(std::array::from_fn(|j| x[j] - P[j]));
    if less[LIMBS - 1] >= 0 {
        x = less;
    }
    std::array::from_fn(|i| {
        let (limb, shift) = (64 * i / STEPS as usize, 64 * i as u32 % STEPS);
        (x[limb] as u64) >> shift | (x[limb + 1] as u64) << (STEPS - shift)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::{Field, PrimeField};
    use proptest::prelude::*;

    fn agrees(x: Fq) {
        assert_eq!(inverse(&x), x.inverse());
    }

    #[test]
    fn extreme_inverses_agree() {
        let one = Fq::new_unchecked(BigInt([1, 0, 0, 0, 0, 0]));
        for bit in 0..381 {
            let power =
                Fq::new_unchecked(BigInt(std::array::from_fn(|i| if i == bit / 64 { 1 << (bit % 64) } else { 0 })));
            let numbers = if bit < 380 { vec![power, power - one, -power, one - power] } else { vec![-one, one] };
            numbers.into_iter().chain([Fq::from(bit as u64), -Fq::from(bit as u64)]).for_each(agrees);
        }
    }

    proptest! {
        #[test]
        fn inverses_agree(bytes in any::<[u8; 48]>()) {
            agrees(Fq::from_le_bytes_mod_order(&bytes));
        }
    }
}
