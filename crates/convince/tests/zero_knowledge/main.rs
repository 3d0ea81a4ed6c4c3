//! What is private and what is not: visibility, model commitments, what a hiding proof's bytes show.

#[path = "../common/mod.rs"]
mod common;
mod simulator;
mod visibility;
mod walk;
mod weights;
