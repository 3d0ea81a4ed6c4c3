use clap::CommandFactory as _;

use crate::args::{Cli, Completions};
use crate::error::{Context, Error, Exit};
use crate::output::Output;

/// `convince completions`.
pub(super) fn run(args: &Completions, output: Output) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "convince", &mut script);
    let script = String::from_utf8(script).at("the completion script")?;
    let json = serde_json::json!({ "shell": args.shell.to_string(), "script": script });
    output.result(&json, || script)?;
    Ok(Exit::Valid)
}
