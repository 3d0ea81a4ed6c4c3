//! Commitments to rows of small integers under fixed generators.
//!
//! Every generator has a table of its multiples by `1..=128`, and one more table for every further signed 8-bit digit of the
//! data, so an entry costs one addition a digit. A row's points, its blind's included, are one list of [`super::sum_groups`].
//!
//! Unsigned 8-bit data would need a second digit that is only ever 0 or 1. Those carries are taken four columns at a time
//! from tables of subset sums: 1.23 additions a uniformly random entry instead of 1.5, and no second digit table. A row may
//! be committed to as what its integers are above 128, and 128 times the sum of its generators, which is kept for rows of
//! any length: 9-bit remainders take a carry then, not two digits (1.75 additions).
//!
//! Tables grow with the columns, to 50 MB a digit for 4096, and are slower to read the larger they are. Rows of more than
//! [`TABLE_COLUMNS`] columns are committed to by [`buckets`] instead, which need none. Time of buckets over that of tables,
//! one core, `benches/commit.rs`:
//!
//! | columns | 256 | 512 | 1024 | 2304 | 4096 |
//! |---|---|---|---|---|---|
//! | `i8` | 2.4 | 1.7 | 1.4 | 1.06 | 0.87 |
//! | `u8` | 2.0 | 1.7 | 1.4 | 0.96 | 0.80 |
//! | 12 bits | 1.6 | 1.2 | 1.04 | 0.91 | 0.82 |

use std::sync::OnceLock;

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, PrimeField};
use convince_field::chords::{Chord, Term, add_chords};
use convince_field::{Fr, IntSlice};

use super::buckets;
use super::digits::{HALF, WIDTH, for_each_digit, for_each_wide_digit, num_digits};
use super::generators::Generators;
use super::jobs;
use super::sum::{sum_lists, sum_terms};

/// Digit tables that an `i32` can need.
const MAX_WINDOWS: usize = 4;
/// Columns that share a table of carries.
const CARRY_COLUMNS: usize = 4;
/// Entries of a table of carries: the non-empty subsets of its columns.
const CARRY_ENTRIES: usize = (1 << CARRY_COLUMNS) - 1;
/// Bits of a blind's digits: 32 tables of 128 points, 393 KB, fit a level-2 cache.
const BLIND_WIDTH: usize = 8;
/// Entries of one table of the blinding generator.
const BLIND_ENTRIES: usize = 1 << (BLIND_WIDTH - 1);
/// Tables of the blinding generator.
pub(super) const BLIND_WINDOWS: usize = 256usize.div_ceil(BLIND_WIDTH);
/// Columns up to which rows are committed to with tables: from about here on buckets cost as little.
pub const TABLE_COLUMNS: usize = 1024;
/// Points of tables that one job copies and adds up, about: 1.5 MB.
const JOB: usize = 1 << 14;
/// Bases whose tables are made together: 0.8 MB.
const TABLE_JOB: usize = 64;

/// Fixed generators with tables of their multiples, to commit to rows with.
///
/// For `n` generators one digit table takes `12288 n` bytes (6.3 MB for 512) and about 25 us a generator to make, the carries
/// 360 bytes, the blinding generator 393 KB once. Tables are made when data first needs them, or by [`Self::prepare`].
///
/// Nothing here runs in constant time: the time depends on which integers are zero and how wide they are.
#[derive(Debug)]
pub struct FixedBase {
    generators: Vec<G1Affine>,
    blind: Vec<G1Affine>,
    /// `windows[k][HALF j + m - 1] = m 2^(8 k) G_j`.
    windows: [OnceLock<Vec<G1Affine>>; MAX_WINDOWS],
    /// `carries[CARRY_ENTRIES g + s - 1]`: the sum of `2^8 G_j` over the columns `j` of group `g` in the subset `s`.
    carries: OnceLock<Vec<G1Affine>>,
    /// `sums[n]`: the sum of the first `n` generators.
    sums: OnceLock<Vec<G1Affine>>,
    /// `centres[n] = HALF sums[n]`.
    centres: OnceLock<Vec<G1Affine>>,
}

/// How a row's integers meet the generators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Multiples of the generators are looked up.
    Tables,
    /// Generators of equal digits are added up first.
    Buckets,
}

