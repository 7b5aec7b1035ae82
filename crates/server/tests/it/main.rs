//! The server over HTTP, as its callers see it.

mod management;
mod route_table;
