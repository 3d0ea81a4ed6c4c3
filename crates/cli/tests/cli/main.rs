//! The real binary on real files: the whole path, its contracts, and everything that it must refuse.

mod accuracy;
mod bad_files;
mod bad_input;
mod batch;
mod commitments;
mod common;
mod interface;
mod labels;
mod memory;
mod path;
mod place;
mod private;
mod profile;
mod quantised;
mod tampered;
mod zoo;
