//! The contract, and what is PostgreSQL's own.

mod contract;
mod schema;
mod support;
