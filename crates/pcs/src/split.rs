use std::ops::Range;

use convince_field::{IntSlice, ProofField};
use convince_poly::{Axis, Functional, eq_truncated, outer, products};

/// How a tensor is cut into rows of at most `n` columns (DESIGN section 9).
///
/// The cut is at blocks of `2^log_block` places of one axis: row = (earlier axes, place >> log_block), column = (place mod
/// `2^log_block`, later axes). Row-major tensors make every row a contiguous run. A ragged last chunk keeps its empty slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    shape: Vec<usize>,
    axis: usize,
    log_block: u32,
}

/// A rank-one part of a functional: weights over rows and over columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term<F> {
    /// One weight a row.
    pub rows: Vec<F>,
    /// One weight a column.
    pub columns: Vec<F>,
}

impl Split {
    /// The cut with the fewest rows of at most `width` columns; ties go to fewer columns.
    ///
    /// A tensor without axes is one row of one column. `width` is at least 1.
    pub fn choose(shape: &[usize], width: usize) -> Self {
        let shape = if shape.is_empty() { vec![1] } else { shape.to_vec() };
        let cuts = (0..shape.len()).flat_map(|axis| {
            let blocks = 0..=shape[axis].next_power_of_two().trailing_zeros();
            blocks.map(move |log_block| (axis, log_block))
        });
        let split = |(axis, log_block)| Self { shape: shape.clone(), axis, log_block };
        let fitting = cuts.map(split).filter(|s| s.num_columns() <= width);
        let best = fitting.min_by_key(|s| (s.num_rows(), s.num_columns()));
        // Blocks of one place of the last axis always fit.
        best.unwrap_or(Self { axis: shape.len() - 1, log_block: 0, shape })
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.earlier() * self.chunks()
    }

    /// Number of columns.
    pub fn num_columns(&self) -> usize {
        self.places() * self.later()
    }

    /// Places of the leading axis that no row divides: a run of rows is about a multiple of them.
    pub fn leading_block(&self) -> usize {
        if self.axis == 0 { 1 << self.log_block } else { 1 }
    }

    /// The cut of a range of the leading axis' places alone, and which of the rows are its own.
    ///
    /// Panics unless the range starts at a multiple of [`Self::leading_block`], and ends at one or with the axis.
    pub fn part(&self, range: Range<usize>) -> (Self, Range<usize>) {
        let (block, len) = (self.leading_block(), self.shape[0]);
        let ends = range.end == len || range.end.is_multiple_of(block);
        assert!(range.start < range.end && range.end <= len && range.start.is_multiple_of(block) && ends);
        let mut shape = self.shape.clone();
        shape[0] = range.len();
        let rows_per_block = self.num_rows() / len.div_ceil(block);
        let rows = range.start / block * rows_per_block..range.end.div_ceil(block) * rows_per_block;
        (Self { shape, ..self.clone() }, rows)
    }

    fn len(&self) -> usize {
        self.shape[self.axis]
    }

    fn chunks(&self) -> usize {
        self.len().div_ceil(1 << self.log_block)
    }

    /// Places of the cut axis in one row.
    fn places(&self) -> usize {
        self.len().min(1 << self.log_block)
    }

    fn earlier(&self) -> usize {
        self.shape[..self.axis].iter().product()
    }

    fn later(&self) -> usize {
        self.shape[self.axis + 1..].iter().product()
    }

