use std::ops::Range;

use super::Counts;

/// Where hidden scalars stand: pads, then Z | d_x | d_y, then t_0 | t_1, each kind from a new row of `width` columns on.
pub(super) struct Layout {
    width: usize,
    pub(super) counts: Counts,
}

impl Layout {
    pub(super) fn new(width: usize, counts: Counts) -> Self {
        Self { width, counts }
    }

    /// Scalars of every kind.
    fn kinds(&self) -> [usize; 3] {
        let products = self.counts.products;
        [self.counts.messages, 3 * products, if products > 0 { 2 } else { 0 }]
    }

    /// Number of rows of every kind.
    pub(super) fn num_rows(&self) -> [usize; 3] {
        self.kinds().map(|len| len.div_ceil(self.width))
    }

    /// The scalars of every row, counted over all kinds.
    pub(super) fn rows(&self) -> Vec<Range<usize>> {
        let mut rows = Vec::new();
        let mut start = 0;
        for len in self.kinds() {
            let end = start + len;
            rows.extend((start..end).step_by(self.width).map(|first| first..end.min(first + self.width)));
            start = end;
        }
        rows
    }
}
