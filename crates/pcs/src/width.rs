use crate::Split;
use crate::group::{TABLE_COLUMNS, msm_additions};
use crate::hyrax::{argument_rounds, padded_width};

/// A wire that will be committed, and whether once with the model or in every proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireShape {
    /// True lengths of its axes.
    pub shape: Vec<usize>,
    /// Whether every proof carries its rows.
    pub in_proof: bool,
}

/// What an opening costs for one width: counts, and what they are worth together. One thread, one proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WidthCost {
    /// Columns.
    pub width: usize,
    /// Row commitments in the key.
    pub key_rows: usize,
    /// Row commitments in a proof.
    pub proof_rows: usize,
    /// Bytes of a proof: rows, and the messages of the opening behind its sumcheck.
    pub bytes: usize,
    /// Nanoseconds of the verifier: checked reads and the multi-scalar multiplication.
    pub verify_ns: usize,
    /// Nanoseconds of the prover that depend on the width: the argument's sums, and its share of the tables.
    pub prove_ns: usize,
}

/// Nanoseconds of an addition of points in a large batch.
const ADDITION: usize = 150;
/// Nanoseconds to read a point with all checks.
const READ_POINT: usize = 116_000;
/// The same for a row of the key, which is read once for some forty proofs.
const READ_KEY_ROW: usize = 3_000;
/// Nanoseconds to read a scalar, absorb it and multiply it.
const READ_SCALAR: usize = 500;
/// Nanoseconds a column to make tables of multiples, spread over the proofs that a key is loaded for.
const TABLES: usize = 15_000;
/// A byte is worth this many nanoseconds: a proof a kilobyte smaller is worth a tenth of a millisecond.
const BYTE: usize = 100;
/// Bytes of rows and opening up to which that is so: half of the 200 KB that a proof is meant to stay within, whose other half
/// is for all other messages.
const FEW_BYTES: usize = 100_000;
/// Every byte beyond them is worth this many nanoseconds.
const EXCESS_BYTE: usize = 1_000;
/// The prover's time counts as one part in this many: what width adds to it is small beside the rest of a proof.
const PROVER_SHARE: usize = 2;

impl WidthCost {
    /// Of these wires, cut for rows of `width` columns.
    pub fn new(wires: &[WireShape], width: usize) -> Self {
        let rows = |in_proof: bool| -> usize {
            let wires = wires.iter().filter(|w| w.in_proof == in_proof);
            wires.map(|w| Split::choose(&w.shape, width).num_rows()).fold(0, usize::saturating_add)
        };
        let (key_rows, proof_rows) = (rows(false), rows(true));
        let (rounds, columns) = (argument_rounds(width), padded_width(width));
        let scalars = (columns >> rounds) + 1 + rounds;
        let points = proof_rows.saturating_add(2 * rounds);
        let terms = columns.saturating_add(key_rows).saturating_add(points).min(1 << 40);
        let reads = READ_POINT.saturating_mul(points).saturating_add(READ_KEY_ROW.saturating_mul(key_rows));
        let tables = if width <= TABLE_COLUMNS { TABLES * width } else { 0 };
        Self {
            width,
            key_rows,
            proof_rows,
            bytes: points.saturating_mul(48).saturating_add(32 * scalars),
            verify_ns: reads.saturating_add(ADDITION * msm_additions(terms)).saturating_add(READ_SCALAR * scalars),
            // Beside the argument's rounds, one such sum commits to what blinds the last vector.
            prove_ns: ADDITION * (rounds + 1) * msm_additions(columns) + tables,
        }
    }

    /// What [`choose_width`] makes least.
    pub fn total(&self) -> usize {
        let excess = self.bytes.saturating_sub(FEW_BYTES);
        let size = (BYTE * (self.bytes - excess)).saturating_add(EXCESS_BYTE.saturating_mul(excess));
        self.verify_ns.saturating_add(size).saturating_add(self.prove_ns / PROVER_SHARE)
    }
}

