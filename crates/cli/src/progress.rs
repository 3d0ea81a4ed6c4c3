//! Progress on stderr, for people only.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on the terminal that says what is being done; nothing where stderr is no terminal.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A spinner with a first message.
    pub(crate) fn start(message: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.enable_steady_tick(Duration::from_millis(100));
            bar.set_message(message);
            bar
        });
        Self { bar }
    }

    /// Shows what is done next.
    pub(crate) fn step(&self, message: &'static str) {
        if let Some(bar) = &self.bar {
            bar.set_message(message);
        }
    }

    /// Shows a bar of `total` parts from here on.
    pub(crate) fn count(&self, total: usize) {
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{spinner} {msg} {wide_bar} {pos}/{len} {eta}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_length(total as u64);
        }
    }

    /// So many of so many parts are done; a bar if they are several.
    pub(crate) fn at(&self, done: usize, total: usize) {
        if let Some(bar) = self.bar.as_ref().filter(|_| total > 1) {
            if bar.length().is_none() {
                self.count(total);
            }
            bar.set_position(done as u64);
        }
    }

    /// One of the parts is done.
    pub(crate) fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
