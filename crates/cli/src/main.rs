//! The `convince` command.
fn main() {}
