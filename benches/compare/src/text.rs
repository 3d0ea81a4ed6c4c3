//! Numbers for readers, to three places.

/// A time.
pub fn seconds(s: f64) -> String {
    match s {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{} s", places(s)),
        s if s >= 1e-3 => format!("{} ms", places(1e3 * s)),
        s => format!("{} µs", places(1e6 * s)),
    }
}

/// A size, by powers of 1000 as proofs are counted in the literature.
pub fn bytes(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{} kB", places(b / 1e3)),
        1_000_000..1_000_000_000 => format!("{} MB", places(b / 1e6)),
        _ => format!("{} GB", places(b / 1e9)),
    }
}

/// A count.
pub fn count(n: u64) -> String {
    match n {
        0..10_000 => n.to_string(),
        10_000..1_000_000 => format!("{}k", places(n as f64 / 1e3)),
        1_000_000..1_000_000_000 => format!("{}M", places(n as f64 / 1e6)),
        _ => format!("{}G", places(n as f64 / 1e9)),
    }
}

/// A ratio: `27x`, `2.7x`, `0.27x`, `0.0027x`.
pub fn ratio(r: f64) -> String {
    match r {
        r if r >= 10.0 => format!("{r:.0}×"),
        r if r >= 1.0 => format!("{r:.1}×"),
        r if r > 0.0 => {
            // Two digits that count.
            let digits = 2 + (-r.log10()).floor() as usize;
            format!("{r:.digits$}×")
        }
        _ => "0×".into(),
    }
}

/// Three digits, or all before the point.
fn places(x: f64) -> String {
    match x {
        x if x >= 100.0 => format!("{x:.0}"),
        x if x >= 10.0 => format!("{x:.1}"),
        x => format!("{x:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_places_and_ratios_two() {
        assert_eq!([1234.5, 12.34, 0.0123, 4e-6].map(seconds), ["1234 s", "12.3 s", "12.3 ms", "4.00 µs"]);
        assert_eq!([128, 4_100, 27_700_000, 3_000_000_000].map(bytes), ["128 B", "4.10 kB", "27.7 MB", "3.00 GB"]);
        assert_eq!([9_999, 61_706, 1_010_000].map(count), ["9999", "61.7k", "1.01M"]);
        assert_eq!([123.4, 2.71, 0.271, 0.00271].map(ratio), ["123×", "2.7×", "0.27×", "0.0027×"]);
    }
}
