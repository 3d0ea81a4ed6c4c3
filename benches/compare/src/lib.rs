//! CNN and MLP proving side by side: `convince` and general proof systems on the same integers.
//!
//! [`workload`] is what is proven and the integer reference; [`system`] is what a proof system is to the benchmark; [`systems`] has one
//! file each; [`check`] is the test that each must pass; [`harness`] measures, one process a measurement; [`report`] writes tables and
//! plots. The page of method is `README.md`.

#![forbid(unsafe_code)]

pub mod check;
pub mod harness;
pub mod report;
pub mod system;
pub mod systems;
pub mod text;
pub mod workload;
