//! What is private and what is not: visibility, model commitments, what a hiding proof's bytes show.

mod simulator;
mod visibility;
mod walk;
mod weights;
