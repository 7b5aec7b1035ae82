//! The one way to stdout, where the answer of a command goes.
//!
//! Somebody who has read enough (`| head`) is no error; a disk that is full is one.

use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow};

use crate::failure::{Hint as _, Stopped};

/// Prints text as it is.
///
/// Ends the command with [`Stopped`], which is told to nobody, when nobody reads any more.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    bytes(text.as_bytes())
}

/// Prints text and a newline.
pub(crate) fn line(text: impl fmt::Display) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

/// Prints what was found; whether something is wrong is said by the exit code, read or not.
pub(crate) fn verdict(text: &str, wrong: bool) -> anyhow::Result<ExitCode> {
    match print(text) {
        Err(error) if !error.is::<Stopped>() => Err(error),
        _ if wrong => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> anyhow::Result<()> {
    match written(bytes) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Stopped.into()),
        written => written.context("cannot write to stdout"),
    }
}

/// Prints a line with a secret that is shown this once; `again` says how to make another. That nobody
/// reads it is an error, too: it is lost.
pub(crate) fn secret(text: impl fmt::Display, again: impl Into<String>) -> anyhow::Result<()> {
    let lost = || anyhow!("a secret was made, and could not be shown: it is lost");
    match written(format!("{text}\n").as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context(lost())).hint(again),
    }
}

/// Everything, out of this process: what waits in a buffer is not printed yet.
fn written(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}
