//! This program, run as another process: so that every step has its own memory and its own clock.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::error::{Context, Error, Exit};

/// What all processes that are started share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    threads: Option<usize>,
}

impl Process {
    /// Processes of this many threads; one a core if it is not said.
    pub(super) fn new(threads: Option<usize>) -> Self {
        Self { threads }
    }

    /// Runs a subcommand and returns the object that it prints.
    pub(super) fn run(self, args: &[&Path]) -> Result<Value, Error> {
        let program = std::env::current_exe().at("finding this program's own file")?;
        let mut command = Command::new(&program);
        command.args(args).arg("--json").stdin(Stdio::null());
        if let Some(threads) = self.threads {
            command.arg("--threads").arg(threads.to_string());
        }
        let done = command.output().at(program.display())?;
        let name = args.first().map_or_else(String::new, |name| name.display().to_string());
        let printed: Option<Value> = serde_json::from_slice(&done.stdout).ok();
        if done.status.success() {
            return printed.ok_or_else(|| Error::new(format!("{name}: printed no JSON")));
        }
        let reason = printed.as_ref().and_then(|value| value["error"].as_str());
        let reason = reason.map_or_else(|| done.status.to_string(), str::to_owned);
        let exit = if done.status.code() == Some(1) { Exit::Rejected } else { Exit::Unusable };
        Err(Error::new(format!("{name}: {reason}")).with_exit(exit))
    }
}
