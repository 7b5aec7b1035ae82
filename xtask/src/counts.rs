//! Counting tests: each runner's closing lines are read while its output passes through.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How many tests ran, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Counts {
    /// Fails when a test failed, and when there was none.
    pub(crate) fn conclude(self) -> Result<()> {
        match self {
            Counts { failed: 0, passed: 0, .. } => bail!("no test ran"),
            Counts { failed: 0, .. } => Ok(()),
            Counts { failed, .. } => bail!("{failed} tests failed"),
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed")?;
        if *skipped > 0 {
            write!(f, ", {skipped} skipped")?;
        }
        Ok(())
    }
}

/// Runs a test runner, lets its output through, and adds up what its closing lines say. An error when
/// it failed without a failed test (it did not compile, say), or counted none.
pub(crate) fn run_and_count(command: &mut Command) -> Result<Counts> {
    count(command, &mut io::stdout())
}

fn count(command: &mut Command, terminal: &mut impl Write) -> Result<Counts> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("{program} cannot be started"))?;
    let output = child.stdout.take().context("the output was asked for and is not there")?;
    let mut counts = Counts::default();
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        terminal.write_all(&line)?;
        terminal.write_all(b"\n")?;
        if let Some(more) = closing_line(&String::from_utf8_lossy(&line)) {
            counts += more;
        }
    }
    let status = child.wait()?;
    match counts {
        Counts { failed: 0, .. } if !status.success() => {
            bail!("{program} ended with {status}, though no test failed")
        }
        Counts { failed: 0, passed: 0, .. } => bail!("{program} ran no test"),
        counts => Ok(counts),
    }
}

/// What a line says if it is one with which cargo test, pytest or node's test runner closes.
fn closing_line(line: &str) -> Option<Counts> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("test result: ") {
        let (_, numbers) = rest.split_once(". ")?;
        return Some(cargo_or_pytest(numbers, &[';']));
    }
    if line.starts_with('=') && line.ends_with('=') && line.contains(" in ") {
        let counts = cargo_or_pytest(line.trim_matches(['=', ' ']), &[',', ' ']);
        return (counts != Counts::default()).then_some(counts);
    }
    let (word, number) = line.strip_prefix(['#', 'ℹ'])?.trim().split_once(' ')?;
    let number = number.parse().ok()?;
    match word {
        "pass" => Some(Counts { passed: number, ..Counts::default() }),
        "fail" | "cancelled" => Some(Counts { failed: number, ..Counts::default() }),
        "skipped" | "todo" => Some(Counts { skipped: number, ..Counts::default() }),
        _ => None,
    }
}

/// Reads `3 passed; 1 failed; 2 ignored; …` and `1 failed, 3 passed in 0.12s`.
fn cargo_or_pytest(text: &str, separators: &[char]) -> Counts {
    let words: Vec<_> =
        text.split(|c| separators.contains(&c) || c == ' ').filter(|w| !w.is_empty()).collect();
    let mut counts = Counts::default();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u64>() else { continue };
        match pair[1] {
            "passed" | "xpassed" => counts.passed += number,
            "failed" | "error" | "errors" => counts.failed += number,
            "ignored" | "skipped" | "xfailed" => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_each_runner_are_understood() {
        for (line, passed, failed, skipped) in [
            (
                "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out",
                12,
                0,
                3,
            ),
            ("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured", 1, 2, 0),
            ("=========== 2 failed, 5 passed, 1 skipped in 3.21s ===========", 5, 2, 1),
            ("==== 5 passed, 1 error in 0.12s ====", 5, 1, 0),
            ("# pass 7", 7, 0, 0),
            ("ℹ fail 2", 0, 2, 0),
            ("# cancelled 1", 0, 1, 0),
        ] {
            assert_eq!(closing_line(line), Some(Counts { passed, failed, skipped }), "{line}");
        }
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in
            ["test a::b ... ok", "# tests 7", "==== test session starts ====", "", "5 passed"]
        {
            assert_eq!(closing_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_runner_without_tests_is_an_error() {
        let mut silent = io::sink();
        assert!(count(&mut Command::new("true"), &mut silent).is_err());
        let failing = &mut Command::new("sh");
        assert!(count(failing.args(["-c", "echo '# pass 2'; exit 3"]), &mut silent).is_err());
        let counted = count(Command::new("echo").arg("# pass 2"), &mut silent).unwrap();
        assert_eq!(counted.to_string(), "2 passed, 0 failed");
    }
}
