//! Table, plots and page, from a results file.

mod html;
mod markdown;
mod plot;
pub mod published;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::published::Published;
use self::summary::Results;
use crate::harness::record::{read, write_atomically};

/// Writes `<suite>.md`, `<suite>.html` and `<suite>-<measure>-<series>.svg` to a folder, and returns their paths.
///
/// # Errors
/// Files that cannot be read or written, a results file without a measurement.
pub fn write(results: &Path, published: &Path, suite: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let results_lines = read(results)?;
    ensure!(!results_lines.is_empty(), "{}: no results; make some by `compare run`", results.display());
    let published = Published::read(published)?;
    let results = Results::new(results_lines)?;
    let plots = plot::all(&results, suite)?;
    let text = markdown::page(&results, &published, suite, &plots);
    let mut files = vec![(format!("{suite}.md"), text.clone()), (format!("{suite}.html"), html::page(&text, &plots))];
    files.extend(plots.into_iter().map(|plot| (plot.file, plot.svg)));
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let write = |(name, text): (String, String)| {
        let path = folder.join(name);
        write_atomically(&path, text.as_bytes()).map(|()| path)
    };
    files.into_iter().map(write).collect()
}
