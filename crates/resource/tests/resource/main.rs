//! The library against an authorization server that does what a test tells it.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

mod answers;
mod bound;
mod feed;
mod introspection;
mod keys;
mod server;
mod tokens;
mod world;

#[path = "../../examples/protect.rs"]
#[expect(dead_code, unreachable_pub, reason = "the example is a program of its own")]
mod protect;
