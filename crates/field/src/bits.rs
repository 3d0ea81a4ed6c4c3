use serde::{Deserialize, Serialize};

/// A declared integer format: two's complement of `width` bits, or unsigned of `width` bits.
///
/// It is what a range proof shows and what bounds are computed from, so it is the whole format: signed 8 bits is
/// `-128..=127`, whatever values a quantiser happens to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Bits {
    /// Whether negative values exist.
    pub signed: bool,
    /// Number of bits, the sign included.
    pub width: u8,
}

impl Bits {
    /// Signed 8 bits.
    pub const I8: Self = Self::signed(8);
    /// Unsigned 8 bits.
    pub const U8: Self = Self::unsigned(8);
    /// The widest format that a wire can have.
    pub const MAX_WIDTH: u8 = 31;

    /// Two's complement of `width` bits.
    pub const fn signed(width: u8) -> Self {
        Self { signed: true, width }
    }

    /// Unsigned of `width` bits.
    pub const fn unsigned(width: u8) -> Self {
        Self { signed: false, width }
    }

    /// The narrowest format that holds every value of `low..=high`.
    pub fn holding(low: i64, high: i64) -> Self {
        let magnitude = |v: i64| (64 - if v < 0 { !v } else { v }.leading_zeros()) as u8;
        let width = magnitude(low).max(magnitude(high));
        if low < 0 { Self::signed(width + 1) } else { Self::unsigned(width.max(1)) }
    }

    /// Whether the width is between 1 and [`Self::MAX_WIDTH`].
    pub fn is_valid(self) -> bool {
        (1..=Self::MAX_WIDTH).contains(&self.width)
    }

    /// Smallest value. Widths above 62 saturate; [`Self::is_valid`] excludes them.
    pub fn low(self) -> i64 {
        if self.signed { -(1i64 << (self.width.clamp(1, 62) - 1)) } else { 0 }
    }

    /// Largest value.
    pub fn high(self) -> i64 {
        let magnitude = if self.signed { self.width.clamp(1, 62) - 1 } else { self.width.min(62) };
        (1i64 << magnitude) - 1
    }

    /// Whether `value` is of this format.
    pub fn contains(self, value: i64) -> bool {
        (self.low()..=self.high()).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_whole_format() {
        assert_eq!((Bits::I8.low(), Bits::I8.high()), (-128, 127));
        assert_eq!((Bits::U8.low(), Bits::U8.high()), (0, 255));
        assert!(!Bits::unsigned(0).is_valid() && !Bits::signed(32).is_valid());
    }

    #[test]
    fn holding_is_tight() {
        for (low, high, bits) in [
            (0, 0, Bits::unsigned(1)),
            (0, 255, Bits::U8),
            (0, 256, Bits::unsigned(9)),
            (-128, 127, Bits::I8),
            (-129, 0, Bits::signed(9)),
            (-1, 0, Bits::signed(1)),
            (-1, 128, Bits::signed(9)),
        ] {
            assert_eq!(Bits::holding(low, high), bits, "{low}..={high}");
        }
    }
}
