//! Field kernels.
fn main() {}
