//! Matrix products of small integers: rows of weights with windows that lie side by side.

/// Entries of the widest vector: windows and rows are continued by zeros up to a multiple of it.
const LANES: usize = 32;
/// Rows of weights that are multiplied with a window at a time.
const ROWS: usize = 4;

/// Values that kernels are multiplied in.
pub(super) trait Value: Copy + Default + Into<i32> + Send + Sync {
    /// The value, which fits.
    fn of(value: i64) -> Self;

    /// Products of [`ROWS`] rows with every window of `stride` values; `put` takes a window's number and its sums.
    fn four_dots(rows: &[Self], windows: &[Self], stride: usize, put: impl FnMut(usize, [i32; ROWS]));
}

impl Value for i32 {
    fn of(value: i64) -> Self {
        value as i32
    }

    fn four_dots(rows: &[Self], windows: &[Self], stride: usize, put: impl FnMut(usize, [i32; ROWS])) {
        portable(rows, windows, stride, put);
    }
}

impl Value for i16 {
    fn of(value: i64) -> Self {
        value as i16
    }

    fn four_dots(rows: &[Self], windows: &[Self], stride: usize, put: impl FnMut(usize, [i32; ROWS])) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::is_x86_feature_detected as has;
            if has!("avx512f") && has!("avx512bw") && has!("avx512vnni") {
                // SAFETY: the processor has what the function asks for.
                #[allow(unsafe_code)]
                return unsafe { avx512::four_dots(rows, windows, stride, put) };
            }
            if has!("avx2") {
                // SAFETY: the processor has AVX2, which is all that the function asks for.
                #[allow(unsafe_code)]
                return unsafe { avx2::four_dots(rows, windows, stride, put) };
            }
        }
        portable(rows, windows, stride, put);
    }
}

/// Length of rows and windows of so many values in memory.
pub(super) fn stride(taps: usize) -> usize {
    taps.next_multiple_of(LANES)
}

/// `out[row * width + window] = <weights[row], windows[window]>` for rows of `taps` weights and windows of [`stride`] values, the last
/// ones zero. `out` holds `width` windows a row, of which the first ones are written.
///
/// Sums wrap, which the caller's bounds exclude. With 16 bits 70 to 130 G products a second on a Zen 5 core, the windows' copies
/// included (`benches/conv.rs`), and 60 to 85 G with AVX2 alone.
pub(super) fn products<I: Copy + Into<i64>, T: Value>(
    weights: &[I],
    windows: &[T],
    taps: usize,
    width: usize,
    out: &mut [i32],
) {
    let stride = stride(taps);
    let mut rows = vec![T::default(); ROWS * stride];
    let groups = weights.chunks(ROWS * taps).zip(out.chunks_mut(ROWS * width));
    for (weights, out) in groups {
        for (row, weights) in rows.chunks_exact_mut(stride).zip(weights.chunks_exact(taps)) {
            row.iter_mut().zip(weights).for_each(|(to, &weight)| *to = T::of(weight.into()));
        }
        // The last group may have fewer rows; what the others hold is computed in vain.
        T::four_dots(&rows, windows, stride, |window, sums| {
            for (row, sum) in sums.into_iter().enumerate() {
                if let Some(to) = out.get_mut(row * width + window) {
                    *to = sum;
                }
            }
        });
    }
}

fn portable<T: Value>(rows: &[T], windows: &[T], stride: usize, mut put: impl FnMut(usize, [i32; ROWS])) {
    let (front, back) = rows.split_at(2 * stride);
    let ((a, b), (c, d)) = (front.split_at(stride), back.split_at(stride));
    for (number, window) in windows.chunks_exact(stride).enumerate() {
        let mut sums = [0i32; ROWS];
        for ((((&x, &a), &b), &c), &d) in window.iter().zip(a).zip(b).zip(c).zip(d) {
            for (sum, w) in sums.iter_mut().zip([a, b, c, d]) {
                // Wrapping sums are vectorised in every build profile.
                *sum = sum.wrapping_add(w.into().wrapping_mul(x.into()));
            }
        }
        put(number, sums);
    }
}

