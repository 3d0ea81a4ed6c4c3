//! Reading, comparing and writing golden vectors; the tests of several crates include this file.
//!
//! A vector is a text file: a description as comments, then `name = value` lines. Bytes are hexadecimal, long ones on
//! indented lines of their own. With `CONVINCE_BLESS` set the file is written, without it compared.

// Each test uses a part of this file.
#![allow(dead_code)]

use std::fmt::{Display, Write};
use std::path::PathBuf;

/// The command that makes all vectors again.
const COMMAND: &str = "scripts/make_golden_vectors.sh";
/// Bytes on one line of hexadecimal digits.
const LINE: usize = 56;

/// A vector in the making.
pub(crate) struct Golden {
    path: PathBuf,
    text: String,
}

impl Golden {
    /// Starts a file with a description of how its values are made.
    pub(crate) fn new(name: &str, description: &str) -> Self {
        let mut text = String::new();
        for line in description.trim().lines() {
            text += format!("# {line}").trim_end();
            text.push('\n');
        }
        let _ = writeln!(text, "#\n# Made again, and checked, by {COMMAND}\n");
        Self { path: path(name), text }
    }

    /// A comment between values.
    pub(crate) fn section(&mut self, title: &str) {
        let _ = writeln!(self.text, "\n# {title}");
    }

    /// A value.
    pub(crate) fn value(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.text, "{name} = {value}");
    }

    /// A list of values.
    pub(crate) fn list<T: Display>(&mut self, name: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
        self.value(name, values.join(" "));
    }

    /// Bytes.
    pub(crate) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        if bytes.len() <= LINE {
            return self.value(name, hex(bytes));
        }
        let _ = writeln!(self.text, "{name} =");
        for line in bytes.chunks(LINE) {
            let _ = writeln!(self.text, "  {}", hex(line));
        }
    }

    /// Compares the file with the committed one, or writes it. Panics where they differ.
    pub(crate) fn finish(self) {
        if std::env::var_os("CONVINCE_BLESS").is_some() {
            return std::fs::write(&self.path, self.text).expect("vectors/golden can be written to");
        }
        let committed = read(&self.path);
        let mut lines = committed.lines().zip(self.text.lines()).zip(1..);
        let place = self.path.display();
        if let Some(((expected, found), line)) = lines.find(|((a, b), _)| a != b) {
            panic!("{place}:{line}\n  committed: {expected}\n      found: {found}\nIf this is meant: {COMMAND}");
        }
        assert_eq!(committed.len(), self.text.len(), "{place}: one file goes on. If this is meant: {COMMAND}");
    }
}

/// Bytes of a committed vector.
pub(crate) fn committed_bytes(file: &str, name: &str) -> Vec<u8> {
    let text = read(&path(file));
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{name} =")));
    let first = lines.next().unwrap_or_else(|| panic!("{file} has no \"{name}\""));
    let mut digits = first.split_once('=').map_or("", |(_, value)| value).trim().to_owned();
    lines.take_while(|line| line.starts_with("  ")).for_each(|line| digits += line.trim());
    let byte = |k: usize| u8::from_str_radix(&digits[2 * k..2 * k + 2], 16).expect("hexadecimal digits");
    (0..digits.len() / 2).map(byte).collect()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/golden")).join(name)
}

fn read(path: &PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}. Make it by {COMMAND}", path.display()))
}
