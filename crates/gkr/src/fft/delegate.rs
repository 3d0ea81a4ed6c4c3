//! Entries of a transform's matrix, evaluated by the prover: zkCNN's delegation (Liu, Xie, Zhang 2021, section 3).
//!
//! ```text
//! Claim in:   v = sum_x G(x) M(r, x), G(x) = eq(s, x) or a tensor of row and column weights at the places of a grid
//! Grid:       product sumcheck over x, ending in s; M(r, s) = claim / G~(s)
//! Level j:    (j = n-1 .. 0) P_(j+1)(s) = sum_x' eq(s', x') P_j(x') (1 - r_j + r_j (1 - 2 s_0) zeta_j^x'), s = (s_0, s'),
//!             over j variables, eq-weighted; P_j at its point t is claim / factor~(t), and t is the next s
//! Check:      P_0 = scale
//! Error:      2 (n + n (n - 1) / 2) / 2^128 for a grid of n variables, without the first term for a point
//! ```
//!
//! `P_j` is the product of the first j factors of `M(r, x)` (see `DftMatrix`), a function of the low j bits of x, `P_n = M(r, .)`;
//! `zeta_j` has order `2^(j+1)`, so that the top bit of x turns its sign, and `zeta_j^x` is a product over bits: the verifier evaluates the second
//! factor by j multiplications. It spends `O(log^2 N)` where the matrix would cost it `O(N)`. What is implied by a division is not sent; a divisor of zero,
//! which an honest proof meets with probability `n 2^-128`, is an error.

use convince_circuit::Grid;
use convince_field::ProofField;
use convince_sumcheck::eq_product::{Factors, Instance};
use convince_sumcheck::{SumcheckClaim, eq_product, product};
use convince_transcript::{ChannelError, ChannelScalar, Check, ProverChannel, VerifierChannel};

use super::DftMatrix;
use super::matrix::{EqPlaces, contract, scatter};

/// `sum_x G(x) M(row, x)`: what is evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<F> {
    /// M.
    pub matrix: DftMatrix<F>,
    /// r, one coordinate a variable.
    pub row: Vec<F>,
    /// G.
    pub column: Column<F>,
}

/// Weights of a matrix' columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column<F> {
    /// `eq(s, x)`.
    Point(Vec<F>),
    /// `rows[y] columns[x]` at the places of a grid, which are all distinct and within the matrix.
    Grid {
        /// The places.
        grid: Grid,
        /// One weight a row.
        rows: Vec<F>,
        /// One weight a column.
        columns: Vec<F>,
    },
}

impl<F: ProofField> Entry<F> {
    /// The value, in time linear in the matrix' length.
    pub fn value(&self) -> F {
        let table = self.matrix.row_table(&self.row);
        match &self.column {
            Column::Point(s) => F::inner_product(&table, &convince_poly::eq_table(s)),
            Column::Grid { grid, rows, columns } => contract(grid, rows, columns, |place| table[place]),
        }
    }
}

/// Proves the value of an entry, which the verifier holds. Some 20 multiplications a column.
pub fn prove<F: ProofField, C: ProverChannel<F>>(channel: &mut C, entry: &Entry<F>) {
    let matrix = &entry.matrix;
    let (n, powers) = (matrix.log_len(), matrix.powers());
    let mut levels = matrix.levels(&entry.row);
    let last = levels.pop().unwrap_or_default();
    let mut s = match &entry.column {
        Column::Point(s) => s.clone(),
        Column::Grid { grid, rows, columns } => {
            let weights = scatter(grid, rows, columns, n);
            let claim = F::inner_product(&weights, &last);
            product::prove(channel, vec![product::Instance::new(n, F::one(), claim, vec![[weights, last]])]).0
        }
    };
    for (j, level) in levels.into_iter().enumerate().rev() {
        let (still, turning) = turn(entry.row[j], s[0]);
        let factor = (0..1usize << j).map(|x| still + turning * powers[x << (n - 1 - j)]).collect();
        let summand = Factors::new(j, vec![level, factor]);
        let mut instances = [Instance { summand, claim: F::zero(), weight: F::one() }];
        s = eq_product::prove(channel, &s[1..], 2, &mut instances);
    }
}

/// Verifies the value of an entry.
///
/// # Errors
/// The channel's, among them [`ChannelError::ZeroChallenge`]; the check is [`Check::FftMatrix`].
pub fn verify<F: ProofField, C: VerifierChannel<F>>(
    channel: &mut C,
    entry: &Entry<F>,
    value: C::Scalar,
) -> Result<(), ChannelError> {
    let divide = |value: C::Scalar, by: F| Ok(value * by.inverse().ok_or(ChannelError::ZeroChallenge)?);
    let n = entry.matrix.log_len();
    let squares = entry.matrix.squares();
    let (mut value, mut s) = match &entry.column {
        Column::Point(s) => (value, s.clone()),
        Column::Grid { grid, rows, columns } => {
            let SumcheckClaim { value, point } = product::verify(channel, &[(n, value)])?;
            let places = EqPlaces::new(&point);
            let weight = contract(grid, rows, columns, |place| places.at(place));
            (divide(value, weight)?, point)
        }
    };
    for j in (0..n).rev() {
        let claim = eq_product::verify(channel, &s[1..], 2, value)?;
        let (still, turning) = turn(entry.row[j], s[0]);
        // zeta_j^x over the bits of x: the bit of coordinate i turns by root^(2^(n-2-i)).
        let power: F =
            claim.point.iter().zip(squares.iter().rev().skip(1)).map(|(&t, z)| F::one() - t + t * z).product();
        value = divide(claim.value, still + turning * power)?;
        s = claim.point;
    }
    channel.assert_eq(value, C::Scalar::constant(entry.matrix.scale()), Check::FftMatrix { log_len: n })
}

/// `1 - r_j` and `r_j (1 - 2 s_0)`.
fn turn<F: ProofField>(r: F, s: F) -> (F, F) {
    (F::one() - r, r - (r * s).double())
}