/// `four_dots` for processors with some features, two windows at a time, by the `dots` of the module that it is in.
#[cfg(target_arch = "x86_64")]
macro_rules! four_dots {
    ($features:literal) => {
        /// [`super::portable`] with eight sums in registers of lanes: enough to have two products a cycle on their way.
        #[target_feature(enable = $features)]
        pub(super) fn four_dots(rows: &[i16], windows: &[i16], stride: usize, mut put: impl FnMut(usize, [i32; ROWS])) {
            let row = |k: usize| rows[k * stride..(k + 1) * stride].as_chunks::<LANES>().0;
            let rows = [row(0), row(1), row(2), row(3)];
            let mut pairs = windows.chunks_exact(2 * stride);
            for (number, pair) in pairs.by_ref().enumerate() {
                let (a, b) = pair.split_at(stride);
                let [a, b] = dots(rows, [a.as_chunks().0, b.as_chunks().0]);
                put(2 * number, a);
                put(2 * number + 1, b);
            }
            let last = pairs.remainder().as_chunks().0;
            if !last.is_empty() {
                let [sums, _] = dots(rows, [last, last]);
                put(windows.len() / stride - 1, sums);
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{LANES, ROWS};

    four_dots!("avx2");

    #[target_feature(enable = "avx2")]
    fn dots([a, b, c, d]: [&[[i16; LANES]]; ROWS], [x, y]: [&[[i16; LANES]]; 2]) -> [[i32; ROWS]; 2] {
        let mut sums = [[_mm256_setzero_si256(); ROWS]; 2];
        for (((((a, b), c), d), x), y) in a.iter().zip(b).zip(c).zip(d).zip(x).zip(y) {
            for half in 0..2 {
                let weights = [load(a, half), load(b, half), load(c, half), load(d, half)];
                for (sums, values) in sums.iter_mut().zip([load(x, half), load(y, half)]) {
                    for (sum, weights) in sums.iter_mut().zip(weights) {
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(weights, values));
                    }
                }
            }
        }
        let [x, y] = sums;
        [totals(x), totals(y)]
    }

    /// The sums of the lanes of each.
    #[target_feature(enable = "avx2")]
    pub(super) fn totals([a, b, c, d]: [__m256i; ROWS]) -> [i32; ROWS] {
        let pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs));
        [
            _mm_extract_epi32::<0>(total),
            _mm_extract_epi32::<1>(total),
            _mm_extract_epi32::<2>(total),
            _mm_extract_epi32::<3>(total),
        ]
    }

    /// The lower or the upper half of a vector.
    #[target_feature(enable = "avx2")]
    fn load(values: &[i16; LANES], half: usize) -> __m256i {
        let values: &[i16; LANES / 2] = &values.as_chunks().0[half];
        // SAFETY: the array has the 32 bytes that are read, at any alignment.
        #[allow(unsafe_code)]
        unsafe {
            _mm256_loadu_si256(values.as_ptr().cast())
        }
    }
}

/// Pairs of products are added in the instruction that multiplies them, in vectors of twice the length.
#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::*;

    use super::{LANES, ROWS, avx2};

    four_dots!("avx2,avx512f,avx512bw,avx512vnni");

    #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vnni")]
    fn dots([a, b, c, d]: [&[[i16; LANES]]; ROWS], [x, y]: [&[[i16; LANES]]; 2]) -> [[i32; ROWS]; 2] {
        let mut sums = [[_mm512_setzero_si512(); ROWS]; 2];
        for (((((a, b), c), d), x), y) in a.iter().zip(b).zip(c).zip(d).zip(x).zip(y) {
            let weights = [load(a), load(b), load(c), load(d)];
            for (sums, values) in sums.iter_mut().zip([load(x), load(y)]) {
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm512_dpwssd_epi32(*sum, weights, values);
                }
            }
        }
        let mut halves = [[_mm256_setzero_si256(); ROWS]; 2];
        for (half, sum) in halves.as_flattened_mut().iter_mut().zip(sums.as_flattened()) {
            *half = _mm256_add_epi32(_mm512_castsi512_si256(*sum), _mm512_extracti64x4_epi64::<1>(*sum));
        }
        let [x, y] = halves;
        [avx2::totals(x), avx2::totals(y)]
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    fn load(values: &[i16; LANES]) -> __m512i {
        // SAFETY: the array has the 64 bytes that are read, at any alignment.
        #[allow(unsafe_code)]
        unsafe {
            _mm512_loadu_epi16(values.as_ptr())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected<T: Value>(rows: &[T], windows: &[T], stride: usize) -> Vec<[i32; ROWS]> {
        let dot = |row: &[T], window: &[T]| {
            let products = row.iter().zip(window).map(|(&a, &b)| a.into().wrapping_mul(b.into()));
            products.fold(0, i32::wrapping_add)
        };
        let rows: Vec<&[T]> = rows.chunks(stride).collect();
        windows.chunks(stride).map(|window| std::array::from_fn(|k| dot(rows[k], window))).collect()
    }

    fn agrees<T: Value>(rows: &[T], windows: &[T], stride: usize) {
        let mut found = vec![[0; ROWS]; windows.len() / stride];
        T::four_dots(rows, windows, stride, |window, sums| found[window] = sums);
        assert_eq!(found, expected(rows, windows, stride));
        portable(rows, windows, stride, |window, sums| found[window] = sums);
        assert_eq!(found, expected(rows, windows, stride));
    }

    /// Also where the processor has better.
    #[cfg(target_arch = "x86_64")]
    fn agrees_with_avx2(rows: &[i16], windows: &[i16], stride: usize) {
        if std::is_x86_feature_detected!("avx2") {
            let mut found = vec![[0; ROWS]; windows.len() / stride];
            // SAFETY: the processor has AVX2, which is all that the function asks for.
            #[allow(unsafe_code)]
            unsafe {
                avx2::four_dots(rows, windows, stride, |window, sums| found[window] = sums);
            }
            assert_eq!(found, expected(rows, windows, stride));
        }
    }

    proptest! {
        #[test]
        fn sums_are_the_dot_products(
            vectors in 1usize..4, count in 0usize..8,
            values in prop::collection::vec(prop_oneof![any::<i16>(), Just(i16::MIN), Just(i16::MAX)], 12 * 4 * LANES),
        ) {
            let stride = vectors * LANES;
            let (rows, windows) = (&values[..ROWS * stride], &values[ROWS * stride..(ROWS + count) * stride]);
            agrees(rows, windows, stride);
            #[cfg(target_arch = "x86_64")]
            agrees_with_avx2(rows, windows, stride);
            let wide = |values: &[i16]| values.iter().map(|&v| i32::from(v).wrapping_mul(65_537)).collect::<Vec<_>>();
            agrees(&wide(rows), &wide(windows), stride);
        }
    }
}
