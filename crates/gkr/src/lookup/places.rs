//! Which nodes of a level are kept: all but those above nothing but padding.

use std::ops::Range;
use std::sync::Arc;

use convince_circuit::{Block, BlockSource, Circuit, leaf_axes};
use convince_field::ProofField;
use convince_poly::{eq_bits, log2_ceil, prefix_sum};
use convince_sumcheck::parallel;

/// The most levels on which padding may be left out, the leaves' among them; the two highest of them store all nodes, as sums go by
/// pairs and fours. What lies above is a thirtieth of the tree.
const MOST_LEVELS: usize = 6;
/// The fewest: those that a tree may compute again rather than keep are among them.
const FEWEST_LEVELS: usize = 4;

/// The leaves that are kept.
struct Kept {
    /// Ascending, and all multiples of `2^levels` but for the last one's length, behind which nothing is left out.
    runs: Vec<Run>,
    paddings: Vec<Padding>,
    /// log2 of what the runs are multiples of: so far up, each node is above true entries or padding alone.
    levels: usize,
    left_out: usize,
}

/// Consecutive leaves that are kept.
struct Run {
    leaf: usize,
    /// Number of leaves that are kept before it.
    stored: usize,
    len: usize,
}

/// A block whose padding is left out.
struct Padding {
    block: Block,
    /// True lengths of the axes that are padded, highest first; below them are the variables of the others.
    axes: Vec<usize>,
}

impl Padding {
    /// Number of true entries.
    fn entries(&self) -> usize {
        self.axes.iter().product::<usize>() << self.whole()
    }

    /// Variables of the axes that are not padded.
    fn whole(&self) -> usize {
        self.block.log_size - self.axes.iter().map(|&len| log2_ceil(len)).sum::<usize>()
    }

    /// log2 of what all runs of true entries are multiples of.
    fn levels(&self) -> usize {
        self.whole() + self.axes.last().map_or(0, |len| len.trailing_zeros() as usize)
    }
}

/// Where the nodes of a level stand, or those of a layer with its lowest variables bound: of all nodes, some are stored.
///
/// All leaves of padding in a block are equal, and so are the nodes above them, level by level; binding a variable leaves
/// them as they are. True entries come in runs of the length of the axes that are not padded
/// ([`leaf_axes`]), so that as many levels as that has factors of two can do without the rest.
#[derive(Clone, Default)]
pub(super) struct Places {
    kept: Option<Arc<Kept>>,
    /// log2 of the leaves of a node.
    height: usize,
}

/// Where one node is.
pub(super) enum Place {
    Stored(usize),
    /// It is left out, in the block of this number among [`Places::paddings`].
    Padding(usize),
}

impl Places {
    /// Of the leaves of a circuit.
    pub(super) fn new(circuit: &Circuit) -> Self {
        let padding = |block: &Block| {
            let BlockSource::Lookup(k) = block.source else { return None };
            let shape = circuit.lookups()[k].shape(circuit.wires());
            let axes = leaf_axes(shape).into_iter().map(|axis| shape[axis]).filter(|len| !len.is_power_of_two());
            let padding = Padding { block: *block, axes: axes.collect() };
            (!padding.axes.is_empty()).then_some(padding)
        };
        let blocks = circuit.blocks();
        let paddings: Vec<Padding> = blocks[lookups(circuit)].iter().filter_map(padding).collect();
        // What is left out below so many levels: the last two of them need whole fours and pairs.
        let saved = |levels: usize| -> usize {
            let some = paddings.iter().filter(|padding| padding.levels() >= levels);
            let leaves: usize = some.map(|padding| (1 << padding.block.log_size) - padding.entries()).sum();
            leaves - (leaves >> (levels - 1))
        };
        let levels = (FEWEST_LEVELS..=MOST_LEVELS).max_by_key(|&levels| saved(levels)).unwrap_or(MOST_LEVELS);
        let paddings: Vec<Padding> = paddings.into_iter().filter(|padding| padding.levels() >= levels).collect();
        if paddings.is_empty() {
            return Self::default();
        }
        let mut runs = Runs::default();
        let mut next = paddings.iter().peekable();
        for block in blocks {
            match next.next_if(|padding| padding.block.offset == block.offset) {
                Some(padding) => runs.push_padded(padding),
                None => runs.push(block.offset, 1 << block.log_size),
            }
        }
        let left_out = circuit.statistics().leaves - runs.stored;
        Self { kept: Some(Arc::new(Kept { runs: runs.runs, paddings, levels, left_out })), height: 0 }
    }

    /// Those of the nodes so many levels up, where every node is kept if it is above [`Self::levels`].
    pub(super) fn above(&self, levels: usize) -> Self {
        Self { kept: self.kept.clone(), height: self.height + levels }
    }

