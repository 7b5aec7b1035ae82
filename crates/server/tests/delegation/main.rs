//! People and their browsers: from the authorization request to the answer, over HTTP.

mod account;
mod accounts;
mod code_flow;
mod consent;
mod errors;
mod front_channel;
mod posted;
mod pushed;
mod sign_in;
mod silent;
mod step_up;
mod tabs;
mod world;