/// The number of columns that makes proofs cheapest to verify, to send and to make, in this order of weight. Proofs with more
/// than 100 KB of rows are the exception: they become smaller first, as far as `max` lets them.
///
/// Candidates are the widths at which some wire's rows are full. `max` bounds the answer; prices are DEPENDENCIES.md's.
/// More columns mean fewer rows and a longer combined row, which the inner-product argument of [`crate::hyrax`] makes short
/// again beyond 640: LeNet-5 gets 400 columns, VGG-16 for CIFAR-10 4608, ResNet-50 for images of 224 x 224 25088, a channel's
/// planes of 112 x 112 two in a row. Cost: a [`Split::choose`] a wire and candidate.
pub fn choose_width(wires: &[WireShape], max: usize) -> usize {
    let caps = (0..usize::BITS).map(|k| max >> k).take_while(|&cap| cap > 0);
    let mut candidates: Vec<usize> =
        caps.flat_map(|cap| wires.iter().map(move |w| Split::choose(&w.shape, cap).num_columns())).collect();
    candidates.retain(|&width| (1..=max).contains(&width));
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().min_by_key(|&width| WidthCost::new(wires, width).total()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hyrax::MAX_WIDTH;

    fn wires(in_proof: bool, shapes: &[&[usize]]) -> Vec<WireShape> {
        shapes.iter().map(|shape| WireShape { shape: shape.to_vec(), in_proof }).collect()
    }

    fn lenet() -> Vec<WireShape> {
        let weights: [&[usize]; 5] =
            [&[6, 1, 5, 5], &[16, 6, 5, 5], &[120, 16, 5, 5], &[84, 120, 1, 1], &[10, 84, 1, 1]];
        let biases: [&[usize]; 5] = [&[6], &[16], &[120], &[84], &[10]];
        let advice: [&[usize]; 8] = [
            &[10, 1, 6, 14, 14],
            &[15, 1, 16, 5, 5],
            &[6, 1, 120, 1, 1],
            &[6, 1, 84, 1, 1],
            &[256],
            &[4096],
            &[512],
            &[1024],
        ];
        [wires(false, &weights), wires(false, &biases), wires(true, &advice)].concat()
    }

    /// VGG-16 for images of 32 x 32, with six columns of advice an activation.
    fn vgg16() -> Vec<WireShape> {
        let (mut wires, mut channels, mut side) = (Vec::new(), 3, 32);
        for block in [&[64, 64][..], &[128; 2], &[256; 3], &[512; 3], &[512; 3]] {
            for &out in block {
                wires.push(WireShape { shape: vec![out, channels, 3, 3], in_proof: false });
                wires.push(WireShape { shape: vec![out], in_proof: false });
                wires.push(WireShape { shape: vec![6, 1, out, side, side], in_proof: true });
                channels = out;
            }
            side /= 2;
        }
        wires.push(WireShape { shape: vec![10, 512, 1, 1], in_proof: false });
        wires.push(WireShape { shape: vec![4096], in_proof: true });
        wires
    }

    #[test]
    fn narrow_wires_give_narrow_rows_and_no_wires_give_one_column() {
        assert_eq!(choose_width(&[], 1024), 1);
        assert_eq!(choose_width(&wires(true, &[&[4, 2]]), 1024), 8);
    }

    #[test]
    fn many_proof_rows_are_worth_a_wider_matrix() {
        let weights = |in_proof| wires(in_proof, &[&[64, 1024]]);
        assert!(choose_width(&weights(true), 1024) > choose_width(&weights(false), 1024));
    }

    #[test]
    fn widths_of_known_networks() {
        assert_eq!(choose_width(&lenet(), MAX_WIDTH), 400);
        assert_eq!(choose_width(&vgg16(), MAX_WIDTH), 4608);
        let cost = WidthCost::new(&vgg16(), 4608);
        assert_eq!((cost.key_rows, cost.proof_rows, cost.bytes), (3208, 406, 38_336));
    }

    /// ResNet-50 for images of 224 x 224: pairs of a quotient and what it is clamped to, ten columns where windows overlap.
    fn resnet50() -> Vec<WireShape> {
        let mut all = wires(true, &[&[2, 1, 64, 112, 112], &[10, 1, 64, 56, 56], &[2, 1, 2048, 1, 1], &[1 << 17]]);
        all.extend(wires(false, &[&[64, 3, 7, 7], &[64], &[1000, 2048, 1, 1], &[1000]]));
        let (mut channels, mut side) = (64, 56);
        let mut conv = |from: usize, to: usize, kernel: usize, side: usize| {
            all.extend(wires(false, &[&[to, from, kernel, kernel], &[to]]));
            all.extend(wires(true, &[&[2, 1, to, side, side]]));
        };
        for (width, blocks) in [(64, 3), (128, 4), (256, 6), (512, 3)] {
            for block in 0..blocks {
                let out = if block == 0 && width > 64 { side / 2 } else { side };
                conv(channels, width, 1, side);
                conv(width, width, 3, out);
                conv(width, 4 * width, 1, out);
                if block == 0 {
                    conv(channels, 4 * width, 1, out);
                }
                (channels, side) = (4 * width, out);
            }
        }
        // What comes out of every block's sum.
        let sums = [(256, 56, 3), (512, 28, 4), (1024, 14, 6), (2048, 7, 3)];
        all.extend(
            sums.into_iter()
                .flat_map(|(channels, side, blocks)| wires(true, &vec![&[2, 1, channels, side, side][..]; blocks])),
        );
        all
    }

    #[test]
    fn a_large_network_gets_rows_of_more_columns_so_that_its_proof_stays_small() {
        let wires = resnet50();
        let [before, after] = [1 << 14, MAX_WIDTH].map(|max| WidthCost::new(&wires, choose_width(&wires, max)));
        assert_eq!((before.width, after.width), (12_544, 25_088));
        assert!((2_800..2_900).contains(&before.proof_rows) && (1_400..1_450).contains(&after.proof_rows));
        assert!(before.bytes > FEW_BYTES && after.bytes < FEW_BYTES, "{before:?} {after:?}");
    }

    /// Neither a longer list of generators nor the price of long proofs changes the keys of networks whose proofs are short.
    #[test]
    fn wider_rows_are_not_for_small_networks() {
        for wires in [lenet(), vgg16(), wires(true, &[&[4, 2]]), wires(true, &[&[2, 1, 256, 56, 56][..]; 6])] {
            let costs = [1 << 14, MAX_WIDTH].map(|max| WidthCost::new(&wires, choose_width(&wires, max)));
            assert_eq!(costs[0], costs[1]);
            assert_eq!(costs[0].total(), costs[0].verify_ns + BYTE * costs[0].bytes + costs[0].prove_ns / PROVER_SHARE);
        }
    }

    #[test]
    fn costs_of_absurd_shapes_do_not_overflow() {
        let absurd = wires(true, &[&[usize::MAX >> 8, 3], &[1 << 40, 1 << 10]]);
        assert!((1..=MAX_WIDTH).contains(&choose_width(&absurd, MAX_WIDTH)));
    }
}