/// Which tables a row takes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Number of digit tables.
    windows: usize,
    /// Whether there is a carry of 0 or 1 beside them.
    carries: bool,
    /// Whether all that is of what the integers are above [`HALF`].
    centred: bool,
}

impl FixedBase {
    /// Tables for these generators, of which only the blinding generator's are made at once (1.1 ms).
    pub fn new(generators: &Generators) -> Self {
        let mut base = generators.blind();
        let bases: Vec<G1Affine> = (0..BLIND_WINDOWS)
            .map(|_| {
                let next = (0..BLIND_WIDTH).fold(base.into_group(), |p, _| p.double()).into();
                std::mem::replace(&mut base, next)
            })
            .collect();
        let blind = multiples(&bases, BLIND_ENTRIES);
        Self {
            generators: generators.columns().to_vec(),
            blind,
            windows: Default::default(),
            carries: OnceLock::new(),
            sums: OnceLock::new(),
            centres: OnceLock::new(),
        }
    }

    /// Number of generators, the most that a row can hold.
    pub fn num_generators(&self) -> usize {
        self.generators.len()
    }

    /// Bytes of the tables made so far.
    pub fn table_bytes(&self) -> usize {
        let made = self
            .windows
            .iter()
            .chain([&self.carries, &self.sums, &self.centres])
            .filter_map(OnceLock::get)
            .map(Vec::len);
        (self.blind.len() + made.sum::<usize>()) * size_of::<G1Affine>()
    }

    /// Makes the tables of the first `num_windows` digits (at most four), of the carries, and of sums of generators.
    ///
    /// `i8` and `u8` data take one digit, `i16` two, `i32` four. Wide rows are committed to with the sums alone.
    pub fn prepare(&self, num_windows: usize) {
        if self.method() == Method::Buckets {
            self.sums();
            return;
        }
        (0..num_windows.min(MAX_WINDOWS)).for_each(|k| {
            self.window(k);
        });
        self.carries();
        self.centres();
    }

