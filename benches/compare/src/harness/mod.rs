//! One process a measurement: what is written ([`record`]), what the measured process does ([`child`]), what its parent does
//! ([`watch`]), and in which order ([`run`]); how long all of it would take ([`forecast`]).

pub mod child;
pub mod forecast;
pub mod machine;
pub mod record;
pub mod run;
pub mod watch;
