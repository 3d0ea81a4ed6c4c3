use super::{AxisMap, TensorMap, interval_product};

/// One input of a sum of mapped tensors, and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct MapTerm<'a> {
    /// What the mapped input is multiplied by.
    pub multiplier: i64,
    /// What becomes of the input's axes.
    pub map: &'a TensorMap,
    /// The input's shape.
    pub shape: [usize; 4],
    /// Least and largest element of the input.
    pub range: (i64, i64),
}

/// Most rows of an axis that has windows, and most combinations of kinds of rows times terms, for which bounds are
/// tight.
const MAX_KINDS: usize = 1 << 14;
/// Most rows of an axis, times terms, for which bounds are tight.
const MAX_ROWS: usize = 1 << 20;

/// Interval of `constant + sum over terms of multiplier * map(input)`, over all elements; saturates.
///
/// It is reached at both ends by some inputs, which are taken as independent of each other. An element of a
/// concatenation, say, has one input that it depends on, and none of the others counts. Sums of more rows and terms
/// than any network has may get a wider interval, so that time stays linear in the size of the maps.
///
/// `None` if there are no terms, a map does not fit its input, or the output shapes differ.
pub fn sum_bounds(terms: &[MapTerm<'_>], constant: i64) -> Option<(i128, i128)> {
    let output = terms.first()?.map.output_shape(terms[0].shape)?;
    if terms.iter().any(|term| term.map.output_shape(term.shape) != Some(output)) {
        return None;
    }
    let kinds = match terms {
        [_] => None,
        _ => [1, 2, 3].into_iter().map(|axis| row_kinds(terms, axis, output[axis])).collect::<Option<Vec<_>>>(),
    };
    match kinds.as_deref() {
        Some([a, b, c]) if a.len() * b.len() * c.len() * terms.len() <= MAX_KINDS => {
            let combinations = a.iter().flat_map(|a| b.iter().flat_map(move |b| c.iter().map(move |c| [a, b, c])));
            let bounds = combinations.map(|kinds| {
                sum(terms, constant, |t| {
                    let coefficient = kinds.iter().fold(1i128, |product, kind| product.saturating_mul(kind[t].into()));
                    Some((coefficient, coefficient))
                })
            });
            bounds.reduce(|a, b| a.zip(b).map(|((a, b), (c, d))| (a.min(c), b.max(d)))).flatten()
        }
        _ => sum(terms, constant, |t| {
            let sums = terms[t].map.row_sums(terms[t].shape)?;
            Some((sums.least, sums.most))
        }),
    }
}

/// The sum of every term's interval, its coefficients being in `coefficients(term)`.
fn sum(
    terms: &[MapTerm<'_>],
    constant: i64,
    coefficients: impl Fn(usize) -> Option<(i128, i128)>,
) -> Option<(i128, i128)> {
    let constant = i128::from(constant);
    terms.iter().enumerate().try_fold((constant, constant), |(low, high), (t, term)| {
        let (multiplier, range) = (i128::from(term.multiplier), (i128::from(term.range.0), i128::from(term.range.1)));
        let scaled = interval_product(coefficients(t)?, (multiplier, multiplier));
        let (least, most) = interval_product(scaled, range);
        Some((low.saturating_add(least), high.saturating_add(most)))
    })
}

/// The different rows that output axis `axis` has, each as one row sum a term; `None` if there are too many to look at.
fn row_kinds(terms: &[MapTerm<'_>], axis: usize, rows: usize) -> Option<Vec<Vec<i64>>> {
    let all = |is: fn(&AxisMap) -> bool| terms.iter().all(|term| is(&term.map.axes[axis]));
    if all(|map| matches!(map, AxisMap::Identity)) {
        return Some(vec![vec![1; terms.len()]]);
    }
    let written = !all(|map| matches!(map, AxisMap::Identity | AxisMap::Window { .. }));
    if rows.saturating_mul(terms.len()) > if written { MAX_ROWS } else { MAX_KINDS } {
        return None;
    }
    let row = |o: usize| {
        let sums = terms.iter().map(|term| term.map.axes[axis].row(o, term.shape[term.map.order[axis]]).sum());
        sums.collect::<Vec<_>>()
    };
    let mut kinds: Vec<Vec<i64>> = Vec::new();
    for kind in (0..rows).map(row) {
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    kinds.sort_unstable();
    kinds.dedup();
    Some(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(multiplier: i64, map: &TensorMap, channels: usize, range: (i64, i64)) -> MapTerm<'_> {
        MapTerm { multiplier, map, shape: [1, channels, 2, 2], range }
    }

    /// The places of a concatenation along channels.
    fn place(before: u32, len: u32, after: u32) -> TensorMap {
        let none = |n: u32| (0..n).map(|_| None);
        TensorMap::on_axis(1, AxisMap::Gather(none(before).chain((0..len).map(Some)).chain(none(after)).collect()))
    }

    #[test]
    fn the_bounds_of_a_concatenation_are_the_hull_of_its_parts() {
        let maps = [place(0, 3, 4), place(3, 1, 3), place(4, 3, 0)];
        let terms = [term(1, &maps[0], 3, (5, 9)), term(-2, &maps[1], 1, (-1, 2)), term(1, &maps[2], 3, (7, 30))];
        assert_eq!(sum_bounds(&terms, 100), Some((96, 130)));
        // A place that no part fills is the constant alone.
        assert_eq!(sum_bounds(&terms[..2], 100), Some((96, 109)));
        assert_eq!(sum_bounds(&terms[..1], 100), Some((100, 109)));
    }

    #[test]
    fn sums_of_whole_tensors_add_their_bounds() {
        let map = TensorMap::IDENTITY;
        assert_eq!(sum_bounds(&[term(3, &map, 2, (-1, 4)), term(-2, &map, 2, (0, 10))], 5), Some((-18, 17)));
        let plane = TensorMap::on_plane(
            AxisMap::Window { kernel: 2, stride: 1, padding: [1, 1] },
            AxisMap::Window { kernel: 1, stride: 1, padding: [0, 1] },
        );
        assert_eq!(sum_bounds(&[term(1, &plane, 2, (2, 7))], 0), Some((0, 14)));
    }

    #[test]
    fn more_rows_than_are_looked_at_give_wider_bounds() {
        let long = AxisMap::Window { kernel: 1, stride: 1, padding: [0, MAX_KINDS] };
        let map = TensorMap::on_axis(3, long);
        let terms = [term(1, &map, 1, (3, 4)), term(1, &map, 1, (-4, -3))];
        assert_eq!(sum_bounds(&terms, 0), Some((-4, 4)));
        let short = TensorMap::on_axis(3, AxisMap::Window { kernel: 1, stride: 1, padding: [0, 5] });
        assert_eq!(sum_bounds(&[term(1, &short, 1, (3, 4)), term(1, &short, 1, (-4, -3))], 0), Some((-1, 1)));
    }

    #[test]
    fn terms_that_do_not_go_together_have_no_bounds() {
        let map = TensorMap::IDENTITY;
        assert_eq!(sum_bounds(&[], 1), None);
        assert_eq!(sum_bounds(&[term(1, &map, 2, (0, 1)), term(1, &map, 3, (0, 1))], 0), None);
        assert_eq!(sum_bounds(&[term(1, &place(0, 3, 0), 2, (0, 1))], 0), None);
    }

    #[test]
    fn huge_coefficients_saturate() {
        let map = TensorMap::on_plane(AxisMap::Scale(vec![i32::MIN; 2]), AxisMap::Scale(vec![i32::MIN; 2]));
        let extreme = term(i64::MIN, &map, 1, (i64::MIN, i64::MAX));
        let (low, high) = sum_bounds(&[extreme; 5], i64::MAX).expect("fits");
        assert!(low == i128::MIN && high == i128::MAX);
    }
}
