//! A whole server inside a test: fixtures and starting, nothing else.
//!
//! [`TestServer`] is a node with a database of its own, cheap password hashes, a clock that tests
//! move, and an administrator who may do everything. The database is SQLite; with
//! `GRANTOR_TEST_STORE=postgres` it is a schema in the PostgreSQL of `GRANTOR_TEST_POSTGRES_URL`, so
//! that the same tests prove both.

mod browser;
mod clock;
mod server;
mod store;
pub mod table_r;

pub use browser::{Form, Seen, TestBrowser};
pub use clock::TestClock;
pub use server::{Answer, MutualTls, TestServer, TestServerBuilder};
