//! Group kernels over BLS12-381 G1: what a Hyrax commitment costs is spent here.
//!
//! [`sum_groups`] adds many lists of points at once in affine coordinates; everything else is a way to lay out lists for it:
//! [`FixedBase`] commits to rows of small integers, with tables of the generators' multiples or by buckets where rows are
//! wide; [`msm()`] is a multi-scalar multiplication with full-size scalars. [`Generators`] is the fixed list of generators.
//!
//! With the `parallel` feature the lists are shared out among threads. Results are affine points or compared as group
//! elements, so they do not depend on it.

mod buckets;
mod digits;
mod fixed_base;
mod generators;
mod jobs;
mod msm;
mod sum;

pub use fixed_base::{FixedBase, Method, TABLE_COLUMNS};
pub use generators::{Generators, MAX_WIDTH};
pub(crate) use jobs::{for_each_chunk, made};
pub use msm::{msm, msm_additions};
pub use sum::sum_groups;
