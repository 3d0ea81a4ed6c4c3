//! What is asked of the benches that are programs of their own, behind `cargo bench … --`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A program's arguments, looked up by name; what nobody asks for are filters and flags of other harnesses.
///
/// A measurement is one that cargo's `--bench` asks for, without `--test` or `--quick`: under `cargo test --bench NAME` every bench
/// does as little as it can, once, and writes nothing.
#[derive(Clone, Debug)]
pub struct Arguments {
    given: Vec<String>,
}

impl Arguments {
    /// This process's.
    pub fn of_process() -> Self {
        Self { given: std::env::args().skip(1).collect() }
    }

    /// Whether a flag is there.
    pub fn has(&self, flag: &str) -> bool {
        self.given.iter().any(|argument| argument == flag)
    }

    /// Whether the bench is to measure, rather than to show that it runs.
    pub fn measures(&self) -> bool {
        self.has("--bench") && !self.has("--test") && !self.has("--quick")
    }

    /// The values behind an option that takes so many; of the same option twice, the last.
    ///
    /// # Errors
    /// There are too few.
    pub fn values<const N: usize>(&self, option: &str) -> Result<Option<[&str; N]>> {
        let Some(place) = self.given.iter().rposition(|argument| argument == option) else { return Ok(None) };
        let values = self.given.get(place + 1..place + 1 + N).unwrap_or_default();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let needed = || if N == 1 { format!("{option} needs a value") } else { format!("{option} needs {N} values") };
        values.try_into().ok().with_context(needed).map(Some)
    }

    /// The value behind an option.
    ///
    /// # Errors
    /// There is none behind it.
    pub fn value(&self, option: &str) -> Result<Option<&str>> {
        Ok(self.values(option)?.map(|[value]| value))
    }

    /// A positive number, or another one without the option.
    ///
    /// # Errors
    /// What stands behind the option is no positive number.
    pub fn number(&self, option: &str, otherwise: usize) -> Result<usize> {
        self.value(option)?.map_or(Ok(otherwise), |text| number(text).with_context(|| option.to_owned()))
    }

    /// Positive numbers with commas between them.
    ///
    /// # Errors
    /// As [`Self::number`].
    pub fn numbers(&self, option: &str, otherwise: &[usize]) -> Result<Vec<usize>> {
        let numbers =
            |text: &str| text.split(',').map(number).collect::<Result<_>>().with_context(|| option.to_owned());
        self.value(option)?.map_or(Ok(otherwise.to_vec()), numbers)
    }

    /// How often to measure: `--runs`, or this often without it; once if nothing is measured.
    ///
    /// # Errors
    /// As [`Self::number`].
    pub fn runs(&self, otherwise: usize) -> Result<usize> {
        let asked = self.number("--runs", otherwise)?;
        Ok(if self.measures() { asked } else { 1 })
    }

    /// Where results go: `--out`, or `benches/results` without it if there is something to measure.
    ///
    /// # Errors
    /// There is no value behind `--out`.
    pub fn out(&self) -> Result<Option<PathBuf>> {
        let results = || self.measures().then(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("results"));
        Ok(self.value("--out")?.map(PathBuf::from).or_else(results))
    }

    /// The arguments that a test accepts, in order, such as names.
    pub fn that_are(&self, is: impl Fn(&str) -> bool) -> Vec<String> {
        self.given.iter().filter(|argument| is(argument)).cloned().collect()
    }
}

/// A positive number.
///
/// # Errors
/// It is none.
pub fn number(text: &str) -> Result<usize> {
    text.parse().ok().filter(|&n| n > 0).with_context(|| format!("{text} is no positive number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments { given: line.split(' ').map(str::to_owned).collect() }
    }

    #[test]
    fn options_are_found_among_foreign_ones_and_the_last_counts() -> Result<()> {
        let given = arguments("filter --bench --runs 3 --save-baseline x --runs 5 --child a 7 --sizes 1,20");
        assert!(given.measures());
        assert_eq!((given.runs(9)?, given.number("--other", 4)?), (5, 4));
        assert_eq!(given.values("--child")?, Some(["a", "7"]));
        assert_eq!(given.numbers("--sizes", &[9])?, [1, 20]);
        assert!(given.out()?.is_some_and(|folder| folder.ends_with("results")));
        assert_eq!(given.that_are(|word| word == "filter"), ["filter"]);
        Ok(())
    }

    #[test]
    fn nothing_is_measured_or_written_unasked() -> Result<()> {
        for line in ["", "--test --bench --runs 5", "--bench --quick --runs 5"] {
            let given = arguments(line);
            assert!(!given.measures());
            assert_eq!((given.runs(9)?, given.out()?), (1, None));
        }
        assert_eq!(arguments("--out here").out()?, Some(PathBuf::from("here")));
        Ok(())
    }

    #[test]
    fn values_that_are_missing_or_no_numbers_are_errors() {
        for line in ["--bench --runs", "--runs 0", "--runs -1", "--runs many", "--runs 1,2"] {
            assert!(arguments(line).runs(9).is_err(), "{line}");
        }
        assert!(arguments("--child a").values::<2>("--child").is_err());
        assert!(arguments("--sizes 1,,2").numbers("--sizes", &[]).is_err());
    }
}
