//! How an error is told to the person at the terminal.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

/// An error with advice on what to do about it, printed on a line of its own.
pub(crate) struct Hinted {
    error: anyhow::Error,
    hint: String,
}

/// Ctrl-C was pressed while something had to be finished first.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// Nobody reads the answer any more (`| head`): there is nothing left to do, and nothing to tell.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the answer")]
pub(crate) struct Stopped;

/// An error with advice.
pub(crate) fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Hinted { error: error.into(), hint: hint.into() }.into()
}

/// The exit code of a program that ends with `error`: 130 after Ctrl-C, as a shell would say it, and 0
/// after whoever read the answer had enough of it.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error {
        error if error.is::<Interrupted>() => ExitCode::from(130),
        error if error.is::<Stopped>() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Adds advice to the error of a result.
pub(crate) trait Hint<T> {
    /// Says what the person can do about it.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Hint<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|error| hinted(error, hint))
    }
}

impl fmt::Debug for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Prints the error, its causes and its hint on stderr.
pub(crate) fn tell(error: &anyhow::Error) {
    if error.is::<Stopped>() {
        return;
    }
    // Nobody is left to hear that stderr is gone.
    let _ = write!(std::io::stderr().lock(), "{}", text(error));
}

pub(crate) fn text(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error:#}\n");
    if let Some(hinted) = error.downcast_ref::<Hinted>() {
        text.push_str("hint: ");
        text.push_str(&hinted.hint);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_hint_survives_context_and_hides_no_cause() {
        let inner: anyhow::Result<()> = Err(anyhow!("connection refused"));
        let error = inner.context("no token").hint("is it up?").context("token").unwrap_err();
        assert_eq!(text(&error), "error: token: no token: connection refused\nhint: is it up?\n");
    }

    #[test]
    fn without_a_hint_there_is_no_hint_line() {
        assert_eq!(text(&anyhow!("broken")), "error: broken\n");
    }
}
