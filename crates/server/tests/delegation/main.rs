//! People and their browsers: from the authorization request to the answer, over HTTP.
#![expect(clippy::unwrap_used, reason = "tests, and what helps them")]

mod account;
mod accounts;
mod answers;
mod campus;
mod code_flow;
mod consent;
mod ends;
mod errors;
mod explained;
mod front_channel;
mod group_claim;
mod hybrid;
mod list_of_revocations;
mod objects;
mod posted;
mod pushed;
mod secrets;
mod sign_in;
mod silent;
mod step_up;
mod steps;
mod table_r;
mod tabs;
mod throttle;
mod wishes;
mod world;
