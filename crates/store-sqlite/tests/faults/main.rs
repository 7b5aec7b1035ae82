//! What happens when the ground gives way: the process is killed, the disk is full, fails or lies.
//!
//! Several tests need a process of their own to kill. They run this very program again, as the one
//! test [`child::the_child`], which does what the environment asks for and otherwise nothing.

#![expect(clippy::unwrap_used, reason = "these are tests; helpers outside of test functions too")]

mod child;
mod crash;
mod damage;
mod disk;
mod ownership;
mod power;

/// A test that the machine does not allow says so, and holds for nothing.
fn skip(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
