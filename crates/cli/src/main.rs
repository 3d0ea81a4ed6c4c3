//! The `convince` command: one process a step, from an ONNX file to a verified proof.
//!
//! `args` declares the command line, `commands` has one file a subcommand, `input` and `output` are the only places
//! that read and write files. Every error is one line; `error` says which exit code it has.

#![forbid(unsafe_code)]

mod args;
mod array;
mod commands;
mod error;
mod input;
mod npy;
mod output;
mod profile;
mod progress;
mod visibility;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Cli;
use crate::error::{Context, Error, Exit};
use crate::output::Output;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    if cli.command.proves() {
        convince::restart_with_large_pages();
    }
    let output = Output::new(cli.json);
    let exit = start_threads(cli.threads).and_then(|()| commands::dispatch(&cli, output));
    let exit = exit.unwrap_or_else(|error| {
        output.error(&error);
        error.exit()
    });
    exit.into()
}

/// Makes this thread the first of rayon's, as many as are asked for or as there are processors.
///
/// A loop that a thread of none of theirs begins is handed to them, and that thread sleeps: two switches for each of a proof's
/// thousands of loops, where one of theirs begins at once and lends what it does not come to.
fn start_threads(threads: Option<usize>) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).use_current_thread();
    pool.build_global().at("starting threads")
}

/// Help and version go to stdout; everything else is one line like every other error.
fn usage(error: &clap::Error) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            Exit::Valid
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            Exit::Unusable
        }
        _ => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            let paragraphs = text.split("\n\n").map(|paragraph| paragraph.trim().replace(":\n", ": "));
            let message = paragraphs.filter(|p| !p.is_empty()).collect::<Vec<_>>().join("; ");
            Output::new(std::env::args_os().any(|arg| arg == "--json")).error(&Error::new(message));
            Exit::Unusable
        }
    }
}
