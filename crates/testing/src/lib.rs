//! Dishonest ends of a channel: for tests alone, a dev-dependency wherever it is used.
//!
//! A [`Forger`] stands between an honest prover and its channel and changes what is sent; a [`Watcher`] stands between a
//! verifier and its channel, records every check, and can ignore one. [`forge`] joins the two: it starts from a [`Lie`] and
//! solves for scalars until a verifier that ignores one check accepts. A check that no forgery passes without is idle; one
//! that forgeries pass with is broken.
//!
//! Both wrap any [`ProverChannel`](convince_transcript::ProverChannel) and
//! [`VerifierChannel`](convince_transcript::VerifierChannel), and ignore a check by not handing it on, so that they need
//! not know when a channel decides it. [`reveal`] gives the differences that a hiding channel leaves on its tape, to who
//! knows the pads.

#![forbid(unsafe_code)]

mod forger;
mod repair;
mod reveal;
mod watcher;

pub use forger::Forger;
pub use repair::{Lie, Refusal, Verdict, forge, repair};
pub use reveal::reveal;
pub use watcher::{Met, Watcher};

use std::collections::BTreeMap;

use convince_transcript::Label;

/// Scalars that a forger sends in place of the prover's, by their index among all scalars of a proof.
pub type Replaced<F> = BTreeMap<usize, F>;

/// Full challenges that are known in advance, by label: both ends get them in place of the ones that are drawn.
pub type Known<F> = BTreeMap<Label, F>;
