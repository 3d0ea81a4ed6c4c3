//! The facade's tests, in one binary: every one of them compiles the provers and verifiers of both channels anew.

mod attacks;
mod by_hand;
mod common;
mod conformance;
mod ignored_checks;
mod labels;
mod layers;
mod memory;
mod zero_knowledge;
