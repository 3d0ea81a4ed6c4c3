//! The matrix of a Fourier transform: its rows folded with eq, in linear time.

use convince_circuit::Grid;
use convince_field::ProofField;
use convince_poly::eq_table;

/// Which way a transform goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `V[f] = sum_x v[x] omega^(f x)`.
    Forward,
    /// `v[x] = 1/N sum_f V[f] omega^(-f x)`.
    Inverse,
}

/// `M(f, x) = scale * root^(f x)` for `f, x < 2^log_len`: a transform, or its inverse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DftMatrix<F> {
    log_len: usize,
    root: F,
    scale: F,
}

impl<F: ProofField> DftMatrix<F> {
    /// The transform of `2^log_len` places. `None` if the field has none.
    pub fn new(direction: Direction, log_len: usize) -> Option<Self> {
        let root = F::root_of_unity(log_len)?;
        match direction {
            Direction::Forward => Some(Self { log_len, root, scale: F::one() }),
            Direction::Inverse => {
                let scale = F::from_i64(2).inverse()?.pow([log_len as u64]);
                Some(Self { log_len, root: root.inverse()?, scale })
            }
        }
    }

    /// log2 of the number of rows.
    pub fn log_len(&self) -> usize {
        self.log_len
    }

    /// What every entry is scaled by: 1, or `1/N` of the inverse.
    pub(super) fn scale(&self) -> F {
        self.scale
    }

    /// `root^(2^k)` for `k < log_len`.
    pub(super) fn squares(&self) -> Vec<F> {
        std::iter::successors(Some(self.root), |power| Some(power.square())).take(self.log_len).collect()
    }

    /// `root^k` for k below half of the length: what the levels' factors are made of.
    pub(super) fn powers(&self) -> Vec<F> {
        let count = (1usize << self.log_len) / 2;
        std::iter::successors(Some(F::one()), |power| Some(*power * self.root)).take(count).collect()
    }

    /// `M(r, x) = sum_f eq(r, f) M(f, x)` for all x, r most significant first: some three multiplications an entry.
    ///
    /// `M(r, x) = scale prod_j (1 - r_j + r_j root^(x 2^(n-1-j)))`, whose j-th factor has period `2^(j+1)` in x, and of
    /// opposite power in the two halves of its period.
    pub fn row_table(&self, r: &[F]) -> Vec<F> {
        assert_eq!(r.len(), self.log_len);
        let powers = self.powers();
        let mut table = Vec::with_capacity(1 << self.log_len);
        table.push(self.scale);
        for (j, &r_j) in r.iter().enumerate() {
            self.extend_level(&mut table, &powers, j, r_j);
        }
        table
    }

    /// Every table on the way to [`Self::row_table`]: level j holds the product of the first j factors, of period `2^j`.
    pub(super) fn levels(&self, r: &[F]) -> Vec<Vec<F>> {
        let powers = self.powers();
        let mut levels = vec![vec![self.scale]];
        for (j, &r_j) in r.iter().enumerate() {
            let mut table = levels[j].clone();
            self.extend_level(&mut table, &powers, j, r_j);
            levels.push(table);
        }
        levels
    }

    fn extend_level(&self, table: &mut Vec<F>, powers: &[F], j: usize, r_j: F) {
        let half = table.len();
        for x in 0..half {
            let turning = table[x] * r_j;
            let (still, turned) = (table[x] - turning, turning * powers[x << (self.log_len - 1 - j)]);
            table[x] = still + turned;
            table.push(still - turned);
        }
    }

    /// One entry of [`Self::row_table`], by `4 log N` multiplications.
    pub fn row_entry(&self, r: &[F], x: usize) -> F {
        assert_eq!(r.len(), self.log_len);
        let power = self.root.pow([x as u64]);
        let factors = r.iter().rev().scan(power, |power, &r_j| {
            let factor = F::one() - r_j + r_j * *power;
            power.square_in_place();
            Some(factor)
        });
        factors.fold(self.scale, |product, factor| product * factor)
    }
}

/// `sum of rows[y] columns[x] value(place of y, x)` over a grid. One lazily reduced multiplication an entry.
pub(super) fn contract<F: ProofField>(grid: &Grid, rows: &[F], columns: &[F], value: impl Fn(usize) -> F) -> F {
    let mut line = Vec::with_capacity(columns.len());
    let across = |(y, row): (usize, &F)| {
        line.clear();
        line.extend((0..columns.len()).map(|x| value(grid.place(y, x))));
        F::inner_product(columns, &line) * row
    };
    rows.iter().enumerate().map(across).sum()
}

/// `rows[y] columns[x]` at the places of a grid, zero elsewhere.
pub(super) fn scatter<F: ProofField>(grid: &Grid, rows: &[F], columns: &[F], log_len: usize) -> Vec<F> {
    let mut out = vec![F::zero(); 1 << log_len];
    for (y, row) in rows.iter().enumerate() {
        for (x, column) in columns.iter().enumerate() {
            out[grid.place(y, x)] = *row * column;
        }
    }
    out
}

/// `eq(point, place)` of any place from two tables of about `sqrt N` entries.
pub(super) struct EqPlaces<F> {
    high: Vec<F>,
    low: Vec<F>,
}

impl<F: ProofField> EqPlaces<F> {
    pub(super) fn new(point: &[F]) -> Self {
        let (high, low) = point.split_at(point.len() / 2);
        Self { high: eq_table(high), low: eq_table(low) }
    }

    pub(super) fn at(&self, place: usize) -> F {
        self.high[place / self.low.len()] * self.low[place % self.low.len()]
    }
}

#[cfg(test)]
mod tests {
    use convince_field::{Fr, reference};

    use super::*;

    fn point(len: usize) -> Vec<Fr> {
        (0..len as i64).map(|i| Fr::from_i64(7 * i * i - 1_000_003 * i + 12345)).collect()
    }

    #[test]
    fn tables_fold_the_matrix_of_the_transform() {
        for log_len in 0..7 {
            let r = point(log_len);
            let values: Vec<Fr> = (0..1 << log_len).map(|i| Fr::from_i64(i * i * i - 50)).collect();
            let root = Fr::root_of_unity(log_len).unwrap();
            for direction in [Direction::Forward, Direction::Inverse] {
                let matrix = DftMatrix::new(direction, log_len).unwrap();
                let transform = match direction {
                    Direction::Forward => reference::dft(&values, root),
                    Direction::Inverse => reference::inverse_dft(&values, root),
                };
                let table = matrix.row_table(&r);
                assert_eq!(Fr::inner_product(&table, &values), Fr::inner_product(&eq_table(&r), &transform));
                let entries: Vec<Fr> = (0..1 << log_len).map(|x| matrix.row_entry(&r, x)).collect();
                assert_eq!(entries, table);
                assert_eq!(matrix.levels(&r).last(), Some(&table));
            }
        }
        assert_eq!(DftMatrix::<Fr>::new(Direction::Forward, 33), None);
    }

    #[test]
    fn a_scattered_tensor_contracts_to_its_extension() {
        let grid = Grid { origin: 29, steps: [-11, -2], shape: [2, 5] };
        let (rows, columns, r) = (point(2), point(5), point(5));
        let scattered = scatter(&grid, &rows, &columns, 5);
        let places = EqPlaces::new(&r);
        let expected = Fr::inner_product(&eq_table(&r), &scattered);
        assert_eq!(contract(&grid, &rows, &columns, |place| places.at(place)), expected);
    }
}
