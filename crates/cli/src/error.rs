//! Errors as the user sees them: one line, and the exit code that goes with it.

use std::fmt::Display;
use std::process::ExitCode;

/// What the process says by its exit code. The order is that of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// 0: done, and whatever was to be verified or checked is valid.
    Valid,
    /// 1: a well-formed proof whose content is rejected, or a witness that breaks a relation.
    Rejected,
    /// 2: usage, unreadable or unsuitable files.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Valid => Self::SUCCESS,
            Exit::Rejected => Self::from(1),
            Exit::Unusable => Self::from(2),
        }
    }
}

/// Why a command ends without a result.
#[derive(Clone, Debug)]
pub(crate) struct Error {
    exit: Exit,
    message: String,
}

impl Error {
    /// An error of whoever called the program: exit code 2.
    pub(crate) fn new(message: impl Display) -> Self {
        Self { exit: Exit::Unusable, message: message.to_string() }
    }

    /// A proof or a witness that is not valid: exit code 1.
    pub(crate) fn rejected(message: impl Display) -> Self {
        Self { exit: Exit::Rejected, message: message.to_string() }
    }

    /// The same message with an exit code that another process has chosen.
    pub(crate) fn with_exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// The same error with the name of what it is about in front.
    pub(crate) fn within(self, name: &str) -> Self {
        Self { message: format!("{name}: {}", self.message), ..self }
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

/// One line without control characters, whatever names from a file stand in the message.
impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words = self.message.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty());
        f.write_str(words.next().unwrap_or("unknown error"))?;
        words.try_for_each(|word| write!(f, " {word}"))
    }
}

/// Turns any error into one that says where it arose.
pub(crate) trait Context<T> {
    /// `where: what`, with exit code 2.
    fn at(self, place: impl Display) -> Result<T, Error>;
}

impl<T, E: Display> Context<T> for Result<T, E> {
    fn at(self, place: impl Display) -> Result<T, Error> {
        self.map_err(|error| Error::new(format!("{place}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line() {
        let error = Error::new("node \"a\nb\u{1b}[31m\":  bad\r\n");
        assert_eq!(error.to_string(), "node \"a b [31m\": bad");
        assert_eq!(Error::new("\n").to_string(), "unknown error");
    }

    #[test]
    fn the_worst_exit_code_is_the_largest() {
        assert_eq!([Exit::Rejected, Exit::Unusable, Exit::Valid].into_iter().max(), Some(Exit::Unusable));
    }
}
