//! The subcommands.

mod accuracy;
mod bench;
mod check;
mod check_key;
mod commit_input;
mod commit_model;
mod completions;
mod demo;
mod estimate;
mod eval;
mod inspect;
mod open;
mod process;
mod prove;
mod quantize;
mod run;
mod scratch;
mod setup;
mod source;
mod verify;
mod zoo;

use std::path::Path;

use convince::KeyError;

use crate::args::{Cli, Command};
use crate::error::{Error, Exit};
use crate::output::Output;

/// Runs the subcommand that was asked for.
pub(crate) fn dispatch(cli: &Cli, output: Output) -> Result<Exit, Error> {
    match &cli.command {
        Command::Demo(args) => demo::run(args, cli.threads, output),
        Command::Quantize(args) => quantize::run(args, output),
        Command::Run(args) => run::run(args, output),
        Command::Check(args) => check::run(args, output),
        Command::Eval(args) => eval::run(args, output),
        Command::Setup(args) => setup::run(args, output),
        Command::Prove(args) => prove::run(args, output),
        Command::Verify(args) => verify::run(args, output),
        Command::ProveAccuracy(args) => accuracy::prove(args, output),
        Command::VerifyAccuracy(args) => accuracy::verify(args, output),
        Command::CommitDataSet(args) => accuracy::commit(args, output),
        Command::CommitModel(args) => commit_model::run(args, output),
        Command::CheckKey(args) => check_key::run(args, output),
        Command::CommitInput(args) => commit_input::run(args, output),
        Command::Open(args) => open::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Zoo(args) => zoo::run(args, output),
        Command::Bench(args) => bench::run(args, cli.threads, output),
        Command::Estimate(args) => estimate::run(args, output),
        Command::Completions(args) => completions::run(args, output),
    }
}

/// What is wrong with a verifier's key or a commitment: a file that is none, or a whole one whose content is rejected.
fn key_error(path: &Path, error: &KeyError) -> Error {
    let place = path.display();
    match error {
        KeyError::Container(_) | KeyError::Encoding(_) => Error::new(format!("{place}: {error}")),
        _ => Error::rejected(format!("{place}: rejected: {error}")),
    }
}
