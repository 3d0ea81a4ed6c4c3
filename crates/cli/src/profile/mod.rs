//! Where a proof's time, memory and bytes go: what `--profile` prints.
//!
//! [`Recorder`] listens to the library's spans and adds them up, [`Profile`] is the result as it is printed, [`page`] makes
//! a page of it. Without `--profile` the phases are heard and nothing else.

mod html;
mod process;
mod recorder;
mod report;

pub(crate) use html::page;
pub(crate) use process::peak_memory;
pub(crate) use recorder::{Detail, Recorder};
pub(crate) use report::Profile;
