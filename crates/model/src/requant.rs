//! `out = f(clamp(floor((m_c * a + 2^(s-1)) / 2^s), low, high))`, `c` the channel; for `s = 0` there is no rounding
//! term.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{NodeError, Shape, ValueInfo};

/// Multiplication by a public integer a channel, rounding shift, clamp and activation, element by element. ReLU is
/// `low = 0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requant {
    /// `m_c`, one a channel (axis 1); 1 if there are none. Products with accumulators stay below `2^62`.
    pub multipliers: Option<Arc<Vec<i32>>>,
    /// The power of two to divide by, at most [`Self::MAX_SHIFT`]. Halves round up.
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
    pub const MAX_SHIFT: u32 = 40;

    /// Without multipliers and activation.
    pub const fn plain(shift: u32, low: i32, high: i32) -> Self {
        Self { multipliers: None, shift, low, high, table: None }
    }

    /// The multiplier of one channel; 1 if there is none.
    pub fn multiplier(&self, channel: usize) -> i32 {
        self.multipliers.as_ref().and_then(|m| m.get(channel).copied()).unwrap_or(1)
    }

    /// The quotient before clamp and activation, `product` being the accumulator times its channel's multiplier:
    /// `floor((product + 2^(s-1)) / 2^s)`.
    ///
    /// Total on every input: shifts above [`Self::MAX_SHIFT`] count as that, and sums saturate.
    pub fn quotient(&self, product: i64) -> i64 {
        let shift = self.shift.min(Self::MAX_SHIFT);
        let half = (1i64 << shift) >> 1;
        product.saturating_add(half) >> shift
    }

    /// The result for one accumulator of channel `channel`.
    ///
    /// Total on every input: an empty clamp range counts as its lower end, and a table without an entry for a value
    /// as the identity. [`Graph::validate`](crate::Graph::validate) excludes both.
    pub fn apply(&self, channel: usize, accumulator: i32) -> i32 {
        self.finish(i64::from(self.multiplier(channel)) * i64::from(accumulator))
    }

    /// The result for an accumulator times its multiplier.
    fn finish(&self, product: i64) -> i32 {
        let value = self.quotient(product).min(self.high.into()).max(self.low.into()) as i32;
        let entry =
            |table: &Vec<i32>| table.get(usize::try_from(i64::from(value) - i64::from(self.low)).ok()?).copied();
        self.table.as_ref().and_then(entry).unwrap_or(value)
    }

    /// Whether a larger accumulator never gives a smaller result: what lets a max-pool move from one side to the other.
    pub fn is_monotone(&self) -> bool {
        let rises = |table: &Vec<i32>| table.windows(2).all(|pair| pair[0] <= pair[1]);
        let signs = |multipliers: &Arc<Vec<i32>>| multipliers.iter().all(|&m| m >= 0);
        self.table.as_ref().is_none_or(rises) && self.multipliers.as_ref().is_none_or(signs)
    }

    pub(crate) fn infer(&self, input: &ValueInfo) -> Result<ValueInfo, NodeError> {
        let &Self { shift, low, high, .. } = self;
        if shift > Self::MAX_SHIFT {
            return Err(NodeError::Shift(shift));
        }
        self.check_multipliers(input)?;
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

    fn check_multipliers(&self, input: &ValueInfo) -> Result<(), NodeError> {
        let Some(multipliers) = &self.multipliers else { return Ok(()) };
        let (expected, found) = (input.shape[1], multipliers.len());
        if found != expected {
            return Err(NodeError::MultiplierCount { expected, found });
        }
        let magnitude = input.low.unsigned_abs().max(input.high.unsigned_abs());
        let reaches = |m: i32| u64::from(m.unsigned_abs()).saturating_mul(magnitude) >= 1 << 62;
        match multipliers.iter().enumerate().find(|&(_, &m)| reaches(m)) {
            Some((channel, &multiplier)) => {
                Err(NodeError::MultiplierRange { channel, multiplier, low: input.low, high: input.high })
            }
            None => Ok(()),
        }
    }

    pub(crate) fn run(&self, input: &[i32], shape: Shape) -> Vec<i32> {
        let plane = (shape[2] * shape[3]).max(1);
        let mut out = Vec::with_capacity(input.len());
        for (index, values) in input.chunks(plane).enumerate() {
            let multiplier = i64::from(self.multiplier(index % shape[1]));
            out.extend(values.iter().map(|&a| self.finish(multiplier * i64::from(a))));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn requant(shift: u32, low: i32, high: i32) -> Requant {
        Requant::plain(shift, low, high)
    }

    #[test]
    fn halves_round_up_and_ends_saturate() {
        let op = requant(2, -3, 3);
        let pairs =
            [(-20, -3), (-11, -3), (-10, -2), (-7, -2), (-6, -1), (-3, -1), (-2, 0), (1, 0), (2, 1), (5, 1), (6, 2)];
        for (a, out) in pairs {
            assert_eq!(op.apply(0, a), out, "{a}");
        }
        assert_eq!(requant(0, -5, 5).apply(0, 4), 4);
        assert_eq!(requant(30, i32::MIN, i32::MAX).apply(0, i32::MAX), 2);
        assert_eq!(requant(1, i32::MIN, i32::MAX).apply(0, i32::MAX), 1 << 30);
        assert_eq!(requant(32, i32::MIN, i32::MAX).apply(0, i32::MIN), 0);
        assert_eq!(requant(31, i32::MIN, i32::MAX).apply(0, i32::MIN), -1);
    }

    #[test]
    fn every_channel_has_its_multiplier() {
        let op = Requant { multipliers: Some(Arc::new(vec![3, -1, 1 << 30])), ..requant(2, -100, 100) };
        assert_eq!([0, 1, 2].map(|c| op.apply(c, 5)), [4, -1, 100]);
        assert_eq!(op.run(&[5, 5, 5, -5, 6, 0], [2, 3, 1, 1]), [4, -1, 100, -4, -1, 0]);
        assert_eq!(op.run(&[5, 1, 5, 5, -1, 0], [1, 3, 1, 2]), [4, 1, -1, -1, -100, 0]);
        let info = ValueInfo { shape: [2, 3, 4, 4], low: -100, high: 100 };
        assert_eq!(op.infer(&info).map(|out| (out.low, out.high)), Ok((-100, 100)));
    }

    proptest! {
        #[test]
        fn the_quotient_leaves_a_remainder_below_the_divisor(
            (a, multiplier) in (any::<i32>(), any::<i32>()),
            shift in 0u32..=Requant::MAX_SHIFT,
        ) {
            let rounding = if shift == 0 { 0 } else { 1i64 << (shift - 1) };
            let product = (i64::from(a) * i64::from(multiplier)).min((1 << 62) - 1);
            let r = product + rounding - (requant(shift, 0, 0).quotient(product) << shift);
            prop_assert!((0..1i64 << shift).contains(&r));
        }

        #[test]
        fn relu_is_a_clamp_from_zero(a in any::<i32>(), shift in 0u32..=30) {
            let signed = requant(shift, i32::MIN, 255);
            prop_assert_eq!(requant(shift, 0, 255).apply(0, a), signed.apply(0, a).max(0));
        }

        #[test]
        fn the_fast_run_equals_the_formula(
            (batch, channels, plane) in (1usize..3, 1usize..4, 1usize..6),
            (shift, has_table, scaled) in (0u32..=40, any::<bool>(), any::<bool>()),
            seed in prop::collection::vec(any::<i32>(), 3 + 40),
        ) {
            let len = batch * channels * plane;
            let multipliers = scaled.then(|| Arc::new(seed[..channels].to_vec()));
            let table = has_table.then(|| (0..256).map(|i| (i * 37) % 101 - 50).collect());
            let op = Requant { multipliers, table, ..requant(shift, -128, 127) };
            let input: Vec<i32> = seed[3..3 + len].iter().map(|&v| v.max(-i32::MAX)).collect();
            let shape = [batch, channels, 1, plane];
            prop_assert_eq!(op.run(&input, shape), crate::reference::requant(&op, &input, shape));
        }
    }

    #[test]
    fn tables_are_indexed_from_the_lower_end() {
        let op = Requant { table: Some(vec![9, 4, 1, 0, 1]), ..requant(0, -3, 1) };
        assert_eq!([-7, -3, -2, 0, 1, 8].map(|a| op.apply(0, a)), [9, 9, 4, 0, 1, 1]);
        let info = ValueInfo { shape: [1; 4], low: -100, high: 100 };
        assert_eq!(op.infer(&info).map(|v| (v.low, v.high)), Ok((0, 9)));
    }

    #[test]
    fn bad_parameters_are_errors() {
        let info = ValueInfo { shape: [1; 4], low: -100, high: 100 };
        assert_eq!(requant(41, 0, 1).infer(&info), Err(NodeError::Shift(41)));
        assert_eq!(requant(3, 2, 1).infer(&info), Err(NodeError::Clamp { low: 2, high: 1 }));
        let table = |len| Requant { table: Some(vec![0; len]), ..requant(1, 0, 3) }.infer(&info);
        assert!(table(4).is_ok());
        for len in [0, 3, 5] {
            assert_eq!(table(len), Err(NodeError::TableLength { expected: 4, found: len }));
        }
    }

    #[test]
    fn multipliers_of_another_number_or_beyond_62_bits_are_errors() {
        let scaled = |multipliers: Vec<i32>, low: i64| {
            let op = Requant { multipliers: Some(Arc::new(multipliers)), ..requant(1, 0, 3) };
            op.infer(&ValueInfo { shape: [1, 2, 1, 1], low, high: 5 })
        };
        assert!(scaled(vec![1, -7], -9).is_ok());
        assert_eq!(scaled(vec![1; 3], 0), Err(NodeError::MultiplierCount { expected: 2, found: 3 }));
        assert_eq!(scaled(vec![], 0), Err(NodeError::MultiplierCount { expected: 2, found: 0 }));
        let min = i64::from(i32::MIN);
        assert!(scaled(vec![i32::MAX, i32::MIN], min + 1).is_ok());
        let error = NodeError::MultiplierRange { channel: 1, multiplier: i32::MIN, low: min, high: 5 };
        assert_eq!(scaled(vec![i32::MAX, i32::MIN], min), Err(error));
    }

    #[test]
    fn falling_tables_and_negative_multipliers_are_not_monotone() {
        let table = |table: &[i32]| Requant { table: Some(table.to_vec()), ..requant(0, 0, 2) };
        assert!(requant(3, 0, 1).is_monotone() && table(&[0, 0, 4]).is_monotone());
        assert!(!table(&[0, 1, 0]).is_monotone());
        let scaled = |m: &[i32]| Requant { multipliers: Some(Arc::new(m.to_vec())), ..requant(0, 0, 2) };
        assert!(scaled(&[0, 3]).is_monotone() && !scaled(&[1, -1]).is_monotone());
    }
}
