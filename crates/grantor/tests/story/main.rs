//! What a newcomer does, through the built program: the demo, and a registry from files.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

mod administration;
mod demo;

const PROGRAM: &str = env!("CARGO_BIN_EXE_grantor");