    /// `sum_j rows[i][j] G_j + blinds[i] H` for every `i`.
    ///
    /// About 0.13 us a non-zero entry and digit, and 4 us a blind, on one core with AVX2; 0.35 and 12 us without.
    ///
    /// # Panics
    /// If a row is longer than the list of generators, or there are not as many blinds as rows.
    pub fn commit_rows(&self, rows: &[IntSlice<'_>], blinds: &[Fr]) -> Vec<G1Affine> {
        self.commit_rows_by(self.method(), rows, blinds)
    }

    /// The faster method for this number of generators.
    fn method(&self) -> Method {
        if self.generators.len() > TABLE_COLUMNS { Method::Buckets } else { Method::Tables }
    }

    /// [`Self::commit_rows`] by either method; the results are the same.
    pub fn commit_rows_by(&self, method: Method, rows: &[IntSlice<'_>], blinds: &[Fr]) -> Vec<G1Affine> {
        assert_eq!(rows.len(), blinds.len());
        let jobs = self.jobs_by(method, rows);
        let made = jobs::map(jobs.len(), |i| self.commit_job_by(method, rows, blinds, &jobs[i]));
        let mut commitments = vec![G1Affine::zero(); rows.len()];
        jobs.iter().flatten().zip(made.concat()).for_each(|(&row, commitment)| commitments[row] = commitment);
        commitments
    }

    /// The jobs of [`Self::commit_rows`], each a list of rows that cost least together, for [`Self::commit_job`]. Makes the tables
    /// that they need: once, rather than by the first jobs that miss them, each for itself.
    ///
    /// # Panics
    /// As [`Self::commit_rows`].
    pub fn jobs(&self, rows: &[IntSlice<'_>]) -> Vec<Vec<usize>> {
        self.jobs_by(self.method(), rows)
    }

    /// [`Self::commit_rows`] of a job's rows alone, in its order, on this thread.
    pub fn commit_job(&self, rows: &[IntSlice<'_>], blinds: &[Fr], job: &[usize]) -> Vec<G1Affine> {
        self.commit_job_by(self.method(), rows, blinds, job)
    }

    fn jobs_by(&self, method: Method, rows: &[IntSlice<'_>]) -> Vec<Vec<usize>> {
        assert!(rows.iter().all(|row| row.len() <= self.generators.len()));
        match method {
            Method::Tables => self.table_jobs(rows),
            Method::Buckets => buckets::jobs(self, rows),
        }
    }

    fn commit_job_by(&self, method: Method, rows: &[IntSlice<'_>], blinds: &[Fr], job: &[usize]) -> Vec<G1Affine> {
        match method {
            Method::Tables => self.table_job(rows, blinds, job),
            Method::Buckets => buckets::commit_job(self, rows, blinds, job),
        }
    }

    fn table_jobs(&self, rows: &[IntSlice<'_>]) -> Vec<Vec<usize>> {
        let (shapes, sizes): (Vec<Shape>, Vec<usize>) = rows.iter().map(|row| Shape::of(*row)).unzip();
        for k in 0..shapes.iter().map(|shape| shape.windows).max().unwrap_or(0) {
            self.window(k);
        }
        if shapes.iter().any(|shape| shape.carries) {
            self.carries();
        }
        if shapes.iter().any(|shape| shape.centred) {
            self.centres();
        }
        jobs::cut_for_threads(&sizes, JOB).into_iter().map(Vec::from_iter).collect()
    }

    fn table_job(&self, rows: &[IntSlice<'_>], blinds: &[Fr], job: &[usize]) -> Vec<G1Affine> {
        let (shapes, sizes): (Vec<Shape>, Vec<usize>) = job.iter().map(|&row| Shape::of(rows[row])).unzip();
        let mut points = Vec::with_capacity(sizes.iter().sum());
        let lens = job.iter().zip(shapes).map(|(&row, shape)| {
            let before = points.len();
            self.push_row(rows[row], shape, &mut points);
            for_each_blind_term(&blinds[row], |term| points.push(term.of(&self.blind)));
            points.len() - before
        });
        let lens: Vec<usize> = lens.collect();
        sum_lists(&points, &lens)
    }

    /// Appends points that add up to a row's product with the generators.
    fn push_row(&self, row: IntSlice<'_>, shape: Shape, points: &mut Vec<G1Affine>) {
        let windows: Vec<&[G1Affine]> = (0..shape.windows).map(|k| self.window(k)).collect();
        let carries = if shape.carries { self.carries() } else { &[] };
        if shape.centred {
            points.push(self.centres()[row.len()]);
        }
        let mut carry = 0;
        for (j, value) in row.iter().enumerate() {
            for_each_digit(value - shape.centre(), WIDTH, |k, digit| match windows.get(k) {
                Some(window) => points.push(multiple(HALF * j, digit).of(window)),
                None => carry |= 1 << (j % CARRY_COLUMNS),
            });
            if carry != 0 && (j % CARRY_COLUMNS == CARRY_COLUMNS - 1 || j == row.len() - 1) {
                points.push(carries[CARRY_ENTRIES * (j / CARRY_COLUMNS) + carry - 1]);
                carry = 0;
            }
        }
    }

    /// `G_0, .., G_(n - 1)`.
    pub(super) fn generators(&self) -> &[G1Affine] {
        &self.generators
    }

    /// `blind H` for every blind, on one thread.
    pub(super) fn blind_points<'a>(&self, blinds: impl ExactSizeIterator<Item = &'a Fr>) -> Vec<G1Affine> {
        let mut terms = Vec::with_capacity(blinds.len() * BLIND_WINDOWS);
        let push = |blind: &Fr| {
            let before = terms.len();
            for_each_blind_term(blind, |term| terms.push(term));
            terms.len() - before
        };
        let lens: Vec<usize> = blinds.map(push).collect();
        sum_terms(&self.blind, &terms, &lens)
    }

    /// The table of digit `k`.
    fn window(&self, k: usize) -> &[G1Affine] {
        jobs::made::<Vec<_>>(&self.windows[k], || match k {
            0 => multiples(&self.generators, HALF),
            _ => multiples(&self.shifted(k - 1), HALF),
        })
    }

    /// `2^(8 (k + 1)) G_j` for every `j`, from the table of digit `k`.
    fn shifted(&self, k: usize) -> Vec<G1Affine> {
        doubled(&self.window(k).chunks_exact(HALF).map(|table| table[HALF - 1]).collect::<Vec<_>>())
    }

    /// The sum of the first `n` generators, for every `n`.
    pub(super) fn sums(&self) -> &[G1Affine] {
        jobs::made::<Vec<_>>(&self.sums, || sums(&self.generators))
    }

    /// [`HALF`] times the sum of the first `n` generators, for every `n`.
    fn centres(&self) -> &[G1Affine] {
        let last = |table: &[G1Affine]| table[HALF - 1];
        jobs::made::<Vec<_>>(&self.centres, || sums(&self.window(0).chunks_exact(HALF).map(last).collect::<Vec<_>>()))
    }

    fn carries(&self) -> &[G1Affine] {
        jobs::made::<Vec<_>>(&self.carries, || {
            let shifted = self.shifted(0);
            let mut lens = Vec::new();
            let mut points = Vec::new();
            for columns in shifted.chunks(CARRY_COLUMNS) {
                for subset in 1..=CARRY_ENTRIES {
                    let before = points.len();
                    points.extend(columns.iter().enumerate().filter(|(j, _)| subset >> j & 1 == 1).map(|(_, p)| *p));
                    lens.push(points.len() - before);
                }
            }
            sum_lists(&points, &lens)
        })
    }
}

impl Shape {
    /// The shape of fewest points for a row, and about how many they are, the blind's included.
    fn of(row: IntSlice<'_>) -> (Self, usize) {
        let (mut low, mut high, mut entries) = (0, 0, 0);
        row.for_each(|_, x| {
            (low, high) = (x.min(low), x.max(high));
            entries += usize::from(x != 0);
        });
        let half = HALF as i64;
        let shape = |centred| {
            let shape = Self { windows: 1, carries: false, centred };
            let (low, high) = ((low - shape.centre()).min(0), (high - shape.centre()).max(0));
            match num_digits(low, high, WIDTH) {
                2 if low >= -half && high < 3 * half => Self { carries: true, ..shape },
                windows => Self { windows, ..shape },
            }
        };
        let points = |shape: &Self| {
            let digits = shape.windows * if shape.centred { row.len() } else { entries };
            digits + if shape.carries { row.len() / CARRY_COLUMNS } else { 0 } + BLIND_WINDOWS
        };
        let [plain, centred] = [false, true].map(shape);
        let best = if points(&centred) < points(&plain) { centred } else { plain };
        (best, points(&best))
    }

    /// What is taken off every integer.
    fn centre(self) -> i64 {
        if self.centred { HALF as i64 } else { 0 }
    }
}

/// Terms of the blinding generator's table that add up to `blind H`.
fn for_each_blind_term(blind: &Fr, mut each: impl FnMut(Term)) {
    for_each_wide_digit(blind.into_bigint().0, BLIND_WIDTH, |k, digit| each(multiple(BLIND_ENTRIES * k, digit)));
}

/// The multiple by a non-zero digit, in a table whose place `first` has the multiple by 1.
#[inline(always)]
fn multiple(first: usize, digit: i32) -> Term {
    Term::signed(first + digit.unsigned_abs() as usize - 1, digit < 0)
}

/// `out[num j + m - 1] = m bases[j]` for `m` in `1..=num`.
fn multiples(bases: &[G1Affine], num: usize) -> Vec<G1Affine> {
    let mut tables = vec![G1Affine::zero(); bases.len() * num];
    jobs::for_each_chunk(&mut tables, TABLE_JOB * num, |i, tables| {
        let bases = &bases[TABLE_JOB * i..][..tables.len() / num];
        for (multiples, (base, twice)) in tables.chunks_exact_mut(num).zip(bases.iter().zip(doubled(bases))) {
            multiples.iter_mut().zip([*base, twice]).for_each(|(multiple, point)| *multiple = point);
        }
        // From the multiples up to `known`, those up to `2 known - 1`: there is no other doubling.
        let mut known = 2;
        let mut sums = Vec::new();
        while known < num {
            let new = (known - 1).min(num - known);
            let chords: Vec<Chord> = (0..bases.len() * new)
                .map(|i| {
                    let (first, m) = (i / new * num, i % new);
                    Chord { sum: i as u32, a: Term::new(first + known - 1), b: Term::new(first + m) }
                })
                .collect();
            sums.resize(chords.len(), G1Affine::zero());
            add_chords(tables, &chords, &mut sums);
            for (multiples, sums) in tables.chunks_exact_mut(num).zip(sums.chunks_exact(new)) {
                multiples[known..][..new].copy_from_slice(sums);
            }
            known += new;
        }
    });
    tables
}

/// The sum of the first `n` points, for every `n`: half a microsecond a point.
fn sums(points: &[G1Affine]) -> Vec<G1Affine> {
    let mut sum = G1Projective::ZERO;
    let mut sums = vec![sum];
    sums.extend(points.iter().map(|point| {
        sum += point;
        sum
    }));
    G1Projective::normalize_batch(&sums)
}

/// `2 p` for every point.
fn doubled(points: &[G1Affine]) -> Vec<G1Affine> {
    G1Projective::normalize_batch(&points.iter().map(|p| p.into_group().double()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;
    use convince_field::{Ints, ProofField, curve_scalar};
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn reference(generators: &Generators, row: IntSlice<'_>, blind: Fr) -> G1Affine {
        let scalars = row.iter().map(Fr::from_i64);
        let sum: G1Projective = generators.columns().iter().zip(scalars).map(|(g, x)| *g * curve_scalar(x)).sum();
        (sum + generators.blind() * curve_scalar(blind)).into_affine()
    }

    fn check(n: usize, rows: &[Ints], blinds: &[Fr]) {
        let generators = Generators::new(n).unwrap();
        let tables = FixedBase::new(&generators);
        let rows: Vec<IntSlice<'_>> = rows.iter().map(Ints::as_slice).collect();
        let expected: Vec<_> = rows.iter().zip(blinds).map(|(row, r)| reference(&generators, *row, *r)).collect();
        for method in [Method::Tables, Method::Buckets] {
            assert_eq!(tables.commit_rows_by(method, &rows, blinds), expected, "{method:?}");
        }
        let mut jobs = tables.jobs(&rows).concat();
        jobs.reverse();
        let backwards: Vec<_> = jobs.iter().map(|&row| expected[row]).collect();
        assert_eq!(tables.commit_job(&rows, blinds, &jobs), backwards);
        jobs.sort_unstable();
        assert!(jobs.into_iter().eq(0..rows.len()));
    }

    #[test]
    fn tables_hold_the_multiples() {
        let bases = Generators::new(3).unwrap();
        for num in [1, 2, 3, 5, 64, 127, 128] {
            let table = multiples(bases.columns(), num);
            for (t, base) in table.chunks_exact(num).zip(bases.columns()) {
                let expected = (1..=num).map(|m| (*base * curve_scalar(Fr::from(m as u64))).into_affine());
                assert!(t.iter().copied().eq(expected), "{num}");
            }
        }
    }

    #[test]
    fn every_8_bit_value_is_committed_to() {
        let signed: Vec<Ints> = (i8::MIN..=i8::MAX).map(|x| Ints::I8(vec![0, x])).collect();
        check(2, &signed, &vec![Fr::ZERO; 256]);
        let unsigned: Vec<Ints> = (0..=u8::MAX).map(|x| Ints::U8(vec![x, 0, 255 - x])).collect();
        check(3, &unsigned, &vec![Fr::ZERO; 256]);
    }

    #[test]
    fn extreme_rows_and_blinds_are_committed_to() {
        let rows = [
            Ints::I8(vec![]),
            Ints::U8(vec![255; 9]),
            Ints::I16(vec![i16::MIN, i16::MAX, -1, 383, 384, -129]),
            Ints::I16(vec![-128, 383]),
            Ints::I32(vec![i32::MIN, i32::MAX, 0, 1 << 23, -(1 << 24)]),
            Ints::I32(vec![0; 9]),
            Ints::I8(vec![0]),
        ];
        let blinds = [Fr::ZERO, Fr::ONE, -Fr::ONE, Fr::from(128), Fr::from(255), Fr::from(u64::MAX), Fr::ZERO];
        check(9, &rows, &blinds);
        check(0, &[], &[]);
    }

    #[test]
    fn wide_rows_need_no_tables_of_multiples() {
        let tables = FixedBase::new(&Generators::new(TABLE_COLUMNS + 1).unwrap());
        let bytes = tables.table_bytes();
        tables.commit_rows(&[IntSlice::I16(&[-300, 127])], &[Fr::ONE]);
        assert_eq!(tables.table_bytes(), bytes);
        tables.prepare(4);
        assert_eq!(tables.table_bytes() - bytes, (TABLE_COLUMNS + 2) * 96);
    }

    #[test]
    fn sums_are_of_the_first_points() {
        let generators = Generators::new(3).unwrap();
        let [a, b, c] = [0, 1, 2].map(|i| generators.columns()[i]);
        assert_eq!(sums(&[]), [G1Affine::zero()]);
        let expected = [G1Affine::zero(), a, (a + b).into_affine(), (a + b + c).into_affine()];
        assert_eq!(sums(generators.columns()), expected);
        let tables = FixedBase::new(&generators);
        assert_eq!(tables.sums(), expected);
        let centres = expected.map(|point| (point * ark_bls12_381::Fr::from(HALF as u64)).into_affine());
        assert_eq!(tables.centres(), centres);
    }

    /// Full rows of remainders, of every number of bits and up to either end, short and long.
    #[test]
    fn remainders_are_committed_to_about_their_centre() {
        for bits in 1..=13 {
            let (len, end) = (300usize, 1usize << bits);
            let row = |len: usize, last: usize| {
                let values = (0..len).map(|j| (j * 7919 % end) as i16).chain([last as i16]);
                Ints::I16(values.collect())
            };
            let rows = [row(len, end - 1), row(len, end), row(len / 2, 0), row(0, end - 1), row(20, end / 2)];
            check(len + 1, &rows, &[Fr::ONE; 5]);
        }
        let dense = Ints::I16((0..300).map(|j| 511 - j % 512).collect());
        let (shape, points) = Shape::of(dense.as_slice());
        assert!(shape.centred && shape.carries && points == 300 + 75 + BLIND_WINDOWS);
        let sparse = Ints::I16((0..300).map(|j| if j % 3 == 0 { 511 } else { 0 }).collect());
        assert!(!Shape::of(sparse.as_slice()).0.centred);
    }

    #[test]
    fn only_needed_tables_are_made() {
        let generators = Generators::new(8).unwrap();
        let tables = FixedBase::new(&generators);
        let blind = tables.table_bytes();
        tables.commit_rows(&[IntSlice::I8(&[-128, 127])], &[Fr::ONE]);
        let one = tables.table_bytes() - blind;
        assert_eq!(one, 8 * 128 * 96);
        tables.commit_rows(&[IntSlice::U8(&[255])], &[Fr::ONE]);
        assert_eq!(tables.table_bytes() - blind - one, 2 * CARRY_ENTRIES * 96);
        tables.prepare(9);
        assert_eq!(tables.table_bytes() - blind, 4 * one + (2 * CARRY_ENTRIES + 9) * 96);
    }

    #[test]
    #[should_panic]
    fn rows_longer_than_the_generators_are_refused() {
        check(2, &[Ints::U8(vec![0; 3])], &[Fr::ZERO]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn commitments_agree(n in 0usize..20, num_rows in 0usize..6, seed: u64) {
            let rng = &mut ChaCha20Rng::seed_from_u64(seed);
            let mut row = || {
                let len = rng.gen_range(0..=n);
                match rng.gen_range(0..4) {
                    0 => Ints::I8((0..len).map(|_| rng.r#gen()).collect()),
                    1 => Ints::U8((0..len).map(|_| rng.r#gen()).collect()),
                    2 => Ints::I16((0..len).map(|_| rng.r#gen()).collect()),
                    _ => Ints::I32((0..len).map(|_| rng.r#gen()).collect()),
                }
            };
            let rows: Vec<Ints> = (0..num_rows).map(|_| row()).collect();
            let blinds: Vec<Fr> = (0..num_rows).map(|i| Fr::full_challenge(&[i as u8 ^ seed as u8; 64])).collect();
            check(n, &rows, &blinds);
        }
    }
}
