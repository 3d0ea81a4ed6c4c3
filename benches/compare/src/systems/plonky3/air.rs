//! The tables and their constraints.

use std::sync::Arc;

use p3_air::{Air, AirBuilder, BaseAir, WindowAccess};
use p3_field::PrimeCharacteristicRing;
use p3_koala_bear::KoalaBear;
use p3_lookup::{Count, InteractionBuilder, LookupBus};
use p3_matrix::dense::RowMajorMatrix;
use std::borrow::Cow;

/// The field.
pub(super) type F = KoalaBear;

/// Addresses and values of all tensors.
const MEMORY: LookupBus<'static> = LookupBus::new("memory");
/// Sizes of ranges and the numbers in them.
const RANGES: LookupBus<'static> = LookupBus::new("ranges");
/// Pairs of bytes.
const PAIRS: LookupBus<'static> = LookupBus::new("pairs");

/// One table: its columns and what is fixed in them.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) kind: Kind,
    /// What the verifier's key commits to.
    pub(super) fixed: Arc<RowMajorMatrix<F>>,
    /// For [`Kind::Public`]: one value a row, known to the verifier.
    pub(super) public: Vec<Vec<F>>,
    /// How many of those are absorbed as public values: the rest is the same for all proofs.
    pub(super) num_public: usize,
}

/// What a table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Input, output and constants. Fixed: address, reads that the row provides (negative if it reads itself). Main: value.
    Public,
    /// Fully connected layers. Fixed: [`DenseFixed`]. Main: activations, weights, sums.
    Dense { taps: usize, outputs: usize, pairs: bool },
    /// One convolution. Fixed: [`ConvFixed`]. Main: activations, weights, sums so far, sums.
    Conv { taps: usize, outputs: usize },
    /// Requantisations. Fixed: [`RequantFixed`], then sizes of the limbs. Main: accumulator, limbs.
    Requant { limbs: Limbs },
    /// Maxima of this many values. Fixed: address of the result, reads of it, whether the row is used, addresses of the values.
    /// Main: result, values, products of differences.
    Max { window: usize },
    /// Fixed: sizes and numbers. Main: how often each is looked up.
    Ranges,
    /// Fixed: pairs of bytes. Main: how often each is looked up.
    Pairs,
}

/// Fixed columns of [`Kind::Dense`]; the flags of the outputs follow.
pub(super) enum DenseFixed {
    /// Address of the first activation, the others follow it.
    Input,
    /// Whether the row is used.
    Active,
    /// Whether the row goes on with the sums of the row before.
    Continues,
    /// Address of the first sum that the rows before have finished, the others follow it.
    Output,
}

/// Fixed columns of [`Kind::Conv`]; addresses of the activations follow.
pub(super) enum ConvFixed {
    /// Whether the row is used.
    Active,
    /// Whether the next row has the same weights, one tap further.
    Rotates,
    /// Whether there are sums so far.
    Resumes,
    /// Address of the first sum so far, the others follow it.
    Input,
    /// Address of the first sum, the others follow it.
    Output,
}

/// Fixed columns of [`Kind::Requant`]; the sizes of the limbs follow.
pub(super) enum RequantFixed {
    /// Address of the accumulator.
    Input,
    /// Address of the result.
    Output,
    /// How often the result is read.
    Reads,
    /// Whether the row is used.
    Active,
    /// `2^shift`.
    Scale,
    /// `2^(shift-1) - low * 2^shift`.
    Offset,
    /// Bounds of the result.
    Low,
    High,
}

/// Number of limbs of each part of a requantisation, beside the one of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Limbs {
    pub(super) remainder: usize,
    pub(super) above: usize,
    pub(super) below: usize,
}

impl Limbs {
    /// With that of the result.
    pub(super) fn count(self) -> usize {
        1 + self.remainder + self.above + self.below
    }
}

/// Fixed columns of [`Kind::Max`] before the addresses of the values.
pub(super) const MAX_FIXED: usize = 3;

/// Number of columns before those of variable number.
pub(super) const DENSE_FIXED: usize = DenseFixed::Output as usize + 1;
pub(super) const CONV_FIXED: usize = ConvFixed::Output as usize + 1;
pub(super) const REQUANT_FIXED: usize = RequantFixed::High as usize + 1;

/// Differences of maxima are below it.
pub(super) const BYTE: u64 = 1 << 8;
/// Added to weights, so that they are bytes.
pub(super) const WEIGHT_OFFSET: i64 = 1 << 7;

impl Kind {
    /// Columns of the main trace.
    pub(super) fn width(self) -> usize {
        match self {
            Self::Public | Self::Ranges | Self::Pairs => 1,
            Self::Dense { taps, outputs, .. } => taps + taps * outputs + outputs,
            Self::Conv { taps, outputs } => taps + taps * outputs + 2 * outputs,
            Self::Requant { limbs } => 1 + limbs.count(),
            Self::Max { window } => 1 + window + window.saturating_sub(2),
        }
    }

