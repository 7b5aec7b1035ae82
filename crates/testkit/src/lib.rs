//! A whole server inside a test: fixtures and starting, nothing else.
//!
//! [`TestServer`] is a node with SQLite in a folder of its own, cheap password hashes, a clock that
//! tests move, and an administrator who may do everything.

mod clock;
mod server;

pub use clock::TestClock;
pub use server::{Answer, TestServer, TestServerBuilder};
