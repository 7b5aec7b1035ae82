//! What happens when the ground gives way: the process is killed, the disk is full, fails or lies.
//!
//! Several tests need a process of their own to kill. They run this very program again, as the one
//! test [`child::the_child`], which does what the environment asks for and otherwise nothing.

#![expect(clippy::unwrap_used, reason = "these are tests; helpers outside of test functions too")]

use std::process::Command;

mod child;
mod crash;
mod damage;
mod disk;
mod ownership;
mod power;

/// Whether processes may be traced here: some containers forbid it. That `strace` is missing is no such
/// reason: `cargo xtask test` installs it.
fn may_trace() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let tried = tried.expect("strace is not installed; `cargo xtask test` does that");
    let said = String::from_utf8_lossy(&tried.stderr);
    let forbidden = said.contains("Operation not permitted");
    assert!(tried.status.success() || forbidden, "strace does not work: {said}");
    tried.status.success()
}

/// A test that the machine does not allow says so, and holds for nothing.
fn skip(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