    /// Fixed columns.
    pub(super) fn fixed_width(self) -> usize {
        match self {
            Self::Public | Self::Ranges | Self::Pairs => 2,
            Self::Dense { outputs, .. } => DENSE_FIXED + outputs,
            Self::Conv { taps, .. } => CONV_FIXED + taps,
            Self::Requant { limbs } => REQUANT_FIXED + limbs.count(),
            Self::Max { window } => MAX_FIXED + window,
        }
    }

    /// Whether constraints see the next row.
    fn sees_next(self) -> bool {
        matches!(self, Self::Dense { .. } | Self::Conv { .. })
    }
}

impl BaseAir<F> for Table {
    fn width(&self) -> usize {
        self.kind.width()
    }

    fn preprocessed_trace(&self) -> Option<RowMajorMatrix<F>> {
        Some(RowMajorMatrix::clone(&self.fixed))
    }

    fn preprocessed_width(&self) -> usize {
        self.kind.fixed_width()
    }

    fn num_periodic_columns(&self) -> usize {
        self.public.len()
    }

    fn periodic_columns(&self) -> Cow<'_, [Vec<F>]> {
        Cow::Borrowed(&self.public)
    }

    fn main_next_row_columns(&self) -> Vec<usize> {
        if self.kind.sees_next() { (0..self.width()).collect() } else { Vec::new() }
    }

    fn preprocessed_next_row_columns(&self) -> Vec<usize> {
        Vec::new()
    }

    fn num_public_values(&self) -> usize {
        self.num_public
    }
}

impl<AB: AirBuilder<F = F> + InteractionBuilder> Air<AB> for Table {
    fn eval(&self, builder: &mut AB) {
        let main = builder.main();
        let (row, next) = (main.current_slice(), main.next_slice());
        let row: Vec<AB::Expr> = row.iter().map(|&v| v.into()).collect();
        let next: Vec<AB::Expr> =
            if self.kind.sees_next() { next.iter().map(|&v| v.into()).collect() } else { Vec::new() };
        let fixed: Vec<AB::Expr> = builder.preprocessed().current_slice().iter().map(|&v| v.into()).collect();
        match self.kind {
            Kind::Public => {
                let value: AB::Expr = builder.periodic_values()[0].into();
                builder.assert_eq(row[0].clone(), value);
                MEMORY.table_entry(builder, [fixed[0].clone(), row[0].clone()], fixed[1].clone());
            }
            Kind::Dense { taps, outputs, pairs } => dense(builder, taps, outputs, pairs, &fixed, &row, &next),
            Kind::Conv { taps, outputs } => conv(builder, taps, outputs, &fixed, &row, &next),
            Kind::Requant { limbs } => requant(builder, limbs, &fixed, &row),
            Kind::Max { window } => maximum(builder, window, &fixed, &row),
            Kind::Ranges => RANGES.table_entry(builder, fixed, row[0].clone()),
            Kind::Pairs => PAIRS.table_entry(builder, fixed, row[0].clone()),
        }
    }
}

/// A read of memory on rows where `flag` is one; `flag` is fixed, and never more than one.
fn read<AB: InteractionBuilder<F = F>>(builder: &mut AB, address: AB::Expr, value: AB::Expr, flag: &AB::Expr) {
    MEMORY.lookup_key(builder, [address, value], Count::bounded(flag.clone(), 1));
}

fn at<E: PrimeCharacteristicRing>(address: &E, offset: usize) -> E {
    address.clone() + E::from_usize(offset)
}

/// Sums of a row's products for one output.
fn products<E: PrimeCharacteristicRing>(row: &[E], taps: usize, outputs: usize, output: usize) -> E {
    let product = |tap: usize| row[tap].clone() * row[taps + tap * outputs + output].clone();
    (0..taps).map(product).fold(E::ZERO, |sum, product| sum + product)
}

fn in_range<AB: InteractionBuilder<F = F>>(builder: &mut AB, size: AB::Expr, value: AB::Expr) {
    RANGES.lookup_key(builder, [size, value], 1);
}

fn byte<E: PrimeCharacteristicRing>(weight: &E) -> E {
    weight.clone() + E::from_i64(WEIGHT_OFFSET)
}