    /// log2 of what runs of stored nodes are multiples of at this height: at 0 they do not come in whole pairs. None where every
    /// node is stored.
    pub(super) fn levels(&self) -> Option<usize> {
        self.kept.as_ref().map(|kept| kept.levels - self.height)
    }

    /// Number of nodes that are not stored.
    pub(super) fn left_out(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.left_out >> self.height)
    }

    /// The blocks whose padding is left out, and the number of their leaves that are padding.
    pub(super) fn paddings(&self) -> impl Iterator<Item = (&Block, usize)> {
        let paddings = self.kept.iter().flat_map(|kept| &kept.paddings);
        paddings.map(|padding| (&padding.block, (1 << padding.block.log_size) - padding.entries()))
    }

    /// Stored nodes in pieces that are consecutive and lie within an aligned run of `run` nodes: which they are, and the number of
    /// the first among all nodes.
    pub(super) fn pieces(&self, stored: Range<usize>, run: usize) -> impl Iterator<Item = (Range<usize>, usize)> {
        let Range { mut start, end } = stored;
        let height = self.height;
        let runs = self.kept.as_ref().map_or(&[][..], |kept| &kept.runs);
        let mut next = runs.partition_point(|run| run.stored >> height <= start);
        std::iter::from_fn(move || {
            if start >= end {
                return None;
            }
            while runs.get(next).is_some_and(|run| run.stored >> height <= start) {
                next += 1;
            }
            let stop = runs.get(next).map_or(end, |run| end.min(run.stored >> height));
            let node = match next.checked_sub(1) {
                Some(k) => (runs[k].leaf >> height) + (start - (runs[k].stored >> height)),
                None => start,
            };
            let piece = start..stop.min(start + (run - node % run));
            start = piece.end;
            Some((piece, node))
        })
    }

    /// Where a node is.
    pub(super) fn find(&self, node: usize) -> Place {
        let Some(kept) = &self.kept else { return Place::Stored(node) };
        let leaf = node << self.height;
        let number = kept.runs.partition_point(|run| run.leaf <= leaf);
        let run = &kept.runs[number - 1];
        if leaf < run.leaf + run.len || number == kept.runs.len() {
            return Place::Stored((run.stored + leaf - run.leaf) >> self.height);
        }
        let end = |padding: &Padding| padding.block.offset + (1 << padding.block.log_size);
        Place::Padding(kept.paddings.partition_point(|padding| end(padding) <= leaf))
    }

    /// `sum_g eq(point, g)` over the nodes that are not stored, for each of the blocks.
    pub(super) fn weights_left_out<F: ProofField>(&self, point: &[F]) -> Vec<F> {
        let weight = |padding: &Padding| {
            let (block, mut variables) = (&padding.block, padding.block.log_size);
            let (prefix, mut rest) = point.split_at(point.len() + self.height - variables);
            let mut entries = F::one();
            for &len in &padding.axes {
                // Nodes may be above several entries of the lowest axis, and its length is a multiple of theirs.
                variables -= log2_ceil(len);
                let below = self.height.saturating_sub(variables);
                let (axis, lower) = rest.split_at(log2_ceil(len) - below);
                (entries, rest) = (entries * prefix_sum(axis, len >> below), lower);
            }
            eq_bits(prefix, block.offset >> block.log_size) * (F::one() - entries)
        };
        self.kept.iter().flat_map(|kept| &kept.paddings).map(weight).collect()
    }

    /// The tables of all nodes from number `first` on, of whose tables those that are stored are given, and what is left
    /// out of each block. Before `first` all nodes are stored.
    pub(super) fn widen<F: ProofField, const T: usize>(
        &self,
        first: usize,
        stored: &[Vec<F>; T],
        left_out: &[[F; T]],
    ) -> [Vec<F>; T] {
        let table = |t: usize| {
            let mut all = F::zeros(stored[t].len() + self.left_out());
            for ((block, _), node) in self.paddings().zip(left_out) {
                let start = (block.offset >> self.height) - first;
                all[start..start + (1 << (block.log_size - self.height))].fill(node[t]);
            }
            for (piece, node) in self.pieces(first..first + stored[t].len(), all.len()) {
                let from = &stored[t][piece.start - first..piece.end - first];
                all[node - first..node - first + from.len()].copy_from_slice(from);
            }
            all
        };
        let mut tables = parallel::map(T, table).into_iter();
        std::array::from_fn(|_| tables.next().unwrap_or_default())
    }
}

