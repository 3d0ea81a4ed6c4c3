//! What leaves the program: results on stdout, errors on stderr, files that appear whole or not at all.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use convince::Answer;
use convince::circuit::Circuit;
use serde::Serialize;
use tempfile::NamedTempFile;

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

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whom the umask allows.
    Public,
    /// The owner alone (mode 0600): the file holds secrets.
    Private,
}

/// A place for a file, known to be one that a file can be put in.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    path: PathBuf,
    folder: PathBuf,
}

impl Target {
    /// Refuses directories, devices, and places in directories that do not exist, before any work is done.
    pub(crate) fn new(path: &Path) -> Result<Self, Error> {
        // A link stays a link: what it points to is replaced.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match std::fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(Error::new(format!("{}: is a directory; give the name of a file", path.display())));
            }
            Ok(found) if !found.is_file() => {
                return Err(Error::new(format!("{}: is not a regular file", path.display())));
            }
            _ => {}
        }
        let folder = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => return Err(Error::new("the name of the output file is empty")),
        };
        if path.file_name().is_none() {
            return Err(Error::new(format!("{}: is not the name of a file", path.display())));
        }
        if !folder.is_dir() {
            return Err(Error::new(format!("{}: is no directory to write to; create it first", folder.display())));
        }
        Ok(Self { path, folder })
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `bytes` here, at once or not at all.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        write_all(&[(self, bytes, Access::Public)])
    }

    /// A file beside this place, which is put here when it is finished; until then nothing is here, nor if it is dropped.
    pub(crate) fn begin(&self, access: Access) -> Result<Pending<'_>, Error> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".convince-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = if access == Access::Private { 0o600 } else { 0o666 };
            builder.permissions(std::fs::Permissions::from_mode(mode));
        }
        #[cfg(not(unix))]
        let _ = access;
        let file = builder.tempfile_in(&self.folder).at(self.path.display())?;
        Ok(Pending { target: self, file })
    }
}

/// A file that is being written.
pub(crate) struct Pending<'a> {
    target: &'a Target,
    file: NamedTempFile,
}

impl Pending<'_> {
    /// What its bytes are written to.
    pub(crate) fn writer(&mut self) -> &mut impl std::io::Write {
        &mut self.file
    }

    /// Puts it in its place; its length.
    pub(crate) fn finish(self) -> Result<u64, Error> {
        let Target { path, folder } = self.target;
        let sync = || {
            self.file.as_file().sync_all()?;
            Ok::<_, std::io::Error>(self.file.as_file().metadata()?.len())
        };
        let len = sync().at(path.display())?;
        self.file.persist(path).map_err(|failed| failed.error).at(path.display())?;
        // The name must survive a crash too; directories that cannot be synchronised are no reason to fail.
        let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        Ok(len)
    }
}

/// Refuses to write two files to one place.
pub(crate) fn refuse_same(first: &Target, second: &Target) -> Result<(), Error> {
    match first.path == second.path {
        true => Err(Error::new(format!("{}: is named for two files", first.path.display()))),
        false => Ok(()),
    }
}

/// Writes files such that none appears before all are on the disk.
pub(crate) fn write_all(files: &[(&Target, &[u8], Access)]) -> Result<(), Error> {
    let staged = files.iter().map(|(target, bytes, access)| {
        let mut pending = target.begin(*access)?;
        let write = pending.file.write_all(bytes).and_then(|()| pending.file.as_file().sync_all());
        write.at(target.path.display()).map(|()| pending)
    });
    // All are staged before the first is put in its place.
    let staged = staged.collect::<Result<Vec<_>, _>>()?;
    staged.into_iter().try_for_each(|pending| pending.finish().map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("file")).expect("a new file");
        target.write(b"first, longer").expect("writes");
        target.write(b"second").expect("replaces");
        assert_eq!(std::fs::read(target.path()).expect("is there"), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 1);
    }

    #[test]
    fn places_that_hold_no_file_are_refused() {
        let folder = tempfile::tempdir().expect("temporary directory");
        for path in [folder.path(), &folder.path().join("none/file"), Path::new(""), Path::new("/dev/null")] {
            assert!(Target::new(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("file")).expect("a new file");
        let mut pending = target.begin(Access::Public).expect("begins");
        pending.writer().write_all(b"half").expect("writes");
        assert!(!target.path().exists());
        drop(pending);
        assert_eq!(std::fs::read_dir(folder.path()).expect("is there").count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn private_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("temporary directory");
        let target = Target::new(&folder.path().join("key")).expect("a new file");
        write_all(&[(&target, b"secret", Access::Private)]).expect("writes");
        let mode = std::fs::metadata(target.path()).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

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
