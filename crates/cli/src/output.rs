//! What leaves the program: results on stdout, errors on stderr, files that appear whole or not at all.

mod target;

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use convince::Answer;
use convince::circuit::Circuit;
use serde::Serialize;

pub(crate) use self::target::{Access, Pending, Target, refuse_same, write_all};
use crate::error::{Context, Error};

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// JSON objects, or text for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints one result.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Error> {
        match self.json {
            true => print(&format!("{}\n", serde_json::to_string(value).at("encoding the result")?)),
            false => print(&text()),
        }
    }

    /// Prints an error: a line on stderr, and `{"error": ...}` on stdout if results are JSON.
    pub(crate) fn error(self, error: &Error) {
        complain(error);
        if self.json {
            // Nobody is left to be told of an error in telling of an error.
            let _ = print(&format!("{}\n", serde_json::json!({ "error": error.to_string() })));
        }
    }
}

/// One line on stderr.
pub(crate) fn complain(error: &Error) {
    let _ = writeln!(std::io::stderr(), "error: {error}");
}

/// A line on stderr about something that was done all the same.
pub(crate) fn warn(warning: &str) {
    let _ = writeln!(std::io::stderr(), "warning: {warning}");
}

/// Writes to stdout. A reader that has gone away is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::new(format!("writing to stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Lines of a name and a value, the values in one column.
pub(crate) fn fields(fields: &[(&str, String)]) -> String {
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    fields.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:width$}  {value}");
        text
    })
}

/// A table with a header; columns from number `numeric` on are aligned to the right.
pub(crate) fn table(header: &[&str], numeric: usize, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header.to_vec());
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    table.column_iter_mut().skip(numeric).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    // Columns are padded by a space on both sides; lines keep what aligns them and lose what stands behind them.
    let lines = table.to_string();
    lines.lines().fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line).trim_end() + "\n")
}

/// Logits with three decimals each.
pub(crate) fn logits(logits: &[f64]) -> String {
    logits.iter().map(|logit| format!("{logit:.3}")).collect::<Vec<_>>().join("  ")
}

/// A label's index, with its name where there is one.
pub(crate) fn label(index: usize, name: Option<&str>) -> String {
    name.map_or_else(|| index.to_string(), |name| format!("{index} ({})", printable(name)))
}

/// Classes whose probabilities are shown to people, at most.
const MOST_LIKELY: usize = 5;
/// What a probability must be to be shown, unless it is the largest: less rounds to 0.00 %.
const LEAST_SHOWN: f64 = 0.000_05;

/// The softmax of a classifier's logits: one value a class, at least two. `None` for maps and for single values, which no softmax
/// is meant by. A public function of what is proven, so that it needs no proof.
pub(crate) fn probabilities(logits: &[f64], [_, classes, rows, columns]: [usize; 4]) -> Option<Vec<f64>> {
    if [rows, columns] != [1, 1] || classes < 2 || logits.len() != classes {
        return None;
    }
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    Some(powers.into_iter().map(|power| power / sum).collect())
}

/// The likeliest classes with their probabilities in per cent, the first first.
pub(crate) fn likeliest(probabilities: &[f64]) -> String {
    let mut classes: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    // Stable, so that the lower of two equal classes comes first, as labels are chosen.
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shown = classes.iter().filter(|(_, probability)| *probability >= LEAST_SHOWN).count().clamp(1, MOST_LIKELY);
    let class = |(class, probability): &(usize, f64)| format!("{class}: {:.2} %", 100.0 * probability);
    classes.iter().take(shown).map(class).collect::<Vec<_>>().join("  ")
}

/// What a network says of one image.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Image {
    pub(crate) label: usize,
    pub(crate) label_name: Option<String>,
    pub(crate) logits: Option<Vec<f64>>,
    pub(crate) probabilities: Option<Vec<f64>>,
}

/// What a network says of the images of a proof: the fields that every object with answers has.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Said {
    /// Of the first image; null where nothing is known.
    label: Option<usize>,
    label_name: Option<String>,
    logits: Option<Vec<f64>>,
    /// The softmax of a classifier's logits.
    probabilities: Option<Vec<f64>>,
    /// All of them, if they are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Vec<Image>>,
}

impl Said {
    /// The answers of a proof about a circuit, as they are printed.
    pub(crate) fn new(answers: &[Answer], circuit: &Circuit) -> Self {
        let shape = <[usize; 4]>::try_from(circuit.shape(circuit.claimed_output())).ok();
        let image = |Answer { label, label_name, logits }: Answer| {
            let probabilities = logits.as_deref().zip(shape).and_then(|(logits, shape)| probabilities(logits, shape));
            Image { label, label_name, logits, probabilities }
        };
        let images: Vec<Image> = answers.iter().cloned().map(image).collect();
        let Some(Image { label, label_name, logits, probabilities }) = images.first().cloned() else {
            return Self::default();
        };
        Self { label: Some(label), label_name, logits, probabilities, images: (images.len() > 1).then_some(images) }
    }

    /// The same as text: the labels of a batch; label and, where they are known, logits of one image.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        self.named(["label", "labels", "logits", "probabilities"])
    }

    /// [`Self::fields`] of what a proof leaves private.
    pub(crate) fn private_fields(&self) -> Vec<(&'static str, String)> {
        self.named(["private label", "private labels", "private logits", "private probabilities"])
    }

    fn named(&self, [one, many, values, shares]: [&'static str; 4]) -> Vec<(&'static str, String)> {
        if let Some(images) = &self.images {
            let label = |image: &Image| label(image.label, image.label_name.as_deref());
            return vec![(many, images.iter().map(label).collect::<Vec<_>>().join("  "))];
        }
        let label = self.label.map(|index| (one, label(index, self.label_name.as_deref())));
        let logits = self.logits.as_deref().map(|each| (values, logits(each)));
        let probabilities = self.probabilities.as_deref().map(|each| (shares, likeliest(each)));
        label.into_iter().chain(logits).chain(probabilities).collect()
    }
}

/// A name from a file without characters that steer a terminal.
pub(crate) fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Bytes with a unit that fits.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Milliseconds, to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax_of_one_value_a_class() {
        let shares = probabilities(&[1.0, 1.0 + 3f64.ln(), 1.0], [1, 3, 1, 1]).expect("a classifier");
        assert!(shares.iter().zip([0.2, 0.6, 0.2]).all(|(found, expected)| (found - expected).abs() < 1e-12));
        assert_eq!(likeliest(&shares), "1: 60.00 %  0: 20.00 %  2: 20.00 %");
        assert_eq!(likeliest(&[0.000_01, 0.999_99]), "1: 100.00 %");
        assert_eq!(probabilities(&[1e300, -1e300], [4, 2, 1, 1]), Some(vec![1.0, 0.0]));
        for (logits, shape) in [(&[0.0; 4][..], [1, 2, 2, 1]), (&[0.0], [1, 1, 1, 1])] {
            assert_eq!(probabilities(logits, shape), None);
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!([size(1), size(32_150), size(44_000_000)], ["1 B", "32.1 KB", "44.0 MB"]);
    }
}
