use ark_ff::Field;

/// An integer type that tensors are stored in.
pub trait SmallInt: Copy + Send + Sync + Into<i64> + 'static {}

impl SmallInt for i8 {}
impl SmallInt for u8 {}
impl SmallInt for i16 {}
impl SmallInt for i32 {}

/// The field that a proof is over: challenges, messages and the kernels between integers and field elements.
///
/// Every kernel has a naive counterpart in [`crate::reference`], and a test holds the two equal.
pub trait ProofField: Field {
    /// Name of the field, absorbed at the start of every transcript.
    const ID: &'static str;
    /// Length of the canonical encoding, in bytes.
    const BYTES: usize;
    /// Lower bound of log2 of the field's size, for error accounting.
    const SECURITY_BITS: u32;

    /// The image of an integer.
    fn from_i64(value: i64) -> Self;

    /// A 128-bit challenge: `c 2^-128` for the integer c of these little-endian bytes, so that [`Self::bind`] is cheap.
    fn short_challenge(bytes: &[u8; 16]) -> Self;

    /// A challenge from the whole field: 512 bits reduced, within 2^-256 of uniform.
    fn full_challenge(bytes: &[u8; 64]) -> Self;

    /// Appends the canonical little-endian encoding, [`Self::BYTES`] long.
    fn write_to(&self, out: &mut Vec<u8>);

    /// Reads a canonical encoding. `None` if the length is wrong or the integer is not below the modulus.
    fn read_from(bytes: &[u8]) -> Option<Self>;

    /// `sum_i ints[i] * weights[i]`. Panics if the lengths differ.
    fn dot<I: SmallInt>(ints: &[I], weights: &[Self]) -> Self;

    /// `out[c] = sum_r weights[r] * ints[r * width + c]`. Panics unless `ints` holds `weights.len()` rows of `width`.
    fn fold_rows<I: SmallInt>(ints: &[I], width: usize, weights: &[Self]) -> Vec<Self>;

    /// `sum_i a[i] * b[i]`, reduced once. Panics if the lengths differ.
    fn inner_product(a: &[Self], b: &[Self]) -> Self;

    /// `out[i] = a[i] + b[i]`. Panics if the lengths differ.
    fn sums(out: &mut [Self], a: &[Self], b: &[Self]) {
        crate::reference::sums(out, a, b);
    }

    /// `out[i] = a[i] - b[i]`. Panics if the lengths differ.
    fn differences(out: &mut [Self], a: &[Self], b: &[Self]) {
        crate::reference::differences(out, a, b);
    }

    /// `out[i] = 2 high[i] - low[i]`: what is low at 0 and high at 1, at 2. Panics if the lengths differ.
    fn extrapolations(out: &mut [Self], low: &[Self], high: &[Self]) {
        crate::reference::extrapolations(out, low, high);
    }

    /// `out[i] = a[i] * b[i]`. Panics if the lengths differ.
    fn products(out: &mut [Self], a: &[Self], b: &[Self]) {
        crate::reference::products(out, a, b);
    }

    /// `out[i] += factor * x[i]`. Panics if the lengths differ.
    fn add_scaled(out: &mut [Self], x: &[Self], factor: Self) {
        crate::reference::add_scaled(out, x, factor);
    }

    /// `sum_i weights[i] * sum_k pairs[k][0][i] * pairs[k][1][i]`: one or two products of tables, weighted. Panics if the
    /// lengths differ.
    fn weighted_products<const K: usize>(weights: &[Self], pairs: [[&[Self]; 2]; K]) -> Self {
        crate::reference::weighted_products(weights, pairs)
    }

    /// The sums of neighbouring fractions `p[2i] / q[2i] + p[2i+1] / q[2i+1]`, unreduced: numerators `p[2i] q[2i+1] + p[2i+1] q[2i]` and
    /// denominators `q[2i] q[2i+1]`. Panics unless the inputs are twice as long as the outputs.
    fn add_fractions(fractions: [&[Self]; 2], sums: [&mut [Self]; 2]) {
        crate::reference::add_fractions(fractions, sums);
    }

    /// `low[i] += r * (high[i] - low[i])` for as many entries as both have: binds a table's variable to `r`.
    ///
    /// About half a multiplication an entry if `r` is a [`Self::short_challenge`], none where the two are equal.
    fn bind(low: &mut [Self], high: &[Self], r: Self);

    /// `len` zeros. Where the memory is new the system has zeroed it, and it is first touched by whoever fills it: a table that
    /// threads fill beside each other is not written on one of them before.
    fn zeros(len: usize) -> Vec<Self> {
        vec![Self::zero(); len]
    }

    /// A primitive `2^log_len`-th root of unity: with it vectors of `2^log_len` entries have a Fourier transform.
    ///
    /// `None` where the field has none. The default is a field without transforms, which can do all but the FFT strategy.
    fn root_of_unity(_log_len: usize) -> Option<Self> {
        None
    }

    /// The transform `values[f] = sum_x values[x] omega^(f x)`, omega being the root of unity of the vector's length.
    /// `O(n log n)` multiplications.
    ///
    /// Panics unless the length is a power of two that [`Self::root_of_unity`] has a root for.
    fn dft(values: &mut Vec<Self>) {
        let root = crate::reference::root_for(values);
        *values = crate::reference::dft(values, root);
    }

    /// The inverse of [`Self::dft`], at the same price and under the same condition.
    fn inverse_dft(values: &mut Vec<Self>) {
        let root = crate::reference::root_for(values);
        *values = crate::reference::inverse_dft(values, root);
    }
}