/// The longest run of blocks of a circuit that are lookups to the last entry.
pub(super) fn lookups(circuit: &Circuit) -> Range<usize> {
    let is_lookup = |block: &Block| match block.source {
        BlockSource::Lookup(k) => {
            block.log_size >= 2 && circuit.tables()[circuit.lookups()[k].table].content.zero_row().is_some()
        }
        BlockSource::Table(_) => false,
    };
    let (mut longest, mut most, mut start) = (0..0, 0, 0);
    for run in circuit.blocks().split_inclusive(|block| !is_lookup(block)) {
        let blocks = run.iter().take_while(|block| is_lookup(block));
        let leaves: usize = blocks.clone().map(|block| 1 << block.log_size).sum();
        if leaves > most {
            (longest, most) = (start..start + blocks.count(), leaves);
        }
        start += run.len();
    }
    longest
}

/// Leaves that a prover stores, of every block of the circuit: all of them, but for padding where that comes in long runs.
pub fn stored_leaves(circuit: &Circuit) -> Vec<usize> {
    let mut stored: Vec<usize> = circuit.blocks().iter().map(|block| 1 << block.log_size).collect();
    for (block, left_out) in Places::new(circuit).paddings() {
        // Blocks follow each other.
        let number = circuit.blocks().partition_point(|other| other.offset < block.offset);
        stored[number] -= left_out;
    }
    stored
}

#[derive(Default)]
struct Runs {
    runs: Vec<Run>,
    stored: usize,
}

impl Runs {
    fn push(&mut self, leaf: usize, len: usize) {
        match self.runs.last_mut().filter(|run| run.leaf + run.len == leaf) {
            Some(run) => run.len += len,
            None => self.runs.push(Run { leaf, stored: self.stored, len }),
        }
        self.stored += len;
    }

    /// The true entries of a block, a run for each row of its lowest padded axis.
    fn push_padded(&mut self, padding: &Padding) {
        let (last, leading) = padding.axes.split_last().expect("a padded axis");
        let whole = padding.whole();
        for mut row in 0..leading.iter().product::<usize>() {
            let (mut leaf, mut stride) = (padding.block.offset, whole + log2_ceil(*last));
            for &len in leading.iter().rev() {
                leaf += (row % len) << stride;
                row /= len;
                stride += log2_ceil(len);
            }
            self.push(leaf, last << whole);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use convince_circuit::{Bits, CircuitBuilder, Requant, Window};
    use convince_field::Fr;

    use super::*;

    /// A pooled layer, a plain one behind it, and one without padding.
    pub(in super::super) fn padded(shape: [usize; 4]) -> Circuit {
        let mut c = CircuitBuilder::new();
        let x = c.input(shape, Bits::I8).unwrap();
        let pooled = c.requant(x, Requant::plain(3, -9, 9).pooled(Window::square(2))).unwrap();
        let y = c.requant(pooled, Requant::plain(1, -4, 3)).unwrap();
        c.output(y).unwrap();
        c.finish().unwrap()
    }

    #[test]
    fn nodes_that_are_stored_and_those_that_are_not_are_all_nodes() {
        for shape in [[16, 3, 12, 20], [16, 5, 6, 8], [64, 6, 28, 28], [2, 8, 14, 10], [3, 5, 32, 96]] {
            let circuit = padded(shape);
            let leaves = Places::new(&circuit);
            let levels = leaves.levels().expect("padding is left out");
            let all = circuit.statistics().leaves;
            assert!(2 * leaves.left_out() > all / 8, "{shape:?}: {} of {all}", leaves.left_out());
            for height in 0..=levels {
                let places = leaves.above(height);
                let nodes = all >> height;
                let stored = nodes - places.left_out();
                let mut is_stored = vec![false; nodes];
                for (piece, first) in places.pieces(0..stored, 32) {
                    assert_eq!(first / 32, (first + piece.len() - 1) / 32, "a piece lies in one run");
                    for (k, node) in piece.zip(first..) {
                        assert!(!std::mem::replace(&mut is_stored[node], true));
                        assert!(matches!(places.find(node), Place::Stored(at) if at == k));
                    }
                }
                let vars = nodes.next_power_of_two().trailing_zeros() as i64;
                let point: Vec<Fr> = (0..vars).map(|i| Fr::from_i64(7 + 3 * i)).collect();
                let mut expected = vec![Fr::from_i64(0); places.paddings().count()];
                for node in (0..nodes).filter(|&node| !is_stored[node]) {
                    let Place::Padding(block) = places.find(node) else { panic!("node {node} is not stored") };
                    let (of, _) = places.paddings().nth(block).unwrap();
                    assert_eq!(node << height >> of.log_size, of.offset >> of.log_size);
                    expected[block] += eq_bits(&point, node);
                }
                assert_eq!(places.weights_left_out(&point), expected, "{shape:?}, height {height}");
            }
        }
    }

    #[test]
    fn padding_is_kept_where_runs_are_short() {
        assert!(Places::new(&padded([1, 3, 9, 11])).levels().is_none());
        assert!(Places::new(&padded([16, 4, 8, 8])).levels().is_none());
    }
}