fn dense<AB: InteractionBuilder<F = F>>(
    builder: &mut AB,
    taps: usize,
    outputs: usize,
    pairs: bool,
    fixed: &[AB::Expr],
    row: &[AB::Expr],
    next: &[AB::Expr],
) {
    let active = &fixed[DenseFixed::Active as usize];
    for tap in 0..taps {
        read(builder, at(&fixed[DenseFixed::Input as usize], tap), row[tap].clone(), active);
    }
    let sums = taps + taps * outputs;
    for output in 0..outputs {
        // A sum stands one row below its last products.
        let before = fixed[DenseFixed::Continues as usize].clone() * row[sums + output].clone();
        let sum = before + products(row, taps, outputs, output);
        builder.when_transition().assert_eq(next[sums + output].clone(), sum);
        let address = at(&fixed[DenseFixed::Output as usize], output);
        MEMORY.table_entry(builder, [address, row[sums + output].clone()], fixed[DENSE_FIXED + output].clone());
    }
    let weights = &row[taps..sums];
    if pairs {
        for pair in weights.chunks(2) {
            PAIRS.lookup_key(builder, [byte(&pair[0]), byte(&pair[pair.len() - 1])], 1);
        }
    } else {
        for weight in weights {
            in_range(builder, AB::Expr::from_u64(BYTE), byte(weight));
        }
    }
}

fn conv<AB: InteractionBuilder<F = F>>(
    builder: &mut AB,
    taps: usize,
    outputs: usize,
    fixed: &[AB::Expr],
    row: &[AB::Expr],
    next: &[AB::Expr],
) {
    let active = &fixed[ConvFixed::Active as usize];
    for tap in 0..taps {
        read(builder, fixed[CONV_FIXED + tap].clone(), row[tap].clone(), active);
    }
    let resumes = &fixed[ConvFixed::Resumes as usize];
    let (so_far, sums) = (taps + taps * outputs, taps + taps * outputs + outputs);
    for output in 0..outputs {
        read(builder, at(&fixed[ConvFixed::Input as usize], output), row[so_far + output].clone(), resumes);
        let before = resumes.clone() * row[so_far + output].clone();
        builder.assert_eq(row[sums + output].clone(), before + products(row, taps, outputs, output));
        let address = at(&fixed[ConvFixed::Output as usize], output);
        MEMORY.table_entry(builder, [address, row[sums + output].clone()], active.clone());
    }
    let rotates = &fixed[ConvFixed::Rotates as usize];
    for tap in 0..taps {
        for output in 0..outputs {
            let follows = row[taps + (tap + 1) % taps * outputs + output].clone();
            let change = next[taps + tap * outputs + output].clone() - follows;
            builder.when_transition().assert_zero(rotates.clone() * change);
        }
    }
    // Every weight passes the first tap.
    for weight in &row[taps..taps + outputs] {
        in_range(builder, AB::Expr::from_u64(BYTE), byte(weight));
    }
}

fn requant<AB: InteractionBuilder<F = F>>(builder: &mut AB, limbs: Limbs, fixed: &[AB::Expr], row: &[AB::Expr]) {
    let of = |column: RequantFixed| fixed[column as usize].clone();
    let input = row[0].clone();
    read(builder, of(RequantFixed::Input), input.clone(), &of(RequantFixed::Active));
    let output = row[1].clone();
    let result = output.clone() + of(RequantFixed::Low);
    MEMORY.table_entry(builder, [of(RequantFixed::Output), result.clone()], of(RequantFixed::Reads));
    let (remainder, rest) = row[2..].split_at(limbs.remainder);
    let (above, below) = rest.split_at(limbs.above);
    let [remainder, above, below] = [remainder, above, below].map(joined::<AB::Expr>);
    let quotient = output.clone() + above.clone() - below.clone();
    builder.assert_eq(input + of(RequantFixed::Offset), of(RequantFixed::Scale) * quotient + remainder);
    builder.assert_zero(above * (result - of(RequantFixed::High)));
    builder.assert_zero(below * output);
    for limb in 0..limbs.count() {
        in_range(builder, fixed[REQUANT_FIXED + limb].clone(), row[1 + limb].clone());
    }
}

/// The number with these bytes.
fn joined<E: PrimeCharacteristicRing>(limbs: &[E]) -> E {
    limbs.iter().rev().fold(E::ZERO, |number, limb| number * E::from_u64(BYTE) + limb.clone())
}

fn maximum<AB: InteractionBuilder<F = F>>(builder: &mut AB, window: usize, fixed: &[AB::Expr], row: &[AB::Expr]) {
    let result = &row[0];
    MEMORY.table_entry(builder, [fixed[0].clone(), result.clone()], fixed[1].clone());
    let mut product = AB::Expr::ONE;
    for value in 0..window {
        read(builder, fixed[MAX_FIXED + value].clone(), row[1 + value].clone(), &fixed[2]);
        let difference = result.clone() - row[1 + value].clone();
        in_range(builder, AB::Expr::from_u64(BYTE), difference.clone());
        let next = product * difference;
        // Products of two are columns, so that no constraint is of more than the second degree.
        product = if (1..window - 1).contains(&value) {
            builder.assert_eq(next, row[window + value].clone());
            row[window + value].clone()
        } else {
            next
        };
    }
    builder.assert_zero(product);
}
