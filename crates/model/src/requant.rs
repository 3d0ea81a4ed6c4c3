//! `out = f(clamp(floor((a + 2^(s-1)) / 2^s), low, high))`; for `s = 0` there is no rounding term.

use serde::{Deserialize, Serialize};

use crate::{NodeError, ValueInfo};

/// Rounding shift, clamp and activation, element by element. ReLU is `low = 0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requant {
    /// The power of two to divide by, at most 30. Halves round up.
    pub shift: u32,
    /// Least result of the clamp.
    pub low: i32,
    /// Largest result of the clamp.
    pub high: i32,
    /// The activation `f`: entry `v - low` is `f(v)`; the identity if there is none.
    pub table: Option<Vec<i32>>,
}

impl Requant {
    /// The largest shift.
    pub const MAX_SHIFT: u32 = 30;

    /// The quotient before clamp and activation: `floor((a + 2^(s-1)) / 2^s)`.
    ///
    /// Shifts above [`Self::MAX_SHIFT`] count as that.
    pub fn quotient(&self, accumulator: i32) -> i32 {
        let shift = self.shift.min(Self::MAX_SHIFT);
        let half = (1i64 << shift) >> 1;
        // A shift of at least 1 halves the sum, which is within i32 again; shift 0 leaves the accumulator.
        ((i64::from(accumulator) + half) >> shift) as i32
    }

    /// The result for one accumulator.
    ///
    /// Total on every input: an empty clamp range counts as its lower end, and a table without an entry for a value
    /// as the identity. [`Graph::validate`](crate::Graph::validate) excludes both.
    pub fn apply(&self, accumulator: i32) -> i32 {
        let value = self.quotient(accumulator).min(self.high).max(self.low);
        let entry =
            |table: &Vec<i32>| table.get(usize::try_from(i64::from(value) - i64::from(self.low)).ok()?).copied();
        self.table.as_ref().and_then(entry).unwrap_or(value)
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let &Self { shift, low, high, .. } = self;
        if shift > Self::MAX_SHIFT {
            return Err(NodeError::Shift(shift));
        }
        let expected = i64::from(high) - i64::from(low) + 1;
        if expected < 1 {
            return Err(NodeError::Clamp { low, high });
        }
        let (least, most) = match &self.table {
            None => (low, high),
            Some(table) => match (table.iter().min(), table.iter().max()) {
                (Some(&least), Some(&most)) if table.len() as i64 == expected => (least, most),
                _ => return Err(NodeError::TableLength { expected, found: table.len() }),
            },
        };
        ValueInfo::bounded(input.shape, least.into(), most.into())
    }

    pub(crate) fn run(&self, input: &[i32]) -> Vec<i32> {
        input.iter().map(|&a| self.apply(a)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requant(shift: u32, low: i32, high: i32) -> Requant {
        Requant { shift, low, high, table: None }
    }

    #[test]
    fn halves_round_up_and_ends_saturate() {
        let op = requant(2, -3, 3);
        let pairs =
            [(-20, -3), (-11, -3), (-10, -2), (-7, -2), (-6, -1), (-3, -1), (-2, 0), (1, 0), (2, 1), (5, 1), (6, 2)];
        for (a, out) in pairs {
            assert_eq!(op.apply(a), out, "{a}");
        }
        assert_eq!(requant(0, -5, 5).apply(4), 4);
        assert_eq!(requant(30, i32::MIN, i32::MAX).apply(i32::MAX), 2);
        assert_eq!(requant(1, i32::MIN, i32::MAX).apply(i32::MAX), 1 << 30);
    }

    proptest! {
        #[test]
        fn the_quotient_leaves_a_remainder_below_the_divisor(a in any::<i32>(), shift in 0u32..=30) {
            let rounding = if shift == 0 { 0 } else { 1i64 << (shift - 1) };
            let q = i64::from(requant(shift, 0, 0).quotient(a));
            let r = i64::from(a) + rounding - (q << shift);
            prop_assert!((0..1i64 << shift).contains(&r));
        }

        #[test]
        fn relu_is_a_clamp_from_zero(a in any::<i32>(), shift in 0u32..=30) {
            let signed = requant(shift, i32::MIN, 255);
            prop_assert_eq!(requant(shift, 0, 255).apply(a), signed.apply(a).max(0));
        }
    }

    #[test]
    fn tables_are_indexed_from_the_lower_end() {
        let op = Requant { table: Some(vec![9, 4, 1, 0, 1]), ..requant(0, -3, 1) };
        assert_eq!([-7, -3, -2, 0, 1, 8].map(|a| op.apply(a)), [9, 9, 4, 0, 1, 1]);
        let info = ValueInfo { shape: [1; 4], low: -100, high: 100 };
        assert_eq!(op.infer(&info).map(|v| (v.low, v.high)), Ok((0, 9)));
    }

    #[test]
    fn bad_parameters_are_errors() {
        let info = ValueInfo { shape: [1; 4], low: -100, high: 100 };
        assert_eq!(requant(31, 0, 1).infer(&info), Err(NodeError::Shift(31)));
        assert_eq!(requant(3, 2, 1).infer(&info), Err(NodeError::Clamp { low: 2, high: 1 }));
        let table = |len| Requant { table: Some(vec![0; len]), ..requant(1, 0, 3) }.infer(&info);
        assert!(table(4).is_ok());
        for len in [0, 3, 5] {
            assert_eq!(table(len), Err(NodeError::TableLength { expected: 4, found: len }));
        }
    }
}
