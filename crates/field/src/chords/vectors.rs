//! What the additions several at a time share, whatever their vectors are.

use ark_bls12_381::{Fq, FqConfig};
use ark_ff::{Field, MontConfig};

use super::inverse::inverse;
use super::{Chord, DIFFERENT, Term};

/// The modulus.
pub(super) const P: [u64; 6] = FqConfig::MODULUS.0;

/// Words as limbs of `BITS` bits.
pub(super) const fn limbs_of<const BITS: usize, const LIMBS: usize>(words: [u64; 6]) -> [u64; LIMBS] {
    let mut limbs = [0; LIMBS];
    let mut j = 0;
    while j < LIMBS {
        let (word, shift) = (j * BITS / 64, j * BITS % 64);
        limbs[j] = words[word] >> shift;
        if shift + BITS > 64 && word + 1 < 6 {
            limbs[j] |= words[word + 1] << (64 - shift);
        }
        limbs[j] &= (1 << BITS) - 1;
        j += 1;
    }
    limbs
}

/// `0, p, 2 p, ..` as words.
pub(super) static MULTIPLES: [[u64; 6]; 8] = {
    let mut multiples = [[0; 6]; 8];
    let mut m = 1;
    while m < 8 {
        multiples[m] = multiple(m as u64);
        m += 1;
    }
    multiples
};

/// `factor p` for a factor below 9.
pub(super) const fn multiple(factor: u64) -> [u64; 6] {
    let mut words = [0; 6];
    let (mut carry, mut i) = (0, 0);
    while i < 6 {
        let t = P[i] as u128 * factor as u128 + carry;
        words[i] = t as u64;
        carry = t >> 64;
        i += 1;
    }
    words
}

// Neither closures nor array functions stand in the loops over chords: they would stay calls, for they do not have the
// processor's features.

/// Chords for all lanes: a last, ragged run of chords is filled up with its last one.
///
/// # Panics
/// If there is none.
#[inline(always)]
pub(super) fn filled<const N: usize>(chords: &[Chord]) -> [Chord; N] {
    let last = chords.len() - 1;
    let mut filled = [chords[0]; N];
    for (lane, chord) in filled.iter_mut().enumerate() {
        *chord = chords[last.min(lane)];
    }
    filled
}

/// The first and the second summand of every lane.
#[inline(always)]
pub(super) fn summands<const N: usize>(chords: &[Chord; N]) -> [[Term; N]; 2] {
    let mut summands = [[chords[0].a; N], [chords[0].b; N]];
    for (lane, chord) in chords.iter().enumerate() {
        (summands[0][lane], summands[1][lane]) = (chord.a, chord.b);
    }
    summands
}

/// `factor / x` for every `x`.
///
/// # Panics
/// If one is zero, which summands of the same abscissa make.
pub(super) fn inverses<const N: usize>(mut x: [Fq; N], factor: u128) -> [Fq; N] {
    // Before every x: the product of all earlier ones.
    let mut products = [Fq::ONE; N];
    for i in 1..N {
        products[i] = products[i - 1] * x[i - 1];
    }
    let mut rest = inverse(&(products[N - 1] * x[N - 1])).expect(DIFFERENT) * Fq::from(factor);
    for (x, product) in x.iter_mut().zip(products).rev() {
        (*x, rest) = (rest * product, rest * *x);
    }
    x
}

/// `$body` with the constant `$J` equal to every literal in turn. The compiler does not unroll such loops by itself, and `map`
/// and `from_fn` do not take closures with vectors in.
macro_rules! unrolled {
    ($J:ident in $($j:literal)* => $body:expr) => {
        $({
            const $J: usize = $j;
            $body
        })*
    };
}
pub(super) use unrolled;