    /// The rows' values; those of a ragged last chunk are shorter, which commits to zeros in the empty slots.
    pub fn rows<'a>(&self, values: IntSlice<'a>) -> Vec<IntSlice<'a>> {
        let (len, places, later) = (self.len(), self.places(), self.later());
        let row = |index: usize| {
            let (earlier, first) = (index / self.chunks(), index % self.chunks() * places);
            let count = places.min(len - first);
            values.range((earlier * len + first) * later, count * later)
        };
        (0..self.num_rows()).map(row).collect()
    }

    /// `f = sum_r weights[r] * row_r`: one pass over the rows of nonzero weight.
    pub fn fold<F: ProofField>(&self, values: IntSlice<'_>, weights: &[F]) -> Vec<F> {
        let columns = self.num_columns();
        if self.len().is_multiple_of(self.places()) {
            return values.fold_rows(columns, weights);
        }
        let (full, later) = (self.len() / self.places(), self.later());
        let tail = (self.len() % self.places()) * later;
        let mut out = vec![F::zero(); columns];
        for (earlier, weights) in weights.chunks_exact(self.chunks()).enumerate() {
            let values = values.range(earlier * self.len() * later, self.len() * later);
            let whole = values.range(0, full * columns).fold_rows(columns, &weights[..full]);
            let ragged = values.range(full * columns, tail).fold_rows(tail, &weights[full..]);
            out.iter_mut().zip(&whole).for_each(|(o, v)| *o += v);
            out.iter_mut().zip(&ragged).for_each(|(o, v)| *o += v);
        }
        out
    }

    /// One weight a row: `sum_c columns[c] * functional(row, c)` over the row's true entries.
    ///
    /// One pass over the later axes' places and one over the rows, whatever the cut axis' weights are; the same as
    /// `sum_t <t.columns, columns> t.rows` over [`Self::terms`]. `columns` may be longer than the rows.
    ///
    /// Panics unless the functional has the tensor's shape.
    pub fn row_weights<F: ProofField>(&self, functional: &Functional<F>, columns: &[F]) -> Vec<F> {
        let axes = &functional.0;
        if axes.is_empty() {
            return vec![columns[0]];
        }
        assert_eq!(functional.shape(), self.shape);
        let (earlier, later) = (outer(&axes[..self.axis]), outer(&axes[self.axis + 1..]));
        let places = columns[..self.num_columns()].chunks_exact(self.later());
        let places: Vec<F> = places.map(|run| F::inner_product(run, &later)).collect();
        let chunks = axes[self.axis].table();
        let chunks = chunks.chunks(places.len()).map(|run| F::inner_product(run, &places[..run.len()]));
        products(earlier, chunks.collect())
    }

    /// A functional as rank-one terms. The truncated eq of the cut axis does not factor over a ragged last chunk, so that `Eq`
    /// gives one term or two; `Dense` gives one a chunk, or one a place of a chunk where that is cheaper. Whatever stands in
    /// the empty slots has weight zero.
    ///
    /// Panics unless the functional has the tensor's shape.
    pub fn terms<F: ProofField>(&self, functional: &Functional<F>) -> Vec<Term<F>> {
        let axes = &functional.0;
        if axes.is_empty() {
            return vec![Term { rows: vec![F::one()], columns: vec![F::one()] }];
        }
        assert_eq!(functional.shape(), self.shape);
        let (earlier, later) = (outer(&axes[..self.axis]), outer(&axes[self.axis + 1..]));
        let term = |(chunks, places): (Vec<F>, Vec<F>)| Term {
            rows: products(earlier.clone(), chunks),
            columns: products(places, later.clone()),
        };
        self.cut_axis(&axes[self.axis]).into_iter().map(term).collect()
    }

    /// Whether dense weights of the cut axis are better divided by places than by chunks.
    ///
    /// Terms by chunks pass over the tensor once in all, and a term by place over all of it: 3 ns an integer. In the sumcheck
    /// over columns a term costs 200 ns a column.
    fn has_cheap_places(&self) -> bool {
        let (row, term) = (3 * self.num_rows(), 200);
        self.places().saturating_mul(row + term) < self.chunks().saturating_mul(term) + row
    }

    /// The cut axis' weights as pairs (over chunks, over places in a chunk).
    fn cut_axis<F: ProofField>(&self, axis: &Axis<F>) -> Vec<(Vec<F>, Vec<F>)> {
        let (len, chunks, places) = (self.len(), self.chunks(), self.places());
        if chunks == 1 {
            return vec![(vec![F::one()], axis.table())];
        }
        let unit = |chunk: usize, value: F| {
            let mut weights = vec![F::zero(); chunks];
            weights[chunk] = value;
            weights
        };
        match axis {
            Axis::Index { index, .. } => {
                let mut place = vec![F::zero(); places];
                place[index % places] = F::one();
                vec![(unit(index / places, F::one()), place)]
            }
            Axis::Dense(weights) if self.has_cheap_places() => {
                let place = |p: usize| {
                    let mut over_chunks: Vec<F> = weights[p..].iter().step_by(places).copied().collect();
                    over_chunks.resize(chunks, F::zero());
                    let mut over_places = vec![F::zero(); places];
                    over_places[p] = F::one();
                    (over_chunks, over_places)
                };
                (0..places).map(place).collect()
            }
            Axis::Dense(weights) => {
                let chunk = |(c, run): (usize, &[F])| {
                    let mut run = run.to_vec();
                    run.resize(places, F::zero());
                    (unit(c, F::one()), run)
                };
                weights.chunks(places).enumerate().map(chunk).collect()
            }
            Axis::Eq { point, .. } => {
                let (high, low) = point.split_at(point.len() - self.log_block as usize);
                let (mut over_chunks, over_places) = (eq_truncated(high, chunks), eq_truncated(low, places));
                let tail = len % places;
                if tail == 0 {
                    return vec![(over_chunks, over_places)];
                }
                let last = std::mem::replace(&mut over_chunks[chunks - 1], F::zero());
                let mut ragged = over_places[..tail].to_vec();
                ragged.resize(places, F::zero());
                vec![(over_chunks, over_places), (unit(chunks - 1, last), ragged)]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::UniformRand;
    use convince_field::{Fr, Ints};
    use convince_poly::log2_ceil;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    use super::*;

    fn random_axis(len: usize, rng: &mut ChaCha20Rng) -> Axis<Fr> {
        match rng.gen_range(0..4) {
            0 => Axis::Dense((0..len).map(|_| Fr::rand(rng)).collect()),
            1 => Axis::Index { index: rng.gen_range(0..len), len },
            _ => Axis::Eq { point: (0..log2_ceil(len)).map(|_| Fr::rand(rng)).collect(), len },
        }
    }

    #[test]
    fn terms_and_folds_give_the_functional_whatever_fills_the_ragged_slots() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..300 {
            let shape: Vec<usize> = (0..rng.gen_range(1..4)).map(|_| rng.gen_range(1..9)).collect();
            let axis = rng.gen_range(0..shape.len());
            let split =
                Split { log_block: rng.gen_range(0..=log2_ceil(shape[axis]) as u32), axis, shape: shape.clone() };
            let values = Ints::I16((0..shape.iter().product()).map(|_| rng.r#gen()).collect());
            let functional = Functional(shape.iter().map(|&n| random_axis(n, &mut rng)).collect());
            let terms = split.terms(&functional);
            let garbage: Vec<Vec<Fr>> = split
                .rows(values.as_slice())
                .iter()
                .map(|row| {
                    let mut row: Vec<Fr> = row.to_field();
                    row.resize_with(split.num_columns(), || Fr::rand(&mut rng));
                    row
                })
                .collect();
            let value: Fr = terms
                .iter()
                .flat_map(|t| garbage.iter().zip(&t.rows).map(|(row, w)| *w * Fr::inner_product(row, &t.columns)))
                .sum();
            assert_eq!(value, functional.apply(values.as_slice()), "{split:?} {functional:?}");
            let folded: Fr =
                terms.iter().map(|t| Fr::inner_product(&split.fold(values.as_slice(), &t.rows), &t.columns)).sum();
            assert_eq!(folded, value, "{split:?}");
            let columns: Vec<Fr> = (0..split.num_columns() + 1).map(|_| Fr::rand(&mut rng)).collect();
            let mut weights = vec![Fr::from(0u64); split.num_rows()];
            for term in &terms {
                let scale = Fr::inner_product(&term.columns, &columns[..split.num_columns()]);
                weights.iter_mut().zip(&term.rows).for_each(|(w, row)| *w += scale * row);
            }
            assert_eq!(split.row_weights(&functional, &columns), weights, "{split:?} {functional:?}");
            let one_term =
                matches!(functional.0[axis], Axis::Eq { .. } if shape[axis].is_multiple_of(1 << split.log_block));
            assert!(!one_term || terms.len() == 1);
        }
    }

    /// Depthwise weights, one kernel a channel: a row takes as many channels as fit.
    #[test]
    fn small_kernels_share_rows() {
        for channels in [1, 3, 16, 24, 100, 144, 512, 960] {
            for width in [9, 18, 64, 256, 400, 1000, 1024, 2304, 4096, 8192] {
                let split = Split::choose(&[channels, 1, 3, 3], width);
                let fitting = width / 9;
                let block = if fitting < channels { 1 << fitting.ilog2() } else { channels };
                assert!(split.num_rows() <= channels.div_ceil(block), "{channels} channels in {split:?}");
                assert!(split.num_columns() <= width && split.num_columns() >= 9 * block.min(channels) / 2);
            }
        }
        assert_eq!(Split::choose(&[512, 1, 3, 3], 4096).num_rows(), 2);
    }

    #[test]
    fn parts_of_the_leading_axis_are_runs_of_rows() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for _ in 0..300 {
            let shape: Vec<usize> = (0..rng.gen_range(1..4)).map(|_| rng.gen_range(1..9)).collect();
            let whole = Split::choose(&shape, rng.gen_range(1..40));
            let values = Ints::I16((0..shape.iter().product()).map(|_| rng.r#gen()).collect());
            let all = whole.rows(values.as_slice());
            let (block, per_place) = (whole.leading_block(), values.len() / shape[0]);
            let start = rng.gen_range(0..shape[0].div_ceil(block)) * block;
            let end = (start + block * rng.gen_range(1..4)).min(shape[0]);
            let (part, rows) = whole.part(start..end);
            let own = part.rows(values.as_slice().range(start * per_place, (end - start) * per_place));
            let [own, all] = [&own[..], &all[rows]]
                .map(|rows| rows.iter().map(|row| row.iter().collect()).collect::<Vec<Vec<i64>>>());
            assert_eq!(own, all, "{whole:?} {start}..{end}");
        }
    }

    /// Dense weights on a cut axis have at most as many terms as the smaller of its two sides, about.
    #[test]
    fn dense_weights_of_many_chunks_are_divided_by_places() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let terms = |shape: &[usize], width, rng: &mut ChaCha20Rng| {
            let split = Split::choose(shape, width);
            let dense = |&n: &usize| Axis::Dense((0..n).map(|_| Fr::rand(rng)).collect());
            (split.num_rows(), split.terms(&Functional(shape.iter().map(dense).collect())).len())
        };
        assert_eq!(terms(&[1, 512, 16, 16], 2048, &mut rng), (64, 8));
        assert_eq!(terms(&[1, 512, 4, 4], 4096, &mut rng), (2, 2));
        assert_eq!(terms(&[512, 1, 3, 3], 1024, &mut rng), (8, 8));
        // A pass over a thousand rows is dearer than some terms.
        assert_eq!(terms(&[1000, 10, 8], 32, &mut rng), (3000, 3));
    }

    #[test]
    fn choices_have_the_fewest_rows() {
        let rows = |shape: &[usize], width| {
            let split = Split::choose(shape, width);
            assert!(split.num_columns() <= width);
            (split.num_rows(), split.num_columns())
        };
        assert_eq!(rows(&[6, 1, 5, 5], 256), (1, 150));
        assert_eq!(rows(&[120, 16, 5, 5], 400), (120, 400));
        assert_eq!(rows(&[84, 120, 1, 1], 400), (42, 240));
        assert_eq!(rows(&[10, 1, 6, 14, 14], 400), (30, 392));
        assert_eq!(rows(&[2048], 256), (8, 256));
        assert_eq!(rows(&[], 4), (1, 1));
        assert_eq!(rows(&[3, 100], 1), (300, 1));
    }
}
