//! The subcommands.

mod bench;
mod check;
mod completions;
mod demo;
mod estimate;
mod eval;
mod inspect;
mod process;
mod prove;
mod quantize;
mod run;
mod setup;
mod source;
mod verify;
mod zoo;

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
        Command::Inspect(args) => inspect::run(args, output),
        Command::Zoo(args) => zoo::run(args, output),
        Command::Bench(args) => bench::run(args, cli.threads, output),
        Command::Estimate(args) => estimate::run(args, output),
        Command::Completions(args) => completions::run(args, output),
    }
}
