//! Running the steps of a task one after the other, each announced, timed and summed up at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The steps of a task that ran so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: String,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    /// Runs one step. A failure is remembered and told, and the next step runs all the same: one run
    /// shows everything that is wrong.
    pub(crate) fn run<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n==> {name}");
        let start = now();
        let result = step();
        let took = start.elapsed();
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        match &failure {
            None => println!("<== {name}: {:.1} s", took.as_secs_f64()),
            Some(failure) => {
                println!("<== {name}: FAILED after {:.1} s: {failure}", took.as_secs_f64());
            }
        }
        self.done.push(Step { name: name.to_owned(), took, failure });
        value
    }

    /// Prints the steps with their times.
    pub(crate) fn print_summary(&self) {
        println!("\nSteps:");
        for Step { name, took, failure } in &self.done {
            let outcome = if failure.is_some() { "FAILED" } else { "ok" };
            println!("  {:>7.1} s  {outcome:<6}  {name}", took.as_secs_f64());
        }
    }

    /// Fails when one of the steps failed, naming them all.
    pub(crate) fn conclude(&self) -> Result<()> {
        let failed: Vec<_> =
            self.done.iter().filter(|s| s.failure.is_some()).map(|s| s.name.as_str()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        bail!("failed: {}", failed.join(", "))
    }
}

/// Runs a command to its end with its output on the terminal; anything but success is an error.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("{program} cannot be started"))?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
    bail!("{program} {}: {status}", arguments.join(" "))
}

#[expect(clippy::disallowed_methods, reason = "a task measures how long its steps really take")]
fn now() -> Instant {
    Instant::now()
}
