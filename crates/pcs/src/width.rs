use crate::Split;

/// A wire that will be committed, and whether once with the model or in every proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireShape {
    /// True lengths of its axes.
    pub shape: Vec<usize>,
    /// Whether every proof carries its rows.
    pub in_proof: bool,
}

/// Microseconds of a verifier's thread for a row that stands in the key: a point of the last multi-scalar multiplication.
const KEY_ROW: usize = 20;
/// The same for a row in the proof, most of it the checked read.
const PROOF_ROW: usize = 136;
/// The same for a column: a point, and a scalar to read.
const COLUMN: usize = 22;
/// Bytes are worth this many nanoseconds each: a proof a kilobyte smaller is worth a tenth of a millisecond.
const BYTE_NANOSECONDS: usize = 100;

/// The number of columns that makes proofs cheapest to verify and to send.
///
/// Candidates are the widths at which some wire's rows are full. `max` bounds the answer; prices are DEPENDENCIES.md's.
pub fn choose_width(wires: &[WireShape], max: usize) -> usize {
    let mut candidates: Vec<usize> =
        wires.iter().flat_map(|w| (0..=10).map(|k| Split::choose(&w.shape, max >> k).num_columns())).collect();
    candidates.retain(|&width| (1..=max).contains(&width));
    candidates.sort_unstable();
    candidates.dedup();
    let cost = |width: usize| {
        let rows = |in_proof: bool| -> usize {
            let wires = wires.iter().filter(|w| w.in_proof == in_proof);
            wires.map(|w| Split::choose(&w.shape, width).num_rows()).sum()
        };
        let (key_rows, proof_rows) = (rows(false), rows(true));
        let bytes = 48 * proof_rows + 32 * width;
        1000 * (KEY_ROW * key_rows + PROOF_ROW * proof_rows + COLUMN * width) + BYTE_NANOSECONDS * bytes
    };
    candidates.into_iter().min_by_key(|&width| cost(width)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_wires_give_narrow_rows_and_no_wires_give_one_column() {
        assert_eq!(choose_width(&[], 1024), 1);
        let small = WireShape { shape: vec![4, 2], in_proof: true };
        assert_eq!(choose_width(&[small], 1024), 8);
    }

    #[test]
    fn many_proof_rows_are_worth_a_wider_matrix() {
        let weights = |in_proof| vec![WireShape { shape: vec![64, 1024], in_proof }];
        assert!(choose_width(&weights(true), 1024) > choose_width(&weights(false), 1024));
    }
}
