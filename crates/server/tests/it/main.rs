//! The server over HTTP, as its callers see it.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

mod bad_input;
mod bootstrap;
mod client_auth;
mod clock;
mod code_flow;
mod crowds;
mod discovery;
mod endings;
mod essentials;
mod foreign_hashes;
mod logout;
mod management;
mod mutual_tls;
mod openid;
mod outbound;
mod overload;
mod people;
mod refresh;
mod refusals;
mod register;
mod revocation;
mod rights;
mod route_table;
mod second_form;
mod secrets;
mod tenants;
mod upstream;
mod userinfo;
mod withdrawals;
