//! Under construction.
pub mod container;
